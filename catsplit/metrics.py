"""What an edit gains and what it costs: generality, locality, accuracy among siblings, per-clip stability.

Protocol (as in the published code): softmax for each view (segment and crop) of a clip; the
probability of the coarse category c set to zero and the rest renormalised, before and after the edit alike;
mean over the views; argmax (the first of equals). To zero p(c) and renormalise is to leave c out of the
softmax, which is how it is done here.

Categories are numbered as in the published annotations: 0 … C-1 for the rows of the head before the edit
(c keeps its number, though nothing is ever predicted as c), then C, C+1, … for the new rows in their order.
Rates are fractions, 0 to 1, except locality: a ratio of two accuracies, which may exceed 1.

`evaluate` takes any two heads and is the plain way; `catsplit.evaluator` does the same, faster, for many
splits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.rows import Features


@dataclass(frozen=True)
class Scores:
    """What one edit did on N clips.

    Attributes:
        generality: accuracy over the whole new label space on clips of the subcategories.
        locality: accuracy on clips of untouched categories after the edit, divided by that before it.
        siblings: accuracy on clips of the subcategories when only the subcategories may be predicted.
        changed: share of untouched clips whose prediction the edit changed, for better or worse.
        equivalent, unrelated: the number of clips behind generality and behind locality.
        before, after: (N,) int64, the category predicted for each clip.
        confidence: (N,) the mean probability of the category predicted after the edit.
        targets: (N,) int64, as given.
    """

    generality: float
    locality: float
    siblings: float
    changed: float
    equivalent: int
    unrelated: int
    before: Tensor = field(repr=False, compare=False)
    after: Tensor = field(repr=False, compare=False)
    confidence: Tensor = field(repr=False, compare=False)
    targets: Tensor = field(repr=False, compare=False)

    @property
    def mean(self) -> float:
        """Mean of generality and locality, as the paper quotes it."""
        return (self.generality + self.locality) / 2

    @property
    def stability(self) -> float:
        """Share of untouched clips whose prediction stayed as it was."""
        return 1 - self.changed


class Interval(NamedTuple):
    """A mean and its confidence interval."""

    mean: float
    low: float
    high: float


def probabilities(head: Head, features: Features, without: Sequence[str] = ()) -> Tensor:
    """`Head.probabilities`: the mean over the views of the softmax over all categories but those in `without`."""
    return head.probabilities(features, without)


def evaluate(old: Head, new: Head, features: Features, targets: Tensor, new_features: Features | None = None) -> Scores:
    """Score an edit of any kind, the one that changes old rows (fine-tuning of the whole head) included.

    Args:
        old: the head before the edit, C categories.
        new: the head after it: categories of `old` that it lacks were split, and those that it adds are the
            subcategories. It may be the outcome of several splits.
        features: (N, V, D).
        targets: (N,) the true category: 0 … C-1 for untouched clips, C + j for the j-th subcategory, -1 for
            clips to leave out. See `targets_of`.
        new_features: (N, V, D) where the edit changed the backbone too; `features` if not given.

    Raises:
        CatsplitError: shapes that don't fit; targets that name a split category or none at all; no clip for
            generality or for locality, or no untouched clip right before the edit.
    """
    gone, fresh = difference(old, new)
    targets = check_targets(targets, len(features), len(old), len(fresh), [old.index(label) for label in gone])
    new_features = features if new_features is None else new_features
    if len(new_features) != len(features):
        raise CatsplitError(f"{len(features)} clips need as many features after the edit, not {len(new_features)}.")
    before, after = probabilities(old, features, gone), probabilities(new, new_features)
    number = {label: old.index(label) for label in old.labels if label not in gone}
    number |= {label: len(old) + j for j, label in enumerate(fresh)}
    confidence, place = after.max(1)
    siblings = after[:, [new.index(label) for label in fresh]].argmax(1)
    predicted = torch.tensor([number[label] for label in new.labels])[place]
    return scores_of(gone, len(old), before.argmax(1), predicted, confidence, siblings, targets)


def targets_of(
    paths: Sequence[str],
    equivalent: Mapping[str, Iterable],
    unrelated: Mapping[str, Iterable],
    skipped: Sequence[str] = (),
) -> Tensor:
    """The targets (N,) of clips from the two sets of a split.

    Args:
        paths: the N clips in the order of the features.
        equivalent, unrelated: tables with columns "path" and "row".
        skipped: clips known to have no features; they are left out, and any other that has none is an error.

    Raises:
        CatsplitError: a clip of the sets has two targets, or no features without being in `skipped`.
    """
    place = {path: i for i, path in enumerate(paths)}
    if len(place) < len(paths):
        twice = next(path for i, path in enumerate(paths) if place[path] != i)
        raise CatsplitError(f"The features hold the clip {twice} twice: name each clip once.")
    targets = [-1] * len(place)
    known = set(skipped)
    for table in (equivalent, unrelated):
        for path, row in zip(table["path"], map(int, table["row"]), strict=True):
            if path not in place:
                if path in known:
                    continue
                raise CatsplitError(f"The clip {path} has no features: extract them, or name it in skipped.")
            if targets[place[path]] not in (-1, row):
                raise CatsplitError(f"The clip {path} has two targets, {targets[place[path]]} and {row}.")
            targets[place[path]] = row
    return torch.tensor(targets, dtype=torch.int64)


def interval(values: Sequence[float] | Tensor, level: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """Mean over the splits with a percentile bootstrap interval, in which the splits are drawn anew.

    Args:
        values: (splits,) or (seeds, splits); seeds are averaged first, because the question is what another
            choice of categories would give, and the seeds of one split are not independent of one another.

    Raises:
        CatsplitError: no values, or NaN among them.
    """
    table = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if table.size == 0 or not np.isfinite(table).all():
        raise CatsplitError("An interval needs at least one value and no NaN or infinity among them.")
    splits = table.mean(0)
    draws = np.random.default_rng(seed).integers(len(splits), size=(resamples, len(splits)))
    low, high = np.quantile(splits[draws].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(splits.mean()), float(low), float(high))


def calibration_error(scores: Scores, bins: int = 15) -> float:
    """Expected calibration error after the edit, over all clips with a target.

    Mean over equal-width bins of confidence, weighted by their clips, of |accuracy - mean confidence|.
    """
    used = scores.targets >= 0
    confidence = scores.confidence[used].double()
    right = (scores.after == scores.targets)[used].double()
    place = (confidence * bins).long().clamp_(max=bins - 1)
    gap = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, right - confidence)
    return float(gap.abs().sum() / used.sum())


def scores_of(
    gone: list[str],
    categories: int,
    before: Tensor,
    after: Tensor,
    confidence: Tensor,
    siblings: Tensor,
    targets: Tensor,
) -> Scores:
    names = ", ".join(f'"{label}"' for label in gone)
    equivalent, unrelated = targets >= categories, (targets >= 0) & (targets < categories)
    if not equivalent.any():
        raise CatsplitError(f"No clip of the subcategories of {names} is left: its generality can't be measured.")
    if not unrelated.any():
        raise CatsplitError(f"No untouched clip is left for the split of {names}: its locality can't be measured.")
    right_before = int((before == targets)[unrelated].sum())
    if not right_before:
        raise CatsplitError(
            f"Before the split of {names} no untouched clip was predicted right: locality can't be measured."
        )
    return Scores(
        generality=float((after == targets)[equivalent].double().mean()),
        locality=int((after == targets)[unrelated].sum()) / right_before,
        siblings=float((siblings + categories == targets)[equivalent].double().mean()),
        changed=float((before != after)[unrelated].double().mean()),
        equivalent=int(equivalent.sum()),
        unrelated=int(unrelated.sum()),
        before=before,
        after=after,
        confidence=confidence,
        targets=targets,
    )


def difference(old: Head, new: Head) -> tuple[list[str], list[str]]:
    """The categories that were split and their subcategories, each in the order of its head."""
    gone = [label for label in old.labels if label not in new]
    fresh = [label for label in new.labels if label not in old]
    if not gone or not fresh:
        raise CatsplitError("The new head must lack a category of the old one and have subcategories in its place.")
    return gone, fresh


def check_targets(targets: Tensor, clips: int, categories: int, new: int, gone: Sequence[int] = ()) -> Tensor:
    """The targets (N,) as integers; raises CatsplitError for a shape or a row that can't be.

    Args:
        clips, categories, new: N, the rows of the head before the edit, and those that the edit adds.
        gone: rows that were split.
    """
    targets = torch.as_tensor(targets).long()
    if targets.shape != (clips,):
        raise CatsplitError(f"{clips} clips need targets of shape ({clips},), not {tuple(targets.shape)}.")
    wrong = (targets < -1) | (targets >= categories + new) | torch.isin(targets, torch.tensor(gone, dtype=torch.int64))
    if wrong.any():
        clip = int(wrong.nonzero()[0])
        raise CatsplitError(
            f"Clip number {clip} has the target {int(targets[clip])}, but a target must be an untouched row "
            f"below {categories}, a new row below {categories + new}, or -1 to leave the clip out."
        )
    return targets
