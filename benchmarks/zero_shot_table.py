"""How long the zero-shot table of a benchmark of SSv2-Split A's size takes, and how the cost grows.

    python benchmarks/zero_shot_table.py            # about a minute; writes the report and the plot beside itself
    python benchmarks/zero_shot_table.py --quick    # a tenth of the clips, no growth: does it still run?

The features are made up, the sizes are real: 24,777 clips of 6 views, 384 features, 119 rows, 27 splits into 82
subcategories. The group sizes are read from the published taxonomy where the folder with it is at hand (the
variable CATSPLIT_SHARED, or `shared` beside the repository); otherwise others with the same totals stand in.

In the same run and on the same features it times the published way to evaluate: for every split and seed the logits
of both heads, then softmax, mask, mean over views and argmax, clip by clip. That would take many minutes, so it
runs on the first clips only and is scaled to all; both ways must predict the same.
"""

import argparse
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np
import torch

from catsplit import alignment, controls, metrics
from catsplit.evaluator import Evaluator
from catsplit.head import Head
from catsplit.modifiers import Dictionary, Split
from catsplit.paths import atomic_path
from catsplit.retrieval import retrieve

HERE = Path(__file__).resolve().parent
CLIPS, VIEWS, DIM, SEEDS = 24_777, 6, 384, (0, 1, 2)
# 27 splits into 82 subcategories, nine at most; 80 fine-grained categories in 27 groups, and 12 groups of one.
SPLIT_SIZES = [2] * 15 + [3] * 6 + [4, 4, 4, 5, 8, 9]
GROUP_SIZES = [2] * 14 + [3] * 8 + [4, 5, 6, 6, 7] + [1] * 12


class World:
    """A made-up head, taxonomy, text encoder and validation set."""

    def __init__(self, split_sizes: list[int], group_sizes: list[int], clips: int, views: int, dim: int) -> None:
        torch.manual_seed(0)
        self.groups = {f"group {g}": [f"fine {g}.{i}" for i in range(n)] for g, n in enumerate(group_sizes)}
        fine = [label for members in self.groups.values() for label in members]
        self.modifiers = {label: f"modifier of {label}" for label in fine}
        self.splits = [
            Split(f"coarse {c}", *(tuple(f"{what} {c}.{j}" for j in range(k)) for what in ("sub", "modifier of sub")))
            for c, k in enumerate(split_sizes)
        ]
        labels = [split.coarse for split in self.splits] + fine
        self.head = Head(torch.randn(len(labels), dim) / dim**0.5, torch.zeros(len(labels)), labels)
        self.embeddings: dict[str, torch.Tensor] = {}
        self.rows = torch.randint(len(labels), (clips,))
        # Clips lie towards the rows of their categories, near enough for about half of them to be predicted right.
        self.features = torch.randn(clips, views, dim)
        self.features += 2.5 * self.head.weight[self.rows][:, None]

    def encode(self, texts: list[str]) -> torch.Tensor:
        for text in texts:
            self.embeddings.setdefault(text, torch.randn(384) / 4)
        return torch.stack([self.embeddings[text] for text in texts])

    def targets(self, split: Split) -> torch.Tensor:
        """The true rows after a split; the clips of its category are spread over its subcategories."""
        fine = len(self.head) + torch.arange(len(self.rows)) % len(split.subcategories)
        return torch.where(self.rows == self.head.index(split.coarse), fine, self.rows)


class Seconds(dict):
    """Wall-clock and processor seconds by name: `with seconds("fit"): …`."""

    def __call__(self, name: str) -> "Seconds":
        self.name = name
        return self

    def __enter__(self) -> None:
        self.start = np.array([time.perf_counter(), time.process_time()])

    def __exit__(self, *_: object) -> None:
        self[self.name] = self.get(self.name, 0.0) + np.array([time.perf_counter(), time.process_time()]) - self.start


def real_sizes() -> tuple[list[int], list[int], str]:
    """Sizes of the splits and of the untouched groups of SSv2-Split A, and where they come from."""
    folder = Path(os.environ.get("CATSPLIT_SHARED") or HERE.parents[1] / "shared")
    try:
        with np.load(folder / "fixtures" / "ssv2-split-a.npz") as data:
            scheme = json.loads(str(data["group_scheme"]))
    except FileNotFoundError:
        return SPLIT_SIZES, GROUP_SIZES, "made-up group sizes with the published totals"
    split = [len(scheme["group_scheme"][coarse]) for coarse in scheme["A"]]
    rest = [len(members) for coarse, members in scheme["group_scheme"].items() if coarse not in scheme["A"]]
    return split, rest, "the published group sizes"


def zero_shot_table(world: World, seconds: Seconds) -> list[tuple[str, metrics.Interval, metrics.Interval]]:
    """Method, generality and locality over all splits and seeds; what each step takes goes into `seconds`."""
    with seconds("dictionary"):
        dictionary = Dictionary.from_head(world.head, world.groups, world.modifiers)
    with seconds("alignment, one fit a seed"):
        fitted = alignment.fit(world.head, world.groups, world.modifiers, world.encode, seeds=SEEDS)
    methods = {
        "copies of the coarse row": lambda split, seed: controls.copies(world.head, split, seed=seed),
        "retrieval": lambda split, seed: retrieve(world.head, split, dictionary, world.encode, seed=seed),
        "alignment": lambda split, seed: fitted.rows(world.head, split, world.encode, seed=seed),
    }
    with seconds("old logits, once"):
        evaluator = Evaluator(world.head, world.features)
    table = []
    for name, rows in methods.items():
        with seconds("rows and edited heads"):
            jobs = [
                ([world.head.split(split.coarse, rows(split, seed)) for seed in SEEDS], world.targets(split))
                for split in world.splits
            ]
        with seconds("new columns, all splits and methods"):
            scores = evaluator.score_splits(jobs)
        with seconds("intervals"):
            seeds = list(zip(*scores, strict=True))
            generality = metrics.interval([[score.generality for score in splits] for splits in seeds])
            locality = metrics.interval([[score.locality for score in splits] for splits in seeds])
            table.append((name, generality, locality))
    return table


def edits_of(world: World) -> list[tuple[list[Head], torch.Tensor]]:
    """Edited heads and targets of every split, for one method of three seeds whose new rows differ as modifiers do."""
    return [
        (
            [world.head.split(split.coarse, controls.copies(world.head, split, noise=1, seed=seed)) for seed in SEEDS],
            world.targets(split),
        )
        for split in world.splits
    ]


def time_ours(world: World) -> "Seconds":
    """What evaluation takes by itself, old logits included, for one method of three seeds."""
    jobs, seconds = edits_of(world), Seconds()
    with seconds("ours"):
        Evaluator(world.head, world.features).score_splits(jobs)
    return seconds


def published_loop(weight: np.ndarray, bias: np.ndarray, gone: int, features: np.ndarray) -> np.ndarray:
    """Predictions (N,) of one head, as published: the logits together, everything else clip by clip."""
    logits = features @ weight.T + bias
    predictions = np.empty(len(logits), dtype=np.int64)
    for clip, views in enumerate(logits):
        p = np.exp(views - views.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[:, gone] = 0
        p /= p.sum(1, keepdims=True)
        predictions[clip] = p.mean(0).argmax()
    return predictions


def time_published_loop(world: World, sample: int) -> tuple["Seconds", int]:
    """What the published loop takes for the first `sample` clips, and how many predictions differ from ours."""
    features, different, seconds = world.features[:sample].numpy(), 0, Seconds()
    jobs = [(edits, targets[:sample].clone()) for edits, targets in edits_of(world)]
    weight, bias = world.head.weight.numpy(), world.head.bias.numpy()
    for split, (_, targets) in zip(world.splits, jobs, strict=True):
        # A sample may lack clips of either kind, without which there is nothing to score.
        targets[0], targets[1] = len(weight), (world.head.index(split.coarse) + 1) % len(weight)
    ours = Evaluator(world.head, world.features[:sample]).score_splits(jobs)
    for split, (edits, _), scores in zip(world.splits, jobs, ours, strict=True):
        gone, new = world.head.index(split.coarse), slice(len(weight) - 1, None)
        for edit, score in zip(edits, scores, strict=True):
            wide, offsets = (np.concatenate(p) for p in ((weight, edit.weight[new]), (bias, edit.bias[new])))
            with seconds("published"):
                before = published_loop(weight, bias, gone, features)
                after = published_loop(wide, offsets, gone, features)
            different += int((score.before.numpy() != before).sum() + (score.after.numpy() != after).sum())
    return seconds, different


def growth(split_sizes: list[int], group_sizes: list[int], clips: int) -> dict[str, list[tuple[int, float]]]:
    """{what grows: [(its value, seconds of evaluation)]}, all else as in the table but a quarter of the clips."""
    quarter = clips // 4
    rows = len(split_sizes) + sum(group_sizes)

    def seconds(sizes: list[int], groups: list[int], number: int) -> float:
        return float(time_ours(World(sizes, groups, number, VIEWS, DIM))["ours"][0])

    return {
        "clips": [(n, seconds(split_sizes, group_sizes, n)) for n in (clips // 8, quarter, clips // 2, clips)],
        "rows": [
            (rows + more, seconds(split_sizes, group_sizes + [1] * more, quarter))
            for more in (0, rows, 3 * rows, 7 * rows)
        ],
        "splits": [(n, seconds([3] * n, group_sizes + [1] * (54 - n), quarter)) for n in (7, 14, 27, 54)],
        "subcategories of each split": [(k, seconds([k] * 27, group_sizes, quarter)) for k in (2, 4, 8, 16)],
    }


def plot(points: dict[str, list[tuple[int, float]]], path: Path) -> None:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(points), figsize=(12, 3), sharey=True, facecolor="white")
    for axis, (name, values) in zip(axes, points.items(), strict=True):
        axis.plot(*zip(*values, strict=True), marker="o", color="#0072B2")
        axis.set(xlabel=name, xlim=(0, None), ylim=(0, None))
        axis.locator_params(axis="x", nbins=4)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("evaluation (s)")
    figure.tight_layout()
    with atomic_path(path) as beside:
        figure.savefig(beside, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the clips, no growth, nothing written")
    parser.add_argument("--sample", type=int, default=300, help="clips for the published loop")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    split_sizes, group_sizes, source = real_sizes()
    clips = CLIPS // 10 if options.quick else CLIPS
    world = World(split_sizes, group_sizes, clips, VIEWS, DIM)
    seconds = Seconds()
    table = zero_shot_table(world, seconds)
    total = sum(seconds.values())
    # ru_maxrss is in KiB on Linux and in bytes on macOS.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    ours = time_ours(world)["ours"]
    sampled, different = time_published_loop(world, options.sample)
    theirs = sampled["published"] * clips / options.sample
    if different:
        raise SystemExit(f"The two ways to evaluate disagree on {different} predictions.")
    k = sum(split_sizes)
    lines = [
        "# The zero-shot table, timed",
        "",
        f"{clips:,} clips × {VIEWS} views × {DIM} made-up features, {len(world.head)} rows, {len(split_sizes)} splits "
        f"into {k} subcategories ({source}), {len(SEEDS)} seeds of three methods.",
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"load {os.getloadavg()[0]:.1f} when it ended.",
        "",
        "| step | seconds | processor seconds, all threads |",
        "|---|---|---|",
        *(f"| {name} | {wall:.2f} | {processor:.2f} |" for name, (wall, processor) in seconds.items()),
        f"| **the whole table** | **{total[0]:.2f}** | {total[1]:.2f} |",
        "",
        f"Peak memory {peak:.2f} GiB, of which {world.features.nbytes / 2**30:.2f} are the features.",
        "",
        "| evaluation of one method, 3 seeds | seconds | processor seconds, all threads |",
        "|---|---|---|",
        f"| published loop, both heads, clip by clip ({options.sample} clips timed, scaled to {clips:,}) "
        f"| {theirs[0]:.1f} | {theirs[1]:.1f} |",
        f"| ours, old logits included | {ours[0]:.2f} | {ours[1]:.2f} |",
        f"| **ratio** | **{theirs[0] / ours[0]:.0f}** | {theirs[1] / ours[1]:.0f} |",
        "",
        f"Both ways predicted the same for all {options.sample} clips, {len(split_sizes)} splits, {len(SEEDS)} seeds.",
        "",
        "| method (random features: the figures mean nothing) | generality | locality |",
        "|---|---|---|",
        *(
            f"| {name} | {100 * gen.mean:.1f} ({100 * gen.low:.1f} to {100 * gen.high:.1f}) "
            f"| {100 * loc.mean:.1f} ({100 * loc.low:.1f} to {100 * loc.high:.1f}) |"
            for name, gen, loc in table
        ),
    ]
    if not options.quick:
        del world
        points = growth(split_sizes, group_sizes, clips)
        lines += [
            "",
            "## How evaluation grows",
            "",
            f"One method of {len(SEEDS)} seeds, old logits included; {clips // 4:,} clips but where clips grow.",
            "",
            "![Seconds of evaluation against clips, rows, splits and subcategories](zero_shot_table.png)",
        ]
        for name, values in points.items():
            lines += [
                "",
                f"| {name} | " + " | ".join(f"{value:,}" for value, _ in values) + " |",
                "|---|" + "---|" * len(values),
                "| seconds | " + " | ".join(f"{spent:.2f}" for _, spent in values) + " |",
            ]
        plot(points, HERE / "zero_shot_table.png")
        with atomic_path(HERE / "zero_shot_table.md") as beside:
            beside.write_text("\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
