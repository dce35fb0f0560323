"""Scripted actions whose siblings leave another state behind: relation, count, completion.

Each takes the scene and the number of the sibling, in the order of its modifier family in `catalogue`.
"""

from collections.abc import Callable

import numpy as np

from catsplit.stage.scene import TABLE, Scene, Thing


def _arrange(s: Scene, sibling: int, draw: Callable[[Thing, float, float], None]) -> None:
    """Leave a small thing on top of, next to or behind a large one; `draw` brings it to its place."""
    large, small = s.thing(0.16, 0.19, shapes=("box", "hexagon", "cross")), s.thing(0.085, 0.105)
    way, x = s.side(), s.uniform(0.42, 0.58)
    y = TABLE - large.radius * 0.9
    place = (
        (x + s.uniform(-0.04, 0.04), y - large.radius - small.radius * 0.85),
        (x + way * (large.radius + small.radius + 0.02), TABLE - small.radius),
        (x + way * 0.6 * large.radius, y - 0.35 * large.radius),
    )[sibling]
    if sibling == 2:
        draw(small, *place)
    large.draw(s.canvas, x, y)
    if sibling != 2:
        draw(small, *place)


def putting(s: Scene, sibling: int) -> None:
    def draw(thing: Thing, x: float, y: float) -> None:
        left = 1 - s.once(stop=(0.45, 0.6))
        x, y = x + way * 0.7 * left, y - 0.15 * np.sin(np.pi * left)
        thing.draw(s.canvas, x, y)
        s.hand(x + way * 0.8 * away, y + thing.radius * 0.9)

    way, away = s.side(), np.clip(s.tau - 0.65, 0, 1)
    _arrange(s, sibling, draw)


def dropping(s: Scene, sibling: int) -> None:
    def draw(thing: Thing, x: float, y: float) -> None:
        thing.draw(s.canvas, x, -0.35 + (y + 0.35) * fall * fall)

    start = s.uniform(0.05, 0.3)
    fall = np.clip((s.tau - start) / s.uniform(0.25, 0.4), 0, 1)
    _arrange(s, sibling, draw)


def tossing(s: Scene, sibling: int) -> None:
    def draw(thing: Thing, x: float, y: float) -> None:
        left = 1 - fly
        thing.draw(s.canvas, x + way * 0.95 * left, y - 1.1 * left * (1 - 0.6 * left), angle=way * 6 * left)

    way, start = s.side(), s.uniform(0.05, 0.25)
    fly = np.clip((s.tau - start) / s.uniform(0.35, 0.5), 0, 1)
    _arrange(s, sibling, draw)


def revealing(s: Scene, sibling: int) -> None:
    open_ = s.once(start=(0.0, 0.1), stop=(0.4, 0.7))
    _arrange(s, sibling, lambda thing, x, y: thing.draw(s.canvas, x, y))
    s.canvas.paint(
        "box",
        0.5,
        0.5 - 1.3 * open_,
        0.9,
        0.7,
        s.colour((0.4, 0.8), (0.3, 0.6)),
        colour2=(0.9, 0.9, 0.9),
        texture="stripes",
    )


def _number(s: Scene, sibling: int) -> int:
    return (1, 2, int(s.rng.integers(4, 6)))[sibling]


def _arrivals(s: Scene, number: int) -> list[np.ndarray]:
    """Progress of `number` things that come one after the other, all there at a random moment before the end."""
    end = s.uniform(0.55, 0.75)
    return [np.clip((s.tau - end * (i / number)) / (end / number), 0, 1) for i in range(number)]


def stacking(s: Scene, sibling: int) -> None:
    number, look, x = (
        _number(s, sibling),
        s.thing(0.065, 0.075, shapes=("box", "hexagon", "cross")),
        s.uniform(0.3, 0.7),
    )
    for i, come in enumerate(_arrivals(s, number)):
        y = TABLE - look.radius * (1 + 2 * i)
        y = y - (y + 0.35) * (1 - come)
        look.draw(s.canvas, x + s.uniform(-0.015, 0.015), y, sx=1.5)


def lining_up(s: Scene, sibling: int) -> None:
    number, look = _number(s, sibling), s.thing(0.07, 0.08)
    first = s.uniform(0.1, 0.9 - 0.19 * (number - 1))
    for i, come in enumerate(_arrivals(s, number)):
        x, y = first + 0.19 * i, TABLE - look.radius + 0.8 * (1 - come)
        look.draw(s.canvas, x, y)
        s.hand(x, y + look.radius + np.maximum(s.tau * 1.2 - 0.6, 0), opacity=(come > 0) * (come < 1))


def scattering(s: Scene, sibling: int) -> None:
    number, look = _number(s, sibling), s.thing(0.085, 0.1)
    cells = s.rng.permutation(9)[:number]
    for cell, come in zip(cells, _arrivals(s, number), strict=True):
        x, y = (
            0.2 + 0.3 * (cell % 3) + s.uniform(-0.05, 0.05),
            0.2 + 0.3 * (cell // 3) + s.uniform(-0.05, 0.05),
        )
        grow = 2.2 - 1.2 * come
        look.draw(s.canvas, x, y, angle=s.uniform(0, 6), sx=grow, sy=grow, opacity=come)


def hanging(s: Scene, sibling: int) -> None:
    number, look, rope = _number(s, sibling), s.thing(0.075, 0.085), s.uniform(0.2, 0.3)
    s.canvas.line(-0.2, rope, 1.2, rope, 0.012, (0.2, 0.16, 0.14))
    places = 0.12 + 0.19 * s.rng.permutation(5)[:number]
    for x, come in zip(places, _arrivals(s, number), strict=True):
        y = rope + 0.24 + 1.1 * (1 - come)
        s.canvas.line(x, np.minimum(rope + 1.1 * (1 - come), 1.8), x, y, 0.008, (0.2, 0.16, 0.14))
        look.draw(s.canvas, x, y)


def _amount(s: Scene, sibling: int) -> np.ndarray:
    """Progress of something that is finished (sibling 0) or given up after 30 to 65 % of it (sibling 1)."""
    return s.once(stop=(0.6, 0.8)) * (1.0 if sibling == 0 else s.uniform(0.3, 0.65))


def covering(s: Scene, sibling: int) -> None:
    thing, x, way = s.thing(0.17, 0.22), s.uniform(0.4, 0.6), s.side()
    thing.draw(s.canvas, x, TABLE - thing.radius)
    width, cloth = thing.radius + 0.03, s.colour((0.3, 0.7))
    done = _amount(s, sibling)
    s.canvas.paint(
        "box",
        x - way * 2 * width * (1 - done),
        TABLE - thing.radius,
        width,
        width,
        cloth,
        colour2=tuple(0.75 * c for c in cloth),
        texture="stripes",
    )


def filling(s: Scene, sibling: int) -> None:
    x, half, liquid = s.uniform(0.3, 0.7), s.uniform(0.2, 0.24), s.colour((0.6, 1.0))
    done, y = _amount(s, sibling), TABLE - 0.22
    running = np.concatenate([np.diff(done) > 0.002, [False]])
    s.canvas.line(x, -0.2, x, TABLE - 0.05, 0.02, liquid, opacity=running)
    level = 0.02 + 0.36 * done
    s.canvas.paint("box", x, TABLE - 0.03 - level / 2, half * 0.8, level / 2, liquid)
    s.canvas.paint("cup", x, y, half, 0.22, (0.92, 0.95, 0.97))


def opening(s: Scene, sibling: int) -> None:
    thing, x, y = s.thing(0.12, 0.16), s.uniform(0.42, 0.58), s.uniform(0.42, 0.58)
    panel, half, done = s.colour((0.3, 0.8), (0.3, 0.7)), s.uniform(0.26, 0.3), _amount(s, sibling)
    s.canvas.paint("box", x, y, half, half, (0.1, 0.1, 0.12))
    thing.draw(s.canvas, x, y)
    for way in (-1, 1):
        width = half / 2 * (1 - 0.94 * done)
        s.canvas.paint("box", x + way * (half - width), y, width, half, panel)
    for edge in (-1, 1):
        s.canvas.paint("box", x + edge * half, y, 0.02, half + 0.02, (0.85, 0.8, 0.7))


def tearing(s: Scene, sibling: int) -> None:
    x, y, half, paper = (
        s.uniform(0.42, 0.58),
        s.uniform(0.45, 0.55),
        s.uniform(0.24, 0.28),
        s.colour((0.0, 0.4), (0.85, 1.0)),
    )
    done = _amount(s, sibling)
    tilt = 0.35 * done
    apart = 0.5 * np.clip(done - 0.8, 0, 1)
    ink = tuple(0.55 * c for c in paper)
    for way in (-1, 1):
        s.canvas.paint("box", x + way * (half / 2 + apart), y, half / 2, half, paper, colour2=ink, texture="stripes")
    # The tear: a wedge from the top, as deep as it has come.
    s.canvas.paint(
        "triangle",
        x,
        y - half + half * done,
        0.03 + 0.1 * tilt,
        half * done + 0.001,
        (0.06, 0.06, 0.08),
        angle=np.pi,
        opacity=done > 0.03,
    )
