"""Low-shot rows: isolated fine-tuning of the new rows on a few labelled clips, and the whole-head variant.

As published (Liu & Doughty, ICLR 2026, arXiv 2602.16545): only the k new rows and biases learn,
the backbone and the old rows are frozen. Cross-entropy over all C + k logits, the coarse category included as a
frozen competitor; dropout 0.25 on the features; AdamW; cosine annealing, one step an epoch; early stop. In
each epoch every clip is seen once, through one of its views drawn at random. Clips are numbered and targets
are rows as in `catsplit.metrics`: the j-th subcategory is C + j.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.head import Head, Rows
from catsplit.modifiers import Split
from catsplit.rows import Features, as_features
from catsplit.training.recipe import PUBLISHED, Recipe
from catsplit.training.shots import check_clips, check_targets, edited_head, extended, hold_out, random_rows, sample
from catsplit.training.sidebyside import train_rows

__all__ = [
    "PUBLISHED",
    "Fit",
    "Job",
    "Recipe",
    "Run",
    "finetune",
    "finetune_splits",
    "hold_out",
    "random_rows",
    "sample",
]

ALL = -1  # in a table: all training clips


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
        losses: mean training loss over the clips, dropout included, of each epoch that ran.
        validation: loss of the clips for validation after each epoch; empty without such clips.
        kept: how many epochs the rows have behind them; fewer than ran where the best epoch was restored.
    """

    head: Head
    rows: Rows = field(repr=False)
    losses: tuple[float, ...] = field(repr=False)
    validation: tuple[float, ...] = field(repr=False)
    kept: int


class Job(NamedTuple):
    """A split and the runs that fine-tune it; as the arguments of `finetune`."""

    split: Split
    features: Features
    targets: Tensor
    runs: Sequence[Run]


def finetune(
    head: Head,
    split: Split,
    features: Features,
    targets: Tensor,
    runs: Sequence[Run],
    *,
    learn: Literal["new rows", "whole head"] = "new rows",
    recipe: Recipe = PUBLISHED,
) -> list[Fit]:
    """Fine-tune on clips of the subcategories, all runs at once; each ends as it would alone, but for rounding.

    Args:
        features: (N, V, D).
        targets: (N,) C + j for clips of the j-th subcategory; clips of other categories are not used.
        runs: each with its initial rows, seed and clips.
        learn: "new rows", the published method: the old rows stay as they are, bit for bit. "whole head", for
            comparison: all C + k rows and biases learn.

    Returns:
        One `Fit` for each run, in their order.

    Raises:
        HeadError: the split or the initial rows don't fit the head.
        CatsplitError: no runs; features of another shape, or with NaN or infinity; a run whose clips are
            not of the subcategories, or that lacks one of them.
    """
    return finetune_splits(head, [Job(split, features, targets, runs)], learn=learn, recipe=recipe)[0]


def finetune_splits(
    head: Head,
    jobs: Sequence[Job],
    *,
    learn: Literal["new rows", "whole head"] = "new rows",
    recipe: Recipe = PUBLISHED,
) -> list[list[Fit]]:
    """`finetune` for several splits of one head, side by side; at few clips several times faster than one by one.

    Returns:
        The fits of each job, in their order.

    Raises:
        HeadError, CatsplitError: as `finetune`.
    """
    if learn not in ("new rows", "whole head"):
        raise CatsplitError(f'What is to learn must be "new rows" or "whole head", not "{learn}".')
    if not jobs:
        return []
    lots: list[tuple[Tensor, Tensor | None]] = []
    starts, everything, wanted, count = [], [], [], 0
    for split, given, given_targets, runs in jobs:
        features = as_features(head.dim, given)
        targets = check_targets(head, split, given_targets, len(features))
        if not runs:
            raise CatsplitError(f'No run was given to fine-tune "{split.coarse}" with.')
        starts += [extended(head, split, run.initial) for run in runs]
        own = [check_clips(head, split, targets, run.clips, run.validation) for run in runs]
        used = torch.cat([lot for pair in own for lot in pair if lot is not None]).unique()
        place = torch.zeros_like(targets).index_copy_(0, used, torch.arange(count, count + len(used)))
        lots += [(place[train], None if held is None else place[held]) for train, held in own]
        features, count = features[used].float(), count + len(used)
        if not (finite := features.isfinite().flatten(1).all(1)).all():
            clip = int(used[~finite][0])
            raise CatsplitError(f"The features of clip number {clip} hold NaN or infinity: extract them again.")
        everything.append(features)
        wanted.append(targets[used])
    features, targets = torch.cat(everything), torch.cat(wanted)
    flat = [(job.split, run) for job in jobs for run in job.runs]
    # Runs go side by side where they have equally many rows and clips, and so tensors of the same shapes.
    alike: dict[tuple[int, ...], list[int]] = {}
    for i, (train, held) in enumerate(lots):
        shape = (len(starts[i][1]), len(train), 0 if held is None else len(held))
        alike.setdefault(shape, []).append(i)
    fits: dict[int, Fit] = {}
    for (_, clips, watched), members in alike.items():
        trained = train_rows(
            features,
            targets,
            torch.stack([lots[i][0] for i in members]),
            torch.stack([lots[i][1] for i in members]) if watched else None,
            [flat[i][1].seed for i in members],
            torch.stack([starts[i][0] for i in members]),
            torch.stack([starts[i][1] for i in members]),
            len(head) if learn == "new rows" else 0,
            recipe,
        )
        for i, (weight, bias, losses, validation, kept) in zip(members, trained, strict=True):
            split, run = flat[i]
            told = {"seed": run.seed, "clips": clips, "epochs": kept}
            edited, rows = edited_head(head, split, weight, bias, run.initial, learn, told)
            fits[i] = Fit(edited, rows, losses, validation, kept)
    in_order = (fits[i] for i in range(len(flat)))
    return [[next(in_order) for _ in job.runs] for job in jobs]
