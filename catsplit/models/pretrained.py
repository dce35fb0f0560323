"""Pretrained VideoMAE and MVD encoders with a new head, to fine-tune on a benchmark's labels."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from catsplit.errors import CatsplitError
from catsplit.models.checkpoints import read_weights, renamed
from catsplit.models.videomae import SIZES, Positions, as_published, network
from catsplit.sources import reachable

if TYPE_CHECKING:
    from transformers import VideoMAEForVideoClassification


def load_pretrained(
    start: str | Path, labels: Sequence[str], *, positions: Positions | None = None, seed: int = 0
) -> "VideoMAEForVideoClassification":
    """A network to fine-tune: (B, T, 3, H, W) to logits (B, C), the encoder as it was trained, the head new.

    The new head is random and tiny, a thousandth of the usual deviation 0.02, as in VideoMAE's and MVD's code: the
    first steps then leave the encoder nearly as it was. Tokens are averaged whatever the pretraining did, and what
    only the pretraining needs (a decoder, its tokens, the encoder's last norm) is left out, as there.

    Args:
        start: OWNER/MODEL of the Hugging Face hub such as "MCG-NJU/videomae-base-ssv2"; a local folder of such a
            model; or a checkpoint of the authors of VideoMAE or MVD, pretrained or fine-tuned, of 16 frames of 224²
            pixels.
        labels: C texts, in the order of the rows.
        positions: of a checkpoint, "mvd" or "videomae": the file doesn't tell.
        seed: of the new head.

    Raises:
        CatsplitError: no such model, one of another kind, or a weight of the encoder that is missing.
    """
    path = Path(start).expanduser()
    if path.is_file():
        found = _of_authors(path, labels, positions)
    else:
        found = _of_transformers(str(path if path.is_dir() else start))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found.classifier = nn.Linear(found.config.hidden_size, len(labels))
        nn.init.trunc_normal_(found.classifier.weight, std=2e-5)
        nn.init.zeros_(found.classifier.bias)
    found.config.id2label = dict(enumerate(labels))
    found.config.label2id = {label: row for row, label in enumerate(labels)}
    return found


def _of_transformers(source: str) -> "VideoMAEForVideoClassification":
    from transformers import AutoConfig, VideoMAEConfig, VideoMAEForVideoClassification

    with reachable(source):
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        if not isinstance(config, VideoMAEConfig):
            raise CatsplitError(f'"{source}" is a model of type {config.model_type}, not videomae.')
        found, report = VideoMAEForVideoClassification.from_pretrained(
            source, use_mean_pooling=True, output_loading_info=True
        )
    _complete(source, report["missing_keys"])
    if known := getattr(config, "catsplit_positions", None):
        as_published(found, known)
    return found.float()


def _of_authors(path: Path, labels: Sequence[str], positions: Positions | None) -> "VideoMAEForVideoClassification":
    # The prefix stands before the encoder's keys in VideoMAE's pretraining, and in other code that builds on it.
    weights = {re.sub(r"^(encoder|backbone)\.", "", key): weight for key, weight in read_weights(path).items()}
    patches = weights.get("patch_embed.proj.weight", torch.empty(0))
    if patches.ndim != 5 or len(patches) not in SIZES:
        raise CatsplitError(f'{path} lacks "patch_embed.proj.weight" of a ViT of one of the widths {list(SIZES)}.')
    width, _, tubelet, patch, _ = patches.shape
    depth = len({key.split(".")[1] for key in weights if key.startswith("blocks.")})
    found = network(
        labels, positions=positions, width=width, depth=depth, heads=SIZES[width][1], tubelet=tubelet, patch=patch
    )
    # MVD's pretraining keeps the fixed positions among its weights.
    table, stored = found.videomae.embeddings.position_embeddings, weights.get("pos_embed")
    if stored is not None and (stored.shape != table.shape or not torch.allclose(stored, table, atol=1e-4)):
        raise CatsplitError(f"The positions in {path} aren't those of {positions} for 16 frames of 224 pixels.")
    kept = {key: weight for key, weight in weights.items() if not key.startswith("head.")}
    try:
        _complete(str(path), found.load_state_dict(renamed(kept, found), strict=False).missing_keys)
    except RuntimeError as error:
        raise CatsplitError(f"{path} is no ViT of width {width}: {str(error).splitlines()[1].strip()}") from error
    return found


def _complete(source: str, missing: Sequence[str]) -> None:
    if lost := sorted(key for key in missing if not key.startswith(("classifier.", "fc_norm."))):
        raise CatsplitError(f'"{source}" lacks {len(lost)} of its weights, {lost[0]} among them.')
