"""The modifier dictionary: how alike its entries are by weight and by text, and which of them served a target."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from catsplit.errors import CatsplitError
from catsplit.plots.style import COLOURS, check_columns, check_shape, new_axes, styled

# Colour, line and sign of a verdict; "none" is for what can't be right, because there is no such entry.
VERDICTS = {"right": (COLOURS[0], "-", "✓"), "wrong": (COLOURS[1], "--", "✗"), "none": ("0.45", ":", "?")}


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
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    n = len(labels)
    if len(maps) != 2 or n < 2:
        raise CatsplitError(f"Two maps of two entries or more were expected, not {len(maps)} of {n}.")
    for title, matrix in maps.items():
        check_shape(f'The cosines "{title}"', matrix, (n, n))
    verdicts = _checked_verdicts(verdicts or ["none"] * n, n)
    figure, axes = plt.subplots(1, 5, figsize=(9.6, 1.6 + 0.2 * n), width_ratios=(0.6, 2.6, 0.8, 2.6, 0.6))
    places = []  # of each entry, from the top, in the first map and in the second
    for (title, matrix), ax, tree, side in zip(
        maps.items(), axes[[1, 3]], axes[[0, 4]], ("left", "right"), strict=True
    ):
        links = _links(np.asarray(matrix), *places)
        order = dendrogram(links, orientation=side, ax=tree, no_labels=True, link_color_func=lambda _: "0.3")["leaves"]
        places.append(np.argsort(order))
        shown = np.asarray(matrix)[np.ix_(order, order)]
        sns.heatmap(shown, vmin=-1, vmax=1, cmap="RdBu_r", cbar=False, xticklabels=False, ax=ax)
        ax.set_yticks(np.arange(n) + 0.5, [labels[i] for i in order], fontsize=9, rotation=0)
        ax.tick_params(length=0, pad=1, labelright=side == "left", labelleft=side == "right")
        ax.set_title(title, loc="center")
        tree.set_ylim(10 * n, 0)  # scipy's units
        tree.axis("off")
    for first, second, verdict in zip(*places, verdicts, strict=True):
        colour, line, _ = VERDICTS[verdict]
        axes[2].plot((0, 1), (first + 0.5, second + 0.5), color=colour, ls=line, lw=1.3)
    axes[2].axis("off")
    axes[2].set(xlim=(0, 1), ylim=(n, 0))
    bar = figure.colorbar(axes[1].collections[0], ax=axes, location="bottom", aspect=60, shrink=0.6, pad=0.01)
    bar.set_label("cosine")
    bar.outline.set_visible(False)
    _explain(figure, legend, verdicts)
    return axes


@styled
def flow(table: pd.DataFrame, title: str = "", legend: Mapping[str, str] | None = None, ax: Axes | None = None) -> Axes:
    """Which dictionary entry served which target: targets left, entries right, a band from one to the other.

    A band is the wider the higher its score, which stands at its beginning; its colour, its line and the sign
    beside the score tell the verdict. Entries stand in the order in which they first serve a target.

    Args:
        table: columns target, source, score, and verdict: "right", "wrong", or "none" where no entry is right.
        legend: {verdict: what it means}.

    Raises:
        CatsplitError: no lines, a missing column, or an unknown verdict.
    """
    check_columns(table, "target", "source", "score", "verdict")
    if not len(table):
        raise CatsplitError("A flow needs at least one target.")
    verdicts = _checked_verdicts(table["verdict"], len(table))
    targets, sources = list(table["target"].unique()), list(table["source"].unique())
    ax = ax or new_axes((9.4, 1.1 + 0.27 * len(targets)))
    heights = dict(zip(sources, np.linspace(0, max(len(targets) - 1, 0), len(sources)), strict=True))
    low, spread = table["score"].min(), np.ptp(table["score"]) or 1
    for target, source, score, verdict in zip(table["target"], table["source"], table["score"], verdicts, strict=True):
        colour, line, sign = VERDICTS[verdict]
        y, end, width = targets.index(target), heights[source], 1 + 4 * (score - low) / spread
        path = Path([(0.27, y), (0.6, y), (0.6, end), (0.97, end)], [Path.MOVETO, *[Path.CURVE4] * 3])
        ax.add_patch(PathPatch(path, fc="none", ec=colour, lw=width, ls=line, alpha=0.75, capstyle="butt"))
        ax.text(0.01, y, f"{score:.2f} {sign}", va="center", color=colour, fontsize=9.5)
    ax.set(xlim=(0, 1), ylim=(len(targets) - 0.4, -0.6), xticks=[])
    ax.set_yticks(range(len(targets)), targets)
    right = ax.secondary_yaxis("right")
    right.set_yticks(list(heights.values()), sources)
    for axis in (ax, right):
        axis.tick_params(axis="y", length=0, labelsize=9.5)
        axis.spines[:].set_visible(False)
    ax.set_title(title)
    _explain(ax.figure, legend, verdicts)
    return ax


def _links(cosines: np.ndarray, wanted: np.ndarray | None = None) -> np.ndarray:
    """scipy's linkage; with the place (n,) that each entry should have, its branches are turned that way."""
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
    return links


def _checked_verdicts(verdicts: Sequence[str], count: int) -> list[str]:
    if unknown := [verdict for verdict in verdicts if verdict not in VERDICTS]:
        raise CatsplitError(f'A verdict is one of {", ".join(VERDICTS)}, not "{unknown[0]}".')
    check_shape("The verdicts", verdicts, (count,))
    return list(verdicts)


def _explain(figure: plt.Figure, legend: Mapping[str, str] | None, verdicts: Sequence[str]) -> None:
    handles = []
    for verdict, text in (legend or {}).items():
        if verdict in verdicts:
            colour, line, sign = VERDICTS[verdict]
            handles.append(Line2D([], [], color=colour, ls=line, lw=2.5, label=f"{sign} {text}"))
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
