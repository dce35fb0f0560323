"""Do the files of a benchmark folder agree with each other? All that is wrong, not only the first of it.

`Benchmark.open` refuses what it can't read. Here a broken folder is read as far as it goes, and its tables are
compared: those of one part with those of the other, and the three sets of each split with the tables they are
drawn from (Liu & Doughty, ICLR 2026, arXiv 2602.16545, and the notes that come with their annotations).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from catsplit.datasets import layout
from catsplit.datasets.reader import read_labels, read_scheme
from catsplit.datasets.taxonomy_checks import check_order
from catsplit.errors import BenchmarkError
from catsplit.taxonomy import Taxonomy
from catsplit.words.wordings import read_wordings, reworded

SETS = {"train": "training", "val": "validation"}

_AGAIN = "Unpack the annotations again, over this folder."
_RELEASE = "Take all files from one release of the annotations."


@dataclass(frozen=True)
class Finding:
    """One thing that isn't as it should be, and what to do about it; each a sentence or two."""

    what: str
    advice: str


@dataclass
class Annotations:
    """What the annotations of a folder hold.

    Attributes:
        summary: what there is, a line each.
        wrong, notes: what has to be mended, and what is odd but harmless.
        parts: the parts whose tables could be read.
        clips: {"train": {clip: None}, "val": …} of all parts, each clip once, in the files' order.
        splits: {'part A, "Pushing something"': the clips of its equivalent_set}.
    """

    folder: Path
    summary: list[str] = field(default_factory=list)
    wrong: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    clips: dict[str, dict[str, None]] = field(default_factory=lambda: {name: {} for name in SETS})
    splits: dict[str, list[str]] = field(default_factory=dict)

    def blame(self, what: object, advice: str) -> None:
        self.wrong.append(Finding(str(what), advice))

    def blame_some(self, clips: Iterable[str], what: str, advice: str) -> None:
        """Blame clips, if there are any, with their number and one of them."""
        if named := sorted(clips):
            self.blame(f'{len(named):,} {what}, for example "{named[0]}".', advice)

    def table(self, path: Path, first: int, last: int) -> dict[str, int] | None:
        """{clip: row} of what can be read of a table; None if it can't be opened."""
        faults: list[str] = []
        try:
            table = dict(zip(*layout.read_table(path, first, last, faults), strict=True))
        except BenchmarkError as error:
            self.blame(error, _AGAIN)
            return None
        for fault in faults:
            self.blame(fault, f"{_AGAIN} In a table of your own mend these lines, which count as absent here.")
        return table


@dataclass(frozen=True)
class _Part:
    """A part's labels in the order of its rows, None if in doubt; {clip: row} of its tables, and {row: clips}."""

    labels: tuple[str, ...] | None
    tables: Mapping[str, Mapping[str, int]]
    rows: Mapping[str, Mapping[int, Set[str]]]


def check_annotations(folder: Path) -> Annotations:
    """Compare all files of a benchmark folder with each other; what is wrong with them is told, never raised."""
    found = Annotations(folder)
    try:
        taxonomy = read_scheme(folder)
    except BenchmarkError as error:
        found.blame(error, f"{_AGAIN} Nothing else can be checked before.")
        return found
    _check_texts(found, taxonomy)
    parts = {name: part for name in taxonomy.parts if (part := _part(found, taxonomy, name)) is not None}
    possible = {}
    for kind in SETS:
        for part in parts.values():
            found.clips[kind] |= dict.fromkeys(part.tables[kind])
        for name, part in parts.items():
            absent = found.clips[kind].keys() - part.tables[kind].keys()
            found.blame_some(absent, f"clips of another part's {kind}.csv aren't in {name}/{kind}.csv", _RELEASE)
        possible[kind] = _possible(found, taxonomy, parts, kind)
    found.blame_some(
        found.clips["train"].keys() & found.clips["val"].keys(), "clips are training and validation clips at once",
        "Remove them from train.csv and from the ft_sets: a model isn't measured on what it was trained with.",
    )
    for name, part in parts.items():
        if part.labels is not None:
            for coarse in taxonomy.split_categories(name):
                _check_split(found, taxonomy, name, part.labels, part, coarse, possible)
    return found


def _check_texts(found: Annotations, taxonomy: Taxonomy) -> None:
    """The two files that the published benchmarks don't have."""
    optional = "Mend the file, or remove it: it is optional."
    try:
        path = found.folder / layout.MODIFIERS
        if path.exists():
            taxonomy.with_modifiers(layout.read_texts(path, "a modifier"))
    except BenchmarkError as error:
        found.blame(error, optional)
    try:
        wordings, _ = read_wordings(found.folder / layout.WORDINGS, taxonomy)
    except BenchmarkError as error:
        found.blame(error, optional)
        return
    for name, wording in wordings.items():
        for part, collapsed in taxonomy.parts.items():
            # A wording may be there for one part only.
            if any(fine in wording for coarse in collapsed for fine in taxonomy.groups[coarse]):
                try:
                    reworded(taxonomy, part, wording, f'The wording "{name}" in {layout.WORDINGS}')
                except BenchmarkError as error:
                    found.blame(error, optional)


def _part(found: Annotations, taxonomy: Taxonomy, name: str) -> _Part | None:
    """A part's labels and tables, as far as they can be read; None if the part isn't there."""
    folder, labels = found.folder / name, taxonomy.label_space(name)
    if not folder.is_dir():
        found.blame(f"{folder} is missing: {layout.SCHEME} has a part {name}.", _AGAIN)
        return None
    trusted = True
    try:
        expected, labels = labels, read_labels(folder)
        check_order(name, labels, expected)
    except BenchmarkError as error:
        trusted = False
        found.blame(error, f"{_RELEASE} The sets of the splits of part {name} can't be checked before.")
    tables = {kind: found.table(folder / f"{kind}.csv", 0, len(labels) - 1) or {} for kind in SETS}
    rows = {kind: defaultdict(set) for kind in SETS}
    for kind, what in SETS.items():
        for clip, row in tables[kind].items():
            rows[kind][row].add(clip)
        bare = [label for row, label in enumerate(labels) if row not in rows[kind]]
        if bare and tables[kind]:
            found.notes.append(Finding(
                f'{len(bare)} labels of part {name} have no {what} clips, for example "{bare[0]}".',
                "Nothing: the published FineGym-Split has a few such labels too.",
            ))
    subcategories = sum(len(taxonomy.groups[coarse]) for coarse in taxonomy.split_categories(name))
    found.parts.append(name)
    found.summary.append(
        f"Part {name}: {len(labels)} labels, {len(taxonomy.split_categories(name))} of them to be split into "
        f"{subcategories} subcategories; " + " and ".join(f"{len(tables[k]):,} {SETS[k]} clips" for k in SETS) + "."
    )
    return _Part(labels if trusted else None, tables, rows)


def _possible(found: Annotations, taxonomy: Taxonomy, parts: Mapping[str, _Part], kind: str) -> dict[str, Set[str]]:
    """{clip: the fine-grained labels that it can have, by its rows in all parts}; empty where they contradict."""
    meanings = [
        (part.tables[kind], [_meaning(taxonomy, name, label) for label in part.labels])
        for name, part in parts.items() if part.labels is not None
    ]  # fmt: skip
    possible = {}
    for clip in found.clips[kind]:
        if sets := [meaning[table[clip]] for table, meaning in meanings if clip in table]:
            possible[clip] = frozenset.intersection(*sets)
    found.blame_some(
        (clip for clip, labels in possible.items() if not labels),
        f"{SETS[kind]} clips have rows in different parts that no fine-grained label explains", _RELEASE,
    )
    return possible


def _meaning(taxonomy: Taxonomy, part: str, label: str) -> frozenset[str]:
    """The fine-grained labels that a clip under a label of a part can have; where two categories share it, of both."""
    collapsed = taxonomy.groups[label] if label in taxonomy.split_categories(part) else ()
    return frozenset((*collapsed, label) if label in taxonomy.group_of else collapsed)


def _check_split(
    found: Annotations, taxonomy: Taxonomy, name: str, labels: tuple[str, ...], part: _Part, coarse: str,
    possible: Mapping[str, Mapping[str, Set[str]]],
) -> None:
    """The three sets of a split against the part's tables, and the new rows against what the other parts say."""
    folder = layout.split_folder(found.folder / name, coarse)
    row, first, fine = labels.index(coarse), len(labels), taxonomy.groups[coarse]
    strangers = []
    for kind, file in (("train", layout.FT_SET), ("val", layout.EQUIVALENT_SET)):
        own, known = part.rows[kind][row], possible[kind]
        due = {clip for clip in own if known[clip] and known[clip].issubset(fine)}
        strangers.append(f"{sum(known[clip].isdisjoint(fine) for clip in own)} of {len(own)} {SETS[kind]} clips")
        table = found.table(folder / file, first, first + len(fine) - 1)
        if kind == "val":
            found.splits[f'part {name}, "{coarse}"'] = list(table or ())
        if table is None or not part.tables[kind]:
            continue
        # Where the parts contradict each other about a clip, that was said, and nothing follows for the split.
        odd = [
            clip for clip, new in table.items()
            if clip not in known or (known[clip] and fine[new - first] not in known[clip])
        ]  # fmt: skip
        found.blame_some(odd, f"clips of {folder / file} are not those of its label in {kind}.csv", _RELEASE)
        found.blame_some(due - table.keys(), f'clips of row {row}, "{coarse}", aren\'t in {folder / file}', _RELEASE)
    if coarse in (shared := taxonomy.clashes(name)):
        found.notes.append(Finding(
            f"{shared[coarse]} Row {row}: {' and '.join(strangers)} are the other category's.",
            "Nothing: the published FineGym-Split is so, and so its figures were measured. The sets of the split are "
            "without those clips; the base model has learnt both categories as one.",
        ))
    stored = folder / layout.UNRELATED_SET
    table = found.table(stored, 0, first - 1) if stored.exists() and part.tables["val"] else None
    untouched = {clip: old for clip, old in part.tables["val"].items() if old != row}
    if table is not None and table != untouched:
        changed = sum(table[clip] != untouched[clip] for clip in table.keys() & untouched.keys())
        found.blame(
            f"{stored} isn't {name}/val.csv without row {row}: {len(table.keys() - untouched.keys()):,} clips are too "
            f"many, {len(untouched.keys() - table.keys()):,} are lacking, {changed:,} have another row.",
            "Remove the file: it is optional, and drawn from val.csv where it isn't there.",
        )
