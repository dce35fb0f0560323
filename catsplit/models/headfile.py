"""The head in a file of weights, whatever the rest of the file is: found by its shape, or by the name it is given."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from catsplit.errors import HeadError
from catsplit.head import Head
from catsplit.models.checkpoints import read_weights


def read_head(path: str | Path, labels: Sequence[str], layer: str | None = None) -> Head:
    """The last layer of a model as a head, from a file that `torch.save` or safetensors wrote of its weights.

    Args:
        path: of the file; see `catsplit.models.checkpoints.read_weights` for what may be in it.
        labels: C, in the order of the model's outputs.
        layer: its name in the file, such as "fc" or "module.head"; without it, the only layer with one row a label.

    Raises:
        CatsplitError: the file can't be read.
        HeadError: there is no such layer, none with so many rows, or several; the message names those there are.
    """
    weights = read_weights(path)
    linear = _linear(weights)
    last = ", ".join(f'"{name}" ({rows} rows)' for name, rows in list(linear.items())[-3:]) or "none"
    if layer is None:
        fitting = [name for name, rows in linear.items() if rows == len(labels)]
        if not fitting:
            raise HeadError(f"{path} has no layer with one row for each of {len(labels)} labels; its last are {last}.")
        if len(fitting) > 1:
            names = ", ".join(f'"{name}"' for name in fitting)
            raise HeadError(f"{path} has {len(fitting)} layers with {len(labels)} rows, {names}: name one.")
        layer = fitting[0]
    elif layer not in linear:
        raise HeadError(f'{path} has no linear layer "{layer}"; its last are {last}.')
    elif linear[layer] != len(labels):
        raise HeadError(f'"{layer}" of {path} has {linear[layer]} rows, but there are {len(labels)} labels.')
    return Head(weights[f"{layer}.weight"], weights.get(f"{layer}.bias"), labels)


def read_labels(path: str | Path) -> list[str]:
    """Labels from a text file, one a line, in the order of the model's outputs.

    Raises:
        HeadError: the file is missing or isn't text, or a line but the last is empty.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HeadError(f"{path} must be a text file with one label a line, but it can't be read ({error}).") from error
    labels = [line.strip() for line in lines]
    while labels and not labels[-1]:
        labels.pop()
    if not labels or "" in labels:
        where = f"line {labels.index('') + 1} is empty" if labels else "it is empty"
        raise HeadError(f"{path} must have one label a line, in the order of the model's outputs, but {where}.")
    return labels


def _linear(weights: Mapping[str, Tensor]) -> dict[str, int]:
    """{name: rows} of what may be linear layers: a matrix, with a bias of as many numbers or none."""
    return {
        name: len(weight)
        for key, weight in weights.items()
        if weight.ndim == 2 and key.endswith(".weight")
        for name in [key.removesuffix(".weight")]
        if weights.get(f"{name}.bias", weight[:, 0]).shape == weight.shape[:1]
    }

