"""The paper's tables, drawn from the results of sweeps: means over the splits, in percent, with 95 % intervals.

Seeds are averaged first; the interval is a bootstrap over the splits, and where two methods are compared, over the
differences of the same splits. Ours stand in these tables alone: the published figures are in
`catsplit.tables.published`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from catsplit.errors import CatsplitError
from catsplit.methods import (
    ABLATED,
    ALL_THE_DATA,
    COMPARED,
    INITIAL,
    LOW_SHOT,
    ORACLE,
    VISION_LANGUAGE,
    WHOLE_MODEL,
    ZERO_SHOT,
)  # fmt: skip
from catsplit.metrics import interval

if TYPE_CHECKING:
    import pandas as pd

RATES = ("generality", "locality", "mean", "siblings")
CONTROLS = ("copies", "random vectors", "random entries")
SETTING = ("benchmark", "part", "wording", "encoder")
_ORDER = (*CONTROLS, VISION_LANGUAGE, "retrieval", "alignment", *ABLATED, *LOW_SHOT, WHOLE_MODEL, ALL_THE_DATA, ORACLE)
_LEARNERS = (*LOW_SHOT, WHOLE_MODEL, ALL_THE_DATA)

COMPARED_BY_KIND = ("copies", "retrieval", "alignment", VISION_LANGUAGE, ORACLE)

# What is varied, how the variant is called, and the method that does it.
VARIANTS = (
    ("rows", "retrieval", "retrieval"),
    ("rows", "alignment", "alignment"),
    ("rows", "ridge regression in the network's place", "ridge"),
    ("similarity", "modifiers and labels, α = β = 0.5 (published)", "retrieval"),
    ("similarity", "modifiers only, α = 1", "retrieval, modifiers only"),
    ("similarity", "labels only, β = 1", "retrieval, labels only"),
    ("matching", "one-to-one (published protocol)", "retrieval"),
    ("matching", "argmax (the paper's text)", "retrieval, argmax"),
    ("matching", "coherent: one donor for all siblings", "retrieval, coherent"),
    ("ties", "drawn at random", "retrieval"),
    ("ties", "the first of equals (published code)", "retrieval, first of equals"),
)


def zero_shot(results: "pd.DataFrame") -> "pd.DataFrame":
    """The zero-shot comparison: controls, the vision–language baseline, retrieval, alignment, and the oracle.

    Methods of one's own are in it too. Returns columns of `SETTING`, method, splits, and for each of `RATES` its
    mean, low and high.
    """
    chosen = _first_encoder(results)
    chosen = chosen[~chosen["method"].isin([*_LEARNERS, *ABLATED])]
    return _summary(chosen, (*SETTING, "method")).drop(columns="missing")


def ablation(results: "pd.DataFrame") -> "pd.DataFrame":
    """The zero-shot method taken apart: columns of `SETTING`, what, variant, splits, missing, and the rates.

    `missing` counts splits for which the variant can't be made, such as a coherent retrieval of more siblings than
    any donor has; the means are over the other splits.
    """
    import pandas as pd

    summary = _summary(results[results["method"].isin([*COMPARED, *ABLATED])], (*SETTING, "method"))
    parts = []
    first = _first_encoder(summary)
    for what, variant, method in VARIANTS:
        parts.append(first[first["method"] == method].assign(what=what, variant=variant))
    if summary["encoder"].nunique() > 1:
        for method in ("retrieval", "alignment"):
            mine = summary[summary["method"] == method]
            parts.append(mine.assign(what="text encoder", variant=mine["encoder"].map(lambda e, m=method: f"{e}, {m}")))
    table = pd.concat(parts, ignore_index=True)
    # A thing that wasn't varied is no ablation.
    varied = table.groupby("what")["variant"].transform("nunique") > 1
    columns = [*SETTING, "what", "variant"]
    return table.loc[varied, columns + [c for c in table.columns if c not in (*columns, "method")]].reset_index(
        drop=True
    )


def one_shot(results: "pd.DataFrame", shots: int = 1) -> "pd.DataFrame":
    """What learns from `shots` clips of each subcategory, and from which rows on: columns learns and initial, rates.

    The whole model that learned from all clips stands beside them, as in the paper.
    """
    chosen = _first_encoder(results)
    all_the_data = chosen["method"] == ALL_THE_DATA
    chosen = chosen[all_the_data | chosen["method"].isin(_LEARNERS) & (chosen["shots"] == shots)]
    summary = _summary(chosen, (*SETTING, "method", "initial", "shots"))
    return summary.rename(columns={"method": "learns"}).drop(columns="missing")


def by_kind(results: "pd.DataFrame", methods: Sequence[str] = COMPARED_BY_KIND) -> "pd.DataFrame":
    """Zero-shot figures by type of split, both parts together; the intervals are over few splits, so see `splits`.

    Kinds whose modifiers no donor has, in any part of the label space, are kept apart. `chance` is the mean of 1/k.
    """
    chosen = _first_encoder(results)
    chosen = chosen[chosen["method"].isin(methods) & (chosen["kind"] != "")]
    novel = (chosen["known"] == 0).map({True: ", unknown modifiers", False: ""})
    chosen = chosen.assign(kind=chosen["kind"] + novel, part="+".join(sorted(set(chosen["part"]))))
    summary = _summary(chosen, ("benchmark", "part", "wording", "encoder", "kind", "method"))
    chance = (1 / chosen["k"]).groupby(chosen["kind"]).mean() * 100
    return summary.assign(chance=summary["kind"].map(chance)).drop(columns="missing")


def differences(results: "pd.DataFrame", shots: int = 1) -> "pd.DataFrame":
    """One method less another on the same splits, in points, with the interval of the mean difference.

    Returns:
        Columns of `SETTING` (part "A+B" takes the splits of all parts), question, method, against, splits, and for
        each rate its mean, low and high; `verdict` is on generality: "above", "below", or "not told apart" where
        the interval holds zero.
    """
    import pandas as pd

    chosen = _first_encoder(results)
    names = chosen["method"].where(~chosen["method"].isin(_LEARNERS), _learner(chosen))
    table = chosen.assign(name=names)[chosen["shots"].isin([0, shots])]
    methods = ("retrieval", "alignment")
    pairs = [("the controls", m, c) for m in methods for c in CONTROLS]
    pairs += [("vision–language", m, VISION_LANGUAGE) for m in methods]
    pairs += [("each other", "alignment", "retrieval")]
    rows, whole = "new rows from {}", WHOLE_MODEL + " from coarse"
    pairs += [("a few clips", rows.format(a), rows.format(b))
              for a, b in (("alignment", "coarse"), ("retrieval", "coarse"), ("alignment", "random"))]  # fmt: skip
    pairs += [("a few clips", rows.format("alignment"), "alignment"), ("a few clips", rows.format("coarse"), whole)]
    found = []
    parts = sorted(set(table["part"]))
    for wording in dict.fromkeys(table["wording"]):
        for part in [*parts, *(["+".join(parts)] if len(parts) > 1 else [])]:
            here = table[(table["wording"] == wording) & (table["part"].isin([part] if part in parts else parts))]
            for question, one, other in pairs:
                mine, theirs = (_per_split(here[here["name"] == name]) for name in (one, other))
                gap = (mine - theirs).dropna()
                if not len(gap):
                    continue
                setting = here.iloc[0][list(SETTING)].to_dict() | {"part": part}
                line = {**setting, "question": question, "method": one, "against": other, "splits": len(gap)}
                found.append(line | _intervals(gap))
    if not found:
        return pd.DataFrame()
    table = pd.DataFrame(found)
    verdict = [
        "above" if low > 0 else "below" if high < 0 else "not told apart"
        for low, high in zip(table["generality low"], table["generality high"], strict=True)
    ]
    return table.assign(verdict=verdict)


def _learner(results: "pd.DataFrame") -> "pd.Series":
    return results["method"] + " from " + results["initial"]


def _first_encoder(results: "pd.DataFrame") -> "pd.DataFrame":
    """The results of the first text encoder: others are an ablation."""
    if results.empty:
        raise CatsplitError("There are no results to make tables of: run a sweep first.")
    if results["benchmark"].nunique() > 1:
        names = ", ".join(sorted(set(results["benchmark"])))
        raise CatsplitError(f"Tables are of one benchmark, but these results are of {names}: choose one.")
    return results[results["encoder"] == results["encoder"].iloc[0]]


def _per_split(lines: "pd.DataFrame") -> "pd.DataFrame":
    """Mean over the seeds, in percent, for each split: (splits, rates)."""
    return lines.groupby(["part", "coarse"])[list(RATES)].mean() * 100


def _intervals(per_split: "pd.DataFrame") -> dict[str, float]:
    found = {}
    for rate in RATES:
        mean, low, high = interval(per_split[rate].to_numpy())
        found |= {rate: mean, f"{rate} low": low, f"{rate} high": high}
    return found


def _summary(results: "pd.DataFrame", by: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for keys, lines in results.groupby(list(by), sort=False):
        per_split = _per_split(lines)
        whole = per_split.dropna()
        if len(whole):
            counts = {"splits": len(whole), "missing": len(per_split) - len(whole)}
            rows.append(dict(zip(by, keys, strict=True)) | counts | _intervals(whole))
    columns = [*by, "splits", "missing", *(f"{rate}{end}" for rate in RATES for end in ("", " low", " high"))]
    table = pd.DataFrame(rows, columns=columns)
    orders = {"method": _ORDER, "initial": tuple(INITIAL)}
    orders |= {column: tuple(dict.fromkeys(results[column])) for column in ("part", "wording")}
    order = [column for column in ("part", "wording", "method", "initial") if column in by]
    if "kind" in by:
        return table
    # Methods of one's own come between the zero-shot methods and those that learn.
    return table.sort_values(
        order,
        key=lambda values: values.map(
            lambda value: orders[values.name].index(value) if value in orders[values.name] else len(ZERO_SHOT) + 0.5
        ),
        kind="stable",
        ignore_index=True,
    )
