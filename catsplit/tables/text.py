"""The tables as Markdown, CSV and figures, each of which says what it is of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from catsplit.errors import CatsplitError, choices
from catsplit.paths import atomic_path
from catsplit.tables import build as tables
from catsplit.tables import figures as tablefigures
from catsplit.tables import published

SYNTHETIC = (
    "**Stage-Split is synthetic.** Its clips are rendered and its networks are small: these figures show how the "
    "method works and where it breaks, not how well it does on filmed video, and can't be held against published ones. "
    "Its vision–language model was trained on frames and labels of every subcategory, in all wordings, which flatters "
    "that baseline; and it sees single frames, so that motion is beyond it: read it by type of split."
)
READING = (
    "Percent; means over the splits, seeds averaged first; in brackets 95 % intervals, bootstrap over the splits. "
    "Generality: accuracy over all categories on clips of the subcategories. Locality: accuracy on clips of the other "
    "categories after the edit over that before it. Siblings: accuracy when only the subcategories may be predicted."
)


@dataclass(frozen=True)
class Table:
    """One of the tables: how it is made of results, its title, the columns that name a line, and what to know of it."""

    make: Callable[[pd.DataFrame], pd.DataFrame]
    title: str
    labels: tuple[str, ...]
    note: str


TABLES = {
    "zero-shot": Table(
        tables.zero_shot,
        "Zero-shot comparison",
        ("method",),
        "copies: the coarse row with a little noise; random vectors, random entries: of the dictionary's lengths, from "
        "the dictionary. vision-language: gated by the base classifier, so that its locality is 100 by design. oracle: "
        "rows fitted to all training clips inside the edited label space, no zero-shot method.",
    ),
    "ablation": Table(
        tables.ablation,
        "Ablation of the zero-shot method",
        ("what", "variant"),
        "Similarity, matching and ties are varied in retrieval. Seeds draw among equals and start the network.",
    ),
    "one-shot": Table(
        tables.one_shot,
        "One-shot ablation",
        ("learns", "initial"),
        "One clip of each subcategory to learn from, another for each seed; all the data: all training clips, a fifth "
        "of which decides when to stop.",
    ),
    "by type": Table(
        tables.by_kind,
        "By type of split",
        ("kind", "chance", "method"),
        "Both parts together. With few splits of a type the intervals are rough. No known words: the "
        "dictionary holds none of their modifiers word for word. Chance: among siblings, the mean of 1/k.",
    ),
    "differences": Table(
        tables.differences,
        "What is told apart",
        ("method", "against"),
        "Points, the one method less the other on the same splits; verdicts are on generality, from intervals that are "
        "not corrected for their number.",
    ),
}
NAMES = tuple(TABLES)


def make(results: pd.DataFrame, names: Sequence[str] = NAMES) -> dict[str, pd.DataFrame]:
    """The tables of these names that the results have anything for.

    Raises:
        CatsplitError: there are no results, or of two benchmarks, or a line is there twice, or none of these tables
            can be made of them.
    """
    for name in names:
        if name not in TABLES:
            raise CatsplitError(f'There is no table "{name}" ({choices(name, NAMES)}).')
    made = {name: TABLES[name].make(results) for name in names}
    made = {name: table for name, table in made.items() if len(table)}
    if not made:
        raise CatsplitError(f"The results have nothing for any of the tables: {', '.join(names)}.")
    return made


def markdown(results: pd.DataFrame, names: Sequence[str] = NAMES, figures: Mapping[str, str] | None = None) -> str:
    """The tables with what they are of, and the published figures beside them, under their own headings.

    Args:
        figures: {table: file name} of pictures to show.

    Raises:
        CatsplitError: as for `make`.
    """
    return _markdown(results, make(results, names), figures or {})


def one(results: pd.DataFrame, name: str) -> str:
    """One of the tables as Markdown without headings, and the published figures below it, for a page of its own.

    Raises:
        CatsplitError: as for `make`.
    """
    table, benchmark = make(results, [name])[name], results["benchmark"].iloc[0]
    lines = _body(name, table, benchmark, "**{}**")
    return "\n".join([*lines, *_published(name, benchmark, "**{}**")]).rstrip() + "\n"


def write(results: pd.DataFrame, folder: str | Path, names: Sequence[str] = NAMES) -> list[Path]:
    """Write tables.md, a CSV file and a picture for each table, and published.csv; return their paths.

    Raises:
        CatsplitError: as for `make`.
        CacheError: the folder can't be written to.
    """
    folder, made, written, pictures = Path(folder).expanduser(), make(results, names), [], {}

    def put(name: str, text: str) -> None:
        written.append(folder / name)
        with atomic_path(written[-1]) as beside:
            beside.write_text(text, encoding="utf-8", newline="\n")

    for name, table in made.items():
        stem = name.replace(" ", "-")
        put(f"{stem}.csv", table.to_csv(index=False, float_format="%.2f", lineterminator="\n"))
        if name in tablefigures.DRAWN:
            pictures[name] = f"{stem}.png"
            written.append(folder / pictures[name])
            with atomic_path(written[-1]) as beside:
                tablefigures.save(tablefigures.draw(name, table), beside)
    put("published.csv", published.figures(None, results["benchmark"].iloc[0]).to_csv(index=False, lineterminator="\n"))
    put("tables.md", _markdown(results, made, pictures))
    return written


def cell(line: Mapping, rate: str) -> str:
    """A mean with its interval."""
    low, high = line[f"{rate} low"], line[f"{rate} high"]
    return f"{line[rate]:.1f} [{low:.1f}, {high:.1f}]"


def _markdown(results: pd.DataFrame, made: Mapping[str, pd.DataFrame], figures: Mapping[str, str]) -> str:
    benchmark = results["benchmark"].iloc[0]
    lines = [f"# {benchmark}: category splitting", ""]
    if "synthetic" in benchmark:
        lines += [SYNTHETIC, ""]
    lines += [f"{READING} {_seeds(results)}", ""]
    if problems := sorted({text for text in results["problem"] if text}):
        lines += ["Edits that can't be made, and are in no mean:", "", *(f"- {text}" for text in problems), ""]
    if len(others := tables.left_out(results)):
        lines += ["Swept, and in none of the tables:", "", *_left_out(others), ""]
    for name, table in made.items():
        title = TABLES[name].title
        lines += [f"## {title}", "", *_body(name, table, benchmark, "### {}")]
        if name in figures:
            alt = f"{title} on {benchmark}: generality and locality with intervals, as in the table above"
            lines += [f"![{alt}]({figures[name]})", ""]
        lines += _published(name, benchmark, "### {}")
    return "\n".join(lines).rstrip() + "\n"


def _seeds(results: pd.DataFrame) -> str:
    seeds = results.groupby("part", sort=False)["seed"].agg(lambda own: ", ".join(map(str, sorted(set(own)))))
    if seeds.nunique() == 1:
        return f"Seeds {seeds.iloc[0]}."
    return f"Seeds {'; '.join(f'{text} in part {part}' for part, text in seeds.items())}."


def _left_out(lines: pd.DataFrame) -> list[str]:
    found = []
    for (part, wording, encoder), own in lines.groupby(["part", "wording", "encoder"], sort=False):
        names = own["method"] + own["initial"].map(lambda initial: f" from {initial}" if initial else "")
        names += own["shots"].map(lambda shots: f" ({shots}-shot)" if shots > 0 else "")
        found.append(f"- part {part}, {wording} wording, text encoder {encoder}: {'; '.join(names.unique())}")
    return found


def _body(name: str, table: pd.DataFrame, benchmark: str, heading: str) -> list[str]:
    """The note of a table, and its lines under a heading for each wording and part."""
    labels, lines = TABLES[name].labels, [f"{benchmark}. {TABLES[name].note}", ""]
    for (wording, part), own in table.groupby(["wording", "part"], sort=False):
        encoders = set(own.loc[own["what"] != "text encoder", "encoder"] if "what" in own else own["encoder"])
        encoder = f", text encoder {encoders.pop()}" if len(encoders) == 1 else ""
        same = own["splits"].nunique() == 1 and "kind" not in own
        splits = f", {own['splits'].iloc[0]} splits" if same else ""
        lines += [heading.format(f"Part {part}, {wording} wording{encoder}{splits}"), ""]
        more = [] if same else ["splits"]
        more += ["verdict"] if "verdict" in own else []
        header = [*labels, *tables.RATES, *more]
        lines += [_row(header), _row(["---"] * len(header))]
        for line in own.to_dict("records"):
            texts = [f"{line[label]:.0f}" if label == "chance" else line[label] for label in labels]
            lines.append(_row([*texts, *(cell(line, rate) for rate in tables.RATES), *(line[name] for name in more)]))
        lines.append("")
    return lines


def _published(name: str, benchmark: str, heading: str) -> list[str]:
    """The figures of the paper that stand beside a table, under a heading that says whether they are of other data."""
    theirs = published.figures(name, benchmark)
    if not len(theirs):
        return []
    same = theirs["benchmark"].str.startswith(f"{benchmark} ").all()
    lines = [heading.format(f"Published{'' if same else ', of other data'}: {TABLES[name].title.lower()}"), ""]
    names = " and ".join(dict.fromkeys(theirs["benchmark"]))
    lines += [f"Figures of {names} ({published.SETTING}), from {published.SOURCE}.", ""]
    shown = theirs[["benchmark", "method", "initial", "generality", "locality", "mean"]].replace("", None)
    shown = shown.dropna(axis="columns", how="all").astype(object).fillna("")
    return [*lines, _row(shown), "|---" * len(shown.columns) + "|", *map(_row, shown.to_numpy()), ""]


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
