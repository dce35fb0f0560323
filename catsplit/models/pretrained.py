"""Pretrained VideoMAE and MVD encoders with a new head, to fine-tune on a benchmark's labels."""

import re
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from catsplit.errors import CatsplitError
from catsplit.models import checkpoints
from catsplit.models.videomae import SIZES, Positions, as_published, network
from catsplit.text_encoders import reachable

if TYPE_CHECKING:
    from transformers import VideoMAEForVideoClassification

# What stands before the encoder's keys: in VideoMAE's pretraining, and in other code that builds on it.
_PREFIX = re.compile(r"^(encoder|backbone)\.")


def load_pretrained(
    start: "str | Path | VideoMAEForVideoClassification",
    labels: Sequence[str],
    *,
    positions: Positions | None = None,
    frames: int = 16,
    image_size: int = 224,
    seed: int = 0,
) -> "VideoMAEForVideoClassification":
    """A network to fine-tune: (B, T, 3, H, W) to logits (B, C), the encoder as it was trained, the head new.

    The new head is random and tiny, a thousandth of the usual deviation 0.02, as in VideoMAE's and MVD's code: the
    first steps then leave the encoder nearly as it was. Tokens are averaged whatever the pretraining did, and what
    only the pretraining needs (a decoder, its tokens, the encoder's last norm) is left out, as there.

    Args:
        start: OWNER/MODEL of the Hugging Face hub such as "MCG-NJU/videomae-base-ssv2", or a local folder of such a
            model; a checkpoint of the authors of VideoMAE or MVD, pretrained or fine-tuned; or a network of
            `videomae.network`, to start from random weights. A network that is given stays as it is.
        labels: C texts, in the order of the rows.
        positions: of a checkpoint, "mvd" or "videomae": the file doesn't tell.
        frames, image_size: of a checkpoint; other starts say it themselves.
        seed: of the new head.

    Raises:
        CatsplitError: no such model, one of another kind, or a weight of the encoder that is missing.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(start, nn.Module):
            found = deepcopy(start)
        elif Path(start).expanduser().is_file():
            found = _of_authors(Path(start).expanduser(), labels, positions, frames, image_size)
        else:
            found = _of_transformers(start, labels)
        if not hasattr(found, "videomae") or getattr(found, "fc_norm", None) is None:
            raise CatsplitError(f"{type(found).__name__} is no VideoMAE under the mean over its tokens.")
        found.classifier = nn.Linear(found.config.hidden_size, len(labels))
        nn.init.trunc_normal_(found.classifier.weight, std=0.02)
        nn.init.zeros_(found.classifier.bias)
        with torch.no_grad():
            found.classifier.weight.mul_(1e-3)
    found.config.id2label = dict(enumerate(labels))
    found.config.label2id = {label: row for row, label in enumerate(labels)}
    found.num_labels = len(labels)
    return found


def _of_transformers(start: str | Path, labels: Sequence[str]) -> "VideoMAEForVideoClassification":
    from transformers import AutoConfig, VideoMAEConfig, VideoMAEForVideoClassification

    folder = Path(start).expanduser()
    source = str(folder) if folder.is_dir() else str(start)
    with reachable(source):
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        if not isinstance(config, VideoMAEConfig):
            raise CatsplitError(f'"{source}" is a model of type {config.model_type}, not videomae.')
        found, report = VideoMAEForVideoClassification.from_pretrained(
            source, use_mean_pooling=True, id2label=dict(enumerate(labels)), ignore_mismatched_sizes=True,
            output_loading_info=True,
        )  # fmt: skip
    lost = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    if lost := sorted(key for key in lost if not key.startswith(("classifier.", "fc_norm."))):
        raise CatsplitError(f'"{source}" lacks {len(lost)} weights of the encoder, {lost[0]} among them.')
    if known := getattr(config, "catsplit_positions", None):
        as_published(found, known)
    return found.float()


def _of_authors(
    path: Path, labels: Sequence[str], positions: Positions | None, frames: int, image_size: int
) -> "VideoMAEForVideoClassification":
    if positions is None:
        raise CatsplitError(f'Whose checkpoint is {path}? Say positions="mvd" or positions="videomae".')
    weights = {_PREFIX.sub("", key): weight for key, weight in checkpoints.read_weights(path).items()}
    first = weights.get("patch_embed.proj.weight")
    width, _, tubelet, patch = first.shape[:4] if first is not None and first.ndim == 5 else (384, 3, 2, 16)
    if width not in SIZES:
        raise CatsplitError(f"{path} holds a ViT of width {width}, none of {list(SIZES)}.")
    blocks = {int(found[1]) for key in weights if (found := re.match(r"blocks\.(\d+)\.", key))}
    wanted = checkpoints.shapes(width, max(blocks, default=0) + 1, tubelet, patch, len(labels))
    new = {key: torch.zeros(shape) for key, shape in wanted.items() if key.startswith(("head.", "fc_norm."))}
    new["fc_norm.weight"] += 1
    kept = {key: weight for key, weight in weights.items() if key in wanted and not key.startswith("head.")}
    checkpoints.check(path, new | kept, wanted)
    found = network(
        labels, positions=positions, width=width, depth=max(blocks) + 1, heads=SIZES[width][1], tubelet=tubelet,
        patch=patch, frames=frames, image_size=image_size,
    )  # fmt: skip
    table, stored = found.videomae.embeddings.position_embeddings, weights.get("pos_embed")
    # MVD's pretraining keeps the fixed positions among its weights.
    if stored is not None and (stored.shape != table.shape or not torch.allclose(stored, table, atol=1e-4)):
        raise CatsplitError(
            f"The positions in {path}, {tuple(stored.shape)}, aren't those of {positions} for {frames} frames of "
            f"{image_size} pixels, {tuple(table.shape)}: say other positions, frames or image_size."
        )
    found.load_state_dict(checkpoints.renamed(new | kept, found))
    return found
