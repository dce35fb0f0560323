"""A Bokeh view as one piece of HTML."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from bokeh.layouts import column
from bokeh.models import Button, CustomJS, Div, LayoutDOM
from bokeh.plotting import figure
from browser import watch
from PIL import Image
from playwright.sync_api import Browser

from catsplit.errors import CatsplitError
from catsplit.widgets import page
from catsplit.widgets.page import FILM, Interactive, clip_data, film


def clip(frames: int = 12) -> np.ndarray:
    moving = np.full((frames, 32, 32, 3), 30, np.uint8)
    for t in range(frames):
        moving[t, 10:20, 2 * t : 2 * t + 8] = 220
    return moving


def layout() -> LayoutDOM:
    """A plot and a button that shows a clip, made from scratch."""
    plot = figure(height=200, sizing_mode="stretch_width", output_backend="svg")
    plot.scatter([1, 2, 3], [1, 3, 2])
    button, there = Button(label="Show it"), Div(text="nothing yet")
    code = FILM + "there.text = film(one, 'a \"clip\"', 64)"
    button.js_on_click(CustomJS(args={"there": there, "one": film(clip())._asdict()}, code=code))
    return column(plot, button, there, sizing_mode="stretch_width")


def test_it_names_no_address_to_load_from():
    view = Interactive(layout(), "Three points.")
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", view.html.split("<script>")[0])
    assert re.findall(r"</?script[^>]*>", view.html) == ["<script>", "</script>"]
    # What tests of the whole book look for in a page's text.
    assert not re.search(r"(src|href)=|https?:", view.html)
    assert view._repr_html_() == view.html
    assert 'aria-label="Three points."' in view.html
    assert "<noscript>" in view.html
    assert "MB" in repr(view)


def test_the_same_data_give_the_same_html():
    first, second = Interactive(layout(), "Three points."), Interactive(layout(), "Three points.")
    assert first.html == second.html
    other = Interactive(Div(text="something else"), "Three points.")
    ids = [set(re.findall(r"view-[0-9a-f]{10}-\d+", view.script)) for view in (first, other)]
    assert all(set(re.findall(r"view-[0-9a-f]{10}-\d+", view.html)) <= own for view, own in zip((first, other), ids))  # noqa: B905
    assert all(ids)
    assert not ids[0] & ids[1]


def test_it_carries_only_what_it_needs():
    alone, with_a_button = Interactive(figure(), "A plot."), Interactive(column(figure(), Button()), "A plot.")
    assert len(alone.html) < len(with_a_button.html) - 80_000


def test_errors_say_what_to_do(monkeypatch):
    with pytest.raises(CatsplitError, match="needs a name"):
        Interactive(Div(), " ")
    monkeypatch.setattr(page, "MOST_BYTES", 1000)
    with pytest.raises(CatsplitError, match="fewer or smaller clips"):
        Interactive(Div(), "Nothing.")
    with pytest.raises(CatsplitError, match=r"must be \(T, H, W, 3\) uint8"):
        clip_data(np.zeros((4, 8, 8, 3)))


def test_a_clip_holds_its_first_and_its_last_frame():
    frames = clip()
    moving, still = (
        Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/webp;base64,"))))
        for address in clip_data(frames, most=5, quality=90)
    )
    assert moving.n_frames == 5
    for t, expected in ((0, frames[0]), (4, frames[-1])):
        moving.seek(t)
        assert np.abs(np.asarray(moving.convert("RGB")).astype(int) - expected).mean() < 8
    assert still.size == (64, 64)
    assert getattr(still, "n_frames", 1) == 1


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
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_it_works_in_a_browser_without_a_request(chromium: Browser, tmp_path: Path, later: bool, motion: str):
    text = Interactive(layout(), "Three points.").html
    if later:
        text = "<script>" + LATER % json.dumps(text).replace("</", "<\\/") + "</script>"
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><meta charset='utf-8'><title>A page</title><body>" + text)
    with chromium.new_context(viewport={"width": 390, "height": 700}, reduced_motion=motion) as context:
        complaints = watch(tab := context.new_page())
        tab.goto(path.as_uri())
        tab.wait_for_selector("text=nothing yet")
        tab.get_by_role("button", name="Show it").focus()
        tab.keyboard.press("Enter")
        picture = tab.get_by_role("img", name='a "clip"')
        picture.wait_for()
        assert picture.locator(".moving:visible").count() == (0 if motion == "reduce" else 1)
        assert picture.locator(".still:visible").count() == (4 if motion == "reduce" else 0)
        assert picture.bounding_box()["width"] == 64
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []


def test_a_film_holds_its_frames_below_one_another():
    frames = np.concatenate([clip(), clip()], 2)
    one = film(frames, most=5, quality=95)
    strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(one.strip.split(",")[1]))).convert("RGB")).astype(int)
    assert (one.frames, one.shape, strip.shape) == (5, 2.0, (5 * 32, 64, 3))
    for part, t in zip(np.split(strip, 5), (0, 3, 6, 8, 11), strict=True):
        assert np.abs(part - frames[t]).mean() < 8
    assert film(frames[:3]).frames == 3
    with pytest.raises(CatsplitError, match="uint8"):
        film(frames[0])


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_film_runs_or_stands(chromium: Browser, tmp_path: Path, motion: str):
    one = film(clip())
    code = FILM + f"document.body.innerHTML = film({json.dumps(one._asdict())}, 'a <clip>', 64)"
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><meta charset='utf-8'><title>A page</title><body><script>{code}</script>")
    with chromium.new_context(reduced_motion=motion) as context:
        complaints = watch(tab := context.new_page())
        tab.goto(path.as_uri())
        picture = tab.get_by_role("img", name="a <clip>")
        box = picture.bounding_box()
        assert (box["width"], box["height"]) == (64, 64)
        looks = set()
        for _ in range(8):
            looks.add(picture.screenshot())
            tab.wait_for_timeout(150)
        assert len(looks) == 1 if motion == "reduce" else len(looks) > 2
        assert picture.locator(".still").first.is_visible() == (motion == "reduce")
    assert complaints == []


def test_an_old_browser_is_told_so(chromium: Browser, tmp_path: Path):
    path = tmp_path / "page.html"
    text = Interactive(layout(), "Three points.").html
    path.write_text(f"<!doctype html><title>A page</title><script>delete window.DecompressionStream</script>{text}")
    with chromium.new_context() as context:
        tab = context.new_page()
        tab.goto(path.as_uri())
        tab.wait_for_selector("text=needs a newer browser")
