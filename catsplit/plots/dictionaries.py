"""The modifier dictionary: how it is read from rows, how alike its entries are, and which of them served a target."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from catsplit.errors import CatsplitError
from catsplit.plots.style import COLOURS, HALO, MARKS, check_shape, name_rows, new_axes, styled

if TYPE_CHECKING:
    import pandas as pd

    from catsplit.head import Head

# Colour, line and sign of a verdict; "none" is for what can't be right, because there is no such entry.
VERDICTS = {"right": (COLOURS[0], "-", "✓"), "wrong": (COLOURS[1], "--", "✗"), "none": ("0.45", ":", "?")}


@styled
def prototypes(
    head: "Head", groups: Mapping[str, Sequence[str]], modifiers: Mapping[str, str], ax: Axes | None = None
) -> Axes:
    """Groups of rows on a plane: each group's prototype, and an arrow from there to each member, its modifier vector.

    Args:
        head: D = 2.
        groups: {name: labels of its members}.
        modifiers: {label: the text at its arrow}.
    """
    check_shape("The weight of a head to draw on a plane", head.weight, (None, 2))
    ax = ax or new_axes((6.4, 4.6))
    for number, (group, members) in enumerate(groups.items()):
        colour, centre = COLOURS[number % len(COLOURS)], head.mean(members).numpy()
        ax.plot(*centre, "P", color=colour, mec="black", ms=13)
        ax.annotate(group, centre, (9, 9), textcoords="offset points", color=colour, path_effects=[HALO], zorder=5)
        for label in members:
            tip = head[label].numpy()
            arrow = {"arrowstyle": "-|>", "color": colour, "lw": 2.2, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", tip, centre, arrowprops=arrow)
            ax.plot(*tip, MARKS[number % len(MARKS)], color=colour, mec="black", ms=7)
            side = 1 if tip[1] >= centre[1] else -1
            ax.annotate(
                modifiers[label], tip, (0, 10 * side), textcoords="offset points", fontweight="bold", color=colour,
                ha="center", va="bottom" if side > 0 else "top", path_effects=[HALO],
            )  # fmt: skip
    ax.set(xlabel="first number of the row", ylabel="second number of the row", aspect="equal")
    ax.margins(0.4, 0.3)
    return ax


@styled
def similarity_maps(
    maps: Mapping[str, np.ndarray],
    labels: Sequence[str],
    verdicts: Sequence[str] | None = None,
    legend: Mapping[str, str] | None = None,
) -> np.ndarray:
    """Two clusterings of the same entries, face to face: each with its map of cosines and its dendrogram.

    Both are clustered by average linkage of 1 - cosine. The branches of the second are turned, as far as its tree
    allows, so that its entries stand in the order of the first; a line joins the two places of an entry.

    Args:
        maps: {title: (n, n) cosines}, two of them.
        labels: n texts.
        verdicts: n of "right", "wrong" and "none", which give the lines their colour and kind.
        legend: {verdict: what it means}.

    Returns:
        Five axes: dendrogram, map, lines, map, dendrogram.

    Raises:
        CatsplitError: not two maps, fewer than two entries, a map of another shape, or an unknown verdict.
    """
    n = len(labels)
    if len(maps) != 2 or n < 2:
        raise CatsplitError(f"Two maps of two entries or more were expected, not {len(maps)} of {n}.")
    for title, matrix in maps.items():
        check_shape(f'The cosines "{title}"', matrix, (n, n))
    verdicts = _checked_verdicts(verdicts or ["none"] * n, n)
    trees, orders = [], []
    for matrix in maps.values():
        trees.append(_tree(np.asarray(matrix), np.argsort(orders[0]) if orders else None))
        orders.append(np.array(trees[-1]["leaves"]))
    figure, axes = plt.subplots(1, 5, figsize=(9.6, 1.6 + 0.2 * n), width_ratios=(0.6, 2.6, 0.8, 2.6, 0.6))
    for tree, ax, sign in zip(trees, axes[[0, 4]], (-1, 1), strict=True):
        for leaves, heights in zip(tree["icoord"], tree["dcoord"], strict=True):
            ax.plot(sign * np.array(heights), (np.array(leaves) - 5) / 10, color="0.3", lw=1)  # scipy's units
        ax.axis("off")
    for (title, matrix), ax, order in zip(maps.items(), axes[[1, 3]], orders, strict=True):
        image = ax.imshow(np.asarray(matrix)[np.ix_(order, order)], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        name_rows(ax, [labels[i] for i in order])
        ax.set_xticks([])
        ax.set_title(title)
        ax.tick_params(axis="y", labelsize=9, pad=1)
    axes[1].yaxis.tick_right()
    axes[1].tick_params(axis="y", length=0)
    places = np.argsort(orders[0]), np.argsort(orders[1])
    for entry, verdict in enumerate(verdicts):
        colour, line, _ = VERDICTS[verdict]
        axes[2].plot((0, 1), (places[0][entry], places[1][entry]), color=colour, ls=line, lw=1.3)
    axes[2].axis("off")
    axes[2].set_xlim(0, 1)
    for ax in axes:
        ax.set_ylim(n - 0.5, -0.5)
    bar = figure.colorbar(image, ax=axes, location="bottom", aspect=60, shrink=0.6, pad=0.01)
    bar.set_label("cosine")
    bar.outline.set_visible(False)
    _explain(figure, legend, verdicts)
    return axes


@styled
def matches(
    table: np.ndarray,
    targets: Sequence[str],
    entries: Sequence[str],
    chosen: Mapping[str, Sequence[int]],
    ax: Axes | None = None,
) -> Axes:
    """A table of similarities with its numbers, and a ring of its own kind around the cells that each rule chooses.

    Args:
        table: (k, M).
        targets: k texts.
        entries: M texts.
        chosen: {name of the rule: the entry's number for each target}, at most three rules.
    """
    table = np.asarray(table)
    check_shape("A table of similarities", table, (len(targets), len(entries)))
    ax = ax or new_axes((2.6 + 1.5 * len(entries), 1.6 + 0.8 * len(targets)))
    ax.imshow(table, cmap="Greys", vmin=table.min() - 0.1, vmax=table.max() + 0.6, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        ax.text(column, row, f"{value:.2f}", ha="center", va="center")
    for number, (name, columns) in enumerate(chosen.items()):
        ax.plot(
            columns, range(len(targets)), MARKS[number], ms=38 + 8 * number, mfc="none", mec=COLOURS[number], mew=2.5,
            ls="", label=name,
        )  # fmt: skip
    name_rows(ax, [textwrap.fill(text, 26) for text in targets])
    ax.set_xticks(range(len(entries)), [textwrap.fill(text, 18) for text in entries])
    ax.tick_params(length=0)
    handles = [
        Line2D([], [], ls="", marker=m, mfc="none", mec=c, mew=2, ms=11) for m, c in zip(MARKS, COLOURS, strict=True)
    ]
    ax.figure.legend(handles[: len(chosen)], list(chosen), loc="outside lower center", ncols=3)
    return ax


@styled
def flow(
    table: "pd.DataFrame", title: str = "", legend: Mapping[str, str] | None = None, ax: Axes | None = None
) -> Axes:
    """Which dictionary entry served which target: targets left, entries right, a band from one to the other.

    A band is the wider the higher its score, which stands at its beginning; its colour, its line and the sign
    beside the score tell the verdict. Entries stand in the order in which they first serve a target.

    Args:
        table: columns target, source, score, and verdict: "right", "wrong", or "none" where no entry is right.
        legend: {verdict: what it means}.

    Raises:
        CatsplitError: no lines, a missing column, or an unknown verdict.
    """
    if missing := {"target", "source", "score", "verdict"} - set(table.columns):
        raise CatsplitError(f'The table to draw lacks the column "{min(missing)}".')
    if not len(table):
        raise CatsplitError("A flow needs at least one target.")
    verdicts = _checked_verdicts(table["verdict"], len(table))
    targets = list(dict.fromkeys(table["target"]))
    places = table["target"].map(targets.index)
    sources = list(dict.fromkeys(table["source"]))
    ax = ax or new_axes((9.4, 1.1 + 0.27 * len(targets)))
    spread = (len(targets) - 1) / max(len(sources) - 1, 1)
    heights = {source: number * spread for number, source in enumerate(sources)}
    low, high = table["score"].min(), table["score"].max()
    for y, source, score, verdict in zip(places, table["source"], table["score"], verdicts, strict=True):
        colour, line, sign = VERDICTS[verdict]
        end, width = heights[source], 1 + 4 * (score - low) / ((high - low) or 1)
        path = Path([(0.27, y), (0.6, y), (0.6, end), (0.97, end)], [Path.MOVETO, *[Path.CURVE4] * 3])
        ax.add_patch(PathPatch(path, fc="none", ec=colour, lw=width, ls=line, alpha=0.75, capstyle="butt"))
        ax.text(0.01, y, f"{score:.2f} {sign}", va="center", color=colour, fontsize=9.5)
    ax.set(xlim=(0, 1), ylim=(len(targets) - 0.4, -0.6), xticks=[])
    name_rows(ax, targets)
    right = ax.secondary_yaxis("right")
    right.set_yticks(list(heights.values()), sources)
    for axis in (ax, right):
        axis.tick_params(axis="y", length=0, labelsize=9.5)
        for spine in axis.spines.values():
            spine.set_visible(False)
    ax.set_title(title, loc="left")
    _explain(ax.figure, legend, verdicts)
    return ax


def _tree(cosines: np.ndarray, wanted: np.ndarray | None) -> dict:
    """scipy's dendrogram; with the place (n,) that each leaf should have, its branches are turned that way."""
    from scipy.cluster.hierarchy import dendrogram, linkage
    from scipy.spatial.distance import squareform

    distance = np.clip(1 - (cosines + cosines.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    links = linkage(squareform(distance, checks=False), "average", optimal_ordering=wanted is None)
    if wanted is not None:
        places = [(float(place), 1) for place in wanted]  # mean place and size of each cluster
        for link in links:
            (a, m), (b, n) = places[int(link[0])], places[int(link[1])]
            if a > b:
                link[:2] = link[1], link[0]
            places.append(((a * m + b * n) / (m + n), m + n))
    return dendrogram(links, no_plot=True)


def _checked_verdicts(verdicts: Sequence[str], count: int) -> list[str]:
    verdicts = list(verdicts)
    for verdict in verdicts:
        if verdict not in VERDICTS:
            raise CatsplitError(f'A verdict is one of {", ".join(VERDICTS)}, not "{verdict}".')
    check_shape("The verdicts", verdicts, (count,))
    return verdicts


def _explain(figure: plt.Figure, legend: Mapping[str, str] | None, verdicts: Sequence[str]) -> None:
    shown = {verdict: text for verdict, text in (legend or {}).items() if verdict in verdicts}
    handles = [Line2D([], [], color=VERDICTS[v][0], ls=VERDICTS[v][1], lw=2.5) for v in shown]
    if shown:
        names = [f"{VERDICTS[verdict][2]} {text}" for verdict, text in shown.items()]
        figure.legend(handles, names, loc="outside lower center", ncols=len(shown))
