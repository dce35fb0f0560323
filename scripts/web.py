"""Put what pages load beside HTML into .venv/web: MathJax, Jupyter's widgets, reveal.js; do nothing where that is done.

They would come from another host when a page is read, so that a page needed the network for its formulas. npm fetches
them, as the person has set it up; it comes with requirements.lock. The theme's icons are put there too, those that it
uses: it would load two thousand more, 1.5 MB on every page. Standard library only.
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
WEB = ROOT / ".venv" / "web"

# What a style sheet inside a script carries for those who debug it, a sixth of the widgets' script.
SOURCE_MAP = re.compile(r'\{version:3,sources:\[.*?sourceRoot:""\}', re.S)
# An icon in the theme's script, name: [width, height, [aliases], "code", "path"], and a use of one in its other files.
ICON = re.compile(r'"?([\w-]+)"?:\[\d+,\d+,\[([^\]]*)\],"[0-9a-f]+",(?:"[^"]*"|\[[^\]]*\])\],?')
USED = re.compile(r"\bfa-([a-z][\w-]*)")
THEMES = ("pydata_sphinx_theme", "sphinx_book_theme", "sphinx_togglebutton", "sphinx_design", "sphinx_copybutton")

# Package and version, its digest as npm writes it, the folder it goes into, and which of its files.
# What lies in pages/ is copied into the built book.
PACKAGES = (
    (
        "mathjax@3.2.2",
        "sha512-Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        "pages/mathjax",
        # By its parts, as _config.yml names them: without the menu it is a fifth smaller than in one piece.
        r"es5/(startup|core|input/tex|output/svg|output/svg/fonts/tex|a11y/assistive-mml|input/tex/extensions/\w+)\.js"
        r"|LICENSE",
    ),
    (
        "@jupyter-widgets/html-manager@1.0.15",
        "sha512-5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
        "pages/widgets",
        r"dist/(embed\.js|embed\.js\.LICENSE\.txt|\w+\.woff2)|LICENSE",
    ),
    (
        "reveal.js@4.6.1",
        "sha512-1CW0auaXNPmwmvQ7TwpszwVxMi2Xr5cTS3J3EBC/HHgbPF32Dn7aiu/LKWDOGjMbaDwKQiGmfqcoGQ74HUHCMw==",
        "reveal.js",
        r"dist/.+|plugin/notes/.+|LICENSE",
    ),
)


def main():
    stamp = WEB / "done.txt"
    made_from = [Path(__file__), ROOT / "requirements.lock"]  # the latter for the theme's version
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in made_from)).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if WEB.exists():
        shutil.rmtree(WEB)
    WEB.mkdir(parents=True)
    for package, digest, folder, files in PACKAGES:
        with tempfile.TemporaryDirectory(dir=WEB) as place:
            unpack(package, fetch(package, digest, Path(place)), WEB / folder, re.compile(files))
    icons(Path(sysconfig.get_path("purelib")), WEB / "pages" / "scripts" / "fontawesome.js")
    stamp.write_text(wanted)
    print(f"Pages: {', '.join(package for package, *_ in PACKAGES)}.")


def fetch(package, digest, place):
    """The package's archive in `place`, or an error unless it is the one that the digest tells of."""
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    command = [str(BIN / "npm"), "pack", package, "--silent", "--pack-destination", str(place)]
    if subprocess.call(command, cwd=place, env=environment, stdout=subprocess.DEVNULL) != 0:
        sys.exit(f"npm could not fetch {package}, for the reason above: run make again when that is mended.")
    (archive,) = place.glob("*.tgz")
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != digest:
        sys.exit(f"What npm fetched for {package} has the digest {found}, not {digest}: don't use it.")
    return archive


def unpack(package, archive, folder, files):
    """Write those files of the archive into `folder` whose names the pattern knows."""
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.partition("/")[2]  # all are in a folder `package`
            if not (member.isfile() and files.fullmatch(name)) or ".." in Path(name).parts:
                continue
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member).read()
            if path.suffix == ".js":
                content = SOURCE_MAP.sub("0", content.decode()).encode()
            path.write_bytes(content)
    if not folder.exists():
        sys.exit(f"There is nothing of what was looked for in {package}.")


def icons(packages, path):
    """Write the theme's script of icons without those that no file of the themes in `packages` names."""
    (script,) = packages.glob("pydata_sphinx_theme/**/static/scripts/fontawesome.js")
    used = set()
    for theme in THEMES:
        for file in (packages / theme).rglob("*"):
            if file.suffix in (".html", ".js", ".py") and file != script:
                used.update(USED.findall(file.read_text(encoding="utf-8", errors="replace")))

    def kept(icon):
        name, aliases = icon.groups()
        return icon.group() if used & {name, *re.findall(r'"([\w-]+)"', aliases)} else ""

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ICON.sub(kept, script.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
