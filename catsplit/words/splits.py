"""A category and what it is to be split into, as words: benchmarks and methods both speak of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from catsplit.errors import HeadError
from catsplit.words.modifier_text import extract_modifiers


@dataclass(frozen=True)
class Split:
    """One coarse category and what it is to be split into.

    Attributes:
        coarse: its label.
        subcategories: full label texts of the k subcategories, in the order of the new rows.
        modifiers: their k modifier texts, in the same order.
        kind: the type of split, for example "direction", where a benchmark says.
    """

    coarse: str
    subcategories: tuple[str, ...]
    modifiers: tuple[str, ...]
    kind: str | None = None

    @classmethod
    def of(cls, coarse: str, subcategories: Sequence[str], modifiers: Sequence[str] = ()) -> "Split":
        """A split into names of one's own; without modifier texts they are drawn from the labels.

        Raises:
            HeadError: modifiers, but not one for each subcategory.
        """
        labels = tuple(subcategories)
        if modifiers and len(modifiers) != len(labels):
            raise HeadError(f"{len(labels)} subcategories need as many modifier texts, not {len(modifiers)}.")
        given = dict(zip(labels, modifiers, strict=False))
        texts = extract_modifiers(coarse, labels, given)
        return cls(coarse, labels, tuple(texts[label] for label in labels))
