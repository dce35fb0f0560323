"""The methods that are compared, by name.

A method is a function of a setting, a split and a seed. It answers `Rows`, a `Head` where it
changed old rows too, or `Scores` where it predicts by itself. A function of your own is as good as these.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from catsplit import controls, lowshot, vlm
from catsplit.errors import CatsplitError, choices
from catsplit.head import Head, Rows
from catsplit.metrics import Scores
from catsplit.models.whole import WholeModel
from catsplit.modifiers import Split
from catsplit.retrieval import retrieve
from catsplit.samples import ALL
from catsplit.setting import Setting

Method = Callable[[Setting, Split, int], Rows | Head | Scores]


def _told(method: Method, needs: str = "", **columns: object) -> Method:
    """A method that says what of the setting is made before it is timed; if it learns, its `initial` and `shots`."""
    method.needs = needs
    for name, value in columns.items():
        setattr(method, name, value)
    return method


def _retrieve(setting: Setting, split: Split, seed: int, **settings: object) -> Rows:
    return retrieve(setting.head, split, setting.dictionary, setting.encode, seed=seed, **settings)


# Those of the zero-shot comparison, controls first; then what they are taken apart into.
COMPARED: dict[str, Method] = {
    "copies": lambda setting, split, seed: controls.copies(setting.head, split, seed=seed),
    "random vectors": lambda setting, split, seed: controls.random_vectors(
        setting.head, split, setting.dictionary, seed=seed
    ),
    "random entries": lambda setting, split, seed: controls.random_entries(
        setting.head, split, setting.dictionary, seed=seed
    ),
    "retrieval": _retrieve,
    "alignment": _told(
        lambda setting, split, seed: setting.alignment.rows(setting.head, split, setting.encode, seed=seed), "alignment"
    ),
}
ABLATED: dict[str, Method] = {
    "retrieval, argmax": partial(_retrieve, matching="argmax"),
    "retrieval, coherent": partial(_retrieve, matching="coherent"),
    "retrieval, modifiers only": partial(_retrieve, alpha=1.0, beta=0.0),
    "retrieval, labels only": partial(_retrieve, alpha=0.0, beta=1.0),
    "retrieval, first of equals": partial(_retrieve, ties="first"),
    "ridge": _told(lambda setting, split, seed: setting.ridge.rows(setting.head, split, setting.encode), "ridge"),
}
ZERO_SHOT = COMPARED | ABLATED


def _vision_language(setting: Setting, split: Split, seed: int) -> Scores:
    return vlm.method(*setting.vision_language)(setting, split, seed)


ORACLE, VISION_LANGUAGE, WHOLE_MODEL = "oracle", "vision-language", "whole model"
ALL_THE_DATA = f"{WHOLE_MODEL}, all the data"
# Those that need more than a head and texts: training clips, another model, or the backbone itself.
OTHERS: dict[str, Method] = {
    ORACLE: _told(lambda setting, split, seed: setting.oracle(split), initial="coarse", shots=ALL),
    VISION_LANGUAGE: _told(_vision_language, "vision_language"),
    WHOLE_MODEL: WholeModel(),
    ALL_THE_DATA: WholeModel(None),
}
# What may learn from a few clips, and the rows to begin with.
LOW_SHOT = ("new rows", "whole head")
INITIAL: dict[str, Callable[[Setting, Split, int], Rows]] = {
    "random": lambda setting, split, seed: lowshot.random_rows(setting.head, split, seed=seed),
    "coarse": lambda setting, split, seed: controls.copies(setting.head, split, noise=0),
    "retrieval": _retrieve,
    "alignment": COMPARED["alignment"],
}


def usual(setting: Setting) -> tuple[str, ...]:
    """Names of the methods that are compared if nobody says which: all but those that take very long."""
    # The oracle needs features of all training clips, which are at once there for clips that are rendered.
    rest = (ORACLE,) if setting.small else ()
    return (*ZERO_SHOT, *LOW_SHOT, *rest, *((VISION_LANGUAGE,) if setting.can_see else ()))


def find(names: Sequence[str] | Mapping[str, Method | None]) -> tuple[dict[str, Method], tuple[str, ...]]:
    """The methods of these names; apart from them, the names of those that learn side by side, `LOW_SHOT`.

    Args:
        names: a list of names; or {name: function}, where None stands for the method known by the name.

    Raises:
        CatsplitError: there is no method of a name; the nearest are offered.
    """
    if isinstance(names, str):
        raise CatsplitError(f'Methods are given as a list: write ["{names}"] in place of "{names}".')
    if not names:
        raise CatsplitError("A sweep needs one method or more.")
    own = {name: function for name, function in dict(names).items() if function} if isinstance(names, Mapping) else {}
    known = ZERO_SHOT | OTHERS | own
    for name in names:
        if name not in known and name not in LOW_SHOT:
            raise CatsplitError(f'There is no method "{name}" ({choices(name, (*known, *LOW_SHOT))}).')
    return {name: known[name] for name in names if name in known}, tuple(name for name in names if name in LOW_SHOT)
