"""Where files go, and how they get there whole."""

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from catsplit.errors import CacheError

CACHE_VARIABLE = "CATSPLIT_CACHE"


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


def _cannot_write(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {path} is full: free some space, or set {CACHE_VARIABLE} to a folder on another disk."
    reason = (error.strerror or str(error)).lower()
    return f"Can't write to {path} ({reason}): set {CACHE_VARIABLE} to a folder that you may write to."


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; rename it to `path` when the block ends well, remove it otherwise.

    A reader therefore sees the whole file or none, even when the writer is killed.

    Raises:
        CacheError: the folder can't be written to or its disk is full.
    """
    path = Path(path)
    writable(path.parent)
    # The ending stays, because muxers and numpy choose the format, or add an ending, by it.
    beside = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        yield beside
        os.replace(beside, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM):
            raise CacheError(_cannot_write(path, error)) from error
        raise
    finally:
        beside.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
