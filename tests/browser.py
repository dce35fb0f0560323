"""The built book in a browser: Playwright drives Debian's Chromium, with the network cut.

The pages are built from the notebooks as tests/test_chapters.py has just executed them, so that nothing runs twice.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from chapters import EXECUTED, NOTEBOOKS, ROOT
from filelock import FileLock
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Route, sync_playwright

# As Debian's package installs it; other systems name it elsewhere.
NAMES = ("chromium", "chromium-browser", "google-chrome")
# What Chromium would ask Google's hosts by itself, it is told not to.
OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-quic",
           "--disable-sync", "--no-first-run"]  # fmt: skip
LOCAL = ("file:", "data:", "blob:", "about:")


def program() -> str | None:
    """The browser, or None where there is none; CATSPLIT_CHROMIUM names one in another place."""
    return os.environ.get("CATSPLIT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages(chromium: Browser, common: Path) -> Path:
    """The folder of the book, built once for all workers; that which CATSPLIT_BUILT_BOOK names, if it names one."""
    if named := os.environ.get("CATSPLIT_BUILT_BOOK"):
        return Path(named).resolve()
    built = common / "pages"
    with FileLock(common / "pages.lock"):
        if not built.exists():
            built.symlink_to(build(Path(tempfile.mkdtemp(prefix="book-", dir=common))))
    return built.resolve()


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A tab in light, 1280 × 900; a console error, or a request that isn't to the disk, fails the test at its end."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    complaints = watch(page := context.new_page())
    yield page
    context.close()
    assert not complaints, complaints


def watch(tab: Page) -> list[str]:
    """A list that grows by what goes wrong in the tab: errors, and requests that fail or would leave the machine."""
    complaints: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"{tab.url}: console: {message.text}")

    def request(route: Route, request: Request) -> None:
        if request.url.startswith(LOCAL):
            route.continue_()
        else:
            complaints.append(f"{tab.url}: asks for {request.url}")
            route.abort()

    tab.on("console", console)
    tab.on("pageerror", lambda error: complaints.append(f"{tab.url}: {error}"))
    tab.on("requestfailed", lambda request: complaints.append(f"{tab.url}: has no {request.url[:200]}"))
    tab.context.route("**/*", request)
    return complaints


def looks(film: Locator) -> set[bytes]:
    """What a clip is seen to be within little more than a second: one picture only if it stands still."""
    found = set()
    for _ in range(8):
        found.add(film.screenshot())
        film.page.wait_for_timeout(150)
    return found


def listed(view: Locator, name: str) -> Locator:
    """A list, or another control, of an interactive view by its title."""
    return view.get_by_label(name, exact=True)


def build(folder: Path) -> Path:
    """Build the book in `folder`; a notebook is run only if its code or the package changed since it was executed."""
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("_build", ".ipynb_checkpoints"))
    changed = max(path.stat().st_mtime for path in (ROOT / "catsplit").rglob("*.py"))
    done = []
    for notebook in NOTEBOOKS:
        executed = EXECUTED / notebook.name
        if executed.exists() and executed.stat().st_mtime > changed:
            current = with_outputs(json.loads(notebook.read_text()), json.loads(executed.read_text()))
            if current:
                (folder / "book" / notebook.name).write_text(json.dumps(current))
                done.append(f"book/{notebook.name}")
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())
    settings["execute"] |= {"exclude_patterns": done}
    # Relative to the folder of this file.
    web = settings["sphinx"]["config"]["html_static_path"]
    web[:] = [path if path.startswith("book/") else str(ROOT / path) for path in web]
    (folder / "_config.yml").write_text(yaml.safe_dump(settings))
    shutil.copy(ROOT / "_toc.yml", folder)
    environment = os.environ | {"JUPYTER_PREFER_ENV_PATH": "1"}
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "--all", "-W", "-n", "--keep-going", "."]
    ran = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder / "_build" / "html"


def with_outputs(notebook: dict, executed: dict) -> dict | None:
    """The notebook with the outputs of the executed one; None if their code isn't the same."""
    ours, theirs = ([cell for cell in one["cells"] if cell["cell_type"] == "code"] for one in (notebook, executed))
    if [cell["source"] for cell in ours] != [cell["source"] for cell in theirs]:
        return None
    for cell, other in zip(ours, theirs, strict=True):
        cell |= {"outputs": other["outputs"], "execution_count": other["execution_count"]}
    if widgets := executed["metadata"].get("widgets"):
        notebook["metadata"]["widgets"] = widgets
    return notebook
