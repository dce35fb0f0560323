"""Write the tables of book/instructor-guide.md: schedules, seconds, minutes to read, goals. No figure is typed there.

    python scripts/workshop/guide.py

Seconds come from book/minutes.json, goals and megabytes from the chapters' "At a glance", schedules from talk.yml and
schedules.yml. What stands between a line `<!-- NAME -->` and the next `<!-- up to here -->` is replaced.
"""

import json
import re
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
BOOK = HERE.parents[1] / "book"
GUIDE = BOOK / "instructor-guide.md"
END = "<!-- up to here -->"
# Words of text a minute. People read prose about twice as fast; this leaves as much time for code and pictures.
PACE = 100


def main() -> None:
    beside = GUIDE.with_name(GUIDE.name + ".part")
    beside.write_text(filled(GUIDE.read_text()))
    beside.replace(GUIDE)
    print(f"{GUIDE.name}: talk {total('talk')}, half-day {total('half-day')}, day {total('day')} minutes.")


def filled(page: str) -> str:
    """The page with all tables as they follow from the chapters and the schedules."""
    tables = {name: schedule(name) for name in ("talk", "half-day", "day")} | {"chapters": overview()}
    tables |= {path.stem: goals(path) for path in chapters()}
    for name, table in tables.items():
        begin = f"<!-- {name} -->"
        if page.count(begin) != 1:
            raise SystemExit(f"{GUIDE.name} must have one line {begin}, for a table, and has {page.count(begin)}.")
        before, rest = page.split(begin)
        page = f"{before}{begin}\n\n{table}\n\n{END}{rest.split(END, 1)[1]}"
    return page


def chapters() -> list[Path]:
    return sorted(path for path in BOOK.glob("*.ipynb") if path.name[0].isdigit())


def blocks(name: str) -> list[tuple[int, str, list[str]]]:
    """(minutes, what is done, chapters) of a schedule; of the talk, its parts."""
    if name != "talk":
        return [tuple(block) for block in yaml.safe_load((HERE / "schedules.yml").read_text())[name]]
    parts: list[list] = []
    for slide in yaml.safe_load((HERE / "talk.yml").read_text())["slides"]:
        if "part" in slide:
            parts.append([0, slide["part"], []])
        parts[-1][0] += slide["minutes"]
        chapter = slide.get("show", "").partition("#")[0]
        if chapter[:1].isdigit() and chapter not in parts[-1][2]:
            parts[-1][2].append(chapter)
    return [tuple(part) for part in parts]


def total(name: str) -> int:
    return sum(minutes for minutes, *_ in blocks(name))


def schedule(name: str) -> str:
    lines, at = ["| from | minutes | what | chapters |", "|---:|---:|---|---|"], 0
    for minutes, what, run in blocks(name):
        numbers = ", ".join(f"[{int(chapter[:2])}]({chapter}.ipynb)" for chapter in run)
        lines.append(f"| {at // 60}:{at % 60:02} | {minutes} | {what} | {numbers} |")
        at += minutes
    return "\n".join([*lines, f"| {at // 60}:{at % 60:02} | **{at}** | the end | |"])


def overview() -> str:
    seconds = json.loads((BOOK / "minutes.json").read_text())
    lines = ["| chapter | a run, seconds | to read, minutes | megabytes |", "|---|---:|---:|---|"]
    for path in chapters():
        run = seconds.get(path.stem, "not measured yet")
        lines.append(f"| [](<{path.name}>) | {run} | {reading_minutes(path)} | {at_a_glance(path, 'Megabytes')} |")
    return "\n".join(lines)


def goals(path: Path) -> str:
    """The chapter's question and goals, a line each."""
    numbered = re.split(r"\s*\b\d\. ", " " + at_a_glance(path, "Goals"))[1:]
    return "\n".join([f"*{at_a_glance(path, 'Question')}* Goals:", "", *(f"- {goal.strip()}" for goal in numbered)])


def at_a_glance(path: Path, row: str) -> str:
    found = re.search(rf"^\| \*\*{row}\*\* \| (.+?) \|$", markdown(path), re.M)
    if not found:
        raise SystemExit(f'{path.name} has no line "{row}" in its table "At a glance".')
    return found.group(1)


def reading_minutes(path: Path) -> int:
    text = re.sub(r"\]\([^)]*\)|<[^>]+>|\$\$.*?\$\$", " ", markdown(path), flags=re.S)
    return round(len(re.findall(r"\w[\w'’-]*", text)) / PACE)


def markdown(path: Path) -> str:
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


if __name__ == "__main__":
    main()
