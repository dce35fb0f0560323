"""Gather the cards of trained base classifiers of Stage-Split into catsplit/assets/stage-seeds.json.

    python scripts/stage/train.py classifier --part A --seed 0        # and so on, three seeds for each part
    python scripts/stage_seeds.py stage-a-0.safetensors stage-a-1.safetensors …
"""

import json
import statistics
import sys
from pathlib import Path

from safetensors import safe_open

from catsplit.paths import atomic_path


def card(path: str) -> dict:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["card"])


def main(paths: list[str]) -> None:
    parts: dict[str, list[dict]] = {}
    for path in paths:
        found = card(path)
        parts.setdefault(found["what"].split("part ")[1][0], []).append(found)
    result = {"what": "Base classifiers of Stage-Split (synthetic), percent right on its 2,520 validation clips"}
    for part, cards in sorted(parts.items()):
        cards.sort(key=lambda c: c["seed"])
        accuracies = [c["accuracy"] for c in cards]
        result[part] = {
            "seeds": [c["seed"] for c in cards],
            "accuracy": accuracies,
            "mean": round(statistics.mean(accuracies), 2),
            "spread (standard deviation)": round(statistics.stdev(accuracies), 2) if len(accuracies) > 1 else None,
            "training seconds": [c["training seconds"] for c in cards],
            "accuracy by split type": [c["accuracy by split type"] for c in cards],
            "accuracy among siblings": [c["accuracy among siblings"] for c in cards],
        }
    out = Path(__file__).parent.parent / "catsplit" / "assets" / "stage-seeds.json"
    with atomic_path(out) as beside:
        beside.write_text(json.dumps(result, indent=1) + "\n")
    print(out)


if __name__ == "__main__":
    main(sys.argv[1:])
