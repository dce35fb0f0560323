"""The atlas: what its document holds is what the heads answer."""

import json
import re

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from catsplit import stage
from catsplit.errors import CatsplitError
from catsplit.gallery import film
from catsplit.head import Head
from catsplit.maps import pca
from catsplit.modifiers import Split
from catsplit.widgets import page
from catsplit.widgets.atlas import SHAPES, atlas, document, split_map
from catsplit.widgets.atlasdata import ELSE, OTHER, Panel, panel, shown

mpl.use("Agg")

FINE = ("Pushing something to the left", "Pushing something to the right")
SPLIT = Split("Pushing something", FINE, ("to the left", "to the right"))
OLD = ("Pushing something", "Waving a hand", "Resting")


def heads(seed: int = 0) -> tuple[Head, Head]:
    generator = torch.Generator().manual_seed(seed)
    old = Head(torch.randn(3, 6, generator=generator), torch.zeros(3), OLD)
    return old, old.split(
        SPLIT.coarse, {name: old[SPLIT.coarse] + torch.randn(6, generator=generator) for name in FINE}
    )


def made_clips(n: int = 60, seed: int = 1) -> tuple[torch.Tensor, list[str], list[str]]:
    generator = torch.Generator().manual_seed(seed)
    names = [(*FINE, *OLD[1:])[i % 4] for i in range(n)]
    return 2 * torch.randn(n, 2, 6, generator=generator), [f"{i}.mp4" for i in range(n)], names


def made_panel(each: int | None = None) -> Panel:
    features, paths, names = made_clips()
    frames = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), np.uint8)
    one = panel(SPLIT, *heads(), features, paths, names)
    one = one.first(each) if each else one
    return one.with_map(lambda vectors: pca(vectors, near=5)).with_clips(lambda path: film(frames))


def answer(head: Head, views: torch.Tensor) -> str:
    """The label with the largest mean probability, by plain loops."""
    total = dict.fromkeys(head.labels, 0.0)
    for view in views:
        scores = {label: float(torch.exp(head[label] @ view + head.bias[head.index(label)])) for label in head.labels}
        for label, score in scores.items():
            total[label] += score / sum(scores.values())
    return max(total, key=total.get)


def test_a_panel_says_what_the_heads_answer():
    (old, new), (features, paths, names) = heads(), made_clips()
    some = made_panel()
    before, after = ([answer(head, views) for views in features] for head in (old, new))
    for path, name, first, second, vector in zip(
        some.paths, some.names, some.before, some.after, some.vectors, strict=True
    ):
        i = paths.index(path)
        assert (name, first, second) == (names[i], before[i], after[i])
        assert np.allclose(vector, features[i].mean(0))
    ours = {SPLIT.coarse, *FINE}
    expected = [i for i, name in enumerate(names) if name in FINE or before[i] in ours or after[i] in ours]
    assert sorted(some.paths) == sorted(paths[i] for i in expected)
    assert any(name not in FINE for name in some.names)


def test_each_clip_is_in_one_cell_and_right_where_it_should_be():
    some = made_panel()
    assert some.lines == (*SPLIT.modifiers, OTHER)
    for state, columns in enumerate(((SPLIT.coarse, ELSE), (*SPLIT.modifiers, ELSE))):
        assert some.columns(state) == columns
        counts = some.counts(state)
        assert counts.shape == (3, len(columns))
        assert counts.sum() == len(some)
        answers = (some.before, some.after)[state]
        known = ((SPLIT.coarse,), FINE)[state]
        for a, line in enumerate((*FINE, None)):
            for b, column in enumerate((*known, None)):
                expected = sum(
                    (name == line if line else name not in FINE) and (one == column if column else one not in known)
                    for name, one in zip(some.names, answers, strict=True)
                )
                assert counts[a, b] == expected
        for name, one, right in zip(some.names, answers, some.right(state), strict=True):
            assert right == (one == (SPLIT.coarse if not state and name in FINE else name))


def test_the_first_clips_are_the_first_of_each_subcategory():
    (_, paths, names), whole = made_clips(), made_panel()
    some = made_panel(each=5)
    for i, path in enumerate(some.paths):
        j = whole.paths.index(path)
        assert (some.names[i], some.before[i], some.after[i]) == (whole.names[j], whole.before[j], whole.after[j])
        assert np.array_equal(some.vectors[i], whole.vectors[j])
    assert sum(name not in FINE for name in some.names) == sum(name not in FINE for name in whole.names)
    assert whole.first(5).map is None
    assert some.counts(1)[:2].sum(1).tolist() == [5, 5]
    assert some.paths[:5] == tuple(path for path, name in zip(paths, names, strict=True) if name == FINE[0])[:5]


def test_the_document_holds_it_for_both_states():
    some = made_panel()
    held = document(some)
    assert held["name"] == SPLIT.coarse
    assert f"trustworthiness {some.map.trust:.2f}" in held["note"]
    assert [clip["name"] for clip in held["clips"]] == list(some.names)
    assert [clip["answers"] for clip in held["clips"]] == [list(pair) for pair in zip(some.before, some.after)]  # noqa: B905
    for s, state in enumerate(held["states"]):
        points, grid = state["points"], state["grid"]
        assert np.allclose(np.stack([points["x"], points["y"]], 1), some.map.places, atol=1e-3)
        assert points["cell"] == [f"{a},{b}" for a, b in zip(some.shown, some.answered(s), strict=True)]
        assert [fill == "white" for fill in points["fill"]] == (~some.right(s)).tolist()
        for cell, text in zip(grid["cell"], grid["text"], strict=True):
            assert int(text.split()[0]) == points["cell"].count(cell)
        offered = {cell: int(name.split()[0]) for cell, name in state["cells"] if cell}
        assert offered == {cell: points["cell"].count(cell) for cell in set(points["cell"])}
        assert len({name for _, name in state["cells"]}) == len(state["cells"])  # a list tells choices apart by name
        assert len(set(points["shape"])) == 3
        assert set(points["shape"]) <= set(SHAPES.values())
        colours = {(a, b) for a, b in zip(some.answered(s), points["line"], strict=True)}
        assert len(colours) == len({a for a, _ in colours}) == len({b for _, b in colours})


def test_the_view_carries_all_and_asks_nobody():
    view = atlas([made_panel(), made_panel(each=4)])
    assert view.html == atlas([made_panel(), made_panel(each=4)]).html
    assert not re.search(r"(src|href)=|https?:", view.html)
    assert view.script.count(SPLIT.coarse) > 10
    assert "http" not in view.script
    assert len(view.html) < 1_000_000


def test_a_split_stands_in_four_pictures():
    some = made_panel()
    axes = split_map(some)
    for state in (0, 1):
        places = np.concatenate([line.get_xydata() for line in axes[state, 0].get_lines() if len(line.get_xdata())])
        assert {tuple(place) for place in places} == {tuple(place) for place in some.map.places}
        white = [line.get_xydata() for line in axes[state, 0].get_lines() if line.get_mfc() == "white"]
        hollow = [place for places in white for place in places]
        wrong = some.map.places[~some.right(state)]
        assert {tuple(place) for place in hollow} == {tuple(place) for place in wrong}
        counts = [int(text.get_text().split("\n")[0]) for text in axes[state, 1].texts]
        assert counts == some.counts(state).ravel().tolist()
    assert "trustworthiness" in axes[0, 0].get_title(loc="left")
    plt.close()


def test_labels_that_look_like_html_stay_labels():
    odd = Split("<b>Pushing</b>", ("<i>a</i>", "b"), ("<i>a</i>", "b"))
    old = Head(torch.eye(3), torch.zeros(3), (odd.coarse, *OLD[1:]))
    new = old.split(odd.coarse, dict(zip(odd.subcategories, torch.eye(3)[:2], strict=True)))
    features, paths, _ = made_clips(24)
    some = panel(odd, old, new, features[..., :3], paths, ["<i>a</i>", "b", *OLD[1:]] * 6)
    some = some.with_map(lambda vectors: pca(vectors, near=2))
    some = some.with_clips(lambda path: film(np.zeros((2, 8, 8, 3), np.uint8)))
    held = document(some)
    assert "&lt;i&gt;a&lt;/i&gt;" in held["states"][1]["legend"]
    assert "<i>" not in held["states"][1]["legend"]
    assert "</script" not in json.dumps(held)


def test_errors_say_what_is_missing(monkeypatch):
    features, paths, names = made_clips()
    with pytest.raises(CatsplitError, match="60 features, 59 paths and 60 names"):
        panel(SPLIT, *heads(), features, paths[1:], names)
    with pytest.raises(CatsplitError, match='No clip shows "Pushing something to the left"'):
        panel(SPLIT, *heads(), features, paths, [OLD[1]] * 60)
    bare = panel(SPLIT, *heads(), features, paths, names)
    with pytest.raises(CatsplitError, match="lacks its map or its clips"):
        atlas([bare])
    with pytest.raises(CatsplitError, match="one split or more"):
        atlas([])
    monkeypatch.setattr(page, "MOST_BYTES", 100_000)
    with pytest.raises(CatsplitError, match="fewer or smaller clips"):
        atlas([made_panel()])


def test_what_a_clip_shows_is_what_the_benchmark_says():
    benchmark = stage.load("A")
    split = benchmark.split("Stacking things")
    clips = benchmark.clips("val")
    names = dict(zip(clips["path"], shown(benchmark, split, tuple(clips["path"])), strict=True))
    for path, row in zip(clips["path"], clips["row"], strict=True):
        label = benchmark.labels[row]
        assert names[path] in split.subcategories if label == split.coarse else names[path] == label
    equivalent = benchmark.equivalent_set(split.coarse)
    for path, row in zip(equivalent["path"], equivalent["row"], strict=True):
        assert names[path] == split.subcategories[row - len(benchmark.labels)]
    with pytest.raises(CatsplitError, match="in neither set"):
        shown(benchmark, split, ["nowhere.mp4"])
