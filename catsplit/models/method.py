"""Fine-tuning of the whole model as a method of `catsplit.sweep`, so that it stands in the tables beside the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from catsplit.controls import copies
from catsplit.metrics import Scores, evaluate
from catsplit.models.whole import finetune_model
from catsplit.modifiers import Split
from catsplit.shots import TrainingClips, checked_shots
from catsplit.training.recipe import PUBLISHED, Recipe

if TYPE_CHECKING:
    from catsplit.backbones import ModuleBackbone
    from catsplit.benchmark import Benchmark


class WholeModel:
    """Fine-tuning of the whole model as a method of `catsplit.sweep`, from copies of the coarse row.

    An edit that changes the backbone makes all scored clips pass through it anew: seconds to minutes a split, where
    a new row costs milliseconds.

    Args:
        model: as for `finetune_model`.
        scored: names of the clips that the sweep scores, in the order of their features.
        views: the name of a clip to its views (V, …).
        shots: training clips of each subcategory; None for all, a fifth of which then decides when to stop.
        batch: clips that pass through the backbone at once when they are scored.
    """

    initial = "coarse"

    def __init__(
        self,
        model: nn.Module,
        benchmark: "Benchmark",
        scored: Sequence[str],
        views: Callable[[str], Tensor],
        *,
        shots: int | None = 1,
        recipe: Recipe = PUBLISHED,
        batch: int = 32,
    ) -> None:
        self.shots = checked_shots((shots,))[0]
        self._model, self._benchmark, self._scored, self._views = model, benchmark, scored, views
        self._recipe, self._batch = recipe, batch
        self._known: dict[tuple[str, int], Scores] = {}

    def __call__(self, ground: Any, split: Split, seed: int) -> Scores:
        # Nothing here reads a label, so that all wordings of a split share one fit.
        if (split.coarse, seed) not in self._known:
            self._known[split.coarse, seed] = self._fit(ground, split, seed)
        return self._known[split.coarse, seed]

    def _fit(self, ground: Any, split: Split, seed: int) -> Scores:
        source = TrainingClips(self._benchmark, ground.head, None)
        names, targets = source.clips_of(split.coarse)
        chosen, held = source.draw(split, self.shots, seed)
        fit = finetune_model(
            self._model, ground.head, split, _Clips(names, self._views), targets,
            copies(ground.head, split, noise=0), seed=seed, chosen=chosen, validation=held, recipe=self._recipe,
        )  # fmt: skip
        device = next((tensor.device for tensor in fit.model.parameters()), torch.device("cpu"))
        parts = []
        with torch.inference_mode():
            for at in range(0, len(self._scored), self._batch):
                views = torch.stack([self._views(name) for name in self._scored[at : at + self._batch]])
                parts.append(fit.model(views.flatten(0, 1).to(device)).float().cpu().unflatten(0, views.shape[:2]))
        return evaluate(ground.head, fit.head, ground.features, ground.targets(split), torch.cat(parts))


class Seeing(nn.Module):
    """A backbone as a module that takes uint8 views (B, T, H, W, 3) and lets gradients through to its weights."""

    def __init__(self, backbone: "ModuleBackbone") -> None:
        super().__init__()
        self.module, self._transform, self._method = backbone.module, backbone.transform, backbone.method

    def forward(self, views: Tensor) -> Tensor:
        return getattr(self.module, self._method)(self._transform(views))


@dataclass(frozen=True)
class _Clips(Sequence):
    """Clips that are decoded when they are asked for."""

    names: Sequence[str]
    views: Callable[[str], Tensor]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> Tensor:
        return self.views(self.names[number])
