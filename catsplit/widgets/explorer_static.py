"""The split explorer for a page without a kernel: the splits are made beforehand, and CustomJS shows the chosen one."""

import json
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from catsplit.plots.style import COLOURS
from catsplit.video import read_frames
from catsplit.widgets import explorer_html as shown
from catsplit.widgets.explorer_model import Model
from catsplit.widgets.explorer_script import SCRIPT
from catsplit.widgets.explorer_state import DRAWS, METHODS, Choice, Result
from catsplit.widgets.page import FILM, Interactive, film

if TYPE_CHECKING:
    from bokeh.models import CustomJS, LayoutDOM

STRENGTHS = (0.0, 0.5, 1.0, 2.0, 4.0)
SHOTS = (0, 1, 5)
SIZE = 72  # of a clip, in pixels
NAME = (
    "Split explorer: choose a category, how its subcategories are named, a method, a strength and a number of clips to "
    "learn from. Tables then say where the new rows come from, what the split gains and costs beside a control, and "
    "what is answered; eight clips show it."
)


def static_explorer(
    model: Model,
    methods: Sequence[str] = METHODS,
    strengths: Sequence[float] = STRENGTHS,
    shots: Sequence[int] = SHOTS,
) -> Interactive:
    """The explorer with all splits of the model's part made beforehand.

    Args:
        methods, strengths, shots: what can be chosen; each category and wording is combined with all of them.
    """
    from bokeh.document import Document

    view, update = layout(payload(model, methods, strengths, shots))
    document = Document()
    document.add_root(view)
    document.js_on_event("document_ready", update)
    return Interactive(view, NAME)


def payload(
    model: Model,
    methods: Sequence[str] = METHODS,
    strengths: Sequence[float] = STRENGTHS,
    shots: Sequence[int] = SHOTS,
) -> dict[str, Any]:
    """Everything that the page shows, as JSON can hold it; rates are texts in percent, rounded here and only here."""
    found = {"wordings": list(model.known), "methods": list(methods), "shots": list(shots), "draws": DRAWS,
             "strengths": [f"{s:g}" for s in strengths], "labels": list(model.head.labels),
             "rates": [name for name, _ in shown.NAMES], "tips": [tip for _, tip in shown.NAMES]}  # fmt: skip
    return found | {"categories": [_category(model, coarse, methods, strengths, shots) for coarse in model.categories]}


def _category(
    model: Model, coarse: str, methods: Sequence[str], strengths: Sequence[float], shots: Sequence[int]
) -> dict[str, Any]:
    names = {wording: split[coarse].subcategories for wording, split in model.known.items()}
    keys = list(product(names, methods, strengths, shots))
    choices = [Choice(coarse, names[wording], *rest) for wording, *rest in keys]
    results = dict(zip(keys, model.results(choices), strict=True))
    clips = [film(read_frames(model.benchmark.path(clip), SIZE)) for clip in model.clips(coarse)]
    labels = model.head.labels
    cells = {_key(key): _cell(result, labels) for key, result in results.items()}
    last = strengths[-1]
    return {
        "name": coarse,
        "names": {wording: list(texts) for wording, texts in names.items()},
        "clips": [[*clip, _number(a.shows, labels, r)] for r in [next(iter(results.values()))]
                  for clip, a in zip(clips, r.answers, strict=True)],
        "control": {n: [shown.percent(rate) for rate in results[keys[0][:3] + (n,)].control] for n in shots},
        "sources": {f"{w}|{m}": shown.sources_table(results[w, m, last, shots[0]].sources)
                    for w, m in product(names, methods)},
        # Without strength all methods are the same.
        "plain": {w: shown.sources_table(sources_of_copies(model, coarse, w)) for w in names},
        "cells": cells,
    }  # fmt: skip


def sources_of_copies(model: Model, coarse: str, wording: str) -> tuple:
    """Sources of a wording's rows at the strength 0."""
    return model.result(Choice(coarse, model.known[wording][coarse].subcategories, "copies", 0.0)).sources


def _key(key: tuple) -> str:
    wording, method, strength, shots = key
    return f"{wording}|{method}|{strength:g}|{shots}"


def _cell(result: Result, labels: Sequence[str]) -> list:
    """Rates, what lies between them and the control's, counts line by line, and the answers as numbers."""
    gaps = shown.gaps(result.rates, result.control)
    return [
        [shown.percent(rate) for rate in result.rates],
        [shown.points(gap) for gap in gaps],
        result.counts.ravel().tolist(),
        [_number(answer.answer, labels, result) for answer in result.answers],
    ]


def _number(label: str, labels: Sequence[str], result: Result) -> int:
    """Labels are numbered as in `metrics`: the head's, then the new ones."""
    new = result.split.subcategories
    return len(labels) + new.index(label) if label in new else labels.index(label)


def layout(data: dict[str, Any]) -> tuple["LayoutDOM", "CustomJS"]:
    """Controls, tables, a curve over the strengths, and clips; and what shows the chosen split in them."""
    from bokeh.layouts import column, row
    from bokeh.models import CheckboxGroup, ColumnDataSource, CustomJS, CustomJSTickFormatter, Div, Select, Slider

    wide = {"sizing_mode": "stretch_width"}
    category = Select(title="Category", options=[one["name"] for one in data["categories"]],
                      value=data["categories"][0]["name"], **wide)  # fmt: skip
    wording = Select(title="Names", options=data["wordings"], value=data["wordings"][-1], **wide)
    method = Select(title="Method", options=data["methods"], value=_preferred("retrieval", data["methods"]), **wide)
    shots = Select(title="Clips to learn from, of each", options=[str(n) for n in data["shots"]],
                   value=str(data["shots"][0]), **wide)  # fmt: skip
    strengths = data["strengths"]
    place = strengths.index(_preferred("1", strengths))
    written = CustomJSTickFormatter(args={"names": strengths}, code="return names[tick]")
    strength = Slider(title="Strength", start=0, end=len(strengths) - 1, value=place, step=1, format=written,
                      bar_color=COLOURS[5], **wide)  # fmt: skip
    still = CheckboxGroup(labels=["Clips stand still"], active=[])
    parts = {name: Div(text="", disable_math=True, **wide) for name in ("sentence", "rates", "sources", "confusion")}
    count = len(data["categories"][0]["clips"])
    frames, captions = ([Div(text="", width=112, disable_math=True) for _ in range(count)] for _ in range(2))
    curve = ColumnDataSource({"strength": strengths, "generality": [0.0] * len(strengths),
                              "locality": [0.0] * len(strengths), "control": [0.0] * len(strengths)})  # fmt: skip
    here = ColumnDataSource({"strength": [strengths[place]], "generality": [0.0], "locality": [0.0]})
    controls = {"category": category, "wording": wording, "method": method, "strength": strength, "shots": shots}
    update = CustomJS(
        args={"text": _script_safe(json.dumps(data, ensure_ascii=False, separators=(",", ":"))), "frames": frames,
              "captions": captions, "curve": curve, "here": here, "still": still, **controls,
              **{name if name != "rates" else "rates_part": part for name, part in parts.items()}},
        code=FILM + SCRIPT,
    )  # fmt: skip
    for control in controls.values():
        control.js_on_change("value", update)
    still.js_on_change("active", update)
    cards = [column(frame, caption, width=120) for frame, caption in zip(frames, captions, strict=True)]
    wrap = {"styles": {"flex-wrap": "wrap"}, **wide}
    view = column(
        row(*(column(control, width=205) for control in controls.values()), **wrap),
        parts["sentence"], row(column(parts["rates"], parts["sources"], parts["confusion"], **wide), **wide),
        _figure(curve, here, strengths), still, row(*cards, **wrap), **wide,
    )  # fmt: skip
    return view, update


def _figure(curve: Any, here: Any, strengths: Sequence[str]) -> "LayoutDOM":
    from bokeh.plotting import figure

    plot = figure(
        x_range=list(strengths), y_range=(0, 106), height=250, toolbar_location=None, tools="",
        x_axis_label="strength", y_axis_label="percent", sizing_mode="stretch_width",
    )  # fmt: skip
    lines = (("generality", "generality", 0, "circle", "solid"), ("locality", "locality", 1, "square", "solid"),
             ("control", "generality of the control", 6, None, "dashed"))  # fmt: skip
    for name, legend, colour, mark, dash in lines:
        style = {"color": COLOURS[colour], "legend_label": legend}
        plot.line("strength", name, source=curve, line_width=2, line_dash=dash, **style)
        if mark:
            plot.scatter("strength", name, source=curve, size=7, marker=mark, **style)
            plot.scatter("strength", name, source=here, size=15, marker=mark, fill_alpha=0, line_width=2,
                         color=COLOURS[colour])  # fmt: skip
    plot.add_layout(plot.legend[0], "below")
    plot.legend.orientation, plot.legend.border_line_alpha = "horizontal", 0
    plot.xgrid.grid_line_color = plot.outline_line_color = plot.yaxis.minor_tick_line_color = None
    return plot


def _preferred(value: str, values: Sequence[str]) -> str:
    return value if value in values else values[0]


def _script_safe(text: str) -> str:
    """JSON that can stand inside a page's script."""
    return text.replace("<", "\\u003c")


def choices(data: dict[str, Any]) -> Iterator[tuple[str, str, str, str, int]]:
    """All that can be chosen: category, wording, method, strength, shots."""
    names = [one["name"] for one in data["categories"]]
    return product(names, data["wordings"], data["methods"], data["strengths"], data["shots"])
