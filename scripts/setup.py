"""Fill .venv with exactly what requirements.lock names, and with the package; do nothing where that is done.

It runs on whatever python3 a machine has, so it must parse on old ones too: standard library only, nothing
newer than Python 3.6. The file .venv/set-up.json tells a finished set-up from one that was begun and killed.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "set-up.json"
LOCK = ROOT / "requirements.lock"
LOWEST, BEYOND = (3, 11), (3, 14)
BEGUN = json.dumps({"begun": True})

ABOUT = """
import json, sys, importlib.metadata as m
print(json.dumps([list(sys.version_info[:3]), m.version("torch"), m.version("catsplit")]))
"""


def main():
    os.chdir(str(ROOT))
    # Two makes at once would write the same .venv: the second waits here and then finds the work done.
    with open(str(LOCK)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state, works = stamp(), about() is not None
        if state == finished() and works:
            return report("nothing to do")
        if state:
            # What was finished for other pins is brought up to date. Not so after a move, as the programs in
            # .venv/bin name their folder, nor after a kill, which may have left halves of packages.
            keep = works and state.get("folder") == str(ROOT)
        else:
            keep = (VENV / "pyvenv.cfg").exists() and supported(venv_version())
        install(anew=not keep)
        return report("done")


def finished():
    """The stamp of a .venv that is what this clone needs: made in this folder, by this script, for these pins
    and this pyproject.toml."""
    digest = hashlib.sha256()
    for path in (LOCK, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    return {"finished": digest.hexdigest(), "folder": str(ROOT)}


def stamp():
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def ask(code):
    """What the Python of .venv prints for `code`, as JSON; None where it doesn't run."""
    try:
        answer = subprocess.check_output([str(PYTHON), "-c", code], stderr=subprocess.DEVNULL)
        return json.loads(answer.decode())
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def about():
    return ask(ABOUT)


def venv_version():
    return ask("import sys; print(list(sys.version_info[:3]))")


def supported(version):
    return version is not None and LOWEST <= tuple(version[:2]) < BEYOND


def install(anew):
    if anew:
        make_venv()
    STAMP.write_text(BEGUN)
    uv_pin = re.search(r"^uv==[^\s;]+", LOCK.read_text(), re.M).group()
    run(str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", uv_pin)
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(PYTHON)]
    run(*(uv + ["-r", LOCK.name]))
    run(*(uv + ["--no-deps", "--no-build-isolation", "-e", "."]))
    # Written beside and renamed, so that no kill leaves half a stamp.
    beside = STAMP.with_name("set-up.json.part")
    beside.write_text(json.dumps(finished()))
    beside.replace(STAMP)


def make_venv():
    if not supported(sys.version_info):
        stop(f"catsplit needs Python 3.11, 3.12 or 3.13, and {sys.executable} is {sys.version.split()[0]}: "
             "name another one, for example with `make book PYTHON=python3.12`.")
    try:
        import ensurepip  # noqa: F401  (Debian and Ubuntu ship Python without it)
    except ImportError:
        stop("This Python can't make virtual environments because its part ensurepip is missing: install it "
             "(on Debian and Ubuntu with `sudo apt install python3-venv`) and run make again.")
    if VENV.exists():
        print("Set-up: .venv is unfinished or no longer works; building it anew from what was downloaded.",
              flush=True)
    VENV.mkdir(exist_ok=True)
    # The mark stays while the rest goes, so that a kill in the middle of this is noticed too.
    STAMP.write_text(BEGUN)
    for child in VENV.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(str(child))
        elif child != STAMP:
            child.unlink()
    run(sys.executable, "-m", "venv", str(VENV))


def run(*command):
    # A person's own settings for other Pythons must not send the packages somewhere else.
    elsewhere = ("PYTHONHOME", "PYTHONPATH", "UV_PYTHON", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere}
    environment["PIP_USER"] = "0"
    if subprocess.call(command, env=environment) != 0:
        stop(f"Set-up stopped at `{' '.join(command)}`, whose message is above: run make again when that is "
             "mended; what was downloaded is kept.")


def report(what):
    found = about()
    if found is None:
        stop("Set-up went through but .venv doesn't work: delete the folder .venv and run make again.")
    (major, minor, micro), torch, catsplit = found
    print(f"Set-up: {what}. .venv has Python {major}.{minor}.{micro}, torch {torch}, catsplit {catsplit}.",
          flush=True)


def stop(sentence):
    sys.exit("\n" + sentence)


if __name__ == "__main__":
    main()
