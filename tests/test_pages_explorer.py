"""The split explorer of the built page: chosen by keys, it shows the numbers that the package computes."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from catsplit import settings
from catsplit.widgets import explorer_html
from catsplit.widgets.explorer_model import Choice, Model
from catsplit.widgets.explorer_static import STRENGTHS

CONTROLS = ("Category", "Names", "Method", "Clips to learn from, of each")
SOURCES, CLIPS = 2, (5, 7)
FIRST = ("Pushing something", "exact", "retrieval", 1.0, 0)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(settings()["A"])


def opened(tab: Page, pages: Path) -> Locator:
    tab.goto((pages / "book" / "10-explorer.html").as_uri())
    view = tab.locator(".catsplit-view")
    view.get_by_role("status").wait_for()
    return view


@pytest.fixture
def view(tab: Page, pages: Path) -> Locator:
    return opened(tab, pages)


def shown(view: Locator) -> list[str]:
    """The parts of the view from top to bottom: sentence, rates, sources, matrix, curve; then clips and answers."""
    return view.locator("[data-part]").evaluate_all("parts => parts.map(part => part.innerHTML)")


def expected(tab: Page, model: Model, coarse: str, wording: str, *rest: object) -> list[str]:
    """Sentence, rates, sources, matrix and answers as the package makes them, and the browser writes them."""
    found = model.result(Choice(coarse, model.known[wording][coarse].subcategories, *rest))
    texts = [*explorer_html.parts(found).values(), *map(explorer_html.answered, found.answers)]
    return tab.evaluate(
        "texts => texts.map(text => Object.assign(document.createElement('div'), {innerHTML: text}).innerHTML)", texts
    )


def control(view: Locator, name: str) -> Locator:
    return view.get_by_role("slider" if name == "Strength" else "combobox", name=name, exact=True)


def choose(view: Locator, coarse: str, wording: str, method: str, strength: float, shots: int) -> None:
    for name, value in zip(CONTROLS, (coarse, wording, method, str(shots)), strict=True):
        control(view, name).select_option(value)
    control(view, "Strength").fill(str(STRENGTHS.index(strength)))


@pytest.mark.parametrize(
    "choice",
    [
        FIRST, ("Dropping something", "exact", "alignment", 4.0, 0),
        ("Stacking things", "known", "ridge", 0.5, 5), ("Squeezing something", "exact", "random entries", 0.5, 0),
        ("Blowing on something", "known", "retrieval, coherent", 2.0, 5),
    ],
    ids=lambda choice: "-".join(map(str, choice)),
)  # fmt: skip
def test_the_page_shows_what_the_package_computes(view: Locator, tab: Page, model: Model, choice: tuple) -> None:
    choose(view, *choice)
    assert f"“{choice[0]}” by {choice[2]}, strength {choice[3]:g}" in view.get_by_role("status").inner_text()
    seen = shown(view)
    answers = [answer for answer in seen[6::2] if answer]  # others have room for more subcategories
    assert seen[:4] + answers == expected(tab, model, *choice)


@pytest.mark.parametrize(
    ("name", "key", "same"),
    [("Category", "ArrowDown", ()), ("Names", "ArrowDown", ()), ("Method", "ArrowDown", CLIPS),
     ("Strength", "End", (SOURCES, *CLIPS)), ("Clips to learn from, of each", "ArrowDown", (SOURCES, *CLIPS))],
)  # fmt: skip
def test_every_control_can_be_worked_by_keys_and_changes_what_is_shown(
    view: Locator, tab: Page, name: str, key: str, same: tuple[int, ...]
) -> None:
    """From a split that goes wrong, so that there is something to change; clips that stay don't start anew."""
    choose(view, "Poking something", "exact", "retrieval", 1.0, 0)
    before = shown(view)
    view.locator(".film").evaluate_all("films => films.forEach(film => film.stayed = true)")
    control(view, name).focus()
    tab.keyboard.press(key)
    after = shown(view)
    assert before[0] != after[0]
    assert [part for part in (1, 2, 3, 5, 7) if before[part] == after[part]] == list(same)
    stayed = view.locator(".film").evaluate_all("films => films.filter(film => film.stayed).length")
    assert (stayed == 8) is bool(same)


def test_without_strength_every_row_is_a_copy(view: Locator) -> None:
    choose(view, "Squeezing something", "exact", "alignment", 0.0, 0)
    assert shown(view)[SOURCES].count("a copy of the coarse row") == 2


def test_all_controls_are_reached_by_the_tab_key(view: Locator, tab: Page) -> None:
    control(view, "Category").focus()
    reached = []
    for _ in range(5):
        reached.append(tab.evaluate("document.activeElement.ariaValueText ?? document.activeElement.value"))
        tab.keyboard.press("Tab")
    assert reached == ["Pushing something", "exact", "retrieval", "1", "0"]


def test_clips_move_until_they_are_stopped(view: Locator, tab: Page) -> None:
    clip = view.locator(".film").first
    clip.scroll_into_view_if_needed()

    def looks() -> int:
        found = set()
        for _ in range(8):
            found.add(clip.screenshot())
            tab.wait_for_timeout(170)
        return len(found)

    assert looks() > 2
    box = view.get_by_role("checkbox")
    box.focus()
    tab.keyboard.press("Space")
    tab.wait_for_timeout(200)
    assert looks() == 1


def test_clips_stand_still_for_those_who_ask_for_less_motion(chromium: Browser, pages: Path) -> None:
    clips = 9 + 2  # one of each of the first category's subcategories, and two of others
    for motion, kind, count in (("no-preference", ".moving", clips), ("reduce", ".still", 4 * clips)):
        with chromium.new_context(reduced_motion=motion) as context:
            view = opened(context.new_page(), pages)
            view.locator(".film").first.wait_for()
            assert view.locator(".film i:visible").count() == count
            assert view.locator(f".film {kind}:visible").count() == count


@pytest.mark.parametrize("width", [390, 1280])
def test_no_choice_makes_the_page_wider_than_the_screen(chromium: Browser, pages: Path, width: int) -> None:
    with chromium.new_context(viewport={"width": width, "height": 900}) as context:
        tab = context.new_page()
        view = opened(tab, pages)
        for coarse in ("Letting something fall", "Dropping something", "Pushing something"):
            choose(view, coarse, "known", "retrieval", 4.0, 5)
            assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_the_linked_pictures_follow_the_slider_without_a_kernel(tab: Page, pages: Path) -> None:
    tab.goto((pages / "book" / "10-explorer.html").as_uri())
    handle = tab.locator(".widget-slider .noUi-handle")
    handle.wait_for()

    def picture() -> list[str]:
        seen = tab.locator(".jupyter-widgets img:visible").evaluate_all("all => all.map(one => one.alt)")
        return [re.match(r"The plane at strength (\S+):", text).group(1) for text in seen]

    handle.scroll_into_view_if_needed()
    assert picture() == ["1"]
    handle.focus()
    for key, strength in (
        ("ArrowRight", "1.5"),
        ("ArrowRight", "2"),
        ("ArrowLeft", "1.5"),
        ("Home", "0"),
        ("End", "4"),
    ):
        tab.keyboard.press(key)
        tab.wait_for_timeout(150)
        assert picture() == [strength]
    assert tab.locator(".widget-slider .widget-readout").inner_text() == "4"


def test_the_live_explorer_is_not_there_dead(tab: Page, pages: Path) -> None:
    opened(tab, pages)
    assert tab.locator("article textarea, article .widget-dropdown").count() == 0
    state = tab.locator('script[type="application/vnd.jupyter.widget-state+json"]').inner_text()
    assert "TextareaModel" not in state
    assert len(state) < 600_000
    assert "explore(" in tab.locator("article").inner_text()
