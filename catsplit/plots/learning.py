"""Learning: means with their bands, along the number of clips to learn from or any other quantity."""

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from catsplit.errors import CatsplitError
from catsplit.plots.style import COLOURS, MARKS, new_axes, styled

if TYPE_CHECKING:
    import pandas as pd


@styled
def curves(
    table: "pd.DataFrame",
    title: str = "",
    xlabel: str = "clips of each subcategory",
    ylabel: str = "generality, percent",
    ax: Axes | None = None,
    *,
    even: bool = False,
    legend: bool = True,
) -> Axes:
    """A curve through the means of each series, with a band from low to high around it.

    Args:
        table: columns series, x, mean, and low and high, which may be missing where there is no band. Series are
            drawn in the order in which they first appear.
        even: the values of x stand at equal distances, as 0, 1, 2, 5, 10, 20 shots read best, and are all named.
        legend: name the series below the figure.

    Raises:
        CatsplitError: a column is missing.
    """
    if missing := {"series", "x", "mean"} - set(table.columns):
        raise CatsplitError(f'The table to draw lacks the column "{min(missing)}".')
    ax = ax or new_axes((7.4, 4.4))
    values = sorted(set(table["x"]))
    for place, (name, mine) in enumerate(table.groupby("series", sort=False)):
        mine = mine.sort_values("x")
        x = [values.index(value) for value in mine["x"]] if even else mine["x"]
        colour, mark = COLOURS[place % len(COLOURS)], MARKS[place % len(MARKS)]
        ax.plot(x, mine["mean"], color=colour, marker=mark, ms=6, mec="white", mew=0.5, lw=1.8, label=name)
        if {"low", "high"} <= set(mine.columns):
            ax.fill_between(x, mine["low"], mine["high"], color=colour, alpha=0.15, lw=0)
    if even:
        ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_title(title, loc="left")
    ax.grid(axis="y", color="0.9", lw=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)  # also of axes that were not made in this style
    if legend and table["series"].nunique() > 1:
        ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return ax
