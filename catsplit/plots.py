"""Figures of the book. They take data and return matplotlib axes; what is drawn was computed elsewhere.

Colours are Okabe and Ito's, which people with any colour vision tell apart, and none stands alone: marks, signs or
names say the same. The background is opaque, so that a figure reads alike on a light and on a dark page.
"""

import functools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from catsplit.errors import CatsplitError

if TYPE_CHECKING:
    import pandas as pd

    from catsplit.head import Head

P, R = ParamSpec("P"), TypeVar("R")

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
_HALO = withStroke(linewidth=3, foreground="white")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
STYLE = {
    "axes.edgecolor": "0.3", "axes.facecolor": "white", "axes.grid": False, "axes.labelcolor": "black",
    "axes.prop_cycle": mpl.cycler(color=COLOURS), "axes.spines.right": False, "axes.spines.top": False,
    "axes.titlesize": 12, "figure.constrained_layout.use": True, "figure.dpi": 130, "figure.facecolor": "white",
    "font.size": 11, "image.interpolation": "nearest", "legend.frameon": False, "text.color": "black",
    "xtick.color": "black", "ytick.color": "black",
}  # fmt: skip


def _styled(plot: Callable[P, R]) -> Callable[P, R]:
    """Draw in the book's style, whatever the notebook's own is, and leave that as it was."""

    @functools.wraps(plot)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        # Not rc_context: it would also undo what the first figure's backend sets, and a notebook would show no second.
        before = {key: mpl.rcParams[key] for key in STYLE}
        mpl.rcParams.update(STYLE)
        try:
            return plot(*args, **kwargs)
        finally:
            mpl.rcParams.update(before)

    return wrapper


@_styled
def strips(clips: Mapping[str, np.ndarray], count: int = 8) -> np.ndarray:
    """Film strips, one below the other: `count` evenly spaced frames of each clip.

    Args:
        clips: {title: frames (T, H, W, 3) uint8}.

    Returns:
        Array of axes, one a clip.

    Raises:
        CatsplitError: no clips, or frames of another shape.
    """
    if not clips:
        raise CatsplitError("A film strip needs at least one clip.")
    for title, frames in clips.items():
        _check_shape(f'The frames of "{title}"', frames, (None, None, None, 3))
    width = 8.0
    height = sum(0.3 + width / count * frames.shape[1] / frames.shape[2] for frames in clips.values())
    _, axes = plt.subplots(len(clips), figsize=(width, height), squeeze=False)
    for ax, (title, frames) in zip(axes[:, 0], clips.items(), strict=True):
        shown = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
        gap = np.full((frames.shape[1], max(frames.shape[2] // 25, 1), 3), 255, np.uint8)
        pieces = [piece for number in shown for piece in (frames[number], gap)][:-1]
        ax.imshow(np.concatenate(pieces, 1))
        ax.set_title(title, loc="left")
        ax.axis("off")
    return axes[:, 0]


@_styled
def rows(weight: np.ndarray, labels: Sequence[str], ax: Axes | None = None) -> Axes:
    """A head's weight as a heat map with a name at each row; blue is negative, red positive, white zero.

    Args:
        weight: (C, D).
        labels: C texts.
    """
    weight = np.asarray(weight)
    _check_shape("A weight matrix", weight, (len(labels), None))
    ax = ax or _axes((8, 0.9 + 0.26 * len(labels)))
    limit = np.quantile(np.abs(weight), 0.99) or 1.0
    image = ax.imshow(weight, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    _name_rows(ax, labels)
    ax.set_xlabel("feature")
    _colour_bar(ax, image, "weight")
    return ax


@_styled
def similarity(matrix: np.ndarray, labels: Sequence[str], cuts: Sequence[int] = (), ax: Axes | None = None) -> Axes:
    """A matrix of similarities between -1 and 1 as a heat map with named rows; lines before the rows in `cuts`.

    Args:
        matrix: (n, n).
        labels: n texts.
        cuts: numbers of the rows at which a new group begins.
    """
    matrix = np.asarray(matrix)
    _check_shape("A matrix of similarities", matrix, (len(labels), len(labels)))
    ax = ax or _axes((7.4, 0.7 + 0.27 * len(labels)))
    image = ax.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    _name_rows(ax, labels)
    ax.set_xticks([])
    for cut in cuts:
        ax.axhline(cut - 0.5, color="black", lw=1)
        ax.axvline(cut - 0.5, color="black", lw=1)
    _colour_bar(ax, image, "cosine")
    return ax


@_styled
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

    _check_shape("The weight of a head to draw on a plane", head.weight, (None, 2))
    ax = ax or _axes((5.2, 5.6))
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
            fontsize=9.5, ha=("right", "center", "left")[int(away[0]) + 1], path_effects=[_HALO],
            va=("top", "center", "bottom")[int(away[1]) + 1],
        )  # fmt: skip
    for mark, (name, features) in zip(MARKS, (points or {}).items(), strict=False):
        _check_shape(f'The points "{name}"', features, (None, 2))
        ax.plot(*np.asarray(features).T, mark, color="black", mec="white", ms=8, label=name)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="first feature", ylabel="second feature", aspect="equal")
    if points:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, handletextpad=0.2)
    return ax


@_styled
def bars(values: Mapping[str, float], title: str = "", xlabel: str = "probability", ax: Axes | None = None) -> Axes:
    """Horizontal bars with their names, the first on top; the number stands at each bar's end."""
    ax = ax or _axes((7.4, 0.8 + 0.34 * len(values)))
    drawn = ax.barh(range(len(values)), list(values.values()), color=COLOURS[0], height=0.7)
    ax.bar_label(drawn, [f" {value:.2f}" for value in values.values()])
    _name_rows(ax, list(values))
    ax.invert_yaxis()
    ax.set_xlabel(xlabel)
    ax.set_title(title, loc="left")
    ax.margins(x=0.12)
    return ax


@_styled
def intervals(
    table: "pd.DataFrame",
    title: str = "",
    xlabel: str = "accuracy, percent",
    ax: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """Means with their intervals: a line of the figure for each group, a mark for each series within it.

    Args:
        table: columns group, series, mean, and low and high, which may be missing where there is no interval.
            Groups and series are drawn in the order in which they first appear.

    Raises:
        CatsplitError: a column is missing.
    """
    if missing := {"group", "series", "mean"} - set(table.columns):
        raise CatsplitError(f'The table to draw lacks the column "{min(missing)}".')
    groups, series = list(dict.fromkeys(table["group"])), list(dict.fromkeys(table["series"]))
    ax = ax or _axes((7.4, 1.1 + 0.24 * len(groups) * (1 + 0.5 * len(series))))
    for place, name in enumerate(series):
        mine = table[table["series"] == name]
        y = np.array([groups.index(group) for group in mine["group"]]) + _offset(place, len(series))
        style = {"color": COLOURS[place % len(COLOURS)], "marker": MARKS[place % len(MARKS)], "ls": "", "ms": 6}
        mean = mine["mean"].to_numpy()
        error = None
        if {"low", "high"} <= set(mine.columns):
            error = np.stack([mean - mine["low"], mine["high"] - mean])
        ax.errorbar(mean, y, xerr=error, label=name, capsize=2.5, **style)
    _name_rows(ax, groups)
    ax.set_ylim(len(groups) - 0.5, -0.5)
    for cut in range(1, len(groups)):
        ax.axhline(cut - 0.5, color="0.85", lw=0.8, zorder=0)
    ax.set_xlabel(xlabel)
    ax.set_title(title, loc="left")
    if legend and len(series) > 1:
        handles = ax.get_legend_handles_labels()
        ax.figure.legend(*handles, loc="outside lower center", ncols=2 if len(series) > 2 else len(series))
    return ax


@_styled
def trade_off(table: "pd.DataFrame", title: str = "", ax: Axes | None = None) -> Axes:
    """Generality against locality: a faint mark for each split, a large one with its cross of intervals for the mean.

    Args:
        table: one row a split and method; columns method, generality, locality (percent), and optionally those of
            the intervals of the method's means, as `generality low`, `generality high` and so on.
    """
    ax = ax or _axes((7.0, 4.8))
    for place, (name, mine) in enumerate(table.groupby("method", sort=False)):
        colour, mark = COLOURS[place % len(COLOURS)], MARKS[place % len(MARKS)]
        ax.plot(mine["generality"], mine["locality"], mark, color=colour, ms=4, alpha=0.35, mec="none")
        x, y = mine["generality"].mean(), mine["locality"].mean()
        cross = {}
        for key, axis, value in (("xerr", "generality", x), ("yerr", "locality", y)):
            if f"{axis} low" in mine:
                cross[key] = [[value - mine[f"{axis} low"].iloc[0]], [mine[f"{axis} high"].iloc[0] - value]]
        ax.errorbar(x, y, fmt=mark, color=colour, ms=10, mec="black", capsize=3, label=name, **cross)
    # Five points at least, or differences of a hundredth of a percent would look like something.
    ax.set_ylim(min(table["locality"].min() - 0.5, 95.5), 100.5 if table["locality"].max() <= 100 else None)
    ax.set(xlabel="generality, percent", ylabel="locality, percent")
    ax.set_title(title, loc="left")
    ax.figure.legend(loc="outside lower center", ncols=2)
    return ax


def _axes(size: tuple[float, float]) -> Axes:
    return plt.subplots(figsize=size)[1]


def _name_rows(ax: Axes, labels: Sequence[str]) -> None:
    ax.set_yticks(range(len(labels)), labels, fontsize=9.5 if max(map(len, labels)) > 30 else 11)
    ax.tick_params(axis="y", length=0)


def _offset(place: int, count: int) -> float:
    return (place - (count - 1) / 2) * 0.7 / max(count, 2)


def _colour_bar(ax: Axes, image: mpl.image.AxesImage, name: str) -> None:
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, aspect=30, shrink=0.9)
    bar.set_label(name)
    bar.outline.set_visible(False)


def _check_shape(name: str, array: object, shape: tuple[int | None, ...]) -> None:
    found = tuple(np.shape(array))
    if len(found) != len(shape) or any(want not in (None, have) for want, have in zip(shape, found, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise CatsplitError(f"{name} must have the shape ({wanted}), not {found}.")
