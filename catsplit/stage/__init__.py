"""Stage-Split, the embedded benchmark: rendered clips of scripted actions in the published folder layout.

It is synthetic. It stands in for SSv2-Split and FineGym-Split wherever no video data set can be had, goes through
the same code from the mp4 file on, and its numbers must never be read as theirs.

    benchmark = stage.load("A")               # labels, clips and splits; renders nothing
    features = stage.features("A")            # of the validation clips; renders and extracts on first use
    head = stage.head("A")                    # the shipped classifier's head
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from catsplit.errors import BenchmarkError
from catsplit.stage.catalogue import ACTIONS, MOTION_KINDS, PARTS, STATE_KINDS, VERSION, WORDINGS
from catsplit.stage.storage import prepare, taxonomy, write_annotations

if TYPE_CHECKING:
    from torch import Tensor

    from catsplit.backbones import Backbone
    from catsplit.benchmark import Benchmark
    from catsplit.features import FeatureSet
    from catsplit.head import Head
    from catsplit.models.base import BaseModel
    from catsplit.stage.network import StageNet
    from catsplit.video import Sampling

__all__ = [
    "MOTION_KINDS",
    "NAME",
    "NOVEL_CATEGORIES",
    "PARTS",
    "STATE_KINDS",
    "VERSION",
    "WORDINGS",
    "backbone",
    "card",
    "classifier",
    "features",
    "head",
    "load",
    "measured",
    "model",
    "prepare",
    "sampling",
    "taxonomy",
]

NAME = "Stage-Split (synthetic)"
NOVEL_CATEGORIES = tuple(action.label for action in ACTIONS if action.novel)


def load(part: str = "A", wording: str = "exact") -> "Benchmark":
    """Stage-Split's labels, clips and splits; nothing is rendered.

    Args:
        part: "A" or "B", the part whose coarse categories are collapsed and can be split.
        wording: how the subcategories to split into are named; the dictionary's words stay. "exact": as the labels
            say, of which a quarter of the modifiers stand word for word in the dictionary, as on film; "known": in
            the dictionary's words wherever it has the modifier; "synonyms": in words that no label uses; "terse": in
            a word or two.

    Raises:
        BenchmarkError: an unknown part or wording.
        CacheError: the cache folder can't be written.
    """
    from catsplit.benchmark import Benchmark

    _check_part(part)
    if wording not in WORDINGS:
        raise BenchmarkError(f"Stage-Split has no wording {wording!r}; it has {', '.join(map(repr, WORDINGS))}.")
    folder = write_annotations()
    return Benchmark.open(folder, part, videos=folder / "videos", wording=wording)


def sampling() -> "Sampling":
    """How a clip of 20 frames becomes 2 views of 16 frames, 40 × 40 pixels."""
    from catsplit.video import PRESETS

    return PRESETS["stage"]


def head(part: str) -> "Head":
    """The head (C, 192) of the shipped base classifier of `part`, a row for each label of `load(part)`."""
    return model(part).head


def classifier(part: str, weights: Path | str | None = None) -> "StageNet":
    """A base classifier of `part`, backbone and head in one module, ready to predict.

    Args:
        weights: a file that scripts/stage/train.py wrote; that of the shipped one by default.
    """
    from catsplit.stage.network import StageNet

    tensors, _ = _checkpoint(part, weights)
    whole = StageNet(len(tensors["head.bias"]))
    whole.load_state_dict(tensors)
    return whole.eval()


def model(part: str, weights: Path | str | None = None) -> "BaseModel":
    """A base classifier of `part`, as `classifier` gives it, taken apart.

    Its backbone takes views (B, 16, 40, 40, 3) to features (B, 192); its head has a row for each label of
    `load(part)`.
    """
    from catsplit.backbones import from_module
    from catsplit.head import Head
    from catsplit.models.base import BaseModel

    whole, name = classifier(part, weights), f"stage-{part.lower()}"
    backbone = from_module(whole, whole.head.in_features, name=name, method="features", transform=_as_they_are)
    own = Head(whole.head.weight, whole.head.bias, taxonomy().label_space(part))
    return BaseModel(name, backbone, own, sampling())


def backbone(part: str) -> "Backbone":
    """The backbone of the shipped base classifier of `part`; see `model`."""
    return model(part).backbone


def card(part: str, weights: Path | str | None = None) -> dict:
    """What is known of a base classifier of `part`: data, recipe, seed, time, accuracies by split type."""
    return _checkpoint(part, weights)[1]


def measured(what: str) -> dict:
    """Figures that were measured once and ship with the package; percent, on validation clips.

    Args:
        what: "evidence" (what one frame and shuffled frames tell about siblings) or "seeds" (three trainings a part).

    Raises:
        BenchmarkError: something else.
    """
    if what not in ("evidence", "seeds"):
        raise BenchmarkError(f"Nothing is measured under the name {what!r}: choose 'evidence' or 'seeds'.")
    return json.loads((files("catsplit") / "assets" / f"stage-{what}.json").read_text())


def features(part: str, clips: str | Sequence[str] = "val", *, progress: bool = True) -> "FeatureSet":
    """Features (N, 2, 192) of clips by the shipped backbone of `part`; rendered, decoded and kept on first use."""
    from catsplit.features import extract

    benchmark = load(part)
    names = tuple(benchmark.clips(clips)["path"]) if isinstance(clips, str) else tuple(clips)
    prepare(names, progress=progress)
    return extract(
        names,
        benchmark.path,
        backbone(part),
        sampling(),
        source=f"Stage-Split, {clips}.csv" if isinstance(clips, str) else None,
        progress=progress,
    )


def _as_they_are(views: "Tensor") -> "Tensor":
    return views  # the network scales its input itself


def _check_part(part: str) -> None:
    if part not in PARTS:
        raise BenchmarkError(f"Stage-Split has no part {part!r}; it has 'A' and 'B'.")


@lru_cache(2)
def _checkpoint(part: str, weights: Path | str | None = None) -> tuple[dict, dict]:
    from safetensors import SafetensorError, safe_open

    _check_part(part)
    path = weights or files("catsplit") / "assets" / f"stage-{part.lower()}.safetensors"
    again = f"train it with `python scripts/stage/train.py classifier --part {part}` in the repository"
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}
            metadata = file.metadata() or {}
        labels, about = json.loads(metadata["labels"]), json.loads(metadata["card"])
    except (OSError, SafetensorError, KeyError) as error:
        raise BenchmarkError(f"{path} is no base classifier of Stage-Split: {again}.") from error
    if tuple(labels) != taxonomy().label_space(part):
        raise BenchmarkError(f"{path} was trained on other labels than those of part {part}: {again}.")
    return tensors, about
