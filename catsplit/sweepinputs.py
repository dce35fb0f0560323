"""What a sweep is made from: checked, named, and digested so that a change of it is noticed."""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from catsplit.errors import CatsplitError
from catsplit.features import FeatureSet
from catsplit.head import Head
from catsplit.methods import Ground
from catsplit.text import Encode

if TYPE_CHECKING:
    from catsplit.benchmark import Benchmark
    from catsplit.modifiers import Split


def distinct(what: str, values: Sequence) -> tuple:
    values = tuple(values)
    if not values or len(set(values)) < len(values):
        raise CatsplitError(f"A sweep needs one or more different {what}, not {values}.")
    return values


def check_labels(benchmark: "Benchmark", head: Head) -> None:
    if head.labels != benchmark.labels:
        place = next(
            (i for i, (a, b) in enumerate(zip(head.labels, benchmark.labels, strict=False)) if a != b),
            min(len(head), len(benchmark.labels)),
        )
        both = (head.labels, benchmark.labels)
        ours, theirs = (f'"{labels[place]}"' if place < len(labels) else "nothing" for labels in both)
        raise CatsplitError(
            f"The head's {len(head)} labels must be the {len(benchmark.labels)} of part {benchmark.part}, in their "
            f"order, but row {place} is {ours} in the head and {theirs} in the benchmark."
        )


def reopened(benchmark: "Benchmark", wording: str) -> "Benchmark":
    if wording == benchmark.wording:
        return benchmark
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said already, when the benchmark was opened
        return type(benchmark).open(benchmark.folder, benchmark.part, wording=wording)


def name_of(benchmark: "Benchmark") -> str:
    folder = benchmark.folder.name
    return "Stage-Split (synthetic)" if folder.startswith("stage-split") else folder


def encoders(encode: Encode | Mapping[str, Encode] | None) -> dict[str, Encode]:
    if encode is None:
        from catsplit.text import encoder

        encode = encoder()
    if isinstance(encode, Mapping):
        return dict(encode)
    return {getattr(encode, "name", None) or getattr(encode, "__name__", "own"): encode}


def known_share(ground: Ground, benchmark: "Benchmark", split: "Split") -> float:
    modifiers, held = benchmark.taxonomy.modifiers, set(ground.dictionary.modifiers)
    return float(np.mean([modifiers[fine] in held for fine in benchmark.taxonomy.groups[split.coarse]]))


def inputs_digest(head: Head, features: FeatureSet) -> str:
    array = np.ascontiguousarray(features.features)
    return hash_of([
        json.dumps([head.labels, features.paths, array.shape]), head.weight.numpy().tobytes(),
        head.bias.numpy().tobytes(), array.data,
    ])  # fmt: skip


def texts_digest(ground: Ground, split: "Split") -> str:
    """Digest of the words that a split's rows are found by, and of the encoder that reads them."""
    groups = {group: list(labels) for group, labels in ground.groups.items()}
    words = [groups, [ground.modifiers.get(label, "") for labels in groups.values() for label in labels]]
    words += [split.subcategories, split.modifiers]
    reads = getattr(ground.encode, "key", None)
    if reads is None:
        reads = ground.encode([*split.subcategories, *split.modifiers]).numpy().tobytes().hex()
    return hash_of([json.dumps(words), reads])


def hash_of(parts: Sequence[str | bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return digest.hexdigest()[:16]
