"""Clips to batches of views, decoded ahead of the backbone."""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from catsplit.errors import ClipError
from catsplit.video import Sampling, read_views

Decoded = tuple[Sequence[int], Tensor, list[tuple[int, str]]]


def decoded(
    files: Sequence[Path | ClipError],
    sampling: Sampling,
    batches: Iterable[Sequence[int]],
    *,
    workers: int,
    ahead: int,
    pinned: bool = False,
) -> Generator[Decoded, None, None]:
    """Yield each batch of clips in turn, with views and errors. Close the generator when you leave it early.

    Threads, not processes: decord and NumPy work outside Python's lock, so that two threads are about as fast as two
    processes that don't even hand their views over (benchmarks/decode.md); and they start at once, and write views
    where the backbone takes them from. Each reader lives in one thread, as decord needs it.

    Args:
        files: of each clip its file, or why there is none.
        batches: which clips, by their numbers in `files`.
        workers: threads.
        ahead: batches that are decoded while the one before them is used.
        pinned: put views into memory that a GPU can fetch by itself.

    Yields:
        the numbers of the clips; their views (b, V, T, H, W, 3) uint8, arbitrary where there is an error; and
        (number, reason) of the clips that can't be read.
    """
    pending: deque[tuple[Sequence[int], Tensor, list[Future[str | None]]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        for indices in batches:
            views = _empty((len(indices), *sampling.shape), pinned)
            places = zip(indices, views.numpy(), strict=True)
            pending.append((indices, views, [pool.submit(_read, files[index], sampling, out) for index, out in places]))
            if len(pending) > ahead:
                yield _finished(*pending.popleft())
        while pending:
            yield _finished(*pending.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _empty(shape: tuple[int, ...], pinned: bool) -> Tensor:
    if pinned:
        return torch.empty(shape, dtype=torch.uint8, pin_memory=True)
    return torch.from_numpy(np.empty(shape, np.uint8))  # NumPy asks the system for large pages, torch doesn't


def _finished(indices: Sequence[int], views: Tensor, reasons: list[Future[str | None]]) -> Decoded:
    found = [(index, reason.result()) for index, reason in zip(indices, reasons, strict=True)]
    return indices, views, [(index, reason) for index, reason in found if reason is not None]


def _read(file: Path | ClipError, sampling: Sampling, out: np.ndarray) -> str | None:
    """Fill `out` with the views of a clip, or tell why that can't be."""
    if isinstance(file, ClipError):
        return str(file)
    try:
        read_views(file, sampling, out)
    except ClipError as error:
        return str(error)
    return None
