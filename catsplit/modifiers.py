"""The modifier dictionary: what tells a fine-grained category from its siblings, as a vector in weight space.

A subcategory is a coarse concept and a modifier: "Pushing something from left to right" is "Pushing
something" and "from left to right". The fine-grained categories that the head already knows are grouped by
their concept; a group's prototype is the mean of its members' rows, and the modifier vector of a member is
its row minus the prototype (the paper). A new row is the coarse category's row plus such a vector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from catsplit.errors import HeadError
from catsplit.head import Head, Rows
from catsplit.words.splits import Split


@dataclass(frozen=True, eq=False)
class Dictionary:
    """M modifier vectors read from a head.

    Attributes:
        labels: full label text of each entry, t_y.
        modifiers: its modifier text, t_m.
        groups: the pseudo-coarse category that each entry belongs to.
        vectors: (M, D), v_m: the entry's row minus the prototype of its group.
    """

    labels: tuple[str, ...]
    modifiers: tuple[str, ...]
    groups: tuple[str, ...]
    vectors: Tensor

    @classmethod
    def from_head(cls, head: Head, groups: Mapping[str, Sequence[str]], modifiers: Mapping[str, str]) -> "Dictionary":
        """Read the modifier vectors of every group of two or more; groups of one have no modifier.

        Args:
            groups: {pseudo-coarse text: its fine-grained categories}, all of them labels of the head; the
                `untouched_groups` of a taxonomy.
            modifiers: {fine-grained category: its modifier text}.

        Raises:
            HeadError: a member isn't a label of the head, is in two groups or has no modifier text; or no
                group has two members.
        """
        check_groups(head, groups, modifiers)
        members = [(group, label) for group, labels in groups.items() if len(labels) > 1 for label in labels]
        vectors = torch.stack([head[label] - head.mean(groups[group]) for group, label in members])
        names = tuple(label for _, label in members)
        texts = tuple(modifiers[label] for label in names)
        return cls(names, texts, tuple(group for group, _ in members), vectors)

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, entries: Sequence[int]) -> "Dictionary":
        """A dictionary of some entries by number; their vectors stay as they are, and so the prototypes.

        Raises:
            HeadError: no entry is left.
        """
        if len(entries) == 0:
            raise HeadError("A dictionary needs one entry or more, but none is left.")
        numbers = [int(entry) for entry in entries]
        names = ([texts[i] for i in numbers] for texts in (self.labels, self.modifiers, self.groups))
        return Dictionary(*map(tuple, names), self.vectors[numbers])


def check_groups(head: Head, groups: Mapping[str, Sequence[str]], modifiers: Mapping[str, str]) -> None:
    """Raise HeadError unless all members are labels of the head, each in one group, with modifiers to learn from."""
    seen: dict[str, str] = {}
    for group, labels in groups.items():
        if not labels:
            raise HeadError(f'The group "{group}" is empty: leave it out.')
        for label in labels:
            head.index(label)
            if label in seen:
                raise HeadError(f'"{label}" is in the groups "{seen[label]}" and "{group}": keep it in one.')
            seen[label] = group
            if len(labels) > 1 and not modifiers.get(label, "").strip():
                raise HeadError(f'"{label}" of the group "{group}" has no modifier text: add one.')
    if not any(len(labels) > 1 for labels in groups.values()):
        raise HeadError(
            f"None of the {len(groups)} groups has two members, so there is no modifier to learn from: "
            "group fine-grained categories that share a concept."
        )


def new_rows(head: Head, split: Split, vectors: Tensor, origins: Sequence[Mapping[str, Any]]) -> Rows:
    """Rows w_c + v_j from the vectors (k, D) of the k subcategories, with an origin for each.

    Raises:
        HeadError: the coarse category isn't there, or its subcategories, modifiers and vectors don't match.
    """
    check_split(head, split)
    if vectors.shape != (len(split.subcategories), head.dim):
        expected = (len(split.subcategories), head.dim)
        raise HeadError(f'The vectors for "{split.coarse}" must be {expected}, not {tuple(vectors.shape)}.')
    return named_rows(split, head[split.coarse] + vectors, origins)


def named_rows(
    split: Split, weight: Tensor, origins: Sequence[Mapping[str, Any]], bias: Tensor | None = None
) -> Rows:
    """The rows of a split from their weight (k, D) and, if they have their own, bias (k,), with an origin for each."""
    described = [{**origin, "modifier": text} for origin, text in zip(origins, split.modifiers, strict=True)]
    rows, told = (dict(zip(split.subcategories, values, strict=True)) for values in (weight, described))
    return Rows(rows, told, None if bias is None else dict(zip(split.subcategories, bias, strict=True)))


def strengthened(head: Head, coarse: str, rows: Rows, strength: float) -> Rows:
    """Rows w_c + s·(w_j - w_c): `strength` times as far from the coarse row, where 0 is the coarse row itself."""
    start = head[coarse]
    return Rows({name: start + strength * (row - start) for name, row in rows.items()}, rows.origins, rows.biases)


def check_split(head: Head, split: Split) -> None:
    """Raise HeadError unless the split's category is in the head and each subcategory has a modifier text."""
    head.index(split.coarse)
    k = len(split.subcategories)
    if k < 2 or len(set(split.subcategories)) < k:
        raise HeadError(f'"{split.coarse}" must be split into two or more different subcategories.')
    if len(split.modifiers) != k or not all(text.strip() for text in split.modifiers):
        raise HeadError(f'Each of the {k} subcategories of "{split.coarse}" needs one modifier text.')


def groups_in(head: Head, groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The groups whose members are labels of the head, and the head's other labels as groups of one.

    A label that is itself the concept of a group is coarse: it is no group of one, and no training pair.

    Args:
        groups: {concept: its fine-grained categories}, such as the `groups` of a taxonomy. Those of which the head
            knows no member, because it knows the concept alone, are left out.

    Raises:
        HeadError: a group of which the head knows only some members.
    """
    found = {}
    for concept, labels in groups.items():
        known = [label for label in labels if label in head]
        if known and len(known) < len(labels):
            stranger = next(label for label in labels if label not in head)
            raise HeadError(f'"{stranger}" of the group "{concept}" is no label of the head: take it out.')
        if known:
            found[concept] = known
    grouped = {label for labels in found.values() for label in labels}
    return found | {label: [label] for label in head.labels if label not in grouped and label not in groups}
