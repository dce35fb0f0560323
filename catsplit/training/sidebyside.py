"""Rows of many heads trained side by side: at a few clips each, what costs is the number of operations, not their size.

`catsplit.lowshot` says what is trained, and how; `tests/test_lowshot.py` compares it with one plain loop after another.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from catsplit.errors import CatsplitError
from catsplit.training.recipe import Recipe, Stop


def train_rows(
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
    # Runs of one seed and the same clips see the same all along, whatever they began with: it is drawn once, and the
    # frozen rows are asked once.
    pairs = [(seed, *lot) for seed, lot in zip(seeds, clips.tolist(), strict=True)]
    different = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
    whose = torch.tensor([different[pair] for pair in pairs])
    clips = torch.tensor([lot for _, *lot in different])
    # What a seed draws is drawn once, too.
    generators = {seed: torch.Generator().manual_seed(seed) for seed, *_ in different}
    of_seed = torch.tensor([list(generators).index(seed) for seed, *_ in different])
    rows, (n, views, dim) = torch.arange(len(different))[:, None], (clips.shape[1], *features.shape[1:])
    watch = _watcher(features, targets, held, old_weight, old_bias, first) if held is not None else None
    stop = Stop(len(seeds), recipe)
    losses: list[Tensor] = []
    watched: list[Tensor] = []
    for _ in range(recipe.epochs):
        order = torch.stack([torch.randperm(n, generator=generator) for generator in generators.values()])[of_seed]
        view = torch.stack([torch.randint(views, (n,), generator=generator) for generator in generators.values()])
        shuffled, view, total = clips[rows, order], view[of_seed], torch.zeros(len(seeds))
        for at in range(0, n, recipe.batch):
            now = shuffled[:, at : at + recipe.batch]
            size = now.shape[1]
            draws = [torch.rand(size, dim, generator=generator) for generator in generators.values()]
            mask = (torch.stack(draws) < keep).float().div_(keep)[of_seed]
            x = features[now, view[:, at : at + recipe.batch]].mul_(mask)
            old = (x @ old_weight + old_bias).logsumexp(-1)[whose]  # -inf where no row is frozen
            x = x[whose]
            logits, wanted = torch.baddbmm(new[1][:, None], x, new[0].mT), targets[now][whose][..., None] - first
            log_p = logits - torch.logaddexp(old, logits.logsumexp(-1))[..., None]
            total -= log_p.gather(-1, wanted).sum((1, 2))
            # The gradient of the mean cross-entropy by hand: several times faster than autograd at this size.
            error = log_p.exp_()
            error.scatter_add_(-1, wanted, torch.full(wanted.shape, -1.0)).div_(size)
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
