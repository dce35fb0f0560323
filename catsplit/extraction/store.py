"""The cache of features on disk: shards while they are made, then one array that is memory-mapped.

    <key>/lock                       held by the process that works
    <key>/shards/START-STOP.safetensors   features of the clips START to STOP (exclusive), and which were skipped
    <key>/features.npy               (N, V, D) float32, all shards, once all are there
    <key>/manifest.json              what features.npy holds, and its checksum; written last
"""

import hashlib
import json
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from catsplit.errors import CacheError
from catsplit.paths import atomic_path, sha256, writable
from catsplit.video import Sampling

FORMAT = 1
WHOLE = 256 * 2**20  # bytes; larger arrays are verified by samples, since reading GBs takes too long at every use
BLOCK, BLOCKS = 64 * 1024, 64

Skipped = list[tuple[int, str]]  # (index of the clip, reason)
Ranges = Sequence[tuple[int, int]]  # first clip of each shard, and the one after its last

logger = logging.getLogger(__name__)


def key(clips: Sequence[str], sizes: Sequence[int], sampling: Sampling, backbone_key: str) -> str:
    """Names the features of these clips, in this order, seen this way.

    A clip is known by its name in the annotations and its file's size in bytes (−1: missing). Content would be
    surer, but reading the 168,913 training clips of SSv2 takes many minutes; dates change when data is copied.
    """
    digest = hashlib.sha256(json.dumps([FORMAT, asdict(sampling), backbone_key]).encode())
    for clip, size in zip(clips, sizes, strict=True):
        digest.update(json.dumps([clip, size]).encode())
    return digest.hexdigest()[:32]


class Store:
    """The features of one set of clips in one folder."""

    def __init__(self, folder: Path, clips: int) -> None:
        self.folder, self.clips = folder, clips
        self.array, self.manifest, self.shards = folder / "features.npy", folder / "manifest.json", folder / "shards"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Work alone. The system releases the lock when its holder dies, however it dies."""
        writable(self.folder)
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            logger.info("Another process is making the features in %s: waiting for it.", self.folder)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def load(self, *, warn: bool = True) -> tuple[np.memmap, Skipped] | None:
        """The finished array (N, V, D) and the clips it lacks; None, with a warning if damaged, if it must be made.

        The whole array is verified up to 256 MiB; of a larger one its length and 64 blocks.
        """
        if not self.manifest.exists():
            return None
        try:
            manifest = json.loads(self.manifest.read_text())
            content = manifest["content"]
            if _digest(content) != manifest["sha256"] or content["clips"] != self.clips:
                raise ValueError("the manifest was changed")
            size = self.array.stat().st_size
            if size != content["bytes"]:
                raise ValueError(f"{size:,} bytes in place of {content['bytes']:,}")
            whole = size <= WHOLE
            if (sha256 if whole else _sampled)(self.array) != content["sha256" if whole else "sampled"]:
                raise ValueError("the checksum is another")
            array = np.load(self.array, mmap_mode="r")
        except (OSError, ValueError, KeyError, TypeError) as error:
            if warn:
                _warn(self.array, error)
            return None
        return array, [(index, reason) for index, reason in content["skipped"]]

    def read_shard(self, start: int, stop: int) -> tuple[np.ndarray, Skipped] | None:
        """Features (n, V, D) of the clips that weren't skipped, and those that were; None if it must be made."""
        path = self._shard(start, stop)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="np") as file:
                features, metadata = file.get_tensor("features"), file.metadata()
            skipped = json.loads(metadata["skipped"])
            if _digest(skipped, features) != metadata["sha256"]:
                raise ValueError("the checksum is another")
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            _warn(path, error)
            return None
        return features, [(index, reason) for index, reason in skipped]

    def write_shard(self, start: int, stop: int, features: np.ndarray, skipped: Skipped) -> None:
        metadata = {"skipped": json.dumps(skipped), "sha256": _digest(skipped, features)}
        with atomic_path(self._shard(start, stop)) as beside:
            # Not safetensors' own writing, whose error on a full disk is not an OSError.
            beside.write_bytes(save({"features": np.ascontiguousarray(features)}, metadata))

    def begin(self, ranges: Ranges) -> None:
        """Clear what a killed process left, and take a finished array apart again; only with the lock held.

        An array is finished but unwanted where clips were skipped that can be read now: the others' shards stay.
        """
        for folder in (self.folder, self.shards):
            for leftover in folder.glob(".*"):
                leftover.unlink(missing_ok=True)
        loaded = self.load(warn=False)
        if loaded is not None:
            array, skipped = loaded
            missing, row = {index for index, _ in skipped}, 0
            for start, stop in ranges:
                rows = stop - start - len(missing.intersection(range(start, stop)))
                if rows == stop - start:
                    self.write_shard(start, stop, array[row : row + rows], [])
                row += rows
        self.manifest.unlink(missing_ok=True)

    def finish(self, ranges: Ranges, about: dict) -> None:
        """Put the shards together, say so in the manifest, and remove them; only with the lock held."""
        rows, skipped, shape = 0, [], ()
        for start, stop in ranges:
            features, missing = self._valid_shard(start, stop)
            rows, shape = rows + len(features), features.shape[1:]
            skipped += missing
        with atomic_path(self.array) as beside:
            # Written as a file, not through a map: a map on a full disk kills the process without a word.
            with open(beside, "wb") as file:
                header = {"descr": "<f4", "fortran_order": False, "shape": (rows, *shape)}
                np.lib.format.write_array_header_1_0(file, header)
                for start, stop in ranges:
                    file.write(self._valid_shard(start, stop)[0].astype("<f4").data)
            content = about | {"clips": self.clips, "skipped": skipped, "shape": [rows, *shape]}
            content |= {"bytes": beside.stat().st_size, "sha256": sha256(beside), "sampled": _sampled(beside)}
        with atomic_path(self.manifest) as beside:
            beside.write_text(json.dumps({"content": content, "sha256": _digest(content)}, indent=1))
        shutil.rmtree(self.shards, ignore_errors=True)

    def _valid_shard(self, start: int, stop: int) -> tuple[np.ndarray, Skipped]:
        shard = self.read_shard(start, stop)
        if shard is None:
            raise CacheError(f"{self._shard(start, stop)} was damaged or removed while in use: run this again.")
        return shard

    def _shard(self, start: int, stop: int) -> Path:
        return self.shards / f"{start:08d}-{stop:08d}.safetensors"


def _warn(path: Path, error: Exception) -> None:
    warnings.warn(f"The cached features {path} are damaged ({error}): making them again.", stacklevel=3)


def _digest(content: object, features: np.ndarray | None = None) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    if features is not None:
        digest.update(f"{features.shape}".encode())
        digest.update(np.ascontiguousarray(features).data)
    return digest.hexdigest()


def _sampled(path: Path) -> str:
    """SHA-256 of 64 blocks of 64 KiB, evenly spaced from the first to the last."""
    digest, size = hashlib.sha256(), os.path.getsize(path)
    with open(path, "rb") as file:
        for block in range(BLOCKS):
            file.seek(max(size - BLOCK, 0) * block // (BLOCKS - 1))
            digest.update(file.read(BLOCK))
    return digest.hexdigest()
