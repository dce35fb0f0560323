"""The base classifiers of Stage-Split: from the training clips to a file with weights, labels and a card."""

import json
from pathlib import Path

import evidence
import numpy as np
import torch
from fit import RECIPE, even_frames, fit, predict, save_checkpoint

from catsplit import stage
from catsplit.paths import atomic_path, cache_dir
from catsplit.stage import render
from catsplit.stage.network import rounded
from catsplit.stage.scene import FRAMES
from catsplit.video import read_frames

SHORT_SIDE = stage.sampling().short_side


def decode(names: list[str]) -> np.ndarray:
    """All frames of clips that are rendered, (N, T, 48, 48, 3) uint8, the way the features' frames are read."""
    from concurrent.futures import ThreadPoolExecutor

    from tqdm.auto import tqdm

    benchmark = stage.load("A")
    clips = np.empty((len(names), FRAMES, SHORT_SIDE, SHORT_SIDE, 3), np.uint8)

    def read(place: int) -> None:
        clips[place] = read_frames(benchmark.path(names[place]), SHORT_SIDE)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        list(tqdm(pool.map(read, range(len(names))), total=len(names), unit="clip", desc="Decoding", leave=False))
    return clips


def decoded(split: str) -> tuple[np.ndarray, list[int]]:
    """Clips (N, T, 48, 48, 3) of "train" or "val", rendered where needed, and places in `render.fine_labels()`."""
    names = render.clip_names(split)
    stage.prepare(split)
    return decode(names), [render.label_index(name) for name in names]


def columns(part: str) -> list[int]:
    """For each fine-grained label the row of part `part`'s head that stands for it or for its coarse category."""
    taxonomy = stage.taxonomy()
    row = {label: place for place, label in enumerate(taxonomy.label_space(part))}
    return [row[fine] if fine in row else row[taxonomy.group_of[fine]] for fine in render.fine_labels()]


def train(part: str, seed: int = 0, out: str | Path | None = None, *, progress: bool = True) -> Path:
    """Train the base classifier of `part` from nothing and write it with its card.

    A run that was stopped goes on after its last whole epoch. Two cores of a server took 4 to 8 minutes.

    Args:
        out: the file to write; `stage-PART-SEED.safetensors` in the working folder, if not given.

    Raises:
        BenchmarkError: an unknown part.
        CacheError: the cache folder can't be written or its disk is full.
    """
    labels = stage.load(part).labels
    out = Path(out or f"stage-{part}-{seed}.safetensors")
    state = cache_dir() / "training" / f"stage-{stage.VERSION}-{part.lower()}-{seed}.pt"
    clips, places = decoded("train")
    rows = columns(part)
    network, seconds = fit(clips, [rows[place] for place in places], len(labels), seed, state=state, progress=progress)
    network.load_state_dict({name: tensor.float() for name, tensor in rounded(network).items()})
    save_checkpoint(out, network, labels, card(network, part, seed, seconds))
    state.unlink(missing_ok=True)
    return out


def card(network: torch.nn.Module, part: str, seed: int, seconds: float) -> dict:
    """What there is to know of a trained classifier, measured on the validation clips (centre crops)."""
    clips, places = decoded("val")
    rows = columns(part)
    logits = predict(network, clips, even_frames(clips.shape[1]))
    right = logits.argmax(1) == torch.tensor([rows[place] for place in places])
    kinds: dict[str, list[bool]] = {}
    for place, hit in zip(places, right.tolist(), strict=True):
        kinds.setdefault(render.action(place).kind or "groups of one", []).append(hit)
    return {
        "what": f"Base classifier of Stage-Split, part {part}: a synthetic benchmark of rendered clips",
        "data": f"Stage-Split {stage.VERSION}, {len(render.clip_names('train'))} decoded mp4 clips, mixed granularity",
        "parameters": sum(p.numel() for p in network.parameters()),
        "recipe": RECIPE,
        "seed": seed,
        "training seconds": round(seconds),
        "torch": torch.__version__,
        "accuracy": round(100 * right.float().mean().item(), 2),
        "accuracy by split type": {kind: round(100 * float(np.mean(hits)), 1) for kind, hits in sorted(kinds.items())},
        "accuracy among siblings": evidence.shuffled(network, clips, places, rows),
    }


def measure(out: str | Path) -> Path:
    """Measure what one frame (by a network trained for it) and shuffled frames tell, and write it as JSON."""
    clips, places = decoded("val")
    found = {part: evidence.shuffled(stage.classifier(part), clips, places, columns(part)) for part in stage.PARTS}
    result = {
        "what": f"Stage-Split {stage.VERSION} (synthetic): accuracy among siblings, percent, on validation clips",
        "made by": "scripts/stage/train.py evidence",
        "one frame": evidence.one_frame(*decoded("train"), clips, places),
        "shipped classifiers": found,
    }
    with atomic_path(Path(out)) as beside:
        beside.write_text(json.dumps(result, indent=1) + "\n")
    return Path(out)
