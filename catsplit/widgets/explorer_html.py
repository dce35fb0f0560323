"""The split explorer's results as HTML, for a live kernel and for a page without one: small tables on white.

Each table row stands on a line of its own, so that a page which holds many results can hold each line once.
"""

import html
from collections.abc import Iterable, Mapping, Sequence

from catsplit.gallery import caption
from catsplit.widgets.explorer_model import DRAWS, Answer, Rates, Result
from catsplit.widgets.explorer_names import LINE_BY_LINE, Source

# Blue and vermilion are the first two of plots.COLOURS.
STYLE = """<style>
.split-explorer {background: white; color: black; line-height: 1.4; font-size: 14px; overflow-x: auto; max-width: 100%}
.split-explorer h4 {margin: .8em 0 .3em; font-size: 15px; color: black}
.split-explorer table {border-collapse: collapse; margin: 0 0 .6em; font-size: 13px; color: black; background: white;
 border: 0; width: auto; display: table}
.split-explorer th, .split-explorer td {padding: .25em .6em; text-align: left; vertical-align: top; color: black;
 background: white; border: 0; border-bottom: 1px solid #ddd; font-weight: normal; white-space: normal;
 overflow-wrap: break-word}
.split-explorer thead th {color: #444; min-width: 4.5em}
.split-explorer td.number {text-align: right; font-variant-numeric: tabular-nums}
.split-explorer td.cell {text-align: center; min-width: 4.5em; background: rgba(0, 114, 178, var(--share))}
.split-explorer td.dark {color: white}
.split-explorer td.right {font-weight: bold}
.split-explorer .error {border-left: 4px solid #D55E00; padding: .3em .6em; font-weight: bold}
.split-explorer .note {color: #444; font-size: 13px}
.curve {display: grid; grid-template-columns: 3em 1fr; font-size: 11px; padding: 12px 0 0}
.curve div {display: flex; justify-content: space-between}
.curve .percent {flex-direction: column; text-align: right; padding-right: .6em; margin: -.7em 0}
.curve .strengths {grid-column: 2; justify-content: space-around; padding-top: .8em}
.curve .legend {grid-column: 2; justify-content: center; gap: 1.5em; font-size: 13px}
.curve svg {width: 100%; height: 150px; overflow: visible}
.curve path {fill: none; stroke: #ddd; stroke-width: 1; vector-effect: non-scaling-stroke}
.curve .control {stroke: #555; stroke-width: 2; stroke-dasharray: 6 5}
.curve .generality, .curve .generality path {color: #0072B2; stroke: #0072B2; stroke-width: 2; stroke-linecap: round}
.curve .locality, .curve .locality path {color: #D55E00; stroke: #D55E00; stroke-width: 2; stroke-linecap: square}
.curve g .marks {stroke-width: 9}
.curve g .here {stroke-width: 22; opacity: .35}
</style>"""
NAMES = {
    "generality": "percent right over all categories, of the clips of the new subcategories",
    "among siblings": "percent right if only the new names may be answered",
    "locality": "right answers to all other clips after the split, in percent of those before",
    "changed": "percent of all other clips with another answer than before",
    "sure of itself": "mean probability, in percent, of the answers to the category's clips, right or wrong",
}
OTHERS = "any other category"


def parts(result: Result) -> dict[str, str]:
    """The parts of the view by name, from top to bottom, without clips."""
    return {
        "sentence": f'<div class="split-explorer" role="status">{html.escape(_sentence(result))}</div>',
        "rates": block("What it gains, and what it costs (percent)", _rates(result.rates, result.control)),
        "sources": block("Where the new rows come from", _sources(result.sources)),
        "confusion": block("Clips: shown, and answered", _confusion(result)),
    }


def block(title: str, inside: str) -> str:
    """A titled part of the view; what is too wide scrolls by itself."""
    return f'<div class="split-explorer"><h4>{title}</h4>\n{inside}\n</div>'


def explained(tips: Mapping[str, str]) -> str:
    """What names mean, to be unfolded: a tooltip is out of reach of fingers and keys."""
    rows = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(tip)}.</li>" for name, tip in tips.items())
    return f'<details class="split-explorer"><summary>What the names mean</summary><ul>{rows}</ul></details>'


def message(text: str) -> str:
    """An error that leaves the last result where it is."""
    return refused(f"{text} What is shown below is the last split that could be made.", "alert")


def refused(text: str, role: str = "status") -> str:
    """Why a split can't be made."""
    return f'<div class="split-explorer"><div class="error" role="{role}">{html.escape(text)}</div></div>'


def answered(answer: Answer) -> str:
    """What a clip shows, and what was answered."""
    note = answer.answer if answer.right is not None else f"answered: {answer.answer}"
    return f'<div class="split-explorer">{caption(answer.shows, note, answer.right)}</div>'


def curve(results: Sequence[Result], at: int) -> str:
    """Generality and locality over the strength as a small picture, and the control's generality as a dashed line.

    Args:
        results: those of one choice at growing strengths.
        at: the one that is chosen, which is marked.
    """
    lines = [f'<path class="control" d="M0 {_down(results[0].control.generality)}H{len(results)}"/>']
    for name in ("generality", "locality"):
        points = [f"{i + 0.5} {_down(getattr(result.rates, name))}" for i, result in enumerate(results)]
        # A line without a length is a mark, which keeps its shape when the picture is stretched.
        marks = f'<path class="marks" d="M{"h0M".join(points)}h0"/>'
        lines.append(f'<g class="{name}"><path d="M{"L".join(points)}"/>{marks}')
        lines.append(f'<path class="here" d="M{points[at]}h0"/></g>')
    strengths = "".join(f"<span>{result.choice.strength:g}</span>" for result in results)
    drawn = "\n".join(lines)
    return block(
        "The same over the strength, in percent",
        '<div class="curve"><div class="percent"><span>100</span><span>50</span><span>0</span></div>'
        f'<svg viewBox="0 0 {len(results)} 100" preserveAspectRatio="none" role="img" aria-label="Generality and '
        f'locality over the strength"><path d="M0 0h9M0 50h9M0 100h9"/>\n{drawn}\n</svg>'
        f'<div class="strengths">{strengths}</div><div class="legend"><span class="generality">● generality</span>'
        '<span class="locality">■ locality</span><span>┄ generality of the control</span></div></div>',
    )


def _down(rate: float) -> str:
    return f"{100 - 100 * rate:.1f}"


def _sentence(result: Result) -> str:
    choice, split = result.choice, result.split
    shots = f", after learning from {choice.shots} clip{'s' * (choice.shots > 1)} of each" if choice.shots else ""
    said = f"“{split.coarse}” by {choice.method}, strength {choice.strength:g}{shots}."
    if result.truth == LINE_BY_LINE:
        pairs = (f"“{name}” as “{meant}”" for name, meant in zip(split.subcategories, result.shown_as, strict=True))
        return f"{said} Scored as other words for the benchmark's subcategories, line by line: {'; '.join(pairs)}."
    if result.truth:
        return f"{said} The names are the benchmark's, in its {result.truth} wording."
    return (
        f"{said} The benchmark knows {len(result.shown_as)} subcategories here, and these are "
        f"{len(split.subcategories)} other ones. Nobody can say which name is right for which clip, so there is no "
        "generality: the matrix only shows how the clips are divided among the names."
    )


def _rates(rates: Rates, control: Rates) -> str:
    gaps = [None if a is None else a - b for a, b in zip(rates, control, strict=True)]
    lines = {
        "this split": [percent(rate) for rate in rates],
        f"control: copies of the coarse row, mean of {DRAWS} draws": [percent(rate) for rate in control],
        "difference, points": [percent(gap, "+.1f") for gap in gaps],
    }
    rows = ((name, [f'<td class="number">{cell}</td>' for cell in cells]) for name, cells in lines.items())
    return _table(["", *NAMES], rows)


def percent(fraction: float | None, form: str = ".1f") -> str:
    """A fraction in percent, or a dash."""
    return "—" if fraction is None else f"{100 * fraction:{form}}".replace("-", "−")


def _sources(sources: Sequence[Source]) -> str:
    score = {"matched": "similarity of the texts", "nearest": "cosine of the vectors"}.get(sources[0].kind, "")
    rows = []
    for name, modifier, kind, entry, donor, value in sources:
        taken = f"“{entry}”, an entry of “{donor}”"
        origin = {
            "none": "a copy of the coarse row, with a pinch of noise",
            "drawn": f"{taken}, drawn blindly",
            "matched": f"{taken}, asked for “{modifier}”",
            "nearest": f"made from “{modifier}”; nearest to it is {taken}",
        }[kind]
        number = "" if value is None else f"{value:.2f}"
        rows.append((name, [f"<td>{html.escape(origin)}</td>", f'<td class="number">{number}</td>']))
    return _table(["new row", "where it comes from", score], rows)


def _confusion(result: Result) -> str:
    """Shades are shares of a line, bold is right."""
    rows = []
    for line, (name, counts) in enumerate(zip(result.shown, result.counts, strict=True)):
        cells = []
        for column, count in enumerate(counts):
            # The last line and column are of everything else, where being right is another question.
            right = bool(result.truth) and line == column and line < len(result.shown) - 1
            share = count / max(counts.sum(), 1)
            kind = "cell" + " right" * right + " dark" * bool(share > 0.55)
            cells.append(f'<td class="{kind}" style="--share: {share:.2f}">{count}</td>')
        rows.append((name, cells))
    return _table(["shown ↓ answered →", *result.split.subcategories, OTHERS], rows)


def _table(heads: Iterable[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A table of rows, each a name and its cells' HTML."""
    names = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    lines = [f'<tr><th scope="row">{html.escape(name)}</th>{"".join(cells)}</tr>' for name, cells in rows]
    return "\n".join([f"<table><thead><tr>{names}</tr></thead><tbody>", *lines, "</tbody></table>"])
