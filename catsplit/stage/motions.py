"""Modifiers of motion, as what they do to a plan: pairs of the same frames in another order (`Plan.loop`).

Each bends any action, which keeps its own look. A modifier's name is its function's.
"""

from dataclasses import replace

import numpy as np

from catsplit.stage.plan import Mover, Plan


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
