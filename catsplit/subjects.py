"""What the command line sweeps over: a benchmark part, the classifier that sees its clips, and their features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from catsplit import methods as known
from catsplit.errors import CatsplitError
from catsplit.methods import ALL_THE_DATA, VISION_LANGUAGE, WHOLE_MODEL

if TYPE_CHECKING:
    from catsplit.benchmark import Benchmark
    from catsplit.features import FeatureSet
    from catsplit.head import Head
    from catsplit.methods import Method

USUAL = (*known.ZERO_SHOT, *known.LOW_SHOT)


@dataclass(frozen=True)
class Subject:
    """One part of a benchmark, seen by one classifier.

    Attributes:
        name: the benchmark's, for the table.
        features: "val", "train", or names of clips, to their features.
        own: {name: function from the features that are scored to a method} of methods that need clips or models.
        usual: names of the methods that a sweep compares if it isn't told.
    """

    name: str
    benchmark: "Benchmark"
    head: "Head"
    features: Callable[[str | Sequence[str]], "FeatureSet"]
    own: dict[str, Callable[["FeatureSet"], "Method"]]
    usual: Sequence[str]

    @property
    def wordings(self) -> tuple[str, ...]:
        """All wordings that the benchmark's folder has for its subcategories."""
        from catsplit.layout import WORDINGS
        from catsplit.wordings import read_wordings

        return ("exact", *read_wordings(self.benchmark.folder / WORDINGS, self.benchmark.taxonomy)[0])

    def training(self, names: Sequence[str]) -> "FeatureSet":
        return self.features(tuple(names))

    def methods(self, names: Sequence[str] | None, features: "FeatureSet") -> dict[str, "Method | None"]:
        """{name: function} for `sweep`, None for those that it knows by name.

        Raises:
            CatsplitError: a method that this benchmark or classifier can't have.
        """
        chosen = tuple(names or self.usual)
        special = (VISION_LANGUAGE, WHOLE_MODEL, ALL_THE_DATA)
        missing = [name for name in special if name in chosen and name not in self.own]
        if missing:
            raise CatsplitError(f'{self.name} has no method "{missing[0]}": see catsplit sweep --help.')
        return {name: self.own[name](features) if name in self.own else None for name in chosen}


def of_stage(part: str) -> Subject:
    """Stage-Split, which is synthetic, by its shipped classifier."""
    from catsplit import stage

    benchmark = stage.load(part)

    def vision_language(features: "FeatureSet") -> "Method":
        from catsplit import vlm
        from catsplit.stage import captions

        return vlm.method(captions.load(), captions.frames(features.paths).features)

    def whole_model(features: "FeatureSet", shots: int | None = 1) -> "Method":
        import torch

        from catsplit.video import read_views
        from catsplit.wholemodel import WholeModel

        @lru_cache(None)
        def views(name: str) -> torch.Tensor:
            return torch.from_numpy(read_views(benchmark.path(name), stage.sampling()))

        stage.prepare("train")
        network = stage.classifier(part)
        network.head = torch.nn.Identity()
        return WholeModel(network, benchmark, features.paths, views, shots=shots)

    own = {
        VISION_LANGUAGE: vision_language,
        WHOLE_MODEL: whole_model,
        ALL_THE_DATA: lambda features: whole_model(features, None),
    }
    return Subject(
        "Stage-Split (synthetic)", benchmark, stage.head(part), lambda clips: stage.features(part, clips), own,
        (*USUAL, known.ORACLE, VISION_LANGUAGE),
    )  # fmt: skip
