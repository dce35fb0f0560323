"""The workshop as one zip: make workshop.

Notebooks, the rendered book, the slides, clips and features of Stage-Split, the package and its pins, and preflight.py,
which tells a participant whether the laptop is ready. The same contents give the same bytes. `make book` comes before.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NAME = "catsplit-workshop"
DATE = (1980, 1, 1, 0, 0, 0)  # of every file; the earliest that a zip can have
PACKED = {".gif", ".mp4", ".npz", ".png", ".webp", ".whl", ".woff", ".woff2"}  # compressed already
# What preflight compares; the others come with these.
ESSENTIAL = ("torch", "numpy", "pandas", "matplotlib", "bokeh", "decord2", "ipywidgets", "transformers", "umap-learn")
# The lock's versions for what is installed, and no more of it than is needed: no compilers of books, no browsers.
PARTICIPANTS = """\
# pip install -r participants.txt, in the folder of this file
-c requirements.lock
./{wheel}
ipykernel
jupyterlab
nbclient
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--html", type=Path, default=ROOT / "_build" / "html", help="the rendered book")
    parser.add_argument("--executed", type=Path, default=ROOT / "_build" / "jupyter_execute" / "book",
                        help="executed chapters, for the slides")  # fmt: skip
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / f"{NAME}.zip")
    arguments = parser.parse_args()
    if not (arguments.html / "index.html").exists():
        sys.exit(f"There is no book in {arguments.html}: run `make book` first.")
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place)
        fill(tree, arguments.html, arguments.executed)
        pack(tree, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.0f} MB")


def fill(tree: Path, html: Path, executed: Path) -> None:
    """Lay out in `tree` what the zip holds, its manifest last."""
    sys.path.insert(0, str(HERE))
    import slides

    notebooks = sorted((ROOT / "book").glob("*.ipynb"))
    (tree / "notebooks").mkdir()
    for path in notebooks:
        shutil.copy(path, tree / "notebooks")
    shutil.copytree(html, tree / "book", ignore=shutil.ignore_patterns(".buildinfo", ".doctrees"))
    slides.build(executed, tree / "slides")
    copy_cache(tree / "cache")
    wheel = build_wheel(tree)
    for path in (HERE / "preflight.py", HERE / "probe.py", HERE / "README.md", ROOT / "requirements.lock"):
        shutil.copy(path, tree)
    (tree / "participants.txt").write_text(PARTICIPANTS.format(wheel=wheel))
    write_manifest(tree, wheel, schedules([path.stem for path in notebooks]))


def copy_cache(cache: Path) -> None:
    """Clips and features that the chapters need, made where they aren't there yet."""
    from catsplit import stage
    from catsplit.stage import captions, storage

    sets = [stage.features(part, clips).features for part in "AB" for clips in ("val", "train")]
    sets.append(captions.frames("val").features)
    for array in sets:
        folder = Path(array.filename).parent
        shutil.copytree(folder, cache / "features" / folder.name, ignore=shutil.ignore_patterns("lock", ".*"))
    shutil.copytree(storage.folder(), cache / storage.folder().name, ignore=shutil.ignore_patterns(".*"))


def build_wheel(tree: Path) -> str:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tree)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (wheel,) = tree.glob("*.whl")
    return wheel.name


def schedules(existing: list[str]) -> dict[str, list[str]]:
    """The notebooks of each schedule, in its order, and all of them."""
    plans = yaml.safe_load((HERE / "schedules.yml").read_text())
    found = {name: [chapter for *_, run in blocks for chapter in run] for name, blocks in plans.items()}
    missing = {chapter for chapters in found.values() for chapter in chapters} - set(existing)
    if missing:
        sys.exit(f"schedules.yml names {', '.join(sorted(missing))}, and the book has no such notebook.")
    return found | {"all": existing}


def write_manifest(tree: Path, wheel: str, plans: dict[str, list[str]]) -> None:
    """The SHA-256 of every file in `tree`, and what preflight.py has to know of this zip."""
    lock = (ROOT / "requirements.lock").read_text()
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.M))
    files = {path.relative_to(tree).as_posix(): sha256(path) for path in sorted(tree.rglob("*")) if path.is_file()}
    content = {
        "wheel": wheel,
        "versions": {"catsplit": wheel.split("-")[1]} | {name: pins[name] for name in ESSENTIAL},
        "schedules": plans,
        "files": files,
    }
    (tree / "manifest.json").write_text(json.dumps(content, indent=1) + "\n")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pack(tree: Path, out: Path) -> None:
    """All files of `tree` in one zip, in a folder of its own; sorted and with one date, so that bytes repeat."""
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(f"{out.name}.part")
    with zipfile.ZipFile(beside, "w") as file:
        for path in sorted(path for path in tree.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{NAME}/{path.relative_to(tree).as_posix()}", DATE)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if path.suffix in PACKED else zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes(), compresslevel=6)
    beside.replace(out)


if __name__ == "__main__":
    main()
