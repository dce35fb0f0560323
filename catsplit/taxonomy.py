"""Coarse categories, their subcategories, and the two parts of a benchmark that collapse one half each.

A benchmark groups its fine-grained categories into coarse ones. In part A the coarse categories of list A are
collapsed, so that the classifier knows "Pushing something" but not its nine kinds, and all others stay
fine-grained; part B is the reverse (Liu & Doughty, ICLR 2026, arXiv 2602.16545). A taxonomy
holds that scheme and the modifier text of every fine-grained category, and touches neither clips nor tensors.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from catsplit.datasets.taxonomy_checks import check_order, check_parts, checked_groups, checked_labels
from catsplit.errors import BenchmarkError, choices
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
            found = getattr(self, name)
            frozen = {key: checked_labels(name, key, labels) for key, labels in found.items()}
            object.__setattr__(self, name, MappingProxyType(frozen))
        object.__setattr__(self, "group_of", MappingProxyType(checked_groups(self.groups)))
        check_parts(self.parts, self.groups, _RESERVED)
        object.__setattr__(self, "modifiers", MappingProxyType(self._all_modifiers()))
        for part, order in self.label_order.items():
            check_order(part, order, self._collapsed(part))

    def _all_modifiers(self) -> dict[str, str]:
        for fine, text in self.modifiers.items():
            if fine not in self.group_of:
                hint = choices(fine, tuple(self.group_of))
                raise BenchmarkError(f'A modifier is given for "{fine}", which is no fine-grained label ({hint}).')
            if not isinstance(text, str) or not text.strip():
                raise BenchmarkError(f'The modifier of "{fine}" is {text!r}: give it a text or leave it out.')
        object.__setattr__(self, "_given", dict(self.modifiers))
        found: dict[str, str] = {}
        for coarse, labels in self.groups.items():
            given = {fine: self.modifiers[fine] for fine in labels if fine in self.modifiers}
            repeated = [text for text, count in Counter(given.values()).items() if count > 1]
            if repeated:
                raise BenchmarkError(
                    f'Two subcategories of "{coarse}" have the modifier "{repeated[0]}": change one of them.'
                )
            found |= extract_modifiers(coarse, labels, given)
        return found

    def _collapsed(self, part: str) -> tuple[str, ...]:
        """The part's labels in the groups' order; a text that names two things is there once."""
        collapsed = set(self.split_categories(part))
        labels = ([coarse] if coarse in collapsed else fine for coarse, fine in self.groups.items())
        return tuple(dict.fromkeys(label for group in labels for label in group))

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
        collapsed = set(self.split_categories(part))
        return MappingProxyType({name: fine for name, fine in self.groups.items() if name not in collapsed})

    @property
    def problems(self) -> tuple[str, ...]:
        """What is odd and was accepted, one sentence each: the `clashes` of all parts."""
        return tuple(sentence for part in self.parts for sentence in self.clashes(part).values())

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
        return MappingProxyType(found)

    def with_modifiers(self, modifiers: Mapping[str, str]) -> "Taxonomy":
        """The same taxonomy with other texts for some labels; `layout.read_texts` reads them from JSON."""
        return Taxonomy(self.groups, self.parts, {**self._given, **modifiers}, self.label_order)

    def save(self, path: Path) -> None:
        """Write JSON that people can edit: a published group_scheme.json with modifiers and label order."""
        order = {part: list(labels) for part, labels in self.label_order.items()}
        more = {"modifiers": dict(self.modifiers)} | ({"label_order": order} if order else {})
        write_json(path, self.scheme() | more, indent=4)

    def scheme(self) -> dict[str, object]:
        """The content of a published group_scheme.json."""
        groups = {coarse: list(labels) for coarse, labels in self.groups.items()}
        return {"group_scheme": groups, **{part: list(labels) for part, labels in self.parts.items()}}

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
