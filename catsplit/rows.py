"""New rows as every method returns them, and the checks of what a head is made from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from catsplit.errors import HeadError

Origin = dict[str, Any]
BASE: Origin = {"method": "base", "split_from": None}


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
