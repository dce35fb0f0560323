"""The scores of `catsplit.metrics` for many splits of one head, at the cost of their new columns only.

With z the old logits of one view, c the coarse category and n the new logits, an old category y has before
and after the edit the probabilities exp z_y / (T - exp z_c) and exp z_y / (T - exp z_c + sum exp n), where T
is the sum of exp z over the old categories. exp z and T are the same for every split, so they are computed
once; each split costs its k new columns and one weighted sum over the views.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.metrics import Features, Scores, as_features, check_finite, check_targets, difference, scores_of


class Evaluator:
    """Scores of many edits of one head on the same clips; the old rows' share is computed once, at the start.

    Holds the exponentials of the old logits: 4·V·N·C bytes, 71 MB for the validation clips of SSv2-Split A
    with six views. The features are read as they lie, so a memory-mapped array stays on the disk.

    Args:
        head: the head before the edits, C categories.
        features: (N, V, D).
        chunk: clips at a time; it bounds the temporary memory and keeps the work in the processor's cache.

    Raises:
        CatsplitError: features of another shape or width, or with NaN or infinity in them.
    """

    def __init__(self, head: Head, features: Features, chunk: int = 512) -> None:
        self.head, self._features, self._chunk = head, as_features(head, features), chunk
        clips, views, _ = self._features.shape
        # Views outermost: a sum over views is then a few passes over contiguous (n, C) blocks.
        self._exp = torch.empty(views, clips, len(head))
        self._shift, self._sum = torch.empty(views, clips), torch.empty(views, clips)
        self._top = torch.empty(views, clips, dtype=torch.int64)
        for at in self._chunks():
            logits = head.logits(self._features[at])
            check_finite(logits, at.start)
            logits = logits.transpose(0, 1)
            self._shift[:, at], self._top[:, at] = logits.max(-1)
            self._exp[:, at] = (logits - self._shift[:, at, None]).exp_()
            self._sum[:, at] = self._exp[:, at].sum(-1)

    def score(self, edits: Sequence[Head], targets: Tensor) -> list[Scores]:
        """Score edits that split one category into the same subcategories: several seeds, or several methods.

        Args:
            edits: heads that `Head.split` made of `self.head`.
            targets: (N,) as for `evaluate`.

        Raises:
            CatsplitError: as for `evaluate`; or an edit changed old rows, or the edits' labels differ.
        """
        if not edits:
            return []
        gone, fresh = difference(self.head, edits[0])
        rows = [self.head.index(label) for label in gone]
        targets = check_targets(len(self._features), len(self.head), rows, fresh, targets)
        weight, bias = self._new_columns(edits, gone)
        dropped = torch.tensor(rows)
        clips, (count, k) = self._features.shape[0], bias.shape
        before = torch.empty(clips, dtype=torch.int64)
        after, siblings = (torch.empty(count, clips, dtype=torch.int64) for _ in range(2))
        confidence = torch.empty(count, clips)
        for at in self._chunks():
            exp, shift, total = self._without(at, dropped)
            new = self._features[at].float() @ weight.T + bias.flatten()
            new = new.unflatten(-1, (count, k)).permute(2, 1, 0, 3)
            _, before[at] = _mix(exp, 1 / total, dropped)
            # One shift for old and new logits together, or a large new logit would overflow.
            joint = torch.maximum(shift, new.amax(-1))
            new = (new - joint[..., None]).exp_()
            scale = (shift - joint).exp_()
            denominator = scale * total + new.sum(-1)
            scale /= denominator
            best_new, siblings[:, at] = (new / denominator[..., None]).mean(1).max(-1)
            for edit in range(count):
                best, place = _mix(exp, scale[edit], dropped)
                wins = best_new[edit] > best
                after[edit, at] = torch.where(wins, siblings[edit, at] + len(self.head), place)
                confidence[edit, at] = torch.where(wins, best_new[edit], best)
        return [
            scores_of(gone, len(self.head), before, after[edit], confidence[edit], siblings[edit], targets)
            for edit in range(count)
        ]

    def _chunks(self) -> list[slice]:
        return [slice(start, start + self._chunk) for start in range(0, len(self._features), self._chunk)]

    def _without(self, at: slice, dropped: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Exponentials (V, n, C), their shift (V, n), and their sum (V, n) over all but `dropped`."""
        exp, shift = self._exp[:, at], self._shift[:, at]
        total = self._sum[:, at] - exp[..., dropped].sum(-1)
        # Where a dropped category was on top, the subtraction would cancel and the rest may have underflowed.
        hit = torch.isin(self._top[:, at], dropped)
        if hit.any():
            logits = self.head.logits(self._features[at].transpose(0, 1)[hit])
            logits[:, dropped] = -torch.inf
            exp, shift = exp.clone(), shift.clone()
            shift[hit] = logits.amax(-1)
            exp[hit] = (logits - shift[hit][:, None]).exp_()
            total[hit] = exp[hit].sum(-1)
        return exp, shift, total

    def _new_columns(self, edits: Sequence[Head], gone: list[str]) -> tuple[Tensor, Tensor]:
        kept = [row for row, label in enumerate(self.head.labels) if label not in gone]
        old_weight, old_bias = self.head.weight[kept], self.head.bias[kept]
        weights, biases = [], []
        for edit in edits:
            if edit.labels != edits[0].labels:
                raise CatsplitError("The edits scored together must have the same labels in the same order.")
            weight, bias = edit.weight, edit.bias
            if not (torch.equal(weight[: len(kept)], old_weight) and torch.equal(bias[: len(kept)], old_bias)):
                raise CatsplitError("An edit that changed old rows can't take the fast path: use metrics.evaluate.")
            weights.append(weight[len(kept) :])
            biases.append(bias[len(kept) :])
        return torch.cat(weights), torch.stack(biases)


def _mix(exp: Tensor, weight: Tensor, dropped: Tensor) -> tuple[Tensor, Tensor]:
    """The largest entry, and its place, of the mean over views of `weight` (V, n) times `exp` (V, n, C)."""
    mixed = exp[0] * weight[0, :, None]
    for view in range(1, len(exp)):
        mixed.addcmul_(exp[view], weight[view, :, None])
    mixed[:, dropped] = -1
    best, place = mixed.max(1)
    return best / len(exp), place
