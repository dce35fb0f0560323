"""The atlas: what its document holds is what the heads answer."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from catsplit.errors import CatsplitError
from catsplit.features import FeatureSet
from catsplit.gallery import film
from catsplit.head import Head
from catsplit.maps import pca
from catsplit.modifiers import Split
from catsplit.widgets import page
from catsplit.widgets.atlas import SHAPES, atlas, document, split_map
from catsplit.widgets.atlasdata import ELSE, OTHER, STATES, Panel, panel

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


def a_setting(n: int = 60, seed: int = 1, split: Split = SPLIT, old: Head | None = None) -> SimpleNamespace:
    """What a panel asks of a setting, with two clips in no set of the split."""
    generator = torch.Generator().manual_seed(seed)
    features = FeatureSet(2 * torch.randn(n, 2, 6, generator=generator).numpy(), tuple(f"{i}.mp4" for i in range(n)))
    targets = torch.tensor([[3, 4, 1, 2][i % 4] for i in range(n - 2)] + [-1, -1])
    return SimpleNamespace(head=old or heads()[0], features=features, targets=lambda asked: targets)


def made_panel(each: int | None = None) -> Panel:
    frames = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), np.uint8)
    one = panel(a_setting(), SPLIT, heads()[1])
    return finished(one.first(each) if each else one, frames)


def finished(one: Panel, frames: np.ndarray, near: int = 5) -> Panel:
    return replace(one, map=pca(one.vectors, near=near), films=[film(frames)] * len(one.clips))


def answer(head: Head, views: np.ndarray) -> str:
    """The label with the largest mean probability, by plain loops."""
    total = dict.fromkeys(head.labels, 0.0)
    for view in torch.from_numpy(views):
        scores = {label: float(torch.exp(head[label] @ view + head.bias[head.index(label)])) for label in head.labels}
        for label, score in scores.items():
            total[label] += score / sum(scores.values())
    return max(total, key=total.get)


def test_a_panel_says_what_the_heads_answer():
    (old, new), setting, clips = heads(), a_setting(), made_panel().clips
    features, labels = setting.features, (*OLD, *FINE)
    names = [labels[target] for target in setting.targets(SPLIT)]
    before, after = ([answer(head, views) for views in features.features] for head in (old, new))
    for (_, clip), vector in zip(clips.iterrows(), made_panel().vectors, strict=True):
        i = features.paths.index(clip["path"])
        assert (clip["name"], clip["before"], clip["after"]) == (names[i], before[i], after[i])
        assert np.allclose(vector, features.features[i].mean(0))
    ours = {SPLIT.coarse, *FINE}
    expected = [i for i in range(58) if names[i] in FINE or before[i] in ours or after[i] in ours]
    assert sorted(clips["path"]) == sorted(features.paths[i] for i in expected)
    assert list(clips["shows"]) == sorted(clips["shows"], key=[*SPLIT.modifiers, OTHER].index)
    assert OTHER in set(clips["shows"])


def test_each_clip_is_in_one_cell_and_right_where_it_should_be():
    some = made_panel()
    for state, columns in (("before", (SPLIT.coarse, ELSE)), ("after", (*SPLIT.modifiers, ELSE))):
        counts = some.counts(state)
        assert (tuple(counts.index), tuple(counts.columns)) == ((*SPLIT.modifiers, OTHER), columns)
        assert counts.to_numpy().sum() == len(some.clips)
        known = (SPLIT.coarse,) if state == "before" else FINE
        for a, line in enumerate((*FINE, None)):
            for b, column in enumerate((*known, None)):
                expected = sum(
                    (name == line if line else name not in FINE) and (one == column if column else one not in known)
                    for name, one in zip(some.clips["name"], some.clips[state], strict=True)
                )
                assert counts.iloc[a, b] == expected
        for _, clip in some.clips.iterrows():
            wanted = SPLIT.coarse if state == "before" and clip["name"] in FINE else clip["name"]
            assert clip[f"{state} right"] == (clip[state] == wanted)
    assert list(replace(some, clips=some.clips[some.own()]).counts("after").index) == list(SPLIT.modifiers)


def test_the_first_clips_are_the_first_of_each_subcategory():
    whole, some = made_panel(), made_panel(each=5)
    for i, clip in some.clips.iterrows():
        j = list(whole.clips["path"]).index(clip["path"])
        assert clip.equals(whole.clips.loc[j].rename(i))
        assert np.array_equal(some.vectors[i], whole.vectors[j])
    assert whole.first(5).map is None
    assert some.counts("after").sum(axis=1).tolist() == [5, 5, whole.counts("after").sum(axis=1)[OTHER]]
    assert list(some.clips["path"][:5]) == list(whole.clips["path"][:5])


def test_the_document_holds_it_for_both_states():
    some = made_panel()
    held = json.loads(json.dumps(document(some)))
    assert held["name"] == SPLIT.coarse
    assert f"trustworthiness {some.map.trust:.2f}" in held["note"]
    for clip, (_, known) in zip(held["clips"], some.clips.iterrows(), strict=True):
        assert known["name"] in clip.pop("film")
        assert clip == {name: known[name] for name in clip}
    for name, state in zip(STATES, held["states"], strict=True):
        points, grid, counts = state["points"], state["grid"], some.counts(name)
        assert np.allclose(np.stack([points["x"], points["y"]], 1), some.map.places, atol=1e-3)
        cells = [
            f"{list(counts.index).index(shows)},{list(counts.columns).index(column)}"
            for shows, column in zip(some.clips["shows"], some.clips[f"{name} column"], strict=True)
        ]
        assert points["cell"] == cells
        assert [fill == "white" for fill in points["fill"]] == (~some.clips[f"{name} right"]).tolist()
        for cell, text in zip(grid["cell"], grid["text"], strict=True):
            assert int(text.split()[0]) == points["cell"].count(cell)
        offered = {cell: int(text.split()[0]) for cell, text in state["cells"] if cell}
        assert offered == {cell: points["cell"].count(cell) for cell in set(points["cell"])}
        assert len({text for _, text in state["cells"]}) == len(state["cells"])  # a list tells choices apart by name
        assert len(set(points["shape"])) == 3
        assert set(points["shape"]) <= set(SHAPES.values())
        colours = {(cell.split(",")[1], line) for cell, line in zip(points["cell"], points["line"], strict=True)}
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
    for state, (ax, beside) in zip(STATES, axes, strict=True):
        drawn = [(tuple(place), tuple(fill[:3]) == (1, 1, 1)) for points in ax.collections
                 for place, fill in zip(points.get_offsets().tolist(), points.get_facecolors(), strict=True)]
        assert {place for place, _ in drawn} == set(map(tuple, some.map.places.tolist()))
        wrong = some.map.places[~some.clips[f"{state} right"]]
        assert {place for place, hollow in drawn if hollow} == set(map(tuple, wrong.tolist()))
        counts = [int(text.get_text().split("\n")[0]) for text in beside.texts]
        assert counts == some.counts(state).to_numpy().ravel().tolist()
        assert "trustworthiness" in ax.get_title(loc="left")
    plt.close()


def test_labels_that_look_like_html_stay_labels():
    odd = Split("<b>Pushing</b>", ("<i>a</i>", "b"), ("<i>a</i>", "b"))
    old = Head(torch.eye(3, 6), torch.zeros(3), (odd.coarse, *OLD[1:]))
    new = old.split(odd.coarse, dict(zip(odd.subcategories, torch.eye(3, 6)[:2], strict=True)))
    some = finished(panel(a_setting(26, old=old), odd, new), np.zeros((2, 8, 8, 3), np.uint8), near=2)
    held = document(some)
    assert "&lt;i&gt;a&lt;/i&gt;" in held["states"][1]["legend"]
    assert "<i>" not in held["states"][1]["legend"]
    assert "<i>a" not in held["clips"][0]["film"]


def test_errors_say_what_is_missing(monkeypatch):
    with pytest.raises(CatsplitError, match="lacks its map or its films"):
        atlas([panel(a_setting(), SPLIT, heads()[1])])
    with pytest.raises(CatsplitError, match="one split or more"):
        atlas([])
    monkeypatch.setattr(page, "MOST_BYTES", 100_000)
    with pytest.raises(CatsplitError, match="fewer or smaller clips"):
        atlas([made_panel()])
