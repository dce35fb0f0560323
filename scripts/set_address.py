"""Move the repository to another address: `set_address.py https://github.com/OWNER/NAME` (or `make address URL=…`).

_config.yml holds the address, and the book's launch buttons are made from it. Some other files must name it too (the
set-up cells of the notebooks, the citation); this replaces it in all of them. Standard library only.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments):
    if len(arguments) != 1 or not re.fullmatch(r"https://github\.com/[A-Za-z0-9-]+/[A-Za-z0-9._-]+", arguments[0]):
        return stop("give the new one as https://github.com/OWNER/NAME, because Colab opens notebooks from GitHub only")
    new = arguments[0][: -len(".git")] if arguments[0].endswith(".git") else arguments[0]
    held = re.search(r"^repository:\n  url: (https://github\.com/\S+)$", (ROOT / "_config.yml").read_text(), re.M)
    if not held:
        return stop("_config.yml holds no address under repository: url:, so there is none to replace")
    old = held.group(1)
    if old == new:
        print(f"The address is {new} already.")
        return 0
    # Whole addresses only: a repository whose name begins with ours is another one.
    whole = re.compile(re.escape(old).encode() + rb"(?![\w-])")
    changed = [name for name in files() if replace(ROOT / name, whole, new.encode())]
    print(f"{old} is now {new} in {', '.join(changed)}.")
    return 0


def files():
    """All files that git holds, or would if they were added. _config.yml is the last one, so that a run that was
    killed still finds the old address there, and goes on."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.check_output(command, cwd=ROOT).decode().split("\0")
    names = {name for name in listed if name and (ROOT / name).is_file()}
    return sorted(names, key=lambda name: (name == "_config.yml", name))


def replace(path, whole, new):
    before = path.read_bytes()
    after = whole.sub(new, before)
    if after == before:
        return False
    # Written beside and renamed, so that no kill leaves half a file.
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(after)
    beside.chmod(path.stat().st_mode)
    beside.replace(path)
    return True


def stop(sentence):
    sys.exit(f"The address was not changed: {sentence}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
