"""The head: immutable, split into named rows, saved with its provenance, and clear about bad input."""

import copy
import json
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head, Rows

LABELS = ("Pulling something", "Pushing something", "Opening something", "Folding something")


@pytest.fixture
def head(generator):
    return Head(torch.randn(4, 3, generator=generator), torch.randn(4, generator=generator), LABELS)


def pulled(head, **more):
    up, down = head["Pulling something"] + 1, head["Pulling something"] - 1
    return head.split("Pulling something", Rows({"Pulling up": up, "Pulling down": down}, **more))


def test_rows_prototypes_and_logits_are_those_of_the_matrix(head):
    assert torch.equal(head["Opening something"], head.weight[2])
    assert head.index("Opening something") == 2
    assert torch.allclose(head.mean(LABELS[:2]), (head.weight[0] + head.weight[1]) / 2)
    x = torch.randn(5, 2, 3)
    by_hand = torch.tensor(
        [[[float(w @ v + b) for w, b in zip(head.weight, head.bias, strict=True)] for v in c] for c in x]
    )
    assert torch.allclose(head.logits(x), by_hand, atol=1e-5)


def test_nothing_handed_out_or_in_can_change_a_head(head):
    weight, before = torch.randn(4, 3), head.weight
    mine = Head(weight, None, LABELS)
    kept = mine.weight
    linear = head.to_linear().weight.detach()
    for tensor in (head.weight, head.bias, head["Pulling something"], head.mean(LABELS), weight, linear):
        tensor.zero_()
    pulled(head)
    head.provenance["Pulling something"]["method"] = "forged"
    assert torch.equal(head.weight, before)
    assert torch.equal(mine.weight, kept)
    assert head.origin("Pulling something")["method"] == "base"
    with pytest.raises(AttributeError):
        head.weight = weight


def test_a_split_replaces_one_row_and_keeps_the_order(head):
    new = pulled(head)
    assert new.labels == (*LABELS[1:], "Pulling up", "Pulling down")
    assert torch.equal(new.weight[:3], head.weight[1:])
    assert torch.equal(new.bias[:3], head.bias[1:])
    assert torch.equal(new["Pulling up"], head["Pulling something"] + 1)
    assert torch.equal(new.bias[3:], head.bias[:1].repeat(2))
    assert len(head) == 4
    assert len(new) == 5
    assert new.dim == 3


def test_biases_may_be_given(head):
    new = pulled(head, biases={"Pulling down": torch.tensor(2.0), "Pulling up": torch.tensor(1.0)})
    assert new.bias[3:].tolist() == [1, 2]


def test_an_edited_head_knows_where_each_row_comes_from_through_a_second_split_and_a_file(head, tmp_path):
    up = {"method": "retrieval", "modifier": "up", "source": "Pushing up", "score": torch.tensor(0.75)}
    down = {"method": "retrieval", "modifier": "down", "source": "Pushing down", "score": 0.5}
    once = pulled(head, origins={"Pulling up": up, "Pulling down": down})
    twice = once.split("Pulling up", {"slowly": torch.zeros(3), "fast": torch.ones(3)})
    twice.save(tmp_path / "head.safetensors")
    read = Head.load(tmp_path / "head.safetensors")
    for new in (twice, read, pickle.loads(pickle.dumps(twice)), copy.deepcopy(twice)):
        assert new.labels == twice.labels
        assert torch.equal(new.weight, twice.weight)
        assert torch.equal(new.bias, twice.bias)
        assert set(new.provenance) == set(new.labels)
        assert new.origin("Opening something") == {"method": "base", "split_from": None}
        assert new.provenance["Pulling down"] == {**down, "split_from": "Pulling something"}
        assert new.origin("fast")["split_from"] == "Pulling up"
        assert new.origin("fast")["parent"]["source"] == "Pushing up"
        assert new.origin("fast")["parent"]["score"] == 0.75
        assert "Pulling up" not in new.provenance


@pytest.mark.parametrize("bias", [True, False])
def test_a_head_comes_out_of_a_model_and_goes_back(bias):
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3, bias=bias))
    x = torch.randn(7, 6)
    head = Head.from_linear(model[2], ["a", "b", "c"])
    assert torch.allclose(head.logits(model[:2](x)), model(x), atol=1e-6)
    model[2] = head.split("b", {"b1": head["b"], "b2": head["c"]}).to_linear()
    assert model(x).shape == (7, 4)
    # Row 1 is now "c", row 3 a copy of its weights with the bias of "b".
    shift = head.bias[head.index("b")] - head.bias[head.index("c")]
    assert torch.allclose(model(x)[:, 3], model(x)[:, 1] + shift, atol=1e-6)
    assert model[2].weight.requires_grad


ROW = torch.zeros(3)


@pytest.mark.parametrize(
    ("coarse", "rows", "words"),
    [
        ("Pulling somthing", {"a": ROW, "b": ROW}, ["Pulling somthing", '"Pulling something"']),
        ("xyz", {"a": ROW, "b": ROW}, ["none of the 4 labels"]),
        ("Pulling something", {"a": ROW}, ["two or more", "not 1"]),
        ("Pulling something", [("a", ROW), ("a", ROW)], ['"a" is given twice']),
        ("Pulling something", {"a": ROW, "  ": ROW}, ["non-empty"]),
        ("Pulling something", {"a": ROW, 3: ROW}, ["non-empty text"]),
        (
            "Pulling something",
            {"a": ROW, "Pushing something": ROW},
            ['"Pushing something"', "already a label"],
        ),
        ("Pulling something", {"a": ROW, "Pulling something": ROW}, ["already a label"]),
        ("Pulling something", {"a": ROW, "b": torch.zeros(4)}, ['row of "b"', "(3,)", "(4,)"]),
        ("Pulling something", {"a": ROW, "b": ROW / 0}, ['"b"', "NaN or infinity"]),
        ("Pulling something", {"a": ROW, "b": "row"}, ['"b"', "tensor of numbers"]),
    ],
)
def test_a_bad_split_is_one_clear_error(head, coarse, rows, words):
    with pytest.raises(HeadError) as error:
        head.split(coarse, rows)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert isinstance(error.value, CatsplitError)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "more",
    [
        {"biases": {"Pulling up": torch.tensor(1.0)}},
        {"biases": {"Pulling up": torch.zeros(2), "Pulling down": torch.zeros(())}},
        {"biases": {"Pulling up": torch.tensor(torch.nan), "Pulling down": torch.zeros(())}},
        {"origins": {"Pulling up": {}}},
        {"origins": {"Pulling up": {"x": object()}, "Pulling down": {}}},
        {"origins": {"Pulling up": {"x": float("nan")}, "Pulling down": {}}},
    ],
)
def test_biases_and_origins_must_fit_the_rows(head, more):
    with pytest.raises(HeadError):
        pulled(head, **more)


@pytest.mark.parametrize(
    ("weight", "bias", "labels", "words"),
    [
        (torch.zeros(3), None, "abc", "(C, D)"),
        (torch.zeros(0, 3), None, "", "(C, D)"),
        (torch.zeros(3, 2), torch.zeros(2), "abc", "(3,)"),
        (torch.zeros(3, 2), None, "ab", "not 2"),
        (torch.zeros(3, 2), None, "aba", "twice"),
        (torch.zeros(3, 2), None, ["a", "", "c"], "non-empty"),
        (torch.full((3, 2), torch.nan), None, "abc", '"a"'),
        (torch.zeros(3, 2), torch.tensor([0, torch.inf, 0]), "abc", '"b"'),
    ],
)
def test_a_bad_head_is_one_clear_error(weight, bias, labels, words):
    with pytest.raises(HeadError, match=None) as error:
        Head(weight, bias, list(labels))
    assert words in str(error.value)


def test_other_bad_calls_are_clear_errors(head, tmp_path):
    with pytest.raises(HeadError, match="Opening something"):
        head["Opening"]
    with pytest.raises(HeadError, match="empty"):
        head.mean([])
    with pytest.raises(HeadError, match=r"\(5, 2\)"):
        head.logits(torch.zeros(5, 2))
    with pytest.raises(HeadError, match="Conv2d"):
        Head.from_linear(nn.Conv2d(1, 1, 1), ["a"])
    with pytest.raises(HeadError, match="no label"):
        Head(torch.zeros(1, 1), None, ["a"], {"b": {}})
    for path in (tmp_path / "missing.safetensors", tmp_path):
        with pytest.raises(HeadError, match="no head at"):
            Head.load(path)
    (tmp_path / "text").write_text("not a head")
    with pytest.raises(HeadError, match="no head that catsplit saved"):
        Head.load(tmp_path / "text")
    save_file({"weight": torch.zeros(1, 1)}, tmp_path / "other", {"labels": json.dumps(["a"])})
    with pytest.raises(HeadError, match="no head that catsplit saved"):
        Head.load(tmp_path / "other")


def test_a_save_that_fails_leaves_the_old_file(head, tmp_path, monkeypatch):
    path = tmp_path / "head.safetensors"
    head.save(path)
    before = path.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("catsplit.head.save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pulled(head).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 9), st.integers(1, 6), st.integers(2, 5), st.integers(0, 10**6), st.data())
def test_splitting_and_dropping_the_new_columns_gives_back_the_old_logits(c, d, k, seed, data):
    torch.manual_seed(seed)
    head = Head(torch.randn(c, d), torch.randn(c), [f"label {i}" for i in range(c)])
    coarse = data.draw(st.sampled_from(head.labels))
    new = head.split(coarse, {f"new {j}": torch.randn(d) for j in range(k)})
    x = torch.randn(4, 2, d)
    kept = [label for label in head.labels if label != coarse]
    assert new.labels[: c - 1] == tuple(kept)
    dropped = new.logits(x)[..., : c - 1]
    assert torch.allclose(dropped, head.logits(x)[..., [head.index(label) for label in kept]], atol=1e-6)
