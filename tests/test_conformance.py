"""The published implementation's outputs on random heads over the real label sets, against ours.

The reference files (two npz files of `fixtures/`) are third-party data: read where they lie, never copied.
"""

import json

import numpy as np
import pytest
import torch

from catsplit import alignment
from catsplit.evaluator import Evaluator
from catsplit.head import Head
from catsplit.metrics import evaluate
from catsplit.modifiers import Dictionary, Split
from catsplit.retrieval import retrieve


class Reference:
    """One reference file, with the taxonomy put the way our functions take it."""

    def __init__(self, path):
        self.data = dict(np.load(path))
        labels = json.loads(str(self.data["labels"]))
        self.head = Head(self.data["weight"], self.data["bias"], sorted(labels, key=labels.get))
        scheme = json.loads(str(self.data["group_scheme"]))
        self.groups = {c: g for c, g in scheme["group_scheme"].items() if c not in scheme["A"]}
        self.modifiers = json.loads(str(self.data["modifiers"]))
        self.dictionary = Dictionary.from_head(self.head, self.groups, self.modifiers)
        self.embedding = dict(
            zip(self.data["texts"].tolist(), torch.from_numpy(self.data["text_embeddings"]), strict=True)
        )
        self.splits = []
        for coarse in self.data["splits"].tolist():
            fine = tuple(scheme["group_scheme"][coarse])
            self.splits.append(Split(coarse, fine, tuple(self.modifiers[label] for label in fine)))

    def encode(self, texts):
        return torch.stack([self.embedding[text] for text in texts])

    def clips(self, n):
        """Features (N, 2, D) and targets (N,) of both sets; the file holds each clip's two views in a row."""
        views = np.concatenate([self.data[f"{n}/X"], self.data[f"{n}/U"]])
        targets = np.concatenate([self.data[f"{n}/Y"], self.data[f"{n}/UY"]]).reshape(-1, 2)
        assert (targets[:, 0] == targets[:, 1]).all()
        return torch.from_numpy(views).reshape(-1, 2, self.head.dim), torch.from_numpy(targets[:, 0])


@pytest.fixture(scope="module", params=["ssv2-split-a", "finegym-split-a"])
def reference(request, shared):
    return Reference(shared / "fixtures" / f"{request.param}.npz")


def test_retrieval_finds_the_published_matches_and_rows(reference):
    for n, split in enumerate(reference.splits):
        rows = retrieve(reference.head, split, reference.dictionary, reference.encode, ties="first")
        matches = json.loads(str(reference.data[f"{n}/matches"]))
        assert {label: rows.origins[label]["source"] for label in rows} == matches, split.coarse
        ours = torch.stack(list(rows.values())).numpy()
        np.testing.assert_allclose(ours, reference.data[f"{n}/rows"], atol=1e-5, rtol=0, err_msg=split.coarse)


def test_alignment_learns_from_the_published_pairs(reference):
    texts, vectors = alignment.pairs(reference.head, reference.groups, reference.modifiers)
    assert texts == reference.data["alignment/pair_texts"].tolist()
    np.testing.assert_allclose(vectors.numpy(), reference.data["alignment/pair_vectors"], atol=1e-6, rtol=0)


@pytest.mark.slow
def test_alignment_reaches_the_published_cosine(reference):
    fitted = alignment.fit(reference.head, reference.groups, reference.modifiers, reference.encode)
    published = reference.data["alignment/epochs_cos_mse"]
    assert np.abs(fitted.cosine.numpy() - published[:, 1]).max() < 0.02
    texts, y = alignment.pairs(reference.head, reference.groups, reference.modifiers)
    mse = (fitted.map(reference.encode(texts)) - y).square().mean((1, 2))
    assert np.abs(mse.numpy() / published[:, 2] - 1).max() < 0.2


def test_generality_and_locality_are_the_published_ones_for_every_split(reference):
    for n, split in enumerate(reference.splits):
        features, targets = reference.clips(n)
        rows = torch.from_numpy(reference.data[f"{n}/rows"])
        edited = reference.head.split(split.coarse, zip(split.subcategories, rows, strict=True))
        published = pytest.approx(reference.data[f"{n}/GL"].tolist(), abs=1e-12)
        for scores in (
            evaluate(reference.head, edited, features, targets),
            Evaluator(reference.head, features).score([edited], targets)[0],
        ):
            assert [scores.generality, scores.locality] == published, split.coarse
