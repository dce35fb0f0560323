"""The split explorer for a live kernel: choose a category, type subcategories, and see at once what the split does.

Plain ipywidgets, as they are in version 7.7 (Colab) and 8 alike, and so all of it can be worked by keys.
"""

from typing import Any

import ipywidgets as widgets

from catsplit import settings
from catsplit.errors import CatsplitError
from catsplit.gallery import STYLE
from catsplit.text import encoder
from catsplit.widgets import explorer_html as shown
from catsplit.widgets.explorer_model import METHODS, Choice, Model, Result
from catsplit.widgets.explorer_names import lines_of

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
SHOTS = (0, 1, 2, 5, 10, 20)
OWN = "my own"
TIPS = {
    "Category": "The coarse category to split",
    "Names": "The benchmark's names, in one of its wordings, or those that you type below",
    "One a line": (
        "Subcategories, one a line, two or more; a line that begins with a small letter is the modifier alone. "
        "Leave the field, by Tab for example, to see what comes out"
    ),
    "Method": "Where the new rows come from",
    "Strength": (
        "How far the new rows lie from the coarse row, in lengths of what the method adds; arrow keys move it"
    ),
    "Shots": "Clips of each subcategory that the rows learn from afterwards",
    "Draw": "The seed of whatever is drawn",
    "Clips stand still": "Show four frames of each clip",
}


def explore(part: str = "A") -> "Explorer":
    """The explorer of one part of `catsplit.settings()`. What takes long is done first, with a message.

    Nothing is kept on the disk of what a reader types.
    """
    setting = settings()[part].replace(encode=encoder(cache=False))
    return Explorer(Model(setting).prepare())


class Explorer(widgets.VBox):
    """Controls, and what the chosen split comes to; a notebook shows it when it is a cell's last value.

    A result that can't be had leaves the last one where it is, with one sentence that says why.

    Attributes:
        result: what is shown.
        category, wording, names, method, strength, shots, seed, still: the controls, widgets with a `value`.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.result: Result | None = None
        first = model.categories[0]
        self.category = widgets.Dropdown(description="Category", options=model.categories)
        self.wording = widgets.Dropdown(description="Names", options=(*model.known, OWN))
        text = self._text(first, self.wording.value)
        self.names = widgets.Textarea(description="One a line", value=text, continuous_update=False, rows=4)
        self.method = widgets.Dropdown(description="Method", options=METHODS, value="retrieval")
        strengths = [(f"{strength:g}", strength) for strength in STRENGTHS]
        self.strength = widgets.SelectionSlider(
            description="Strength", options=strengths, value=1.0, continuous_update=False
        )
        shots = SHOTS if model.setting.training_clips else SHOTS[:1]
        self.shots = widgets.Dropdown(description="Shots", options=shots)
        self.seed = widgets.Dropdown(description="Draw", options=model.setting.seeds)
        self.still = widgets.Checkbox(description="Clips stand still", indent=False)
        self.controls = (
            self.category, self.wording, self.names, self.method, self.strength, self.shots, self.seed,
        )  # fmt: skip
        for control, tip in zip((*self.controls, self.still), TIPS.values(), strict=True):
            # Versions 7 and 8 keep it under two names.
            setattr(control, "tooltip" if control.has_trait("tooltip") else "description_tooltip", tip)
            control.layout = {"width": "auto", "max_width": "44em"}
        self._parts = {name: widgets.HTML() for name in ("message", "sentence", "rates", "sources", "confusion")}
        self._pictures: list[widgets.HTML] = []
        self._answers: list[widgets.HTML] = []
        self._cards = widgets.Box(layout={"flex_flow": "row wrap"})
        help_text = widgets.HTML(STYLE + shown.STYLE + shown.explained(TIPS | shown.NAMES))
        super().__init__([*self.controls, help_text, *self._parts.values(), self.still, self._cards])
        self._update()
        for control in (self.category, self.wording):
            control.observe(self._take, "value")
        for control in self.controls[2:]:
            control.observe(lambda change: self._update(), "value")
        self.still.observe(lambda change: self._show_pictures(), "value")

    @property
    def outputs(self) -> dict[str, str]:
        """The HTML of all parts of the view by name."""
        clips = {"pictures": self._pictures, "answers": self._answers}
        return {name: part.value for name, part in self._parts.items()} | {
            name: "\n".join(part.value for part in several) for name, several in clips.items()
        }

    def _text(self, coarse: str, wording: str) -> str:
        return "\n".join(self._model.known[wording][coarse].subcategories)

    def _take(self, change: dict[str, Any]) -> None:
        """The benchmark's names, in the chosen wording, take the place of those that are there."""
        if change["owner"] is self.category and self.wording.value == OWN:
            self.wording.value = next(iter(self._model.known))
        if self.wording.value != OWN:
            self.names.value = self._text(self.category.value, self.wording.value)

    def _update(self) -> None:
        coarse, before = self.category.value, self.result
        texts = {self._text(coarse, wording): wording for wording in self._model.known}
        self.wording.value = texts.get(self.names.value, OWN)
        names = lines_of(self.names.value, coarse)
        choice = Choice(coarse, names, self.method.value, self.strength.value, self.shots.value, self.seed.value)
        try:
            self.result = self._model.result(choice)
        except CatsplitError as error:
            self._parts["message"].value = shown.message(str(error))
            return
        for name, text in {"message": "", **shown.parts(self.result)}.items():
            self._parts[name].value = text
        if before is None or before.choice.coarse != coarse:
            self._show_pictures()
        for part, answer in zip(self._answers, self.result.answers, strict=False):
            part.value = shown.answered(answer)

    def _show_pictures(self) -> None:
        """Only when others are to be seen, or the clips would start anew with each change."""
        films = self._model.films(self.result.choice.coarse)
        for parts in (self._pictures, self._answers):
            parts += [widgets.HTML() for _ in films[len(parts) :]]
        for part, film, answer in zip(self._pictures, films, self.result.answers, strict=False):
            part.value = film.html(answer.shows, self.still.value)
        cards = zip(self._pictures[: len(films)], self._answers, strict=False)
        self._cards.children = [widgets.VBox(card, layout={"width": "10.5em", "margin": "0 1em 0 0"}) for card in cards]
