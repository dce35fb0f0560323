"""Is a video file whole? What its container says of its own length, against what is there.

Decoders open a file that was cut short as a shorter clip, and number its frames anew: the sampling would then
take other frames of the clip, silently. The header still tells the length of the whole.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from catsplit.errors import ClipError

_EBML, _SEGMENT, _CLUSTER, _INFO, _TRACKS = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1549A966, 0x1654AE6B
_TIME_UNIT, _DURATION, _TRACK = 0x2AD7B1, 0x4489, 0xAE
_BOXES = {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"uuid", b"pnot", b"sidx"}


def check(path: Path) -> float | None:
    """Look for a file's absence, emptiness and truncation, without decoding.

    Understood are MP4 and its kin, WebM and Matroska, and AVI; any other file passes. What can't be seen
    here: damage inside the compressed pictures, files whose writer left their length open (live streams), and a
    fragmented MP4 that was cut exactly between two fragments.

    Returns:
        The seconds that the video should last, where the header tells them reliably: a WebM or Matroska file
        with a single track. Else None.

    Raises:
        ClipError: the file is missing, a folder, unreadable, empty, or shorter than its own header says.
    """
    if path.is_dir():
        raise ClipError(f"{path} is a folder, not a video.")
    try:
        with open(path, "rb") as file:
            return _check(path, file, os.fstat(file.fileno()).st_size)
    except FileNotFoundError as error:
        raise ClipError(f"{path} doesn't exist.") from error
    except OSError as error:
        raise ClipError(f"{path} can't be read ({(error.strerror or str(error)).lower()}).") from error


def _check(path: Path, file: BinaryIO, size: int) -> float | None:
    if size == 0:
        raise ClipError(f"{path} is empty (0 bytes).")
    head = file.read(12)
    file.seek(0)
    if head[4:8] in _BOXES:
        _check_boxes(path, file, size)
    elif head[:4] == b"RIFF" and len(head) == 12:
        _compare(path, 8 + int.from_bytes(head[4:8], "little"), size)
    elif head[:4] == _EBML.to_bytes(4, "big"):
        return _check_matroska(path, file, size)
    return None


def _compare(path: Path, expected: int, size: int) -> None:
    if size < expected:
        raise ClipError(f"{path} is truncated: it has {size:,} of the at least {expected:,} bytes of its header.")


def _check_boxes(path: Path, file: BinaryIO, size: int) -> None:
    """Walk the top-level boxes of ISO/IEC 14496-12: each begins with its length and its four-letter kind."""
    position, seen = 0, set()
    while position < size:
        file.seek(position)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        elif length == 0:
            length = size - position  # "as long as the file": only the last box may say so
        complete = b"moov" in seen and b"mdat" in seen and b"moof" not in seen  # else more may be to come
        if complete and (len(kind) < 4 or not kind.isalnum()):
            return  # some cameras and downloaders leave padding behind the last box
        if length < 8:
            raise ClipError(f"{path} is damaged: no valid box at byte {position:,}.")
        _compare(path, position + length, size)
        seen.add(kind)
        position += length
    if b"moov" not in seen or not seen & {b"mdat", b"moof"}:
        lost = "index (moov)" if b"moov" not in seen else "pictures (mdat)"
        raise ClipError(f"{path} is truncated: its {lost} is missing, its writer was probably interrupted.")


def _number(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """An EBML variable-length integer: the leading zero bits of its first byte tell how many bytes follow."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        return None
    value = int.from_bytes(first + rest, "big")
    if keep_marker:
        return value
    marker = 1 << (7 * width)
    return None if value == 2 * marker - 1 else value - marker  # all ones: "length unknown"


def _elements(file: BinaryIO, end: int) -> Iterator[tuple[int, int, int | None]]:
    """Yield (identifier, first byte, length) of the EBML elements before `end`; an unknown length is None."""
    while file.tell() < end:
        identifier = _number(file, keep_marker=True)
        if identifier is None:
            return
        length = _number(file, keep_marker=False)
        start = file.tell()
        yield identifier, start, length
        if length is None:
            return
        file.seek(start + length)


def _check_matroska(path: Path, file: BinaryIO, size: int) -> float | None:
    segments = (element for element in _elements(file, size) if element[0] == _SEGMENT)
    _, start, length = next(segments, (None, None, None))
    if start is None:
        raise ClipError(f"{path} is truncated: it ends within its header, after {size:,} bytes.")
    if length is not None:
        _compare(path, start + length, size)
    duration, unit, tracks = None, 1_000_000, 0
    file.seek(start)
    for identifier, first, length in _elements(file, size):
        if identifier == _CLUSTER or length is None:
            break  # pictures from here on
        if identifier not in (_INFO, _TRACKS):
            continue
        for inner, at, width in _elements(file, first + length):
            file.seek(at)
            if inner == _TRACK:
                tracks += 1
            elif inner == _TIME_UNIT and width:
                unit = int.from_bytes(file.read(width), "big")
            elif inner == _DURATION and width in (4, 8):
                duration = _float(file.read(width))
    return duration * unit / 1e9 if duration and tracks == 1 else None


def _float(data: bytes) -> float:
    return struct.unpack(">f" if len(data) == 4 else ">d", data)[0] if len(data) in (4, 8) else 0.0
