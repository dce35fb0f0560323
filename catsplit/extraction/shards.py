"""The one heavy step: decode clips in threads, pass their views through the backbone, keep shards of features.

`make_shards` is the whole of it, a map from ranges of clips to shards on disk; `catsplit.distributed` maps
the same function over many machines.
"""

import math
import sys
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from catsplit.backbones import Backbone
from catsplit.errors import CatsplitError, ClipError
from catsplit.extraction.decoding import Decoded, decoded
from catsplit.extraction.store import Ranges, Skipped, Store
from catsplit.video import Sampling

SHARD = 128  # clips: what a killed run has to do again at most

Shard = tuple[int, int]  # its first clip, and the one after its last
Made = Generator[tuple[Shard, Skipped], None, None]


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

    def failure(self, index: int, error: object) -> ClipError:
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
    with closing(_decoded(job, [[index] for index, _ in skipped])) as batches:
        for _, _, errors in batches:
            _refuse(job, errors)
    warnings.warn("Clips that were skipped before can be read now: making their features.", stacklevel=3)
    return True


def make_shards(
    job: Job, store: Store, shards: Sequence[Shard], advance: Callable[[int], object] = lambda clips: None
) -> Made:
    """Make shards, and yield each with what it skipped once it is written. Close the generator when you leave it early.

    The batches are fixed ranges of clips, so that no interruption changes who meets whom. A batch's features are
    fetched when the next batch has begun: a GPU finds its work waiting, across shards too.

    Args:
        advance: is told of clips that are done, as many as they are.

    Raises:
        ClipError: the job is strict and a clip can't be read.
        CacheError, CatsplitError: as `make`.
    """
    ranges = [
        range(first, min(first + job.batch, stop)) for start, stop in shards for first in range(start, stop, job.batch)
    ]
    with closing(_decoded(job, ranges)) as batches:
        begun = _one_late(_begun(job, batches))
        for start, stop in shards:
            features, skipped = [np.empty((0, job.sampling.views, job.backbone.dim), np.float32)], []
            for _ in range(start, stop, job.batch):
                kept, lost, wait = next(begun)
                skipped += lost
                if wait:
                    features.append(_features(job, kept, wait))
                advance(len(kept) + len(lost))
            store.write_shard(start, stop, np.concatenate(features), skipped)
            yield (start, stop), skipped


def make(job: Job, store: Store, run: Callable[..., Made] = make_shards) -> None:
    """Make what the store lacks, shard by shard, and finish it; the caller holds the store's lock.

    Args:
        run: what makes the shards; it is called as `make_shards`.

    Raises:
        ClipError: the job is strict and a clip can't be read, or none can.
        CacheError: the store can't be written.
        CatsplitError: the backbone gives another shape, or values that aren't finite.
    """
    count = len(job.clips)
    ranges = [(start, min(start + SHARD, count)) for start in range(0, count, SHARD)]
    store.begin(ranges)
    todo, skipped = missing(job, store, ranges)
    left = sum(stop - start for start, stop in todo)
    # Not a line in a log for each step: without a terminal there is no bar, but notebooks draw their own.
    hidden = (False if "ipykernel" in sys.modules else None) if job.progress else True
    bar = tqdm(total=count, initial=count - left, desc="Features", unit="clip", disable=hidden)
    with bar, closing(run(job, store, todo, bar.update)) as made:
        for _, lost in made:
            skipped += lost
    if len(skipped) == count:
        raise ClipError(f"None of the {count:,} clips can be read; the first: {min(skipped)[1]}")
    about = {"backbone": job.backbone.name, "sampling": asdict(job.sampling), "batch": job.batch}
    store.finish(ranges, about)


def missing(job: Job, store: Store, ranges: Ranges) -> tuple[list[Shard], Skipped]:
    """Those shards that aren't there yet, or lack clips that the job wants; and what the others skipped."""
    todo, skipped = [], []
    for shard in ranges:
        kept = store.read_shard(*shard)
        if kept is None or (job.strict and kept[1]):
            todo.append(shard)
        else:
            skipped += kept[1]
    return todo, skipped


def _decoded(job: Job, batches: Iterable[Sequence[int]]) -> Generator[Decoded, None, None]:
    device = getattr(job.backbone, "device", None)
    return decoded(
        job.files, job.sampling, batches, workers=job.workers,
        ahead=1 + math.ceil(job.workers / job.batch),  # no thread is idle while the backbone works
        pinned=device is not None and torch.device(device).type == "cuda",
    )  # fmt: skip


def _begun(job: Job, batches: Iterable[Decoded]) -> Iterator[tuple[list[int], Skipped, Callable[[], Tensor] | None]]:
    """Yield the clips of each batch that could be read, those that couldn't, and what waits for the features."""
    for indices, views, errors in batches:
        _refuse(job, errors)
        lost = {index for index, _ in errors}
        kept = [index for index in indices if index not in lost]
        if lost:
            views = views[[index not in lost for index in indices]]
        yield kept, errors, _start(job.backbone, views.flatten(0, 1)) if kept else None


def _start(backbone: Backbone, views: Tensor) -> Callable[[], Tensor]:
    if hasattr(backbone, "start"):
        return backbone.start(views)
    features = backbone(views)
    return lambda: features


def _one_late(items: Iterator) -> Iterator:
    """Each item when the next one is there too, or has failed, so that a failure costs nothing that came before."""
    held = deque()
    while True:
        try:
            held.append(next(items))
        except StopIteration:
            yield from held
            return
        except BaseException:
            yield from held
            raise
        if len(held) > 1:
            yield held.popleft()


def _refuse(job: Job, errors: Skipped) -> None:
    if job.strict and errors:
        index, reason = errors[0]
        raise job.failure(index, reason)


def _features(job: Job, kept: Sequence[int], wait: Callable[[], Tensor]) -> np.ndarray:
    """(b, V, D) float32 of the clips that were read."""
    count, expected = len(kept) * job.sampling.views, (len(kept), job.sampling.views, job.backbone.dim)
    result = torch.as_tensor(wait()).detach()
    if tuple(result.shape) != (count, job.backbone.dim):
        raise CatsplitError(
            f'The backbone "{job.backbone.name}" gave {tuple(result.shape)} for {count} views, '
            f"expected {(count, job.backbone.dim)}."
        )
    result = result.to("cpu", torch.float32).numpy().reshape(expected)
    finite = np.isfinite(result).all((1, 2))
    if not finite.all():
        clip = job.clips[kept[int(finite.argmin())]]
        raise CatsplitError(f'The backbone "{job.backbone.name}" gave values that aren\'t finite for "{clip}".')
    return result
