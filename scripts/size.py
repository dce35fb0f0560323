"""How large the package and its tests are, room by room, in nodes of Python's syntax tree.

    python3 scripts/size.py                     # of the working tree
    python3 scripts/size.py --against REVISION  # beside those of another commit

Lines can be joined and shortened without anything getting simpler; nodes can't.
"""

import argparse
import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The rooms of the core, with the files that were folded into them since.
CORE = {
    "head, rows": ("head", "rows"),
    "modifiers": ("modifiers", "words/splits"),
    "retrieval, alignment, controls": ("retrieval", "alignment", "controls"),
    "lowshot, shots": (
        "lowshot", "recipe", "runs", "samples", "shots",
        "training/recipe", "training/shots", "training/sidebyside", "training/clips",
    ),
    "metrics, evaluator": ("metrics", "evaluator", "metric_checks"),
    "vlm": ("vlm",),
    "text": ("text",),
    "video, backbones, features": ("video", "videofile", "backbones", "features", "extraction/containers"),
    "taxonomy, benchmark": ("taxonomy", "benchmark", "datasets/taxonomy_checks"),
    "setting, methods, sweep": ("setting", "settingfile", "methods", "sweep", "sweepinputs", "datasets/subjects"),
    "cli": ("cli", "commands"),
}  # fmt: skip


def nodes(text: str) -> int:
    return sum(1 for _ in ast.walk(ast.parse(text)))


def sizes(revision: str | None) -> dict[str, int]:
    """{path: nodes} of all Python files of the package and the tests, in the working tree or in a commit."""
    given = (["ls-tree", "-r", "--name-only", revision] if revision else ["ls-files"]) + ["catsplit", "tests"]
    paths = [path for path in _git(*given).splitlines() if path.endswith(".py")]
    if revision:
        return {path: nodes(_git("show", f"{revision}:{path}")) for path in paths}
    return {path: nodes((ROOT / path).read_text()) for path in paths if (ROOT / path).exists()}


def rooms(found: dict[str, int]) -> dict[str, int]:
    """{room: nodes}: the core's, their sum, the other folders' and files', and the sums of package and tests."""
    package = {path[len("catsplit/") : -len(".py")]: n for path, n in found.items() if path.startswith("catsplit/")}
    table = {room: sum(package.pop(name, 0) for name in names) for room, names in CORE.items()}
    table["the core"] = sum(table.values())
    rest: dict[str, int] = {}
    for name, count in package.items():
        room = name.split("/")[0] + ("/" if "/" in name else "")
        rest[room] = rest.get(room, 0) + count
    table |= dict(sorted(rest.items(), key=lambda item: -item[1]))
    table["catsplit/"] = sum(n for path, n in found.items() if path.startswith("catsplit/"))
    table["tests/"] = sum(n for path, n in found.items() if path.startswith("tests/"))
    return table


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="REVISION")
    before = parser.parse_args().against
    now = rooms(sizes(None))
    then = rooms(sizes(before)) if before else {}
    for room in {**then, **now}:
        earlier = f"{then.get(room, 0):>10,}" if before else ""
        print(f"{room:32}{earlier}{now.get(room, 0):>10,}")


if __name__ == "__main__":
    main()
