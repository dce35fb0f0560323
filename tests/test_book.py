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


# What may have digits without being a result: addresses, code and formulas; years, and names such as SSv2, h264 or
# 2-D; numbers of chapters, exercises and list items; the level of an interval, the range of a pixel, what is so by
# design; the two lines of "At a glance" that say what a run costs (scripts/minutes.py writes one of them).
NO_RESULT = re.compile(
    r"\]\([^)]*\)|<[^>]*>|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|^#+ .*?$|^ *\d+\. |^\| \*\*(Minutes|Megabytes)\*\* .*?$"
    r"|\b(19|20)\d\d\b|\b\w*[A-Za-z]\w*[-/]?\d\w*|\b\d-[A-Z]\b|\b([Cc]hapters?|[Ee]xercises?) \d+( (and|to|or) \d+)?"
    r"|\b95 % intervals?|\bfrom 0 to 255\b|\b100 by design\b",
    re.M | re.S,
)
CLAIM = r"\d+\.\d+|\d\s?(%|percent|points|times)|\b\d+ (out )?of (the |all )?\d+"
RESULT = re.compile(CLAIM + r"|\d[,\d]*\d")


def results_typed(markdown: str) -> list[str]:
    """Numbers in a text that look like results. A cell that names its source may quote a table from there."""
    if re.search(r"^\(Source: .*\]\(http", markdown, re.M):
        markdown = re.sub(r"^\|.*$", "", markdown, flags=re.M)
    return [match.group() for match in RESULT.finditer(NO_RESULT.sub(" ", markdown))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_no_result_is_typed_into_the_text(path):
    for text in map(source, cells(path, "markdown")):
        assert results_typed(text) == [], f"let a code cell compute it, or put a setting into backquotes:\n{text}"
    for cell in cells(path, "code"):
        assert not re.search(CLAIM, cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", ""))


@pytest.mark.parametrize(
    "text",
    ["Generality rises to 73.4.", "Retrieval gets 70 % right.", "That is 9 percent.", "7 of the 18 splits fail.",
     "3 points more", "It is 4 times as good.", "All of 2,520 clips.", "| retrieval | 71 |", "It gets 43–47.",
     "A table\n\n| A | B |\n|---|---|\n| 66 | 27 |"],
)  # fmt: skip
def test_a_result_is_noticed(text):
    assert results_typed(text)


@pytest.mark.parametrize(
    "text",
    ["### 12. Check", "12. A question", "`seeds=range(30)` of $d = 192$", "[ICLR 2026](https://arxiv.org/abs/2602.16545)",
     "a 95 % interval, of SSv2-Split, in 2-D, with ViT-L/14 and h264", "[Chapters 11 and 12](11-failures.ipynb)",
     "| **Minutes** | about 25 to read; a run takes 14 s |", "near −1, or 3 arrows",
     "| A | B |\n|---|---|\n| 66 | 27 |\n\n(Source: [the paper](https://arxiv.org/abs/2602.16545).)"],
)  # fmt: skip
def test_what_is_no_result_may_have_digits(text):
    assert results_typed(text) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=by_name)
def test_every_exercise_has_a_hint_that_is_folded(path):
    text, number = "", 0
    for cell in json.loads(path.read_text())["cells"]:
        text += source(cell) + "\n" if cell["cell_type"] == "markdown" else ""
        if "solution" in cell["metadata"].get("tags", []):
            number += 1
            _, exercise = text.split(f"### {number}. ")
            # The blank lines make Markdown of what is between the tags, wherever the notebook is opened.
            hint = re.search(r"^<details>\s?<summary>.+?</summary>\n\n.+\n\n</details>", exercise, re.M | re.S)
            assert hint, f"no folded hint:\n{exercise}"
            text = ""


def test_no_helper_is_defined_twice():
    """What two chapters need belongs into the package, and one name for two things is no better."""
    names, bodies = {}, {}
    for path in NOTEBOOKS:
        own = [cell for cell in cells(path, "code") if "exercise" not in cell["metadata"].get("tags", [])]
        for node in (node for cell in own for node in ast.parse(python(cell)).body):
            if isinstance(node, ast.FunctionDef) and not re.fullmatch(r"(check|solution)_\d", node.name):
                names.setdefault(node.name, set()).add(path.name)
                code = node.body[ast.get_docstring(node) is not None :]
                bodies.setdefault(ast.dump(ast.Module(code, [])), set()).add(f"{path.name}: {node.name}")
    assert {name: where for name, where in names.items() if len(where) > 1} == {}
    assert [where for where in bodies.values() if len(where) > 1] == []


def test_the_welcome_page_names_every_chapter_and_its_question():
    rows = re.findall(r"^\| (\d+) \| \[\]\((\S+)\.ipynb\) \| (.+?) \|$", (BOOK / "welcome.md").read_text(), re.M)
    asked = {}
    for path in CHAPTERS:
        text = "\n".join(map(source, cells(path, "markdown")))
        asked[path.stem] = re.search(r"^\| \*\*Question\*\* \| (.+?) \|$", text, re.M).group(1)
    assert [(int(number), name, question) for number, name, question in rows] == [
        (int(name[:2]), name, question) for name, question in asked.items()
    ]


@pytest.mark.parametrize("path", CHAPTERS, ids=by_name)
def test_what_a_chapter_cites_is_in_the_bibliography(path):
    _, reading = "\n".join(map(source, cells(path, "markdown"))).split("## Further reading")
    cited = re.findall(r"\]\((https://\S+?)\)", reading)
    bibliography = (BOOK / "bibliography.md").read_text()
    assert cited
    assert [address for address in cited if f"({address})" not in bibliography] == []


def test_the_pages_say_how_long_each_chapter_took():
    """`make minutes` wrote them, and nobody typed them."""
    seconds = json.loads((BOOK / "minutes.json").read_text())
    assert list(seconds) == [path.stem for path in NOTEBOOKS], "run make minutes"
    assert max(seconds.values()) <= 90
    assert sum(seconds.values()) <= 600
    for path in CHAPTERS:
        assert re.search(rf'"\| \*\*Minutes\*\* .* a run takes {seconds[path.stem]} s on 2 cores', path.read_text())
    rows = re.findall(r"^\| \[\]\(<(.+)\.ipynb>\) \| (\d+) \|$", (BOOK / "status.md").read_text(), re.M)
    assert {name: int(number) for name, number in rows} == seconds
    assert f"| **all of them** | **{sum(seconds.values())}** |" in (BOOK / "status.md").read_text()


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
