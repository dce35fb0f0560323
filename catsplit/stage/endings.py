"""Scripted actions whose siblings end differently: outcome and intent; and the actions that have no siblings.

Each takes the scene and the number of the sibling, in the order of its modifier family in `catalogue`.
"""

import numpy as np

from catsplit.stage.scene import TABLE, Scene


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
