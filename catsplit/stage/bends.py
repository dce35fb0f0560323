"""The modifiers as what they do to a plan: each bends any action, which keeps its own look.

Modifiers of motion come in pairs of the same frames in another order (`Plan.loop`); the others leave another state
behind. A modifier's name is its function's.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from catsplit.stage.plan import Mover, Plan
from catsplit.stage.scene import TABLE, Thing
from catsplit.stage.surfaces import goal

# Motion


def _crossing(p: Plan, backwards: bool) -> np.ndarray:
    if p.look.tumbles:
        p.one.angle = p.side * 5 * p.scene.tau
    return p.across(backwards)


def right(p: Plan) -> None:
    p.one.x = _crossing(p, False)


def left(p: Plan) -> None:
    p.one.x = _crossing(p, True)


def up(p: Plan) -> None:
    p.one.y = _crossing(p, True)


def down(p: Plan) -> None:
    p.one.y = _crossing(p, False)


def _depth(p: Plan, backwards: bool) -> None:
    p.one.sx = p.one.sy = 0.4 * 5 ** p.loop(backwards)
    p.one.y = p.scene.uniform(0.4, 0.55) + 0 * p.scene.tau


def near(p: Plan) -> None:
    _depth(p, False)


def far(p: Plan) -> None:
    _depth(p, True)


def _turning(p: Plan, way: int) -> None:
    shape = str(p.scene.rng.choice(("box", "triangle", "cross", "pill")))
    p.one.thing = replace(p.one.thing, shape=shape, texture="halves", radius=p.one.thing.radius * 1.7)
    p.one.y = p.scene.uniform(0.4, 0.55) + 0 * p.scene.tau
    p.one.angle = way * 2 * np.pi * (p.scene.uniform(0.8, 1.5) * p.scene.tau + p.scene.uniform(0, 1))


def cw(p: Plan) -> None:
    _turning(p, 1)


def ccw(p: Plan) -> None:
    _turning(p, -1)


def circling(p: Plan) -> None:
    turn, reach = 2 * np.pi * p.loop(p.side > 0), p.scene.uniform(0.2, 0.27)
    p.one.x, p.one.y = p.one.x + reach * np.cos(turn), 0.48 + reach * np.sin(turn)


def hurried(p: Plan) -> None:
    """Of a path that another modifier bends."""
    p.turns = p.scene.uniform(2.2, 2.8)


def _to_and_fro(p: Plan, quick: bool) -> None:
    """Slow and quick pass through every phase."""
    axis, reach = p.scene.uniform(0, np.pi), p.scene.uniform(0.12, 0.18)
    swing = reach * np.sin(p.scene.swing(quick))
    p.one.x, p.one.y = p.one.x + swing * np.cos(axis), p.scene.uniform(0.4, 0.55) + swing * np.sin(axis)


def slow(p: Plan) -> None:
    _to_and_fro(p, False)


def quick(p: Plan) -> None:
    _to_and_fro(p, True)


def _two(p: Plan, backwards: bool) -> None:
    one, axis = p.one, p.scene.uniform(-0.5, 0.5)
    other = p.look.thing(p.scene)
    nearest = one.thing.radius + other.radius
    half = (nearest + (1.1 - nearest) * p.loop(backwards)) / 2
    x, y = p.scene.uniform(0.42, 0.58), p.scene.uniform(0.4, 0.6)
    one.x, one.y = x - half * np.cos(axis), y - half * np.sin(axis)
    p.movers.append(Mover(other, x + half * np.cos(axis), y + half * np.sin(axis)))


def together(p: Plan) -> None:
    _two(p, True)


def apart(p: Plan) -> None:
    _two(p, False)


# Where it ends up


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


# How many


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


# How much of it


def _amount(p: Plan, least: float, most: float) -> None:
    (p.look.surface or goal)(p, p.scene.once(stop=(0.6, 0.8)) * p.scene.uniform(least, most))


def wholly(p: Plan) -> None:
    _amount(p, 0.85, 1)


def partly(p: Plan) -> None:
    _amount(p, 0.35, 0.75)


def barely(p: Plan) -> None:
    _amount(p, 0.08, 0.35)


# What becomes of it


def _struck(p: Plan) -> np.ndarray:
    """Let the agent come, touch and leave; the time since then, 0 before and 1 a quarter of a clip later."""
    moment = p.scene.uniform(0.25, 0.45)
    p.visit(moment)
    return np.clip((p.scene.tau - moment) / 0.25, 0, 1)


def _stands(p: Plan, lean: Callable[[np.ndarray], np.ndarray]) -> None:
    """A tall thing on its edge, leaning by an angle that follows the time since it was struck."""
    s, one, way = p.scene, p.one, p.side
    one.thing = replace(one.thing, shape="box", radius=s.uniform(0.06, 0.075))
    half = s.uniform(0.17, 0.2)
    angle = -way * lean(_struck(p))
    dx, dy = way * one.thing.radius, -half
    foot = s.uniform(0.42, 0.58) - way * one.thing.radius
    one.x = foot + np.cos(angle) * dx - np.sin(angle) * dy
    one.y = TABLE + np.sin(angle) * dx + np.cos(angle) * dy
    one.angle, one.sy = angle, half / one.thing.radius


def falls(p: Plan) -> None:
    _stands(p, lambda after: np.pi / 2 * after**2)


def stays(p: Plan) -> None:
    _stands(p, lambda after: 0.08 * np.sin(2 * np.pi * after) * (1 - after))


def almost(p: Plan) -> None:
    _stands(p, lambda after: 0.75 * np.sin(np.pi * after))


def spins(p: Plan) -> None:
    p.one.thing = replace(p.one.thing, texture="halves", shape="cross")
    p.one.angle = p.side * 9 * _struck(p)


def bounces(p: Plan) -> None:
    after = _struck(p)
    p.one.x = p.one.x - p.side * 0.32 * np.sin(np.pi * after)


def bursts(p: Plan) -> None:
    s, one = p.scene, p.one
    after = _struck(p)
    one.y = one.y - 0.15
    whole, x, y, colour, first = after == 0, one.x, one.y, one.thing.colour, s.uniform(0, 1)
    one.opacity = whole

    def pieces() -> None:
        for angle in np.arange(7) * 0.9 + first:
            at = x + 0.45 * after * np.cos(angle), y + 0.45 * after * np.sin(angle)
            s.canvas.paint("triangle", *at, 0.05, 0.05, colour, angle=angle + 5 * after, opacity=~whole)

    p.front.append(pieces)


def flat(p: Plan) -> None:
    after = _struck(p)
    p.one.sx, p.one.sy = 1 + 0.4 * after, 1 - 0.75 * after
    p.one.y = p.one.y + 0.75 * p.one.thing.radius * after


def _marked(p: Plan, at: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> None:
    """A line on a sheet, through points (x, y) in −1 … 1 at progress 0–1; the agent is at its end."""
    s, done, ink = p.scene, p.scene.once(), p.scene.colour((0.8, 1.0), (0.3, 0.7))
    x, y, size = s.uniform(0.4, 0.6), s.uniform(0.4, 0.55), s.uniform(0.15, 0.2)

    def sheet() -> None:
        s.canvas.paint("box", x, y, size * 1.6, size * 1.6, (0.97, 0.96, 0.92))
        for share in np.linspace(0, 1, 28):
            dx, dy = at(np.float32(share))
            s.canvas.paint("disc", x + size * dx, y + size * dy, 0.028, 0.028, ink, opacity=done >= share)

    p.behind.append(sheet)
    dx, dy = at(done)
    p.one.x, p.one.y, p.one.opacity = x + size * dx, y + size * dy, 0.0


def cross(p: Plan) -> None:
    _marked(p, lambda t: (np.where(t < 0.5, 4 * t - 1, 3 - 4 * t), np.where(t < 0.5, 4 * t - 1, 4 * t - 3)))


def circle(p: Plan) -> None:
    _marked(p, lambda t: (np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)))


def _lamp(p: Plan, lit: Callable[[np.ndarray], np.ndarray]) -> None:
    s, on = p.scene, lit(_struck(p) > 0)
    x, y, light = p.one.x + s.uniform(-0.1, 0.1), s.uniform(0.2, 0.3), s.colour((0.2, 0.5), (0.9, 1.0))

    def bulb() -> None:
        s.canvas.paint("disc", x, y, 0.3, 0.3, light, opacity=0.45 * on)
        s.canvas.paint("disc", x, y, 0.11, 0.11, np.array(light) * 0.4)
        s.canvas.paint("disc", x, y, 0.11, 0.11, light, opacity=on)

    p.behind.append(bulb)


def lit(p: Plan) -> None:
    _lamp(p, lambda pressed: pressed)


def dark(p: Plan) -> None:
    _lamp(p, lambda pressed: ~pressed)


# Whether it is meant


def _lift(p: Plan, height: Callable[[np.ndarray], np.ndarray]) -> None:
    """The agent comes, and rises again; the thing rises by `height` of the agent's rise.

    Where there is nothing to lift, it is done, not done, or undone again.
    """
    s, one = p.scene, p.one
    if p.look.surface:
        p.look.surface(p, height(s.once(stop=(0.6, 0.8))))
        return
    rise = s.once(start=(0.42, 0.5), stop=(0.75, 0.9))
    come = 1 - s.once(start=(0.0, 0.1), stop=(0.3, 0.4))
    ground = one.y
    one.y = ground - 0.38 * height(rise)
    one.away = 0.5 * come + 0.38 * np.maximum(rise - height(rise), 0)


def really(p: Plan) -> None:
    _lift(p, lambda rise: rise)


def pretend(p: Plan) -> None:
    _lift(p, lambda rise: 0 * rise)


def fails(p: Plan) -> None:
    _lift(p, lambda rise: np.minimum(rise, np.maximum(0.9 - 2.5 * rise, 0)))


# The actions that take no modifier


def waves(p: Plan) -> None:
    p.one.opacity = 0.0
    p.one.x = p.one.x + p.scene.uniform(0.12, 0.2) * np.sin(2 * p.scene.swing(False))
    p.one.y = p.scene.uniform(0.15, 0.3) + 0 * p.scene.tau


def rests(p: Plan) -> None:
    p.one.y = p.scene.uniform(0.3, 0.45) + 0 * p.scene.tau


def grows(p: Plan) -> None:
    p.one.sx = p.one.sy = 0.4 + 2.4 * p.scene.once(start=(0, 0.1), stop=(0.85, 1.0))
    p.one.y = p.scene.uniform(0.4, 0.55) + 0 * p.scene.tau


def flashes(p: Plan) -> None:
    on = np.sin(p.scene.swing(True)) > 0
    light = p.scene.colour((0.2, 0.5), (0.9, 1.0))
    p.one.y = p.scene.uniform(0.3, 0.5) + 0 * p.scene.tau
    p.behind.append(lambda: p.scene.canvas.paint("disc", p.one.x, p.one.y, 0.34, 0.34, light, opacity=0.6 * on))
