"""The look of the book's figures, and what they have in common.

Colours are Okabe and Ito's, which people with any colour vision tell apart, and none stands alone: marks, signs or
names say the same. A method has one colour in all figures. The background is opaque, so that a figure reads alike on a
light and on a dark page.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, product
from typing import ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from catsplit.errors import CatsplitError

P, R = ParamSpec("P"), TypeVar("R")

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
METHODS = {
    "retrieval": "#0072B2", "alignment": "#D55E00", "vision-language": "#009E73", "ridge": "#56B4E9",
    "copies": "#777777", "random entries": "#CC79A7", "random modifiers": "#CC79A7", "random": "#E69F00",
    "oracle": "#000000", "look-up": "#882255", "new rows": "#332288", "whole head": "#AA4499", "whole model": "#117733",
}  # fmt: skip
HALO = withStroke(linewidth=3, foreground="white")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
MORE = (("black", "p"), ("#882255", "*"))  # colours and marks of an eighth and a ninth
MOST = len(COLOURS) + len(MORE)  # of what `looks` tells apart by colour and by mark
STYLE = {
    "axes.edgecolor": "0.3", "axes.facecolor": "white", "axes.grid": False, "axes.labelcolor": "black",
    "axes.prop_cycle": mpl.cycler(color=COLOURS), "axes.spines.right": False, "axes.spines.top": False,
    "axes.titlelocation": "left", "axes.titlesize": 12, "figure.constrained_layout.use": True, "figure.dpi": 130,
    "figure.facecolor": "white", "font.size": 11, "image.interpolation": "nearest", "legend.frameon": False,
    "text.color": "black", "xtick.color": "black", "ytick.color": "black",
}  # fmt: skip
# How seaborn draws an interval that is given, in `as_given`'s three rows, and computes none of its own.
GIVEN = {"estimator": "median", "errorbar": ("pi", 100)}


def styled(plot: Callable[P, R]) -> Callable[P, R]:
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


def new_axes(size: tuple[float, float]) -> Axes:
    """The axes of a new figure; width and height in inches."""
    return plt.subplots(figsize=size)[1]


def looks(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Colours and marks of series, as seaborn takes them: `palette` and `markers`, each {name: its own}.

    A series that begins with a method's name, such as "alignment, synonyms", has the method's colour; others have
    those of `COLOURS` and `MORE`, that no method here has.
    """
    names = list(dict.fromkeys(names))
    more_colours, more_marks = zip(*MORE, strict=True)
    palette = {}
    for name in names:
        of_method = [method for method in METHODS if name.replace("–", "-").startswith(method)]
        if of_method:
            palette[name] = METHODS[max(of_method, key=len)]
    free = cycle([colour for colour in (*COLOURS, *more_colours) if colour not in palette.values()])
    for name in names:
        if name not in palette:
            palette[name] = next(free)
    return {"palette": palette, "markers": dict(zip(names, cycle((*MARKS, *more_marks)), strict=False))}


def as_given(table: pd.DataFrame) -> pd.DataFrame:
    """Mean, low and high below one another in a column `value`, of which `GIVEN` makes mean and interval again."""
    ends = [name for name in ("mean", "low", "high") if name in table]
    return table.melt([name for name in table if name not in ends], ends, value_name="value").dropna(subset="value")


def finish(ax: Axes, title: str = "", legend: int = 0, **names: str) -> Axes:
    """Title, names of the axes (`xlabel`, `ylabel`), and the series below the figure in so many columns, or nowhere."""
    ax.set(**names)
    if title:
        ax.set_title(title, wrap=True)
    if ax.get_legend():  # seaborn's, inside the axes
        ax.get_legend().remove()
    if legend:
        handles = ax.get_legend_handles_labels()
        ax.figure.legend(*handles, loc="outside lower center", ncols=legend, handletextpad=0.4)
    return ax


def arrow(ax: Axes, start: np.ndarray, end: np.ndarray, colour: str) -> np.ndarray:
    """An arrow from one point to another; returns points (n, 2) along it, for `write_beside` not to cover."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 2.4, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=style)
    return np.linspace(start, end, 16)


def ink(colour: str) -> np.ndarray:
    """The colour, dark enough for letters."""
    return np.multiply(mpl.colors.to_rgb(colour), 0.6)


def write_beside(
    ax: Axes, names: Sequence[str], anchors: ArrayLike, crowd: ArrayLike, colours: Sequence[str], weight: str = "bold"
) -> None:
    """Names beside their points, each where it covers the least of the crowd and of other names, inside the frame.

    Args:
        anchors: (n, 2), a point for each name.
        crowd: (m, 2), points that should not be covered.
        colours: n colours.
    """
    ax.figure.draw_without_rendering()  # the layout has to stand before anything can be measured
    scale, frame, taken = ax.figure.dpi / 72, ax.get_window_extent(), []
    crowd = ax.transData.transform(crowd)
    for anchor, name, colour in sorted(zip(anchors, names, colours, strict=True), key=lambda one: -one[0][1]):
        text = ax.annotate(
            name, anchor, (0, 0), textcoords="offset points", fontsize=9.5, color=ink(colour), weight=weight,
            va="bottom", path_effects=[HALO],
            arrowprops={"arrowstyle": "-", "color": "0.5", "lw": 0.6, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip
        text.set_in_layout(False)
        size, found = text.get_window_extent().size, []
        for far, turn in product((7, 14, 24, 38, 55), np.arange(0, 2 * np.pi, np.pi / 6)):
            way = np.array([np.cos(turn), np.sin(turn)])
            shift = far * scale * way - size * (0.5 - 0.5 * way)
            low = ax.transData.transform(anchor) + shift
            box = Bbox([low, low + size])
            covered = ((crowd > box.min - 4 * scale) & (crowd < box.max + 4 * scale)).all(1).sum()
            outside = not frame.contains(*box.min) or not frame.contains(*box.max)
            found.append((far + 60 * covered + 300 * box.count_overlaps(taken) + 1000 * outside, shift, box))
        _, shift, box = min(found, key=lambda one: one[0])
        text.set_position(shift / scale)
        taken.append(box)


def check_shape(name: str, array: object, shape: tuple[int | None, ...]) -> None:
    """Raise CatsplitError unless the array has the shape, where None stands for any number."""
    found = tuple(np.shape(array))
    if len(found) != len(shape) or any(want not in (None, have) for want, have in zip(shape, found, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise CatsplitError(f"{name} must have the shape ({wanted}), not {found}.")


def check_columns(table: pd.DataFrame, *names: str) -> None:
    """Raise CatsplitError unless the table to draw has the columns, and a line."""
    if missing := [name for name in names if name not in table]:
        raise CatsplitError(f'The table to draw lacks the column "{missing[0]}".')
