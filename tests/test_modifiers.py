"""The modifier dictionary: vectors that sum to zero in a group, and clear errors for groups that can't be."""

import pytest
import torch

from catsplit import stage
from catsplit.alignment import pairs
from catsplit.errors import HeadError
from catsplit.head import Head
from catsplit.modifiers import Dictionary, Split, check_split, groups_in, new_rows

GROUPS = {"Push": ["Push left", "Push right"], "Open": ["Open"], "Fold": ["Fold once", "Fold twice", "Fold badly"]}
MODIFIERS = {
    "Push left": "left",
    "Push right": "right",
    "Fold once": "once",
    "Fold twice": "twice",
    "Fold badly": "badly",
}
LABELS = ["Pull", "Push left", "Fold once", "Open", "Fold badly", "Push right", "Fold twice"]


@pytest.fixture
def head(generator):
    return Head(torch.randn(7, 4, generator=generator), None, LABELS)


def test_a_vector_is_a_members_row_minus_the_mean_of_its_group(head):
    dictionary = Dictionary.from_head(head, GROUPS, MODIFIERS)
    assert dictionary.labels == ("Push left", "Push right", "Fold once", "Fold twice", "Fold badly")
    assert dictionary.groups == ("Push", "Push", "Fold", "Fold", "Fold")
    assert dictionary.modifiers == ("left", "right", "once", "twice", "badly")
    for label, group, vector in zip(dictionary.labels, dictionary.groups, dictionary.vectors, strict=True):
        prototype = sum(head[member] for member in GROUPS[group]) / len(GROUPS[group])
        assert torch.allclose(vector, head[label] - prototype, atol=1e-6)


def test_a_subset_keeps_the_vectors_as_they_are(head):
    dictionary = Dictionary.from_head(head, GROUPS, MODIFIERS)
    some = dictionary.subset(torch.tensor([4, 0]))
    assert some.labels == ("Fold badly", "Push left")
    assert some.modifiers == ("badly", "left")
    assert some.groups == ("Fold", "Push")
    assert torch.equal(some.vectors, dictionary.vectors[[4, 0]])
    with pytest.raises(HeadError, match="none is left"):
        dictionary.subset([])


@pytest.mark.parametrize(
    ("groups", "modifiers", "words"),
    [
        ({}, {}, "no modifier to learn from"),
        ({"Open": ["Open"], "Pull": ["Pull"]}, {}, "None of the 2 groups"),
        ({"Push": ["Push left", "Push rigth"]}, MODIFIERS, '"Push right"'),
        ({"Push": ["Push left", "Push right"], "Left": ["Push left", "Fold once"]}, MODIFIERS, '"Push" and "Left"'),
        ({"Push": ["Push left", "Push right"], "Odd": []}, MODIFIERS, '"Odd" is empty'),
        ({"Push": ["Push left", "Push right"]}, {"Push left": "left"}, '"Push right"'),
        ({"Push": ["Push left", "Push right"]}, {"Push left": "left", "Push right": " "}, "no modifier text"),
    ],
)
def test_groups_that_make_no_dictionary_are_clear_errors(head, groups, modifiers, words):
    with pytest.raises(HeadError) as error:
        Dictionary.from_head(head, groups, modifiers)
    assert words in str(error.value)


def test_a_new_row_is_the_coarse_row_plus_the_vector_and_says_so(head):
    vectors = torch.randn(2, 4)
    split = Split("Pull", ("Pull left", "Pull right"), ("left", "right"))
    rows = new_rows(head, split, vectors, [{"method": "mine"}, {"method": "mine"}])
    assert list(rows) == ["Pull left", "Pull right"]
    assert torch.allclose(rows["Pull right"], head["Pull"] + vectors[1])
    new = head.split("Pull", rows)
    assert new.origin("Pull left") == {"method": "mine", "modifier": "left", "split_from": "Pull"}
    with pytest.raises(HeadError, match=r"\(2, 4\), not \(3, 4\)"):
        new_rows(head, split, torch.zeros(3, 4), [{}] * 3)


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (Split("Pul", ("a", "b"), ("x", "y")), '"Pull"'),
        (Split("Pull", ("a",), ("x",)), "two or more"),
        (Split("Pull", ("a", "a"), ("x", "y")), "different"),
        (Split("Pull", ("a", "b"), ("x",)), "one modifier text"),
        (Split("Pull", ("a", "b"), ("x", "")), "one modifier text"),
    ],
)
def test_a_split_that_does_not_fit_is_a_clear_error(head, split, words):
    with pytest.raises(HeadError) as error:
        check_split(head, split)
    assert words in str(error.value)


def test_a_coarse_label_is_no_pair_to_learn_from():
    """The pairs of a command-line split are those of METHOD's section 4: no coarse label is a group of one."""
    head, taxonomy = stage.head("A"), stage.taxonomy()
    ours = pairs(head, groups_in(head, taxonomy.groups), taxonomy.modifiers)[0]
    assert ours == pairs(head, taxonomy.untouched_groups("A"), taxonomy.modifiers)[0]
    groups = taxonomy.untouched_groups("A").values()
    members = [len(group) for group in groups if len(group) > 1]
    assert len(ours) == 2 * sum(members) + len(members) + sum(len(group) == 1 for group in groups)
    assert not set(ours) & set(taxonomy.parts["A"])
