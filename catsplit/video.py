"""A video file to sampled frames to views."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

# isort: off
# First of the two: decord's libraries bring a BLAS for GPUs that torch would take, and the process would die of it.
import torch
import decord
from decord._ffi.base import DECORDError
# isort: on

from catsplit.errors import CatsplitError, ClipError
from catsplit.extraction import containers

# FFmpeg's remarks on a damaged file say less than the ClipError that follows them.
decord.logging.set_level(decord.logging.QUIET)


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
        min_frames: fewest frames that a clip may have; None means `frames`. A shorter clip repeats frames,
            which the published loader does without a word and we only when asked for.
        rule: how frames are chosen; there is one rule, "published" (see `indices`).

    Raises:
        CatsplitError: a number is below 1, the crop is larger than the picture, or the rule is unknown.
    """

    frames: int = 16
    segments: int = 2
    crops: int = 1
    short_side: int = 224
    crop_size: int = 224
    min_frames: int | None = None
    rule: str = "published"

    def __post_init__(self) -> None:
        squashed = self.short_side == 0 and self.crops == 1
        for name in ("frames", "segments", "crops", "short_side", "crop_size", "needed"):
            value = getattr(self, name)
            if name == "short_side" and squashed:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise CatsplitError(f"{name} of a sampling is a whole number of at least 1, not {value!r}.")
        if self.crop_size > self.short_side and not squashed:
            raise CatsplitError(
                f"A crop of {self.crop_size} pixels doesn't fit a short side of {self.short_side}: "
                "lower crop_size or raise short_side."
            )
        if self.rule != "published":
            raise CatsplitError(f'The only sampling rule is "published", not {self.rule!r}.')

    @property
    def views(self) -> int:
        """V, views of a clip: segments × crops."""
        return self.segments * self.crops

    @property
    def needed(self) -> int:
        """Fewest frames of a clip."""
        return self.frames if self.min_frames is None else self.min_frames

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


PRESETS: Mapping[str, Sampling] = MappingProxyType(
    {
        # The published test views (METHOD.md 11), the same for both; FineGym's videos were resized to 480 × 270 before.
        "ssv2": Sampling(frames=16, segments=2, crops=3, short_side=224, crop_size=224),
        "finegym": Sampling(frames=16, segments=2, crops=3, short_side=224, crop_size=224),
        # The clips of Stage-Split are 80 × 80 pixels.
        "stage": Sampling(frames=16, segments=2, crops=1, short_side=48, crop_size=40),
    }
)


def read_views(path: str | Path, sampling: Sampling, out: np.ndarray | None = None) -> np.ndarray:
    """The views of a clip.

    Safe in threads: the reader lives and dies inside this call. Only the sampled frames are resized, after
    decoding, by bilinear interpolation without antialiasing as in the published loader; decord's own resizing
    fails for widths like 48 and 96.

    Args:
        out: where to put the views, (V, T, H, W, 3) uint8; a new array by default.

    Returns:
        (V, T, H, W, 3) uint8. Views are ordered by segment, then by crop: view v is segment v // crops, crop
        v % crops; crops run from left to right, or top to bottom in an upright picture.

    Raises:
        ClipError: the file is missing, empty, truncated, damaged, no video, or has fewer frames than the
            sampling needs. Damage that leaves a decodable stream can't be told: the formats carry no checksums.
    """
    path = Path(path)
    duration = containers.check(path)
    reader = _open(path)
    count = len(reader)
    if count < sampling.needed:
        raise ClipError(f"{path} is too short: it has {count} frames, the sampling needs {sampling.needed}.")
    _check_end(path, reader, duration)
    indices = sampling.indices(count)
    wanted, places = np.unique(indices, return_inverse=True)
    frames = _frames(path, reader, wanted)
    frames = _resize(frames, sampling.short_side) if sampling.short_side else _squash(frames, sampling.crop_size)
    views = np.empty(sampling.shape, np.uint8) if out is None else out
    corners = [_corner(*frames.shape[1:3], sampling, crop) for crop in range(sampling.crops)]
    for segment, row in enumerate(places.reshape(indices.shape)):
        chosen = frames[_evenly(row)]
        for crop, (top, left) in enumerate(corners, segment * sampling.crops):
            views[crop] = chosen[:, top : top + sampling.crop_size, left : left + sampling.crop_size]
    return views


def read_frames(path: str | Path, short_side: int) -> np.ndarray:
    """All frames of a clip, (n, H, W, 3) uint8, resized as `read_views` does: for training, which samples them itself.

    Raises:
        ClipError: as `read_views`.
    """
    path = Path(path)
    duration = containers.check(path)
    reader = _open(path)
    _check_end(path, reader, duration)
    return _resize(_frames(path, reader, np.arange(len(reader))), short_side)


def _evenly(row: np.ndarray) -> np.ndarray | slice:
    """Ascending places as a slice, which copies nothing, where they are evenly spaced."""
    step = max(int(row[-1] - row[0]) // max(len(row) - 1, 1), 1)
    even = slice(int(row[0]), int(row[-1]) + 1, step)
    return even if np.array_equal(row, np.arange(even.start, even.stop, step)) else row


def _corner(height: int, width: int, sampling: Sampling, crop: int) -> tuple[int, int]:
    """First row and first column of a crop: centred in the short side, at its place along the long one."""
    top, left = (height - sampling.crop_size) // 2, (width - sampling.crop_size) // 2
    if sampling.crops == 1:
        return top, left
    along = int(crop * (max(height, width) - sampling.crop_size) / (sampling.crops - 1))
    return (along, left) if height > width else (top, along)


def _open(path: Path) -> decord.VideoReader:
    try:
        return decord.VideoReader(str(path), num_threads=1)
    except (RuntimeError, AssertionError, DECORDError) as error:
        if "broken metadata" in str(error):
            raise ClipError(
                f"{path} tells no length, like a recorded live stream: write it anew with ffmpeg -c copy."
            ) from error
        raise ClipError(f"{path} can't be opened: it is no video, or damaged.") from error


def _check_end(path: Path, reader: decord.VideoReader, duration: float | None) -> None:
    """A demuxer that lost its way in a damaged file gives the frames up to there as if they were all."""
    if duration is None:
        return
    end = float(reader.get_frame_timestamp(len(reader) - 1)[1])
    # The last frame of a stream of variable rate may last long, so small gaps are no proof.
    if duration - end > duration / 10 + 2 / max(reader.get_avg_fps(), 1):
        raise ClipError(
            f"{path} is damaged or truncated: its pictures end after {end:.2f} of {duration:.2f} seconds."
        )


def _frames(path: Path, reader: decord.VideoReader, wanted: np.ndarray) -> np.ndarray:
    """Decoded frames (n, H, W, 3) uint8; `wanted` ascends."""
    try:
        if path.suffix.lower() == ".avi":
            # Its frames carry no time: where some are skipped, decord gives another one once in a hundred readings.
            return _array(reader.get_batch(np.arange(len(reader))))[wanted]
        return _array(reader.get_batch(wanted))
    except (RuntimeError, IndexError, DECORDError) as error:
        # Its traceback would keep the reader alive with it, and a fork that frees the reader hangs.
        problem = error.with_traceback(None)
    # Frames 16, 24, 32, 48, 96 or 144 pixels wide fail as a batch, because decord takes the padding of their
    # lines for further colour channels. One by one they come, with the padding, and it can be cut off. In order,
    # without seeking, so that nothing damaged is skipped.
    frames, reader = [], _open(path)
    try:
        for index in range(int(wanted[-1]) + 1):
            frame = _array(reader.next())
            height, width, channels = frame.shape
            if channels == 3:
                raise problem
            if index == wanted[len(frames)]:
                frames.append(frame.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3))
    except (RuntimeError, IndexError, StopIteration, DECORDError) as error:
        raise ClipError(f"{path} is damaged: a frame can't be decoded.") from error
    return np.stack(frames)


def _array(frames) -> np.ndarray:
    # The bridge of this thread decides, and a caller may have set it to another library's tensors. By DLPack nothing
    # is copied.
    return torch.from_dlpack(frames.to_dlpack()).numpy() if hasattr(frames, "to_dlpack") else np.asarray(frames)


def _squash(frames: np.ndarray, side: int) -> np.ndarray:
    """(n, H, W, 3) uint8 to (n, side, side, 3), bicubic and with antialiasing, as the models' own transforms do."""
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
    small = torch.nn.functional.interpolate(pixels, (side, side), mode="bicubic", antialias=True)
    return small.permute(0, 2, 3, 1).numpy()


def _resize(frames: np.ndarray, short_side: int) -> np.ndarray:
    """(n, H, W, 3) uint8 to the given short side, the long one rounded down."""
    height, width = frames.shape[1:3]
    if min(height, width) == short_side:
        return frames
    long_side = int(short_side * max(height, width) / min(height, width))
    size = (short_side, long_side) if height <= width else (long_side, short_side)
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
    return torch.nn.functional.interpolate(pixels, size=size, mode="bilinear").permute(0, 2, 3, 1).numpy()
