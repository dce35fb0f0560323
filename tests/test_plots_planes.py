"""Planes of feature and weight space: what is drawn is what was given."""

import numpy as np
import pytest
import torch
from matplotlib.text import Text

from catsplit import plots
from catsplit.errors import CatsplitError
from catsplit.head import Head

MEMBERS, COARSE = ("push right", "push left"), "pull"
NEW = ("pull right", "pull left")


pytestmark = pytest.mark.usefixtures("figures")


@pytest.fixture
def head():
    random = torch.Generator().manual_seed(3)
    return Head(torch.randn(5, 6, generator=random), torch.randn(5, generator=random), [*MEMBERS, COARSE, "x", "y"])


@pytest.fixture
def new(head):
    prototype = (head[MEMBERS[0]] + head[MEMBERS[1]]) / 2
    return {name: head[COARSE] + head[member] - prototype for name, member in zip(NEW, MEMBERS, strict=True)}


@pytest.fixture
def plane(head):
    return plots.plane_through(head[MEMBERS[0]] - head.mean(MEMBERS), head[COARSE] - head.mean(MEMBERS))


def marks(ax, marker):
    return [tuple(line.get_xydata()[0]) for line in ax.lines if line.get_marker() == marker]


def named(ax):
    """{name: the place that it is written beside}."""
    return {text.get_text(): tuple(text.xy) for text in ax.texts if text.get_text()}


def arrows(ax):
    return [(tuple(text.xyann), tuple(text.xy)) for text in ax.texts if not text.get_text()]


def test_the_axes_of_a_plane_are_orthonormal_and_hold_both_vectors():
    first, second = np.array([3.0, 0.0, 4.0]), np.array([1.0, 2.0, 2.0])
    axes = plots.plane_through(first, second)
    assert np.allclose(axes @ axes.T, np.eye(2))
    assert np.allclose(axes[0], first / 5)
    for vector in (first, second):
        assert np.allclose(axes.T @ (axes @ vector), vector)


def test_in_its_own_plane_the_parallelogram_is_not_distorted(head, new, plane):
    ax = plots.parallelogram(head, MEMBERS, COARSE, new, plane)
    known, made = np.array(marks(ax, "o")[:3]), np.array(marks(ax, "*"))
    coarse, known = known[-1], known[:2]
    rows = np.stack([head[name] for name in MEMBERS])
    assert np.linalg.norm(known[0] - known[1]) == pytest.approx(np.linalg.norm(rows[0] - rows[1]), rel=1e-5)
    assert np.allclose(marks(ax, "D"), [[0, 0]])
    assert np.allclose(made - coarse, known, atol=1e-6)
    assert np.linalg.norm(coarse) == pytest.approx(float((head[COARSE] - head.mean(MEMBERS)).norm()), rel=1e-5)


def test_the_parallelogram_draws_the_rows_that_it_is_given(head, new, plane):
    moved = new | {"pull left": new["pull left"] + torch.tensor(plane[0], dtype=torch.float32)}
    before, after = (marks(plots.parallelogram(head, MEMBERS, COARSE, rows, plane), "*") for rows in (new, moved))
    assert np.allclose(np.subtract(after, before), [[0, 0], [1, 0]], atol=1e-5)


def test_shadows_are_projections(head, new, plane):
    ax = plots.parallelogram(head, MEMBERS, COARSE, new, plane, {"other": head["x"]})
    hollow = [line.get_xydata()[0] for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert np.allclose(hollow, plane @ (head["x"] - head.mean(MEMBERS)).numpy(), atol=1e-6)
    assert set(named(ax)) == {*MEMBERS, COARSE, *NEW, "other", "mean of 2 rows"}
    assert np.allclose(named(ax)["other"], hollow, atol=1e-6)


def test_regions_are_coloured_by_the_winner_of_the_whole_head(head, plane):
    origin = torch.randn(6, generator=torch.Generator().manual_seed(4)).numpy()
    ax = plots.regions(head, plane, origin, [*MEMBERS, COARSE], limit=5)
    shown = np.asarray(ax.images[0].get_array())
    line = np.linspace(-5, 5, len(shown))
    assert len(set(shown.ravel().tolist())) > 1
    for i, j in [(0, 0), (17, 200), (120, 120), (240, 3), (88, 155)]:
        z = origin + line[j] * plane[0] + line[i] * plane[1]
        logits = [float(head[label].double().numpy() @ z) + float(head.bias[k]) for k, label in enumerate(head.labels)]
        assert shown[i, j] == np.argmax(logits)


def test_points_of_the_plane_stand_on_their_own_answer(head, plane):
    origin = np.ones(6)
    points = origin + np.array([[2.0, -1.0], [-3.0, 0.5]]) @ plane
    ax = plots.regions(head, plane, origin, [*MEMBERS, COARSE], {"clips": points}, limit=4)
    assert np.allclose(ax.lines[0].get_xydata(), [[2, -1], [-3, 0.5]])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda *_: plots.plane_through(np.array([1.0, 2.0, 3.0]), np.array([-2.0, -4.0, -6.0])), "one line"),
        (lambda *_: plots.plane_through(np.zeros(3), np.ones(3)), "one line"),
        (lambda *_: plots.plane_through(np.ones(3), np.ones(4)), "second vector"),
        (lambda head, plane: plots.parallelogram(head, MEMBERS, COARSE, {NEW[0]: head["x"]}, plane), "2 members"),
        (lambda head, plane: plots.regions(head, plane, np.zeros(5), [COARSE]), "origin"),
        (lambda head, plane: plots.regions(head, plane[:, :4], np.zeros(6), [COARSE]), "plane"),
        (lambda head, plane: plots.regions(head, plane, np.zeros(6), [str(n) for n in range(9)]), "at most"),
        (lambda head, plane: plots.regions(head, plane, np.zeros(6), [COARSE], {"x": np.zeros((2, 5))}), "points"),
    ],
)
def test_what_does_not_fit_is_one_sentence(head, plane, draw, message):
    with pytest.raises(CatsplitError, match=message):
        draw(head, plane)


def test_the_plane_is_coloured_by_the_winner_and_has_an_arrow_for_each_row():
    head = Head(torch.tensor([[1.0, 0.0], [-1.0, 0.5]]), torch.zeros(2), ["right", "left"])
    ax = plots.plane(head, {"clips": np.array([[1.0, 1.0]])}, order=["left", "right"])
    shown = np.asarray(ax.images[0].get_array())
    assert shown[120, 240] == head.index("right")
    assert shown[120, 0] == head.index("left")
    assert arrows(ax) == [((0, 0), (1, 0)), ((0, 0), (-1, 0.5))]
    assert named(ax) == {"right": (1, 0), "left": (-1, 0.5)}
    assert ax.lines[0].get_xydata().tolist() == [[1.0, 1.0]]


def test_names_cover_neither_points_nor_one_another_and_stay_inside():
    head = Head(
        torch.tensor([[2.9, 0.1], [2.7, 0.4], [0.1, -2.9]]), torch.zeros(3), [f"a long name {n}" for n in "abc"]
    )
    points = np.random.default_rng(0).uniform(-3, 3, (12, 2))
    ax = plots.plane(head, {"clips": points})
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in ax.texts if text.get_text()]
    assert not any(box.count_overlaps(boxes[:n]) for n, box in enumerate(boxes))
    assert not any(box.contains(*point) for box in boxes for point in ax.transData.transform(points))
    frame = ax.get_window_extent()
    assert all(frame.contains(*box.min) and frame.contains(*box.max) for box in boxes)


def test_modifier_vectors_run_from_the_prototype_to_each_member():
    head = Head(torch.tensor([[0.0, 3.0], [3.0, 0.0], [0.0, 0.0]]), torch.zeros(3), ["a", "b", "c"])
    ax = plots.prototypes(head, {"g": ["a", "b", "c"]}, {"a": "up", "b": "right", "c": "nowhere"})
    tips = {"up": (0, 3), "right": (3, 0), "nowhere": (0, 0)}
    assert arrows(ax) == [((1, 1), tip) for tip in tips.values()]
    assert named(ax) == {"g": (1, 1)} | tips
