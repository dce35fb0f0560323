"""The files of Stage-Split in the cache folder: annotations in the published layout, clips and their checksums."""

import json
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from catsplit.paths import atomic_path, cache_dir, sha256, writable
from catsplit.stage.catalogue import ACTIONS, PARTS, VERSION, WORDINGS
from catsplit.taxonomy import Taxonomy


@lru_cache(1)
def taxonomy() -> Taxonomy:
    """Groups, parts and modifiers (in the `exact` wording) of Stage-Split."""
    return Taxonomy(
        groups={action.label: action.fine for action in ACTIONS},
        parts={part: tuple(action.label for action in ACTIONS if action.part == part) for part in PARTS},
        modifiers={sub.label: sub.modifier for action in ACTIONS if action.part for sub in action.subcategories},
    )


def folder() -> Path:
    """The folder that holds annotations and clips; there may be nothing in it yet."""
    return cache_dir() / f"stage-split-{VERSION}"


def write_annotations() -> Path:
    """Write the annotations where they aren't there yet, in one step, and return their folder."""
    import pandas as pd
    from filelock import FileLock

    from catsplit.benchmark import write_benchmark
    from catsplit.stage import render

    if (folder() / "videos").exists():
        return folder()
    labels = render.fine_labels()
    rows = [
        (name, labels[render.label_index(name)], split) for split in render.CLIPS for name in render.clip_names(split)
    ]
    split = [action for action in ACTIONS if action.part]
    wordings = {
        wording: {
            sub.label: {"label": f"{sub.action} {sub.worded(wording)}", "modifier": sub.worded(wording)}
            for action in split
            for sub in action.subcategories
        }
        for wording in WORDINGS[1:]
    }
    kinds = {action.label: action.kind for action in split}
    with FileLock(cache_dir() / f".{folder().name}.lock"):
        if not (folder() / "group_scheme.json").exists():
            table = pd.DataFrame(rows, columns=["path", "fine", "set"])
            write_benchmark(folder(), taxonomy(), table, wordings, kinds)
        writable(folder() / "videos")
    return folder()


def _checksums(videos: Path) -> dict[str, str]:
    path = videos / "checksums.json"
    try:
        return json.loads(path.read_text()) if path.exists() else {}
    except ValueError:
        warnings.warn(
            f"{path} was damaged; the clips beside it are checked no further and it is written anew.",
            stacklevel=3,
        )
        return {}


def _write_checksums(videos: Path, checksums: dict[str, str]) -> None:
    with atomic_path(videos / "checksums.json") as beside:
        beside.write_text(json.dumps(checksums, sort_keys=True, indent=0))


def prepare(clips: str | Sequence[str] = "val", *, workers: int | None = None, progress: bool = True) -> int:
    """Render the clips that aren't there yet; whatever was damaged since is noticed by its checksum and made again.

    Args:
        clips: "val" (2,445 clips, about 15 MB), "train" (5,216), or the names of some.

    Returns:
        How many clips were rendered. Of two processes that ask at once, one renders and the other waits.

    Raises:
        BenchmarkError: an unknown set or name.
        CacheError: the cache folder can't be written or its disk is full.
    """
    from filelock import FileLock

    from catsplit.stage import render

    names = render.clip_names(clips) if isinstance(clips, str) else list(dict.fromkeys(clips))
    videos = write_annotations() / "videos"
    with FileLock(videos / ".lock"):
        for leftover in videos.glob(".*.mp4"):  # of a rendering that was killed; only the lock's holder writes clips
            leftover.unlink()
        known = _checksums(videos)
        damaged = [
            name
            for name in names
            if name in known and (videos / name).exists() and sha256(videos / name) != known[name]
        ]
        for name in damaged:
            (videos / name).unlink()
        if damaged:
            warnings.warn(
                f"{len(damaged)} clips in {videos} were damaged, {damaged[0]} for one, and are rendered again.",
                stacklevel=2,
            )
        made = render.render(videos, names, workers=workers, progress=progress)
        new = [name for name in names if name not in known or name in damaged]
        if new:
            _write_checksums(videos, known | {name: sha256(videos / name) for name in new})
    return made
