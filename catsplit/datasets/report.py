"""What a check of a benchmark folder found, and how it reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from catsplit.datasets.layout import SETS


@dataclass(frozen=True)
class Finding:
    """One thing that isn't as it should be, and what to do about it; each a sentence or two."""

    what: str
    advice: str


@dataclass
class Report:
    """What `check` found; as a text, something to read.

    Attributes:
        folder: the benchmark's.
        following: the command to run next.
        summary: what there is, a line each.
        wrong, notes: what has to be mended, and what is odd but harmless.
        parts: the parts whose tables could be read.
        clips: {"train": the clips in the annotations of all parts, "val": …}, each once, in the files' order.
        splits: {'part A, "Pushing something"': the clips of its equivalent_set}.
        missing: clips without a video, in the annotations' order.
        unreadable: {clip: reason} of those whose video can't be read or told from another.
    """

    folder: Path
    following: str = ""
    summary: list[str] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    clips: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in SETS})
    splits: dict[str, list[str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    @property
    def all_clips(self) -> list[str]:
        """The clips of both sets, each once."""
        return list(dict.fromkeys(clip for clips in self.clips.values() for clip in clips))

    @property
    def status(self) -> int:
        """The command's exit status: 0 if nothing is wrong, else 1."""
        return int(bool(self.wrong))

    def blame(self, what: object, advice: str) -> None:
        self.wrong.append(Finding(str(what), advice))

    def blame_some(self, clips: Iterable[str], what: str, advice: str) -> None:
        """Blame clips, if there are any, with their number and one of them."""
        if named := sorted(clips):
            self.blame(f'{len(named):,} {what}, for example "{named[0]}".', advice)

    def note(self, what: str, advice: str) -> None:
        self.notes.append(Finding(what, advice))

    def __str__(self) -> str:
        lines = list(self.summary)
        for title, findings in (("Wrong", self.wrong), ("Good to know", self.notes)):
            for number, finding in enumerate(findings, 1):
                lines += ["", f"{title} {number}: {finding.what}", f"  What to do: {finding.advice}"]
        count = len(self.wrong)
        verdict = f"{count} thing{'s are' if count > 1 else ' is'} wrong." if count else "Nothing is wrong."
        return "\n".join([*lines, "", verdict, f"Next: {self.following}"])
