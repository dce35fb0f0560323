"""What Stage-Split holds: its categories, their subcategories in two wordings, and the script of each.

The wording is the point. A modifier family (`FAMILIES`) has categories in both parts, so that a dictionary built
from one part can serve the other; `exact` says a modifier the same way everywhere, `paraphrased` says it in other
words for the subcategories that are asked for. The families of `NOVEL` live in one part only: no wording of theirs
occurs in the other.
"""

from collections.abc import Callable
from dataclasses import dataclass

from catsplit.stage import endings, motions, states
from catsplit.stage.scene import Scene

# Per sibling: the modifier as the labels say it, and the same thing in other words.
FAMILIES: dict[str, tuple[tuple[str, str], ...]] = {
    "direction": (("from left to right", "to the right"), ("from right to left", "to the left")),
    "speed": (("slowly", "at a gentle pace"), ("quickly", "fast")),
    "interaction": (
        ("so that they come together", "towards each other"),
        ("so that they move apart", "away from each other"),
    ),
    "relation": (
        ("on top of something", "onto a thing"),
        ("next to something", "beside a thing"),
        ("behind something", "at the back of a thing"),
    ),
    "count": (
        ("just one of them", "a single item"),
        ("just two of them", "a pair"),
        ("several of them", "four or more"),
    ),
    "completion": (("completely", "all the way"), ("only partly", "stopping about halfway")),
    "outcome": (
        ("so that it falls over", "toppling it"),
        ("so that it stays standing", "without toppling it"),
    ),
    "intent": (("for real", "actually doing it"), ("only pretending to", "faking it")),
    "vertical": (("upwards", "towards the ceiling"), ("downwards", "towards the floor")),
    "rotation": (
        ("clockwise", "the way the hands of a watch go"),
        ("anticlockwise", "against the hands of a watch"),
    ),
    "breaking": (("until it bursts", "breaking it to pieces"), ("until it is flat", "pressing it thin")),
    "drawing": (("with a cross", "drawing an X on it"), ("with a circle", "drawing a ring on it")),
}
NOVEL = ("vertical", "rotation", "breaking", "drawing")
_KIND_OF_NOVEL = {
    "vertical": "direction",
    "rotation": "direction",
    "breaking": "outcome",
    "drawing": "outcome",
}
PARTS = ("A", "B")
MOTION_KINDS = ("direction", "speed", "interaction")
STATE_KINDS = ("relation", "count", "completion", "outcome", "intent")
VERSION = 1  # part of every cache key: raise it whenever a frame would change


@dataclass(frozen=True)
class Action:
    """One coarse category, or a category of its own (`family` None, part ""), and the script that renders it."""

    label: str
    part: str
    family: str | None
    script: Callable[[Scene, int], None]

    @property
    def fine(self) -> tuple[str, ...]:
        return tuple(self._join(exact) for exact, _ in FAMILIES[self.family]) if self.family else (self.label,)

    @property
    def paraphrased(self) -> tuple[str, ...]:
        return tuple(self._join(other) for _, other in FAMILIES[self.family]) if self.family else (self.label,)

    @property
    def kind(self) -> str | None:
        return _KIND_OF_NOVEL.get(self.family, self.family)

    def _join(self, modifier: str) -> str:
        return f"{self.label}{', ' if self.family in ('count', 'intent') else ' '}{modifier}"


ACTIONS = (
    Action("Pushing something", "A", "direction", motions.pushing),
    Action("Rolling something", "A", "direction", motions.rolling),
    Action("Shaking something", "A", "speed", motions.shaking),
    Action("Spinning something", "A", "speed", motions.spinning),
    Action("Moving two things", "A", "interaction", motions.moving_two),
    Action("Sliding two things on ice", "A", "interaction", motions.sliding_two),
    Action("Putting something", "A", "relation", states.putting),
    Action("Dropping something", "A", "relation", states.dropping),
    Action("Stacking things", "A", "count", states.stacking),
    Action("Lining things up", "A", "count", states.lining_up),
    Action("Covering something", "A", "completion", states.covering),
    Action("Filling something", "A", "completion", states.filling),
    Action("Poking something", "A", "outcome", endings.poking),
    Action("Blowing on something", "A", "outcome", endings.blowing),
    Action("Picking something up", "A", "intent", endings.picking_up),
    Action("Throwing something", "A", "intent", endings.throwing),
    Action("Taking something in a lift", "A", "vertical", motions.riding_lift),
    Action("Squeezing something", "A", "breaking", endings.squeezing),
    Action("Dragging something on a string", "B", "direction", motions.dragging),
    Action("Driving a toy car", "B", "direction", motions.driving),
    Action("Swinging something on a rope", "B", "speed", motions.swinging),
    Action("Bouncing a ball", "B", "speed", motions.bouncing),
    Action("Rolling two balls", "B", "interaction", motions.rolling_two),
    Action("Moving the ends of a rubber band", "B", "interaction", motions.stretching),
    Action("Tossing something", "B", "relation", states.tossing),
    Action("Revealing something", "B", "relation", states.revealing),
    Action("Scattering things", "B", "count", states.scattering),
    Action("Hanging things on a line", "B", "count", states.hanging),
    Action("Opening something", "B", "completion", states.opening),
    Action("Tearing something", "B", "completion", states.tearing),
    Action("Tilting something", "B", "outcome", endings.tilting),
    Action("Hitting something with a ball", "B", "outcome", endings.hitting),
    Action("Pouring something", "B", "intent", endings.pouring),
    Action("Taking something out of a box", "B", "intent", endings.taking_out),
    Action("Turning a dial", "B", "rotation", motions.turning_dial),
    Action("Marking something", "B", "drawing", endings.marking),
    Action("Waving a hand", "", None, endings.waving),
    Action("Holding something still", "", None, endings.holding_still),
    Action("Making something grow", "", None, endings.growing),
    Action("Flashing a light", "", None, endings.flashing),
)
