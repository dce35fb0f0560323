"""Fine-tuning against plain loops, its promises about old rows, and what it refuses."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from catsplit import controls, lowshot
from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head, Rows
from catsplit.lowshot import Fit, Job, Recipe, Run, finetune, finetune_splits, hold_out, random_rows, sample
from catsplit.metrics import evaluate
from catsplit.models.whole import finetune_model

C, D, V = 6, 12, 3
SPLIT = SimpleNamespace(coarse="push", subcategories=("push left", "push right", "push up"), modifiers=("l", "r", "u"))
K = len(SPLIT.subcategories)
SHORT = Recipe(epochs=25)


def world(seed=0, clips=7, spread=1.0):
    """A head, features (N, V, D) and targets (N,); clips of untouched categories lie between the others."""
    g = torch.Generator().manual_seed(seed)
    head = Head(
        torch.randn(C, D, generator=g) * 0.5,
        torch.randn(C, generator=g) * 0.1,
        ["lift", "drop", "push", "fold", "tear", "spin"],
    )
    targets = torch.tensor([C + j for _ in range(clips) for j in range(K)] + [0, 1, 3, 4, 5] * 4)
    targets = targets[torch.randperm(len(targets), generator=g)]
    centres = torch.cat([head.weight, head["push"] + torch.randn(K, D, generator=g) * spread])
    features = centres[targets][:, None] + 0.5 * torch.randn(len(targets), V, D, generator=g)
    return head, features, targets


def copies(head):
    return controls.copies(head, SPLIT, noise=0)


def naive(head, features, targets, run, recipe, learn, validation=None):
    """One run as a plain loop over an nn.Linear of all C + k rows, autograd, and the old rows put back."""
    clips = [i for i in range(len(targets)) if targets[i] >= C] if run.clips is None else run.clips.tolist()
    linear = nn.Linear(D, C + K)
    biases = run.initial.biases or {label: head.bias[head.index("push")] for label in run.initial}
    with torch.no_grad():
        linear.weight.copy_(torch.cat([head.weight, *[run.initial[label][None] for label in SPLIT.subcategories]]))
        linear.bias.copy_(torch.cat([head.bias, *[biases[label].reshape(1) for label in SPLIT.subcategories]]))
    optimizer = torch.optim.AdamW(linear.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    g = torch.Generator().manual_seed(run.seed)
    average, best, waited, losses, watched, kept = None, None, 0, [], [], 0
    for epoch in range(recipe.epochs):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1 + np.cos(np.pi * epoch / recipe.epochs)) / 2
        order = [clips[i] for i in torch.randperm(len(clips), generator=g)]
        view = torch.randint(V, (len(clips),), generator=g)
        total = 0.0
        for at in range(0, len(clips), recipe.batch):
            now = order[at : at + recipe.batch]
            x = torch.stack([features[clip, v] for clip, v in zip(now, view[at : at + recipe.batch], strict=True)])
            alive = torch.rand(x.shape, generator=g) < 1 - recipe.dropout
            x = torch.where(alive, x / (1 - recipe.dropout), 0.0)
            loss = cross_entropy(linear(x), targets[now])
            optimizer.zero_grad()
            loss.backward()
            if learn == "new rows":
                linear.weight.grad[:C] = 0
                linear.bias.grad[:C] = 0
            optimizer.step()
            if learn == "new rows":
                with torch.no_grad():
                    linear.weight[:C] = head.weight
                    linear.bias[:C] = head.bias
            total += loss.item() * len(now)
        losses.append(total / len(clips))
        if validation is not None:
            with torch.no_grad():
                each = [cross_entropy(linear(features[i, v]), targets[i]) for i in validation for v in range(V)]
            watched.append(float(sum(each) / len(each)))
        value = (watched or losses)[-1]
        average = value if average is None else 0.95 * average + 0.05 * value
        if best is None or average < best - recipe.gain:
            best, waited = average, 0
            if watched:
                kept, state = epoch + 1, (linear.weight.detach().clone(), linear.bias.detach().clone())
        else:
            waited += 1
        if not watched:
            kept, state = epoch + 1, (linear.weight.detach().clone(), linear.bias.detach().clone())
        if waited == recipe.patience:
            break
    return *state, losses, watched, kept


def assert_equals_naive(head, fit: Fit, expected):
    weight, bias, losses, watched, kept = expected
    stay = [i for i in range(C + K) if i != head.index("push")]
    assert fit.kept == kept
    assert len(fit.losses) == len(losses)
    torch.testing.assert_close(torch.tensor(fit.losses), torch.tensor(losses), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.tensor(fit.validation), torch.tensor(watched), atol=1e-5, rtol=0)
    torch.testing.assert_close(fit.head.weight, weight[stay], atol=2e-5, rtol=0)
    torch.testing.assert_close(fit.head.bias, bias[stay], atol=2e-5, rtol=0)
    assert fit.head.labels == ("lift", "drop", "fold", "tear", "spin", *SPLIT.subcategories)
    for j, label in enumerate(SPLIT.subcategories):
        torch.testing.assert_close(fit.rows[label], weight[C + j], atol=2e-5, rtol=0)
        torch.testing.assert_close(fit.rows.biases[label], bias[C + j], atol=2e-5, rtol=0)


# The fast path ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learn", ["new rows", "whole head"])
def test_runs_side_by_side_equal_plain_loops(learn):
    head, features, targets = world()
    runs = [
        Run(copies(head), seed=4),
        Run(random_rows(head, SPLIT, seed=1), seed=4),
        Run(copies(head), seed=9),
        Run(copies(head), seed=4, clips=sample(head, SPLIT, targets, 1, seed=4)),
        Run(copies(head), seed=5, clips=sample(head, SPLIT, targets, 6, seed=5)),
    ]
    for run, fit in zip(runs, finetune(head, SPLIT, features, targets, runs, learn=learn, recipe=SHORT), strict=True):
        assert_equals_naive(head, fit, naive(head, features, targets, run, SHORT, learn))


@pytest.mark.parametrize("learn", ["new rows", "whole head"])
def test_splits_side_by_side_equal_plain_loops(learn, monkeypatch):
    """Two splits of one head with clips of their own, and a third with as many rows as neither."""
    head, features, targets = world()
    other_features, other_targets = world(seed=3, clips=5)[1:]
    pair = SimpleNamespace(coarse="lift", subcategories=("lift fast", "lift slowly"), modifiers=("f", "s"))
    two = other_targets < C + 2
    runs = [Run(copies(head), seed=4, clips=sample(head, SPLIT, targets, 3, seed=4)), Run(copies(head), seed=9)]
    other_runs = [
        Run(random_rows(head, SPLIT, seed=s), seed=4, clips=sample(head, SPLIT, other_targets, 3, seed=4))
        for s in range(2)
    ]
    jobs = [
        Job(SPLIT, features, targets, runs),
        Job(pair, other_features[two], other_targets[two], [Run(controls.copies(head, pair, noise=0))]),
        Job(SPLIT, other_features, other_targets, other_runs),
    ]
    called = []
    honest = lowshot.train_rows
    monkeypatch.setattr("catsplit.lowshot.train_rows", lambda *a: called.append(len(a[4])) or honest(*a))
    first, second, third = finetune_splits(head, jobs, learn=learn, recipe=SHORT)
    assert sorted(called) == [1, 1, 3]  # those with 3 clips of each of K subcategories share their steps
    for job, fits in ((jobs[0], first), (jobs[2], third)):
        for run, fit in zip(job.runs, fits, strict=True):
            assert_equals_naive(head, fit, naive(head, job.features, job.targets, run, SHORT, learn))
    alone = finetune(head, *jobs[1], learn=learn, recipe=SHORT)
    assert torch.equal(second[0].head.weight, alone[0].head.weight)
    assert second[0].head.labels[-2:] == pair.subcategories


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=12, dropout=0.0),
        Recipe(epochs=30, learning_rate=0.05, weight_decay=0.3),
        Recipe(epochs=40, gain=0.02, patience=3),
        Recipe(epochs=10, batch=4, dropout=0.6),
    ],
)
def test_every_setting_of_the_recipe_counts(recipe):
    head, features, targets = world(1)
    run = Run(copies(head), seed=2)
    (fit,) = finetune(head, SPLIT, features, targets, [run], recipe=recipe)
    assert_equals_naive(head, fit, naive(head, features, targets, run, recipe, "new rows"))


def test_seeds_that_stop_at_different_epochs_end_as_if_alone():
    head, features, targets = world(2, spread=0.1)
    recipe = Recipe(epochs=60, gain=0.01, learning_rate=0.01)
    runs = [Run(random_rows(head, SPLIT, seed=s), seed=s) for s in range(5)]
    together = finetune(head, SPLIT, features, targets, runs, recipe=recipe)
    assert len({fit.kept for fit in together}) > 1
    for run, fit in zip(runs, together, strict=True):
        (alone,) = finetune(head, SPLIT, features, targets, [run], recipe=recipe)
        assert alone.kept == fit.kept
        torch.testing.assert_close(alone.head.weight, fit.head.weight, atol=1e-6, rtol=0)
        assert_equals_naive(head, fit, naive(head, features, targets, run, recipe, "new rows"))


@pytest.mark.parametrize("learn", ["new rows", "whole head"])
def test_validation_stops_and_goes_back_to_the_best_epoch(learn):
    head, features, targets = world(3, clips=20, spread=0.4)
    recipe = Recipe(epochs=100, learning_rate=0.3, patience=5)
    runs, lots = [], []
    for seed in range(3):
        train, held = hold_out(head, SPLIT, targets, seed=seed)
        lots.append(held.tolist())
        runs.append(Run(copies(head), seed, train, held))
    restored = 0
    fits = finetune(head, SPLIT, features, targets, runs, learn=learn, recipe=recipe)
    for run, held, fit in zip(runs, lots, fits, strict=True):
        assert_equals_naive(head, fit, naive(head, features, targets, run, recipe, learn, held))
        restored += fit.kept < len(fit.losses)
    assert restored, "no run went back, so the test shows nothing"


def test_the_coarse_category_is_a_competitor():
    head, features, targets = world(4)
    recipe = Recipe(epochs=1, dropout=0.0)
    clips = (targets >= C).nonzero()[:, 0]
    one_view = features[:, :1]
    # A batch of all clips, so that the loss of the epoch is that of the initial rows.
    (fit,) = finetune(
        head, SPLIT, one_view, targets, [Run(copies(head))], recipe=Recipe(epochs=1, dropout=0.0, batch=len(clips))
    )
    new = torch.stack([copies(head)[label] for label in SPLIT.subcategories])
    old = one_view[clips, 0] @ head.weight.T + head.bias
    fresh = one_view[clips, 0] @ new.T + head.bias[2]
    with_coarse = cross_entropy(torch.cat([old, fresh], 1), targets[clips])
    old[:, 2] = -torch.inf
    without = cross_entropy(torch.cat([old, fresh], 1), targets[clips])
    assert fit.losses[0] == pytest.approx(float(with_coarse), abs=1e-5)
    assert abs(float(without) - float(with_coarse)) > 0.1
    assert recipe.epochs == len(fit.losses)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5), st.floats(1e-4, 1.0))
def test_old_rows_stay_bit_for_bit(seed, shots, rate):
    head, features, targets = world(seed % 1000)
    before = head.weight, head.bias
    run = Run(random_rows(head, SPLIT, seed=seed), seed, sample(head, SPLIT, targets, shots, seed=seed))
    (fit,) = finetune(head, SPLIT, features, targets, [run], recipe=Recipe(epochs=3, learning_rate=rate))
    for label in ("lift", "drop", "fold", "tear", "spin"):
        assert torch.equal(fit.head[label], head[label])
        assert fit.head.bias[fit.head.index(label)] == head.bias[head.index(label)]
        assert fit.head.origin(label) == {"method": "base", "split_from": None}
    assert torch.equal(before[0], head.weight)
    assert torch.equal(before[1], head.bias)
    for label in SPLIT.subcategories:
        assert not torch.equal(fit.rows[label], run.initial[label])
    assert "push" not in fit.head


def test_inputs_and_the_global_generator_are_left_alone():
    head, features, targets = world()
    given_features, initial = features.clone(), copies(head)
    rows = {label: row.clone() for label, row in initial.items()}
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = finetune(head, SPLIT, features, targets, [Run(initial)], recipe=SHORT)[0]
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(features, given_features)
    assert all(torch.equal(initial[label], rows[label]) for label in rows)
    again = finetune(head, SPLIT, features.numpy(), targets.numpy(), [Run(initial)], recipe=SHORT)[0]
    assert torch.equal(first.head.weight, again.head.weight)
    other = finetune(head, SPLIT, features, targets, [Run(initial, seed=1)], recipe=SHORT)[0]
    assert not torch.equal(first.head.weight, other.head.weight)


def test_features_on_disk_are_read_only_where_needed(tmp_path):
    head, features, targets = world()
    expected = finetune(head, SPLIT, features, targets, [Run(copies(head))], recipe=SHORT)[0]
    features[targets < C] = torch.nan  # clips that no run uses may hold anything
    np.save(tmp_path / "f.npy", features.numpy())
    stored = np.load(tmp_path / "f.npy", mmap_mode="r")
    found = finetune(head, SPLIT, stored, targets, [Run(copies(head))], recipe=SHORT)[0]
    assert torch.equal(found.head.weight, expected.head.weight)


def test_it_learns_what_the_features_hold():
    head, features, targets = world(5, clips=30, spread=1.5)
    one_shot, all_shots = (
        finetune(head, SPLIT, features, targets, [Run(copies(head), 0, sample(head, SPLIT, targets, n))])[0]
        for n in (1, None)
    )
    before = evaluate(head, head.split("push", controls.copies(head, SPLIT)), features, targets)
    few, many = (evaluate(head, fit.head, features, targets) for fit in (one_shot, all_shots))
    assert before.siblings < 0.6
    assert few.siblings > before.siblings + 0.1
    assert many.siblings > 0.95
    assert few.locality > 0.9


def test_provenance_tells_how_the_rows_came_about():
    head, features, targets = world()
    start = random_rows(head, SPLIT, seed=3)
    clips = sample(head, SPLIT, targets, 2)
    new, whole = (
        finetune(head, SPLIT, features, targets, [Run(start, 7, clips)], learn=learn, recipe=SHORT)[0].head
        for learn in ("new rows", "whole head")
    )
    origin = new.origin("push up")
    assert origin["method"] == "new rows"
    assert origin["split_from"] == "push"
    assert (origin["seed"], origin["clips"], origin["modifier"]) == (7, 2 * K, "u")
    assert origin["initial"]["method"] == "random"
    assert whole.origin("lift")["then"] == "whole head"
    assert not torch.equal(whole["lift"], head["lift"])


def test_a_one_shot_fit_is_fast():
    g = torch.Generator().manual_seed(0)
    head = Head(torch.randn(119, 384, generator=g) * 0.05, None, [f"label {i}" for i in range(119)])
    names = tuple(f"new {j}" for j in range(9))
    split = SimpleNamespace(coarse="label 3", subcategories=names, modifiers=names)
    features, targets = torch.randn(9, 6, 384, generator=g), torch.arange(119, 128)
    initial = controls.copies(head, split, noise=0)
    finetune(head, split, features, targets, [Run(initial)], recipe=SHORT)
    start = time.process_time()
    finetune(head, split, features, targets, [Run(initial)])
    assert time.process_time() - start < 0.5


# Samples ------------------------------------------------------------------------------------------------------------


def test_samples_are_nested_balanced_and_seeded():
    head, _, targets = world(clips=9)
    for seed in range(4):
        previous = set()
        for shots in range(1, 10):
            clips = sample(head, SPLIT, targets, shots, seed=seed)
            assert targets[clips].bincount().tolist() == [0] * C + [shots] * K
            assert previous < set(clips.tolist())
            previous = set(clips.tolist())
        assert previous == set((targets >= C).nonzero()[:, 0].tolist())
        assert previous == set(sample(head, SPLIT, targets, None, seed=seed).tolist())
    drawn = {tuple(sample(head, SPLIT, targets, 1, seed=seed).tolist()) for seed in range(30)}
    assert len(drawn) > 20


def test_a_subcategory_keeps_its_sample_when_another_grows():
    head, _, targets = world()
    grown = torch.cat([targets, torch.full((5,), C)])
    for j in (1, 2):
        few, many = sample(head, SPLIT, targets, 3), sample(head, SPLIT, grown, 3)
        assert torch.equal(few[targets[few] == C + j], many[grown[many] == C + j])


@pytest.mark.parametrize(("share", "held"), [(0.2, 2), (0.01, 1), (0.99, 8), (0.5, 4)])
def test_holding_out_parts_each_subcategory(share, held):
    head, _, targets = world(clips=9)
    train, apart = hold_out(head, SPLIT, targets, share=share, seed=1)
    assert targets[apart].bincount(minlength=C + K)[C:].tolist() == [held] * K
    assert sorted([*train.tolist(), *apart.tolist()]) == (targets >= C).nonzero()[:, 0].tolist()


def test_random_rows_follow_the_published_distribution():
    head = Head(torch.zeros(4, 4096), torch.ones(4), ["push", "b", "c", "d"])
    rows = random_rows(head, SPLIT, seed=1)
    values = torch.stack(list(rows.values()))
    assert abs(float(values.std()) - 0.02) < 5e-4
    assert abs(float(values.mean())) < 1e-3
    assert head.split("push", rows).bias[-K:].tolist() == [0.0] * K
    assert not torch.equal(rows["push up"], random_rows(head, SPLIT, seed=2)["push up"])


# Errors, all before any work ----------------------------------------------------------------------------------------


def broken(change):
    head, features, targets = world()
    parts = {"split": SPLIT, "features": features, "targets": targets, "runs": [Run(copies(head))]}
    change(parts, head)
    return head, parts


def put(key, make):
    return lambda parts, head: parts.update({key: make(parts, head)})


def nan_clip(parts, head):
    parts["features"][int((parts["targets"] >= C).nonzero()[2, 0]), 1, 3] = torch.nan


def rename(**changes):
    return put("split", lambda p, h: SimpleNamespace(**{**vars(SPLIT), **changes}))


def run_with(**changes):
    return put("runs", lambda p, h: [Run(**{"initial": copies(h), **{k: v(p, h) for k, v in changes.items()}})])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("features", lambda p, h: p["features"][..., :5]), r"shape \(N, V, 12\)"),
        (put("features", lambda p, h: p["features"][:, 0]), r"shape \(N, V, 12\)"),
        (put("targets", lambda p, h: p["targets"][:-1]), "clips need targets of shape"),
        (put("targets", lambda p, h: p["targets"] + 1), 'the new rows of "push" are 6 to 8'),
        (put("targets", lambda p, h: p["targets"].clamp(max=C + 1)), '"push up" of "push" .row 8. has no clip'),
        (nan_clip, "features of clip number .* hold NaN"),
        (put("runs", lambda p, h: []), "No run"),
        (rename(coarse="pull"), '"pull" is none of the 6 labels'),
        (rename(subcategories=("a", "a", "b")), "two or more different subcategories"),
        (run_with(initial=lambda p, h: {"push left": h["lift"]}), "initial rows must be those of the 3 subcategories"),
        (run_with(initial=lambda p, h: dict.fromkeys(SPLIT.subcategories, torch.ones(5))), r"must have shape \(12,\)"),
        (run_with(initial=lambda p, h: dict.fromkeys(SPLIT.subcategories, torch.full((D,), torch.nan))), "NaN"),
        (run_with(clips=lambda p, h: [999]), "numbers from 0 to 40"),
        (run_with(clips=lambda p, h: (p["targets"] < C).nonzero()[:, 0]), "which is no subcategory"),
        (run_with(clips=lambda p, h: (p["targets"] == C).nonzero()[:, 0]), '"push right" of "push" .* has no clip'),
        (run_with(validation=lambda p, h: []), "there are none"),
        (run_with(validation=lambda p, h: (p["targets"] == C).nonzero()[:, 0]), "keep the two apart"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(change, message, monkeypatch):
    head, parts = broken(change)
    monkeypatch.setattr("catsplit.lowshot.train_rows", lambda *a: pytest.fail("work had begun"))
    with pytest.raises(CatsplitError, match=message) as error:
        finetune(head, parts["split"], parts["features"], parts["targets"], parts["runs"])
    assert "\n" not in str(error.value)


def test_other_senseless_wishes_are_refused():
    head, features, targets = world(clips=4)
    for shots, message in (
        (0, "one shot or more"),
        (-1, "one shot or more"),
        (5, '5 shots of "push left".*has 4 clips'),
    ):
        with pytest.raises(CatsplitError, match=message):
            sample(head, SPLIT, targets, shots)
    with pytest.raises(CatsplitError, match="zero or more"):
        sample(head, SPLIT, targets, 1, seed=-1)
    with pytest.raises(CatsplitError, match='"push left" .* has no clip'):
        sample(head, SPLIT, targets.masked_fill(targets == C, 0), None)
    with pytest.raises(CatsplitError, match="between 0 and 1"):
        hold_out(head, SPLIT, targets, share=1.0)
    with pytest.raises(CatsplitError, match="a single clip"):
        hold_out(head, SPLIT, torch.arange(C, C + K))
    with pytest.raises(CatsplitError, match='"new rows" or "whole head"'):
        finetune(head, SPLIT, features, targets, [Run(copies(head))], learn="everything")
    for settings_ in ({"dropout": 1.0}, {"batch": 0}, {"epochs": 0}, {"patience": 0}):
        with pytest.raises(CatsplitError, match="A recipe needs"):
            Recipe(**settings_)
    with pytest.raises(CatsplitError, match="no longer finite after epoch"):
        finetune(head, SPLIT, features * 1e30, targets, [Run(copies(head))], recipe=Recipe(learning_rate=1e30))


# The whole model ----------------------------------------------------------------------------------------------------


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


def test_a_model_without_weights_ends_where_the_whole_head_does():
    head, features, targets = world(6)
    train, held = hold_out(head, SPLIT, targets)
    for validation in (None, held):
        (expected,) = finetune(
            head, SPLIT, features, targets, [Run(copies(head), 3, train, validation)], learn="whole head", recipe=SHORT
        )
        found = finetune_model(
            nn.Identity(),
            head,
            SPLIT,
            features,
            targets,
            copies(head),
            seed=3,
            chosen=train,
            validation=validation,
            recipe=SHORT,
        )
        torch.testing.assert_close(found.head.weight, expected.head.weight, atol=2e-5, rtol=0)
        torch.testing.assert_close(found.head.bias, expected.head.bias, atol=2e-5, rtol=0)
        torch.testing.assert_close(torch.tensor(found.losses), torch.tensor(expected.losses), atol=1e-5, rtol=0)
        assert found.kept == expected.kept
        assert found.head.origin("lift")["then"] == "whole model"


def test_a_whole_model_equals_a_plain_loop():
    head, _, targets = world(7)
    clips = torch.randn(len(targets), V, 2, 10, generator=torch.Generator().manual_seed(1))
    recipe = Recipe(epochs=4, learning_rate=0.01)
    given = Tiny()
    state = {name: tensor.clone() for name, tensor in given.state_dict().items()}
    found = finetune_model(given, head, SPLIT, clips, targets, copies(head), seed=5, recipe=recipe)
    assert all(torch.equal(tensor, state[name]) for name, tensor in given.state_dict().items())
    assert given.training
    assert not found.model.training

    model, linear = Tiny().requires_grad_(True), nn.Linear(D, C + K)
    with torch.no_grad():
        linear.weight.copy_(torch.cat([head.weight, head["push"].expand(K, D)]))
        linear.bias.copy_(torch.cat([head.bias, head.bias[2].expand(K)]))
    optimizer = torch.optim.AdamW([*model.parameters(), *linear.parameters()], lr=0.01, weight_decay=1e-3)
    g, used = torch.Generator().manual_seed(5), (targets >= C).nonzero()[:, 0]
    torch.manual_seed(5)
    for epoch in range(4):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 + np.cos(np.pi * epoch / 4)) / 2
        order, view = used[torch.randperm(len(used), generator=g)], torch.randint(V, (len(used),), generator=g)
        for at in range(0, len(used), 16):
            now = order[at : at + 16]
            x = torch.stack([clips[i, v] for i, v in zip(now, view[at : at + 16], strict=True)])
            alive = torch.rand(len(now), D, generator=g) < 0.75
            loss = cross_entropy(linear(model(x) * alive / 0.75), targets[now])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(found.model.state_dict()[name], tensor, atol=1e-5, rtol=1e-5)
    assert not torch.equal(model.last.weight, given.last.weight), "a frozen weight must learn too"
    stay = [i for i in range(C + K) if i != 2]
    torch.testing.assert_close(found.head.weight, linear.weight.detach()[stay], atol=1e-5, rtol=1e-5)


def test_a_whole_model_goes_back_to_its_best_epoch():
    head, _, targets = world(8)
    clips = torch.randn(len(targets), V, 2, 10, generator=torch.Generator().manual_seed(2))
    train, held = hold_out(head, SPLIT, targets, share=0.4)
    options = {"seed": 1, "chosen": train, "validation": held, "recipe": Recipe(epochs=60, learning_rate=0.03)}
    found = finetune_model(Tiny(), head, SPLIT, clips, targets, copies(head), **options)
    assert 0 < found.kept < len(found.losses) == len(found.validation)
    new = {label: j for j, label in enumerate(found.head.labels)}
    with torch.no_grad():
        logits = found.head.logits(found.model(clips[held].flatten(0, 1)))
    # The coarse row is gone from the head, so the loss must be no more than the one that counted it.
    wanted = torch.tensor([new[SPLIT.subcategories[int(targets[i]) - C]] for i in held]).repeat_interleave(V)
    assert float(cross_entropy(logits, wanted)) <= found.validation[found.kept - 1] + 1e-5


def test_a_whole_model_learns_from_clips_that_are_decoded_on_demand():
    head, _, targets = world(9)
    asked = set()

    class Clips:
        def __len__(self):
            return len(targets)

        def __getitem__(self, i):
            asked.add(i)
            return torch.randn(V, 2, 10, generator=torch.Generator().manual_seed(i))

    chosen = sample(head, SPLIT, targets, 2)
    finetune_model(Tiny(), head, SPLIT, Clips(), targets, copies(head), chosen=chosen, recipe=Recipe(epochs=2))
    assert asked == set(chosen.tolist())


def test_a_whole_model_refuses_what_does_not_fit():
    head, features, targets = world()
    fit = lambda model, clips=features, **more: finetune_model(  # noqa: E731
        model, head, SPLIT, clips, targets, copies(head), **more
    )
    with pytest.raises(CatsplitError, match="torch module, not as function"):
        fit(lambda x: x)
    with pytest.raises(CatsplitError, match=r"must give features \(1, 12\), but gave \(1, 3\)"):
        fit(nn.Linear(D, 3))
    with pytest.raises(CatsplitError, match="as many views as the first, 3, but one has 2"):
        fit(nn.Identity(), [clip[: 3 - i % 2] for i, clip in enumerate(features)], chosen=None)
    with pytest.raises(HeadError, match="initial rows must be those"):
        finetune_model(nn.Identity(), head, SPLIT, features, targets, Rows({}))
