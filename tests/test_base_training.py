"""Fine-tuning of a base model: a tiny VideoMAE on a made-up benchmark of a few short clips."""

import gc
import json
import multiprocessing
import os
import random
import re
import socket
from dataclasses import replace
from types import SimpleNamespace

import decord
import numpy as np
import pytest
import torch
from clipfiles import write_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from madeup import world
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEForVideoClassification

from catsplit.benchmark import Benchmark
from catsplit.errors import CatsplitError, ClipError
from catsplit.models import hub as hubmodels
from catsplit.models import pretrained, videomae
from catsplit.training import base as training
from catsplit.training import folder as trainingfolder
from catsplit.training import loop as trainingloop
from catsplit.training import views as trainingviews
from catsplit.training.base import PUBLISHED, Recipe, train
from catsplit.training.loop import Objective
from catsplit.training.views import Order, TrainingViews, collate, drawn, loader, seeded

PLAIN = Recipe(epochs=2, warmup=0, drop_path=0, smoothing=0, mixup=0, cutmix=0, policy="", erasing=0, samples=1)
TINY = {"width": 32, "depth": 2, "heads": 2, "frames": 4, "image_size": 32}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Networks as small as these only lose time by many threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    """Part A: 10 labels, 13 training clips of 9 to 15 frames."""
    folder = tmp_path_factory.mktemp("benchmark")
    made = world(folder / "annotations", per_label=1).benchmark
    for number, name in enumerate(made.clips("train")["path"]):
        path = folder / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(path, frames=9 + number % 7, height=40, width=48, seed=number)
    return Benchmark.open(folder / "annotations", "A", folder / "videos")


@pytest.fixture(scope="module")
def start(benchmark):
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return videomae.network(benchmark.labels, positions="mvd", **TINY)


def trained(benchmark, start, out, **options):
    return train(benchmark, start, out, **({"batch": 4, "workers": 0, "progress": False} | options))


def views_of(benchmark, **options):
    table = benchmark.clips("train")
    files = [benchmark.path(name) for name in table["path"]]
    return TrainingViews(files, list(table["row"]), **({"frames": 4, "size": 32, "seed": 3} | options))


# From clips to views


@given(count=st.integers(1, 400), frames=st.integers(1, 32), seed=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_each_stretch_of_a_clip_gives_one_frame(count, frames, seed):
    found = drawn(count, frames, np.random.default_rng(seed))
    tick = (count - 1) / frames
    assert len(found) == frames
    for place, frame in enumerate(found):
        assert int(np.round(tick * place)) <= frame <= int(np.round(tick * (place + 1)))
    assert (np.diff(found) >= 0).all()


def test_every_frame_of_a_clip_is_drawn_at_times():
    generator = np.random.default_rng(0)
    assert {int(frame) for _ in range(200) for frame in drawn(37, 8, generator)} == set(range(37))


def test_generators_go_on_as_if_nothing_had_been():
    def numbers():
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    expected = [numbers(), numbers()]
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    first = numbers()
    with seeded(7, 1):
        inside = numbers()
    assert [first, numbers()] == expected
    with seeded(7, 1):
        assert numbers() == inside
    with seeded(7, 2):
        assert not set(numbers()) & set(inside)


def test_views_follow_from_seed_epoch_and_clip_alone(benchmark):
    views, count = views_of(benchmark), len(benchmark.clips("train"))
    first = views[5]
    assert first["views"].shape == (2, 4, 32, 32, 3)
    assert first["views"].dtype == torch.uint8
    assert first["row"] == benchmark.clips("train")["row"][5]
    random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
    views[6]
    assert torch.equal(views[5]["views"], first["views"])
    others = [views[5 + count], views_of(benchmark, seed=4)[5]]
    assert all(other["row"] == first["row"] for other in others)
    seen = [*first["views"], *(view for other in others for view in other["views"])]
    for number, one in enumerate(seen):
        for other in seen[:number]:
            assert not torch.equal(one, other), "two samples, epochs or seeds gave the same view"


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_make_the_same_batches(benchmark, workers):
    """Even where readers that nobody needs any more lie about in the process that they come from."""
    views = views_of(benchmark)
    rubbish = [decord.VideoReader(str(file), num_threads=1) for file in views.files[:4]]
    rubbish.append(rubbish)
    del rubbish
    order = Order(len(views), 2)
    order.epoch = 1
    items = [views[number] for number in order]
    options = {"batch_size": 4, "sampler": order, "collate_fn": collate, "drop_last": True}
    batches = list(loader(views, workers, timeout=60, **options))
    assert len(batches) == 3
    for place, batch in enumerate(batches):
        mine = items[4 * place : 4 * place + 4]
        assert torch.equal(batch["views"], torch.cat([item["views"] for item in mine]))
        assert batch["rows"].tolist() == [row for item in mine for row in [item["row"]] * 2]
        assert batch["number"] == mine[0]["number"]


def test_an_epoch_shuffles_all_clips_anew():
    order, seen = Order(13, 0), []
    for epoch in range(3):
        order.epoch = epoch
        numbers = list(order)
        assert numbers == list(order)
        assert sorted(numbers) == list(range(13 * epoch, 13 * epoch + 13))
        seen.append([number % 13 for number in numbers])
    assert seen[0] != seen[1] != seen[2] != seen[0]
    assert list(Order(13, 1)) != seen[0]


@pytest.fixture
def ramps(monkeypatch):
    """Every clip is the same picture again and again: dark on the left, bright on the right."""
    picture = np.broadcast_to(np.linspace(60, 190, 60).astype(np.uint8)[None, :, None], (40, 60, 3))
    monkeypatch.setattr(trainingviews, "read_frames", lambda path, side: np.stack([picture] * 9))


def rises(view):
    """Whether a view is brighter on its right side."""
    halves = view.float().mean((0, 1, 3)).chunk(2)
    return bool(halves[0].mean() < halves[1].mean())


def test_left_stays_left(ramps):
    """Neither the crop nor the resizing mirrors anything, nor does any operation of RandAugment that moves pixels."""
    plain = TrainingViews(["a"], [0], frames=4, size=32, seed=0, policy="")
    assert all(rises(view) for number in range(100) for view in plain[number]["views"])
    mirrored = TrainingViews(["a"], [0], frames=4, size=32, seed=0, policy="", flip=True)
    ways = [rises(view) for number in range(100) for view in mirrored[number]["views"]]
    assert 60 < sum(ways) < 140
    augment = TrainingViews(["a"], [0], frames=4, size=32, seed=0).augment
    names = {op.name for op in augment.ops}
    moving = {name for name in names if re.match("Rotate|Shear|Translate", name)}
    pointwise = {
        "AutoContrast", "Equalize", "Invert", "PosterizeIncreasing", "SolarizeIncreasing", "SolarizeAdd",
        "ColorIncreasing", "ContrastIncreasing", "BrightnessIncreasing", "SharpnessIncreasing",
    }  # fmt: skip
    assert len(moving) == 5
    assert names == moving | pointwise, "is the new operation a mirror?"
    picture = Image.fromarray(trainingviews.read_frames("a", 0)[0])
    for op in augment.ops:
        op.prob = 1
        for seed in range(20):
            with seeded(seed):
                assert op.name not in moving or rises(torch.from_numpy(np.array(op(picture)))[None])
    assert PUBLISHED.flip is False


def test_all_frames_of_a_view_are_augmented_alike(ramps):
    views = TrainingViews(["a"], [0], frames=4, size=32, seed=0)
    changed = 0
    for number in range(20):
        for view in views[number]["views"]:
            assert (view == view[0]).all(), "the frames of a still clip became different"
            changed += not rises(view) or (view[0, :, :, 0] != view[0, :, :, 1]).any() or view.min() < 55
    assert changed > 5, "RandAugment did nothing"


def test_a_clip_is_never_replaced(benchmark, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(benchmark.path(benchmark.clips("train")["path"][0]).read_bytes()[:900])
    views = TrainingViews([bad], [0], frames=4, size=32, seed=0)
    with pytest.raises(ClipError, match=r"bad\.mp4"):
        views[0]
    short = views_of(benchmark, min_frames=11)
    with pytest.raises(ClipError, match="too short: it has 9 frames, training needs 11"):
        short[0]
    assert views_of(benchmark, frames=20, min_frames=3)[0]["views"].shape == (2, 20, 32, 32, 3)


# The objective


class Recorder(nn.Module):
    """In place of a VideoMAE of no blocks: remembers what it is shown, and answers with the mean of each frame."""

    def __init__(self, labels=4):
        super().__init__()
        self.config = SimpleNamespace(num_labels=labels)
        self.videomae = nn.Module()
        self.videomae.encoder = nn.Module()
        self.videomae.encoder.layer = nn.ModuleList()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, pixel_values):
        self.seen = pixel_values.detach()
        return SimpleNamespace(logits=self.scale * pixel_values.mean((2, 3, 4))[:, : self.config.num_labels])


def batch_of(count=6, frames=5, size=16):
    """Views of one colour each, which moves a little from frame to frame."""
    colours = torch.arange(count)[:, None] * 35 + torch.arange(frames)
    views = colours[:, :, None, None, None].expand(-1, -1, size, size, 3).to(torch.uint8)
    return views, torch.arange(count) % 4


def normal(views):
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((views / 255 - mean) / std).permute(0, 1, 4, 2, 3)


def test_without_augmentation_it_is_the_cross_entropy():
    objective, (views, rows) = Objective(Recorder(), replace(PLAIN, smoothing=0.3), 0).train(), batch_of()
    loss = objective(views, rows, 0)["loss"]
    assert torch.allclose(objective.network.seen, normal(views), atol=1e-6)
    total = 0.0
    for logits, row in zip(normal(views).mean((2, 3, 4))[:, :4].double(), rows.tolist(), strict=True):
        wanted = [0.3 / 4 + (0.7 if place == row else 0) for place in range(4)]
        total -= sum(share * value for share, value in zip(wanted, logits.log_softmax(0), strict=True))
    assert loss.item() == pytest.approx(total.item() / len(rows), rel=1e-5)


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0), (0, 1.0)])
def test_mixup_pairs_views_as_a_whole_and_their_labels_alike(mixup, cutmix):
    recipe = replace(PLAIN, mixup=mixup, cutmix=cutmix, smoothing=0.1)
    objective, (views, rows) = Objective(Recorder(), recipe, 0).train(), batch_of()
    shares = set()
    for number in range(20):
        loss = objective(views, rows, number)["loss"].item()
        seen, original = objective.network.seen, normal(views)
        other = original.flip(0)
        inside = (seen - original).abs().amax((0, 1, 2)) > 1e-6  # (H, W), the rectangle
        if cutmix:
            assert torch.allclose(torch.where(inside, other, original), seen, atol=1e-6)
            share = 1 - inside.float().mean().item()
            lines, columns = inside.any(1).sum(), inside.any(0).sum()
            assert inside.sum() == lines * columns, "the same rectangle in all frames"
        else:
            share = ((seen - other)[0].mean() / (original - other)[0].mean()).item()
            assert torch.allclose(share * original + (1 - share) * other, seen, atol=1e-5)
        labels = share * F.one_hot(rows, 4) + (1 - share) * F.one_hot(rows.flip(0), 4)
        wanted = 0.9 * labels + 0.1 / 4
        logits = seen.mean((2, 3, 4))[:, :4]
        assert loss == pytest.approx(-(wanted * logits.log_softmax(1)).sum(1).mean().item(), abs=2e-5)
        shares.add(round(share, 3))
    assert len(shares) > 5
    again = objective(views, rows, 7)["loss"].item()
    assert objective(views, rows, 7)["loss"].item() == again


def test_erasing_takes_the_same_rectangle_of_all_frames():
    objective, (views, rows) = Objective(Recorder(), replace(PLAIN, erasing=0.5), 0).train(), batch_of()
    touched = untouched = 0
    for number in range(10):
        objective(views, rows, number)
        for mine, original in zip(objective.network.seen, normal(views), strict=True):
            changed = (mine - original).abs() > 1e-6  # (T, 3, H, W)
            assert (changed.float().mean((2, 3)) == changed.float().mean()).all()
            assert (changed == changed[0, 0]).all()
            touched, untouched = touched + bool(changed.any()), untouched + (not changed.any())
    assert 15 < touched < 45
    assert untouched + touched == 60
    objective.eval()(views, rows, 0)
    assert torch.allclose(objective.network.seen, normal(views), atol=1e-6)


@torch.no_grad()
def test_drop_path_skips_whole_branches_of_late_blocks_more_often(start):
    network = pretrained.load_pretrained(start, start.config.id2label.values())
    frames = torch.randn(3, 4, 3, 32, 32)
    first, _ = network.videomae.encoder.layer
    whole = network.videomae(frames).last_hidden_state
    alone = first(network.videomae.embeddings(frames, None))
    objective = Objective(network, replace(PLAIN, drop_path=1 - 1e-9), 0)
    assert torch.allclose(objective.train().network.videomae(frames).last_hidden_state, alone, atol=1e-5)
    assert torch.allclose(objective.eval().network.videomae(frames).last_hidden_state, whole, atol=1e-5)
    assert not torch.allclose(whole, alone, atol=1e-2)


@pytest.mark.parametrize("depth", [2, 3])
def test_each_layer_learns_as_the_formula_says(depth):
    network = videomae.network(["a", "b"], positions="videomae", **(TINY | {"depth": depth}))
    groups = trainingloop.parameter_groups(Objective(network, PUBLISHED, 0), 0.01)
    found = {id(parameter): group for group in groups for parameter in group["params"]}
    assert len(found) == sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    rates = set()
    for name, parameter in network.named_parameters():
        if "patch_embeddings" in name:
            layer = 0
        elif block := re.search(r"layer\.(\d+)\.", name):
            layer = int(block[1]) + 1
        else:
            assert name.startswith(("fc_norm", "classifier"))
            layer = depth + 1
        group = found[id(parameter)]
        assert group["lr"] == pytest.approx(0.01 * 0.7 ** (depth + 1 - layer)), name
        assert group["weight_decay"] == (0.05 if parameter.ndim > 1 else 0), name
        rates.add(round(group["lr"], 9))
    assert len(rates) == depth + 2


# Training


def weights(out):
    return load_file(out / "model.safetensors")


def card(out):
    return json.loads((out / "training.json").read_text())


def close(one, other, tolerance):
    return max((one[name] - other[name]).abs().max().item() for name in one) <= tolerance


def test_it_learns_and_what_it_writes_is_a_base_model(benchmark, start, tmp_path, monkeypatch):
    monkeypatch.setattr(trainingviews, "SCALE", (0.9, 1.0))
    recipe = replace(PLAIN, epochs=9, warmup=1, learning_rate=1.0, layer_decay=1.0, samples=4)
    before = {name: weight.clone() for name, weight in start.state_dict().items()}
    out = trained(benchmark, start, tmp_path / "out", recipe=recipe)
    losses = card(out)["loss of each epoch"]
    assert losses[0] == pytest.approx(np.log(10), abs=0.3), "the new head begins with no opinion"
    assert losses[-1] < losses[0] / 2
    assert sorted(path.name for path in out.iterdir()) == [
        "clips.json", "config.json", "model.safetensors", "training.json"
    ]  # fmt: skip
    assert all(torch.equal(weight, before[name]) for name, weight in start.state_dict().items())
    model = hubmodels.load_transformers(out)
    assert model.head.labels == benchmark.labels
    assert (model.sampling.frames, model.sampling.crop_size) == (4, 32)
    assert torch.allclose(model.head.weight, weights(out)["classifier.weight"])
    # Whole clips as the base model sees them, through backbone and head: it knows its training clips.
    table, right = benchmark.clips("train"), 0
    from catsplit.video import Sampling, read_views

    for name, row in zip(table["path"], table["row"], strict=True):
        views = torch.from_numpy(read_views(benchmark.path(name), Sampling(4, 2, 1, 32, 32)))
        right += int(model.head.logits(model.backbone(views)).mean(0).argmax()) == row
    assert right >= 9, "of 13"


def test_a_stopped_training_ends_with_the_same_weights(benchmark, start, tmp_path, monkeypatch):
    recipe = Recipe(epochs=4, warmup=1, learning_rate=0.1, drop_path=0.3)
    whole = trained(benchmark, start, tmp_path / "whole", recipe=recipe)
    forward, steps = Objective.forward, []

    def stopping(self, *inputs, **named):
        steps.append(named["number"])
        if len(steps) == 8:  # of 3 steps an epoch: in the middle of the third
            raise KeyboardInterrupt
        return forward(self, *inputs, **named)

    monkeypatch.setattr(Objective, "forward", stopping)
    out = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        trained(benchmark, start, out, recipe=recipe)
    assert not (out / "config.json").exists()
    (out / "checkpoints" / "checkpoint-9").mkdir()  # what one leaves who is killed while it writes
    trained(benchmark, start, out, recipe=recipe)
    assert len(steps) == 8 + 6, "finished epochs were trained again"
    assert [number // 13 for number in steps] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3]
    assert close(weights(whole), weights(out), 0)
    assert card(whole) == card(out)
    assert weights(whole)["classifier.weight"].abs().max() > 1e-3, "it learned nothing"
    # Once more, it is done.
    trained(benchmark, start, out, recipe=recipe)
    assert len(steps) == 14


def test_who_is_killed_before_the_model_is_written_loses_nothing(benchmark, start, tmp_path, monkeypatch):
    recipe = replace(PLAIN, learning_rate=0.1)
    whole, out = trained(benchmark, start, tmp_path / "whole", recipe=recipe), tmp_path / "late"

    def killed(*inputs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainingfolder, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            trained(benchmark, start, out, recipe=recipe)
    assert not (out / "config.json").exists()
    trained(benchmark, start, out, recipe=recipe)
    assert close(weights(whole), weights(out), 0)
    assert card(whole) == card(out)


def test_batches_of_a_step_are_averaged_and_the_rate_follows_the_clips(benchmark, start, tmp_path, monkeypatch):
    recipe, seen = replace(PLAIN, learning_rate=0.1, smoothing=0.1, warmup=1, epochs=4), []
    real = trainingloop.loop

    def watched(*inputs):
        seen.append(real(*inputs))
        return seen[-1]

    monkeypatch.setattr(trainingloop, "loop", watched)
    one = trained(benchmark, start, tmp_path / "one", recipe=recipe, batch=4)
    two = trained(benchmark, start, tmp_path / "two", recipe=recipe, batch=2, accumulate=2)
    assert close(weights(one), weights(two), 1e-5)
    assert card(one)["loss of each epoch"] == pytest.approx(card(two)["loss of each epoch"], rel=1e-4)
    for trainer in seen:
        assert max(trainer.lr_scheduler.base_lrs) == pytest.approx(0.1 * 4 / 256)
        found = [trainer.lr_scheduler.lr_lambdas[0](step) for step in range(13)]
        expected = [step / 3 if step < 3 else 0.5 + 0.5 * np.cos(np.pi * (step - 3) / 9) for step in range(13)]
        assert found == pytest.approx(expected)
    trained(benchmark, start, tmp_path / "three", recipe=replace(recipe, epochs=1), batch=6)
    assert max(seen[-1].lr_scheduler.base_lrs) == pytest.approx(0.1 * 6 / 256)


def as_one_of_two(rank, port, *given, **options):
    """What torchrun gives to each of its processes, in a fork: three more interpreters would take half a minute."""
    from accelerate.state import AcceleratorState, PartialState

    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)
    PartialState._reset_state()
    about = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ.update({"MASTER_ADDR": "127.0.0.1"} | {name: str(value) for name, value in about.items()})
    trained(*given, **options)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="a fork can't use the accelerator of its parent")
def test_two_processes_train_as_one_with_twice_the_batch(benchmark, start, tmp_path):
    recipe = replace(PLAIN, learning_rate=0.1, warmup=1, policy=PUBLISHED.policy, samples=2)
    one, two = trained(benchmark, start, tmp_path / "one", recipe=recipe, batch=4), tmp_path / "two"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gc.collect()
    given, options = (port, benchmark, start, two), {"recipe": recipe, "batch": 2}
    fork = multiprocessing.get_context("fork").Process
    ranks = [fork(target=as_one_of_two, args=(rank, *given), kwargs=options) for rank in (0, 1)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(120)
        process.kill()
    assert [process.exitcode for process in ranks] == [0, 0]
    assert card(one)["settings"] == card(two)["settings"]
    assert card(one)["loss of each epoch"] == pytest.approx(card(two)["loss of each epoch"], rel=1e-4)
    assert close(weights(one), weights(two), 1e-5)
    assert not close(weights(one), weights(trained(benchmark, start, tmp_path / "half", recipe=recipe, batch=2)), 1e-5)


def damaged(benchmark, tmp_path):
    """The benchmark with three videos that can't be trained with, each in another way."""
    names = list(benchmark.clips("train")["path"])
    for number, name in enumerate(names):
        target = tmp_path / "videos" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if number == 2:
            continue
        content = benchmark.path(name).read_bytes()
        target.write_bytes(content[: len(content) // 2] if number == 5 else content)
    write_clip(tmp_path / "videos" / names[8], frames=3, height=40, width=48)
    return Benchmark.open(benchmark.folder, "A", tmp_path / "videos"), [names[2], names[5], names[8]]


def test_clips_that_can_not_be_read_are_told_before_the_first_step(benchmark, start, tmp_path, monkeypatch):
    broken, names = damaged(benchmark, tmp_path)
    with pytest.raises(ClipError, match="3 of the 13 training clips of part A can't be trained with.*--skip") as caught:
        trained(broken, start, tmp_path / "out", recipe=PLAIN)
    assert names[0] in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.warns(UserWarning, match="3 of the 13 training clips of part A were left out"):
        out = trained(broken, start, tmp_path / "out", recipe=PLAIN, on_error="skip")
    assert [name for name, _ in card(out)["left out"]] == names
    assert "too short: it has 3 frames, training needs 4" in card(out)["left out"][2][1]
    # Ten clips are left, and two steps of four in each of two epochs.
    assert len(card(out)["loss of each epoch"]) == 2


@pytest.mark.parametrize("workers", [0, 1])
def test_a_clip_that_breaks_later_stops_the_training_in_one_sentence(benchmark, start, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(trainingloop, "TrainingViews", TrainingViews)
    real = TrainingViews.__getitem__

    def broken(self, number):
        if number > 15:
            raise ClipError("17.mp4 is damaged: a frame can't be decoded.")
        return real(self, number)

    monkeypatch.setattr(TrainingViews, "__getitem__", broken)
    with pytest.raises(ClipError) as caught:
        trained(benchmark, start, tmp_path / "out", recipe=PLAIN, workers=workers)
    assert str(caught.value) == "17.mp4 is damaged: a frame can't be decoded."


def test_what_does_not_fit_is_one_sentence(benchmark, start, tmp_path, monkeypatch):
    out = trained(benchmark, start, tmp_path / "out", recipe=replace(PLAIN, epochs=1))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "config.json").write_text("{}")
    for folder, options, message in (
        ("new", {"batch": 0}, "batch is a whole number"),
        ("new", {"recipe": replace(PLAIN, epochs=1.5)}, "epochs is a whole number"),
        ("new", {"on_error": "ignore"}, '"raise" or "skip"'),
        ("new", {"recipe": replace(PLAIN, mixup=1), "batch": 3}, "3 clips × 1 samples must be even"),
        ("new", {"batch": 20}, "A step takes 20 clips, but there are 13"),
        ("out", {}, r'other settings \("recipe"\)'),
        ("out", {"recipe": replace(PLAIN, epochs=1), "seed": 1}, r'other settings \("seed"\)'),
        ("foreign", {}, "another model"),
    ):
        with pytest.raises(CatsplitError, match=message) as caught:
            trained(benchmark, start, tmp_path / folder, **({"recipe": PLAIN} | options))
        assert "\n" not in str(caught.value)
    assert (out / "config.json").exists()
    monkeypatch.setattr(training, "find_spec", lambda name: None)
    with pytest.raises(CatsplitError, match="pip install accelerate"):
        trained(benchmark, start, tmp_path / "new")


def test_the_command_trains_and_tells_its_errors(benchmark, start, tmp_path, capsys):
    start.save_pretrained(tmp_path / "start")
    words = [
        str(benchmark.folder), "--videos", str(benchmark.videos.folder), "--pretrained", str(tmp_path / "start"),
        "--out", str(tmp_path / "out"), "--batch", "4", "--workers", "0",
    ]  # fmt: skip
    assert training.main([*words, "--epochs", "1"]) == 0
    assert "10 categories" in capsys.readouterr().out
    assert card(tmp_path / "out")["settings"]["recipe"] == vars(replace(PUBLISHED, epochs=1, warmup=1 / 8))
    assert training.main([*words, "--epochs", "2"]) == 1
    assert "choose another folder" in capsys.readouterr().err


# What can be started from

THEIRS = {
    "videomae.embeddings.patch_embeddings.projection": "patch_embed.proj", "layernorm_before": "norm1",
    "layernorm_after": "norm2", "attention.output.dense": "attn.proj", "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2", "videomae.encoder.layer": "blocks",
}  # fmt: skip


def authors_weights(network):
    """A network's encoder under the keys of VideoMAE's and MVD's authors, written here by their description."""
    state, found = network.state_dict(), {}
    for name, weight in state.items():
        if re.match("fc_norm|classifier", name) or re.search(r"attention\.attention\.(key|value)", name):
            continue
        if block := re.match(r"videomae\.encoder\.layer\.(\d+)\.attention\.attention\.query\.(weight|bias)", name):
            key = f"blocks.{block[1]}.attn"
            if block[2] == "bias":
                found[f"{key}.q_bias"], found[f"{key}.v_bias"] = weight, state[name.replace("query", "value")]
            else:
                parts = [state[name.replace("query", part)] for part in ("query", "key", "value")]
                found[f"{key}.qkv.weight"] = torch.cat(parts)
            continue
        for mine, theirs in THEIRS.items():
            name = name.replace(mine, theirs)
        found[name] = weight
    return found


@pytest.fixture(scope="module")
def authors():
    """A network of the smallest width that the authors have, with biases that aren't zero."""
    with torch.random.fork_rng():
        torch.manual_seed(6)
        network = videomae.network(["x", "y"], positions="mvd", depth=1, frames=4, image_size=32)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.05)
    return network


LABELS = ("left", "right", "up")


@torch.no_grad()
@pytest.mark.parametrize("kind", ["mvd", "videomae"])
def test_checkpoints_of_pretraining_give_the_encoder(authors, tmp_path, kind):
    state, extra = authors_weights(authors), {}
    if kind == "mvd":
        extra = {"pos_embed": authors.videomae.embeddings.position_embeddings, "norm.weight": torch.ones(384)}
        extra |= {"mask_token_img": torch.zeros(1, 1, 384), "decoder_img.blocks.0.norm1.bias": torch.zeros(384)}
    else:
        state = {f"encoder.{key}": weight for key, weight in state.items()}
        extra = {"encoder.norm.weight": torch.ones(384), "decoder.blocks.7.norm1.bias": torch.zeros(192)}
        extra |= {"encoder_to_decoder.weight": torch.zeros(192, 384), "mask_token": torch.zeros(1, 1, 192)}
    torch.save({"model": state | extra, "epoch": 399}, tmp_path / "checkpoint-399.pth")
    found = pretrained.load_pretrained(
        tmp_path / "checkpoint-399.pth", LABELS, positions=kind, frames=4, image_size=32
    )
    frames = torch.randn(2, 4, 3, 32, 32)
    if kind == "videomae":
        videomae_positions = videomae.network(["x"], positions="videomae", depth=1, frames=4, image_size=32)
        authors.videomae.embeddings.position_embeddings = videomae_positions.videomae.embeddings.position_embeddings
    expected = authors.eval().videomae(frames).last_hidden_state
    assert torch.allclose(found.eval().videomae(frames).last_hidden_state, expected, atol=1e-5)
    assert found.classifier.weight.shape == (3, 384)
    assert 0 < found.classifier.weight.abs().max() < 1e-4
    assert found.config.id2label == dict(enumerate(LABELS))
    if kind == "mvd":
        with pytest.raises(CatsplitError, match="positions.*aren't those of videomae"):
            pretrained.load_pretrained(tmp_path / "checkpoint-399.pth", LABELS, positions="videomae", frames=4,
                                       image_size=32)  # fmt: skip


@torch.no_grad()
def test_a_pretrained_model_of_transformers_gives_the_encoder(tmp_path):
    config = VideoMAEConfig(
        image_size=32, patch_size=16, num_frames=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, decoder_num_attention_heads=2, decoder_hidden_size=16, decoder_num_hidden_layers=1,
        decoder_intermediate_size=32, use_mean_pooling=False,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(7)
        theirs = VideoMAEForPreTraining(config).eval()
    theirs.save_pretrained(tmp_path / "model")
    found = pretrained.load_pretrained(tmp_path / "model", LABELS).eval()
    frames = torch.randn(2, 4, 3, 32, 32)
    hidden = theirs.videomae.encoder(theirs.videomae.embeddings(frames, None)).last_hidden_state
    assert torch.allclose(found.videomae(frames).last_hidden_state, hidden, atol=1e-5)
    assert found.fc_norm is not None
    assert found(pixel_values=frames).logits.shape == (2, 3)
    lost = load_file(tmp_path / "model" / "model.safetensors")
    del lost["videomae.encoder.layer.1.layernorm_after.bias"]
    save_file(lost, tmp_path / "model" / "model.safetensors", {"format": "pt"})
    with pytest.raises(CatsplitError, match=r"lacks 1 weights of the encoder, videomae\.encoder\.layer\.1"):
        pretrained.load_pretrained(tmp_path / "model", LABELS)


def test_other_labels_make_another_head_even_if_they_are_as_many(start, benchmark):
    with torch.no_grad():
        start.classifier.weight.fill_(1.0)
    found = pretrained.load_pretrained(start, benchmark.labels)
    assert found.classifier.weight.abs().max() < 1e-4
    assert torch.equal(found.classifier.weight, pretrained.load_pretrained(start, benchmark.labels).classifier.weight)
    other = pretrained.load_pretrained(start, benchmark.labels, seed=1).classifier.weight
    assert not torch.equal(found.classifier.weight, other)


def test_models_that_can_not_be_started_from_are_one_sentence(authors, tmp_path):
    state = authors_weights(authors)
    torch.save({"model": state}, tmp_path / "good.pth")
    torch.save({"model": {key: w for key, w in state.items() if "fc2.bias" not in key}}, tmp_path / "lost.pth")
    torch.save({"model": state | {"patch_embed.proj.weight": torch.zeros(100, 3, 2, 16, 16)}}, tmp_path / "wide.pth")
    torch.save({"model": {"a": torch.zeros(1)}}, tmp_path / "none.pth")
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    without_mean = VideoMAEForVideoClassification(
        VideoMAEConfig(
            image_size=32, num_frames=4, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=64, use_mean_pooling=False,
        )
    )  # fmt: skip
    for begin, options, message in (
        (tmp_path / "good.pth", {}, 'positions="mvd" or positions="videomae"'),
        (tmp_path / "lost.pth", {"positions": "mvd"}, "lacks 1 needed weight"),
        (tmp_path / "wide.pth", {"positions": "mvd"}, "a ViT of width 100"),
        (tmp_path / "none.pth", {"positions": "mvd"}, "lacks"),
        (tmp_path / "bert", {}, "of type bert, not videomae"),
        (nn.Linear(2, 2), {}, "Linear is no VideoMAE"),
        (without_mean, {}, "no VideoMAE under the mean"),
        ("catsplit/none-such", {}, "without internet"),
    ):
        with pytest.raises(CatsplitError, match=message) as caught:
            pretrained.load_pretrained(begin, LABELS, **options)
        assert "\n" not in str(caught.value)
