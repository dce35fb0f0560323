"""Features of a whole set of clips: each clip passes through the backbone once, ever."""

import csv
import math
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from catsplit.backbones import Backbone
from catsplit.errors import CacheError, CatsplitError, ClipError
from catsplit.extraction.shards import Job, Made, make, make_shards, stale
from catsplit.extraction.store import Skipped, Store, key
from catsplit.paths import atomic_path, cache_dir
from catsplit.video import Sampling

BATCH, BATCH_BYTES = 16, 64 * 2**20  # clips, and bytes of their uint8 views, of which float32 takes four times as much


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of clips.

    Attributes:
        features: (N, V, D) float32, memory-mapped and read-only; row i belongs to paths[i].
        paths: N names of clips as the annotations give them.
        skipped: (path, reason) of the clips that couldn't be read; they have no row.
    """

    features: np.ndarray = field(repr=False)
    paths: tuple[str, ...] = field(repr=False)
    skipped: tuple[tuple[str, str], ...] = ()

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {path: row for row, path in enumerate(self.paths)}

    def __len__(self) -> int:
        return len(self.paths)

    def __contains__(self, path: object) -> bool:
        return path in self._rows

    def index(self, path: str) -> int:
        """The row of a clip.

        Raises:
            ClipError: the clip was skipped, or isn't one of these.
        """
        row = self._rows.get(path)
        if row is None:
            reason = dict(self.skipped).get(path)
            raise ClipError(
                f'The clip "{path}" has no features: ' + (f"it was skipped, because {reason}" if reason else
                f"it isn't among the {len(self):,} clips that they were made of.")
            )
        return row

    def rows_of(self, paths: Iterable[str]) -> np.ndarray:
        """Features of some clips, in their order, (n, V, D) float32, in memory.

        Raises:
            ClipError: as `index`.
        """
        return np.array(self.features[[self.index(path) for path in paths]], np.float32)

    def left_out(self, most: int | None = None) -> str:
        """The skipped clips and why, a line for each of the first `most` or of all; empty where none was skipped."""
        if not self.skipped:
            return ""
        count, shown = len(self.skipped), self.skipped[:most]
        lines = [f"{count:,} of the {len(self) + count:,} clips can't be read and were left out:"]
        lines += [f"  {path}: {reason}" for path, reason in shown]
        if len(shown) < count:
            lines.append(f"  and {count - len(shown):,} more")
        return "\n".join(lines)

    def write_left_out(self, path: str | Path) -> None:
        """The skipped clips as a CSV file, with the columns clip and reason.

        Raises:
            CacheError: the file can't be written.
        """
        with atomic_path(Path(path)) as beside, open(beside, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("clip", "reason"), *self.skipped])


def extract(
    clips: Sequence[str],
    resolve: Callable[[str], Path],
    backbone: Backbone,
    sampling: Sampling,
    *,
    source: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    workers: int | None = None,
    batch_size: int | None = None,
    progress: bool = True,
    cache: str | Path | None = None,
    run: Callable[..., Made] = make_shards,
) -> FeatureSet:
    """Features of clips, from the cache if they were ever made before.

    A run that was stopped or killed goes on where it was, and ends with the same bytes. Of several processes that
    ask for the same features one makes them and the others wait. Whatever the number of workers, the same clips
    meet in a batch, so that it doesn't change the last bits either; another `batch_size` or device can.

    Args:
        clips: names as the annotations give them; N rows in this order.
        resolve: name to file; may raise ClipError.
        source: where the names are listed, one in a row, for messages: "val.csv".
        on_error: what to do with a clip that can't be read: "raise", or "skip" it, warn and list it. Skipped clips
            aren't tried again until their size changes or "raise" asks for them.
        workers: threads that decode; as many as there are processors by default.
        batch_size: clips that pass through the backbone at once; by default 16, or as many as make 64 MiB of
            views if that is less. A batch ends with its shard of 128.
        progress: show a bar, in a terminal or notebook, while features are made.
        cache: folder in place of `catsplit.paths.cache_dir()`.
        run: what makes the shards, if not this process alone; see `catsplit.distributed.extract`.

    Raises:
        ClipError: a clip can't be read and on_error is "raise", or none can.
        CacheError: the cache can't be written.
        CatsplitError: there are no clips, an argument is out of range, or the backbone gives another shape or
            values that aren't finite.
    """
    if not len(clips):
        raise CatsplitError("There are no clips to extract features from.")
    if on_error not in ("raise", "skip"):
        raise CatsplitError(f'on_error is "raise" or "skip", not {on_error!r}.')
    fitting = BATCH_BYTES // math.prod(sampling.shape)
    batch = _positive("batch_size", batch_size, min(max(fitting, 1), BATCH))
    files, sizes = _files(clips, resolve)
    job = Job(
        clips, files, backbone, sampling, source, on_error == "raise", _positive("workers", workers, _processors()),
        batch, progress,
    )
    if job.strict:
        for index, file in enumerate(files):
            if isinstance(file, ClipError):
                raise job.failure(index, file)
    root = Path(cache).expanduser() if cache else cache_dir()
    store = Store(root / "features" / key(clips, sizes, sampling, backbone.key), len(clips))
    loaded = store.load()
    if loaded is None or stale(job, loaded[1]):
        with store.lock():
            loaded = store.load(warn=False)
            if loaded is None or stale(job, loaded[1]):
                make(job, store, run)
                loaded = store.load()
    if loaded is None:
        raise CacheError(f"The features in {store.folder} changed while they were read: run this again.")
    return _feature_set(clips, source, *loaded)


def _feature_set(clips: Sequence[str], source: str | None, array: np.ndarray, missing: Skipped) -> FeatureSet:
    if missing:
        index, reason = missing[0]
        warnings.warn(
            f"{len(missing):,} of the {len(clips):,} clips {f'of {source} ' if source else ''}were left out because "
            f"they can't be read, the first in row {index + 1}: {reason} FeatureSet.skipped lists them all.",
            stacklevel=3,
        )
    left_out = {index for index, _ in missing}
    return FeatureSet(
        features=array,
        paths=tuple(clip for index, clip in enumerate(clips) if index not in left_out),
        skipped=tuple((clips[index], reason) for index, reason in missing),
    )


def _positive(name: str, value: int | None, default: int) -> int:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise CatsplitError(f"{name} is a whole number of at least 1, not {value!r}.")
    return default if value is None else value


def _processors() -> int:
    # In a container fewer may be ours than the machine has; not every system can tell.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _files(clips: Sequence[str], resolve: Callable[[str], Path]) -> tuple[list[Path | ClipError], list[int]]:
    """The file of each clip, or why there is none, and its size in bytes, or −1."""
    files, sizes = [], []
    for clip in clips:
        try:
            file = Path(resolve(clip))
            size = os.stat(file).st_size
            files.append(file if size else ClipError(f"{file} is empty (0 bytes)."))
        except ClipError as error:
            size = -1
            files.append(error)
        except OSError as error:
            size = -1
            reason = "doesn't exist" if isinstance(error, FileNotFoundError) else f"can't be read ({error.strerror})"
            files.append(ClipError(f"{file} {reason}."))
        sizes.append(size)
    return files, sizes
