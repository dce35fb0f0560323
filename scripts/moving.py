"""An SVG that moves by CSS alone, and the shapes that it is made of; for scripts/overview.py."""

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from catsplit.plots.style import COLOURS

SECONDS, EASE = 10, "cubic-bezier(.45,0,.2,1)"
FRAMES, HOLD, SIZE = 16, 4, 80  # of a clip, at ten a second: shown, then for how long the last stays; pixels
STRIP, ROW = 150, 40
GREY, GREEN, INK = COLOURS[6], COLOURS[2], "#1a1a1a"


class Motion:
    """CSS animations, all of them SECONDS long. What stands still is how they end."""

    def __init__(self) -> None:
        self.rules, self.moving = [], []

    def __call__(self, body: str, still: str | float | None = None, **tracks: list) -> str:
        """Wrap SVG into groups that move: property = [(second, value), …]; before and after, the value holds."""
        for prop, stops in tracks.items():
            name, last = f"m{len(self.rules)}", stops[-1][1]
            stops = [(0, stops[0][1]), *stops, (SECONDS, last)]
            frames = "".join(f"{round(100 * at / SECONDS, 2):g}%{{{prop}:{value}}}" for at, value in stops)
            self.rules.append(f".{name}{{{prop}:{last if still is None else still}}}")
            self.moving.append(f"@keyframes {name}{{{frames}}}.{name}{{animation:{name} {SECONDS}s {EASE} infinite}}")
            body = f'<g class="{name}">{body}</g>'
        return body

    def shown(self, body: str, *times: float, rise: int = 0) -> str:
        """Fade in at the first time, out at the second, in at the third…"""
        fades = [stop for i, at in enumerate(times) for stop in ((at, i % 2), (at + 0.3, 1 - i % 2))]
        tracks = {"opacity": fades}
        if rise:
            tracks["transform"] = [(times[0], f"translate(0,{rise}px)"), (times[0] + 0.35, "translate(0,0)")]
        return self(body, **tracks)

    def style(self) -> str:
        # A clip is a strip of frames that jumps on by one; it stays at the last for a while.
        share = 100 / (FRAMES + HOLD)
        jumps = "".join(f"{i * share:.2f}%{{transform:translateX(-{SIZE * i}px)}}" for i in range(FRAMES))
        film = f"@keyframes film{{{jumps}}}.film{{animation:film 2s step-end infinite}}"
        return (
            "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;"
            f"font-size:28px;fill:{INK}}}.big{{font-size:38px;font-weight:700}}.small{{font-size:25px}}"
            f"g{{transform-box:fill-box;transform-origin:center}}{''.join(self.rules)}"
            f".film{{transform:translateX(-{SIZE * FRAMES // 2}px)}}"
            f"@media (prefers-reduced-motion:no-preference){{{''.join(self.moving)}{film}}}"
        )


def mixed(value: float, hue: str) -> str:
    """White to the hue for 0 to 1."""
    channels = [int(hue[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (channel - 255) * (0.06 + 0.94 * value)):02x}" for channel in channels)


def text(x: float, y: float, words: str, kind: str = "", **more: str) -> str:
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x}" y="{y}" class="{kind}"{attributes}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, fill: str = "none", **more: str | float) -> str:
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}"{attributes}/>'


def strip(x: float, y: float, values: np.ndarray, limit: float, hue: str) -> str:
    """A row, or what is added to one: a cell for each number from -limit to limit, darker the larger it is."""
    step = STRIP / len(values)
    shades = [mixed(round(float(np.clip(value / limit / 2 + 0.5, 0, 1)), 2), hue) for value in values]
    cells = [box(round(x + i * step, 2), y, step - 1, ROW, shade) for i, shade in enumerate(shades)]
    return "".join(cells)


def lock(x: float, y: float) -> str:
    return (
        f'<g transform="translate({x},{y})"><path d="M5 13V8a6 6 0 0 1 12 0v5" fill="none" stroke="{GREY}" '
        f'stroke-width="3"/>{box(1, 12, 20, 16, GREY, rx=3)}</g>'
    )


def tick(x: float, y: float) -> str:
    path = '<path d="M-9 0l6 7l12 -13" fill="none" stroke="white" stroke-width="4.5" stroke-linecap="round"/>'
    return f'<g transform="translate({x},{y})"><circle r="19" fill="{GREEN}"/>{path}</g>'


def clip(x: float, y: float, size: float, film: str) -> str:
    """A clip that moves, from all its frames side by side."""
    return (
        f'<svg x="{x}" y="{y}" width="{size}" height="{size}" viewBox="0 0 {SIZE} {SIZE}"><image class="film" '
        f'width="{SIZE * FRAMES}" height="{SIZE}" href="{film}"/></svg>'
    )


def sheet(frames: np.ndarray) -> tuple[str, str]:
    """All frames (T, H, W, 3) side by side, and the middle one, as data URIs."""
    found = []
    for picture in (np.concatenate(list(frames), 1), frames[len(frames) // 2]):
        Image.fromarray(picture).save(file := io.BytesIO(), "WEBP", quality=82, method=6)
        found.append("data:image/webp;base64," + base64.b64encode(file.getvalue()).decode())
    return tuple(found)
