"""What must hold of features, logits, heads and targets before an edit can be scored."""

import warnings

import numpy as np
import torch
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.head import Head

Features = Tensor | np.ndarray


def as_features(head: Head, features: Features) -> Tensor:
    """The features (N, V, D) as a tensor that shares their memory; raises CatsplitError for another shape."""
    if not isinstance(features, Tensor):
        with warnings.catch_warnings():
            # A read-only memory map is what a cache of features is; nothing here writes to it.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            features = torch.from_numpy(features)
    if features.ndim != 3 or features.shape[-1] != head.dim or 0 in features.shape:
        shape = tuple(features.shape)
        raise CatsplitError(f"Features must have shape (N, V, {head.dim}) with clips and views, not {shape}.")
    return features.detach()


def check_finite(logits: Tensor, start: int) -> None:
    """Raise CatsplitError for logits (n, V, C) with NaN or infinity; `start` is the number of their first clip."""
    finite = logits.isfinite().flatten(1).all(1)
    if not finite.all():
        clip = start + int((~finite).nonzero()[0])
        raise CatsplitError(f"The features of clip number {clip} hold NaN or infinity: extract them again.")


def difference(old: Head, new: Head) -> tuple[list[str], list[str]]:
    """The categories that were split and their subcategories, each in the order of its head."""
    gone = [label for label in old.labels if label not in new]
    fresh = [label for label in new.labels if label not in old]
    if not gone or not fresh:
        raise CatsplitError("The new head must lack a category of the old one and have subcategories in its place.")
    return gone, fresh


def check_targets(clips: int, categories: int, gone: Tensor, fresh: list[str], targets: Tensor) -> Tensor:
    """The targets (N,) as integers; raises CatsplitError for a shape or a row that can't be."""
    targets = torch.as_tensor(targets).long()
    if targets.shape != (clips,):
        raise CatsplitError(f"{clips} clips need targets of shape ({clips},), not {tuple(targets.shape)}.")
    wrong = (targets < -1) | (targets >= categories + len(fresh)) | torch.isin(targets, gone)
    if wrong.any():
        clip = int(wrong.nonzero()[0])
        raise CatsplitError(
            f"Clip number {clip} has the target {int(targets[clip])}, but a target must be an untouched row "
            f"below {categories}, a new row below {categories + len(fresh)}, or -1 to leave the clip out."
        )
    return targets
