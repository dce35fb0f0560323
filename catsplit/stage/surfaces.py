"""What can be done completely or only in part: each draws a thing at progress 0–1, (T,)."""

import numpy as np

from catsplit.stage.plan import Plan


def goal(plan: Plan, progress: np.ndarray) -> None:
    """The thing is carried towards a marked place."""
    mover, s = plan.one, plan.scene
    x, y, way, far = s.uniform(0.4, 0.6), s.uniform(0.55, 0.68), s.side(), s.uniform(0.42, 0.5)
    plan.behind.append(lambda: s.canvas.paint("ring", x + way * 0.1, y - far, 0.13, 0.13, (0.95, 0.95, 0.9)))
    mover.x, mover.y = x + way * 0.1 * progress, y - far * progress


def covered(plan: Plan, progress: np.ndarray) -> None:
    """A cloth is drawn over the thing."""
    mover, s = plan.one, plan.scene
    way, width, cloth = s.side(), mover.thing.radius + 0.06, s.colour((0.3, 0.7))
    mover.sx = mover.sy = 1.5
    mover.y = mover.y - 0.05
    x = mover.x - way * 2 * width * (1 - progress)
    stripes = {"colour2": tuple(0.75 * c for c in cloth), "texture": "stripes"}
    plan.front.append(lambda: s.canvas.paint("box", x, mover.y, width, width, cloth, **stripes))


def filled(plan: Plan, progress: np.ndarray) -> None:
    """A glass is filled."""
    mover, s = plan.one, plan.scene
    x, half, liquid, level = mover.x, s.uniform(0.18, 0.22), s.colour((0.6, 1.0)), 0.02 + 0.36 * progress
    mover.opacity = 0.0
    mover.y = 0.3 + 0 * s.tau

    def paint() -> None:
        s.canvas.paint("box", x, 0.71 - level / 2, half * 0.8, level / 2, liquid)
        s.canvas.paint("cup", x, 0.52, half, 0.22, (0.92, 0.95, 0.97))

    plan.front.append(paint)


def opened(plan: Plan, progress: np.ndarray) -> None:
    """Two panels slide off the thing."""
    mover, s = plan.one, plan.scene
    x, y, half, panel = mover.x, s.uniform(0.42, 0.55), s.uniform(0.24, 0.28), s.colour((0.3, 0.8), (0.3, 0.7))
    mover.y = y + 0 * s.tau

    def paint() -> None:
        for way in (-1, 1):
            width = half / 2 * (1 - 0.94 * progress)
            s.canvas.paint("box", x + way * (half - width), y, width, half, panel)
            s.canvas.paint("box", x + way * half, y, 0.02, half + 0.02, (0.85, 0.8, 0.7))

    plan.behind.append(lambda: s.canvas.paint("box", x, y, half, half, (0.1, 0.1, 0.12)))
    plan.front.append(paint)


def closed(plan: Plan, progress: np.ndarray) -> None:
    """Two panels slide over the thing."""
    opened(plan, 1 - progress)


def torn(plan: Plan, progress: np.ndarray) -> None:
    """A sheet is torn from the top."""
    mover, s = plan.one, plan.scene
    x, y, half, paper = mover.x, s.uniform(0.45, 0.55), s.uniform(0.22, 0.27), s.colour((0.0, 0.4), (0.85, 1.0))
    ink, apart = tuple(0.55 * c for c in paper), 0.4 * np.clip(progress - 0.8, 0, 1)
    mover.opacity = 0.0

    def paint() -> None:
        for way in (-1, 1):
            at = x + way * (half / 2 + apart)
            s.canvas.paint("box", at, y, half / 2, half, paper, colour2=ink, texture="stripes")
        depth = half * progress + 0.001
        dark = (0.06, 0.06, 0.08)
        s.canvas.paint("triangle", x, y - half + depth, 0.03 + 0.05 * progress, depth, dark, angle=np.pi)

    plan.behind.append(paint)
    mover.y = y - half + 2 * half * progress


def wiped(plan: Plan, progress: np.ndarray) -> None:
    """A stain gets smaller from one side, under what wipes it off."""
    mover, s = plan.one, plan.scene
    x, y, half, way = s.uniform(0.4, 0.6), s.uniform(0.4, 0.6), s.uniform(0.24, 0.3), s.side()
    tint, edge = s.colour((0.5, 1.0), (0.2, 0.5)), x - way * half + way * 2 * half * progress
    mover.opacity = 0.0
    mover.x, mover.y = edge, y + 0.03 * np.sin(40 * s.tau)
    left = half * (1 - progress)
    stain = {"colour2": tuple(1.4 * c for c in tint), "texture": "dots"}
    plan.behind.append(lambda: s.canvas.paint("box", x + way * half * progress, y, left, half * 0.6, tint, **stain))


def bent(plan: Plan, progress: np.ndarray) -> None:
    """A rod is bent in its middle."""
    mover, s = plan.one, plan.scene
    x, y, half, colour = mover.x, s.uniform(0.4, 0.5), s.uniform(0.22, 0.28), s.colour()
    angle = 1.35 * progress
    mover.opacity = 0.0
    mover.y = y + 0 * s.tau

    def paint() -> None:
        for way in (-1, 1):
            s.canvas.line(x, y, x + way * half * np.cos(angle), y - half * np.sin(angle), 0.04, colour)

    plan.front.append(paint)
