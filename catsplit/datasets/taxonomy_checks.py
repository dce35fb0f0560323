"""What must hold of a taxonomy, and the sentence that says which label breaks it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from catsplit.errors import BenchmarkError, choices

_Groups = Mapping[str, Sequence[str]]


def checked_labels(name: str, key: object, labels: object) -> tuple[str, ...]:
    """The labels under one key as a tuple of distinct texts.

    Args:
        name: the mapping that holds the key, for the message.

    Raises:
        BenchmarkError: the key or a label isn't a text, or a label is there twice.
    """
    if not isinstance(key, str) or not key.strip():
        raise BenchmarkError(f"A key of the {name} is {key!r} where a text was expected.")
    if isinstance(labels, (str, Mapping)) or not hasattr(labels, "__iter__"):
        raise BenchmarkError(f'"{key}" in the {name} holds {labels!r} where a list of labels was expected.')
    found = tuple(labels)
    for label in found:
        if not isinstance(label, str) or not label.strip():
            raise BenchmarkError(f'"{key}" in the {name} lists {label!r} where a label was expected.')
    repeated = [label for label, count in Counter(found).items() if count > 1]
    if repeated:
        raise BenchmarkError(f'"{key}" in the {name} lists "{repeated[0]}" twice.')
    return found


def checked_groups(groups: _Groups) -> dict[str, str]:
    """{fine-grained label: the group that holds it}.

    Raises:
        BenchmarkError: there is no group, one is empty, or a label is in two of them.
    """
    if not groups:
        raise BenchmarkError("A taxonomy needs at least one group of fine-grained categories.")
    group_of: dict[str, str] = {}
    for coarse, labels in groups.items():
        if not labels:
            raise BenchmarkError(f'The group "{coarse}" is empty: give it its fine-grained labels or remove it.')
        for fine in labels:
            if fine in group_of:
                raise BenchmarkError(
                    f'"{fine}" is in the groups "{group_of[fine]}" and "{coarse}": keep it in one of them.'
                )
            group_of[fine] = coarse
    return group_of


def check_parts(parts: _Groups, groups: _Groups, reserved: Sequence[str]) -> None:
    """Refuse a part that collapses something unknown, something of another part, or a group of one."""
    part_of: dict[str, str] = {}
    for part, collapsed in parts.items():
        if part in reserved:
            raise BenchmarkError(f'A part can\'t be named "{part}": the file of a taxonomy uses that key.')
        for coarse in collapsed:
            if coarse not in groups:
                raise BenchmarkError(
                    f'Part {part} collapses "{coarse}", which is no group ({choices(coarse, tuple(groups))}).'
                )
            if coarse in part_of:
                raise BenchmarkError(
                    f'Parts {part_of[coarse]} and {part} both collapse "{coarse}": keep it in one of them, '
                    "so that its subcategories stay fine-grained in the other."
                )
            if len(groups[coarse]) < 2:
                raise BenchmarkError(f'Part {part} collapses "{coarse}", which has one subcategory: nothing to split.')
            part_of[coarse] = part


def check_order(part: str, order: Sequence[str], labels: Sequence[str]) -> None:
    """Refuse a stated order that doesn't hold exactly the labels that follow from the groups."""
    odd = sorted(set(order) ^ set(labels))
    if odd:
        where = "isn't a label of that part" if odd[0] in order else "is missing"
        raise BenchmarkError(
            f'The labels of part {part} don\'t follow from the groups: "{odd[0]}" {where} ({len(odd)} such labels).'
        )
