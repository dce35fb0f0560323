"""The one heavy step: decode clips in threads, pass their views through the backbone, keep shards of features."""

import sys
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from catsplit.backbones import Backbone
from catsplit.errors import CatsplitError, ClipError
from catsplit.featurestore import Skipped, Store
from catsplit.video import Sampling, read_views

SHARD = 128  # clips: what a killed run has to do again at most


@dataclass(frozen=True)
class Job:
    """What to extract, and how.

    Attributes:
        files: of each clip its file, or why there is none.
        source: where the clips are listed, for messages.
        strict: a clip that can't be read is an error; else it is skipped.
        workers: threads that decode.
        batch: clips that pass through the backbone at once.
    """

    clips: Sequence[str]
    files: Sequence[Path | ClipError]
    backbone: Backbone
    sampling: Sampling
    source: str | None
    strict: bool
    workers: int
    batch: int
    progress: bool

    def failure(self, index: int, error: ClipError) -> ClipError:
        """The error of a clip, with its row and the way out."""
        row = f"Row {index + 1} of {self.source}" if self.source else f"Clip {index + 1} of {len(self.clips):,}"
        absent = sum(isinstance(file, ClipError) for file in self.files)
        others = f" {absent:,} files in all are missing or empty." if absent > 1 else ""
        return ClipError(
            f'{row}, "{self.clips[index]}": {error}{others} Pass on_error="skip" to leave out the clips that '
            "can't be read."
        )


def stale(job: Job, skipped: Skipped) -> bool:
    """Whether features without the skipped clips won't do: the job wants all clips, and these can be read now.

    Raises:
        ClipError: the job wants all clips, and one still can't be read.
    """
    if not (job.strict and skipped):
        return False
    with closing(_decoded(job, [index for index, _ in skipped])) as decoded:
        for index, clip in decoded:
            if isinstance(clip, ClipError):
                raise job.failure(index, clip) from clip
    warnings.warn("Clips that were skipped before can be read now: making their features.", stacklevel=3)
    return True


def make(job: Job, store: Store) -> None:
    """Make what the store lacks, shard by shard, and finish it; the caller holds the store's lock.

    Raises:
        ClipError: the job is strict and a clip can't be read, or none can.
        CacheError: the store can't be written.
        CatsplitError: the backbone gives another shape, or values that aren't finite.
    """
    count = len(job.clips)
    ranges = [(start, min(start + SHARD, count)) for start in range(0, count, SHARD)]
    store.begin(ranges)
    skipped, todo = [], []
    for shard in ranges:
        kept = store.read_shard(*shard)
        if kept is None or (job.strict and kept[1]):
            todo.append(shard)
        else:
            skipped += kept[1]
    missing = [index for shard in todo for index in range(*shard)]
    # Not a line in a log for each step: without a terminal there is no bar, but notebooks draw their own.
    hidden = (False if "ipykernel" in sys.modules else None) if job.progress else True
    bar = tqdm(total=count, initial=count - len(missing), desc="Features", unit="clip", disable=hidden)
    with bar, closing(_decoded(job, missing)) as decoded:
        for start, stop in todo:
            skipped += _make_shard(job, store, start, stop, decoded, bar)
    if len(skipped) == count:
        raise ClipError(f"None of the {count:,} clips can be read; the first: {min(skipped)[1]}")
    about = {"backbone": job.backbone.name, "sampling": asdict(job.sampling), "batch": job.batch}
    store.finish(ranges, about)


def _make_shard(
    job: Job, store: Store, start: int, stop: int, decoded: Iterator[tuple[int, np.ndarray | ClipError]], bar: tqdm
) -> Skipped:
    """Make one shard. Its batches are fixed ranges of clips, so that no interruption changes who meets whom."""
    features, skipped = [np.empty((0, job.sampling.views, job.backbone.dim), np.float32)], []
    for first in range(start, stop, job.batch):
        views, names = [], []
        for _ in range(first, min(first + job.batch, stop)):
            index, clip = next(decoded)
            if not isinstance(clip, ClipError):
                views.append(clip)
                names.append(job.clips[index])
            elif job.strict:
                raise job.failure(index, clip) from clip
            else:
                skipped.append((index, str(clip)))
        if views:
            features.append(_features(job, np.stack(views), names))
        bar.update(len(range(first, min(first + job.batch, stop))))
    store.write_shard(start, stop, np.concatenate(features), skipped)
    return skipped


def _features(job: Job, views: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(b, V, T, H, W, 3) uint8 to (b, V, D) float32."""
    count = len(views) * views.shape[1]
    result = torch.as_tensor(job.backbone(torch.from_numpy(views).flatten(0, 1))).detach()
    if tuple(result.shape) != (count, job.backbone.dim):
        raise CatsplitError(
            f'The backbone "{job.backbone.name}" gave {tuple(result.shape)} for {count} views, '
            f"expected {(count, job.backbone.dim)}."
        )
    result = result.to("cpu", torch.float32).numpy().reshape(*views.shape[:2], -1)
    finite = np.isfinite(result).all((1, 2))
    if not finite.all():
        raise CatsplitError(
            f'The backbone "{job.backbone.name}" gave values that aren\'t finite for "{names[finite.argmin()]}".'
        )
    return result


def _decoded(job: Job, indices: Iterable[int]) -> Iterator[tuple[int, np.ndarray | ClipError]]:
    """Yield (index, views or error) in order, decoding a batch and some more ahead of the one that is asked for.

    Threads, not processes: decord works outside Python's lock, so that they fill the processors, start at once,
    copy nothing and die with their process. Each reader lives in one thread, as decord needs it.
    """
    pending: deque[tuple[int, Future]] = deque()
    pool = ThreadPoolExecutor(job.workers, thread_name_prefix="decode")
    try:
        for index in indices:
            pending.append((index, pool.submit(_views, job.files[index], job.sampling)))
            if len(pending) > job.batch + job.workers:
                index, future = pending.popleft()
                yield index, future.result()
        while pending:
            index, future = pending.popleft()
            yield index, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _views(file: Path | ClipError, sampling: Sampling) -> np.ndarray | ClipError:
    if isinstance(file, ClipError):
        return file
    try:
        return read_views(file, sampling)
    except ClipError as error:
        return error
