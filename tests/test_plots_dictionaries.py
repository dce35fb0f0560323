"""Figures of the dictionary: what is drawn is what was given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from catsplit import plots
from catsplit.errors import CatsplitError
from catsplit.plots import dictionaries

pytestmark = pytest.mark.usefixtures("figures")


def cosines(seed, n=9):
    rows = np.random.default_rng(seed).standard_normal((n, 4))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


def names_of(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


LABELS = [f"entry {i}" for i in range(9)]


def test_two_maps_hold_the_cosines_of_the_entries_named_beside_them_and_lines_join_the_two_places():
    maps, verdicts = {"weight": cosines(0), "text": cosines(1)}, ["right", "wrong", "none"] * 3
    axes = plots.similarity_maps(maps, LABELS, verdicts, {"right": "same"})
    for (title, matrix), ax in zip(maps.items(), axes[[1, 3]], strict=True):
        order = [LABELS.index(name) for name in names_of(ax)]
        assert sorted(order) == list(range(9))
        assert np.allclose(ax.collections[0].get_array(), matrix[np.ix_(order, order)])
        assert ax.get_title() == title
    left, right = names_of(axes[1]), names_of(axes[3])
    for line, label, verdict in zip(axes[2].lines, LABELS, verdicts, strict=True):
        assert list(line.get_ydata()) == [left.index(label) + 0.5, right.index(label) + 0.5]
        colour, style, _ = dictionaries.VERDICTS[verdict]
        assert same_color(line.get_color(), colour)
        assert line.get_linestyle() == style
    assert [text.get_text() for text in axes[0].figure.legends[0].get_texts()] == ["✓ same"]


def merges(ax):
    """(places above, places below, height) of each pair of branches that a drawn tree joins, lowest first."""
    at = {}
    branches = [xy for drawn in ax.collections for xy in drawn.get_segments()]
    for xy in sorted(branches, key=lambda xy: np.abs(xy[:, 0]).max()):
        ends = (xy[[0, 3], 1] / 10 - 0.5).round(6)  # scipy's units
        above, below = (at.get(y, {round(y)}) for y in sorted(ends))
        at[ends.mean().round(6)] = above | below
        yield above, below, np.abs(xy[:, 0]).max()


@pytest.mark.parametrize("seed", range(5))
def test_trees_are_those_of_their_cosines_and_the_second_is_turned_towards_the_first_order(seed):
    maps = [cosines(seed), cosines(seed + 50)]
    axes = plots.similarity_maps({"weight": maps[0], "text": maps[1]}, LABELS)
    for matrix, ax, tree in zip(maps, axes[[1, 3]], axes[[0, 4]], strict=True):
        order = [LABELS.index(name) for name in names_of(ax)]
        drawn = np.zeros((9, 9))
        for above, below, height in merges(tree):
            drawn[np.ix_(list(above), list(below))] = height
        distance = squareform(1 - matrix[np.ix_(order, order)], checks=False)
        assert np.allclose(drawn + drawn.T, squareform(cophenet(linkage(distance, "average"))))
    first = [names_of(axes[1]).index(label) for label in names_of(axes[3])]
    for above, below, _ in merges(axes[4]):
        assert np.mean([first[i] for i in above]) <= np.mean([first[i] for i in below])


def test_the_same_clustering_twice_has_the_same_order():
    axes = plots.similarity_maps({"one": cosines(0), "same": cosines(0)}, LABELS)
    assert names_of(axes[1]) == names_of(axes[3])


@pytest.fixture
def served():
    return pd.DataFrame(
        {"target": list("abcd"), "source": ["second", "first", "second", "third"], "score": [0.9, 0.5, 0.7, 0.6],
         "verdict": ["right", "wrong", "none", "right"]},
        index=[7, 7, 3, 0],
    )  # fmt: skip


def test_a_band_joins_target_and_source(served):
    ax = plots.flow(served)
    right = ax.child_axes[0]
    heights = dict(zip(names_of(right), right.get_yticks(), strict=True))
    assert names_of(ax) == list("abcd")
    assert sorted(heights) == ["first", "second", "third"]
    for place, (patch, line) in enumerate(zip(ax.patches, served.itertuples(), strict=True)):
        ends = patch.get_path().vertices
        assert ends[0][1] == place
        assert ends[-1][1] == heights[line.source]
        colour, style, sign = dictionaries.VERDICTS[line.verdict]
        assert same_color(patch.get_edgecolor()[:3], colour)
        assert patch.get_linestyle() in (style, {"-": "solid", "--": "dashed", ":": "dotted"}[style])
        assert ax.texts[place].get_text() == f"{line.score:.2f} {sign}"
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first target stands on top"
    assert {0, 1, 2, 3} == set(ax.get_yticks())


def test_a_higher_score_makes_a_wider_band(served):
    widths = [patch.get_linewidth() for patch in plots.flow(served).patches]
    assert list(np.argsort(widths)) == list(np.argsort(served["score"]))
    assert min(widths) >= 1


def test_no_bands_cross_that_need_not(served):
    ends = [band.get_path().vertices[-1][1] for band in plots.flow(served.assign(source=list("zyxw"))).patches]
    assert ends == sorted(ends)


def test_what_does_not_fit_is_one_sentence(served):
    with pytest.raises(CatsplitError, match="verdict"):
        plots.flow(served.drop(columns="verdict"))
    with pytest.raises(CatsplitError, match='not "maybe"'):
        plots.flow(served.assign(verdict="maybe"))
    with pytest.raises(CatsplitError, match="one target"):
        plots.flow(served[:0])
    with pytest.raises(CatsplitError, match="Two maps"):
        plots.similarity_maps({"one": np.eye(3)}, list("abc"))
    with pytest.raises(CatsplitError, match='"two" must have the shape'):
        plots.similarity_maps({"one": np.eye(3), "two": np.eye(2)}, list("abc"))
    with pytest.raises(CatsplitError, match="verdicts"):
        plots.similarity_maps({"one": np.eye(3), "two": np.eye(3)}, list("abc"), ["right"])
