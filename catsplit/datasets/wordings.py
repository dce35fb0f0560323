"""Other words for the same subcategories, and the type of each split: the file wordings.json.

With the same wording in both parts of a benchmark, retrieval is a look-up. A paraphrase of the subcategories
to split tells how much of a result that was; the labels of the classifier itself never change.
"""

from collections.abc import Mapping
from pathlib import Path

from catsplit.datasets.layout import WORDINGS
from catsplit.errors import BenchmarkError, choices, repeated
from catsplit.paths import read_json
from catsplit.taxonomy import Taxonomy

# {fine-grained label: {"label": text, "modifier": text}}
Wording = Mapping[str, Mapping[str, str]]

_TEXTS = ("label", "modifier")


def read_wordings(path: Path, taxonomy: Taxonomy) -> tuple[dict[str, Wording], dict[str, str]]:
    """The wordings by name, "exact" first, which is that of the labels themselves; and the kinds by coarse label.

    Raises:
        BenchmarkError: the file isn't as `write_benchmark` says.
    """
    content = read_json(path) if path.exists() else {}
    kinds = content.pop("kinds", {})
    for name, value in {**content, "kinds": kinds}.items():
        if not isinstance(value, dict) or name == "exact":
            raise BenchmarkError(f'{path} has a key "{name}" that isn\'t a wording {{label: texts}}.')
    check_kinds(taxonomy, kinds, str(path))
    exact = {fine: {"label": fine, "modifier": text} for fine, text in taxonomy.modifiers.items()}
    return {"exact": exact, **content}, kinds


def check_wording(taxonomy: Taxonomy, part: str, wording: Wording, source: str) -> None:
    """Refuse a wording that doesn't serve for the splits of a part.

    Raises:
        BenchmarkError: the wording names an unknown label, lacks a subcategory of the part or one of its two
            texts, or gives two siblings the same text or a subcategory the text of another label of the
            classifier.
    """
    for fine in wording:
        if fine not in taxonomy.group_of:
            hint = choices(fine, tuple(taxonomy.group_of))
            raise BenchmarkError(f'{source} has "{fine}", which is no fine-grained label ({hint}).')
    labels = taxonomy.label_space(part)
    for coarse in taxonomy.split_categories(part):
        siblings = taxonomy.groups[coarse]
        for fine in siblings:
            texts = wording.get(fine)
            if not isinstance(texts, Mapping):
                raise BenchmarkError(f'{source} has no texts for "{fine}": it needs {{"label": …, "modifier": …}}.')
            for what in _TEXTS:
                if not isinstance(texts.get(what), str) or not texts[what].strip():
                    raise BenchmarkError(f'{source} has no {what} for "{fine}".')
        for what in _TEXTS:
            if twice := repeated(wording[fine][what] for fine in siblings):
                raise BenchmarkError(f'{source} gives two subcategories of "{coarse}" the {what} "{twice[0]}".')
        if taken := {wording[fine]["label"] for fine in siblings}.intersection(labels) - {coarse}:
            raise BenchmarkError(
                f'{source} rewords a subcategory of "{coarse}" as "{min(taken)}", already a label of part {part}.'
            )


def wording_faults(taxonomy: Taxonomy, wordings: Mapping[str, Wording]) -> list[BenchmarkError]:
    """What is wrong with wordings, each in every part of whose subcategories it has any; "exact" is always right."""
    faults = []
    for name, wording in wordings.items():
        for part, collapsed in taxonomy.parts.items():
            if name != "exact" and any(taxonomy.group_of.get(fine) in collapsed for fine in wording):
                try:
                    check_wording(taxonomy, part, wording, f'The wording "{name}" in {WORDINGS}')
                except BenchmarkError as error:
                    faults.append(error)
    return faults


def check_kinds(taxonomy: Taxonomy, kinds: Mapping[str, str], source: str) -> None:
    """Refuse the kind of something that no part splits, and a kind that isn't a text."""
    coarse = tuple(name for names in taxonomy.parts.values() for name in names)
    for name, kind in kinds.items():
        if name not in coarse:
            raise BenchmarkError(f'{source} has a kind for "{name}", which no part splits ({choices(name, coarse)}).')
        if not isinstance(kind, str) or not kind.strip():
            raise BenchmarkError(f'{source} has {kind!r} as the kind of "{name}" where a text was expected.')
