"""Good files of every kind that is read, changed at random: what was in them, or one sentence, and nothing else."""

import json
import resource
import time
import warnings

import numpy as np
import pytest
import torch
from clipfiles import write_clip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from catsplit import results, text
from catsplit.datasets import layout
from catsplit.datasets.wordings import read_wordings
from catsplit.errors import CatsplitError
from catsplit.extraction.store import Kept, Store
from catsplit.head import Head
from catsplit.models.checkpoints import read_head
from catsplit.models.weights import read_weights
from catsplit.settingfile import named_in
from catsplit.taxonomy import Taxonomy
from catsplit.video import read_frames
from catsplit.words.labelfiles import read_labels

LABELS = ["Pushing to the left", "Pushing to the right", "Holdin\u0261"]
TAXONOMY = Taxonomy({"Pushing": LABELS[:2], "Holding": LABELS[2:]}, {"A": ("Pushing",), "B": ()})
WEIGHTS = {"body.fc.weight": torch.arange(24.0).reshape(3, 8), "body.fc.bias": torch.ones(3)}
FEATURES = np.arange(24, dtype=np.float32).reshape(3, 2, 4)


def labelled(head):
    assert head.labels == tuple(LABELS)
    assert head.weight.isfinite().all()


def weights(path):
    labelled(read_head(path, LABELS))
    assert all(tensor.is_floating_point() or tensor.numel() for tensor in read_weights(path).values())


def head(path):
    loaded = Head.load(path)
    assert loaded.weight.shape == (len(loaded.labels), loaded.dim)


def labels(path):
    assert all(isinstance(label, str) and label.strip() for label in read_labels(path))


def clip(path):
    frames = read_frames(path, 16)
    assert frames.ndim == 4
    assert len(frames) <= 12


def table(path):
    clips, rows = layout.read_table(path, 0, 2)
    assert len(set(clips)) == len(rows)


def kept(path):
    found = Store(path.parent).load()
    assert found is None or np.array_equal(found.features, FEATURES), "a damaged cache passed"


def embedding(path):
    found = text._read(path)
    assert found is None or torch.equal(found, torch.arange(4.0)), "a damaged cache passed"


def cached(folder):
    Store(folder).save([Kept(FEATURES, [(1, 3)])], backbone="x")


def one_text(path):
    np.savez(path, embedding=np.arange(4, dtype=np.float32))


def legacy(path):
    torch.save({"model": WEIGHTS, "epoch": 1}, path, _use_new_zipfile_serialization=False)


def index(path):
    save_file(WEIGHTS, path.parent / "one.safetensors")
    path.write_text(json.dumps({"weight_map": dict.fromkeys(WEIGHTS, "one.safetensors")}))


def words(content):
    return lambda path: path.write_text(content, encoding="utf-8")


SETTING = 'benchmark = "bench"\nparts = ["A", "B"]\nvideos = "clips"\nseeds = [0, 1]\nleave_out_short = true\n'
VALUES = {name: "x" if name in results.TEXTS else "1" if name in results.WHOLE else "0.5" for name in results.COLUMNS}
RESULTS = ",".join(VALUES) + "\n" + ",".join(VALUES.values()) + "\n"
WORDS = {"other": {label: {"label": f"{label}!", "modifier": "so"} for label in LABELS}}
# {file: (how it is made, how it is read, how many changed ones)}: 2,000 in all.
KINDS = {
    "zip.pth": (lambda path: torch.save({"model": WEIGHTS, "epoch": 1}, path), weights, 200),
    "old.pth": (legacy, weights, 150),
    "weights.safetensors": (lambda path: save_file(WEIGHTS, path), weights, 150),
    "model.safetensors.index.json": (index, weights, 100),
    "head.safetensors": (lambda path: Head(WEIGHTS["body.fc.weight"], None, LABELS).save(path), head, 200),
    "labels.txt": (words("".join(f"{n} {label}\n" for n, label in enumerate(LABELS))), labels, 100),
    "labels.csv": (words("id,name\n" + "".join(f"{n},{label}\n" for n, label in enumerate(LABELS))), labels, 100),
    "labels.json": (words(json.dumps(dict.fromkeys(LABELS, 0) | {LABELS[1]: 1, LABELS[2]: "2"})), labels, 100),
    "groups.json": (TAXONOMY.save, Taxonomy.load, 150),
    "wordings.json": (words(json.dumps(WORDS)), lambda path: read_wordings(path, TAXONOMY), 100),
    "val.csv": (words("a.mp4,0\n\"b,c.mp4\",1\nd/e.mp4,2\n"), table, 100),
    "results.csv": (words(RESULTS), results.read, 50),
    "catsplit.toml": (words(SETTING), lambda path: named_in(path, {}), 100),
    "features.npy": (lambda path: cached(path.parent), kept, 75),
    "manifest.json": (lambda path: cached(path.parent), kept, 75),
    "text.npz": (one_text, embedding, 50),
    "clip.mp4": (lambda path: write_clip(path, frames=12, height=64, width=64), clip, 75),
    "clip.webm": (lambda path: write_clip(path, frames=12, height=64, width=64), clip, 75),
    "clip.ts": (lambda path: write_clip(path, frames=12, height=64, width=64), clip, 25),
    "clip.avi": (lambda path: write_clip(path, frames=12, height=64, width=64), clip, 25),
}
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "zeros", "cut", "twice"]), st.floats(0, 1), st.integers(1, 64),
        st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"[", b"{", b'"', b",", b"\n", b"\xff", b"9"])),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


def changed(content, changes):
    for how, where, size, new in changes:
        at = int(where * len(content))
        content = {
            "replace": content[:at] + new + content[at + len(new) :], "insert": content[:at] + new + content[at:],
            "delete": content[:at] + content[at + size :], "zeros": content[:at] + bytes(size) + content[at + size :],
            "cut": content[:at], "twice": content[: at + size] + content[at:],
        }[how]  # fmt: skip
    return content


def test_there_are_two_thousand():
    assert sum(count for _, _, count in KINDS.values()) == 2000


@pytest.mark.parametrize("name", KINDS)
def test_a_changed_file_is_read_rightly_or_refused_in_a_sentence(tmp_path_factory, name):
    make, read, count = KINDS[name]
    path = tmp_path_factory.mktemp("fuzz") / name
    make(path)
    read(path)
    good, around = path.read_bytes(), sorted(path.parent.iterdir())

    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(CHANGES)
    def look(changes):
        path.write_bytes(changed(good, changes))
        begun = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read(path)
                said = ""
            except CatsplitError as error:
                said = str(error)
        assert "\n" not in said
        assert time.process_time() - begun < 5
        assert sorted(path.parent.iterdir()) == around

    look()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20, "kilobytes; PyTorch alone takes a part"


@pytest.mark.parametrize("name", ["groups.json", "labels.json", "catsplit.toml"])
def test_nesting_without_end_is_refused_too(tmp_path, name):
    path, head = tmp_path / name, "a = " if name.endswith("toml") else ""
    path.write_text(head + "[" * 200_000)
    with pytest.raises(CatsplitError, match=f"{name} isn't valid"):
        KINDS[name][1](path)
