"""What the command line sweeps over: a benchmark part, the classifier that sees its clips, and their features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from catsplit import methods as known
from catsplit.errors import CatsplitError, choices
from catsplit.methods import ALL_THE_DATA, VISION_LANGUAGE, WHOLE_MODEL
from catsplit.sweepinputs import reopened

if TYPE_CHECKING:
    from catsplit.backbones import ModuleBackbone
    from catsplit.benchmark import Benchmark
    from catsplit.features import FeatureSet
    from catsplit.head import Head
    from catsplit.methods import Method
    from catsplit.models.base import BaseModel
    from catsplit.video import Sampling

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
        return wordings_of(self.benchmark)

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


def wordings_of(benchmark: "Benchmark") -> tuple[str, ...]:
    """All wordings that a benchmark's folder has for its subcategories, "exact" first."""
    return benchmark.wordings


def of_stage(part: str) -> Subject:
    """Stage-Split, which is synthetic, by its shipped classifier."""
    from catsplit import stage

    benchmark = stage.load(part)

    def vision_language(features: "FeatureSet") -> "Method":
        from catsplit import vlm
        from catsplit.stage import captions

        return vlm.method(captions.load(), captions.frames(features.paths).features)

    def own(shots: int | None) -> Callable[["FeatureSet"], "Method"]:
        def method(features: "FeatureSet") -> "Method":
            stage.prepare("train")
            return _whole_model(benchmark, stage.backbone(part), stage.sampling(), features, shots, keep=True)

        return method

    return Subject(
        "Stage-Split (synthetic)", benchmark, stage.head(part), lambda clips: stage.features(part, clips),
        {VISION_LANGUAGE: vision_language, WHOLE_MODEL: own(1), ALL_THE_DATA: own(None)},
        (*USUAL, known.ORACLE, VISION_LANGUAGE),
    )  # fmt: skip


def of_folder(
    folder: str | Path,
    part: str,
    *,
    videos: str | Path,
    model: str | Path,
    positions: str | None = None,
    preset: str | None = None,
    device: str = "cpu",
    vision_language: str | None = None,
) -> Subject:
    """A benchmark in the published layout, by a base model of that part.

    Clips that can't be read are left out, and named.

    Args:
        folder, part, videos: as for `Benchmark.open`.
        model: a checkpoint of the authors', a folder or a name of transformers'; "{part}" in it becomes the part.
        positions: "mvd" or "videomae", which a checkpoint of the authors' doesn't tell.
        preset: of `video.PRESETS`; the published test views, as large as the model takes them, by default.
        device: where the model computes; on any but "cpu" in bfloat16 and compiled.
        vision_language: a model for the baseline, as for `vlm.load`, or for `xclip.load` if its name says so.

    Raises:
        CatsplitError: whatever is wrong with the folder, the videos' folder or the model.
    """
    from catsplit.backbones import accelerated
    from catsplit.benchmark import Benchmark
    from catsplit.features import extract
    from catsplit.video import PRESETS

    if preset is not None and preset not in PRESETS:
        raise CatsplitError(f'There are no views "{preset}" ({choices(preset, tuple(PRESETS))}).')
    benchmark = Benchmark.open(folder, part, videos=videos)
    base = _base_model(str(model).replace("{part}", part), benchmark, positions)
    backbone = base.backbone if device == "cpu" else accelerated(base.backbone, device)
    sampling = PRESETS[preset] if preset else base.sampling

    def features(clips: str | Sequence[str]) -> "FeatureSet":
        named = isinstance(clips, str)
        names = tuple(benchmark.clips(clips)["path"]) if named else tuple(clips)
        source = f"{clips}.csv" if named else None
        return extract(names, benchmark.path, backbone, sampling, source=source, on_error="skip")

    def baseline(scored: "FeatureSet") -> "Method":
        from catsplit import vlm
        from catsplit.models import xclip

        if "xclip" in str(vision_language).lower():
            # Its texts depend on the video, so that all of them have to be known when videos are embedded.
            opened = [reopened(benchmark, name) for name in wordings_of(benchmark)]
            texts = [text for one in opened for split in one.splits for text in split.subcategories]
            seeing = xclip.load(vision_language, list(dict.fromkeys(texts)), device=device)
        else:
            seeing = vlm.load(vision_language, device=device)
        return vlm.method(seeing, seeing.embed(scored.paths, benchmark.path).features)

    def whole(shots: int | None) -> Callable[["FeatureSet"], "Method"]:
        return lambda scored: _whole_model(benchmark, base.backbone, sampling, scored, shots)

    own = {WHOLE_MODEL: whole(1), ALL_THE_DATA: whole(None)} | ({VISION_LANGUAGE: baseline} if vision_language else {})
    usual = (*USUAL, *([VISION_LANGUAGE] if vision_language else []))
    return Subject(benchmark.folder.name, benchmark, base.head, features, own, usual)


def _base_model(name: str, benchmark: "Benchmark", positions: str | None) -> "BaseModel":
    if Path(name).expanduser().is_file():
        from catsplit.models.videomae import load_checkpoint

        if positions is None:
            raise CatsplitError(f"{name} doesn't tell its positions: say --positions mvd or --positions videomae.")
        return load_checkpoint(name, benchmark.labels, positions=positions)
    from transformers import AutoConfig

    from catsplit.models.hub import load_transformers
    from catsplit.sources import reachable

    with reachable(name):
        own = AutoConfig.from_pretrained(name).id2label.values()
    # Where the model names its rows itself, its word counts, and a sweep says so if the benchmark's is another.
    return load_transformers(name, None if set(own) & set(benchmark.labels) else benchmark.labels)


def _whole_model(
    benchmark: "Benchmark",
    backbone: "ModuleBackbone",
    sampling: "Sampling",
    features: "FeatureSet",
    shots: int | None,
    keep: bool = False,
) -> "Method":
    """The whole model as a method; `keep` holds decoded clips in memory, which is for small benchmarks only."""
    import torch

    from catsplit.models.method import Seeing, WholeModel
    from catsplit.video import read_views

    def views(name: str) -> torch.Tensor:
        return torch.from_numpy(read_views(benchmark.path(name), sampling))

    seen = lru_cache(None)(views) if keep else views
    return WholeModel(Seeing(backbone), benchmark, features.paths, seen, shots=shots)
