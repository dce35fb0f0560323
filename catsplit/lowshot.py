"""Low-shot rows: isolated fine-tuning of the new rows on a few labelled clips, and the whole-head variant.

As published (Liu & Doughty, ICLR 2026, arXiv 2602.16545): only the k new rows and biases learn,
the backbone and the old rows are frozen. Cross-entropy over all C + k logits, the coarse category included as a
frozen competitor; dropout 0.25 on the features; AdamW; cosine annealing, one step an epoch; early stop. In
each epoch every clip is seen once, through one of its views drawn at random. Clips are numbered and targets
are rows as in `catsplit.metrics`: the j-th subcategory is C + j.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head, Rows
from catsplit.metrics import check_targets
from catsplit.modifiers import Split, check_split, named_rows
from catsplit.rows import Features, as_features

ALL = -1  # in a table: all training clips
HELD_OUT = 0.2  # of them


@dataclass(frozen=True)
class Recipe:
    """The published settings of fine-tuning.

    After each epoch the loss enters a moving average (0.95); a run stops after `patience` epochs in which the
    average gains less than `gain` over its best. The loss is the training loss, as it ran; or, for runs with
    clips for validation, their loss (all views, no dropout), and then the run goes back to its best epoch.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    dropout: float = 0.25
    batch: int = 16
    epochs: int = 100
    smoothing: float = 0.95
    patience: int = 5
    gain: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1 or min(self.batch, self.epochs, self.patience) < 1:
            raise CatsplitError(
                "A recipe needs dropout in [0, 1), and one or more of batch, epochs and patience, "
                f"not {self.dropout}, {self.batch}, {self.epochs} and {self.patience}."
            )


PUBLISHED = Recipe()


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


class Job(NamedTuple):
    """A split and the runs that fine-tune it; as the arguments of `finetune`."""

    split: Split
    features: Features
    targets: Tensor
    runs: Sequence[Run]


def random_rows(head: Head, split: Split, *, seed: int = 0) -> Rows:
    """Rows from a normal distribution (std 0.02, truncated at ±2) and biases of zero, as published.

    Raises:
        HeadError: the split doesn't fit the head.
    """
    check_split(head, split)
    rows = torch.empty(len(split.subcategories), head.dim)
    torch.nn.init.trunc_normal_(rows, std=0.02, generator=torch.Generator().manual_seed(seed))
    return named_rows(split, rows, [{"method": "random", "seed": seed}] * len(rows), torch.zeros(len(rows)))


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
    train, held = [], []
    for clips in _shuffled(head, split, targets, seed, without, 2):
        count = max(1, round(HELD_OUT * len(clips)))
        train.append(clips[:-count])
        held.append(clips[-count:])
    return torch.cat(train), torch.cat(held)


def _shuffled(
    head: Head, split: Split, targets: Tensor, seed: int, without: Sequence[int], least: int
) -> list[Tensor]:
    """The clips of each subcategory, `least` or more, in the order in which `seed` draws them."""
    if seed < 0:
        raise CatsplitError(f"The seed of a sample must be zero or more, not {seed}.")
    targets = checked_targets(head, split, targets, len(targets))
    drawn = []
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
            not of the subcategories, or that lacks one of them; a loss that is no longer finite.
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
        HeadError, CatsplitError: as `finetune`; or splits whose features have different numbers of views.
    """
    if learn not in ("new rows", "whole head"):
        raise CatsplitError(f'What is to learn must be "new rows" or "whole head", not "{learn}".')
    tasks, xs, ys = [], [], []
    for split, features, targets, runs in jobs:
        features = as_features(head.dim, features)
        targets = checked_targets(head, split, targets, len(features))
        if not runs:
            raise CatsplitError(f'No run was given to fine-tune "{split.coarse}" with.')
        lots = [checked_clips(head, split, targets, run) for run in runs]
        used = torch.cat([clips for lot in lots for clips in lot]).unique()
        x = features[used].float()
        if not (finite := x.isfinite().flatten(1).all(1)).all():
            clip = int(used[~finite][0])
            raise CatsplitError(f"The features of clip number {clip} hold NaN or infinity: extract them again.")
        if xs and x.shape[1] != xs[0].shape[1]:
            raise CatsplitError(
                f'The clips of "{split.coarse}" have {x.shape[1]} views, but those of the splits before it '
                f"{xs[0].shape[1]}: splits learn side by side only where they have equally many."
            )
        first = sum(map(len, xs))
        for run, lot in zip(runs, lots, strict=True):
            train, held = (first + torch.searchsorted(used, clips) for clips in lot)
            tasks.append(_Task(split, run, extended(head, split, run.initial), train, held))
        xs.append(x)
        ys.append(targets[used])
    if not tasks:
        return []
    features, targets = torch.cat(xs), torch.cat(ys)
    # Runs go side by side where they have equally many rows and clips, and so tensors of the same shapes.
    alike: dict[tuple[int, ...], list[int]] = {}
    for i, task in enumerate(tasks):
        alike.setdefault((len(task.start), len(task.clips), len(task.held)), []).append(i)
    fits: dict[int, Fit] = {}
    for places in alike.values():
        trained = _train(head, [tasks[i] for i in places], features, targets, learn, recipe)
        fits |= zip(places, trained, strict=True)
    in_order = (fits[i] for i in range(len(tasks)))
    return [[next(in_order) for _ in job.runs] for job in jobs]


class _Task(NamedTuple):
    """A run, the C + k rows that it begins with, and its clips (n,) and those held out (m,) by their numbers."""

    split: Split
    run: Run
    start: Head
    clips: Tensor
    held: Tensor


def _train(
    head: Head, tasks: Sequence[_Task], features: Tensor, targets: Tensor, learn: str, recipe: Recipe
) -> list[Fit]:
    """Train S runs side by side: at a few clips each, what costs is the number of operations, not their size."""
    first = len(head) if learn == "new rows" else 0
    old_weight, old_bias = head.weight[:first].T.contiguous(), head.bias[:first]
    weight = torch.stack([task.start.weight[first:] for task in tasks])
    bias = torch.stack([task.start.bias[first:] for task in tasks])
    kept_weight, kept_bias = weight.clone(), bias.clone()

    def frozen(x: Tensor) -> Tensor:
        # -inf where no row is frozen
        return (x @ old_weight + old_bias).logsumexp(-1)

    def log_p(x: Tensor, old: Tensor) -> Tensor:
        """Of the rows that learn; the frozen ones enter through one number for each view."""
        logits = torch.baddbmm(bias[:, None], x, weight.mT)
        return logits - torch.logaddexp(old, logits.logsumexp(-1))[..., None]

    # Runs of one seed and the same clips see the same all along, whatever they began with: it is drawn once, and
    # the frozen rows are asked once.
    pairs = [(task.run.seed, *task.clips.tolist()) for task in tasks]
    different = list(dict.fromkeys(pairs))
    whose = torch.tensor([different.index(pair) for pair in pairs])
    clips = torch.tensor([lot for _, *lot in different])
    generators = [torch.Generator().manual_seed(seed) for seed, *_ in different]
    place, (n, views, dim) = torch.arange(len(clips))[:, None], (clips.shape[1], *features.shape[1:])
    held = torch.stack([task.held for task in tasks])
    held_x, held_y = features[held].flatten(1, 2), targets[held].repeat_interleave(views, 1)[..., None] - first
    held_old = torch.stack([frozen(x) for x in held_x])
    optimizer = torch.optim.AdamW([weight, bias], recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    schedule, progress = CosineAnnealingLR(optimizer, recipe.epochs), Progress(len(tasks), recipe)
    while progress.active.any():
        total = torch.zeros(len(tasks))
        for drawn in zip(*(batches(generator, n, views, dim, recipe) for generator in generators), strict=True):
            now, view, mask = map(torch.stack, zip(*drawn, strict=True))
            now = clips[place, now]
            x = features[now, view].mul_(mask)
            old, x, wanted = frozen(x)[whose], x[whose], targets[now][whose][..., None] - first
            error = log_p(x, old)
            total -= error.gather(-1, wanted).sum((1, 2))
            # The gradient of the mean cross-entropy by hand: several times faster than autograd at this size.
            error.exp_().scatter_add_(-1, wanted, torch.full(wanted.shape, -1.0)).div_(now.shape[1])
            weight.grad, bias.grad = torch.bmm(error.mT, x), error.sum(1)
            optimizer.step()
        schedule.step()
        losses = [total / n]
        if held.numel():
            losses.append(-log_p(held_x, held_old).gather(-1, held_y)[..., 0].mean(1))
        keeps = progress.add(*losses)
        kept_weight[keeps], kept_bias[keeps] = weight[keeps], bias[keeps]
    return [
        fitted(head, task.split, task.run, (kept_weight[s], kept_bias[s]), learn, n, progress.of(s))
        for s, task in enumerate(tasks)
    ]


# What fine-tuning of the whole model (`catsplit.models.whole`) does in the same way


class Progress:
    """The losses of S runs, epoch by epoch, and when each of them stops; see `Recipe`."""

    def __init__(self, runs: int, recipe: Recipe) -> None:
        self._recipe = recipe
        self._epochs: list[tuple[Tensor, ...]] = []
        self._average = torch.zeros(runs)
        self._record = torch.full((runs,), torch.inf)
        self._best = torch.zeros(runs, dtype=torch.int64)

    @property
    def active(self) -> Tensor:
        """(S,) the runs that go on."""
        epoch = len(self._epochs)
        return (epoch < self._best + self._recipe.patience) & (epoch < self._recipe.epochs)

    def add(self, *losses: Tensor) -> Tensor:
        """Take an epoch's losses (S,), in training and, if there is any, in validation, which then decides.

        Returns:
            (S,) the runs that are to be kept as they are now.

        Raises:
            CatsplitError: the loss of a run that goes on isn't finite.
        """
        active, recipe, loss = self.active, self._recipe, losses[-1]
        self._epochs.append(losses)
        epoch = len(self._epochs)
        if not loss[active].isfinite().all():
            raise CatsplitError(f"The loss is no longer finite after epoch {epoch}: lower the learning rate.")
        before = loss if epoch == 1 else self._average
        self._average = recipe.smoothing * before + (1 - recipe.smoothing) * loss
        better = active & (self._average < self._record - recipe.gain)
        self._record[better], self._best[better] = self._average[better], epoch
        return better if len(losses) > 1 else active

    def of(self, run: int) -> tuple[int, list[tuple[float, ...]]]:
        """How many epochs are behind what was kept of a run, and the losses of all that it went through."""
        best = int(self._best[run])
        ran = min(best + self._recipe.patience, len(self._epochs))
        curves = [tuple(float(loss[run]) for loss in curve) for curve in zip(*self._epochs[:ran], strict=True)]
        return best if len(curves) > 1 else ran, curves


def batches(
    generator: torch.Generator, clips: int, views: int, dim: int, recipe: Recipe
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """An epoch: for each batch the numbers of its n clips, their views (n,), and what dropout leaves of each (n, D)."""
    order = torch.randperm(clips, generator=generator)
    view, keep = torch.randint(views, (clips,), generator=generator), 1 - recipe.dropout
    for now, seen in zip(order.split(recipe.batch), view.split(recipe.batch), strict=True):
        yield now, seen, (torch.rand(len(now), dim, generator=generator) < keep) / keep


def checked_targets(head: Head, split: Split, targets: Tensor, clips: int) -> Tensor:
    """Targets as (N,) int64; raises for a split or targets that don't fit the head."""
    check_split(head, split)
    nothing = torch.zeros(0, dtype=torch.int64)
    return check_targets(clips, len(head), nothing, list(split.subcategories), targets)


def checked_clips(head: Head, split: Split, targets: Tensor, run: Run) -> tuple[Tensor, Tensor]:
    """The clips of a run, to train on and for validation, which may be none.

    Raises:
        CatsplitError: a clip of no subcategory, or for both; a subcategory without a clip to train on.
    """
    fine = (targets >= len(head)).nonzero()[:, 0]
    train = fine if run.clips is None else _numbers(run.clips, fine, split)
    held = fine[:0] if run.validation is None else _numbers(run.validation, fine, split)
    for j, label in enumerate(split.subcategories):
        if not (targets[train] == len(head) + j).any():
            raise CatsplitError(
                f'The subcategory "{label}" of "{split.coarse}" (row {len(head) + j}) has no clip to train on.'
            )
    if len(both := held[torch.isin(held, train)]):
        raise CatsplitError(f"Clip number {int(both[0])} is to train on and for validation too: keep the two apart.")
    return train, held


def _numbers(clips: Tensor | Sequence[int], fine: Tensor, split: Split) -> Tensor:
    numbers = np.asarray(clips)
    if not numbers.size or numbers.dtype == bool:
        raise CatsplitError("Clips are given by one number or more, or as None: a mask or an empty list won't do.")
    if (wrong := numbers[~np.isin(numbers, fine)]).size:
        raise CatsplitError(
            f'Clip number {wrong[0]} is none of the {len(fine)} whose targets are subcategories of "{split.coarse}".'
        )
    return torch.from_numpy(numbers.astype(np.int64).ravel())


def extended(head: Head, split: Split, initial: Mapping[str, Tensor]) -> Head:
    """The C + k rows to begin with: the head's, coarse one included, and the new.

    Raises:
        HeadError: initial rows of other texts than the subcategories, of another width, or not finite.
    """
    k = len(split.subcategories)
    if set(initial) != set(split.subcategories):
        raise HeadError(f'The initial rows must be those of the {k} subcategories of "{split.coarse}", all and only.')
    rows = {label: initial[label] for label in split.subcategories}
    new = head.split(split.coarse, rows, getattr(initial, "biases", None))
    weight, bias = torch.cat([head.weight, new.weight[-k:]]), torch.cat([head.bias, new.bias[-k:]])
    return Head(weight, bias, [*head.labels, *rows])


def fitted(
    head: Head,
    split: Split,
    run: Run,
    learned: tuple[Tensor, Tensor],
    method: str,
    clips: int,
    course: tuple[int, list[tuple[float, ...]]],
) -> Fit:
    """What a run came to, from the weight (m, D) and bias (m,) that learned, of the k new rows or of all C + k.

    Args:
        course: what `Progress.of` tells.
    """
    kept, curves = course
    begun, told = getattr(run.initial, "origins", {}), {"seed": run.seed, "clips": clips, "epochs": kept}
    origins = [
        {"method": method, "initial": begun.get(label, {"method": "given"}), **told} for label in split.subcategories
    ]
    (old_weight, weight), (old_bias, bias) = (tensor.clone().tensor_split([-len(origins)]) for tensor in learned)
    rows = named_rows(split, weight, origins, bias)
    if len(old_weight):
        history = head.provenance
        for label in set(history) - {split.coarse}:
            history[label]["then"] = method
        head = Head(old_weight, old_bias, head.labels, history)
    return Fit(head.split(split.coarse, rows), rows, clips, kept, *curves)
