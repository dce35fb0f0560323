"""Learning curves and confusions: what they draw is what they were given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from catsplit.errors import CatsplitError
from catsplit.plots import confusion, curves


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def shots() -> pd.DataFrame:
    # Out of order on purpose: a curve that follows the table's order would run back and forth.
    return pd.DataFrame({
        "series": ["coarse", "coarse", "coarse", "random"], "x": [20, 1, 5, 1], "mean": [90.0, 50.0, 70.0, 30.0],
        "low": [88.0, 40.0, 65.0, 20.0], "high": [92.0, 60.0, 75.0, 45.0],
    })  # fmt: skip


def lines(ax) -> dict[str, list]:
    return {line.get_label(): line.get_xydata().tolist() for line in ax.lines if line.get_label()[0] != "_"}


def edges(band) -> set[tuple[float, float]]:
    return {tuple(point) for point in band.get_paths()[0].vertices.tolist()}


def test_a_curve_goes_through_the_means_in_the_order_of_x():
    drawn = lines(curves(shots()))
    assert drawn == {"coarse": [[1, 50], [5, 70], [20, 90]], "random": [[1, 30]]}


def test_a_band_reaches_from_low_to_high():
    ax = curves(shots())
    assert {(1, 40), (5, 65), (20, 88), (1, 60), (5, 75), (20, 92)} == edges(ax.collections[0])
    assert {(1, 20), (1, 45)} == edges(ax.collections[1])
    assert not curves(shots().drop(columns=["low", "high"])).collections


def test_even_values_stand_at_equal_distances_under_their_names():
    ax = curves(shots(), even=True)
    assert lines(ax)["coarse"] == [[0, 50], [1, 70], [2, 90]]
    named = {place: text.get_text() for place, text in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)}
    assert named == {0: "1", 1: "5", 2: "20"}


def test_the_legend_names_the_series_in_the_order_of_the_table():
    ax = curves(shots())
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["coarse", "random"]
    assert not curves(shots(), legend=False).figure.legends


def test_series_differ_in_mark_and_colour():
    first, second = curves(shots()).lines
    assert first.get_marker() != second.get_marker()
    assert first.get_color() != second.get_color()


def test_a_missing_column_is_one_sentence():
    with pytest.raises(CatsplitError, match='lacks the column "mean"'):
        curves(shots().drop(columns="mean"))


COUNTS = np.array([[27, 3, 0], [10, 18, 2]])
SHOWN, ANSWERED = ["falls", "stands"], ["falls", "stands", "another category"]


def test_every_cell_says_its_count_and_its_share_of_the_line():
    ax = confusion(COUNTS, SHOWN, ANSWERED)
    texts = {tuple(map(int, text.get_position())): text.get_text() for text in ax.texts}
    assert texts == {
        (0, 0): "27\n90 %", (1, 0): "3\n10 %", (2, 0): "0\n0 %",
        (0, 1): "10\n33 %", (1, 1): "18\n60 %", (2, 1): "2\n7 %",
    }  # fmt: skip
    assert np.allclose(ax.images[0].get_array(), 100 * COUNTS / 30)


def test_lines_and_columns_have_their_names():
    ax = confusion(COUNTS, SHOWN, ANSWERED)
    assert [text.get_text() for text in ax.get_yticklabels()] == SHOWN
    assert [text.get_text().replace("\n", " ") for text in ax.get_xticklabels()] == ANSWERED
    square = confusion(COUNTS[:, :2], SHOWN)
    assert [text.get_text() for text in square.get_xticklabels()] == SHOWN


def test_right_answers_are_set_in_bold():
    bold = {text.get_text() for text in confusion(COUNTS, SHOWN, ANSWERED).texts if text.get_weight() == "bold"}
    assert bold == {"27\n90 %", "18\n60 %"}


def test_a_line_without_clips_is_all_zero():
    ax = confusion(np.array([[0, 0], [1, 3]]), SHOWN)
    assert np.array_equal(ax.images[0].get_array(), [[0, 0], [25, 75]])


def test_counts_of_another_shape_are_one_sentence():
    with pytest.raises(CatsplitError, match="confusion matrix"):
        confusion(COUNTS, SHOWN)
