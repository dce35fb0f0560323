"""Other words for the same subcategories, and the type of each split: the file wordings.json.

With the same wording in both parts of a benchmark, retrieval is a look-up. A paraphrase of the subcategories
to split tells how much of a result that was; the labels of the classifier itself never change.
"""

from collections.abc import Mapping
from pathlib import Path

from catsplit.errors import BenchmarkError, choices
from catsplit.paths import read_json
from catsplit.taxonomy import Taxonomy

# "exact" is the wording of the labels themselves, and "kinds" a key of the file that is no wording.
RESERVED = ("exact", "kinds")

Wording = Mapping[str, Mapping[str, str]]


def read_wordings(path: Path, taxonomy: Taxonomy) -> tuple[dict[str, Wording], dict[str, str]]:
    """The wordings by name and the kinds by coarse label; both are empty where there is no file.

    Raises:
        BenchmarkError: the file isn't as `write_benchmark` says.
    """
    if not path.exists():
        return {}, {}
    content = read_json(path)
    kinds = content.pop("kinds", {})
    for name, value in {**content, "kinds": kinds}.items():
        if not isinstance(value, dict) or name == "exact":
            raise BenchmarkError(f'{path} has a key "{name}" that isn\'t a wording {{label: texts}}.')
    check_kinds(taxonomy, kinds, str(path))
    return content, kinds


def reworded(taxonomy: Taxonomy, part: str, wording: Wording, source: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """{coarse label: (label, modifier) of each of its subcategories in other words} for the part's splits.

    Raises:
        BenchmarkError: the wording names an unknown label, lacks a subcategory of the part or one of its two
            texts, or gives two siblings the same text or a subcategory the text of another label of the
            classifier.
    """
    for fine in wording:
        if fine not in taxonomy.group_of:
            hint = choices(fine, tuple(taxonomy.group_of))
            raise BenchmarkError(f'{source} has "{fine}", which is no fine-grained label ({hint}).')
    labels = set(taxonomy.label_space(part))
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for coarse in taxonomy.split_categories(part):
        texts = tuple(_texts(wording, fine, source) for fine in taxonomy.groups[coarse])
        for number, what in enumerate(("label", "modifier")):
            column = [pair[number] for pair in texts]
            if len(set(column)) < len(column):
                twice = next(text for text in column if column.count(text) > 1)
                raise BenchmarkError(f'{source} gives two subcategories of "{coarse}" the {what} "{twice}".')
        taken = (labels - {coarse}) & {label for label, _ in texts}
        if taken:
            raise BenchmarkError(
                f'{source} rewords a subcategory of "{coarse}" as "{min(taken)}", already a label of part {part}.'
            )
        found[coarse] = texts
    return found


def _texts(wording: Wording, fine: str, source: str) -> tuple[str, str]:
    texts = wording.get(fine)
    if not isinstance(texts, Mapping):
        raise BenchmarkError(f'{source} has no texts for "{fine}": it needs {{"label": …, "modifier": …}}.')
    for what in ("label", "modifier"):
        if not isinstance(texts.get(what), str) or not texts[what].strip():
            raise BenchmarkError(f'{source} has no {what} for "{fine}".')
    return texts["label"], texts["modifier"]


def check_kinds(taxonomy: Taxonomy, kinds: Mapping[str, str], source: str) -> None:
    """Refuse the kind of something that no part splits, and a kind that isn't a text."""
    coarse = tuple(name for names in taxonomy.parts.values() for name in names)
    for name, kind in kinds.items():
        if name not in coarse:
            raise BenchmarkError(f'{source} has a kind for "{name}", which no part splits ({choices(name, coarse)}).')
        if not isinstance(kind, str) or not kind.strip():
            raise BenchmarkError(f'{source} has {kind!r} as the kind of "{name}" where a text was expected.')
