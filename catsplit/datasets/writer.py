"""Writing a benchmark in the published layout, byte for byte as SSv2-Split and FineGym-Split were written."""

import filecmp
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from catsplit.datasets import layout
from catsplit.datasets.wordings import Wording, check_kinds, wording_faults
from catsplit.errors import BenchmarkError, choices, repeated
from catsplit.paths import writable, write_json
from catsplit.taxonomy import Taxonomy

if TYPE_CHECKING:
    import pandas as pd


def write_benchmark(
    folder: Path,
    taxonomy: Taxonomy,
    clips: "pd.DataFrame",
    wordings: Mapping[str, Wording] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> None:
    """Write a benchmark folder that `Benchmark.open` and the published loaders read.

    For each part: labels.json with the labels in the order of `taxonomy.label_space`; train.csv and val.csv
    with the clips in the table's order; and for each coarse category its ft_set (training clips) and
    equivalent_set (validation clips) under the new rows C, C + 1, …, in the order of its group, and its
    unrelated_set, which is val.csv without the category's row. Beside them group_scheme.json, modifiers.json
    and, where given, wordings.json. The same arguments give the same bytes; the folder appears whole or not
    at all.

    Args:
        folder: where to write; it is made. Where it exists, it must already hold these very files (others may
            be there too), and then nothing is written.
        taxonomy: groups, parts, label order and modifier texts.
        clips: one clip a row, with the columns "path" (unique), "fine" (a fine-grained label of the
            taxonomy) and "set" ("train" or "val").
        wordings: {name, for example "paraphrased": {fine-grained label: {"label": text, "modifier": text}}};
            each covers every subcategory of at least one part, and no two siblings share a text.
        kinds: {coarse label: type of split, for example "direction"}.

    Raises:
        BenchmarkError: a column is missing, a path, label or set is not as said above, a wording or a kind
            names something unknown, or the folder holds other files under these names.
        CacheError: the folder can't be written.
    """
    folder = Path(folder).expanduser().absolute()
    table = _checked_clips(clips, taxonomy)
    wordings, kinds = dict(wordings or {}), dict(kinds or {})
    _check_texts(taxonomy, wordings, kinds)
    _check_folder_names(taxonomy)
    writable(folder.parent)
    beside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}")
    try:
        write_json(beside / layout.SCHEME, taxonomy.scheme(), indent=4)
        write_json(beside / layout.MODIFIERS, dict(taxonomy.modifiers))
        if wordings or kinds:
            write_json(beside / layout.WORDINGS, wordings | ({"kinds": kinds} if kinds else {}))
        for part in taxonomy.parts:
            _write_part(beside / part, taxonomy, part, table)
        try:
            os.replace(beside, folder)
        except OSError:
            if not folder.exists():
                raise
            _check_same(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_part(folder: Path, taxonomy: Taxonomy, part: str, table: dict[str, list[tuple[str, str]]]) -> None:
    labels = taxonomy.label_space(part)
    row_of = {label: row for row, label in enumerate(labels)}
    collapsed = taxonomy.split_categories(part)
    base = {fine: row_of[coarse if coarse in collapsed else fine] for fine, coarse in taxonomy.group_of.items()}
    write_json(folder / layout.LABELS[0], row_of)
    for name, clips in table.items():
        layout.write_table(folder / f"{name}.csv", ((path, base[fine]) for path, fine in clips))
    for coarse in collapsed:
        new = {fine: len(labels) + k for k, fine in enumerate(taxonomy.groups[coarse])}
        split = folder / layout.folder_name(coarse)
        for name, file in layout.NEW_ROWS.items():
            layout.write_table(split / file, ((path, new[fine]) for path, fine in table[name] if fine in new))
        untouched = ((path, base[fine]) for path, fine in table["val"] if base[fine] != row_of[coarse])
        # The published files of this one kind end their lines without a carriage return.
        layout.write_table(split / layout.UNRELATED_SET, untouched, line_end="\n")


def _checked_clips(clips: "pd.DataFrame", taxonomy: Taxonomy) -> dict[str, list[tuple[str, str]]]:
    """{"train": [(path, fine-grained label), …], "val": …}."""
    missing = [column for column in ("path", "fine", "set") if column not in getattr(clips, "columns", ())]
    if missing:
        raise BenchmarkError(f'The table of clips lacks the column "{missing[0]}"; it needs path, fine and set.')
    table: dict[str, list[tuple[str, str]]] = {"train": [], "val": []}
    for number, (path, fine, name) in enumerate(zip(clips["path"], clips["fine"], clips["set"], strict=True)):
        where = f"Row {number} of the table of clips"
        if name not in table:
            raise BenchmarkError(f'{where} has the set {name!r} where "train" or "val" was expected.')
        if fine not in taxonomy.group_of:
            hint = choices(fine, tuple(taxonomy.group_of))
            raise BenchmarkError(f"{where} has the label {fine!r}, which isn't fine-grained in the taxonomy ({hint}).")
        if not isinstance(path, str) or not path or path[0] == "\ufeff" or set(path) & set("\r\n\x00"):
            raise BenchmarkError(f"{where} has the path {path!r} where a text of one line was expected.")
        table[name].append((path, fine))
    if twice := repeated(clips["path"]):
        raise BenchmarkError(f'The table of clips has "{twice[0]}" twice: one clip has one label and one set.')
    return table


def _check_texts(taxonomy: Taxonomy, wordings: Mapping[str, Wording], kinds: Mapping[str, str]) -> None:
    for name in ("exact", "kinds"):
        if name in wordings:
            raise BenchmarkError(f'A wording can\'t be named "{name}": that name has another meaning.')
    for fault in wording_faults(taxonomy, wordings):
        raise fault
    check_kinds(taxonomy, kinds, "The kinds of splits")


def _check_folder_names(taxonomy: Taxonomy) -> None:
    for part, collapsed in taxonomy.parts.items():
        if layout.folder_name(part) != part or part.endswith(".json"):
            raise BenchmarkError(f"The part \"{part}\" can't be written: its name can't be that of a folder.")
        names = {coarse: layout.folder_name(coarse).casefold() for coarse in collapsed}
        for name in repeated(names.values()):
            one, other, *_ = (coarse for coarse in collapsed if names[coarse] == name)
            raise BenchmarkError(
                f'The coarse labels "{one}" and "{other}" of part {part} differ in case only, and '
                "would share one folder on many machines: rename one."
            )


def _check_same(new: Path, folder: Path) -> None:
    """Refuse to mix two benchmarks: a folder that is there must hold every new file, byte for byte."""
    for file in sorted(path.relative_to(new) for path in new.rglob("*") if path.is_file()):
        if not (folder / file).is_file() or not filecmp.cmp(new / file, folder / file, shallow=False):
            raise BenchmarkError(
                f"{folder} is there already and has another {file}: choose a new folder, or remove that one."
            )
