"""The split explorer for a page without a kernel: all splits are made beforehand, and a script shows the chosen one."""

import hashlib
import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from catsplit.gallery import clips_that_stop
from catsplit.widgets import explorer_html as shown
from catsplit.widgets.explorer_model import METHODS, Choice, Model
from catsplit.widgets.page import Interactive

STRENGTHS = (0.0, 0.5, 1.0, 2.0, 4.0)
SHOTS = (0, 5)
NAME = (
    "Split explorer: choose a category, how its subcategories are named, a method, a strength and a number of clips to "
    "learn from. Tables then say where the new rows come from, what the split gains and costs beside a control, and "
    "what is answered; some clips show it."
)
STYLE = """<style>
.split-choices {display: flex; flex-wrap: wrap; gap: .8em; margin-bottom: .8em}
.split-choices label {flex: 1 1 11em; max-width: 16em; font-size: 13px; color: black}
.split-choices select, .split-choices input {width: 100%; height: 2.3em; margin: .2em 0 0; padding: 0 .4em;
 font: inherit; box-sizing: border-box}
.grid figure:has(div:empty) {display: none}
</style>"""
# The parts of a choice are lists of numbers of lines. A clip that stays is left alone, or it would start anew.
SCRIPT = """{
const view = document.getElementById("VIEW"), data = DATA;
const controls = [...view.querySelectorAll("select, [type=range]")], parts = [...view.querySelectorAll("[data-part]")];
const show = () => {
  let place = 0;
  for (const control of controls) {
    const slides = control.type == "range", chosen = slides ? Number(control.value) : control.selectedIndex;
    place = place * (slides ? data.strengths.length : control.options.length) + chosen;
    if (slides) control.previousElementSibling.textContent = control.ariaValueText = data.strengths[chosen];
  }
  parts.forEach((part, i) => {
    const now = (data.choices[place][i] ?? []).map(line => data.lines[line]).join("\\n");
    if (part.shown != now) part.innerHTML = part.shown = now;
  });
};
for (const control of controls) control.addEventListener("input", show);
show();
}"""


def static_explorer(
    model: Model,
    strengths: Sequence[float] = STRENGTHS,
    shots: Sequence[int] = SHOTS,
    wordings: Sequence[str] | None = None,
) -> Interactive:
    """The explorer with all splits of the model's part made beforehand.

    Args:
        strengths, shots: what can be chosen; each category, wording and method is combined with all of them.
        wordings: some of the benchmark's, the first of which is shown first; all, if not given.
    """
    wordings = tuple(wordings or model.known)
    lines: dict[str, int] = {}
    choices = [
        [[lines.setdefault(line, len(lines)) for line in part.split("\n")] for part in parts]
        for coarse in model.categories
        for parts in _views(model, coarse, strengths, shots, wordings)
    ]
    data = {"strengths": [f"{strength:g}" for strength in strengths], "lines": list(lines), "choices": choices}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    name = "explorer-" + hashlib.sha256(text.encode()).hexdigest()[:12]
    middle = list(strengths).index(1.0) if 1.0 in strengths else 0
    controls = [
        _listed("Category", model.categories, model.categories[0]),
        _listed("Names", wordings, wordings[0]),
        _listed("Method", METHODS, "retrieval"),
        f'<label>Strength: <b></b><input type="range" aria-label="Strength" max="{len(strengths) - 1}" '
        f'value="{middle}"></label>',
        _listed("Clips to learn from, of each", shots, shots[0]),
    ]
    place, most = "<div data-part></div>", (max(map(len, choices)) - 5) // 2
    figure = f"<figure>{place}<figcaption>{place}</figcaption></figure>"
    clips = clips_that_stop(f'<div class="grid">{figure * most}</div>', 96)
    inside = (
        f'{shown.STYLE}{STYLE}<div id="{name}"><div class="split-choices">{"".join(controls)}</div>{place * 5}'
        f"{shown.explained(shown.NAMES)}{clips}</div>"
    )
    return Interactive(NAME, inside, SCRIPT.replace("VIEW", name).replace("DATA", text))


def _views(
    model: Model, coarse: str, strengths: Sequence[float], shots: Sequence[int], wordings: Sequence[str]
) -> Iterator[list[str]]:
    """The parts of the view of all choices of a category, those of the last control first; clips by turns."""
    films, each = model.films(coarse), [*product(strengths, shots)]
    names = [model.known[wording][coarse].subcategories for wording in wordings]
    begun = [Choice(coarse, *rest) for rest in product(names, METHODS)]
    problems = [model.problem(choice) for choice in begun]
    choices = [
        replace(choice, strength=strength, shots=count)
        for choice, problem in zip(begun, problems, strict=True) if not problem for strength, count in each
    ]  # fmt: skip
    results = model.results(choices)
    for problem in problems:
        if problem:
            yield from [[shown.refused(problem)]] * len(each)
            continue
        mine, results = results[: len(each)], results[len(each) :]
        for i, result in enumerate(mine):
            clips = [
                part for film, answer in zip(films, result.answers, strict=True)
                for part in (film.html(answer.shows), shown.answered(answer))
            ]  # fmt: skip
            over = mine[i % len(shots) :: len(shots)]
            yield [*shown.parts(result).values(), shown.curve(over, i // len(shots)), *clips]


def _listed(name: str, values: Sequence, chosen: object) -> str:
    options = "".join(
        f"<option{' selected' if value == chosen else ''}>{html.escape(str(value))}</option>" for value in values
    )
    return f"<label>{name}<select>{options}</select></label>"
