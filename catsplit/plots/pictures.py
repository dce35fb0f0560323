"""Clips as film strips, and still pictures in a grid."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt

from catsplit.errors import CatsplitError
from catsplit.plots.style import check_shape, styled


@styled
def strips(clips: Mapping[str, np.ndarray], count: int = 8) -> np.ndarray:
    """Film strips, one below the other: `count` evenly spaced frames of each clip.

    Args:
        clips: {title: frames (T, H, W, 3) uint8}.

    Returns:
        Array of axes, one a clip.

    Raises:
        CatsplitError: no clips, or frames of another shape.
    """
    if not clips:
        raise CatsplitError("A film strip needs at least one clip.")
    for title, frames in clips.items():
        check_shape(f'The frames of "{title}"', frames, (None, None, None, 3))
    width = 8.0
    height = sum(0.3 + width / count * frames.shape[1] / frames.shape[2] for frames in clips.values())
    axes = plt.subplots(len(clips), figsize=(width, height), squeeze=False)[1][:, 0]
    for ax, (title, frames) in zip(axes, clips.items(), strict=True):
        shown = frames[np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)]
        apart = np.pad(shown, ((0, 0), (0, 0), (0, max(frames.shape[2] // 25, 1)), (0, 0)), constant_values=255)
        ax.imshow(np.concatenate(apart, axis=1))
        ax.set_title(title)
        ax.axis("off")
    return axes


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
    check_shape("Pictures to show", images, (len(titles), None, None, 3))
    if not len(titles):
        raise CatsplitError("A grid of pictures needs at least one.")
    columns = min(columns, len(titles))
    texts = [textwrap.fill(title, max(96 // columns, 8)) for title in titles]
    lines, rows = max(text.count("\n") + 1 for text in texts), -(-len(titles) // columns)
    _, axes = plt.subplots(rows, columns, figsize=(8, rows * (8 / columns + 0.17 * lines)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, text in zip(axes.flat, np.asarray(images), texts, strict=False):
        ax.imshow(image)
        ax.set_title(text, fontsize=9, loc="center")
    return axes.flat[: len(titles)]
