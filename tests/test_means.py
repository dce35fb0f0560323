"""Means and differences of a sweep's lines against plain loops."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from catsplit.errors import CatsplitError
from catsplit.metrics import interval
from catsplit.results import gaps, means

KINDS = {"Push": "direction", "Pull": "direction", "Drop": "end", "Stack": "number"}


@pytest.fixture(scope="module")
def lines():
    """Two parts, four splits each, three methods, two wordings and seeds; copies don't read, and stand in one."""
    swept = [
        ("copies", "exact", "", 0), ("retrieval", "exact", "", 0), ("retrieval", "other", "", 0),
        ("new rows", "exact", "coarse", 1), ("new rows", "exact", "coarse", 5), ("new rows", "exact", "copies", 1),
    ]  # fmt: skip
    found = [(*what, *rest) for what, *rest in product(swept, "BA", reversed(KINDS), (0, 1))]
    table = pd.DataFrame(found, columns=["method", "wording", "initial", "shots", "part", "coarse", "seed"])
    table[["generality", "locality"]] = np.random.default_rng(0).random((len(found), 2))
    return table.assign(benchmark="Made-up", encoder="words", kind=table["coarse"].map(KINDS))


def by_hand(lines, rate="generality", **wanted):
    """{split: mean over its seeds in percent} in the order of their names, with plain loops."""
    splits = {}
    for line in lines.to_dict("records"):
        if all(line[column] == value for column, value in wanted.items()):
            splits.setdefault((line["part"], line["coarse"]), []).append(100 * line[rate])
    return {split: sum(splits[split]) / len(splits[split]) for split in sorted(splits)}


def test_a_mean_is_over_splits_of_means_over_seeds(lines):
    table = means(lines[lines["shots"] == 0], ["method", "part", "wording"])
    assert list(table.columns) == ["method", "part", "wording", "mean", "low", "high", "n"]
    assert [tuple(line) for line in table.iloc[:, :3].to_numpy()] == [
        (method, part, wording)
        for method, wording in (("copies", "exact"), ("retrieval", "exact"), ("retrieval", "other"))
        for part in "BA"
    ], "groups stand in the order of the sweep"
    for line in table.to_dict("records"):
        splits = by_hand(lines, method=line["method"], part=line["part"], wording=line["wording"])
        assert (line["mean"], line["low"], line["high"]) == pytest.approx(interval(list(splits.values())))
        assert line["n"] == len(splits) == 4


def test_parts_are_taken_together_and_a_category_of_both_counts_twice(lines):
    line = means(lines[lines["method"] == "copies"]).iloc[0]
    assert line["n"] == 8
    splits = by_hand(lines, method="copies")
    assert tuple(line[["mean", "low", "high"]]) == pytest.approx(interval(list(splits.values())))
    shuffled = means(lines[lines["method"] == "copies"].sample(frac=1, random_state=0)).iloc[0]
    assert (shuffled["low"], shuffled["high"]) == pytest.approx((line["low"], line["high"]))


def test_several_rates_stand_below_one_another(lines):
    copies = lines[lines["method"] == "copies"]
    both = means(copies, "kind", ("generality", "locality"))
    for rate, own in both.groupby("rate"):
        alone = means(copies, "kind", rate)
        pd.testing.assert_frame_equal(own.drop(columns="rate").reset_index(drop=True), alone)


def test_edits_that_cannot_be_made_are_in_no_mean(lines):
    copies = lines[lines["method"] == "copies"].copy()
    copies.loc[copies["kind"] == "end", "generality"] = np.nan
    table = means(copies, "kind").set_index("kind")
    assert table.loc["end", "n"] == 0
    assert table.loc["end", ["mean", "low", "high"]].isna().all()
    assert means(copies)["n"].item() == 6


@pytest.mark.parametrize(
    ("by", "differ"),
    [("method", "wording"), (["method", "wording"], "initial"), (["method", "wording", "initial"], "shots")],
)
def test_lines_that_differ_in_more_than_their_seed_have_no_mean(lines, by, differ):
    with pytest.raises(CatsplitError, match=f"differ in their {differ} .* into `by`"):
        means(lines, by)


def test_a_difference_is_over_the_same_splits(lines):
    table = gaps(lines, "retrieval", "copies", by=["wording", "part"])
    assert list(table.columns) == ["wording", "part", "mean", "low", "high", "n"]
    # Copies were swept in one wording only.
    assert table.loc[table["wording"] == "other", "n"].tolist() == [0, 0]
    for part in "AB":
        one, other = (by_hand(lines, method=name, wording="exact", part=part) for name in ("retrieval", "copies"))
        line = table[(table["wording"] == "exact") & (table["part"] == part)].iloc[0]
        expected = interval([one[split] - other[split] for split in one])
        assert (line["mean"], line["low"], line["high"]) == pytest.approx(expected)
        assert line["n"] == 4


def test_what_is_given_a_value_stands_against_all(lines):
    table = gaps(lines, "retrieval", {"method": "copies", "wording": "exact"}, by="wording", rate=["locality"])
    other = by_hand(lines, "locality", method="copies")
    for line in table.to_dict("records"):
        one = by_hand(lines, "locality", method="retrieval", wording=line["wording"])
        assert line["mean"] == pytest.approx(np.mean([one[split] - other[split] for split in one]))
        assert (line["rate"], line["n"]) == ("locality", 8)
    learned = {"method": "new rows", "initial": "coarse"}
    by_shots = gaps(lines, learned, {"method": "copies", "shots": 0}, by="shots")
    assert by_shots["shots"].tolist() == [1, 5]
    one, other = by_hand(lines, **learned, shots=5), by_hand(lines, method="copies")
    assert by_shots["mean"].iloc[1] == pytest.approx(np.mean([one[split] - other[split] for split in one]))


def test_a_pair_needs_the_same_split_and_the_same_encoder_where_both_have_one(lines):
    less = lines[(lines["method"] != "copies") | (lines["coarse"] != "Drop") | (lines["part"] != "A")]
    assert gaps(less[less["wording"] == "exact"], "retrieval", "copies")["n"].item() == 7
    copies, exact = lines["method"] == "copies", lines[lines["wording"] == "exact"]
    elsewhere = exact.assign(encoder=exact["encoder"].mask(copies, "another"))
    assert gaps(elsewhere, "retrieval", "copies")["n"].item() == 0
    without = exact.assign(encoder=exact["encoder"].mask(copies, ""))
    pd.testing.assert_frame_equal(gaps(without, "retrieval", "copies"), gaps(exact, "retrieval", "copies"))


@pytest.mark.parametrize(
    ("take", "message"),
    [
        (lambda lines: means(lines[:0]), "no results"),
        (lambda lines: means(lines, "methods"), 'no column "methods" .*"method"'),
        (lambda lines: means(lines, rate="generalty"), 'no column "generalty"'),
        (lambda lines: gaps(lines, "copys", "retrieval"), 'no method "copys" .*"copies"'),
        (lambda lines: gaps(lines, {"method": "new rows", "shots": 2}, "copies"), 'no shots "2"'),
        (lambda lines: gaps(lines, "retrieval", "copies"), "differ in their wording"),
        (lambda lines: gaps(lines, "copies", {"method": "new rows", "shots": 1}), "differ in their initial"),
    ],
)
def test_what_has_no_mean_is_one_sentence(lines, take, message):
    with pytest.raises(CatsplitError, match=message):
        take(lines)
