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

from catsplit.errors import CatsplitError
from catsplit.plots.confusions import confusion
from catsplit.plots.maps import bare
from catsplit.plots.style import COLOURS, MARKS, styled
from catsplit.widgets.atlasdata import STATES, Panel
from catsplit.widgets.atlasscript import SCRIPT
from catsplit.widgets.page import Interactive, bokeh_view

if TYPE_CHECKING:
    from bokeh.models import CustomJS, LayoutDOM

MOST = 5  # subcategories that have a mark and a colour of their own
SHAPES = dict(zip(MARKS, ("circle", "square", "triangle", "diamond", "inverted_triangle", "plus", "x"), strict=True))
SIGNS = dict(zip(MARKS, "●■▲◆▼✚✖", strict=True))
OTHER, COARSE = MARKS[5], COLOURS[3]


def colours(panel: Panel, state: int) -> tuple[str, ...]:
    """A colour for each column of the confusion matrix: one of its own for the coarse name, grey for anything else."""
    return (*((COARSE,), COLOURS[: len(panel.split.modifiers)])[state], COLOURS[6])


def marks(panel: Panel) -> tuple[str, ...]:
    """A mark of `MARKS` for each line of the confusion matrix."""
    return (*MARKS[: len(panel.split.modifiers)], OTHER)[: len(panel.lines)]


def points(panel: Panel, state: int) -> pd.DataFrame:
    """Where each clip stands on the map, and how it looks: its mark, the colour of its line, what it is filled with."""
    line = np.array(colours(panel, state))[panel.answered(state)]
    return pd.DataFrame({
        "x": panel.map.places[:, 0], "y": panel.map.places[:, 1],
        "mark": np.array(marks(panel))[panel.shown], "line": line,
        "fill": np.where(panel.right(state), line, "white"),
        "cell": [f"{a},{b}" for a, b in zip(panel.shown, panel.answered(state), strict=True)],
    })  # fmt: skip


def document(panel: Panel) -> dict:
    """What the page holds of one split: its clips, and for each state the columns of the map and of the matrix."""
    right = np.stack([panel.right(0), panel.right(1)], 1).tolist()
    clips = [
        {"name": name, "answers": answers, "right": ok, "film": clip.html(name)}
        for name, *answers, ok, clip in zip(panel.names, panel.before, panel.after, right, panel.clips, strict=True)
    ]
    note = f"{panel.map.made}; trustworthiness {panel.map.trust:.2f}; {len(panel)} clips"
    return {"name": panel.split.coarse, "note": note, "clips": clips, "states": [_state(panel, s) for s in (0, 1)]}


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
        if panel.map is None or len(panel.clips) != len(panel):
            raise CatsplitError(f'The split of "{name}" lacks its map or its clips: see Panel.with_map and with_clips.')
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
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 8.6), width_ratios=(1.15, 1))
    for state, (ax, beside) in enumerate(axes):
        for one in points(panel, state).itertuples():
            ax.plot(one.x, one.y, one.mark, ms=7, mec=one.line, mfc=one.fill, mew=1.5)
        bare(ax, panel.map, f"{panel.split.coarse}, {STATES[state]}")
        columns = panel.columns(state)
        keys = [ax.plot([], [], "s", ms=9, color=colour)[0] for colour in colours(panel, state)]
        ax.legend(keys, [f"answered: {name}" for name in columns], loc="upper center", bbox_to_anchor=(0.5, 0))
        confusion(panel.counts(state), panel.lines, columns, ax=beside)
    keys = [ax.plot([], [], mark, ms=8, color="black")[0] for mark in marks(panel)]
    keys += ax.plot([], [], "o", ms=8, mec="black", mfc="white")
    names = [*(f"shows: {line}" for line in panel.lines), "hollow: wrong"]
    figure.legend(keys, names, loc="outside lower center", ncols=3)
    return axes


def _state(panel: Panel, state: int) -> dict:
    counts, lines, columns = panel.counts(state), panel.lines, panel.columns(state)
    grid, cells = [], [["", "every clip"]]
    for (a, b), count in np.ndenumerate(counts):
        share = count / max(counts[a].sum(), 1)
        fits = a < len(panel.split.modifiers) and b == state * a
        grid.append({
            "x": _folded(columns[b]), "y": _folded(lines[a]), "cell": f"{a},{b}", "edge": 0,
            "text": f"{count}{' ✓' if fits else ''}\n{100 * share:.0f} %", "ink": "white" if share > 0.6 else "black",
            "fill": mpl.colors.to_hex(mpl.colormaps["Blues"](0.9 * share)),
        })  # fmt: skip
        if count:
            cells.append([f"{a},{b}", f"{count} × shows “{lines[a]}”, answered “{columns[b]}”"])
    drawn = points(panel, state).round(3)
    return {
        "points": drawn.assign(shape=drawn.pop("mark").map(SHAPES)).to_dict("list"),
        "grid": pd.DataFrame(grid).to_dict("list"), "cells": cells, "lines": [_folded(name) for name in lines[::-1]],
        "columns": [_folded(name) for name in columns], "legend": _legend(panel, state),
    }  # fmt: skip


def _folded(name: str) -> str:
    return textwrap.fill(name, 11)


def _legend(panel: Panel, state: int) -> str:
    shapes = [f"{SIGNS[mark]}&nbsp;{html.escape(line)}" for mark, line in zip(marks(panel), panel.lines, strict=True)]
    answers = [
        f'<span style="color:{colour}" aria-hidden="true">⬤</span>&nbsp;{html.escape(column)}'
        for colour, column in zip(colours(panel, state), panel.columns(state), strict=True)
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
        labels=list(STATES), active=0, inline=True, html_attributes={"aria-label": "state"}, align="end", **wide, **grow
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
        height=250, x_range=state["columns"], y_range=state["lines"], tools="tap", toolbar_location=None,
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
              "matrix": matrix}  # fmt: skip
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
