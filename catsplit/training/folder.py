"""What a training keeps in its folder: which clips can be read, its settings, and in the end the model."""

import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from catsplit.errors import CatsplitError, ClipError
from catsplit.paths import read_json, write_json
from catsplit.training.views import unreadable

if TYPE_CHECKING:
    from transformers import VideoMAEForVideoClassification

    from catsplit.benchmark import Benchmark

CARD, CLIPS, DONE = "training.json", "clips.json", "loss of each epoch"


def usable_clips(
    benchmark: "Benchmark", out: Path, needed: int, strict: bool, workers: int, progress: bool
) -> tuple[list[Path], list[int], list[tuple[str, str]], str]:
    """Files and rows of the clips to train with, (clip, reason) of those left out, and a digest of the former.

    What the reading of all clips showed is kept in the folder.

    Raises:
        ClipError: a clip can't be trained with and `strict` is true, or none can.
    """
    table, files, reasons = benchmark.clips("train"), {}, {}
    names, rows = list(table["path"]), list(table["row"])
    for place, name in enumerate(names):
        try:
            files[place] = benchmark.path(name)
        except ClipError as error:
            reasons[place] = str(error)
    state = json.dumps([needed, [(names[place], os.stat(file).st_size) for place, file in files.items()]])
    digest = hashlib.sha256(state.encode()).hexdigest()
    note = out / CLIPS
    known = read_json(note) if note.exists() else {}
    if known.get("digest") != digest:
        found = unreadable(list(files.values()), needed, workers, progress)
        places = list(files)
        known = {"digest": digest, "reasons": {str(places[number]): reason for number, reason in found.items()}}
        write_json(note, known)
    reasons |= {int(place): reason for place, reason in known["reasons"].items()}
    left_out = [(names[place], reasons[place]) for place in sorted(reasons)]
    if left_out:
        what = f"{len(left_out):,} of the {len(names):,} training clips of part {benchmark.part}"
        first = f'the first, "{left_out[0][0]}": {left_out[0][1]}'
        if strict or len(left_out) == len(names):
            way = "" if len(left_out) == len(names) else ' Pass on_error="skip", --skip, to train without them.'
            raise ClipError(f"{what} can't be trained with, {first}{way}")
        warnings.warn(f"{what} were left out, {first} {CARD} lists them all.", stacklevel=3)
    kept = [place for place in files if place not in reasons]
    chosen = json.dumps([[names[place], rows[place]] for place in kept] + list(benchmark.labels))
    return [files[p] for p in kept], [rows[p] for p in kept], left_out, hashlib.sha256(chosen.encode()).hexdigest()


def check(out: Path, about: dict) -> dict:
    """The card of the folder, if it holds a training with these settings; an empty one, if it holds nothing.

    Raises:
        CatsplitError: the folder holds something else.
    """
    card = out / CARD
    if not card.exists():
        if any((out / name).exists() for name in ("config.json", "checkpoints")):
            raise CatsplitError(f"{out} holds another model: choose another folder.")
        return {}
    known = read_json(card)
    if other := [name for name in about if known.get("settings", {}).get(name) != about[name]]:
        raise CatsplitError(f'{out} holds a training with other settings ("{other[0]}"): choose another folder.')
    return known


def begin(out: Path, about: dict) -> bool:
    """Note the settings of a new training, and say whether this very one has ended before; raises as `check`."""
    known = check(out, about)
    if not known:
        write_json(out / CARD, {"settings": about})
    return DONE in known


def finish(out: Path, network: "VideoMAEForVideoClassification", card: dict) -> None:
    """Write the model and its card, and remove what only a stopped training needs."""
    beside = out / ".model"
    network.cpu().float().save_pretrained(beside)
    # The configuration last, since a folder with one is a model.
    for file in sorted(beside.iterdir(), key=lambda path: path.name == "config.json"):
        os.replace(file, out / file.name)
    beside.rmdir()
    write_json(out / CARD, card)
    shutil.rmtree(out / "checkpoints")
