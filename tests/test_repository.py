"""What must hold of the repository itself: its pins agree, its files can be published, its wheel is whole."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import catsplit
from catsplit.head import Head

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
MEGABYTE = 1_000_000

# Each a machine on which the two commands must work.
MACHINES = [
    {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": system,
     "platform_system": {"linux": "Linux", "darwin": "Darwin"}[system], "platform_machine": machine,
     "os_name": "posix", "implementation_name": "cpython", "platform_python_implementation": "CPython"}
    for python in ("3.11", "3.12", "3.13")
    for system, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"))
]


def machine_name(machine: dict[str, str]) -> str:
    return f"{machine['python_version']}-{machine['sys_platform']}-{machine['platform_machine']}"


def git(*arguments: str) -> list[str]:
    answer = subprocess.run(["git", *arguments, "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [name for name in answer.stdout.split("\0") if name]


def tracked_files() -> list[Path]:
    return [ROOT / name for name in git("ls-files") if (ROOT / name).is_file()]


def pins(machine: dict[str, str]) -> dict[str, list[str]]:
    """Versions that the lock holds for each package on one machine."""
    found: dict[str, list[str]] = {}
    for line in LOCK.splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate(machine):
                (pin,) = requirement.specifier
                found.setdefault(canonicalize_name(requirement.name), []).append(pin.version)
    return found


# --------------------------------------------------------------- pyproject.toml, the lock and environment.yml


def test_lock_names_packages_and_versions_and_nothing_else() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.lstrip().startswith("#")]
    strange = [line for line in lines if not re.fullmatch(r"[a-zA-Z0-9._-]+==[^\s/\\@]+( ; [^/\\@]+)?", line)]
    assert not strange
    assert len(lines) > 100
    assert not re.search(r"https?:|file:|--index|--find-links|(?<!\w)/\w", LOCK)


@pytest.mark.parametrize("machine", MACHINES, ids=machine_name)
def test_lock_satisfies_pyproject(machine: dict[str, str]) -> None:
    pinned = pins(machine)
    assert not {name: versions for name, versions in pinned.items() if len(versions) != 1}
    assert "torch" in pinned
    # The old decord and decord2 are one module under two names: installed together, one overwrites the other.
    assert "decord2" in pinned
    assert "decord" not in pinned
    workshop = PROJECT["optional-dependencies"]["book"]
    for requirement in map(Requirement, PROJECT["dependencies"] + workshop):
        (version,) = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} against {version}: run `make lock`"


def test_lock_gives_every_python_the_same_versions() -> None:
    """Another encoder or another random generator would give another book."""
    linux = [pins(machine) for machine in MACHINES if machine["platform_machine"] == "x86_64"]
    assert len(linux) == 3
    names = set().union(*linux)
    # An older Python may need a package more, such as one that stands in for what a newer one has itself.
    held = {name: [pinned[name] for pinned in linux if name in pinned] for name in names}
    assert not [name for name, versions in held.items() if any(other != versions[0] for other in versions)]
    assert [name for name in names if len(held[name]) < 3] == ["overrides"]


def test_runtime_dependencies_have_lower_bounds_only() -> None:
    for requirement in map(Requirement, PROJECT["dependencies"]):
        assert [clause.operator for clause in requirement.specifier] == [">="], requirement


def test_environment_agrees_with_pyproject_and_lock() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (python,) = [entry.removeprefix("python") for entry in conda if re.match(r"python\b", entry)]
    assert SpecifierSet(python) == SpecifierSet(PROJECT["requires-python"])
    # All beside Python and pip comes from the lock and from the package itself, so that nothing can differ.
    assert [entry for entry in conda if not re.match(r"python\b", entry)] == ["pip"]
    assert pip == [f"-r {ROOT.joinpath('requirements.lock').name}", "-e .[book]"]


def test_supported_pythons_are_the_same_everywhere() -> None:
    pythons = {machine["python_version"] for machine in MACHINES}
    named = {c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if re.search(r"Python :: 3\.", c)}
    assert named == pythons
    supported = SpecifierSet(PROJECT["requires-python"])
    assert {f"3.{minor}" for minor in range(8, 20) if f"3.{minor}.0" in supported} == pythons
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    assert set(workflow["jobs"]["gate"]["strategy"]["matrix"]["python"]) == pythons


# ------------------------------------------------------------------------------------------ files in the tree


def test_tracked_files_are_small() -> None:
    sizes = {path.relative_to(ROOT): path.stat().st_size for path in tracked_files()}
    assert not {str(path): size for path, size in sizes.items() if size > 4 * MEGABYTE}
    assert sum(sizes.values()) < 25 * MEGABYTE


def test_tracked_files_name_no_path_of_a_machine() -> None:
    folder = rb"(?<![\w.~$}/])/(?:work|root|home|tmp|opt|mnt|Users|private)/[\w.-]|[A-Z]:\\\\?Users"
    found = {
        str(path.relative_to(ROOT)): match.group()
        for path in tracked_files()
        if (match := re.search(folder, path.read_bytes()))
    }
    assert not found


@pytest.mark.parametrize("path", sorted(BOOK.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebook_is_stripped_and_runs_anywhere(path: Path) -> None:
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code
    left = [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None]
    assert not left, "make strip"
    assert "widgets" not in notebook["metadata"], "make strip"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


def test_citation_names_this_version_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == catsplit.__version__
    assert citation["license"] == PROJECT["license"]
    (paper,) = citation["references"]
    assert [author["family-names"] for author in paper["authors"]] == ["Liu", "Doughty"]
    assert "arXiv:2602.16545" in paper["identifiers"][0]["value"]


# ------------------------------------------------------------------------------------------- the two commands


def test_readme_gives_two_commands_and_the_gate_runs_one_of_them() -> None:
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```bash\n(.*?)```", readme, re.S)
    assert [block.strip() for block in blocks if "make" in block] == ["make book", "make test"]
    gate = (ROOT / ".ci" / "run").read_text().splitlines()
    assert re.fullmatch(r"exec make test( </dev/null)?", gate[-1])


def test_the_check_for_every_commit_is_the_gate_without_slow_tests_and_chapters() -> None:
    check, gate = (
        subprocess.run(["make", "--dry-run", goal], cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for goal in ("check", "test")
    )
    assert [part in check for part in ("ruff check", "lint-imports", '-m "not slow" tests')] == [True] * 3
    assert [part in gate for part in ("ruff check", "lint-imports", "slow", "pytest -n 2")] == [True, True, False, True]
    assert "`make check`" in (ROOT / "CONTRIBUTING.md").read_text()


def test_readme_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    ways = ("from left to right", "from right to left")
    labels = ["Pulling something", *(f"Pushing something {way}" for way in ways), "Doing nothing"]
    old = Head(torch.randn(4, 6, generator=generator), torch.randn(4, generator=generator), labels)
    monkeypatch.chdir(tmp_path)
    old.save("head.safetensors")
    names: dict = {}
    exec(example, names)
    new = names["new"]
    assert new.labels == (*labels[1:], *(f"Pulling something {way}" for way in ways))
    difference = old[labels[1]] - old[labels[2]]
    torch.testing.assert_close(new[new.labels[-2]] - new[new.labels[-1]], difference)


# --------------------------------------------------------------------------------------------------- the book


def toc_entries(node: object) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in toc_entries(item)]
    if not isinstance(node, dict):
        return []
    own = [node[key] for key in ("root", "file") if key in node]
    return own + [name for value in node.values() for name in toc_entries(value)]


def test_table_of_contents_names_every_page_once_and_no_other() -> None:
    listed = toc_entries(yaml.safe_load((ROOT / "_toc.yml").read_text()))
    pages = [path for suffix in ("ipynb", "md") for path in BOOK.rglob(f"*.{suffix}")]
    there = [
        str(path.relative_to(ROOT).with_suffix(""))
        for path in pages
        if not {"_build", ".ipynb_checkpoints"} & set(path.parts)
    ]
    assert sorted(listed) == sorted(there)


@pytest.mark.slow
def test_pages_build_without_a_warning(tmp_path: Path) -> None:
    """`make book` without the execution, which `make test` does by itself: links, references and Markdown."""
    config = CONFIG | {"execute": CONFIG["execute"] | {"execute_notebooks": "off"}}
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(config))
    build = subprocess.run(
        [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT), "--all",
         "-W", "-n", "--keep-going", "--config", f"{tmp_path}/_config.yml", "--path-output", f"{tmp_path}"],
        capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"}, stdin=subprocess.DEVNULL,
    )
    assert build.returncode == 0, build.stdout + build.stderr


# ------------------------------------------------------------------------------------------------ the package


def test_wheel_holds_the_package_whole_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        about = archive.read(f"catsplit-{catsplit.__version__}.dist-info/METADATA").decode()
        scripts = archive.read(f"catsplit-{catsplit.__version__}.dist-info/entry_points.txt").decode()
    package = {name for name in names if not name.startswith(f"catsplit-{catsplit.__version__}.dist-info/")}
    assert package == set(git("ls-files", "--cached", "--others", "--exclude-standard", "catsplit"))
    assert "catsplit/stage/__init__.py" in package
    assert [name for name in package if name.startswith("catsplit/assets/")]
    assert f"catsplit-{catsplit.__version__}.dist-info/licenses/LICENSE" in names
    assert "catsplit = catsplit.cli:main" in scripts
    assert SpecifierSet(re.search(r"^Requires-Python: (.*)$", about, re.M).group(1)) == SpecifierSet(
        PROJECT["requires-python"]
    )


def test_wheel_works_away_from_the_repository(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    script = """
import importlib, importlib.metadata, pathlib, pkgutil, sys
import catsplit
assert pathlib.Path(catsplit.__file__).parents[1] == pathlib.Path(sys.argv[1]), catsplit.__file__
for module in pkgutil.walk_packages(catsplit.__path__, "catsplit."):
    importlib.import_module(module.name)
(command,) = importlib.metadata.distribution("catsplit").entry_points
sys.argv = ["catsplit", "--help"]
command.load()()
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "site")], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")}, stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, run.stderr
    assert "stage" in run.stdout
