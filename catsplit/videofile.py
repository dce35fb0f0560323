"""A video file to its frames, if it is whole."""

import os
import re
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

# isort: off
# First of the three: decord's libraries bring a BLAS for GPUs that torch would take, and the process would die of it.
import torch
import av
import decord
from decord._ffi.base import DECORDError
# isort: on

from catsplit.errors import ClipError

# FFmpeg's remarks on a damaged file say less than the ClipError that follows them.
decord.logging.set_level(decord.logging.QUIET)

_BOXES = {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"uuid", b"pnot", b"sidx"}
_MATROSKA = b"\x1aE\xdf\xa3"


class VideoFile:
    """A file that is whole, opened; for one thread.

    Raises:
        ClipError: as `check_whole`; it is no video; or its pictures end too early, because a demuxer that lost its way
            in a damaged file gives the frames up to there as if they were all.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        check_whole(self.path)
        try:
            seconds, self._reader = _seconds(self.path), decord.VideoReader(str(path), num_threads=1)
        except (RuntimeError, AssertionError, DECORDError, av.FFmpegError) as error:
            if "broken metadata" not in str(error):
                raise ClipError(f"{path} can't be opened: it is no video, or damaged.") from error
            self._reader = None  # so it calls a WebM of a single frame
            return
        end, rate = float(self._reader.get_frame_timestamp(len(self) - 1)[1]), self._reader.get_avg_fps()
        # The last frame of a stream of variable rate may last long, so small gaps are no proof.
        if seconds is not None and seconds - end > seconds / 10 + 2 / max(rate, 1):
            raise ClipError(
                f"{path} is damaged or truncated: its pictures end after {end:.2f} of {seconds:.2f} seconds."
            )

    def __len__(self) -> int:
        return len(self._all if self._reader is None else self._reader)

    def frames(self, wanted: np.ndarray) -> np.ndarray:
        """Decoded frames (n, H, W, 3) uint8 by their ascending numbers.

        Raises:
            ClipError: one can't be decoded.
        """
        if self._reader is None:
            return self._all[wanted]
        try:
            if self.path.suffix.lower() == ".avi":
                # Its frames carry no time: where some are skipped, decord gives another one once in a hundred readings.
                return _array(self._reader.get_batch(np.arange(len(self))))[wanted]
            return _array(self._reader.get_batch(wanted))
        except (RuntimeError, IndexError, DECORDError) as error:
            # Frames 16, 24, 32, 48, 96 or 144 pixels wide: decord takes the padding of their lines for more colours.
            if "from_size == to_size" not in str(error):
                raise ClipError(f"{self.path} is damaged: a frame can't be decoded.") from error
        if len(self._all) != len(self):
            raise ClipError(f"{self.path} is damaged: only {len(self._all)} of {len(self)} frames can be decoded.")
        return self._all[wanted]

    @cached_property
    def _all(self) -> np.ndarray:
        """All frames by PyAV, which is slower and reads what decord can't."""
        try:
            with av.open(str(self.path)) as container:
                return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
        except (av.FFmpegError, ValueError) as error:
            raise ClipError(f"{self.path} is damaged: a frame can't be decoded.") from error


def check_whole(path: Path) -> None:
    """Look for a file's absence, emptiness and truncation, without decoding.

    Decoders open a file that was cut short as a shorter clip, and number its frames anew: the sampling would then
    take other frames, silently. The headers of MP4 and its kin, WebM, Matroska and AVI still tell the length of the
    whole; any other file passes. What can't be seen: damage inside the compressed pictures, files whose writer left
    their length open (live streams), and a fragmented MP4 that was cut exactly between two fragments.

    Raises:
        ClipError: the file is missing, a folder, unreadable, empty, or shorter than its own header says.
    """
    try:
        if path.is_dir():
            raise ClipError(f"{path} is a folder, not a video.")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            expected = _expected(path, file, size)
    except FileNotFoundError as error:
        raise ClipError(f"{path} doesn't exist.") from error
    except OSError as error:
        raise ClipError(f"{path} can't be read ({(error.strerror or str(error)).lower()}).") from error
    if size == 0:
        raise ClipError(f"{path} is empty (0 bytes).")
    if size < expected:
        raise ClipError(f"{path} is truncated: it has {size:,} of the at least {expected:,} bytes of its header.")


def _expected(path: Path, file: BinaryIO, size: int) -> int:
    """Bytes that a file has at least by its header, 0 where that tells nothing."""
    head = file.read(4096)
    if head[4:8] in _BOXES:
        return _end_of_boxes(path, file, size)
    if head.startswith(b"RIFF"):
        return 8 + int.from_bytes(head[4:8], "little")
    if not head.startswith(_MATROSKA):
        return 0
    segment = re.search(rb"\x18S\x80g(.{8})", head, re.DOTALL)  # all of Matroska but this header
    if segment is None:
        return size + 1
    width = 9 - segment[1][0].bit_length()  # the leading zero bits of a number tell how many bytes follow
    marker = 1 << 7 * width
    length = int.from_bytes(segment[1][:width], "big") - marker
    return segment.start(1) + width + length if length < marker - 1 else 0  # all ones: "length unknown"


def _end_of_boxes(path: Path, file: BinaryIO, size: int) -> int:
    """Walk the top-level boxes of ISO/IEC 14496-12: each begins with its length and its four-letter kind."""
    position, seen = 0, set()
    while position < size:
        file.seek(position)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        elif length == 0:
            length = size - position  # "as long as the file": only the last box may say so
        if length < 8 or not kind.isalnum():
            # Some cameras and downloaders leave padding behind the last box; but behind a fragment more may be to come.
            if {b"moov", b"mdat"} <= seen and b"moof" not in seen:
                break
            raise ClipError(f"{path} is damaged: no valid box at byte {position:,}.")
        seen.add(kind)
        position += length
    if b"moov" not in seen or not seen & {b"mdat", b"moof"}:
        raise ClipError(f"{path} is truncated: its index or its pictures are missing: was its writer interrupted?")
    return position


def _seconds(path: Path) -> float | None:
    """How long a WebM or Matroska file with a single track lasts. No other header tells that of its pictures alone."""
    with open(path, "rb") as file:
        if file.read(4) != _MATROSKA:
            return None
    # Without decoders it is opened in a hundredth of the time that reading the clip takes; with them, in a tenth.
    with av.open(str(path), options={"codec_whitelist": "none"}) as container:
        if not container.duration:
            raise ClipError(f"{path} tells no length, like a recorded live stream: write it anew with ffmpeg -c copy.")
        return container.duration / av.time_base if len(container.streams) == 1 else None


def _array(frames) -> np.ndarray:
    # The bridge of this thread decides, and a caller may have set it to another library's tensors. By DLPack nothing
    # is copied.
    return torch.from_dlpack(frames.to_dlpack()).numpy() if hasattr(frames, "to_dlpack") else np.asarray(frames)
