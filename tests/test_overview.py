"""The moving overview says what the real head does, and stays a picture that any page can show; pictures of pages."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from catsplit import stage
from catsplit.errors import CatsplitError

SVG = "{http://www.w3.org/2000/svg}"
KB = 1000


@pytest.fixture(scope="module")
def overview(script):
    return script("overview.py")


@pytest.fixture(scope="module")
def source(root):
    return (root / "book" / "images" / "overview.svg").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def facts(overview):
    return overview.facts()


def without_frames(source):
    """The embedded frames differ from one encoder to the next."""
    return re.sub(r"data:image/webp;base64,[A-Za-z0-9+/=]+", "FRAMES", source)


def test_committed_picture_is_what_the_script_draws(overview, source, facts):
    assert without_frames(overview.drawn(facts)) == without_frames(source)
    assert without_frames(source).count("FRAMES") == 2 + 4  # a film for each clip, and a frame each time it flows
    changed = facts | {"new": facts["new"] + 0.5 * np.eye(len(facts["new"]), facts["new"].shape[1])}
    assert without_frames(overview.drawn(changed)) != without_frames(source)


def test_the_picture_asks_nobody_for_anything_and_runs_no_script(source):
    assert len(source.encode()) <= 300 * KB
    tree = ET.fromstring(source)
    assert not {"script", "foreignObject", "a", "iframe"} & {element.tag.removeprefix(SVG) for element in tree.iter()}
    links = [value for one in tree.iter() for name, value in one.attrib.items() if name.endswith("href")]
    assert links
    assert all(link.startswith("data:image/webp;base64,") for link in links)
    assert re.findall(r"https?://[^\"' )]*", source) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@import|\son[a-z]+=", source)
    background = tree.find(f"{SVG}rect")
    assert background.get("fill") == "white"
    assert background.get("width") == tree.get("width")


def test_screen_readers_get_a_title_and_the_story(source, facts):
    tree = ET.fromstring(source)
    assert tree.get("role") == "img"
    assert tree.get("aria-labelledby") == "title desc"
    assert tree.find(f"{SVG}title[@id='title']").text
    story = tree.find(f"{SVG}desc[@id='desc']").text
    assert all(name in story for name in (*facts["names"], *facts["donors"], "rendered", "Stage-Split"))


def test_it_runs_ten_seconds_and_stands_still_at_its_end_where_less_motion_is_wanted(source):
    style = ET.fromstring(source).find(f"{SVG}style").text
    still, moving = style.split("@media (prefers-reduced-motion:no-preference)")
    assert "animation" not in still
    assert "@keyframes" not in still
    seconds = {name: int(length) for name, length in re.findall(r"animation:(\w+) (\d+)s", moving)}
    assert {length for name, length in seconds.items() if name != "film"} == {10}
    assert 10 % seconds["film"] == 0


def test_names_are_those_of_the_head_before_and_after(source):
    words = {"".join(one.itertext()) for one in ET.fromstring(source).iter(f"{SVG}text")}
    labels, split = stage.head("A").labels, stage.load("A").split("Rolling something")
    ways = [name for name in words if name.startswith("from ")]
    assert sorted(ways) == sorted(split.modifiers)
    groups = [name for name in words if f"{name} {ways[0]}" in {*labels, *split.subcategories}]
    assert len(groups) == 2
    assert "Rolling something" in groups
    for group in groups:
        assert {f"{group} {way}" for way in ways} <= {*labels, *split.subcategories}
    others = {"Waving a hand", "Flashing a light"}
    assert others <= words & set(labels)
    more = next(name for name in words if "more rows" in name)
    assert int(re.search(r"\d+", more)[0]) == len(labels) - 1 - len(ways) - len(others)


def test_it_says_nothing_that_is_not_so(overview, monkeypatch):
    honest = overview.retrieve

    def swapped(head, split, dictionary, encode):
        rows = honest(head, split, dictionary, encode)
        one, other = rows
        return type(rows)({one: rows[other], other: rows[one]}, {one: rows.origins[other], other: rows.origins[one]})

    monkeypatch.setattr(overview, "retrieve", swapped)
    with pytest.raises(CatsplitError, match="isn't so"):
        overview.facts()


def test_in_a_browser_it_moves_comes_to_its_end_and_keeps_still_when_asked(source, tab, tmp_path):
    (tmp_path / "overview.svg").write_text(source, encoding="utf-8")
    tab.goto((tmp_path / "overview.svg").as_uri())

    def seen(second):
        tab.evaluate("t => document.getAnimations().forEach(a => { a.pause(); a.currentTime = t })", 1000 * second)
        shown = """one => {
            let alpha = 1
            for (let at = one; at instanceof Element; at = at.parentElement) alpha *= getComputedStyle(at).opacity
            return alpha > 0.9
        }"""
        return {one.text_content() for one in tab.query_selector_all("text") if one.evaluate(shown)}

    assert {"One name for two motions"} == seen(2.1) & {
        "One name for two motions", "Generality: the new names are right", "→ from left to right",
    }  # fmt: skip
    ended = {"Generality: the new names are right", "Locality: the others are as before", "→ from left to right"}
    assert ended <= seen(9)
    assert "One name for two motions" not in seen(9)
    tab.emulate_media(reduced_motion="reduce")
    assert tab.evaluate("document.getAnimations().length") == 0
    assert ended <= seen(0)


PAGE = """<!doctype html><meta charset="utf-8"><style>
body {margin: 0; background: white} #below {margin-top: 3000px; height: 900px; background: #0072B2}
@media (prefers-color-scheme: dark) {body {background: black}}
</style><h1>Top</h1><div id="below"></div>"""


def pictures(root, folder, *arguments, **environment):
    command = [
        sys.executable,
        root / "scripts" / "screenshots.py",
        *arguments,
        "--html",
        folder,
        "--out",
        folder / "out",
    ]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment or None)


def test_pictures_of_pages_in_light_and_dark(root, tmp_path, chromium):
    (tmp_path / "page.html").write_text(PAGE)
    ran = pictures(root, tmp_path, "page")
    assert ran.returncode == 0, ran.stderr
    corners = {}
    for scheme in ("light", "dark"):
        path = tmp_path / "out" / f"page-{scheme}.webp"
        picture = Image.open(path).convert("RGB")
        assert picture.size == (1280, 800)
        assert path.stat().st_size <= 150 * KB
        corners[scheme] = picture.getpixel((1200, 700))
    assert min(corners["light"]) > 250
    assert max(corners["dark"]) < 5
    assert pictures(root, tmp_path, "page=#below").returncode == 0
    red, _, blue = Image.open(tmp_path / "out" / "page-light.webp").convert("RGB").getpixel((600, 400))
    assert blue > 150
    assert red < 30


def test_pictures_say_in_one_sentence_what_is_missing(root, tmp_path, chromium):
    ran = pictures(root, tmp_path, "page")
    assert ran.returncode == 1
    assert "no page page" in ran.stderr
    assert "make book" in ran.stderr
    (tmp_path / "page.html").write_text(PAGE)
    ran = pictures(root, tmp_path, "page=#nowhere")
    assert '"#nowhere"' in ran.stderr
    none = pictures(root, tmp_path, "page", PATH="")
    assert "no Chromium" in none.stderr
    for one in (ran, none):
        assert one.returncode == 1
        assert len(one.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
