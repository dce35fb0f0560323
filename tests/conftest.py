"""Fixtures that every test file may use."""

import importlib.util
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

# One worker of several has one core, before anything asks for more.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from browser import chromium, pages, program, tab
from filelock import FileLock

__all__ = ["chromium", "generator", "pages", "root", "shared", "tab", "wheel"]

ROOT = Path(__file__).resolve().parents[1]

# The makers of Stage-Split's shipped assets, plain scripts beside one another.
sys.path.insert(0, str(ROOT / "scripts" / "stage"))

# A test that reaches for a hub is a mistake: let it fail at once and by name, not after minutes of retries.
os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Which tests are slow, and in which order all of them run.

    Where there is nothing to look at the pages with, one line says so, and not one for each test.
    """
    for item in items:
        if {"wheel", "chromium"} & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: _turn(item, item.path in slow))
    looking = [item for item in items if "chromium" in getattr(item, "fixturenames", ())]
    if looking and not program():
        first, *others = looking
        reason = f"no Chromium to look at the built pages with, {len(looking)} tests: apt-get install chromium"
        first.add_marker(pytest.mark.skip(reason=reason))
        items[:] = [item for item in items if item not in others]
        config.hook.pytest_deselected(items=others)


def _turn(item: pytest.Item, slow: bool) -> int:
    """Chapters run early, because the pages are made of them, and what takes long before what fills the gaps.

    One worker makes the pages, for all, while the others still have something else to do.
    """
    name = item.path.stem
    if name == "test_maps":
        return 0  # UMAP compiles itself on a machine's first map, as no chapter should have to
    if "run" in item.fixturenames:
        return 1
    if name.startswith("test_pages") or name == "test_chapters":
        return 3 if name == "test_pages" else 5
    return 2 if slow else 4


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """One worker keeps the tests of a file, which share what they prepare; of the chapters' file those of a chapter."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            return file + test[test.index("[") :] if file.endswith("test_chapters.py") and "[" in test else file

    return ByFile(config, log)


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests, the same for all of its workers."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the published annotations (`data/`) and the published code's outputs (`fixtures/`).

    They are third-party data that the repository may not hold. The folder is the value of CATSPLIT_SHARED or,
    without it, `shared` beside the repository; where there is none, the tests that need it are skipped.
    """
    named = os.environ.get("CATSPLIT_SHARED")
    folder = Path(named).expanduser() if named else ROOT.parent / "shared"
    if all((folder / part).is_dir() for part in ("data", "fixtures")):
        return folder
    if named:
        pytest.fail(f"CATSPLIT_SHARED names {folder}, which lacks data/ and fixtures/: correct or unset it")
    pytest.skip("no folder with the published annotations and reference outputs: set CATSPLIT_SHARED to it")


@pytest.fixture(scope="session")
def annotations(request, tmp_path_factory):
    """The folder with the published SSv2-Split and FineGym-Split, which the repository may not hold.

    It is the value of CATSPLIT_ANNOTATIONS or, without it, unpacked from the shared folder's archive.
    """
    named = os.environ.get("CATSPLIT_ANNOTATIONS")
    if named:
        found = Path(named).expanduser()
    else:
        shared = request.getfixturevalue("shared")
        found = tmp_path_factory.mktemp("annotations")
        with tarfile.open(shared / "data" / "category-splitting-annotations.tar.xz") as archive:
            archive.extractall(found, filter="data")
    for folder in (found, found / "Datasets"):
        if (folder / "SSv2-Split").is_dir() and (folder / "FineGym-Split").is_dir():
            return folder
    pytest.fail(f"{found} lacks the published annotations: correct or unset CATSPLIT_ANNOTATIONS")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, empty."""
    monkeypatch.setenv("CATSPLIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """A function that imports one of the scripts as a module of its own."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / "scripts" / name)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def generator() -> torch.Generator:
    """A CPU generator that starts from the same seed in every test."""
    return torch.Generator().manual_seed(20260216)


@pytest.fixture(scope="session")
def wheel(common: Path) -> Path:
    """The package, built from the working tree without a download, once for all workers."""
    folder = common / "wheel"
    options = "--quiet --no-deps --no-build-isolation --no-index --wheel-dir".split()
    command = [sys.executable, "-m", "pip", "wheel", *options, str(folder), str(ROOT)]
    with FileLock(common / "wheel.lock"):
        if not folder.exists():
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (path,) = folder.glob("catsplit-*.whl")
    return path


@pytest.fixture
def figures() -> Iterator[None]:
    """Closes the figures of a test, which must leave the reader's own style as it was."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.use("Agg")
    before = {name: value for name, value in mpl.rcParams.items() if name != "backend"}
    yield
    assert {name: mpl.rcParams[name] for name in before} == before, "a figure changed the reader's own style"
    plt.close("all")
