"""What an edit comes to with each of three base classifiers a part: data/results/stage-bases.csv, and a summary.

    python scripts/stage/train.py classifier --part A --seed 0        # and so on, three seeds for each part
    python scripts/stage_seeds.py "stage-{part}-{seed}.safetensors"

The summary, catsplit/assets/stage-seeds.json, ships with the package: accuracies from the files' cards, and means of
the scores. A sweep that was stopped goes on where it was.
"""

import json
import statistics
import sys
from pathlib import Path

import catsplit
from catsplit import results, stage
from catsplit.head import Rows
from catsplit.modifiers import Split
from catsplit.paths import atomic_path
from catsplit.setting import Setting
from catsplit.stage import render
from catsplit.sweep import sweep

ROOT = Path(__file__).parent.parent
CSV = ROOT / "data" / "results" / "stage-bases.csv"
SEEDS, RATES = (0, 1, 2), ("generality", "locality")


def doubled(setting: Setting, split: Split, seed: int) -> Rows:
    """Alignment's modifier vectors, twice as long: what strength costs in locality."""
    rows, coarse = setting.alignment.rows(setting.head, split, setting.encode, seed=seed), setting.head[split.coarse]
    return Rows({label: 2 * row - coarse for label, row in rows.items()}, rows.origins)


METHODS = dict.fromkeys(("copies", "retrieval", "alignment", "oracle")) | {"alignment, doubled": doubled}


def main(pattern: str) -> None:
    summary = {}
    for seed in SEEDS:
        weights = pattern.replace("{seed}", str(seed))
        sweep(catsplit.settings(benchmark="stage", model=weights), METHODS, out=str(CSV))
    table = results.means(results.read(CSV), ["benchmark", "part", "method"], RATES)
    for part in stage.PARTS:
        cards = [stage.card(part, pattern.replace("{part}", part).replace("{seed}", str(seed))) for seed in SEEDS]
        accuracies = [card["accuracy"] for card in cards]
        scores: list[dict] = [{} for _ in SEEDS]
        for line in table[table["part"] == part].to_dict("records"):
            rates = scores[int(line["benchmark"].rpartition(" ")[2])].setdefault(line["method"], {})
            rates[line["rate"]] = [round(line[name], 1) for name in ("mean", "low", "high")]
        summary[part] = {
            "seeds": list(SEEDS),
            "accuracy": accuracies,
            "mean": round(statistics.mean(accuracies), 2),
            "spread (standard deviation)": round(statistics.stdev(accuracies), 2),
            "training seconds": [card["training seconds"] for card in cards],
            "accuracy by split type": [card["accuracy by split type"] for card in cards],
            "accuracy among siblings": [card["accuracy among siblings"] for card in cards],
            "scores": scores,
        }
    clips = len(render.clip_names("val"))
    what = f"Base classifiers of Stage-Split (synthetic), percent right on its {clips:,} validation clips"
    with atomic_path(ROOT / "catsplit" / "assets" / "stage-seeds.json") as beside:
        beside.write_text(json.dumps({"what": what} | summary, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
