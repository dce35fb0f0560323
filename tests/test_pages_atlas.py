"""The atlas in the built page, by mouse and by keys, as a reader without a network has it."""

import math
import re
from pathlib import Path

import pytest
from browser import listed, watch
from playwright.sync_api import Browser, Locator, Page


def opened(tab: Page, pages: Path) -> Locator:
    tab.goto((pages / "book" / "09-atlas.html").as_uri())
    view = tab.locator(".catsplit-view")
    view.scroll_into_view_if_needed()
    view.get_by_role("img", name=re.compile("Pushing something from")).wait_for()
    return view


@pytest.fixture
def view(tab: Page, pages: Path) -> Locator:
    return opened(tab, pages)


def press(tab: Page, control: Locator, key: str) -> None:
    control.focus()
    tab.keyboard.press(key)
    tab.wait_for_timeout(300)


def chosen(view: Locator) -> str:
    return view.get_by_text(re.compile("clips are chosen")).inner_text()


def panel(view: Locator) -> str:
    return view.get_by_text(re.compile("^clip \\d+ of")).locator("xpath=..").inner_text()


def choices(select: Locator) -> list[str]:
    return select.evaluate("list => [...list.options].map(option => option.text)")


def model(tab: Page, name: str) -> dict:
    """The columns of the data that have a column of this name."""
    return tab.evaluate(
        """name => {
          const found = Bokeh.documents.flatMap(one => [...one._all_models.values()])
            .filter(one => one.type == "ColumnDataSource" && name in one.data && "cell" in one.data);
          return {...Object.fromEntries(Object.entries(found[0].data).map(([key, column]) => [key, [...column]])),
                  selected: found[0].selected.indices};
        }""",
        name,
    )


def cells(tab: Page) -> tuple[set[str], set[str]]:
    """The cells that the chosen marks are in, and those that have a frame."""
    points, grid = model(tab, "shape"), model(tab, "ink")
    framed = {cell for cell, edge in zip(grid["cell"], grid["edge"], strict=True) if edge}
    return {points["cell"][i] for i in points["selected"]}, framed


def place_of(tab: Page, view: Locator, i: int) -> tuple[float, float]:
    """Where the mark of clip i is on the screen, in pixels."""
    x, y = tab.evaluate(
        """i => {
          const views = [...Bokeh.index.views ?? Object.values(Bokeh.index)].flatMap(root => all(root));
          function all(one) { return [one, ...(one.child_views ?? []).flatMap(all)]; }
          const plot = views.find(one => one.model.type == "Figure" && one.model.renderers.length == 2 &&
                                         one.model.renderers[0].glyph.type == "Scatter");
          const data = plot.model.renderers[0].data_source.data;
          const canvas = plot.canvas_view?.el.getBoundingClientRect() ?? plot.el.getBoundingClientRect();
          const frame = plot.frame;
          return [canvas.x + frame.x_scale.compute(data.x[i]), canvas.y + frame.y_scale.compute(data.y[i])];
        }""",
        i,
    )
    return x, y


def apart(tab: Page, view: Locator) -> list[int]:
    """Of the first thirty clips, which are of the first two subcategories, the two that are farthest from any other."""
    count = len(model(tab, "shape")["shape"])
    spots = [place_of(tab, view, i) for i in range(count)]
    alone = {i: min(math.dist(spots[i], spots[j]) for j in range(count) if j != i) for i in range(30)}
    return sorted(alone, key=alone.__getitem__)[-2:]


def test_hovering_shows_the_clip_and_both_its_answers(tab: Page, view: Locator):
    for i in apart(tab, view):
        tab.mouse.move(*place_of(tab, view, i))
        view.get_by_text(f"clip {i + 1} of").wait_for()
        text = panel(view)
        assert re.search("before: “.+” [✓✗]", text)
        assert re.search("after: “.+” [✓✗]", text)
        film = view.locator(".film")
        assert "Pushing something from" in film.get_attribute("aria-label")
        looks = {film.screenshot() for _ in range(6) if not tab.wait_for_timeout(200)}
        assert len(looks) > 2


def test_the_switch_changes_answers_and_columns(tab: Page, view: Locator):
    before = model(tab, "shape")
    press(tab, view.get_by_label("before the split"), "ArrowRight")
    assert view.get_by_label("after the split").is_checked()
    after = model(tab, "shape")
    assert after["x"] == before["x"]
    assert after["line"] != before["line"]
    assert len(set(model(tab, "ink")["x"])) == 9 + 1  # subcategories, and anything else


def test_another_category_brings_its_own_clips(tab: Page, view: Locator):
    select = listed(view, "Category")
    assert len(choices(select)) == 27
    press(tab, select, "ArrowDown")
    view.get_by_role("img", name=re.compile("Sliding something from")).wait_for()
    assert all("Sliding" in name for name in choices(listed(view, "Clip"))[:30])
    assert chosen(view) == "No clips are chosen."


def test_a_cell_chooses_its_clips_and_the_keys_step_through_them(tab: Page, view: Locator):
    listed(view, "Category").select_option("Stacking things")
    press(tab, view.get_by_label("after the split"), "Space")
    cell = listed(view, "Cell of the matrix")
    for name in choices(cell)[1:]:
        press(tab, cell, "ArrowDown")
        assert cell.input_value() == name
        points, (taken, framed) = model(tab, "shape"), cells(tab)
        count, line, column = re.fullmatch("(\\d+) × shows “(.+)”, answered “(.+)”", name).groups()
        assert len(points["selected"]) == int(count)
        assert taken == framed
        assert len(taken) == 1
        assert chosen(view).startswith(f"{count} of {len(points['cell'])} clips")
        assert len(choices(listed(view, "Clip"))) == int(count)
        if column != "something else" and line != "another category":
            assert f"after: “Stacking things {column}”" in panel(view)
            assert line in panel(view)
    clip = listed(view, "Clip")
    if len(choices(clip)) > 1:
        first = panel(view)
        press(tab, clip, "ArrowDown")
        assert panel(view) != first
    press(tab, view.get_by_role("button", name="Choose none"), "Enter")
    assert chosen(view) == "No clips are chosen."
    assert model(tab, "shape")["selected"] == []


def test_a_click_on_a_mark_frames_its_cell_and_a_click_on_a_cell_chooses(tab: Page, view: Locator):
    tab.mouse.click(*place_of(tab, view, 3))
    tab.wait_for_timeout(400)
    taken, framed = cells(tab)
    assert model(tab, "shape")["cell"][3] in taken
    assert taken == framed
    matrix = view.get_by_role("img", name="Confusion matrix").bounding_box()
    # Where the first line and the first column meet, right of the names.
    tab.mouse.click(matrix["x"] + 0.5 * matrix["width"], matrix["y"] + 0.05 * matrix["height"])
    tab.wait_for_timeout(400)
    points = model(tab, "shape")
    assert cells(tab)[0] == {"0,0"}
    assert len(points["selected"]) == points["cell"].count("0,0")
    assert "from left to right" in listed(view, "Cell of the matrix").input_value()


def test_a_box_around_marks_frames_all_their_cells(tab: Page, view: Locator):
    view.get_by_title("Box Select").first.click()
    box = view.get_by_role("img", name="Map of the clips").bounding_box()
    tab.mouse.move(box["x"] + 8, box["y"] + 45)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] - 12, box["y"] + box["height"] - 8, steps=5)
    tab.mouse.up()
    tab.wait_for_timeout(400)
    taken, framed = cells(tab)
    assert len(model(tab, "shape")["selected"]) > 20
    assert taken == framed


def test_every_choice_is_reached_by_the_tab_key(tab: Page, view: Locator):
    listed(view, "Category").focus()
    reached = set()
    for _ in range(14):
        tab.keyboard.press("Tab")
        reached.add(
            tab.evaluate(
                """() => {
                  let one = document.activeElement;
                  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
                  const group = one.closest(".bk-input-group") ?? one;
                  return [one.tagName, group.innerText.split("\\n")[0]].join();
                }"""
            )
        )
    text = " ".join(reached)
    assert {"SELECT", "INPUT", "BUTTON"} <= {one.split(",")[0] for one in reached}
    assert all(name in text for name in ("Cell of the matrix", "Clip", "Choose none"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_on_white(chromium: Browser, pages: Path, scheme: str):
    with chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme) as context:
        complaints = watch(tab := context.new_page())
        view = opened(tab, pages)
        assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert view.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
        assert view.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(255, 255, 255)"
    assert complaints == []
