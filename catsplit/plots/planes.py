"""Planes: rows of a head as arrows in feature or weight space, and what the head answers where."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from scipy.ndimage import distance_transform_edt

from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.plots.style import (
    COLOURS,
    HALO,
    MARKS,
    arrow,
    check_shape,
    finish,
    ink,
    new_axes,
    styled,
    write_beside,
)


def plane_through(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Orthonormal axes (2, D) of the plane that two vectors (D,) span; the first axis lies along the first vector.

    Raises:
        CatsplitError: the vectors lie on one line, or have another shape.
    """
    first, second = (np.asarray(vector, dtype=np.float64) for vector in (first, second))
    check_shape("The first vector of a plane", first, (None,))
    check_shape("The second vector of a plane", second, first.shape)
    across = second - first * (first @ second) / max(first @ first, 1e-30)
    if np.linalg.norm(across) <= 1e-6 * np.linalg.norm(second) or not first.any():
        raise CatsplitError("Two vectors that lie on one line span no plane: choose another pair.")
    return np.stack([first / np.linalg.norm(first), across / np.linalg.norm(across)])


@styled
def plane(
    head: Head,
    points: Mapping[str, np.ndarray] | None = None,
    limit: float = 3.0,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A head on a feature space of two dimensions: what it answers where, its rows as arrows, clips as marks.

    Args:
        head: D = 2.
        points: {name: features (n, 2)}, drawn as marks of one kind each.
        limit: the plane runs from -limit to limit.
        order: labels that have the colours in this order, so that a label keeps its colour from one figure to the
            next; the head's own, if not given.

    Raises:
        CatsplitError: the head has another width, or there are more labels than colours.
    """
    check_shape("The weight of a head to draw on a plane", head.weight, (None, 2))
    ax = ax or new_axes((5.2, 5.6))
    order = list(order or head.labels)
    answers = _answers(ax, head, np.eye(2), np.zeros(2), order, points or {}, limit)
    tips = head.weight.numpy()
    arrows = [arrow(ax, np.zeros(2), tip, colour) for tip, colour in zip(tips, answers.colours, strict=True)]
    finish(ax, xlabel="first feature", ylabel="second feature")
    if points:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, handletextpad=0.2)
    crowd = np.concatenate([answers.points, *arrows])
    write_beside(ax, _wrapped(head.labels), tips, crowd, answers.colours)
    return ax


@styled
def regions(
    head: Head,
    plane: np.ndarray,
    origin: np.ndarray,
    order: Sequence[str],
    points: Mapping[str, np.ndarray] | None = None,
    limit: float = 8.0,
    ax: Axes | None = None,
    legend: bool = True,
) -> Axes:
    """What a head answers on one plane of feature space, with features projected onto it.

    Args:
        plane: (2, D), orthonormal axes, as `plane_through` gives them.
        origin: (D,), the feature in the middle, through which the plane goes.
        order: labels that have the colours in this order, so that a label keeps its colour from one figure to the
            next; regions of others are grey.
        points: {name: features (n, D)}, drawn as marks of one kind each.
        limit: the plane runs from -limit to limit.
        legend: name the points below the figure.

    Raises:
        CatsplitError: shapes that don't fit the head, or more labels than colours.
    """
    ax = ax or new_axes((5.2, 5.6))
    answers = _answers(ax, head, plane, origin, list(order), points or {}, limit)
    size = len(answers.rows)
    taken = np.histogram2d(*np.flip(answers.points, 1).T, bins=size, range=[(-limit, limit)] * 2)[0] > 0
    for row in np.unique(answers.rows):
        own = answers.rows == row
        if own.mean() > 0.02:
            # The name goes where its region is widest and no point is near; it needs more room sideways than upwards.
            depth = distance_transform_edt(np.pad(own & ~taken, 1), sampling=(1, 0.4))[1:-1, 1:-1]
            place = answers.places[np.unravel_index(depth.argmax(), depth.shape)]
            ax.text(
                *place, *_wrapped([head.labels[row]]), color=ink(answers.colours[row]), fontsize=9.5,
                weight="bold", ha="center", va="center", path_effects=[HALO],
            )  # fmt: skip
    return finish(ax, "", 3 if points and legend else 0, xlabel="along the first modifier", ylabel="across it")


@styled
def parallelogram(
    head: Head,
    members: Sequence[str],
    coarse: str,
    new: Mapping[str, np.ndarray],
    plane: np.ndarray,
    shadows: Mapping[str, np.ndarray] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A group's rows around their prototype, and the coarse row with its new rows, in one plane of weight space.

    The prototype is the origin. Solid arrows are modifier vectors, and a colour is a modifier; the dashed lines lead
    from the group to the coarse category.

    Args:
        members: labels of the group that the head knows.
        coarse: the category that is split.
        new: {subcategory: row (D,)}, in the order of the members whose vectors they have.
        plane: (2, D), orthonormal axes, as `plane_through` gives them.
        shadows: {name: row (D,)} of rows that lie off the plane, drawn hollow where they fall on it.

    Raises:
        CatsplitError: as many new rows as members are needed, and a plane of the head's width.
    """
    plane, prototype = np.asarray(plane), head.mean(members).numpy()
    check_shape("The plane", plane, (2, head.dim))
    if len(new) != len(members) or len(members) > len(COLOURS):
        raise CatsplitError(f"Each of the {len(members)} members needs its new row, but there are {len(new)}.")
    names = [f"mean of {len(members)} rows", coarse, *members, *new, *(shadows or {})]
    rows = [prototype, head[coarse], *map(head.__getitem__, members), *new.values(), *(shadows or {}).values()]
    places = (np.stack([np.asarray(row) for row in rows]) - prototype) @ plane.T
    (start, end), known, made, others = np.split(places, np.cumsum([2, len(members), len(members)]))
    colours = COLOURS[: len(members)]
    ax = ax or new_axes((8.2, 5.8))
    dashes = [np.linspace(*pair, 16) for pair in [(start, end), *zip(known, made, strict=True)]]
    for line in dashes:
        ax.plot(*line.T, ls="--", color="0.55", lw=1.3, zorder=1)
    arrows = _arrows(ax, start, known, colours, "o", 8) + _arrows(ax, end, made, colours, "*", 15)
    ax.plot(*start, "D", color="0.3", ms=8)
    ax.plot(*end, "o", color="0.3", ms=9)
    for other in others:
        ax.plot(*other, "o", mfc="white", color="0.45", ms=7)
    ax.margins(0.28, 0.32)
    finish(ax, xlabel="along the first modifier", ylabel="across it", aspect="equal")
    of_names = ["0.3", "0.3", *colours, *colours, *["0.3"] * len(others)]
    write_beside(ax, _wrapped(names), places, np.concatenate([others, *dashes, *arrows]), of_names)
    return ax


@styled
def prototypes(
    head: Head, groups: Mapping[str, Sequence[str]], modifiers: Mapping[str, str], ax: Axes | None = None
) -> Axes:
    """Groups of rows on a plane: each group's prototype, and an arrow from there to each member, its modifier vector.

    Args:
        head: D = 2.
        groups: {name: labels of its members}.
        modifiers: {label: the text at its arrow}.
    """
    check_shape("The weight of a head to draw on a plane", head.weight, (None, 2))
    ax = ax or new_axes((6.4, 4.6))
    names, anchors, crowd, colours = [], [], [], []
    for colour, mark, (group, members) in zip(cycle(COLOURS), cycle(MARKS), groups.items(), strict=False):
        centre, tips = head.mean(members).numpy(), [head[label].numpy() for label in members]
        ax.plot(*centre, "P", color=colour, mec="black", ms=13)
        crowd += _arrows(ax, centre, tips, [colour] * len(tips), mark, 8)
        names += [group, *(modifiers[label] for label in members)]
        anchors += [centre, *tips]
        colours += ["0.3", *[colour] * len(tips)]
    ax.margins(0.4, 0.3)
    finish(ax, xlabel="first number of the row", ylabel="second number of the row", aspect="equal")
    write_beside(ax, _wrapped(names), anchors, np.concatenate(crowd), colours)
    return ax


def _arrows(
    ax: Axes, tail: np.ndarray, tips: Sequence[np.ndarray], colours: Sequence[str], mark: str, size: float
) -> list[np.ndarray]:
    """Arrows from one point to several, with a mark at each tip; points along each."""
    for tip, colour in zip(tips, colours, strict=True):
        ax.plot(*tip, mark, color=colour, ms=size, mec="black", mew=0.6)
    return [arrow(ax, tail, tip, colour) for tip, colour in zip(tips, colours, strict=True)]


def _wrapped(names: Sequence[str]) -> list[str]:
    return [textwrap.fill(name, 18) for name in names]


class _Answers(NamedTuple):
    """What a head answers on a grid of a plane.

    Attributes:
        rows: (n, n) numbers of the rows that win.
        places: (n, n, 2) of the grid on the plane.
        points: (m, 2) places of all points.
        colours: one for each row of the head.
    """

    rows: np.ndarray
    places: np.ndarray
    points: np.ndarray
    colours: list[str]


def _answers(
    ax: Axes,
    head: Head,
    plane: np.ndarray,
    origin: np.ndarray,
    order: list[str],
    points: Mapping[str, np.ndarray],
    limit: float,
) -> _Answers:
    """Colour the plane by what the head answers there, and mark the points."""
    plane, origin = np.asarray(plane), np.asarray(origin)
    check_shape("The plane", plane, (2, head.dim))
    check_shape("The origin of the plane", origin, (head.dim,))
    if len(order) > len(COLOURS):
        raise CatsplitError(f"A plane shows at most {len(COLOURS)} categories in colour, not {len(order)}.")
    line = np.linspace(-limit, limit, 241)
    places = np.stack(np.meshgrid(line, line), -1)
    rows = head.logits(torch.from_numpy(origin + places @ plane)).argmax(-1).numpy()
    colours = [COLOURS[order.index(label)] if label in order else "0.6" for label in head.labels]
    ax.imshow(
        rows, cmap=mpl.colors.ListedColormap(colours), vmin=-0.5, vmax=len(head) - 0.5, alpha=0.25, origin="lower",
        extent=(-limit, limit, -limit, limit),
    )  # fmt: skip
    shadows = [np.empty((0, 2))]
    for mark, (name, features) in zip(cycle(MARKS), points.items(), strict=False):
        check_shape(f'The points "{name}"', features, (None, head.dim))
        shadows.append((np.asarray(features) - origin) @ plane.T)
        ax.plot(*shadows[-1].T, mark, color="black", mec="white", ms=8, label=name)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    return _Answers(rows, places, np.concatenate(shadows), colours)
