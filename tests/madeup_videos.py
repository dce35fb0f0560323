"""A made-up Something-Something V2: the published layout, real names and labels, and small videos that tell them apart.

In each video a square moves over a still ground. The modifier of its label says which way and how fast, the group of
its label what it looks like, so that "from left to right" is the same motion in two groups and a network can see it.
"""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pandas as pd

from catsplit.benchmark import write_benchmark
from catsplit.datasets import layout
from catsplit.taxonomy import Taxonomy

HEIGHT, WIDTH, RATE, SIDE = 240, 320, 12, 64
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


def some_of(scheme: Path, collapsed: int = 3) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The first few coarse categories of each part of a published group_scheme.json, and one group of one."""
    content = json.loads(scheme.read_text(encoding="utf-8"))
    groups = content.pop("group_scheme")
    parts = {part: coarse[:collapsed] for part, coarse in content.items()}
    kept = [name for coarse in parts.values() for name in coarse]
    kept += [name for name, fine in groups.items() if len(fine) == 1][:1]
    return {name: groups[name] for name in kept}, parts


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
    webm: 320 × 240 pixels, 2 to 6 seconds at 12 frames a second. Of each label only so many `distinct` videos are
    encoded, and copied under other names.
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
            sources[label, variant] = write_video(path, taxonomy, label, variant)
    chosen: dict[str, str] = {}
    for place, how in enumerate(broken):
        rest = [clip for clip, _, _ in rows[7 * (place + 1) :] if clip not in chosen]
        chosen[_break(videos, rest, how)] = how
    return MadeUp(
        annotations, videos, {clip: label for clip, label, _ in rows},
        {kind: [clip for clip, _, own in rows if own == kind] for kind in ("train", "val")}, chosen,
    )


def write_video(path: Path, taxonomy: Taxonomy, label: str, variant: int) -> Path:
    """Encode one video of a label."""
    group = list(taxonomy.groups).index(taxonomy.group_of[label])
    modifiers = sorted(set(taxonomy.modifiers.values()))
    motion = modifiers.index(taxonomy.modifiers[label])
    random = np.random.default_rng([group, motion, variant])
    frames = int(random.integers(2 * RATE, 6 * RATE + 1))
    angle, speed = 2 * math.pi * motion / len(modifiers), (3, 6)[motion % 2] + random.uniform(-0.5, 0.5)
    start = random.uniform(0, 1, 2) * (HEIGHT - SIDE, WIDTH - SIDE)
    blocks = np.random.default_rng(group).integers(60, 140, (HEIGHT // 16, WIDTH // 16), dtype=np.uint8)
    ground = blocks.repeat(16, 0).repeat(16, 1)
    webm = path.suffix == ".webm"
    options = {"deadline": "realtime", "cpu-used": "8", "crf": "35", "b": "0"} if webm else {"preset": "ultrafast"}
    # Without bitexact the muxer gives each file a random number.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libvpx-vp9" if webm else "libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.thread_count = WIDTH, HEIGHT, "yuv420p", 1
        for index in range(frames):
            way = speed * index * np.array([math.sin(angle), math.cos(angle)])
            top, left = ((start + way) % (HEIGHT - SIDE, WIDTH - SIDE)).astype(int) // 2 * 2
            picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
            picture[:HEIGHT] = ground
            picture[top : top + SIDE, left : left + SIDE] = 180 + 10 * (group % 8)
            colours = picture[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
            half = (slice(top // 2, (top + SIDE) // 2), slice(left // 2, (left + SIDE) // 2))
            colours[0][half], colours[1][half] = 60 + 50 * (group % 4), 60 + 50 * (group // 4 % 4)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        container.mux(stream.encode(None))
    return path


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
    elif how.startswith("corrupted"):
        noise = np.random.default_rng(0).integers(0, 256, len(data) // 2, dtype=np.uint8).tobytes()
        path.write_bytes(data[: len(data) // 4] + noise + data[len(data) // 4 + len(noise) :])
    else:
        raise ValueError(f"There is no such way to break a video: {how}.")
    return clip
