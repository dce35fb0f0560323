"""The split explorer for a live kernel: choose a category, type subcategories, and see at once what the split does.

Plain ipywidgets, as they are in version 7.7 (Colab) and 8 alike, and so all of it can be worked by keys.
"""

from typing import Any

import ipywidgets as widgets

from catsplit.errors import CatsplitError
from catsplit.video import read_frames
from catsplit.widgets import explorer_html as shown
from catsplit.widgets.explorer_model import Model, stage_model
from catsplit.widgets.explorer_names import lines_of
from catsplit.widgets.explorer_state import METHODS, SEEDS, Choice, Result
from catsplit.widgets.page import clip_data

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)
SHOTS = (0, 1, 2, 5, 10, 20)
OWN = "my own"
SIZE = 80  # of a clip, in pixels


def explore(part: str = "A") -> "Explorer":
    """The explorer of one part of Stage-Split (synthetic). What takes long is done first, with a message."""
    return Explorer(stage_model(part).prepare())


class Explorer(widgets.VBox):
    """Controls, and what the chosen split comes to; a notebook shows it when it is a cell's last value.

    A result that can't be had leaves the last one where it is, with one sentence that says why.

    Attributes:
        result: what is shown.
        category, wording, names, method, strength, shots, seed, still: the controls, widgets with a `value`.
    """

    def __init__(self, model: Model) -> None:
        self._model, self._quiet = model, False
        self._pictures: dict[str, list[tuple[str, str]]] = {}
        self.result: Result | None = None
        first = model.categories[0]
        self.category = _control(widgets.Dropdown, "Category", "The coarse category to split", options=model.categories)
        self.wording = _control(
            widgets.Dropdown, "Names", "The benchmark's names, in one of its wordings, or those that you type below",
            options=(*model.known, OWN),
        )  # fmt: skip
        self.names = _control(
            widgets.Textarea, "One a line",
            "Subcategories, one a line, two or more; a line that begins with a small letter is the modifier alone. "
            "Leave the field, by Tab for example, to see what comes out",
            value=self._text(first, next(iter(model.known))), continuous_update=False, rows=4,
        )  # fmt: skip
        self.method = _control(
            widgets.Dropdown, "Method", "Where the new rows come from", options=METHODS, value="retrieval"
        )
        self.strength = _control(
            widgets.SelectionSlider, "Strength",
            "How far the new rows lie from the coarse row, in lengths of what the method adds; arrow keys move it",
            options=[(f"{strength:g}", strength) for strength in STRENGTHS], value=1.0, continuous_update=False,
        )  # fmt: skip
        self.shots = _control(
            widgets.Dropdown, "Shots", "Clips of each subcategory that the rows learn from afterwards",
            options=SHOTS if model.training else SHOTS[:1],
        )  # fmt: skip
        self.seed = _control(widgets.Dropdown, "Draw", "The seed of whatever is drawn", options=SEEDS)
        self.still = _control(widgets.Checkbox, "Clips stand still", "Show four frames of each clip", indent=False)
        self.controls = (
            self.category, self.wording, self.names, self.method, self.strength, self.shots, self.seed,
        )  # fmt: skip
        self._says, self._sentence, self._rates, self._sources, self._confusion = (widgets.HTML() for _ in range(5))
        count = len(model.clips(first))
        self._frames, self._captions = ([widgets.HTML() for _ in range(count)] for _ in range(2))
        self._cards = widgets.Box(layout={"flex_flow": "row wrap"})
        for control in self.controls:
            control.observe(self._changed, "value")
        self.still.observe(lambda change: self._show_pictures(), "value")
        tips = {control.description: _tip(control) for control in self.controls}
        first_part = widgets.HTML(shown.STYLE + shown.explained(tips))
        outputs = [first_part, self._says, self._sentence, self._rates, self._sources, self._confusion]
        super().__init__([*self.controls, *outputs, self.still, self._cards])
        self._update()

    @property
    def outputs(self) -> dict[str, str]:
        """The HTML of all parts of the view by name."""
        parts = {"message": self._says, "sentence": self._sentence, "rates": self._rates, "sources": self._sources,
                 "confusion": self._confusion}  # fmt: skip
        clips = {"pictures": self._frames, "answers": self._captions}
        return {name: part.value for name, part in parts.items()} | {
            name: "\n".join(part.value for part in several) for name, several in clips.items()
        }

    def _text(self, coarse: str, wording: str) -> str:
        return "\n".join(self._model.known[wording][coarse].subcategories)

    def _changed(self, change: dict[str, Any]) -> None:
        if self._quiet:
            return
        self._quiet = True  # while a control sets another
        try:
            if change["owner"] is self.category and self.wording.value == OWN:
                self.wording.value = next(iter(self._model.known))
            if change["owner"] in (self.category, self.wording) and self.wording.value != OWN:
                self.names.value = self._text(self.category.value, self.wording.value)
            if change["owner"] is self.names:
                texts = {self._text(self.category.value, wording): wording for wording in self._model.known}
                self.wording.value = texts.get(self.names.value, OWN)
        finally:
            self._quiet = False
        self._update()

    def _update(self) -> None:
        coarse = self.category.value
        try:
            names = lines_of(self.names.value, coarse)
            choice = Choice(coarse, names, self.method.value, self.strength.value, self.shots.value, self.seed.value)
            result = self._model.result(choice)
        except CatsplitError as error:
            self._says.value = shown.message(str(error))
            return
        before, self.result = self.result, result
        self._says.value = ""
        self._sentence.value = shown.sentence(result)
        self._rates.value = shown.block("What it gains, and what it costs (percent)",
                                        shown.rates_table(result.rates, result.control))  # fmt: skip
        self._sources.value = shown.block("Where the new rows come from", shown.sources_table(result.sources))
        self._confusion.value = shown.block("Clips: shown, and answered", shown.confusion_table(result))
        if before is None or before.choice.coarse != coarse:
            self._show_pictures()
        for caption, answer in zip(self._captions, result.answers, strict=False):
            caption.value = shown.caption(answer)

    def _show_pictures(self) -> None:
        """The pictures are sent anew only when others are to be seen: a hundred kilobytes, and clips would restart."""
        coarse = self.result.choice.coarse
        if coarse not in self._pictures:
            files = map(self._model.benchmark.path, self._model.clips(coarse))
            self._pictures[coarse] = [clip_data(read_frames(file, SIZE), 10, 5) for file in files]
        pictures = self._pictures[coarse]
        while len(self._frames) < len(pictures):
            self._frames.append(widgets.HTML())
            self._captions.append(widgets.HTML())
        for frame, (moving, still), answer in zip(self._frames, pictures, self.result.answers, strict=False):
            frame.value = shown.picture(moving, still, answer.shows, self.still.value)
        cards = zip(self._frames[: len(pictures)], self._captions, strict=False)
        self._cards.children = [widgets.VBox(card, layout={"width": "10.5em", "margin": "0 1em 0 0"}) for card in cards]


def _control(kind: type, description: str, tip: str, **settings: Any) -> widgets.Widget:
    """A control with its name and a longer explanation, which versions 7 and 8 keep under two names."""
    control = kind(description=description, layout={"width": "auto", "max_width": "44em"}, **settings)
    setattr(control, "tooltip" if control.has_trait("tooltip") else "description_tooltip", tip)
    return control


def _tip(control: widgets.Widget) -> str:
    return control.tooltip if control.has_trait("tooltip") else control.description_tooltip
