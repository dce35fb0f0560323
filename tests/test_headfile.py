"""A head from a file of weights."""

import pytest
import torch
from torch import nn

from catsplit.cli import main
from catsplit.errors import HeadError
from catsplit.head import Head
from catsplit.models.checkpoints import read_head
from catsplit.words.labelfiles import read_labels

LABELS = ["Pushing", "Pulling", "Waving"]


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    # A convolution and a norm before, and a linear layer of another size: none of them is a head.
    return nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.Linear(8, 5), nn.Linear(5, 3))


def test_the_layer_with_a_row_for_each_label_is_the_head(model, tmp_path):
    torch.save({"state_dict": model.state_dict(), "epoch": torch.tensor(3)}, tmp_path / "model.pth")
    head = read_head(tmp_path / "model.pth", LABELS)
    assert list(head.labels) == LABELS
    assert torch.equal(head.weight, model[3].weight)
    assert torch.equal(head.bias, model[3].bias)


def test_a_layer_without_a_bias_is_one_too(tmp_path):
    torch.save({"fc.weight": torch.ones(3, 4)}, tmp_path / "model.pth")
    assert torch.equal(read_head(tmp_path / "model.pth", LABELS).bias, torch.zeros(3))


@pytest.mark.parametrize(
    ("labels", "layer", "message"),
    [
        (["one", "two"], None, r'one linear layer with a row for each of 2 labels: .* "2" \(5 rows\), "3" \(3 rows\)'),
        (LABELS, "fc", 'a linear layer "fc" with .* "2"'),
        (LABELS, "2", r'"2" with a row for each of 3 labels.* "2" \(5 rows\)'),
    ],
)
def test_what_does_not_fit_is_said_by_name(model, tmp_path, labels, layer, message):
    torch.save(model.state_dict(), tmp_path / "model.pth")
    with pytest.raises(HeadError, match=message):
        read_head(tmp_path / "model.pth", labels, layer)


def test_of_several_fitting_layers_one_must_be_named(tmp_path):
    torch.save({"old.weight": torch.ones(3, 4), "new.weight": torch.zeros(3, 4)}, tmp_path / "model.pth")
    with pytest.raises(HeadError, match=r'name one of these.*: "old" \(3 rows\), "new" \(3 rows\)\.'):
        read_head(tmp_path / "model.pth", LABELS)
    assert not read_head(tmp_path / "model.pth", LABELS, "new").weight.any()


def test_labels_are_lines(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffPushing\r\n Pulling \r\nWaving ä\n\n".encode())
    assert read_labels(path) == ["Pushing", "Pulling", "Waving ä"]


@pytest.mark.parametrize(("content", "message"), [(b"one\n\ntwo", "line 2 is empty"), (b"\n", "line 1 is empty"),
                                                  (b"\xe4\xff", "can't be read")])  # fmt: skip
def test_labels_that_are_none_are_refused(tmp_path, content, message):
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    with pytest.raises(HeadError, match=f"labels.txt must .* {message}"):
        read_labels(path)
    with pytest.raises(HeadError, match=r"missing\.txt must"):
        read_labels(tmp_path / "missing.txt")


def test_the_command_writes_what_the_others_read(model, tmp_path, capsys):
    torch.save(model.state_dict(), tmp_path / "model.pth")
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    out = tmp_path / "head.safetensors"
    assert main(["head", str(tmp_path / "model.pth"), str(tmp_path / "labels.txt"), "--out", str(out)]) == 0
    assert "3 categories, rows of 5 numbers" in capsys.readouterr().out
    assert torch.equal(Head.load(out).weight, model[3].weight)
