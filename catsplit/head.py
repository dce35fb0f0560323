"""The linear head of a classifier, and its one edit: a row gives way to several named rows.

A classifier is a frozen backbone f(x) in R^D and a head: for each category y a weight row w_y and a bias b_y,
with logits w_y · f(x) + b_y (Liu & Doughty, ICLR 2026, arXiv 2602.16545). To split the coarse
category c into the subcategories S is to replace w_c by one row for each of them, so that the label space
becomes Y' = (Y minus c) followed by S. Where the rows come from is the business of the other modules.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from catsplit.errors import CacheError, HeadError, choices, reason
from catsplit.files import composed
from catsplit.paths import atomic_path
from catsplit.rows import BASE, Features, Origin, Rows, as_features, check_finite, check_texts, copied, plain

__all__ = ["Head", "Rows"]


class Head:
    """An immutable linear head: `weight` (C, D), `bias` (C,) and the C `labels` of its rows.

    Everything handed in is copied and everything handed out is a copy, so nothing changes a head once made;
    `split` returns a new one. Numbers are float32.

    Args:
        weight: (C, D).
        bias: (C,), or None for zeros.
        labels: C different, non-empty texts; label i names row i.
        provenance: {label: origin} of the rows that came from an edit; the others are the base classifier's.

    Raises:
        HeadError: shapes that don't fit together, NaN or infinite numbers, empty or repeated labels,
            provenance of a label that isn't there or that doesn't fit in JSON.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        labels: Sequence[str],
        provenance: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        weight = copied(weight, "The weight of a head")
        if weight.ndim != 2 or 0 in weight.shape:
            raise HeadError(f"The weight of a head must have shape (C, D), but it has {tuple(weight.shape)}.")
        bias = copied(torch.zeros(len(weight)) if bias is None else bias, "The bias of a head", (len(weight),))
        labels = tuple(labels)
        if len(labels) != len(weight):
            raise HeadError(f"A head of {len(weight)} rows needs as many labels, not {len(labels)}.")
        check_texts(labels, "label")
        finite = weight.isfinite().all(1) & bias.isfinite()
        if not finite.all():
            bad = labels[int((~finite).nonzero()[0])]
            raise HeadError(f'The row or bias of "{bad}" holds NaN or infinity: check where it comes from.')
        origins = dict(provenance or {})
        if strangers := set(origins) - set(labels):
            raise HeadError(f'Provenance was given for "{min(strangers)}", which is no label of this head.')
        try:
            self._provenance = json.dumps(origins, allow_nan=False, default=plain)
        except (TypeError, ValueError) as error:
            raise HeadError(f"Provenance must hold only what fits in JSON: {error}.") from error
        self._weight, self._bias, self._labels = weight, bias, labels
        rows = {label: row for row, label in enumerate(labels)}
        self._rows = {composed(label): row for label, row in rows.items()} | rows

    @property
    def weight(self) -> Tensor:
        """(C, D), a copy."""
        return self._weight.clone()

    @property
    def bias(self) -> Tensor:
        """(C,), a copy."""
        return self._bias.clone()

    @property
    def labels(self) -> tuple[str, ...]:
        """The C texts, in the order of the rows."""
        return self._labels

    @property
    def dim(self) -> int:
        """D, the width of a row and of the features that the head takes."""
        return self._weight.shape[1]

    @property
    def provenance(self) -> dict[str, Origin]:
        """{label: origin} of every row, a copy; see `origin`."""
        return {**{label: dict(BASE) for label in self._labels}, **json.loads(self._provenance)}

    def origin(self, label: str) -> Origin:
        """Where the row of `label` comes from.

        A row of the base classifier answers `{"method": "base", "split_from": None}`. A row made by an edit
        tells the category it was split from ("split_from"), that category's own origin ("parent")
        where it came from an edit too, and all that the method said: its name ("method"), the modifier text
        ("modifier"), the dictionary entry that supplied the vector ("source") and its score ("score").
        """
        self.index(label)
        return json.loads(self._provenance).get(label, dict(BASE))

    def __len__(self) -> int:
        return len(self._labels)

    def __contains__(self, label: object) -> bool:
        return label in self._rows or (isinstance(label, str) and composed(label) in self._rows)

    def __repr__(self) -> str:
        edited = len(json.loads(self._provenance))
        return f"Head({len(self)} categories, D={self.dim}, {edited} of them from edits)"

    def __reduce__(self) -> tuple:
        return Head, (self._weight, self._bias, self._labels, json.loads(self._provenance))

    def index(self, label: str) -> int:
        """The row of `label`.

        Raises:
            HeadError: there is no such label; the nearest ones are offered.
        """
        if label not in self:
            near = choices(label, self._labels)
            raise HeadError(f'"{label}" is none of the {len(self)} labels of this head ({near}).')
        return self._rows[label if label in self._rows else composed(label)]

    def __getitem__(self, label: str) -> Tensor:
        """The weight row (D,) of `label`, a copy."""
        return self._weight[self.index(label)].clone()

    def mean(self, labels: Sequence[str]) -> Tensor:
        """The prototype (D,) of a group: the mean of its members' rows (the paper)."""
        if not labels:
            raise HeadError("A prototype is the mean of the rows of a group's members, but the group is empty.")
        return self._weight[[self.index(label) for label in labels]].mean(0)

    def logits(self, features: Tensor) -> Tensor:
        """Logits (…, C) of features (…, D), on the features' device."""
        features = torch.as_tensor(features, dtype=torch.float32)
        if features.ndim == 0 or features.shape[-1] != self.dim:
            raise HeadError(f"This head takes features (…, {self.dim}), not {tuple(features.shape)}.")
        return features @ self._weight.to(features.device).T + self._bias.to(features.device)

    def probabilities(self, features: Features, without: Sequence[str] = (), chunk: int = 1024) -> Tensor:
        """Mean over the views of the softmax over all categories but those in `without`.

        Args:
            features: (N, V, D), or a `FeatureSet` of them.

        Returns:
            (N, C); the columns of `without` are zero.

        Raises:
            CatsplitError: features of another shape or width, or with NaN or infinity in them.
        """
        features = as_features(self.dim, features)
        gone = [self.index(label) for label in without]
        parts = []
        for start in range(0, len(features), chunk):
            logits = self.logits(features[start : start + chunk])
            check_finite(logits, range(start, len(features)))
            logits[..., gone] = -torch.inf
            parts.append(logits.softmax(-1).mean(1))
        return torch.cat(parts)

    def predict(self, features: Features) -> list[str]:
        """The label of the most probable category of each of N clips.

        Args:
            features: (N, V, D), or a `FeatureSet` of them; the views of a clip are averaged as probabilities.

        Raises:
            CatsplitError: as for `probabilities`.
        """
        return [self._labels[row] for row in self.probabilities(features).argmax(1).tolist()]

    def split(self, coarse: str, rows: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]]) -> "Head":
        """A new head in which the row of `coarse` gives way to `rows`; this one stays as it is.

        Args:
            coarse: the category to split.
            rows: {subcategory: (D,)}, two or more; their order is the order of the new rows. `Rows` may have biases
                and origins of their own; else biases are copies of b_c.

        Returns:
            Head: (C - 1 + k, D), the old labels in their order without `coarse`, then the subcategories.

        Raises:
            HeadError: `coarse` isn't there; fewer than two subcategories; an empty or repeated text, or one
                that a row already has (the coarse one included); a row of the wrong width or with NaN or
                infinity; biases or origins that don't name the same subcategories.
        """
        gone = self.index(coarse)
        pairs = list(rows.items() if isinstance(rows, Mapping) else rows)
        texts = [text for text, _ in pairs]
        if len(pairs) < 2:
            raise HeadError(f'"{coarse}" must be split into two or more subcategories, not {len(pairs)}.')
        check_texts(texts, "subcategory")
        if taken := [text for text in texts if text in self]:
            raise HeadError(f'The subcategory "{taken[0]}" of "{coarse}" is already a label: reword it.')
        told, biases = getattr(rows, "origins", {}), getattr(rows, "biases", None)
        for name, given in (("Biases", biases), ("Origins", told or None)):
            if given is not None and set(given) != set(texts):
                raise HeadError(f'{name} must name the {len(texts)} subcategories of "{coarse}", all and only.')
        new = torch.stack([copied(row, f'The row of "{text}"', (self.dim,)) for text, row in pairs])
        biases = biases or dict.fromkeys(texts, self._bias[gone])
        new_bias = torch.stack([copied(biases[text], f'The bias of "{text}"', ()) for text in texts])
        parent, origins = self.origin(coarse), json.loads(self._provenance)
        origins.pop(coarse, None)
        for text in texts:
            origins[text] = {"method": "given", **told.get(text, {}), "split_from": coarse}
            if parent != BASE:
                origins[text]["parent"] = parent
        kept = [row for row in range(len(self)) if row != gone]
        return Head(
            torch.cat([self._weight[kept], new]),
            torch.cat([self._bias[kept], new_bias]),
            [self._labels[row] for row in kept] + texts,
            origins,
        )

    @classmethod
    def from_linear(cls, linear: nn.Linear, labels: Sequence[str]) -> "Head":
        """The head of any model that ends in an `nn.Linear`; `labels` name its output units in order.

        Raises:
            HeadError: another kind of layer, or one that computes something else than W x + b.
        """
        if not isinstance(linear, nn.Linear):
            raise HeadError(f"A head is read from a torch.nn.Linear, not from {type(linear).__name__}.")
        training, probe = linear.training, torch.linspace(-1, 1, linear.in_features).to(linear.weight)
        with torch.no_grad():
            # Where the weight is computed anew in each pass, as by weight norm, it may be out of date before one.
            given = linear.eval()(probe)
            linear.train(training)
            expected = nn.functional.linear(probe, linear.weight, linear.bias)
        if not torch.allclose(given, expected, rtol=1e-3, atol=1e-4, equal_nan=True):
            raise HeadError(
                f"A head is W x + b, but {type(linear).__name__} computes something else: make one of the rows that it "
                "uses, Head(weight, bias, labels)."
            )
        return cls(linear.weight, linear.bias, labels)

    def to_linear(self) -> nn.Linear:
        """An `nn.Linear` (D to C) with copies of the numbers, to put back into the model."""
        linear = nn.utils.skip_init(nn.Linear, self.dim, len(self))
        linear.load_state_dict({"weight": self._weight, "bias": self._bias})
        return linear

    def save(self, path: str | Path) -> None:
        """Write weight, bias, labels and provenance into one safetensors file, whole or not at all."""
        metadata = {"catsplit": "head", "labels": json.dumps(self._labels), "provenance": self._provenance}
        with atomic_path(Path(path)) as beside:
            try:
                save_file({"weight": self._weight, "bias": self._bias}, beside, metadata)
            except SafetensorError as error:  # a full disk, for one
                raise CacheError(f"Can't write to {path} ({error}): name another place.") from error

    @classmethod
    def load(cls, path: str | Path) -> "Head":
        """Read what `save` wrote.

        Raises:
            HeadError: the file is missing, isn't safetensors, or isn't a head.
        """
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                return cls(
                    file.get_tensor("weight"),
                    file.get_tensor("bias"),
                    json.loads(metadata["labels"]),
                    json.loads(metadata["provenance"]),
                )
        except OSError as error:
            raise HeadError(f"There is no head at {path} ({reason(error)}).") from error
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise HeadError(f"{path} is no head that catsplit saved ({error}): use Head.save.") from error
