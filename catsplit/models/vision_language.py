"""Vision–language models: frames and texts in one space, from open_clip, the Hugging Face hub or a folder.

Any image–text model of open_clip goes by its name, `python -c "import open_clip; print(open_clip.list_pretrained())"`
lists them. What the models want differently (size, mean and deviation of pictures, QuickGELU, tokenizer, lower case,
padding) comes with them. With internet, the baselines of the paper and their kin are

    vlm.load("ViT-L-14/openai")                      # CLIP, the paper's: 0.9 GB
    vlm.load("ViT-SO400M-14-SigLIP2/webli")          # SigLIP 2; "ViT-B-16-SigLIP2/webli" is the small one
    vlm.load("PE-Core-L-14-336/meta")                # Perception Encoder, trained on videos too
    vlm.load("ViT-H-14-worldwide-quickgelu/metaclip2_worldwide")     # MetaCLIP 2
    xclip.load("microsoft/xclip-base-patch16-zero-shot", texts)      # a video–text model: see `catsplit.models.xclip`

FG-CLIP and FG-CLIP 2 are not among them: neither open_clip nor transformers has their architecture, the hub's copies
(qihoo360/fg-clip-large, qihoo360/fg-clip2-so400m) are Python code to be run beside the weights, and catsplit runs no
downloaded code. SigLIP 2 and the Perception Encoder are the nearest models that load by name, and they are other
models: their figures say nothing about FG-CLIP's. Whoever has embeddings of FG-CLIP gives them to `vlm.gated`,
which takes tensors and asks not where they come from.

open_clip is imported when a model is asked for, not before.
"""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from catsplit import text_encoders as textmodels
from catsplit.backbones import Backbone, from_module, state_key
from catsplit.errors import CatsplitError
from catsplit.text import TextEncoder

if TYPE_CHECKING:
    from catsplit.features import FeatureSet
    from catsplit.video import Sampling

IMAGES = 64  # that pass through an image tower at once, to bound the memory
FRAMES = 8


@dataclass(frozen=True, eq=False)
class VisionLanguage:
    """A model that embeds frames and texts into one space.

    Which frames: by default 8, spread over the clip by the published rule of `video.Sampling` with one segment, the
    centre crop at the size that the model was trained with, or the whole picture squashed to it, where the model was
    trained so (SigLIP 2, the Perception Encoder). Their embeddings are averaged as the image tower gives them, not
    normalised one by one: what is normalised is the mean, as published.

    Attributes:
        name: for people.
        backbone: views (B, T, H, W, 3) uint8 to the mean (B, n) of their frames' embeddings.
        texts: list of T texts to embeddings (T, n), not normalised, cached.
        sampling: the frames that `embed` takes by default.
        scale: what the cosines are multiplied with before the softmax. A model with a bias too, like SigLIP, adds it
            to all texts alike, so that the softmax among siblings doesn't change.
    """

    name: str
    backbone: Backbone = field(repr=False)
    texts: TextEncoder = field(repr=False)
    sampling: "Sampling"
    scale: float = 100.0

    def embed(
        self,
        clips: Sequence[str],
        resolve: Callable[[str], Path],
        *,
        sampling: "Sampling | None" = None,
        **options: Any,
    ) -> "FeatureSet":
        """Mean frame embeddings (N, V, n) of clips, from the cache if they were ever made before.

        Args:
            clips, resolve, options: as for `features.extract`; take the clips of the base classifier's features,
                `features.paths`, so that row i is the same clip in both.
            sampling: other frames; every view holds the mean of its own.
        """
        from catsplit.features import extract

        return extract(clips, resolve, self.backbone, sampling or self.sampling, **options)


def load(name: str | Path, *, frames: int = FRAMES, device: str = "cpu") -> VisionLanguage:
    """An open_clip model by name.

    Weights are read from safetensors, or from PyTorch files that hold nothing but tensors, and no code comes with
    them. To score it on SSv2-Split A, with `features` (`FeatureSet`) and `head` of the base model:

        benchmark = Benchmark.open("SSv2-Split", "A", videos="20bn-something-something-v2")
        model = vlm.load("ViT-SO400M-14-SigLIP2/webli", device="cuda")
        frames = model.embed(features.paths, benchmark.path, on_error="skip")
        method = vlm.method(model, frames.rows_of(features.paths))
        table = sweep.sweep(benchmark, head, features, methods={"SigLIP 2": method}, seeds=(0,))

    Args:
        name: ARCHITECTURE/PRETRAINED such as "ViT-L-14/openai" (the paper's; downloaded once), where PRETRAINED is
            a tag or a file of weights; "hf-hub:OWNER/MODEL"; or a local folder that holds open_clip_config.json and
            weights.
        frames: how many of each clip.
        device: where frames and texts are embedded.

    Raises:
        CatsplitError: an unknown name, a folder without a model, one that asks to run code of its own, or weights
            that can't be read or downloaded.
    """
    import open_clip

    folder, name = Path(name).expanduser(), str(name)
    if folder.is_dir() or name.startswith("hf-hub:"):
        if folder.is_dir() and not (folder / "open_clip_config.json").is_file():
            raise CatsplitError(f"The folder {folder} holds no open_clip model: it has no open_clip_config.json.")
        source = f"local-dir:{folder}" if folder.is_dir() else name
        with textmodels.reachable(name), torch.random.fork_rng(devices=[]):
            _refuse_code(name, open_clip.get_model_config(source))
            model = open_clip.create_model(source, require_pretrained=True).eval()
            tokenizer = open_clip.get_tokenizer(source)
        key = f"open_clip {state_key(model, f'{model} {_described(tokenizer)}')}"
    else:
        architecture, _, pretrained = name.partition("/")
        model, _, tokenizer = textmodels.load_open_clip(architecture, pretrained)
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        if pretrained not in tags:
            # A file of weights says nothing of its pictures, and open_clip would take CLIP's mean for SigLIP too.
            published = [open_clip.get_pretrained_cfg(architecture, tag) for tag in tags]
            for key in ("mean", "std", "interpolation", "resize_mode"):
                if len(values := {about[key] for about in published if about.get(key)}) == 1:
                    model.visual.preprocess_cfg[key] = values.pop()
        key = textmodels.find(name)[0]  # the text encoder of this name has the same embeddings in its cache
    return assemble(name, model.to(device), tokenizer, key, frames=frames)


def assemble(
    name: str, model: nn.Module, tokenizer: Callable, key: str, *, frames: int = FRAMES, margin: int = 0
) -> VisionLanguage:
    """Make a `VisionLanguage` of an open_clip model in evaluation mode.

    Args:
        tokenizer: list of T texts to tokens (T, L).
        key: names weights and tokenizer in the cache of text embeddings.
        margin: pixels that the centre crop leaves out, of the picture's short side.
    """
    from catsplit.video import Sampling

    about = model.visual.preprocess_cfg
    size = about["size"] if isinstance(about["size"], int) else max(about["size"])
    prepare = Pictures(size, tuple(about["mean"]), tuple(about["std"]), about["interpolation"])
    tower = FrameMean(model.visual)
    device = next(model.parameters()).device
    with torch.inference_mode():
        dim = tower(torch.zeros(1, 1, 3, size, size, device=device)).shape[1]
    side = 0 if about.get("resize_mode") == "squash" else size + margin
    sampling = Sampling(frames=frames, segments=1, short_side=side, crop_size=size)
    return VisionLanguage(
        name,
        from_module(tower, dim, name=f"frames of {name}", transform=prepare),
        TextEncoder(name, key, lambda: _reader(name, model, tokenizer)),
        sampling,
        float(model.logit_scale.detach().exp()),
    )


@dataclass(frozen=True)
class Pictures:
    """Views as a model was trained to see pictures: (B, T, H, W, 3) uint8 to (B, T, 3, size, size) float32.

    Views of another size are resized, with antialiasing as open_clip's own transform does.
    """

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str

    def __call__(self, views: Tensor) -> Tensor:
        x = views.flatten(0, 1).permute(0, 3, 1, 2).float()
        if x.shape[-2:] != (self.size, self.size):
            way = "bilinear" if self.interpolation == "bilinear" else "bicubic"
            x = F.interpolate(x, (self.size, self.size), mode=way, antialias=True).clamp_(0, 255)
        mean, std = (torch.tensor(v, device=x.device)[:, None, None] for v in (self.mean, self.std))
        return ((x / 255 - mean) / std).unflatten(0, views.shape[:2])


class FrameMean(nn.Module):
    """An image tower over all frames, and the mean over each view's: (B, T, 3, H, W) to (B, n)."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, frames: Tensor) -> Tensor:
        found = [self.visual(some) for some in frames.flatten(0, 1).split(IMAGES)]
        # Some towers return the tokens beside the embedding.
        found = [some[0] if isinstance(some, tuple) else some for some in found]
        return torch.cat(found).unflatten(0, frames.shape[:2]).mean(1)


def _refuse_code(name: str, about: dict) -> None:
    # open_clip hands these words of a downloaded file on to transformers, which would run what they name.
    if about["text_cfg"].get("tokenizer_kwargs", {}).get("trust_remote_code"):
        raise CatsplitError(f'The tokenizer of "{name}" is code of its own, which catsplit doesn\'t run.')


def _described(tokenizer: Callable) -> str:
    """What decides the tokens of a text: kind, cleaning, length and vocabulary."""
    cleaning, inner = getattr(tokenizer, "clean_fn", None), getattr(tokenizer, "tokenizer", None)
    words = "" if inner is None else inner.backend_tokenizer.to_str() if inner.is_fast else str(inner.get_vocab())
    digest = hashlib.sha256(words.encode()).hexdigest()
    return f"{type(tokenizer)} {getattr(cleaning, '__name__', '')} {getattr(tokenizer, 'context_length', '')} {digest}"


def _reader(name: str, model: nn.Module, tokenizer: Callable) -> Callable[[str], Tensor]:
    device = next(model.parameters()).device

    def embed(text: str) -> Tensor:
        tokens = tokenizer([text])
        room = tokens.shape[1]
        # A text that fits is followed by padding alone, so that a wider window begins with the same tokens.
        if not torch.equal(tokenizer([text], context_length=2 * room)[:, :room], tokens):
            warnings.warn(f'"{name}" reads only the first {room} tokens of "{text[:60]}…".', stacklevel=2)
        return model.encode_text(tokens.to(device))[0]

    return embed
