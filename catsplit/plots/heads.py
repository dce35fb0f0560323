"""A head: its rows as a heat map, how alike they are, and what it answers where on a plane."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from catsplit.errors import CatsplitError
from catsplit.plots.style import COLOURS, HALO, MARKS, check_shape, colour_bar, name_rows, new_axes, styled

if TYPE_CHECKING:
    from catsplit.head import Head


@styled
def rows(weight: np.ndarray, labels: Sequence[str], ax: Axes | None = None) -> Axes:
    """A head's weight as a heat map with a name at each row; blue is negative, red positive, white zero.

    Args:
        weight: (C, D).
        labels: C texts.
    """
    weight = np.asarray(weight)
    check_shape("A weight matrix", weight, (len(labels), None))
    ax = ax or new_axes((8, 0.9 + 0.26 * len(labels)))
    limit = np.quantile(np.abs(weight), 0.99) or 1.0
    image = ax.imshow(weight, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    name_rows(ax, labels)
    ax.set_xlabel("feature")
    colour_bar(ax, image, "weight")
    return ax


@styled
def similarity(matrix: np.ndarray, labels: Sequence[str], cuts: Sequence[int] = (), ax: Axes | None = None) -> Axes:
    """A matrix of similarities between -1 and 1 as a heat map with named rows; lines before the rows in `cuts`.

    Args:
        matrix: (n, n).
        labels: n texts.
        cuts: numbers of the rows at which a new group begins.
    """
    matrix = np.asarray(matrix)
    check_shape("A matrix of similarities", matrix, (len(labels), len(labels)))
    ax = ax or new_axes((7.4, 0.7 + 0.27 * len(labels)))
    image = ax.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    name_rows(ax, labels)
    ax.set_xticks([])
    for cut in cuts:
        ax.axhline(cut - 0.5, color="black", lw=1)
        ax.axvline(cut - 0.5, color="black", lw=1)
    colour_bar(ax, image, "cosine")
    return ax


@styled
def plane(
    head: "Head",
    points: Mapping[str, np.ndarray] | None = None,
    limit: float = 3.0,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A head on a feature space of two dimensions: what it answers where, its rows as arrows, clips as marks.

    Args:
        head: D = 2.
        points: {name: features (n, 2)}, drawn as marks of one kind each.
        limit: the plane runs from -limit to limit.
        order: labels that have the colours in this order, so that a label keeps its colour from one figure to the
            next; the head's own, if not given.

    Raises:
        CatsplitError: the head has another width, or there are more labels than colours.
    """
    import torch

    check_shape("The weight of a head to draw on a plane", head.weight, (None, 2))
    ax = ax or new_axes((5.2, 5.6))
    grid = np.linspace(-limit, limit, 241, dtype=np.float32)
    logits = head.logits(torch.from_numpy(np.stack(np.meshgrid(grid, grid), -1)))
    order = list(order or head.labels)
    if len(order) > len(COLOURS):
        raise CatsplitError(f"A plane shows at most {len(COLOURS)} categories, not {len(order)}.")
    colours = [COLOURS[order.index(label)] for label in head.labels]
    ax.imshow(
        logits.argmax(-1), cmap=mpl.colors.ListedColormap(colours), vmin=-0.5, vmax=len(head) - 0.5, alpha=0.22,
        origin="lower", extent=(-limit, limit, -limit, limit),
    )  # fmt: skip
    for label, colour in zip(head.labels, colours, strict=True):
        tip = head[label].numpy()
        ax.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2.5, "shrinkB": 0})
        away = np.sign(tip) * (np.abs(tip) > np.linalg.norm(tip) / 3)
        ax.annotate(
            textwrap.fill(label, 14), tip, 5 * away, textcoords="offset points", color=colour, fontweight="bold",
            fontsize=9.5, ha=("right", "center", "left")[int(away[0]) + 1], path_effects=[HALO],
            va=("top", "center", "bottom")[int(away[1]) + 1],
        )  # fmt: skip
    for mark, (name, features) in zip(MARKS, (points or {}).items(), strict=False):
        check_shape(f'The points "{name}"', features, (None, 2))
        ax.plot(*np.asarray(features).T, mark, color="black", mec="white", ms=8, label=name)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="first feature", ylabel="second feature", aspect="equal")
    if points:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, handletextpad=0.2)
    return ax
