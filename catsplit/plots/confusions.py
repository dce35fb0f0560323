"""Confusions: what was shown against what was answered."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from catsplit.plots.style import check_shape, new_axes, styled


@styled
def confusion(
    counts: np.ndarray,
    shown: Sequence[str],
    answered: Sequence[str] | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Counts of answers as a small matrix: a line for what clips show, a column for what was answered.

    A cell holds its count and, below it, its percentage of the line, which its shade says too.

    Args:
        counts: (n, m) clips.
        shown: n names.
        answered: m names; those of `shown`, if not given.

    Raises:
        CatsplitError: counts of another shape.
    """
    counts = np.asarray(counts)
    answered = list(answered or shown)
    check_shape("The counts of a confusion matrix", counts, (len(shown), len(answered)))
    ax = ax or new_axes((2.2 + 1.25 * len(answered), 1.2 + 0.8 * len(shown)))
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if share[row, column] > 55 else "black"
        # On the diagonal a clip is right, and a heavier letter says so where the shade doesn't.
        weight = "bold" if shown[row] == answered[column] else "normal"
        text = f"{count:g}\n{share[row, column]:.0f} %"
        ax.text(column, row, text, color=colour, weight=weight, ha="center", va="center", fontsize=10)
    ax.set_xticks(range(len(answered)), [textwrap.fill(name, 15) for name in answered], fontsize=9.5)
    ax.set_yticks(range(len(shown)), [textwrap.fill(name, 20) for name in shown], fontsize=9.5)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="answered", ylabel="shown")
    ax.set_title(title, loc="left")
    return ax
