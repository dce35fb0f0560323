"""Fine-tuning of a base model of one's own on a benchmark part, for people without the authors' checkpoints.

On one GPU, or on several by torchrun; a training that was stopped goes on when it is started again:

    python -m catsplit.training SSv2-Split --part A --videos VIDEOS --pretrained MCG-NJU/videomae-base-ssv2 --out base-A
    torchrun --nproc-per-node 4 -m catsplit.training SSv2-Split --part A …

`catsplit.models.hub.load_transformers("base-A")` is then the base model. The loop, its checkpoints and its processes
are those of transformers' Trainer (`catsplit.training.loop`); `catsplit.training.views` says how clips become views,
`catsplit.models.pretrained` what can be started from.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from catsplit.errors import CatsplitError
from catsplit.paths import writable

if TYPE_CHECKING:
    from transformers import VideoMAEForVideoClassification

    from catsplit.benchmark import Benchmark


@dataclass(frozen=True)
class Recipe:
    """How a base model is fine-tuned; the default is the published recipe for a ViT-S on Something-Something V2.

    As published: AdamW (betas 0.9 and 0.999), weight decay, learning rate for 256 clips, layer decay, epochs, samples
    of a clip, 16 frames of 224² pixels. What that leaves open is as in the public code of VideoMAE's and MVD's
    authors, who agree: warm-up, drop path, label smoothing, mixup or cutmix (one of the two in each batch, as in
    VideoMAE's code), RandAugment, random erasing, no mirroring on this data set, a cosine schedule, no weight decay
    of biases and norms, no clipping of gradients, and a head that begins at nearly zero.

    Different here: the schedule begins and ends at 0 in place of 1e-6, and numbers are bfloat16 in place of float16
    where the GPU can. Left out: their options that are off by default, and the choice of the best epoch by the
    validation clips; the last epoch's weights are kept, since those clips measure the edits later.

    Attributes:
        learning_rate: for 256 clips a step; it grows in proportion to the clips, not to their samples.
        layer_decay: the learning rate of a layer over that of the one above it.
        warmup: epochs in which the learning rate rises.
        samples: views of a clip in a step.
        drop_path: chance that a branch of the last block is skipped; it rises evenly from 0 at the first.
        mixup, cutmix: α of their Beta distributions; 0 is without.
        policy: RandAugment by timm's name; "" is without.
        erasing: chance that a rectangle of a view is overwritten with noise.
        flip: mirror half of the views. It turns left into right: never do it where labels tell directions.
    """

    epochs: int = 40
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    layer_decay: float = 0.7
    warmup: float = 5
    samples: int = 2
    drop_path: float = 0.1
    smoothing: float = 0.1
    mixup: float = 0.8
    cutmix: float = 1.0
    policy: str = "rand-m7-n4-mstd0.5-inc1"
    erasing: float = 0.25
    flip: bool = False


PUBLISHED = Recipe()


def train(
    benchmark: "Benchmark",
    start: "str | Path | VideoMAEForVideoClassification",
    out: str | Path,
    *,
    recipe: Recipe = PUBLISHED,
    batch: int = 12,
    accumulate: int = 1,
    positions: Literal["mvd", "videomae"] | None = None,
    min_frames: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Fine-tune a VideoMAE or MVD encoder on the part's training clips.

    Every clip is decoded once before the first step, so that none proves unreadable in the middle. The state is kept
    after each epoch; the same call goes on from there, to the same weights (on a GPU, up to its rounding).

    Args:
        benchmark: a part, opened with its videos.
        start, positions: as for `pretrained.load_pretrained`.
        out: folder; it becomes one of transformers' models, with the part's labels in their order. Beside it lies
            training.json: the settings, the clips that were left out, and the mean loss of each epoch.
        batch: clips that a process takes at once; each comes as `recipe.samples` views.
        accumulate: batches of a step. The clips of a step, batch × accumulate × processes, are 384 in MVD's recipe,
            12 on each of 32 GPUs, and 72 in the paper, 18 on each of 4; the learning rate follows their number.
        min_frames: fewest frames of a clip; as many as the network takes by default. Below, frames are repeated.
        on_error: what to do with a clip that can't be read or is too short: "raise", or "skip" it, warn and list it.
        seed: of everything random.
        workers: processes that decode, for each GPU; 0 is none.
        progress: show bars and the loss of each epoch.

    Returns:
        The folder.

    Raises:
        ClipError: a clip can't be read and on_error is "raise", or none can.
        CatsplitError: accelerate isn't installed; the model or an argument doesn't fit; there are fewer clips than a
            step takes, or several GPUs for one process; the folder holds a training with other settings.
        CacheError: the folder can't be written.
    """
    _check(recipe, batch, accumulate, on_error)
    from catsplit.backbones import state_key
    from catsplit.models.pretrained import load_pretrained
    from catsplit.training import folder as trainingfolder
    from catsplit.training import loop as trainingloop
    from catsplit.training.views import TrainingViews

    network = load_pretrained(start, benchmark.labels, positions=positions, seed=seed)
    out = writable(Path(out).expanduser().absolute())
    settings = trainingloop.arguments(out / "checkpoints", recipe, batch, accumulate, seed, workers, progress)
    frames, size = network.config.num_frames, network.config.image_size
    needed = frames if min_frames is None else min_frames
    about = {
        "recipe": asdict(recipe), "clips in a step": batch * accumulate * settings.world_size, "seed": seed,
        "part": benchmark.part, "network": state_key(network),
    }  # fmt: skip
    trainingfolder.check(out, about)
    with settings.main_process_first(local=False):
        files, rows, left_out, about["clips"] = trainingfolder.usable_clips(
            benchmark, out, needed, on_error == "raise", settings.dataloader_num_workers, progress
        )
        if trainingfolder.begin(out, about):
            return out
    views = TrainingViews(
        files, rows, frames=frames, size=size, seed=seed, samples=recipe.samples, policy=recipe.policy,
        flip=recipe.flip, min_frames=needed,
    )  # fmt: skip
    trainer = trainingloop.loop(trainingloop.Objective(network, recipe, seed), views, settings)
    if trainer.is_world_process_zero():
        losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
        trainingfolder.finish(out, network, {"settings": about, "left out": left_out, trainingfolder.DONE: losses})
    trainer.accelerator.wait_for_everyone()
    return out


def _check(recipe: Recipe, batch: int, accumulate: int, on_error: str) -> None:
    if find_spec("accelerate") is None:
        raise CatsplitError("Training needs a helper of transformers that isn't installed: pip install accelerate.")
    for name, value in (
        ("batch", batch), ("accumulate", accumulate), ("epochs", recipe.epochs), ("samples", recipe.samples)
    ):  # fmt: skip
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise CatsplitError(f"{name} is a whole number of at least 1, not {value!r}.")
    if on_error not in ("raise", "skip"):
        raise CatsplitError(f'on_error is "raise" or "skip", not {on_error!r}.')
    if (recipe.mixup or recipe.cutmix) and batch * recipe.samples % 2:
        raise CatsplitError(f"Mixup takes views in pairs: {batch} clips × {recipe.samples} samples must be even.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of the command."""
    parser.add_argument("benchmark", help="a folder in the published layout")
    parser.add_argument("--part", default="A", help="A or B (default: %(default)s)")
    parser.add_argument("--videos", required=True, metavar="FOLDER", help="of the benchmark's videos")
    parser.add_argument("--pretrained", required=True, help="model: OWNER/MODEL, a folder, or a checkpoint file")
    parser.add_argument("--positions", choices=["mvd", "videomae"], help="whose checkpoint file it is")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="to write; a stopped training goes on from it")
    parser.add_argument("--epochs", type=int, default=PUBLISHED.epochs, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=12, help="clips that a GPU takes at once (default: %(default)s)")
    parser.add_argument("--accumulate", type=int, default=1, help="batches of a step (default: %(default)s)")
    parser.add_argument("--min-frames", type=int, help="of a clip (default: as many as the model takes)")
    parser.add_argument("--skip", action="store_true", help="leave out clips that can't be read, and list them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes that decode, for each GPU (default: all processors)")


def run(args: argparse.Namespace) -> None:
    """The command, once its words are read."""
    from catsplit.benchmark import Benchmark

    benchmark = Benchmark.open(args.benchmark, args.part, args.videos)
    recipe = Recipe(epochs=args.epochs, warmup=min(PUBLISHED.warmup, args.epochs / 8))
    out = train(
        benchmark, args.pretrained, args.out, recipe=recipe, batch=args.batch, accumulate=args.accumulate,
        positions=args.positions, min_frames=args.min_frames, on_error="skip" if args.skip else "raise",
        seed=args.seed, workers=args.workers,
    )  # fmt: skip
    if int(os.environ.get("RANK", 0)) == 0:
        print(f"Written: {out}, {len(benchmark.labels)} categories.")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command by itself, for torchrun."""
    parser = argparse.ArgumentParser(prog="catsplit.training", description="Fine-tune a base model.")
    add_arguments(parser)
    try:
        run(parser.parse_args(arguments))
    except CatsplitError as error:
        print(f"catsplit.training: {error}", file=sys.stderr)
        return 1
    return 0
