"""The set-up of .venv: done once, noticed when unfinished, never at the cost of somebody's own packages."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def setup(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/setup.py working on a folder of its own, with the commands that it would run written down."""
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    module = script("setup.py")
    venv = tmp_path / ".venv"
    monkeypatch.chdir(tmp_path)
    for name, value in {"ROOT": tmp_path, "VENV": venv, "PYTHON": venv / "bin" / "python",
                        "STAMP": venv / "set-up.json", "LOCK": tmp_path / "requirements.lock"}.items():
        monkeypatch.setattr(module, name, value)
    module.commands = []

    def run(*command: str) -> None:
        module.commands.append(" ".join(command))
        if "venv" in command:
            (venv / "pyvenv.cfg").write_text("")
            (venv / "bin").mkdir()
            (venv / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(module, "run", run)
    about = [[3, 11, 9], "2.0", "0.1"]
    monkeypatch.setattr(module, "about", lambda: about if module.PYTHON.exists() else None)
    return module


def made_venv(module: ModuleType) -> bool:
    return any(" -m venv " in command for command in module.commands)


def installed(module: ModuleType) -> bool:
    return any("requirements.lock" in command for command in module.commands)


def test_first_time_then_nothing(setup: ModuleType, capsys: pytest.CaptureFixture) -> None:
    setup.main()
    assert made_venv(setup)
    assert installed(setup)
    assert "--no-deps" in setup.commands[-1]
    assert json.loads(setup.STAMP.read_text()) == setup.finished()
    assert "done" in capsys.readouterr().out
    setup.commands.clear()
    setup.main()
    assert not setup.commands
    assert "nothing to do" in capsys.readouterr().out


def test_killed_at_any_command_is_built_anew(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = setup.run
    setup.main()
    for survived in range(len(setup.commands)):
        def killed(*command: str, survived: int = survived) -> None:
            if len(setup.commands) == survived:
                raise KeyboardInterrupt
            whole(*command)

        shutil.rmtree(setup.VENV)
        setup.commands.clear()
        monkeypatch.setattr(setup, "run", killed)
        with pytest.raises(KeyboardInterrupt):
            setup.main()
        (setup.VENV / "half").mkdir()
        monkeypatch.setattr(setup, "run", whole)
        setup.commands.clear()
        setup.main()
        assert made_venv(setup)
        assert installed(setup)
        assert not (setup.VENV / "half").exists()


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_change_of_the_pins_updates_what_is_there(setup: ModuleType, name: str) -> None:
    setup.main()
    setup.commands.clear()
    with (setup.ROOT / name).open("a") as file:
        file.write("# changed\n")
    setup.main()
    assert installed(setup)
    assert not made_venv(setup)


def test_killed_update_is_built_anew(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.main()
    setup.LOCK.write_text(setup.LOCK.read_text() + "# changed\n")
    whole = setup.run
    monkeypatch.setattr(setup, "run", lambda *command: sys.exit("killed"))
    with pytest.raises(SystemExit, match="killed"):
        setup.main()
    monkeypatch.setattr(setup, "run", whole)
    setup.commands.clear()
    setup.main()
    assert made_venv(setup)


def test_a_moved_folder_is_set_up_anew(setup: ModuleType) -> None:
    setup.main()
    setup.commands.clear()
    setup.STAMP.write_text(json.dumps(setup.finished() | {"folder": str(setup.ROOT / "before")}))
    setup.main()
    assert made_venv(setup)
    assert installed(setup)


def test_an_environment_of_somebodys_own_is_kept(setup: ModuleType) -> None:
    (setup.VENV / "bin").mkdir(parents=True)
    (setup.VENV / "pyvenv.cfg").write_text("")
    setup.PYTHON.symlink_to(sys.executable)
    (setup.VENV / "own").mkdir()
    setup.main()
    assert installed(setup)
    assert not made_venv(setup)
    assert (setup.VENV / "own").exists()


def test_an_environment_whose_python_is_gone_is_built_anew(setup: ModuleType) -> None:
    setup.main()
    setup.commands.clear()
    setup.PYTHON.unlink()
    setup.PYTHON.symlink_to(setup.ROOT / "no-such-python")
    setup.main()
    assert made_venv(setup)
    assert installed(setup)


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 14, 0)])
def test_a_python_that_does_not_fit_gets_one_sentence(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit, match=r"needs Python 3\.11, 3\.12 or 3\.13") as stopped:
        setup.main()
    assert len(str(stopped.value).strip().splitlines()) == 1
    assert not setup.commands
    assert not setup.VENV.exists()


def test_make_says_that_there_is_no_python(tmp_path: Path) -> None:
    run = subprocess.run(["make", "-C", str(ROOT), "setup", "PYTHON=no-such-python"], capture_output=True,
                         text=True, env=os.environ | {"LC_ALL": "C"})
    assert run.returncode != 0
    assert "There is no program no-such-python" in run.stdout


def test_times_are_noted_apart(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "timed.py"
    script.parent.mkdir()
    script.write_bytes((ROOT / "scripts" / "timed.py").read_bytes())

    def timed(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True)

    assert timed("--first", "Old", "true").returncode == 0
    assert timed("--first", "Set-up", "sleep", "0.3").returncode == 0
    assert timed("Chapters", "sh", "-c", "exit 7").returncode == 7
    lines = timed("--report").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["Set-up", "Chapters"]
    seconds = [60 * float(line.split()[1]) + float(line.split()[3]) for line in lines]
    assert 0.3 <= seconds[0] < 10
    assert seconds[1] < seconds[0]
