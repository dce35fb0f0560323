"""What all scripted actions share: a background, a camera, things, a hand, and the passing of time."""

import colorsys
from dataclasses import dataclass

import numpy as np

from catsplit.stage.draw import SHAPES, Canvas

FRAMES = 20
SIZE = 80
TABLE = 0.74  # height of the table's edge in the scenes seen from the side, in shares of the frame
THING_SHAPES = ("disc", "box", "diamond", "triangle", "hexagon", "cross", "ring", "pill")
SKIN = ((0.96, 0.80, 0.69), (0.87, 0.67, 0.52), (0.72, 0.50, 0.35), (0.50, 0.33, 0.22), (0.36, 0.23, 0.16))


@dataclass(frozen=True)
class Thing:
    """The look of one thing: a shape of half-size `radius`, two colours and a texture."""

    shape: str
    radius: float
    colour: tuple[float, float, float]
    colour2: tuple[float, float, float]
    texture: str

    def draw(self, canvas: Canvas, x, y, *, angle=0.0, sx=1.0, sy=1.0, opacity=1.0) -> None:
        canvas.paint(
            self.shape,
            x,
            y,
            self.radius * sx,
            self.radius * sy,
            self.colour,
            angle=angle,
            colour2=self.colour2,
            texture=self.texture,
            opacity=opacity,
        )


class Scene:
    """One clip in the making: randomness from one generator, a canvas and a clock.

    Attributes:
        tau: time of each frame in 0–1, (T,).
    """

    def __init__(self, rng: np.random.Generator, seen_from: str, frames: int = FRAMES, size: int = SIZE) -> None:
        self.rng = rng
        self._hand = None
        self.tau = np.linspace(0, 1, frames, dtype=np.float32)
        shake = rng.normal(0, 0.006, (frames, 2)).cumsum(0)
        pan = (self.tau[:, None] - 0.5) * rng.uniform(-0.12, 0.12, 2)
        self.canvas = Canvas(
            frames, size, shake - shake.mean(0) + pan + rng.uniform(-0.05, 0.05, 2), rng.uniform(0.75, 1.1)
        )
        self._background(seen_from, size)
        for _ in range(rng.integers(0, 3)):
            self._passer_by()

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def side(self) -> int:
        return int(self.rng.choice((-1, 1)))

    def colour(self, saturation=(0.3, 1.0), value=(0.35, 1.0)) -> tuple[float, float, float]:
        return colorsys.hsv_to_rgb(self.uniform(0, 1), self.uniform(*saturation), self.uniform(*value))

    def thing(self, low=0.085, high=0.12, shapes=THING_SHAPES, textures=None) -> Thing:
        """A thing of random look with a half-size between `low` and `high`."""
        colour = self.colour()
        grey = 1 - round(float(np.dot(colour, (0.3, 0.6, 0.1))))
        colour2 = tuple(0.75 * grey + 0.25 * c for c in self.colour((0.2, 0.9)))
        textures = textures or ("plain", "halves", "stripes", "checks", "dots", "spokes")
        return Thing(
            str(self.rng.choice(shapes)),
            self.uniform(low, high),
            colour,
            colour2,
            str(self.rng.choice(textures)),
        )

    def once(self, start=(0.05, 0.2), stop=(0.65, 0.85)) -> np.ndarray:
        """Progress of something that happens once: 0, then smoothly up, then 1; (T,)."""
        begin, end = self.uniform(*start), self.uniform(*stop)
        share = np.clip((self.tau - begin) / (end - begin), 0, 1)
        return share * share * (3 - 2 * share)

    def swing(self, quick: bool) -> np.ndarray:
        """Phase in radians of something periodic, slow or quick; (T,). Both pass through every phase."""
        turns = self.uniform(3.0, 3.8) if quick else self.uniform(1.0, 1.25)
        return 2 * np.pi * (turns * self.tau + self.uniform(0, 1))

    def skin(self) -> tuple[float, float, float]:
        return self._sleeve()[0]

    def hand(self, x, y, opacity=1.0, up=1) -> None:
        """A hand with its fingertips at (x, y); its arm leaves the frame at the bottom, or at the top if `up` is −1."""
        skin, length, sleeve = self._sleeve()
        width = length * 0.26
        x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
        dark, down = tuple(0.82 * c for c in skin), up * length
        self.canvas.paint("box", x, y + down * 1.9, width * 0.62, length * 1.1, sleeve, opacity=opacity)
        self.canvas.paint("disc", x, y + down * 0.62, width, length * 0.36, skin, opacity=opacity)
        for place, reach in ((-0.72, 0.05), (-0.25, 0.0), (0.25, 0.01), (0.72, 0.07)):
            tip = skin if place > -0.5 else dark
            spot = x + place * width, y + down * (0.24 + reach)
            self.canvas.paint("disc", *spot, width * 0.27, length * 0.25, tip, opacity=opacity)

    def _sleeve(self) -> tuple:
        if self._hand is None:
            skin = SKIN[self.rng.integers(len(SKIN))]
            self._hand = skin, self.uniform(0.30, 0.40), self.colour((0.2, 0.8), (0.3, 0.9))
        return self._hand

    def _passer_by(self) -> None:
        """Something small that moves in the background, any way, and has nothing to do with the action."""
        thing, x, y = self.thing(0.03, 0.06), self.uniform(0, 1), self.uniform(0.05, 0.6)
        way, pace = self.uniform(0, 2 * np.pi), self.uniform(0.1, 0.8)
        run = pace * (self.tau - self.uniform(0, 1))
        thing.draw(self.canvas, x + run * np.cos(way), y + run * np.sin(way), angle=self.uniform(-4, 4) * self.tau)

    def _background(self, seen_from: str, size: int) -> None:
        base, other = (
            np.array(self.colour((0.05, 0.35), (0.45, 0.95))),
            np.array(self.colour((0.05, 0.35), (0.35, 0.85))),
        )
        grid = np.linspace(0, 1, size, dtype=np.float32)
        slope = grid[:, None] * self.uniform(-0.12, 0.12) + grid[None] * self.uniform(-0.12, 0.12)
        grain = self.rng.normal(0, 0.012, (size, size))
        self.canvas.fill((base[:, None, None] + slope + grain).astype(np.float32))
        if seen_from == "side":
            self.canvas.paint("box", 0.5, TABLE + 0.4, 1.5, 0.4, other)
            places = [(self.uniform(0.02, 0.98), self.uniform(0.08, 0.4)) for _ in range(self.rng.integers(0, 4))]
        else:
            step, phase = self.uniform(0.16, 0.3), self.uniform(0, 0.3)
            for line in np.arange(phase - 0.6, 1.6, step):
                self.canvas.paint("box", line, 0.5, 0.008, 1.5, other)
                self.canvas.paint("box", 0.5, line, 1.5, 0.008, other)
            places = [(self.uniform(0.02, 0.98), self.uniform(0.02, 0.98)) for _ in range(self.rng.integers(0, 4))]
        for x, y in places:
            tint = tuple(0.7 * base + 0.3 * np.array(self.colour((0.2, 0.6))))
            self.canvas.paint(
                str(self.rng.choice(list(SHAPES))),
                x,
                y,
                self.uniform(0.025, 0.05),
                self.uniform(0.025, 0.05),
                tint,
                angle=self.uniform(0, 6),
            )
