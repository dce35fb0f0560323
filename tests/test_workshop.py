"""The workshop: schedules add up, slides point at what is there, the zip repeats itself, preflight notices."""

import ast
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKSHOP = ROOT / "scripts" / "workshop"
sys.path.insert(0, str(WORKSHOP))

import build  # noqa: E402
import guide  # noqa: E402
import preflight  # noqa: E402
import slides  # noqa: E402

CHAPTERS = [path.stem for path in guide.chapters()]
SLIDES = slides.deck()["slides"]


# --------------------------------------------------------------- the guide and its schedules


@pytest.mark.parametrize(("name", "minutes"), [("talk", 45), ("half-day", 180), ("day", 450)])
def test_a_schedule_adds_up_names_chapters_that_exist_and_lets_nobody_sit_for_long(name: str, minutes: int) -> None:
    blocks, sat = guide.blocks(name), 0
    assert sum(block[0] for block in blocks) == minutes
    for length, what, chapters in blocks:
        assert isinstance(length, int)
        assert length > 0
        assert set(chapters) <= set(CHAPTERS)
        sat = 0 if what in ("Break", "Lunch") else sat + length
        assert sat <= 120, what


def test_the_guide_says_what_the_chapters_and_schedules_say() -> None:
    assert guide.filled(guide.GUIDE.read_text()) == guide.GUIDE.read_text(), "run scripts/workshop/guide.py"


def test_a_stale_guide_is_noticed_and_mended() -> None:
    page = guide.GUIDE.read_text()
    stale = re.sub(r"^(\| \[\]\(<01-[^|]*\| )\d+", r"\g<1>12345", page, flags=re.M)
    assert stale != page
    assert guide.filled(stale) == page
    with pytest.raises(SystemExit, match="one line <!-- day -->"):
        guide.filled(page.replace("<!-- day -->", ""))


def test_reading_minutes_are_words_by_the_pace(tmp_path: Path) -> None:
    words = "[two words](somewhere/else.html) <b>bold</b> and it's $$x$$ " + "word " * 245
    cells = [{"cell_type": "markdown", "source": [words]}, {"cell_type": "code", "source": ["word " * 999]}]
    path = tmp_path / "01-made-up.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert guide.reading_minutes(path) == round(250 / guide.PACE)


def test_no_result_is_typed_into_the_guide_or_the_slides() -> None:
    page = re.sub(r"^\|.*$", "", guide.GUIDE.read_text(), flags=re.M)
    for text in (page, *(f"{slide['words']} {slide['notes']}" for slide in SLIDES)):
        assert not re.findall(r"\d\.\d|\d\s?(?:%|percent|points)", re.sub(r"\bPython 3\.[\d., or3]+", "", text))


# --------------------------------------------------------------- the slides


@pytest.mark.parametrize("slide", SLIDES, ids=[slide["title"] for slide in SLIDES])
def test_a_slide_shows_what_a_chapter_has(slide: dict) -> None:
    assert len(slide["notes"].split()) >= 8
    assert len(slide["words"].split()) <= 45
    if slide.get("show", "").endswith(".svg"):
        assert len(re.search('alt="(.+?)"', slides.drawing(ROOT / "book" / slide["show"])).group(1)) > 40
    elif "show" in slide:
        cell = slides.find(ROOT / "book", slide["show"])
        code = "".join(cell["source"])
        # A figure has a text for those who can't see it; a gallery and a table are texts themselves.
        if re.search(r"\bplots\.\w+\(", code):
            assert len(cell["metadata"]["mystnb"]["image"]["alt"]) > 40
    else:
        assert "of" not in slide


def test_figures_of_the_paper_are_a_table_and_said_to_be_the_papers() -> None:
    published = [slide for slide in SLIDES if "published" in slide.get("show", "")]
    assert published
    assert all("paper" in slide["of"] for slide in published)
    said = " ".join(slide["words"] for slide in SLIDES)
    assert said.count("synthetic") >= 2


def test_a_reference_to_nothing_is_one_sentence(tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "id": "silent", "metadata": {}, "source": [], "outputs": []}]
    (tmp_path / "01-a.ipynb").write_text(json.dumps({"cells": cells}))
    for reference, said in (("01-b#x", "isn't there"), ("01-a#x", "no code cell"), ("01-a#silent", "no picture")):
        with pytest.raises(SystemExit, match=said):
            slides.outputs(tmp_path, reference)


# --------------------------------------------------------------- the zip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A made-up workshop, unpacked: small, and with preflight.py and its manifest as in the real one."""
    root = tmp_path / "unpacked"
    for name, content in {
        "notebooks/01-a.ipynb": "{}", "book/index.html": "<p>", "cache/stage-split-2/videos/val-000-000.mp4": "clip",
        "cache/features/abc/features.npy": "numbers", "catsplit-0.1.0-py3-none-any.whl": "wheel",
    }.items():  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for name in ("preflight.py", "probe.py"):
        shutil.copy(WORKSHOP / name, root)
    build.write_manifest(root, "catsplit-0.1.0-py3-none-any.whl", {"half-day": ["01-a"], "all": ["01-a"]})
    return root


def test_the_same_files_make_the_same_zip(tree: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    for path in sorted(tree.rglob("*"), reverse=True):  # another order, other dates
        if path.is_file():
            (again / path.relative_to(tree)).parent.mkdir(parents=True, exist_ok=True)
            (again / path.relative_to(tree)).write_bytes(path.read_bytes())
    for folder, name in ((tree, "a.zip"), (again, "b.zip")):
        build.pack(folder, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert file.namelist() == sorted(file.namelist())
        assert all(name.startswith("catsplit-workshop/") for name in file.namelist())
        file.extractall(tmp_path / "out")
    manifest = json.loads((tmp_path / "out/catsplit-workshop/manifest.json").read_text())
    for name, digest in manifest["files"].items():
        assert build.sha256(tmp_path / "out/catsplit-workshop" / name) == digest
    assert len(manifest["files"]) == sum(path.is_file() for path in tree.rglob("*")) - 1  # all but itself


def test_the_manifest_has_the_locks_versions() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    for name in build.ESSENTIAL:
        assert re.search(rf"^{name}==", lock, re.M), name


def test_plans_without_a_notebook_are_noticed() -> None:
    assert build.schedules(CHAPTERS)["all"] == CHAPTERS
    assert set(build.schedules(CHAPTERS)["half-day"]) <= set(CHAPTERS)
    with pytest.raises(SystemExit, match="04-weight-arithmetic"):
        build.schedules([name for name in CHAPTERS if name != "04-weight-arithmetic"])


# --------------------------------------------------------------- preflight


def by_name(root: Path) -> dict[str, tuple]:
    manifest = json.loads((root / "manifest.json").read_text())
    belongs = {"clips and features": preflight.is_cache, "the rest": lambda name: not preflight.is_cache(name)}
    return {what: preflight.check_files(root, manifest, what, which) for what, which in belongs.items()}


@pytest.mark.parametrize(
    ("name", "which"),
    [("cache/features/abc/features.npy", "clips and features"), ("book/index.html", "the rest"),
     ("cache/stage-split-2/videos/val-000-000.mp4", "clips and features")],
)  # fmt: skip
@pytest.mark.parametrize("harm", ["missing", "changed"])
def test_a_file_that_is_missing_or_changed_is_named_with_what_to_do(
    tree: Path, name: str, which: str, harm: str
) -> None:
    assert all(check[1] for check in by_name(tree).values())
    if harm == "missing":
        (tree / name).unlink()
    else:
        (tree / name).write_text("another")
    for what, (_, right, found, advice) in by_name(tree).items():
        assert right == (what != which)
        if what == which:
            assert name in found
            assert "Unpack the zip again" in advice


def test_an_empty_manifest_is_not_a_pass(tree: Path) -> None:
    assert not preflight.check_files(tree, {"files": {}}, "files", lambda name: True)[1]


@pytest.mark.parametrize(
    ("check", "good", "bad", "advice"),
    [
        (preflight.check_python, (3, 11, 0), (3, 10, 9), "Install Python 3.11, 3.12 or 3.13"),
        (preflight.check_python, (3, 13, 2), (3, 14, 0), "Install Python 3.11, 3.12 or 3.13"),
        (preflight.check_system, "Linux", "Windows", "WSL"),
        (preflight.check_system, "Darwin", "Windows", "WSL"),
        (preflight.check_memory, 8 * 10**9, 2 * 10**9, "Colab"),
    ],
)
def test_what_a_computer_lacks_is_said_with_what_to_do(check, good, bad, advice: str) -> None:
    assert check(good)[1]
    _, right, found, told = check(bad)
    assert not right
    assert found
    assert advice in told


def test_less_disk_is_needed_once_the_packages_are_there(tree: Path) -> None:
    three = 3 * 10**9
    assert not preflight.check_disk(tree, three)[1]
    assert "11 GB must be free" in preflight.check_disk(tree, three)[3]
    (tree / ".venv").mkdir()
    assert preflight.check_disk(tree, three)[1]


def test_other_versions_are_named_and_colab_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = {"versions": {"torch": "2.14.0", "numpy": "2.3.0"}}
    assert preflight.check_packages(manifest, {"torch": "2.14.0", "numpy": "2.3.0"})[1]
    for versions, named in (
        ({"torch": "2.13.0", "numpy": "2.3.0"}, "torch 2.13.0, not 2.14.0"),
        ({"torch": None, "numpy": "2.3.0"}, "torch missing"),
        ({}, "torch missing"),
    ):
        _, right, found, advice = preflight.check_packages(manifest, versions)
        assert not right
        assert named in found
        assert "--install" in advice
    monkeypatch.setenv("COLAB_RELEASE_TAG", "a release")
    assert preflight.check_packages(manifest, {"torch": "2.13.0", "numpy": "2.3.0"})[1]
    assert not preflight.check_packages(manifest, {"torch": None, "numpy": "2.3.0"})[1]


def test_the_screen_ends_with_a_verdict(capsys: pytest.CaptureFixture) -> None:
    assert preflight.report([("one", True, "found", "")]) == 0
    assert capsys.readouterr().out.endswith("Ready.\n")
    assert preflight.report([("one", True, "found", ""), ("other", False, "lost", "Look for it.")]) == 1
    said = capsys.readouterr().out
    assert "✗ other" in said
    assert "→ Look for it." in said
    assert said.endswith("Not ready: 1 to mend, each with what to do.\n")


def test_preflight_runs_in_an_unpacked_folder_and_tells_what_is_wrong(tree: Path) -> None:
    """As a participant starts it: in a process of its own, with clips that are none."""
    ran = subprocess.run([sys.executable, "preflight.py"], cwd=tree, capture_output=True, text=True)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) <= 24, "more than one screen"
    assert any(line.startswith("✓ clips and features") for line in lines)
    assert any(line.startswith("✓ PyTorch") for line in lines)
    assert any(line.startswith("✗ a clip is read") for line in lines)
    assert not ran.stderr
    (tree / "manifest.json").unlink()
    ran = subprocess.run([sys.executable, "preflight.py"], cwd=tree, capture_output=True, text=True)
    assert ran.returncode != 0
    assert "unpack the zip again" in ran.stderr


def test_a_notebook_that_fails_is_told_by_the_rehearsal(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    import nbformat.v4 as nb

    for name, code in (("01-a", "open('left', 'w').close()"), ("02-b", "raise ValueError('bad luck')")):
        (tree / "notebooks" / f"{name}.ipynb").write_text(json.dumps(nb.new_notebook(cells=[nb.new_code_cell(code)])))
    monkeypatch.setattr(preflight, "HERE", tree)
    assert preflight.check_notebooks({"schedules": {"half-day": ["01-a"]}}, "half-day") == 0
    assert preflight.check_notebooks({"schedules": {"half-day": ["01-a", "02-b"]}}, "half-day") == 1
    said = capsys.readouterr().out
    assert "✓ 01-a" in said
    assert "✗ 02-b" in said
    assert "bad luck" in said
    assert not (tree / "notebooks" / "left").exists()
    with pytest.raises(SystemExit, match="There is no schedule"):
        preflight.check_notebooks({"schedules": {"half-day": []}}, "week")


def test_preflight_speaks_on_old_pythons_and_imports_nothing_else() -> None:
    tree = ast.parse((WORKSHOP / "preflight.py").read_text(), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.NamedExpr)]


def test_what_participants_install_is_what_was_tested() -> None:
    lines = build.PARTICIPANTS.format(wheel="catsplit.whl").splitlines()
    assert "-c requirements.lock" in lines
    assert {"jupyterlab", "nbclient", "ipykernel", "./catsplit.whl"} <= set(lines)
    project = yaml.safe_load((WORKSHOP / "schedules.yml").read_text())
    assert set(project) == {"half-day", "day"}
