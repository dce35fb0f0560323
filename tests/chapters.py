"""Run a notebook of the book as Colab would: alone, in an empty folder, by a Python that lacks catsplit.

nbmake runs it. What is made for it here is the place: an environment with all packages but catsplit, so that the
set-up cell has something to do, and a kernel that takes itself for Colab's.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
# What each run took, for scripts/minutes.py, which writes it into the pages.
MEASURED = ROOT / "_build" / "minutes"
# The notebooks with their outputs, for the pages that a browser looks at (tests/browser.py) and for the slides.
EXECUTED = ROOT / "_build" / "executed"
CELL_SECONDS = yaml.safe_load((ROOT / "_config.yml").read_text())["execute"]["timeout"]

# Runs when the kernel starts, and notes after each cell what the clock and the processor time say. Two cores, because
# that is what a free Colab has, and what the pages promise. Threads that wait for each other in a spin, as they would
# do otherwise, burn the time of both where something else is running too.
STARTUP = """
import importlib.util, os, sys, time
colab = importlib.util.spec_from_loader("google.colab", None)
sys.modules["google.colab"] = importlib.util.module_from_spec(colab)
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

def note(result):
    with open({times!r}, "a") as file:
        print(time.monotonic(), sum(os.times()[:4]), file=file)

get_ipython().events.register("post_run_cell", note)
"""


@dataclass
class Run:
    """What came out: cells with outputs, what stands in the folder and was installed, seconds, and nbmake's report."""

    name: str
    passed: bool
    report: str
    cells: list[dict]
    files: list[str]
    installed: list[str]
    seconds: float


def run_alone(notebook: Path, folder: Path, source: str) -> Run:
    """Run a copy of `notebook` in a new folder in `folder`, where its set-up cell installs catsplit from `source`."""
    colab, empty, times = folder / "colab", folder / "empty", folder / "times"
    site = environment_without_catsplit(colab)
    before = {path.name for path in site.iterdir()}
    for path, text in {
        folder / "jupyter/kernels/colab/kernel.json": json.dumps(
            {"argv": [str(colab / "bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
             "display_name": "Colab", "language": "python"}
        ),
        folder / "ipython/profile_default/startup/colab.py": STARTUP.format(times=str(times)),
    }.items():  # fmt: skip
        path.parent.mkdir(parents=True)
        path.write_text(text)
    empty.mkdir()
    copy = shutil.copy(notebook, empty)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {
        "CATSPLIT_SOURCE": source,
        # Whoever runs several tests at once gives each one thread; a chapter has the two that the pages promise.
        "OMP_NUM_THREADS": "2",
        # The set-up must upgrade nothing: what is there has to do.
        "PIP_NO_INDEX": "1",
        "PATH": f"{colab / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "JUPYTER_DATA_DIR": str(folder / "jupyter"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--nbmake", "--overwrite", "--nbmake-kernel=colab",
         f"--nbmake-timeout={CELL_SECONDS}", f"--rootdir={folder}", "-p", "no:cacheprovider", copy],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    report = ran.stdout + ran.stderr
    noted = times.read_text().splitlines() if times.exists() else []
    if ran.returncode == 0 and notebook.parent == ROOT / "book":
        EXECUTED.mkdir(parents=True, exist_ok=True)
        shutil.copy(copy, EXECUTED)
    return Run(
        notebook.stem, ran.returncode == 0, report, json.loads(Path(copy).read_text())["cells"],
        sorted(path.name for path in empty.iterdir()), sorted({path.name for path in site.iterdir()} - before),
        seconds(noted),
    )  # fmt: skip


def environment_without_catsplit(folder: Path) -> Path:
    """A new virtual environment that sees the packages of this one, save catsplit; returns its site-packages.

    catsplit is there by the .pth file of an editable install, and Python reads such files only in site-packages of
    its own, not in a folder that one of them names.
    """
    venv.create(folder, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "all-packages.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return site


def seconds(noted: list[str]) -> float:
    """From the end of the set-up cell to the end of the last: by the clock or in processor time, whichever is less.

    On a quiet machine the clock tells what a reader waits for. On a busy one it tells what the neighbours are doing,
    while processor time grows by little; it counts both cores, so that a quiet machine's clock is the smaller one.
    """
    if not noted:
        return 0.0
    return min(float(last) - float(first) for first, last in zip(noted[0].split(), noted[-1].split(), strict=True))


def texts(cell: dict) -> str:
    """All that a cell printed or returned, as text."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", output.get("data", {}).get("text/plain", "")))
    return "\n".join("".join(part) for part in parts)


def tagged(cells: list[dict], tag: str) -> list[dict]:
    return [cell for cell in cells if tag in cell["metadata"].get("tags", [])]
