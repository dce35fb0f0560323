"""Maps of vectors. None is drawn without its trustworthiness, and none with numbers at its axes, which mean nothing."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from catsplit.errors import CatsplitError
from catsplit.maps import Map
from catsplit.plots.style import MOST, check_shape, finish, looks, new_axes, styled, write_beside


@styled
def label_map(
    chart: Map, labels: Sequence[str], title: str = "", ax: Axes | None = None, *, legend: bool = True
) -> Axes:
    """A map with a colour and a mark for each label; the line below the title says how it was made, and its trust.

    Args:
        labels: N texts; they get colours and marks in the order in which they first appear.

    Raises:
        CatsplitError: another number of labels than of points, or more different ones than there are marks.
    """
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    check_shape("The places of a map", chart.places, (len(labels), 2))
    if (count := len(set(labels))) > MOST:
        raise CatsplitError(f"A map tells {MOST} labels apart, not {count}.")
    ax = ax or new_axes((5.2, 5.0))
    x, y = chart.places.T
    sns.scatterplot(x=x, y=y, hue=labels, style=labels, s=45, ax=ax, **looks(labels))
    finish(ax, legend=_fitting(labels) if legend else 0)
    bare(ax, chart, title)
    return ax


@styled
def label_maps(
    charts: Sequence[Map], labels: Sequence[str] | Sequence[Sequence[str]], titles: Sequence[str] = (), columns: int = 3
) -> np.ndarray:
    """Small multiples: one map a cell, with one legend if all have the same labels, and one each if not.

    Args:
        charts: the maps.
        labels: N texts for all maps, or N texts for each.
        titles: a title for each map, or none.

    Returns:
        The axes, one for each map.

    Raises:
        CatsplitError: as for `label_map`; or another number of lists of labels than of maps.
    """
    shared = isinstance(labels[0], str)
    each = [labels] * len(charts) if shared else list(labels)
    if len(each) != len(charts) or titles and len(titles) != len(charts):
        raise CatsplitError(f"{len(charts)} maps need as many lists of labels and titles.")
    rows = math.ceil(len(charts) / columns)
    size = 3.0 * columns, (2.9 if shared else 3.4) * rows + 0.4
    grid = plt.subplots(rows, columns, figsize=size, squeeze=False)[1].ravel()
    for ax, chart, names, title in zip(grid, charts, each, titles or [""] * len(charts), strict=False):
        label_map(chart, names, title, ax, legend=False)
        if not shared:
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), fontsize=9, handletextpad=0.1)
    for ax in grid[len(charts) :]:
        ax.remove()
    if shared:
        finish(grid[0], legend=_fitting(labels))
    return grid[: len(charts)]


@styled
def row_map(
    chart: Map, labels: Sequence[str], kinds: Sequence[str], arrows: Sequence[tuple[str, str]], title: str = "",
    named: Sequence[str] = (), ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Rows of a head as a map, with arrows from one row to another, for instance from a coarse row to its new ones.

    Args:
        labels: N texts, each once.
        kinds: N texts, for example "untouched", "coarse" and "new", told apart by colours and marks.
        arrows: pairs of labels.
        named: labels that are written beside their points.

    Raises:
        CatsplitError: numbers that don't fit, or a label of an arrow that isn't among the rows.
    """
    check_shape("The kinds of rows", kinds, (len(labels),))
    if unknown := {label for pair in [*arrows, named] for label in pair} - set(labels):
        raise CatsplitError(f'The map has no row "{min(unknown)}".')
    ax = label_map(chart, kinds, title, ax or new_axes((8.4, 7.2)))
    at = dict(zip(labels, chart.places, strict=True))
    for start, end in arrows:
        ax.annotate("", at[end], at[start], arrowprops={"arrowstyle": "->", "color": "0.35", "lw": 0.9})
    if named:
        anchors = [at[label] for label in named]
        write_beside(ax, named, anchors, chart.places, ["black"] * len(named), "normal")
    return ax


@styled
def name_map(chart: Map, names: Sequence[str], kinds: Sequence[str], title: str = "", ax: Axes | None = None) -> Axes:
    """Named points as a map: a colour and a mark for each kind, a line between points of the same name.

    A name that two or more points have is written once, at the point nearest to their middle.

    Args:
        names: N texts.
        kinds: N texts.

    Raises:
        CatsplitError: as for `label_map`, or another number of names.
    """
    check_shape("The names on a map", names, (len(kinds),))
    ax = label_map(chart, kinds, title, ax or new_axes((9.2, 7.6)))
    different, anchors = list(dict.fromkeys(names)), []
    for name in different:
        mine = chart.places[[other == name for other in names]]
        middle = mine.mean(0)
        for place in mine if len(mine) > 1 else ():
            ax.plot(*np.stack([middle, place]).T, color="0.75", lw=1, zorder=0)
        anchors.append(mine[np.linalg.norm(mine - middle, axis=1).argmin()])
    write_beside(ax, different, anchors, chart.places, ["black"] * len(different), "normal")
    return ax


def _fitting(names: Sequence[str]) -> int:
    """Columns of a legend."""
    longest = max(map(len, names))
    return 1 if longest > 34 else 2 if longest > 22 else 3


def bare(ax: Axes, chart: Map, title: str) -> None:
    """A map's title with how it was made and its trust, and a frame without ticks."""
    ax.set_title("\n".join(filter(None, [title, chart.made, f"trustworthiness {chart.trust:.2f}"])), loc="left")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color="0.8")
    ax.margins(0.08)
