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
from catsplit.datasets.wordings import check_wording, read_wordings
from catsplit.datasets.writer import write_benchmark
from catsplit.errors import BenchmarkError, choices
from catsplit.taxonomy import Taxonomy
from catsplit.words.splits import Split

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Benchmark", "write_benchmark"]


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
        wordings: the names of all wordings that the folder has, "exact" first.
        videos: where the clips' videos are, if that was said.
        problems: what is odd in the files and was read nevertheless, one sentence each.
    """

    folder: Path
    part: str
    wording: str
    taxonomy: Taxonomy
    labels: tuple[str, ...]
    splits: tuple[Split, ...]
    wordings: tuple[str, ...] = ("exact",)
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
        taxonomy = layout.read_taxonomy(folder)
        labels = taxonomy.label_space(part)
        source = folder / layout.WORDINGS
        wordings, kinds = read_wordings(source, taxonomy)
        if wording not in wordings:
            raise BenchmarkError(f"{folder} has no wording {wording!r}: {choices(wording, tuple(wordings))}.")
        if wording != "exact":
            check_wording(taxonomy, part, wordings[wording], f'The wording "{wording}" in {source}')
        splits = []
        for coarse in taxonomy.split_categories(part):
            texts = [wordings[wording][fine] for fine in taxonomy.groups[coarse]]
            names, modifiers = (tuple(text[what] for text in texts) for what in ("label", "modifier"))
            splits.append(Split(coarse, names, modifiers, kinds.get(coarse)))
        index = None if videos is None else ClipIndex(Path(videos))
        benchmark = cls(folder, part, wording, taxonomy, labels, tuple(splits), tuple(wordings), index)
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
        if name not in layout.SETS:
            raise BenchmarkError(f"There are no clips {name!r}: {choices(name, tuple(layout.SETS))}.")
        return (self._val if name == "val" else self._train).copy()

    def ft_set(self, coarse: str) -> "pd.DataFrame":
        """Training clips of the subcategories, with the new rows C … C + k − 1, for methods that learn."""
        return self._new_rows(coarse, "train")

    def equivalent_set(self, coarse: str) -> "pd.DataFrame":
        """Validation clips of the subcategories, with the new rows C … C + k − 1: they measure generality."""
        return self._new_rows(coarse, "val")

    def unrelated_set(self, coarse: str) -> "pd.DataFrame":
        """Validation clips of all untouched categories, with their old rows: they measure locality.

        It is by its definition the validation set without the row of `coarse`. Where a file holds it, too,
        `catsplit check` compares.
        """
        row = self.labels.index(self.split(coarse).coarse)
        return self._val[self._val["row"] != row].reset_index(drop=True)

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
            for kind, what in layout.SETS.items():
                total = int((self.clips(kind)["row"] == row).sum())
                counts.append(f"{total - len(self._new_rows(coarse, kind))} of the row's {total} {what} clips")
            found.append(
                f"{sentence} Row {row}: {' and '.join(counts)} belong to the other category; the sets of the split "
                "leave them out, so that generality is measured on its own clips only."
            )
        return tuple(found)

    @cached_property
    def _val(self) -> "pd.DataFrame":
        return self._table("val.csv", 0, len(self.labels))

    @cached_property
    def _train(self) -> "pd.DataFrame":
        return self._table("train.csv", 0, len(self.labels))

    def _new_rows(self, coarse: str, kind: str) -> "pd.DataFrame":
        folder = layout.split_folder(self.folder / self.part, coarse)
        return self._table(folder / layout.NEW_ROWS[kind], len(self.labels), len(self.split(coarse).subcategories))

    def _table(self, file: str | Path, first: int, count: int) -> "pd.DataFrame":
        import pandas as pd

        paths, rows = layout.read_table(self.folder / self.part / file, first, first + count - 1)
        return pd.DataFrame({"path": paths, "row": rows})

    def _check_files(self) -> None:
        part = self.folder / self.part
        folders = [layout.split_folder(part, split.coarse) for split in self.splits]
        needed = [part / "train.csv", part / "val.csv"]
        needed += [folder / file for folder in folders for file in layout.NEW_ROWS.values()]
        if missing := [file for file in needed if not file.is_file()]:
            raise BenchmarkError(f"{missing[0]} is missing ({len(missing)} of the part's {len(needed)} tables are).")
