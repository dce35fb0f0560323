"""A made-up Something-Something V2: the published layout, real names and labels, and small videos of random colours."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from clipfiles import write_clip

from catsplit.benchmark import write_benchmark
from catsplit.datasets import layout
from catsplit.taxonomy import Taxonomy

BROKEN = ("missing", "empty", "text", "truncated webm", "corrupted mp4")

# Some of the published labels, for where the annotations themselves aren't at hand.
GROUPS = {
    "Pushing something": (
        "Pushing something from left to right", "Pushing something from right to left",
        "Pushing something so that it slightly moves",
    ),
    "Lifting something up completely": (
        "Lifting something up completely without letting it drop down",
        "Lifting something up completely, then letting it drop down",
    ),
    "Something falling": ("Something falling like a feather or paper", "Something falling like a rock"),
    "Pulling something": (
        "Pulling something from left to right", "Pulling something from right to left",
        "Pulling something onto something",
    ),
    "Moving something": ("Moving something up", "Moving something down", "Moving something towards the camera"),
    "Poking something": ("Poking something so it slightly moves", "Poking something so that it falls over"),
    "Holding something": ("Holding something",),
}  # fmt: skip
PARTS = {
    "A": ("Pushing something", "Lifting something up completely", "Something falling"),
    "B": ("Pulling something", "Moving something", "Poking something"),
}  # fmt: skip


@dataclass(frozen=True)
class MadeUp:
    """Where it is, and the truth about it.

    Attributes:
        annotations, videos: the two folders to give to `catsplit check`.
        labels: {clip as the annotations name it, "NUMBER.mp4": its fine-grained label}.
        sets: {"train": its clips, "val": …}.
        broken: {clip: what is wrong with its video, one of BROKEN}.
    """

    annotations: Path
    videos: Path
    labels: dict[str, str]
    sets: dict[str, list[str]]
    broken: dict[str, str]


def make_ssv2(
    folder: Path,
    *,
    clips: int = 500,
    groups: Mapping[str, Sequence[str]] = GROUPS,
    parts: Mapping[str, Sequence[str]] = PARTS,
    broken: Sequence[str] = BROKEN,
    distinct: int = 3,
    seed: int = 0,
) -> MadeUp:
    """Write annotations and videos below a folder; the same arguments give the same bytes.

    Labels take turns, three clips in five are for training, and every third video is H.264 in mp4, the others VP9 in
    webm. Of each label only so many `distinct` videos are encoded, and copied under other names.
    """
    random = np.random.default_rng(seed)
    taxonomy = Taxonomy(groups, parts)
    fine = list(taxonomy.group_of)
    numbers = random.choice(np.arange(1, 220_848), clips, replace=False)
    kinds = ("train", "val", "train", "val", "train")
    rows = [
        (f"{number}.mp4", fine[place % len(fine)], kinds[place // len(fine) % 5])
        for place, number in enumerate(numbers)
    ]  # fmt: skip
    annotations, videos = folder / "SSv2-Split", folder / "20bn-something-something-v2"
    write_benchmark(annotations, taxonomy, pd.DataFrame(rows, columns=["path", "fine", "set"]))
    (annotations / layout.MODIFIERS).unlink()  # the published folders have none
    videos.mkdir()
    sources: dict[tuple[str, int], Path] = {}
    for place, (clip, label, _) in enumerate(rows):
        variant = place // len(fine) % distinct
        path = videos / Path(clip).with_suffix(".mp4" if variant % 3 == 2 else ".webm")
        if (label, variant) in sources:
            shutil.copyfile(sources[label, variant], path)
        else:
            look = {"frames": 24 + 4 * variant, "height": 120, "width": 160, "seed": len(sources)}
            sources[label, variant] = write_clip(path, **look)
    chosen: dict[str, str] = {}
    for place, how in enumerate(broken):
        rest = [clip for clip, _, _ in rows[7 * (place + 1) :] if clip not in chosen]
        chosen[_break(videos, rest, how)] = how
    return MadeUp(
        annotations, videos, {clip: label for clip, label, _ in rows},
        {kind: [clip for clip, _, own in rows if own == kind] for kind in ("train", "val")}, chosen,
    )


def _break(videos: Path, clips: Sequence[str], how: str) -> str:
    """Break the first video that has the ending in question; return its clip."""
    ending = how.split()[-1] if " " in how else "webm"
    clip = next(clip for clip in clips if (videos / clip).with_suffix(f".{ending}").exists())
    path = (videos / clip).with_suffix(f".{ending}")
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("<html><body>404 Not Found</body></html>\n" * 20, encoding="utf-8")
    elif how.startswith("truncated"):
        path.write_bytes(data[: len(data) // 2])
    else:
        noise = np.random.default_rng(0).integers(0, 256, len(data) // 2, dtype=np.uint8).tobytes()
        path.write_bytes(data[: len(data) // 4] + noise + data[len(data) // 4 + len(noise) :])
    return clip
