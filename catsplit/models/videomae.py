"""The published base models, MVD and VideoMAE: a ViT with their fixed positions, and their authors' checkpoints.

The architecture is that of Liu & Doughty (ICLR 2026): tubelets of 2 frames × 16² pixels, no class token, biases of
queries and values only, and the mean over the tokens under `fc_norm` before the head. Its blocks are those of
transformers, which is imported when a model is made, not before.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from catsplit.backbones import from_module
from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.models import checkpoints
from catsplit.models.base import BaseModel, FramesFirst, PlainAnswer
from catsplit.models.weights import read_weights
from catsplit.video import Sampling

if TYPE_CHECKING:
    from transformers import VideoMAEForVideoClassification

Positions = Literal["mvd", "videomae"]

# {width: (depth, attention heads)} of ViT-S, B, L and H; no shape tells the number of heads.
SIZES = {384: (12, 6), 768: (12, 12), 1024: (24, 16), 1280: (32, 16)}


def load_checkpoint(
    path: str | Path,
    labels: Sequence[str],
    *,
    positions: Positions,
    frames: int = 16,
    image_size: int = 224,
    depth: int | None = None,
    heads: int | None = None,
    name: str | None = None,
) -> BaseModel:
    """A fine-tuned MVD or VideoMAE ViT from its authors' checkpoint.

    Width, patch, tubelet and the number of categories are read from the shapes; depth and attention heads follow from
    the width. Every weight of the architecture must be there, and nothing else.

    Args:
        path: as for `weights.read_weights`; half precision is read as float32.
        labels: C texts, in the order of the rows.
        positions: "mvd" or "videomae", whose fixed positions differ; the file doesn't tell which.
        frames: T, frames of a view.
        image_size: pixels of a view's sides.
        depth, heads: of a model that is none of ViT-S, B, L and H.
        name: for people; the file's name by default.

    Raises:
        CatsplitError: the file is missing, damaged or holds Python objects; a weight is missing, unknown or of
            another shape; the labels don't fit; frames or pixels don't fit the tubelets and patches.
    """
    path = Path(path).expanduser()
    weights = read_weights(path)
    first, rows = weights.get("patch_embed.proj.weight"), weights.get("head.bias")
    # Where a shape can't be told, `fill` says what is wrong with the weight that should tell it.
    width, _, tubelet, patch, _ = first.shape if first is not None and first.ndim == 5 else (384, 3, 2, 16, 16)
    if rows is not None and rows.numel() != len(labels):
        raise CatsplitError(f"{path} tells {rows.numel()} categories apart, but {len(labels)} labels were given.")
    model = network(
        labels, positions=positions, width=width, depth=depth, heads=heads, tubelet=tubelet, patch=patch,
        frames=frames, image_size=image_size,
    )  # fmt: skip
    if not any(key.startswith("head.") for key in weights):
        raise CatsplitError(f"{path} is a pretrained model, which has to be fine-tuned first.")
    checkpoints.fill(model, weights, path)
    head, model.classifier = Head.from_linear(model.classifier, labels), nn.Identity()
    module, name = PlainAnswer(model), name or path.name
    heads = model.config.num_attention_heads
    told = f"{positions} positions, {heads} heads, {frames} frames of {image_size} pixels\n{module!r}"
    backbone = from_module(module, width, name=name, transform=FramesFirst(), architecture=told)
    return BaseModel(name, backbone, head, Sampling(frames, 2, 3, image_size, image_size))


def network(
    labels: Sequence[str],
    *,
    positions: Positions,
    width: int = 384,
    depth: int | None = None,
    heads: int | None = None,
    tubelet: int = 2,
    patch: int = 16,
    frames: int = 16,
    image_size: int = 224,
) -> "VideoMAEForVideoClassification":
    """The published architecture with random weights, the paper's ViT-S by default: (B, T, 3, H, W) to logits (B, C).

    The weights follow from torch's global random state, which stays as it is.

    Args:
        depth, heads: those of the width by default.

    Raises:
        CatsplitError: unknown positions, a width without a usual depth, or numbers that don't divide one another.
    """
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    if width not in SIZES and (depth is None or heads is None):
        raise CatsplitError(f"A ViT of width {width}, none of {list(SIZES)}: give its depth and heads.")
    usual = SIZES.get(width, (depth, heads))
    depth, heads = depth or usual[0], heads or usual[1]
    for what, number, unit, why in (
        ("frames", frames, tubelet, "the frames of a tubelet"),
        ("image_size", image_size, patch, "the pixels of a patch"),
        ("width", width, heads, "the number of attention heads"),
        ("width", width, 16 if positions == "mvd" else 2, f"for positions of {positions}"),
    ):
        if number < 1 or number % unit:
            raise CatsplitError(f"{what} must be a multiple of {unit}, {why}, not {number}.")
    config = VideoMAEConfig(
        image_size=image_size, patch_size=patch, num_frames=frames, tubelet_size=tubelet, hidden_size=width,
        num_hidden_layers=depth, num_attention_heads=heads, intermediate_size=4 * width, hidden_act="gelu",
        layer_norm_eps=1e-6, use_mean_pooling=True,
        id2label=dict(enumerate(labels)), label2id={label: row for row, label in enumerate(labels)},
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        model = VideoMAEForVideoClassification(config)
    as_published(model, positions)
    return model.eval()


def as_published(model: "VideoMAEForVideoClassification", positions: Positions) -> None:
    """Give transformers' model what its configuration can't: the positions, and the ε of `fc_norm`.

    The configuration remembers which, so that `catsplit.models.hub` reads a model that was saved as it was.

    Raises:
        CatsplitError: unknown positions.
    """
    if positions not in ("mvd", "videomae"):
        raise CatsplitError(f'positions is "mvd" or "videomae", not {positions!r}.')
    config = model.config
    config.catsplit_positions = positions
    model.fc_norm.eps = config.layer_norm_eps
    times, side = config.num_frames // config.tubelet_size, config.image_size // config.patch_size
    table = (mvd_positions if positions == "mvd" else videomae_positions)(times, side, side, config.hidden_size)
    # As a buffer it moves to the GPU with the weights; transformers would copy it there in every pass.
    vars(model.videomae.embeddings).pop("position_embeddings", None)
    model.videomae.embeddings.register_buffer("position_embeddings", table[None], persistent=False)


def mvd_positions(times: int, rows: int, columns: int, width: int) -> Tensor:
    """MVD's codes of the tokens' places, (times · rows · columns, width), for a width that is a multiple of 16.

    A quarter of the channels tells the time, three eighths the column, and three eighths the row.
    """
    places = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (times, rows, columns)), indexing="ij")
    time, row, column = (place.flatten() for place in places)
    return torch.cat([_code(time, width // 4), _code(column, width * 3 // 8), _code(row, width * 3 // 8)], 1).float()


def videomae_positions(times: int, rows: int, columns: int, width: int) -> Tensor:
    """VideoMAE's codes of the tokens' numbers, (times · rows · columns, width): sines and cosines in turn."""
    places, channels = torch.arange(times * rows * columns, dtype=torch.float64)[:, None], torch.arange(width)
    angles = places / 10000.0 ** (2 * (channels // 2) / width)
    return torch.where(channels % 2 == 0, angles.sin(), angles.cos()).float()


def _code(places: Tensor, channels: int) -> Tensor:
    half = channels // 2
    angles = places[:, None] * 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    return torch.cat([angles.sin(), angles.cos()], 1)
