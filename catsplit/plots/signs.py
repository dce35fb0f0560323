"""For a classifier of one's own: still pictures, and whether a warning sign warns."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from catsplit.errors import CatsplitError
from catsplit.plots.style import COLOURS, MARKS, check_shape, new_axes, styled

if TYPE_CHECKING:
    import pandas as pd


@styled
def pictures(images: np.ndarray, titles: Sequence[str], columns: int = 8) -> np.ndarray:
    """Still pictures in a grid, line by line, with a title above each.

    Args:
        images: (n, H, W, 3), uint8 or floats from 0 to 1.
        titles: n texts; long ones are broken.
        columns: of the grid, at most.

    Returns:
        Array (n,) of axes.

    Raises:
        CatsplitError: no pictures, or another shape.
    """
    images = np.asarray(images)
    check_shape("Pictures to show", images, (len(titles), None, None, 3))
    if not len(titles):
        raise CatsplitError("A grid of pictures needs at least one.")
    columns = min(columns, len(titles))
    texts = [textwrap.fill(title, max(96 // columns, 8)) for title in titles]
    lines, rows = max(text.count("\n") + 1 for text in texts), -(-len(titles) // columns)
    _, axes = plt.subplots(rows, columns, figsize=(8, rows * (8 / columns + 0.17 * lines)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, text in zip(axes.flat, images, texts, strict=False):
        ax.imshow(image)
        ax.set_title(text, fontsize=9)
    return axes.flat[: len(titles)]


@styled
def signs(table: "pd.DataFrame", sign: str, truth: str, series: str, title: str = "", ax: Axes | None = None) -> Axes:
    """A sign that needs no labels against the truth: a mark for each split, a kind of mark for each series.

    Args:
        table: one line for each split, with the three columns named; they are the axes' names too.

    Raises:
        CatsplitError: a column is missing.
    """
    if missing := {sign, truth, series} - set(table.columns):
        raise CatsplitError(f'The table to draw lacks the column "{min(missing)}".')
    ax = ax or new_axes((6.2, 4.4))
    for place, (name, mine) in enumerate(table.groupby(series, sort=False)):
        colour, mark = COLOURS[place % len(COLOURS)], MARKS[place % len(MARKS)]
        ax.plot(mine[sign], mine[truth], mark, color=colour, ms=7, mec="white", alpha=0.85, label=name)
    ax.set(xlabel=sign, ylabel=truth)
    ax.set_title(title, loc="left")
    return ax
