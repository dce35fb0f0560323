"""A fine-tuning run: what it begins with, and what it comes to, whether new rows learn or the whole model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head, Rows
from catsplit.modifiers import Split, named_rows


@dataclass(frozen=True, eq=False)
class Run:
    """One fine-tuning among those that share a split.

    Attributes:
        initial: {subcategory: (D,)}, the rows to begin with: `random_rows`, `controls.copies(…, noise=0)`, or
            those of retrieval or alignment. Biases are its own if it is a `Rows` with biases, else copies of
            the coarse category's.
        seed: decides the shuffling, the views and the dropout; runs of one seed see the same of all three.
        clips: numbers of the clips to train on (see `sample`); None for all clips of the subcategories.
        validation: numbers of clips that decide when to stop (see `hold_out`), or None. Clips that are to be
            scored don't belong here.
    """

    initial: Mapping[str, Tensor]
    seed: int = 0
    clips: Tensor | Sequence[int] | None = None
    validation: Tensor | Sequence[int] | None = None


@dataclass(frozen=True, eq=False)
class Fit:
    """What a run came to.

    Attributes:
        head: the head after the edit.
        rows: the k new rows, with biases.
        clips: how many clips it learned from.
        kept: how many epochs the rows have behind them; fewer than ran where the best epoch was restored.
        losses: mean training loss over the clips, dropout included, of each epoch that ran.
        validation: loss of the clips for validation after each epoch; empty without such clips.
    """

    head: Head
    rows: Rows = field(repr=False)
    clips: int
    kept: int
    losses: tuple[float, ...] = field(repr=False)
    validation: tuple[float, ...] = field(repr=False, default=())


class Begun(NamedTuple):
    """A run that fits its split and its head.

    Attributes:
        start: the C + k rows to begin with: the head's, coarse one included, and the initial ones.
        clips, held: (n,) and (m,) numbers of clips, to train on and for validation, which may be none.
    """

    head: Head
    split: Split
    run: Run
    start: Head
    clips: Tensor
    held: Tensor

    def ended(
        self, weight: Tensor, bias: Tensor, method: str, kept: int, losses: list[float], validation: Sequence = ()
    ) -> Fit:
        """What the run came to.

        Args:
            weight, bias: (m, D) and (m,) that learned, of the k new rows or of all C + k.
            kept, losses, validation: as `Fit` has them.
        """
        head, split, count = self.head, self.split, len(self.clips)
        before, told = getattr(self.run.initial, "origins", {}), {"seed": self.run.seed, "clips": count, "epochs": kept}
        origins = [
            {"method": method, "initial": before.get(label, {"method": "given"}), **told}
            for label in split.subcategories
        ]
        (old_weight, weight), (old_bias, bias) = (
            learned.clone().tensor_split([-len(origins)]) for learned in (weight, bias)
        )
        rows = named_rows(split, weight, origins, bias)
        if len(old_weight):
            history = head.provenance
            for label in set(history) - {split.coarse}:
                history[label]["then"] = method
            head = Head(old_weight, old_bias, head.labels, history)
        return Fit(head.split(split.coarse, rows), rows, count, kept, tuple(losses), tuple(validation))


def begin(head: Head, split: Split, targets: Tensor, run: Run) -> Begun:
    """Check a run.

    Args:
        targets: (N,) as `samples.checked_targets` gives them.

    Raises:
        HeadError: initial rows of other texts than the subcategories, of another width, or not finite.
        CatsplitError: a clip of no subcategory, or for both uses; a subcategory without a clip to train on.
    """
    k, fine = len(split.subcategories), (targets >= len(head)).nonzero()[:, 0]
    train = fine if run.clips is None else _numbers(run.clips, fine, split)
    held = fine[:0] if run.validation is None else _numbers(run.validation, fine, split)
    for row, label in enumerate(split.subcategories, len(head)):
        if row not in targets[train]:
            raise CatsplitError(f'The subcategory "{label}" of "{split.coarse}" (row {row}) has no clip to train on.')
    if len(both := held[torch.isin(held, train)]):
        raise CatsplitError(f"Clip number {int(both[0])} is to train on and for validation too: keep the two apart.")
    if set(run.initial) != set(split.subcategories):
        raise HeadError(f'The initial rows must be those of the {k} subcategories of "{split.coarse}", all and only.')
    rows = {label: run.initial[label] for label in split.subcategories}
    new = head.split(split.coarse, Rows(rows, biases=getattr(run.initial, "biases", None)))
    weight, bias = torch.cat([head.weight, new.weight[-k:]]), torch.cat([head.bias, new.bias[-k:]])
    return Begun(head, split, run, Head(weight, bias, [*head.labels, *rows]), train, held)


def _numbers(clips: Tensor | Sequence[int], fine: Tensor, split: Split) -> Tensor:
    numbers = torch.as_tensor(clips)
    if not len(numbers) or numbers.dtype == torch.bool:
        raise CatsplitError("Clips are given by one number or more, or as None: a mask or an empty list won't do.")
    if len(wrong := numbers[~torch.isin(numbers, fine)]):
        raise CatsplitError(
            f'Clip number {wrong[0]} is none of the {len(fine)} whose targets are subcategories of "{split.coarse}".'
        )
    return numbers.long()
