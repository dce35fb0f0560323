"""Clips to batches of views, decoded ahead of the backbone."""

import math
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from catsplit.errors import ClipError
from catsplit.video import Sampling, fill_views

Item = TypeVar("Item")
Told = dict[int, int | str]  # of each clip of a batch, by its number: how many frames it has, or why it can't be read


def ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """The items, each when so many after it have begun."""
    begun = deque()
    for item in items:
        begun.append(item)
        if len(begun) > count:
            yield begun.popleft()
    yield from begun


def decoded(
    files: Sequence[Path | ClipError],
    sampling: Sampling,
    batches: Sequence[Sequence[int]],
    *,
    workers: int,
    pinned: bool = False,
) -> Generator[tuple[Tensor, Told], None, None]:
    """Yield each batch of clips in turn. Close the generator when you leave it early.

    Threads, not processes: decord and NumPy work outside Python's lock, so that two threads are about as fast as two
    processes that don't even hand their views over (benchmarks/decode.md); and they start at once, and write views
    where the backbone takes them from. Each reader lives in one thread, as decord needs it.

    Args:
        files: of each clip its file, or why there is none.
        batches: which clips, by their numbers in `files`.
        workers: threads. So many batches are decoded ahead that none is idle while the backbone works.
        pinned: put views into memory that a GPU can fetch by itself.

    Yields:
        views (b, V, T, H, W, 3) uint8, arbitrary where a clip can't be read; and what is told of the clips, in order.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:

        def begin(batch: Sequence[int]) -> tuple[Tensor, list[Future]]:
            views = torch.empty((len(batch), *sampling.shape), dtype=torch.uint8, pin_memory=pinned)
            outs = zip(batch, views.numpy(), strict=True)
            return views, [pool.submit(_fill, files[number], sampling, out) for number, out in outs]

        count = 1 + math.ceil(workers / max(map(len, batches), default=1))
        for batch, (views, told) in zip(batches, ahead(map(begin, batches), count), strict=True):
            yield views, dict(zip(batch, (answer.result() for answer in told), strict=True))


def _fill(file: Path | ClipError, sampling: Sampling, out: np.ndarray) -> int | str:
    try:
        if isinstance(file, ClipError):
            raise file
        return fill_views(file, sampling, out)
    except ClipError as error:
        return str(error)
