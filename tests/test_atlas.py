"""The atlas: what its document holds is what the heads answer."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from madeup import DIM, VIEWS, world
from matplotlib import pyplot as plt

from catsplit.errors import CatsplitError
from catsplit.features import FeatureSet
from catsplit.gallery import film
from catsplit.maps import pca
from catsplit.modifiers import Split
from catsplit.setting import Setting
from catsplit.widgets.atlas import MOST, SHAPES, atlas, colours, document, marks, split_map
from catsplit.widgets.atlasdata import ELSE, OTHER, STATES, panel

mpl.use("Agg")


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """What a panel asks of a setting; features are noise, so that answers are wrong, too, and two clips in no set."""
    made = world(tmp_path_factory.mktemp("atlas"))
    targets = Setting(made.head, benchmark=made.benchmark, features=made.features).targets("Pushing").clone()
    targets[-2:] = -1
    noise = 2 * torch.randn(len(targets), VIEWS, DIM, generator=torch.Generator().manual_seed(1))
    features = FeatureSet(noise.numpy(), made.features.paths)
    split = made.benchmark.split("Pushing")
    return SimpleNamespace(head=made.head, features=features, targets=lambda asked: targets, split=split)


def edited(setting, split):
    """The panel of the split into rows of its own, with a map and films."""
    rows = torch.randn(len(split.subcategories), DIM, generator=torch.Generator().manual_seed(2))
    setting.new = setting.head.split(split.coarse, dict(zip(split.subcategories, rows, strict=True)))
    return finished(panel(setting, split, setting.new))


def finished(one):
    frames = np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), np.uint8)
    return replace(one, map=pca(one.vectors, near=5), films=[film(frames)] * len(one.clips))


@pytest.fixture
def made(setting):
    return edited(setting, setting.split)


def test_a_panel_says_what_the_heads_answer(made, setting):
    targets, features, fine = setting.targets(setting.split), setting.features, setting.split.subcategories
    names = np.array([*setting.head.labels, *fine])[targets]
    answers = {"name": names, "before": setting.head.predict(features), "after": setting.new.predict(features)}
    known = pd.DataFrame(answers, index=features.paths)[(targets >= 0).numpy()]
    known = known[known.isin(["Pushing", *fine]).any(axis=1)]
    clips = made.clips.set_index("path")
    assert sorted(clips.index) == sorted(known.index)
    assert (clips[list(known)] == known.loc[clips.index]).all(axis=None)
    assert np.allclose(made.vectors, features.rows_of(clips.index).mean(1))
    assert list(clips["shows"]) == sorted(clips["shows"], key=[*setting.split.modifiers, OTHER].index)
    assert OTHER in set(clips["shows"])


@pytest.mark.parametrize("state", STATES)
def test_each_clip_is_in_one_cell_and_right_where_it_should_be(made, state):
    fine = dict(zip(made.split.subcategories, made.split.modifiers, strict=True))
    columns = [*(["Pushing"] if state == "before" else made.split.modifiers), ELSE]
    shows = made.clips["name"].map(fine).fillna(OTHER)
    answers = made.clips[state].map(fine | {"Pushing": "Pushing"}).fillna(ELSE)
    expected = pd.crosstab(shows, answers).reindex(index=[*made.split.modifiers, OTHER], columns=columns, fill_value=0)
    counts = made.counts(state)
    assert counts.to_numpy().tolist() == expected.to_numpy().tolist()
    assert (list(counts.index), list(counts.columns)) == (list(expected.index), columns)
    wanted = made.clips["name"].mask((shows != OTHER) & (state == "before"), "Pushing")
    assert (made.clips[f"{state} right"] == (made.clips[state] == wanted)).all()
    assert list(replace(made, clips=made.clips[made.own()]).counts(state).index) == list(made.split.modifiers)


def test_the_first_clips_are_the_first_of_each_subcategory(made):
    some = made.first(5)
    assert some.map is None
    assert list(some.counts("after").sum(axis=1)) == [min(n, 5) for n in made.counts("after").sum(axis=1)]
    kept = made.clips["path"].isin(some.clips["path"])
    pd.testing.assert_frame_equal(some.clips, made.clips[kept].reset_index(drop=True))
    assert np.array_equal(some.vectors, made.vectors[kept])
    assert list(some.clips["path"][:5]) == list(made.clips["path"][:5])


def test_the_document_holds_it_for_both_states(made):
    held = json.loads(json.dumps(document(made)))
    assert held["name"] == "Pushing"
    assert f"trustworthiness {made.map.trust:.2f}" in held["note"]
    for clip, (_, known) in zip(held["clips"], made.clips.iterrows(), strict=True):
        assert known["name"] in clip.pop("film")
        assert clip == {name: known[name] for name in clip}
    for name, state in zip(STATES, held["states"], strict=True):
        points, counts = pd.DataFrame(state["points"]), made.counts(name)
        assert np.allclose(points[["x", "y"]], made.map.places, atol=1e-3)
        lines, columns = made.clips["shows"].cat.codes.astype(str), made.clips[f"{name} column"].cat.codes.astype(str)
        assert list(points["cell"]) == list(lines + "," + columns)
        assert list(points["fill"] == "white") == list(~made.clips[f"{name} right"])
        written = [int(text.split()[0]) for text in state["grid"]["text"]]
        assert written == counts.to_numpy().ravel().tolist()
        offered = {cell: int(text.split()[0]) for cell, text in state["cells"] if cell}
        assert offered == {f"{a},{b}": n for (a, b), n in np.ndenumerate(counts) if n}
        assert len({text for _, text in state["cells"]}) == len(state["cells"])  # a list tells choices apart by name
        # One shape for each line, and one colour for each column.
        assert set(points["shape"]) <= set(SHAPES.values())
        for look, of in (("shape", lines), ("line", columns)):
            assert len(set(zip(points[look], of, strict=True))) == points[look].nunique() == of.nunique()


def test_the_view_carries_all_and_asks_nobody(made):
    view = atlas([made, finished(made.first(4))])
    assert view.html == atlas([made, finished(made.first(4))]).html
    assert not re.search(r"(src|href)=|https?:", view.html)
    assert view.script.count("Pushing") > 10
    assert "http" not in view.script
    assert len(view.html) < 1_000_000


def test_a_split_stands_in_four_pictures(made):
    for state, (ax, beside) in zip(STATES, split_map(made), strict=True):
        drawn = [(tuple(place), tuple(fill[:3]) == (1, 1, 1)) for points in ax.collections
                 for place, fill in zip(points.get_offsets().tolist(), points.get_facecolors(), strict=True)]
        hollow = ~made.clips[f"{state} right"]
        assert sorted(drawn) == sorted(zip(map(tuple, made.map.places.tolist()), hollow, strict=True))
        counts = [int(text.get_text().split("\n")[0]) for text in beside.texts]
        assert counts == made.counts(state).to_numpy().ravel().tolist()
        assert "trustworthiness" in ax.get_title(loc="left")
    plt.close()


def test_nine_siblings_can_be_told_apart_and_more_are_refused(setting):
    names = tuple(f"way {n}" for n in range(MOST + 1))
    many = edited(setting, Split("Pushing", names[:MOST], names[:MOST]))
    before, after = document(many)["states"]
    assert len(set(marks(many))) == len(set(colours(many, "after"))) == MOST + 1 == 10
    assert (before["upright"], after["upright"]) == (False, True)
    assert all("%" not in text for text in after["grid"]["text"])
    with pytest.raises(CatsplitError, match="10 subcategories; an atlas shows 9"):
        atlas([edited(setting, Split("Pushing", names, names))])


def test_labels_that_look_like_html_stay_labels(setting):
    names = ("<i>a</i>", "b", "c")
    held = document(edited(setting, Split("Pushing", names, names)))
    assert "&lt;i&gt;a&lt;/i&gt;" in held["states"][1]["legend"]
    assert "<i>" not in held["states"][1]["legend"]
    assert "<i>a" not in held["clips"][0]["film"]


def test_errors_say_what_is_missing(made):
    with pytest.raises(CatsplitError, match="lacks its map or its films"):
        atlas([made.first(5)])
    with pytest.raises(CatsplitError, match="one split or more"):
        atlas([])
