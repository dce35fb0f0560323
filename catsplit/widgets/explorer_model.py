"""What the split explorer computes: from a reader's choices to rows, scores, a confusion and answers to some clips.

There are no widgets here, so that the live explorer and the one of the built page show the same numbers, and tests
need no browser. What all choices share is made once: the old logits, the dictionary, the alignment, embeddings.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from catsplit import stage
from catsplit.benchmark import Benchmark
from catsplit.errors import CatsplitError
from catsplit.evaluator import Evaluator
from catsplit.features import FeatureSet
from catsplit.head import Head, Rows
from catsplit.methods import ZERO_SHOT, Ground
from catsplit.metrics import Scores, targets_of
from catsplit.modifiers import Split, strengthened
from catsplit.shots import TrainingClips
from catsplit.sweepinputs import reopened
from catsplit.text import Encode
from catsplit.training.recipe import PUBLISHED
from catsplit.widgets.explorer_names import named
from catsplit.widgets.explorer_rows import Source, sources_of
from catsplit.widgets.explorer_state import DRAWS, SEEDS, Answer, Choice, Rates, Result


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
        self._named: dict[tuple[str, tuple[str, ...]], tuple[Split, str]] = {}
        self._made: dict[Choice, _Made] = {}

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
        controls = {choice: self._controls(choice) for choice in dict.fromkeys(choices)}
        wanted = dict.fromkeys(_plain(one) for choice, drawn in controls.items() for one in (choice, *drawn))
        self._make([choice for choice in wanted if choice not in self._made])
        found = []
        for choice in choices:
            made = self._made[_plain(choice)]
            columns = zip(*(self._made[_plain(drawn)].rates for drawn in controls[choice]), strict=True)
            control = Rates(*(None if None in column else float(np.mean(column)) for column in columns))
            own = self.known[next(iter(self.known))][choice.coarse].subcategories
            shown = made.split.subcategories if made.truth else own
            found.append(
                Result(choice, made.split, made.truth, made.sources, made.rates, control,
                       (*shown, "all other categories"), own, made.counts, made.answers)
            )  # fmt: skip
        return found

    def rows(self, choice: Choice) -> Rows:
        """The new rows of a choice."""
        choice = _plain(choice)
        return self._learned([choice], [self._begun(choice)[0]])[0]

    def split(self, choice: Choice) -> tuple[Split, str]:
        """The names as a split, and how they are scored."""
        key = choice.coarse, choice.names
        if key not in self._named:
            known = [known[choice.coarse] for known in self.known.values()]
            self._named[key] = named(self.head, known, choice.names, tuple(self.known))
        return self._named[key]

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

    def _controls(self, choice: Choice) -> list[Choice]:
        """Copies, which don't read names, so that those of all wordings are the same."""
        split, truth = self.split(choice)
        names = self.known[next(iter(self.known))][choice.coarse].subcategories if truth else split.subcategories
        return [replace(choice, names=names, method="copies", strength=1.0, seed=seed) for seed in range(DRAWS)]

    def _make(self, choices: Sequence[Choice]) -> None:
        for coarse in dict.fromkeys(choice.coarse for choice in choices):
            mine = [choice for choice in choices if choice.coarse == coarse]
            begun = [self._begun(choice) for choice in mine]
            rows = self._learned(mine, [rows for rows, _ in begun])
            splits = [self.split(choice) for choice in mine]
            for split, truth in dict.fromkeys(splits):
                places = [i for i, one in enumerate(splits) if one == (split, truth)]
                # Copies nearly tie, and rounding differs with the company that rows are multiplied in.
                alone = [i for i in places if mine[i].method == "copies" and not mine[i].shots]
                for lot in [[i for i in places if i not in alone], *([i] for i in alone)]:
                    for i, outcome in zip(lot, self._measure(split, truth, [rows[i] for i in lot]), strict=True):
                        self._made[mine[i]] = _Made(split, truth, begun[i][1], *outcome)

    def _begun(self, choice: Choice) -> tuple[Rows, tuple[Source, ...]]:
        """The rows before they have seen any clip, and their sources."""
        split, _ = self.split(choice)
        rows = ZERO_SHOT[choice.method](self.ground, split, choice.seed)
        sources = sources_of(rows, self.ground.dictionary, self.head[choice.coarse], choice.method)
        if choice.strength == 1:
            return rows, sources
        return strengthened(self.head, choice.coarse, rows, choice.strength), sources

    def _learned(self, choices: Sequence[Choice], rows: Sequence[Rows]) -> list[Rows]:
        """The rows of one category's choices after the clips that were asked for."""
        learned = list(rows)
        places = [i for i, choice in enumerate(choices) if choice.shots]
        if not places:
            return learned
        own = self.benchmark.split(choices[0].coarse)
        for split, truth in (self.split(choices[i]) for i in places):
            if not truth:
                k = len(own.subcategories)
                raise CatsplitError(
                    f'The clips to learn from show the {k} subcategories that the benchmark has of "{split.coarse}": '
                    f"give {k} names, or learn from no clips."
                )
        # All under the benchmark's names, whatever theirs: so they learn side by side.
        runs = [
            (Rows(zip(own.subcategories, rows[i].values(), strict=True)), choices[i].shots, choices[i].seed)
            for i in places
        ]
        self.training.fetch([(own, shots, seed) for _, shots, seed in runs])
        fits = self.training.finetune(own, runs, "new rows", PUBLISHED)
        for i, (fit, _) in zip(places, fits, strict=True):
            names = dict(zip(own.subcategories, rows[i], strict=True))
            biases = {names[name]: bias for name, bias in fit.rows.biases.items()}
            learned[i] = Rows({names[name]: row for name, row in fit.rows.items()}, rows[i].origins, biases)
        return learned

    def _measure(
        self, split: Split, truth: str, rows: Sequence[Rows]
    ) -> Iterator[tuple[Rates, np.ndarray, tuple[Answer, ...]]]:
        targets = self.targets(split.coarse)
        of_category = targets >= len(self.head)
        if not truth:
            # Whose clips are whose isn't known, only that they are the category's.
            targets = targets.clamp(max=len(self.head))
        edits = [self.head.split(split.coarse, one) for one in rows]
        for scores in self._evaluator.score(edits, targets):
            known = (scores.generality, scores.siblings) if truth else (None, None)
            sure = float(scores.confidence[of_category].double().mean())
            rates = Rates(*known, scores.locality, scores.changed, sure)
            yield rates, self._counts(split, scores), self._answers(split, truth, scores)

    def _counts(self, split: Split, scores: Scores) -> np.ndarray:
        first, k = len(self.head), len(split.subcategories)
        targets, fine = self.targets(split.coarse), len(self.benchmark.split(split.coarse).subcategories)
        used = targets >= 0
        line = torch.where(targets >= first, targets - first, fine)[used]
        column = torch.where(scores.after >= first, scores.after - first, k)[used]
        counts = torch.bincount(line * (k + 1) + column, minlength=(fine + 1) * (k + 1))
        return counts.reshape(fine + 1, k + 1).numpy()

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


class _Made(NamedTuple):
    """What is kept of a choice."""

    split: Split
    truth: str
    sources: tuple[Source, ...]
    rates: Rates
    counts: np.ndarray
    answers: tuple[Answer, ...]


def _plain(choice: Choice) -> Choice:
    """Choices that come to the same are one: without strength, every method's rows are copies."""
    if choice.method == "copies" or not choice.strength:
        return replace(choice, method="copies", strength=1.0)
    return choice


def stage_model(part: str = "A", encode: Encode | None = None, *, progress: bool = True) -> Model:
    """The model of one part of Stage-Split (synthetic); renders and extracts clips on first use.

    Args:
        encode: a text encoder; by default one that keeps nothing on the disk of what a reader types.
    """
    from catsplit.text import encoder

    training = stage.features(part, "train", progress=progress)
    encode = encode or encoder(cache=False)
    return Model(stage.load(part), stage.head(part), stage.features(part, progress=progress), encode, training)
