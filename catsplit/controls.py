"""Controls: what a split scores when its rows know nothing of the modifiers, and when they know all.

Every one returns `Rows` for `Head.split`, as the methods do. A method has shown something where it beats
`copies`, `random_vectors` and `random_entries`; `oracle` shows what the features would allow.
"""

import torch
from torch import Tensor

from catsplit.errors import HeadError
from catsplit.head import Head, Rows
from catsplit.metrics import check_targets
from catsplit.modifiers import Dictionary, Split, check_split, new_rows
from catsplit.rows import Features, as_features


def copies(head: Head, split: Split, *, noise: float = 1e-3, seed: int = 0) -> Rows:
    """Copies of the coarse row, each with a little noise of its own.

    Exact copies tie on every clip, and an argmax gives a tie to the first sibling, or to whichever one the
    rounding of a matrix product favours: a score of the order of the labels. The noise breaks ties by a
    seeded draw instead. One draw favours some direction of the features for all clips, so report the mean of
    several seeds: among siblings it comes near 1/k, the expectation under random choice.

    Args:
        noise: length of the added vector, as a share of the coarse row's length; 0 for exact copies.
        seed: of the draw.

    Raises:
        HeadError: the split doesn't fit the head.
    """
    check_split(head, split)
    row = head[split.coarse]
    generator = torch.Generator().manual_seed(seed)
    vectors = _directions(len(split.subcategories), head.dim, generator) * row.norm() * noise
    return new_rows(head, split, vectors, [{"method": "copies", "seed": seed}] * len(vectors))


def random_vectors(head: Head, split: Split, dictionary: Dictionary, *, seed: int = 0) -> Rows:
    """The coarse row plus vectors of random direction, each as long as a random entry of the dictionary.

    Raises:
        HeadError: the split doesn't fit the head.
    """
    check_split(head, split)
    k = len(split.subcategories)
    generator = torch.Generator().manual_seed(seed)
    lengths = dictionary.vectors.norm(dim=1)[torch.randint(len(dictionary), (k,), generator=generator)]
    vectors = _directions(k, head.dim, generator) * lengths[:, None]
    return new_rows(head, split, vectors, [{"method": "random_vectors", "seed": seed}] * k)


def random_entries(head: Head, split: Split, dictionary: Dictionary, *, seed: int = 0) -> Rows:
    """The coarse row plus entries of the dictionary drawn at random, none of them twice.

    Raises:
        HeadError: the split doesn't fit the head, or has more siblings than the dictionary has entries.
    """
    check_split(head, split)
    k = len(split.subcategories)
    if k > len(dictionary):
        raise HeadError(f'"{split.coarse}" has {k} subcategories, but the dictionary only {len(dictionary)}.')
    drawn = torch.randperm(len(dictionary), generator=torch.Generator().manual_seed(seed))[:k].tolist()
    origins = [{"method": "random_entries", "source": dictionary.labels[i], "seed": seed} for i in drawn]
    return new_rows(head, split, dictionary.vectors[drawn], origins)


def oracle(
    head: Head, split: Split, features: Features, targets: Tensor, *, penalty: float = 1e-3, steps: int = 200
) -> Rows:
    """The k rows and biases that fit training clips best inside the edited label space; the rest is frozen.

    Minimises the mean cross-entropy over the old categories without c and the k new ones, plus
    penalty/2 · |change from the coarse row|². The problem is convex and L-BFGS solves it in full batches, so
    there is no seed and no learning rate. Clips of untouched categories may be among the training clips: they
    hold the new rows back, and locality up.

    Args:
        features: (N, V, D) of training clips; every view counts as an example.
        targets: (N,) as for `metrics.evaluate`; clips of untouched categories may be among them.
        penalty: weight of the ridge penalty on rows and biases.
        steps: iterations of L-BFGS at most.

    Raises:
        HeadError: the split doesn't fit the head, or a subcategory has no training clip.
        CatsplitError: features of the wrong shape, or targets that can't be, those of the coarse category among them.
    """
    check_split(head, split)
    features = as_features(head.dim, features).float()
    k, coarse = len(split.subcategories), head.index(split.coarse)
    targets = check_targets(targets, len(features), len(head), k, [coarse])
    features, targets = features[targets >= 0], targets[targets >= 0]
    for j, label in enumerate(split.subcategories):
        if not (targets == len(head) + j).any():
            raise HeadError(f'The subcategory "{label}" of "{split.coarse}" has no training clip: add some.')
    views = features.shape[1]
    x, y = features.flatten(0, 1), targets.repeat_interleave(views)
    old = head.logits(x)
    old[:, coarse] = -torch.inf
    # The frozen rows enter the loss through two numbers for each view: their share of the sum, and the target's logit.
    frozen, fine = old.logsumexp(1), y >= len(head)
    wanted = torch.where(fine, 0.0, old.gather(1, y.clamp(max=len(head) - 1)[:, None])[:, 0])
    of_new, place = fine.nonzero()[:, 0], y[fine] - len(head)
    change = torch.zeros(k, head.dim + 1, requires_grad=True)
    start, bias = head[split.coarse], head.bias[coarse]
    optimizer = torch.optim.LBFGS([change], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        new = x @ (start + change[:, :-1]).T + bias + change[:, -1]
        right = wanted.sum() + new[of_new, place].sum()
        loss = (torch.logaddexp(frozen, new.logsumexp(1)).sum() - right) / len(y)
        loss = loss + penalty / 2 * change.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    change = change.detach()
    rows = new_rows(head, split, change[:, :-1], [{"method": "oracle", "clips": len(targets)}] * k)
    rows.biases = dict(zip(split.subcategories, bias + change[:, -1], strict=True))
    return rows


def _directions(count: int, dim: int, generator: torch.Generator) -> Tensor:
    vectors = torch.randn(count, dim, generator=generator)
    return vectors / vectors.norm(dim=1, keepdim=True)
