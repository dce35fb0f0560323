"""Each notebook once, alone, as Colab would: it runs, its exercises check themselves, and it is quick enough."""

import json
import math
import re
from pathlib import Path

import pytest
from chapters import MEASURED, NOTEBOOKS, Run, run_alone, seconds, tagged, texts

# With clips and features made before, as `make benchmark` does.
SECONDS_A_CHAPTER, SECONDS_A_BOOK = 90, 600

@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def run(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_alone(request.param, tmp_path_factory.mktemp("alone"), str(wheel))


@pytest.fixture
def took(common: Path) -> Path:
    """A folder with a file for each chapter that has run: its seconds."""
    (common / "took").mkdir(exist_ok=True)
    return common / "took"


@pytest.fixture
def whole(run: Run) -> Run:
    if not run.passed:
        pytest.skip("it didn't run to its end, which has failed already")
    return run


def test_it_runs_in_an_empty_folder_with_only_the_package(run: Run) -> None:
    assert run.passed, run.report


def test_it_installs_the_package_and_nothing_else(whole: Run) -> None:
    assert [name for name in whole.installed if not re.fullmatch(r"catsplit(-[\d.]+\.dist-info)?", name)] == []
    assert "catsplit" in whole.installed


def test_it_writes_nothing_beside_itself(whole: Run) -> None:
    assert whole.files == [f"{whole.name}.ipynb"]


def test_a_blank_exercise_is_told_what_is_missing(whole: Run) -> None:
    for cell in tagged(whole.cells, "exercise"):
        said = texts(cell)
        assert re.search(r"\b(Not yet|Nearly): (\S+ ){3,}", said), f"no helpful message, but {said!r}"
        assert "Right" not in said


def test_a_solution_passes_the_checker_that_the_blank_one_failed(whole: Run) -> None:
    exercises, solutions = tagged(whole.cells, "exercise"), tagged(whole.cells, "solution")
    assert len(exercises) == len(solutions)
    for number, (exercise, solution) in enumerate(zip(exercises, solutions, strict=True), 1):
        assert re.search(rf"^check_{number}\(.+\)$", "".join(exercise["source"]), re.M)
        assert re.search(rf"\bcheck_{number}\(", "".join(solution["source"]))
        assert re.search(r'^assert .+( == "Right\."|\.startswith\("Right"\))$', "".join(solution["source"]), re.M)
        assert solution["execution_count"] is not None
        assert not [output for output in solution["outputs"] if output["output_type"] == "error"]


def test_it_is_quick_enough(whole: Run, took: Path) -> None:
    (took / whole.name).write_text(str(whole.seconds))
    MEASURED.mkdir(parents=True, exist_ok=True)
    (MEASURED / f"{whole.name}.json").write_text(json.dumps(math.ceil(whole.seconds)))
    assert 0 < whole.seconds <= SECONDS_A_CHAPTER, f"{whole.name} took {whole.seconds:.0f} s"


@pytest.mark.slow
def test_the_whole_book_is_quick_enough(took: Path) -> None:
    """It runs last, after the chapters of all workers."""
    seconds = {path.name: float(path.read_text()) for path in took.iterdir()}
    assert sum(seconds.values()) <= SECONDS_A_BOOK, seconds


def test_a_notebook_without_the_set_up_cell_fails_and_what_it_leaves_is_seen(wheel: Path, tmp_path: Path) -> None:
    """What the tests above rest on: the package isn't there before, and the folder is looked into."""
    cells = [
        {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "outputs": [], "execution_count": None,
         "source": code}
        for number, code in enumerate(("import numpy, sys", "open('left', 'w').close()", "import catsplit"))
    ]  # fmt: skip
    notebook = tmp_path / "forgetful.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    got = run_alone(notebook, tmp_path / "alone", str(wheel))
    assert not got.passed
    assert "No module named 'catsplit'" in got.report
    assert got.files == ["forgetful.ipynb", "left"]
    assert got.installed == []


@pytest.mark.parametrize(("clock", "processor", "expected"), [(40, 70, 40), (200, 30, 30)], ids=["quiet", "busy"])
def test_seconds_are_those_of_a_quiet_machine(clock: int, processor: int, expected: int) -> None:
    assert seconds(["7.5 20.5", "9.0 22.5", f"{7.5 + clock} {20.5 + processor}"]) == expected
    assert seconds([]) == 0
