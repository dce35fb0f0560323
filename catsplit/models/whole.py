"""Fine-tuning of the whole model, backbone and head: what low-shot editing is compared with.

The recipe is that of `catsplit.lowshot`, but every weight learns. In the published one-shot comparison it
forgets nearly all it knew: generality 33.6 and locality 0.0, against 48.4 and 98.4 for the new rows alone
(Liu & Doughty, ICLR 2026, arXiv 2602.16545, low-shot table).
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from catsplit.backbones import ModuleBackbone
from catsplit.controls import copies
from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.metrics import Scores, evaluate
from catsplit.modifiers import Split
from catsplit.recipe import PUBLISHED, Descent, Progress, Recipe, batches
from catsplit.runs import Fit, Run, begin
from catsplit.samples import checked_targets
from catsplit.shots import checked_shots

BATCH = 32  # clips that pass through a changed backbone at once


@dataclass(frozen=True, eq=False)
class ModelFit(Fit):
    """What fine-tuning of a whole model came to: a `Fit`, whose old rows have changed too, and the model.

    Attributes:
        model: the backbone after it, on its device and in evaluation mode.
    """

    model: nn.Module = field(repr=False, kw_only=True)


def finetune_model(
    model: nn.Module,
    head: Head,
    split: Split,
    views: Callable[[int], Tensor],
    targets: Tensor,
    run: Run,
    *,
    recipe: Recipe = PUBLISHED,
) -> ModelFit:
    """Fine-tune a copy of the model and all C + k rows and biases on clips of the subcategories.

    Shuffling, views and dropout on the features are drawn as in `lowshot.finetune`, so that a model without
    weights ends exactly where `learn="whole head"` does. The seed decides every other dropout, too.

    Args:
        model: views (B, …) to features (B, D); it stays as it is, and its copy learns on the same device.
        views: the number of a clip, 0 … N - 1, to its views (V, …); it is asked for clips in use only, one by one,
            and so may decode them on demand.
        targets: (N,) C + j for clips of the j-th subcategory.

    Raises:
        HeadError: the split or the initial rows don't fit the head.
        CatsplitError: the model is no torch module or gives features of another shape; clips that aren't of
            the subcategories, or whose views have another shape than those of the first; a subcategory without a
            clip to train on; a loss that is no longer finite.
    """
    if not isinstance(model, nn.Module):
        raise CatsplitError(f"A whole model is fine-tuned as a torch module, not as {type(model).__name__}.")
    targets = checked_targets(head, split, targets, len(targets))
    begun = begin(head, split, targets, run)
    train, held = begun.clips, begun.held
    device = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    shape = views(int(train[0])).shape
    model, linear = deepcopy(model).requires_grad_(True), begun.start.to_linear().to(device)
    network = nn.ModuleList([model, linear])

    def seen(clip: Tensor) -> Tensor:
        found = views(int(clip))
        if found.shape != shape:
            raise CatsplitError(
                f"Every clip must have views of the first's shape, {tuple(shape)}, but one has {tuple(found.shape)}."
            )
        return found

    def features(batch: Tensor) -> Tensor:
        x = model(batch.to(device))
        if x.shape != (len(batch), head.dim):
            raise CatsplitError(f"The model must give features {(len(batch), head.dim)}, but gave {tuple(x.shape)}.")
        return x

    descent, progress = Descent(network.parameters(), recipe), Progress(1, recipe, back=len(held) > 0)
    generator = torch.Generator().manual_seed(run.seed)
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        while progress.active:
            network.train()
            total = 0.0
            for now, view, mask in batches(generator, len(train), shape[0], head.dim, recipe):
                batch = torch.stack([seen(clip)[v] for clip, v in zip(train[now], view, strict=True)])
                loss = cross_entropy(linear(features(batch) * mask.to(device)), targets[train[now]].to(device))
                network.zero_grad()
                loss.backward()
                descent.step()
                total += float(loss.detach()) * len(now)
            descent.end_epoch()
            network.eval()
            losses = [torch.tensor([total / len(train)])]
            if len(held):
                with torch.no_grad():
                    logits = torch.cat([linear(features(seen(clip))) for clip in held])
                wanted = targets[held].repeat_interleave(shape[0]).to(device)
                losses.append(cross_entropy(logits, wanted).cpu()[None])
            if progress.add(*losses) and len(held):
                best = deepcopy(network.state_dict())
    if len(held):
        network.load_state_dict(best)
    kept, curves = progress.of(0)
    fit = begun.ended(linear.weight.detach().cpu(), linear.bias.detach().cpu(), "whole model", kept, *curves)
    return ModelFit(**vars(fit), model=model)


class WholeModel:
    """Fine-tuning of the whole model as a method of `catsplit.sweep`, from copies of the coarse row.

    It learns from the clips that "new rows" learns from. An edit that changes the backbone makes all scored clips pass
    through it anew: seconds to minutes a split, where a new row costs milliseconds.

    Args:
        shots: training clips of each subcategory; None for all, a fifth of which then decides when to stop.
    """

    initial, needs = "coarse", "model"  # what a table tells, and what of the setting is made before it is timed

    def __init__(self, shots: int | None = 1, recipe: Recipe = PUBLISHED) -> None:
        self.shots, self._recipe = checked_shots((shots,))[0], recipe

    def __call__(self, setting: Any, split: Split, seed: int) -> Scores:
        """Scores of a split in a `catsplit.setting.Setting`."""
        # Nothing here reads a label, so that all wordings of a split share one fit.
        key = "whole model", self.shots, self._recipe, split.coarse, seed
        if key not in setting.fits:
            setting.fits[key] = self._scores(setting, split, seed)
        return setting.fits[key]

    def _scores(self, setting: Any, split: Split, seed: int) -> Scores:
        clips, head, scored = setting.training_clips, setting.head, setting.features
        clips.fetch([(split, self.shots, seed)])
        names, targets = clips.listed(split.coarse)
        run = Run(copies(head, split, noise=0), seed, *clips.draw(split, self.shots, seed))
        model = Seeing(setting.model.backbone)
        fit = finetune_model(model, head, split, lambda i: setting.views(names[i]), targets, run, recipe=self._recipe)
        parts = []
        with torch.inference_mode():
            for at in range(0, len(scored), BATCH):
                views = torch.stack([setting.views(name) for name in scored.paths[at : at + BATCH]])
                features = fit.model(views.flatten(0, 1).to(setting.model.backbone.device))
                parts.append(features.float().cpu().unflatten(0, views.shape[:2]))
        return evaluate(head, fit.head, scored.features, setting.targets(split), torch.cat(parts))


class Seeing(nn.Module):
    """A backbone as a module that takes uint8 views (B, T, H, W, 3) and lets gradients through to its weights."""

    def __init__(self, backbone: ModuleBackbone) -> None:
        super().__init__()
        self.module, self._transform, self._method = backbone.module, backbone.transform, backbone.method

    def forward(self, views: Tensor) -> Tensor:
        return getattr(self.module, self._method)(self._transform(views))
