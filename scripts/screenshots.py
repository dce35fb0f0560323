"""Take pictures of pages of the built book, in light and in dark, for the README.

    python scripts/screenshots.py                                     # the pages and places of PAGES
    python scripts/screenshots.py 05-retrieval "09-atlas=.catsplit-view"

A page is shown from its top, or from the first element that the CSS selector behind "=" finds. What is written is
book/images/PAGE-light.webp and -dark.webp. The book must have been built (`make book`), and Chromium be installed.
"""

import argparse
import io
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from catsplit.errors import CatsplitError  # noqa: E402
from catsplit.paths import atomic_path  # noqa: E402

PAGES = ("02-the-task", "09-atlas=.catsplit-view")
SIZE, MARGIN, MOST_BYTES = (1280, 800), 64, 150_000  # the margin clears the header, which stays in sight
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-background-networking", "--hide-scrollbars"]


def take(pages: list[str], html: Path, out: Path) -> list[Path]:
    """Write two pictures of each page.

    Args:
        pages: names of pages, each with an optional "=" and the CSS selector of what to show.
        html: the folder with the pages of the built book.
        out: the folder to write to.

    Raises:
        CatsplitError: a page or what to show of it isn't there, or there is no Chromium; nothing was written then.
    """
    wanted = [(html / f"{name}.html", name, selector) for name, _, selector in (page.partition("=") for page in pages)]
    for path, name, _ in wanted:
        if not path.is_file():
            raise CatsplitError(f"There is no page {name} in {html}: build the book first (make book).")
    program = os.environ.get("CATSPLIT_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        raise CatsplitError("There is no Chromium to take pictures with: on Debian, apt-get install chromium.")
    from playwright.sync_api import sync_playwright

    pictures = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        for path, name, selector in wanted:
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport=dict(zip(("width", "height"), SIZE, strict=True)), color_scheme=scheme, offline=True
                )
                tab = context.new_page()
                tab.goto(path.as_uri(), wait_until="load")
                if selector:
                    place = tab.query_selector(selector)
                    if place is None:
                        raise CatsplitError(f'The page {name} has nothing that fits "{selector}": name what to show.')
                    place.evaluate(
                        "(one, margin) => window.scrollTo({top: one.getBoundingClientRect().top + scrollY - margin})",
                        MARGIN,
                    )
                tab.wait_for_timeout(1500)  # formulas, views and clips need a moment
                pictures[out / f"{name}-{scheme}.webp"] = as_webp(tab.screenshot())
                context.close()
        browser.close()
    out.mkdir(parents=True, exist_ok=True)
    for path, data in pictures.items():
        with atomic_path(path) as beside:
            beside.write_bytes(data)
    return list(pictures)


def as_webp(png: bytes) -> bytes:
    """The picture as WebP, at the best quality that keeps it within MOST_BYTES."""
    from PIL import Image

    for quality in (90, 80, 70, 60, 45, 30):
        file = io.BytesIO()
        Image.open(io.BytesIO(png)).convert("RGB").save(file, "WEBP", quality=quality, method=6)
        if len(file.getvalue()) <= MOST_BYTES:
            return file.getvalue()
    raise CatsplitError(f"The picture is larger than {MOST_BYTES} bytes even at the lowest quality.")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "pages", nargs="*", default=PAGES, metavar="PAGE[=SELECTOR]", help=f"default: {' '.join(PAGES)}"
    )
    parser.add_argument("--html", type=Path, default=ROOT / "_build" / "html" / "book", help="folder of the pages")
    parser.add_argument("--out", type=Path, default=ROOT / "book" / "images", help="folder to write to")
    options = parser.parse_args(arguments)
    try:
        written = take(list(options.pages), options.html, options.out)
    except CatsplitError as error:
        sys.exit(str(error))
    print("\n".join(f"{path}: {path.stat().st_size / 1000:.0f} kB" for path in written))


if __name__ == "__main__":
    main(sys.argv[1:])
