"""The published settings of fine-tuning, and when it stops (Liu & Doughty, ICLR 2026, arXiv 2602.16545)."""

from dataclasses import dataclass

import torch
from torch import Tensor

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


class Stop:
    """Early stopping of S runs by the moving average of a loss; see `Recipe`."""

    def __init__(self, runs: int, recipe: Recipe) -> None:
        self._recipe = recipe
        self._average: Tensor | None = None
        self._record = torch.full((runs,), torch.inf)
        self._waited = torch.zeros(runs, dtype=torch.int64)
        self.ran, self.best = torch.zeros_like(self._waited), torch.zeros_like(self._waited)

    @property
    def active(self) -> Tensor:
        """(S,) the runs that haven't stopped."""
        return self._waited < self._recipe.patience

    def __call__(self, loss: Tensor) -> tuple[Tensor, Tensor]:
        """Take the losses (S,) of an epoch; tell which runs it counted for, and which of them it was best for."""
        active, recipe = self.active, self._recipe
        self.ran += active
        before = loss if self._average is None else self._average
        self._average = recipe.smoothing * before + (1 - recipe.smoothing) * loss
        better = active & (self._average < self._record - recipe.gain)
        self._waited = torch.where(better, 0, self._waited + 1)
        self._record = torch.where(better, self._average, self._record)
        self.best = torch.where(better, self.ran, self.best)
        return active, better
