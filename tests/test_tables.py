"""The paper's tables against means and differences of the lines of a sweep, and what is written of them."""

import math

import numpy as np
import pandas as pd
import pytest
from madeup import encode, world
from matplotlib import pyplot as plt

from catsplit import results as results_file
from catsplit import stage
from catsplit.errors import CatsplitError
from catsplit.lowshot import Recipe
from catsplit.methods import ABLATED, ALL_THE_DATA, COMPARED, ORACLE, WHOLE_MODEL
from catsplit.results import gaps, means
from catsplit.setting import Setting
from catsplit.sweep import sweep
from catsplit.tables import build as tables
from catsplit.tables import figures as tablefigures
from catsplit.tables import published
from catsplit.tables import text as tabletext

METHODS = (*COMPARED, *ABLATED, ORACLE, "new rows", "whole head")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A sweep over both parts and wordings of a made-up benchmark."""
    folder, patch = tmp_path_factory.mktemp("tables"), pytest.MonkeyPatch()
    patch.setenv("CATSPLIT_CACHE", str(folder / "cache"))
    settings = []
    for part in "AB":
        here = world(folder / f"bench-{part}", part=part)
        clips = {"benchmark": here.benchmark, "features": here.features, "training": here.training}
        settings.append(Setting(here.head, **clips, encode=encode, seeds=(0, 1), name="Made-up"))
    options = {"wordings": ("exact", "other"), "encode": {"words": encode}, "recipe": Recipe(epochs=3)}
    table = sweep(settings, METHODS, **options, progress=False)
    patch.undo()
    # As a sweep says it where a split has more siblings than any group has members.
    failed = (table["method"] == "retrieval, coherent") & (table["coarse"] == "Pushing")
    table.loc[failed, ["generality", "locality", "mean", "siblings"]] = math.nan
    table.loc[failed, "problem"] = '"Pushing" has 3 subcategories, but the largest group of the dictionary only 2.'
    return table


def only(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1, wanted
    return table.iloc[0]


@pytest.mark.parametrize("rate", tables.RATES)
def test_zero_shot_lines_are_means_over_splits_of_means_over_seeds(results, rate):
    table = tables.zero_shot(results)
    assert list(dict.fromkeys(table["method"])) == [*COMPARED, ORACLE]
    assert len(table) == 2 * 2 * (len(COMPARED) + 1)
    wanted = means(results[results["shots"] <= 0], ["part", "wording", "method"], rate)
    for line in table.to_dict("records"):
        one = only(wanted, **{name: line[name] for name in ("part", "wording", "method")})
        found = [line[name] for name in (rate, f"{rate} low", f"{rate} high")]
        assert found == list(one[["mean", "low", "high"]])
        assert line["splits"] == one["n"] == 2


def test_an_ablation_counts_the_splits_it_lacks_and_leaves_out_what_was_not_varied(results):
    table = tables.ablation(results)
    assert set(table["what"]) == {"rows", "similarity", "matching", "ties"}
    coherent = table["variant"].str.startswith("coherent")
    failed = results[(results["method"] == "retrieval, coherent") & (results["problem"] != "")]
    assert len(failed)
    for (part, wording), lines in failed.groupby(["part", "wording"]):
        line = only(table[coherent], part=part, wording=wording)
        assert line["missing"] == lines["coarse"].nunique()
    less = results[~results["method"].isin([name for name in ABLATED if "only" in name])]
    assert "similarity" not in set(tables.ablation(less)["what"])


def test_a_second_text_encoder_is_an_ablation_and_in_no_other_table(results):
    second = results.assign(encoder="other words", generality=0.125)
    both = pd.concat([results, second], ignore_index=True)
    pd.testing.assert_frame_equal(tables.zero_shot(both), tables.zero_shot(results))
    added = tables.ablation(both)
    added = added[added["what"] == "text encoder"]
    assert set(added["variant"]) == {f"{e}, {m}" for e in ("words", "other words") for m in ("retrieval", "alignment")}
    assert (added.loc[added["variant"] == "other words, retrieval", "generality"] == 12.5).all()


def test_a_part_of_another_text_encoder_is_in_every_table(results):
    mixed = results.assign(encoder=results["part"].map({"A": "words", "B": "other words"}))
    for name, table in tabletext.make(mixed).items():
        expected = {("A", "words"), ("B", "other words")}
        assert set(zip(table["part"], table["encoder"], strict=True)) == expected, name
    assert set(tables.ablation(mixed)["what"]) == {"rows", "similarity", "matching", "ties"}
    text = tabletext.markdown(mixed, ["by type"])
    assert "### Part A, exact wording, text encoder words" in text
    assert "### Part B, exact wording, text encoder other words" in text
    assert "none of the tables" not in text


def test_what_no_table_shows_is_said(results):
    learned = results["method"] == "new rows"
    assert "none of the tables" not in tabletext.markdown(results, ["zero-shot"])
    five = results[learned & (results["initial"] == "coarse")].assign(shots=5)
    other = results[(results["part"] == "B") & ~learned].assign(encoder="other words")
    text = tabletext.markdown(pd.concat([results, five, other]), ["zero-shot"])
    said = [line for line in text.splitlines() if line.startswith("- part ")]
    of_five = [f"- part {p}, {w} wording, text encoder words: new rows from coarse (5-shot)"
               for p in "AB" for w in ("exact", "other")]  # fmt: skip
    assert set(of_five) <= set(said)
    more = [line for line in said if line not in of_five]
    assert [line.split(":")[0] for line in more] == [
        f"- part B, {wording} wording, text encoder other words" for wording in ("exact", "other")
    ]
    assert "ridge" in more[0]
    assert not {"retrieval", "alignment"} & set(more[0].split(": ")[1].split("; "))


def test_parts_are_taken_together_only_where_both_were_swept(results):
    less = results[(results["part"] == "A") | (results["wording"] == "exact")]
    for table in (tables.differences(less), tables.by_kind(less)):
        assert set(table.loc[table["wording"] == "other", "part"]) == {"A"}
        assert "A+B" in set(table.loc[table["wording"] == "exact", "part"])


def test_a_category_that_both_parts_split_is_two_splits(results):
    same = results.assign(coarse=results["coarse"].replace({"Rolling": "Pushing", "Sliding": "Pulling"}))
    expected, found = (tables.by_kind(table)["splits"].tolist() for table in (results, same))
    assert found == expected


def test_seeds_are_said_for_each_part_where_they_differ(results):
    assert "Seeds 0, 1." in tabletext.markdown(results, ["zero-shot"])
    less = results[(results["part"] == "A") | (results["seed"] == 0)]
    assert "Seeds 0, 1 in part A; 0 in part B." in tabletext.markdown(less, ["zero-shot"])


def test_one_shot_lines_are_by_what_learns_and_what_it_began_with(results):
    whole = results[results["method"] == "new rows"].assign(method=WHOLE_MODEL, locality=0.0)
    everything = whole[whole["initial"] == "coarse"].assign(method=ALL_THE_DATA, shots=-1, generality=0.9)
    five = whole.assign(method="new rows", shots=5, generality=math.nan)
    table = tables.one_shot(pd.concat([results, whole, everything, five], ignore_index=True))
    wanted = means(results[results["shots"] == 1], ["part", "wording", "method", "initial"])
    for line in table.to_dict("records"):
        if line["learns"] == ALL_THE_DATA:
            assert line["generality"] == pytest.approx(90)
            continue
        method = "new rows" if line["learns"] == WHOLE_MODEL else line["learns"]
        one = only(wanted, method=method, **{name: line[name] for name in ("part", "wording", "initial")})
        assert line["generality"] == one["mean"]
    assert set(table["learns"]) == {"new rows", "whole head", WHOLE_MODEL, ALL_THE_DATA}


def test_types_of_split_keep_those_without_a_known_word_apart_and_say_what_chance_is(results):
    table = tables.by_kind(results)
    kinds = {}
    for line in results.to_dict("records"):
        if line["kind"]:
            unknown = ", no known words" if line["known"] == 0 else ""
            kinds.setdefault(line["kind"] + unknown, {})[line["part"], line["coarse"]] = 100 / line["k"]
    assert set(table["kind"]) == set(kinds)
    for line in table.to_dict("records"):
        chances = kinds[line["kind"]]
        assert line["chance"] == pytest.approx(sum(chances.values()) / len(chances))
        assert (line["part"], line["splits"]) == ("A+B", len(chances))


def test_differences_are_paired_by_split(results):
    table = tables.differences(results)
    line = only(table, part="A+B", wording="exact", method="retrieval", against="copies")
    one = gaps(results[results["wording"] == "exact"], "retrieval", "copies").iloc[0]
    found = [line[name] for name in ("generality", "generality low", "generality high", "splits")]
    assert found == list(one[["mean", "low", "high", "n"]])
    assert line["verdict"] == ("above" if one["low"] > 0 else "below" if one["high"] < 0 else "not told apart")
    assert line["splits"] == 4
    learned = only(table, part="A", wording="other", method="new rows from alignment", against="new rows from coarse")
    assert learned["splits"] == 2


def test_a_verdict_needs_an_interval_without_zero(results):
    lines = results[results["method"].isin(["copies", "retrieval"])].copy()
    for shift, verdict in ((0.5, "above"), (-0.5, "below"), (0.0, "not told apart")):
        mine = lines["method"] == "retrieval"
        lines.loc[~mine, "generality"] = 0.5
        # Splits that go either way around a mean of nothing.
        wave = lines.loc[mine, "coarse"].map({"Pushing": 0.1, "Pulling": -0.1, "Rolling": 0.1, "Sliding": -0.1})
        lines.loc[mine, "generality"] = 0.5 + shift + wave
        assert only(tables.differences(lines), part="A+B", wording="exact")["verdict"] == verdict


def test_results_of_two_benchmarks_or_of_none_make_no_table(results):
    with pytest.raises(CatsplitError, match="are of Made-up, another"):
        tables.zero_shot(pd.concat([results, results.assign(benchmark="another")]))
    with pytest.raises(CatsplitError, match="twice: give each sweep once"):
        tables.zero_shot(pd.concat([results, results]))
    with pytest.raises(CatsplitError, match="no results"):
        tables.ablation(results.iloc[:0])
    with pytest.raises(CatsplitError, match="nothing for any of the tables: one-shot"):
        tabletext.make(results[results["shots"] == 0], ["one-shot"])
    with pytest.raises(CatsplitError, match='no table "two-shot"'):
        tabletext.make(results, ["two-shot"])


# What is written


def rows_of(text, heading):
    """Cells of all table lines between a heading and the next of its level or above."""
    level, found, inside = heading.split()[0], [], False
    for line in text.splitlines():
        if line.startswith("#"):
            inside = line == heading or inside and len(line.split()[0]) > len(level)
        elif inside and line.startswith("| ") and "---" not in line:
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_markdown_holds_the_numbers_of_the_tables_and_the_published_ones_apart(results):
    text = tabletext.markdown(results)
    table = tables.zero_shot(results)
    written = [row for row in rows_of(text, "## Zero-shot comparison") if row[0] in (*COMPARED, ORACLE)]
    ours = [row for row in written if len(row) == 5]
    assert [row[1] for row in ours] == [tabletext.cell(line, "generality") for line in table.to_dict("records")]
    theirs = rows_of(text, "### Published, of other data: zero-shot comparison")[1:]
    assert len(theirs) == len(published.figures("zero-shot"))
    assert all(row[0].startswith(("SSv2-Split", "FineGym-Split")) for row in theirs)
    assert published.SOURCE in text
    problem = results.loc[results["problem"] != "", "problem"].iloc[0]
    assert problem in text


def test_one_table_alone_is_the_same_without_headings(results):
    whole = tabletext.markdown(results, ["one-shot"])
    alone = tabletext.one(results, "one-shot")
    assert "#" not in alone
    assert [row for row in alone.splitlines() if row.startswith("|")] == [
        row for row in whole.splitlines() if row.startswith("|")
    ]
    assert "**Published, of other data: one-shot ablation**" in alone


def test_only_a_synthetic_benchmark_is_said_to_be_one(results):
    assert tabletext.SYNTHETIC not in tabletext.markdown(results, ["zero-shot"])
    text = tabletext.markdown(results.assign(benchmark="Stage-Split (synthetic)"), ["zero-shot"])
    assert tabletext.SYNTHETIC in text
    gym = tabletext.markdown(results.assign(benchmark="FineGym-Split"), ["zero-shot"])
    published_rows = rows_of(gym, "### Published, of other data: zero-shot comparison")
    assert not published_rows
    assert len(rows_of(gym, "### Published: zero-shot comparison")) == 1 + 4


def test_files_are_the_same_bytes_each_time_and_csv_holds_the_tables(results, tmp_path):
    first, second = (tabletext.write(results, tmp_path / name) for name in "ab")
    assert [path.name for path in first] == [path.name for path in second]
    assert {path.suffix for path in first} == {".md", ".csv", ".png"}
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    read = pd.read_csv(tmp_path / "a" / "zero-shot.csv")
    np.testing.assert_allclose(read["generality"], tables.zero_shot(results)["generality"], atol=0.00501)
    text = (tmp_path / "a" / "tables.md").read_text()
    for name in ("zero-shot.png", "ablation.png", "one-shot.png", "by-type.png"):
        assert f"]({name})" in text
        assert (tmp_path / "a" / name).exists()


@pytest.mark.parametrize("name", tablefigures.DRAWN)
def test_a_figure_draws_every_line_of_its_table(results, name):
    table = tabletext.make(results, [name])[name]
    figure = tablefigures.draw(name, table)
    drawn = []
    for axis in figure.axes:
        marks = [line.get_xdata() for line in axis.lines if line.get_marker() != "None"]
        drawn += [x for xs in marks for x in xs if np.isfinite(x)]
    rates = ["generality"] if name == "by type" else ["generality", "locality"]
    expected = [value for rate in rates for value in table[rate]]
    assert sorted(drawn) == pytest.approx(sorted(expected))
    for axis in figure.axes:
        if axis.get_xlabel().startswith("locality"):
            assert axis.get_xlim()[0] <= 95
    plt.close(figure)


def test_the_tables_in_the_repository_are_those_of_its_results(root):
    folder = root / "data" / "results" / "stage-split"
    pictures = {name: f"{name.replace(' ', '-')}.png" for name in tablefigures.DRAWN}
    assert all((folder / picture).is_file() for picture in pictures.values())
    found = results_file.read(root / "data" / "results" / "stage-split.csv")
    assert (folder / "tables.md").read_text(encoding="utf-8") == tabletext.markdown(found, figures=pictures)
    assert set(found["seed"]) == {0, 1, 2}
    assert set(found["part"]) == {"A", "B"}
    assert set(found["wording"]) == set(stage.WORDINGS)
