"""The split explorer's results as HTML: small tables on white, whatever the page around them is."""

import html
from collections.abc import Mapping

from catsplit.widgets.explorer_names import LINE_BY_LINE
from catsplit.widgets.explorer_rows import Source
from catsplit.widgets.explorer_state import DRAWS, Answer, Rates, Result

BLUE = "0, 114, 178"  # the first of plots.COLOURS
STYLE = """<style>
.split-explorer {background: white; color: black; line-height: 1.4; font-size: 14px}
.split-explorer h4 {margin: .2em 0 .3em; font-size: 15px; color: black}
.split-explorer .wide {overflow-x: auto; max-width: 100%}
.split-explorer table {border-collapse: collapse; margin: 0 0 .6em; font-size: 13px; color: black; background: white;
 border: 0; width: auto; display: table}
.split-explorer th, .split-explorer td {padding: .25em .6em; text-align: left; vertical-align: top; color: black;
 background: white; border: 0; border-bottom: 1px solid #ddd; font-weight: normal; white-space: normal;
 overflow-wrap: break-word}
.split-explorer thead th {color: #444; min-width: 4.5em}
.split-explorer td.number {text-align: right; font-variant-numeric: tabular-nums}
.split-explorer td.cell {text-align: center; min-width: 4.5em}
.split-explorer td.dark {color: white}
.split-explorer td.right {font-weight: bold}
.split-explorer .error {border-left: 4px solid #D55E00; padding: .3em .6em; font-weight: bold}
.split-explorer .fine {color: #444; font-size: 13px}
</style>"""
NAMES = (
    ("generality", "percent right over all categories, of the clips of the new subcategories"),
    ("among siblings", "percent right if only the new names may be answered"),
    ("locality", "right answers to all other clips after the split, in percent of those before"),
    ("changed", "percent of all other clips with another answer than before"),
    ("sure of itself", "mean probability, in percent, of the answers to the category's clips, right or wrong"),
)


def block(title: str, inside: str) -> str:
    """A titled part of the view; its tables scroll by themselves where they are too wide."""
    return f'<div class="split-explorer"><h4>{title}</h4><div class="wide">{inside}</div></div>'


def explained(tips: Mapping[str, str]) -> str:
    """What each control does, to be unfolded: a tooltip is out of reach of fingers and keys."""
    rows = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(tip)}.</li>" for name, tip in tips.items())
    return f'<details class="split-explorer"><summary>What the controls do</summary><ul>{rows}</ul></details>'


def message(text: str) -> str:
    """An error that leaves the last result where it is."""
    return (
        f'<div class="split-explorer"><div class="error" role="alert">{html.escape(text)} '
        "What is shown below is the last split that could be made.</div></div>"
    )


def sentence(result: Result) -> str:
    """What is shown, in words, and how the names are scored."""
    choice, split = result.choice, result.split
    shots = f"after learning from {choice.shots} clip{'s' * (choice.shots > 1)} of each" if choice.shots else ""
    parts = [f"“{split.coarse}” by {choice.method}, strength {choice.strength:g}", shots]
    said = f"{', '.join(filter(None, parts))}."
    if result.truth == LINE_BY_LINE:
        pairs = (f"“{name}” as “{meant}”" for name, meant in zip(split.subcategories, result.shown_as, strict=True))
        said += f" Scored as other words for the benchmark's subcategories, line by line: {'; '.join(pairs)}."
    elif result.truth:
        said += f" The names are the benchmark's, in its {result.truth} wording."
    else:
        said += (
            f" The benchmark knows {len(result.shown_as)} subcategories here, and these are "
            f"{len(split.subcategories)} other ones. Nobody can say which name is right for which clip, so there is no "
            "generality: the matrix only shows how the clips are divided among the names."
        )
    return f'<div class="split-explorer" role="status">{html.escape(said)}</div>'


def rates_table(rates: Rates, control: Rates) -> str:
    """The rates, those of the control, and what lies between."""
    heads = "".join(f'<th scope="col" title="{tip}">{name}</th>' for name, tip in NAMES)
    lines = (
        ("this split", [percent(value) for value in rates]),
        (f"control: copies of the coarse row, mean of {DRAWS} draws", [percent(value) for value in control]),
        ("difference, points", [points(gap) for gap in gaps(rates, control)]),
    )
    rows = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(f"""<td class="number">{cell}</td>""" for cell in cells)}</tr>'
        for name, cells in lines
    )
    return f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def sources_table(sources: tuple[Source, ...]) -> str:
    """A line for each new row: the dictionary entry that it comes from, and of which category."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(source.name)}</th><td>{html.escape(_origin(source))}</td>'
        f'<td class="number">{"" if source.score is None else f"{source.score:.2f}"}</td></tr>'
        for source in sources
    )
    score = {"matched": "similarity of the texts", "nearest": "cosine of the vectors"}.get(sources[0].kind, "")
    heads = f'<th scope="col">new row</th><th scope="col">where it comes from</th><th scope="col">{score}</th>'
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def confusion_table(result: Result) -> str:
    """Clips by what they show and what was answered; shades are shares of a line, bold is right."""
    answered = (*result.split.subcategories, "any other category")
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in answered)
    rows = []
    for line, (name, counts) in enumerate(zip(result.shown, result.counts.tolist(), strict=True)):
        total, cells = max(sum(counts), 1), ""
        for column, count in enumerate(counts):
            # The last line and column are of everything else, where being right is another question.
            right = bool(result.truth) and line == column and line < len(result.shown) - 1
            share = count / total
            kind = "cell" + " right" * right + " dark" * (share > 0.55)
            cells += f'<td class="{kind}" style="background: rgba({BLUE}, {share:.2f})">{count}</td>'
        rows.append(f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>')
    return (
        f'<table><thead><tr><th scope="col">shown ↓ answered →</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table>"
    )


def caption(answer: Answer) -> str:
    """What a clip shows, and what was answered."""
    mark = {True: "✓ right: ", False: "✗ wrong: ", None: "answered: "}[answer.right]
    return (
        f'<div class="split-explorer"><div>{html.escape(answer.shows)}</div>'
        f'<div class="fine">{mark}{html.escape(answer.answer)}</div></div>'
    )


def picture(moving: str, still: str, text: str, stands: bool) -> str:
    """A clip that moves, unless the reader or the reader's system wants it to stand: then four of its frames."""
    text = html.escape(text, quote=True)
    source = "" if stands else f'<source media="(prefers-reduced-motion: reduce)" srcset="{still}">'
    return f'<picture>{source}<img src="{still if stands else moving}" alt="{text}" width="96"></picture>'


def _origin(source: Source) -> str:
    entry = f"“{source.entry}”, an entry of “{source.donor}”"
    return {
        "none": "a copy of the coarse row, with a pinch of noise",
        "drawn": f"{entry}, drawn blindly",
        "matched": f"{entry}, asked for “{source.modifier}”",
        "nearest": f"made from “{source.modifier}”; nearest to it is {entry}",
    }[source.kind]


def gaps(rates: Rates, control: Rates) -> list[float | None]:
    """What lies between each rate and the control's."""
    return [None if a is None else a - b for a, b in zip(rates, control, strict=True)]


def percent(value: float | None) -> str:
    """A fraction in percent, or a dash."""
    return "—" if value is None else f"{100 * value:.1f}"


def points(value: float | None) -> str:
    """A difference of fractions in points, with its sign."""
    return "—" if value is None else f"{100 * value:+.1f}".replace("-", "−")
