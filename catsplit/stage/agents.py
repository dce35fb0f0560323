"""What acts on a thing: hands, sticks, strings. Each draws itself at a mover, `plan.gap` and `mover.away` apart."""

import numpy as np

from catsplit.stage.plan import Mover, Plan
from catsplit.stage.scene import TABLE

STEEL, WOOD, CORD = (0.55, 0.58, 0.62), (0.55, 0.38, 0.22), (0.2, 0.16, 0.14)


def none(plan: Plan, mover: Mover) -> None:
    pass


def _edge(plan: Plan, mover: Mover, share: float = 0.9) -> np.ndarray:
    """Distance from the thing's centre to where the agent touches it."""
    return mover.thing.radius * share * np.asarray(mover.sy) + plan.gap + np.asarray(mover.away)


def hand(plan: Plan, mover: Mover) -> None:
    """A hand from below, which hides nothing of the thing."""
    plan.scene.hand(mover.x, mover.y + _edge(plan, mover), mover.held)


def palm(plan: Plan, mover: Mover) -> None:
    """A hand from above."""
    plan.scene.hand(mover.x, mover.y - _edge(plan, mover), mover.held, up=-1)


def finger(plan: Plan, mover: Mover) -> None:
    """One finger from below, aslant."""
    skin, reach = plan.scene.skin(), _edge(plan, mover)
    x, y = mover.x + plan.side * 0.35 * reach, mover.y + 0.9 * reach
    plan.scene.canvas.line(x, y + 0.03, x + plan.side * 0.35, y + 0.9, 0.035, skin, opacity=mover.held)
    plan.scene.canvas.paint("disc", x, y + 0.03, 0.035, 0.05, skin, opacity=mover.held)


def _rod(plan: Plan, mover: Mover, width: float, colour: tuple[float, float, float]) -> None:
    reach = _edge(plan, mover)
    x, y = mover.x + plan.side * 0.8 * reach, mover.y + 0.5 * reach
    plan.scene.canvas.line(x, y, x + plan.side * 0.8, y + 0.5, width, colour, opacity=mover.held)


def stick(plan: Plan, mover: Mover) -> None:
    """A stick from a lower corner, left or right at random."""
    _rod(plan, mover, 0.02, WOOD)


def string(plan: Plan, mover: Mover) -> None:
    """A string from above."""
    top = mover.y - _edge(plan, mover)
    plan.scene.canvas.line(mover.x, top - 1.5, mover.x, top, 0.012, CORD, opacity=mover.held)


def tongs(plan: Plan, mover: Mover) -> None:
    """Two legs from below, one on each side of the thing."""
    for way in (-1, 1):
        x, y = mover.x + way * (mover.thing.radius * mover.sx + plan.gap), mover.y + np.asarray(mover.away)
        plan.scene.canvas.line(x, y, mover.x + way * 0.04, y + 0.8, 0.016, STEEL, opacity=mover.held)


def claw(plan: Plan, mover: Mover) -> None:
    """A grab that hangs from above."""
    y = mover.y - mover.thing.radius * 0.5 - plan.gap - np.asarray(mover.away)
    plan.scene.canvas.line(mover.x, y - 1.5, mover.x, y - 0.1, 0.03, STEEL, opacity=mover.held)
    for way in (-1, 1):
        plan.scene.canvas.line(mover.x, y - 0.1, mover.x + way * 0.1, y + 0.03, 0.018, STEEL, opacity=mover.held)


def boxed(plan: Plan, mover: Mover) -> None:
    """A grab, and the open box that the thing is in at first."""
    claw(plan, mover)
    half = mover.thing.radius + 0.05
    plan.scene.canvas.paint("cup", mover.x, TABLE - half, half, half, WOOD)


def wind(plan: Plan, mover: Mover) -> None:
    """Streaks of air."""
    s = plan.scene
    for _ in range(6):
        run, y = (s.tau + s.uniform(0, 1)) % 1, mover.y + s.uniform(-0.2, 0.15)
        x = mover.x + plan.side * (0.75 - 0.6 * run)
        s.canvas.line(x, y, x + plan.side * 0.13, y, 0.01, (0.97, 0.98, 1.0), opacity=0.85 * mover.held)


def brush(plan: Plan, mover: Mover) -> None:
    """A broad brush with a handle."""
    y = mover.y + _edge(plan, mover)
    plan.scene.canvas.line(mover.x, y, mover.x + plan.side * 0.4, y + 0.9, 0.018, WOOD, opacity=mover.held)
    plan.scene.canvas.paint("box", mover.x, y, 0.14, 0.03, (0.85, 0.75, 0.45), opacity=mover.held)


def sponge(plan: Plan, mover: Mover) -> None:
    """A hand with a sponge."""
    y = mover.y + _edge(plan, mover)
    plan.scene.hand(mover.x, y, mover.held)
    plan.scene.canvas.paint("box", mover.x, y, 0.12, 0.04, (0.9, 0.8, 0.4), opacity=mover.held)


def magnet(plan: Plan, mover: Mover) -> None:
    """A horseshoe magnet above the thing."""
    y = mover.y - _edge(plan, mover) - 0.08
    plan.scene.canvas.line(mover.x, y - 1.5, mover.x, y, 0.015, WOOD, opacity=mover.held)
    plan.scene.canvas.paint("cup", mover.x, y, 0.09, 0.07, (0.8, 0.15, 0.15), angle=np.pi, opacity=mover.held)


def shoe(plan: Plan, mover: Mover) -> None:
    """A foot beside the thing, and its leg."""
    reach = _edge(plan, mover) + 0.1
    x, y = mover.x + plan.side * reach, mover.y + mover.thing.radius * 0.4
    knee = x + plan.side * 0.3, y - 1.2
    plan.scene.canvas.line(x + plan.side * 0.06, y, *knee, 0.05, (0.25, 0.3, 0.5), opacity=mover.held)
    plan.scene.canvas.paint("pill", x, y, 0.12, 0.07, (0.15, 0.12, 0.1), opacity=mover.held)


def ball(plan: Plan, mover: Mover) -> None:
    """A ball that comes and rebounds."""
    x = mover.x + plan.side * (_edge(plan, mover) + 0.06)
    plan.scene.canvas.paint("disc", x, mover.y - 0.02, 0.07, 0.07, (0.85, 0.4, 0.2), opacity=mover.held)


def wheels(plan: Plan, mover: Mover) -> None:
    """The wheels and the cabin of a car, which moves by itself."""
    radius = mover.thing.radius
    plan.scene.canvas.paint("box", mover.x, mover.y - 0.9 * radius, 0.8 * radius, 0.5 * radius, mover.thing.colour2)
    for way in (-1, 1):
        x, y = mover.x + way * radius, mover.y + 0.8 * radius
        plan.scene.canvas.paint("ring", x, y, 0.5 * radius, 0.5 * radius, (0.08, 0.08, 0.1))


def towed(plan: Plan, mover: Mover) -> None:
    """A car on a string from above."""
    wheels(plan, mover)
    string(plan, mover)
