"""Weight arithmetic: rows of a head in a plane of weight space, and what the head answers in that plane."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from catsplit.errors import CatsplitError
from catsplit.plots.style import COLOURS, HALO, MARKS, check_shape, new_axes, styled

if TYPE_CHECKING:
    from catsplit.head import Head


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
def parallelogram(
    head: "Head",
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

    def place(row: np.ndarray) -> np.ndarray:
        return plane @ (np.asarray(row) - prototype)

    ax = ax or new_axes((8.2, 5.8))
    start, end = place(prototype), place(head[coarse])
    corners = [(place(head[member]), place(row)) for member, row in zip(members, new.values(), strict=True)]
    for pair in [(start, end), *corners]:
        ax.plot(*np.transpose(pair), ls="--", color="0.55", lw=1.3, zorder=1)
    for place_of, (known, made) in enumerate(corners):
        style = {"arrowstyle": "-|>", "color": COLOURS[place_of], "lw": 2.6, "shrinkA": 0, "shrinkB": 4}
        ax.annotate("", known, start, arrowprops=style)
        ax.annotate("", made, end, arrowprops=style)
        ax.plot(*known, "o", color=COLOURS[place_of], ms=8)
        ax.plot(*made, "*", color=COLOURS[place_of], ms=15, mec="black", mew=0.6)
    ax.plot(*start, "D", color="0.3", ms=8)
    ax.plot(*end, "o", color="0.3", ms=9)
    for name, row in (shadows or {}).items():
        ax.plot(*place(row), "o", mfc="white", color="0.45", ms=7)
        _name(ax, name, place(row), (0, -1), "0.4")
    up = end - start
    towards = {True: (0, 1), False: (0, -1)}[bool(up[1] >= 0)]
    away = (0, -towards[1])
    _name(ax, f"mean of {len(members)} rows", start, away, "0.3")
    _name(ax, coarse, end, towards, "0.3")
    for colour, member, name, (known, made) in zip(COLOURS, members, new, corners, strict=False):
        _name(ax, member, known, away, colour)
        _name(ax, name, made, towards, colour)
    ax.set(xlabel="along the first modifier", ylabel="across it", aspect="equal")
    ax.margins(0.28, 0.32)
    return ax


@styled
def regions(
    head: "Head",
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
    import torch
    from scipy.ndimage import distance_transform_edt

    plane, origin = np.asarray(plane), np.asarray(origin)
    check_shape("The plane", plane, (2, head.dim))
    check_shape("The origin of the plane", origin, (head.dim,))
    if len(order) > len(COLOURS):
        raise CatsplitError(f"A plane shows at most {len(COLOURS)} categories in colour, not {len(order)}.")
    ax = ax or new_axes((5.2, 5.6))
    line = np.linspace(-limit, limit, 241)
    grid = np.stack(np.meshgrid(line, line), -1)
    winner = head.logits(torch.from_numpy(origin + grid @ plane)).argmax(-1).numpy()
    colours = [COLOURS[order.index(label)] if label in order else "0.6" for label in head.labels]
    ax.imshow(
        winner, cmap=mpl.colors.ListedColormap(colours), vmin=-0.5, vmax=len(head) - 0.5, alpha=0.25,
        origin="lower", extent=(-limit, limit, -limit, limit),
    )  # fmt: skip
    taken = np.zeros(winner.shape, bool)
    for mark, (name, features) in zip(MARKS, (points or {}).items(), strict=False):
        check_shape(f'The points "{name}"', features, (None, head.dim))
        shadow = (np.asarray(features) - origin) @ plane.T
        ax.plot(*shadow.T, mark, color="black", mec="white", ms=7, label=name)
        cells = np.rint((shadow[np.abs(shadow).max(1) < limit] + limit) / (line[1] - line[0])).astype(int)
        taken[cells[:, 1], cells[:, 0]] = True
    for row in np.unique(winner):
        # The name goes where its region is widest and no point is near; it needs more room sideways than upwards.
        depth = distance_transform_edt(np.pad((winner == row) & ~taken, 1), sampling=(1, 0.4))[1:-1, 1:-1]
        if (winner == row).mean() > 0.02:
            _name(ax, head.labels[row], grid[np.unravel_index(depth.argmax(), depth.shape)], (0, 0), colours[row])
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xlabel="along the first modifier", ylabel="across it")
    if points and legend:
        ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3, handletextpad=0.2)
    return ax


def _name(ax: Axes, text: str, point: np.ndarray, side: tuple[int, int], colour: str) -> None:
    """Write a name beside a point: above or below it, or upon it."""
    ax.annotate(
        textwrap.fill(text, 18), point, (9 * side[0], 9 * side[1]), textcoords="offset points", color=colour,
        fontsize=9.5, fontweight="bold", ha="center", va=("top", "center", "bottom")[side[1] + 1],
        path_effects=[HALO], zorder=5,
    )  # fmt: skip
