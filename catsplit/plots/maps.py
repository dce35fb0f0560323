"""Maps of vectors. None is drawn without its trustworthiness, and none with numbers at its axes, which mean nothing."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from catsplit.errors import CatsplitError
from catsplit.maps import Map
from catsplit.plots.style import COLOURS, HALO, MARKS, check_shape, new_axes, styled

KINDS = tuple(zip((*COLOURS, "black"), (*MARKS, "*"), strict=True))


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
    check_shape("The places of a map", chart.places, (len(labels), 2))
    ax = ax or new_axes((5.2, 5.0))
    for (colour, mark), name in zip(KINDS, _different(labels), strict=False):
        mine = np.array([label == name for label in labels])
        ax.plot(
            *chart.places[mine].T, mark, color=colour, ms=10 if mark == "*" else 6, mec="white", mew=0.5, label=name
        )
    bare(ax, chart, title)
    if legend:
        handles = ax.get_legend_handles_labels()
        ax.figure.legend(*handles, loc="outside lower center", ncols=_fitting(handles[1]))
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
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for ax, chart, names, title in zip(grid.flat, charts, each, titles or [""] * len(charts), strict=False):
        label_map(chart, names, title, ax, legend=False)
        ax.title.set_fontsize(10)
        if not shared:
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), fontsize=8.5, handletextpad=0.1)
    for ax in grid.flat[len(charts) :]:
        ax.set_visible(False)
    if shared:
        handles = grid.flat[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=_fitting(handles[1]))
    return grid.ravel()[: len(charts)]


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
    _write(ax, [at[label] for label in named], list(named), chart.places)
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
    anchors = []
    for name in dict.fromkeys(names):
        mine = chart.places[[other == name for other in names]]
        middle = mine.mean(0)
        for place in mine if len(mine) > 1 else ():
            ax.plot(*np.stack([middle, place]).T, color="0.75", lw=1, zorder=0)
        anchors.append(mine[np.linalg.norm(mine - middle, axis=1).argmin()])
    _write(ax, anchors, list(dict.fromkeys(names)), chart.places)
    return ax


def _different(labels: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(labels))
    if len(names) > len(KINDS):
        raise CatsplitError(f"A map tells {len(KINDS)} labels apart, not {len(names)}.")
    return names


def _fitting(names: Sequence[str]) -> int:
    """Columns of a legend."""
    longest = max(map(len, names))
    return 1 if longest > 34 else 2 if longest > 22 else 3


def bare(ax: Axes, chart: Map, title: str) -> None:
    """A map's title with how it was made and its trust, and a frame without ticks."""
    ax.set_title("\n".join(filter(None, [title, chart.made, f"trustworthiness {chart.trust:.2f}"])), loc="left")
    ax.title.set_fontsize(11)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color="0.8")
    ax.margins(0.08)


def _write(ax: Axes, anchors: Sequence[np.ndarray], names: Sequence[str], points: np.ndarray) -> None:
    """Names beside their points, each where it covers the fewest points and other names."""
    ax.figure.draw_without_rendering()  # the layout has to stand before anything can be measured
    renderer, scale = ax.figure.canvas.get_renderer(), ax.figure.dpi / 72
    dots, frame, taken = ax.transData.transform(points), ax.get_window_extent(), []
    for anchor, name in sorted(zip(anchors, names, strict=True), key=lambda pair: -pair[0][1]):
        text = ax.annotate(
            name, anchor, (0, 0), textcoords="offset points", fontsize=8.5, path_effects=[HALO],
            arrowprops={"arrowstyle": "-", "color": "0.5", "lw": 0.6, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip
        text.set_in_layout(False)
        width, height = (side / scale for side in (text.get_window_extent(renderer).size))
        best = None
        for far, angle in product((7, 14, 24, 38, 55), range(0, 360, 30)):
            x, y = far * math.cos(math.radians(angle)), far * math.sin(math.radians(angle))
            x -= width * (0.5 - 0.5 * math.cos(math.radians(angle)))
            y -= height * (0.5 - 0.5 * math.sin(math.radians(angle)))
            low = ax.transData.transform(anchor) + np.array([x, y]) * scale
            box = Bbox([low, low + np.array([width, height]) * scale])
            cost = far + 300 * sum(box.overlaps(other) for other in taken)
            cost += 60 * int(((dots > box.min - 4) & (dots < box.max + 4)).all(1).sum())
            cost += 1000 * (not frame.contains(*box.min) or not frame.contains(*box.max))
            if best is None or cost < best[0]:
                best = cost, (x, y), box
        text.set_position(best[1])
        taken.append(best[2])
