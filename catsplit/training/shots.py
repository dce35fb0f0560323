"""Which clips a low-shot edit learns from, and the rows that it begins with."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head, Rows
from catsplit.modifiers import Split, check_split


def random_rows(head: Head, split: Split, *, seed: int = 0) -> Rows:
    """Rows from a normal distribution (std 0.02, truncated at ±2) and biases of zero, as published.

    Raises:
        HeadError: the split doesn't fit the head.
    """
    check_split(head, split)
    rows = torch.empty(len(split.subcategories), head.dim)
    torch.nn.init.trunc_normal_(rows, std=0.02, generator=torch.Generator().manual_seed(seed))
    origins = {
        label: {"method": "random", "modifier": modifier, "seed": seed}
        for label, modifier in zip(split.subcategories, split.modifiers, strict=True)
    }
    zeros = {label: torch.zeros(()) for label in split.subcategories}
    return Rows(zip(split.subcategories, rows, strict=True), origins, zeros)


def sample(head: Head, split: Split, targets: Tensor, shots: int | None, *, seed: int = 0) -> Tensor:
    """Numbers (k · shots,) of the clips to train on: `shots` of each subcategory, or all of them if None.

    Samples of one seed are nested: the clips of fewer shots are among those of more.

    Args:
        targets: (N,) rows of the clips; only those of the subcategories, C + j, are drawn.
        seed: decides the draw; each subcategory's is independent of how many clips the others have.

    Raises:
        CatsplitError: less than one shot, more than a subcategory has clips, or a subcategory without clips.
        HeadError: the split doesn't fit the head.
    """
    drawn = _shuffled(head, split, targets, seed)
    if shots is None:
        return torch.cat(drawn)
    if shots < 1:
        raise CatsplitError(f"A sample needs one shot or more of each subcategory, not {shots}.")
    for label, clips in zip(split.subcategories, drawn, strict=True):
        if shots > len(clips):
            raise CatsplitError(f'{shots} shots of "{label}" were asked for, but it has {len(clips)} clips.')
    return torch.cat([clips[:shots] for clips in drawn])


def hold_out(head: Head, split: Split, targets: Tensor, *, share: float = 0.2, seed: int = 0) -> tuple[Tensor, Tensor]:
    """All clips of the subcategories in two lots: to train on, and to decide when to stop.

    Args:
        targets: (N,), as for `sample`.
        share: of each subcategory's clips that goes into the second lot, one clip at least.

    Raises:
        CatsplitError: a share outside (0, 1), or a subcategory with fewer than two clips.
        HeadError: the split doesn't fit the head.
    """
    if not 0 < share < 1:
        raise CatsplitError(f"The share to hold out must lie between 0 and 1, but it is {share}.")
    train, held = [], []
    for label, clips in zip(split.subcategories, _shuffled(head, split, targets, seed), strict=True):
        if len(clips) < 2:
            raise CatsplitError(f'"{label}" has a single clip, so that none can be held out: add clips.')
        count = min(max(1, round(share * len(clips))), len(clips) - 1)
        train.append(clips[:-count])
        held.append(clips[-count:])
    return torch.cat(train), torch.cat(held)


def _shuffled(head: Head, split: Split, targets: Tensor, seed: int) -> list[Tensor]:
    """The clips of each subcategory in the order in which `seed` draws them."""
    if seed < 0:
        raise CatsplitError(f"The seed of a sample must be zero or more, not {seed}.")
    targets = check_targets(head, split, targets, len(targets))
    check_every(head, split, targets, torch.arange(len(targets)))
    drawn = []
    for j in range(len(split.subcategories)):
        clips = (targets == len(head) + j).nonzero()[:, 0]
        drawn.append(clips[torch.from_numpy(np.random.default_rng([seed, j]).permutation(len(clips)))])
    return drawn


def check_targets(head: Head, split: Split, targets: Tensor, clips: int) -> Tensor:
    """Targets as (N,) int64, or an error unless each is -1, a row of the head or a new row."""
    check_split(head, split)
    targets = torch.as_tensor(np.asarray(targets)).long()
    if targets.shape != (clips,):
        raise CatsplitError(f"{clips} clips need targets of shape ({clips},), not {tuple(targets.shape)}.")
    last = len(head) + len(split.subcategories) - 1
    wrong = ((targets < -1) | (targets > last)).nonzero()
    if len(wrong):
        clip = int(wrong[0])
        raise CatsplitError(
            f'Clip number {clip} has the target {int(targets[clip])}, but the new rows of "{split.coarse}" are '
            f"{len(head)} to {last}."
        )
    return targets


def check_clips(
    head: Head,
    split: Split,
    targets: Tensor,
    clips: Tensor | Sequence[int] | None,
    validation: Tensor | Sequence[int] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """The clips of a run, to train on and for validation, or an error unless all are of the subcategories."""
    train = (targets >= len(head)).nonzero()[:, 0] if clips is None else _numbers(head, split, targets, clips)
    check_every(head, split, targets, train)
    if validation is None:
        return train, None
    held = _numbers(head, split, targets, validation)
    if not len(held):
        raise CatsplitError("Clips for validation were given, but there are none: give None to do without.")
    if (both := torch.isin(held, train)).any():
        raise CatsplitError(
            f"Clip number {int(held[both][0])} is to train on and for validation too: keep the two apart."
        )
    return train, held


def check_every(head: Head, split: Split, targets: Tensor, clips: Tensor) -> None:
    """Raise CatsplitError unless each subcategory has one of the clips."""
    for j, label in enumerate(split.subcategories):
        if not (targets[clips] == len(head) + j).any():
            raise CatsplitError(
                f'The subcategory "{label}" of "{split.coarse}" (row {len(head) + j}) has no clip to train on.'
            )


def _numbers(head: Head, split: Split, targets: Tensor, clips: Tensor | Sequence[int]) -> Tensor:
    clips = torch.as_tensor(np.asarray(clips)).long()
    if clips.ndim != 1 or (len(clips) and not (0 <= int(clips.min()) and int(clips.max()) < len(targets))):
        raise CatsplitError(f"Clips must be a list of numbers from 0 to {len(targets) - 1}.")
    other = clips[targets[clips] < len(head)]
    if len(other):
        clip = int(other[0])
        raise CatsplitError(
            f'Clip number {clip} has the target {int(targets[clip])}, which is no subcategory of "{split.coarse}".'
        )
    return clips


def extended(head: Head, split: Split, initial: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Weight (C + k, D) and bias (C + k,) to begin with: the head's rows, coarse one included, and the new.

    Raises:
        HeadError: initial rows of other texts than the subcategories, of another width, or not finite.
    """
    if set(initial) != set(split.subcategories):
        raise HeadError(
            f'The initial rows must be those of the {len(split.subcategories)} subcategories of "{split.coarse}", '
            "all and only."
        )
    biases = initial.biases if isinstance(initial, Rows) else None
    edited = head.split(split.coarse, {label: initial[label] for label in split.subcategories}, biases)
    new = slice(len(head) - 1, None)
    return torch.cat([head.weight, edited.weight[new]]), torch.cat([head.bias, edited.bias[new]])


def edited_head(
    head: Head,
    split: Split,
    weight: Tensor,
    bias: Tensor,
    initial: Mapping[str, Tensor],
    method: str,
    told: Mapping[str, Any],
) -> tuple[Head, Rows]:
    """The head after the edit and its new rows, from weight (C + k, D) and bias (C + k,) as they ended.

    Old rows are taken over only where they changed, so that their provenance says so.
    """
    begun = initial.origins if isinstance(initial, Rows) else {}
    origins = {
        label: {"method": method, "modifier": modifier, "initial": begun.get(label, {"method": "given"}), **told}
        for label, modifier in zip(split.subcategories, split.modifiers, strict=True)
    }
    new = slice(len(head), None)
    biases = dict(zip(split.subcategories, bias[new].clone(), strict=True))
    rows = Rows(zip(split.subcategories, weight[new].clone(), strict=True), origins, biases)
    edited = head.split(split.coarse, rows)
    if torch.equal(weight[: len(head)], head.weight) and torch.equal(bias[: len(head)], head.bias):
        return edited, rows
    stay = [row for row in range(len(weight)) if row != head.index(split.coarse)]
    history = {
        label: origin if label in rows else {**origin, "then": method} for label, origin in edited.provenance.items()
    }
    return Head(weight[stay], bias[stay], edited.labels, history), rows
