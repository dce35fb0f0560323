"""The scores of `catsplit.metrics` for many splits of one head, at the cost of their new columns only.

With z the old logits of one view, T the sum of exp z, c the coarse category and n the new logits, an old category y
has before the edit the probability exp z_y / (T - exp z_c), and after it exp z_y / (T - exp z_c + sum exp n). exp z
and T are the same for every split, so they are computed once.

What is left is the mean over the views and the argmax over all old categories. An edit only changes by which factor
each view counts, compared with exp z_y / T. If R is the largest of these factors among the views of a clip, then no
category's probability exceeds R times its mean of exp z_y / T. So the category that leads these means is the one
predicted whenever its own probability is above R times the second's mean, and nothing has to be summed for the
others. Only the clips without such a lead take the long way.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.metrics import Scores, check_targets, difference, scores_of
from catsplit.rows import Features, as_features, check_finite

# Leads that rounding in float32 could overturn are not taken for leads.
MARGIN = 1 + 1e-4


class Evaluator:
    """Scores of many edits of one head on the same clips; the old rows' share is computed once, at the start.

    Holds the old logits: 4·V·N·C bytes, 71 MB for the validation clips of SSv2-Split A with six views. The features
    are read as they lie, so a memory-mapped array stays on the disk.

    Args:
        head: the head before the edits, C categories.
        features: (N, V, D).
        chunk: clips at a time; it bounds the temporary memory.

    Raises:
        CatsplitError: features of another shape or width, or with NaN or infinity in them.
    """

    def __init__(self, head: Head, features: Features, chunk: int = 4096) -> None:
        self.head, self._features, self._chunk = head, as_features(head.dim, features), chunk
        clips, views, _ = self._features.shape
        # Views outermost and clips next: what is summed over views is then a sum of long vectors.
        self._logits = torch.empty(views, clips, len(head))
        self._shift, self._total = torch.empty(views, clips), torch.empty(views, clips)
        # The three categories that lead the mean of exp z_y / T: one of them may be c.
        self._lead, self._leader = torch.zeros(clips, 3), torch.zeros(clips, 3, dtype=torch.int64)
        for at in self._chunks():
            logits = head.logits(self._features[at])
            check_finite(logits, range(at.start, at.stop))
            self._logits[:, at] = logits.transpose(0, 1)
            exp, self._shift[:, at], self._total[:, at] = _exponentials(self._logits[:, at])
            lead, leader = _mix(exp, 1 / self._total[:, at]).topk(min(3, len(head)))
            self._lead[at, : lead.shape[1]], self._leader[at, : lead.shape[1]] = lead, leader

    def score(self, edits: Sequence[Head], targets: Tensor) -> list[Scores]:
        """Score edits that split one category into the same subcategories: several seeds, or several methods.

        Args:
            edits: heads that `Head.split` made of `self.head`.
            targets: (N,) as for `evaluate`.

        Raises:
            CatsplitError: as for `evaluate`; or an edit changed old rows, or the edits' labels differ.
        """
        return self.score_splits([(edits, targets)])[0] if edits else []

    def score_splits(self, jobs: Sequence[tuple[Sequence[Head], Tensor]]) -> list[list[Scores]]:
        """`score` for the edits and targets of several splits: one pass over the features serves them all.

        Raises:
            CatsplitError: as for `score`, or a split without any edit.
        """
        work = [self._checked(edits, targets) for edits, targets in jobs]
        if not work:
            return []
        weight, bias = (torch.cat([getattr(job, name).flatten(0, 1) for job in work]) for name in ("weight", "bias"))
        parts: list[list[tuple[Tensor, ...]]] = [[] for _ in work]
        for at in self._chunks():
            # Clips innermost, so that what is summed over siblings and views is a sum of long vectors.
            new = linear(self._features[at].float(), weight, bias).permute(2, 1, 0).contiguous()
            columns = new.split([job.bias.numel() for job in work])
            for job, part, own in zip(work, parts, columns, strict=True):
                part.append(self._predict(at, job.dropped, own.unflatten(0, job.bias.shape)))
        found = []
        for job, part in zip(work, parts, strict=True):
            before, *rest = (torch.cat(pieces, -1) for pieces in zip(*part, strict=True))
            found.append(
                [
                    scores_of(job.gone, len(self.head), before, after, confidence, sibling, job.targets)
                    for after, sibling, confidence in zip(*rest, strict=True)
                ]
            )
        return found

    def _predict(self, at: slice, dropped: Tensor, new: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Categories before (n,) and after (edits, n), best siblings and confidences (edits, n) of the clips `at`.

        Args:
            dropped: rows of the categories that were split.
            new: (edits, k, V, n) the new logits.
        """
        logits, shift, total = self._logits[:, at], self._shift[:, at], self._total[:, at]
        gone = (logits[..., dropped] - shift[..., None]).exp()
        kept = total - gone.sum(-1)
        scale, of_new = _after(new, shift, kept)
        allowed = ~torch.isin(self._leader[at], dropped)
        first = allowed.int().argmax(1, keepdim=True)
        second = allowed.scatter(1, first, False).int().argmax(1, keepdim=True)
        leader = self._leader[at].gather(1, first)[:, 0]
        of_leader = (logits.gather(2, leader.expand(len(logits), -1)[..., None])[..., 0] - shift).exp()
        # Before the edit and after each of them.
        scales = torch.cat([1 / kept[None], scale])
        of_old = (of_leader * scales).mean(1)
        bound = MARGIN * self._lead[at].gather(1, second)[:, 0] * (total * scales).amax(1)
        # Where c is on top of a view, `kept` may have cancelled.
        sure = (of_old > bound).all(0) & (allowed.sum(1) > 1) & (gone < 1).all(2).all(0)
        of_old = of_old[1:]
        before, old = leader, leader.repeat(len(new), 1)
        hard = (~sure).nonzero()[:, 0]
        before[hard], old[:, hard], of_old[:, hard], of_new[..., hard] = _the_long_way(
            logits[:, hard], dropped, new[..., hard]
        )
        of_new, sibling = of_new.max(1)
        after = torch.where(of_new > of_old, sibling + len(self.head), old)
        return before, after, sibling, torch.maximum(of_new, of_old)

    def _chunks(self) -> list[slice]:
        return [slice(start, start + self._chunk) for start in range(0, len(self._features), self._chunk)]

    def _checked(self, edits: Sequence[Head], targets: Tensor) -> "_Job":
        if not edits:
            raise CatsplitError("There is no edit to score: give one edited head or more.")
        gone, fresh = difference(self.head, edits[0])
        dropped = [self.head.index(label) for label in gone]
        targets = check_targets(targets, len(self._features), len(self.head), len(fresh), dropped)
        kept = [row for row, label in enumerate(self.head.labels) if label not in gone]
        old_weight, old_bias = self.head.weight[kept], self.head.bias[kept]
        weights, biases = [], []
        for edit in edits:
            if edit.labels != edits[0].labels:
                raise CatsplitError("The edits scored together must have the same labels in the same order.")
            weight, bias = edit.weight, edit.bias
            if not (torch.equal(weight[: len(kept)], old_weight) and torch.equal(bias[: len(kept)], old_bias)):
                raise CatsplitError("An edit that changed old rows has no fast path: use metrics.evaluate.")
            weights.append(weight[len(kept) :])
            biases.append(bias[len(kept) :])
        return _Job(gone, torch.tensor(dropped), torch.stack(weights), torch.stack(biases), targets)


class _Job(NamedTuple):
    """One split's part of the work: what was split, and the new rows (edits, k, D) and biases (edits, k)."""

    gone: list[str]
    dropped: Tensor
    weight: Tensor
    bias: Tensor
    targets: Tensor


def _exponentials(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """exp(z - shift) (V, n, C) of logits (V, n, C), the shift (V, n), which is the largest z, and the sum (V, n)."""
    shift = logits.amax(-1)
    exp = (logits - shift[..., None]).exp_()
    return exp, shift, exp.sum(-1)


def _after(new: Tensor, shift: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """What an edit makes of the probabilities.

    Args:
        new: (edits, k, V, n) the new logits.
        shift, kept: (V, n) the shift of the old exponentials, and their sum without the split categories.

    Returns:
        The factors (edits, V, n) that turn old exponentials into probabilities, and the mean probabilities
        (edits, k, n) of the new categories.
    """
    # One shift for old and new logits together, or a large new logit would overflow.
    joint = torch.maximum(shift, new.amax(1))
    exp = (new - joint[:, None]).exp_()
    scale = (shift - joint).exp_()
    total = scale * kept + exp.sum(1)
    return scale.div_(total), exp.div_(total[:, None]).mean(2)


def _mix(exp: Tensor, weight: Tensor) -> Tensor:
    """The mean (n, C) over views of `exp` (V, n, C) times `weight` (V, n)."""
    mixed = exp[0] * weight[0, :, None]
    for view in range(1, len(exp)):
        mixed.addcmul_(exp[view], weight[view, :, None])
    return mixed.div_(len(exp))


def _the_long_way(logits: Tensor, dropped: Tensor, new: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Best old categories before (m,) and after (edits, m), its probability, and those of the new (edits, k, m)."""
    logits[..., dropped] = -torch.inf
    exp, shift, kept = _exponentials(logits)
    scale, of_new = _after(new, shift, kept)
    of_old, old = zip(*(_mix(exp, weight).max(1) for weight in scale), strict=True)
    return _mix(exp, 1 / kept).argmax(1), torch.stack(old), torch.stack(of_old), of_new
