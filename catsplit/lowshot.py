"""Low-shot rows: isolated fine-tuning of the new rows on a few labelled clips, and the whole-head variant.

As published (Liu & Doughty, ICLR 2026, arXiv 2602.16545): only the k new rows and biases learn,
the backbone and the old rows are frozen. Cross-entropy over all C + k logits, the coarse category included as a
frozen competitor; dropout 0.25 on the features; AdamW; cosine annealing, one step an epoch; early stop. In
each epoch every clip is seen once, through one of its views drawn at random. Clips are numbered and targets
are rows as in `catsplit.metrics`: the j-th subcategory is C + j.

`catsplit.recipe` has the settings and the stop, `catsplit.samples` draws the clips, `catsplit.runs` has what a run
begins with and comes to; their public names are here, too.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.head import Head, Rows
from catsplit.modifiers import Split, check_split, named_rows
from catsplit.recipe import PUBLISHED, Descent, Progress, Recipe, batches
from catsplit.rows import Features, as_features, check_finite
from catsplit.runs import Begun, Fit, Run, begin
from catsplit.samples import checked_targets, hold_out, sample

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

Learns = Literal["new rows", "whole head"]


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


def finetune(
    head: Head,
    split: Split,
    features: Features,
    targets: Tensor,
    runs: Sequence[Run],
    *,
    learn: Learns = "new rows",
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
    learn: Learns = "new rows",
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
    tasks = []
    for split, features, targets, runs in jobs:
        features = as_features(head.dim, features)
        targets = checked_targets(head, split, targets, len(features))
        if not runs:
            raise CatsplitError(f'No run was given to fine-tune "{split.coarse}" with.')
        known: dict[tuple[int, ...], tuple[Tensor, Tensor]] = {}
        for run in runs:
            begun, lots = begin(head, split, targets, run), []
            for clips in (begun.clips, begun.held):
                key = tuple(clips.tolist())
                if key not in known:
                    known[key] = features[clips].float(), targets[clips]
                    check_finite(known[key][0], clips)
                lots += known[key]
            tasks.append(_Task(begun, *lots))
    # Runs go side by side where they have equally many rows and clips, and so tensors of the same shapes.
    alike: dict[tuple[int, ...], list[int]] = {}
    for i, task in enumerate(tasks):
        alike.setdefault((len(task.begun.start), *task.x.shape, len(task.held_x)), []).append(i)
    fits: dict[int, Fit] = {}
    for places in alike.values():
        fits |= zip(places, _train(head, [tasks[i] for i in places], learn, recipe), strict=True)
    in_order = (fits[i] for i in range(len(tasks)))
    return [[next(in_order) for _ in job.runs] for job in jobs]


class _Task(NamedTuple):
    """A run, and features (n, V, D) and targets (n,) of its clips; runs that share clips share these tensors."""

    begun: Begun
    x: Tensor
    y: Tensor
    held_x: Tensor
    held_y: Tensor


def _train(head: Head, tasks: Sequence[_Task], learn: str, recipe: Recipe) -> list[Fit]:
    """Train S runs side by side: at a few clips each, what costs is the number of operations, not their size."""
    first = len(head) if learn == "new rows" else 0
    old_weight, old_bias = head.weight[:first].T.contiguous(), head.bias[:first]
    weight = torch.stack([task.begun.start.weight[first:] for task in tasks])
    bias = torch.stack([task.begun.start.bias[first:] for task in tasks])
    kept_weight, kept_bias = weight.clone(), bias.clone()

    def frozen(x: Tensor) -> Tensor:
        # -inf where no row is frozen
        return (x @ old_weight + old_bias).logsumexp(-1)

    def log_p(x: Tensor, old: Tensor) -> Tensor:
        """Of the rows that learn; the frozen ones enter through one number for each view."""
        logits = torch.baddbmm(bias[:, None], x, weight.mT)
        return logits - torch.logaddexp(old, logits.logsumexp(-1))[..., None]

    # Runs of one seed and the same clips see the same all along, whatever they began with, and so the frozen rows are
    # asked once. Order, views and dropout are even the same for all clips: each seed draws once.
    pairs = [(task.begun.run.seed, id(task.x)) for task in tasks]
    different = list(dict.fromkeys(pairs))
    whose = torch.tensor([different.index(pair) for pair in pairs])
    own = [tasks[pairs.index(pair)] for pair in different]
    xs, ys = torch.stack([task.x for task in own]), torch.stack([task.y for task in own]) - first
    seeds = list(dict.fromkeys(seed for seed, _ in different))
    whose_seed = torch.tensor([seeds.index(seed) for seed, _ in different])
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    place, (n, views, dim) = torch.arange(len(own))[:, None], xs.shape[1:]
    held_x = torch.stack([task.held_x.flatten(0, 1) for task in tasks])
    held_y = torch.stack([task.held_y.repeat_interleave(views) for task in tasks])[..., None] - first
    held_old = torch.stack([frozen(x) for x in held_x])
    descent, progress = Descent([weight, bias], recipe), Progress(len(tasks), recipe, back=held_y.numel() > 0)
    while progress.active.any():
        total = torch.zeros(len(tasks))
        for drawn in zip(*(batches(generator, n, views, dim, recipe) for generator in generators), strict=True):
            now, view, mask = (torch.stack(one)[whose_seed] for one in zip(*drawn, strict=True))
            x = xs[place, now, view].mul_(mask)
            old, x, wanted = frozen(x)[whose], x[whose], ys[place, now][whose][..., None]
            error = log_p(x, old)
            total -= error.gather(-1, wanted).sum((1, 2))
            # The gradient of the mean cross-entropy by hand: several times faster than autograd at this size.
            error.exp_().scatter_add_(-1, wanted, torch.full(wanted.shape, -1.0)).div_(now.shape[1])
            weight.grad, bias.grad = torch.bmm(error.mT, x), error.sum(1)
            descent.step()
        descent.end_epoch()
        losses = [total / n]
        if held_y.numel():
            losses.append(-log_p(held_x, held_old).gather(-1, held_y)[..., 0].mean(1))
        keeps = progress.add(*losses)
        kept_weight[keeps], kept_bias[keeps] = weight[keeps], bias[keeps]
    return [
        task.begun.ended(kept_weight[s], kept_bias[s], learn, kept, *curves)
        for s, task in enumerate(tasks)
        for kept, curves in [progress.of(s)]
    ]
