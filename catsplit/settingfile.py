"""Settings by name: those of Stage-Split, or of the benchmark that a small TOML file describes.

    benchmark = "data/SSv2-Split"          # paths are relative to the file
    parts = ["A", "B"]
    videos = "data/videos/ssv2"
    model = "mvd-{part}.pth"
    positions = "mvd"
    device = "cuda"
    encoder = "ViT-L-14/openai"

All that can be wrong with it is said before a model or a clip is loaded.
"""

import dataclasses
import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from catsplit import stage
from catsplit.backbones import accelerated
from catsplit.benchmark import Benchmark
from catsplit.errors import CatsplitError, choices, reason
from catsplit.models.weights import ENDINGS
from catsplit.setting import SEEDS, Setting, check_labels
from catsplit.text import Encode, encoder
from catsplit.video import PRESETS

if TYPE_CHECKING:
    from catsplit.models.base import BaseModel

FILE, VARIABLE = "catsplit.toml", "CATSPLIT_SETTING"
STAGE = "stage"
# All that a setting may name; lists hold different things.
EXAMPLES: dict[str, Any] = {
    "benchmark": "data/SSv2-Split", "parts": ["A", "B"], "videos": "data/videos/ssv2", "model": "mvd-{part}.pth",
    "positions": "mvd", "preset": "ssv2", "leave_out_short": True, "device": "cuda", "encoder": "ViT-L-14/openai",
    "vision_language": "ViT-L-14/openai", "seeds": [0, 1, 2], "results": "ssv2.csv",
}  # fmt: skip
PATHS = ("benchmark", "videos", "model", "results")
OF_A_FOLDER = ("videos", "positions", "preset", "leave_out_short", "vision_language")
POSITIONS = ("mvd", "videomae")


def settings(file: str | Path | None = None, **named: object) -> dict[str, Setting]:
    """{part: setting} of the benchmark that a file names, or of Stage-Split.

    Args:
        file: a TOML file with some of the keys of `EXAMPLES`. If neither a file nor a benchmark is named, it is what
            the variable CATSPLIT_SETTING names, or catsplit.toml in the current folder, or none.
        **named: values that take the place of the file's.

    Raises:
        CatsplitError: the file can't be read or has a key or a value that can't be; a folder or model isn't there;
            a model isn't that part's; a device isn't there.
    """
    values = named_in(file, named)
    parts = values.get("parts") or (stage.PARTS if values["benchmark"] == STAGE else ["A"])
    opened = _of_stage if values["benchmark"] == STAGE else _of_folder
    return {part: opened(part, values) for part in parts}


def named_in(file: str | Path | None, named: Mapping[str, object]) -> dict[str, Any]:
    """The checked values of a file and of what is named beside it.

    Raises:
        CatsplitError: as for `settings`, as far as the values tell.
    """
    if file is None and "benchmark" not in named:
        file = os.environ.get(VARIABLE) or (FILE if Path(FILE).is_file() else None)
    source = str(file or "The setting")
    values = {key: list(value) if isinstance(value, tuple) else _text(value) for key, value in named.items()}
    if file is not None:
        folder = Path(file).expanduser().resolve().parent
        values = {key: _absolute(key, value, folder) for key, value in _read(Path(file).expanduser()).items()} | values
    _check_values(values, source)
    values = {"benchmark": STAGE} | values
    if values["benchmark"] == STAGE:
        wrong = [key for key in OF_A_FOLDER if key in values]
        if values.get("device", "cpu") != "cpu":
            wrong.append("device")
        if wrong:
            raise CatsplitError(f'{source}: Stage-Split brings its own {wrong[0]}: leave "{wrong[0]}" out.')
    check_device(values.get("device", "cpu"))
    if (preset := values.get("preset")) and preset not in PRESETS:
        raise CatsplitError(f'{source}: there are no views "{preset}" ({choices(preset, tuple(PRESETS))}).')
    return values


def check_device(name: str) -> None:
    """Raise CatsplitError for a device that isn't there."""
    there = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    there += ["mps"] if torch.backends.mps.is_available() else []
    if name not in (*there, *(kind.split(":")[0] for kind in there)):
        raise CatsplitError(f'There is no device "{name}" on this machine ({choices(name, there)}).')


def _text(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CatsplitError(f"Can't read the setting {file} ({reason(error)}).") from error
    except (ValueError, RecursionError) as error:
        raise CatsplitError(f"{file} isn't valid TOML: {error}.") from error


def _absolute(key: str, value: object, folder: Path) -> object:
    """A path in a file is relative to that file; a model may be a name on a hub, the benchmark that of Stage-Split."""
    if key not in PATHS or not isinstance(value, str) or (key == "benchmark" and value == STAGE):
        return value
    path = folder / Path(value).expanduser()
    if key == "model" and path.suffix not in ENDINGS and not any(path.parent.glob(path.name.replace("{part}", "*"))):
        return value
    return str(path)


def _check_values(values: Mapping[str, object], source: str) -> None:
    for key, value in values.items():
        if key not in EXAMPLES:
            raise CatsplitError(f'{source}: a setting has no key "{key}" ({choices(key, tuple(EXAMPLES))}).')
        example = EXAMPLES[key]
        good = type(value) is type(example) and value not in ("", [])
        if good and isinstance(value, list):
            good = all(type(item) is type(example[0]) for item in value) and len(set(value)) == len(value)
        if not good:
            raise CatsplitError(f'{source}: "{key}" must be like {example!r}, not {value!r}.')


def _of_stage(part: str, values: Mapping[str, Any]) -> Setting:
    def see(setting: Setting) -> tuple:
        from catsplit.stage import captions

        return captions.load(), captions.frames(setting.features.paths).features

    name, weights = stage.NAME, values.get("model")
    if weights:
        weights = weights.replace("{part}", part)
        name += f", base model {stage.card(part, weights)['seed']}"
    return Setting(
        benchmark=stage.load(part), name=name, model=lambda: stage.model(part, weights), prepare=stage.prepare, see=see,
        sees="Stage-Split's own", small=True, encode=_encoder(values), seeds=values.get("seeds", SEEDS),
    )  # fmt: skip


def _of_folder(part: str, values: Mapping[str, Any]) -> Setting:
    for key in ("videos", "model"):
        if key not in values:
            raise CatsplitError(
                f'Features of {values["benchmark"]} need its videos and a classifier: give "{key}" in a setting, or '
                f"--{key}."
            )
    benchmark = Benchmark.open(values["benchmark"], part, videos=values["videos"])
    name, device = values["model"].replace("{part}", part), values.get("device", "cpu")
    load = _model(name, benchmark, values.get("positions"))

    def model() -> "BaseModel":
        base = load()
        sampling = PRESETS[values["preset"]] if "preset" in values else base.sampling
        if values.get("leave_out_short"):
            sampling = dataclasses.replace(sampling, min_frames=sampling.frames)
        backbone = base.backbone if device == "cpu" else accelerated(base.backbone, device)
        return dataclasses.replace(base, backbone=backbone, sampling=sampling)

    def see(setting: Setting) -> tuple:
        from catsplit import vlm
        from catsplit.models import xclip

        wanted = values["vision_language"]
        if "xclip" in wanted.lower():
            # Its texts depend on the video, so that all of them have to be known when videos are embedded.
            splits = [split for wording in setting.wordings for split in setting.worded(wording).splits]
            texts = dict.fromkeys(text for split in splits for text in split.subcategories)
            seeing = xclip.load(wanted, list(texts), device=device)
        else:
            seeing = vlm.load(wanted, device=device)
        return seeing, seeing.embed(setting.features.paths, benchmark.path).features

    return Setting(
        benchmark=benchmark, model=model, see=see if "vision_language" in values else None,
        sees=values.get("vision_language", ""), encode=_encoder(values), seeds=values.get("seeds", SEEDS),
    )  # fmt: skip


def _encoder(values: Mapping[str, Any]) -> Encode | None:
    return encoder(values["encoder"]) if "encoder" in values else None


def _model(name: str, benchmark: Benchmark, positions: str | None) -> Callable[[], "BaseModel"]:
    """What loads the model of a part; raises CatsplitError, before it is loaded, for one that isn't that part's."""
    if Path(name).suffix in ENDINGS or Path(name).expanduser().is_file():
        from catsplit.models.checkpoints import read_head
        from catsplit.models.videomae import load_checkpoint

        if positions not in POSITIONS:
            raise CatsplitError(f'{name} doesn\'t tell its positions: give "positions", {" or ".join(POSITIONS)}.')
        read_head(name, benchmark.labels, "head")
        return lambda: load_checkpoint(name, benchmark.labels, positions=positions)
    from transformers import AutoConfig

    from catsplit.models.hub import load_transformers
    from catsplit.sources import reachable

    with reachable(name):
        names = AutoConfig.from_pretrained(Path(name).expanduser() if Path(name).expanduser().is_dir() else name)
    own = tuple(names.id2label[row] for row in sorted(names.id2label))
    # Where the model names its rows itself, its word counts; else their number does.
    known = bool(set(own) & set(benchmark.labels))
    check_labels(benchmark, own if known else (*benchmark.labels[: len(own)], *own[len(benchmark.labels) :]), name)
    return lambda: load_transformers(name, None if known else benchmark.labels)
