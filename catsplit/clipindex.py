"""Where the videos of a benchmark's clips are."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from catsplit.errors import BenchmarkError, ClipError
from catsplit.layout import choices

ENDINGS = frozenset(".mp4 .webm .mkv .avi .mov .m4v .mpg .mpeg .flv .wmv .ts".split())


class _Video(NamedTuple):
    parts: tuple[str, ...]
    path: str


class ClipIndex:
    """Finds videos by their stem, whatever their ending, anywhere below a folder that is walked once.

    The annotations say "78687.mp4" where Something-Something V2 distributes "78687.webm", and people keep
    clips flat, by class or by the first digits; all of these are found.

    Args:
        folder: the folder of the videos.

    Raises:
        BenchmarkError: there is no such folder.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder).expanduser().absolute()
        if not self.folder.is_dir():
            raise BenchmarkError(f"The folder of videos {self.folder} doesn't exist.")
        self._videos: dict[str, list[_Video]] | None = None

    def path(self, clip: str) -> Path:
        """The absolute path of a clip's video, chosen from those of the same stem.

        The one whose folders agree most with the clip's own wins, then the one with the clip's own ending.

        Raises:
            ClipError: there is no video of that stem, or two that nothing tells apart.
        """
        if self._videos is None:
            self._videos = _walk(self.folder)
        parts = _parts(clip)
        found = self._videos.get(parts[-1], [])
        if not found:
            return self._late(clip)
        agreement = [_agreement(video.parts, parts) for video in found]
        best = [video for video, score in zip(found, agreement, strict=True) if score == max(agreement)]
        if len(best) > 1:
            ending = os.path.splitext(clip)[1].lower()
            best = [video for video in best if os.path.splitext(video.path)[1].lower() == ending] or best
        if len(best) > 1:
            raise ClipError(
                f'The clip "{clip}" could be {best[0].path} or {best[1].path}: keep one of them below {self.folder}.'
            )
        return Path(best[0].path)

    def _late(self, clip: str) -> Path:
        """A video that was written after the walk is still found where the clip's own path says."""
        direct = self.folder / clip
        if direct.is_file():
            return direct
        stem = _parts(clip)[-1]
        if not self._videos:
            raise ClipError(
                f'{self.folder} holds no videos, so not that of the clip "{clip}"; known endings are '
                f"{', '.join(sorted(ENDINGS))}."
            )
        hint = choices(stem, tuple(self._videos))
        raise ClipError(f'None of the {len(self._videos)} videos below {self.folder} is the clip "{clip}" ({hint}).')


def _parts(clip: str) -> tuple[str, ...]:
    """The folders and the stem of a clip; a stem may hold points, so only a video's ending is taken off."""
    parts = PurePosixPath(clip.replace("\\", "/")).parts or ("",)
    stem, ending = os.path.splitext(parts[-1])
    return (*parts[:-1], stem if ending.lower() in ENDINGS else parts[-1])


def _agreement(parts: tuple[str, ...], other: tuple[str, ...]) -> int:
    same = 0
    for mine, theirs in zip(reversed(parts), reversed(other), strict=False):
        if mine != theirs:
            break
        same += 1
    return same


def _walk(folder: Path) -> dict[str, list[_Video]]:
    videos: dict[str, list[_Video]] = {}
    for path in sorted(_files(str(folder), set())):
        parts = _parts(os.path.relpath(path, folder))
        videos.setdefault(parts[-1], []).append(_Video(parts, path))
    return videos


def _files(folder: str, seen: set[str]) -> Iterator[str]:
    """Video files below a folder; links to folders are followed, each folder once."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    yield from _files(entry.path, seen)
                elif os.path.splitext(entry.name)[1].lower() in ENDINGS and not entry.name.startswith("."):
                    yield entry.path
    except OSError as error:
        raise BenchmarkError(f"Can't list {folder} ({(error.strerror or str(error)).lower()}).") from error
