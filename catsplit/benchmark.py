"""A benchmark folder: the labels of a part, its clips, and the three sets of clips of each split.

The layout is that of the published SSv2-Split and FineGym-Split (Liu & Doughty, ICLR 2026, arXiv 2602.16545,
and the notes that come with their annotations). `write_benchmark` writes it; nothing here looks at pixels.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from catsplit.datasets import layout
from catsplit.datasets.clipindex import ClipIndex
from catsplit.datasets.reader import read_taxonomy
from catsplit.datasets.writer import write_benchmark
from catsplit.errors import BenchmarkError, choices
from catsplit.modifiers import Split
from catsplit.taxonomy import Taxonomy
from catsplit.words.wordings import read_wordings, reworded

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Benchmark", "write_benchmark"]

_Table = tuple[list[str], list[int]]


@dataclass(frozen=True, eq=False)
class Benchmark:
    """One part of a benchmark folder; `Benchmark.open` makes it.

    Attributes:
        folder: the absolute path of the folder that holds group_scheme.json.
        part: which half of the coarse categories is collapsed, "A" or "B".
        wording: "exact", or the name of other words for the subcategories.
        taxonomy: the grouping, with the modifier texts of all fine-grained labels.
        labels: the C labels; a label's place is its row.
        splits: one for each coarse category of the part, in the published order.
        videos: where the clips' videos are, if that was said.
        problems: what is odd in the files and was read nevertheless, one sentence each.
    """

    folder: Path
    part: str
    wording: str
    taxonomy: Taxonomy
    labels: tuple[str, ...]
    splits: tuple[Split, ...]
    videos: ClipIndex | None = None

    @classmethod
    def open(
        cls, folder: Path | str, part: str = "A", videos: Path | str | None = None, wording: str = "exact"
    ) -> "Benchmark":
        """Open one part of a benchmark; the tables of clips are read when they are asked for.

        Args:
            folder: the folder that holds group_scheme.json.
            part: "A" or "B".
            videos: the folder of the videos, flat or nested, whatever their endings; needed by `path` only.
            wording: "exact", or a name in the folder's wordings.json: the subcategories to split then take
                its labels and modifiers, while `labels` and the taxonomy stay as they are.

        Raises:
            BenchmarkError: a file is missing or contradicts another, or there is no such part or wording.

        Warns:
            UserWarning: for each of `problems`.
        """
        folder = Path(folder).expanduser().absolute()
        taxonomy = read_taxonomy(folder)
        if part not in taxonomy.parts:
            raise BenchmarkError(f"{folder} has no part {part!r}: {choices(part, tuple(taxonomy.parts))}.")
        labels = taxonomy.label_space(part)
        source = folder / layout.WORDINGS
        wordings, kinds = read_wordings(source, taxonomy)
        if wording != "exact" and wording not in wordings:
            names = ("exact", *wordings)
            raise BenchmarkError(f"{folder} has no wording {wording!r}: {choices(wording, names)}.")
        texts = (
            {
                coarse: tuple((fine, taxonomy.modifiers[fine]) for fine in taxonomy.groups[coarse])
                for coarse in taxonomy.parts[part]
            }
            if wording == "exact"
            else reworded(taxonomy, part, wordings[wording], f'The wording "{wording}" in {source}')
        )
        splits = tuple(
            Split(coarse, *map(tuple, zip(*pairs, strict=True)), kinds.get(coarse))
            for coarse, pairs in texts.items()
        )
        index = None if videos is None else ClipIndex(Path(videos))
        benchmark = cls(folder, part, wording, taxonomy, labels, splits, index)
        benchmark._check_files()
        for problem in benchmark.problems:
            warnings.warn(f"{folder}: {problem}", stacklevel=2)
        return benchmark

    def __repr__(self) -> str:
        size = f"{len(self.labels)} labels, {len(self.splits)} splits"
        return f"Benchmark({str(self.folder)!r}, part {self.part}: {size})"

    def split(self, coarse: str) -> Split:
        """The split of a coarse category.

        Raises:
            BenchmarkError: the part has no such coarse category; the nearest names are offered.
        """
        for split in self.splits:
            if split.coarse == coarse:
                return split
        names = tuple(split.coarse for split in self.splits)
        raise BenchmarkError(f'Part {self.part} has no category "{coarse}" to split ({choices(coarse, names)}).')

    def clips(self, name: str) -> "pd.DataFrame":
        """The part's "train" or "val" clips: columns path and row (0 … C − 1), in the file's order.

        Raises:
            BenchmarkError: there is no such set, or its file is damaged.
        """
        if name not in ("train", "val"):
            raise BenchmarkError(f"There are no clips {name!r}: {choices(name, ('train', 'val'))}.")
        return _frame(self._val if name == "val" else self._table(f"{name}.csv"))

    def ft_set(self, coarse: str) -> "pd.DataFrame":
        """Training clips of the subcategories, with the new rows C … C + k − 1, for methods that learn."""
        return _frame(self._new_rows(coarse, layout.FT_SET))

    def equivalent_set(self, coarse: str) -> "pd.DataFrame":
        """Validation clips of the subcategories, with the new rows C … C + k − 1: they measure generality."""
        return _frame(self._new_rows(coarse, layout.EQUIVALENT_SET))

    def unrelated_set(self, coarse: str) -> "pd.DataFrame":
        """Validation clips of all untouched categories, with their old rows: they measure locality.

        It is the validation set without the row of `coarse`, and drawn from there where no file holds it.
        """
        row = self.labels.index(self.split(coarse).coarse)
        stored = self._split_folder(coarse) / layout.UNRELATED_SET
        if not stored.exists():
            return _frame(self._val).loc[lambda clips: clips["row"] != row].reset_index(drop=True)
        table = layout.read_table(stored, 0, len(self.labels) - 1)
        if row in table[1]:
            raise BenchmarkError(
                f'{stored} holds clips of row {row}, "{coarse}" itself, which is no untouched category.'
            )
        return _frame(table)

    def path(self, clip: str) -> Path:
        """The absolute path of a clip's video, which has the clip's stem and any ending.

        Raises:
            BenchmarkError: the benchmark was opened without a folder of videos.
            ClipError: the video isn't there, or two files could be it.
        """
        if self.videos is None:
            raise BenchmarkError(
                f'The video of "{clip}" is wanted, but the benchmark was opened without videos: '
                "say Benchmark.open(..., videos=FOLDER)."
            )
        return self.videos.path(clip)

    @cached_property
    def problems(self) -> tuple[str, ...]:
        found = []
        for coarse, sentence in self.taxonomy.clashes(self.part).items():
            row = self.labels.index(coarse)
            counts = []
            for name, table, own in (
                ("training", self._table("train.csv"), layout.FT_SET),
                ("validation", self._val, layout.EQUIVALENT_SET),
            ):
                total = table[1].count(row)
                counts.append(f"{total - len(self._new_rows(coarse, own)[0])} of the row's {total} {name} clips")
            found.append(
                f"{sentence} Row {row}: {' and '.join(counts)} belong to the other category; the sets of the split "
                "leave them out, so that generality is measured on its own clips only."
            )
        return tuple(found)

    @cached_property
    def _val(self) -> _Table:
        return self._table("val.csv")

    def _table(self, file: str) -> _Table:
        return layout.read_table(self.folder / self.part / file, 0, len(self.labels) - 1)

    def _new_rows(self, coarse: str, file: str) -> _Table:
        first = len(self.labels)
        last = first + len(self.split(coarse).subcategories) - 1
        return layout.read_table(self._split_folder(coarse) / file, first, last)

    def _split_folder(self, coarse: str) -> Path:
        return layout.split_folder(self.folder / self.part, coarse)

    def _check_files(self) -> None:
        needed = [self.folder / self.part / file for file in ("train.csv", "val.csv")]
        for split in self.splits:
            folder = self._split_folder(split.coarse)
            needed += [folder / layout.FT_SET, folder / layout.EQUIVALENT_SET]
        missing = [str(file) for file in needed if not file.is_file()]
        if missing:
            raise BenchmarkError(f"{missing[0]} is missing ({len(missing)} of the part's {len(needed)} tables are).")


def _frame(table: _Table) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame({"path": table[0], "row": table[1]})
