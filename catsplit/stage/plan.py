"""What happens in a clip, as numbers for each frame: an action sets it up, modifiers bend it, and it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from catsplit.stage.scene import TABLE, Scene, Thing

Array = np.ndarray
GAP_SPREAD = 0.016  # of a clip's gap about its action's, in shares of the frame


@dataclass(frozen=True)
class Look:
    """How an action looks, whatever its modifiers.

    Attributes:
        agent: draws what acts on the thing; see `catsplit.stage.agents`.
        thing: makes the thing that is acted on.
        gap: distance between agent and thing in shares of the frame, on average; actions that look alike differ in it.
        lets_go: moments of the clip, in 0–1, between which the agent lets go; above 1 it stays.
        arrives: where a thing comes from that ends up somewhere: "above", "side" or "arc".
        rolls: the thing turns as it goes, like a wheel. tumbles: it turns while it flies.
        surface: what is done more or less completely; see `catsplit.stage.surfaces`.
        layout: where several things end up: "row", "stack" or "scatter".
        wide: how much wider than high the thing is.
    """

    agent: Callable[["Plan", "Mover"], None]
    thing: Callable[[Scene], Thing] = Scene.thing
    gap: float = 0.0
    lets_go: tuple[float, float] = (1.1, 1.2)
    arrives: str = "side"
    rolls: bool = False
    tumbles: bool = False
    surface: Callable[["Plan", Array], None] | None = None
    layout: str = "row"
    wide: float = 1.0


@dataclass
class Mover:
    """A thing on its way: place, turn, size and visibility in each frame, numbers or (T,), and its agent's.

    Attributes:
        away: distance of the agent from where it holds the thing; 0 while it does.
        held: visibility of the agent.
    """

    thing: Thing
    x: Array
    y: Array
    angle: Array | float = 0.0
    sx: Array | float = 1.0
    sy: Array | float = 1.0
    opacity: Array | float = 1.0
    away: Array | float = 0.0
    held: Array | float = 1.0


@dataclass
class Plan:
    """A clip in the making: the scene, the look of its action, one thing at rest, and nothing that happens yet.

    Attributes:
        turns: how many times a loop is run through.
        behind, front: what is drawn before and after the things.
    """

    scene: Scene
    look: Look
    movers: list[Mover] = field(default_factory=list)
    behind: list[Callable[[], None]] = field(default_factory=list)
    front: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        s = self.scene
        thing, still = self.look.thing(s), np.ones_like(s.tau)
        self.turns = s.uniform(0.8, 0.95)
        self.side = s.side()
        self.gap = max(float(s.rng.normal(self.look.gap, GAP_SPREAD)), -0.02)
        self.movers = [Mover(thing, s.uniform(0.35, 0.65) * still, (TABLE - thing.radius) * still, sx=self.look.wide)]
        self.held = (s.tau < s.uniform(*self.look.lets_go)).astype(np.float32)

    @property
    def one(self) -> Mover:
        """The thing that it is all about."""
        return self.movers[0]

    def loop(self, backwards: bool) -> Array:
        """Progress of an action that runs in a loop and that the clip joins at a random moment; (T,) in 0–1.

        Played backwards it is the same set of frames in the opposite order, and every frame of the clip sees
        every stage of the action equally often: neither a frame nor a shuffled clip can tell the order.
        """
        share = (self.scene.tau * self.turns + self.scene.uniform(0, 1)) % 1
        return 1 - share if backwards else share

    def across(self, backwards: bool) -> Array:
        """Places along one axis: just outside the picture at first, outside the other edge at last."""
        return 0.5 + (2 * self.loop(backwards) - 1) * (0.5 / self.scene.canvas.zoom + 0.2)

    def visit(self, moment: float, stays: float = 0.0) -> None:
        """Let the agent come from afar, reach the thing at `moment`, and leave after `stays`."""
        tau = self.scene.tau
        self.one.away = 1.6 * np.maximum(np.maximum(moment - tau, tau - moment - stays), 0)

    def draw(self) -> None:
        for paint in self.behind:
            paint()
        for mover in self.movers:
            if self.look.rolls:
                mover.angle = mover.angle + mover.x / mover.thing.radius
            mover.thing.draw(
                self.scene.canvas, mover.x, mover.y, angle=mover.angle, sx=mover.sx, sy=mover.sy, opacity=mover.opacity
            )
            mover.held = mover.held * self.held
            self.look.agent(self, mover)
        for paint in self.front:
            paint()
