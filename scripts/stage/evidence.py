"""Is Stage-Split sound? What one frame, and what shuffled frames, tell about siblings, by split type."""

from collections.abc import Iterator, Sequence

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


def families() -> Iterator[tuple[str, list[int]]]:
    """The kind of each family of siblings, and the places of its members in `render.fine_labels()`.

    A category has siblings of several families; those of one exclude each other, and those of a motion are the same
    frames in another order: what tells "from left to right" from "upwards" is another question.
    """
    first = 0
    for action in ACTIONS:
        found: dict[tuple[str, ...], list[int]] = {}
        kinds = {}
        for place, sub in enumerate(action.subcategories, first):
            family = tuple(modifier.family for modifier in sub.modifiers)
            found.setdefault(family, []).append(place)
            kinds[family] = sub.modifiers[-1].kind if sub.modifiers else None
        first += len(action.subcategories)
        yield from ((kinds[family], places) for family, places in found.items() if len(places) > 1)


def sibling_accuracy(logits: Tensor, labels: Sequence[int], columns: Sequence[int]) -> dict[str, dict[str, float]]:
    """Accuracy among siblings of one family, for each kind of modifier that the logits can tell siblings of.

    Args:
        logits: (N, C). labels: (N,) place of each clip's label in `render.fine_labels()`.
        columns: for each fine-grained label its column of the logits; siblings that share one are passed over.

    Returns:
        {kind: {"accuracy": mean over its families, "chance": mean of 1/k, "families": how many}}, percent.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    labels_ = torch.as_tensor(labels)
    for kind, places in families():
        cols = [columns[place] for place in places]
        if len(set(cols)) < len(cols):
            continue
        mine = torch.isin(labels_, torch.tensor(places))
        right = torch.tensor(places)[logits[mine][:, cols].argmax(1)] == labels_[mine]
        found.setdefault(kind, []).append((float(right.float().mean()), 1 / len(cols)))
    return {
        kind: {
            "accuracy": round(100 * float(np.mean([a for a, _ in pairs])), 1),
            "chance": round(100 * float(np.mean([c for _, c in pairs])), 1),
            "families": len(pairs),
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
