"""Maps as figures: what is drawn is what was given."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from catsplit import plots
from catsplit.errors import CatsplitError
from catsplit.maps import Map

pytestmark = pytest.mark.usefixtures("figures")


def a_map(n=12, seed=0):
    return Map(np.random.default_rng(seed).standard_normal((n, 2)), 0.914, f"UMAP, 4 neighbours, seed {seed}")


def drawn(ax):
    """The marks of each label, told by their colour."""
    handles, names = ax.get_legend_handles_labels()
    marks = ax.collections[0]
    colours = [to_hex(colour) for colour in marks.get_facecolors()]
    return {
        name: marks.get_offsets()[[colour == to_hex(handle.get_color()) for colour in colours]].data
        for name, handle in zip(names, handles, strict=True)
    }


def written(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def test_a_map_has_each_point_in_its_label_and_its_trust_in_its_title():
    chart, labels = a_map(), ["to the left", "to the right", "upwards"] * 4
    ax = plots.label_map(chart, labels, "Pushing")
    for name, points in drawn(ax).items():
        assert np.array_equal(points, chart.places[[label == name for label in labels]])
    assert list(drawn(ax)) == ["to the left", "to the right", "upwards"]
    handles = ax.get_legend_handles_labels()[0]
    assert len({line.get_color() for line in handles}) == len({line.get_marker() for line in handles}) == 3
    assert ax.get_title(loc="left") == "Pushing\nUMAP, 4 neighbours, seed 0\ntrustworthiness 0.91"
    assert not len(ax.get_xticks())
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == list(drawn(ax))


def test_small_multiples_draw_each_map_with_its_own_labels_or_all_with_one():
    charts, labels = [a_map(seed=seed) for seed in range(4)], ["one", "other"] * 6
    axes = plots.label_maps(charts, labels, ["a", "b", "c", "d"])
    for ax, chart in zip(axes, charts, strict=True):
        assert np.array_equal(drawn(ax)["other"], chart.places[1::2])
        assert chart.made in ax.get_title(loc="left")
    assert [bool(ax.get_legend()) for ax in axes] == [False] * 4
    each = [labels, ["all"] * 12, labels[::-1], ["x"] * 12]
    axes = plots.label_maps(charts, each, columns=2)
    assert [list(drawn(ax)) for ax in axes] == [["one", "other"], ["all"], ["other", "one"], ["x"]]
    assert all(ax.get_legend() for ax in axes)


def test_arrows_lead_from_a_row_to_its_new_rows():
    chart, labels = a_map(6), ["Push", "Pull", "Push to the left", "Push to the right", "Wave", "Rest"]
    kinds = ["coarse", "untouched", "new", "new", "untouched", "untouched"]
    ax = plots.row_map(chart, labels, kinds, [("Push", labels[2]), ("Push", labels[3])], named=["Push"])
    arrows = [(text.xyann, text.xy) for text in ax.texts if text.get_text() == ""]
    assert np.array_equal(arrows, chart.places[[[0, 2], [0, 3]]])
    assert written(ax) == ["Push"]
    assert np.array_equal(drawn(ax)["new"], chart.places[2:4])


def test_names_are_written_once_and_apart():
    chart = a_map(20)
    names = [f"modifier number {i // 2}" for i in range(20)]
    ax = plots.name_map(chart, names, ["a kind", "another kind"] * 10)
    assert sorted(written(ax)) == sorted(set(names))
    for text in ax.texts:
        mine = chart.places[[name == text.get_text() for name in names]]
        assert any(np.array_equal(text.xy, place) for place in mine)
    ax.figure.canvas.draw()
    # Of the text alone, without the thin line that leads to it.
    boxes = [Text.get_window_extent(text) for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    frame = ax.get_window_extent()
    assert all(frame.x0 - 1 <= box.x0 and box.x1 <= frame.x1 + 1 for box in boxes)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.label_map(a_map(), ["one"] * 11), "places of a map"),
        (lambda: plots.label_map(a_map(), list("abcdefghijkl")), "tells 9 labels apart, not 12"),
        (lambda: plots.label_maps([a_map(), a_map()], [["one"] * 12]), "as many lists"),
        (lambda: plots.row_map(a_map(2), ["a", "b"], ["x", "y"], [("a", "c")]), 'no row "c"'),
        (lambda: plots.name_map(a_map(), ["one"] * 3, ["kind"] * 12), "names on a map"),
    ],
)
def test_errors(draw, message):
    with pytest.raises(CatsplitError, match=message):
        draw()
