"""Files of weights: read safely, into the published network by its authors' names, or for the head that is in them."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head

# The names of MVD's and VideoMAE's authors and those of transformers, in the order in which they are replaced; the
# other way round in the opposite order.
_RENAMED = (
    ("patch_embed.proj.", "videomae.embeddings.patch_embeddings.projection."),
    ("blocks.", "videomae.encoder.layer."),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
    (".attn.proj.", ".attention.output.dense."),
    (".attn.", ".attention.attention."),
    ("head.", "classifier."),
)
# Up to version 4 transformers kept these two outside the linear layers, as the authors do.
_BIASES = (("q_bias", "query.bias"), ("v_bias", "value.bias"))


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The weights in a checkpoint, {key: tensor}, float32 on the CPU; nothing in the file can run code.

    They lie under `model`, `module` (DeepSpeed) or `state_dict` (Lightning), or at the top of what `torch.save` wrote;
    or are safetensors.

    Raises:
        CatsplitError: the file is missing or damaged, or holds no weights, or Python objects.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CatsplitError(f"There is no checkpoint {path}.")
    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            # The authors' training code keeps its arguments beside the weights.
            with torch.serialization.safe_globals([argparse.Namespace]):
                found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no checkpoint raise almost anything
        if isinstance(error, UnpicklingError) and (thing := re.search(r"GLOBAL (\S+)", str(error))):
            raise CatsplitError(
                f"{path} holds the Python object {thing[1]}, and reading it could run code: where you trust the file, "
                'keep its weights alone, torch.save(torch.load(FILE, weights_only=False)["model"], NEW_FILE), and '
                'give that file. (Of a whole module, its `.state_dict()` in place of `["model"]`.)'
            ) from error
        raise CatsplitError(f"{path} is no checkpoint, or a damaged one: fetch it again.") from error
    if isinstance(found, Mapping):
        inside = (found.get(key) for key in ("model", "module", "state_dict"))
        found = next((held for held in inside if isinstance(held, Mapping)), found)
    if not isinstance(found, Mapping) or not found or not all(isinstance(x, Tensor) for x in found.values()):
        raise CatsplitError(f"{path} holds no weights under `model`, `module` or `state_dict`, nor at its top.")
    return {str(key): weight.float() for key, weight in found.items()}


def fill(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Put the weights of MVD's and VideoMAE's authors into transformers' VideoMAE: all that it has, and nothing else.

    Args:
        path: of their file, for messages.

    Raises:
        CatsplitError: a weight is missing, unknown or of another shape; the message names those.
    """
    if any(key.startswith(("encoder.", "decoder.")) for key in weights):
        raise CatsplitError(f"{path} is a pretrained model, which has to be fine-tuned first.")
    try:
        model.load_state_dict(renamed(weights, model))
    except RuntimeError as error:
        told = str(error).rpartition(f"{type(model).__name__}:")[2]
        for old, new in reversed(_RENAMED + _BIASES):
            told = told.replace(new, old)
        raise CatsplitError(f"{path} is no checkpoint of such a ViT: {shorten(told, 400)}") from error


def renamed(weights: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The authors' weights under the names that `model`, transformers' VideoMAE, has for them."""
    own, theirs = model.state_dict(), {}
    for key, weight in weights.items():
        for old, new in _RENAMED:
            key = key.replace(old, new)
        if key.endswith(".qkv.weight"):
            for part, rows in zip(("query", "key", "value"), weight.tensor_split(3), strict=True):
                theirs[key.replace("qkv", part)] = rows
            continue
        for old, new in _BIASES if key not in own else ():
            key = key.replace(old, new)
        theirs[key] = weight
    return theirs


def read_head(path: str | Path, labels: Sequence[str], layer: str | None = None) -> Head:
    """The last layer of a model as a head, from a file that `torch.save` or safetensors wrote of its weights.

    Args:
        path: of the file; see `read_weights` for what may be in it.
        labels: C, in the order of the model's outputs.
        layer: its name in the file, such as "fc" or "module.head"; without it, the only layer with one row a label.

    Raises:
        CatsplitError: the file can't be read.
        HeadError: there is no such layer, none with so many rows, or several; the message names those there are.
    """
    weights = read_weights(path)
    linear = [
        key.removesuffix(".weight")
        for key, weight in weights.items()
        if key.endswith(".weight") and weight.ndim == 2
    ]
    fitting = [name for name in linear if len(weights[f"{name}.weight"]) == len(labels) and layer in (None, name)]
    if len(fitting) != 1:
        shown = [f'"{name}" ({len(weights[f"{name}.weight"])} rows)' for name in fitting or linear[-3:]]
        wanted = "one linear layer" if layer is None else f'a linear layer "{layer}"'
        raise HeadError(
            f"{path} must have {wanted} with a row for each of {len(labels)} labels: name one of these, or give the "
            f"labels of its rows: {', '.join(shown) or 'it has no linear layer'}."
        )
    (layer,) = fitting
    return Head(weights[f"{layer}.weight"], weights.get(f"{layer}.bias"), labels)


def read_labels(path: str | Path) -> list[str]:
    """Labels from a text file, one a line, in the order of the model's outputs.

    Raises:
        HeadError: the file is missing or isn't text, or a line but the last is empty.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").rstrip().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise HeadError(f"{path} must be a text file with one label a line, but it can't be read ({error}).") from error
    labels = [line.strip() for line in lines]
    if not all(labels):
        raise HeadError(f"{path} must have one label a line, but line {labels.index('') + 1} is empty.")
    return labels
