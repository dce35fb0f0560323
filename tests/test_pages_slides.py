"""The talk's slides in a browser without a network, built from the chapters as the tests have just executed them."""

import sys
from pathlib import Path

import pytest
from browser import looks, watch
from chapters import EXECUTED, ROOT
from playwright.sync_api import Browser, Page

sys.path.insert(0, str(ROOT / "scripts" / "workshop"))

import slides

SLIDES = slides.deck()["slides"]
SIZES = [(1280, 720), (1024, 768)]  # of projectors
# What of the slide that is shown lies outside the window, or is scrolled.
OUTSIDE = """() => {
  const found = [], slide = Reveal.getCurrentSlide();
  for (const element of slide.querySelectorAll('*')) {
    if (!element.getClientRects().length || element.closest('svg, style, mjx-assistive-mml, .notes')) continue;
    const box = element.getBoundingClientRect();
    if (box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight)
      found.push(`${element.tagName} ${element.className}: ${Math.round(box.right)}, ${Math.round(box.bottom)}`);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def talk(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deck's page."""
    shown = {slide["show"].partition("#")[0] for slide in SLIDES if "#" in slide.get("show", "")}
    missing = [name for name in sorted(shown) if not (EXECUTED / f"{name}.ipynb").exists()]
    if missing:
        pytest.fail(f"the slides show outputs of {', '.join(missing)}: run tests/test_chapters.py first")
    return slides.build(EXECUTED, tmp_path_factory.mktemp("talk") / "slides")


def opened(tab: Page, talk: Path) -> Page:
    tab.goto(talk.as_uri())
    tab.wait_for_function("window.Reveal && Reveal.isReady()")
    return tab


def test_the_deck_opens_from_the_disk_and_goes_on_by_keys(tab: Page, talk: Path) -> None:
    opened(tab, talk)
    assert tab.evaluate("Reveal.getTotalSlides()") == len(SLIDES)
    for slide in SLIDES:
        assert tab.locator("section.present h2:visible").inner_text() == slide["title"]
        tab.keyboard.press("ArrowRight")
    assert tab.evaluate("Reveal.isLastSlide()")
    tab.keyboard.press("ArrowLeft")
    assert tab.locator("section.present h2:visible").inner_text() == SLIDES[-2]["title"]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_no_slide_overflows(tab: Page, talk: Path, width: int, height: int) -> None:
    tab.set_viewport_size({"width": width, "height": height})
    opened(tab, talk)
    for slide in SLIDES:
        tab.wait_for_timeout(30)
        assert tab.evaluate(OUTSIDE) == [], slide["title"]
        tab.keyboard.press("ArrowRight")


def test_what_overflows_is_noticed(tab: Page, talk: Path) -> None:
    opened(tab, talk)
    tab.evaluate("Reveal.getCurrentSlide().querySelector('p').style.fontSize = '400px'")
    assert tab.evaluate(OUTSIDE)


def test_a_slide_shows_its_picture_clips_or_table_large_and_with_a_text(tab: Page, talk: Path) -> None:
    opened(tab, talk)
    for slide in SLIDES:
        now = tab.locator("section.present section.present")
        if "show" in slide:
            shown = now.locator("img:visible, table:visible, .film:visible")
            assert shown.count() >= 1, slide["title"]
            boxes = [shown.nth(number).bounding_box() for number in range(shown.count())]
            assert sum(box["width"] * box["height"] for box in boxes) > 0.08 * 1280 * 900, slide["title"]
        for picture in now.locator("img").all():
            assert picture.evaluate("picture => picture.complete && picture.naturalWidth > 40")
            assert len(picture.get_attribute("alt")) > 10
        for film in now.locator(".film").all():
            assert len(film.get_attribute("aria-label")) > 10
        tab.keyboard.press("ArrowRight")


def test_formulas_are_set(tab: Page, talk: Path) -> None:
    opened(tab, talk)
    tab.evaluate("MathJax.startup.promise")
    assert tab.locator("mjx-container svg").count() >= 1
    assert tab.locator("[data-mml-node=merror]").count() == 0
    for words in tab.locator("section p").all_text_contents():
        assert "$" not in words


def test_clips_move_on_a_slide(tab: Page, talk: Path) -> None:
    opened(tab, talk)
    tab.keyboard.press("ArrowRight")
    assert len(looks(tab.locator("section.present .film").first)) > 2


def test_every_slide_has_notes_and_a_key_opens_them(tab: Page, talk: Path) -> None:
    opened(tab, talk)
    notes = tab.locator("aside.notes")
    assert notes.count() == len(SLIDES)
    for number, slide in enumerate(SLIDES):
        assert f"{slide['minutes']} min." in notes.nth(number).text_content()
        assert not notes.nth(number).is_visible()
    with tab.expect_popup() as popup:
        tab.keyboard.press("s")
    complaints = watch(popup.value)
    popup.value.wait_for_selector("text=Upcoming")
    popup.value.wait_for_function("document.querySelector('.speaker-controls-notes .value').innerText.length > 20")
    assert SLIDES[0]["notes"].split()[0] in popup.value.locator(".speaker-controls-notes .value").inner_text()
    assert complaints == []


def test_the_deck_names_no_other_host(talk: Path) -> None:
    """Not even for what is loaded on a condition that these tests don't meet."""
    import re

    for path in (talk, talk.with_name("slides.css")):
        text = path.read_text()
        assert re.findall(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//[^\"' >]+", text) == []
        assert re.findall(r"(?:url|import)\s*\(?[\"']?(?:https?:)?//[^\"')]+", text) == []
