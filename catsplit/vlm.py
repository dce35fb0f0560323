"""The gated vision–language baseline, with any image–text model of open_clip, X-CLIP, or embeddings of your own.

The base classifier predicts first. Where it predicts the coarse category c, a vision–language model chooses among
the subcategories: the mean of a clip's frame embeddings, normalised, against the normalised embeddings of the
subcategories' full labels. Elsewhere the base prediction stands, so that no clip of another category can get worse.
It is how CLIP and its kin are compared in the paper (Liu & Doughty, ICLR 2026, arXiv 2602.16545).

    model = vlm.load("ViT-L-14/openai")                      # or another of `catsplit.models`, or `xclip.load`
    frames = model.embed(features.paths, benchmark.path)     # which frames: see `VisionLanguage`
    scores = vlm.gated(head, split, features.features, frames.features, model.texts(split.subcategories), targets)

`stage.captions.load()` is a small model for Stage-Split that needs no download.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.metrics import Scores, check_targets, probabilities, scores_of
from catsplit.models.vision_language import VisionLanguage, load
from catsplit.modifiers import Split, check_split
from catsplit.rows import Features
from catsplit.text import as_embeddings, embed

__all__ = ["VisionLanguage", "gated", "load", "method"]

Before = Literal["base", "masked"]


def gated(
    head: Head,
    split: Split,
    features: Features,
    frame_embeddings: Features,
    text_embeddings: Tensor,
    targets: Tensor,
    *,
    scale: float = 100.0,
    before: Before = "base",
) -> Scores:
    """Score the baseline on one split.

    `siblings` of the scores is the vision–language model by itself, without the gate. `confidence` of a gated clip
    is p(c) times the softmax of `scale` times the cosines. Of equal cosines the first sibling wins.

    Args:
        head: the base classifier's head, C categories.
        features: (N, V, D) of the base classifier's backbone.
        frame_embeddings: (N, n), the mean of each clip's frame embeddings; or (N, V, n), whose views are averaged.
        text_embeddings: (k, n) of the subcategories' full labels, in their order.
        targets: (N,) as for `metrics.evaluate`.
        scale: the model's own, `VisionLanguage.scale`; 100 is CLIP's.
        before: what the edit is compared with. "base" is the base prediction as it is: a clip of another category
            that the base classifier takes for c is wrong before and after, and locality is 1 by design, as
            published. "masked" never predicts c before the edit, as the protocol measures all other methods: such a
            clip may then be right before, and locality falls below 1. `changed` counts it in both cases.

    Raises:
        CatsplitError: shapes that don't fit, embeddings that are zero or not finite, or whatever `metrics.evaluate`
            raises.
        HeadError: the split doesn't fit the head.
    """
    check_split(head, split)
    if before not in ("base", "masked"):
        raise CatsplitError(f'before is "base" or "masked", not {before!r}.')
    row, clips, fresh = head.index(split.coarse), len(features), split.subcategories
    targets = check_targets(targets, clips, len(head), len(fresh), [row])
    frames = getattr(frame_embeddings, "features", frame_embeddings)  # those of a FeatureSet
    frames = as_embeddings(frames, range(clips), f"Frame embeddings of {clips} clips", views=True)
    frames = _unit(frames.mean(1) if frames.ndim == 3 else frames, range(clips), "frame embedding of clip")
    texts = as_embeddings(text_embeddings, fresh, f'Text embeddings of the subcategories of "{split.coarse}"')
    texts = _unit(texts, fresh, "text embedding of")
    if frames.shape[1] != texts.shape[1]:
        raise CatsplitError(
            f"Frame embeddings (N, {frames.shape[1]}) and text embeddings (k, {texts.shape[1]}) must be of one model."
        )
    share, sibling = (scale * frames @ texts.T).softmax(1).max(1)
    confidence, base = probabilities(head, features).max(1)
    gate = base == row
    return scores_of(
        [split.coarse],
        len(head),
        base if before == "base" else probabilities(head, features, [split.coarse]).argmax(1),
        torch.where(gate, len(head) + sibling, base),
        torch.where(gate, confidence * share, confidence),
        sibling,
        targets,
    )


def method(model: VisionLanguage, frames: Features, before: Before = "base") -> Callable[[Any, Split, int], Scores]:
    """The baseline as a method of `catsplit.sweep`; it is the same for every seed.

    Args:
        frames: (N, n) or (N, V, n) of the clips that the sweep scores, in the order of their features.
    """

    def score(ground: Any, split: Split, seed: int) -> Scores:
        texts, targets = embed(model.texts, split.subcategories), ground.targets(split)
        return gated(ground.head, split, ground.features, frames, texts, targets, scale=model.scale, before=before)

    return score


def _unit(embeddings: Tensor, names: Sequence[object], what: str) -> Tensor:
    length = embeddings.norm(dim=1, keepdim=True)
    usable = length.isfinite() & (length > 0)
    if not usable.all():
        name = names[int(usable.int().argmin())]
        raise CatsplitError(f'The {what} "{name}" is zero or not finite: make it again.')
    return embeddings / length
