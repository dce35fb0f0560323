"""Controls: blind where they must be, and an oracle that is the optimum."""


import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from catsplit.controls import copies, oracle, random_entries, random_vectors
from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head
from catsplit.metrics import evaluate
from catsplit.modifiers import Dictionary, Split

SPLIT = Split("y0", ("s0", "s1", "s2"), ("m0", "m1", "m2"))


@pytest.fixture
def head(generator):
    return Head(
        torch.randn(9, 8, generator=generator), torch.randn(9, generator=generator), [f"y{i}" for i in range(9)]
    )


@pytest.fixture
def dictionary(head):
    groups = {"a": ["y1", "y2", "y3"], "b": ["y4", "y5"]}
    return Dictionary.from_head(head, groups, {f"y{i}": f"modifier {i}" for i in range(9)})


def test_copies_differ_by_a_little_noise_only(head):
    for label, row in copies(head, SPLIT, noise=0.01, seed=4).items():
        assert float((row - head["y0"]).norm() / head["y0"].norm()) == pytest.approx(0.01, rel=1e-3), label
    assert all(torch.equal(row, head["y0"]) for row in copies(head, SPLIT, noise=0).values())


def test_copies_are_a_fair_draw_among_the_siblings(head):
    # All clips belong to the first sibling: a tie that fell to the first would score 1, not about 1/3.
    features = torch.randn(200, 2, 8, generator=torch.Generator().manual_seed(1))
    targets = torch.full((200,), 9)
    targets[100:] = head.logits(features[100:]).mean(1)[:, 1:].argmax(1) + 1
    scores = [
        evaluate(head, head.split("y0", copies(head, SPLIT, seed=seed)), features, targets).siblings
        for seed in range(60)
    ]
    assert np.mean(scores) == pytest.approx(1 / 3, abs=0.06)


def test_random_vectors_are_as_long_as_entries_of_the_dictionary(head, dictionary):
    lengths = dictionary.vectors.norm(dim=1)
    for seed in range(5):
        for row in random_vectors(head, SPLIT, dictionary, seed=seed).values():
            length = (row - head["y0"]).norm()
            assert (lengths - length).abs().min() < 1e-4
            cosines = torch.cosine_similarity(dictionary.vectors, (row - head["y0"])[None])
            assert cosines.abs().max() < 0.99


def test_random_entries_are_entries_and_none_serves_twice(head, dictionary):
    drawn = set()
    for seed in range(30):
        rows = random_entries(head, SPLIT, dictionary, seed=seed)
        sources = [rows.origins[label]["source"] for label in SPLIT.subcategories]
        assert len(set(sources)) == 3
        drawn |= set(sources)
        for label, source in zip(SPLIT.subcategories, sources, strict=True):
            vector = dictionary.vectors[dictionary.labels.index(source)]
            assert torch.allclose(rows[label], head["y0"] + vector)
    assert drawn == set(dictionary.labels)
    with pytest.raises(HeadError, match="3 subcategories, but the dictionary only 2"):
        random_entries(head, SPLIT, dictionary.subset([0, 1]))


def test_a_seed_decides_a_control(head, dictionary):
    for control in (
        lambda seed: copies(head, SPLIT, seed=seed),
        lambda seed: random_vectors(head, SPLIT, dictionary, seed=seed),
        lambda seed: random_entries(head, SPLIT, dictionary, seed=seed),
    ):
        one, again, other = (torch.stack(list(control(seed).values())) for seed in (5, 5, 6))
        assert torch.equal(one, again)
        assert not torch.equal(one, other)


def clips(head, count=90, spread=1.0):
    generator = torch.Generator().manual_seed(2)
    targets = torch.arange(count) % 3 + 9
    centres = torch.randn(3, 8, generator=generator)
    features = centres[targets - 9][:, None] + spread * torch.randn(count, 2, 8, generator=generator)
    return features, targets


def test_the_oracle_is_the_logistic_regression_of_the_siblings_where_nothing_competes(head):
    # Old rows far below leave a softmax over the siblings, which scikit-learn solves; the rows and the penalty are
    # measured from the coarse row, and a shift common to all siblings changes nothing, so differences must agree.
    lone = Head(head.weight * torch.tensor([[1.0]] + [[0.0]] * 8), torch.tensor([0.0] + [-80.0] * 8), head.labels)
    features, targets = clips(lone)
    rows = oracle(lone, SPLIT, features, targets, penalty=0.01, steps=500)
    ones = torch.cat([features, torch.ones(90, 2, 1)], -1).flatten(0, 1).numpy()
    reference = LogisticRegression(C=1 / (0.01 * 180), fit_intercept=False, tol=1e-8, max_iter=2000)
    reference.fit(ones, targets.repeat_interleave(2).numpy())
    ours = torch.stack([torch.cat([rows[s], rows.biases[s][None]]) for s in SPLIT.subcategories]).numpy()
    np.testing.assert_allclose(
        ours - ours.mean(0), reference.coef_ - reference.coef_.mean(0), atol=5e-3 * np.abs(reference.coef_).max()
    )


def test_the_oracle_beats_the_controls_and_untouched_clips_keep_up_locality(head, dictionary):
    features, targets = clips(head, spread=0.7)
    others = torch.randn(300, 2, 8, generator=torch.Generator().manual_seed(7))
    old = head.logits(others).mean(1)[:, 1:].argmax(1) + 1
    both, answers = torch.cat([features, others]), torch.cat([targets, old])

    def score(rows):
        return evaluate(head, head.split("y0", rows), both, answers)

    alone, held = score(oracle(head, SPLIT, features, targets)), score(oracle(head, SPLIT, both, answers))
    assert alone.generality > score(random_vectors(head, SPLIT, dictionary)).generality + 0.2
    assert held.locality > alone.locality
    new = head.split("y0", oracle(head, SPLIT, features, targets))
    assert torch.equal(new.weight[:8], head.weight[1:])
    assert new.origin("s1")["method"] == "oracle"


def test_the_oracle_says_what_is_missing(head):
    features, targets = clips(head)
    with pytest.raises(HeadError, match='"s2" of "y0" has no training clip'):
        oracle(head, SPLIT, features, torch.where(targets == 11, 9, targets))
    with pytest.raises(CatsplitError, match="89 clips need targets of shape"):
        oracle(head, SPLIT, features[:-1], targets)
    for wrong in (len(head) + 3, head.index("y0")):  # beyond the new rows; of the category that is split
        with pytest.raises(CatsplitError, match=f"Clip number 0 has the target {wrong}"):
            oracle(head, SPLIT, features, torch.tensor([wrong, *targets[1:].tolist()]))
    with pytest.raises(CatsplitError, match="shape"):
        oracle(head, SPLIT, features[..., :4], targets)
    with pytest.raises(HeadError, match='"y9"'):
        copies(head, dataclasses.replace(SPLIT, coarse="y9"))
