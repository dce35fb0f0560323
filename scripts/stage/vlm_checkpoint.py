"""The small vision–language model of Stage-Split: from the training clips to a file with weights, words and a card."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from contrastive import RECIPE, Pairs, fit
from evidence import sibling_accuracy
from torch import Tensor, nn
from torch.nn import functional as F

from catsplit import stage
from catsplit.paths import cache_dir
from catsplit.stage import captions, render
from catsplit.stage.network import rounded
from catsplit.stage.scene import FRAMES
from catsplit.video import read_frames


def train(seed: int = 0, out: str | Path | None = None, *, progress: bool = True) -> Path:
    """Train the model from nothing and write it with its card.

    A run that was stopped goes on after its last whole epoch. Two cores of a server took 4 minutes, decoding apart.

    Args:
        out: the file to write; `stage-vlm-SEED.safetensors` in the working folder, if not given.

    Raises:
        CacheError: the cache folder can't be written or its disk is full.
    """
    out = Path(out or f"stage-vlm-{seed}.safetensors")
    state = cache_dir() / "training" / f"stage-vlm-{stage.VERSION}-{seed}.pt"
    clips, places = decode(render.clip_names("train"), step=2)
    words = captions.Words.of([text for texts in captions.captions() for text in texts])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = captions.build(words)
    prepare = captions.assemble(model, words, "").backbone.transform
    pairs = Pairs(clips, places, tokens_of(words), captions.SIZE, seed)
    seconds = fit(model, pairs, lambda crops: prepare(crops[:, None])[:, 0], state=state, progress=progress)
    model.load_state_dict({name: tensor.float() for name, tensor in rounded(model).items()})
    captions.write(out, model, words, card(model, words, seed, seconds))
    state.unlink(missing_ok=True)
    return out


def tokens_of(words: captions.Words) -> Tensor:
    """Tokens (K, W, L) of each fine-grained category's label in all wordings."""
    return torch.stack([words(texts) for texts in captions.captions()])


def decode(names: Sequence[str], step: int = 1) -> tuple[np.ndarray, list[int]]:
    """Every `step`-th frame of clips (N, T, 72, 72, 3) uint8, the last one among them, and their categories (N,)."""
    stage.prepare(names)
    benchmark, side = stage.load("A"), captions.SIZE + captions.MARGIN
    clips = np.empty((len(names), FRAMES // step, side, side, 3), np.uint8)

    def read(place: int) -> None:
        clips[place] = read_frames(benchmark.path(names[place]), side)[step - 1 :: step]

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(pool.map(read, range(len(names))))
    return clips, [render.label_index(name) for name in names]


@torch.inference_mode()
def card(model: nn.Module, words: captions.Words, seed: int, seconds: float) -> dict:
    """What there is to know of a trained model, measured on the validation clips, in percent."""
    found = captions.assemble(model, words, "")
    clips, places = decode(render.clip_names("val"))
    edge, length = captions.MARGIN // 2, clips.shape[1]
    crops = torch.from_numpy(clips)[:, :, edge : edge + captions.SIZE, edge : edge + captions.SIZE]
    embedded = torch.cat([found.backbone(clip[:, None]) for clip in crops]).unflatten(0, (-1, length))
    picked = found.sampling.indices(length)[0].tolist()
    views = {"first frame": [0], "middle frame": [(length - 1) // 2], "last frame": [length - 1]}
    views |= {f"mean of {len(picked)} frames": picked}
    among: dict[str, dict] = {}
    over: dict[str, dict] = {}
    for wording, tokens in zip(captions.WORDINGS, tokens_of(words).unbind(1), strict=True):
        texts = F.normalize(model.encode_text(tokens), dim=1)
        for view, chosen in views.items():
            cosines = F.normalize(embedded[:, chosen].mean(1), dim=1) @ texts.T
            among.setdefault(wording, {})[view] = sibling_accuracy(cosines, places, range(len(texts)))
            right = cosines.argmax(1) == torch.tensor(places)
            over.setdefault(wording, {})[view] = round(100 * right.float().mean().item(), 1)
    return {
        "what": "Vision–language model of Stage-Split, a synthetic benchmark of rendered clips",
        "data": f"single frames of the {len(render.clip_names('train'))} training clips of Stage-Split {stage.VERSION}",
        "captions": "the label of every fine-grained category of both parts, in all wordings",
        "flattered": "it has seen training clips of each subcategory under its own label, which CLIP has not",
        "cannot tell": "motion: it sees single frames, and their mean doesn't know their order",
        "parameters": sum(p.numel() for p in model.parameters()),
        "configuration": captions.CONFIG,
        "recipe": RECIPE,
        "seed": seed,
        "training seconds": round(seconds),
        "torch": torch.__version__,
        "accuracy over all fine-grained labels": over,
        "accuracy among siblings": among,
    }
