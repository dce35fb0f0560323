"""The look of the book's figures, and what they have in common.

Colours are Okabe and Ito's, which people with any colour vision tell apart, and none stands alone: marks, signs or
names say the same. The background is opaque, so that a figure reads alike on a light and on a dark page.
"""

import functools
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from catsplit.errors import CatsplitError

P, R = ParamSpec("P"), TypeVar("R")

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555")
HALO = withStroke(linewidth=3, foreground="white")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
STYLE = {
    "axes.edgecolor": "0.3", "axes.facecolor": "white", "axes.grid": False, "axes.labelcolor": "black",
    "axes.prop_cycle": mpl.cycler(color=COLOURS), "axes.spines.right": False, "axes.spines.top": False,
    "axes.titlesize": 12, "figure.constrained_layout.use": True, "figure.dpi": 130, "figure.facecolor": "white",
    "font.size": 11, "image.interpolation": "nearest", "legend.frameon": False, "text.color": "black",
    "xtick.color": "black", "ytick.color": "black",
}  # fmt: skip


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


def name_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Put a name at each row, without ticks."""
    ax.set_yticks(range(len(labels)), labels, fontsize=9.5 if max(map(len, labels)) > 30 else 11)
    ax.tick_params(axis="y", length=0)


def colour_bar(ax: Axes, image: mpl.image.AxesImage, name: str) -> None:
    """The scale of a heat map."""
    bar = ax.figure.colorbar(image, ax=ax, pad=0.02, aspect=30, shrink=0.9)
    bar.set_label(name)
    bar.outline.set_visible(False)


def check_shape(name: str, array: object, shape: tuple[int | None, ...]) -> None:
    """Raise CatsplitError unless the array has the shape, where None stands for any number."""
    found = tuple(np.shape(array))
    if len(found) != len(shape) or any(want not in (None, have) for want, have in zip(shape, found, strict=True)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise CatsplitError(f"{name} must have the shape ({wanted}), not {found}.")
