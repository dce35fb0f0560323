"""Is Stage-Split sound? What one frame, and what shuffled frames, tell about siblings, by split type."""

from collections.abc import Sequence

import numpy as np
import torch
from fit import even_frames, fit, predict
from torch import Tensor

from catsplit.stage.catalogue import ACTIONS
from catsplit.stage.network import FRAMES, StageNet

ONE_FRAME = {
    "seed": 0,
    "epochs": 5,
    "labels": "all fine-grained labels of both parts",
    "input": "one random frame",
}


def sibling_accuracy(logits: Tensor, labels: Sequence[int], columns: Sequence[int]) -> dict[str, dict[str, float]]:
    """Accuracy among siblings for each split type that the logits can tell siblings of.

    Args:
        logits: (N, C). labels: (N,) place of each clip's label in `render.fine_labels()`.
        columns: for each fine-grained label its column of the logits; siblings that share one are passed over.

    Returns:
        {split type: {"accuracy": mean over its categories, "chance": mean of 1/k, "categories": how many}}, percent.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    labels_, first = torch.as_tensor(labels), 0
    for action in ACTIONS:
        places = range(first, first + len(action.fine))
        first = places.stop
        cols = [columns[place] for place in places]
        if len(cols) < 2 or len(set(cols)) < len(cols):
            continue
        mine = (labels_ >= places.start) & (labels_ < places.stop)
        right = logits[mine][:, cols].argmax(1) == labels_[mine] - places.start
        found.setdefault(action.kind, []).append((float(right.float().mean()), 1 / len(cols)))
    return {
        kind: {
            "accuracy": round(100 * float(np.mean([a for a, _ in pairs])), 1),
            "chance": round(100 * float(np.mean([c for _, c in pairs])), 1),
            "categories": len(pairs),
        }
        for kind, pairs in found.items()
    }


def shuffled(
    network: StageNet, clips: np.ndarray, labels: Sequence[int], columns: Sequence[int], seed: int = 0
) -> dict:
    """Accuracy among siblings with the frames in order, and with each clip's frames in a random order of its own."""
    frames = even_frames(clips.shape[1])
    random = np.random.default_rng(seed)
    orders = np.stack([random.permutation(frames) for _ in range(len(clips))])
    return {
        name: sibling_accuracy(predict(network, clips, order), labels, columns)
        for name, order in (("in order", frames), ("shuffled", orders))
    }


def one_frame(
    train: np.ndarray,
    train_labels: Sequence[int],
    val: np.ndarray,
    val_labels: Sequence[int],
    *,
    progress: bool = True,
) -> dict:
    """Train a network that sees a single random frame on all fine-grained labels; accuracy among siblings by frame.

    Args:
        train, val: (N, T, H, W, 3) uint8. train_labels, val_labels: places in `render.fine_labels()`.
    """
    classes = max(train_labels) + 1
    network, seconds = fit(
        train,
        train_labels,
        classes,
        ONE_FRAME["seed"],
        epochs=ONE_FRAME["epochs"],
        one_frame=True,
        progress=progress,
    )
    last, columns = val.shape[1] - 1, list(range(classes))
    results = {}
    for name, frame in (
        ("first", 0),
        ("middle", last // 2),
        ("three quarters", 3 * last // 4),
        ("last", last),
    ):
        logits = predict(network, val, [frame, frame])
        results[name] = sibling_accuracy(logits, val_labels, columns)
    return {
        "recipe": ONE_FRAME | {"seconds": round(seconds)},
        "frames per clip": FRAMES,
        "accuracy among siblings": results,
    }
