"""Modifiers of what comes of it, and whether it is meant, as what they do to a plan; see `catsplit.stage.motions`."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from catsplit.stage.plan import Plan
from catsplit.stage.scene import TABLE
from catsplit.stage.surfaces import goal

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
