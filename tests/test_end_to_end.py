"""From a folder of videos to the paper's tables, one command each, with broken clips and a kill on the way."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from clipfiles import write_clip
from madeup_videos import make_ssv2

from catsplit import cli
from catsplit.benchmark import Benchmark
from catsplit.features import extract
from catsplit.models.hub import load_transformers
from catsplit.results import read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """500 clips, five of them broken and one short, and a small VideoMAE whose head was fitted to those of part A."""
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    folder, patch = tmp_path_factory.mktemp("ssv2"), pytest.MonkeyPatch()
    patch.setenv("CATSPLIT_CACHE", str(folder / "cache"))
    ssv2 = make_ssv2(folder)
    benchmark = Benchmark.open(ssv2.annotations, "A", videos=ssv2.videos)
    write_clip(benchmark.path(short_of(ssv2)), frames=5, height=240, width=320)
    torch.manual_seed(0)
    config = VideoMAEConfig(
        image_size=32, patch_size=16, num_frames=8, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64, use_mean_pooling=True, id2label=dict(enumerate(benchmark.labels)),
        label2id={label: row for row, label in enumerate(benchmark.labels)},
    )  # fmt: skip
    model = VideoMAEForVideoClassification(config).eval()
    model.save_pretrained(folder / "model")
    with pytest.warns(UserWarning, match="no preprocessor"):
        base = load_transformers(folder / "model")
    train = benchmark.clips("train")
    with pytest.warns(UserWarning, match="left out"):
        known = extract(train["path"], benchmark.path, base.backbone, base.sampling, on_error="skip", progress=False)
    rows = dict(zip(train["path"], train["row"], strict=True))
    x = torch.from_numpy(np.array(known.features)).mean(1)
    y = torch.nn.functional.one_hot(torch.tensor([rows[path] for path in known.paths]), len(benchmark.labels)).float()
    model.fc_norm.bias.data -= x.mean(0)
    x = x - x.mean(0)
    ridge = torch.linalg.solve(x.T @ x + 1e-3 * torch.eye(32), x.T @ (y - y.mean(0)))
    model.classifier.weight.data, model.classifier.bias.data = 20 * ridge.T.contiguous(), 20 * y.mean(0)
    model.save_pretrained(folder / "model")
    shutil.rmtree(folder / "cache")
    yield ssv2, folder / "model"
    patch.undo()


def short_of(ssv2):
    return next(clip for clip in ssv2.sets["val"] if clip not in ssv2.broken)


def run(capsys, *arguments):
    status = cli.main(list(map(str, arguments)))
    return status, *capsys.readouterr()


def files(folder, pattern):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob(pattern) if path.is_file()}


@pytest.mark.filterwarnings("ignore:.*(left out|no preprocessor|can't be made)")
def test_from_check_to_tables_with_a_kill_on_the_way(made, cache, tmp_path, monkeypatch, capsys):
    ssv2, model = made
    broken = {kind: {clip for clip in ssv2.broken if clip in ssv2.sets[kind]} for kind in ssv2.sets}
    assert sum(map(len, broken.values())) == 5
    where = ("--videos", ssv2.videos)
    by = (*where, "--model", model)

    status, said, _ = run(capsys, "check", ssv2.annotations, *where, "--deep")
    assert status == 1
    for clip in ssv2.broken:
        assert clip in said or clip.split(".")[0] in said

    # Killed as soon as the first shard is there, and started again.
    command = [sys.executable, "-m", "catsplit.cli", *map(str, ("extract", ssv2.annotations, *by))]
    extraction = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ.copy())
    deadline = time.monotonic() + 240
    while not list(cache.glob("features/*/shards/*.json")) and time.monotonic() < deadline:
        assert extraction.poll() is None, "the extraction ended before it could be killed"
        time.sleep(0.01)
    extraction.send_signal(signal.SIGKILL)
    extraction.wait()
    assert not list(cache.glob("features/*/manifest.json"))
    status, said, _ = run(capsys, "extract", ssv2.annotations, *by)
    assert status == 0
    left_out = set(re.findall(r"left out: (\S+):", said))
    assert left_out == broken["val"]
    assert f"{len(left_out)} of {len(ssv2.sets['val'])} clips were left out" in said
    assert "1 clips have so few frames that some are repeated (see --leave-out-short)." in said

    out = tmp_path / "results.csv"
    sweep = ("sweep", ssv2.annotations, *by, "--seeds", 0, 1, "--initial", "coarse", "alignment", "--out")
    assert run(capsys, *sweep, out)[0] == 0
    table = read(out)
    assert set(table["benchmark"]) == {"SSv2-Split"}
    benchmark = Benchmark.open(ssv2.annotations, "A")
    for split in benchmark.splits:
        lines = table[table["coarse"] == split.coarse]
        for column, clips in (
            ("equivalent", benchmark.equivalent_set(split.coarse)), ("unrelated", benchmark.unrelated_set(split.coarse))
        ):  # fmt: skip
            assert set(lines[column]) == {len(set(clips["path"]) - broken["val"])}
    assert run(capsys, "tables", out, "--out", tmp_path / "tables")[0] == 0
    text = (tmp_path / "tables" / "tables.md").read_text()
    assert "synthetic" not in text
    assert "### Published: zero-shot comparison" in text

    # The same from nothing, without a kill, and named by a file: the same bytes.
    monkeypatch.setenv("CATSPLIT_CACHE", str(tmp_path / "anew"))
    names = {"benchmark": ssv2.annotations, "videos": ssv2.videos, "model": model, "results": "anew.csv"}
    setting = tmp_path / "ssv2.toml"
    setting.write_text("seeds = [0, 1]\n" + "".join(f'{key} = "{value}"\n' for key, value in names.items()))
    assert run(capsys, "check", "--setting", setting)[0] == 1
    assert run(capsys, "extract", "--setting", setting)[0] == 0
    assert run(capsys, "sweep", "--setting", setting, "--initial", "coarse", "alignment")[0] == 0
    # Of the validation clips; of the training clips drawn; and of those drawn in place of a broken one.
    assert len(files(cache, "features.npy")) == 3
    assert files(cache, "features.npy") == files(tmp_path / "anew", "features.npy")
    assert run(capsys, "tables", "--setting", setting, "--out", tmp_path / "again")[0] == 0
    assert files(tmp_path / "again", "*") == files(tmp_path / "tables", "*")

    status, said, _ = run(capsys, "extract", ssv2.annotations, *by, "--leave-out-short")
    assert set(re.findall(r"left out: (\S+):", said)) == broken["val"] | {short_of(ssv2)}
    assert "are repeated" not in said


@pytest.mark.filterwarnings("ignore:.*(left out|no preprocessor|never saw)")
@pytest.mark.parametrize("name", ["some/clip", "microsoft/xclip-base-patch32"])
def test_a_vision_language_model_is_swept_beside_the_others(made, cache, tmp_path, monkeypatch, capsys, name):
    from catsplit import vlm
    from catsplit.models import xclip
    from catsplit.stage import captions

    asked = []
    monkeypatch.setattr(vlm, "load", lambda model, device: asked.append((model, None)) or captions.load())
    monkeypatch.setattr(xclip, "load", lambda model, texts, device: asked.append((model, texts)) or captions.load())
    ssv2, model = made
    given = (ssv2.annotations, "--videos", ssv2.videos, "--model", model, "--vision-language", name)
    more = ("--methods", "vision-language", "copies", "--seeds", 0, "--out", tmp_path / "x.csv")
    assert run(capsys, "sweep", *given, *more)[0] == 0
    table = read(tmp_path / "x.csv")
    benchmark = Benchmark.open(ssv2.annotations, "A")
    assert (table[table["method"] == "vision-language"]["locality"] == 1).all()
    texts = [text for split in benchmark.splits for text in split.subcategories]
    assert asked == [(name, texts if "xclip" in name else None)]
