"""New rows as every method returns them, and the checks of what a head is made from and of what it takes."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from catsplit.errors import CatsplitError, HeadError

Origin = dict[str, Any]
BASE: Origin = {"method": "base", "split_from": None}



class HasFeatures(Protocol):
    """A `FeatureSet`, or anything that holds features (N, V, D) by that name."""

    features: np.ndarray


Features = Tensor | np.ndarray | HasFeatures


class Rows(dict[str, Tensor]):
    """New rows {subcategory: (D,)} as every method returns them: a plain dict that also knows its origins.

    Attributes:
        origins: {subcategory: {"method": …, "modifier": …, "source": …, "score": …}}, whatever the method can
            tell about the row; values must fit in JSON. `Head.split` stores them.
        biases: {subcategory: ()}, or None for copies of the coarse category's bias.
    """

    def __init__(
        self,
        rows: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]],
        origins: Mapping[str, Mapping[str, Any]] | None = None,
        biases: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(rows)
        self.origins = {label: dict(origin) for label, origin in (origins or {}).items()}
        self.biases = None if biases is None else dict(biases)


def copied(values: Any, name: str, shape: tuple[int, ...] | None = None) -> Tensor:
    """A float32 copy on the CPU; raises HeadError, by `name`, for what isn't numbers of the shape."""
    try:
        tensor = torch.as_tensor(values).detach().to("cpu", torch.float32, copy=True).contiguous()
    except (TypeError, ValueError, RuntimeError) as error:
        raise HeadError(f"{name} must be a tensor of numbers, not {type(values).__name__}.") from error
    if shape is not None and tensor.shape != shape:
        raise HeadError(f"{name} must have shape {shape}, but it has {tuple(tensor.shape)}.")
    return tensor


def plain(value: Any) -> Any:
    """Mappings and numbers of torch and numpy as JSON can hold them."""
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def check_texts(texts: Sequence[str], name: str) -> None:
    """Raise HeadError for a text that is empty or given twice."""
    seen: set[str] = set()
    for number, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise HeadError(f"Each {name} must be a non-empty text, but number {number} is {text!r}.")
        if text in seen:
            raise HeadError(f'The {name} "{text}" is given twice, but each must be different.')
        seen.add(text)


def as_features(dim: int, features: Features) -> Tensor:
    """The features (N, V, D) as a tensor that shares their memory; raises CatsplitError for another shape."""
    features = getattr(features, "features", features)  # those of a FeatureSet
    if not isinstance(features, Tensor):
        with warnings.catch_warnings():
            # A read-only memory map is what a cache of features is; nothing here writes to it.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            features = torch.from_numpy(features)
    if features.ndim != 3 or features.shape[-1] != dim or 0 in features.shape:
        shape = tuple(features.shape)
        raise CatsplitError(f"Features must have shape (N, V, {dim}) with clips and views, not {shape}.")
    return features.detach()


def check_finite(values: Tensor, clips: Sequence[int]) -> None:
    """Raise CatsplitError for features or logits (n, V, …) with NaN or infinity; `clips` are the clips' n numbers."""
    finite = values.isfinite().flatten(1).all(1)
    if not finite.all():
        clip = int(clips[int(finite.int().argmin())])
        raise CatsplitError(f"The features of clip number {clip} hold NaN or infinity: extract them again.")
