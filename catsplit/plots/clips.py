"""Clips as film strips."""

from collections.abc import Mapping

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
    _, axes = plt.subplots(len(clips), figsize=(width, height), squeeze=False)
    for ax, (title, frames) in zip(axes[:, 0], clips.items(), strict=True):
        shown = np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)
        gap = np.full((frames.shape[1], max(frames.shape[2] // 25, 1), 3), 255, np.uint8)
        pieces = [piece for number in shown for piece in (frames[number], gap)][:-1]
        ax.imshow(np.concatenate(pieces, 1))
        ax.set_title(title, loc="left")
        ax.axis("off")
    return axes[:, 0]
