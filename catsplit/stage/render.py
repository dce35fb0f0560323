"""From the catalogue to mp4 files: each clip is made from its name alone, so any subset can be made at any time."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import av
import numpy as np

from catsplit.errors import BenchmarkError
from catsplit.paths import atomic_path
from catsplit.stage.catalogue import ACTIONS, VERSION, Action
from catsplit.stage.plan import Plan
from catsplit.stage.scene import Scene

CLIPS = {"train": 32, "val": 15}  # per fine-grained category
FRAMES_PER_SECOND = 10
_NAME = re.compile(r"(train|val)-(\d{3})-(\d{3})\.mp4")
_FINE = [(action, sub) for action in ACTIONS for sub in action.subcategories]


def fine_labels() -> tuple[str, ...]:
    """All fine-grained labels; a clip's name holds the place of its label in this order."""
    return tuple(sub.label for _, sub in _FINE)


def clip_names(split: str) -> list[str]:
    """The names of all clips of "train" or "val", label by label."""
    if split not in CLIPS:
        raise BenchmarkError(f"Stage-Split has no set {split!r}; its sets are 'train' and 'val'.")
    return [f"{split}-{fine:03d}-{n:03d}.mp4" for fine in range(len(_FINE)) for n in range(CLIPS[split])]


def label_index(name: str) -> int:
    """Place in `fine_labels()` of the label that the clip `name` shows."""
    match = _NAME.fullmatch(name)
    if not match or int(match[2]) >= len(_FINE):
        raise BenchmarkError(f"{name!r} is no clip of Stage-Split: names look like 'val-007-012.mp4'.")
    return int(match[2])


def action(place: int) -> Action:
    """The action of the label at `place` in `fine_labels()`."""
    return _FINE[place][0]


def frames(name: str) -> np.ndarray:
    """The frames of a clip before compression, (T, H, W, 3) uint8; the same for the same name, always."""
    fine = label_index(name)
    action_, sub = _FINE[fine]
    split, _, number = name[:-4].split("-")
    rng = np.random.default_rng([VERSION, fine, ("train", "val").index(split), int(number)])
    plan = Plan(Scene(rng, "above" if sub.part == "B" else "side"), action_.look)
    for bend in sub.bends:
        bend(plan)
    plan.draw()
    return plan.scene.canvas.frames()


def write_mp4(path: Path, pictures: np.ndarray, fps: int = FRAMES_PER_SECOND) -> None:
    """Write frames (T, H, W, 3) uint8 as an h264 mp4; same frames, same bytes."""
    with atomic_path(path) as beside:
        with av.open(str(beside), "w", options={"fflags": "+bitexact"}) as file:
            stream = file.add_stream("libx264", rate=fps, options=_h264())
            stream.height, stream.width = pictures.shape[1:3]
            stream.pix_fmt = "yuv420p"
            for picture in pictures:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            file.mux(stream.encode())


@cache
def _h264() -> dict[str, str]:
    """Options of the encoder: the same frames give the same bytes, on processors of one kind.

    x264's AVX-512 code was seen to give other bytes for the same frames one time in four. Its AVX2 code gives the
    same ones, and so does its plain C, which takes three times as long and serves where there is no AVX2.
    """
    import torch

    fast = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    return {"crf": "23", "preset": "veryfast", "x264-params": f"threads=1:asm={'AVX2' if fast else 0}"}


def _render(job: tuple[Path, list[str]]) -> int:
    folder, names = job
    for name in names:
        write_mp4(folder / name, frames(name))
    return len(names)


def render(folder: Path, names: Sequence[str], *, workers: int | None = None, progress: bool = True) -> int:
    """Make those of the clips that aren't in `folder` yet, on all cores.

    Returns:
        How many were made. A run that was killed goes on where it stopped: whole files only ever appear.

    Raises:
        BenchmarkError: a name that is no clip of Stage-Split.
        CacheError: the folder can't be written or its disk is full.
    """
    from tqdm.auto import tqdm

    there = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
    for name in names:
        label_index(name)
    missing = [name for name in names if name not in there]
    jobs = [(folder, missing[start : start + 20]) for start in range(0, len(missing), 20)]
    if not jobs:
        return 0
    with tqdm(total=len(missing), unit="clip", desc="Rendering Stage-Split", disable=not progress) as bar:
        with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
            for done in pool.map(_render, jobs):
                bar.update(done)
    return len(missing)
