"""Pretrained VideoMAE and MVD encoders with a new head, to fine-tune on a benchmark's labels."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import AutoModelForVideoClassification, VideoMAEForVideoClassification

from catsplit.errors import CatsplitError
from catsplit.models.checkpoints import fill
from catsplit.models.videomae import Positions, as_published, network
from catsplit.models.weights import read_weights
from catsplit.sources import load_transformers, source_of


def load_pretrained(
    start: str | Path, labels: Sequence[str], *, positions: Positions | None = None, seed: int = 0
) -> VideoMAEForVideoClassification:
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
        found = load_transformers(
            AutoModelForVideoClassification, source_of(start), spare=r"^(classifier|fc_norm)\.", use_mean_pooling=True
        )
        if known := getattr(found.config, "catsplit_positions", None):
            as_published(found, known)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found.classifier = nn.Linear(found.config.hidden_size, len(labels))
        nn.init.trunc_normal_(found.classifier.weight, std=2e-5)
        nn.init.zeros_(found.classifier.bias)
    found.config.id2label = dict(enumerate(labels))
    found.config.label2id = {label: row for row, label in enumerate(labels)}
    return found


def _of_authors(path: Path, labels: Sequence[str], positions: Positions | None) -> VideoMAEForVideoClassification:
    # The prefix stands before the encoder's keys in VideoMAE's pretraining, and in other code that builds on it.
    weights = {re.sub(r"^(encoder|backbone)\.", "", key): weight for key, weight in read_weights(path).items()}
    first = weights.get("patch_embed.proj.weight")
    width, _, tubelet, patch, _ = first.shape if first is not None and first.ndim == 5 else (384, 3, 2, 16, 16)
    found = network(labels, positions=positions, width=width, tubelet=tubelet, patch=patch)
    # MVD's pretraining keeps the fixed positions among its weights.
    table = found.videomae.embeddings.position_embeddings
    stored = weights.get("pos_embed", table)
    if stored.shape != table.shape or not torch.allclose(stored, table, atol=1e-4):
        raise CatsplitError(f"The positions in {path} aren't those of {positions} for 16 frames of 224 pixels.")
    new = {key: weight for key, weight in found.state_dict().items() if key.startswith(("classifier.", "fc_norm."))}
    old = {key: weight for key, weight in weights.items() if key.startswith(("patch_embed.", "blocks.", "fc_norm."))}
    fill(found, new | old, path)
    return found
