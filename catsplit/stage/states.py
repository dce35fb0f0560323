"""Scripted actions whose siblings end differently: relation, count, completion, outcome, intent; and single ones.

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


def _topple(s: Scene, sibling: int, x: float, way: int, moment: float, ground=TABLE, lean=0.0) -> None:
    """A tall thing that falls over (sibling 0) or rocks and stands (sibling 1) after `moment`."""
    look, half = s.thing(0.06, 0.07, shapes=("box", "hexagon")), s.uniform(0.17, 0.21)
    after = np.clip((s.tau - moment) / 0.25, 0, 1)
    rock = s.uniform(0.12, 0.25) * np.sin(2 * np.pi * after) * (1 - after)
    angle = way * (np.pi / 2 * after**2 if sibling == 0 else rock)
    foot = x + way * look.radius
    dx, dy = -way * look.radius, -half
    look.draw(
        s.canvas,
        foot + np.cos(angle) * dx - np.sin(angle) * dy,
        ground + lean + np.sin(angle) * dx + np.cos(angle) * dy,
        angle=angle,
        sy=half / look.radius,
    )


def poking(s: Scene, sibling: int) -> None:
    way, x, moment = s.side(), s.uniform(0.4, 0.6), s.uniform(0.25, 0.45)
    near = np.clip(1 - np.abs(s.tau - moment) / 0.3, 0, 1)
    tip = x - way * (0.07 + 0.45 * (1 - near))
    _topple(s, sibling, x, way, moment)
    s.canvas.line(tip - way * 1.0, TABLE - 0.24, tip, TABLE - 0.24, 0.025, s.colour((0.3, 0.6), (0.3, 0.6)))


def blowing(s: Scene, sibling: int) -> None:
    way, x, moment = s.side(), s.uniform(0.42, 0.58), s.uniform(0.3, 0.5)
    _topple(s, sibling, x, way, moment)
    for _ in range(7):
        run, y = (s.tau + s.uniform(0, 1)) % 1, TABLE - s.uniform(0.05, 0.4)
        s.canvas.line(
            x - way * (0.75 - 0.6 * run),
            y,
            x - way * (0.62 - 0.6 * run),
            y,
            0.01,
            (0.97, 0.98, 1.0),
            opacity=0.85,
        )


def tilting(s: Scene, sibling: int) -> None:
    way, x, moment = s.side(), s.uniform(0.42, 0.58), s.uniform(0.25, 0.45)
    plank = s.uniform(0.12, 0.2) * np.sin(np.pi * np.clip((s.tau - moment + 0.25) / 0.5, 0, 1))
    ground = 0.72
    s.canvas.paint("triangle", x, ground + 0.13, 0.1, 0.1, s.colour((0.2, 0.6), (0.2, 0.5)))
    s.canvas.paint("box", x, ground + 0.02, 0.36, 0.022, s.colour(), angle=way * plank)
    _topple(s, sibling, x, way, moment, ground=ground)


def hitting(s: Scene, sibling: int) -> None:
    way, x, moment, ground = s.side(), s.uniform(0.42, 0.58), s.uniform(0.3, 0.45), s.uniform(0.78, 0.86)
    ball = s.thing(0.07, 0.085, shapes=("disc",))
    s.canvas.paint("box", 0.5, ground + 0.02, 1.2, 0.02, s.colour((0.2, 0.5), (0.2, 0.5)))
    _topple(s, sibling, x, way, moment, ground=ground)
    fly = s.tau - moment
    back = np.where(fly < 0, -1.8 * fly, 0.9 * fly)
    ball.draw(s.canvas, x - way * (0.16 + back), ground - 0.3 + 1.2 * np.maximum(fly, 0) ** 2)


def _amount(s: Scene, sibling: int) -> np.ndarray:
    """Progress of something that is finished (sibling 0) or given up between three and six and a half tenths (sibling 1)."""
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


def picking_up(s: Scene, sibling: int) -> None:
    thing, x = s.thing(0.09, 0.115), s.uniform(0.3, 0.7)
    reach, lift = s.once(stop=(0.3, 0.4)), s.once(start=(0.42, 0.5), stop=(0.75, 0.9))
    ground = TABLE - 0.12
    raised, beside = ground - 0.38 * lift, x + s.side() * 0.24 * lift
    thing.draw(s.canvas, *((beside, raised) if sibling == 0 else (x, ground)))
    s.hand(beside, raised + thing.radius * 0.8 + 0.5 * (1 - reach))


def throwing(s: Scene, sibling: int) -> None:
    thing, x, way = s.thing(0.085, 0.11), s.uniform(0.4, 0.6), s.side()
    moment = s.uniform(0.35, 0.5)
    swing = np.sin(np.clip((s.tau - moment + 0.3) / 0.45, 0, 1) * 2 * np.pi)
    hx, hy = x - way * 0.17 * swing, 0.5 + 0.12 * swing
    flown = np.maximum(s.tau - moment, 0) if sibling == 0 else np.zeros_like(s.tau)
    thing.draw(
        s.canvas,
        hx + way * 1.6 * flown,
        hy - thing.radius - 1.8 * flown + 1.2 * flown**2,
        angle=way * 5 * flown,
    )
    s.hand(hx, hy)


def pouring(s: Scene, sibling: int) -> None:
    x, y, way, liquid = s.uniform(0.35, 0.65), s.uniform(0.25, 0.35), s.side(), s.colour((0.6, 1.0))
    tilt = way * s.once(stop=(0.35, 0.5)) * 1.9
    lip = x + way * 0.17
    for _ in range(9 if sibling == 0 else 0):
        run = np.clip((s.tau - s.uniform(0.4, 0.85)) / 0.3, 0, 1)
        s.canvas.paint(
            "disc",
            lip + s.uniform(-0.05, 0.05),
            y + 0.02 + 0.8 * run * run + 0.05 * run,
            0.028,
            0.035,
            liquid,
            opacity=(run > 0) * (run < 1),
        )
    s.canvas.paint("cup", x, y, 0.12, 0.15, s.colour((0.1, 0.5), (0.6, 0.95)), angle=tilt)
    s.canvas.paint("cup", x + way * 0.17, 0.86, 0.16, 0.1, (0.88, 0.9, 0.92))


def taking_out(s: Scene, sibling: int) -> None:
    thing, x = s.thing(0.085, 0.11), s.uniform(0.35, 0.65)
    floor = 0.72
    dip = np.sin(np.pi * np.clip((s.tau - s.uniform(0, 0.1)) / s.uniform(0.75, 0.9), 0, 1))
    tip = floor - 0.55 + 0.5 * dip
    held = s.tau > s.tau[np.argmax(dip)]
    inside = floor
    thing.draw(
        s.canvas,
        x,
        np.where(held, np.minimum(tip + thing.radius, inside), inside) if sibling == 0 else inside,
    )
    arm = s.colour((0.1, 0.5), (0.25, 0.6))
    s.canvas.line(x, -0.3, x, tip - 0.05, 0.03, arm)
    for way in (-1, 1):
        s.canvas.line(x, tip - 0.06, x + way * 0.11, tip + 0.02, 0.018, arm)
    s.canvas.paint("box", x, floor + 0.06, 0.22, 0.2, s.colour((0.3, 0.7), (0.4, 0.7)))


def squeezing(s: Scene, sibling: int) -> None:
    thing, x, y, done = s.thing(0.14, 0.18), s.uniform(0.4, 0.6), 0.45, s.once(stop=(0.4, 0.6))
    burst = np.maximum(s.tau - s.uniform(0.45, 0.55), 0)
    if sibling == 0:
        thing.draw(s.canvas, x, y, sx=1 - 0.3 * done, opacity=burst == 0)
        for angle in np.arange(7) * 0.9 + s.uniform(0, 1):
            s.canvas.paint(
                "triangle",
                x + 1.1 * burst * np.cos(angle),
                y + 1.1 * burst * np.sin(angle),
                0.055,
                0.055,
                thing.colour,
                angle=angle + 8 * burst,
                opacity=burst > 0,
            )
    else:
        thing.draw(s.canvas, x, y, sx=1 - 0.78 * done, sy=1 + 0.25 * done)
    jaw, colour = (
        thing.radius * (1 - (0.3 if sibling == 0 else 0.78) * done) + 0.04,
        s.colour((0.0, 0.3), (0.3, 0.6)),
    )
    for way in (-1, 1):
        s.canvas.paint("box", x + way * jaw, y, 0.035, 0.22, colour)


def marking(s: Scene, sibling: int) -> None:
    x, y, size, ink, done = (
        s.uniform(0.4, 0.6),
        s.uniform(0.4, 0.55),
        s.uniform(0.16, 0.22),
        s.colour((0.8, 1.0), (0.3, 0.7)),
        s.once(),
    )
    s.canvas.paint("box", x, y, size * 1.6, size * 1.6, (0.97, 0.96, 0.92))
    tip = [x + 0 * done, y + 0 * done]
    if sibling == 0:
        for i, way in enumerate((1, -1)):
            stroke = np.clip(2 * done - i, 0, 1)
            ends = x - way * size + 2 * way * size * stroke, y - size + 2 * size * stroke
            s.canvas.line(x - way * size, y - size, *ends, 0.025, ink, opacity=stroke > 0)
            tip = [np.where(stroke > 0, e, t) for e, t in zip(ends, tip, strict=True)]
    else:
        for angle in np.linspace(0, 2 * np.pi, 28):
            s.canvas.paint(
                "disc",
                x + size * np.cos(angle),
                y + size * np.sin(angle),
                0.028,
                0.028,
                ink,
                opacity=done * 2 * np.pi >= angle - 0.01,
            )
        tip = [x + size * np.cos(2 * np.pi * done), y + size * np.sin(2 * np.pi * done)]
    s.canvas.line(tip[0], tip[1], tip[0] + 0.25, tip[1] + 0.3, 0.025, s.colour((0.2, 0.6), (0.2, 0.5)))


def waving(s: Scene, sibling: int) -> None:
    s.hand(s.uniform(0.4, 0.6) + s.uniform(0.12, 0.2) * np.sin(2 * s.swing(False)), s.uniform(0.2, 0.35))


def holding_still(s: Scene, sibling: int) -> None:
    thing, x, y = s.thing(0.1, 0.14), s.uniform(0.3, 0.7), s.uniform(0.3, 0.45)
    thing.draw(s.canvas, x, y)
    s.hand(x, y + thing.radius * 0.9)


def growing(s: Scene, sibling: int) -> None:
    thing, size = s.thing(0.12, 0.14), 0.4 + 2.4 * s.once(start=(0, 0.1), stop=(0.85, 1.0))
    thing.draw(s.canvas, s.uniform(0.4, 0.6), s.uniform(0.4, 0.6), sx=size, sy=size)


def flashing(s: Scene, sibling: int) -> None:
    x, y, light = s.uniform(0.3, 0.7), s.uniform(0.3, 0.5), s.colour((0.2, 0.5), (0.9, 1.0))
    on = np.sin(s.swing(True)) > 0
    s.canvas.paint("disc", x, y, 0.34, 0.34, light, opacity=0.45 * on)
    s.canvas.paint("disc", x, y, 0.12, 0.12, np.array(light) * 0.4)
    s.canvas.paint("disc", x, y, 0.12, 0.12, light, opacity=on)
    s.canvas.paint("box", x, y + 0.17, 0.05, 0.06, (0.2, 0.2, 0.22))
