"""Shapes on a stack of frames: signed distances, anti-aliased, all frames of a clip at once."""

from collections.abc import Callable

import numpy as np

Array = np.ndarray
_PIXELS = 25_000  # painted at a time, about: their arrays stay in the processor's cache


def _box(u: Array, v: Array) -> Array:
    return np.maximum(np.abs(u), np.abs(v)) - 1


def _disc(u: Array, v: Array) -> Array:
    return np.sqrt(u * u + v * v) - 1


def _cross(u: Array, v: Array) -> Array:
    u, v = np.abs(u), np.abs(v)
    return np.minimum(np.maximum(u - 0.4, v - 1), np.maximum(u - 1, v - 0.4))


# Signed distance (negative inside) in the shape's own coordinates, where it fills [-1, 1]²; v points down.
SHAPES: dict[str, Callable[[Array, Array], Array]] = {
    "disc": _disc,
    "box": _box,
    "diamond": lambda u, v: (np.abs(u) + np.abs(v) - 1) * 0.7,
    "triangle": lambda u, v: np.maximum(v - 1, (2 * np.abs(u) - v - 1) * 0.45),
    "hexagon": lambda u, v: np.maximum(0.87 * np.abs(u) + 0.5 * np.abs(v), np.abs(v)) - 0.87,
    "cross": _cross,
    "ring": lambda u, v: np.abs(np.sqrt(u * u + v * v) - 0.72) - 0.28,
    "pill": lambda u, v: np.sqrt(np.maximum(np.abs(u) - 0.45, 0) ** 2 + (0.55 * v) ** 2) - 0.55,
    "cup": lambda u, v: np.maximum(_box(u, v), -np.maximum(np.abs(u) - 0.76, v - 0.82)),
}

# Share of the second colour, in the shape's own coordinates.
TEXTURES: dict[str, Callable[[Array, Array], Array]] = {
    "plain": lambda u, v: np.zeros_like(u),
    "halves": lambda u, v: (u > 0).astype(np.float32),
    "stripes": lambda u, v: (np.sin(9 * u) > 0.2).astype(np.float32),
    "checks": lambda u, v: ((np.sin(7 * u) * np.sin(7 * v)) > 0).astype(np.float32),
    "dots": lambda u, v: (np.cos(8 * u) + np.cos(8 * v) > 0.7).astype(np.float32),
    "spokes": lambda u, v: (np.sin(3 * np.arctan2(v, u)) > 0.3).astype(np.float32),
}


class Canvas:
    """Frames that shapes are painted on, from back to front.

    Coordinates are shares of the frame, x to the right and y down; a camera moves and scales all of them alike.

    Attributes:
        rgb: colours in 0–1, (3, T, H, W) float32.
        camera: shift of each frame in shares of the frame, (T, 2).
        zoom: scale about the centre of the frame.
    """

    def __init__(self, frames: int, size: int, camera: Array | float = 0.0, zoom: float = 1.0) -> None:
        self.rgb = np.zeros((3, frames, size, size), np.float32)
        self.camera = np.broadcast_to(np.asarray(camera, np.float32), (frames, 2))
        self.zoom = zoom
        self._ticks = (np.arange(size, dtype=np.float32) + 0.5) / size

    def fill(self, picture: Array) -> None:
        """Paint a still picture, (3, H, W) or (3, 1, 1), on all frames."""
        self.rgb[:] = picture[:, None]

    def paint(self, shape: str, x, y, w, h, colour, *, angle=0.0, colour2=None, texture="plain", opacity=1.0) -> None:
        """Paint `shape`; every number may be one a clip or one a frame, (T,).

        Args:
            x, y: centre. w, h: half its width and height. angle: clockwise, in radians.
            colour, colour2: (3,) in 0–1; the texture mixes them. opacity: 0–1.
        """
        frames, size = self.rgb.shape[1:3]
        x, y, w, h, angle, opacity = (
            np.broadcast_to(np.asarray(a, np.float32), (frames,)) for a in (x, y, w, h, angle, opacity)
        )
        x = (x - 0.5) * self.zoom + 0.5 + self.camera[:, 0]
        y = (y - 0.5) * self.zoom + 0.5 + self.camera[:, 1]
        w, h = np.maximum(w * self.zoom, 1e-4), np.maximum(h * self.zoom, 1e-4)
        cos, sin, visible = np.abs(np.cos(angle)), np.abs(np.sin(angle)), opacity > 0
        across, down = w * cos + h * sin + 1.5 / size, w * sin + h * cos + 1.5 / size
        width = (x + across).max() - (x - across).min()
        height = (y + down).max() - (y - down).min()
        chunk = max(2, int(_PIXELS / (min(width, 1) * min(height, 1) * size**2 + 1)))
        for start in range(0, frames, chunk):
            part = slice(start, start + chunk)
            if visible[part].any():
                self._paint(
                    part,
                    shape,
                    texture,
                    x[part],
                    y[part],
                    w[part],
                    h[part],
                    angle[part],
                    opacity[part],
                    across[part],
                    down[part],
                    colour,
                    colour2,
                )

    def _paint(self, part, shape, texture, x, y, w, h, angle, opacity, across, down, colour, colour2) -> None:
        size = self.rgb.shape[2]
        rows = slice(*np.clip([(y - down).min() * size, (y + down).max() * size + 1], 0, size).astype(int))
        cols = slice(*np.clip([(x - across).min() * size, (x + across).max() * size + 1], 0, size).astype(int))
        if rows.start >= rows.stop or cols.start >= cols.stop:
            return
        x, y, w, h, angle, opacity = (a[:, None, None] for a in (x, y, w, h, angle, opacity))
        dx, dy = (
            self._ticks[None, None, cols] - x,
            self._ticks[None, rows, None] - y,
        )  # (t, 1, width), (t, height, 1)
        cos, sin = np.cos(angle), np.sin(angle)
        u = (cos / w) * dx + (sin / w) * dy  # (t, height, width)
        v = (cos / h) * dy - (sin / h) * dx
        if shape == "box":  # long and thin: an edge is as sharp along as across
            outside = np.maximum((np.abs(u) - 1) * (w * size), (np.abs(v) - 1) * (h * size))
        else:
            outside = SHAPES[shape](u, v) * (np.minimum(w, h) * size)  # pixels, negative inside
        alpha = np.clip(0.5 - outside, 0, 1) * opacity
        share = TEXTURES[texture](u, v) if texture != "plain" and colour2 is not None else None
        for channel in range(3):
            target = self.rgb[channel, part, rows, cols]
            paint = colour[channel] if share is None else colour[channel] + share * (colour2[channel] - colour[channel])
            target += alpha * (paint - target)

    def line(self, x0, y0, x1, y1, width, colour, opacity=1.0) -> None:
        """A straight line of half-width `width` from (x0, y0) to (x1, y1), each one a clip or one a frame."""
        x0, y0, x1, y1 = (np.asarray(a, np.float32) for a in (x0, y0, x1, y1))
        self.paint(
            "box",
            (x0 + x1) / 2,
            (y0 + y1) / 2,
            np.hypot(x1 - x0, y1 - y0) / 2,
            width,
            colour,
            angle=np.arctan2(y1 - y0, x1 - x0),
            opacity=opacity,
        )

    def frames(self) -> Array:
        """The clip as 8-bit frames, (T, H, W, 3) uint8."""
        return np.ascontiguousarray((self.rgb.clip(0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 3, 0))
