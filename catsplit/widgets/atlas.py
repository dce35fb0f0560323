"""The atlas: maps of clips beside confusion matrices, before and after a split, each linked to the other.

One Bokeh document for many splits. All that a choice changes was computed before and lies in it; the script only
brings out what was asked for.
"""

import html
import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D

from catsplit.errors import CatsplitError
from catsplit.plots.heatmaps import confusion
from catsplit.plots.maps import bare
from catsplit.plots.style import COLOURS, MORE, styled
from catsplit.widgets.atlasdata import STATES, Panel
from catsplit.widgets.atlasscript import SCRIPT
from catsplit.widgets.page import Interactive, bokeh_view

if TYPE_CHECKING:
    from bokeh.models import CustomJS, LayoutDOM

# Marks as matplotlib, Bokeh and a text call them; all of them can be hollow.
SHAPES = {
    "o": "circle", "s": "square", "^": "triangle", "D": "diamond", "v": "inverted_triangle", "h": "hex", "*": "star",
    "p": "square_pin", "8": "circle_dot", "P": "plus",
}  # fmt: skip
*MARKS, REST = SHAPES
SIGNS = dict(zip(SHAPES, "●■▲◆▼⬢★✦◉✚", strict=True))
*HUES, GREY = (*COLOURS[:6], *(colour for colour, _ in MORE), "#332288", COLOURS[6])
MOST = len(MARKS)  # subcategories that have a mark and a colour of their own
COARSE = COLOURS[3]
CROWDED = 5  # columns of a matrix from which on their names stand upright, and percentages are left out


def colours(panel: Panel, state: str) -> list[str]:
    """A colour for each column of the confusion matrix: one of its own for the coarse name, grey for anything else."""
    own = (COARSE,) if state == "before" else HUES[: len(panel.split.modifiers)]
    return [*own, GREY]


def looks(panel: Panel, state: str) -> pd.DataFrame:
    """Where each clip stands on the map, its cell of the matrix, the colour of its line, and what it is filled with."""
    line, column = (panel.clips[name].cat.codes for name in ("shows", f"{state} column"))
    found = pd.DataFrame(panel.map.places, columns=["x", "y"])
    found["line"] = np.array(colours(panel, state))[column]
    found["fill"] = found["line"].where(panel.clips[f"{state} right"], "white")
    found["cell"] = [f"{a},{b}" for a, b in zip(line, column, strict=True)]
    return found.assign(shape=np.array(marks(panel))[line])


def marks(panel: Panel) -> list[str]:
    """A mark for each line of the confusion matrix."""
    return [*MARKS[: len(panel.split.modifiers)], REST]


def document(panel: Panel) -> dict:
    """What the page holds of one split: its clips, and for each state the columns of the map and of the matrix."""
    films = [film.html(name) for film, name in zip(panel.films, panel.clips["name"], strict=True)]
    held = panel.clips[["name", *STATES, *(f"{state} right" for state in STATES)]].assign(film=films)
    note = f"{panel.map.made}; trustworthiness {panel.map.trust:.2f}; {len(panel.clips)} clips"
    return {
        "name": panel.split.coarse, "note": note, "clips": held.to_dict("records"),
        "states": [_state(panel, state) for state in STATES],
    }  # fmt: skip


def atlas(panels: Sequence[Panel]) -> Interactive:
    """The interactive view of some splits.

    Args:
        panels: the splits, each with a map and with clips.

    Raises:
        CatsplitError: no panel, one without a map or clips, one with more than `MOST` subcategories, or too many clips
            for a page.
    """
    if not panels:
        raise CatsplitError("An atlas needs one split or more.")
    for panel in panels:
        name = panel.split.coarse
        if panel.map is None or len(panel.films) != len(panel.clips):
            raise CatsplitError(f'The panel of "{name}" lacks its map or its films: see the attributes of Panel.')
        if len(panel.split.subcategories) > MOST:
            raise CatsplitError(f'"{name}" has {len(panel.split.subcategories)} subcategories; an atlas shows {MOST}.')
    text = (
        "Maps of clips and confusion matrices before and after a split. Choose a category, a state, a cell of the "
        "matrix and a clip by the lists; what is chosen is said below them."
    )
    layout, act = _layout([document(panel) for panel in panels])
    # The script brings out the first split, too, so that what is seen at first is made as everything later.
    return bokeh_view(text, layout, act)


@styled
def split_map(panel: Panel) -> np.ndarray:
    """One split as the atlas shows it: map and confusion matrix, before the split on top and after it below.

    Marks say what a clip shows, colours what is answered, and hollow marks are wrong answers.

    Returns:
        The axes (2, 2).
    """
    more = max(len(panel.split.modifiers) - 3, 0)
    figure, axes = plt.subplots(2, 2, figsize=(9.6 + 1.6 * more, 8.6 + 0.9 * more), width_ratios=(1.15, 1 + 0.1 * more))
    for state, (ax, beside) in zip(STATES, axes, strict=True):
        for mark, some in looks(panel, state).groupby("shape"):
            ax.scatter("x", "y", 50, "fill", data=some, marker=mark, edgecolors=some["line"], linewidths=1.5)
        bare(ax, panel.map, f"{panel.split.coarse}, {state} the split")
        counts = panel.counts(state)
        answers = [f"answered: {name}" for name in counts.columns]
        keys = [_key("s", color=colour) for colour in colours(panel, state)]
        ax.legend(keys, answers, loc="upper center", bbox_to_anchor=(0.5, 0))
        confusion(counts.to_numpy(), list(counts.index), list(counts.columns), ax=beside)
    shown = dict(zip((f"shows: {line}" for line in counts.index), map(_key, marks(panel)), strict=False))
    shown["hollow: wrong"] = _key("o", mfc="white")
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=3)
    return axes


def _key(mark: str, color: str = "black", **look: str) -> Line2D:
    return Line2D([], [], marker=mark, ls="", ms=8, color=color, **look)


def _state(panel: Panel, state: str) -> dict:
    counts = panel.counts(state)
    crowded = len(counts.columns) >= CROWDED
    lines = [textwrap.fill(name, 16) for name in counts.index]
    columns = [textwrap.fill(name, 24 if crowded else 11) for name in counts.columns]
    grid, cells = [], [["", "every clip"]]
    for (a, b), count in np.ndenumerate(counts):
        share = count / max(counts.iloc[a].sum(), 1)
        right = " ✓" if a < len(panel.split.modifiers) and b == (a if state == "after" else 0) else ""
        text = f"{count}\n{right.strip()}" if crowded else f"{count}{right}\n{100 * share:.0f} %"
        grid.append({
            "x": columns[b], "y": lines[a], "cell": f"{a},{b}", "edge": 0,
            "text": text, "ink": "white" if share > 0.6 else "black",
            "fill": mpl.colors.to_hex(mpl.colormaps["Blues"](0.9 * share)),
        })  # fmt: skip
        if count:
            cells.append([f"{a},{b}", f"{count} × shows “{counts.index[a]}”, answered “{counts.columns[b]}”"])
    return {
        "points": looks(panel, state).round(3).replace({"shape": SHAPES}).to_dict("list"),
        "grid": pd.DataFrame(grid).to_dict("list"), "cells": cells,
        "lines": lines[::-1], "columns": columns, "legend": _legend(counts, marks(panel), colours(panel, state)),
        "upright": crowded, "height": 40 * len(lines) + (180 if crowded else 90),
    }  # fmt: skip


def _legend(counts: pd.DataFrame, marks: Sequence[str], colours: Sequence[str]) -> str:
    shapes = [f"{SIGNS[mark]}&nbsp;{html.escape(line)}" for mark, line in zip(marks, counts.index, strict=False)]
    answers = [
        f'<span style="color:{colour}" aria-hidden="true">⬤</span>&nbsp;{html.escape(column)}'
        for colour, column in zip(colours, counts.columns, strict=True)
    ]
    return (
        f"<b>Shape</b>, what a clip shows: {' · '.join(shapes)}<br><b>Colour</b>, what is answered: "
        f"{' · '.join(answers)}<br><b>Hollow</b>: wrong"
    )


def _layout(splits: list[dict]) -> tuple["LayoutDOM", "CustomJS"]:
    from bokeh.layouts import column, row
    from bokeh.models import Button, ColumnDataSource, CustomJS, Div, HoverTool, RadioGroup, Select
    from bokeh.plotting import figure

    state = splits[0]["states"][0]
    points, grid = ColumnDataSource(state["points"]), ColumnDataSource(state["grid"])
    ring = ColumnDataSource({"x": [], "y": []})
    wide = {"sizing_mode": "stretch_width", "margin": 4}
    grow = {"styles": {"flex": "1 1 220px", "min-width": "0"}}
    names = [(str(i), one["name"]) for i, one in enumerate(splits)]
    category = Select(title="Category", value="0", options=names, **wide, **grow)
    when = RadioGroup(
        labels=[f"{state} the split" for state in STATES], active=0, inline=True, align="end",
        html_attributes={"aria-label": "state"}, **wide, **grow,
    )
    cell = Select(title="Cell of the matrix", value="", options=[("", "every clip")], **wide, **grow)
    clip = Select(title="Clip", value="0", options=[("0", "")], **wide, **grow)
    every = Button(label="Choose none", sizing_mode="fixed", width=120, height=32, margin=4, align="end")
    # What changes in them is read aloud.
    panel, chosen = (Div(text="", html_attributes={"aria-live": "polite"}, **wide) for _ in range(2))
    legend, note = Div(text="", **wide), Div(text="", **wide)

    place = figure(
        height=360, tools="tap,box_select,lasso_select,reset", active_drag=None, toolbar_location="above",
        x_axis_type=None, y_axis_type=None, html_attributes={"role": "img", "aria-label": "Map of the clips"}, **wide,
    )  # fmt: skip
    place.toolbar.logo = None
    place.grid.visible = False
    dots = place.scatter(
        "x", "y", source=points, marker="shape", size=11, line_color="line", fill_color="fill", line_width=2,
        fill_alpha=0.85, nonselection_alpha=0.15,
    )  # fmt: skip
    place.scatter("x", "y", source=ring, marker="circle", size=24, line_color="#E69F00", line_width=3, fill_color=None)
    matrix = figure(
        height=state["height"], x_range=state["columns"], y_range=state["lines"], tools="tap", toolbar_location=None,
        x_axis_label="answered", y_axis_label="shown", outline_line_color=None,
        html_attributes={"role": "img", "aria-label": "Confusion matrix"}, **wide,
    )  # fmt: skip
    matrix.grid.visible = False
    for axis in matrix.axis:
        axis.update(axis_line_color=None, major_tick_line_color=None, major_label_text_color="black")
        axis.update(major_label_text_font_size="10px", axis_label_standoff=4)
    look = {"source": grid, "width": 0.96, "height": 0.94, "line_color": "#D55E00", "line_width": "edge"}
    matrix.rect("x", "y", fill_color="fill", nonselection_alpha=1, **look)
    matrix.text("x", "y", text="text", text_color="ink", source=grid, text_align="center", text_baseline="middle",
                text_font_size="12px", nonselection_alpha=1)  # fmt: skip

    models = {"points": points, "grid": grid, "ring": ring, "category": category, "when": when, "cell": cell,
              "clip": clip, "every": every, "legend": legend, "note": note, "panel": panel, "chosen": chosen,
              "matrix": matrix, "axis": matrix.xaxis[0]}  # fmt: skip
    act = CustomJS(args={**models, "text": json.dumps(splits, ensure_ascii=False)}, code=SCRIPT)
    for widget, name in ((category, "value"), (when, "active"), (cell, "value"), (clip, "value")):
        widget.js_on_change(name, act)
    for source in (points, grid):
        source.selected.js_on_change("indices", act)
    every.js_on_click(act)
    place.add_tools(HoverTool(renderers=[dots], tooltips=None, callback=act))
    left = column(place, note, legend, styles={"flex": "1 1 300px", "min-width": "0"})
    right = column(panel, matrix, styles={"flex": "1 1 280px", "min-width": "0"})
    wrap = {"styles": {"flex-wrap": "wrap"}, "sizing_mode": "stretch_width"}
    parts = row(category, when, **wrap), row(left, right, **wrap), row(cell, clip, every, **wrap), chosen
    return column(*parts, sizing_mode="stretch_width"), act
