"""The published recipe that base models are fine-tuned with: its numbers, the views of clips, the loss, the rates."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from timm.data import Mixup
from timm.data.auto_augment import rand_augment_transform
from timm.data.random_erasing import RandomErasing
from timm.layers import DropPath
from timm.optim import param_groups_layer_decay
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset
from torchvision.transforms import Compose, PILToTensor, RandomResizedCrop
from transformers import TrainerCallback

from catsplit.models.base import FramesFirst
from catsplit.video import read_frames

if TYPE_CHECKING:
    from transformers import VideoMAEForVideoClassification

SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)  # of a random crop: share of the picture's area, width over height


@dataclass(frozen=True)
class Recipe:
    """How a base model is fine-tuned; the default is the published recipe for a ViT-S on Something-Something V2.

    As published: AdamW (betas 0.9 and 0.999), weight decay, learning rate for 256 clips, layer decay, epochs, samples
    of a clip, 16 frames of 224² pixels. What that leaves open is as in the public code of VideoMAE's and MVD's
    authors, who agree: warm-up, drop path, label smoothing, mixup or cutmix (one of the two in each batch, as in
    VideoMAE's code), RandAugment, random erasing, no mirroring on this data set, a cosine schedule, no weight decay
    of biases and norms, no clipping of gradients, and a head that begins at nearly zero.

    Different here: the schedule begins and ends at 0 in place of 1e-6, and numbers are bfloat16 in place of float16
    where the GPU can. Left out: their options that are off by default, and the choice of the best epoch by the
    validation clips; the last epoch's weights are kept, since those clips measure the edits later.

    Attributes:
        learning_rate: for 256 clips a step; it grows in proportion to the clips, not to their samples.
        layer_decay: the learning rate of a layer over that of the one above it.
        warmup: share of the training in which the learning rate rises.
        samples: views of a clip in a step.
        drop_path: chance that a branch of the last block is skipped; it rises evenly from 0 at the first.
        mixup, cutmix: α of their Beta distributions; 0 is without.
        policy: RandAugment by timm's name; "rand-n0" is none.
        erasing: chance that a rectangle of a view is overwritten with noise.
    """

    epochs: int = 40
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    layer_decay: float = 0.7
    warmup: float = 5 / 40
    samples: int = 2
    drop_path: float = 0.1
    smoothing: float = 0.1
    mixup: float = 0.8
    cutmix: float = 1.0
    policy: str = "rand-m7-n4-mstd0.5-inc1"
    erasing: float = 0.25


PUBLISHED = Recipe()


@dataclass(eq=False)
class TrainingViews(Dataset, TrainerCallback):
    """The augmented views of N clips, in the epoch that the Trainer is in.

    As in the code of MVD's authors, on which the published base models rest: each of T equal stretches of the clip
    gives one frame, drawn at random; then, anew for each sample and the same for all its frames, RandAugment on the
    whole picture and a crop of random place, size and shape, resized to a square. The one difference: the picture's
    short side is brought to 8/7 of the crop's before, so that all clips cost the same. Nothing mirrors a picture,
    which would turn left into right.

    Nothing but the seed, the epoch and the clip decides what a view is. It doesn't matter which process makes it, in
    what order, or whether the training was stopped in between.

    Attributes:
        clips: N videos, and the head's row that each shows.
        frames, size: T, and the pixels of a view's sides. Clips of fewer frames repeat some.
    """

    clips: Sequence[tuple[Path, int]]
    frames: int
    size: int
    recipe: Recipe
    seed: int
    epoch: int = 0

    @cached_property
    def augment(self) -> Compose:
        """For a picture, an image of PIL: a random view of it, (3, size, size) uint8."""
        options = {"translate_const": int(0.45 * self.size), "interpolation": Image.Resampling.BICUBIC}
        return Compose([
            rand_augment_transform(self.recipe.policy, options),
            PILToTensor(),
            RandomResizedCrop(self.size, SCALE, RATIO, antialias=False),
        ])  # fmt: skip

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """What the Trainer calls."""
        self.epoch = round(state.epoch)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, place: int) -> dict[str, Any]:
        """Views (S, T, size, size, 3) uint8, and the row.

        Raises:
            ClipError: the clip can't be read. It is never replaced by another.
        """
        (file, row), seed = self.clips[place], (self.seed, self.epoch, place)
        frames = read_frames(file, round(self.size * 8 / 7))
        frames = frames[drawn(len(frames), self.frames, np.random.default_rng(seed))]
        samples = []
        for sample in range(self.recipe.samples):
            for frame in frames:
                # The same for every frame. All three, because timm and torchvision draw from whichever they like.
                state = int(np.random.SeedSequence([*seed, sample]).generate_state(1)[0])
                random.seed(state)
                np.random.seed(state)  # noqa: NPY002
                torch.manual_seed(state)
                samples.append(self.augment(Image.fromarray(frame)))
        views = torch.stack(samples).unflatten(0, (-1, self.frames)).movedim(2, -1)
        return {"views": views, "rows": row}


def drawn(count: int, frames: int, generator: np.random.Generator) -> np.ndarray:
    """One random frame of each of `frames` equal stretches of a clip of `count` frames, (T,), ascending, by MVD's rule.

    Neighbouring stretches share the frame at their border, and short clips repeat frames.
    """
    edges = np.linspace(0, count - 1, frames + 1).round().astype(int)
    return generator.integers(edges[:-1], edges[1:] + 1)


class Objective(nn.Module):
    """A network and its loss, with the augmentations that work on whole batches."""

    def __init__(self, network: "VideoMAEForVideoClassification", recipe: Recipe) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe
        layers = network.videomae.encoder.layer
        for layer, rate in zip(layers, torch.linspace(0, recipe.drop_path, len(layers)).tolist(), strict=True):
            # These dropouts stand at the end of the two branches, where a whole branch can be dropped as well.
            layer.attention.output.dropout, layer.output.dropout = DropPath(rate), DropPath(rate)
        self.mix = Mixup(
            recipe.mixup, recipe.cutmix, prob=float(max(recipe.mixup, recipe.cutmix) > 0),
            label_smoothing=recipe.smoothing, num_classes=network.config.num_labels,
        )  # fmt: skip

    def forward(self, views: Tensor, rows: Tensor) -> dict[str, Tensor]:
        """The loss of the views (B, S, T, H, W, 3) uint8 of clips that show `rows` (B,)."""
        # timm knows pictures: a view is one of T·3 channels, so that all its frames lose and gain the same rectangle.
        pixels = FramesFirst()(views.flatten(0, 1)).flatten(1, 2)
        pixels = RandomErasing(self.recipe.erasing, mode="pixel", device=pixels.device)(pixels)
        pixels, targets = self.mix(pixels, rows.repeat_interleave(views.shape[1]))
        logits = self.network(pixel_values=pixels.unflatten(1, (-1, 3))).logits
        return {"loss": F.cross_entropy(logits.float(), targets)}

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """For timm: layer 0, the patches; 1 … L, the blocks; and above them what no pattern fits, norm and head."""
        return {"stem": r"network\.videomae\.embeddings\.", "blocks": r"network\.videomae\.encoder\.layer\.(\d+)\."}


def optimiser(objective: Objective, learning_rate: float) -> torch.optim.AdamW:
    """Layer i of 0 … L + 1 learns at learning_rate · layer_decay^(L + 1 − i)."""
    recipe = objective.recipe
    groups = param_groups_layer_decay(objective, recipe.weight_decay, layer_decay=recipe.layer_decay)
    for group in groups:
        group["lr"] = learning_rate * group["lr_scale"]
    return torch.optim.AdamW(groups, betas=(0.9, 0.999))
