"""Augmented views of training clips, as VideoMAE and MVD are fine-tuned with: decoded once, augmented several times.

Nothing but the seed, the epoch and the clip decides what a view is. It doesn't matter which process makes it, in what
order, or whether the training was stopped in between.
"""

import gc
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from catsplit.errors import ClipError
from catsplit.video import read_frames

SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)  # of a random crop: share of the picture's area, width over height


class TrainingViews(Dataset):
    """The augmented views of N clips; items are asked for by number, epoch · N + place of the clip.

    As in the code of MVD's authors, on which the published base models rest: each of T equal stretches of the clip
    gives one frame, drawn at random; then, anew for each sample and the same for all its frames, RandAugment on the
    whole picture and a crop of random place, size and shape, resized to a square. The one difference: the picture's
    short side is brought to 8/7 of the crop's before, so that all clips cost the same.

    Args:
        files, rows: N videos, and the head's row that each shows.
        frames: T.
        size: pixels of a view's sides.
        samples: S, views of a clip.
        policy: timm's name of a RandAugment, or "" for none. None of its operations mirrors a picture.
        flip: mirror every other view. It turns left into right: never do it where the labels tell directions.
        min_frames: fewest frames of a clip; a shorter one is an error. Below T, frames are repeated.
    """

    def __init__(
        self,
        files: Sequence[Path],
        rows: Sequence[int],
        *,
        frames: int,
        size: int,
        seed: int,
        samples: int = 2,
        policy: str = "rand-m7-n4-mstd0.5-inc1",
        flip: bool = False,
        min_frames: int | None = None,
    ) -> None:
        from timm.data.auto_augment import rand_augment_transform

        self.files, self.rows, self.frames, self.size, self.seed = files, rows, frames, size, seed
        self.samples, self.flip, self.needed = samples, flip, frames if min_frames is None else min_frames
        options = {"translate_const": int(0.45 * size), "interpolation": Image.Resampling.BICUBIC}
        self.augment = rand_augment_transform(policy, options) if policy else None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> dict[str, Any]:
        """Views (S, T, size, size, 3) uint8, the row, and the number itself.

        Raises:
            ClipError: the clip can't be read or is too short. It is never replaced by another.
        """
        file = self.files[number % len(self)]
        clip = read_frames(file, round(self.size * 8 / 7))
        if problem := too_short(len(clip), self.needed):
            raise ClipError(f"{file} {problem}.")
        clip = clip[drawn(len(clip), self.frames, np.random.default_rng([self.seed, number]))]
        views = [self._view(clip, (self.seed, number, sample)) for sample in range(self.samples)]
        return {"views": torch.stack(views), "row": self.rows[number % len(self)], "number": number}

    def _view(self, clip: np.ndarray, seed: tuple[int, ...]) -> Tensor:
        from torchvision.transforms import RandomResizedCrop
        from torchvision.transforms import functional as F

        if self.augment is not None:
            pictures = []
            for frame in clip:
                with seeded(*seed):  # the same for every frame
                    pictures.append(np.asarray(self.augment(Image.fromarray(frame))))
            clip = np.stack(pictures)
        pixels = torch.from_numpy(clip).permute(0, 3, 1, 2)
        with seeded(*seed, 1):
            place = RandomResizedCrop.get_params(pixels, list(SCALE), list(RATIO))
            pixels = F.resized_crop(pixels, *place, [self.size, self.size], antialias=False)
            if self.flip and torch.rand(()) < 0.5:
                pixels = pixels.flip(-1)
        return pixels.permute(0, 2, 3, 1).contiguous()


def drawn(count: int, frames: int, generator: np.random.Generator) -> np.ndarray:
    """One random frame of each of `frames` equal stretches of a clip of `count` frames, (T,), ascending, by MVD's rule.

    Neighbouring stretches share the frame at their border, and short clips repeat frames.
    """
    edges = np.round((count - 1) / frames * np.arange(frames + 1)).astype(np.int64)
    return generator.integers(edges[:-1], edges[1:] + 1)


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Let the generators of Python, numpy and torch's CPU begin anew, and go on afterwards as if nothing had been.

    All three, because timm and torchvision draw from whichever they like.
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    first, second, third = (int(word) for word in np.random.SeedSequence(numbers).generate_state(3))
    random.seed(first)
    np.random.seed(second)  # noqa: NPY002
    torch.default_generator.manual_seed(third)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        torch.set_rng_state(before[2])


class Order(Sampler[int]):
    """The numbers of an epoch's items, shuffled; the same for the same seed and epoch, in every process."""

    def __init__(self, clips: int, seed: int) -> None:
        self.clips, self.seed, self.epoch = clips, seed, 0

    def __len__(self) -> int:
        return self.clips

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.clips)
        return iter((self.epoch * self.clips + order).tolist())


def collate(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """B items to views (B·S, T, H, W, 3), rows (B·S,) and the first one's number."""
    views = torch.cat([item["views"] for item in items])
    rows = torch.tensor([item["row"] for item in items]).repeat_interleave(len(views) // len(items))
    return {"views": views, "rows": rows, "number": items[0]["number"]}


def loader(dataset: Dataset, workers: int, **options: Any) -> DataLoader:
    """A loader whose workers inherit no forgotten decord reader: its thread isn't theirs, and freeing it hangs them."""
    gc.collect()
    return DataLoader(dataset, num_workers=workers, **options)


def unreadable(files: Sequence[Path], needed: int, workers: int, progress: bool) -> dict[int, str]:
    """Decode every video once, whole; {place: why it can't be trained with}."""
    from tqdm.auto import tqdm

    reasons = loader(_Reasons(files, needed), workers, batch_size=None)
    bar = tqdm(reasons, desc="Reading every clip once", unit="clip", disable=not progress)
    return {place: reason for place, reason in enumerate(bar) if reason}


def too_short(count: int, needed: int) -> str:
    return f"is too short: it has {count} frames, training needs {needed}" if count < needed else ""


class _Reasons(Dataset):
    def __init__(self, files: Sequence[Path], needed: int) -> None:
        self.files, self.needed = files, needed

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> str:
        try:
            problem = too_short(len(read_frames(self.files[place], 16)), self.needed)
        except ClipError as error:
            return str(error)
        return problem and f"{self.files[place]} {problem}."
