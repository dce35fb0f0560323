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
from catsplit.errors import CatsplitError, ClipError
from catsplit.extraction.shards import Job, make, make_shards
from catsplit.extraction.store import Store, key, skipped
from catsplit.paths import atomic_path, cache_dir
from catsplit.video import Sampling
from catsplit.videofile import check_whole

BATCH, BATCH_BYTES = 16, 64 * 2**20  # clips, and bytes of their uint8 views, of which float32 takes four times as much


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of clips.

    Attributes:
        features: (N, V, D) float32, memory-mapped and read-only; row i belongs to paths[i].
        paths: N names of clips as the annotations give them.
        skipped: (path, reason) of the clips that couldn't be read; they have no row.
        short: (path, frames) of the clips with fewer frames than a view takes, of which some are repeated.
    """

    features: np.ndarray = field(repr=False)
    paths: tuple[str, ...] = field(repr=False)
    skipped: tuple[tuple[str, str], ...] = ()
    short: tuple[tuple[str, int], ...] = field(default=(), repr=False)

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
    run: Callable[..., None] = make_shards,
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
    # In a container fewer processors may be ours than the machine has; not every system can tell.
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    fitting = min(max(BATCH_BYTES // math.prod(sampling.shape), 1), BATCH)
    for name, value in (("workers", workers), ("batch_size", batch_size)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise CatsplitError(f"{name} is a whole number of at least 1, not {value!r}.")
    files, sizes = zip(*(_file(clip, resolve) for clip in clips), strict=True)
    job = Job(
        clips, files, backbone, sampling, source, on_error == "raise", workers or processors, batch_size or fitting,
        progress,
    )
    job.refuse([(number, str(file)) for number, file in enumerate(files) if isinstance(file, ClipError)])
    root = Path(cache).expanduser() if cache else cache_dir()
    store = Store(root / "features" / key(clips, sizes, sampling, backbone.key))
    kept = store.load()
    if not job.accepts(kept):
        kept = make(job, store, run)
    lost = skipped(kept.notes)
    if lost:
        number, reason = lost[0]
        warnings.warn(
            f"{len(lost):,} of the {len(clips):,} clips {f'of {source} ' if source else ''}were left out because "
            f"they can't be read, the first in row {number + 1}: {reason} FeatureSet.skipped lists them all.",
            stacklevel=2,
        )
    without = {number for number, _ in lost}
    return FeatureSet(
        features=kept.features,
        paths=tuple(clip for number, clip in enumerate(clips) if number not in without),
        skipped=tuple((clips[number], reason) for number, reason in lost),
        short=tuple((clips[number], frames) for number, frames in kept.notes if number not in without),
    )


def _file(clip: str, resolve: Callable[[str], Path]) -> tuple[Path | ClipError, int]:
    """The file of a clip, or why there is none, and its size in bytes, or −1."""
    size = -1
    try:
        file = Path(resolve(clip))
        size = os.path.getsize(file) if os.path.exists(file) else -1
        if size < 1:
            check_whole(file)
    except ClipError as error:
        return error, size
    return file, size
