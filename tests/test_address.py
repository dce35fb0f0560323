"""The repository's address: one place holds it, all files agree with that, and one command changes it everywhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


def held(root: Path) -> str:
    return yaml.safe_load((root / "_config.yml").read_text())["repository"]["url"]


def tracked(root: Path) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, text=True).stdout
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]


def others(root: Path) -> set[tuple[str, str]]:
    """Files with an address of a repository of this name that is not the address held, and what they name."""
    address = held(root).removeprefix("https://")
    ours = re.compile(rf"github\.com/[\w.-]+/(?:catsplit|{re.escape(address.rsplit('/', 1)[1])})\b")
    return {
        (str(path.relative_to(root)), match)
        for path in tracked(root)
        # This file makes some up.
        if path.name != Path(__file__).name
        for match in ours.findall(path.read_bytes().decode(errors="replace"))
        if match != address
    }


def set_up_cells(root: Path) -> list[str]:
    cells = [json.loads(path.read_text())["cells"] for path in sorted((root / "book").glob("*.ipynb"))]
    return ["".join(next(cell for cell in own if cell["cell_type"] == "code")["source"]) for own in cells]


def test_all_files_agree() -> None:
    assert others(ROOT) == set()
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"] == held(ROOT)
    cells = set_up_cells(ROOT)
    assert len(cells) >= 3
    assert set(cells) == {cells[0]}, "the set-up cell is the same in all notebooks"
    assert f'"catsplit @ git+{held(ROOT)}"' in cells[0]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of all that git holds here, as it stands in the working tree."""
    root = tmp_path / "clone"
    for path in tracked(ROOT):
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def set_address(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(root / "scripts/set_address.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def bytes_of(root: Path) -> dict[Path, bytes]:
    return {path.relative_to(root): path.read_bytes() for path in tracked(root)}


def test_one_command_moves_the_repository(clone: Path) -> None:
    before, old, new = bytes_of(clone), held(clone), "https://github.com/some-body/video.splits"
    # A file that nobody added yet is moved too; another's repository, whose name begins like ours, stays.
    (clone / "book" / "new.md").write_text(f"{old}, {old}.git and {old}-data")
    assert others(clone) == set()
    done = set_address(clone, new + ".git")
    assert done.returncode == 0, done.stderr
    assert held(clone) == new
    assert (clone / "book" / "new.md").read_text() == f"{new}, {new}.git and {old}-data"
    assert others(clone) == set()
    assert set(set_up_cells(clone)) == {set_up_cells(ROOT)[0].replace(old, new)}
    assert yaml.safe_load((clone / "CITATION.cff").read_text())["repository-code"] == new
    # Nothing but the address differs, and not who may run a file.
    assert {path: text.replace(old.encode(), new.encode()) for path, text in before.items()} == bytes_of(clone)
    assert os.access(clone / ".ci" / "run", os.X_OK)
    assert "already" in set_address(clone, new).stdout


def test_what_is_no_address_changes_nothing(clone: Path) -> None:
    before = bytes_of(clone)
    two = ["https://github.com/a/b", "https://github.com/c/d"]
    for given in ([], two, "https://github.com/a", "git@github.com:a/b.git", "https://example.org/a/b", "https://github.com/a_b/c"):
        refused = set_address(clone, *([given] if isinstance(given, str) else given))
        assert refused.returncode != 0
        assert refused.stderr.strip().count("\n") == 0
        assert "https://github.com/OWNER/NAME" in refused.stderr
    assert bytes_of(clone) == before


def test_a_move_that_was_killed_goes_on(clone: Path) -> None:
    """All files but _config.yml, the last one, have the new address already."""
    old, new = held(clone), "https://github.com/somebody/splits"
    config = (clone / "_config.yml").read_bytes()
    set_address(clone, new)
    moved = bytes_of(clone)
    (clone / "_config.yml").write_bytes(config)
    (clone / "CITATION.cff").write_text((clone / "CITATION.cff").read_text().replace(new, old))
    assert set_address(clone, new).returncode == 0
    assert bytes_of(clone) == moved
