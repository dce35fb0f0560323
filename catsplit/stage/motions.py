"""Scripted actions whose siblings differ only in the order of their frames: direction, speed, interaction.

Each takes the scene and the number of the sibling, in the order of its modifier family in `catalogue`.
"""

import numpy as np

from catsplit.stage.scene import TABLE, Scene


def _across(s: Scene, sibling: int) -> np.ndarray:
    return s.from_outside(s.loop(sibling == 1))


def pushing(s: Scene, sibling: int) -> None:
    thing, x = s.thing(), _across(s, sibling)
    thing.draw(s.canvas, x, TABLE - thing.radius)
    s.hand(x, TABLE + 0.01)


def rolling(s: Scene, sibling: int) -> None:
    thing, x = s.thing(0.12, 0.16, shapes=("disc",), textures=("spokes",)), _across(s, sibling)
    s.canvas.paint("box", 0.5, TABLE + 0.02, 1.2, 0.025, s.colour())
    thing.draw(s.canvas, x, TABLE - thing.radius, angle=x / thing.radius)


def dragging(s: Scene, sibling: int) -> None:
    thing, x, y = s.thing(0.1, 0.14), _across(s, sibling), s.uniform(0.45, 0.75)
    s.canvas.line(x, -0.2, x, y, 0.012, s.colour(value=(0.1, 0.4)))
    thing.draw(s.canvas, x, y)


def driving(s: Scene, sibling: int) -> None:
    x, y, scale = _across(s, sibling), s.uniform(0.35, 0.75), s.uniform(0.85, 1.1)
    body, cabin = s.colour(), s.colour((0.0, 0.4))
    s.canvas.paint("box", 0.5, y + 0.13 * scale, 1.2, 0.035, (0.25, 0.25, 0.28))
    s.canvas.paint("box", x, y - 0.08 * scale, 0.09 * scale, 0.06 * scale, cabin)
    s.canvas.paint("pill", x, y, 0.19 * scale, 0.09 * scale, body)
    for wheel in (-0.1, 0.1):
        s.canvas.paint("ring", x + wheel * scale, y + 0.08 * scale, 0.055 * scale, 0.055 * scale, (0.08, 0.08, 0.1))


def shaking(s: Scene, sibling: int) -> None:
    thing, phase = s.thing(0.1, 0.13), s.swing(sibling == 1)
    axis, reach = s.uniform(0, np.pi), s.uniform(0.1, 0.15)
    x = s.uniform(0.3, 0.7) + reach * np.cos(axis) * np.sin(phase)
    y = s.uniform(0.34, 0.46) + reach * np.sin(axis) * np.sin(phase)
    thing.draw(s.canvas, x, y)
    s.hand(x, y + thing.radius * 0.9)


def spinning(s: Scene, sibling: int) -> None:
    thing = s.thing(0.17, 0.24, shapes=("box", "diamond", "triangle", "cross", "pill"), textures=("halves",))
    x, y = s.uniform(0.3, 0.7), TABLE - 0.26
    s.canvas.line(x, y, x, TABLE, 0.015, s.colour(value=(0.2, 0.5)))
    thing.draw(s.canvas, x, y, angle=s.side() * s.swing(sibling == 1))


def swinging(s: Scene, sibling: int) -> None:
    thing, length, x0 = s.thing(0.1, 0.13), s.uniform(0.5, 0.65), s.uniform(0.35, 0.65)
    angle = s.uniform(0.45, 0.65) * np.sin(s.swing(sibling == 1))
    x, y = x0 + length * np.sin(angle), length * np.cos(angle)
    s.canvas.line(x0, -0.1, x, y, 0.01, s.colour(value=(0.1, 0.4)))
    thing.draw(s.canvas, x, y, angle=-angle)


def bouncing(s: Scene, sibling: int) -> None:
    ball, x, floor = s.thing(0.1, 0.13, shapes=("disc",)), s.uniform(0.25, 0.75), s.uniform(0.8, 0.88)
    height = s.uniform(0.4, 0.5) * (0.5 + 0.5 * np.sin(s.swing(sibling == 1)))
    s.canvas.paint("disc", x, floor, ball.radius * (1.1 - height), 0.025, (0.12, 0.12, 0.14), opacity=0.7)
    ball.draw(s.canvas, x, floor - ball.radius - height)


def _gap(s: Scene, sibling: int, nearest: float, farthest: float) -> np.ndarray:
    return nearest + (farthest - nearest) * s.loop(sibling == 0)


def moving_two(s: Scene, sibling: int) -> None:
    one, two, x = s.thing(0.085, 0.11), s.thing(0.085, 0.11), s.uniform(0.4, 0.6)
    half = _gap(s, sibling, one.radius + two.radius, 1.0) / 2
    for thing, place in ((one, x - half), (two, x + half)):
        thing.draw(s.canvas, place, TABLE - thing.radius)
        s.hand(place, TABLE + 0.01)


def sliding_two(s: Scene, sibling: int) -> None:
    one, two, axis = s.thing(0.1, 0.13), s.thing(0.1, 0.13), s.uniform(-0.5, 0.5)
    s.canvas.paint("box", 0.5, 0.5, 1.5, 0.3, (0.80, 0.90, 0.96))
    half, y = _gap(s, sibling, one.radius + two.radius, 1.15) / 2, s.uniform(0.42, 0.58)
    for thing, way in ((one, -1), (two, 1)):
        thing.draw(s.canvas, 0.5 + way * half * np.cos(axis), y + way * half * np.sin(axis))


def rolling_two(s: Scene, sibling: int) -> None:
    one, two = (s.thing(0.1, 0.14, shapes=("disc",), textures=("spokes", "halves")) for _ in range(2))
    axis, x = np.pi / 2 + s.uniform(-0.4, 0.4), s.uniform(0.4, 0.6)
    half = _gap(s, sibling, one.radius + two.radius, 1.15) / 2
    for ball, way in ((one, -1), (two, 1)):
        ball.draw(
            s.canvas,
            x + way * half * np.cos(axis),
            0.5 + way * half * np.sin(axis),
            angle=way * half / ball.radius,
        )


def stretching(s: Scene, sibling: int) -> None:
    one, two, axis = s.thing(0.07, 0.1), s.thing(0.07, 0.1), s.uniform(0, np.pi)
    half = _gap(s, sibling, one.radius + two.radius + 0.05, 0.9) / 2
    dx, dy = half * np.cos(axis), half * np.sin(axis)
    s.canvas.line(0.5 - dx, 0.5 - dy, 0.5 + dx, 0.5 + dy, 0.035 - 0.02 * half / 0.45, s.colour((0.7, 1.0)))
    one.draw(s.canvas, 0.5 - dx, 0.5 - dy)
    two.draw(s.canvas, 0.5 + dx, 0.5 + dy)


def riding_lift(s: Scene, sibling: int) -> None:
    thing, x, y = s.thing(0.09, 0.12), s.uniform(0.3, 0.7), s.from_outside(s.loop(sibling == 0))
    rope = s.colour(value=(0.1, 0.4))
    for edge in (-0.18, 0.18):
        s.canvas.line(x + edge, -0.3, x + edge, 1.3, 0.01, rope)
    s.canvas.paint("box", x, y, 0.2, 0.025, rope)
    thing.draw(s.canvas, x, y - 0.02 - thing.radius)


def turning_dial(s: Scene, sibling: int) -> None:
    x, y, size = s.uniform(0.4, 0.6), s.uniform(0.4, 0.6), s.uniform(0.26, 0.34)
    turn = 2 * np.pi * s.uniform(0.8, 1.5) * s.tau * (1, -1)[sibling] + s.uniform(0, 6.3)
    s.canvas.paint("disc", x, y, size, size, s.colour((0.0, 0.2), (0.85, 1.0)))
    s.canvas.paint("ring", x, y, size, size, (0.15, 0.15, 0.18))
    s.canvas.paint(
        "box",
        x + 0.35 * size * np.cos(turn),
        y + 0.35 * size * np.sin(turn),
        0.4 * size,
        0.1 * size,
        s.colour((0.8, 1.0), (0.5, 0.9)),
        angle=turn,
    )
