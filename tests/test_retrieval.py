"""Retrieval: the greedy matching against plain loops, its tie rules, and its variants."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from madeup import Words

from catsplit.errors import CatsplitError, HeadError
from catsplit.modifiers import Split
from catsplit.retrieval import retrieve, similarities


def cosine(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def table_by_loop(world, alpha, beta):
    known, split = world.dictionary, world.split
    return [
        [
            alpha * cosine(*world.encode([modifier, other])) + beta * cosine(*world.encode([label, entry]))
            for entry, other in zip(known.labels, known.modifiers, strict=True)
        ]
        for label, modifier in zip(split.subcategories, split.modifiers, strict=True)
    ]


def greedy_by_loop(table):
    cells = {(j, i): score for j, row in enumerate(table) for i, score in enumerate(row)}
    matches = {}
    while len(matches) < len(table):
        j, i = max(cells, key=cells.get)
        matches[j] = i
        cells = {cell: score for cell, score in cells.items() if cell[0] != j and cell[1] != i}
    return [matches[j] for j in range(len(table))]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9), st.floats(0, 1), st.sampled_from(["first", "random"]))
def test_the_matching_is_the_greedy_one(seed, k, alpha, ties):
    world = Words(seed, k=k)
    rows = retrieve(
        world.head, world.split, world.dictionary, world.encode, alpha=alpha, beta=1 - alpha, ties=ties, seed=seed
    )
    table = table_by_loop(world, alpha, 1 - alpha)
    assert torch.allclose(
        similarities(world.split, world.dictionary, world.encode, alpha=alpha, beta=1 - alpha),
        torch.tensor(table),
        atol=1e-5,
    )
    for j, i in enumerate(greedy_by_loop(table)):
        label, known = world.split.subcategories[j], world.dictionary
        assert torch.allclose(rows[label], world.head["c"] + known.vectors[i])
        origin = rows.origins[label]
        assert (origin["source"], origin["source_modifier"]) == (known.labels[i], known.modifiers[i])
        assert origin["score"] == pytest.approx(table[j][i], abs=1e-5)
        assert origin["method"] == "retrieval"
    assert len({origin["source"] for origin in rows.origins.values()}) == k


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.permutations(range(4)), st.sampled_from(["one-to-one", "argmax", "coherent"]))
def test_permuting_the_siblings_permutes_the_rows(seed, order, matching):
    world = Words(seed, k=4)
    names, texts = world.split.subcategories, world.split.modifiers
    shuffled = Split("c", tuple(names[j] for j in order), tuple(texts[j] for j in order))
    one, other = (
        retrieve(world.head, split, world.dictionary, world.encode, matching=matching)
        for split in (world.split, shuffled)
    )
    assert list(other) == [world.split.subcategories[j] for j in order]
    assert all(torch.equal(one[label], other[label]) for label in one)


def test_argmax_lets_siblings_share_an_entry_and_one_to_one_does_not():
    world = Words(1, k=3)
    for modifier, label in zip(world.split.modifiers, world.split.subcategories, strict=True):
        world.known[modifier] = world.encode(["modifier of g2 m0"])[0]
        world.known[label] = world.encode(["g2 m0"])[0]
    assert world.sources(matching="argmax") == ["g2 m0"] * 3
    assert len(set(world.sources())) == 3


def test_coherent_retrieval_takes_the_best_group_by_brute_force():
    for seed in range(20):
        world = Words(seed, k=3)
        table = table_by_loop(world, 0.5, 0.5)
        best = {}
        for group in ("g0", "g3"):
            members = [i for i, its in enumerate(world.dictionary.groups) if its == group]
            chosen = greedy_by_loop([[row[i] for i in members] for row in table])
            best[group] = sum(row[members[i]] for row, i in zip(table, chosen, strict=True))
        sources = world.sources(matching="coherent")
        assert {source[:2] for source in sources} == {max(best, key=best.get)}
        assert len(set(sources)) == 3


def test_equals_are_drawn_at_random_from_the_seed_or_the_first_is_taken():
    world = Words(2, sizes=(4, 4), k=2)
    same = torch.randn(8)
    own = [*world.split.subcategories, *world.split.modifiers]
    for text in [*world.dictionary.labels, *world.dictionary.modifiers, *own]:
        # Not exactly the same length, as rounding would have it.
        world.known[text] = same * (1 + torch.rand(()))
    assert world.sources(ties="first") == ["g0 m0", "g0 m1"]
    drawn = [world.sources(seed=seed)[0] for seed in range(200)]
    assert set(drawn) == set(world.dictionary.labels)
    assert max(drawn.count(label) for label in drawn) < 60
    assert world.sources(seed=3) == world.sources(seed=3)
    assert len({tuple(sorted(s[:2] for s in world.sources(matching="coherent", seed=seed))) for seed in range(20)}) == 2


def test_more_siblings_than_entries_are_a_clear_error():
    world = Words(sizes=(2, 3), k=6)
    with pytest.raises(HeadError, match="6 subcategories, but the dictionary only 5"):
        world.sources()
    assert len(world.sources(matching="argmax")) == 6
    world = Words(sizes=(2, 3), k=4)
    with pytest.raises(HeadError, match="largest group of the dictionary only 3"):
        world.sources(matching="coherent")


@pytest.mark.parametrize("options", [{"matching": "best"}, {"ties": "last"}])
def test_an_unknown_rule_is_a_clear_error(options):
    with pytest.raises(CatsplitError, match=next(iter(options.values()))):
        Words().sources(**options)


def test_a_category_that_is_not_there_is_a_clear_error_before_any_text_is_encoded():
    world = Words()
    world.split = dataclasses.replace(world.split, coarse="e")
    with pytest.raises(HeadError, match='"e"'):
        retrieve(world.head, world.split, world.dictionary, None)
