"""Write into the pages how long each chapter took: `make minutes`, or this after tests/test_chapters.py.

The tests note seconds in _build/minutes/. From there they go into book/minutes.json, from that into the line "Minutes"
of each chapter and into the table of the status page, and a test sees to it that all agree. A chapter that was not run
keeps what the file has. Standard library only.
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- written by make minutes -->", "<!-- up to here -->"
LINE = re.compile(r'(\| \*\*Minutes\*\* \| [^|;"]*?to read)[^|"]*\|')


def main():
    book = ROOT / "book"
    notebooks = sorted(book.glob("*.ipynb"))
    held, measured = ROOT / "book" / "minutes.json", ROOT / "_build" / "minutes"
    known = json.loads(held.read_text()) if held.exists() else {}
    known.update({path.stem: json.loads(path.read_text()) for path in measured.glob("*.json")})
    missing = [path.stem for path in notebooks if path.stem not in known]
    if missing:
        sys.exit(f"Nobody measured {', '.join(missing)} yet: run make minutes.")
    seconds = {path.stem: known[path.stem] for path in notebooks}
    pages = {held: json.dumps(seconds, indent=1) + "\n"}
    for path in notebooks:
        pages[path] = with_seconds(path.read_text(), seconds[path.stem])
        if is_chapter(path.stem) and not LINE.search(pages[path]):
            sys.exit(f"{path.name} has no line `| **Minutes** | about … to read |` to write the seconds into.")
    status = book / "status.md"
    pages[status] = with_table(status.read_text(), seconds)
    for path, text in pages.items():
        # Written beside and renamed, so that no kill leaves half a page.
        beside = path.with_name(path.name + ".part")
        beside.write_text(text)
        beside.replace(path)
    print(f"The whole book runs in {sum(seconds.values())} s on 2 cores: {held.relative_to(ROOT)} and pages say so.")


def is_chapter(name):
    return name[0].isdigit()


def with_seconds(notebook, seconds):
    """The notebook's text with the seconds in its line of minutes, if it has one."""
    return LINE.sub(rf"\1; a run takes {seconds} s on 2 cores, and longer the first time |", notebook)


def with_table(page, seconds):
    """The status page with the table of all seconds."""
    lines = ["", "| page | seconds |", "|---|---:|"]
    lines += [f"| [](<{name}.ipynb>) | {number} |" for name, number in seconds.items()]
    lines += [f"| **all of them** | **{sum(seconds.values())}** |", ""]
    before, rest = page.split(BEGIN)
    return before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    main()
