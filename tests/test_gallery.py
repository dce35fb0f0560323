"""Clips on a page."""

import base64
import io
import re

import numpy as np
import pytest
from browser import watch
from clipfiles import write_clip
from PIL import Image

from catsplit.errors import CatsplitError
from catsplit.gallery import STYLE, Clip, Gallery, film


def moving_square(frames=12):
    clip = np.full((frames, 40, 40, 3), 30, np.uint8)
    for t in range(frames):
        clip[t, 10:20, 2 * t : 2 * t + 10] = 220
    return clip


def pictures(page):
    found = re.findall("data:image/webp;base64,([A-Za-z0-9+/=]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int) for data in found]


def test_a_film_holds_its_frames_below_one_another():
    frames = np.concatenate([moving_square(), moving_square()], 2)
    one = film(frames, most=5, quality=95)
    (strip,) = pictures(one.html("two squares"))
    assert (one.frames, one.shape, strip.shape) == (5, 2.0, (5 * 40, 80, 3))
    for part, t in zip(np.split(strip, 5), (0, 3, 6, 8, 11), strict=True):
        assert np.abs(part - frames[t]).mean() < 8
    assert film(frames[:3]).frames == 3


def test_large_frames_are_scaled_down_and_small_ones_are_not_scaled_up():
    large = np.zeros((2, 100, 200, 3), np.uint8)
    assert [pictures(film(large, size=size).strip)[0].shape for size in (50, 300)] == [(100, 100, 3), (200, 200, 3)]


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
@pytest.mark.parametrize("stands", [False, True])
def test_a_film_runs_or_stands_and_then_shows_four_whole_frames(
    chromium, tmp_path, motion, stands
):
    """Of eight, each of one grey: a part of another frame would be of another grey."""
    greys = np.full((8, 40, 40, 3), 30 * np.arange(8)[:, None, None, None], np.uint8)
    path = tmp_path / "page.html"
    text = film(greys, quality=95).html("a <clip>", stands)
    path.write_text(f"<!doctype html><meta charset='utf-8'><title>A page</title>{STYLE}<div style='width:64px'>{text}")
    with chromium.new_context(reduced_motion=motion) as context:
        complaints = watch(tab := context.new_page())
        tab.goto(path.as_uri())
        clip = tab.get_by_role("img", name="a <clip>")
        box = clip.bounding_box()
        assert (box["width"], box["height"]) == (64, 64)
        looks = {clip.screenshot() for _ in range(8) if not tab.wait_for_timeout(150)}
        if stands or motion == "reduce":
            (look,) = looks
            shown = np.asarray(Image.open(io.BytesIO(look)).convert("L")).astype(int)
            quarters = [shown[y + 4 : y + 28, x + 4 : x + 28] for y in (0, 32) for x in (0, 32)]
            for quarter, t in zip(quarters, (0, 2, 5, 7), strict=True):
                assert np.abs(quarter - 30 * t).max() < 6
        else:
            assert len(looks) > 2
    assert complaints == []


def test_a_gallery_shows_each_clip_with_its_text(tmp_path):
    video = write_clip(tmp_path / "clip.mp4", height=48, width=64)
    clips = [Clip(moving_square(), "A square <moves>", "said: yes", True)] * 3
    gallery = Gallery({"Squares & more": clips, "Nothing": [], "Videos": [Clip(video, "A video", "said: no", False)]})
    page = gallery._repr_html_()
    assert page.count("A square &lt;moves&gt;") == 2 * 3
    assert page.count("✓ right: said: yes") == 3
    assert page.count("✗ wrong: said: no") == 1
    assert re.findall("<h4>(.*?)</h4>", page) == ["Squares &amp; more", "Videos"]
    assert "<moves>" not in page
    assert not re.search("https?://", page)
    assert [len(picture) % 40 for picture in pictures(page)[:3]] == [0, 0, 0]
    assert len(pictures(page)) == 4
    assert "kB" in repr(gallery)
    assert page == Gallery({"Squares & more": clips, "Videos": [Clip(video, "A video", "said: no", False)]}).html


def test_what_is_no_clip_is_an_error():
    with pytest.raises(CatsplitError, match="at least one clip"):
        Gallery({"Nothing": []})
    for frames in (moving_square()[0], moving_square()[..., :2], moving_square().astype(float)):
        with pytest.raises(CatsplitError, match=r"must be \(T, H, W, 3\) uint8"):
            Gallery([Clip(frames, "a clip")])
