"""A sweep against each edit made and scored by itself, what it goes on from, and what it refuses."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from madeup import DIM, encode, world

from catsplit import alignment, controls, metrics
from catsplit import methods as known
from catsplit.alignment import fit, ridge
from catsplit.backbones import from_module
from catsplit.errors import CatsplitError, HeadError
from catsplit.features import FeatureSet
from catsplit.head import Head, Rows
from catsplit.lowshot import Recipe, Run, finetune, hold_out, sample
from catsplit.models.whole import WholeModel, finetune_model
from catsplit.modifiers import Dictionary
from catsplit.results import COLUMNS, IDENTITY, read
from catsplit.retrieval import retrieve
from catsplit.setting import Setting
from catsplit.sweep import sweep
from catsplit.text import TextEncoder

SHORT = Recipe(epochs=6)


pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def here(tmp_path):
    return world(tmp_path / "bench")


def setting_of(here, training=None, encode=encode):
    return Setting(
        here.head, benchmark=here.benchmark, features=here.features, training=training, encode=encode, seeds=(0, 1)
    )


def run(here, training=None, encode=encode, **options):
    several = isinstance(encode, dict)
    options = {"progress": False, "recipe": SHORT} | options | ({"encode": encode} if several else {})
    return sweep(setting_of(here, training, *() if several else (encode,)), **options)


def numbers(table):
    return table.drop(columns="seconds")


def alone_of(here, split):
    """The targets of a split, built clip by clip."""
    targets = []
    equivalent = dict(here.benchmark.equivalent_set(split.coarse).to_numpy().tolist())
    unrelated = dict(here.benchmark.unrelated_set(split.coarse).to_numpy().tolist())
    for path in here.features.paths:
        targets.append(equivalent.get(path, unrelated.get(path, -1)))
    return torch.tensor(targets)


def alone(here, split, rows_or_head):
    """Scores of one edit by `metrics.evaluate`."""
    head = here.head
    new = rows_or_head if isinstance(rows_or_head, Head) else head.split(split.coarse, rows_or_head)
    return metrics.evaluate(head, new, torch.from_numpy(here.features.features), alone_of(here, split))


def line(table, **wanted):
    chosen = table
    for column, value in wanted.items():
        chosen = chosen[chosen[column] == value]
    assert len(chosen) == 1, wanted
    return chosen.iloc[0]


def assert_same(found, scores):
    for column in ("generality", "locality", "mean", "siblings", "stability"):
        assert found[column] == pytest.approx(getattr(scores, column), abs=1e-12), column
    assert found["calibration"] == pytest.approx(metrics.calibration_error(scores), abs=1e-5)
    assert (found["equivalent"], found["unrelated"]) == (scores.equivalent, scores.unrelated)


# What it computes


def test_every_zero_shot_line_is_that_edit_scored_by_itself(here):
    table = run(here)
    b, head = here.benchmark, here.head
    groups, modifiers = b.taxonomy.untouched_groups("A"), b.taxonomy.modifiers
    dictionary = Dictionary.from_head(head, groups, modifiers)
    aligned, regressed = fit(head, groups, modifiers, encode, seeds=(0, 1)), ridge(head, groups, modifiers, encode)
    assert len(table) == len(b.splits) * len(known.ZERO_SHOT) * 2
    for split in b.splits:
        for seed in (0, 1):
            expected = {
                "copies": controls.copies(head, split, seed=seed),
                "random vectors": controls.random_vectors(head, split, dictionary, seed=seed),
                "random entries": controls.random_entries(head, split, dictionary, seed=seed),
                "retrieval": retrieve(head, split, dictionary, encode, seed=seed),
                "retrieval, argmax": retrieve(head, split, dictionary, encode, matching="argmax", seed=seed),
                "retrieval, coherent": retrieve(head, split, dictionary, encode, matching="coherent", seed=seed),
                "retrieval, modifiers only": retrieve(head, split, dictionary, encode, alpha=1, beta=0, seed=seed),
                "retrieval, labels only": retrieve(head, split, dictionary, encode, alpha=0, beta=1, seed=seed),
                "retrieval, first of equals": retrieve(head, split, dictionary, encode, ties="first"),
                "alignment": aligned.rows(head, split, encode, seed=seed),
                "ridge": regressed.rows(head, split, encode),
            }
            assert set(expected) == set(known.ZERO_SHOT)
            for method, rows in expected.items():
                found = line(table, coarse=split.coarse, method=method, seed=seed)
                assert_same(found, alone(here, split, rows))
                assert (found["initial"], found["shots"], found["clips"], found["problem"]) == ("", 0, 0, "")


@pytest.mark.parametrize("learn", known.LOW_SHOT)
def test_every_low_shot_line_is_that_run_by_itself(here, learn):
    starts = ("random", "coarse", "retrieval", "alignment")
    table = run(here, methods=[learn], initial=starts, shots=(1, 3), training=here.training)
    b, head = here.benchmark, here.head
    assert len(table) == len(b.splits) * len(starts) * 2 * 2
    setting = setting_of(here)
    for split in b.splits:
        ft = b.ft_set(split.coarse)
        features, targets = here.training(list(ft["path"])).features, torch.tensor(ft["row"].to_numpy())
        for start in starts:
            for shots in (1, 3):
                for seed in (0, 1):
                    clips = sample(head, split, targets, shots, seed=seed)
                    one = Run(known.INITIAL[start](setting, split, seed), seed, clips)
                    done = finetune(head, split, features, targets, [one], learn=learn, recipe=SHORT)[0]
                    found = line(table, coarse=split.coarse, initial=start, shots=shots, seed=seed)
                    assert_same(found, alone(here, split, done.head))
                    assert found["clips"] == shots * len(split.subcategories)


def test_all_shots_learn_from_all_training_clips_but_those_held_out(here):
    table = run(here, methods=["new rows"], shots=[None], initial=["coarse"], training=here.training)
    assert set(table["shots"]) == {-1}
    assert line(table, coarse="Pushing", seed=0)["clips"] == 3 * 5  # six clips each, one of which is held out


def test_the_oracle_sees_untouched_training_clips_too(here):
    table = run(here, methods=["oracle"], training=here.training)
    split, b = here.benchmark.split("Pulling"), here.benchmark
    ft, rest = b.ft_set("Pulling"), b.clips("train")
    rest = rest[rest["row"] != b.labels.index("Pulling")]
    features = here.training([*ft["path"], *rest["path"]]).features
    rows = controls.oracle(here.head, split, features, torch.tensor([*ft["row"], *rest["row"]]))
    found = line(table, coarse="Pulling", seed=1)
    assert_same(found, alone(here, split, rows))
    assert (found["initial"], found["shots"], found["clips"]) == ("coarse", -1, 12)


def test_wordings_change_the_words_and_nothing_else(here):
    table = run(here, wordings=("exact", "other"), methods=["copies", "retrieval"])
    both = [numbers(table[(table.wording == w) & (table.method == "copies")]) for w in ("exact", "other")]
    pd.testing.assert_frame_equal(*(t.drop(columns=["wording", "key"]).reset_index(drop=True) for t in both))
    assert set(table[table.wording == "other"]["coarse"]) == {"Pushing", "Pulling"}
    assert len(set(table["key"])) == 2
    assert (table["known"] == 1).all()


def test_the_alignment_is_fitted_once_for_all_splits_seeds_and_wordings(here, monkeypatch):
    fits = []
    monkeypatch.setattr(alignment, "fit", lambda *args, **kw: fits.append(kw["seeds"]) or fit(*args, **kw))
    run(here, wordings=("exact", "other"), methods=["alignment", "new rows"], seeds=(3, 1, 4), training=here.training)
    assert fits == [(3, 1, 4)]


def test_training_features_are_asked_for_once_and_only_those_drawn(here):
    run(here, methods=["new rows"], training=here.training, shots=(1, 2))
    assert len(here.asked) == 1
    assert len(here.asked[0]) == len(set(here.asked[0])) <= (3 + 2) * 2 * 2
    assert all(path.startswith("train/") for path in here.asked[0])


def test_encoders_are_told_apart(here):
    table = run(here, encode={"one": encode, "two": lambda texts: encode([t[:1] for t in texts])},
                methods=["alignment"])  # fmt: skip
    assert not np.allclose(*(table[table.encoder == name]["generality"] for name in ("one", "two")))


def test_methods_of_ones_own_answer_rows_heads_or_scores(here):
    seen = []

    def rows(setting, split, seed):
        return controls.copies(setting.head, split, seed=seed)

    def head(setting, split, seed):
        return setting.head.split(split.coarse, rows(setting, split, seed))

    def scores(setting, split, seed):
        seen.append((split.coarse, seed))
        return metrics.evaluate(setting.head, head(setting, split, seed), setting.features, setting.targets(split))

    table = run(here, methods={"rows": rows, "head": head, "scores": scores, "copies": None})
    values = [table[table.method == m]["generality"].tolist() for m in ("rows", "head", "scores", "copies")]
    assert values[0] == values[1] == values[2] == values[3]
    assert len(seen) == 4


def test_an_edit_that_cannot_be_made_is_told_and_the_others_go_on(here):
    def fails(setting, split, seed):
        if split.coarse == "Pushing":
            raise HeadError("No donor is large enough.")
        return controls.copies(setting.head, split, seed=seed)

    with pytest.warns(UserWarning, match="2 edits can't be made .* No donor is large enough"):
        table = run(here, methods={"fails": fails})
    bad = table[table["coarse"] == "Pushing"]
    assert bad["generality"].isna().all()
    assert (bad["problem"] == "No donor is large enough.").all()
    assert table[table["coarse"] == "Pulling"]["generality"].notna().all()


def test_an_edit_is_refused_in_the_same_way_wherever_it_fails(here, monkeypatch):
    """In its rows, in what low-shot methods begin with, or where the head takes them: a line, and the others go on."""

    def no_start(setting, split, seed):
        raise HeadError("No start.")

    monkeypatch.setitem(known.INITIAL, "retrieval", no_start)
    wide = {"wide": lambda setting, split, seed: Rows({label: torch.zeros(3) for label in split.subcategories})}
    with pytest.warns(UserWarning, match="8 edits can't be made"):
        table = run(
            here, methods={**wide, "new rows": None}, initial=("coarse", "retrieval"), training=here.training
        )
    problems = table.groupby(["method", "initial"])["problem"].unique()
    assert problems["new rows", "retrieval"].tolist() == ["No start."]
    assert all("must have shape (16,)" in text for text in problems["wide", ""])
    assert table.loc[table["initial"] == "coarse", "generality"].notna().all()


def test_a_method_of_ones_own_may_ask_for_any_training_clips(here):
    def mine(setting, split, seed):
        features, targets = setting.training_clips.everything(split)
        assert len(features) == len(targets) == 6 * 13
        return controls.copies(setting.head, split, seed=seed)

    assert run(here, methods={"mine": mine}, training=here.training)["generality"].notna().all()


def test_several_settings_are_one_table_and_share_a_file(tmp_path):
    parts = {part: setting_of(world(tmp_path / part / "bench", part=part)) for part in "AB"}
    out, options = tmp_path / "table.csv", {"methods": ["copies", "alignment"], "progress": False}
    apart = [sweep(parts["A"], out=out, **options), sweep(parts["B"], **options)]
    table = sweep(parts, out=out, **options)
    pd.testing.assert_frame_equal(numbers(table), numbers(pd.concat(apart, ignore_index=True)))
    pd.testing.assert_frame_equal(read(out), table)
    pd.testing.assert_frame_equal(table[: len(apart[0])], apart[0])  # done once, the seconds tell


def test_clips_that_were_skipped_are_left_out(here):
    gone = here.benchmark.equivalent_set("Pushing")["path"][0]
    stay = [path for path in here.features.paths if path != gone]
    here.features = FeatureSet(here.features.rows_of(stay), tuple(stay), ((gone, "it is damaged"),))
    assert line(run(here, methods=["copies"], seeds=[0]), coarse="Pushing")["equivalent"] == 17


# The file


def test_the_file_holds_the_table_to_the_last_bit(here, tmp_path):
    out = tmp_path / "sub" / "table.csv"
    table = run(here, out=out, methods=["copies", "alignment", "new rows"], training=here.training)
    pd.testing.assert_frame_equal(read(out), table)
    assert tuple(table.columns) == COLUMNS
    assert not table.duplicated(list(IDENTITY)).any()


def test_what_is_there_is_not_done_again(here, tmp_path):
    out, calls = tmp_path / "table.csv", []

    def counted(setting, split, seed):
        calls.append((split.coarse, seed))
        return controls.copies(setting.head, split, seed=seed)

    first = run(here, out=out, methods={"mine": counted})
    again = run(here, out=out, methods={"mine": counted, "copies": None}, seeds=(0, 1, 2))
    assert sorted(calls) == [(c, s) for c in ("Pulling", "Pushing") for s in (0, 1, 2)]
    kept = again[(again.method == "mine") & (again.seed < 2)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, first)  # the seconds too: they are those of the first time


def test_a_sweep_that_was_stopped_goes_on_and_ends_with_the_same_table(here, tmp_path):
    out, whole = tmp_path / "table.csv", run(here, methods=["copies", "retrieval", "alignment"])

    def stops(setting, split, seed):
        if split.coarse == here.benchmark.splits[1].coarse:
            raise KeyboardInterrupt
        return known.COMPARED["copies"](setting, split, seed)

    with pytest.raises(KeyboardInterrupt):
        run(here, out=out, methods={"copies": stops, "retrieval": None, "alignment": None})
    assert set(read(out)["coarse"]) == {here.benchmark.splits[0].coarse}
    resumed = run(here, out=out, methods=["copies", "retrieval", "alignment"])
    pd.testing.assert_frame_equal(numbers(resumed), numbers(whole))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".table")]


@pytest.mark.parametrize("what", ["head", "features", "encoder", "recipe"])
def test_results_of_other_inputs_are_refused(here, tmp_path, what):
    out, options = tmp_path / "table.csv", {"methods": ["copies", "new rows"], "training": here.training}
    run(here, out=out, **options)
    before = out.read_bytes()
    if what == "head":
        here.head = Head(here.head.weight * 1.001, here.head.bias, here.head.labels)
    elif what == "features":
        here.features = FeatureSet(here.features.features * 1.001, here.features.paths)
    elif what == "encoder":
        options["encode"] = {"encode": lambda texts: encode(texts) * 2}
    else:
        options["recipe"] = Recipe(epochs=7)
    with pytest.raises(CatsplitError, match=r"table\.csv holds results for .* name another file, or remove this one"):
        run(here, out=out, **options)
    assert out.read_bytes() == before


def test_an_encoder_is_known_by_its_key(here, tmp_path):
    def named(key):
        return TextEncoder("mine", key, lambda: lambda text: encode([text])[0], cache=False)

    run(here, out=tmp_path / "t.csv", methods=["copies"], encode=named("a"))
    run(here, out=tmp_path / "t.csv", methods=["copies"], encode=named("a"))
    with pytest.raises(CatsplitError, match="holds results"):
        run(here, out=tmp_path / "t.csv", methods=["copies"], encode=named("b"))


def test_another_vision_language_model_is_another_input(here, tmp_path):
    def seen(name):
        made = setting_of(here)
        made.sees, made._see = name, lambda setting: (None, None)
        made.fits[name] = made._see(made)
        return made

    def scores(setting, split, seed):
        rows = controls.copies(setting.head, split, seed=seed)
        return metrics.evaluate(
            setting.head, setting.head.split(split.coarse, rows), setting.features, setting.targets(split)
        )

    options = {"methods": {known.VISION_LANGUAGE: scores, "copies": None}, "out": tmp_path / "t.csv", "progress": False}
    sweep(seen("one"), **options)
    sweep(seen("one"), **options)
    with pytest.raises(CatsplitError, match="holds results for .*vision-language"):
        sweep(seen("other"), **options)


def test_a_second_sweep_keeps_away_from_the_file(here, tmp_path):
    def nested(setting, split, seed):
        with pytest.raises(CatsplitError, match=r"Another sweep is writing .*t\.csv"):
            run(here, out=tmp_path / "t.csv", methods=["copies"])
        return controls.copies(setting.head, split, seed=seed)

    run(here, out=tmp_path / "t.csv", methods={"nested": nested})
    run(here, out=tmp_path / "t.csv", methods=["copies"])


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "\x00\x01", "part,seed\nA,x\n"])
def test_a_file_that_is_no_sweeps_is_refused_and_stays(here, tmp_path, content):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(CatsplitError, match="a table that a sweep wrote"):
        run(here, out=tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == content


# What it refuses


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["retreival"]}, 'no method "retreival" .*"retrieval"'),
        ({"methods": "retrieval"}, r'write \["retrieval"\]'),
        ({"methods": []}, "one method or more"),
        ({"methods": ["new rows"]}, "need their features: give them as `training`"),
        ({"methods": ["oracle"]}, "need their features: give them as `training`"),
        ({"methods": ["new rows"], "initial": ["warm"], "training": print}, 'no initial rows "warm"'),
        ({"methods": ["new rows"], "shots": [0], "training": print}, "1 or more, or None"),
        ({"methods": ["new rows"], "shots": [1.5], "training": print}, "1 or more, or None"),
        ({"seeds": []}, "one or more different seeds"),
        ({"encode": {}}, "one or more different encoders"),
        ({"seeds": [1, 1]}, "one or more different seeds"),
        ({"wordings": ["poetic"]}, "no wording 'poetic'"),
    ],
)
def test_bad_options_are_refused_in_one_sentence(here, tmp_path, options, message):
    with pytest.raises(CatsplitError, match=message) as caught:
        run(here, out=tmp_path / "t.csv", **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "t.csv").exists()


def test_more_shots_than_clips_are_refused(here):
    with pytest.raises(CatsplitError, match="has 6 clips that can be used, but needs 7"):
        run(here, methods=["new rows"], shots=[7], training=here.training)


def test_clips_without_features_are_refused(here):
    here.features = FeatureSet(here.features.features[1:], here.features.paths[1:])
    with pytest.raises(CatsplitError, match="has no features"):
        run(here)


# The whole model


@pytest.fixture
def model(here, monkeypatch):
    """A model that begins as the identity, whose views are the made-up features."""
    model = torch.nn.Linear(DIM, DIM, bias=False)
    model.weight.data = torch.eye(DIM)
    backbone = from_module(model, DIM, transform=torch.nn.Identity())
    monkeypatch.setattr(Setting, "model", SimpleNamespace(backbone=backbone))
    monkeypatch.setattr(Setting, "views", lambda setting, name: views_in(here, name))
    return model


def views_in(here, name):
    return torch.from_numpy(here.training([name]).features[0])


@pytest.mark.parametrize("shots", [1, None])
def test_a_whole_model_learns_from_the_drawn_clips_and_sees_the_scored_ones_anew(here, model, shots):
    method = WholeModel(shots, SHORT)
    table = run(here, here.training, methods={"whole model": method}, seeds=(0, 1), wordings=("exact", "other"))
    for split in here.benchmark.splits:
        names = here.benchmark.ft_set(split.coarse)["path"].tolist()
        targets = torch.tensor(here.benchmark.ft_set(split.coarse)["row"].to_numpy())
        for seed in (0, 1):
            chosen, held = (
                hold_out(here.head, split, targets, seed=seed)
                if shots is None
                else (sample(here.head, split, targets, shots, seed=seed), None)
            )
            learn = Run(controls.copies(here.head, split, noise=0), seed, chosen, held)
            clips = [views_in(here, name) for name in names]
            fit = finetune_model(model, here.head, split, clips.__getitem__, targets, learn, recipe=SHORT)
            with torch.no_grad():
                anew = fit.model(torch.from_numpy(here.training(here.features.paths).features))
            wanted = alone_of(here, split)
            scores = metrics.evaluate(here.head, fit.head, torch.from_numpy(here.features.features), wanted, anew)
            for wording in ("exact", "other"):
                found = line(table, coarse=split.coarse, wording=wording, seed=seed)
                assert_same(found, scores)
                assert (found["initial"], found["shots"]) == ("coarse", shots or -1)
                assert shots is None or found["clips"] == len(chosen)
    assert torch.equal(model.weight, torch.eye(here.head.dim)), "the model that was given has changed"


def test_clips_that_cannot_be_read_are_drawn_no_more(here):
    options = {"methods": ["new rows"], "seeds": (0,)}
    run(here, training=here.training, **options)
    drawn = here.asked[0]

    def source(paths):
        good = tuple(path for path in paths if path != drawn[0])
        return FeatureSet(here.training(good).features, good, ((drawn[0], "broken"),))

    table = run(here, training=source, **options)
    assert table["generality"].notna().all()
    assert len(set(here.asked[-1]) - set(drawn)) == 1
