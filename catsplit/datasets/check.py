"""`catsplit check`: is a benchmark folder whole, are its videos there and readable, and what is to be done if not?

`Benchmark.open` refuses what it can't read. Here a broken folder is read as far as it goes, and its tables are
compared: those of one part with those of the other, and the three sets of each split with the tables they are
drawn from (Liu & Doughty, ICLR 2026, arXiv 2602.16545, and the notes that come with their annotations).
"""

import shlex
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from catsplit.datasets import layout
from catsplit.datasets.layout import SETS
from catsplit.datasets.report import Report
from catsplit.datasets.wordings import read_wordings, wording_faults
from catsplit.errors import BenchmarkError
from catsplit.taxonomy import Taxonomy

if TYPE_CHECKING:
    from catsplit.video import Sampling

_AGAIN = "Unpack the annotations again, over this folder."
_RELEASE = "Take all files from one release of the annotations."
_OPTIONAL = "Mend the file, or remove it: it is optional."


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
    report = check_annotations(Path(folder).expanduser().absolute())
    clips, sound = report.all_clips, not report.wrong
    if report.parts:
        kind = "in folders" if any("/" in clip for clip in clips) else "flat"
        example = f', clips {kind}, such as "{clips[0]}"' if clips else ""
        parts = " and ".join(report.parts)
        report.summary.insert(0, f"{report.folder}: the published layout, parts {parts}{example}.")
    videos = Path(videos).expanduser().absolute() if videos is not None else None
    arguments = shlex.join((str(report.folder), "--videos", str(videos or "VIDEOS")))
    report.following = f"catsplit check {arguments}"
    if clips and videos:
        from catsplit.datasets.video_checks import check_videos

        check_videos(report, videos, deep=deep, sampling=sampling, workers=workers, progress=progress)
    if not sound:
        report.following = f"mend the annotations, then {report.following}"
    elif videos and len(report.missing) + len(report.unreadable) < len(clips):
        report.following = f"catsplit extract {arguments}"
    return report


@dataclass
class _Part:
    """The tables of a part as {clip: row}, and its labels in the order of its rows, none where these are in doubt."""

    name: str
    labels: tuple[str, ...]
    tables: dict[str, dict[str, int]] = field(default_factory=dict)


def check_annotations(folder: Path) -> Report:
    """Compare all files of a benchmark folder with each other; what is wrong with them is told, never raised."""
    report = Report(folder)
    try:
        taxonomy = layout.read_scheme(folder)
    except BenchmarkError as error:
        report.blame(error, f"{_AGAIN} Nothing else can be checked before.")
        return report
    _check_texts(report, taxonomy)
    parts = [part for name in taxonomy.parts if (part := _read_part(report, taxonomy, name))]
    sure = [part for part in parts if part.labels]
    known = {}
    for kind in SETS:
        clips = dict.fromkeys(clip for part in parts for clip in part.tables[kind])
        for part in parts:
            absent = clips.keys() - part.tables[kind].keys()
            report.blame_some(absent, f"clips of another part's {kind}.csv aren't in {part.name}/{kind}.csv", _RELEASE)
        report.clips[kind] = list(clips)
        known[kind] = _known_labels(taxonomy, sure, kind)
        report.blame_some(
            (clip for clip, fine in known[kind].items() if not fine),
            f"{SETS[kind]} clips have rows in different parts that no fine-grained label explains", _RELEASE,
        )  # fmt: skip
    report.blame_some(
        set(report.clips["train"]).intersection(report.clips["val"]), "clips are training and validation clips at once",
        "Remove them from train.csv and from the ft_sets: a model isn't measured on what it was trained with.",
    )  # fmt: skip
    for part in sure:
        for coarse in taxonomy.split_categories(part.name):
            _check_split(report, taxonomy, part, coarse, known)
    return report


def _check_texts(report: Report, taxonomy: Taxonomy) -> None:
    """The two files that the published benchmarks don't have."""
    try:
        replace(taxonomy, modifiers=layout.read_modifiers(report.folder))
    except BenchmarkError as error:
        report.blame(error, _OPTIONAL)
    try:
        wordings, _ = read_wordings(report.folder / layout.WORDINGS, taxonomy)
        for fault in wording_faults(taxonomy, wordings):
            report.blame(fault, _OPTIONAL)
    except BenchmarkError as error:
        report.blame(error, _OPTIONAL)


def _read_table(report: Report, path: Path, first: int, last: int) -> dict[str, int] | None:
    """{clip: row} of what can be read of a table; None if it can't be opened."""
    faults: list[str] = []
    try:
        table = dict(zip(*layout.read_table(path, first, last, faults), strict=True))
    except BenchmarkError as error:
        report.blame(error, _AGAIN)
        return None
    for fault in faults:
        report.blame(fault, f"{_AGAIN} In a table of your own mend these lines, which count as absent here.")
    return table


def _read_part(report: Report, taxonomy: Taxonomy, name: str) -> _Part | None:
    """A part's labels and tables, as far as they can be read; None if the part isn't there."""
    folder, labels = report.folder / name, taxonomy.label_space(name)
    if not folder.is_dir():
        report.blame(f"{folder} is missing: {layout.SCHEME} has a part {name}.", _AGAIN)
        return None
    part = _Part(name, ())
    try:
        labels = layout.read_labels(folder)
        taxonomy.check_order(name, labels)
        part.labels = labels
    except BenchmarkError as error:
        report.blame(error, f"{_RELEASE} The sets of the splits of part {name} can't be checked before.")
    for kind in SETS:
        part.tables[kind] = _read_table(report, folder / f"{kind}.csv", 0, len(labels) - 1) or {}
    for kind, what in SETS.items():
        used = set(part.tables[kind].values())
        bare = [label for row, label in enumerate(labels) if row not in used]
        if bare and used:
            report.note(
                f'{len(bare)} labels of part {name} have no {what} clips, for example "{bare[0]}".',
                "Nothing: the published FineGym-Split has a few such labels too.",
            )
    collapsed = taxonomy.split_categories(name)
    report.parts.append(name)
    report.summary.append(
        f"Part {name}: {len(labels)} labels, {len(collapsed)} of them to be split into "
        f"{sum(len(taxonomy.groups[coarse]) for coarse in collapsed)} subcategories; "
        + " and ".join(f"{len(part.tables[kind]):,} {what} clips" for kind, what in SETS.items()) + "."
    )  # fmt: skip
    return part


def _known_labels(taxonomy: Taxonomy, parts: list[_Part], kind: str) -> dict[str, Set[str]]:
    """{clip: the fine-grained labels that it can have, by its rows in all parts}; none where they contradict."""
    known: dict[str, Set[str]] = {}
    for part in parts:
        collapsed = taxonomy.split_categories(part.name)
        # Where two categories share a label, a clip under it may be of either.
        meanings = [
            taxonomy.group_of.keys() & {label, *(taxonomy.groups[label] if label in collapsed else ())}
            for label in part.labels
        ]
        for clip, row in part.tables[kind].items():
            known[clip] = meanings[row] & known.get(clip, meanings[row])
    return known


def _check_split(
    report: Report, taxonomy: Taxonomy, part: _Part, coarse: str, known: Mapping[str, Mapping[str, Set[str]]]
) -> None:
    """The three sets of a split against the part's tables, and the new rows against what the other parts say."""
    folder = layout.split_folder(report.folder / part.name, coarse)
    row, first, fine = part.labels.index(coarse), len(part.labels), taxonomy.groups[coarse]
    strangers = []
    for kind, file in layout.NEW_ROWS.items():
        labels = known[kind]
        own = [clip for clip, old in part.tables[kind].items() if old == row]
        strangers.append(f"{sum(labels[clip].isdisjoint(fine) for clip in own)} of {len(own)} {SETS[kind]} clips")
        table = _read_table(report, folder / file, first, first + len(fine) - 1)
        if kind == "val":
            report.splits[f'part {part.name}, "{coarse}"'] = list(table or ())
        if table is None or not part.tables[kind]:
            continue
        # Where the parts contradict each other about a clip, that was said, and nothing follows for the split.
        odd = [
            clip for clip, new in table.items()
            if clip not in labels or (labels[clip] and fine[new - first] not in labels[clip])
        ]  # fmt: skip
        due = {clip for clip in own if labels[clip] and labels[clip].issubset(fine)}
        report.blame_some(odd, f"clips of {folder / file} are not those of its label in {kind}.csv", _RELEASE)
        report.blame_some(due - table.keys(), f'clips of row {row}, "{coarse}", aren\'t in {folder / file}', _RELEASE)
    if coarse in (shared := taxonomy.clashes(part.name)):
        report.note(
            f"{shared[coarse]} Row {row}: {' and '.join(strangers)} are the other category's.",
            "Nothing: the published FineGym-Split is so, and so its figures were measured. The sets of the split are "
            "without those clips; the base model has learnt both categories as one.",
        )
    _check_unrelated(report, part, row, folder / layout.UNRELATED_SET)


def _check_unrelated(report: Report, part: _Part, row: int, path: Path) -> None:
    """A stored unrelated_set against its definition, the validation clips of all other rows."""
    if not path.exists() or not part.tables["val"]:
        return
    table = _read_table(report, path, 0, len(part.labels) - 1)
    due = {clip: old for clip, old in part.tables["val"].items() if old != row}
    if table is not None and table != due:
        changed = sum(table[clip] != due[clip] for clip in table.keys() & due.keys())
        report.blame(
            f"{path} isn't {part.name}/val.csv without row {row}: {len(table.keys() - due.keys()):,} clips are too "
            f"many, {len(due.keys() - table.keys()):,} are lacking, {changed:,} have another row.",
            "Remove the file: it is optional, and drawn from val.csv where it isn't there.",
        )
