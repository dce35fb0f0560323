"""Reading the taxonomy of a benchmark folder: groups and parts, the row of each label, modifier texts."""

from collections.abc import Mapping
from pathlib import Path

from catsplit.datasets import layout
from catsplit.errors import BenchmarkError
from catsplit.paths import read_json
from catsplit.taxonomy import Taxonomy


def read_scheme(folder: Path) -> Taxonomy:
    """Groups and parts of a benchmark folder: what its group_scheme.json says, without the parts' own folders.

    Raises:
        BenchmarkError: the folder is no benchmark, or the file is damaged.
    """
    scheme = folder / layout.SCHEME
    if not scheme.is_file():
        inside = sorted(path.parent.name for path in folder.glob(f"*/{layout.SCHEME}"))
        if (folder.parent / layout.SCHEME).is_file():
            hint = f": give {folder.parent}, and the part by its name"
        else:
            hint = f": it holds the benchmarks {', '.join(inside)}" if inside else ""
        raise BenchmarkError(f"{folder} has no {layout.SCHEME}, so it is no benchmark folder{hint}.")
    return Taxonomy.load(scheme)


def read_taxonomy(folder: Path) -> Taxonomy:
    """The taxonomy of a benchmark folder, with the published order of labels and any stated modifier texts.

    Raises:
        BenchmarkError: the folder is no benchmark, or its files contradict each other.
    """
    taxonomy = read_scheme(folder)
    order = {part: labels for part in taxonomy.parts if (labels := read_labels(folder / part)) is not None}
    modifiers = folder / layout.MODIFIERS
    texts = layout.read_texts(modifiers, "a modifier") if modifiers.exists() else {}
    try:
        return Taxonomy(taxonomy.groups, taxonomy.parts, texts, order)
    except BenchmarkError as error:
        raise BenchmarkError(f"{folder}: {error}") from error


def read_labels(folder: Path) -> tuple[str, ...] | None:
    """The labels of a part's folder in the order of their rows; None where the folder isn't there.

    Raises:
        BenchmarkError: the file of labels is missing, or doesn't number them 0, 1, 2, …
    """
    if not folder.is_dir():
        return None
    files = [folder / name for name in layout.LABELS if (folder / name).is_file()]
    if not files:
        raise BenchmarkError(f"{folder} has neither {' nor '.join(layout.LABELS)}, the label of each row.")
    rows: Mapping[str, object] = read_json(files[0])
    if sorted(map(repr, rows.values())) != sorted(map(repr, range(len(rows)))):
        raise BenchmarkError(f"{files[0]} must give its {len(rows)} labels the rows 0 to {len(rows) - 1}, each once.")
    return tuple(sorted(rows, key=rows.__getitem__))
