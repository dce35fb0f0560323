"""Run a command and note in _build/times.json how long it took: `timed.py NAME COMMAND ...`.

`timed.py --first NAME COMMAND ...` begins a new list; `timed.py --report` prints it. Like setup.py it runs on
the system's python3, before anything is installed.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTES = ROOT / "_build" / "times.json"


def main(arguments):
    if arguments == ["--report"]:
        for name, seconds in json.loads(NOTES.read_text()):
            print("{:<24} {:>3.0f} min {:04.1f} s".format(name, *divmod(seconds, 60)))
        return 0
    notes = [] if arguments[0] == "--first" else json.loads(NOTES.read_text())
    name, *command = arguments[arguments[0] == "--first":]
    start = time.monotonic()
    status = subprocess.call(command)
    NOTES.parent.mkdir(exist_ok=True)
    NOTES.write_text(json.dumps(notes + [[name, time.monotonic() - start]]))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
