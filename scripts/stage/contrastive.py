"""Training of the small vision–language model of Stage-Split: single frames against captions, as CLIP was trained."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from catsplit.errors import BenchmarkError
from catsplit.paths import atomic_path

RECIPE = {
    "loss": "symmetric cross-entropy of the cosines in a batch, learned scale, as CLIP's",
    "batch": "one clip of every fine-grained category, so that no two captions of a batch agree",
    "caption": "the fine-grained label, in a wording at random",
    "frame": "a single random one of 10 from each clip",
    "optimiser": "AdamW",
    "learning rate": 2e-3,
    "weight decay": 0.1,
    "schedule": "one-cycle",
    "epochs": 20,
    "crop": "random 64² of 72²",
    "colour": "gain ±10 %, offset ±10 % a channel",
    "flips": "none",
}
MAX_SCALE = 100.0


class Pairs:
    """Random pairs of a frame and a caption, the same for the same seed and epoch.

    Args:
        clips: (N, T, H, W, 3) uint8, decoded.
        places: (N,) the category of each clip, 0 … K - 1, each with as many clips.
        captions: (K, W, L) tokens of each category's caption in W wordings.
        size: pixels of a crop's sides.
    """

    def __init__(self, clips: np.ndarray, places: Sequence[int], captions: Tensor, size: int, seed: int) -> None:
        counts = np.bincount(places, minlength=len(captions))
        if len(counts) > len(captions) or counts.min() == 0 or counts.min() != counts.max():
            raise BenchmarkError(f"Each of the {len(captions)} captions needs as many clips as the others.")
        self.clips, self.captions, self.size, self.seed = clips, captions, size, seed
        self.of_category = np.argsort(places, kind="stable").reshape(len(captions), -1)

    def batches(self, epoch: int) -> np.ndarray:
        """Numbers (B, K) of the clips of each batch: one of every category."""
        self.random = np.random.default_rng([self.seed, epoch])
        return self.random.permuted(self.of_category, axis=1).T

    def draw(self, numbers: np.ndarray) -> tuple[Tensor, Tensor]:
        """Crops (K, size, size, 3) in about 0–255 of one frame of each clip, and the tokens (K, L) of its caption."""
        frames, edge = self.clips.shape[1], self.clips.shape[2] - self.size + 1
        moments = self.random.integers(frames, size=len(numbers))
        corners = self.random.integers(edge, size=(len(numbers), 2))
        crops = np.stack([
            self.clips[number, moment, top : top + self.size, left : left + self.size]
            for number, moment, (top, left) in zip(numbers, moments, corners, strict=True)
        ])  # fmt: skip
        gain = self.random.uniform(0.9, 1.1, (len(crops), 1, 1, 1)).astype(np.float32)
        offset = self.random.uniform(-25, 25, (len(crops), 1, 1, 3)).astype(np.float32)
        wordings = torch.from_numpy(self.random.integers(self.captions.shape[1], size=len(numbers)))
        return torch.from_numpy(crops * gain + offset), self.captions[torch.arange(len(numbers)), wordings]


def loss_of(images: Tensor, texts: Tensor, scale: Tensor) -> Tensor:
    """CLIP's loss of K pairs of normalised embeddings (K, n): the mean of both directions' cross-entropy."""
    logits, targets = scale * images @ texts.T, torch.arange(len(images))
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def fit(
    model: nn.Module,
    pairs: Pairs,
    prepare: Callable[[Tensor], Tensor],
    *,
    epochs: int = RECIPE["epochs"],
    state: Path | None = None,
    progress: bool = True,
) -> float:
    """Train an open_clip model in place.

    Args:
        prepare: crops in 0–255 as `Pairs.draw` gives them to what the image tower takes.
        state: file that keeps everything after each epoch; a run that was stopped goes on from it, and ends with
            the same weights as one that wasn't.

    Returns:
        The seconds spent in training steps, over all runs.
    """
    from tqdm.auto import tqdm

    # Norms, biases and the scale aren't pulled towards zero.
    kinds = [[p for p in model.parameters() if (p.ndim > 1) == flag] for flag in (True, False)]
    groups = [{"params": kinds[0], "weight_decay": RECIPE["weight decay"]}, {"params": kinds[1], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, RECIPE["learning rate"])
    steps = pairs.of_category.shape[1]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RECIPE["learning rate"], total_steps=steps * epochs)
    parts, begin, spent = {"model": model, "optimiser": optimiser, "schedule": schedule}, 0, 0.0
    if state and state.exists():
        saved = torch.load(state, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
        begin, spent = saved["epoch"], saved["seconds"]
    model.train().to(memory_format=torch.channels_last)
    half = torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    for epoch in range(begin, epochs):
        started = time.monotonic()
        about = f"Epoch {epoch + 1} of {epochs}"
        for numbers in tqdm(pairs.batches(epoch), desc=about, unit="batch", disable=not progress, leave=False):
            crops, tokens = pairs.draw(numbers)
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                images, texts = model.encode_image(prepare(crops)), model.encode_text(tokens)
            images, texts = (F.normalize(x.float(), dim=1) for x in (images, texts))
            loss = loss_of(images, texts, model.logit_scale.exp())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, np.log(MAX_SCALE))
        spent += time.monotonic() - started
        if state:
            saved = {name: part.state_dict() for name, part in parts.items()}
            with atomic_path(state) as beside:
                torch.save(saved | {"epoch": epoch + 1, "seconds": spent}, beside)
    model.eval()
    return spent
