"""The published recipe by which new rows learn: its numbers, its steps, when a run stops, and what an epoch draws.

It is the same for new rows alone, the whole head and the whole model; the alignment network steps and stops by it too.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import cos, pi

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from catsplit.errors import CatsplitError


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


class Descent:
    """Steps along the tensors' `.grad`, as by torch.optim.AdamW and its CosineAnnealingLR.

    By torch's function, because the first optimizer object of a process imports torch's compiler, for seconds.

    Args:
        tensors: those that learn, changed in place; one without a gradient stays as it is.
    """

    def __init__(self, tensors: Iterable[Tensor], recipe: Recipe) -> None:
        self._tensors, self._recipe = list(tensors), recipe
        self._first, self._second = ([torch.zeros_like(tensor) for tensor in self._tensors] for _ in range(2))
        self._steps = [torch.zeros((), device=tensor.device) for tensor in self._tensors]
        self._rate, self._epoch = recipe.learning_rate, 0

    @torch.no_grad()
    def step(self) -> None:
        """One step."""
        given = [i for i, tensor in enumerate(self._tensors) if tensor.grad is not None]
        tensors, first, second, steps = (
            [own[i] for i in given] for own in (self._tensors, self._first, self._second, self._steps)
        )
        adamw(
            tensors, [tensor.grad for tensor in tensors], first, second, [], steps, fused=True, amsgrad=False,
            beta1=0.9, beta2=0.999, lr=self._rate, weight_decay=self._recipe.weight_decay, eps=1e-8, maximize=False,
        )  # fmt: skip

    def end_epoch(self) -> None:
        """Lower the learning rate, which is zero after the last epoch."""
        now, following = (1 + cos(pi * epoch / self._recipe.epochs) for epoch in (self._epoch, self._epoch + 1))
        self._rate, self._epoch = self._rate * following / now, self._epoch + 1


class Progress:
    """The losses of S runs, epoch by epoch, and when each of them stops.

    Args:
        back: a run goes back to its best epoch; else it stays as it was when it stopped.
    """

    def __init__(self, runs: int, recipe: Recipe, back: bool) -> None:
        self._recipe, self._back, self._losses = recipe, back, []
        self._average = self._record = torch.full((runs,), torch.inf)
        self._best = torch.zeros(runs, dtype=torch.int64)

    @property
    def epoch(self) -> int:
        """How many there were."""
        return len(self._losses)

    @property
    def ran(self) -> Tensor:
        """(S,) the epochs that each run went through before it stopped."""
        return (self._best + self._recipe.patience).clamp(max=self.epoch)

    @property
    def active(self) -> Tensor:
        """(S,) the runs that go on."""
        return (self.epoch < self._best + self._recipe.patience) & (self.epoch < self._recipe.epochs)

    def add(self, *losses: Tensor) -> Tensor:
        """Take an epoch's losses, one kind or more, (S,) each; the last decides.

        Returns:
            (S,) the runs that are to be kept as they are now.

        Raises:
            CatsplitError: the loss of a run that goes on isn't finite.
        """
        active, smoothing, loss = self.active, self._recipe.smoothing, losses[-1]
        self._losses.append(torch.stack(losses))
        if not loss[active].isfinite().all():
            raise CatsplitError(f"The loss is no longer finite after epoch {self.epoch}: lower the learning rate.")
        self._average = loss if self.epoch == 1 else smoothing * self._average + (1 - smoothing) * loss
        better = active & (self._average < self._record - self._recipe.gain)
        self._record = self._average.where(better, self._record)
        self._best[better] = self.epoch
        return better if self._back else active

    def of(self, run: int) -> tuple[int, list[list[float]]]:
        """How many epochs are behind what was kept of a run, and the losses of each kind that it went through."""
        ran = int(self.ran[run])
        return int(self._best[run]) if self._back else ran, torch.stack(self._losses)[:ran, :, run].T.tolist()


def batches(
    generator: torch.Generator, clips: int, views: int, dim: int, recipe: Recipe
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """An epoch: for each batch the numbers of its n clips, their views (n,), and what dropout leaves of each (n, D)."""
    order = torch.randperm(clips, generator=generator)
    view, keep = torch.randint(views, (clips,), generator=generator), 1 - recipe.dropout
    for now, seen in zip(order.split(recipe.batch), view.split(recipe.batch), strict=True):
        yield now, seen, (torch.rand(len(now), dim, generator=generator) < keep) / keep
