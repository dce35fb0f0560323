"""Fine-tuning of a base model of one's own on a benchmark part, for people without the authors' checkpoints.

On one GPU, or on several by torchrun; a training that was stopped goes on when it is started again:

    catsplit train SSv2-Split --part A --videos VIDEOS --pretrained MCG-NJU/videomae-base-ssv2 --out base-A
    torchrun --nproc-per-node 4 -m catsplit.cli train SSv2-Split --part A …

`catsplit.models.hub.load_transformers("base-A")` is then the base model. The loop, its checkpoints and its processes
are those of transformers' Trainer; `catsplit.models.finetune_recipe` has what is ours: the
published numbers, augmented views and loss; `catsplit.models.pretrained` says what can be started from.
"""

import gc
import hashlib
import os
import shutil
import warnings
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tqdm.contrib.concurrent import thread_map
from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed

from catsplit.backbones import state_key
from catsplit.errors import CatsplitError, ClipError
from catsplit.models.finetune_recipe import PUBLISHED, Objective, Recipe, TrainingViews, optimiser
from catsplit.models.pretrained import load_pretrained
from catsplit.paths import read_json, writable, write_json
from catsplit.video import read_frames

if TYPE_CHECKING:
    from catsplit.benchmark import Benchmark

CARD, DONE = "training.json", "loss of each epoch"


def train(
    benchmark: "Benchmark",
    start: str | Path,
    out: str | Path,
    *,
    recipe: Recipe = PUBLISHED,
    batch: int = 12,
    accumulate: int = 1,
    positions: str | None = None,
    min_frames: int = 1,
    on_error: str = "raise",
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Fine-tune a VideoMAE or MVD encoder on the part's training clips.

    Every clip is decoded once before the first step. The state is kept after each epoch; the same call goes on from
    there, to the same weights (on a GPU, up to its rounding).

    Args:
        benchmark: a part, opened with its videos.
        start, positions: as for `pretrained.load_pretrained`.
        out: folder; it becomes one of transformers' models, with the part's labels in their order. Beside it lies
            training.json: the settings, the clips that were left out, and the mean loss of each epoch.
        batch: clips that a process takes at once; each comes as `recipe.samples` views.
        accumulate: batches of a step. The clips of a step, batch × accumulate × processes, are 384 in MVD's recipe,
            12 on each of 32 GPUs, and 72 in the paper, 18 on each of 4; the learning rate follows their number.
        min_frames: fewest frames of a clip; by default each clip counts, and short ones repeat frames, as published.
        on_error: what to do with a clip that can't be read or is too short: "raise", or "skip" it, warn and list it.
        seed: of everything random.
        workers: processes that decode, for each GPU; 0 is none.
        progress: show bars and the loss of each epoch.

    Returns:
        The folder.

    Raises:
        ClipError: a clip can't be read and on_error is "raise", or it can't be read any more.
        CatsplitError: accelerate isn't installed; the model or an argument doesn't fit; there are fewer clips than a
            step takes, or several GPUs for one process; the folder holds a training with other settings.
        CacheError: the folder can't be written.
    """
    if find_spec("accelerate") is None:
        raise CatsplitError("Training needs a helper of transformers that isn't installed: pip install accelerate.")
    if min(recipe.epochs, batch, accumulate) < 1 or batch * recipe.samples % 2:
        raise CatsplitError(
            f"epochs, batch and accumulate are at least 1, not {recipe.epochs}, {batch} and {accumulate}; and batch × "
            f"samples, here {batch} × {recipe.samples}, is even, because mixup takes views in pairs."
        )
    network = load_pretrained(start, benchmark.labels, positions=positions, seed=seed)
    out = writable(Path(out).expanduser().absolute())
    if workers is None:
        workers = max((os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", 1)) - 1, 1)
    cuda = torch.cuda.is_available()
    half = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
    settings = TrainingArguments(
        str(out / "checkpoints"), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulate,
        num_train_epochs=recipe.epochs, lr_scheduler_type="cosine", max_grad_norm=0.0, seed=seed, data_seed=seed,
        bf16=half, fp16=cuda and not half, use_cpu=not torch.accelerator.is_available(),
        dataloader_num_workers=workers, dataloader_pin_memory=cuda, dataloader_drop_last=True,
        save_strategy="epoch", save_total_limit=2, logging_strategy="epoch", report_to="none",
        disable_tqdm=not progress, ddp_find_unused_parameters=False,
        ddp_timeout=24 * 3600,  # seconds: the others wait while the first process reads every clip once
    )  # fmt: skip
    if settings.n_gpu > 1:
        raise CatsplitError(
            f"{settings.n_gpu} GPUs need as many processes: start them with torchrun --nproc-per-node "
            f"{settings.n_gpu} -m catsplit.cli train …, or choose one with CUDA_VISIBLE_DEVICES=0."
        )
    together, table = batch * accumulate * settings.world_size, benchmark.clips("train")
    about = asdict(recipe) | {
        "clips in a step": together, "fewest frames": min_frames, "seed": seed, "part": benchmark.part,
        "network": state_key(network), "clips": hashlib.sha256(table.to_csv().encode()).hexdigest(),
    }  # fmt: skip
    with settings.main_process_first(local=False):
        card = read_json(out / CARD) if (out / CARD).exists() else {"settings": {}}
        other = {name: value for name, value in about.items() if card["settings"].get(name) != value}
        if other:
            if any(out.iterdir()):
                raise CatsplitError(f"{out} holds something else than a training with {other}: choose another folder.")
            card = {"settings": about, "left out": _unusable(benchmark, min_frames, workers, progress)}
            if card["left out"]:
                (clip, reason), *others = card["left out"].items()
                what = f'The training clip "{clip}" and {len(others):,} more of {len(table):,} can\'t be used: {reason}'
                if on_error == "raise":
                    raise ClipError(f'{what} Pass on_error="skip", --skip, to train without them.')
                warnings.warn(f"{what} They are left out; {CARD} lists them all.", stacklevel=2)
            write_json(out / CARD, card)
    if DONE in card:
        return out
    rows = table.set_index("path")["row"].drop(list(card["left out"]))
    if len(rows) < together:
        raise CatsplitError(f"A step takes {together} clips, but there are {len(rows)}: lower batch or accumulate.")
    settings.warmup_steps = round(recipe.warmup * recipe.epochs * (len(rows) // together))
    views = TrainingViews(
        [(benchmark.path(clip), row) for clip, row in rows.items()],
        network.config.num_frames, network.config.image_size, recipe, seed,
    )  # fmt: skip
    objective = Objective(network, recipe)
    trainer = Trainer(
        objective, settings, train_dataset=views, callbacks=[views],
        optimizers=(optimiser(objective, recipe.learning_rate * together / 256), None),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    # What is drawn differs between the processes, whose networks are alike all the same: the first one's is copied.
    set_seed(seed + settings.process_index)
    # A worker is a copy of this process, and hangs if it frees a forgotten reader, whose thread isn't its own.
    gc.collect()
    # The Trainer writes its state last: a checkpoint without one was being written when somebody killed the training.
    states = (out / "checkpoints").glob("checkpoint-*/trainer_state.json")
    last = max(states, key=os.path.getmtime, default=None)
    try:
        trainer.train(resume_from_checkpoint=str(last.parent) if last else None)
    except ClipError as error:
        # From a worker it comes with the story of its way.
        raise ClipError(str(error).strip().rpartition("ClipError: ")[2]) from error
    if trainer.is_world_process_zero():
        network.save_pretrained(out / "checkpoints" / "model")
        for name in ("model.safetensors", "config.json"):  # the latter last, since a folder with one is a model
            os.replace(out / "checkpoints" / "model" / name, out / name)
        losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
        write_json(out / CARD, card | {DONE: losses})
        shutil.rmtree(out / "checkpoints")
    trainer.accelerator.wait_for_everyone()
    return out


def _unusable(benchmark: "Benchmark", min_frames: int, workers: int, progress: bool) -> dict[str, str]:
    """Decode every training clip once, whole: {clip: why it can't be trained with}."""

    def reason(clip: str) -> str:
        try:
            count = len(read_frames(benchmark.path(clip), 16))
        except ClipError as error:
            return str(error)
        return f"It is too short: it has {count} frames, not {min_frames}." if count < min_frames else ""

    clips = benchmark.clips("train")["path"]
    reasons = thread_map(
        reason, clips, max_workers=max(workers, 1), desc="Reading every clip once", unit="clip", disable=not progress
    )
    return {clip: why for clip, why in zip(clips, reasons, strict=True) if why}
