"""Low-shot rows: isolated fine-tuning of the new rows on a few labelled clips, and the whole-head variant.

As published (Liu & Doughty, ICLR 2026, arXiv 2602.16545): only the k new rows and biases learn,
the backbone and the old rows are frozen. Cross-entropy over all C + k logits, the coarse category included as a
frozen competitor; dropout 0.25 on the features; AdamW; cosine annealing, one step an epoch; early stop. In
each epoch every clip is seen once, through one of its views drawn at random. Clips are numbered and targets
are rows as in `catsplit.metrics`: the j-th subcategory is C + j.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from catsplit.errors import CatsplitError
from catsplit.head import Head, Rows
from catsplit.metrics import Features, as_features
from catsplit.modifiers import Split
from catsplit.recipe import PUBLISHED, Recipe, Stop
from catsplit.shots import check_clips, check_targets, edited_head, extended, hold_out, random_rows, sample

__all__ = ["PUBLISHED", "Fit", "Recipe", "Run", "finetune", "hold_out", "random_rows", "sample"]


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
    features = as_features(head, features)
    targets = check_targets(head, split, targets, len(features))
    if not runs:
        raise CatsplitError(f'No run was given to fine-tune "{split.coarse}" with.')
    if learn not in ("new rows", "whole head"):
        raise CatsplitError(f'What is to learn must be "new rows" or "whole head", not "{learn}".')
    starts = [extended(head, split, run.initial) for run in runs]
    lots = [check_clips(head, split, targets, run.clips, run.validation) for run in runs]
    used = torch.cat([lot for pair in lots for lot in pair if lot is not None]).unique()
    place = torch.zeros_like(targets).index_copy_(0, used, torch.arange(len(used)))
    features, targets = features[used].float(), targets[used]
    if not (finite := features.isfinite().flatten(1).all(1)).all():
        clip = int(used[~finite][0])
        raise CatsplitError(f"The features of clip number {clip} hold NaN or infinity: extract them again.")
    # Runs go side by side where they have equally many clips, and so batches of the same shapes.
    alike: dict[tuple[int, int], list[int]] = {}
    for i, (train, held) in enumerate(lots):
        alike.setdefault((len(train), 0 if held is None else len(held)), []).append(i)
    fits: dict[int, Fit] = {}
    for (clips, watched), members in alike.items():
        trained = _train(
            features,
            targets,
            place[torch.stack([lots[i][0] for i in members])],
            place[torch.stack([lots[i][1] for i in members])] if watched else None,
            [runs[i].seed for i in members],
            torch.stack([starts[i][0] for i in members]),
            torch.stack([starts[i][1] for i in members]),
            len(head) if learn == "new rows" else 0,
            recipe,
        )
        for i, (weight, bias, losses, validation, kept) in zip(members, trained, strict=True):
            told = {"seed": runs[i].seed, "clips": clips, "epochs": kept}
            edited, rows = edited_head(head, split, weight, bias, runs[i].initial, learn, told)
            fits[i] = Fit(edited, rows, losses, validation, kept)
    return [fits[i] for i in range(len(runs))]


def _train(
    features: Tensor,
    targets: Tensor,
    clips: Tensor,
    held: Tensor | None,
    seeds: list[int],
    weight: Tensor,
    bias: Tensor,
    first: int,
    recipe: Recipe,
) -> list[tuple[Tensor, Tensor, tuple[float, ...], tuple[float, ...], int]]:
    """Train the rows from `first` on of S heads, weight (S, C + k, D), bias (S, C + k), on clips (S, n)."""
    old_weight, old_bias = weight[0, :first].T.contiguous(), bias[0, :first]
    new = [weight[:, first:].contiguous(), bias[:, first:].contiguous()]
    kept, keep = [tensor.clone() for tensor in new], 1 - recipe.dropout
    optimizer = torch.optim.AdamW(new, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    schedule = CosineAnnealingLR(optimizer, recipe.epochs)
    # What a seed draws is drawn once, however many runs share it.
    different = sorted(set(seeds))
    whose = torch.tensor([different.index(seed) for seed in seeds])
    generators = [torch.Generator().manual_seed(seed) for seed in different]
    runs, (n, views, dim) = torch.arange(len(seeds))[:, None], (clips.shape[1], *features.shape[1:])
    watch = _watcher(features, targets, held, old_weight, old_bias, first) if held is not None else None
    stop = Stop(len(seeds), recipe)
    losses: list[Tensor] = []
    watched: list[Tensor] = []
    for _ in range(recipe.epochs):
        order = torch.stack([torch.randperm(n, generator=generator) for generator in generators])[whose]
        view = torch.stack([torch.randint(views, (n,), generator=generator) for generator in generators])[whose]
        shuffled, total = clips[runs, order], torch.zeros(len(seeds))
        for at in range(0, n, recipe.batch):
            now = shuffled[:, at : at + recipe.batch]
            size = now.shape[1]
            draws = [torch.rand(size, dim, generator=generator) for generator in generators]
            mask = (torch.stack(draws) < keep).float().div_(keep)[whose]
            x = features[now, view[:, at : at + recipe.batch]].mul_(mask)
            logits = torch.cat([x @ old_weight + old_bias, torch.baddbmm(new[1][:, None], x, new[0].mT)], -1)
            log_p, wanted = logits.log_softmax(-1), targets[now][..., None]
            total -= log_p.gather(-1, wanted).sum((1, 2))
            # The gradient of the mean cross-entropy by hand: several times faster than autograd at this size.
            error = log_p[..., first:].exp()
            error.scatter_add_(-1, wanted - first, torch.full(wanted.shape, -1.0)).div_(size)
            new[0].grad, new[1].grad = torch.bmm(error.mT, x), error.sum(1)
            optimizer.step()
        schedule.step()
        losses.append(total / n)
        if watch is not None:
            watched.append(watch(*new))
        active, better = stop(watched[-1] if watched else losses[-1])
        for saved, tensor in zip(kept, new, strict=True):
            chosen = better if watched else active
            saved[chosen] = tensor[chosen]
        if not losses[-1].isfinite().all():
            raise CatsplitError(f"The loss is no longer finite after epoch {len(losses)}: lower the learning rate.")
        if not stop.active.any():
            break
    found = []
    for s in range(len(seeds)):
        whole = [torch.cat([part[s, :first], saved[s]]) for part, saved in zip((weight, bias), kept, strict=True)]
        ran = int(stop.ran[s])
        curves = [tuple(float(loss[s]) for loss in curve[:ran]) for curve in (losses, watched)]
        found.append((*whole, *curves, int(stop.best[s]) if watched else ran))
    return found


def _watcher(
    features: Tensor, targets: Tensor, held: Tensor, old_weight: Tensor, old_bias: Tensor, first: int
) -> Callable[[Tensor, Tensor], Tensor]:
    """A function from new rows (S, m, D) and biases (S, m) to the losses (S,) on the clips `held` (S, n)."""
    x = features[held].flatten(1, 2)
    wanted = targets[held].repeat_interleave(features.shape[1], 1)[..., None] - first
    # The frozen rows enter the loss through one number for each view.
    old = torch.stack([(views @ old_weight + old_bias).logsumexp(-1) for views in x])

    def loss(weight: Tensor, bias: Tensor) -> Tensor:
        logits = torch.baddbmm(bias[:, None], x, weight.mT)
        total = torch.logaddexp(old, logits.logsumexp(-1))
        return (total - logits.gather(-1, wanted)[..., 0]).mean(1)

    return loss
