"""Pictures of the tables: means with their intervals, a mark and a colour for each series."""

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from catsplit import plots

if TYPE_CHECKING:
    import pandas as pd

# What a line of the picture is named by, and what its marks tell apart.
DRAWN = {
    "zero-shot": (("method",), ("part", "wording")),
    "ablation": (("what", "variant"), ("part", "wording")),
    "one-shot": (("learns", "initial"), ("part", "wording")),
    "by type": (("kind",), ("method",)),
}


def draw(name: str, table: "pd.DataFrame") -> Figure:
    """Draw one of the tables in `DRAWN`: generality beside locality, or "by type" one wording beside another."""
    labels, series = DRAWN[name]
    between = " from " if name == "one-shot" else ": "
    groups = [between.join(filter(None, texts)) for texts in zip(*(table[label] for label in labels), strict=True)]
    marks = [", ".join(texts) for texts in zip(*(table[label] for label in series), strict=True)]
    lines = table.assign(group=groups, series=[f"part {text}" if len(series) > 1 else text for text in marks])
    if name == "by type":
        note = "generality, percent; dotted: chance"
        columns = [(f"{word} wording", own, "generality", note) for word, own in lines.groupby("wording", sort=False)]
    else:
        columns = [("", lines, rate, f"{rate}, percent") for rate in ("generality", "locality")]
    with mpl.rc_context(plots.STYLE):
        height = 1.6 + len(set(groups)) * max(0.34, 0.11 * len(set(marks)))
        size, alike = (9.5, height), name == "by type"
        figure, axes = plt.subplots(1, len(columns), figsize=size, sharex=alike, sharey=True, squeeze=False)
        for axis, (title, own, rate, note) in zip(axes[0], columns, strict=True):
            drawn = own.assign(mean=own[rate], low=own[f"{rate} low"], high=own[f"{rate} high"])
            plots.intervals(drawn, title, note, axis, legend=axis is axes[0, -1])
            if rate == "locality":
                # Five points at least, or differences of a hundredth of a percent would look like something.
                axis.set_xlim(min(axis.get_xlim()[0], 95), max(axis.get_xlim()[1], 100.2))
            if "chance" in own:
                for place, chance in enumerate(own.groupby("group", sort=False)["chance"].first()):
                    axis.plot([chance, chance], [place - 0.45, place + 0.45], color="0.45", ls=":", lw=1.5, zorder=0)
        figure.suptitle(f"{table['benchmark'].iloc[0]}: means and 95 % intervals over the splits", fontsize=11)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure, without the time and the versions that would make each file another."""
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
