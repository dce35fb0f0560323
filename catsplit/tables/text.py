"""The tables as Markdown, CSV and figures, each of which says what it is of."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from catsplit.errors import CatsplitError, choices
from catsplit.paths import atomic_path
from catsplit.tables import build as tables
from catsplit.tables import published

if TYPE_CHECKING:
    import pandas as pd

SYNTHETIC = (
    "**Stage-Split is synthetic.** Its clips are rendered and its networks are small: these figures show how the "
    "method works and where it breaks, not how well it does on filmed video, and can't be held against published ones. "
    "Its vision–language model was trained on frames and labels of every subcategory, in both wordings, which flatters "
    "that baseline; and it sees single frames, so that motion is beyond it: read it by type of split."
)
READING = (
    "Percent; means over the splits, seeds averaged first; in brackets 95 % intervals, bootstrap over the splits. "
    "Generality: accuracy over all categories on clips of the subcategories. Locality: accuracy on clips of the other "
    "categories after the edit over that before it. Siblings: accuracy when only the subcategories may be predicted."
)
NOTES = {
    "zero-shot": (
        "copies: the coarse row with a little noise; random vectors, random entries: of the dictionary's lengths, from "
        "the dictionary. vision-language: gated by the base classifier, so that its locality is 100 by design. oracle: "
        "rows fitted to all training clips inside the edited label space, no zero-shot method."
    ),
    "ablation": "Similarity, matching and ties are varied in retrieval. Seeds draw among equals and start the network.",
    "one-shot": (
        "One clip of each subcategory to learn from, another for each seed; all the data: all training clips, a fifth "
        "of which decides when to stop."
    ),
    "by type": (
        "Both parts together. With few splits of a type the intervals are rough. Unknown modifiers: no category of the "
        "dictionary has them in any wording. Chance: among siblings, the mean of 1/k."
    ),
    "differences": (
        "Points, the one method less the other on the same splits; verdicts are on generality, from intervals that are "
        "not corrected for their number."
    ),
}
NAMES = ("zero-shot", "ablation", "one-shot", "by type", "differences")
_MAKE: dict[str, Callable[["pd.DataFrame"], "pd.DataFrame"]] = {
    "zero-shot": tables.zero_shot, "ablation": tables.ablation, "one-shot": tables.one_shot,
    "by type": tables.by_kind, "differences": tables.differences,
}  # fmt: skip
_TITLES = {
    "zero-shot": "Zero-shot comparison", "ablation": "Ablation of the zero-shot method",
    "one-shot": "One-shot ablation", "by type": "By type of split", "differences": "What is told apart",
}  # fmt: skip
_LABELS = {
    "zero-shot": ("method",), "ablation": ("what", "variant"), "one-shot": ("learns", "initial"),
    "by type": ("kind", "chance", "method"), "differences": ("method", "against"),
}  # fmt: skip


def make(results: "pd.DataFrame", names: Sequence[str] = NAMES) -> dict[str, "pd.DataFrame"]:
    """The tables of these names that the results have anything for.

    Raises:
        CatsplitError: there are no results, or of two benchmarks, or none of these tables can be made of them.
    """
    for name in names:
        if name not in NAMES:
            raise CatsplitError(f'There is no table "{name}" ({choices(name, NAMES)}).')
    made = {name: _MAKE[name](results) for name in names}
    made = {name: table for name, table in made.items() if len(table)}
    if not made:
        raise CatsplitError(f"The results have nothing for any of the tables: {', '.join(names)}.")
    return made


def markdown(results: "pd.DataFrame", names: Sequence[str] = NAMES, figures: Mapping[str, str] | None = None) -> str:
    """The tables with what they are of, and the published figures beside them, under their own headings.

    Args:
        figures: {table: file name} of pictures to show.

    Raises:
        CatsplitError: as for `make`.
    """
    made, benchmark = make(results, names), results["benchmark"].iloc[0]
    lines = [f"# {benchmark}: category splitting", ""]
    if "synthetic" in benchmark:
        lines += [SYNTHETIC, ""]
    seeds = ", ".join(map(str, sorted(set(results["seed"]))))
    lines += [f"{READING} Seeds {seeds}.", ""]
    if problems := sorted({text for text in results["problem"] if text}):
        lines += ["Edits that can't be made, and are in no mean:", "", *(f"- {text}" for text in problems), ""]
    for name, table in made.items():
        lines += [f"## {_TITLES[name]}", "", f"{benchmark}. {NOTES[name]}", ""]
        for setting, part in _sections(table):
            lines += [f"### {setting}", "", *_table(part, _LABELS[name]), ""]
        if name in (figures or {}):
            alt = f"{_TITLES[name]} on {benchmark}: generality and locality with intervals, as in the table above"
            lines += [f"![{alt}]({figures[name]})", ""]
        lines += _published(name, benchmark, "### {}")
    return "\n".join(lines).rstrip() + "\n"


def one(results: "pd.DataFrame", name: str) -> str:
    """One of the tables as Markdown without headings, and the published figures below it, for a page of its own.

    Raises:
        CatsplitError: as for `make`.
    """
    table, benchmark = make(results, [name])[name], results["benchmark"].iloc[0]
    lines = [f"{benchmark}. {NOTES[name]}", ""]
    for setting, part in _sections(table):
        lines += [f"**{setting}**", "", *_table(part, _LABELS[name]), ""]
    return "\n".join([*lines, *_published(name, benchmark, "**{}**")]).rstrip() + "\n"


def write(results: "pd.DataFrame", folder: str | Path, names: Sequence[str] = NAMES) -> list[Path]:
    """Write tables.md, a CSV file and a picture for each table, and published.csv; return their paths.

    Raises:
        CatsplitError: as for `make`.
        CacheError: the folder can't be written to.
    """
    from catsplit.tables import figures as tablefigures

    folder, written, pictures = Path(folder).expanduser(), [], {}
    for name, table in make(results, names).items():
        stem = name.replace(" ", "-")
        written.append(folder / f"{stem}.csv")
        with atomic_path(written[-1]) as beside:
            table.to_csv(beside, index=False, float_format="%.2f", lineterminator="\n")
        if name in tablefigures.DRAWN:
            pictures[name] = f"{stem}.png"
            written.append(folder / pictures[name])
            with atomic_path(written[-1]) as beside:
                tablefigures.save(tablefigures.draw(name, table), beside)
    for path, text in (
        (folder / "published.csv", published.figures(None, results["benchmark"].iloc[0]).to_csv(index=False)),
        (folder / "tables.md", markdown(results, names, pictures)),
    ):
        written.append(path)
        with atomic_path(path) as beside:
            beside.write_text(text, encoding="utf-8", newline="\n")
    return written


def cell(line: Mapping, rate: str) -> str:
    """A mean with its interval."""
    low, high = line[f"{rate} low"], line[f"{rate} high"]
    return f"{line[rate]:.1f} [{low:.1f}, {high:.1f}]"


def _sections(table: "pd.DataFrame") -> list[tuple[str, "pd.DataFrame"]]:
    found = []
    for (wording, part), lines in table.groupby(["wording", "part"], sort=False):
        encoders = set(lines["encoder"])
        encoder = f", text encoder {encoders.pop()}" if len(encoders) == 1 else ""
        counts = sorted(set(lines["splits"])) if "kind" not in lines else []
        splits = f", {counts[0]} splits" if len(counts) == 1 else ""
        found.append((f"Part {part}, {wording} wording{encoder}{splits}", lines))
    return found


def _table(lines: "pd.DataFrame", labels: Sequence[str]) -> list[str]:
    rates = [rate for rate in tables.RATES if rate in lines]
    more = [] if lines["splits"].nunique() == 1 and "kind" not in lines else ["splits"]
    more += ["verdict"] if "verdict" in lines else []
    header = [*labels, *rates, *more]
    rows = [header, ["---"] * len(header)]
    for line in lines.to_dict("records"):
        texts = [f"{line[label]:.0f}" if label == "chance" else str(line[label]) for label in labels]
        rows.append([*texts, *(cell(line, rate) for rate in rates), *(str(line[name]) for name in more)])
    return [f"| {' | '.join(row)} |" for row in rows]


def _published(name: str, benchmark: str, heading: str) -> list[str]:
    """The figures of the paper that stand beside a table, under a heading that says whether they are of other data."""
    theirs = published.figures(name, benchmark)
    if not len(theirs):
        return []
    same = theirs["benchmark"].str.startswith(f"{benchmark} ").all()
    lines = [heading.format(f"Published{'' if same else ', of other data'}: {_TITLES[name].lower()}"), ""]
    names = " and ".join(dict.fromkeys(theirs["benchmark"]))
    lines += [f"Figures of {names} ({published.SETTING}), from {published.SOURCE}.", ""]
    header = ["benchmark", "method", "initial", "generality", "locality", "mean"]
    header = [name for name in header if theirs[name].notna().any() and (theirs[name] != "").any()]
    lines += [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for line in theirs.to_dict("records"):
        texts = ["" if value != value or value is None else f"{value}" for value in (line[name] for name in header)]
        lines.append(f"| {' | '.join(texts)} |")
    return [*lines, ""]
