"""The paper's tables, drawn from the results of sweeps: means over the splits, in percent, with 95 % intervals.

Seeds are averaged first; the interval is a bootstrap over the splits, and where two methods are compared, over the
differences of the same splits. Ours stand in these tables alone: the published figures are in
`catsplit.tables.published`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from catsplit.errors import CatsplitError
from catsplit.methods import (
    ABLATED,
    ALL_THE_DATA,
    INITIAL,
    LOW_SHOT,
    ORACLE,
    VISION_LANGUAGE,
    WHOLE_MODEL,
    ZERO_SHOT,
)  # fmt: skip
from catsplit.results import IDENTITY, gaps, means

RATES = ("generality", "locality", "mean", "siblings")
CONTROLS = ("copies", "random vectors", "random entries")
SETTING = ("benchmark", "part", "wording", "encoder")
COMPARED_BY_KIND = ("copies", "retrieval", "alignment", VISION_LANGUAGE, ORACLE)
_LEARNERS = (*LOW_SHOT, WHOLE_MODEL, ALL_THE_DATA)
_METHODS = (*CONTROLS, VISION_LANGUAGE, "retrieval", "alignment", *ABLATED, *_LEARNERS, ORACLE)

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

# Questions, and the two methods whose difference answers each.
PAIRS = (
    ("the controls", "retrieval", "copies"),
    ("the controls", "retrieval", "random vectors"),
    ("the controls", "retrieval", "random entries"),
    ("the controls", "alignment", "copies"),
    ("the controls", "alignment", "random vectors"),
    ("the controls", "alignment", "random entries"),
    ("vision–language", "retrieval", VISION_LANGUAGE),
    ("vision–language", "alignment", VISION_LANGUAGE),
    ("each other", "alignment", "retrieval"),
    ("a few clips", "new rows from alignment", "new rows from coarse"),
    ("a few clips", "new rows from retrieval", "new rows from coarse"),
    ("a few clips", "new rows from alignment", "new rows from random"),
    ("a few clips", "new rows from alignment", "alignment"),
    ("a few clips", "new rows from coarse", "whole model from coarse"),
)


def zero_shot(results: pd.DataFrame) -> pd.DataFrame:
    """The zero-shot comparison: controls, the vision–language baseline, retrieval, alignment, and the oracle.

    Methods of one's own are in it too. Returns columns of `SETTING`, method, splits, and for each of `RATES` its
    mean, low and high.
    """
    return _in_order(_summary(_zero_shot_lines(results), [*SETTING, "method"]), "part", "wording", "method")


def ablation(results: pd.DataFrame) -> pd.DataFrame:
    """The zero-shot method taken apart: columns of `SETTING`, what, variant, splits, missing, and the rates.

    `missing` counts splits for which the variant can't be made, such as a coherent retrieval of more siblings than
    any donor has; the means are over the other splits.
    """
    by, lines = [*SETTING, "what", "variant"], _ablation_lines(results)
    if lines.empty:
        return pd.DataFrame()
    table = _summary(lines, by)
    asked = lines.groupby(by)["coarse"].nunique()
    missing = asked.reindex(pd.MultiIndex.from_frame(table[by])).to_numpy() - table["splits"]
    table.insert(len(by) + 1, "missing", missing)
    return _in_order(table, "what", "variant", "part", "wording")


def one_shot(results: pd.DataFrame, shots: int = 1) -> pd.DataFrame:
    """What learns from `shots` clips of each subcategory, and from which rows on: columns learns and initial, rates.

    The whole model that learned from all clips stands beside them, as in the paper.
    """
    table = _summary(_learned_lines(results, shots), [*SETTING, "method", "initial", "shots"])
    return _in_order(table, "part", "wording", "method", "initial").rename(columns={"method": "learns"})


def by_kind(results: pd.DataFrame, methods: Sequence[str] = COMPARED_BY_KIND) -> pd.DataFrame:
    """Zero-shot figures by type of split, all parts together; the intervals are over few splits, so see `splits`.

    Splits of which the dictionary holds no modifier word for word are kept apart. `chance` is the mean of 1/k.
    """
    lines = _main_encoder(results)
    lines = lines[lines["method"].isin(methods) & (lines["kind"] != "")]
    unknown = (lines["known"] == 0).map({True: ", no known words", False: ""})
    lines = lines.assign(
        kind=lines["kind"] + unknown,
        part=_swept_parts(lines),
        coarse=lines["coarse"] + ", " + lines["part"],  # a category that two parts split is two splits
        chance=1 / lines["k"],
    )
    table = _summary(lines, [*SETTING, "kind", "method"], (*RATES, "chance"))
    return table.drop(columns=["chance low", "chance high"], errors="ignore")  # none where no split has a kind


def differences(results: pd.DataFrame, shots: int = 1) -> pd.DataFrame:
    """One method less another on the same splits, in points, with the interval of the mean difference.

    Returns:
        Columns of `SETTING` (part "A+B" takes the splits of all parts), question, method, against, splits, and for
        each rate its mean, low and high; `verdict` is on generality: "above", "below", or "not told apart" where
        the interval holds zero.
    """
    lines = _main_encoder(results)
    lines = lines[lines["shots"].isin([0, shots])]
    learned = lines["method"] + " from " + lines["initial"]
    name = lines["method"].mask(lines["method"].isin(_LEARNERS), learned)
    pooled = lines.assign(name=name, scope=_swept_parts(lines))
    apart = pooled.assign(scope=pooled["part"])
    lines = pd.concat([apart, pooled[pooled["scope"] != pooled["part"]]])
    by, found = ["benchmark", "scope", "wording", "encoder"], []
    for question, one, other in PAIRS:
        if {one, other} <= set(lines["name"]):
            gap = _wide(gaps(lines, {"name": one}, {"name": other}, by, RATES), by)
            found.append(gap.assign(question=question, method=one, against=other))
    if not found:
        return pd.DataFrame()
    table = _in_order(pd.concat(found).rename(columns={"scope": "part"}), "wording", "part")
    first = [*SETTING, "question", "method", "against"]
    table = table[[*first, *table.columns.difference(first, sort=False)]]
    sides = [table["generality low"] > 0, table["generality high"] < 0]
    return table.assign(verdict=np.select(sides, ["above", "below"], "not told apart"))


def left_out(results: pd.DataFrame) -> pd.DataFrame:
    """The lines that none of the tables shows: of a second text encoder, or of another number of clips than one."""
    results = results.reset_index(drop=True)
    shown = [lines(results).index for lines in (_zero_shot_lines, _ablation_lines, _learned_lines)]
    return results.drop(pd.Index(np.concatenate(shown)).unique())


def _swept_parts(lines: pd.DataFrame) -> pd.Series:
    """For each line all parts that were swept with its wording and encoder, as "A+B"."""
    return lines.groupby(["wording", "encoder"])["part"].transform(lambda parts: "+".join(sorted(set(parts))))


def _main_encoder(results: pd.DataFrame) -> pd.DataFrame:
    """The lines of the first text encoder, or of a part's own first where that part lacks it: others are an ablation.

    Raises:
        CatsplitError: there are no results, or of two benchmarks, or a line is there twice.
    """
    if results.empty:
        raise CatsplitError("There are no results to make tables of: run a sweep first.")
    if results["benchmark"].nunique() > 1:
        names = ", ".join(sorted(set(results["benchmark"])))
        raise CatsplitError(f"Tables are of one benchmark, but these results are of {names}: choose one.")
    if (again := results.duplicated(list(IDENTITY))).any():
        line = results[again].iloc[0]
        raise CatsplitError(
            f'The results hold "{line["coarse"]}" (part {line["part"]}, {line["method"]}, seed {line["seed"]}) twice: '
            "give each sweep once."
        )
    first = results["encoder"].iloc[0]
    encoders = results.groupby(["part", "wording"])["encoder"]
    return results[results["encoder"] == encoders.transform(lambda own: first if (own == first).any() else own.iloc[0])]


def _zero_shot_lines(results: pd.DataFrame) -> pd.DataFrame:
    lines = _main_encoder(results)
    return lines[~lines["method"].isin([*_LEARNERS, *ABLATED])]


def _learned_lines(results: pd.DataFrame, shots: int = 1) -> pd.DataFrame:
    lines = _main_encoder(results)
    learned = lines["method"].isin(_LEARNERS) & (lines["shots"] == shots)
    return lines[learned | (lines["method"] == ALL_THE_DATA)]


def _ablation_lines(results: pd.DataFrame) -> pd.DataFrame:
    """Lines of each variant, with columns what and variant; some are lines of several."""
    lines = _main_encoder(results)
    found = [lines[lines["method"] == method].assign(what=w, variant=v) for w, v, method in VARIANTS]
    for method in ("retrieval", "alignment"):
        own = results[results["method"] == method]
        found.append(own.assign(what="text encoder", variant=own["encoder"] + f", {method}"))
    lines = pd.concat(found)
    # A thing that wasn't varied is no ablation.
    rivals = lines["encoder"].where(lines["what"] == "text encoder", lines["variant"])
    varied = rivals.groupby([lines[name] for name in ("part", "wording", "what")]).transform("nunique") > 1
    return lines[varied]


def _summary(lines: pd.DataFrame, by: list[str], rates: Sequence[str] = RATES) -> pd.DataFrame:
    return _wide(means(lines, by, rates), by) if len(lines) else pd.DataFrame()


def _wide(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """One line for each group in place of one for each rate; groups of which nothing could be made are left out."""
    wide = table[by].drop_duplicates()
    for rate, own in table.groupby("rate", sort=False):
        names = {"n": "splits", "mean": rate, "low": f"{rate} low", "high": f"{rate} high"}
        found = own[[*by, *names]].rename(columns=names)
        wide = wide.merge(found if "splits" not in wide else found.drop(columns="splits"), on=by)
    return wide[wide["splits"] > 0].reset_index(drop=True)


def _in_order(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Sorted by these columns: methods and initial rows as the paper has them, all else as it first appears."""
    orders = {"method": _METHODS, "initial": tuple(INITIAL)}

    def places(values: pd.Series) -> pd.Series:
        order = orders.get(values.name, tuple(values.unique()))
        # Methods of one's own come between the zero-shot methods and those that learn.
        return values.map({value: place for place, value in enumerate(order)}).fillna(len(ZERO_SHOT) + 0.5)

    return table.sort_values(list(columns), key=places, kind="stable", ignore_index=True) if len(table) else table
