"""Zero-shot rows by alignment, the paper's main method: a small network maps text to weight space.

The network g has one hidden layer of 384 units with GELU. It learns from pairs that the classifier itself
supplies (the paper): modifier text and modifier vector, label and row, concept and prototype. Then
the vector of a subcategory is g of its modifier's embedding. The pairs come from the untouched side of the
taxonomy, so g doesn't depend on which category is split, and one fit for each seed serves every split.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, gelu

from catsplit.errors import CatsplitError
from catsplit.head import Head, Rows
from catsplit.modifiers import Split, check_groups, new_rows
from catsplit.recipe import Descent, Progress, Recipe
from catsplit.text import Encode, embed
from catsplit.threads import one_thread


@dataclass(frozen=True, eq=False)
class Alignment:
    """A fitted map from text embeddings to weight space, for S seeds.

    Attributes:
        method: "alignment" or "ridge".
        seeds: the S seeds; (0,) for the ridge regression, which has none.
        map: embeddings (T, n) to vectors (S, T, D).
        epochs: (S,) epochs run.
        cosine: (S,) mean cosine on the training pairs, of the map as it is kept.
    """

    method: str
    seeds: tuple[int, ...]
    map: Callable[[Tensor], Tensor]
    epochs: Tensor
    cosine: Tensor

    def rows(self, head: Head, split: Split, encode: Encode, *, seed: int | None = None) -> Rows:
        """Rows w_c + g(modifier text) of the split, from one seed's network (the first, if not given).

        Raises:
            HeadError: the split doesn't fit the head.
            CatsplitError: there was no fit of that seed; as `text.embed`.
        """
        seed = self.seeds[0] if seed is None else seed
        if seed not in self.seeds:
            raise CatsplitError(f"Seed {seed} was not fitted: choose among {self.seeds} or fit again.")
        vectors = self.map(embed(encode, split.modifiers))[self.seeds.index(seed)]
        return new_rows(head, split, vectors, [{"method": self.method, "seed": seed}] * len(vectors))


def pairs(head: Head, groups: Mapping[str, Sequence[str]], modifiers: Mapping[str, str]) -> tuple[list[str], Tensor]:
    """The P training pairs: texts, and the vectors (P, D) that they stand for.

    Every group of two or more gives its concept with the prototype and, for each member, the label with the
    row and the modifier text with the modifier vector; a group of one gives its label with its row.

    Raises:
        HeadError: as for `Dictionary.from_head`.
    """
    check_groups(head, groups, modifiers)
    found: list[tuple[str, Tensor]] = []
    for group, labels in groups.items():
        if len(labels) == 1:
            found.append((labels[0], head[labels[0]]))
            continue
        prototype = head.mean(labels)
        found.append((group, prototype))
        for label in labels:
            found += [(label, head[label]), (modifiers[label], head[label] - prototype)]
    return [text for text, _ in found], torch.stack([vector for _, vector in found])


@one_thread()
def fit(
    head: Head,
    groups: Mapping[str, Sequence[str]],
    modifiers: Mapping[str, str],
    encode: Encode,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    hidden: int = 384,
    epochs: int = 100,
    batch: int = 10,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.01,
    patience: int = 5,
    gain: float = 1e-3,
) -> Alignment:
    """Fit the network to the pairs of the head, for all seeds in one go.

    As published: mean squared error; AdamW; cosine annealing over `epochs`; shuffled batches; after each
    epoch the mean cosine between output and target over all pairs enters a moving average (0.95); a seed
    stops after `patience` epochs in which the average gains less than `gain` over its best, and goes back to
    its best epoch. Embeddings enter as the encoder gives them, not normalised.

    Args:
        groups: {concept: its fine-grained categories} of the untouched side, groups of one included.
        modifiers: {fine-grained category: its modifier text}.
        encode: list of T texts to embeddings (T, n).
        seeds: S of them; each decides its network's first weights and its shuffling, whatever the others are.

    Raises:
        HeadError: as for `pairs`.
        CatsplitError: no seeds; as `text.embed`.
    """
    if not seeds:
        raise CatsplitError("An alignment needs one seed or more.")
    texts, y = pairs(head, groups, modifiers)
    x = embed(encode, texts)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    first = [first_weights(x.shape[1], hidden, head.dim, generator) for generator in generators]
    weights = [torch.stack(tensors) for tensors in zip(*first, strict=True)]
    best = [tensor.clone() for tensor in weights]
    for tensor in weights:
        tensor.grad = torch.zeros_like(tensor)
    recipe = Recipe(learning_rate, weight_decay, epochs=epochs, patience=patience, gain=gain)
    descent, progress = Descent(weights, recipe), Progress(len(seeds), recipe, back=True)
    while progress.active.any():
        order = torch.stack([torch.randperm(len(x), generator=generator) for generator in generators])
        shuffled_x, shuffled_y = x[order], y[order]
        for at in range(0, len(x), batch):
            _gradients(weights, shuffled_x[:, at : at + batch], shuffled_y[:, at : at + batch])
            descent.step()
        descent.end_epoch()
        # Seeds that have stopped go on in the common products, but nothing of them is kept.
        better = progress.add(-cosine_similarity(_network(weights, x), y, dim=-1).mean(1))
        for kept, tensor in zip(best, weights, strict=True):
            kept[better] = tensor[better]

    def apply(embeddings: Tensor) -> Tensor:
        return _network(best, embeddings)

    return Alignment("alignment", tuple(seeds), apply, progress.ran, cosine_similarity(apply(x), y, dim=-1).mean(1))


def ridge(
    head: Head,
    groups: Mapping[str, Sequence[str]],
    modifiers: Mapping[str, str],
    encode: Encode,
    *,
    penalty: float = 0.01,
) -> Alignment:
    """Ridge regression in the network's place, beyond the paper: the same pairs, closed form, no seed.

    Minimises the sum over the pairs of |W·(x - mean x) - (y - mean y)|² + penalty · |W|².

    Raises:
        HeadError: as for `pairs`.
        CatsplitError: as `text.embed`.
    """
    texts, y = pairs(head, groups, modifiers)
    x = embed(encode, texts).double()
    middle_x, middle_y = x.mean(0), y.double().mean(0)
    centred = x - middle_x
    # Fewer pairs than dimensions: the P x P system is the smaller one.
    kernel = centred @ centred.T + penalty * torch.eye(len(x), dtype=x.dtype)
    weight = centred.T @ torch.linalg.solve(kernel, y.double() - middle_y)

    def apply(embeddings: Tensor) -> Tensor:
        return ((embeddings.double() - middle_x) @ weight + middle_y).float()[None]

    cosine = cosine_similarity(apply(x), y, dim=-1).mean(1)
    return Alignment("ridge", (0,), apply, torch.zeros(1, dtype=torch.int64), cosine)


def first_weights(n: int, hidden: int, dim: int, generator: torch.Generator) -> list[Tensor]:
    """Weights and biases of both layers as `nn.Linear` draws them: uniform within 1/sqrt(inputs) of zero."""
    shapes = [((n, hidden), n), ((1, hidden), n), ((hidden, dim), hidden), ((1, dim), hidden)]
    return [(torch.rand(shape, generator=generator) * 2 - 1) / inputs**0.5 for shape, inputs in shapes]


def _network(weights: list[Tensor], x: Tensor) -> Tensor:
    """Outputs (S, T, D) of S networks for embeddings (T, n)."""
    inner, inner_bias, outer, outer_bias = weights
    return gelu(x.float() @ inner + inner_bias) @ outer + outer_bias


def _gradients(weights: list[Tensor], x: Tensor, y: Tensor) -> None:
    """Put the gradients of S networks' mean squared errors on batches (S, B, n), (S, B, D) into `.grad`.

    By hand and into the same memory each time, which for matrices as small as these is several times faster
    than autograd's fresh ones.
    """
    inner, inner_bias, outer, outer_bias = weights
    before = torch.baddbmm(inner_bias, x, inner)
    active = gelu(before)
    error = torch.baddbmm(outer_bias, active, outer).sub_(y).mul_(2 / y[0].numel())
    torch.sum(error, 1, keepdim=True, out=outer_bias.grad)
    torch.bmm(active.mT, error, out=outer.grad)
    error = torch.ops.aten.gelu_backward(torch.bmm(error, outer.mT), before)
    torch.sum(error, 1, keepdim=True, out=inner_bias.grad)
    torch.bmm(x.mT, error, out=inner.grad)
