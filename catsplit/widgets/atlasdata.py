"""What an atlas shows of one split: its clips on a map, and what a classifier answers before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from catsplit.gallery import Film
from catsplit.head import Head
from catsplit.maps import Map
from catsplit.modifiers import Split

if TYPE_CHECKING:
    from catsplit.setting import Setting

ELSE, OTHER = "something else", "another category"
STATES = ("before", "after")


@dataclass(frozen=True, eq=False)
class Panel:
    """One split of an atlas.

    Attributes:
        split: the category, its subcategories and their modifiers.
        clips: N clips: those of the category first, then those of other categories that either head takes for it.
            Columns: "path"; "name", the label of what it shows; "shows", its modifier, or `OTHER`; and for each state,
            here "after": "after", the label that is answered, over the whole label space; "after column", its modifier
            (before the split the coarse name), or `ELSE`; "after right", where before the split the coarse name is
            right for all that it covers.
        vectors: (N, D), the mean over the views of each clip's features.
        map: the clips' places.
        films: the N clips; none where only a figure is drawn.
    """

    split: Split
    clips: pd.DataFrame
    vectors: np.ndarray
    map: Map | None = None
    films: Sequence[Film] = ()

    def counts(self, state: str) -> pd.DataFrame:
        """The confusion matrix, a line for what clips show, a column for what is answered; no empty line of `OTHER`."""
        table = pd.crosstab(self.clips["shows"], self.clips[f"{state} column"], dropna=False)
        return table[(table.index != OTHER) | table.any(axis=1)]

    def own(self) -> np.ndarray:
        """(N,) bool: the clips of the category."""
        return (self.clips["shows"] != OTHER).to_numpy()

    def first(self, each: int) -> "Panel":
        """The same with the first clips of each subcategory, and as many of other categories; it needs a new map."""
        kept = self.clips.groupby("shows", observed=True).cumcount() < each
        return replace(
            self, clips=self.clips[kept].reset_index(drop=True), vectors=self.vectors[kept], map=None, films=()
        )


def panel(setting: "Setting", split: Split, new: Head) -> Panel:
    """The validation clips of one of the benchmark's splits, and what both heads answer.

    Args:
        new: the setting's head after the split.
    """
    old, features, targets = setting.head, setting.features, setting.targets(split).numpy()
    names = np.array([*old.labels, *split.subcategories], dtype=object)[targets]
    fine = dict(zip(split.subcategories, split.modifiers, strict=True))
    before, after = pd.Series(old.predict(features)), pd.Series(new.predict(features))
    clips = pd.DataFrame({
        "path": features.paths, "name": names, "shows": _short(pd.Series(names), fine, OTHER),
        "before": before, "before column": _short(before, {split.coarse: split.coarse}, ELSE),
        "before right": before == np.where(targets < len(old), names, split.coarse),
        "after": after, "after column": _short(after, fine, ELSE), "after right": after == names,
    })  # fmt: skip
    taken = (clips[["before column", "after column"]] != ELSE).any(axis=1)
    kept = clips[(targets >= len(old)) | (targets >= 0) & taken].sort_values("shows", kind="stable")
    vectors = np.asarray(features.features[kept.index], np.float32).mean(1)
    return Panel(split, kept.reset_index(drop=True), vectors)


def _short(labels: pd.Series, names: Mapping[str, str], rest: str) -> pd.Categorical:
    return pd.Categorical(labels.map(names).fillna(rest), [*names.values(), rest])
