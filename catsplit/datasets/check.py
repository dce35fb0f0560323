"""`catsplit check`: is a benchmark folder whole, are its videos there and readable, and what is to be done if not?"""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from catsplit.datasets.annotation_checks import Finding, check_annotations

if TYPE_CHECKING:
    from catsplit.video import Sampling


@dataclass(frozen=True)
class Report:
    """What `check` found; as a text, something to read.

    Attributes:
        summary: what there is, a line each.
        wrong, notes: what has to be mended, and what is odd but harmless.
        following: the command to run next.
        clips: {"train": number of clips in the annotations, "val": …}.
        missing: clips without a video, in the annotations' order.
        unreadable: {clip: reason} of those whose video can't be read or told from another.
    """

    summary: tuple[str, ...]
    wrong: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    following: str
    clips: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The command's exit status: 0 if nothing is wrong, else 1."""
        return int(bool(self.wrong))

    def __str__(self) -> str:
        lines = list(self.summary)
        for title, findings in (("Wrong", self.wrong), ("Good to know", self.notes)):
            for number, finding in enumerate(findings, 1):
                lines += ["", f"{title} {number}: {finding.what}", f"  What to do: {finding.advice}"]
        count = len(self.wrong)
        verdict = f"{count} thing{'s are' if count > 1 else ' is'} wrong." if count else "Nothing is wrong."
        return "\n".join([*lines, "", verdict, f"Next: {self.following}"])


def check(
    folder: str | Path,
    videos: str | Path | None = None,
    *,
    deep: bool = False,
    sampling: "Sampling | None" = None,
    workers: int | None = None,
    progress: bool = True,
) -> Report:
    """Verify a benchmark folder against itself and against its videos; what is wrong is reported, never raised.

    Without `deep` only the headers of the videos are read: what is absent, empty, cut short or no video shows.
    With it the frames that extraction samples are decoded, so that just the clips that extraction would leave out
    are found; a deep check that was stopped goes on where it was.

    Missing clips of FineGym are a note and nothing wrong, because some of its videos are gone for everybody.

    Args:
        folder: the folder that holds group_scheme.json.
        videos: the folder of the videos, flat or nested, whatever their endings; without it only the annotations
            are checked.
        sampling: which frames a deep check decodes; those of the published test views by default.
        workers: threads that read.
        progress: show a bar, in a terminal or notebook.

    Raises:
        CacheError: the cache folder, where a deep check notes how far it is, can't be written.
    """
    folder = Path(folder).expanduser().absolute()
    found = check_annotations(folder)
    clips = [clip for names in found.clips.values() for clip in names]
    sound = not found.wrong
    if found.parts:
        kind = "in folders" if any("/" in clip for clip in clips) else "flat"
        example = f', clips {kind}, such as "{clips[0]}"' if clips else ""
        found.summary.insert(0, f"{folder}: the published layout, parts {' and '.join(found.parts)}{example}.")
    missing: list[str] = []
    unreadable: dict[str, str] = {}
    again = f"catsplit check {shlex.quote(str(folder))} --videos "
    if videos is None:
        following = again + "VIDEOS"
    else:
        videos = Path(videos).expanduser().absolute()
        following = again + shlex.quote(str(videos))
        if clips:
            from catsplit.datasets.video_checks import check_videos

            missing, unreadable = check_videos(
                found, videos, deep=deep, sampling=sampling, workers=workers, progress=progress
            )
    if not sound:
        following = f"mend the annotations, then {following}"
    elif videos is not None and len(missing) + len(unreadable) < len(clips):
        following = f"catsplit extract {shlex.quote(str(folder))} --videos {shlex.quote(str(videos))}"
    return Report(
        tuple(found.summary), tuple(found.wrong), tuple(found.notes), following,
        {kind: len(names) for kind, names in found.clips.items()}, tuple(missing), unreadable,
    )
