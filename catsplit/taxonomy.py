"""Coarse categories, their subcategories, and the two parts of a benchmark that collapse one half each.

A benchmark groups its fine-grained categories into coarse ones. In part A the coarse categories of list A are
collapsed, so that the classifier knows "Pushing something" but not its nine kinds, and all others stay
fine-grained; part B is the reverse (Liu & Doughty, ICLR 2026, arXiv 2602.16545). A taxonomy
holds that scheme and the modifier text of every fine-grained category, and touches neither clips nor tensors.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from catsplit.errors import BenchmarkError, choices, repeated
from catsplit.paths import read_json, write_json
from catsplit.words.modifier_text import extract_modifiers

__all__ = ["Taxonomy", "extract_modifiers"]

_RESERVED = ("group_scheme", "modifiers", "label_order")


@dataclass(frozen=True)
class Taxonomy:
    """A grouping of fine-grained categories, frozen and checked.

    Attributes:
        groups: {coarse label: its fine-grained labels}; every fine-grained label is in exactly one group. A
            group of one is a fine-grained category that belongs to no coarse one.
        parts: {"A": the coarse labels collapsed in part A, "B": …}.
        modifiers: {fine-grained label: modifier text}. What is given wins; the rest is drawn from the labels
            by `extract_modifiers`, so that the mapping is always whole.
        label_order: {part: its labels in the order of the classifier's rows}, if not the groups' order.
        group_of: {fine-grained label: its group's coarse label}, found from the groups.

    Raises:
        BenchmarkError: an empty or repeated label, an empty group, a part that collapses an unknown category,
            one of another part or one without two subcategories, or a modifier text that is empty or not a
            sibling's only.
    """

    groups: Mapping[str, Sequence[str]]
    parts: Mapping[str, Sequence[str]]
    modifiers: Mapping[str, str] = field(default_factory=dict)
    label_order: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("modifiers", "groups", "parts", "label_order"):
            if not isinstance(getattr(self, name), Mapping):
                raise BenchmarkError(f"The {name} must be a mapping, not {getattr(self, name)!r}.")
        for name in ("groups", "parts", "label_order"):
            self._freeze(name, {key: _labels(name, key, labels) for key, labels in getattr(self, name).items()})
        self._freeze("group_of", self._groups_of_labels())
        self._check_parts()
        self._freeze("modifiers", self._all_modifiers())
        for part, order in self.label_order.items():
            self.check_order(part, order)

    def _freeze(self, name: str, mapping: dict[str, Any]) -> None:
        object.__setattr__(self, name, MappingProxyType(mapping))

    def _groups_of_labels(self) -> dict[str, str]:
        if not self.groups:
            raise BenchmarkError("A taxonomy needs at least one group of fine-grained categories.")
        found: dict[str, str] = {}
        for coarse, labels in self.groups.items():
            if not labels:
                raise BenchmarkError(f'The group "{coarse}" is empty: give it its fine-grained labels or remove it.')
            for fine in labels:
                if fine in found:
                    raise BenchmarkError(
                        f'"{fine}" is in the groups "{found[fine]}" and "{coarse}": keep it in one of them.'
                    )
                found[fine] = coarse
        return found

    def _check_parts(self) -> None:
        part_of: dict[str, str] = {}
        for part, collapsed in self.parts.items():
            if part in _RESERVED:
                raise BenchmarkError(f'A part can\'t be named "{part}": the file of a taxonomy uses that key.')
            for coarse in collapsed:
                what = f'Part {part} collapses "{coarse}", which'
                if coarse not in self.groups:
                    raise BenchmarkError(f"{what} is no group ({choices(coarse, tuple(self.groups))}).")
                if coarse in part_of:
                    raise BenchmarkError(
                        f'Parts {part_of[coarse]} and {part} both collapse "{coarse}": keep it in one of them, '
                        "so that its subcategories stay fine-grained in the other."
                    )
                if len(self.groups[coarse]) < 2:
                    raise BenchmarkError(f"{what} has one subcategory: nothing to split.")
                part_of[coarse] = part

    def _all_modifiers(self) -> dict[str, str]:
        for fine, text in self.modifiers.items():
            if fine not in self.group_of:
                hint = choices(fine, tuple(self.group_of))
                raise BenchmarkError(f'A modifier is given for "{fine}", which is no fine-grained label ({hint}).')
            if not isinstance(text, str) or not text.strip():
                raise BenchmarkError(f'The modifier of "{fine}" is {text!r}: give it a text or leave it out.')
        found: dict[str, str] = {}
        for coarse, labels in self.groups.items():
            found |= extract_modifiers(coarse, labels, self.modifiers)
        return found

    def check_order(self, part: str, order: Sequence[str]) -> None:
        """Refuse an order of a part's labels that doesn't hold exactly those that follow from the groups.

        Raises:
            BenchmarkError: there is no such part, or a label is missing or isn't that part's.
        """
        odd = sorted({*order} ^ {*self._collapsed(part)})
        if odd:
            where = "isn't a label of that part" if odd[0] in order else "is missing"
            raise BenchmarkError(
                f'The labels of part {part} don\'t follow from the groups: "{odd[0]}" {where} ({len(odd)} such labels).'
            )

    def _collapsed(self, part: str) -> tuple[str, ...]:
        """The part's labels in the groups' order; a text that names two things is there once."""
        collapsed = self.split_categories(part)
        labels = ([coarse] if coarse in collapsed else fine for coarse, fine in self.groups.items())
        return tuple(dict.fromkeys(chain.from_iterable(labels)))

    def label_space(self, part: str) -> tuple[str, ...]:
        """The C labels of the part's classifier, in the order of its rows.

        Raises:
            BenchmarkError: there is no such part.
        """
        return self.label_order[part] if part in self.label_order else self._collapsed(part)

    def split_categories(self, part: str) -> tuple[str, ...]:
        """The coarse categories of the part, the ones to split, in the published order.

        Raises:
            BenchmarkError: there is no such part.
        """
        if part not in self.parts:
            raise BenchmarkError(f"There is no part {part!r}: {choices(part, tuple(self.parts))}.")
        return self.parts[part]

    def untouched_groups(self, part: str) -> Mapping[str, tuple[str, ...]]:
        """{pseudo-coarse text: labels} of all that is fine-grained in the part, groups of one included.

        Raises:
            BenchmarkError: there is no such part.
        """
        collapsed = self.split_categories(part)
        return {name: fine for name, fine in self.groups.items() if name not in collapsed}

    def clashes(self, part: str) -> Mapping[str, str]:
        """{coarse label: sentence} for each label of a part that names two categories, with one row for both.

        "(BB) salto forward tucked" in part A of the published FineGym-Split is one.
        """
        found = {}
        for coarse in self.split_categories(part):
            other = self.group_of.get(coarse, coarse)
            if other != coarse:
                found[coarse] = (
                    f'In part {part} "{coarse}" is a coarse category and also a subcategory of "{other}", '
                    "so the two share one row."
                )
        return found

    def save(self, path: Path) -> None:
        """Write JSON that people can edit: a published group_scheme.json with modifiers and label order."""
        content = self.scheme() | {"modifiers": dict(self.modifiers)}
        if self.label_order:
            content["label_order"] = dict(self.label_order)
        write_json(path, content, indent=4)

    def scheme(self) -> dict[str, object]:
        """The content of a published group_scheme.json."""
        return {"group_scheme": dict(self.groups), **self.parts}

    @classmethod
    def load(cls, path: Path) -> "Taxonomy":
        """Read what `save` wrote, or a published group_scheme.json.

        Raises:
            BenchmarkError: the file isn't one of these, or what it says doesn't hold together.
        """
        content = read_json(path)
        if "group_scheme" not in content:
            raise BenchmarkError(f'{path} has no key "group_scheme", so it holds no taxonomy.')
        parts = {key: value for key, value in content.items() if key not in _RESERVED}
        try:
            return cls(content["group_scheme"], parts, content.get("modifiers", {}), content.get("label_order", {}))
        except BenchmarkError as error:
            raise BenchmarkError(f"{path}: {error}") from error

    def __reduce__(self) -> tuple:
        # Read-only mappings can't be pickled, and a data loader's workers get the benchmark that way.
        fields = (self.groups, self.parts, self.modifiers, self.label_order)
        return Taxonomy, tuple(dict(mapping) for mapping in fields)


def _labels(name: str, key: object, labels: object) -> tuple[str, ...]:
    """The labels under one key of the mapping `name`, as a tuple of distinct texts."""
    if not isinstance(key, str) or not key.strip():
        raise BenchmarkError(f"A key of the {name} is {key!r} where a text was expected.")
    where = f'"{key}" in the {name}'
    if isinstance(labels, (str, Mapping)) or not isinstance(labels, Iterable):
        raise BenchmarkError(f"{where} holds {labels!r} where a list of labels was expected.")
    found = tuple(labels)
    for label in found:
        if not isinstance(label, str) or not label.strip():
            raise BenchmarkError(f"{where} lists {label!r} where a label was expected.")
    if twice := repeated(found):
        raise BenchmarkError(f'{where} lists "{twice[0]}" twice.')
    return found
