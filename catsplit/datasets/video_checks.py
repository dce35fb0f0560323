"""Are the videos of a benchmark's clips there, one for each, and can they be read?"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from tqdm.auto import tqdm

from catsplit.datasets.clipindex import ClipIndex, stem
from catsplit.datasets.layout import SETS
from catsplit.datasets.report import Report
from catsplit.errors import BenchmarkError, ClipError, repeated
from catsplit.paths import cache_dir, read_json, write_json
from catsplit.video import PRESETS, Sampling, read_views
from catsplit.videofile import VideoFile, check_whole

_BATCH = 1024  # clips: what a deep check that was stopped has to decode again at most
_SHOWN = 10  # clips of a kind that are named
_LOSS = 0.1  # of a split's validation clips: where so many are lost, its figures aren't those of the whole set

# What tells no length by its first bytes is decoded to see whether it is a video at all.
_GLANCE = Sampling(frames=1, segments=1, crops=1, short_side=16, crop_size=16)

# FineGym's clips are cut from YouTube videos, of which some are gone; all are named by this pattern.
_FINEGYM = re.compile(r"[\w-]{11}_E_\d{6}_\d{6}_A_\d{4}_\d{4}")
_LEFT_OUT = "Until then extraction leaves these clips out and lists them."


def check_videos(
    report: Report, folder: Path, *, deep: bool, sampling: Sampling | None, workers: int | None, progress: bool
) -> None:
    """Look for each clip's video, and report what is missing, unreadable, or otherwise wrong."""
    clips = report.all_clips
    try:
        index = ClipIndex(folder)
        videos = index.videos
    except BenchmarkError as error:
        report.missing = clips
        report.blame(error, "Give the folder that the videos were unpacked to.")
        return
    files, ambiguous = {}, {}
    for clip in clips:
        try:
            files[clip] = str(index.path(clip))
        except ClipError as error:
            if stem(clip) in videos:
                ambiguous[clip] = str(error)
            else:
                report.missing.append(clip)
    told = _unreadable(files, (sampling or PRESETS["ssv2"]) if deep else None, workers, progress)
    damaged = {clip: why for clip, why in told.items() if isinstance(why, str)}
    report.unreadable = ambiguous | damaged
    count = sum(map(len, videos.values()))
    nested = "in folders" if any(os.sep in path for paths in videos.values() for path in paths) else "flat"
    report.summary.append(
        f"{folder}: {count:,} videos, {nested}. {len(clips):,} clips: {len(files) - len(damaged):,} "
        f"{'decoded' if deep else 'whole by their headers (--deep decodes them)'}, {len(report.missing):,} without a "
        f"video, {len(damaged):,} unreadable{f', {len(ambiguous):,} with several videos' if ambiguous else ''}."
    )
    if short := len(told) - len(damaged):
        report.summary.append(
            f"{short:,} of them have so few frames that some are repeated, as published; catsplit extract "
            "--leave-out-short leaves them out."
        )
    if index.unlisted:
        report.note(
            f"{len(index.unlisted)} folders can't be listed, for example {index.unlisted[0]}.",
            "Give yourself the right to read them, if videos of these clips are in there: they count as missing.",
        )
    _tell_missing(report, folder, videos)
    _tell(report, ambiguous, "Several videos, and nothing tells which,", f"Keep one of each clip. {_LEFT_OUT}")
    _tell(report, damaged, "Unreadable videos", f"Unpack or fetch them again. {_LEFT_OUT}")
    _tell_doubles(report, files, videos)
    _tell_splits(report)


def _of_each_set(report: Report, lost: Iterable[str]) -> str:
    """For example "3 of 168,913 training clips and 2 of 24,777 validation clips"."""
    return " and ".join(
        f"{len(set(lost).intersection(clips)):,} of {len(clips):,} {SETS[kind]} clips"
        for kind, clips in report.clips.items()
    )


def _some(texts: list[str], separator: str) -> str:
    more = [f"and {len(texts) - _SHOWN:,} more"] if len(texts) > _SHOWN else []
    return separator.join(texts[:_SHOWN] + more)


def _tell(report: Report, reasons: Mapping[str, str], what: str, advice: str) -> None:
    if reasons:
        listed = _some([f'"{clip}": {reason}' for clip, reason in reasons.items()], "\n  ")
        report.blame(f"{what} for {_of_each_set(report, reasons)}:\n  {listed}", advice)


def _tell_missing(report: Report, folder: Path, videos: Mapping[str, list[str]]) -> None:
    missing = report.missing
    if not missing:
        return
    named = _some([f'"{clip}"' for clip in missing], ", ")
    what = f"No video below {folder} for {_of_each_set(report, missing)}: {named}."
    if len(missing) == len(report.all_clips):
        there = f"there are videos such as {next(iter(videos.values()))[0]}" if videos else "there are no videos"
        report.blame(
            f"None of the {len(missing):,} clips has a video below {folder}: {there}, and the clips are {named}.",
            "Give the folder that the data set's videos were unpacked to; only the ending of their names may differ.",
        )
    elif all(_FINEGYM.fullmatch(stem(clip)) for clip in missing):
        advice = "Some of FineGym's videos are gone from YouTube, so this is normal: extraction leaves out their clips."
        report.note(what, f"{advice} Say beside your figures how many of how many were measured.")
    else:
        report.blame(what, f"Unpack or fetch them to anywhere below that folder. {_LEFT_OUT}")


def _tell_doubles(report: Report, files: Mapping[str, str], videos: Mapping[str, list[str]]) -> None:
    shared = set(repeated(files.values()))
    report.blame_some(
        (clip for clip, file in files.items() if file in shared), "clips share their video with another clip",
        "Keep the videos in folders named as in the annotations, because these clips differ by their folders only.",
    )  # fmt: skip
    several = [clip for clip in files if len(videos.get(stem(clip), ())) > 1]
    if several:
        first = several[0]
        report.note(
            f'{len(several):,} clips have more than one video of their stem: for "{first}", {files[first]} is taken.',
            "Nothing: the one whose folders, and then whose ending, are the clip's. If in doubt, remove the others.",
        )


def _tell_splits(report: Report) -> None:
    lost = {*report.missing, *report.unreadable}
    worst = []
    for name, clips in report.splits.items():
        count = len(lost.intersection(clips))
        if count and count >= _LOSS * len(clips):
            worst.append(f"{name} ({count} of {len(clips)})")
    if worst:
        report.note(
            f"{len(worst)} splits lose a tenth or more of their subcategories' validation clips: {_some(worst, '; ')}.",
            "Get these clips, or say beside the splits' figures how many clips they were measured on.",
        )


def _unreadable(
    files: Mapping[str, str], sampling: Sampling | None, workers: int | None, progress: bool
) -> dict[str, str | int]:
    """{clip: reason, or so few frames that some are repeated}.

    What a deep check has decoded is noted in the cache folder until the check ends.
    """
    clips, found, notes = list(files), {}, []
    hidden = (False if "ipykernel" in sys.modules else None) if progress else True
    pool = ThreadPoolExecutor(workers)
    try:
        with tqdm(total=len(clips), desc="Videos", unit="clip", disable=hidden) as bar:
            for start in range(0, len(clips), _BATCH):
                batch = {clip: files[clip] for clip in clips[start : start + _BATCH]}
                note = _note(batch, sampling) if sampling else None
                reasons = _noted(note)
                if reasons is None:
                    reasons = {}
                    for clip, reason in zip(batch, pool.map(_reason, batch.values(), repeat(sampling)), strict=True):
                        if reason:
                            reasons[clip] = reason
                        bar.update()
                    if note:
                        write_json(note, reasons)
                else:
                    bar.update(len(batch))
                notes.append(note)
                found |= reasons
    finally:
        pool.shutdown(cancel_futures=True)
    for note in filter(None, notes):
        note.unlink(missing_ok=True)
    return found


def _note(batch: Mapping[str, str], sampling: Sampling) -> Path:
    """Where the result of a batch is kept, by what decides it: another size or date of a file makes another name."""
    about = [repr(sampling), batch]
    for file in batch.values():
        state = os.stat(file) if os.path.exists(file) else None
        about.append(state and (state.st_size, state.st_mtime_ns))
    digest = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    return cache_dir() / "check" / f"{digest[:32]}.json"


def _noted(note: Path | None) -> dict[str, str | int] | None:
    try:
        return read_json(note) if note and note.exists() else None
    except BenchmarkError:  # damaged: as if it weren't there
        return None


def _reason(path: str, sampling: Sampling | None) -> str | int | None:
    """Why a video can't be read, or how many frames it has, if some are repeated, or None."""
    try:
        known = check_whole(Path(path))
        if sampling is not None:
            read_views(path, sampling)
            count = len(VideoFile(path))
            return count if count < sampling.frames else None
        if not known:
            read_views(path, _GLANCE)
    except ClipError as error:
        return str(error)
    return None
