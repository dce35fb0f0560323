"""How long a reader waits for the live split explorer: in a kernel of its own, from a change to all outputs.

    python benchmarks/explorer_latency.py            # writes explorer_latency.md beside this file
    python benchmarks/explorer_latency.py --changes 6 --seed 1 --dry

A client starts a kernel, makes the explorer of Stage-Split (synthetic), part A, and then does what a front end does
when a reader changes a control: it sends the new value as a comm message. The clock runs from there until the kernel
has sent every message that the change led to and says that it is idle. What a browser needs to draw them is not in it.
"""

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

from catsplit.paths import atomic_path

HERE = Path(__file__).parent
LIMIT = 1.0  # seconds
SETUP = """
import json
from catsplit.widgets.explorer import explore
view = explore("A")
names = ("category", "wording", "names", "method", "strength", "shots", "seed")
controls = {name: getattr(view, name) for name in names}
def values(control):
    return list(control.options) if hasattr(control, "options") else None
print(json.dumps({name: {"id": control.model_id, "options": values(control)} for name, control in controls.items()}))
"""
# A reader's own words, to which the text encoder has not been put before.
TYPED = (
    ["gently", "with all force"], ["uphill", "downhill"], ["in the morning", "at night", "at noon"],
    ["with the left hand", "with the right hand"], ["once", "again and again"], ["for fun", "in earnest", "by mistake"],
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--changes", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"})
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=120)
        started = time.perf_counter()
        printed, _ = until_idle(client, client.execute(SETUP))
        ahead = time.perf_counter() - started
        controls = json.loads(printed.strip().splitlines()[-1])
        rows = [one_change(client, *change) for change in changes(controls, options.changes, options.seed)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    text = report(rows, ahead, options.seed)
    sys.stdout.write(text)
    if not options.dry:
        with atomic_path(HERE / "explorer_latency.md") as beside:
            beside.write_text(text)
    if max(seconds for _, _, seconds, _ in rows) > LIMIT:
        raise SystemExit(f"A change took more than {LIMIT:g} s.")


def changes(controls: dict, count: int, seed: int) -> list[tuple[str, str, dict]]:
    """So many changes, each of another value: what is changed, to what, and the message that says so.

    Category, method, strength and shots in turn, and now and then the reader's own words.
    """
    draw = random.Random(seed)
    turns = ("category", "method", "strength", "shots", "category", "names", "method", "wording", "strength", "seed")
    now = dict.fromkeys(controls, 0)
    found = []
    for turn in range(count):
        name = turns[turn % len(turns)]
        control = controls[name]
        if name == "names":
            words = draw.choice(TYPED)
            found.append((name, " / ".join(words), {"id": control["id"], "state": {"value": "\n".join(words)}}))
            continue
        # The last wording stands for the reader's own words.
        places = range(len(control["options"]) - (name == "wording"))
        now[name] = draw.choice([place for place in places if place != now[name]])
        value = control["options"][now[name]]
        shown = value[0] if isinstance(value, list) else str(value)
        found.append((name, shown, {"id": control["id"], "state": {"index": now[name]}}))
    return found


def one_change(client: object, name: str, value: str, change: dict) -> tuple[str, str, float, int]:
    """Name, value, seconds, and how many updates came; a change that the explorer refuses is no measurement."""
    content = {"comm_id": change["id"], "data": {"method": "update", "state": change["state"], "buffer_paths": []}}
    message = client.session.msg("comm_msg", content)
    started = time.perf_counter()
    client.shell_channel.send(message)
    _, updates = until_idle(client, message["header"]["msg_id"])
    seconds = time.perf_counter() - started
    refused, _ = until_idle(client, client.execute('print(view.outputs["message"])'))
    if refused.strip():
        raise SystemExit(f"{name} could not become {value}: {refused}")
    return name, value, seconds, updates


def until_idle(client: object, wanted: str) -> tuple[str, int]:
    """Wait until the kernel has done what message `wanted` asks; what it printed, and how many updates it sent."""
    printed, updates = "", 0
    while True:
        message = client.get_iopub_msg(timeout=600)
        if message["parent_header"].get("msg_id") != wanted:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "error":
            raise SystemExit("\n".join(content["traceback"]))
        if kind == "stream":
            printed += content["text"] if content["name"] == "stdout" else ""
        updates += kind == "comm_msg"
        if kind == "status" and content["execution_state"] == "idle":
            return printed, updates


def report(rows: list[tuple[str, str, float, int]], ahead: float, seed: int) -> str:
    seconds = [row[2] for row in rows]
    by_name: dict[str, list[float]] = {}
    for name, _, took, _ in rows:
        by_name.setdefault(name, []).append(took)
    lines = [
        "# The live split explorer: how long a change takes",
        "",
        "Stage-Split (synthetic), part A. A kernel of its own; each change is sent as a front end sends it, and the "
        "clock runs until the kernel has sent all that follows from it and is idle. Drawing in a browser is not in it.",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f} when it ended; draws of seed {seed}.",
        "",
        f"| of {len(rows)} changes | seconds |",
        "|---|---|",
        f"| median | {statistics.median(seconds):.2f} |",
        f"| **worst** (at most {LIMIT:g}) | **{max(seconds):.2f}** |",
        f"| ahead, once: imports, features, text encoder, alignment | {ahead:.1f} |",
        "",
        "| changed | times | median | worst |",
        "|---|---|---|---|",
        *(f"| {n} | {len(all_)} | {statistics.median(all_):.2f} | {max(all_):.2f} |" for n, all_ in by_name.items()),
        "",
        "| change | to | seconds | messages |",
        "|---|---|---|---|",
        *(f"| {name} | {value} | {took:.2f} | {updates} |" for name, value, took, updates in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
