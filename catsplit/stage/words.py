"""How the words of a benchmark stand to each other: what decides how far its modifiers can be found by their names."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from catsplit.benchmark import Benchmark
from catsplit.text import Encode, embed, encoder

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (10, 25, 50, 75, 90)
_COLUMNS = ("splits", "targets", "entries", "mean k", "largest k", "known", "fully known")
_PUBLISHED = {  # measured by `measure` on the published annotations, with all-MiniLM-L6-v2
    "SSv2-Split A": (27, 82, 80, 3.0, 9, 24, 2, 0.41, 0.54, 0.70, 0.95, 1.0, 0.16, 0.27, 0.43, 0.58, 0.68),
    "SSv2-Split B": (27, 80, 82, 3.0, 6, 29, 3, 0.42, 0.51, 0.72, 1.0, 1.0, 0.19, 0.31, 0.46, 0.62, 0.75),
    "FineGym-Split A": (23, 129, 142, 5.6, 11, 38, 2, 0.53, 0.67, 0.89, 1.0, 1.0, 0.14, 0.30, 0.48, 0.71, 0.88),
    "FineGym-Split B": (19, 142, 129, 7.5, 19, 28, 1, 0.57, 0.65, 0.83, 1.0, 1.0, 0.24, 0.34, 0.48, 0.70, 0.89),
}


def published() -> "pd.DataFrame":
    """The four published parts as `measure` describes them, measured once on their annotations."""
    import pandas as pd

    columns = [*_COLUMNS, *(f"{what} {q} %" for what in ("best", "siblings") for q in QUANTILES)]
    return pd.DataFrame.from_dict(_PUBLISHED, "index", columns=columns)


def measure(benchmark: Benchmark, encode: Encode | None = None) -> Mapping[str, float]:
    """The words of one part of a benchmark, in the wording that it was opened in.

    Args:
        encode: text encoder; all-MiniLM-L6-v2 by default.

    Returns:
        splits, targets and entries: how many splits and subcategories the part has, and how many modifiers the
        dictionary of the other side. mean k, largest k: subcategories of a split. known: percent of the targets whose
        modifier text stands word for word in the dictionary; fully known: splits of which all do. best q %: quantiles
        of the cosine of a target's modifier with the nearest in the dictionary; siblings q %: of the cosines between
        modifiers of one split.
    """
    encode = encode or encoder()
    taxonomy = benchmark.taxonomy
    groups = taxonomy.untouched_groups(benchmark.part).values()
    entries = [taxonomy.modifiers[label] for members in groups if len(members) > 1 for label in members]
    targets = [text for split in benchmark.splits for text in split.modifiers]
    texts = list(dict.fromkeys([*targets, *entries]))
    vectors = embed(encode, texts).numpy()
    vectors = dict(zip(texts, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), strict=True))
    dictionary = np.stack([vectors[text] for text in entries])
    best = [(dictionary @ vectors[text]).max() for text in targets]
    siblings = [
        vectors[one] @ vectors[other] for split in benchmark.splits for one, other in combinations(split.modifiers, 2)
    ]
    known, sizes = set(entries), [len(split.modifiers) for split in benchmark.splits]
    return {
        "splits": len(benchmark.splits),
        "targets": len(targets),
        "entries": len(entries),
        "mean k": float(np.mean(sizes)),
        "largest k": max(sizes),
        "known": 100 * float(np.mean([text in known for text in targets])),
        "fully known": sum(known.issuperset(split.modifiers) for split in benchmark.splits),
        **{f"best {q} %": float(np.percentile(best, q)) for q in QUANTILES},
        **{f"siblings {q} %": float(np.percentile(siblings, q)) for q in QUANTILES},
    }


def table(benchmarks: Mapping[str, Benchmark], encode: Encode | None = None) -> "pd.DataFrame":
    """A line of `measure` for each benchmark by its name, and the published ones that aren't among them."""
    import pandas as pd

    ours = pd.DataFrame.from_dict({name: measure(part, encode) for name, part in benchmarks.items()}, "index")
    others = published()
    return pd.concat([ours, others[~others.index.isin(ours.index)]])
