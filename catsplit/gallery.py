"""Moving clips on a page, in a notebook as in the built book: pictures inside the HTML, moved by its style alone.

A clip is one picture of its frames below one another. Readers stop all clips with one box; for those whose system asks
for less motion they stand still from the start. A clip that stands still shows four of its frames.
"""

import base64
import hashlib
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from catsplit.errors import CatsplitError

# A last frame stays for a third of the run, so that the jump to the first isn't taken for a motion.
STYLE = """<style>
.film {aspect-ratio: var(--shape); display: flex; flex-wrap: wrap; border-radius: 3px; overflow: hidden}
.film i {background: var(--strip) 0 0 / 100% calc(100% * var(--frames)); flex: none; print-color-adjust: exact;
 -webkit-print-color-adjust: exact}
.film .moving {display: var(--moving, block); width: 100%; height: 100%; animation: film var(--run) infinite}
.film .still {display: var(--still, none); width: 50%; height: 50%}
@keyframes film {0% {background-position-y: 0%} 70%, 100% {background-position-y: 100%}}
.stands, input:checked ~ .clips .film {--moving: none; --still: block}
@media (prefers-reduced-motion: reduce) {
.film {--moving: none; --still: block}
input:checked ~ .clips .film {--moving: block; --still: none}
}
</style>"""
_STYLE = """<style>
.catsplit-clips {margin: .5em 0 1em; line-height: 1.35}
.catsplit-clips .grid {display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--width), 1fr)); gap: .8em}
.catsplit-clips figure {margin: 0; font-size: .85em; overflow-wrap: break-word; text-align: left}
.catsplit-clips .film {max-width: 12em}
.catsplit-clips h4 {margin: 1em 0 .3em; font-size: 1em}
.catsplit-clips .note {opacity: .85}
.catsplit-clips h4, .catsplit-clips figcaption, .catsplit-clips .note {color: inherit !important}
.catsplit-clips figcaption {font: inherit; text-align: left; margin: .2em 0 0; padding: 0}
.catsplit-clips .play {display: none}
@media (prefers-reduced-motion: reduce) {
.catsplit-clips .play {display: inline}
.catsplit-clips .stop {display: none}
}
</style>"""


class Film(NamedTuple):
    """A clip inside a page as one picture that stands still, which the page moves or not.

    Attributes:
        strip: `data:` address of the frames below one another, the first on top.
        frames: their number.
        shape: width of a frame divided by its height.
        seconds: of one run.
    """

    strip: str
    frames: int
    shape: float
    seconds: float

    def html(self, text: str, stands: bool = False) -> str:
        """The film as wide as what is around it; `STYLE` must be on the page.

        Args:
            text: what it shows, for those who can't see it.
            stands: whether it shows four of its frames, whatever the reader's system asks for.
        """
        last = max(self.frames - 1, 1)
        style = (
            f"--strip: url({self.strip}); --frames: {self.frames}; --shape: {self.shape}; "
            f"--run: {self.seconds:.2f}s steps({last})"
        )
        still = "".join(
            f'<i class="still" style="background-position-y: {100 * round(i * last / 3) / last:.3f}%"></i>'
            for i in range(4)
        )
        kind = "film stands" if stands else "film"
        text = html.escape(text)
        return f'<div class="{kind}" role="img" aria-label="{text}" style="{style}"><i class="moving"></i>{still}</div>'


def film(frames: np.ndarray, most: int = 8, fps: float = 5, quality: int = 30, size: int = 96) -> Film:
    """A clip as a `Film`.

    Args:
        frames: (T, H, W, 3) uint8.
        most: frames that are kept, evenly spaced over the clip, the first and the last among them.
        fps: of those, a second.
        quality: of WebP, 0–100.
        size: short side, in pixels, to which larger frames are scaled.

    Raises:
        CatsplitError: frames of another shape or type.
    """
    from PIL import Image

    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape or frames.dtype != np.uint8:
        raise CatsplitError(f"A clip's frames must be (T, H, W, 3) uint8, not {frames.shape} {frames.dtype}.")
    height, width = frames.shape[1:3]
    share = min(size / min(height, width), 1)
    kept = frames[np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int)]
    pictures = [Image.fromarray(one).resize((round(width * share), round(height * share))) for one in kept]
    file = io.BytesIO()
    Image.fromarray(np.concatenate(pictures)).save(file, "WEBP", quality=quality, method=2)
    address = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
    return Film(address, len(kept), round(width / height, 3), len(kept) / fps / 0.7)


def clips_that_stop(body: str, width: int) -> str:
    """HTML with films in it, and a box above it that stops them all.

    Args:
        body: grids of figures.
        width: least width of a figure in its grid, in pixels.
    """
    # Unlike a random name it leaves a page that is built twice the same.
    name = "clips-" + hashlib.sha256(body.encode()).hexdigest()[:12]
    return (
        f'{STYLE}{_STYLE}<div class="catsplit-clips" style="--width: {width}px"><input type="checkbox" id="{name}"> '
        f'<label for="{name}"><span class="stop">Stop the clips</span><span class="play">Let the clips move</span>'
        f'</label><div class="clips">{body}</div></div>'
    )


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip of a gallery.

    Attributes:
        frames: (T, H, W, 3) uint8, or the path of a video.
        caption: what it shows; read aloud in place of the picture, too.
        note: a second line, for example what a classifier answered.
        right: whether that answer is right, shown as a mark and a word; None where there is nothing to say.
    """

    frames: np.ndarray | str | Path
    caption: str
    note: str = ""
    right: bool | None = None

    def html(self, size: int) -> str:
        """The clip as a figure; its short side has `size` pixels or fewer."""
        frames = self.frames
        if isinstance(frames, str | Path):
            from catsplit.video import read_frames

            frames = read_frames(frames, size)
        moving = film(frames, most=32, fps=10, quality=60, size=size).html(f"{self.caption} (moving clip)")
        return f"<figure>{moving}<figcaption>{caption(self.caption, self.note, self.right)}</figcaption></figure>"


def caption(text: str, note: str, right: bool | None) -> str:
    """What a clip shows, and below it a note with a mark and a word for what is right or wrong."""
    mark = {True: "✓ right: ", False: "✗ wrong: ", None: ""}[right]
    second = f'<div class="note">{mark}{html.escape(note)}</div>' if note else ""
    return html.escape(text) + second


class Gallery:
    """A grid of moving clips; a notebook shows it when it is a cell's last value, or by `display`.

    About 7 kB for each clip of 20 frames of 80 × 80 pixels.

    Args:
        clips: the clips, or {heading: clips}.
        width: least width of a clip in the grid, in pixels.
        size: short side, in pixels, of what is stored; videos are scaled to it, frames only down.

    Raises:
        CatsplitError: no clips, or frames of another shape or type.
        ClipError: a video can't be read.
    """

    def __init__(
        self, clips: Sequence[Clip] | Mapping[str, Sequence[Clip]], width: int = 130, size: int = 96
    ) -> None:
        groups = clips if isinstance(clips, Mapping) else {"": clips}
        if not any(groups.values()):
            raise CatsplitError("A gallery needs at least one clip.")
        parts = []
        for heading, members in groups.items():
            if members:
                title = f"<h4>{html.escape(heading)}</h4>" if heading else ""
                figures = "".join(clip.html(size) for clip in members)
                parts.append(f'{title}<div class="grid">{figures}</div>')
        self.html = clips_that_stop("".join(parts), width)

    def __repr__(self) -> str:
        return f"Gallery({len(self.html) / 1000:.0f} kB)"

    def _repr_html_(self) -> str:
        return self.html
