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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from catsplit.backbones import Backbone, from_module
from catsplit.features import FeatureSet, extract
from catsplit.models.base import FramesFirst
from catsplit.sources import load_open_clip, open_clip_key
from catsplit.text import Encode, TextEncoder
from catsplit.text_encoders import open_clip_reader
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
    texts: Encode = field(repr=False)
    sampling: Sampling
    scale: float = 100.0

    def embed(
        self,
        clips: Sequence[str],
        resolve: Callable[[str], Path],
        *,
        sampling: Sampling | None = None,
        **options: Any,
    ) -> FeatureSet:
        """Mean frame embeddings (N, V, n) of clips, from the cache if they were ever made before.

        Args:
            clips, resolve, options: as for `features.extract`; take the clips of the base classifier's features,
                `features.paths`, so that row i is the same clip in both.
            sampling: other frames; every view holds the mean of its own.
        """
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
        name: as for `sources.load_open_clip`, such as "ViT-L-14/openai" (the paper's; downloaded once).
        frames: how many of each clip.
        device: where frames and texts are embedded.

    Raises:
        CatsplitError: an unknown name, a folder without a model, one that asks to run code of its own, or weights
            that can't be read or downloaded.
    """
    model, tokenizer = load_open_clip(name)
    return assemble(str(name), model.to(device), tokenizer, open_clip_key(name), frames=frames)


def assemble(
    name: str, model: nn.Module, tokenizer: Callable, key: str, *, frames: int = FRAMES, margin: int = 0
) -> VisionLanguage:
    """Make a `VisionLanguage` of an open_clip model in evaluation mode.

    Args:
        tokenizer: list of T texts to tokens (T, L).
        key: names weights and tokenizer in the cache of text embeddings.
        margin: pixels that the centre crop leaves out, of the picture's short side.
    """
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
        TextEncoder(name, key, lambda: open_clip_reader(name, model, tokenizer)),
        sampling,
        float(model.logit_scale.detach().exp()),
    )


@dataclass(frozen=True)
class Pictures:
    """Views as a model was trained to see pictures: (B, T, H, W, 3) uint8 to (B, T, 3, size, size) float32.

    Views of another size are resized, with antialiasing as open_clip's own transform does.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str

    def __call__(self, views: Tensor) -> Tensor:
        if views.shape[2:4] != (self.size, self.size):
            way = "bilinear" if self.interpolation == "bilinear" else "bicubic"
            x = views.flatten(0, 1).permute(0, 3, 1, 2).float()
            x = F.interpolate(x, (self.size, self.size), mode=way, antialias=True).clamp_(0, 255)
            views = x.permute(0, 2, 3, 1).unflatten(0, views.shape[:2])
        return FramesFirst(self.mean, self.std)(views)


class FrameMean(nn.Module):
    """An image tower over all frames, and the mean over each view's: (B, T, 3, H, W) to (B, n)."""

    def __init__(self, visual: nn.Module) -> None:
        super().__init__()
        self.visual = visual

    def forward(self, frames: Tensor) -> Tensor:
        found = [self.visual(some) for some in frames.flatten(0, 1).split(IMAGES)]
        # Some towers return the tokens beside the embedding.
        each = torch.cat([some[0] if isinstance(some, tuple) else some for some in found])
        return each.unflatten(0, frames.shape[:2]).mean(1)
