"""Fine-tuning of the whole model, backbone and head: what low-shot editing is compared with.

The recipe is that of `catsplit.lowshot`, but every weight learns. In the published one-shot comparison it
forgets nearly all it knew: generality 33.6 and locality 0.0, against 48.4 and 98.4 for the new rows alone
(Liu & Doughty, ICLR 2026, arXiv 2602.16545, low-shot table).
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from math import isfinite

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import CosineAnnealingLR

from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.modifiers import Split
from catsplit.training.recipe import PUBLISHED, Recipe, Stop
from catsplit.training.shots import check_clips, check_targets, edited_head, extended


@dataclass(frozen=True, eq=False)
class ModelFit:
    """What fine-tuning of a whole model came to.

    Attributes:
        model: the backbone after it, on its device and in evaluation mode.
        head: the head after the edit, whose old rows have changed too.
        losses: mean training loss over the clips, dropout included, of each epoch that ran.
        validation: loss of the clips for validation after each epoch; empty without such clips.
        kept: how many epochs the model has behind it; fewer than ran where the best epoch was restored.
    """

    model: nn.Module = field(repr=False)
    head: Head
    losses: tuple[float, ...] = field(repr=False)
    validation: tuple[float, ...] = field(repr=False)
    kept: int


def finetune_model(
    model: nn.Module,
    head: Head,
    split: Split,
    clips: Sequence[Tensor],
    targets: Tensor,
    initial: Mapping[str, Tensor],
    *,
    seed: int = 0,
    chosen: Tensor | Sequence[int] | None = None,
    validation: Tensor | Sequence[int] | None = None,
    recipe: Recipe = PUBLISHED,
) -> ModelFit:
    """Fine-tune a copy of the model and all C + k rows and biases on clips of the subcategories.

    Shuffling, views and dropout on the features are drawn as in `lowshot.finetune`, so that a model without
    weights ends exactly where `learn="whole head"` does.

    Args:
        model: views (B, …) to features (B, D); it stays as it is, and its copy learns on the same device.
        clips: N clips; item i holds the views (V, …) of clip i. Only items in use are ever asked for, one by
            one, so that a data set that decodes on demand will do.
        targets: (N,) C + j for clips of the j-th subcategory.
        initial: {subcategory: (D,)}, as for `lowshot.Run`.
        seed: decides the shuffling, the views, and every dropout.
        chosen: numbers of the clips to train on; None for all clips of the subcategories.
        validation: numbers of the clips that decide when to stop, or None; all their views count.

    Raises:
        HeadError: the split or the initial rows don't fit the head.
        CatsplitError: the model is no torch module or gives features of another shape; clips that aren't of
            the subcategories; a subcategory without a clip to train on; a loss that is no longer finite.
    """
    if not isinstance(model, nn.Module):
        raise CatsplitError(f"A whole model is fine-tuned as a torch module, not as {type(model).__name__}.")
    targets = check_targets(head, split, targets, len(clips))
    train, held = check_clips(head, split, targets, chosen, validation)
    weight, bias = extended(head, split, initial)
    device = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    model, linear = deepcopy(model).requires_grad_(True), nn.utils.skip_init(nn.Linear, *weight.T.shape)
    linear.load_state_dict({"weight": weight, "bias": bias})
    linear.to(device)

    # Before any work: a model or a clip that doesn't fit fails here.
    first = clips[int(train[0])]
    model.eval()
    with torch.no_grad():
        _features(model, list(first[:1]), head.dim, device)
    parameters = [*model.parameters(), *linear.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule, stop = CosineAnnealingLR(optimizer, recipe.epochs), Stop(1, recipe)
    generator, keep = torch.Generator().manual_seed(seed), 1 - recipe.dropout
    losses: list[float] = []
    watched: list[float] = []
    best: tuple[dict, dict] | None = None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for epoch in range(1, recipe.epochs + 1):
            model.train()
            order = train[torch.randperm(len(train), generator=generator)]
            view, total = torch.randint(len(first), (len(train),), generator=generator), 0.0
            for at in range(0, len(train), recipe.batch):
                now = order[at : at + recipe.batch]
                views = [_view(clips[int(i)], int(v), len(first)) for i, v in zip(now, view[at:], strict=False)]
                mask = (torch.rand(len(now), head.dim, generator=generator) < keep) / keep
                x = _features(model, views, head.dim, device) * mask.to(device)
                loss = cross_entropy(linear(x), targets[now].to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(now)
            schedule.step()
            losses.append(total / len(train))
            if held is not None:
                watched.append(_watch(model, linear, clips, held, targets, head.dim, device))
            if not isfinite((watched or losses)[-1]):
                raise CatsplitError(f"The loss is no longer finite after epoch {epoch}: lower the learning rate.")
            _, better = stop(torch.tensor([(watched or losses)[-1]]))
            if watched and better:
                best = deepcopy((model.state_dict(), linear.state_dict()))
            if not stop.active:
                break
    if best is not None:
        model.load_state_dict(best[0])
        linear.load_state_dict(best[1])
    kept = int(stop.best) if watched else len(losses)
    told = {"seed": seed, "clips": len(train), "epochs": kept}
    weight, bias = (tensor.detach().cpu() for tensor in (linear.weight, linear.bias))
    edited, _ = edited_head(head, split, weight, bias, initial, "whole model", told)
    return ModelFit(model.eval(), edited, tuple(losses), tuple(watched), kept)


def _view(clip: Tensor, view: int, views: int) -> Tensor:
    if len(clip) != views:
        raise CatsplitError(f"Every clip must have as many views as the first, {views}, but one has {len(clip)}.")
    return clip[view]


def _features(model: nn.Module, views: list[Tensor], dim: int, device: torch.device) -> Tensor:
    x = model(torch.stack(views).to(device))
    if x.shape != (len(views), dim):
        raise CatsplitError(f"The model must give features {(len(views), dim)}, but gave {tuple(x.shape)}.")
    return x


def _watch(
    model: nn.Module,
    linear: nn.Linear,
    clips: Sequence[Tensor],
    held: Tensor,
    targets: Tensor,
    dim: int,
    device: torch.device,
) -> float:
    """Mean loss over all views of the clips `held`, without any dropout."""
    model.eval()
    with torch.no_grad():
        losses = []
        for i in held.tolist():
            logits = linear(_features(model, list(clips[i]), dim, device))
            losses.append(cross_entropy(logits, targets[i].to(device).expand(len(logits))))
    return float(torch.stack(losses).mean())
