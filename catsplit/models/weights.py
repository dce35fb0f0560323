"""Files of weights: tensors found by their content in whatever container, and nothing in the file can run code."""

import argparse
import datetime
import json
import pathlib
import re
import types
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.files import read_text, strange

Route = tuple[str, ...]  # the keys that lead to a mapping
ENDINGS = (".bin", ".ckpt", ".pt", ".pth", ".pyth", ".safetensors")
# Networks that follow another one as a mean over its training, beside which they are kept.
AVERAGED = re.compile(r"(^|[._])(ema|swa|averaged?|avg|teacher|momentum|encoder_k|key_encoder)([._]|$)", re.I)
# What wrappers of PyTorch put between the names of a module and of what is in it.
_WRAPPED = re.compile(r"(?:(?<=\.)|^)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")

# Types that hold values alone; training code keeps its arguments, scores and paths beside the weights.
_DTYPES = {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + np.typecodes["AllFloat"] + "?SU"}
_HARMLESS = [
    argparse.Namespace, types.SimpleNamespace, datetime.datetime, datetime.date, datetime.timedelta, np.dtype,
    np.ndarray, *_DTYPES,
    *((getattr(np._core.multiarray, name), f"numpy.{core}.multiarray.{name}")
      for name in ("scalar", "_reconstruct") for core in ("_core", "core")),
    *((getattr(pathlib, f"Pure{kind}Path"), f"{module}.{pure}{kind}Path")
      for kind in ("Posix", "Windows") for pure in ("", "Pure") for module in ("pathlib", "pathlib._local")),
]  # fmt: skip


class _Unread:
    """Stands for a Python object that isn't made, nor called, so that what is around it can be seen."""

    def __init__(self, *_: object) -> None: ...

    def __call__(self, *_: object) -> "_Unread":
        return self

    def __eq__(self, other: object) -> bool:
        return other is _Unread  # so that PyTorch counts it among the names that were allowed

    __hash__ = object.__hash__


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The weights of a network in a file, {key: tensor}, float32 on the CPU: the largest mapping of tensors in it.

    The prefixes that all keys share and what wrappers put into keys are taken off. Of a network and a mean over its
    training the former is read, with a warning that names both.

    Raises:
        CatsplitError: the file is missing or damaged, is something else, or holds no weights, or Python objects.
    """
    found = tensors(path)
    sizes = {route: sum(tensor.numel() for tensor in held.values()) for route, held in found.items()}
    alike = [route for route in found if sizes[route] > 0.9 * max(sizes.values())]
    route = next((route for route in alike if not AVERAGED.search(".".join(route))), alike[0])
    for other in alike:
        if other != route:
            keys = "".join(f"[{key!r}]" for key in other)
            warnings.warn(
                f"{path} holds the weights {'.'.join(route)}, which are taken, and {'.'.join(other)}; for these give a "
                f"file of them alone, torch.save(torch.load({str(path)!r}, weights_only=True){keys}, 'weights.pth').",
                stacklevel=3,
            )
    return {key: w.float() if w.is_floating_point() else w for key, w in unwrapped(found[route]).items()}


def unwrapped(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without the prefixes that all keys share, and without what wrappers put into keys."""
    weights = {_WRAPPED.sub("", key): tensor for key, tensor in weights.items() if not key.endswith("_extra_state")}
    while True:
        inside: dict[str, dict[str, Tensor]] = {}
        for key, tensor in weights.items():
            first, _, rest = key.partition(".")
            # A number beside the modules, such as how many networks a mean is of, is no weight.
            if rest or tensor.ndim:
                inside.setdefault(first, {})[rest] = tensor
        shared = [first for first in inside if not AVERAGED.search(first)]
        if len(shared) == 1 and "" not in inside[shared[0]]:
            weights = inside[shared[0]]
        elif "backbone" in inside and "head" in inside:  # which stand beside each other
            weights = {key.removeprefix("backbone."): tensor for key, tensor in weights.items()}
        else:
            return weights


def tensors(path: str | Path) -> dict[Route, dict[str, Tensor]]:
    """Every mapping of tensors in a file, {the keys that lead to it: {key: tensor}}, but for those of an optimiser.

    Raises:
        CatsplitError: as `read_weights`.
    """
    path = Path(path).expanduser()
    held = _content(path)
    found = {
        route: weights for route, weights in _mappings(held) if any(tensor.ndim > 1 for tensor in weights.values())
    }
    if not found:
        shown = ", ".join(map(repr, list(held)[:5])) if isinstance(held, Mapping) else f"a {type(held).__name__}"
        raise CatsplitError(f"{path} holds no weights under any key, only {shown or 'nothing'}: save a state_dict.")
    return found


def _mappings(held: object, route: Route = ()) -> Iterator[tuple[Route, dict[str, Tensor]]]:
    if isinstance(held, Mapping):
        if {"state", "param_groups"} <= held.keys():
            return
        entries = held.items()
    else:
        entries = enumerate(held) if isinstance(held, (list, tuple)) else ()
    entries = [(str(key), value) for key, value in entries]
    if weights := {key: value for key, value in entries if isinstance(value, Tensor)}:
        yield route, weights
    for key, value in entries if len(route) < 8 else ():
        yield from _mappings(value, (*route, key))


def _content(path: Path) -> Any:
    """What the file holds; raises CatsplitError, which tells what the file is, where that isn't weights."""
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.suffix in ENDINGS)
        first = min(inside, key=lambda file: (len(file.parts), file.suffix != ".safetensors", file), default=None)
        advice = f"give a file of weights in it, such as {first}" if first else "it has no file of weights in it"
        raise CatsplitError(f"{path} is a folder and no checkpoint: {advice}.")
    if not path.is_file():
        raise CatsplitError(f"There is no checkpoint {path}.")
    try:
        with open(path, "rb") as file:
            head = file.read(512)
        if head.lstrip().startswith(b"{") and b'"weight_map"' in path.read_bytes():
            return _sharded(path)
        if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
            return load_file(path)
        if what := strange(path):
            raise CatsplitError(f"{path} is no checkpoint but {what}.")
        with torch.serialization.safe_globals(_HARMLESS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except CatsplitError:
        raise
    except Exception as error:  # bytes that are no checkpoint raise almost anything
        if isinstance(error, UnpicklingError) and (thing := re.search(r"GLOBAL (\S+)", str(error))):
            raise CatsplitError(_without_objects(path, thing[1])) from error
        raise CatsplitError(f"{path} is no checkpoint, or a damaged one: fetch it again.") from error


def _sharded(index: Path) -> dict[str, Tensor]:
    """The weights of all files that an index names, which lie beside it."""
    found: dict[str, Tensor] = {}
    for name in sorted({str(name) for name in json.loads(read_text(index))["weight_map"].values()}):
        shard = index.parent / Path(name).name
        if not shard.is_file():
            raise CatsplitError(f"{index} is an index of several files, but {shard} isn't there: fetch them all.")
        found |= _content(shard)
    return found


def _without_objects(path: Path, thing: str) -> str:
    """How to keep the weights alone of a file that holds the Python object `thing`."""
    route = '["state_dict"]'
    try:
        unread = [(_Unread, name) for name in torch.serialization.get_unsafe_globals_in_checkpoint(path)]
        with torch.serialization.safe_globals([*unread, *_HARMLESS]):
            held = torch.load(path, map_location="meta", weights_only=True)
        route = _route(held) or route
    except Exception:  # a file of an old format, or one that can't be seen through: the usual key
        pass
    return (
        f"{path} holds the Python object {thing}, and reading it could run code: where you trust the file, and Python "
        f"can import {thing}, keep its weights alone, torch.save(torch.load({str(path)!r}, map_location='cpu', "
        f"weights_only=False){route}, 'weights.pth'), and give that file."
    )


def _route(held: object) -> str:
    """The keys, as Python writes them, to the largest mapping of tensors or the first module."""
    if isinstance(held, _Unread):
        return ".state_dict()" if "_modules" in vars(held) else ""
    found = dict(_mappings(held))
    if found:
        best = max(found, key=lambda route: sum(tensor.numel() for tensor in found[route].values()))
        return "".join(f'["{key}"]' for key in best)
    entries = held.items() if isinstance(held, Mapping) else ()
    return next((f'["{key}"]{inside}' for key, value in entries if (inside := _route(value))), "")
