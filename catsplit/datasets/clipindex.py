"""Where the videos of a benchmark's clips are."""

import os
import warnings
from bisect import bisect
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from catsplit.errors import BenchmarkError, ClipError, reason
from catsplit.files import composed

ENDINGS = frozenset(".mp4 .webm .mkv .avi .mov .m4v .mpg .mpeg .flv .wmv .ts".split())


class ClipIndex:
    """Finds videos by their stem, whatever their ending, anywhere below a folder that is walked once.

    The annotations say "78687.mp4" where Something-Something V2 distributes "78687.webm", and people keep
    clips flat, by class or by the first digits; all of these are found.

    Args:
        folder: the folder of the videos.

    Raises:
        BenchmarkError: there is no such folder, or, at the first look-up, it can't be listed.

    Warns:
        UserWarning: at the first look-up, for each folder below that can't be listed and so is left out.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder).expanduser().absolute()
        if not self.folder.is_dir():
            raise BenchmarkError(f"The folder of videos {self.folder} doesn't exist.")
        self.unlisted: list[str] = []

    @cached_property
    def videos(self) -> dict[str, list[str]]:
        """{stem: the paths, relative to the folder, of the videos that have it}, in the order of the paths."""
        found: dict[str, list[str]] = {}
        root = os.path.join(self.folder, "")
        for path in sorted(self._files(str(self.folder), set())):
            relative = path[len(root) :]
            found.setdefault(stem(relative), []).append(relative)
        return found

    def path(self, clip: str) -> Path:
        """The absolute path of a clip's video, chosen from those of the same stem.

        The one whose folders agree most with the clip's own wins, then the one with the clip's own ending.

        Raises:
            ClipError: there is no video of that stem, or two that nothing tells apart.
        """
        found = self.videos.get(stem(clip))
        if not found:
            return self._late(clip)
        if len(found) > 1:
            agreement = [_agreement(video, clip) for video in found]
            best = [video for video, score in zip(found, agreement, strict=True) if score == max(agreement)]
            found = [video for video in best if _ending(video) == _ending(clip)] or best
        if len(found) > 1:
            first, second = (self.folder / video for video in found[:2])
            raise ClipError(f'The clip "{clip}" could be {first} or {second}: keep one of them below {self.folder}.')
        return self.folder / found[0]

    def _late(self, clip: str) -> Path:
        """A video that was written after the walk is still found where the clip's own path says."""
        direct = self.folder / clip
        if direct.is_file():
            return direct
        if not self.videos:
            raise ClipError(
                f'{self.folder} holds no videos, so not that of the clip "{clip}"; known endings are '
                f"{', '.join(sorted(ENDINGS))}."
            )
        # The nearest spelling among the 220,847 of SSv2 would take a third of a second, and thousands may be missing.
        place = bisect(self._stems, stem(clip))
        near = ", ".join(f'"{name}"' for name in self._stems[max(place - 2, 0) : place + 2])
        raise ClipError(
            f'None of the {len(self.videos):,} videos below {self.folder} is the clip "{clip}" '
            f"(nearest in order: {near})."
        )

    def _files(self, folder: str, seen: set[str]) -> Iterator[str]:
        """Video files below a folder; links to folders are followed, each folder once."""
        real = os.path.realpath(folder)
        if real in seen:
            return
        seen.add(real)
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            said = f"{folder} can't be listed ({reason(error)})"
            if len(seen) == 1:
                raise BenchmarkError(f"The folder of videos {said}.") from error
            self.unlisted.append(folder)
            warnings.warn(f"{said}: the videos in it, if any, are left out.", stacklevel=2)
            return
        for entry in entries:
            if entry.is_dir():
                yield from self._files(entry.path, seen)
            elif os.path.splitext(entry.name)[1].lower() in ENDINGS and not entry.name.startswith("."):
                yield entry.path

    @cached_property
    def _stems(self) -> list[str]:
        return sorted(self.videos)


def stem(clip: str) -> str:
    """A clip's name without its folders and a video's ending; it may hold points, so no other ending is taken off.

    Two names are one where they differ by how accents are written only.
    """
    name = composed(clip).replace("\\", "/").rpartition("/")[2]
    return os.path.splitext(name)[0] if _ending(name) in ENDINGS else name


def _ending(clip: str) -> str:
    return os.path.splitext(clip)[1].lower()


def _agreement(video: str, clip: str) -> int:
    """How many folders, from the innermost on, two paths have in common."""
    return len(os.path.commonprefix([composed(path).replace("\\", "/").split("/")[-2::-1] for path in (video, clip)]))
