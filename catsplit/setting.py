"""One part of a benchmark, the classifier that was trained on it, and all that follows from the two.

    settings = catsplit.settings()                    # Stage-Split, or the benchmark that the reader's file names
    a = settings["A"]
    a.head.predict(a.features)                        # a label for each validation clip
    split = a.split("Pushing something")
    rows = retrieve(a.head, split, a.dictionary, a.encode)

A classifier of one's own needs no benchmark: `Setting(head, groups=…, modifiers=…)`.
"""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from catsplit import alignment as aligned
from catsplit import controls
from catsplit.alignment import Alignment
from catsplit.benchmark import Benchmark
from catsplit.errors import CatsplitError
from catsplit.features import FeatureSet, extract
from catsplit.files import composed
from catsplit.head import Head, Rows
from catsplit.metrics import targets_of
from catsplit.models.base import BaseModel
from catsplit.modifiers import Dictionary, Split
from catsplit.shots import Source, TrainingClips
from catsplit.text import Encode, encoder
from catsplit.video import read_views

SEEDS = (0, 1, 2)


class Setting:
    """A classifier, the grouping of its labels, and the clips that it is tried on.

    What isn't given is made on first use, and once. Head and features come from the model; the groups and modifiers
    from the benchmark.

    Args:
        head: before any edit, C categories.
        benchmark: the part that the head's labels are of, with its clips and splits; None for a classifier alone.
        groups: {concept: its fine-grained categories} of the untouched side, groups of one included.
        modifiers: {fine-grained category: its modifier text}.
        features: of the validation clips.
        training: from names of training clips to their features.
        encode: list of T texts to embeddings (T, n); all-MiniLM-L6-v2 by default.
        seeds: those that the alignment network is fitted for, all at once.
        name: of the benchmark in tables; its folder's by default.
        model: answers the classifier that `head`, `backbone` and features are taken from.
        prepare: has the videos of these clips made, where they aren't there from the start.
        see: answers, for this setting, a vision–language model and its frame embeddings of the validation clips.
        sees: the name of that model.
        small: all clips fit into memory once decoded, and their features are made in a minute.

    Attributes:
        fits: what methods keep from one split, seed or wording to the next.

    Raises:
        CatsplitError: the head's labels aren't the benchmark's, in their order.
    """

    def __init__(
        self,
        head: Head | None = None,
        *,
        benchmark: Benchmark | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        modifiers: Mapping[str, str] | None = None,
        features: FeatureSet | None = None,
        training: Source | None = None,
        encode: Encode | None = None,
        seeds: Sequence[int] = SEEDS,
        name: str | None = None,
        model: Callable[[], BaseModel] | None = None,
        prepare: Callable[[Sequence[str]], object] | None = None,
        see: Callable[["Setting"], tuple[Any, Tensor]] | None = None,
        sees: str = "",
        small: bool = False,
    ) -> None:
        self._benchmark, self._model, self._prepare, self._see, self.sees = benchmark, model, prepare, see, sees
        self._training, self._seen, self.small = training, {}, small
        self._targets: dict[str, Tensor] = {}
        self.fits: dict[Any, Any] = {}
        self.seeds = tuple(seeds)
        self.name = name or (benchmark.folder.name if benchmark else "own")
        if head is not None and benchmark is not None:
            check_labels(benchmark, head.labels)
        given = {"head": head, "groups": groups, "modifiers": modifiers, "features": features, "encode": encode}
        # A cached property that is in an object's dictionary counts as made.
        self.__dict__.update({key: value for key, value in given.items() if value is not None})

    def __repr__(self) -> str:
        return f"Setting({self.name!r}, {self._benchmark or self.__dict__.get('head')!r})"

    def replace(self, *, encode: Encode | None = None, seeds: Sequence[int] | None = None) -> "Setting":
        """The same setting with another encoder and other seeds; what doesn't hang on them is made once for both."""
        _ = self.head, self.groups, self.modifiers
        other = copy.copy(self)
        for fit in ("alignment", "ridge"):
            other.__dict__.pop(fit, None)
        other.encode, other.seeds = encode or self.encode, tuple(seeds or self.seeds)
        return other

    # What is given, or comes from the benchmark and the model

    @property
    def benchmark(self) -> Benchmark:
        if self._benchmark is None:
            raise CatsplitError("This setting is a classifier without a benchmark: give one as `benchmark`.")
        return self._benchmark

    @property
    def part(self) -> str:
        return self.benchmark.part

    @cached_property
    def model(self) -> BaseModel:
        if self._model is None:
            raise CatsplitError(f"The setting {self.name} has no backbone to see clips with: give a `model`.")
        return self._model()

    @cached_property
    def head(self) -> Head:
        check_labels(self.benchmark, self.model.head.labels)
        return self.model.head

    @cached_property
    def groups(self) -> Mapping[str, Sequence[str]]:
        if self._benchmark is None:
            raise CatsplitError("A classifier without a benchmark needs `groups` and `modifiers` of its labels.")
        return self.benchmark.taxonomy.untouched_groups(self.part)

    @cached_property
    def modifiers(self) -> Mapping[str, str]:
        return self.benchmark.taxonomy.modifiers

    @cached_property
    def encode(self) -> Encode:
        return encoder()

    @cached_property
    def features(self) -> FeatureSet:
        """Of the validation clips (N, V, D)."""
        return self.extract("val")

    @cached_property
    def training(self) -> FeatureSet:
        """Of all training clips (N, V, D)."""
        return (self._training or self.extract)(list(self.benchmark.clips("train")["path"]))

    # What follows from the head

    @cached_property
    def dictionary(self) -> Dictionary:
        return Dictionary.from_head(self.head, self.groups, self.modifiers)

    @cached_property
    def alignment(self) -> Alignment:
        return aligned.fit(self.head, self.groups, self.modifiers, self.encode, seeds=self.seeds)

    @cached_property
    def ridge(self) -> Alignment:
        return aligned.ridge(self.head, self.groups, self.modifiers, self.encode)

    # Clips

    def extract(self, clips: str | Sequence[str]) -> FeatureSet:
        """Features of the clips of a set, "val" or "train", or of these names; from the cache, if ever made before.

        Those that can't be read are left out, with a warning, and listed as skipped.
        """
        named = isinstance(clips, str)
        names = tuple(self.benchmark.clips(clips)["path"]) if named else tuple(clips)
        self.prepare(names)
        source = f"{self.name}, {clips}.csv" if named else None
        model = self.model
        return extract(names, self.benchmark.path, model.backbone, model.sampling, source=source, on_error="skip")

    def prepare(self, clips: Sequence[str]) -> None:
        """See to it that the videos of these clips are there: Stage-Split renders its own on first use."""
        if self._prepare is not None:
            self._prepare(tuple(clips))

    def views(self, clip: str) -> Tensor:
        """The views of a clip (V, T, H, W, 3), uint8, as the backbone sees them."""
        if clip in self._seen:
            return self._seen[clip]
        self.prepare([clip])
        views = torch.from_numpy(read_views(self.benchmark.path(clip), self.model.sampling))
        if self.small:
            self._seen[clip] = views
        return views

    def clips_of(self, label: str) -> list[str]:
        """Names of the validation clips of a category of the head, or of a subcategory of one of the splits."""
        for split in self.benchmark.splits:
            if label in split.subcategories:
                table = self.benchmark.equivalent_set(split.coarse)
                row = len(self.benchmark.labels) + split.subcategories.index(label)
                break
        else:
            table, row = self.benchmark.clips("val"), self.head.index(label)
        return table["path"][table["row"] == row].tolist()

    def targets(self, split: Split | str) -> Tensor:
        """The targets (N,) of the validation clips in a split of the benchmark, as for `metrics.evaluate`."""
        coarse = split if isinstance(split, str) else split.coarse
        if coarse not in self._targets:
            sets = self.benchmark.equivalent_set(coarse), self.benchmark.unrelated_set(coarse)
            skipped = [path for path, _ in self.features.skipped]
            self._targets[coarse] = targets_of(self.features.paths, *sets, skipped)
        return self._targets[coarse]

    @cached_property
    def training_clips(self) -> TrainingClips:
        """Which training clips are drawn for a split, and their features."""
        # Of a small benchmark all at once: whoever asks for a few first, and then for others, has none made twice.
        source = self._training or (self.extract if self._model else None)
        return TrainingClips(self.benchmark, self.head, (lambda names: self.training) if self.small else source)

    def oracle(self, split: Split) -> Rows:
        """Rows of `controls.oracle`, fitted to all training clips, once for a split; it has no seed."""
        if split not in self.fits:
            self.fits[split] = controls.oracle(self.head, split, *self.training_clips.everything(split))
        return self.fits[split]

    @property
    def can_see(self) -> bool:
        """Whether there is a vision–language model for the baseline."""
        return self._see is not None

    @property
    def vision_language(self) -> tuple[Any, Tensor]:
        """The baseline's model, and frame embeddings (N, n) of the validation clips."""
        if self._see is None:
            raise CatsplitError(f"{self.name} has no vision–language model: name one as `vision_language`.")
        if self.sees not in self.fits:
            self.fits[self.sees] = self._see(self)
        return self.fits[self.sees]

    # Splits

    def split(self, coarse: str, names: Sequence[str] = (), modifiers: Sequence[str] = ()) -> Split:
        """The benchmark's split of a category, or one into names of one's own, whose modifiers are drawn from them."""
        return Split.of(coarse, names, modifiers) if names or modifiers else self.benchmark.split(coarse)

    @property
    def splits(self) -> tuple[Split, ...]:
        return self.benchmark.splits

    @property
    def wordings(self) -> tuple[str, ...]:
        """All wordings that the benchmark has for its subcategories, "exact" first."""
        return self.benchmark.wordings

    def worded(self, wording: str) -> Benchmark:
        """The benchmark with other words for its subcategories; labels, clips and dictionary stay as they are."""
        if wording == self.benchmark.wording:
            return self.benchmark
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said already, when the benchmark was opened
            return Benchmark.open(self.benchmark.folder, self.part, wording=wording)


def check_labels(benchmark: Benchmark, ours: Sequence[str], whose: str = "the head") -> None:
    """Raise CatsplitError unless the labels are the benchmark's, in their order."""
    theirs, ours = benchmark.labels, tuple(map(composed, ours))
    if ours == theirs:
        return
    most = min(len(ours), len(theirs))
    place = next((row for row in range(most) if ours[row] != theirs[row]), most)
    one, other = (f'"{labels[place]}"' if place < len(labels) else "nothing" for labels in (ours, theirs))
    raise CatsplitError(
        f"The {len(ours)} labels of {whose} must be the {len(theirs)} of part {benchmark.part}, in their order, but "
        f"row {place} is {one} in {whose} and {other} in the benchmark."
    )
