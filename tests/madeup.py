"""A made-up benchmark folder, head, features and text encoder, small enough for tests that sweep over all of it."""

import hashlib
from types import SimpleNamespace

import pandas as pd
import torch

from catsplit.benchmark import Benchmark, write_benchmark
from catsplit.features import FeatureSet
from catsplit.head import Head
from catsplit.taxonomy import Taxonomy

DIM, VIEWS = 16, 2
WAYS = {
    "left": ("to the left", "leftwards"), "right": ("to the right", "rightwards"), "up": ("upwards", "towards the top"),
}  # fmt: skip
GROUPS = {
    "Pushing": ("left", "right", "up"), "Pulling": ("left", "right"), "Rolling": ("left", "right", "up"),
    "Sliding": ("left", "right"), "Carrying": ("up", "left"), "Waving": (),
}  # fmt: skip
PARTS = {"A": ("Pushing", "Pulling"), "B": ("Rolling", "Sliding")}


def encode(texts: list[str]) -> torch.Tensor:
    """Embeddings (T, 24): the sum of a random vector for each word, so that texts that share words are near."""
    rows = []
    for text in texts:
        words = text.lower().split()
        seeds = [int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) for word in words]
        vectors = [torch.randn(24, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        rows.append(torch.stack(vectors).sum(0))
    return torch.stack(rows)


def world(folder, per_label=6, seed=0, part="A"):
    """A namespace of benchmark, head, features of the validation clips, and a function for training clips."""
    groups = {
        name: tuple(f"{name} {WAYS[way][0]}" for way in ways) or (f"{name} a hand",) for name, ways in GROUPS.items()
    }
    modifiers = {f"{n} {WAYS[w][0]}": WAYS[w][0] for n, ways in GROUPS.items() for w in ways}
    taxonomy = Taxonomy(groups, PARTS, modifiers)
    fine = [label for labels in groups.values() for label in labels]
    rows = [(f"{kind}/{i}-{j}.mp4", label, kind) for kind in ("train", "val") for i, label in enumerate(fine)
            for j in range(per_label)]
    other = {
        f"{n} {WAYS[w][0]}": {"label": f"{n} {WAYS[w][1]}", "modifier": WAYS[w][1]} for n, ways in GROUPS.items()
        for w in ways
    }
    kinds = {"Pushing": "direction", "Pulling": "direction", "Rolling": "speed"}
    write_benchmark(folder, taxonomy, pd.DataFrame(rows, columns=["path", "fine", "set"]), {"other": other}, kinds)
    benchmark = Benchmark.open(folder, part)

    g = torch.Generator().manual_seed(seed)
    concepts = {name: torch.randn(DIM, generator=g) for name in groups}
    ways = {way: torch.randn(DIM, generator=g) for way in WAYS}
    centre = {f"{n} {WAYS[w][0]}": concepts[n] + ways[w] for n, ws in GROUPS.items() for w in ws}
    centre["Waving a hand"] = concepts["Waving"]
    weight = [centre.get(label, concepts.get(label)) for label in benchmark.labels]
    head = Head(torch.stack(weight), torch.randn(len(weight), generator=g) * 0.1, benchmark.labels)
    names = [row[0] for row in rows]
    cloud = torch.stack([centre[row[1]] for row in rows])[:, None] + torch.randn(len(rows), VIEWS, DIM, generator=g)
    place = {name: i for i, name in enumerate(names)}
    asked = []

    def features_of(paths):
        asked.append(tuple(paths))
        return FeatureSet(cloud[[place[path] for path in paths]].numpy(), tuple(paths))

    val = features_of(list(benchmark.clips("val")["path"]))
    asked.clear()
    return SimpleNamespace(benchmark=benchmark, head=head, features=val, training=features_of, asked=asked)
