"""How many processors small work takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute in one thread, as a `with` block or a decorator.

    For products so small that several threads wait for each other more than they compute; on a machine that is busy
    they spin, and take the processor from the one that has work.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
