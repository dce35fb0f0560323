"""Results: numbers with names, means with intervals, generality against locality."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from catsplit.errors import CatsplitError
from catsplit.plots.style import COLOURS, MARKS, name_rows, new_axes, styled

if TYPE_CHECKING:
    import pandas as pd


@styled
def bars(
    values: Mapping[str, float],
    title: str = "",
    xlabel: str = "probability",
    ax: Axes | None = None,
    digits: int = 2,
) -> Axes:
    """Horizontal bars with their names, the first on top; the number stands at each bar's end, with so many digits."""
    ax = ax or new_axes((7.4, 0.8 + 0.34 * len(values)))
    drawn = ax.barh(range(len(values)), list(values.values()), color=COLOURS[0], height=0.7)
    ax.bar_label(drawn, [f" {value:.{digits}f}" for value in values.values()])
    name_rows(ax, list(values))
    ax.invert_yaxis()
    ax.set_xlabel(xlabel)
    ax.set_title(title, loc="left")
    ax.margins(x=0.12)
    return ax


@styled
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
    ax = ax or new_axes((7.4, 1.1 + 0.24 * len(groups) * (1 + 0.5 * len(series))))
    for place, name in enumerate(series):
        mine = table[table["series"] == name]
        y = np.array([groups.index(group) for group in mine["group"]]) + _offset(place, len(series))
        style = {"color": COLOURS[place % len(COLOURS)], "marker": MARKS[place % len(MARKS)], "ls": "", "ms": 6}
        mean = mine["mean"].to_numpy()
        error = None
        if {"low", "high"} <= set(mine.columns):
            error = np.stack([mean - mine["low"], mine["high"] - mean])
        ax.errorbar(mean, y, xerr=error, label=name, capsize=2.5, **style)
    name_rows(ax, groups)
    ax.set_ylim(len(groups) - 0.5, -0.5)
    for cut in range(1, len(groups)):
        ax.axhline(cut - 0.5, color="0.85", lw=0.8, zorder=0)
    ax.set_xlabel(xlabel)
    ax.set_title(title, loc="left")
    if legend and len(series) > 1:
        handles = ax.get_legend_handles_labels()
        ax.figure.legend(*handles, loc="outside lower center", ncols=2 if len(series) > 2 else len(series))
    return ax


@styled
def trade_off(table: "pd.DataFrame", title: str = "", ax: Axes | None = None) -> Axes:
    """Generality against locality: a faint mark for each split, a large one with its cross of intervals for the mean.

    Args:
        table: one row a split and method; columns method, generality, locality (percent), and optionally those of
            the intervals of the method's means, as `generality low`, `generality high` and so on.
    """
    ax = ax or new_axes((7.0, 4.8))
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


def _offset(place: int, count: int) -> float:
    return (place - (count - 1) / 2) * 0.7 / max(count, 2)
