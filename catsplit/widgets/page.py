"""A Bokeh view as one piece of HTML that carries its own scripts: no server, no other host, no frame around it.

It works in a built page opened from the disk, in JupyterLab and in Colab. Python is not asked again: what a view does
is written in CustomJS.
"""

import base64
import gzip
import hashlib
import html
import io
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from catsplit.errors import CatsplitError
from catsplit.gallery import animation, still

if TYPE_CHECKING:
    from bokeh.models import LayoutDOM

MOST_BYTES = 4_000_000  # of one view; a page may have 6 MB in all, and two are the scripts of all pages

# Light whatever the page is, as the figures are; what a browser draws by itself (lists, buttons) is told so, too.
_STYLE = (
    "background: white; color: black; color-scheme: light; padding: .6em; border-radius: 4px; "
    "box-sizing: border-box; max-width: 100%"
)

# As the page's own script, because Bokeh looks for itself among what is global.
_UNPACK = """(async () => {
  const packed = Uint8Array.from(atob("PACKED"), letter => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
})().catch(problem => {
  for (const view of document.querySelectorAll(".catsplit-view")) view.textContent = "This view needs a newer browser.";
  throw problem;
});"""

# JavaScript for callbacks: `plain(text)` is the text as HTML, and `film(one, text, width, stands)` the HTML of a
# `Film`; for less motion, or where it is told to stand still, it shows four frames.
FILM = """
const plain = text => text.replace(/[&<>"]/g, c => ({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})[c]);
const film = (one, text, width, stands = false) => {
  const quiet = ".film .moving {display: none} .film .still {display: block}";
  const run = `film ${0.2 * one.frames + 0.7}s steps(${one.frames - 1}) infinite`;
  const step = i => `<i class="still" style="background-position-y: ${100 * i / 3}%"></i>`;
  return `<style>
    .film {width: ${width}px; aspect-ratio: ${one.shape}; display: flex; flex-wrap: wrap}
    .film i {display: block; background: var(--strip) 0 0 / 100% ${100 * one.frames}%; flex: none}
    .film .moving {width: 100%; height: 100%; animation: ${run}}
    .film .still {width: 50%; height: 50%; display: none}
    @keyframes film {0% {background-position-y: 0%} 70%, 100% {background-position-y: 100%}}
    @media (prefers-reduced-motion: reduce) {${quiet}} ${stands ? quiet : ""}
    </style><div class="film" role="img" aria-label="${plain(text)}" style="--strip: url(${one.strip})">
    <i class="moving"></i>${[0, 1, 2, 3].map(step).join("")}</div>`;
};
"""


class Interactive:
    """A Bokeh layout that a notebook shows when it is a cell's last value, or by `display`.

    About half a megabyte for Bokeh's own scripts, which are packed, so a page should have one. A view that is made
    twice from the same data is the same HTML.

    Attributes:
        name: as given.
        script: the JavaScript that shows the view, without Bokeh's own.
        html: all of it.

    Args:
        layout: what is shown; `sizing_mode="stretch_width"` lets it shrink on a phone. A layout serves one view.
        name: what it is and does, one or two sentences for those who can't see it.

    Raises:
        CatsplitError: no name, or it is larger than `MOST_BYTES`.
    """

    def __init__(self, layout: "LayoutDOM", name: str) -> None:
        from bokeh.embed import components
        from bokeh.embed.bundle import bundle_for_objs_and_resources
        from bokeh.resources import INLINE

        if not name.strip():
            raise CatsplitError("An interactive view needs a name: say what it shows and what can be done with it.")
        script, place = components(layout, wrap_script=False)
        script, place = _settled(script, place)
        # Only the bundles that these models need.
        bundle = bundle_for_objs_and_resources([layout], INLINE)
        self.name, self.script = name, script
        self.html = (
            f'<div class="catsplit-view" role="group" aria-label="{html.escape(name)}" style="{_STYLE}">'
            f"<noscript>This view needs JavaScript. The figure beside it shows the same, standing still.</noscript>"
            f"{place}</div>\n<script>\n{_packed([*bundle.js_raw, script])}\n</script>"
        )
        if len(self.html) > MOST_BYTES:
            raise CatsplitError(
                f"This view has {len(self.html) / 1e6:.1f} MB, and a page can hold {MOST_BYTES / 1e6:.0f}: "
                "show fewer or smaller clips."
            )

    def __repr__(self) -> str:
        return f"Interactive({self.name!r}, {len(self.html) / 1e6:.1f} MB)"

    def _repr_html_(self) -> str:
        return self.html


class ClipData(NamedTuple):
    """A clip inside a page: `data:` addresses of a picture that moves, and of four of its frames."""

    moving: str
    still: str


def clip_data(frames: np.ndarray, most: int = 8, fps: float = 5, quality: int = 45) -> ClipData:
    """A clip as two small WebP pictures.

    Args:
        frames: (T, H, W, 3) uint8, at the size at which they are stored.
        most: frames of the moving picture, evenly spaced over the clip, the first and the last among them.
        fps: frames a second of those.
        quality: of WebP, 0–100.

    Raises:
        CatsplitError: frames of another shape or type.
    """
    frames = _thinned(frames, most)
    return ClipData(_address(animation(frames, fps, quality)), _address(still(frames, quality)))


class Film(NamedTuple):
    """A clip inside a page as one picture that stands still, which the page moves or not.

    About half the size of an animated picture and of one that stands still.

    Attributes:
        strip: `data:` address of the frames below one another, the first on top.
        frames: their number.
        shape: width of a frame divided by its height.
    """

    strip: str
    frames: int
    shape: float


def film(frames: np.ndarray, most: int = 8, quality: int = 30) -> Film:
    """A clip as a `Film`; arguments and errors as for `clip_data`."""
    from PIL import Image

    frames = _thinned(frames, most)
    file = io.BytesIO()
    Image.fromarray(np.concatenate(list(frames))).save(file, "WEBP", quality=quality, method=4)
    return Film(_address(file.getvalue()), len(frames), round(frames.shape[2] / frames.shape[1], 3))


def _thinned(frames: np.ndarray, most: int) -> np.ndarray:
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape or frames.dtype != np.uint8:
        raise CatsplitError(f"A clip's frames must be (T, H, W, 3) uint8, not {frames.shape} {frames.dtype}.")
    return frames[np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int)]


def _packed(scripts: list[str]) -> str:
    """A script that unpacks these and runs them in their order."""
    packed = base64.b64encode(gzip.compress("\n;\n".join(scripts).encode(), mtime=0)).decode()
    return _UNPACK.replace("PACKED", packed)


def _address(webp: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(webp).decode()


def _settled(script: str, place: str) -> tuple[str, str]:
    """The same with names that follow from the content, where Bokeh counts models and draws random numbers."""
    names = re.compile(r'(?<=")(?:p\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=")')
    order: dict[str, int] = {}
    for found in names.findall(script):
        order.setdefault(found, len(order))
    counted = names.sub(lambda found: str(order[found.group()]), script)
    digest = hashlib.sha256(counted.encode()).hexdigest()[:10]

    def settle(text: str) -> str:
        return names.sub(lambda found: f"view-{digest}-{order[found.group()]}", text)

    return settle(script), settle(place)
