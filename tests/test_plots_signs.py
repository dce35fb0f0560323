"""Still pictures and warning signs: what they draw is what they were given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from catsplit.errors import CatsplitError
from catsplit.plots import pictures, signs


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_every_picture_stands_in_its_place_under_its_title():
    images = np.random.default_rng(0).random((5, 4, 6, 3))
    titles = ["a", "b", "c", "a title that is so long that it has to be broken", "e"]
    axes = pictures(images, titles, columns=3)
    assert len(axes) == 5
    for ax, image, title in zip(axes, images, titles, strict=True):
        assert np.array_equal(ax.images[0].get_array(), image)
        assert ax.get_title().replace("\n", " ") == title
    assert "\n" in axes[3].get_title()
    places = [ax.get_subplotspec() for ax in axes]
    assert [(spec.rowspan.start, spec.colspan.start) for spec in places] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    empty = [ax for ax in axes[0].figure.axes if not ax.images]
    assert len(empty) == 1
    assert not empty[0].axison


def test_titles_overlap_neither_one_another_nor_the_pictures():
    titles = ["a striped circle with a very long name"] * 12
    axes = pictures(np.zeros((12, 4, 4, 3)), titles, columns=6)
    axes[0].figure.draw_without_rendering()
    texts = [ax.title.get_window_extent() for ax in axes]
    shown = [ax.images[0].get_window_extent() for ax in axes]
    assert not any(text.overlaps(other) for n, text in enumerate(texts) for other in texts[:n])
    assert not any(text.overlaps(picture) for text in texts for picture in shown)


@pytest.mark.parametrize(("shape", "count"), [((2, 4, 4), 2), ((2, 3, 4, 4), 2), ((3, 4, 4, 3), 2), ((0, 4, 4, 3), 0)])
def test_what_is_no_picture_is_refused(shape, count):
    with pytest.raises(CatsplitError):
        pictures(np.zeros(shape), ["x"] * count)


def test_a_sign_is_drawn_against_the_truth_for_each_series():
    table = pd.DataFrame({"score": [0.9, 0.2, 0.5], "right": [80.0, 50.0, 60.0], "trait": ["size", "colour", "size"]})
    ax = signs(table, "score", "right", "trait", "Signs")
    drawn = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert drawn == {"size": [[0.9, 80.0], [0.5, 60.0]], "colour": [[0.2, 50.0]]}
    assert len({line.get_marker() for line in ax.lines}) == 2
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title(loc="left")) == ("score", "right", "Signs")
    with pytest.raises(CatsplitError, match='lacks the column "colour"'):
        signs(table, "score", "right", "colour")
