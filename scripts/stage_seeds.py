"""Gather what is known of the trained base classifiers of Stage-Split into catsplit/assets/stage-seeds.json.

    python scripts/stage/train.py classifier --part A --seed 0        # and so on, three seeds for each part
    catsplit sweep stage --model "stage-{part}-0.safetensors" --methods copies retrieval alignment oracle \\
        --out bases.csv
    python scripts/stage_seeds.py stage-A-0.safetensors … --results bases.csv     # after a sweep with each of them
"""

import argparse
import json
import statistics
from pathlib import Path

from safetensors import safe_open

from catsplit import results
from catsplit.paths import atomic_path
from catsplit.stage import render

ROOT = Path(__file__).parent.parent


def card(path: str) -> dict:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["card"])


def scores(path: str) -> dict[str, dict[str, dict]]:
    """{part: {seed of the base classifier: {method: {rate: [mean, low, high] in percent}}}}."""
    table = results.means(results.read(path), ["benchmark", "part", "method"], ["generality", "locality"])
    found: dict[str, dict[str, dict]] = {}
    for line in table.to_dict("records"):
        base = line["benchmark"].rpartition(" ")[2]
        rates = found.setdefault(line["part"], {}).setdefault(base, {}).setdefault(line["method"], {})
        rates[line["rate"]] = [round(line[name], 1) for name in ("mean", "low", "high")]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Gather what is known of the trained base classifiers.")
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--results", required=True, help="of sweeps with each of them")
    args = parser.parse_args()
    parts: dict[str, list[dict]] = {}
    for path in args.weights:
        found = card(path)
        parts.setdefault(found["what"].split("part ")[1][0], []).append(found)
    clips = len(render.clip_names("val"))
    result = {"what": f"Base classifiers of Stage-Split (synthetic), percent right on its {clips:,} validation clips"}
    scored = scores(args.results)
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
            "scores": [scored[part][str(c["seed"])] for c in cards],
        }
    out = ROOT / "catsplit" / "assets" / "stage-seeds.json"
    with atomic_path(out) as beside:
        beside.write_text(json.dumps(result, indent=1) + "\n")
    print(out)


if __name__ == "__main__":
    main()
