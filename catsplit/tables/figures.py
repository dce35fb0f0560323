"""Pictures of the tables: means with their intervals, a mark and a colour for each series."""

from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from catsplit.plots.results import intervals
from catsplit.plots.style import styled

# What a line of the picture is named by, and what its marks tell apart.
DRAWN = {
    "zero-shot": (["method"], ["part", "wording"]),
    "ablation": (["what", "variant"], ["part", "wording"]),
    "one-shot": (["learns", "initial"], ["part", "wording"]),
    "by type": (["kind"], ["method"]),
}


@styled
def draw(name: str, table: pd.DataFrame) -> Figure:
    """Draw one of the tables in `DRAWN`: generality beside locality, or "by type" one wording beside another."""
    labels, series = DRAWN[name]
    group = table[labels].agg((" from " if name == "one-shot" else ": ").join, axis=1)
    lines = table.assign(group=group, series=table[series].agg(", ".join, axis=1))
    if name == "by type":
        note = "generality, percent; dotted: chance"
        panels = [(f"{word} wording", own, "generality", note) for word, own in lines.groupby("wording", sort=False)]
    else:
        lines["series"] = "part " + lines["series"]
        panels = [("", lines, rate, f"{rate}, percent") for rate in ("generality", "locality")]
    size = 9.5, 1.6 + lines["group"].nunique() * max(0.34, 0.11 * lines["series"].nunique())
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharex=name == "by type", sharey=True, squeeze=False)
    for ax, (title, own, rate, note) in zip(axes[0], panels, strict=True):
        shown = own[["group", "series"]].assign(mean=own[rate], low=own[f"{rate} low"], high=own[f"{rate} high"])
        intervals(shown, title, note, ax, legend=ax is axes[0, -1])
        if rate == "locality":
            # Five points at least, or differences of a hundredth of a percent would look like something.
            ax.set_xlim(min(ax.get_xlim()[0], 95), max(ax.get_xlim()[1], 100.2))
        if "chance" in own:
            for place, chance in enumerate(own.groupby("group", sort=False)["chance"].first()):
                ax.plot([chance, chance], [place - 0.45, place + 0.45], color="0.45", ls=":", lw=1.5, zorder=0)
    figure.suptitle(f"{table['benchmark'].iloc[0]}: means and 95 % intervals over the splits", fontsize=11)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure, without the time and the versions that would make each file another."""
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)
