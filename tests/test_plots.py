"""Figures: what they draw is what they were given."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import pyplot as plt

from catsplit import plots
from catsplit.errors import CatsplitError
from catsplit.head import Head


@pytest.fixture(autouse=True)
def no_window():
    before = dict(mpl.rcParams)
    yield
    assert {name: mpl.rcParams[name] for name in before if name != "backend"} == {
        name: value for name, value in before.items() if name != "backend"
    }, "a figure changed the reader's own style"
    plt.close("all")


def test_a_strip_shows_evenly_spaced_frames():
    frames = np.zeros((20, 8, 10, 3), np.uint8) + np.arange(20, dtype=np.uint8)[:, None, None, None]
    axes = plots.strips({"one": frames, "two": frames[:16]}, count=4)
    picture = np.asarray(axes[0].images[0].get_array())
    values = [v for v in dict.fromkeys(picture[4, :, 0].tolist()) if v < 20]
    assert values[0] == 0
    assert values[-1] == 19
    assert len(axes) == 2


def test_rows_are_named_and_in_order():
    weight = torch.arange(12.0).reshape(3, 4)
    ax = plots.rows(weight, ["a", "b", "c"])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert np.allclose(ax.images[0].get_array(), weight)


def test_the_plane_is_coloured_by_the_winner():
    head = Head(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.zeros(2), ["right", "left"])
    ax = plots.plane(head, {"clips": np.array([[1.0, 1.0]])})
    left, right = ax.get_xlim()
    assert left < 0 < right
    assert {text.get_text() for text in ax.texts} >= {"right", "left"} or ax.figure.legends or ax.get_legend()


def test_bars_have_the_lengths_given():
    ax = plots.bars({"a": 0.7, "b": 0.2})
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.7, 0.2])


def test_intervals_reach_from_low_to_high():
    table = pd.DataFrame({"group": ["g", "g"], "series": ["x", "y"], "mean": [5.0, 7.0], "low": [4.0, 7.0],
                          "high": [8.0, 9.0]})  # fmt: skip
    ax = plots.intervals(table)
    ends = sorted(tuple(segment[:, 0]) for c in ax.collections for segment in c.get_segments())
    assert ends == [(4.0, 8.0), (7.0, 9.0)]
    with pytest.raises(CatsplitError, match="mean"):
        plots.intervals(table.drop(columns="mean"))


def test_the_trade_off_marks_each_split_and_the_mean():
    table = pd.DataFrame({"method": ["m"] * 3, "generality": [10.0, 20.0, 30.0], "locality": [99.0, 98.0, 97.0]})
    ax = plots.trade_off(table)
    points = [line.get_xydata().tolist() for line in ax.lines]
    assert [[10.0, 99.0], [20.0, 98.0], [30.0, 97.0]] in points
    assert [[20.0, 98.0]] in points


def test_a_wrong_shape_is_one_sentence():
    with pytest.raises(CatsplitError, match="film strip"):
        plots.strips({})
    with pytest.raises(CatsplitError, match="frames"):
        plots.strips({"flat": np.zeros((20, 8, 10), np.uint8)})
