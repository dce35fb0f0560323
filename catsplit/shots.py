"""The training clips of a benchmark part in a sweep: which are drawn for which split, and their features."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.features import FeatureSet
from catsplit.head import Head, Rows
from catsplit.lowshot import ALL, Fit, Job, Recipe, Run, finetune_splits, hold_out, sample

if TYPE_CHECKING:
    from catsplit.benchmark import Benchmark
    from catsplit.modifiers import Split

Source = FeatureSet | Callable[[Sequence[str]], FeatureSet]


class TrainingClips:
    """The training clips of a part.

    Args:
        head: the head before any edit, C categories.
        source: features of the training clips, of the same backbone as those that are scored; or a function from
            names of clips to their features, asked once and only for what is needed; or None.
    """

    def __init__(self, benchmark: "Benchmark", head: Head, source: Source | None) -> None:
        self._benchmark, self._head, self._source = benchmark, head, source
        self._features = source if isinstance(source, FeatureSet) else None
        self._left_out = {path for path, _ in self._features.skipped} if self._features else set()
        self.clips_of = lru_cache(None)(self._clips_of)

    def __bool__(self) -> bool:
        return self._source is not None

    def _clips_of(self, coarse: str) -> tuple[tuple[str, ...], Tensor]:
        """Names (n,) and targets (n,) C + j of the split's training clips; those without features are left out."""
        table = self._benchmark.ft_set(coarse)
        table = table[~table["path"].isin(self._left_out)]
        return tuple(table["path"]), torch.tensor(table["row"].to_numpy(), dtype=torch.int64)

    def draw(self, split: "Split", shots: int, seed: int) -> tuple[Tensor, Tensor | None]:
        """Numbers of the clips to learn from and, where all clips are asked for, of those that decide when to stop.

        Raises:
            CatsplitError: a subcategory has fewer clips.
        """
        targets = self.clips_of(split.coarse)[1]
        if shots == ALL:
            return hold_out(self._head, split, targets, seed=seed)
        return sample(self._head, split, targets, shots, seed=seed), None

    def fetch(self, draws: Iterable[tuple["Split", int, int]], everything: bool = False) -> None:
        """Have the features of all clips of these (split, shots, seed) at hand, or of all training clips there are.

        Raises:
            CatsplitError: there is no source of features.
        """
        if self._source is None:
            raise CatsplitError("Methods that learn from clips need their features: give them as `training`.")
        if self._features is not None:
            return
        draws = tuple(draws)
        while True:
            names: dict[str, None] = {}
            for split, shots, seed in draws:
                paths = self.clips_of(split.coarse)[0]
                for numbers in self.draw(split, shots, seed):
                    names |= dict.fromkeys(paths[i] for i in ([] if numbers is None else numbers.tolist()))
            if everything:
                names = dict.fromkeys(self._benchmark.clips("train")["path"])
            self._features = self._source(tuple(names))
            fresh = {path for path, _ in self._features.skipped} - self._left_out
            if not fresh:
                return
            # Others are drawn in place of clips that can't be read, as if those had never been listed.
            self._left_out |= fresh
            self.clips_of.cache_clear()

    def everything(self, split: "Split") -> tuple[np.ndarray, Tensor]:
        """Features (n, V, D) and targets (n,) of the split's clips and of all untouched training clips."""
        if self._features is None:
            self.fetch((), everything=True)
        paths, targets = self.clips_of(split.coarse)
        others = self._benchmark.clips("train")
        others = others[(others["row"] != self._head.index(split.coarse)) & ~others["path"].isin(self._left_out)]
        features = self._features.rows_of([*paths, *others["path"]])
        return features, torch.cat([targets, torch.tensor(others["row"].to_numpy(), dtype=torch.int64)])

    def finetune(
        self, split: "Split", runs: Sequence[tuple[Rows, int, int]], learn: str, recipe: Recipe
    ) -> list[tuple[Fit, int]]:
        """Fine-tune from each (initial rows, shots, seed); what it came to, and the number of clips it learned from."""
        return self.finetune_splits([(split, runs)], learn, recipe)[0]

    def finetune_splits(
        self, jobs: Sequence[tuple["Split", Sequence[tuple[Rows, int, int]]]], learn: str, recipe: Recipe
    ) -> list[list[tuple[Fit, int]]]:
        """`finetune` for several splits, side by side."""
        made, counts = [], []
        for split, runs in jobs:
            drawn = [self.draw(split, shots, seed) for _, shots, seed in runs]
            used = torch.cat([numbers for pair in drawn for numbers in pair if numbers is not None]).unique()
            paths, targets = self.clips_of(split.coarse)
            place = torch.zeros(len(paths), dtype=torch.int64).index_copy_(0, used, torch.arange(len(used)))
            features = self._features.rows_of([paths[i] for i in used.tolist()])
            own = [
                Run(initial, seed, place[train], None if held is None else place[held])
                for (initial, _, seed), (train, held) in zip(runs, drawn, strict=True)
            ]
            made.append(Job(split, features, targets[used], own))
            counts.append([len(train) for train, _ in drawn])
        fits = finetune_splits(self._head, made, learn=learn, recipe=recipe)
        return [list(zip(*pair, strict=True)) for pair in zip(fits, counts, strict=True)]


def checked_shots(shots: Sequence[int | None]) -> tuple[int, ...]:
    """Numbers of clips of each subcategory; None and -1 are all of them."""
    found = tuple(ALL if number is None else number for number in shots)
    wrong = [number for number in found if isinstance(number, bool) or not isinstance(number, int) or number < ALL]
    if wrong or 0 in found:
        raise CatsplitError(f"Shots are numbers of clips, 1 or more, or None for all of them, not {tuple(shots)}.")
    return tuple(dict.fromkeys(found))


def warn_of(problems: Sequence[str]) -> None:
    """Say which edits can't be made, once for a sweep."""
    if problems:
        warnings.warn(
            f"{len(problems)} edits can't be made and have no scores; the column `problem` says why: {problems[0]}",
            stacklevel=3,
        )
