"""Are the videos of a benchmark's clips there, one for each, and can they be read?"""

import hashlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from tqdm.auto import tqdm

from catsplit.datasets.annotation_checks import SETS, Annotations, Finding
from catsplit.datasets.clipindex import ClipIndex, stem
from catsplit.errors import BenchmarkError, ClipError
from catsplit.extraction import containers
from catsplit.paths import cache_dir, read_json, write_json
from catsplit.video import PRESETS, Sampling, read_views

_BATCH = 1024  # clips: what a deep check that was stopped has to decode again at most
_SHOWN = 10  # clips of a kind that are named
_LOSS = 0.1  # of a split's validation clips: where so many are lost, its figures aren't those of the whole set

# What is neither MP4 nor WebM, Matroska or AVI by its first bytes is decoded to see whether it is a video at all.
_BOXES, _MAGIC = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"), (b"\x1aE\xdf\xa3", b"RIFF")
_GLANCE = Sampling(frames=1, segments=1, crops=1, short_side=16, crop_size=16)

# FineGym's clips are cut from YouTube videos, of which some are gone; all are named by this pattern.
_FINEGYM = re.compile(r"[\w-]{11}_E_\d{6}_\d{6}_A_\d{4}_\d{4}")
_LEFT_OUT = "Until then extraction leaves these clips out and lists them."


def check_videos(
    found: Annotations, folder: Path, *, deep: bool, sampling: Sampling | None, workers: int | None, progress: bool
) -> tuple[list[str], dict[str, str]]:
    """Look for each clip's video, note in `found` what is wrong, and return missing clips and {unreadable: reason}."""
    clips = list(dict.fromkeys(clip for names in found.clips.values() for clip in names))
    try:
        index = ClipIndex(folder)
        videos = index.videos
    except BenchmarkError as error:
        found.blame(error, "Give the folder that the videos were unpacked to.")
        return clips, {}
    files, missing, ambiguous = {}, [], {}
    for clip in clips:
        try:
            files[clip] = str(index.path(clip))
        except ClipError as error:
            if stem(clip) in videos:
                ambiguous[clip] = str(error)
            else:
                missing.append(clip)
    damaged = _unreadable(files, (sampling or PRESETS["ssv2"]) if deep else None, workers, progress)
    count = sum(map(len, videos.values()))
    nested = "in folders" if any(os.sep in path for paths in videos.values() for path in paths) else "flat"
    found.summary.append(
        f"{folder}: {count:,} videos, {nested}. {len(clips):,} clips: {len(files) - len(damaged):,} "
        f"{'decoded' if deep else 'whole by their headers (--deep decodes them)'}, {len(missing):,} without a video, "
        f"{len(damaged):,} unreadable{f', {len(ambiguous):,} with several videos' if ambiguous else ''}."
    )
    _tell_missing(found, folder, missing, videos)
    _tell(found, ambiguous, "Several videos, and nothing tells which,", f"Keep one of each clip. {_LEFT_OUT}")
    _tell(found, damaged, "Unreadable videos", f"Unpack or fetch them again. {_LEFT_OUT}")
    _tell_doubles(found, files, videos)
    _tell_splits(found, {*missing, *damaged, *ambiguous})
    return missing, ambiguous | damaged


def _of_each_set(found: Annotations, clips: Iterable[str]) -> str:
    """For example "3 of 168,913 training clips and 2 of 24,777 validation clips"."""
    lost = set(clips)
    return " and ".join(
        f"{len(found.clips[kind].keys() & lost):,} of {len(found.clips[kind]):,} {what} clips"
        for kind, what in SETS.items()
    )


def _some(texts: Iterable[str], separator: str) -> str:
    texts = list(texts)
    return separator.join([*texts[:_SHOWN], *([f"and {len(texts) - _SHOWN:,} more"] if len(texts) > _SHOWN else [])])


def _tell(found: Annotations, reasons: Mapping[str, str], what: str, advice: str) -> None:
    if reasons:
        listed = _some((f'"{clip}": {reason}' for clip, reason in reasons.items()), "\n  ")
        found.blame(f"{what} for {_of_each_set(found, reasons)}:\n  {listed}", advice)


def _tell_missing(found: Annotations, folder: Path, missing: list[str], videos: Mapping[str, list[str]]) -> None:
    if not missing:
        return
    named = _some((f'"{clip}"' for clip in missing), ", ")
    what = f"No video below {folder} for {_of_each_set(found, missing)}: {named}."
    if len(missing) == len(found.clips["train"].keys() | found.clips["val"].keys()):
        there = f"there are videos such as {next(iter(videos.values()))[0]}" if videos else "there are no videos"
        found.blame(
            f"None of the {len(missing):,} clips has a video below {folder}: {there}, and the clips are {named}.",
            "Give the folder that the data set's videos were unpacked to; only the ending of their names may differ.",
        )
    elif all(_FINEGYM.fullmatch(stem(clip)) for clip in missing):
        advice = "Some of FineGym's videos are gone from YouTube, so this is normal: extraction leaves out their clips."
        found.notes.append(Finding(what, f"{advice} Say beside your figures how many of how many were measured."))
    else:
        found.blame(what, f"Unpack or fetch them to anywhere below that folder. {_LEFT_OUT}")


def _tell_doubles(found: Annotations, files: Mapping[str, str], videos: Mapping[str, list[str]]) -> None:
    shared = Counter(files.values())
    found.blame_some(
        (clip for clip, file in files.items() if shared[file] > 1), "clips share their video with another clip",
        "Keep the videos in folders named as in the annotations, because these clips differ by their folders only.",
    )  # fmt: skip
    repeated = [clip for clip in files if len(videos.get(stem(clip), ())) > 1]
    if repeated:
        first = repeated[0]
        found.notes.append(Finding(
            f'{len(repeated):,} clips have more than one video of their stem: for "{first}", {files[first]} is taken.',
            "Nothing: the one whose folders, and then whose ending, are the clip's. If in doubt, remove the others.",
        ))


def _tell_splits(found: Annotations, lost: set[str]) -> None:
    if not lost:
        return
    losses = {name: (len(lost.intersection(clips)), len(clips)) for name, clips in found.splits.items()}
    worst = [f"{name} ({part} of {whole})" for name, (part, whole) in losses.items() if part and part >= _LOSS * whole]
    if worst:
        found.notes.append(Finding(
            f"{len(worst)} splits lose a tenth or more of their subcategories' validation clips: {_some(worst, '; ')}.",
            "Get these clips, or say beside the splits' figures how many clips they were measured on.",
        ))


def _unreadable(
    files: Mapping[str, str], sampling: Sampling | None, workers: int | None, progress: bool
) -> dict[str, str]:
    """{clip: reason}. What a deep check has decoded is noted in the cache folder until the check ends."""
    clips, found, notes = list(files), {}, []
    hidden = (False if "ipykernel" in sys.modules else None) if progress else True
    bar = tqdm(total=len(clips), desc="Videos", unit="clip", disable=hidden)
    pool = ThreadPoolExecutor(workers)
    try:
        with bar:
            for start in range(0, len(clips), _BATCH):
                batch = clips[start : start + _BATCH]
                note = _note(batch, files, sampling) if sampling else None
                reasons = _kept(note)
                bar.update(len(batch) if reasons is not None else 0)
                if reasons is None:
                    reasons = {}
                    paths = [files[clip] for clip in batch]
                    for clip, reason in zip(batch, pool.map(_reason, paths, repeat(sampling)), strict=True):
                        if reason is not None:
                            reasons[clip] = reason
                        bar.update()
                if note is not None:
                    write_json(note, reasons)
                    notes.append(note)
                found |= reasons
    finally:
        pool.shutdown(cancel_futures=True)
    for note in notes:
        note.unlink(missing_ok=True)
    return found


def _note(batch: list[str], files: Mapping[str, str], sampling: Sampling) -> Path:
    """Where the result of a batch is kept, by what decides it: another size or date of a file makes another name."""
    digest = hashlib.sha256(repr(sampling).encode())
    for clip in batch:
        try:
            state = os.stat(files[clip])
        except OSError:
            state = None
        about = [clip, files[clip], state and state.st_size, state and state.st_mtime_ns]
        digest.update(json.dumps(about).encode())
    return cache_dir() / "check" / f"{digest.hexdigest()[:32]}.json"


def _kept(note: Path | None) -> dict[str, str] | None:
    if note is None or not note.exists():
        return None
    try:
        return read_json(note)
    except BenchmarkError:
        return None


def _reason(path: str, sampling: Sampling | None) -> str | None:
    """Why a video can't be read, or None."""
    try:
        containers.check(Path(path))
        with open(path, "rb") as file:
            head = file.read(4096)
        if b"\0" not in head:  # found here, because FFmpeg would put a line of its own on the screen
            return f"{path} is a text, not a video."
        if sampling is not None:
            read_views(path, sampling)
        elif head[4:8] not in _BOXES and head[:4] not in _MAGIC:
            read_views(path, _GLANCE)
    except ClipError as error:
        return str(error)
    return None
