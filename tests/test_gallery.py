"""Clips on a page."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from catsplit.errors import CatsplitError
from catsplit.gallery import Clip, Gallery, animation


def moving_square(frames: int = 12) -> np.ndarray:
    clip = np.full((frames, 40, 40, 3), 30, np.uint8)
    for t in range(frames):
        clip[t, 10:20, 2 * t : 2 * t + 10] = 220
    return clip


def test_an_animation_holds_every_frame_in_order():
    clip = moving_square()
    with Image.open(io.BytesIO(animation(clip, quality=90))) as picture:
        assert picture.n_frames == len(clip)
        for t in range(len(clip)):
            picture.seek(t)
            seen = np.asarray(picture.convert("RGB")).astype(int)
            assert np.abs(seen - clip[t]).mean() < 8


def test_a_gallery_shows_each_clip_with_its_text():
    page = Gallery([Clip(moving_square(), "A square <moves>", "said: yes", True)] * 3)._repr_html_()
    assert len(re.findall("data:image/webp;base64,", page)) >= 3
    assert page.count("A square &lt;moves&gt;") >= 3
    assert "<moves>" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_pictures_on_the_page_can_be_decoded():
    page = Gallery([Clip(moving_square(), "square")])._repr_html_()
    for data in re.findall("data:image/webp;base64,([A-Za-z0-9+/=]+)", page):
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert min(picture.size) >= 40


def test_an_empty_gallery_is_an_error():
    with pytest.raises(CatsplitError):
        Gallery([])
