"""Modifiers of where things end up and how many there are, as what they do to a plan; see `catsplit.stage.motions`."""

from dataclasses import replace

import numpy as np

from catsplit.stage.plan import Mover, Plan
from catsplit.stage.scene import TABLE, Thing


def _anchor(p: Plan) -> tuple[Thing, float, float]:
    large = p.scene.thing(0.15, 0.18, shapes=("box", "hexagon", "cross"))
    return large, p.scene.uniform(0.42, 0.58), TABLE - large.radius * 0.9


def _goes(p: Plan, x: float, y: float) -> None:
    """Bring the thing to (x, y) the way that its action does, and take the agent away."""
    s, one = p.scene, p.one
    left = 1 - s.once(stop=(0.45, 0.6))
    if p.look.arrives == "above":
        one.x, one.y = x + 0 * left, -0.35 + (y + 0.35) * (1 - left) ** 2
    else:
        rise = 0.9 if p.look.arrives == "arc" else 0.15
        one.x, one.y = x + p.side * 0.75 * left, y - rise * left * (1 - 0.6 * left)
    one.away = 1.6 * np.maximum(s.tau - 0.65, 0)
    if p.look.tumbles:
        one.angle = p.side * 6 * left


def onto(p: Plan) -> None:
    large, x, y = _anchor(p)
    p.behind.append(lambda: large.draw(p.scene.canvas, x, y))
    _goes(p, x + p.scene.uniform(-0.04, 0.04), y - large.radius - p.one.thing.radius * 0.85)


def beside(p: Plan) -> None:
    large, x, y = _anchor(p)
    p.behind.append(lambda: large.draw(p.scene.canvas, x, y))
    _goes(p, x + p.side * (large.radius + p.one.thing.radius + 0.02), TABLE - p.one.thing.radius)


def behind(p: Plan) -> None:
    large, x, y = _anchor(p)
    p.front.append(lambda: large.draw(p.scene.canvas, x, y))
    _goes(p, x + p.side * 0.6 * large.radius, y - 0.35 * large.radius)


def before(p: Plan) -> None:
    large, x, y = _anchor(p)
    p.behind.append(lambda: large.draw(p.scene.canvas, x, y - 0.08))
    _goes(p, x + p.side * 0.5 * large.radius, TABLE - 0.4 * p.one.thing.radius)


def into(p: Plan) -> None:
    x, half, glass = p.scene.uniform(0.42, 0.58), p.one.thing.radius + 0.05, p.scene.colour((0.2, 0.7))
    p.front.append(lambda: p.scene.canvas.paint("cup", x, TABLE - half, half, half, glass))
    _goes(p, x, TABLE - p.one.thing.radius - 0.02)


def under(p: Plan) -> None:
    x, half, wood = p.scene.uniform(0.42, 0.58), p.one.thing.radius + 0.07, p.scene.colour((0.2, 0.7))
    p.front.append(lambda: p.scene.canvas.paint("cup", x, TABLE - half, half, half, wood, angle=np.pi))
    _goes(p, x, TABLE - p.one.thing.radius)


def between(p: Plan) -> None:
    x, post = p.scene.uniform(0.42, 0.58), p.scene.thing(0.09, 0.11, shapes=("box", "hexagon"))
    gap = p.one.thing.radius + post.radius + 0.02
    for way in (-1, 1):
        p.behind.append(lambda at=x + way * gap: post.draw(p.scene.canvas, at, TABLE - post.radius * 1.3, sy=1.3))
    _goes(p, x, TABLE - p.one.thing.radius)



def _arrive(p: Plan, number: int) -> None:
    """So many of the same, one after another, all there before the end."""
    s, look, end = p.scene, replace(p.one.thing, radius=0.075), p.scene.uniform(0.55, 0.75)
    cells, first = s.rng.permutation(9), s.uniform(0.1, 0.85 - 0.17 * (number - 1))
    p.movers.clear()
    for i in range(number):
        come = np.clip((s.tau - end * i / number) * number / end, 0, 1)
        x, y = {
            "row": (first + 0.17 * i, TABLE - 0.075),
            "stack": (first + s.uniform(-0.015, 0.015), TABLE - 0.075 * (1 + 2 * i)),
            "scatter": (0.2 + 0.3 * (cells[i] % 3), 0.2 + 0.3 * (cells[i] // 3)),
        }[p.look.layout]
        gone = 1.2 * np.maximum(s.tau - end * (i + 1) / number, 0)
        p.movers.append(Mover(look, x + 0 * come, y - 0.8 * (1 - come), away=gone, held=(come > 0) * (gone < 0.4)))


def single(p: Plan) -> None:
    _arrive(p, 1)


def two(p: Plan) -> None:
    _arrive(p, 2)


def several(p: Plan) -> None:
    _arrive(p, int(p.scene.rng.integers(4, 6)))


def _hops(p: Plan, times: int) -> None:
    long, start = 0.2, p.scene.uniform(0.0, 0.75 / times)
    share = (p.scene.tau - start) / long
    p.one.y = p.one.y - 0.28 * np.where((share > 0) & (share < times), np.abs(np.sin(np.pi * share)), 0)


def once(p: Plan) -> None:
    _hops(p, 1)


def often(p: Plan) -> None:
    _hops(p, 4)
