"""The training clips of a benchmark part in a sweep: which are drawn for which split, and their features."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from catsplit.benchmark import Benchmark
from catsplit.errors import CatsplitError
from catsplit.features import FeatureSet
from catsplit.head import Head, Rows
from catsplit.lowshot import Fit, Job, Learns, Run, finetune_splits, hold_out, sample
from catsplit.modifiers import Split
from catsplit.recipe import Recipe
from catsplit.samples import ALL

Source = Callable[[Sequence[str]], FeatureSet]


class TrainingClips:
    """The training clips of a part.

    Args:
        head: the head before any edit, C categories.
        source: from names of clips to their features, of the same backbone as those that are scored; or None. It is
            asked for what is needed only, and again where it skips clips.
    """

    def __init__(self, benchmark: Benchmark, head: Head, source: Source | None) -> None:
        self._benchmark, self._head, self._source = benchmark, head, source
        self._features = FeatureSet(np.empty((0, 1, head.dim)), ())
        self._asked: dict[str, None] = {}
        self._listed: dict[str, tuple[tuple[str, ...], Tensor]] = {}

    def __bool__(self) -> bool:
        return self._source is not None

    def listed(self, coarse: str) -> tuple[tuple[str, ...], Tensor]:
        """Names (n,) and targets (n,) C + j of all training clips of a split."""
        if coarse not in self._listed:
            table = self._benchmark.ft_set(coarse)
            self._listed[coarse] = tuple(table["path"]), torch.tensor(table["row"].to_numpy())
        return self._listed[coarse]

    def count(self, coarse: str) -> int:
        """How many training clips of a split there are, but for those that are known to be unreadable."""
        skipped = dict(self._features.skipped)
        return sum(name not in skipped for name in self.listed(coarse)[0])

    def draw(self, split: Split, shots: int, seed: int) -> tuple[Tensor, ...]:
        """Numbers, among those `listed`, of clips to learn from and, of all clips, of those that decide when to stop.

        Clips that are known to be unreadable are passed over.

        Raises:
            CatsplitError: a subcategory has fewer clips.
        """
        names, targets = self.listed(split.coarse)
        skipped = dict(self._features.skipped)
        without = [i for i, name in enumerate(names) if name in skipped]
        if shots == ALL:
            return hold_out(self._head, split, targets, seed=seed, without=without)
        return (sample(self._head, split, targets, shots, seed=seed, without=without),)

    def fetch(self, draws: Iterable[tuple[Split, int, int]], everything: bool = False) -> None:
        """Have the features of all clips of these (split, shots, seed) at hand, or of all training clips there are.

        Raises:
            CatsplitError: there is no source of features.
        """
        if self._source is None:
            raise CatsplitError("Methods that learn from clips need their features: give them as `training`.")
        draws, names = tuple(draws), dict.fromkeys(self._benchmark.clips("train")["path"] if everything else ())
        while True:
            for split, shots, seed in draws:
                listed, _ = self.listed(split.coarse)
                names |= dict.fromkeys(listed[i] for lot in self.draw(split, shots, seed) for i in lot)
            if names.keys() <= self._asked.keys():
                return
            # Asked anew, because others are drawn in place of clips that can't be read.
            self._asked |= names
            self._features = self._source(tuple(self._asked))

    def everything(self, split: Split) -> tuple[np.ndarray, Tensor]:
        """Features (n, V, D) and targets (n,) of the split's clips and of all untouched training clips."""
        self.fetch((), everything=True)
        others = self._benchmark.clips("train")
        others = others[others["row"] != self._head.index(split.coarse)]
        table = pd.concat([self._benchmark.ft_set(split.coarse), others])
        table = table[~table["path"].isin(dict(self._features.skipped))]
        return self._features.rows_of(table["path"]), torch.tensor(table["row"].to_numpy())

    def learn(self, asked: Sequence[tuple[Split, Rows, int, int]], learn: Learns, recipe: Recipe) -> list[Fit]:
        """Fine-tune by each (split, initial rows, shots, seed), all side by side; the fits in their order.

        Raises:
            CatsplitError: as `fetch`, `draw` and `lowshot.finetune_splits`.
        """
        self.fetch((split, shots, seed) for split, _, shots, seed in asked)
        jobs: dict[Split, Job] = {}
        runs = []
        for split, initial, shots, seed in asked:
            names, rows = self.listed(split.coarse)
            if split not in jobs:
                jobs[split] = Job(split, self._features.features, torch.full((len(self._features),), -1), [])
            lots = []
            for lot in self.draw(split, shots, seed):
                lots.append([self._features.index(names[i]) for i in lot])
                jobs[split].targets[lots[-1]] = rows[lot]
            runs.append(Run(initial, seed, *lots))
            jobs[split].runs.append(runs[-1])
        ended = finetune_splits(self._head, [*jobs.values()], learn=learn, recipe=recipe)
        fits = dict(zip(chain(*(job.runs for job in jobs.values())), chain(*ended), strict=True))
        return [fits[run] for run in runs]


def checked_shots(shots: Sequence[int | None]) -> tuple[int, ...]:
    """Numbers of clips of each subcategory; None and -1 are all of them."""
    found = tuple(ALL if number is None else number for number in shots)
    if not all(type(number) is int and (number > 0 or number == ALL) for number in found):
        raise CatsplitError(f"Shots are numbers of clips, 1 or more, or None for all of them, not {tuple(shots)}.")
    return tuple(dict.fromkeys(found))
