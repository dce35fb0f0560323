"""The cache of features on disk: shards while they are made, then one array that is memory-mapped.

    <key>/lock                       held by the process that works
    <key>/shards/START-STOP.npy      (n, V, D) float32 of the clips START to STOP (exclusive)
    <key>/shards/START-STOP.json     what it holds, and its checksum; written last
    <key>/features.npy               (N, V, D) float32, all shards, once all are there
    <key>/manifest.json              as for a shard
"""

import hashlib
import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock

from catsplit.paths import atomic_path, sha256, writable
from catsplit.video import Sampling

FORMAT = 1
WHOLE = 256 * 2**20  # bytes; larger arrays are verified by samples, since reading GBs takes too long at every use
BLOCK, BLOCKS = 64 * 1024, 64

Shard = tuple[int, int]  # its first clip, and the one after its last
Notes = list[tuple[int, int | str]]  # (number of a clip, how few frames it has or why it can't be read)


class Kept(NamedTuple):
    """Features (n, V, D) float32, memory-mapped, of clips that follow each other, without those that can't be read."""

    features: np.ndarray
    notes: Notes

    def of(self, shard: Shard) -> "Kept":
        """Those of a shard, where these are of all clips."""
        start, stop = shard
        notes = [(number, note) for number, note in self.notes if start <= number < stop]
        first = start - sum(number < start for number, _ in skipped(self.notes))
        return Kept(self.features[first : first + stop - start - len(skipped(notes))], notes)


def skipped(notes: Notes) -> list[tuple[int, str]]:
    """The clips that can't be read, and why."""
    return [(number, note) for number, note in notes if isinstance(note, str)]


def key(clips: Sequence[str], sizes: Sequence[int], sampling: Sampling, backbone_key: str) -> str:
    """Names the features of these clips, in this order, seen this way.

    A clip is known by its name in the annotations and its file's size in bytes (−1: missing). Content would be
    surer, but reading the 168,913 training clips of SSv2 takes many minutes; dates change when data is copied.
    """
    seen = asdict(sampling) | {"rule": "published"}
    digest = hashlib.sha256(json.dumps([FORMAT, seen, backbone_key]).encode())
    for clip, size in zip(clips, sizes, strict=True):
        digest.update(json.dumps([clip, size]).encode())
    return digest.hexdigest()[:32]


class Store:
    """The features of one set of clips in one folder: by shards, and all of them where no shard is told."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shards = folder, folder / "shards"

    def lock(self) -> FileLock:
        """Work alone, or wait. The system releases the lock when its holder dies, however it dies."""
        return FileLock(writable(self.folder) / "lock")

    def load(self, shard: Shard | None = None, *, warn: bool = True) -> Kept | None:
        """Features that are kept; None, with a warning if damaged, if they must be made.

        The whole array is verified up to 256 MiB; of a larger one 64 blocks.
        """
        array, manifest = self._files(shard)
        if not manifest.exists():
            return None
        try:
            told = json.loads(manifest.read_text())
            content = told["content"]
            if _digest(content) != told["sha256"]:
                raise ValueError("the manifest was changed")
            whole = array.stat().st_size <= WHOLE
            if (sha256 if whole else _sampled)(array) != content["sha256" if whole else "sampled"]:
                raise ValueError("the checksum is another")
            return Kept(np.load(array, mmap_mode="r"), [(number, note) for number, note in content["skipped"]])
        except (OSError, ValueError, KeyError, TypeError) as error:
            if warn:
                warnings.warn(f"The cached features {array} are damaged ({error}): making them again.", stacklevel=3)
            return None

    def save(self, parts: Sequence[Kept], shard: Shard | None = None, **about: object) -> None:
        """Keep features that follow each other, and say so in the manifest."""
        array, manifest = self._files(shard)
        notes = [note for part in parts for note in part.notes]
        with atomic_path(array) as beside:
            # Written as a file, not through a map: a map on a full disk kills the process without a word.
            with open(beside, "wb") as file:
                shape = (sum(len(part.features) for part in parts), *parts[0].features.shape[1:])
                np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
                for part in parts:
                    file.write(np.ascontiguousarray(part.features, "<f4").data)
            content = about | {"skipped": notes, "sha256": sha256(beside), "sampled": _sampled(beside)}
            manifest.unlink(missing_ok=True)  # of another array
        with atomic_path(manifest) as beside:
            beside.write_text(json.dumps({"content": content, "sha256": _digest(content)}, indent=1))

    def tidy(self) -> None:
        """Remove the shards, and what killed processes left half written; only with the lock held."""
        shutil.rmtree(self.shards, ignore_errors=True)
        for leftover in self.folder.glob(".*"):
            leftover.unlink(missing_ok=True)

    def _files(self, shard: Shard | None) -> tuple[Path, Path]:
        if shard is None:
            return self.folder / "features.npy", self.folder / "manifest.json"
        name = "{:08d}-{:08d}".format(*shard)
        return self.shards / f"{name}.npy", self.shards / f"{name}.json"


def _digest(content: dict) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sampled(path: Path) -> str:
    """SHA-256 of 64 blocks of 64 KiB, evenly spaced from the first to the last."""
    content, digest = np.memmap(path, np.uint8, "r"), hashlib.sha256()
    for block in range(BLOCKS):
        start = max(len(content) - BLOCK, 0) * block // (BLOCKS - 1)
        digest.update(content[start : start + BLOCK])
    return digest.hexdigest()
