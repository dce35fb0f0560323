"""Where files go, and how they get there whole."""

import errno
import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from catsplit.errors import BenchmarkError, CacheError, reason
from catsplit.files import read_text

CACHE_VARIABLE = "CATSPLIT_CACHE"
_PROBE = 65536  # bytes
_NO_ROOM_OR_RIGHT = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EPERM, errno.ENAMETOOLONG, errno.EIO,
)  # fmt: skip


def cache_dir() -> Path:
    """The folder that holds everything catsplit makes on first use; the variable CATSPLIT_CACHE moves it.

    Raises:
        CacheError: the folder can't be made or written to.
    """
    folder = Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("catsplit")).expanduser()
    return writable(folder)


def writable(folder: Path) -> Path:
    """Make `folder` with its parents and return it, or say in one sentence why it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CacheError(_cannot_write(folder, error)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise CacheError(_cannot_write(folder, PermissionError(errno.EACCES, "permission denied")))
    return folder


def check_output(path: str | Path, option: str = "--out", *, folder: bool = False) -> None:
    """Find out whether a file, or a folder of files, can be written, before any work is done for it.

    Raises:
        CacheError: it can't; nothing is left behind.
    """
    path = Path(path).expanduser().absolute()
    if not folder and path.is_dir():
        raise CacheError(f"{option}: {path} is a folder: name a file in it, {option} {path / 'FILE'}.")
    place = path if folder else path.parent
    while not place.exists() and not place.is_symlink():
        place = place.parent
    try:
        # Rights alone don't tell of a full disk.
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(bytes(_PROBE))
    except OSError as error:
        raise CacheError(f"{option}: {_cannot_write(path, error)}") from error


def _cannot_write(path: Path, error: OSError) -> str:
    why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else reason(error)
    cache = Path(os.environ.get(CACHE_VARIABLE) or platformdirs.user_cache_dir("catsplit")).expanduser().absolute()
    if cache == path.absolute() or cache in path.absolute().parents:
        return f"Can't write to {path} ({why}): set {CACHE_VARIABLE} to a folder that you may write to, with room."
    return f"Can't write to {path} ({why}): name another place."


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; rename it to `path` when the block ends well, remove it otherwise.

    A reader therefore sees the whole file or none, even when the writer is killed.

    Raises:
        CacheError: the folder can't be written to or its disk is full.
    """
    path = Path(path).expanduser().absolute()
    if path.is_dir():
        raise CacheError(f"{path} is a folder: name a file in it.")
    writable(path.parent)
    # The ending stays, because muxers and numpy choose the format, or add an ending, by it.
    beside = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        yield beside
        os.replace(beside, path)
    except OSError as error:
        if error.errno in _NO_ROOM_OR_RIGHT:
            raise CacheError(_cannot_write(path, error)) from error
        raise
    finally:
        beside.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        BenchmarkError: there is no such file, or it isn't one JSON object, or a key is in it twice.
    """
    try:
        value = json.loads(read_text(path), object_pairs_hook=_without_repeats)
    except OSError as error:
        raise BenchmarkError(f"Can't read {path} ({reason(error)}).") from error
    except (ValueError, RecursionError) as error:
        raise BenchmarkError(f"{path} isn't valid JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BenchmarkError(f"{path} holds a JSON {type(value).__name__} where an object {{…}} was expected.")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f'the key "{next(key for key in keys if keys.count(key) > 1)}" occurs twice')
    return found


def write_json(path: Path, value: dict[str, Any], indent: int = 2) -> None:
    """Write a JSON object whole or not at all, with the same bytes for the same value, ready to be edited."""
    with atomic_path(path) as beside:
        beside.write_bytes(json.dumps(value, indent=indent, ensure_ascii=False).encode())
