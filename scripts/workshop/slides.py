"""The talk's slides: talk.yml and the outputs of executed chapters become one deck that needs no network.

    python scripts/workshop/slides.py _build/jupyter_execute/book _build/slides
"""

import argparse
import base64
import html
import json
import re
import shutil
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WEB = ROOT / ".venv" / "web"  # filled by scripts/web.py
DECK = HERE / "talk.yml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("executed", type=Path, help="folder of executed chapters, CHAPTER.ipynb")
    parser.add_argument("out", type=Path, help="folder to write talk.html and what it loads into")
    arguments = parser.parse_args()
    page = build(arguments.executed, arguments.out)
    print(f"{len(deck()['slides'])} slides: {page}")


def deck() -> dict:
    return yaml.safe_load(DECK.read_text())


def build(executed: Path, out: Path, web: Path = WEB) -> Path:
    """Write the deck into the new folder `out`, with all that it loads; returns its page, talk.html.

    Raises:
        SystemExit: a chapter or a cell that a slide shows isn't there, or shows nothing.
    """
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(
        template_name="template", extra_template_basedirs=[str(HERE)], exclude_input=True, exclude_input_prompt=True,
        exclude_output_prompt=True, exclude_anchor_links=True, reveal_url_prefix="reveal.js", reveal_theme="white",
        reveal_width="1280", reveal_height="720", mathjax_url="mathjax/es5/startup.js",
    )  # fmt: skip
    page, _ = exporter.from_notebook_node(notebook(executed))
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / "talk.html").write_text(page)
    shutil.copy(HERE / "template" / "slides.css", out)
    shutil.copytree(web / "reveal.js", out / "reveal.js", ignore=shutil.ignore_patterns("*.map", "*.esm.js"))
    shutil.copytree(web / "pages" / "mathjax", out / "mathjax")
    return out / "talk.html"


def notebook(executed: Path):
    """One notebook of all slides: a cell with the words, one with what is shown, one with the notes."""
    import nbformat.v4 as nb

    talk, cells = deck(), []
    for number, slide in enumerate(talk["slides"]):
        kind = "title" if number == 0 else "picture" if "show" in slide else "text"
        text = f"## {slide['title']}\n\n{slide['words']}"
        cells.append(nb.new_markdown_cell(text, metadata={"slideshow": {"slide_type": "slide"}, "tags": [kind]}))
        if "show" in slide:
            cells.append(nb.new_code_cell(outputs=outputs(executed, slide["show"])))
            chapter = re.match(r"\d+", slide["show"])
            source = f"Chapter {int(chapter.group())}. " if chapter else ""
            source += f"{slide.get('of', 'Stage-Split, synthetic')}."
            cells.append(nb.new_markdown_cell(source, metadata={"tags": ["from"]}))
        notes = f"**{slide['minutes']} min.** {slide['notes']}"
        cells.append(nb.new_markdown_cell(notes, metadata={"slideshow": {"slide_type": "notes"}}))
    for number, cell in enumerate(cells):
        cell["id"] = f"slide-{number}"
    return nb.new_notebook(cells=cells, metadata={"title": talk["title"]})


def outputs(executed: Path, reference: str) -> list:
    """What a cell of an executed chapter shows, pictures with the text that the chapter has for them."""
    import nbformat.v4 as nb

    if reference.endswith(".svg"):
        return [nb.new_output("display_data", {"text/html": drawing(ROOT / "book" / reference)})]
    cell = find(executed, reference)
    alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
    found = []
    for data in (output.get("data", {}) for output in cell["outputs"]):
        if "image/png" in data:
            picture = "".join(data["image/png"]).replace("\n", "")
            text = f'<img class="shown" alt="{html.escape(alt)}" src="data:image/png;base64,{picture}">'
        elif "text/html" in data:
            text = "".join(data["text/html"])
        elif "text/markdown" in data:
            found.append(nb.new_output("display_data", {"text/markdown": "".join(data["text/markdown"])}))
            continue
        else:
            continue  # what a cell returns beside its picture, such as a shape
        found.append(nb.new_output("display_data", {"text/html": text}))
    if not found:
        raise SystemExit(f"A slide shows {reference}, and that cell has no picture, no clips and no table.")
    return found


def drawing(path: Path) -> str:
    """A drawing of the book as HTML, with the text that it has inside."""
    content = path.read_text()
    (text,) = re.findall(r"<desc[^>]*>(.*?)</desc>", content, re.S)
    data = base64.b64encode(content.encode()).decode()
    return f'<img class="shown" alt="{html.escape(html.unescape(text))}" src="data:image/svg+xml;base64,{data}">'


def find(folder: Path, reference: str) -> dict:
    """The cell CHAPTER#CELL of the notebooks in a folder."""
    chapter, _, name = reference.partition("#")
    path = folder / f"{chapter}.ipynb"
    if not path.exists():
        raise SystemExit(f"A slide shows {reference}, and {path} isn't there: run the chapters first (make book).")
    for cell in json.loads(path.read_text())["cells"]:
        if cell.get("id") == name and cell["cell_type"] == "code":
            return cell
    raise SystemExit(f"A slide shows {reference}, and {path.name} has no code cell with the id {name}.")


if __name__ == "__main__":
    main()
