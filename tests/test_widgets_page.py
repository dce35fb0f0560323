"""A Bokeh view as one piece of HTML."""

import json
import re

import pytest
from bokeh.layouts import column
from bokeh.models import Button, CustomJS, Div
from bokeh.plotting import figure
from browser import watch
from test_gallery import moving_square

from catsplit.errors import CatsplitError
from catsplit.gallery import STYLE, film
from catsplit.widgets import page
from catsplit.widgets.page import bokeh_view


def layout():
    """A plot and a button that shows a clip, made from scratch."""
    plot = figure(height=200, sizing_mode="stretch_width", output_backend="svg")
    plot.scatter([1, 2, 3], [1, 3, 2])
    button, there = Button(label="Show it"), Div(text="nothing yet")
    clip = film(moving_square()).html('a "clip"')
    text = f'{STYLE}<div style="width: 64px">{clip}</div>'
    button.js_on_click(CustomJS(args={"there": there, "text": text}, code="there.text = text"))
    return column(plot, button, there, sizing_mode="stretch_width")


def test_it_names_no_address_to_load_from():
    view = bokeh_view("Three points.", layout())
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", view.html.split("<script>")[0])
    assert re.findall(r"</?script[^>]*>", view.html) == ["<script>", "</script>"]
    # What tests of the whole book look for in a page's text.
    assert not re.search(r"(src|href)=|https?:", view.html)
    assert view._repr_html_() == view.html
    assert 'aria-label="Three points."' in view.html
    assert "<noscript>" in view.html
    assert "MB" in repr(view)


def test_the_same_data_give_the_same_html():
    first, second = bokeh_view("Three points.", layout()), bokeh_view("Three points.", layout())
    assert first.html == second.html
    other = bokeh_view("Three points.", Div(text="something else"))
    ids = [set(re.findall(r"view-[0-9a-f]{10}-\d+", view.script)) for view in (first, other)]
    assert all(set(re.findall(r"view-[0-9a-f]{10}-\d+", view.html)) <= own for view, own in zip((first, other), ids))  # noqa: B905
    assert all(ids)
    assert not ids[0] & ids[1]


def test_it_carries_only_what_it_needs():
    alone, with_a_button = bokeh_view("A plot.", figure()), bokeh_view("A plot.", column(figure(), Button()))
    assert len(alone.html) < len(with_a_button.html) - 80_000


def test_errors_say_what_to_do(monkeypatch):
    with pytest.raises(CatsplitError, match="needs a name"):
        bokeh_view(" ", Div())
    monkeypatch.setattr(page, "MOST_BYTES", 1000)
    with pytest.raises(CatsplitError, match="fewer or smaller clips"):
        bokeh_view("Nothing.", Div())


# What notebooks do with a cell's HTML: put it in while the page is loaded, or later, when scripts have to be made anew.
LATER = """
const host = document.createElement("div");
host.innerHTML = %s;
for (const old of [...host.querySelectorAll("script")]) {
  const script = document.createElement("script");
  script.textContent = old.textContent;
  old.replaceWith(script);
}
document.body.append(host);
"""


@pytest.mark.parametrize("later", [False, True], ids=["page", "notebook"])
def test_it_works_in_a_browser_without_a_request(chromium, tmp_path, later):
    text = bokeh_view("Three points.", layout()).html
    if later:
        text = "<script>" + LATER % json.dumps(text).replace("</", "<\\/") + "</script>"
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><meta charset='utf-8'><title>A page</title><body>" + text)
    with chromium.new_context(viewport={"width": 390, "height": 700}) as context:
        complaints = watch(tab := context.new_page())
        tab.goto(path.as_uri())
        tab.wait_for_selector("text=nothing yet")
        tab.get_by_role("button", name="Show it").focus()
        tab.keyboard.press("Enter")
        picture = tab.get_by_role("img", name='a "clip"')
        picture.wait_for()
        assert picture.locator(".moving:visible").count() == 1
        assert picture.bounding_box()["width"] == 64
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []


def test_an_old_browser_is_told_so(chromium, tmp_path):
    path = tmp_path / "page.html"
    text = bokeh_view("Three points.", layout()).html
    path.write_text(f"<!doctype html><title>A page</title><script>delete window.DecompressionStream</script>{text}")
    with chromium.new_context() as context:
        tab = context.new_page()
        tab.goto(path.as_uri())
        tab.wait_for_selector("text=needs a newer browser")
