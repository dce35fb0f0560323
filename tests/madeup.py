"""A made-up benchmark folder, head, features and text encoder, small enough for tests that sweep over all of it."""

import hashlib
from itertools import chain
from types import SimpleNamespace

import pandas as pd
import torch

from catsplit.benchmark import Benchmark, write_benchmark
from catsplit.features import FeatureSet
from catsplit.head import Head
from catsplit.modifiers import Dictionary, Split
from catsplit.retrieval import retrieve
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


def encode(texts):
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


class Words:
    """A random head with groups of the given sizes, a category "c" to split into k, and random embeddings of texts."""

    def __init__(self, seed=0, sizes=(3, 1, 2, 4), k=3, texts=8):
        torch.manual_seed(seed)
        self.groups = {f"g{g}": [f"g{g} m{i}" for i in range(size)] for g, size in enumerate(sizes)}
        labels = ["c", "d", *chain(*self.groups.values())]
        self.modifiers = {label: "modifier of " + label for label in labels}
        self.head = Head(torch.randn(len(labels), 6), torch.randn(len(labels)), labels)
        self.dictionary = Dictionary.from_head(self.head, self.groups, self.modifiers)
        self.split = Split("c", tuple(f"s{j}" for j in range(k)), tuple(f"modifier of s{j}" for j in range(k)))
        self.texts, self.known = texts, {}

    def encode(self, texts):
        assert isinstance(texts, list)
        return torch.stack([self.known.setdefault(text, torch.randn(self.texts) * 2) for text in texts])

    @property
    def knowledge(self):
        return self.head, self.groups, self.modifiers, self.encode

    def sources(self, **options):
        rows = retrieve(self.head, self.split, self.dictionary, self.encode, **options)
        return [rows.origins[label]["source"] for label in self.split.subcategories]
