"""A video file to sampled frames to views."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from catsplit.errors import CatsplitError, ClipError
from catsplit.videofile import VideoFile


@dataclass(frozen=True)
class Sampling:
    """Which frames and which part of the picture make up the views of a clip.

    Attributes:
        frames: T, frames of a view.
        segments: views in time. They interleave: each runs over the whole clip.
        crops: square views in space, along the long side of the picture: 1 is the centre, 3 are both ends and
            the centre.
        short_side: pixels of the picture's short side after resizing; the aspect ratio is kept. 0 squashes the whole
            picture into a square instead, as models like SigLIP 2 were trained with; there is then one crop, all of it.
        crop_size: pixels of a view's sides; where less than `short_side`, the centre of the short side counts.
        min_frames: fewest frames that a clip may have; with fewer it can't be read. By default all clips count, and
            one of fewer than `frames` repeats some, as in the published loader.

    Raises:
        CatsplitError: a number is below 1, or the crop is larger than the picture.
    """

    frames: int = 16
    segments: int = 2
    crops: int = 1
    short_side: int = 224
    crop_size: int = 224
    min_frames: int | None = None

    def __post_init__(self) -> None:
        squashed = self.short_side == 0 and self.crops == 1
        for name in ("frames", "segments", "crops", "short_side", "crop_size", "needed"):
            value = getattr(self, name)
            if not isinstance(value, int) or (value < 1 and not (name == "short_side" and squashed)):
                raise CatsplitError(f"{name} of a sampling is a whole number of at least 1, not {value!r}.")
        if self.crop_size > self.short_side and not squashed:
            raise CatsplitError(
                f"A crop of {self.crop_size} pixels doesn't fit a short side of {self.short_side}: "
                "lower crop_size or raise short_side."
            )

    @property
    def views(self) -> int:
        """V, views of a clip: segments × crops."""
        return self.segments * self.crops

    @property
    def needed(self) -> int:
        """Fewest frames of a clip."""
        return 1 if self.min_frames is None else self.min_frames

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """(V, T, H, W, 3) of a clip's views."""
        return self.views, self.frames, self.crop_size, self.crop_size, 3

    def indices(self, count: int) -> np.ndarray:
        """Numbers of the frames of each segment, (segments, T) int64, for a clip of `count` frames.

        The published protocol (Liu & Doughty, ICLR 2026), for any numbers of frames and segments: position i
        of segment s runs from round(tick·i + tick/segments·s) to round(tick·i + tick/segments·(s + 1)), with
        tick = (count − 1)/frames and halves to the even number, and takes the frame in its middle, rounded
        down. It is defined for any count of at least 1; below `frames` it repeats frames.
        """
        tick = (count - 1) / self.frames
        begin, shift = tick * np.arange(self.frames), np.arange(self.segments + 1)[:, None]
        edges = np.round(begin + tick / self.segments * shift).astype(np.int64)
        return (edges[:-1] + edges[1:]) // 2

    def corner(self, height: int, width: int, crop: int) -> tuple[int, int]:
        """First row and first column of a crop: centred in the short side, at its place along the long one."""
        top, left = (height - self.crop_size) // 2, (width - self.crop_size) // 2
        if self.crops == 1:
            return top, left
        along = int(crop * (max(height, width) - self.crop_size) / (self.crops - 1))
        return (along, left) if height > width else (top, along)


# The published test views, the same for both; FineGym's videos were resized to 480 × 270 before.
_PUBLISHED = Sampling(frames=16, segments=2, crops=3, short_side=224, crop_size=224)
_STAGE = Sampling(frames=16, segments=2, crops=1, short_side=48, crop_size=40)  # of clips of 80 × 80 pixels
PRESETS: Mapping[str, Sampling] = MappingProxyType({"ssv2": _PUBLISHED, "finegym": _PUBLISHED, "stage": _STAGE})


def read_views(path: str | Path, sampling: Sampling) -> np.ndarray:
    """The views of a clip, (V, T, H, W, 3) uint8.

    Views are ordered by segment, then by crop: view v is segment v // crops, crop v % crops; crops run from left to
    right, or top to bottom in an upright picture.

    Raises:
        ClipError: the file is missing, empty, truncated, damaged, no video, or has fewer frames than `min_frames`.
            Damage that leaves a decodable stream can't be told: the formats carry no checksums.
    """
    views = np.empty(sampling.shape, np.uint8)
    fill_views(path, sampling, views)
    return views


def fill_views(path: str | Path, sampling: Sampling, out: np.ndarray) -> int:
    """Put the views of a clip into `out`, (V, T, H, W, 3) uint8, and return how many frames the clip has.

    Safe in threads: the reader lives and dies inside this call. Only the sampled frames are resized, after
    decoding, by bilinear interpolation without antialiasing as in the published loader; decord's own resizing
    fails for widths like 48 and 96.

    Raises:
        ClipError: as `read_views`.
    """
    video = VideoFile(path)
    count = len(video)
    if count < sampling.needed:
        raise ClipError(f"{path} is too short: it has {count} frames, the sampling needs {sampling.needed}.")
    indices = sampling.indices(count)
    wanted, places = np.unique(indices, return_inverse=True)
    frames, size = video.frames(wanted), sampling.crop_size
    if sampling.short_side:
        frames = _shortened(frames, sampling.short_side)
    else:  # the whole picture, as the models' own transforms squash it
        frames = _resized(frames, (size, size), mode="bicubic", antialias=True)
    corners = [sampling.corner(*frames.shape[1:3], crop) for crop in range(sampling.crops)]
    for segment, row in enumerate(places.reshape(indices.shape)):
        for view, (top, left) in enumerate(corners, segment * sampling.crops):
            # In the mode "raise", the default, NumPy would copy twice.
            np.take(frames[:, top : top + size, left : left + size], row, axis=0, out=out[view], mode="clip")
    return count


def read_frames(path: str | Path, short_side: int) -> np.ndarray:
    """All frames of a clip, (n, H, W, 3) uint8, resized as `read_views` does: for training, which samples them itself.

    Raises:
        ClipError: as `read_views`.
    """
    video = VideoFile(path)
    return _shortened(video.frames(np.arange(len(video))), short_side)


def _shortened(frames: np.ndarray, short_side: int) -> np.ndarray:
    """(n, H, W, 3) uint8 to the given short side, the long one rounded down."""
    height, width = frames.shape[1:3]
    if min(height, width) == short_side:
        return frames
    long_side = int(short_side * max(height, width) / min(height, width))
    size = (short_side, long_side) if height <= width else (long_side, short_side)
    return _resized(frames, size, mode="bilinear")


def _resized(frames: np.ndarray, size: tuple[int, int], **how: object) -> np.ndarray:
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
    return torch.nn.functional.interpolate(pixels, size, **how).permute(0, 2, 3, 1).numpy()
