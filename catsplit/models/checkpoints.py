"""Files of weights as the authors of MVD and VideoMAE write them: read safely, checked key by key, renamed.

The architecture and its keys are those of the published base models (Liu & Doughty, ICLR 2026): biases of queries and
values only, no class token, no positions in the file.
"""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from catsplit.errors import CatsplitError

# The authors' names and those of transformers, in the order in which they are replaced.
_RENAMED = (
    ("patch_embed.proj.", "videomae.embeddings.patch_embeddings.projection."),
    ("blocks.", "videomae.encoder.layer."),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".attn.proj.", ".attention.output.dense."),
    (".attn.", ".attention.attention."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
    ("head.", "classifier."),
)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The weights in a checkpoint, {the authors' key: tensor}, float32 on the CPU; nothing in the file can run code.

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


def shapes(width: int, depth: int, tubelet: int, patch: int, classes: int) -> dict[str, tuple[int, ...]]:
    """{the authors' key: shape} of all weights of a ViT with MLPs of four times its width."""
    norm = {"weight": (width,), "bias": (width,)}
    parts = {
        "norm1": norm,
        "attn": {"q_bias": (width,), "v_bias": (width,), "qkv.weight": (3 * width, width)},
        "attn.proj": {"weight": (width, width), "bias": (width,)},
        "norm2": norm,
        "mlp.fc1": {"weight": (4 * width, width), "bias": (4 * width,)},
        "mlp.fc2": {"weight": (width, 4 * width), "bias": (width,)},
    }
    whole = {
        "patch_embed.proj": {"weight": (width, 3, tubelet, patch, patch), "bias": (width,)},
        **{f"blocks.{block}.{part}": named for block in range(depth) for part, named in parts.items()},
        "fc_norm": norm,
        "head": {"weight": (classes, width), "bias": (classes,)},
    }
    return {f"{part}.{key}": shape for part, named in whole.items() for key, shape in named.items()}


def check(path: Path, weights: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """See to it that the weights are those wanted, all and only.

    Raises:
        CatsplitError: names the first weight that is missing, unknown or of another shape, and counts them.
    """
    missing, unknown = [key for key in wanted if key not in weights], [key for key in weights if key not in wanted]
    faults = [
        f'{verb} {len(keys)} {kind} weight{"s" * (len(keys) > 1)}, {"such as " * (len(keys) > 1)}"{keys[0]}"'
        for verb, kind, keys in (("lacks", "needed", missing), ("holds", "unknown", unknown))
        if keys
    ]
    if faults:
        pretrained = any(key.startswith(("encoder.", "decoder.")) for key in unknown)
        hint = ": it is a pretrained model, which has to be fine-tuned first" if pretrained else ""
        raise CatsplitError(f"{path} is no checkpoint of a fine-tuned ViT, since it {' and '.join(faults)}{hint}.")
    if wrong := [key for key, shape in wanted.items() if tuple(weights[key].shape) != shape]:
        found = tuple(weights[wrong[0]].shape)
        raise CatsplitError(
            f'{path} holds {len(wrong)} weight{"s" * (len(wrong) > 1)} of another shape than its width, '
            f'{wanted["fc_norm.bias"][0]}, asks for: "{wrong[0]}" is {found}, not {wanted[wrong[0]]}.'
        )


def renamed(weights: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The authors' weights under the names that `model`, transformers' VideoMAE with a head, has for them."""
    # Up to version 4 transformers kept the two biases outside the linear layers, as the authors do.
    outside = any(key.endswith(".q_bias") for key in model.state_dict())
    theirs: dict[str, Tensor] = {}
    for key, weight in weights.items():
        for old, new in _RENAMED:
            key = key.replace(old, new)
        if key.endswith(".qkv.weight"):
            for part, rows in zip(("query", "key", "value"), weight.chunk(3), strict=True):
                theirs[key.replace("qkv", part)] = rows
        else:
            theirs[key if outside else key.replace("q_bias", "query.bias").replace("v_bias", "value.bias")] = weight
    return theirs
