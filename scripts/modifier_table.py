"""Write data/modifiers: the modifier text drawn from every subcategory's label, and how it reads.

    python scripts/modifier_table.py data/SSv2-Split data/FineGym-Split

The verdicts were given by hand: they stand in the columns "verdict" (right or wrong) and "why" of
extractions.csv and are kept while label and modifier stay the same. A changed modifier is "unread" until
somebody edits its line; running the script again then brings extractions.md up to date.
"""

import argparse
import csv
import io
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from catsplit.datasets.layout import SCHEME  # noqa: E402
from catsplit.paths import atomic_path  # noqa: E402
from catsplit.taxonomy import Taxonomy  # noqa: E402

COLUMNS = ("benchmark", "part", "coarse", "fine", "modifier", "verdict", "why")
KEY = ("benchmark", "coarse", "fine", "modifier")
UNREAD = "unread"
# Such labels have nothing of their own: the difference is that they lack what their siblings have.
UNMARKED = "unmarked:"

INTRODUCTION = """\
# Modifier texts, read one by one

What `catsplit.taxonomy.extract_modifiers` draws from the label of every subcategory in the split categories
of the published benchmarks (Liu & Doughty, ICLR 2026, arXiv 2602.16545), and whether a reader agrees.

A modifier is **right** if someone who knows the coarse label and the siblings would name these words as the
difference: it tells the subcategory from every sibling, reads as English, and repeats nothing of the coarse
concept that could go without tearing a phrase. Everything else is **wrong**. That counts unmarked members
too: "Squeezing something" beside "Pretending to squeeze something" has no word of its own, so its plain label
stands in.

`scripts/modifier_table.py` writes this file and [extractions.csv](extractions.csv) and keeps the verdicts,
which were given by hand. A benchmark's own modifiers.json, or a mapping given to `Taxonomy`, replaces any
text.
"""


def extract(folders):
    """One row for each subcategory of each split category, without verdicts."""
    for folder in folders:
        taxonomy = Taxonomy.load(folder / SCHEME)
        for part in taxonomy.parts:
            for coarse in taxonomy.split_categories(part):
                for fine in taxonomy.groups[coarse]:
                    values = (folder.name, part, coarse, fine, taxonomy.modifiers[fine], UNREAD, "")
                    yield dict(zip(COLUMNS, values, strict=True))


def with_verdicts(rows, table):
    """The rows with the verdicts of an earlier table, where that was about the same modifier."""
    kept = {}
    if table.exists():
        with open(table, encoding="utf-8", newline="") as file:
            kept = {tuple(row[name] for name in KEY): (row["verdict"], row["why"]) for row in csv.DictReader(file)}
    for row in rows:
        row["verdict"], row["why"] = kept.get(tuple(row[name] for name in KEY), (UNREAD, ""))
    return rows


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_markdown(rows):
    lines = [
        INTRODUCTION,
        "| benchmark | split categories | subcategories | right | right or unmarked |",
        "|---|---|---|---|---|",
    ]
    for name in (*dict.fromkeys(row["benchmark"] for row in rows), None):
        some = [row for row in rows if name in (None, row["benchmark"])]
        categories = len({(row["benchmark"], row["coarse"]) for row in some})
        right = sum(row["verdict"] == "right" for row in some)
        fair = right + sum(row["why"].startswith(UNMARKED) for row in some)
        lines.append(
            f"| {name or 'both'} | {categories} | {len(some)} | {right} ({right / len(some):.1%}) "
            f"| {fair} ({fair / len(some):.1%}) |"
        )
    unread = [row for row in rows if row["verdict"] not in ("right", "wrong")]
    if unread:
        lines += ["", f"**{len(unread)} modifiers have not been read yet.**"]
    lines += ["", "## The wrong ones", "", "| subcategory | modifier | why |", "|---|---|---|"]
    lines += [f"| {row['fine']} | {row['modifier']} | {row['why']} |" for row in rows if row["verdict"] == "wrong"]
    coarse = None
    for row in rows:
        if (row["benchmark"], row["coarse"]) != coarse:
            coarse = (row["benchmark"], row["coarse"])
            lines += ["", f"## {row['coarse']}", "", f"{row['benchmark']}, part {row['part']}", ""]
            lines += ["| subcategory | modifier | verdict |", "|---|---|---|"]
        lines.append(f"| {row['fine']} | {row['modifier']} | {row['verdict']} |")
    return "\n".join(lines) + "\n"


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, help="benchmark folders, each with its group_scheme.json")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "modifiers", help="the folder to write to")
    options = parser.parse_args(arguments)
    table = options.out / "extractions.csv"
    rows = with_verdicts(list(extract(options.folders)), table)
    for path, text in ((table, as_csv(rows)), (table.with_suffix(".md"), as_markdown(rows))):
        with atomic_path(path) as beside:
            beside.write_text(text, encoding="utf-8")
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(row["verdict"] for row in rows).items())
    print(f"{table}: {len(rows)} modifiers, {verdicts}")


if __name__ == "__main__":
    main(sys.argv[1:])
