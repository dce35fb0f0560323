"""A video file to its frames, if it is whole."""

import os
import re
from collections.abc import Iterator
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

from catsplit.errors import ClipError, reason
from catsplit.files import strange

# FFmpeg's remarks on a damaged file say less than the ClipError that follows them.
decord.logging.set_level(decord.logging.QUIET)

_BOXES = {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"uuid", b"pnot", b"sidx"}
_MATROSKA = b"\x1aE\xdf\xa3"
_GAP = 256  # bytes between the packets of a Matroska file that its own elements may take


class VideoFile:
    """A file that is whole, opened, with the frames that a player shows; for one thread.

    Raises:
        ClipError: as `check_whole`; it is no video; its pictures end too early or a part of them is skipped, because a
            demuxer that lost its way in a damaged file gives the other frames as if they were all.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        check_whole(self.path)
        try:
            seconds, exact = self._look()
            # decord numbers what an edit list hides, and fills up with the frame before where its seeking fails, as
            # in streams without an index; PyAV, which decodes all up to the last one wanted, does neither.
            self._reader = decord.VideoReader(str(path), num_threads=1, fault_tol=1) if exact else None
        except ClipError:
            raise
        except (RuntimeError, AssertionError, DECORDError, av.FFmpegError, IndexError, ValueError) as error:
            if "broken metadata" not in str(error):
                raise ClipError(f"{path} can't be opened: it is no video, or damaged.") from error
            self._reader = None  # so it calls a WebM of a single frame
        if self._reader is None and not self._count:
            raise ClipError(f"{path} can't be opened: it is no video, or damaged.")
        if seconds is None or self._reader is None:
            return
        end, rate = float(self._reader.get_frame_timestamp(len(self) - 1)[1]), self._reader.get_avg_fps()
        # The last frame of a stream of variable rate may last long, so small gaps are no proof.
        if seconds - end > seconds / 10 + 2 / max(rate, 1):
            raise ClipError(
                f"{path} is damaged or truncated: its pictures end after {end:.2f} of {seconds:.2f} seconds."
            )

    def _look(self) -> tuple[float | None, bool]:
        """How long the pictures last, where a header tells that, and whether decord gives what a player shows."""
        # Without decoders it is opened in a hundredth of the time that reading the clip takes; with them, in a tenth.
        with av.open(str(self.path), options={"codec_whitelist": "none"}, metadata_errors="replace") as container:
            kinds, stream = container.format.name.split(","), container.streams.video[0]
            if "matroska" not in kinds:
                return None, "mp4" in kinds and not any(entry.is_discard for entry in stream.index_entries)
            if not container.duration:
                raise ClipError(
                    f"{self.path} tells no length, like a recorded live stream: write it anew with ffmpeg -c copy."
                )
            seconds = container.duration / av.time_base if len(container.streams) == 1 else None
            end = None
            for packet in container.demux():
                if packet.pos is None:
                    continue
                if end is not None and packet.pos - end > _GAP:
                    raise ClipError(f"{self.path} is damaged: {packet.pos - end:,} bytes after byte {end:,} are lost.")
                end = max(end or 0, packet.pos + packet.size)
            return seconds, True

    def __len__(self) -> int:
        return self._count if self._reader is None else len(self._reader)

    def frames(self, wanted: np.ndarray) -> np.ndarray:
        """Decoded frames (n, H, W, 3) uint8 by their ascending numbers.

        Raises:
            ClipError: one can't be decoded.
        """
        try:
            if self._reader is not None:
                return _array(self._reader.get_batch(wanted))
        except (RuntimeError, IndexError, DECORDError):
            # Frames 16, 24, 32, 48, 96 or 144 pixels wide: decord takes the padding of their lines for more colours.
            # Frames that it would repeat: PyAV reads them, or says that they are damaged.
            if self._count != len(self):
                raise ClipError(
                    f"{self.path} is damaged: only {self._count} of {len(self)} frames can be decoded."
                ) from None
        places = set(wanted.tolist())
        return np.stack([f.to_ndarray(format="rgb24") for n, f in enumerate(self._decoded()) if n in places])

    @cached_property
    def _count(self) -> int:
        return sum(1 for _ in self._decoded())

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """All frames by PyAV, which is slower and reads what decord can't."""
        count = 0
        try:
            with av.open(str(self.path), metadata_errors="replace") as container:
                stream = container.streams.video[0]
                stream.codec_context.thread_count = 1
                for packet in container.demux(stream):
                    if packet.is_corrupt:
                        raise ClipError(f"{self.path} is damaged: a part of its pictures is lost.")
                    for frame in packet.decode():
                        count += 1
                        yield frame
        except ClipError:
            raise
        except (av.FFmpegError, ValueError) as error:
            what = "is damaged: a frame can't be decoded" if count else "can't be opened: it is no video, or damaged"
            raise ClipError(f"{self.path} {what}.") from error


def check_whole(path: Path) -> bool:
    """Look for a file's absence, emptiness and truncation, without decoding.

    Decoders open a file that was cut short as a shorter clip, and number its frames anew: the sampling would then
    take other frames, silently. The headers of MP4 and its kin, WebM, Matroska and AVI still tell the length of the
    whole; any other file passes. What can't be seen: damage inside the compressed pictures, files whose writer left
    their length open (live streams), and a fragmented MP4 that was cut exactly between two fragments.

    Returns:
        Whether its first bytes are those of such a video.

    Raises:
        ClipError: the file is missing, a folder, unreadable, empty, no video but something else that is known, or
            shorter than its own header says.
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
        raise ClipError(f"{path} can't be read ({reason(error)}).") from error
    if size == 0:
        raise ClipError(f"{path} is empty (0 bytes).")
    if size < expected:
        raise ClipError(f"{path} is truncated: it has {size:,} of the at least {expected:,} bytes of its header.")
    if not expected and (what := strange(path)):
        raise ClipError(f"{path} can't be opened: it is {what}.")
    return expected > 0


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


def _array(frames) -> np.ndarray:
    # The bridge of this thread decides, and a caller may have set it to another library's tensors. By DLPack nothing
    # is copied.
    return torch.from_dlpack(frames.to_dlpack()).numpy() if hasattr(frames, "to_dlpack") else np.asarray(frames)
