"""Weights that were read: into the published network by its authors' names, or for the head that is among them."""

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten

import torch
from torch import Tensor, nn

from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head
from catsplit.models.weights import AVERAGED, tensors

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
# Where the name of a layer ends and that of what it keeps begins.
_PART = re.compile(
    r"(?:^|\.)(?=(?:weight|bias|base_layer|parametrizations)(?:[._]|$)|(?:lora|hada|lokr|vera|oft|boft|ia3)_)"
)


def fill(model: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Put the weights of MVD's and VideoMAE's authors into transformers' VideoMAE: all that it has, and nothing else.

    Args:
        path: of their file, for messages.

    Raises:
        CatsplitError: a weight is missing, unknown, of another shape or a whole number; the message names those.
    """
    if whole := [key for key, weight in weights.items() if not weight.is_floating_point()]:
        raise CatsplitError(f"{path} is quantised, {whole[0]} is whole numbers: give the weights from before that.")
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
        path: of the file; see `weights.tensors` for what may be in it.
        labels: C, in the order of the model's outputs.
        layer: its name in the file, or the end of it, such as "fc" or "module.head"; without it, the only layer with
            one row a label.

    Raises:
        CatsplitError: the file can't be read.
        HeadError: there is no such layer, none with so many rows, or several; its rows can't be told from what is
            there of it; the message names those there are.
    """
    parts = _layers(tensors(path))
    rows = {name: weight for name, held in parts.items() if (weight := _rows(held)) is not None}
    wanted = [name for name in parts if layer is None or name == layer] or [
        name for name in parts if name.endswith(f".{layer}")
    ]
    fitting = [name for name in wanted if name in rows and len(rows[name]) == len(labels)]
    plain = [name for name in fitting if not AVERAGED.search(name)]
    if len(plain) == 1 and len(fitting) > 1:
        others = " or ".join(f'layer="{name}" (--layer {name})' for name in fitting if name not in plain)
        said = f'{path}: "{plain[0]}" is taken, and not its mean over the training: for that give {others}.'
        warnings.warn(said, stacklevel=2)
        fitting = plain
    if len(fitting) != 1:
        for name in () if fitting else wanted:
            if name not in rows and any(part.ndim > 1 and len(part) == len(labels) for part in parts[name].values()):
                raise HeadError(_untold(path, name, parts[name]))
        shown = [f'"{name}" ({len(rows[name])} rows)' for name in fitting or list(rows)[-3:]]
        what = "one linear layer" if layer is None else f'a linear layer "{layer}"'
        raise HeadError(
            f"{path} must have {what} with a row for each of {len(labels)} labels: name one of these, or give the "
            f"labels of its rows: {', '.join(shown) or 'it has no linear layer'}."
        )
    (name,) = fitting
    return Head(rows[name], parts[name].get("bias"), labels)


def _layers(found: Mapping[tuple[str, ...], Mapping[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
    """{layer: {"weight": …, "bias": …}}, with whatever else a layer keeps, such as "lora_A.default.weight"."""
    layers: dict[str, dict[str, Tensor]] = {}
    for route, weights in found.items():
        for key, tensor in weights.items():
            # Of a layer that an adapter trains anew it keeps the one before, too.
            name = ".".join((*route, key)).replace(".modules_to_save.default", "")
            if ".original_module." not in name:
                cut = _PART.search(name)
                owner, part = (name[: cut.start()], name[cut.end() :]) if cut else name.rpartition(".")[::2]
                layers.setdefault(owner, {})[part] = tensor
    return layers


def _rows(parts: Mapping[str, Tensor]) -> Tensor | None:
    """The rows (C, D) of a layer, where all that it keeps says how they are made: never from a shape alone."""
    names = parts.keys() - {"bias", "weight_format"}
    weight = parts.get("weight")
    if names == {"weight", "SCB"} and weight.dtype == torch.int8 and weight.ndim == 2:  # of bitsandbytes
        weight = weight * (parts["SCB"].float()[:, None] / 127)
    elif names in ({"weight_g", "weight_v"}, {f"parametrizations.weight.original{n}" for n in (0, 1)}):
        scale, direction = (parts[name].float() for name in sorted(names))
        along = [n for n, size in enumerate(scale.shape) if size == 1] or None
        weight = scale * direction / torch.linalg.vector_norm(direction, dim=along, keepdim=scale.ndim > 0)
    elif names != {"weight"}:
        return None
    weight = weight.dequantize() if weight.is_quantized else weight
    # A convolution of one place is a linear layer of the mean over all places.
    rows = weight.flatten(1) if weight.ndim >= 2 and weight[0, 0].numel() == 1 else weight
    bias = parts.get("bias", rows[:, 0] if rows.ndim == 2 else rows)
    return rows if rows.ndim == 2 and rows.is_floating_point() and bias.shape == rows.shape[:1] else None


def _untold(path: str | Path, name: str, parts: Mapping[str, Tensor]) -> str:
    made = ", ".join(f"{part} ({str(tensor.dtype).removeprefix('torch.')})" for part, tensor in parts.items())
    return (
        f'{path} doesn\'t hold the rows of "{name}" as they are but {made}, as an adapter, quantisation or pruning '
        "leaves them: undo that in the model (an adapter of PEFT by model.merge_and_unload()), save its state_dict, "
        "and give that file."
    )
