"""The methods that are compared, by name, and what all splits of one benchmark part share.

A method is a function of the ground it stands on, a split and a seed. It answers `Rows`, a `Head` where it
changed old rows too, or `Scores` where it predicts by itself. A function of your own is as good as these.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from torch import Tensor

from catsplit import alignment as aligned
from catsplit import controls, lowshot
from catsplit.alignment import Alignment
from catsplit.errors import CatsplitError, choices
from catsplit.head import Head, Rows
from catsplit.lowshot import ALL
from catsplit.metrics import Features, Scores
from catsplit.modifiers import Dictionary, Split
from catsplit.retrieval import retrieve
from catsplit.text import Encode


@dataclass(eq=False)
class Ground:
    """What the splits of one head have in common. The dictionary and the fits are made on first use, and once.

    Attributes:
        head: the head before any edit, C categories.
        groups: {concept: its fine-grained categories} of the untouched side, groups of one included.
        modifiers: {fine-grained category: its modifier text}.
        encode: list of T texts to embeddings (T, n).
        seeds: those that the alignment network is fitted for, all at once.
        features: (N, V, D) of the clips that are scored, or None.
        targets: split to the targets (N,) of those clips, as `metrics.targets_of` gives them; or None.
        clips: split to features (n, V, D) and targets (n,) of all training clips, untouched ones among them; or None.
    """

    head: Head
    groups: Mapping[str, Sequence[str]]
    modifiers: Mapping[str, str]
    encode: Encode
    seeds: tuple[int, ...] = (0, 1, 2)
    features: Features | None = field(default=None, repr=False)
    targets: Callable[[Split], Tensor] | None = None
    clips: Callable[[Split], tuple[Features, Tensor]] | None = None
    _oracles: dict[str, Rows] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def dictionary(self) -> Dictionary:
        return Dictionary.from_head(self.head, self.groups, self.modifiers)

    @cached_property
    def alignment(self) -> Alignment:
        return aligned.fit(self.head, self.groups, self.modifiers, self.encode, seeds=self.seeds)

    @cached_property
    def ridge(self) -> Alignment:
        return aligned.ridge(self.head, self.groups, self.modifiers, self.encode)

    def oracle(self, split: Split) -> Rows:
        """Rows of `controls.oracle`, fitted once for a split; it has no seed.

        Raises:
            CatsplitError: there are no training clips.
        """
        if self.clips is None:
            raise CatsplitError("The oracle learns from all training clips: give their features as `training`.")
        key = "\n".join((split.coarse, *split.subcategories))
        if key not in self._oracles:
            self._oracles[key] = controls.oracle(self.head, split, *self.clips(split))
        return self._oracles[key]


Method = Callable[[Ground, Split, int], Rows | Head | Scores]


def _retrieve(ground: Ground, split: Split, seed: int, **settings: object) -> Rows:
    return retrieve(ground.head, split, ground.dictionary, ground.encode, seed=seed, **settings)


# Those of the zero-shot comparison, controls first; then what they are taken apart into.
COMPARED: dict[str, Method] = {
    "copies": lambda ground, split, seed: controls.copies(ground.head, split, seed=seed),
    "random vectors": lambda ground, split, seed: controls.random_vectors(
        ground.head, split, ground.dictionary, seed=seed
    ),
    "random entries": lambda ground, split, seed: controls.random_entries(
        ground.head, split, ground.dictionary, seed=seed
    ),
    "retrieval": _retrieve,
    "alignment": lambda ground, split, seed: ground.alignment.rows(ground.head, split, ground.encode, seed=seed),
}
ABLATED: dict[str, Method] = {
    "retrieval, argmax": partial(_retrieve, matching="argmax"),
    "retrieval, coherent": partial(_retrieve, matching="coherent"),
    "retrieval, modifiers only": partial(_retrieve, alpha=1.0, beta=0.0),
    "retrieval, labels only": partial(_retrieve, alpha=0.0, beta=1.0),
    "retrieval, first of equals": partial(_retrieve, ties="first"),
    "ridge": lambda ground, split, seed: ground.ridge.rows(ground.head, split, ground.encode),
}
ZERO_SHOT = COMPARED | ABLATED


class Oracle:
    """`Ground.oracle` as a method that learns from all training clips."""

    initial, shots = "coarse", ALL

    def __call__(self, ground: Ground, split: Split, seed: int) -> Rows:
        return ground.oracle(split)


ORACLE = "oracle"
# Methods that need more than features, by the names that tables know: `vlm.method`, `modelmethod.WholeModel`.
VISION_LANGUAGE, WHOLE_MODEL = "vision-language", "whole model"
ALL_THE_DATA = f"{WHOLE_MODEL}, all the data"
# What may learn from a few clips, and the rows to begin with.
LOW_SHOT = ("new rows", "whole head")
INITIAL: dict[str, Callable[[Ground, Split, int], Rows]] = {
    "random": lambda ground, split, seed: lowshot.random_rows(ground.head, split, seed=seed),
    "coarse": lambda ground, split, seed: controls.copies(ground.head, split, noise=0),
    "retrieval": _retrieve,
    "alignment": COMPARED["alignment"],
}


def find(names: Sequence[str] | Mapping[str, Method | None]) -> dict[str, Method]:
    """The zero-shot methods, and the oracle, of these names; a mapping adds functions of one's own.

    Names of low-shot methods, which need more than a seed, are passed over.

    Args:
        names: a list of names; or {name: function}, where None stands for the method known by the name.

    Raises:
        CatsplitError: there is no method of a name; the nearest are offered.
    """
    if isinstance(names, str):
        raise CatsplitError(f'Methods are given as a list: write ["{names}"] in place of "{names}".')
    known: dict[str, Method] = {**ZERO_SHOT, ORACLE: Oracle()}
    found = {}
    for name in names:
        own = names[name] if isinstance(names, Mapping) else None
        if own is None and name not in known and name not in LOW_SHOT:
            raise CatsplitError(f'There is no method "{name}" ({choices(name, (*known, *LOW_SHOT))}).')
        if name not in LOW_SHOT:
            found[name] = own or known[name]
    if not len(names):
        raise CatsplitError("A sweep needs one method or more.")
    return found
