"""Zero-shot rows by retrieval: each subcategory takes the vector of the dictionary entry nearest in text.

The paper writes an argmax for each target. The published protocol, and the default here, is a
greedy one-to-one matching: the largest similarity of the whole table is taken first, its target and its entry
leave the table, and so on, so that no entry serves two siblings.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head, Rows
from catsplit.modifiers import Dictionary, Split, check_split, new_rows
from catsplit.text import Encode, embed

TIE = 1e-6


def similarities(
    split: Split, dictionary: Dictionary, encode: Encode, *, alpha: float = 0.5, beta: float = 0.5
) -> Tensor:
    """S (k, M): alpha · cos(modifier texts) + beta · cos(full labels), of k subcategories and M entries.

    Args:
        encode: list of T texts to embeddings (T, n), normalised here.

    Raises:
        CatsplitError: as `text.embed`.
    """

    def cosines(targets: Sequence[str], entries: Sequence[str]) -> Tensor:
        return normalize(embed(encode, targets), dim=1) @ normalize(embed(encode, entries), dim=1).T

    modifiers = cosines(split.modifiers, dictionary.modifiers)
    return alpha * modifiers + beta * cosines(split.subcategories, dictionary.labels)


def retrieve(
    head: Head,
    split: Split,
    dictionary: Dictionary,
    encode: Encode,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    matching: Literal["one-to-one", "argmax", "coherent"] = "one-to-one",
    ties: Literal["random", "first"] = "random",
    seed: int = 0,
) -> Rows:
    """Rows w_c + v of the entries that match best, with entry and similarity as each row's origin.

    Args:
        encode: list of T texts to embeddings (T, n).
        alpha, beta: weights of the modifiers' and of the full labels' similarity.
        matching: "one-to-one", the published protocol; "argmax", the paper's text: each target for itself, so
            that siblings may get the same row; "coherent", beyond the paper: one group of the dictionary
            supplies all siblings, the one whose one-to-one matching has the largest sum.
        ties: similarities less than 1e-6 below the largest are equal to it. Identical modifier texts make
            ties common, and where the dictionary's order agrees with the siblings' order, "first" turns a
            tie into the right answer. So equals are drawn at random, from `seed`: report several seeds.
            "first" is the published code's rule: the first in the order of the subcategories, then of the
            dictionary.
        seed: of the draws among equals.

    Returns:
        Rows: `rows.origins[subcategory]` holds "source" (the entry's label), "source_modifier" and "score".

    Raises:
        HeadError: the split doesn't fit the head; more subcategories than entries ("coherent": than any group
            has).
        CatsplitError: another matching or tie rule; as `text.embed`.
    """
    check_split(head, split)
    if matching not in ("one-to-one", "argmax", "coherent") or ties not in ("random", "first"):
        raise CatsplitError(f'There is no matching "{matching}" with ties "{ties}": see retrieval.retrieve.')
    k = len(split.subcategories)
    every, where = list(range(len(dictionary))), "the dictionary"
    pools = [every]
    if matching == "coherent":
        pools = [[i for i in every if dictionary.groups[i] == group] for group in dict.fromkeys(dictionary.groups)]
        where = "the largest group of the dictionary"
    largest = max(map(len, pools))
    if matching != "argmax" and k > largest:
        raise HeadError(f'"{split.coarse}" has {k} subcategories, but {where} only {largest} entries.')
    table = similarities(split, dictionary, encode, alpha=alpha, beta=beta)
    generator = torch.Generator().manual_seed(seed) if ties == "random" else None
    if matching == "argmax":
        matches = [_largest(row[None], generator)[1] for row in table]
    else:
        found = [[pool[i] for i in _one_to_one(table[:, pool], generator)] for pool in pools if len(pool) >= k]
        sums = torch.stack([table[range(k), chosen].sum() for chosen in found])
        matches = found[_largest(sums[None], generator)[1]]
    origins = [
        {
            "method": "retrieval",
            "source": dictionary.labels[i],
            "source_modifier": dictionary.modifiers[i],
            "score": float(table[target, i]),
        }
        for target, i in enumerate(matches)
    ]
    return new_rows(head, split, dictionary.vectors[matches], origins)


def _one_to_one(table: Tensor, generator: torch.Generator | None) -> list[int]:
    """The column matched to each row of `table` (k, M), k <= M, by taking the largest cell k times."""
    table, matches = table.clone(), [0] * len(table)
    for _ in range(len(table)):
        row, column = _largest(table, generator)
        matches[row] = column
        table[row], table[:, column] = -torch.inf, -torch.inf
    return matches


def _largest(table: Tensor, generator: torch.Generator | None) -> tuple[int, int]:
    """Row and column of the largest cell; of cells equal to it, the first or a random one."""
    equal = (table >= table.max() - TIE).nonzero()
    place = 0 if generator is None else int(torch.randint(len(equal), (), generator=generator))
    return tuple(equal[place].tolist())
