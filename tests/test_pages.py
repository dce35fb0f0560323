"""Every page of the built book, opened from the disk in a browser that has no network."""

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
import yaml
from browser import looks, watch
from chapters import NOTEBOOKS, ROOT
from playwright.sync_api import Browser, Page

MOST_PAGE, MOST_BOOK = 6e6, 80e6  # bytes
SOURCES = [path for kind in ("*.md", "*.ipynb") for path in sorted((ROOT / "book").glob(kind))]
EVERY = [f"book/{path.stem}.html" for path in SOURCES] + ["search.html", "genindex.html"]


def opened(tab: Page, pages: Path, name: str) -> Page:
    tab.goto((pages / "book" / f"{name}.html").as_uri())
    return tab


def test_there_is_a_page_for_each_source_and_no_other(pages: Path) -> None:
    found = {str(path.relative_to(pages)) for path in pages.rglob("*.html") if "_static" not in path.parts}
    assert found == {*EVERY, "index.html"}


def test_the_book_opens_at_its_first_page(tab: Page, pages: Path) -> None:
    tab.goto((pages / "index.html").as_uri())
    tab.wait_for_url("**/book/welcome.html")
    tab.wait_for_load_state("load")
    assert tab.locator("article h1").inner_text().startswith("Split a video classifier")


@pytest.mark.parametrize("name", EVERY)
def test_a_page_loads_without_an_error_or_a_request_to_elsewhere(tab: Page, pages: Path, name: str) -> None:
    loaded: set[str] = set()
    tab.on("request", lambda request: loaded.add(request.url))
    tab.goto((pages / name).as_uri(), wait_until="networkidle")
    assert tab.title()
    if name != "search.html":
        assert len(tab.locator("article").inner_text()) > 20
    # Itself and all that it loads: pictures, and the scripts and styles that other pages load, too.
    files = {Path(unquote(urlparse(url).path)) for url in loaded if url.startswith("file:")}
    assert pages / name in files
    assert sum(path.stat().st_size for path in files) <= MOST_PAGE


@pytest.mark.parametrize("name", [name for name in EVERY if name.startswith("book/")])
def test_a_page_fits_its_width_and_its_pictures_have_texts(chromium: Browser, pages: Path, name: str) -> None:
    with chromium.new_context() as context:
        tab = context.new_page()
        for scheme, width in (("light", 1280), ("light", 390), ("dark", 390), ("dark", 1280)):
            tab.set_viewport_size({"width": width, "height": 900})
            tab.emulate_media(color_scheme=scheme)
            tab.goto((pages / name).as_uri())
            assert tab.evaluate("document.documentElement.dataset.theme") == scheme
            wider = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, f"{wider} px too wide at {width}, {scheme}"
        texts = tab.eval_on_selector_all("article img", "pictures => pictures.map(picture => picture.alt)")
        assert [text for text in texts if len(text) < 10 or re.search(r"_images|^[0-9a-f]{20}", text)] == []


def test_a_wide_figure_can_be_read_on_a_phone(chromium: Browser, pages: Path) -> None:
    """It keeps a width at which its letters are legible, and moves sideways within its cell, by keys too."""
    with chromium.new_context(viewport={"width": 390, "height": 900}) as context:
        tab = opened(context.new_page(), pages, "05-retrieval")
        tab.wait_for_selector("img.wide-figure")
        figure = tab.locator("img.wide-figure").first
        assert figure.bounding_box()["width"] > 500
        cell = figure.locator("xpath=..")
        cell.focus()
        tab.keyboard.press("ArrowRight")
        tab.wait_for_function("cell => cell.scrollLeft > 0", arg=cell.element_handle())


def test_the_book_has_its_size(pages: Path) -> None:
    assert sum(path.stat().st_size for path in pages.rglob("*") if path.is_file()) <= MOST_BOOK


def test_every_icon_has_a_picture(tab: Page, pages: Path) -> None:
    """The theme's icons are a choice of those that it comes with; one that was left out would be an empty space."""
    script = (pages / "_static/scripts/fontawesome.js").read_text()
    for name in ("02-the-task", "welcome"):
        opened(tab, pages, name)
        tab.wait_for_selector("svg.svg-inline--fa", state="attached")
        icons = tab.eval_on_selector_all("svg.svg-inline--fa", "all => all.map(one => one.dataset.icon)")
        assert len(icons) >= 10
        assert [icon for icon in icons if not re.search(rf'[{{,]"?{icon}"?:\[', script)] == []
        assert tab.locator("i.fa-solid, i.fas, i.fa-brands").count() == 0


def test_formulas_are_set(tab: Page, pages: Path) -> None:
    opened(tab, pages, "02-the-task")
    formulas = tab.locator("article .math")
    assert formulas.count() >= 1
    tab.wait_for_selector("article .math svg")
    assert tab.locator("article .math:not(:has(svg))").count() == 0
    assert tab.locator("article [data-mml-node=merror]").count() == 0


def test_a_clip_plays(tab: Page, pages: Path) -> None:
    """Two looks at one clip differ while it moves, and don't once the reader has stopped the clips."""
    opened(tab, pages, "01-backbone-and-matrix")
    gallery = tab.locator(".catsplit-clips").first
    clip = gallery.locator(".moving").first
    clip.scroll_into_view_if_needed()

    film = gallery.locator(".film").first
    assert clip.bounding_box()["width"] > 40
    assert len(looks(film)) > 2
    gallery.get_by_role("checkbox").focus()
    tab.keyboard.press("Space")
    assert not clip.is_visible()
    assert len(looks(film)) == 1


def test_clips_stand_still_for_those_who_ask_for_less_motion(chromium: Browser, pages: Path) -> None:
    with chromium.new_context(reduced_motion="reduce") as context:
        tab = opened(context.new_page(), pages, "01-backbone-and-matrix")
        gallery = tab.locator(".catsplit-clips").first
        assert gallery.locator(".still").first.is_visible()
        assert not gallery.locator(".moving").first.is_visible()


def test_the_search_finds_a_word(tab: Page, pages: Path) -> None:
    """As a reader would: from a page's own search box, to results that lead to pages which have the word."""
    opened(tab, pages, "welcome")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("locality")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#search-results li a")
    tab.wait_for_function("document.querySelector('#search-results').innerText.match(/found|matching/)")
    links = tab.locator("#search-results li a")
    assert links.count() >= 5
    assert "The task" in links.all_inner_texts()
    links.get_by_text("The task", exact=True).first.click()
    tab.wait_for_url("**/02-the-task.html*")
    assert "locality" in tab.locator("article").inner_text()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_buttons_for_colab_and_download_point_at_what_is_there(tab: Page, pages: Path, notebook: Path) -> None:
    opened(tab, pages, notebook.stem)
    repository = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    owner = repository["url"].removeprefix("https://github.com/")
    address = tab.locator('a[href*="colab.research.google.com"]').first.get_attribute("href")
    base, path = address.split(f"/blob/{repository['branch']}/")
    assert base == f"https://colab.research.google.com/github/{owner}"
    assert (ROOT / path) == notebook
    source = tab.locator("a.btn-download-source-button").first
    target = Path(unquote(urlparse(source.evaluate("link => link.href")).path))
    assert target.is_relative_to(pages)
    ours = [cell["source"] for cell in json.loads(notebook.read_text())["cells"]]
    assert [cell["source"] for cell in json.loads(target.read_text())["cells"]] == ours


@pytest.mark.parametrize("name", [name for name in EVERY if name.startswith("book/")])
def test_links_between_pages_lead_somewhere(pages: Path, name: str) -> None:
    text = (pages / name).read_text()
    for link in set(re.findall(r'<a[^>]+href="([^"]+)"', text)):
        parts = urlparse(link)
        if parts.scheme:
            continue
        target = pages / name if not parts.path else (pages / name).parent / unquote(parts.path)
        assert target.exists(), f"{name} links to {link}"
        if parts.fragment and target.suffix == ".html":
            assert f'id="{parts.fragment}"' in target.read_text() or parts.fragment == "", f"{name} links to {link}"


def test_an_error_and_a_request_are_noticed(chromium: Browser, tmp_path: Path) -> None:
    """What the tests above rest on."""
    page = tmp_path / "page.html"
    page.write_text(
        "<title>A page</title><script src='https://example.org/script.js'></script><img src='missing.png' alt=''>"
        "<script>console.error('bad luck'); nothing.at.all</script>"
    )
    with chromium.new_context() as context:
        complaints = watch(tab := context.new_page())
        tab.goto(page.as_uri())
        tab.wait_for_load_state("load")
        tab.wait_for_timeout(200)
    for part in ("https://example.org/script.js", "bad luck", "nothing is not defined", "missing.png"):
        assert any(part in complaint for complaint in complaints), (part, complaints)
