"""What an atlas shows of one split: its clips on a map, and what a classifier answers before and after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from catsplit.errors import CatsplitError
from catsplit.gallery import Film
from catsplit.head import Head
from catsplit.maps import Map
from catsplit.metrics import Features, probabilities
from catsplit.modifiers import Split

if TYPE_CHECKING:
    from catsplit.benchmark import Benchmark
    from catsplit.benchmark import Split as BenchmarkSplit

ELSE, OTHER = "something else", "another category"
STATES = ("before the split", "after the split")


@dataclass(frozen=True, eq=False)
class Panel:
    """One split of an atlas.

    Attributes:
        split: the category, its subcategories and their modifiers.
        paths: N clips: those of the category first, then those of other categories that either head takes for it.
        names: N labels, what the clips show.
        vectors: (N, D), the mean over the views of each clip's features.
        before, after: N labels, what the two heads answer, over their whole label spaces.
        map: the clips' places.
        clips: the N clips as films; none where only a figure is drawn.
    """

    split: Split
    paths: tuple[str, ...]
    names: tuple[str, ...]
    vectors: np.ndarray
    before: tuple[str, ...]
    after: tuple[str, ...]
    map: Map | None = None
    clips: tuple[Film, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def shown(self) -> np.ndarray:
        """(N,) int64: the number of the subcategory that a clip shows; k for clips of other categories."""
        return _numbers(self.names, self.split.subcategories)

    @property
    def lines(self) -> tuple[str, ...]:
        """Names of the confusion matrix' lines: the modifiers, and `OTHER` if there are clips of other categories."""
        return (*self.split.modifiers, OTHER)[: self.shown.max() + 1]

    def columns(self, state: int) -> tuple[str, ...]:
        """Names of its columns, before (0) and after (1) the split."""
        return (*((self.split.coarse,), self.split.modifiers)[state], ELSE)

    def answered(self, state: int) -> np.ndarray:
        """(N,) int64: the column of each clip."""
        return _numbers((self.before, self.after)[state], ((self.split.coarse,), self.split.subcategories)[state])

    def right(self, state: int) -> np.ndarray:
        """(N,) bool. Before the split the coarse name is right for all that it covers."""
        if state:
            return np.array([a == b for a, b in zip(self.names, self.after, strict=True)])
        names = [self.split.coarse if name in self.split.subcategories else name for name in self.names]
        return np.array([a == b for a, b in zip(names, self.before, strict=True)])

    def counts(self, state: int) -> np.ndarray:
        """(lines, columns) int64, the confusion matrix."""
        table = np.zeros((len(self.lines), len(self.columns(state))), np.int64)
        np.add.at(table, (self.shown, self.answered(state)), 1)
        return table

    def first(self, each: int) -> "Panel":
        """The same with the first clips of each subcategory, and all of other categories; it needs a new map."""
        shown = self.shown
        of_split = len(self.split.subcategories)
        kept = [i for i, line in enumerate(shown) if line == of_split or (shown[:i] == line).sum() < each]
        lists = {name: tuple(getattr(self, name)[i] for i in kept) for name in ("paths", "names", "before", "after")}
        return replace(self, **lists, vectors=self.vectors[kept], map=None, clips=())

    def with_map(self, draw: Callable[[np.ndarray], Map]) -> "Panel":
        """The same with a map of its vectors."""
        return replace(self, map=draw(self.vectors))

    def with_clips(self, read: Callable[[str], Film]) -> "Panel":
        """The same with films of its clips, which `read` makes of a clip's path."""
        return replace(self, clips=tuple(read(path) for path in self.paths))


def panel(
    split: Split,
    old: Head,
    new: Head,
    features: Features,
    paths: Sequence[str],
    names: Sequence[str],
) -> Panel:
    """The clips of one split and what both heads answer.

    Args:
        split: what was split; `new` is `old` after it.
        features: (N, V, D) of any clips, those of the split among them.
        paths: the N clips.
        names: N labels, what they show: subcategories of the split, or labels of other categories.

    Raises:
        CatsplitError: numbers that don't fit, or a subcategory without a clip.
    """
    if not len(features) == len(paths) == len(names):
        raise CatsplitError(
            f"An atlas needs a path and a name for each clip, but there are {len(features)} features, "
            f"{len(paths)} paths and {len(names)} names."
        )
    before, after = (
        [head.labels[place] for place in probabilities(head, features).argmax(1).tolist()] for head in (old, new)
    )
    chosen: list[int] = []
    for subcategory in split.subcategories:
        own = [i for i, name in enumerate(names) if name == subcategory]
        if not own:
            raise CatsplitError(f'No clip shows "{subcategory}": an atlas needs one or more of each subcategory.')
        chosen += own
    ours = {split.coarse, *split.subcategories}
    chosen += [
        i for i, name in enumerate(names)
        if name not in split.subcategories and (before[i] in ours or after[i] in ours)
    ]  # fmt: skip
    vectors = np.asarray(features[chosen], np.float32).mean(1)

    def of(texts: Sequence[str]) -> tuple[str, ...]:
        return tuple(texts[i] for i in chosen)

    return Panel(split, of(paths), of(names), vectors, of(before), of(after))


def _numbers(labels: tuple[str, ...], known: tuple[str, ...]) -> np.ndarray:
    number = {label: i for i, label in enumerate(known)}
    return np.array([number.get(label, len(known)) for label in labels])


def shown(benchmark: "Benchmark", split: "BenchmarkSplit", paths: Sequence[str]) -> tuple[str, ...]:
    """What each of the clips shows: a subcategory of the split, or the label of another category.

    Args:
        paths: N of the benchmark's validation clips.

    Raises:
        CatsplitError: a clip that is in no set of the split.
    """
    names = (*benchmark.labels, *split.subcategories)
    found = {}
    for table in (benchmark.equivalent_set(split.coarse), benchmark.unrelated_set(split.coarse)):
        found |= {path: names[row] for path, row in zip(table["path"], table["row"], strict=True)}
    if missing := [path for path in paths if path not in found]:
        raise CatsplitError(f'The clip {missing[0]} is in neither set of the split of "{split.coarse}".')
    return tuple(found[path] for path in paths)
