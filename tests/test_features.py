"""Features of a set of clips: made once, whatever is killed, damaged, broken or asked for twice."""

import csv
import errno
import hashlib
import importlib
import json
import os
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from clipfiles import write_clip
from torch import nn

from catsplit.backbones import (
    Backbone,
    Normalise,
    accelerated,
    from_module,
    state_key,
)
from catsplit.errors import CacheError, CatsplitError, ClipError
from catsplit.extraction import shards as extraction
from catsplit.extraction import store as featurestore
from catsplit.features import extract
from catsplit.video import PRESETS, Sampling, read_views

CLIPS = tuple(f"{number}.mp4" for number in range(44))
SAMPLING = Sampling(frames=4, segments=2, crops=1, short_side=16, crop_size=12, min_frames=4)
SHARD, BATCH = 8, 3  # 6 shards, the last of 4; batches of 3, 3 and 2
DIM = 5


class Counting:
    """A backbone that writes down how many views it saw, and may be slow or fail."""

    def __init__(self, log, *, seconds=0, fail_at=None, error=RuntimeError):
        self.log, self.seconds, self.fail_at, self.error = log, seconds, fail_at, error
        self.name, self.key, self.dim = "counting", "counting-1", DIM
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.randn(4 * 12 * 12 * 3, DIM, generator=generator)

    def __call__(self, views):
        if self.fail_at is not None and self.seen() >= self.fail_at:
            raise self.error("told to fail")
        with open(self.log, "a") as file:
            file.write(f"{len(views)}\n")
        time.sleep(self.seconds)
        return views.flatten(1).float() @ self.weight / 1000

    def seen(self):
        """Clips so far."""
        return sum(map(int, self.log.read_text().split())) // 2 if self.log.exists() else 0


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(extraction, "SHARD", SHARD)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for seed, clip in enumerate(CLIPS):
        write_clip(folder / clip, frames=6, height=20, width=26, seed=seed)
    return folder


@pytest.fixture
def own(tmp_path, folder):
    """A folder of one's own with links to the clips, in which some may be broken."""
    own = tmp_path / "own"
    own.mkdir()
    for clip in CLIPS:
        (own / clip).symlink_to(folder / clip)
    return own


@pytest.fixture
def backbone(tmp_path):
    return Counting(tmp_path / "log")


def run(folder, backbone, cache, clips=CLIPS, sampling=SAMPLING, **options):
    options = {"batch_size": BATCH, "progress": False} | options
    return extract(clips, lambda clip: folder / clip, backbone, sampling, cache=cache, **options)


def array(cache):
    (found,) = cache.glob("features/*/features.npy")
    return found


def spoil(path, position):
    """Change one byte."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def break_some(own):
    """Break five clips, each in its own way; {index: what its reason says}."""
    whole = (own / CLIPS[0]).read_bytes()
    for index in (2, 8, 9, 21, 43):
        (own / CLIPS[index]).unlink()
    (own / CLIPS[8]).write_bytes(b"")
    (own / CLIPS[9]).write_bytes(whole[: len(whole) // 2])
    (own / CLIPS[21]).write_bytes(b"text" * 500)
    write_clip(own / CLIPS[43], frames=3)
    return {2: "doesn't exist", 8: "empty", 9: "truncated", 21: "can't be opened", 43: "too short"}


@pytest.fixture(scope="module")
def undisturbed(folder, tmp_path_factory):
    """The bytes of the array that a run without any trouble makes."""
    cache = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "SHARD", SHARD)
        run(folder, Counting(cache / "log"), cache)
    return array(cache).read_bytes()


def test_features_equal_a_plain_loop(folder, backbone, tmp_path):
    result = run(folder, backbone, tmp_path)
    assert result.features.shape == (44, 2, DIM)
    assert result.features.dtype == np.float32
    assert isinstance(result.features, np.memmap)
    assert result.paths == CLIPS
    assert result.skipped == ()
    for row, clip in zip(result.features, CLIPS, strict=True):
        for view, features in zip(read_views(folder / clip, SAMPLING), row, strict=True):
            expected = view.reshape(-1).astype(np.float64) @ backbone.weight.double().numpy() / 1000
            np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3)
    assert backbone.seen() == 44


def test_a_second_use_reads_the_cache_without_a_word(folder, backbone, tmp_path, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = run(folder, backbone, tmp_path, progress=True)  # no terminal here: a bar is for people
        again = run(folder, backbone, tmp_path, workers=1, batch_size=1, on_error="skip", source="val.csv")
    assert capsys.readouterr() == ("", "")
    np.testing.assert_array_equal(first.features, again.features)
    assert backbone.seen() == 44
    assert not list(tmp_path.rglob("0*"))


def test_rows_are_found_by_path(folder, backbone, tmp_path):
    result = run(folder, backbone, tmp_path)
    assert result.index("7.mp4") == 7
    assert "7.mp4" in result
    assert "x.mp4" not in result
    assert len(result) == 44
    rows = result.rows_of(["7.mp4", "3.mp4", "7.mp4"])
    np.testing.assert_array_equal(rows, result.features[[7, 3, 7]])
    assert type(rows) is np.ndarray
    assert result.rows_of([]).shape == (0, 2, DIM)
    with pytest.raises(ClipError, match=r'"x\.mp4" has no features: it isn\'t among the 44 clips'):
        result.index("x.mp4")


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_number_of_workers_does_not_matter(folder, backbone, tmp_path, undisturbed, workers):
    run(folder, backbone, tmp_path, workers=workers)
    assert array(tmp_path).read_bytes() == undisturbed


def test_what_features_depend_on_is_in_the_key(folder, own, backbone, tmp_path):
    def folders():
        return len(list(tmp_path.glob("features/*")))

    run(folder, backbone, tmp_path)
    run(folder, backbone, tmp_path, clips=CLIPS[::-1])
    assert folders() == 2
    run(folder, backbone, tmp_path, sampling=Sampling(4, 2, 1, 17, 12, 4))
    assert folders() == 3
    backbone.key = "counting-2"
    run(folder, backbone, tmp_path)
    assert folders() == 4
    run(own, backbone, tmp_path)  # the same clips in another folder
    assert folders() == 4
    (own / CLIPS[5]).unlink()
    write_clip(own / CLIPS[5], frames=9)
    run(own, backbone, tmp_path)  # a clip of another size
    assert folders() == 5


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_features as t
t.extraction.SHARD = t.SHARD
folder, cache, log, seconds = Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), float(sys.argv[5])
print("ready", flush=True)
sys.stdin.readline()
result = t.run(folder, t.Counting(log, seconds=seconds), cache)
print(t.hashlib.sha256(result.features.tobytes()).hexdigest(), flush=True)
"""


def start(folder, cache, log, seconds=0):
    """Another process that extracts the features of all clips when it is told to."""
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), folder, cache, log, str(seconds)]
    root = str(Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def go(process):
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("\n")
    process.stdin.flush()


def wait_for_shards(cache, count):
    deadline = time.monotonic() + 120
    while len(list(cache.glob("features/*/shards/0*.json"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_two_processes_share_the_work_of_one(folder, tmp_path, undisturbed):
    log = tmp_path / "log"
    processes = [start(folder, tmp_path, log, seconds=0.02) for _ in range(2)]
    for process in processes:
        go(process)
    hashes = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert len(hashes) == 1
    assert array(tmp_path).read_bytes() == undisturbed
    assert Counting(log).seen() == 44


@pytest.mark.slow
def test_one_who_waits_for_a_killed_one_takes_over_and_ends_with_the_same_bytes(folder, tmp_path, undisturbed):
    first, second = (start(folder, tmp_path, tmp_path / name, seconds=0.1) for name in ("first", "second"))
    go(first)
    wait_for_shards(tmp_path, 1)
    go(second)
    time.sleep(0.3)
    assert not (tmp_path / "second").exists()
    first.kill()
    first.communicate()
    (shards,) = tmp_path.glob("features/*/shards")
    (shards / ".half-written.npy").write_bytes(b"half")
    second.communicate(timeout=120)
    assert second.returncode == 0
    assert array(tmp_path).read_bytes() == undisturbed
    assert Counting(tmp_path / "second").seen() <= 44 - SHARD
    assert sorted(path.name for path in shards.parent.iterdir()) == ["features.npy", "lock", "manifest.json"]


def test_an_interrupted_run_keeps_its_shards_and_a_damaged_one_is_made_again(
    folder, backbone, tmp_path, undisturbed
):
    stopped = Counting(tmp_path / "stopped", fail_at=30, error=KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        run(folder, stopped, tmp_path)
    shards = sorted(tmp_path.glob("features/*/shards/*.npy"))
    assert [shard.name for shard in shards] == [f"{8 * i:08d}-{8 * i + 8:08d}.npy" for i in range(3)]
    spoil(shards[1], -1)
    with pytest.warns(UserWarning, match=f"{shards[1].name} are damaged .*making them again"):
        run(folder, backbone, tmp_path)
    assert backbone.seen() == 44 - 2 * SHARD
    assert array(tmp_path).read_bytes() == undisturbed


@pytest.mark.parametrize("how", ["first value", "last value", "cut", "gone", "manifest", "skipped", "no manifest"])
@pytest.mark.parametrize("large", [False, True])
def test_a_damaged_cache_is_noticed_and_made_again(
    folder, backbone, tmp_path, undisturbed, monkeypatch, how, large
):
    run(folder, backbone, tmp_path)
    path = array(tmp_path)
    manifest = path.with_name("manifest.json")
    if large:
        monkeypatch.setattr(featurestore, "WHOLE", 0)
    if how == "first value":
        spoil(path, 128)
    elif how == "last value":
        spoil(path, -1)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:-4])
    elif how == "gone":
        path.unlink()
    elif how == "manifest":
        manifest.write_text(manifest.read_text()[:100])
    elif how == "skipped":
        content = json.loads(manifest.read_text())
        content["content"]["skipped"] = [[1, "changed"]]
        manifest.write_text(json.dumps(content))
    if how == "no manifest":
        manifest.unlink()  # killed between the two files: nothing is damaged
        run(folder, backbone, tmp_path)
    else:
        with pytest.warns(UserWarning, match=r"features\.npy are damaged .*making them again") as said:
            run(folder, backbone, tmp_path)
        assert len(said) == 1
    assert backbone.seen() == 2 * 44
    assert path.read_bytes() == undisturbed


def test_broken_clips_are_skipped_and_listed_and_no_other(own, folder, backbone, tmp_path):
    whole = run(folder, Counting(tmp_path / "whole"), tmp_path / "elsewhere")
    broken = break_some(own)
    for _ in range(2):  # made, then from the cache
        with pytest.warns(UserWarning, match=r"5 of the 44 clips of val\.csv were left out .* in row 3: .*exist"):
            result = run(own, backbone, tmp_path, on_error="skip", source="val.csv")
        assert [path for path, _ in result.skipped] == [CLIPS[index] for index in broken]
        for (path, reason), words in zip(result.skipped, broken.values(), strict=True):
            assert words in reason
            assert path in reason
            assert path not in result
        assert result.paths == tuple(clip for index, clip in enumerate(CLIPS) if index not in broken)
        np.testing.assert_allclose(result.features, whole.rows_of(result.paths), rtol=1e-5)
        assert backbone.seen() == 44 - 5
    with pytest.raises(ClipError, match="was skipped, because .*9.mp4 is truncated"):
        result.index("9.mp4")
    result.write_left_out(tmp_path / "left out" / "list.csv")
    with open(tmp_path / "left out" / "list.csv", newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["clip", "reason"], *map(list, result.skipped)]


def test_short_clips_count_and_are_told(own, backbone, tmp_path):
    short = {CLIPS[3]: 3, CLIPS[20]: 1, CLIPS[21]: 2}
    for clip in (*short, CLIPS[4]):
        (own / clip).unlink()
    for clip, count in short.items():
        write_clip(own / clip, frames=count, height=20, width=26)
    for _ in range(2):  # made, then from the cache
        with pytest.warns(UserWarning, match="1 of the 44 clips"):
            result = run(own, backbone, tmp_path, sampling=replace(SAMPLING, min_frames=None), on_error="skip")
        assert dict(result.short) == short
        assert len(result) == backbone.seen() == 43
    with pytest.warns(UserWarning, match="4 of the 44 clips"):
        left_out = run(own, backbone, tmp_path, on_error="skip")
    assert (left_out.short, len(left_out)) == ((), 40)
    assert left_out.skipped[0][1].endswith("is too short: it has 3 frames, the sampling needs 4.")


def test_a_broken_clip_is_an_error_with_its_row(own, backbone, tmp_path):
    break_some(own)
    with pytest.raises(ClipError) as caught:  # missing and empty files are found before any work
        run(own, backbone, tmp_path, source="val.csv")
    message = str(caught.value)
    assert message.startswith(f'Row 3 of val.csv, "2.mp4": {own / "2.mp4"} doesn\'t exist.')
    assert "2 files in all are missing or empty" in message
    assert 'on_error="skip"' in message
    assert backbone.seen() == 0
    for index in (2, 8):
        (own / CLIPS[index]).unlink(missing_ok=True)
        write_clip(own / CLIPS[index], frames=6, height=20, width=26)
    with pytest.raises(ClipError, match=r'Row 10 of val\.csv, "9\.mp4": .* is truncated'):
        run(own, backbone, tmp_path, source="val.csv")
    with pytest.raises(ClipError, match=r'Clip 10 of 44, "9\.mp4"'):
        run(own, backbone, tmp_path)


def test_what_raise_finished_skip_goes_on_with_and_raise_never_takes_what_skip_left(own, backbone, tmp_path):
    content = (own / CLIPS[21]).read_bytes()
    (own / CLIPS[21]).unlink()
    (own / CLIPS[21]).write_bytes(bytes(len(content)))
    with pytest.raises(ClipError, match="Clip 22 of 44"):
        run(own, backbone, tmp_path)
    done = backbone.seen()
    assert done >= 2 * SHARD
    with pytest.warns(UserWarning, match="1 of the 44 clips were left out"):
        skipping = run(own, backbone, tmp_path, on_error="skip")
    assert len(skipping) == 43
    assert backbone.seen() == done + 44 - 2 * SHARD - 1
    done = backbone.seen()
    with pytest.raises(ClipError, match="Clip 22 of 44"):
        run(own, backbone, tmp_path)
    assert backbone.seen() == done
    # Mended without a change of size: only the shard of the clip is made again.
    (own / CLIPS[21]).write_bytes(content)
    with pytest.warns(UserWarning, match="can be read now"):
        mended = run(own, backbone, tmp_path)
    assert mended.paths == CLIPS
    assert backbone.seen() == done + SHARD
    np.testing.assert_array_equal(mended.rows_of(skipping.paths)[:16], skipping.features[:16])
    np.testing.assert_allclose(mended.rows_of(skipping.paths), skipping.features, rtol=1e-5)


def test_an_error_of_resolving_is_a_broken_clip(folder, backbone, tmp_path):
    def resolve(clip):
        if clip == "4.mp4":
            raise ClipError("4.mp4 could be either of two files.")
        return folder / clip

    with pytest.raises(ClipError, match="Clip 5 of 44, .*either of two"):
        extract(CLIPS, resolve, backbone, SAMPLING, cache=tmp_path, progress=False)
    with pytest.warns(UserWarning, match="row 5: 4.mp4 could be"):
        result = extract(CLIPS, resolve, backbone, SAMPLING, cache=tmp_path, progress=False, on_error="skip")
    assert result.skipped == (("4.mp4", "4.mp4 could be either of two files."),)


def test_nothing_but_broken_clips(backbone, tmp_path):
    with pytest.raises(ClipError, match="None of the 44 clips can be read; the first: .*0.mp4 doesn't exist"):
        run(tmp_path, backbone, tmp_path, on_error="skip")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"on_error": "ignore"}, "on_error"), ({"workers": 0}, "workers"), ({"batch_size": -1}, "batch_size"),
     ({"clips": ()}, "no clips")],
)
def test_arguments_out_of_range(folder, backbone, tmp_path, wrong, words):
    with pytest.raises(CatsplitError, match=words):
        run(folder, backbone, tmp_path, **wrong)


def test_a_cache_that_cannot_be_written(folder, backbone, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match="Can't write to"):
        run(folder, backbone, tmp_path / "file")
    monkeypatch.setenv("CATSPLIT_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(CacheError, match="CATSPLIT_CACHE"):
        run(folder, backbone, None)


def test_a_full_disk_keeps_what_is_finished(folder, backbone, tmp_path, undisturbed, monkeypatch):
    header, shards = np.lib.format.write_array_header_1_0, []

    def fill(file, about):
        shards.append(file)
        header(file, about)
        if len(shards) > 3:
            raise OSError(errno.ENOSPC, "No space left on device", file.name)

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array_header_1_0", fill)
        with pytest.raises(CacheError, match="is full"):
            run(folder, backbone, tmp_path)
    before = backbone.seen()
    run(folder, backbone, tmp_path)
    assert backbone.seen() == before + 44 - 3 * SHARD
    assert array(tmp_path).read_bytes() == undisturbed


def test_a_backbone_that_misbehaves(folder, backbone, tmp_path):
    class Wrong(Counting):
        def __call__(self, views):
            return torch.zeros(len(views), 3) if self.factor is None else super().__call__(views) * self.factor

    wrong = Wrong(tmp_path / "log")
    wrong.factor = None
    with pytest.raises(CatsplitError, match=r'"counting" gave \(6, 3\) for 6 views, expected \(6, 5\)'):
        run(folder, wrong, tmp_path)
    wrong.factor = torch.ones(6, 1)
    wrong.factor[3] = float("nan")
    with pytest.raises(CatsplitError, match=r'aren\'t finite for "1\.mp4"'):
        run(folder, wrong, tmp_path)


def network():
    torch.manual_seed(0)
    pooled = nn.AdaptiveAvgPool3d((4, 2, 2)), nn.Flatten()
    return nn.Sequential(*pooled, nn.BatchNorm1d(48), nn.Dropout(), nn.Linear(48, DIM))


def test_any_module_becomes_a_backbone(folder, tmp_path):
    backbone = from_module(network(), DIM)
    assert isinstance(backbone, Backbone)
    assert backbone.name == "Sequential"
    features = run(folder, backbone, tmp_path).features
    module = network().eval()
    with torch.no_grad():
        for clip, row in zip(CLIPS[:3], features, strict=False):
            views = torch.from_numpy(read_views(folder / clip, SAMPLING))
            x = (views / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
            np.testing.assert_allclose(row, module(x.permute(0, 4, 1, 2, 3)), rtol=1e-4, atol=1e-5)
    views = torch.zeros(2, 4, 12, 12, 3, dtype=torch.uint8)
    head = nn.Linear(DIM, 2)
    head(backbone(views)).sum().backward()  # what comes out may be learnt from
    with pytest.raises(CatsplitError, match=r"\(B, T, H, W, 3\), not \(4, 12, 12, 3\)"):
        backbone(views[0])
    with pytest.raises(CatsplitError, match=r"gave \(2, 5\) for 2 views, expected \(2, 7\)"):
        from_module(network(), 7)(views)


def test_another_method_of_the_module_may_give_the_features():
    class WithHead(nn.Linear):
        def features(self, views):
            return views.mean((1, 2, 3))

    views = torch.randint(0, 256, (2, 4, 5, 6, 3), dtype=torch.uint8)
    backbone = from_module(WithHead(3, 9), 3, method="features", transform=torch.Tensor.float, name="mean colour")
    torch.testing.assert_close(backbone(views), views.float().mean((1, 2, 3)))
    assert backbone.key != from_module(backbone.module, 3, transform=torch.Tensor.float).key


def test_the_key_of_a_backbone_tells_weights_and_transform_apart_and_nothing_else():
    first, second = network(), network()
    assert from_module(first, DIM).key == from_module(second, DIM, name="other").key
    assert from_module(first, DIM).key != from_module(first, DIM, transform=Normalise(std=(1, 1, 1))).key
    assert from_module(first, DIM).key != from_module(first, DIM, architecture="v2").key

    class Callable_:
        def __call__(self, views):
            return views

    def key_of(transform):
        return from_module(first, DIM, transform=transform).key

    assert key_of(lambda x: x / 255) == key_of(lambda x: x / 255)
    assert key_of(lambda x: x / 255) != key_of(lambda x: x / 256)
    assert key_of(lambda x: [y / 255 for y in x]) != key_of(lambda x: [y / 256 for y in x])
    assert key_of(lambda x: x.float()) != key_of(lambda x: x.half())

    # Whatever prints its address in memory must not make a new key in every run.
    assert key_of(Callable_()) == key_of(Callable_())
    backbone = from_module(second, DIM)
    before = backbone.key
    with torch.no_grad():
        second[2].running_mean[0] += 1e-6
    assert backbone.key != before  # trained further after it was wrapped


def test_the_key_of_weights_is_a_plain_hash():
    module = nn.Linear(2, 1, dtype=torch.bfloat16)
    with torch.no_grad():
        module.weight.fill_(1)
        module.bias.fill_(-2)
    expected = b"x\nweight torch.bfloat16 (1, 2)\n\x80\x3f\x80\x3f\nbias torch.bfloat16 (1,)\n\x00\xc0"
    assert state_key(module, "x") == hashlib.sha256(expected).hexdigest()
    assert len(state_key(nn.BatchNorm1d(3))) == 64  # a count without dimensions


class Overlapping(Counting):
    """A backbone that gives its features later, as a GPU does, and writes down when it is asked."""

    def __init__(self, log):
        super().__init__(log)
        self.told = []

    def start(self, views):
        number, features = self.told.count("start"), super().__call__(views)
        self.told.append("start")

        def wait():
            self.told.append(number)
            return features

        return wait


def test_the_next_batch_has_begun_when_the_features_of_one_are_fetched(folder, tmp_path, undisturbed):
    backbone = Overlapping(tmp_path / "log")
    run(folder, backbone, tmp_path)
    assert array(tmp_path).read_bytes() == undisturbed
    batches = 5 * 3 + 2  # five shards in three batches each, and one in two: across their borders too
    expected = ["start"] + [told for number in range(batches - 1) for told in ("start", number)] + [batches - 1]
    assert backbone.told == expected


def test_what_is_under_way_is_finished_before_an_error_ends_the_run(own, tmp_path):
    (own / CLIPS[SHARD]).unlink()
    (own / CLIPS[SHARD]).write_bytes(b"text" * 500)  # the first clip of the second shard
    with pytest.raises(ClipError, match="Clip 9 of 44"):
        run(own, Overlapping(tmp_path / "log"), tmp_path)
    assert [path.name for path in tmp_path.rglob("0*.npy")] == ["00000000-00000008.npy"]


def test_half_precision_has_features_and_a_key_of_its_own():
    whole = from_module(network(), DIM)
    half = accelerated(whole, "cpu", compiled=False)
    assert half.module is whole.module
    assert accelerated(whole, "cpu", autocast=None, compiled=False).key == whole.key
    assert len({backbone.key for backbone in (whole, half, replace(half, autocast=torch.float16))}) == 3

    views = torch.randint(0, 256, (2, 4, 12, 12, 3), dtype=torch.uint8)
    assert half(views).dtype == torch.float32
    assert not half(views).is_inference()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = network().eval()(Normalise()(views))
    assert expected.dtype == torch.bfloat16
    torch.testing.assert_close(half(views), expected.float(), rtol=0, atol=0)
    torch.testing.assert_close(half(views), whole(views), rtol=0.05, atol=0.05)
    assert not torch.equal(half(views), whole(views))


def test_a_module_is_compiled_once(monkeypatch):
    compiled = []

    def compile_(run):
        compiled.append(run)
        return lambda x: run(x) + 1

    monkeypatch.setattr(torch, "compile", compile_)
    whole = from_module(network(), DIM)
    fast = accelerated(whole, "cpu", autocast=None)
    views = torch.randint(0, 256, (2, 4, 12, 12, 3), dtype=torch.uint8)
    for _ in range(2):
        torch.testing.assert_close(fast(views), whole(views) + 1)
    assert compiled == [fast.module]
    assert fast.key == whole.key


def test_the_benchmark_for_gpus_runs_without_one_too(root, monkeypatch, capsys):
    monkeypatch.syspath_prepend(root / "benchmarks")
    benchmark = importlib.import_module("extract_gpu")
    width, tokens = 384, 8 * 14 * 14
    blocks = 12 * (24 * tokens * width**2 + 4 * tokens**2 * width)  # qkv, proj and MLP; both products of attention
    assert benchmark.flops(False, PRESETS["ssv2"]) == blocks + 2 * tokens * (2 * 16 * 16 * 3) * width
    benchmark.main(["--quick", "--device", "cpu", "--seconds", "0.01", "--workers", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert "SAYS NOTHING ABOUT A GPU" in lines[2]
    assert sum(line.startswith("| bfloat16 |") for line in lines) == 1
    assert sum(line.startswith("| 16 mp4 |") for line in lines) == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="no CUDA device here"):
        benchmark.main([])
