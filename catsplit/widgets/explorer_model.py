"""What the split explorer computes: from a reader's choices to rows, scores, a confusion and answers to some clips.

There are no widgets here, so that the live explorer and the one of the built page show the same numbers, and tests
need no browser. What all choices share is made once: the old logits, the dictionary, the alignment, embeddings.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from catsplit import stage
from catsplit.benchmark import Benchmark, Split
from catsplit.errors import CatsplitError
from catsplit.evaluator import Evaluator
from catsplit.features import FeatureSet
from catsplit.head import Head, Rows
from catsplit.methods import ZERO_SHOT, Ground
from catsplit.metrics import Scores, targets_of
from catsplit.recipe import PUBLISHED
from catsplit.retrieval import Encode
from catsplit.sweepinputs import reopened
from catsplit.trainingclips import TrainingClips
from catsplit.widgets.explorer_names import named
from catsplit.widgets.explorer_rows import Source, sources_of, strengthened

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


class Model:
    """Splits of one part of a benchmark, made and measured as a reader chooses.

    Args:
        head: its labels are the part's, in their order.
        features: of the validation clips.
        training: features of the training clips, without which there are no shots.
        wordings: of the benchmark.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        head: Head,
        features: FeatureSet,
        encode: Encode,
        training: FeatureSet | None = None,
        wordings: Sequence[str] = ("exact", "paraphrased"),
    ) -> None:
        self.benchmark, self.head = benchmark, head
        self.known = {w: {s.coarse: s for s in reopened(benchmark, w).splits} for w in wordings}
        taxonomy = benchmark.taxonomy
        self.ground = Ground(head, taxonomy.untouched_groups(benchmark.part), taxonomy.modifiers, encode, SEEDS)
        self.training = TrainingClips(benchmark, head, training)
        self._evaluator, self._features = Evaluator(head, features.features), features
        self._targets: dict[str, Tensor] = {}
        self._clips: dict[str, tuple[int, ...]] = {}
        self._done: dict[Choice, Result] = {}
        self._controls: dict[tuple, Rates] = {}

    def prepare(self, say: Callable[[str], None] = print) -> "Model":
        """Make ahead what would keep the first choices waiting, and say so."""
        say("Fitting the alignment and loading the text encoder, once …")
        _ = self.ground.alignment, self.ground.ridge
        splits = [split for known in self.known.values() for split in known.values()]
        texts = [text for split in splits for text in split.subcategories + split.modifiers]
        self.ground.encode(list(dict.fromkeys([*texts, *self.ground.dictionary.labels])))
        return self

    @property
    def categories(self) -> tuple[str, ...]:
        """Those that can be split."""
        return tuple(split.coarse for split in self.benchmark.splits)

    def result(self, choice: Choice) -> Result:
        """What the choice comes to; a choice that was made before is not computed again.

        Raises:
            CatsplitError: names that can't be split into, or that leave nothing to learn from.
        """
        return self.results([choice])[0]

    def results(self, choices: Sequence[Choice]) -> list[Result]:
        """`result` of many choices, faster together."""
        lots: dict[tuple[str, tuple[str, ...]], list[Choice]] = {}
        for choice in dict.fromkeys(choices):
            if choice not in self._done:
                lots.setdefault((choice.coarse, choice.names), []).append(choice)
        for (coarse, names), mine in lots.items():
            split, truth = named(self.head, [known[coarse] for known in self.known.values()], names, tuple(self.known))
            made = self._rows(split, truth, mine)
            measured = self._measure(split, truth, [rows for rows, _ in made])
            for choice, (_, sources), (scores, rates) in zip(mine, made, measured, strict=True):
                control = self._control(choice, split, truth)
                shown, counts = self._confusion(split, truth, scores)
                answers = self._answers(split, truth, scores)
                own = self.benchmark.split(coarse).subcategories
                self._done[choice] = Result(choice, split, truth, sources, rates, control, shown, own, counts, answers)
        return [self._done[choice] for choice in choices]

    def rows(self, choice: Choice) -> Rows:
        """The new rows of a choice."""
        split, truth = self.split(choice)
        return self._rows(split, truth, [choice])[0][0]

    def split(self, choice: Choice) -> tuple[Split, str]:
        """The names as a split, and how they are scored."""
        known = [known[choice.coarse] for known in self.known.values()]
        return named(self.head, known, choice.names, tuple(self.known))

    def clips(self, coarse: str) -> tuple[str, ...]:
        """Clips to look at: two or three of each subcategory, and the two untouched ones that are nearest to coarse."""
        return tuple(self._features.paths[i] for i in self._places(coarse))

    def targets(self, coarse: str) -> Tensor:
        """Targets (N,) of the validation clips, the subcategories in the benchmark's order."""
        if coarse not in self._targets:
            sets = self.benchmark.equivalent_set(coarse), self.benchmark.unrelated_set(coarse)
            skipped = [path for path, _ in self._features.skipped]
            self._targets[coarse] = targets_of(self._features.paths, *sets, skipped)
        return self._targets[coarse]

    def _rows(self, split: Split, truth: str, choices: Sequence[Choice]) -> list[tuple[Rows, tuple[Source, ...]]]:
        made = []
        for choice in choices:
            method = choice.method if choice.strength else "copies"
            rows = ZERO_SHOT[method](self.ground, split, choice.seed)
            sources = sources_of(rows, self.ground.dictionary, self.head[split.coarse], method)
            if choice.strength:
                rows = strengthened(self.head, split.coarse, rows, choice.strength)
            made.append((rows, sources))
        learn = [i for i, choice in enumerate(choices) if choice.shots]
        if learn:
            runs = [(made[i][0], choices[i].shots, choices[i].seed) for i in learn]
            if not truth:
                k = len(self.benchmark.split(split.coarse).subcategories)
                raise CatsplitError(
                    f'The clips to learn from show the {k} subcategories that the benchmark has of "{split.coarse}": '
                    f"give {k} names, or learn from no clips."
                )
            self.training.fetch([(split, shots, seed) for _, shots, seed in runs])
            fits = self.training.finetune(split, runs, "new rows", PUBLISHED)
            for i, (fit, _) in zip(learn, fits, strict=True):
                made[i] = fit.rows, made[i][1]
        return made

    def _measure(self, split: Split, truth: str, rows: Sequence[Rows]) -> list[tuple[Scores, Rates]]:
        targets = self.targets(split.coarse)
        if not truth:
            # Whose clips are whose isn't known, only that they are the category's.
            targets = targets.clamp(max=len(self.head))
        edits = [self.head.split(split.coarse, one) for one in rows]
        found = []
        for scores in self._evaluator.score(edits, targets):
            known = (scores.generality, scores.siblings) if truth else (None, None)
            sure = float(scores.confidence[targets >= len(self.head)].double().mean())
            found.append((scores, Rates(*known, scores.locality, scores.changed, sure)))
        return found

    def _control(self, choice: Choice, split: Split, truth: str) -> Rates:
        key = (choice.coarse, len(split.subcategories), bool(truth), choice.shots)
        if key not in self._controls:
            drawn = [replace(choice, method="copies", strength=1.0, seed=seed) for seed in range(DRAWS)]
            rows = [rows for rows, _ in self._rows(split, truth, drawn)]
            rates = [rates for _, rates in self._measure(split, truth, rows)]
            self._controls[key] = Rates(
                *(None if None in column else float(np.mean(column)) for column in zip(*rates, strict=True))
            )
        return self._controls[key]

    def _confusion(self, split: Split, truth: str, scores: Scores) -> tuple[tuple[str, ...], np.ndarray]:
        first, k = len(self.head), len(split.subcategories)
        fine = split.subcategories if truth else self.benchmark.split(split.coarse).subcategories
        targets = self.targets(split.coarse)
        used = targets >= 0
        line = torch.where(targets >= first, targets - first, len(fine))[used]
        column = torch.where(scores.after >= first, scores.after - first, k)[used]
        counts = torch.bincount(line * (k + 1) + column, minlength=(len(fine) + 1) * (k + 1))
        return (*fine, "all other categories"), counts.reshape(len(fine) + 1, k + 1).numpy()

    def _answers(self, split: Split, truth: str, scores: Scores) -> tuple[Answer, ...]:
        first, targets = len(self.head), self.targets(split.coarse)
        labels = (*self.head.labels, *split.subcategories)
        shows = (*self.head.labels, *(split if truth else self.benchmark.split(split.coarse)).subcategories)
        found = []
        for i in self._places(split.coarse):
            target, answer = int(targets[i]), int(scores.after[i])
            right = answer == target if truth or target < first or answer < first else None
            found.append(Answer(self._features.paths[i], shows[target], labels[answer], right))
        return tuple(found)

    def _places(self, coarse: str) -> tuple[int, ...]:
        if coarse not in self._clips:
            targets, first = self.targets(coarse), len(self.head)
            k = len(self.benchmark.split(coarse).subcategories)
            each = max(6 // k, 1)
            chosen = [int(i) for j in range(k) for i in (targets == first + j).nonzero()[:each, 0]]
            untouched = ((targets >= 0) & (targets < first)).nonzero()[:, 0]
            near = self.head.logits(torch.from_numpy(np.ascontiguousarray(self._features.features[untouched])))
            near = near.softmax(-1).mean(1)[:, self.head.index(coarse)].topk(min(2, len(untouched))).indices
            self._clips[coarse] = (*chosen, *untouched[near].tolist())
        return self._clips[coarse]


def stage_model(part: str = "A", encode: Encode | None = None, *, progress: bool = True) -> Model:
    """The model of one part of Stage-Split (synthetic); renders and extracts clips on first use.

    Args:
        encode: a text encoder; by default one that keeps nothing on the disk of what a reader types.
    """
    from catsplit.text import encoder

    training = stage.features(part, "train", progress=progress)
    encode = encode or encoder(cache=False)
    return Model(stage.load(part), stage.head(part), stage.features(part, progress=progress), encode, training)
