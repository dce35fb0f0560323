"""Alignment: the batched fit against an ordinary training loop, and the ridge regression against scikit-learn's."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from madeup import Words
from sklearn.linear_model import Ridge
from torch import nn

from catsplit.alignment import first_weights, fit, pairs, ridge
from catsplit.errors import CatsplitError, HeadError


def pairs_by_loop(world):
    found = []
    for group, members in world.groups.items():
        if len(members) == 1:
            found.append((members[0], world.head[members[0]]))
            continue
        prototype = sum(world.head[member] for member in members) / len(members)
        found.append((group, prototype))
        for member in members:
            found.append((member, world.head[member]))
            found.append((world.modifiers[member], world.head[member] - prototype))
    return found


def fit_by_loop(world, seed, epochs, patience, gain, hidden, learning_rate):
    """One seed, by autograd: the network, the epochs run, and the network of the best epoch."""
    x = torch.stack([world.encode([text])[0] for text, _ in pairs_by_loop(world)])
    y = torch.stack([vector for _, vector in pairs_by_loop(world)])
    generator = torch.Generator().manual_seed(seed)
    inner, inner_bias, outer, outer_bias = first_weights(x.shape[1], hidden, y.shape[1], generator)
    network = nn.Sequential(nn.Linear(x.shape[1], hidden), nn.GELU(), nn.Linear(hidden, y.shape[1]))
    names = ["0.weight", "0.bias", "2.weight", "2.bias"]
    network.load_state_dict(
        dict(zip(names, [inner.T, inner_bias.flatten(), outer.T, outer_bias.flatten()], strict=True))
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    average, record, best, waited, ran = None, -np.inf, None, 0, 0
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator)
        for at in range(0, len(x), 10):
            optimizer.zero_grad()
            batch = order[at : at + 10]
            nn.functional.mse_loss(network(x[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()
        ran += 1
        with torch.no_grad():
            cosine = float(torch.cosine_similarity(network(x), y).mean())
        average = cosine if average is None else 0.95 * average + 0.05 * cosine
        if average > record + gain:
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
            record, waited = average, 0
        else:
            waited += 1
            if waited == patience:
                break
    network.load_state_dict(best)
    return network, ran


def test_the_pairs_are_those_of_the_paper():
    world = Words()
    texts, vectors = pairs(world.head, world.groups, world.modifiers)
    expected = pairs_by_loop(world)
    assert texts == [text for text, _ in expected]
    assert torch.allclose(vectors, torch.stack([vector for _, vector in expected]), atol=1e-6)


@pytest.mark.parametrize(
    ("patience", "gain", "epochs"),
    [(5, 1e-3, [60, 60, 60]), (3, 0.015, [58, 56, 4]), (1, 10.0, [2, 2, 2])],
    ids=["all epochs", "each seed stops at its own", "at once"],
)
def test_the_batched_fit_is_the_ordinary_training_loop_of_each_seed(patience, gain, epochs):
    world, seeds = Words(1), (7, 0, 3)
    options = {"epochs": 60, "patience": patience, "gain": gain, "hidden": 16, "learning_rate": 5e-3}
    fitted = fit(*world.knowledge, seeds=seeds, **options)
    # The epochs are typed here so that the loop isn't all that says seeds do stop apart from one another.
    assert fitted.epochs.tolist() == pytest.approx(epochs, abs=2)
    x = torch.randn(5, 8)
    for at, seed in enumerate(seeds):
        network, ran = fit_by_loop(world, seed, **options)
        assert int(fitted.epochs[at]) == ran
        assert torch.allclose(fitted.map(x)[at], network(x), atol=1e-4)
        texts, y = pairs(world.head, world.groups, world.modifiers)
        output = network(world.encode(texts)).detach()
        assert float(fitted.cosine[at]) == pytest.approx(float(torch.cosine_similarity(output, y).mean()), abs=1e-4)


def test_what_is_fitted_can_not_be_changed_by_a_later_fit_or_by_the_embeddings():
    world, x = Words(2), torch.randn(4, 8)
    fitted = fit(*world.knowledge, epochs=3)
    before = fitted.map(x)
    fit(*world.knowledge, epochs=3)
    assert torch.equal(fitted.map(x), before)
    assert not before.requires_grad


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["c", "d"]), st.booleans())
def test_alignment_does_not_depend_on_which_category_is_split(seed, first, closed_form):
    world = Words(seed)

    def fitted(head):
        knowledge = (head, *world.knowledge[1:])
        return ridge(*knowledge) if closed_form else fit(*knowledge, seeds=(0,), epochs=2)

    one = fitted(world.head)
    split = dataclasses.replace(world.split, coarse=first)
    edited = world.head.split(first, one.rows(world.head, split, world.encode))
    assert torch.equal(fitted(edited).map(torch.ones(1, 8)), one.map(torch.ones(1, 8)))


@pytest.mark.parametrize("penalty", [0.01, 3.0])
@pytest.mark.parametrize("texts", [8, 60])
def test_the_ridge_regression_is_scikit_learns(penalty, texts):
    world = Words(5, texts=texts)
    fitted = ridge(*world.knowledge, penalty=penalty)
    names, y = pairs(world.head, world.groups, world.modifiers)
    reference = Ridge(alpha=penalty).fit(world.encode(names).double().numpy(), y.double().numpy())
    x = torch.randn(7, texts)
    np.testing.assert_allclose(fitted.map(x)[0].numpy(), reference.predict(x.double().numpy()), atol=1e-4)
    assert fitted.map(x).shape == (1, 7, 6)
    assert fitted.map(x).dtype == torch.float32


def test_rows_are_the_coarse_row_plus_the_map_and_say_so():
    world = Words(6)
    fitted = fit(*world.knowledge, seeds=(4, 9), epochs=2)
    for seed, at in ((None, 0), (4, 0), (9, 1)):
        rows = fitted.rows(world.head, world.split, world.encode, seed=seed)
        vectors = fitted.map(world.encode(list(world.split.modifiers)))[at]
        for j, label in enumerate(world.split.subcategories):
            assert torch.allclose(rows[label], world.head["c"] + vectors[j], atol=1e-6)
    assert rows.origins["s1"] == {"method": "alignment", "seed": 9, "modifier": "modifier of s1"}
    assert ridge(*world.knowledge).rows(world.head, world.split, world.encode).origins["s1"]["method"] == "ridge"


def test_bad_calls_are_clear_errors():
    world = Words()
    with pytest.raises(CatsplitError, match="one seed or more"):
        fit(*world.knowledge, seeds=())
    fitted = ridge(*world.knowledge)
    with pytest.raises(CatsplitError, match="Seed 5"):
        fitted.rows(world.head, world.split, world.encode, seed=5)
    with pytest.raises(HeadError, match="is none of"):
        fitted.rows(world.head, dataclasses.replace(world.split, coarse="e"), world.encode)
    with pytest.raises(HeadError, match="no modifier text"):
        pairs(world.head, world.groups, {})
    with pytest.raises(HeadError, match="None of the 0 groups"):
        pairs(world.head, {}, {})
