"""The files of a benchmark folder: JSON objects, tables of clips, and the folder of each category.

The layout is that of the published SSv2-Split and FineGym-Split (Liu & Doughty, ICLR 2026, arXiv 2602.16545).
"""

import csv
import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from catsplit.errors import BenchmarkError, HeadError, reason, repeated
from catsplit.files import composed
from catsplit.paths import atomic_path, read_json
from catsplit.taxonomy import Taxonomy
from catsplit.words.labelfiles import of_json

SCHEME = "group_scheme.json"
LABELS = ("labels.json", "label.json")
WORDINGS = "wordings.json"
MODIFIERS = "modifiers.json"
SETS = {"train": "training", "val": "validation"}
# Of each split: the clips of its subcategories, under their new rows; and validation clips of all other rows.
NEW_ROWS = {"train": "ft_set.csv", "val": "equivalent_set.csv"}
UNRELATED_SET = "unrelated_set.csv"

# Names longer than this, in bytes, don't fit a folder on the common file systems once a suffix is added.
_LONGEST = 200
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')


def read_scheme(folder: Path) -> Taxonomy:
    """Groups and parts of a benchmark folder: what its group_scheme.json says, without the parts' own folders.

    Raises:
        BenchmarkError: the folder is no benchmark, or the file is damaged.
    """
    scheme = folder / SCHEME
    if not scheme.is_file():
        inside = sorted(path.parent.name for path in folder.glob(f"*/{SCHEME}"))
        hint = f": it holds the benchmarks {', '.join(inside)}" if inside else ""
        if (folder.parent / SCHEME).is_file():
            hint = f": give {folder.parent}, and the part by its name"
        raise BenchmarkError(f"{folder} has no {SCHEME}, so it is no benchmark folder{hint}.")
    return Taxonomy.load(scheme)


def read_modifiers(folder: Path) -> dict[str, Any]:
    """The modifier texts that a benchmark folder states, for `Taxonomy` to check; none where there is no file."""
    path = folder / MODIFIERS
    return read_json(path) if path.exists() else {}


def read_taxonomy(folder: Path) -> Taxonomy:
    """The taxonomy of a benchmark folder, with the published order of labels and any stated modifier texts.

    Raises:
        BenchmarkError: the folder is no benchmark, or its files contradict each other.
    """
    taxonomy = read_scheme(folder)
    order = {part: read_labels(folder / part) for part in taxonomy.parts if (folder / part).is_dir()}
    modifiers = read_modifiers(folder)
    try:
        return replace(taxonomy, modifiers=modifiers, label_order=order)
    except BenchmarkError as error:
        raise BenchmarkError(f"{folder}: {error}") from error


def read_labels(folder: Path) -> tuple[str, ...]:
    """The labels of a part's folder in the order of their rows.

    Raises:
        BenchmarkError: the file of labels is missing, or doesn't number them 0, 1, 2, … or 1, 2, 3, …
    """
    files = [folder / name for name in LABELS if (folder / name).is_file()]
    if not files:
        raise BenchmarkError(f"{folder} has neither {' nor '.join(LABELS)}, the label of each row.")
    try:
        return tuple(of_json(read_json(files[0]), files[0]))
    except HeadError as error:
        raise BenchmarkError(str(error)) from error


def read_table(path: Path, first: int, last: int, faults: list[str] | None = None) -> tuple[list[str], list[int]]:
    """Read a table of clips: in each line a path, a comma and a row number; no header.

    Args:
        path: the csv file, with either kind of line end; a path that holds a comma may be quoted.
        first, last: the smallest and the largest row number that may occur.
        faults: where to put what would be raised, and read on without the lines in question.

    Returns:
        The n paths and their n rows, in the file's order.

    Raises:
        BenchmarkError: the file can't be read, a line is something else, or a clip occurs twice.
    """
    paths: list[str] = []
    rows: list[int] = []
    bad: list[int] = []
    found: list[str] = []
    row_of = {str(row): row for row in range(first, last + 1)}
    line = 0
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for fields in filter(None, reader):
                line = reader.line_num
                # A comma that nobody quoted can only belong to the path, because a row is a number.
                clip, row = ",".join(fields[:-1]), row_of.get(fields[-1].strip())
                if clip and row is not None:
                    paths.append(clip)
                    rows.append(row)
                else:
                    bad.append(line)
    except OSError as error:
        raise BenchmarkError(f"Can't read {path} ({reason(error)}).") from error
    except (ValueError, csv.Error) as error:
        found.append(f"{path} is no table of clips in UTF-8 from about line {line + 1} on ({error}).")
    if bad:
        more = f" ({len(bad):,} such lines)" if len(bad) > 1 else ""
        found.append(
            f"Line {bad[0]} of {path} isn't a clip's path, a comma and a row number from {first} to {last}: "
            f"a table of clips has no header and one clip a line{more}."
        )
    if len(set(paths)) < len(paths):
        twice = repeated(paths)
        more = f" ({len(twice):,} such clips)" if len(twice) > 1 else ""
        found.append(f'{path} lists the clip "{twice[0]}" twice{more}.')
    if faults is not None:
        faults += found
    elif found:
        raise BenchmarkError(found[0])
    return paths, rows


def write_table(path: Path, clips: Iterable[tuple[str, int]], line_end: str = "\r\n") -> None:
    """Write a table of clips whole or not at all; the published tables end their lines as csv files do."""
    with atomic_path(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator=line_end).writerows(clips)


def folder_name(coarse: str) -> str:
    """The name of the folder that holds a split's three sets: the coarse label itself wherever it can be one.

    A label that a file system would refuse ("jump/hop", one of 300 letters) gets a name made of its first
    letters and a short hash, so that two labels never share a folder.
    """
    clean = _FORBIDDEN.sub("_", coarse).strip(" .")
    if clean == coarse and clean not in (*LABELS, "train.csv", "val.csv") and len(coarse.encode()) <= _LONGEST:
        return coarse
    digest = hashlib.sha256(coarse.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{clean.encode()[: _LONGEST - 9].decode(errors='ignore')}-{digest}"


def split_folder(part: Path, coarse: str) -> Path:
    """The folder of a split's three sets below that of its part: named as we write it, or by the bare label."""
    own = part / folder_name(coarse)
    if not own.is_dir():
        own = part / coarse
    if own.is_dir() or not part.is_dir():
        return own
    # On a disk that has been in a Mac, accents may be written otherwise than in the label.
    return next((folder for folder in part.iterdir() if composed(folder.name) == composed(coarse)), own)
