"""What the split explorer is asked, and what it answers: plain records, without any computation."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from catsplit.modifiers import Split
from catsplit.widgets.explorer_rows import Source

METHODS = ("copies", "random entries", "retrieval", "retrieval, coherent", "alignment", "ridge")
SEEDS = (0, 1, 2)
DRAWS = 5  # of the control: one draw of its noise favours some direction of the features for all clips


@dataclass(frozen=True)
class Choice:
    """What a reader has chosen.

    Attributes:
        coarse: the category to split.
        names: of the subcategories to split it into.
        method: one of `METHODS`.
        strength: the new row is coarse row + strength · (the method's row - coarse row). At 0 the rows would be equal,
            and rounding would decide between them, so that they are `controls.copies`, with its pinch of noise.
        shots: clips of each subcategory that the rows then learn from; 0 for none.
        seed: of all draws.
    """

    coarse: str
    names: tuple[str, ...]
    method: str = "retrieval"
    strength: float = 1.0
    shots: int = 0
    seed: int = 0


class Rates(NamedTuple):
    """Fractions, as in `metrics.Scores`.

    `confidence` is the mean probability of the answers to the clips of the category, right or not. Generality and
    siblings are None where the names have no known meaning.
    """

    generality: float | None
    siblings: float | None
    locality: float
    changed: float
    confidence: float


class Answer(NamedTuple):
    """What was answered to a clip; `right` is None where nobody can say."""

    clip: str
    shows: str
    answer: str
    right: bool | None


@dataclass(frozen=True, eq=False)
class Result:
    """What a choice comes to.

    Attributes:
        split: the names in the order of the new rows, and their modifiers.
        truth: how the names are scored: "exact" or another wording of the benchmark; "line by line"; "" for not at all.
        control: the mean rates of `DRAWS` edits by copies of the coarse row, which learn from as many clips.
        shown: what the clips show, a line of `counts` each; the last is all untouched categories together.
        shown_as: the benchmark's own words for the category's subcategories.
        counts: (len(shown), k + 1) clips by answer: the k names, and any other category.
        answers: to the clips of `Model.clips`.
    """

    choice: Choice
    split: Split
    truth: str
    sources: tuple[Source, ...]
    rates: Rates
    control: Rates
    shown: tuple[str, ...]
    shown_as: tuple[str, ...]
    counts: np.ndarray
    answers: tuple[Answer, ...]
