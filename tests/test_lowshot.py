"""Fine-tuning against a plain loop, its promises about old rows, and what it refuses."""

from dataclasses import replace
from types import SimpleNamespace

import madeup
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from catsplit import controls
from catsplit.backbones import from_module
from catsplit.errors import CatsplitError, ClipError, HeadError
from catsplit.features import FeatureSet
from catsplit.head import Head, Rows
from catsplit.lowshot import Job, Recipe, Run, finetune, finetune_splits, hold_out, random_rows, sample
from catsplit.metrics import targets_of
from catsplit.models.whole import WholeModel, finetune_model
from catsplit.modifiers import Split
from catsplit.shots import TrainingClips

C, D, V = 6, 12, 3
SPLIT = Split("push", ("push left", "push right", "push up"), ("l", "r", "u"))
PAIR = Split("lift", ("lift fast", "lift slowly"), ("f", "s"))
K = len(SPLIT.subcategories)
SHORT = Recipe(epochs=25)
BOTH = pytest.mark.parametrize("learn", ["new rows", "whole head"])


def world(seed=0, clips=7, spread=1.0, split=SPLIT):
    """A head, features (N, V, D) and targets (N,); clips of untouched categories lie between the others."""
    g = torch.Generator().manual_seed(seed)
    labels = ["lift", "drop", "push", "fold", "tear", "spin"]
    head = Head(torch.randn(C, D, generator=g) * 0.5, torch.randn(C, generator=g) * 0.1, labels)
    k = len(split.subcategories)
    others = [row for row in range(C) if labels[row] != split.coarse]
    targets = torch.tensor([C + j for _ in range(clips) for j in range(k)] + others * 4)
    targets = targets[torch.randperm(len(targets), generator=g)]
    centres = torch.cat([head.weight, head[split.coarse] + torch.randn(k, D, generator=g) * spread])
    features = centres[targets][:, None] + 0.5 * torch.randn(len(targets), V, D, generator=g)
    return head, features, targets


def copies(head, split=SPLIT):
    return controls.copies(head, split, noise=0)


def held_out(head, targets, seed=0, initial=copies):
    return Run(initial(head), seed, *hold_out(head, SPLIT, targets, seed=seed))


def naive(head, views, targets, run, recipe, learn="new rows", split=SPLIT, model=None):
    """One run as a plain loop over an nn.Linear of all C + k rows, autograd, and the old rows put back."""
    model, new = model or nn.Identity(), split.subcategories
    clips = (targets >= C).nonzero()[:, 0].tolist() if run.clips is None else run.clips.tolist()
    held = [] if run.validation is None else run.validation.tolist()
    linear = nn.Linear(D, C + len(new))
    biases = run.initial.biases or dict.fromkeys(new, head.bias[head.index(split.coarse)])
    with torch.no_grad():
        linear.weight.copy_(torch.cat([head.weight, torch.stack([run.initial[label] for label in new])]))
        linear.bias.copy_(torch.cat([head.bias, torch.stack([biases[label] for label in new])]))
    both = nn.ModuleList([model, linear]).requires_grad_(True)
    optimizer = torch.optim.AdamW(both.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    g = torch.Generator().manual_seed(run.seed)
    torch.manual_seed(run.seed)
    average, best, waited, losses, watched, kept, state = None, None, 0, [], [], 0, None
    for epoch in range(recipe.epochs):
        optimizer.param_groups[0]["lr"] = recipe.learning_rate * (1 + np.cos(np.pi * epoch / recipe.epochs)) / 2
        order = [clips[i] for i in torch.randperm(len(clips), generator=g)]
        view = torch.randint(V, (len(clips),), generator=g)
        total = 0.0
        both.train()
        for at in range(0, len(clips), recipe.batch):
            now = order[at : at + recipe.batch]
            x = model(torch.stack([views[clip, v] for clip, v in zip(now, view[at : at + len(now)], strict=True)]))
            alive = torch.rand(x.shape, generator=g) < 1 - recipe.dropout
            loss = cross_entropy(linear(torch.where(alive, x / (1 - recipe.dropout), 0.0)), targets[now])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if learn == "new rows":
                with torch.no_grad():
                    linear.weight[:C] = head.weight
                    linear.bias[:C] = head.bias
            total += loss.item() * len(now)
        losses.append(total / len(clips))
        both.eval()
        if held:
            with torch.no_grad():
                logits = linear(model(views[held].flatten(0, 1)))
            watched.append(float(cross_entropy(logits, targets[held].repeat_interleave(V))))
        value = (watched or losses)[-1]
        average = value if average is None else recipe.smoothing * average + (1 - recipe.smoothing) * value
        better = best is None or average < best - recipe.gain
        best, waited = (average, 0) if better else (best, waited + 1)
        if better or not held:
            kept, state = epoch + 1, {name: tensor.clone() for name, tensor in both.state_dict().items()}
        if waited == recipe.patience:
            break
    both.load_state_dict(state)
    return SimpleNamespace(linear=linear, model=model, losses=losses, validation=watched, kept=kept)


def assert_same(head, fit, expected, split=SPLIT):
    stay = [row for row in range(len(expected.linear.weight)) if row != head.index(split.coarse)]
    assert (fit.kept, len(fit.losses)) == (expected.kept, len(expected.losses))
    for curve in ("losses", "validation"):
        assert getattr(fit, curve) == pytest.approx(getattr(expected, curve), abs=1e-5)
    torch.testing.assert_close(fit.head.weight, expected.linear.weight.detach()[stay], atol=2e-5, rtol=0)
    torch.testing.assert_close(fit.head.bias, expected.linear.bias.detach()[stay], atol=2e-5, rtol=0)
    assert fit.head.labels == (*(label for label in head.labels if label != split.coarse), *split.subcategories)
    assert torch.equal(torch.stack(list(fit.rows.values())), fit.head.weight[C - 1 :])
    assert torch.equal(torch.stack(list(fit.rows.biases.values())), fit.head.bias[C - 1 :])


# The fast path


@BOTH
def test_runs_and_splits_side_by_side_equal_plain_loops(learn):
    """Two splits of one head with clips of their own, and a third with as many rows as neither."""
    head, features, targets = world()
    _, others, other_targets = world(seed=3, clips=5)
    _, pairs, pair_targets = world(seed=4, split=PAIR)
    start = random_rows(head, SPLIT, seed=1)
    runs = [Run(start, seed=4), Run(copies(head), seed=4), Run(copies(head), seed=9)]
    runs += [Run(copies(head), seed, sample(head, SPLIT, targets, n, seed=seed)) for n, seed in ((3, 4), (6, 5))]
    drawn = sample(head, SPLIT, other_targets, 3, seed=4)
    jobs = [
        Job(SPLIT, features, targets, runs),
        Job(PAIR, pairs, pair_targets, [Run(copies(head, PAIR))]),
        Job(SPLIT, others, other_targets, [Run(start, 4, drawn), Run(copies(head), 4, drawn)]),
    ]
    for job, fits in zip(jobs, finetune_splits(head, jobs, learn=learn, recipe=SHORT), strict=True):
        for run, fit in zip(job.runs, fits, strict=True):
            expected = naive(head, job.features, job.targets, run, SHORT, learn, job.split)
            assert_same(head, fit, expected, job.split)
            assert fit.clips == (len(run.clips) if run.clips is not None else int((job.targets >= C).sum()))


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=12, dropout=0.0),
        Recipe(epochs=60, gain=0.01, learning_rate=0.01),
        Recipe(epochs=30, learning_rate=0.05, weight_decay=0.3),
        Recipe(epochs=40, gain=0.02, patience=3, smoothing=0.8),
        Recipe(epochs=10, batch=4, dropout=0.6),
    ],
)
def test_every_setting_of_the_recipe_counts_and_runs_that_stop_at_different_epochs_end_as_if_alone(recipe):
    head, features, targets = world(2, spread=0.1)
    runs = [Run(random_rows(head, SPLIT, seed=s), seed=s) for s in range(4)]
    fits = finetune(head, SPLIT, features, targets, runs, recipe=recipe)
    for run, fit in zip(runs, fits, strict=True):
        assert_same(head, fit, naive(head, features, targets, run, recipe))
    assert recipe.gain != 0.01 or len({fit.kept for fit in fits}) > 1


def test_a_run_that_has_stopped_and_diverges_later_fails_no_other():
    head, features, targets = world(clips=2)
    huge, rest = (torch.cat([(targets == C + j).nonzero()[i] for j in range(K)]) for i in (0, 1))
    features = features[:, :1].repeat(1, 30, 1)
    features[huge, -1] = 3e38  # a view that is drawn late, and is too much for the product with any row
    sure = Rows({label: 20 * features[i, 0] for label, i in zip(SPLIT.subcategories, huge, strict=True)})
    runs, recipe = [Run(sure, 0, huge), Run(copies(head), 0, rest)], Recipe(patience=2, gain=0.0, dropout=0.0)
    stopped, other = finetune(head, SPLIT, features, targets, runs, recipe=recipe)
    (alone,) = finetune(head, SPLIT, features, targets, runs[1:], recipe=recipe)
    assert len(stopped.losses) < 5 < len(other.losses)
    torch.testing.assert_close(other.head.weight, alone.head.weight, atol=1e-6, rtol=0)
    with pytest.raises(CatsplitError, match="no longer finite after epoch"):
        finetune(head, SPLIT, features, targets, runs, recipe=replace(recipe, patience=100))


@BOTH
def test_validation_stops_and_goes_back_to_the_best_epoch(learn):
    head, features, targets = world(3, clips=20, spread=0.4)
    recipe = Recipe(learning_rate=0.3)
    runs = [held_out(head, targets, seed) for seed in range(3)]
    fits = finetune(head, SPLIT, features, targets, runs, learn=learn, recipe=recipe)
    for run, fit in zip(runs, fits, strict=True):
        assert_same(head, fit, naive(head, features, targets, run, recipe, learn))
    assert any(fit.kept < len(fit.losses) for fit in fits), "no run went back, so the test shows nothing"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5), st.floats(1e-4, 1.0))
def test_old_rows_stay_bit_for_bit(seed, shots, rate):
    head, features, targets = world(seed % 1000)
    run = Run(random_rows(head, SPLIT, seed=seed), seed, sample(head, SPLIT, targets, shots, seed=seed))
    (fit,) = finetune(head, SPLIT, features, targets, [run], recipe=Recipe(epochs=3, learning_rate=rate))
    for label in ("lift", "drop", "fold", "tear", "spin"):
        assert torch.equal(fit.head[label], head[label])
        assert fit.head.bias[fit.head.index(label)] == head.bias[head.index(label)]
        assert fit.head.origin(label) == {"method": "base", "split_from": None}
    assert not any(torch.equal(fit.rows[label], run.initial[label]) for label in SPLIT.subcategories)


def test_inputs_and_the_global_generator_are_left_alone():
    head, features, targets = world()
    before, initial = features.clone(), copies(head)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = finetune(head, SPLIT, features, targets, [Run(initial)], recipe=SHORT)[0]
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(features, before)
    assert all(torch.equal(initial[label], row) for label, row in copies(head).items())
    again = finetune(head, SPLIT, features.numpy(), targets.numpy(), [Run(initial)], recipe=SHORT)[0]
    assert torch.equal(first.head.weight, again.head.weight)


def test_features_on_disk_are_read_only_where_needed(tmp_path):
    head, features, targets = world()
    expected = finetune(head, SPLIT, features, targets, [Run(copies(head))], recipe=SHORT)[0]
    features[targets < C] = torch.nan  # clips that no run uses may hold anything
    np.save(tmp_path / "f.npy", features.numpy())
    stored = np.load(tmp_path / "f.npy", mmap_mode="r")
    found = finetune(head, SPLIT, stored, targets, [Run(copies(head))], recipe=SHORT)[0]
    assert torch.equal(found.head.weight, expected.head.weight)


def test_provenance_tells_how_the_rows_came_about():
    head, features, targets = world()
    run = Run(random_rows(head, SPLIT, seed=3), 7, sample(head, SPLIT, targets, 2))
    new, whole = (
        finetune(head, SPLIT, features, targets, [run], learn=learn, recipe=Recipe(epochs=3))[0].head
        for learn in ("new rows", "whole head")
    )
    initial = {"method": "random", "modifier": "u", "seed": 3}
    told = {"method": "new rows", "modifier": "u", "initial": initial, "seed": 7, "clips": 2 * K, "epochs": 3}
    assert new.origin("push up") == {**told, "split_from": "push"}
    assert whole.origin("push up") == {**told, "method": "whole head", "split_from": "push"}
    assert whole.origin("lift")["then"] == "whole head"


# Samples


def test_samples_are_nested_balanced_and_seeded():
    head, _, targets = world(clips=9)
    for seed in range(4):
        previous = set()
        for shots in range(1, 10):
            clips = sample(head, SPLIT, targets, shots, seed=seed)
            assert targets[clips].bincount().tolist() == [0] * C + [shots] * K
            assert previous < set(clips.tolist())
            previous = set(clips.tolist())
        assert previous == set(sample(head, SPLIT, targets, None, seed=seed).tolist())
    drawn = {tuple(sample(head, SPLIT, targets, 1, seed=seed).tolist()) for seed in range(30)}
    assert len(drawn) > 20


def test_a_subcategory_keeps_its_sample_when_another_grows():
    head, _, targets = world()
    grown = torch.cat([targets, torch.full((5,), C)])
    few, many = sample(head, SPLIT, targets, 3), sample(head, SPLIT, grown, 3)
    assert torch.equal(few[3:], many[3:])


@pytest.mark.parametrize(("clips", "held"), [(2, 1), (9, 2), (30, 6)])
def test_holding_out_parts_each_subcategory(clips, held):
    head, _, targets = world(clips=clips)
    train, apart = hold_out(head, SPLIT, targets, seed=1)
    assert targets[apart].bincount(minlength=C + K)[C:].tolist() == [held] * K
    assert sorted([*train.tolist(), *apart.tolist()]) == (targets >= C).nonzero()[:, 0].tolist()


def test_clips_that_cannot_be_used_are_passed_over_and_nothing_else_changes():
    head, _, targets = world(clips=9)
    order = sample(head, SPLIT, targets, None, seed=2).view(K, 9)
    bad = order[:, [0, 4]].flatten().tolist()
    assert sample(head, SPLIT, targets, 3, seed=2, without=bad).tolist() == order[:, 1:4].flatten().tolist()
    train, held = hold_out(head, SPLIT, targets, seed=2, without=bad)
    assert sorted([*train.tolist(), *held.tolist(), *bad]) == sorted(order.flatten().tolist())
    with pytest.raises(CatsplitError, match="has 7 clips that can be used, but needs 8"):
        sample(head, SPLIT, targets, 8, seed=2, without=bad)


def test_random_rows_follow_the_published_distribution():
    head = Head(torch.zeros(4, 4096), torch.ones(4), ["push", "b", "c", "d"])
    rows = random_rows(head, SPLIT, seed=1)
    values = torch.stack(list(rows.values()))
    assert abs(float(values.std()) - 0.02) < 5e-4
    assert abs(float(values.mean())) < 1e-3
    assert head.split("push", rows).bias[-K:].tolist() == [0.0] * K
    assert not torch.equal(rows["push up"], random_rows(head, SPLIT, seed=2)["push up"])


# Which clips a sweep learns from


def test_draws_hang_on_no_other_and_are_the_same_for_the_whole_model(tmp_path):
    here = madeup.world(tmp_path)
    split = here.benchmark.split("Pushing")
    clips = TrainingClips(here.benchmark, here.head, here.training)
    names, order = clips.listed("Pushing")[0], clips.draw(split, 6, 0)[0].view(K, 6)
    bad = [names[order[0, 0]], names[order[1, 2]]]  # a clip of the first shot, and one of the third

    def training(paths):
        good = tuple(path for path in paths if path not in bad)
        return FeatureSet(here.training(good).features, good, tuple((path, "broken") for path in paths if path in bad))

    expected = [order[0, 1], order[1, 0], order[2, 0]]
    everything = training([*here.benchmark.clips("train")["path"]])
    for source, shots in ((training, (1,)), (training, (3, 1)), (lambda paths: everything, (1,))):
        clips = TrainingClips(here.benchmark, here.head, source)
        clips.fetch([(split, n, 0) for n in shots])
        assert clips.draw(split, 1, 0)[0].tolist() == expected

    asked = set()

    def views(name):
        asked.add(name)
        if name in bad:
            raise ClipError("broken")
        return torch.from_numpy(here.training([name]).features[0])

    sets = here.benchmark.equivalent_set("Pushing"), here.benchmark.unrelated_set("Pushing")
    targets = targets_of(here.features.paths, *sets)
    backbone = from_module(nn.Identity(), here.head.dim, transform=nn.Identity())
    for shots in (1, None):
        asked.clear()
        clips, method = TrainingClips(here.benchmark, here.head, training), WholeModel(shots, Recipe(epochs=1))
        setting = SimpleNamespace(
            head=here.head, features=here.features, targets=lambda split: targets, views=views, fits={},
            training_clips=clips, model=SimpleNamespace(backbone=backbone),
        )  # fmt: skip
        method(setting, split, 0)
        lots = clips.draw(split, method.shots, 0)
        assert {name for name in asked if name not in here.features} == {names[i] for lot in lots for i in lot}


# Errors, all before any work


def put(**changes):
    return lambda world: world | {key: make(world) for key, make in changes.items()}


def run_with(**changes):
    return put(runs=lambda w: [Run(**{"initial": copies(w["head"])} | {k: make(w) for k, make in changes.items()})])


def nan_clip(w):
    features = w["features"].clone()
    features[int((w["targets"] >= C).nonzero()[2, 0]), 1, 3] = torch.nan
    return features


def of(*targets):
    return lambda w: torch.isin(w["targets"], torch.tensor(targets)).nonzero()[:, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(features=lambda w: w["features"][..., :5]), r"shape \(N, V, 12\)"),
        (put(features=lambda w: w["features"][:, 0]), r"shape \(N, V, 12\)"),
        (put(features=nan_clip), "features of clip number .* hold NaN"),
        (put(targets=lambda w: w["targets"][:-1]), "clips need targets of shape"),
        (put(targets=lambda w: w["targets"] + 1), "a new row below 9"),
        (put(targets=lambda w: w["targets"].clamp(max=C + 1)), '"push up" of "push" .row 8. has no clip'),
        (put(runs=lambda w: []), "No run"),
        (put(split=lambda w: replace(SPLIT, coarse="pull")), '"pull" is none of the 6 labels'),
        (put(split=lambda w: replace(SPLIT, subcategories=("a", "a", "b"))), "two or more different subcategories"),
        (put(learn=lambda w: "everything"), '"new rows" or "whole head"'),
        (run_with(initial=lambda w: {"push left": w["head"]["lift"]}), "initial rows must be those of the 3"),
        (run_with(initial=lambda w: dict.fromkeys(SPLIT.subcategories, torch.ones(5))), r"must have shape \(12,\)"),
        (run_with(initial=lambda w: dict.fromkeys(SPLIT.subcategories, torch.full((D,), torch.nan))), "NaN"),
        (run_with(clips=lambda w: [999]), "number 999 is none of the 21 whose targets are subcategories"),
        (run_with(clips=of(0, 1, 3)), "is none of the 21 whose targets are subcategories"),
        (run_with(clips=lambda w: w["targets"] >= C), "a mask or an empty list won't do"),
        (run_with(clips=of(C)), '"push right" of "push" .* has no clip'),
        (run_with(validation=lambda w: []), "a mask or an empty list won't do"),
        (run_with(validation=of(C)), "keep the two apart"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(change, message, monkeypatch):
    head, features, targets = world()
    parts = {"head": head, "split": SPLIT, "features": features, "targets": targets, "runs": [Run(copies(head))]}
    monkeypatch.setattr("catsplit.lowshot._train", lambda *a: pytest.fail("work had begun"))
    with pytest.raises(CatsplitError, match=message) as error:
        finetune(**change(parts))
    assert "\n" not in str(error.value)


def test_splits_may_have_different_numbers_of_views():
    head, features, targets = world()
    jobs = [Job(SPLIT, x, targets, [Run(copies(head))]) for x in (features, features[:, :2])]
    (one,), (other,) = finetune_splits(head, jobs, recipe=SHORT)
    for fit, job in ((one, jobs[0]), (other, jobs[1])):
        assert torch.equal(fit.head.weight, finetune(head, *job, recipe=SHORT)[0].head.weight)
    assert finetune_splits(head, []) == []


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (lambda head, targets: sample(head, SPLIT, targets, 0), "one shot or more"),
        (lambda head, targets: sample(head, SPLIT, targets, -1), "one shot or more"),
        (lambda head, targets: sample(head, SPLIT, targets, 5), '"push left".*has 4 clips .* needs 5'),
        (lambda head, targets: sample(head, SPLIT, targets, 1, seed=-1), "zero or more"),
        (lambda head, targets: sample(head, SPLIT, targets.masked_fill(targets == C, 0), None), "has 0 clips"),
        (lambda head, targets: hold_out(head, SPLIT, torch.arange(C, C + K)), "has 1 clips .* needs 2"),
        (lambda head, targets: Recipe(dropout=1.0), "A recipe needs"),
        (lambda head, targets: Recipe(batch=0), "A recipe needs"),
        (lambda head, targets: Recipe(epochs=0), "A recipe needs"),
        (lambda head, targets: Recipe(patience=0), "A recipe needs"),
    ],
)
def test_other_senseless_wishes_are_refused(wish, message):
    head, _, targets = world(clips=4)
    with pytest.raises(CatsplitError, match=message):
        wish(head, targets)


# The whole model


class Tiny(nn.Module):
    """Views (B, 2, 10) to features (B, D), with dropout, batch normalisation and a frozen weight."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(11)
        # A bias before the normalisation has no gradient but rounding, which Adam would blow up.
        self.first, self.norm, self.drop = nn.Linear(20, 16, bias=False), nn.BatchNorm1d(16), nn.Dropout(0.3)
        self.last = nn.Linear(16, D).requires_grad_(False)

    def forward(self, x):
        return self.last(self.drop(self.norm(self.first(x.flatten(1))).relu()))


@pytest.mark.parametrize("validation", [False, True])
def test_a_whole_model_equals_a_plain_loop_and_asks_for_clips_in_use_only(validation):
    head, _, targets = world(8)
    views, asked = torch.randn(len(targets), V, 2, 10, generator=torch.Generator().manual_seed(2)), set()
    run = held_out(head, targets, 1) if validation else Run(copies(head), 5, sample(head, SPLIT, targets, 4))
    recipe, given = Recipe(epochs=6, learning_rate=0.01, gain=0.05), Tiny()
    state = {name: tensor.clone() for name, tensor in given.state_dict().items()}
    fit = finetune_model(given, head, SPLIT, lambda i: asked.add(i) or views[i], targets, run, recipe=recipe)
    expected = naive(head, views, targets, run, recipe, "whole model", model=Tiny())
    assert_same(head, fit, expected)
    for name, tensor in expected.model.state_dict().items():
        torch.testing.assert_close(fit.model.state_dict()[name], tensor, atol=1e-5, rtol=1e-5)
    assert not torch.equal(fit.model.last.weight, given.last.weight), "a frozen weight must learn too"
    assert all(torch.equal(tensor, state[name]) for name, tensor in given.state_dict().items())
    assert (given.training, fit.model.training) == (True, False)
    assert asked == {int(i) for lot in (run.clips, run.validation) if lot is not None for i in lot}
    assert fit.head.origin("lift")["then"] == "whole model"
    assert not validation or 0 < fit.kept < len(fit.losses)


def test_a_whole_model_refuses_what_does_not_fit():
    head, features, targets = world()

    def fit(model, clips=features, initial=None):
        return finetune_model(model, head, SPLIT, lambda i: clips[i], targets, Run(initial or copies(head)))

    with pytest.raises(CatsplitError, match="torch module, not as function"):
        fit(lambda x: x)
    with pytest.raises(CatsplitError, match=r"must give features \(16, 12\), but gave \(16, 3\)"):
        fit(nn.Linear(D, 3))
    with pytest.raises(CatsplitError, match=r"the first's shape, \(3, 12\), but one has \(2, 12\)"):
        fit(nn.Identity(), [clip[: 3 - i % 2] for i, clip in enumerate(features)])
    with pytest.raises(HeadError, match="initial rows must be those"):
        fit(nn.Identity(), initial={"push": head["push"]})
