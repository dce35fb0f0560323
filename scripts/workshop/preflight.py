"""Is this computer ready for the workshop? One screen says so, with what to do where it isn't.

    python3 preflight.py --install            once, with a network: packages, into the folder .venv beside this file
    python3 preflight.py                      is everything here? No network needed
    python3 preflight.py --start              open the notebooks in JupyterLab
    python3 preflight.py --check-notebooks    for teachers: run the half day's notebooks, and say how long they took

Standard library only, and nothing newer than Python 3.6, so that it can speak where little is installed.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOWEST, BEYOND = (3, 11), (3, 14)
GIGABYTE = 10**9
INSTALLED_GIGABYTES, ROOM_GIGABYTES, MEMORY_GIGABYTES = 11, 1, 4  # pip keeps what it downloaded, too
BROWSERS = ("firefox", "chromium", "chromium-browser", "google-chrome", "wslview")
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PIP_NO_INDEX": "1"}

RUN = """
import sys, nbformat, nbclient
notebook = nbformat.read(sys.argv[1], 4)
place = {"metadata": {"path": sys.argv[2]}}
nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3", resources=place).execute()
"""


def main():
    parser = argparse.ArgumentParser(description="Is this computer ready for the workshop?")
    parser.add_argument("--install", action="store_true", help="install the packages, with a network")
    parser.add_argument("--start", action="store_true", help="open the notebooks in JupyterLab")
    parser.add_argument("--check-notebooks", nargs="?", const="half-day", metavar="SCHEDULE",
                        help="run the notebooks of a schedule: half-day (the default), day or all")  # fmt: skip
    arguments = parser.parse_args()
    if hasattr(sys.stdout, "reconfigure"):  # a console that can't show ✓ shows a question mark
        sys.stdout.reconfigure(errors="replace")
    try:
        manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        sys.exit("manifest.json is missing or damaged beside this file: unpack the zip again, all of it, and run "
                 "preflight.py in the folder that it makes.")  # fmt: skip
    if arguments.install:
        install(manifest)
    if arguments.start:
        start()
    if arguments.check_notebooks:
        sys.exit(check_notebooks(manifest, arguments.check_notebooks))
    sys.exit(report(every_check(HERE, manifest)))


def in_colab():
    return "COLAB_RELEASE_TAG" in os.environ or "google.colab" in sys.modules


def interpreter(root=HERE):
    """The Python that has the packages: the one in .venv, or this one where there is none, as in Colab."""
    for path in (root / ".venv" / "bin" / "python", root / ".venv" / "Scripts" / "python.exe"):
        if path.exists():
            return str(path)
    return sys.executable


def environment(root=HERE):
    # OMP_WAIT_POLICY: threads that wait in a spin take the processor from those they wait for.
    own = {"CATSPLIT_CACHE": str(root / "cache"), "JUPYTER_PREFER_ENV_PATH": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    return dict(os.environ, **own)


# Each check gives (what was looked at, whether it is all right, what was found, what to do if it isn't).


def check_system(system=None):
    system = system or platform.system()
    return ("system", system in ("Linux", "Darwin"), f"{system} {platform.machine()}",
            "Windows needs WSL, which is a Linux: open its terminal, unpack the zip there and run this again; or sit "
            "beside somebody, or use Colab (README.md).")  # fmt: skip


def check_python(version=None):
    version = tuple(version or sys.version_info[:3])
    return ("Python", LOWEST <= version[:2] < BEYOND, ".".join(map(str, version)),
            "Install Python 3.11, 3.12 or 3.13 from python.org or your system's packages, and run this file with it: "
            "python3.12 preflight.py --install")  # fmt: skip


def check_disk(root, free=None):
    free = shutil.disk_usage(str(root)).free if free is None else free
    needed = ROOM_GIGABYTES if (root / ".venv").exists() or in_colab() else INSTALLED_GIGABYTES
    return ("disk", free >= needed * GIGABYTE, f"{free / GIGABYTE:.0f} GB free",
            f"{needed} GB must be free here: empty the bin and old downloads, or move this folder to another disk.")


def check_memory(size=None):
    try:
        size = size or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return ("memory", True, "unknown", "")
    return ("memory", size >= MEMORY_GIGABYTES * GIGABYTE, f"{size / GIGABYTE:.0f} GB",
            f"{MEMORY_GIGABYTES} GB are needed: close other programs, share a laptop, or use Colab (README.md).")


def check_files(root, manifest, what, belongs):
    """Files of the zip, by their SHA-256."""
    files = {name: digest for name, digest in manifest["files"].items() if belongs(name)}
    bad = []
    for name, digest in files.items():
        try:
            good = hashlib.sha256((root / name).read_bytes()).hexdigest() == digest
        except OSError:
            good = False
        if not good:
            bad.append(name)
    found = f"{len(files)} files" if not bad else f"{len(bad)} of {len(files)} missing or changed, {bad[0]} for one"
    return (what, bool(files) and not bad, found,
            "Unpack the zip again over this folder, all of it. (Your own copies in the folder work stay.)")


def check_packages(manifest, versions):
    wrong = [f"{name} {versions.get(name) or 'missing'}, not {wanted}" for name, wanted in manifest["versions"].items()
             if versions.get(name) != wanted]  # fmt: skip
    # Colab brings its own versions, and nothing there is to be replaced; what matters is checked by running it.
    fine = not wrong or (in_colab() and all(versions.get(name) for name in manifest["versions"]))
    return ("packages", fine, "; ".join(wrong[:3]) or f"{len(manifest['versions'])} looked at, versions as tested",
            "Run `python3 preflight.py --install` while you have a network.")


def check_port():
    try:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
    except OSError as error:
        return ("local port", False, str(error), "JupyterLab must listen on 127.0.0.1: let the firewall allow it.")
    return ("local port", True, "127.0.0.1 can be listened on", "")


def check_browser():
    try:
        found = webbrowser.get() is not None
    except webbrowser.Error:
        found = False
    named = next((name for name in BROWSERS if shutil.which(name)), None)
    said = "one opens by itself" if found else f"{named}, though none opens by itself" if named else "none found"
    return ("browser", bool(found or named or in_colab()), said,
            "Any browser will do: open book/index.html, and the address that --start prints, by hand.")  # fmt: skip


def probe(root, names):
    """What the Python with the packages says of itself; empty where it doesn't even start."""
    ran = subprocess.run([interpreter(root), str(root / "probe.py"), json.dumps(sorted(names))], cwd=str(root),
                         env=dict(environment(root), **OFFLINE), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        return json.loads(ran.stdout.decode().strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {"versions": {}}


def is_cache(name):
    return name.startswith("cache/")


def every_check(root, manifest):
    yield check_system()
    yield check_python()
    yield check_disk(root)
    yield check_memory()
    yield check_files(root, manifest, "book, slides, notebooks", lambda name: not is_cache(name))
    yield check_files(root, manifest, "clips and features", is_cache)
    said = probe(root, manifest["versions"])
    yield check_packages(manifest, said["versions"])
    anew = "Run `python3 preflight.py --install` while you have a network."
    slow = "The notebooks run, but the first makes clips or features anew, some minutes. " + anew
    for name, what, advice in (("torch", "PyTorch", anew), ("catsplit", "catsplit", anew),
                               ("clip", "a clip is read", anew), ("features", "features are found", slow)):  # fmt: skip
        right, found = said.get(name, [False, "not tried"])
        yield (what, right, found, advice)
    yield check_port()
    yield check_browser()


def report(checks):
    """Print a line for each check as it comes; the exit status."""
    failed = 0
    for what, right, found, advice in checks:
        print(f"{'✓' if right else '✗'} {what:24} {found}", flush=True)
        if not right:
            failed += 1
            print(f"    → {advice}", flush=True)
    print("\nReady." if not failed else f"\nNot ready: {failed} to mend, each with what to do.")
    return 1 if failed else 0


def install(manifest):
    for what, right, found, advice in (check_system(), check_python(), check_disk(HERE)):
        if not right:
            sys.exit(f"{what}: {found}. {advice}")
    if in_colab():  # which has most of it, and must keep its versions
        command = [sys.executable, "-m", "pip", "install", "--quiet", manifest["wheel"]]
    else:
        if importlib.util.find_spec("ensurepip") is None:
            sys.exit("This Python can't make virtual environments: on Debian and Ubuntu, sudo apt install python3-venv")
        if interpreter() == sys.executable:
            subprocess.check_call([sys.executable, "-m", "venv", str(HERE / ".venv")])
        command = [interpreter(), "-m", "pip", "install", "--disable-pip-version-check", "-r", "participants.txt"]
    if subprocess.call(command, cwd=str(HERE)):
        sys.exit("pip stopped, for the reason above: run this again when it is mended; what was downloaded is kept.")


def start():
    """Open JupyterLab on copies of the notebooks, so that whoever spoils one finds the first again."""
    work = HERE / "work"
    work.mkdir(exist_ok=True)
    for path in sorted((HERE / "notebooks").glob("*.ipynb")):
        if not (work / path.name).exists():
            shutil.copy(str(path), str(work))
    lab = [interpreter(), "-m", "jupyterlab", "--notebook-dir", str(work)]
    print("Stop it with Control-C.", flush=True)
    try:
        sys.exit(subprocess.call(lab, env=environment()))
    except KeyboardInterrupt:
        sys.exit(0)


def check_notebooks(manifest, schedule):
    """Run each notebook of a schedule, alone and with no package index; print the seconds; the exit status."""
    if schedule not in manifest["schedules"]:
        sys.exit(f"There is no schedule {schedule}: name one of {', '.join(manifest['schedules'])}.")
    failed, total = [], 0.0
    for name in manifest["schedules"][schedule]:
        with tempfile.TemporaryDirectory() as place:
            began = time.monotonic()
            ran = subprocess.run([interpreter(), "-c", RUN, str(HERE / "notebooks" / f"{name}.ipynb"), place],
                                 env=dict(environment(), **OFFLINE), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)  # fmt: skip
            took = time.monotonic() - began
        total += took
        print(f"{'✗' if ran.returncode else '✓'} {name:28} {took:4.0f} s", flush=True)
        if ran.returncode:
            failed.append(name)
            print("    " + "\n    ".join(ran.stdout.decode(errors="replace").splitlines()[-15:]))
    print(f"\n{len(manifest['schedules'][schedule])} notebooks, {total / 60:.1f} minutes, {len(failed)} failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    main()
