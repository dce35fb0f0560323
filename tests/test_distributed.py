"""Features by processes of Ray: the same bytes as one process makes, and each shard once."""

import importlib.util
import os
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from clipfiles import write_clip
from torch import nn

from catsplit import distributed, features
from catsplit.backbones import from_module
from catsplit.errors import CatsplitError, ClipError
from catsplit.extraction import shards as extraction
from catsplit.extraction.store import Store
from catsplit.video import Sampling

CLIPS = tuple(f"{number}.mp4" for number in range(30))
SAMPLING = Sampling(frames=4, segments=2, crops=1, short_side=16, crop_size=12, min_frames=4)
SHARD, BATCH = 4, 3  # 8 shards, the last of 2 clips

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray isn't installed: catsplit[ray]")


class Noting(nn.Module):
    """A network that writes down which process saw how many clips, and may stop after some."""

    def __init__(self, log, most):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.log, self.most = nn.Linear(4 * 12 * 12 * 3, 5), log, most

    def forward(self, views):
        if sum(seen(self.log).values()) >= self.most:
            raise KeyboardInterrupt
        with open(self.log, "a") as file:
            file.write(f"{os.getpid()} {len(views) // SAMPLING.views}\n")
        return self.layer(views.flatten(1))


def seen(log):
    """Clips that each process saw."""
    clips: dict[int, int] = {}
    for process, count in (map(int, line.split()) for line in log.read_text().splitlines()) if log.exists() else ():
        clips[process] = clips.get(process, 0) + count
    return clips


def load(log, most=1000, meet=None):
    """The backbone; in any process but `meet` once two are there, so that neither does the other's work."""
    if meet not in (None, os.getpid()):
        (log.parent / f"process-{os.getpid()}").touch()
        deadline = time.monotonic() + 120
        while len(list(log.parent.glob("process-*"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    return from_module(Noting(log, most), 5, architecture="noting")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(extraction, "SHARD", SHARD)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """30 clips, of which one is missing and two are broken."""
    folder = tmp_path_factory.mktemp("clips")
    for seed, clip in enumerate(CLIPS):
        if seed != 5:
            write_clip(folder / clip, frames=6 if seed != 12 else 3, height=20, width=26, seed=seed)
    (folder / CLIPS[22]).write_bytes(b"text" * 500)
    return folder


@pytest.fixture(scope="module")
def cluster():
    """A Ray of two processes on this machine."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)  # where `load` is found
        ray.init(
            num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False, logging_level="error",
            object_store_memory=100 * 2**20,
        )  # fmt: skip
        yield
        ray.shutdown()


def finished(cache):
    (folder,) = cache.glob("features/*")
    assert sorted(path.name for path in folder.iterdir()) == ["features.npy", "lock", "manifest.json"]
    return (folder / "features.npy").read_bytes(), (folder / "manifest.json").read_bytes()


@needs_ray
@pytest.mark.slow
def test_processes_go_on_where_one_stopped_and_end_with_the_same_bytes(cluster, folder, tmp_path):
    options = {"batch_size": BATCH, "progress": False, "on_error": "skip", "source": "val.csv"}
    with pytest.warns(UserWarning, match="3 of the 30 clips"):
        features.extract(
            CLIPS, folder.joinpath, load(tmp_path / "alone"), SAMPLING, cache=tmp_path / "a", **options
        )

    log, cache = tmp_path / "log", tmp_path / "b"
    with pytest.raises(KeyboardInterrupt):
        features.extract(CLIPS, folder.joinpath, load(log, most=9), SAMPLING, cache=cache, **options)
    assert len(list(cache.rglob("0*.npy"))) == 2
    log.unlink()
    with pytest.warns(UserWarning, match="3 of the 30 clips of val.csv were left out .* in row 6"):
        result = distributed.extract(
            CLIPS, folder.joinpath, partial(load, log, meet=os.getpid()), SAMPLING, processes=2, cache=cache, **options
        )
    assert finished(cache) == finished(tmp_path / "a")
    assert [path for path, _ in result.skipped] == [CLIPS[index] for index in (5, 12, 22)]
    assert result.features.shape == (27, 2, 5)
    assert sum(seen(log).values()) == 30 - 2 * SHARD - 2  # one of the three broken clips was in a finished shard
    assert len(seen(log)) == 2
    assert os.getpid() not in seen(log)


def job(folder, log):
    files = [folder / clip for clip in CLIPS[:4]]
    return extraction.Job(CLIPS[:4], files, load(log), SAMPLING, None, True, 1, BATCH, False)


def answer(job, store, load, key):
    """What the cluster's driver hears of a process that was given one shard, without a cluster."""
    worker = distributed.Worker(job, store, load, key, torch.get_num_threads())
    row = worker({"shard": np.array([[0, 4]])})
    return distributed.done({name: value for name, (value,) in row.items()})


def test_a_process_writes_shards_and_tells_what_went_wrong(folder, tmp_path):
    store, make = Store(tmp_path), partial(load, tmp_path / "log")
    whole = job(folder, tmp_path / "log")
    key = whole.backbone.key
    assert answer(replace(whole, backbone=None), store, make, key) == 4
    assert store.load((0, 4)).features.shape == (4, 2, 5)

    broken = replace(whole, files=[*whole.files[:3], folder / CLIPS[22]])
    with pytest.raises(ClipError, match=r'^Clip 4 of 4, "3\.mp4": .*22\.mp4 can\'t be opened'):
        answer(broken, store, make, key)
    assert answer(replace(broken, strict=False), store, make, key) == 4
    ((number, reason),) = store.load((0, 4)).notes
    assert number == 3
    assert "22.mp4 can't be opened" in reason
    with pytest.raises(CatsplitError, match="has other weights"):
        answer(whole, store, make, "another key")

    def gone():
        raise CatsplitError("mvd.pth doesn't exist.")

    with pytest.raises(CatsplitError, match=r"^mvd\.pth doesn't exist\.$"):
        answer(whole, store, gone, key)


def test_without_ray(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CatsplitError, match=r"^Ray isn't installed: pip install 'catsplit\[ray\]'\.$"):
        distributed.extract(CLIPS, folder.joinpath, partial(load, tmp_path / "log"), SAMPLING, processes=2)


@pytest.mark.parametrize("wrong", [{"processes": 0}, {"processes": 1, "cpus": 0}, {"processes": 1, "gpus": -1}])
def test_numbers_out_of_range(folder, tmp_path, wrong):
    with pytest.raises(CatsplitError, match="at least 1"):
        distributed.extract(CLIPS, folder.joinpath, partial(load, tmp_path / "log"), SAMPLING, **wrong)
