"""Figures of results and pictures, and heat maps: what they draw is what they were given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color, to_hex

from catsplit import plots
from catsplit.errors import CatsplitError
from catsplit.plots.style import METHODS, looks

pytestmark = pytest.mark.usefixtures("figures")


def texts(artists):
    return [artist.get_text().replace("\n", " ") for artist in artists]


def marks(ax):
    """{(name in the legend, x)} of the marks, told by colour and kind."""
    names = {(to_hex(line.get_color()), line.get_marker()): name
             for line, name in zip(*ax.get_legend_handles_labels(), strict=True)}  # fmt: skip
    found = {(names.get((to_hex(line.get_color()), line.get_marker())), x)
             for line in ax.lines if line.get_marker() != "None" for x in line.get_xdata()}  # fmt: skip
    return {(name, x) for name, x in found if np.isfinite(x)}


# Series and their colours


def test_a_method_has_one_colour_wherever_its_name_begins_a_series():
    series = {name: name for name in METHODS} | {
        "copies (control)": "copies", "alignment, paraphrased": "alignment", "vision–language": "vision-language",
        "random vectors": "random",
    }  # fmt: skip
    for name, method in series.items():
        assert looks(["part A", name])["palette"][name] == METHODS[method]
    compared = ("copies", "random vectors", "random entries", "vision-language", "retrieval", "alignment", "oracle")
    assert len({looks([name])["palette"][name] for name in compared}) == len(compared)


def test_series_that_are_no_methods_have_no_methods_colour():
    look = looks(["one", "retrieval", "other"])
    assert len(set(look["palette"].values())) == len(set(look["markers"].values())) == 3


# Results


def test_bars_have_the_lengths_given():
    ax = plots.bars({"a": 0.7, "b": 0.2}, "a title", "share")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.7, 0.2])
    assert texts(ax.texts) == [" 0.70", " 0.20"]
    assert texts(ax.get_yticklabels()) == ["a", "b"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first stands on top"


@pytest.fixture
def means():
    return pd.DataFrame({"group": ["g", "g", "h"], "series": ["x", "y", "x"], "mean": [5.0, 7.0, 6.0],
                         "low": [4.0, 7.0, 5.5], "high": [8.0, 9.0, 6.25]})  # fmt: skip


def test_intervals_reach_from_low_to_high_around_the_mean(means):
    ax = plots.intervals(means)
    assert marks(ax) == {("x", 5.0), ("x", 6.0), ("y", 7.0)}
    bars = [line.get_xdata() for line in ax.lines if line.get_marker() == "None"]
    ends = {(np.nanmin(bar), np.nanmax(bar)) for bar in bars if np.isfinite(bar).any()}
    assert ends >= {(4.0, 8.0), (7.0, 9.0), (5.5, 6.25)}
    assert texts(ax.get_yticklabels()) == ["g", "h"]
    assert texts(ax.figure.legends[0].get_texts()) == ["x", "y"]
    assert not plots.intervals(means, legend=False).figure.legends


def test_means_without_intervals_are_marks_alone(means):
    assert marks(plots.intervals(means.drop(columns=["low", "high"]))) == {("x", 5.0), ("x", 6.0), ("y", 7.0)}


def test_the_trade_off_marks_each_split_and_the_mean():
    table = pd.DataFrame({"method": ["m"] * 3, "generality": [10.0, 20.0, 30.0], "locality": [99.0, 98.0, 97.0]})
    ax = plots.trade_off(table)
    assert ax.collections[0].get_offsets().tolist() == [[10.0, 99.0], [20.0, 98.0], [30.0, 97.0]]
    assert [20.0, 98.0] in [xy for line in ax.lines for xy in line.get_xydata().tolist()]
    ax = plots.trade_off(table.assign(**{"generality low": 15.0, "generality high": 29.0}))
    crosses = [segment.tolist() for bars in ax.collections[1:] for segment in bars.get_segments()]
    assert crosses == [[[15.0, 98.0], [29.0, 98.0]]]


@pytest.fixture
def shots():
    # Out of order on purpose: a curve that follows the table's order would run back and forth.
    return pd.DataFrame({
        "series": ["coarse", "coarse", "coarse", "random"], "x": [20, 1, 5, 1], "mean": [90.0, 50.0, 70.0, 30.0],
        "low": [88.0, 40.0, 65.0, 20.0], "high": [92.0, 60.0, 75.0, 45.0],
    })  # fmt: skip


def lines(ax):
    return [line.get_xydata().tolist() for line in ax.lines if len(line.get_xdata())]


def test_a_curve_goes_through_the_means_in_the_order_of_x(shots):
    ax = plots.curves(shots)
    assert lines(ax) == [[[1, 50], [5, 70], [20, 90]], [[1, 30]]]
    first, second = (line for line in ax.lines if len(line.get_xdata()))
    assert first.get_marker() != second.get_marker()
    assert first.get_color() != second.get_color()
    assert texts(ax.figure.legends[0].get_texts()) == ["coarse", "random"]
    assert not plots.curves(shots, legend=False).figure.legends


def test_a_band_reaches_from_low_to_high(shots):
    edges = [{tuple(xy) for xy in band.get_paths()[0].vertices.tolist()} for band in plots.curves(shots).collections]
    assert {(1, 40), (5, 65), (20, 88), (1, 60), (5, 75), (20, 92)} == edges[0]
    assert {(1, 20), (1, 45)} == edges[1]
    assert not [band for band in plots.curves(shots.drop(columns=["low", "high"])).collections if len(band.get_paths())]


def test_even_values_stand_at_equal_distances_under_their_names(shots):
    ax = plots.curves(shots, even=True)
    assert lines(ax)[0] == [[0, 50], [1, 70], [2, 90]]
    assert dict(zip(ax.get_xticks(), texts(ax.get_xticklabels()), strict=True)) == {0: "1", 1: "5", 2: "20"}


def test_two_curves_of_one_method_differ_in_mark_and_line():
    table = pd.DataFrame({"series": ["alignment", "alignment, paraphrased"] * 2, "x": [0, 0, 1, 1], "mean": range(4)})
    one, other = (line for line in plots.curves(table).lines if len(line.get_xdata()))
    assert same_color(one.get_color(), METHODS["alignment"])
    assert same_color(other.get_color(), METHODS["alignment"])
    assert one.get_marker() != other.get_marker()
    assert one.is_dashed() != other.is_dashed()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.intervals(pd.DataFrame(columns=["group", "series"])), 'lacks the column "mean"'),
        (lambda: plots.curves(pd.DataFrame(columns=["series", "x"])), 'lacks the column "mean"'),
        (lambda: plots.trade_off(pd.DataFrame(columns=["method", "locality"])), 'lacks the column "generality"'),
        (lambda: plots.confusion(COUNTS, SHOWN), "confusion matrix"),
        (lambda: plots.matches(np.zeros((2, 2)), ["a"], ["x", "y"], {}), "table of similarities"),
        (lambda: plots.rows(np.zeros((2, 2)), ["a"]), "weight matrix"),
        (lambda: plots.similarity(np.zeros((2, 3)), ["a", "b"]), "matrix of similarities"),
        (lambda: plots.strips({}), "film strip"),
        (lambda: plots.strips({"flat": np.zeros((20, 8, 10), np.uint8)}), 'frames of "flat"'),
        *((lambda shape=shape, n=n: plots.pictures(np.zeros(shape), ["x"] * n), "ictures")
          for shape, n in (((2, 4, 4), 2), ((2, 3, 4, 4), 2), ((3, 4, 4, 3), 2), ((0, 4, 4, 3), 0))),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_sentence(draw, message):
    with pytest.raises(CatsplitError, match=message):
        draw()


# Heat maps

COUNTS = np.array([[27, 3, 0], [10, 18, 2]])
SHOWN, ANSWERED = ["falls", "stands"], ["falls", "stands", "another category"]


def cells(ax):
    return np.asarray(ax.collections[0].get_array())


@pytest.mark.parametrize(
    ("draw", "matrix"), [(plots.rows, np.arange(12.0).reshape(3, 4)), (plots.similarity, np.arange(9.0).reshape(3, 3))]
)
def test_rows_are_named_and_in_order(draw, matrix):
    ax = draw(matrix, ["a", "b", "c"])
    assert texts(ax.get_yticklabels()) == ["a", "b", "c"]
    assert np.allclose(cells(ax), matrix)


def test_lines_part_the_groups_of_similar_rows():
    ax = plots.similarity(np.eye(3), ["a", "b", "c"], [1])
    lines = [segment.tolist() for drawn in ax.collections[1:] for segment in drawn.get_segments()]
    assert [[[0, 1], [3, 1]], [[1, 3], [1, 0]]] == lines


def test_every_cell_says_its_count_and_its_share_of_the_line():
    ax = plots.confusion(COUNTS, SHOWN, ANSWERED)
    assert texts(ax.texts) == ["27 90 %", "3 10 %", "0 0 %", "10 33 %", "18 60 %", "2 7 %"]
    assert np.allclose(cells(ax), 100 * COUNTS / 30)
    assert texts(ax.get_yticklabels()) == SHOWN
    assert texts(ax.get_xticklabels()) == ANSWERED
    assert texts(text for text in ax.texts if text.get_weight() == "bold") == ["27 90 %", "18 60 %"]
    assert texts(plots.confusion(COUNTS[:, :2], SHOWN).get_xticklabels()) == SHOWN


def test_a_line_without_clips_is_all_zero():
    assert np.array_equal(cells(plots.confusion(np.array([[0, 0], [1, 3]]), SHOWN)), [[0, 0], [25, 75]])


def test_rings_are_around_the_chosen_cells():
    table = np.array([[0.9, 0.7, 0.2], [0.85, 0.4, 0.3]])
    ax = plots.matches(table, ["a", "b"], ["x", "y", "z"], {"argmax": [0, 0], "one-to-one": [0, 1]})
    assert {line.get_label(): np.floor(line.get_xydata()).tolist() for line in ax.lines} == {
        "argmax": [[0, 0], [0, 1]],
        "one-to-one": [[0, 0], [1, 1]],
    }
    assert texts(ax.texts) == [f"{value:.2f}" for value in table.flat]


# Pictures


def test_a_strip_shows_evenly_spaced_frames():
    frames = np.zeros((20, 8, 10, 3), np.uint8) + np.arange(20, dtype=np.uint8)[:, None, None, None]
    axes = plots.strips({"one": frames, "two": frames[:16]}, count=4)
    picture = np.asarray(axes[0].images[0].get_array())
    assert list(dict.fromkeys(value for value in picture[4, :, 0].tolist() if value < 20)) == [0, 6, 13, 19]
    assert [ax.get_title(loc="left") for ax in axes] == ["one", "two"]


def test_every_picture_stands_in_its_place_under_its_title():
    images = np.random.default_rng(0).random((5, 4, 6, 3))
    titles = ["a", "b", "c", "a title that is so long that it has to be broken", "e"]
    axes = plots.pictures(images, titles, columns=3)
    assert texts(ax.title for ax in axes) == titles
    for ax, image in zip(axes, images, strict=True):
        assert np.array_equal(ax.images[0].get_array(), image)
    assert "\n" in axes[3].get_title()
    places = [ax.get_subplotspec() for ax in axes]
    assert [(spec.rowspan.start, spec.colspan.start) for spec in places] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    empty = [ax for ax in axes[0].figure.axes if not ax.images]
    assert [ax.axison for ax in empty] == [False]


def test_titles_overlap_neither_one_another_nor_the_pictures():
    axes = plots.pictures(np.zeros((12, 4, 4, 3)), ["a striped circle with a very long name"] * 12, columns=6)
    axes[0].figure.draw_without_rendering()
    titles = [ax.title.get_window_extent() for ax in axes]
    shown = [ax.images[0].get_window_extent() for ax in axes]
    assert not any(title.count_overlaps([*titles[:n], *shown]) for n, title in enumerate(titles))
