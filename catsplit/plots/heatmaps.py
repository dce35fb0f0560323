"""Heat maps: a head's rows, how alike vectors are, what a rule chooses, what was shown against what was answered."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from catsplit.plots.style import COLOURS, MARKS, check_shape, finish, new_axes, styled

# Blue is negative, red positive, white zero.
SIGNED = {"cmap": "RdBu_r", "cbar_kws": {"pad": 0.02, "aspect": 30, "shrink": 0.9}}


@styled
def rows(weight: np.ndarray, labels: Sequence[str], ax: Axes | None = None) -> Axes:
    """A head's weight as a heat map with a name at each row; blue is negative, red positive, white zero.

    Args:
        weight: (C, D).
        labels: C texts.
    """
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    weight = np.asarray(weight)
    check_shape("A weight matrix", weight, (len(labels), None))
    ax = ax or new_axes((8, 0.9 + 0.26 * len(labels)))
    limit = np.quantile(np.abs(weight), 0.99) or 1.0
    sns.heatmap(weight, vmin=-limit, vmax=limit, xticklabels=max(weight.shape[1] // 8, 1), ax=ax, **SIGNED)
    ax.set_xlabel("feature")
    ax.collections[0].colorbar.set_label("weight")
    return _named(ax, labels)


@styled
def similarity(matrix: np.ndarray, labels: Sequence[str], cuts: Sequence[int] = (), ax: Axes | None = None) -> Axes:
    """A matrix of similarities between -1 and 1 as a heat map with named rows; lines before the rows in `cuts`.

    Args:
        matrix: (n, n).
        labels: n texts.
        cuts: numbers of the rows at which a new group begins.
    """
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    check_shape("A matrix of similarities", matrix, (len(labels), len(labels)))
    ax = ax or new_axes((7.4, 0.7 + 0.27 * len(labels)))
    sns.heatmap(np.asarray(matrix), vmin=-1, vmax=1, xticklabels=False, ax=ax, **SIGNED)
    ax.hlines(cuts, *ax.get_xlim(), color="black", lw=1)
    ax.vlines(cuts, *ax.get_ylim(), color="black", lw=1)
    ax.collections[0].colorbar.set_label("cosine")
    return _named(ax, labels)


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
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    table = np.asarray(table)
    check_shape("A table of similarities", table, (len(targets), len(entries)))
    ax = ax or new_axes((2.6 + 1.5 * len(entries), 1.6 + 0.8 * len(targets)))
    limits = {"vmin": table.min() - 0.1, "vmax": table.max() + 0.6}
    sns.heatmap(table, cmap="Greys", annot=True, fmt=".2f", cbar=False, ax=ax, **limits)
    for number, (name, columns) in enumerate(chosen.items()):
        size, colour = 38 + 8 * number, COLOURS[number]
        places = np.array([columns, range(len(targets))]) + 0.5
        ax.plot(*places, MARKS[number], ms=size, mfc="none", mec=colour, mew=2.5, label=name)
    ax.figure.legend(loc="outside lower center", ncols=3, markerscale=0.3)
    return _named(ax, [textwrap.fill(text, 26) for text in targets], [textwrap.fill(text, 18) for text in entries])


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
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    counts = np.asarray(counts)
    answered = list(answered or shown)
    check_shape("The counts of a confusion matrix", counts, (len(shown), len(answered)))
    ax = ax or new_axes((2.2 + 1.25 * len(answered), 1.2 + 0.8 * len(shown)))
    share = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)
    texts = np.array([f"{count:g}\n{part:.0f} %" for count, part in zip(counts.flat, share.flat, strict=True)])
    sns.heatmap(share, cmap="Blues", vmin=0, vmax=100, annot=texts.reshape(counts.shape), fmt="", cbar=False, ax=ax)
    for text, (row, column) in zip(ax.texts, np.ndindex(counts.shape), strict=True):
        # On the diagonal a clip is right, and a heavier letter says so where the shade doesn't.
        text.set_weight("bold" if shown[row] == answered[column] else "normal")
    finish(ax, title, xlabel="answered", ylabel="shown")
    return _named(ax, [textwrap.fill(name, 20) for name in shown], [textwrap.fill(name, 11) for name in answered])


def _named(ax: Axes, lines: Sequence[str], columns: Sequence[str] | None = None) -> Axes:
    """Name lines and columns, upright and without ticks."""
    ax.set_yticks(np.arange(len(lines)) + 0.5, lines, fontsize=9.5, rotation=0)
    if columns is not None:
        ax.set_xticks(np.arange(len(columns)) + 0.5, columns, fontsize=9.5, rotation=0)
    ax.tick_params(length=0)
    return ax
