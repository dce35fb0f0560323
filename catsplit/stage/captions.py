"""A small vision–language model of Stage-Split: the baseline where no hub can be reached.

It is an open_clip model of our own configuration, trained on nothing but single frames of Stage-Split's training
clips and the labels of their fine-grained categories. Read its numbers with that in mind:

- They flatter the baseline. CLIP never saw SSv2-Split's clips; this model has seen training clips of every
  subcategory of both parts under its own label, in all wordings. New to it are only the validation clips.
- It sees single frames, and the mean of a clip's frame embeddings doesn't know their order: directions, speeds and
  interactions are beyond it, whatever the labels say.

    model = captions.load()
    scores = vlm.gated(head, split, features.features, captions.frames().features, model.texts(...), targets)
"""

import json
import warnings
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from catsplit import stage
from catsplit.backbones import IMAGENET_MEAN, IMAGENET_STD
from catsplit.errors import BenchmarkError
from catsplit.paths import atomic_path, sha256
from catsplit.stage.catalogue import ACTIONS, WORDINGS
from catsplit.stage.network import rounded

if TYPE_CHECKING:
    from catsplit.features import FeatureSet
    from catsplit.models.vision_language import VisionLanguage

SIZE, MARGIN = 64, 8  # pixels of a crop, and what it leaves out of the picture's short side
CONFIG = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": SIZE, "layers": [1, 2, 2, 1], "width": 16, "head_width": 64},
    "text_cfg": {"context_length": 16, "width": 64, "heads": 4, "layers": 2},
}


def captions() -> list[tuple[str, ...]]:
    """The label of each fine-grained category in all wordings, in the order of `render.fine_labels()`."""
    return [
        tuple(f"{sub.action} {sub.worded(wording)}".strip() for wording in WORDINGS)
        for action in ACTIONS
        for sub in action.subcategories
    ]


def load() -> "VisionLanguage":
    """The shipped model; see `card` for what it was trained on and what it can tell.

    Raises:
        BenchmarkError: its file is of other labels than the catalogue's.
    """
    path = _path()
    model, words, _ = read(path)
    return assemble(model, words, f"stage-vlm {sha256(path)}")


def card() -> dict:
    """What is known of the shipped model: data, recipe, seed, time, and its accuracies by split type, in percent."""
    return read(_path())[2]


def frames(clips: str | Sequence[str] = "val", *, progress: bool = True) -> "FeatureSet":
    """Mean frame embeddings (N, 1, 64) of clips by the shipped model; rendered, decoded and kept on first use.

    Args:
        clips: "val", "train", or the names of some, such as the `paths` of the base classifier's features.
    """
    benchmark = stage.load("A")
    names = tuple(benchmark.clips(clips)["path"]) if isinstance(clips, str) else tuple(clips)
    stage.prepare(names, progress=progress)
    return load().embed(names, benchmark.path, progress=progress)


class Words:
    """open_clip's tokenizer, cut down to the tokens of Stage-Split's captions: (T, L) places in `tokens`.

    The table of all its 49,408 tokens would be larger than the model. What isn't among `tokens` is left out, with a
    warning.

    Args:
        tokens: the tokens that are known, ascending, the marks of start and end among them.
    """

    def __init__(self, tokens: Sequence[int], room: int = CONFIG["text_cfg"]["context_length"]) -> None:
        from open_clip.tokenizer import SimpleTokenizer

        self.full, self.tokens, self.room = SimpleTokenizer(context_length=room), tuple(tokens), room
        self.place = {token: place for place, token in enumerate(self.tokens)}

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Words":
        full = cls(()).full
        known = {token for text in texts for token in full.encode(text)}
        return cls(sorted(known | {full.sot_token_id, full.eot_token_id}))

    def __call__(self, texts: Sequence[str], context_length: int | None = None) -> Tensor:
        room = context_length or self.room
        # What stands for padding doesn't matter: the embedding is read at the end mark, and nothing looks ahead.
        result = torch.zeros(len(texts), room, dtype=torch.long)
        for row, text in zip(result, texts, strict=True):
            tokens = self.full.encode(text)
            strange = [token for token in tokens if token not in self.place]
            if strange and context_length is None:
                warnings.warn(
                    f'The small vision–language model of Stage-Split never saw "{self.full.decode(strange).strip()}", '
                    f'and reads "{text}" without it.',
                    stacklevel=2,
                )
            kept = [token for token in tokens if token in self.place][: room - 2]
            kept = [self.full.sot_token_id, *kept, self.full.eot_token_id]
            row[: len(kept)] = torch.tensor([self.place[token] for token in kept])
        return result


def build(words: Words) -> nn.Module:
    """The untrained open_clip model; its weights come from torch's generator."""
    import open_clip

    text = CONFIG["text_cfg"] | {"vocab_size": len(words.tokens)}
    model = open_clip.CLIP(CONFIG["embed_dim"], CONFIG["vision_cfg"], text)
    about = {"size": SIZE, "mean": IMAGENET_MEAN, "std": IMAGENET_STD, "interpolation": "bilinear"}
    model.visual.preprocess_cfg = about
    return model


def assemble(model: nn.Module, words: Words, key: str) -> "VisionLanguage":
    """Model and tokenizer as what `catsplit.vlm` takes; `key` names the weights in the cache of text embeddings."""
    from catsplit.models import vision_language as vlmodels

    return vlmodels.assemble("stage-vlm", model.eval(), words, key, margin=MARGIN)


def write(path: Path, model: nn.Module, words: Words, about: dict) -> None:
    """Write weights, tokens, captions and card into one safetensors file."""
    from safetensors.torch import save_file

    metadata = {"tokens": words.tokens, "captions": captions(), "card": about}
    with atomic_path(path) as beside:
        save_file(rounded(model), beside, {name: json.dumps(value) for name, value in metadata.items()})


def read(path: Path) -> tuple[nn.Module, Words, dict]:
    """Model (float32), tokenizer and card as `write` wrote them.

    Raises:
        BenchmarkError: there is no such file, or it is of other labels or another configuration.
    """
    from safetensors import SafetensorError, safe_open

    again = "train it again with `python scripts/stage/train.py vision-language` in the repository"
    wrong = f"{path} isn't the vision–language model of Stage-Split, or is damaged: {again}."
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}
            about = {name: json.loads(value) for name, value in (file.metadata() or {}).items()}
        words = Words(about["tokens"])
        if [tuple(texts) for texts in about["captions"]] != captions():
            raise BenchmarkError(f"{path} was trained on other labels than Stage-Split's: {again}.")
        with torch.random.fork_rng(devices=[]):
            model = build(words)
        model.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise BenchmarkError(wrong) from error
    return model.eval(), words, about["card"]


def _path() -> Path:
    return Path(str(files("catsplit") / "assets" / "stage-vlm.safetensors"))
