"""Which clips are learned from: so many of each subcategory, or all of them but a fifth that decides when to stop."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.metrics import check_targets
from catsplit.modifiers import Split, check_split

ALL = -1  # in a table: all training clips
HELD_OUT = 0.2  # of them


def sample(
    head: Head, split: Split, targets: Tensor, shots: int | None, *, seed: int = 0, without: Sequence[int] = ()
) -> Tensor:
    """Numbers (k · shots,) of the clips to train on: `shots` of each subcategory, or all of them if None.

    Samples of one seed are nested: the clips of fewer shots are among those of more.

    Args:
        targets: (N,) rows of the clips; only those of the subcategories, C + j, are drawn.
        seed: decides the draw; each subcategory's is independent of how many clips the others have.
        without: numbers of clips that can't be used; the next of the draw take their places, so that which else
            can't be used makes no difference.

    Raises:
        CatsplitError: less than one shot, more than a subcategory has clips, or a subcategory without clips.
        HeadError: the split doesn't fit the head.
    """
    if shots is not None and shots < 1:
        raise CatsplitError(f"A sample needs one shot or more of each subcategory, not {shots}.")
    drawn = _shuffled(head, split, targets, seed, without, shots or 1)
    return torch.cat([clips[:shots] for clips in drawn])


def hold_out(
    head: Head, split: Split, targets: Tensor, *, seed: int = 0, without: Sequence[int] = ()
) -> tuple[Tensor, Tensor]:
    """All clips of the subcategories in two lots: to train on, and a fifth of each that decides when to stop.

    Args:
        targets, seed, without: as for `sample`.

    Raises:
        CatsplitError: a subcategory with fewer than two clips.
        HeadError: the split doesn't fit the head.
    """
    drawn = _shuffled(head, split, targets, seed, without, 2)
    parted = [clips.tensor_split([-max(1, round(HELD_OUT * len(clips)))]) for clips in drawn]
    train, held = map(torch.cat, zip(*parted, strict=True))
    return train, held


def checked_targets(head: Head, split: Split, targets: Tensor, clips: int) -> Tensor:
    """Targets as (N,) int64; raises for a split or targets that don't fit the head."""
    check_split(head, split)
    return check_targets(targets, clips, len(head), len(split.subcategories))


def _shuffled(
    head: Head, split: Split, targets: Tensor, seed: int, without: Sequence[int], least: int
) -> list[Tensor]:
    """The clips of each subcategory, `least` or more, in the order in which `seed` draws them."""
    if seed < 0:
        raise CatsplitError(f"The seed of a sample must be zero or more, not {seed}.")
    targets, drawn = checked_targets(head, split, targets, len(targets)), []
    for j, label in enumerate(split.subcategories):
        clips = (targets == len(head) + j).nonzero()[:, 0].numpy()
        order = np.random.default_rng([seed, j]).permutation(clips)
        order = order[~np.isin(order, without)]
        if len(order) < least:
            raise CatsplitError(
                f'"{label}" of "{split.coarse}" has {len(order)} clips that can be used, but needs {least} or more: '
                "add clips, or ask for fewer shots."
            )
        drawn.append(torch.from_numpy(order))
    return drawn
