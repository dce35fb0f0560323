"""What Stage-Split holds: actions × modifiers, with their words and their looks.

Both parts know most of the modifiers, and seldom in the same words: `Modifier.said` has a text for each part, equal
where a dictionary made of one part is to know the other's word for word. A modifier that has a text for one part only
is novel: nothing of the other part shows it. Actions that look alike differ in the gap between agent and thing or in
when the agent lets go, so little that some of their clips can't be told apart.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from catsplit.stage import agents, endings, motions, places, surfaces
from catsplit.stage.plan import Look, Plan
from catsplit.stage.scene import Scene

PARTS = ("A", "B")
MOTION_KINDS = ("direction", "speed", "interaction")
STATE_KINDS = ("relation", "count", "completion", "outcome", "intent")
VERSION = 2  # part of every cache key: raise it whenever a frame would change


@dataclass(frozen=True)
class Modifier:
    """What tells a subcategory from its siblings.

    Attributes:
        bend: what it does to a clip.
        family: modifiers of one family exclude each other; those of a motion are the same frames in another order.
        kind: the type of split that it makes, as the paper counts them.
        said: its text in part A and in part B, "" where the part doesn't have it.
        otherwise: the same thing in other words, which no label uses. tag: the same thing in a word or two.
    """

    bend: Callable[[Plan], None]
    family: str
    kind: str
    said: tuple[str, str]
    otherwise: str
    tag: str

    def text(self, part: str) -> str:
        return self.said[PARTS.index(part)]


def _family(kind: str, family: str, *members: tuple[Callable[[Plan], None], str, str, str, str]) -> list[Modifier]:
    return [Modifier(bend, family, kind, (a, b), otherwise, tag) for bend, a, b, otherwise, tag in members]


_MODIFIERS = [
    *_family(
        "direction", "horizontal",
        (motions.right, "from left to right", "from left to right", "towards the right-hand side", "right"),
        (motions.left, "from right to left", "from right to left", "towards the left-hand side", "left"),
    ),
    *_family(
        "direction", "vertical",
        (motions.up, "up", "upwards", "skywards", "rising"),
        (motions.down, "down", "downwards", "groundwards", "sinking"),
    ),
    *_family(
        "direction", "depth",
        (motions.near, "closer to the camera", "", "into the foreground", "near"),
        (motions.far, "away from the camera", "", "into the background", "far"),
    ),
    *_family(
        "direction", "rotation",
        (motions.cw, "", "clockwise", "the way the hands of a clock go", "cw"),
        (motions.ccw, "", "anticlockwise", "against the hands of a clock", "ccw"),
    ),
    *_family("direction", "circling", (motions.circling, "in a circle", "round and round", "along a ring", "loop")),
    *_family(
        "speed", "pace",
        (motions.slow, "slowly", "at a gentle pace", "without haste", "slow"),
        (motions.quick, "quickly", "in a hurry", "at high speed", "fast"),
        (motions.hurried, "quickly", "in a hurry", "at high speed", "fast"),
    ),
    *_family(
        "interaction", "meeting",
        (motions.together, "closer to each other", "closer to each other", "until they meet", "meet"),
        (motions.apart, "away from each other", "away from each other", "until they are far apart", "part"),
    ),
    *_family(
        "relation", "place",
        (places.onto, "onto something", "onto something", "on top of a thing", "on"),
        (places.beside, "next to something", "beside something else", "adjacent to a thing", "beside"),
        (places.behind, "behind something", "at the back of something", "to the rear of a thing", "behind"),
        (places.before, "in front of something", "", "before a thing", "before"),
        (places.into, "into something", "into something", "inside a container", "in"),
        (places.under, "underneath something", "under something", "beneath a thing", "below"),
        (places.between, "", "between something and something", "in the gap of two things", "amid"),
    ),
    *_family(
        "count", "number",
        (places.single, "just one", "a single one", "1 of them", "x1"),
        (places.two, "two of them", "a pair of them", "2 of them", "x2"),
        (places.several, "many of them", "a handful", "lots", "x4"),
    ),
    *_family(
        "count", "repetition",
        (places.once, "one time", "", "a single time", "1 time"),
        (places.often, "over and over", "again and again", "repeatedly", "4 times"),
    ),
    *_family(
        "completion", "amount",
        (endings.wholly, "completely", "all the way", "in full", "100 %"),
        (endings.partly, "halfway", "only some of it", "partially", "50 %"),
        (endings.barely, "just a little bit", "barely at all", "hardly", "15 %"),
    ),
    *_family(
        "outcome", "standing",
        (endings.falls, "so that it falls over", "and it topples over", "making it tumble", "fallen"),
        (endings.stays, "without it falling", "but it stays upright", "leaving it standing", "standing"),
        (
            endings.almost, "so that it almost falls off but doesn't", "so that it wobbles", "nearly overturning it",
            "shaky",
        ),
    ),
    *_family("outcome", "whirl", (endings.spins, "so it spins", "so that it twirls round", "making it rotate", "spun")),
    *_family(
        "outcome", "return",
        (endings.bounces, "and it bounces back", "so that it rebounds", "returning afterwards", "back"),
    ),
    *_family(
        "outcome", "breaking",
        (endings.bursts, "until it breaks", "", "cracking it to pieces", "broken"),
        (endings.flat, "until it is flat", "", "pressing it thin", "flat"),
    ),
    *_family(
        "outcome", "drawing",
        (endings.cross, "", "with an x", "leaving crossed lines", "crossed"),
        (endings.circle, "", "with a ring", "leaving a round line", "ringed"),
    ),
    *_family(
        "outcome", "light",
        (endings.lit, "", "switching it on", "lighting up the bulb", "lit"),
        (endings.dark, "", "until it goes dark", "putting out the bulb", "dark"),
    ),
    *_family(
        "intent", "intent",
        (endings.really, "for real", "without pretending", "actually", "real"),
        (endings.pretend, "but only pretending", "only as a joke", "faking it", "fake"),
        (endings.fails, "trying but failing", "unsuccessfully", "in vain", "failed"),
    ),
]  # fmt: skip
MODIFIERS = {modifier.bend.__name__: modifier for modifier in _MODIFIERS}
WORDINGS = ("exact", "known", "synonyms", "terse")


@dataclass(frozen=True)
class Subcategory:
    """A fine-grained category: an action and its modifiers, none for an action that takes none.

    Attributes:
        bends: what happens in its clips, in this order.
    """

    action: str
    part: str
    modifiers: tuple[Modifier, ...]
    bends: tuple[Callable[[Plan], None], ...]

    @property
    def label(self) -> str:
        return " ".join(filter(None, (self.action, self.modifier)))

    @property
    def modifier(self) -> str:
        return self.worded("exact")

    def worded(self, wording: str) -> str:
        """The modifier's text in one of `WORDINGS`."""
        return " ".join(self._say(modifier, wording) for modifier in self.modifiers)

    def _say(self, modifier: Modifier, wording: str) -> str:
        if wording == "known":  # as the other part says it, if it does
            return modifier.said[1 - PARTS.index(self.part)] or modifier.text(self.part)
        return {"synonyms": modifier.otherwise, "terse": modifier.tag}.get(wording) or modifier.text(self.part)


@dataclass(frozen=True)
class Action:
    """A coarse category with its subcategories, or a category of its own (part "")."""

    label: str
    part: str
    look: Look
    subcategories: tuple[Subcategory, ...]

    @property
    def fine(self) -> tuple[str, ...]:
        return tuple(sub.label for sub in self.subcategories)

    @property
    def kind(self) -> str | None:
        """The kind of most of its modifiers; of several, the first."""
        kinds = Counter(modifier.kind for sub in self.subcategories for modifier in sub.modifiers[-1:])
        return max(kinds, key=kinds.__getitem__) if kinds else None

    @property
    def novel(self) -> bool:
        """None of its modifiers occurs in the other part."""
        modifiers = [modifier for sub in self.subcategories for modifier in sub.modifiers]
        return bool(modifiers) and not any(all(modifier.said) for modifier in modifiers)


def _action(label: str, part: str, look: Look, modifiers: str) -> Action:
    """An action with the modifiers that it takes, by name; crossed ones are joined by "+"."""
    subcategories = []
    for names in modifiers.split():
        found = tuple(MODIFIERS[name] for name in names.split("+"))
        subcategories.append(Subcategory(label, part, found, tuple(modifier.bend for modifier in found)))
    return Action(label, part, look, tuple(subcategories))


def _alone(label: str, look: Look, bend: Callable[[Plan], None]) -> Action:
    return Action(label, "", look, (Subcategory(label, "", (), (bend,)),))


_ball = partial(Scene.thing, low=0.1, high=0.13, shapes=("disc",), textures=("spokes", "halves"))
_car = partial(Scene.thing, low=0.08, high=0.1, shapes=("pill",), textures=("plain",))
_card = partial(Scene.thing, shapes=("box",), textures=("dots", "checks"))
_block = partial(Scene.thing, shapes=("box", "hexagon"))
_A = [
    ("Pushing something", Look(agents.hand),
     "right left hurried+right hurried+left onto falls almost spins pretend"),
    ("Sliding something", Look(agents.hand, gap=0.017), "right left onto beside"),
    ("Moving something", Look(agents.hand, lets_go=(0.4, 0.9)), "right left up down near far"),
    ("Rolling something", Look(agents.none, _ball, rolls=True), "right left"),
    ("Throwing something", Look(agents.none, arrives="arc", tumbles=True), "right up into"),
    ("Dropping something", Look(agents.none, arrives="above"), "onto beside into behind"),
    ("Letting something fall", Look(agents.palm, arrives="above", lets_go=(0.05, 0.3)), "onto before bounces"),
    ("Putting something", Look(agents.palm), "onto beside behind before under"),
    ("Placing something", Look(agents.palm, gap=0.017), "onto into"),
    ("Picking something up", Look(agents.palm), "really pretend fails"),
    ("Lifting something", Look(agents.palm, gap=0.017), "up wholly partly"),
    ("Poking something", Look(agents.finger), "falls stays almost"),
    ("Touching something", Look(agents.finger, gap=0.017), "once often"),
    ("Hitting something", Look(agents.stick), "falls spins bursts"),
    ("Blowing on something", Look(agents.wind), "right falls stays"),
    ("Shaking something", Look(agents.hand), "slow quick"),
    ("Moving two things", Look(agents.hand), "together apart"),
    ("Sliding two things", Look(agents.hand, gap=0.017), "together apart"),
    ("Stacking things", Look(agents.palm, _block, layout="stack"), "single two several"),
    ("Lining things up", Look(agents.palm, _block), "two several"),
    ("Covering something", Look(agents.none, surface=surfaces.covered), "wholly partly barely"),
    ("Filling something", Look(agents.none, surface=surfaces.filled), "wholly partly"),
    ("Squeezing something", Look(agents.tongs), "bursts flat"),
    ("Tilting something", Look(agents.stick, gap=0.017), "falls stays"),
    ("Showing something", Look(agents.hand), "near far"),
    ("Bending something", Look(agents.hand, surface=surfaces.bent), "wholly fails"),
    ("Swinging something", Look(agents.string), "slow quick circling"),
]  # fmt: skip
_B = [
    ("Pulling something", Look(agents.string), "right left up down onto hurried+left"),
    ("Dragging something", Look(agents.string, gap=0.017), "right left beside"),
    ("Towing something", Look(agents.towed, _car, wide=1.7), "right left"),
    ("Driving a toy car", Look(agents.wheels, _car, wide=1.7), "right left circling bounces"),
    ("Rolling two balls", Look(agents.none, _ball, rolls=True), "together apart"),
    ("Pulling two things on strings", Look(agents.string), "together apart"),
    ("Carrying something", Look(agents.tongs), "onto beside into behind under between"),
    ("Laying something down", Look(agents.tongs, gap=0.017), "onto beside into"),
    ("Sweeping something", Look(agents.brush, surface=surfaces.wiped), "right left wholly partly"),
    ("Wiping something", Look(agents.sponge, surface=surfaces.wiped), "wholly partly"),
    ("Scattering things", Look(agents.none, layout="scatter"), "single two several"),
    ("Dealing cards", Look(agents.palm, _card), "two several"),
    ("Turning something", Look(agents.palm), "cw ccw"),
    ("Twisting something", Look(agents.palm, gap=0.017), "cw ccw"),
    ("Bouncing a ball", Look(agents.palm, _ball), "slow quick often"),
    ("Marking something", Look(agents.stick), "cross circle"),
    ("Opening something", Look(agents.none, surface=surfaces.opened), "wholly partly barely"),
    ("Closing something", Look(agents.none, surface=surfaces.closed), "wholly partly"),
    ("Tearing something", Look(agents.hand, surface=surfaces.torn), "wholly partly"),
    ("Knocking something with a ball", Look(agents.ball), "falls stays almost"),
    ("Kicking something", Look(agents.shoe), "right falls bounces"),
    ("Flicking something", Look(agents.finger), "up spins bounces"),
    ("Grabbing something", Look(agents.claw), "really pretend fails"),
    ("Taking something out of a box", Look(agents.boxed, _card), "really pretend"),
    ("Pressing something", Look(agents.finger), "lit dark"),
    ("Tossing something", Look(agents.none, arrives="arc", tumbles=True), "into beside onto"),
    ("Leading something with a magnet", Look(agents.magnet), "right left slow"),
]  # fmt: skip
ACTIONS = (
    *(_action(label, "A", look, modifiers) for label, look, modifiers in _A),
    *(_action(label, "B", look, modifiers) for label, look, modifiers in _B),
    _alone("Waving a hand", Look(agents.hand), endings.waves),
    _alone("Holding something still", Look(agents.hand), endings.rests),
    _alone("Making something grow", Look(agents.none), endings.grows),
    _alone("Flashing a light", Look(agents.none), endings.flashes),
)
