"""The notebooks as a reader meets them: alone, readable, with a text beside every picture."""

import ast
import json
import re
import statistics
from pathlib import Path

import pytest

BOOK = Path(__file__).parent.parent / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if path.name[0].isdigit()]


def cells(path: Path, kind: str) -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def python(cell: dict) -> str:
    """The cell's code without the lines that only IPython understands."""
    return "\n".join(re.sub(r"^(\s*)%.*", r"\1pass", line) for line in source(cell).split("\n"))


def by_name(path: Path) -> str:
    return path.stem


def test_there_are_chapters():
    assert len(CHAPTERS) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_every_plot_has_a_text(path):
    drawing = [cell for cell in cells(path, "code") if re.search(r"\b(plots|plt|sns)\.\w+\(", source(cell))]
    for cell in drawing:
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(alt) > 40, f"no text says what this shows:\n{source(cell)}"
    assert path not in CHAPTERS or drawing


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_cells_are_short(path):
    lengths = [len(source(cell).strip().split("\n")) for cell in cells(path, "code")]
    assert max(lengths) <= 25
    assert statistics.median(lengths) <= 10


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_the_text_is_plain_markdown(path):
    for cell in cells(path, "markdown"):
        assert not re.search(r"^(:{3,}|`{3,})\{|\{(ref|doc|cite|numref)[^}]*\}`", source(cell), re.M), source(cell)
        assert not re.search(r"@[A-Z0-9]+@", source(cell)), "a placeholder was left"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_no_measured_number_is_typed_into_the_text(path):
    for cell in cells(path, "markdown"):
        # Links, the level of an interval and the settings that an exercise asks for are no results.
        text = re.sub(r"\(https?://\S+\)|95 % interval", "", source(cell))
        assert text.startswith("### ") or not re.search(r"\d+\.\d+|\d\s?%", text), text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_only_public_names_are_used(path):
    for cell in cells(path, "code"):
        for node in ast.walk(ast.parse(python(cell))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("catsplit"):
                assert not [alias.name for alias in node.names if alias.name.startswith("_")]
            if isinstance(node, ast.Attribute):
                assert not re.match(r"_[a-z]", node.attr), node.attr


@pytest.mark.parametrize("path", CHAPTERS, ids=by_name)
def test_a_chapter_has_its_parts(path):
    text = "\n".join(source(cell) for cell in cells(path, "markdown"))
    for part in ("## At a glance", "## Predict first", "## Where it fails", "## Exercises", "## Take-away",
                 "## Further reading"):  # fmt: skip
        assert part in text
    tags = [tag for cell in cells(path, "code") for tag in cell["metadata"].get("tags", [])]
    assert tags.count("exercise") == tags.count("solution") >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_it_says_that_stage_split_is_synthetic(path):
    assert "synthetic" in "\n".join(source(cell) for cell in cells(path, "markdown"))
