"""Moving clips on a page, in a notebook as in the built book: animated pictures inside the HTML, and no script.

Readers stop all clips with one box; for those whose system asks for less motion they stand still from the start.
A clip that stands still shows four of its frames.
"""

import base64
import hashlib
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from catsplit.errors import CatsplitError

MOST_FRAMES = 32  # of a clip on a page; longer clips are thinned out
HOLD = 700  # milliseconds that the last frame stays, so that the jump to the first isn't taken for a motion

_STYLE = """<style>
.catsplit-clips {margin: .5em 0 1em; line-height: 1.35}
.catsplit-clips .grid {display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--width), 1fr)); gap: .8em}
.catsplit-clips figure {margin: 0; font-size: .85em; overflow-wrap: break-word; text-align: left}
.catsplit-clips img {width: 100%; max-width: 12em; height: auto; display: block; margin: 0; border-radius: 3px}
.catsplit-clips h4 {margin: 1em 0 .3em; font-size: 1em}
.catsplit-clips .note {opacity: .85}
.catsplit-clips h4, .catsplit-clips figcaption, .catsplit-clips .note {color: inherit !important}
.catsplit-clips .still, .catsplit-clips .play {display: none}
.catsplit-clips input:checked ~ .all .still {display: block}
.catsplit-clips input:checked ~ .all .moving {display: none}
@media (prefers-reduced-motion: reduce) {
.catsplit-clips .play, .catsplit-clips input:checked ~ .all .moving {display: revert}
.catsplit-clips .still {display: block}
.catsplit-clips .stop, .catsplit-clips .moving, .catsplit-clips input:checked ~ .all .still {display: none}
}
</style>"""


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


class Gallery:
    """A grid of moving clips; a notebook shows it when it is a cell's last value, or by `display`.

    About 10 kB for each clip of 20 frames of 80 × 80 pixels.

    Args:
        clips: the clips, or {heading: clips}.
        width: least width of a clip in the grid, in pixels.
        size: short side, in pixels, of what is stored; videos are scaled to it, frames only down.
        fps: frames a second.
        quality: of WebP, 0–100.

    Raises:
        CatsplitError: no clips, or frames of another shape or type.
        ClipError: a video can't be read.
    """

    def __init__(
        self,
        clips: Sequence[Clip] | Mapping[str, Sequence[Clip]],
        width: int = 130,
        size: int = 96,
        fps: float = 10,
        quality: int = 60,
    ) -> None:
        groups = dict(clips) if isinstance(clips, Mapping) else {"": clips}
        groups = {heading: list(members) for heading, members in groups.items() if members}
        if not groups:
            raise CatsplitError("A gallery needs at least one clip.")
        self.count = sum(map(len, groups.values()))
        parts = []
        for heading, members in groups.items():
            figures = "".join(_figure(clip, size, fps, quality) for clip in members)
            title = f"<h4>{html.escape(heading)}</h4>" if heading else ""
            parts.append(f'{title}<div class="grid">{figures}</div>')
        body = "".join(parts)
        # Unlike a random name it leaves a page that is built twice the same.
        name = "clips-" + hashlib.sha256(body.encode()).hexdigest()[:12]
        self.html = (
            f'{_STYLE}<div class="catsplit-clips" style="--width: {int(width)}px"><input type="checkbox" id="{name}"> '
            f'<label for="{name}"><span class="stop">Stop the clips</span><span class="play">Let the clips move</span>'
            f'</label><div class="all">{body}</div></div>'
        )

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        return f"Gallery({self.count} clips, {len(self.html) / 1000:.0f} kB)"

    def _repr_html_(self) -> str:
        return self.html


def animation(frames: np.ndarray, fps: float = 10, quality: int = 60) -> bytes:
    """An animated WebP that runs forever, of frames (T, H, W, 3) uint8."""
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in frames]
    durations = [round(1000 / fps)] * (len(pictures) - 1) + [HOLD]
    file = io.BytesIO()
    options = {"quality": quality, "method": 4, "loop": 0}
    pictures[0].save(file, "WEBP", save_all=True, append_images=pictures[1:], duration=durations, **options)
    return file.getvalue()


def still(frames: np.ndarray, quality: int = 60) -> bytes:
    """A WebP of four evenly spaced frames of (T, H, W, 3) uint8, in reading order, at half their size."""
    from PIL import Image

    a, b, c, d = frames[np.linspace(0, len(frames) - 1, 4).round().astype(int)]
    sheet = Image.fromarray(np.concatenate([np.concatenate([a, b], 1), np.concatenate([c, d], 1)]))
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()


def _figure(clip: Clip, size: int, fps: float, quality: int) -> str:
    frames = _frames(clip, size)
    caption, note = html.escape(clip.caption), html.escape(clip.note)
    if clip.right is not None:
        note = ("✓ right: " if clip.right else "✗ wrong: ") + note
    height, width = frames.shape[1:3]
    pictures = "".join(
        # The book's theme changes the contrast of pictures on dark pages, but not of this class.
        f'<img class="{kind} dark-light" alt="{caption}{what}" width="{width}" height="{height}" '
        f'src="data:image/webp;base64,{base64.b64encode(data).decode()}">'
        for kind, what, data in (
            ("moving", " (moving clip)", animation(frames, fps, quality)),
            ("still", " (four frames in reading order)", still(frames, quality)),
        )
    )
    second = f'<div class="note">{note}</div>' if note else ""
    return f"<figure>{pictures}<figcaption>{caption}{second}</figcaption></figure>"


def _frames(clip: Clip, size: int) -> np.ndarray:
    frames = clip.frames
    if isinstance(frames, str | Path):
        from catsplit.video import read_frames

        frames = read_frames(frames, size)
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape or frames.dtype != np.uint8:
        raise CatsplitError(
            f'The frames of "{clip.caption}" must be (T, H, W, 3) uint8, not {frames.shape} {frames.dtype}.'
        )
    if len(frames) > MOST_FRAMES:
        frames = frames[np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int)]
    if min(frames.shape[1:3]) <= size:
        return frames
    from PIL import Image

    share = size / min(frames.shape[1:3])
    new = max(round(frames.shape[2] * share), 1), max(round(frames.shape[1] * share), 1)
    return np.stack([np.asarray(Image.fromarray(frame).resize(new)) for frame in frames])
