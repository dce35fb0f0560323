"""Results: numbers with names, means with intervals, curves with bands, generality against locality."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from catsplit.plots.style import COLOURS, GIVEN, as_given, check_columns, finish, looks, new_axes, styled


@styled
def bars(
    values: Mapping[str, float],
    title: str = "",
    xlabel: str = "probability",
    ax: Axes | None = None,
    digits: int = 2,
) -> Axes:
    """Horizontal bars with their names, the first on top; the number stands at each bar's end, with so many digits."""
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    ax = ax or new_axes((7.4, 0.8 + 0.34 * len(values)))
    sns.barplot(x=list(values.values()), y=list(values), color=COLOURS[0], saturation=1, width=0.7, ax=ax)
    ax.bar_label(ax.containers[0], fmt=f" %.{digits}f")
    ax.margins(x=0.12)
    return finish(ax, title, xlabel=xlabel)


@styled
def intervals(
    table: pd.DataFrame,
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
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    check_columns(table, "group", "series", "mean")
    groups, look = table["group"].unique(), looks(table["series"])
    count = len(look["palette"])
    ax = ax or new_axes((7.4, 1.1 + 0.24 * len(groups) * (1 + 0.5 * count)))
    sns.pointplot(
        as_given(table), x="value", y="group", hue="series", order=groups, palette=look["palette"],
        markers=list(look["markers"].values()), linestyle="none", dodge=0.7 * (count - 1) / max(count, 2), markersize=5,
        capsize=0.1, err_kws={"linewidth": 1.5}, orient="y", ax=ax, **GIVEN,
    )  # fmt: skip
    for cut in range(1, len(groups)):
        ax.axhline(cut - 0.5, color="0.85", lw=0.8, zorder=0)
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    return finish(ax, title, 2 if legend and count > 1 else 0, xlabel=xlabel, ylabel="")


@styled
def curves(
    table: pd.DataFrame,
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
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    check_columns(table, "series", "x", "mean")
    ax = ax or new_axes((7.4, 4.4))
    lines = as_given(table)
    if even:
        values = sorted(table["x"].unique())
        lines["x"] = lines["x"].map(values.index)
        ax.set_xticks(range(len(values)), [f"{value:g}" for value in values])
    look = looks(table["series"])
    # A second curve of one method has its colour, and is broken.
    dashes = pd.Series(look["palette"]).duplicated().map({False: "", True: (4, 1.5)}).to_dict()
    sns.lineplot(
        lines, x="x", y="value", hue="series", style="series", dashes=dashes, markersize=7, lw=1.8,
        err_kws={"alpha": 0.15, "lw": 0}, ax=ax, **look, **GIVEN,
    )  # fmt: skip
    ax.grid(axis="y", color="0.9", lw=0.8)
    sns.despine(ax=ax)  # also of axes that were not made in this style
    several = table["series"].nunique() > 1
    return finish(ax, title, 2 if legend and several else 0, xlabel=xlabel, ylabel=ylabel)


@styled
def trade_off(table: pd.DataFrame, title: str = "", ax: Axes | None = None) -> Axes:
    """Generality against locality: a faint mark for each split, a large one with its cross of intervals for the mean.

    Args:
        table: one row a split and method; columns method, generality, locality (percent), and optionally those of
            the intervals of the method's means, as `generality low`, `generality high` and so on.
    """
    import seaborn as sns  # with it comes scipy.stats, seconds that not every page needs

    check_columns(table, "method", "generality", "locality")
    ax = ax or new_axes((7.0, 4.8))
    look, rates = looks(table["method"]), ["generality", "locality"]
    split = {"data": table, "x": "generality", "y": "locality", "hue": "method", "style": "method"}
    sns.scatterplot(**split, **look, s=25, alpha=0.4, linewidth=0, legend=False, ax=ax)
    means = table.groupby("method", sort=False).mean(numeric_only=True)
    for name, mean in means.iterrows():
        cross = {}
        for axis, rate in zip(("xerr", "yerr"), rates, strict=True):
            if f"{rate} low" in mean:
                cross[axis] = [[mean[rate] - mean[f"{rate} low"]], [mean[f"{rate} high"] - mean[rate]]]
        ax.errorbar(
            *mean[rates], fmt=look["markers"][name], color=look["palette"][name], ms=10, mec="black", capsize=3,
            label=name, **cross,
        )  # fmt: skip
    # Five points at least, or differences of a hundredth of a percent would look like something.
    ax.set_ylim(min(table["locality"].min() - 0.5, 95.5), 100.5 if table["locality"].max() <= 100 else None)
    return finish(ax, title, 2, xlabel="generality, percent", ylabel="locality, percent")
