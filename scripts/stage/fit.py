"""Training of the base classifiers of Stage-Split, and of the one-frame network that its soundness is tested with."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from catsplit.errors import BenchmarkError
from catsplit.paths import atomic_path
from catsplit.stage.network import CROP, FRAMES, StageNet, rounded

RECIPE = {
    "optimiser": "AdamW",
    "learning rate": 4e-3,
    "weight decay": 0.05,
    "schedule": "one-cycle",
    "batch": 32,
    "label smoothing": 0.1,
    "epochs": 4,
    "crop": f"random {CROP}² of 48²",
    "frames": "16 of 20, random start and stop",
    "colour": "gain ±10 %, offset ±10 % a channel",
    "flips": "none: they would turn left into right",
}


class Sampler:
    """Random views of decoded clips, the same for the same seed and epoch.

    Args:
        clips: (N, T, H, W, 3) uint8.
        one_frame: give a single random frame, twice, instead of `FRAMES` frames.
    """

    def __init__(self, clips: np.ndarray, seed: int, one_frame: bool = False) -> None:
        self.clips, self.seed, self.one_frame = clips, seed, one_frame

    def batches(self, epoch: int, size: int) -> list[Tensor]:
        """Indices of the clips of each batch; the last, incomplete batch of a shuffled epoch is left out."""
        self.random = np.random.default_rng([self.seed, epoch])
        order = torch.from_numpy(self.random.permutation(len(self.clips)))
        return list(order[: len(order) // size * size].split(size))

    def views(self, indices: Tensor) -> Tensor:
        """Views of the clips, (B, T, CROP, CROP, 3) float32 in about 0–255."""
        length, height = self.clips.shape[1:3]
        frames = 2 if self.one_frame else FRAMES
        views = np.empty((len(indices), frames, CROP, CROP, 3), np.uint8)
        for view, index in zip(views, indices.tolist(), strict=True):
            if self.one_frame:
                time_ = np.full(2, self.random.integers(length))
            else:
                start, stop = self.random.uniform(0, 2), length - 1 - self.random.uniform(0, 2)
                time_ = np.round(np.linspace(start, stop, FRAMES)).astype(int)
            top, left = self.random.integers(height - CROP + 1, size=2)
            view[:] = self.clips[index, time_, top : top + CROP, left : left + CROP]
        gain = self.random.uniform(0.9, 1.1, (len(views), 1, 1, 1, 1)).astype(np.float32)
        offset = self.random.uniform(-25, 25, (len(views), 1, 1, 1, 3)).astype(np.float32)
        return torch.from_numpy(views * gain + offset)


def fit(
    clips: np.ndarray,
    rows: Sequence[int],
    classes: int,
    seed: int,
    *,
    epochs: int = RECIPE["epochs"],
    one_frame: bool = False,
    state: Path | None = None,
    after_epoch: Callable[[int, float], None] | None = None,
    progress: bool = True,
) -> tuple[StageNet, float]:
    """Train a `StageNet` from scratch.

    Args:
        clips: (N, T, H, W, 3) uint8, decoded. rows: (N,), the head's row that each clip shows.
        state: file that keeps everything after each epoch; a run that was stopped goes on from it, and ends with
            the same weights as one that wasn't.
        after_epoch: called with the epoch's number and its mean loss.

    Returns:
        The network and the seconds spent in training steps, over all runs.
    """
    from tqdm.auto import tqdm

    torch.manual_seed(seed)
    targets, size = torch.as_tensor(rows), RECIPE["batch"]
    network = StageNet(classes).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), RECIPE["learning rate"], weight_decay=RECIPE["weight decay"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RECIPE["learning rate"], total_steps=len(clips) // size * epochs
    )
    sampler, begin, spent = Sampler(clips, seed, one_frame), 0, 0.0
    if state and state.exists():
        saved = torch.load(state, weights_only=True)
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        begin, spent = saved["epoch"], saved["seconds"]
    # Where the processor multiplies bfloat16 in hardware a step takes about half the time; weights stay float32.
    half = torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    for epoch in range(begin, epochs):
        started, total, batches = time.monotonic(), 0.0, sampler.batches(epoch, size)
        for indices in tqdm(
            batches, desc=f"Epoch {epoch + 1} of {epochs}", unit="batch", disable=not progress, leave=False
        ):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = network(sampler.views(indices))
            loss = F.cross_entropy(logits.float(), targets[indices], label_smoothing=RECIPE["label smoothing"])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        spent += time.monotonic() - started
        if after_epoch:
            after_epoch(epoch, total / max(len(batches), 1))
        if state:
            with atomic_path(state) as beside:
                torch.save(
                    {
                        "network": network.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "epoch": epoch + 1,
                        "schedule": schedule.state_dict(),
                        "seconds": spent,
                    },
                    beside,
                )
    return network.eval(), spent


@torch.inference_mode()
def predict(network: StageNet, clips: np.ndarray, frames: Sequence[int] | np.ndarray) -> Tensor:
    """Logits (N, C) of centre crops of decoded clips (N, T, H, W, 3), at `frames`: (t,), or one row a clip, (N, t)."""
    edge, logits = (clips.shape[2] - CROP) // 2, []
    frames = np.broadcast_to(np.asarray(frames), (len(clips), np.shape(frames)[-1]))
    for start in range(0, len(clips), 64):
        part = slice(start, start + 64)
        views = clips[part][np.arange(len(clips[part]))[:, None], frames[part], edge : edge + CROP, edge : edge + CROP]
        logits.append(network(torch.from_numpy(views)))
    return torch.cat(logits)


def even_frames(length: int) -> np.ndarray:
    """`FRAMES` frames spread evenly over a clip of `length`."""
    return np.round(np.linspace(0, length - 1, FRAMES)).astype(int)


def save_checkpoint(path: Path, network: StageNet, labels: Sequence[str], card: dict) -> None:
    """Write weights (see `rounded`), the labels of the head's rows and the card into one safetensors file."""
    if len(labels) != network.head.out_features:
        raise BenchmarkError(f"{len(labels)} labels were given for a head of {network.head.out_features} rows.")
    with atomic_path(path) as beside:
        save_file(rounded(network), beside, {"labels": json.dumps(list(labels)), "card": json.dumps(card)})
