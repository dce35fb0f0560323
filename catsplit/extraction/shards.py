"""The one heavy step: decode clips in threads, pass their views through the backbone, keep shards of features.

`make_shards` is the whole of it, a map from ranges of clips to shards on disk; `catsplit.distributed` maps
the same function over many machines.
"""

import sys
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from catsplit.backbones import Backbone, checked
from catsplit.errors import CacheError, CatsplitError, ClipError
from catsplit.extraction.decoding import Told, ahead, decoded
from catsplit.extraction.store import Kept, Notes, Shard, Store, skipped
from catsplit.video import Sampling

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

    def decoded(self, batches: Sequence[Sequence[int]]) -> Generator[tuple[Tensor, Told], None, None]:
        """As `decoding.decoded`, of this job's clips."""
        device = torch.device(getattr(self.backbone, "device", "cpu"))
        return decoded(self.files, self.sampling, batches, workers=self.workers, pinned=device.type == "cuda")

    def refuse(self, notes: Notes) -> None:
        """Raise ClipError, with its row and the way out, if all clips are wanted and one of these can't be read."""
        for number, reason in skipped(notes) if self.strict else ():
            row = f"Row {number + 1} of {self.source}" if self.source else f"Clip {number + 1} of {len(self.clips):,}"
            absent = sum(isinstance(file, ClipError) for file in self.files)
            others = f" {absent:,} files in all are missing or empty." if absent > 1 else ""
            raise ClipError(
                f'{row}, "{self.clips[number]}": {reason}{others} Pass on_error="skip" to leave out the clips that '
                "can't be read."
            )

    def accepts(self, kept: Kept | None) -> bool:
        """Whether features are there, and lack no clip that is wanted."""
        return kept is not None and not (self.strict and skipped(kept.notes))


def make(job: Job, store: Store, run: Callable[..., None]) -> Kept:
    """Make what the store lacks, shard by shard, and finish it, or wait for another process that does.

    Args:
        run: what makes the shards; it is called as `make_shards`.

    Raises:
        ClipError: the job is strict and a clip can't be read, or none can.
        CacheError: the store can't be written.
        CatsplitError: the backbone gives another shape, or values that aren't finite.
    """
    count = len(job.clips)
    shards = [(start, min(start + SHARD, count)) for start in range(0, count, SHARD)]
    with store.lock():
        whole = store.load(warn=False)
        if job.accepts(whole):
            return whole
        if whole:
            _try_again(job, whole)

        def part(shard: Shard) -> Kept | None:
            kept = store.load(shard) or (whole and whole.of(shard))
            return kept if job.accepts(kept) else None

        todo = [shard for shard in shards if part(shard) is None]
        done = count - sum(stop - start for start, stop in todo)
        # Not a line in a log for each step: without a terminal there is no bar, but notebooks draw their own.
        hidden = (False if "ipykernel" in sys.modules else None) if job.progress else True
        with tqdm(total=count, initial=done, desc="Features", unit="clip", disable=hidden) as bar:
            run(job, store, todo, bar.update)
        parts = [part(shard) for shard in shards]
        if None in parts:
            raise CacheError(f"Shards in {store.folder} were damaged or removed while in use: run this again.")
        lost = [clip for kept in parts for clip in skipped(kept.notes)]
        if len(lost) == count:
            raise ClipError(f"None of the {count:,} clips can be read; the first: {lost[0][1]}")
        store.save(parts, backbone=job.backbone.name, sampling=asdict(job.sampling), batch=job.batch)
        store.tidy()
        return store.load()


def _try_again(job: Job, kept: Kept) -> None:
    """Read clips that were skipped: what is finished stays if all are wanted and one still can't be read."""
    with closing(job.decoded([[number] for number, _ in skipped(kept.notes)])) as batches:
        for _, told in batches:
            job.refuse(list(told.items()))
    warnings.warn("Clips that were skipped before can be read now: making their features.", stacklevel=4)


def make_shards(
    job: Job, store: Store, shards: Sequence[Shard], advance: Callable[[int], object] = lambda clips: None
) -> None:
    """Make shards. Each is there once it is finished, whatever happens to the next one.

    The batches are fixed ranges of clips, so that no interruption changes who meets whom. A batch's features are
    fetched when the next batch has begun: a GPU finds its work waiting, across shards too.

    Args:
        advance: is told of clips that are done, as many as they are.

    Raises:
        ClipError, CacheError, CatsplitError: as `make`.
    """
    batches = [
        range(first, min(first + job.batch, stop)) for start, stop in shards for first in range(start, stop, job.batch)
    ]
    with closing(job.decoded(batches)) as ready:
        begun = ahead(((told, _begin(job, views, told)) for views, told in ready), 1)
        for start, stop in shards:
            features, notes = [], []
            for _ in range(start, stop, job.batch):
                told, wait = next(begun)
                notes += [(n, note) for n, note in told.items() if isinstance(note, str) or note < job.sampling.frames]
                job.refuse(notes)
                features.append(wait())
                advance(len(told))
            store.save([Kept(np.concatenate(features), notes)], (start, stop))


def _begin(job: Job, views: Tensor, told: Told) -> Callable[[], np.ndarray]:
    """Begin with the features of a batch; what waits for them gives those of the clips that were read, (b, V, D)."""
    read = [isinstance(note, int) for note in told.values()]
    if not any(read):
        return lambda: np.empty((0, job.sampling.views, job.backbone.dim), np.float32)
    views = (views if all(read) else views[read]).flatten(0, 1)
    start = getattr(job.backbone, "start", None)
    begun = start(views) if start else job.backbone(views)

    def finish() -> np.ndarray:
        features = checked(job.backbone, begun() if start else begun, len(views))
        result = features.cpu().numpy().reshape(sum(read), job.sampling.views, -1)
        finite = np.isfinite(result).all((1, 2))
        if not finite.all():
            clip = [job.clips[n] for n, note in told.items() if isinstance(note, int)][int(finite.argmin())]
            raise CatsplitError(f'The backbone "{job.backbone.name}" gave values that aren\'t finite for "{clip}".')
        return result

    return finish
