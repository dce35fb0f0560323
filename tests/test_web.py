"""What pages load, fetched by npm: the right archive, the wanted files of it, and nothing outside its folder."""

import base64
import hashlib
import io
import re
import tarfile
from pathlib import Path
from types import ModuleType

import pytest


def archive(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


KEPT = '"moon":[1,1,[],"f1","M1"],used:[1,1,["older"],"f2",["M2","M3"]],'
PACKED = archive({"package/dist/a.js": "a", "package/dist/../../b.js": "b", "package/c.txt": "c"})
DIGEST = "sha512-" + base64.b64encode(hashlib.sha512(PACKED).digest()).decode()


@pytest.fixture
def web(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with a program in npm's place that leaves PACKED where it is told to, and notes that it ran."""
    module = script("web.py")
    module.BIN, module.WEB = tmp_path / "bin", tmp_path / "web"
    module.PACKAGES = (("thing@1.0.0", DIGEST, "pages/thing", r"dist/.+"),)
    module.BIN.mkdir()
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(tmp_path / "packages"))
    for name, text in {
        "static/scripts/fontawesome.js": f"x={{{KEPT}gone:[1,1,[],\"f3\",\"\"]}}",
        "layout.html": '<i class="fa-solid fa-moon"></i> <i class="fa-solid fa-older"></i>',
        "styles.css": ".fa-gone {}",
    }.items():
        path = tmp_path / "packages" / "pydata_sphinx_theme" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "packed").write_bytes(PACKED)
    npm = module.BIN / "npm"
    npm.write_text(f'#!/bin/sh\necho "$2" >> "{tmp_path}/ran"\ncp "{tmp_path}/packed" "$5/thing-1.0.0.tgz"\n')
    npm.chmod(0o755)
    return module


def test_the_wanted_files_and_no_other_are_unpacked(web: ModuleType, tmp_path: Path) -> None:
    web.main()
    there = {str(path.relative_to(web.WEB)) for path in web.WEB.rglob("*") if path.is_file()}
    assert there == {"pages/thing/dist/a.js", "pages/scripts/fontawesome.js", "done.txt"}
    assert (web.WEB / "pages/thing/dist/a.js").read_text() == "a"
    assert (tmp_path / "ran").read_text() == "thing@1.0.0\n"


def test_what_is_done_is_not_done_again(web: ModuleType, tmp_path: Path) -> None:
    web.main()
    web.main()
    assert (tmp_path / "ran").read_text().count("thing") == 1


def test_what_was_cut_off_is_done_anew(web: ModuleType, tmp_path: Path) -> None:
    web.main()
    (web.WEB / "done.txt").unlink()
    (web.WEB / "half").write_text("")
    web.main()
    assert not (web.WEB / "half").exists()
    assert (tmp_path / "ran").read_text().count("thing") == 2


def test_another_archive_than_the_known_one_is_refused(web: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(archive({"package/dist/a.js": "evil"}))
    with pytest.raises(SystemExit, match=r"thing@1\.0\.0 has the digest sha512-\S+, not " + re.escape(DIGEST)):
        web.main()
    assert not (web.WEB / "pages").exists()
    assert not (web.WEB / "done.txt").exists()


def test_a_failure_of_npm_says_what_to_do(web: ModuleType) -> None:
    (web.BIN / "npm").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(SystemExit, match=r"npm could not fetch thing@1\.0\.0, .*: run make again"):
        web.main()


def test_icons_that_no_page_can_show_are_left_out(web: ModuleType) -> None:
    web.main()
    script = (web.WEB / "pages/scripts/fontawesome.js").read_text()
    assert script == f"x={{{KEPT}}}"
