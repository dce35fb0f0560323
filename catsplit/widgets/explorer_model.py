"""What the split explorer computes: from a reader's choices to rows, scores, a confusion and answers to some clips.

There are no widgets here, so that the live explorer and the one of the built page show the same numbers, and tests
need no browser. What all choices share is made once: the old logits, the dictionary, the alignment, embeddings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from catsplit.errors import CatsplitError
from catsplit.evaluator import Evaluator
from catsplit.gallery import Film, film
from catsplit.head import Rows
from catsplit.methods import ZERO_SHOT
from catsplit.modifiers import Split, strengthened
from catsplit.recipe import PUBLISHED
from catsplit.setting import Setting
from catsplit.video import read_frames
from catsplit.widgets.explorer_names import Source, named, sources_of

METHODS = ("copies", "random entries", "retrieval", "retrieval, coherent", "alignment", "ridge")
DRAWS = 5  # of the control: one draw of its noise favours some direction of the features for all clips
SIZE = 72  # of a clip, in pixels


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


class Model:
    """Splits of one part of a benchmark, made and measured as a reader chooses.

    Args:
        setting: without training clips there are no shots.

    Attributes:
        known: {wording: {category: its split}}, the exact wording first.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting, self.head = setting, setting.head
        self.known = {word: {s.coarse: s for s in setting.worded(word).splits} for word in setting.wordings}
        self._evaluator = Evaluator(setting.head, setting.features.features)
        self._made: dict[Choice, Result] = {}
        self._places, self.films = map(lru_cache(None), (self._chosen, self._read))

    def prepare(self, say: Callable[[str], None] = print) -> "Model":
        """Make ahead what would keep the first choices waiting, and say so."""
        say("Fitting the alignment and loading the text encoder, once …")
        _ = self.setting.alignment, self.setting.ridge
        splits = [split for known in self.known.values() for split in known.values()]
        texts = [text for split in splits for text in split.subcategories + split.modifiers]
        self.setting.encode(list(dict.fromkeys([*texts, *self.setting.dictionary.labels])))
        return self

    @property
    def categories(self) -> tuple[str, ...]:
        """Those that can be split."""
        return tuple(split.coarse for split in self.setting.splits)

    def result(self, choice: Choice) -> Result:
        """What the choice comes to; a choice that was made before is not computed again.

        Raises:
            CatsplitError: names that can't be split into, or that leave nothing to learn from.
        """
        return self.results([choice])[0]

    def results(self, choices: Sequence[Choice]) -> list[Result]:
        """`result` of many choices, faster together."""
        copies = {choice: self._copies(choice) for choice in choices}
        wanted = dict.fromkeys(_plain(one) for choice in choices for one in (choice, *copies[choice]))
        new = [choice for choice in wanted if choice not in self._made]
        for choice, rows in zip(new, self._learned(new), strict=True):
            self._made[choice] = self._measured(choice, rows)
        found = []
        for choice in choices:
            columns = zip(*(self._made[one].rates for one in copies[choice]), strict=True)
            control = Rates(*(None if None in column else float(np.mean(column)) for column in columns))
            found.append(replace(self._made[_plain(choice)], choice=choice, control=control))
        return found

    def problem(self, choice: Choice) -> str:
        """Why a method can't make rows for these names, or nothing: a group must have as many, if it is to lend all."""
        try:
            self._begun(choice)
        except CatsplitError as error:
            return str(error)
        return ""

    def rows(self, choice: Choice) -> Rows:
        """The new rows of a choice."""
        return self._learned([_plain(choice)])[0]

    def split(self, choice: Choice) -> tuple[Split, str]:
        """The names as a split, and how they are scored."""
        return named(self.head, {word: known[choice.coarse] for word, known in self.known.items()}, choice.names)

    def clips(self, coarse: str) -> tuple[str, ...]:
        """Clips to look at: up to three of each subcategory, and the two untouched ones that are nearest to coarse."""
        return tuple(self.setting.features.paths[i] for i in self._places(coarse))

    def _copies(self, choice: Choice) -> list[Choice]:
        """The controls. They don't read names, so that those of all wordings are the same."""
        split, truth = self.split(choice)
        names = self.setting.split(choice.coarse).subcategories if truth else split.subcategories
        return [replace(choice, names=names, method="copies", strength=1.0, seed=seed) for seed in range(DRAWS)]

    def _begun(self, choice: Choice) -> Rows:
        """The rows before they have seen any clip."""
        rows = ZERO_SHOT[choice.method](self.setting, self.split(choice)[0], choice.seed)
        return rows if choice.strength == 1 else strengthened(self.head, choice.coarse, rows, choice.strength)

    def _learned(self, choices: Sequence[Choice]) -> list[Rows]:
        """The rows of choices after the clips that were asked for."""
        rows, learning = [self._begun(choice) for choice in choices], {}
        for i, choice in enumerate(choices):
            split, truth = self.split(choice)
            if choice.shots and not truth:
                k = len(self.setting.split(choice.coarse).subcategories)
                raise CatsplitError(
                    f'The clips to learn from show the {k} subcategories that the benchmark has of "{choice.coarse}": '
                    f"give {k} names, or learn from no clips."
                )
            if choice.shots:
                learning[i] = split, rows[i], choice.shots, choice.seed
        if learning:
            fits = self.setting.training_clips.learn([*learning.values()], "new rows", PUBLISHED)
            for i, fit in zip(learning, fits, strict=True):
                rows[i] = fit.rows
        return rows

    def _measured(self, choice: Choice, rows: Rows) -> Result:
        """The result without its control."""
        (split, truth), coarse, first = self.split(choice), choice.coarse, len(self.head)
        own, targets = self.setting.split(coarse).subcategories, self.setting.targets(coarse)
        # Whose clips are whose isn't known without truth, only that they are the category's.
        scored = targets if truth else targets.clamp(max=first)
        (scores,) = self._evaluator.score([self.head.split(coarse, rows)], scored)
        known = (scores.generality, scores.siblings) if truth else (None, None)
        sure = float(scores.confidence[targets >= first].double().mean())
        names, k = split.subcategories if truth else own, len(split.subcategories)
        lines = torch.where(targets >= first, targets - first, len(own))
        columns = torch.where(scores.after >= first, scores.after - first, k)
        counts = torch.bincount((lines * (k + 1) + columns)[targets >= 0], minlength=(len(own) + 1) * (k + 1))
        answers = []
        for i in self._places(coarse):
            target, answer = int(targets[i]), int(scores.after[i])
            right = answer == target if truth or min(target, answer) < first else None
            shows = (*self.head.labels, *names)[target]
            said = (*self.head.labels, *split.subcategories)[answer]
            answers.append(Answer(self.setting.features.paths[i], shows, said, right))
        start = self._begun(replace(choice, strength=1.0, shots=0))
        rates = Rates(*known, scores.locality, scores.changed, sure)
        return Result(
            choice, split, truth, sources_of(start, self.setting.dictionary, self.head[coarse], choice.method), rates,
            rates, (*names, "all other categories"), own, counts.reshape(-1, k + 1).numpy(), tuple(answers),
        )  # fmt: skip

    def _chosen(self, coarse: str) -> tuple[int, ...]:
        """Numbers of `clips`."""
        targets, first, k = self.setting.targets(coarse), len(self.head), len(self.setting.split(coarse).subcategories)
        chosen = [i for j in range(k) for i in (targets == first + j).nonzero()[: max(6 // k, 1), 0].tolist()]
        shares = self.head.probabilities(self.setting.features)[:, self.head.index(coarse)]
        untouched = (targets >= 0) & (targets < first)
        return (*chosen, *shares.where(untouched, -1).topk(2).indices.tolist())

    def _read(self, coarse: str) -> tuple[Film, ...]:
        """`clips` as films."""
        self.setting.prepare(self.clips(coarse))
        return tuple(film(read_frames(self.setting.benchmark.path(clip), SIZE)) for clip in self.clips(coarse))


def _plain(choice: Choice) -> Choice:
    """Choices that come to the same are one: without strength, every method's rows are copies."""
    if choice.method == "copies" or not choice.strength:
        return replace(choice, method="copies", strength=1.0)
    return choice
