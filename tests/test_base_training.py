"""Fine-tuning of a base model: a tiny VideoMAE on a made-up benchmark of a few short clips."""

import json
import os
import re
import shutil
import socket
from dataclasses import replace
from types import SimpleNamespace

import decord
import numpy as np
import pytest
import torch
from clipfiles import write_clip
from madeup import world
from PIL import Image
from safetensors.torch import load_file, save_file
from test_videomae import authors
from torch import nn
from torch.multiprocessing import start_processes
from torch.nn import functional as F
from transformers import VideoMAEConfig, VideoMAEForPreTraining, VideoMAEForVideoClassification

from catsplit import cli
from catsplit.benchmark import Benchmark
from catsplit.errors import CatsplitError, ClipError
from catsplit.models import finetune, finetune_recipe, videomae
from catsplit.models.finetune_recipe import PUBLISHED, Objective, Recipe, TrainingViews, drawn
from catsplit.models.hub import load_transformers
from catsplit.models.pretrained import load_pretrained
from catsplit.video import Sampling, read_views

pytestmark = pytest.mark.slow  # of most, which train

PLAIN = Recipe(
    epochs=2, warmup=0, drop_path=0, smoothing=0, mixup=0, cutmix=0, policy="rand-n0", erasing=0, samples=1
)  # fmt: skip
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
    """Part A: 10 labels, 13 training clips of 3 to 15 frames."""
    folder = tmp_path_factory.mktemp("benchmark")
    made = world(folder / "annotations", per_label=1).benchmark
    for number, name in enumerate(made.clips("train")["path"]):
        path = folder / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(path, frames=3 if number == 8 else 9 + number % 7, height=40, width=48, seed=number)
    return Benchmark.open(folder / "annotations", "A", folder / "videos")


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    folder = tmp_path_factory.mktemp("start")
    with torch.random.fork_rng():
        torch.manual_seed(4)
        videomae.network("ab", positions="mvd", **TINY).save_pretrained(folder)
    return folder


def trained(benchmark, start, out, **options):
    return finetune.train(benchmark, start, out, **({"batch": 4, "workers": 0, "progress": False} | options))


def card(out):
    return json.loads((out / "training.json").read_text())


def same_training(one, other, tolerance=0):
    assert card(one)["settings"] == card(other)["settings"]
    assert card(one)["loss of each epoch"] == pytest.approx(card(other)["loss of each epoch"], rel=10 * tolerance)
    weights, others = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    assert max((weights[name] - others[name]).abs().max() for name in weights) <= tolerance


# From clips to views


@pytest.mark.parametrize(("count", "frames"), [(1, 4), (3, 16), (37, 8), (400, 32)])
def test_each_stretch_of_a_clip_gives_one_of_its_frames(count, frames):
    generator, tick = np.random.default_rng(0), (count - 1) / frames
    draws = np.stack([drawn(count, frames, generator) for _ in range(500)])
    for place, found in enumerate(draws.T):
        assert set(found) == set(range(round(tick * place), round(tick * (place + 1)) + 1))


def views_of(benchmark, seed=3, frames=4, **recipe):
    table = benchmark.clips("train")
    clips = [(benchmark.path(name), row) for name, row in zip(table["path"], table["row"], strict=True)]
    return TrainingViews(clips, frames, 32, replace(PUBLISHED, **recipe), seed)


def test_views_follow_from_seed_epoch_and_clip_alone(benchmark):
    views, later, other = views_of(benchmark), views_of(benchmark), views_of(benchmark, seed=4)
    later.epoch = 1
    first = views[5]
    assert first["rows"] == benchmark.clips("train")["row"][5]
    assert (first["views"].shape, first["views"].dtype) == ((2, 4, 32, 32, 3), torch.uint8)
    seen = torch.cat([first["views"], later[5]["views"], other[5]["views"], views[6]["views"]])
    assert len(seen.flatten(1).unique(dim=0)) == 8, "two samples, epochs, seeds or clips gave the same view"
    assert torch.equal(views[5]["views"], first["views"])
    assert len(views_of(benchmark, frames=20)[8]["views"][0]) == 20, "a clip of 3 frames repeats them"


@pytest.fixture
def still(monkeypatch):
    """Views of one clip, the same picture again and again: dark on the left, bright on the right."""
    picture = np.tile(np.linspace(60, 190, 60).astype(np.uint8)[:, None], (9, 40, 1, 3))
    monkeypatch.setattr(finetune_recipe, "read_frames", lambda path, side: picture)
    return lambda policy: TrainingViews([("a", 0)] * 50, 4, 32, replace(PUBLISHED, policy=policy), 0)


def rises(view):
    """Whether a view is brighter on its right side."""
    left, right = view.float().mean((0, 1, 3)).chunk(2)
    return bool(left.mean() < right.mean())


def test_left_stays_left(still):
    """Neither the crop nor the resizing mirrors anything, nor does any operation of RandAugment that moves pixels."""
    assert all(rises(view) for item in still("rand-n0") for view in item["views"])
    augment, picture = still(PUBLISHED.policy).augment.transforms[0], finetune_recipe.read_frames("a", 0)[0]
    pointwise = "AutoContrast|Equalize|Invert|Posterize|Solarize|Color|Contrast|Brightness|Sharpness"
    moving = [op for op in augment.ops if not re.match(pointwise, op.name)]
    assert all(re.match("Rotate|Shear|Translate", op.name) for op in moving), "is the new operation a mirror?"
    assert len(moving) == 5
    for op in moving * 20:
        op.prob = 1
        assert rises(torch.from_numpy(np.array(op(Image.fromarray(picture))))[None])


def test_all_frames_of_a_view_are_augmented_alike(still):
    seen = [view for item in still(PUBLISHED.policy) for view in item["views"]]
    assert all((view == view[0]).all() for view in seen), "the frames of a still clip became different"
    changed = [view.min() < 55 or (view[..., 0] != view[..., 1]).any() or not rises(view) for view in seen]
    assert sum(changed) > 12, "RandAugment did nothing"


# The objective


class Recorder(nn.Module):
    """In place of a VideoMAE of no blocks: remembers what it is shown, and answers with the mean of each frame."""

    config = SimpleNamespace(num_labels=4)
    videomae = SimpleNamespace(encoder=SimpleNamespace(layer=[]))

    def forward(self, pixel_values):
        self.seen = pixel_values
        return SimpleNamespace(logits=pixel_values.mean((2, 3, 4))[:, :4])


def shown(**recipe):
    """Views of one colour each, which moves a little from frame to frame: what comes in, what is seen, the loss."""
    colours = torch.arange(6)[:, None] * 35 + torch.arange(5)
    views = colours[:, :, None, None, None].expand(-1, -1, 16, 16, 3).to(torch.uint8)
    objective, rows = Objective(Recorder(), replace(PLAIN, **recipe)), torch.arange(3)
    loss = objective(views.unflatten(0, (3, 2)), rows)["loss"].item()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    original = ((views / 255 - mean) / std).permute(0, 1, 4, 2, 3)
    return original, F.one_hot(rows.repeat_interleave(2), 4).double(), objective.network.seen, loss


def cross_entropy(seen, targets):
    logits = seen.mean((2, 3, 4))[:, :4].double()
    return pytest.approx(-(targets * logits.log_softmax(1)).sum(1).mean().item(), abs=2e-5)


def test_without_augmentation_it_is_the_cross_entropy():
    original, targets, seen, loss = shown(smoothing=0.3)
    assert torch.allclose(seen, original, atol=1e-6)
    assert loss == cross_entropy(original, 0.7 * targets + 0.3 / 4)


@pytest.mark.parametrize(("mixup", "cutmix"), [(0.8, 0), (0, 1.0)])
def test_mixup_pairs_views_as_a_whole_and_their_labels_alike(mixup, cutmix):
    shares = set()
    for _ in range(20):
        original, targets, seen, loss = shown(mixup=mixup, cutmix=cutmix, smoothing=0.1)
        other = original.flip(0)
        if cutmix:
            inside = (seen - original).abs().amax((0, 1, 2)) > 1e-6  # (H, W), the rectangle of all frames
            share = 1 - inside.float().mean().item()
            expected = torch.where(inside, other, original)
        else:
            share = ((seen - other)[0].mean() / (original - other)[0].mean()).item()
            expected = share * original + (1 - share) * other
        assert torch.allclose(seen, expected, atol=1e-5)
        assert loss == cross_entropy(seen, 0.9 * (share * targets + (1 - share) * targets.flip(0)) + 0.1 / 4)
        shares.add(round(share, 3))
    assert len(shares) > 5


def test_erasing_takes_the_same_rectangle_of_all_frames():
    touched = 0
    for _ in range(10):
        original, _, seen, _ = shown(erasing=0.5)
        changed = (seen - original).abs() > 1e-6  # (B, T, 3, H, W)
        assert (changed == changed[:, :1, :1]).all()
        touched += changed.flatten(1).any(1).sum()
    assert 15 < touched < 45


@torch.no_grad()
def test_drop_path_skips_whole_branches_of_late_blocks_more_often(start):
    network, frames = load_pretrained(start, "ab").videomae, torch.randn(3, 4, 3, 32, 32)
    whole = network(frames).last_hidden_state
    alone = network.encoder.layer[0](network.embeddings(frames, None))
    Objective(SimpleNamespace(videomae=network, config=Recorder.config), replace(PLAIN, drop_path=1 - 1e-9))
    assert torch.allclose(network.train()(frames).last_hidden_state, alone, atol=1e-5)
    assert torch.allclose(network.eval()(frames).last_hidden_state, whole, atol=1e-5)
    assert not torch.allclose(whole, alone, atol=1e-2)


@pytest.mark.parametrize("depth", [2, 3])
def test_each_layer_learns_as_the_formula_says(depth):
    network = videomae.network(["a", "b"], positions="videomae", **(TINY | {"depth": depth}))
    groups = finetune_recipe.optimiser(Objective(network, PUBLISHED), 0.01).param_groups
    found = {parameter: group for group in groups for parameter in group["params"]}
    assert len(found) == sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    for name, parameter in network.named_parameters():
        block = re.search(r"layer\.(\d+)\.", name)
        layer = int(block[1]) + 1 if block else 0 if "patch_embeddings" in name else depth + 1
        assert found[parameter]["lr"] == pytest.approx(0.01 * 0.7 ** (depth + 1 - layer)), name
        assert found[parameter]["weight_decay"] == (0.05 if parameter.ndim > 1 else 0), name


# Training


def test_it_learns_and_what_it_writes_is_a_base_model(benchmark, start, tmp_path, monkeypatch):
    monkeypatch.setattr(finetune_recipe, "SCALE", (0.9, 1.0))
    recipe = replace(PLAIN, epochs=9, warmup=1 / 9, learning_rate=1.0, layer_decay=1.0, samples=4)
    out = trained(benchmark, start, tmp_path / "out", recipe=recipe)
    losses = card(out)["loss of each epoch"]
    assert losses[0] == pytest.approx(np.log(10), abs=0.3), "the new head begins with no opinion"
    assert len(losses) == 9
    assert losses[-1] < losses[0] / 2
    assert {path.name for path in out.iterdir()} == {"config.json", "model.safetensors", "training.json"}
    model, table = load_transformers(out), benchmark.clips("train")
    assert model.head.labels == benchmark.labels
    assert (model.sampling.frames, model.sampling.crop_size) == (4, 32)
    # Whole clips as the base model sees them, through backbone and head: it knows its training clips.
    clips = [read_views(benchmark.path(name), Sampling(4, 2, 1, 32, 32, 1)) for name in table["path"]]
    logits = model.head.logits(model.backbone(torch.from_numpy(np.concatenate(clips))))
    assert sum(logits.unflatten(0, (-1, 2)).mean(1).argmax(1).numpy() == table["row"]) >= 9, "of 13"


def test_a_stopped_training_ends_with_the_same_weights(benchmark, start, tmp_path, monkeypatch):
    recipe = Recipe(epochs=4, warmup=1 / 4, learning_rate=0.1, drop_path=0.3)
    whole, out, seen = trained(benchmark, start, tmp_path / "whole", recipe=recipe), tmp_path / "stopped", []
    get = TrainingViews.__getitem__

    def stopping(self, place):
        seen.append((self.epoch, place))
        if len(seen) == 30:  # of 12 clips an epoch: in the middle of the third
            raise KeyboardInterrupt
        return get(self, place)

    monkeypatch.setattr(TrainingViews, "__getitem__", stopping)
    with pytest.raises(KeyboardInterrupt):
        trained(benchmark, start, out, recipe=recipe)
    assert not (out / "config.json").exists()
    (out / "checkpoints" / "checkpoint-9").mkdir()  # what one leaves who is killed while it writes
    with monkeypatch.context() as patch:
        patch.setattr(VideoMAEForVideoClassification, "save_pretrained", get_killed)
        with pytest.raises(KeyboardInterrupt):
            trained(benchmark, start, out, recipe=recipe)
    trained(benchmark, start, out, recipe=recipe)
    epochs = [[place for epoch, place in seen[:24] + seen[30:] if epoch == number] for number in range(4)]
    assert [len(set(places)) for places in epochs] == [12] * 4, "12 clips an epoch, none twice"
    assert len(set(map(tuple, epochs))) == 4, "shuffled anew"
    assert len(seen) == 30 + 24, "finished epochs were trained again"
    same_training(whole, out)
    trained(benchmark, start, out, recipe=recipe)
    assert len(seen) == 54, "once more, it is done"


def get_killed(*inputs, **named):
    raise KeyboardInterrupt


def test_workers_train_to_the_same_weights(benchmark, start, tmp_path):
    """Even where readers that nobody needs any more lie about in the process that they come from."""
    recipe = replace(PLAIN, epochs=1, learning_rate=0.1, policy=PUBLISHED.policy, samples=2)
    alone = trained(benchmark, start, tmp_path / "alone", recipe=recipe)
    rubbish = [decord.VideoReader(str(benchmark.path(name))) for name in benchmark.clips("train")["path"][:4]]
    rubbish.append(rubbish)
    del rubbish
    same_training(alone, trained(benchmark, start, tmp_path / "out", recipe=recipe, workers=2))


def test_batches_of_a_step_are_averaged_and_the_rate_follows_the_clips(benchmark, start, tmp_path, monkeypatch):
    recipe, seen = replace(PLAIN, learning_rate=0.1, smoothing=0.1, warmup=1 / 4, epochs=4), []
    monkeypatch.setattr(finetune.Trainer, "remove_callback", lambda self, kind: seen.append(self))
    one = trained(benchmark, start, tmp_path / "one", recipe=recipe, batch=4)
    two = trained(benchmark, start, tmp_path / "two", recipe=recipe, batch=2, accumulate=2)
    trained(benchmark, start, tmp_path / "three", recipe=replace(recipe, epochs=1), batch=6)
    same_training(one, two, 1e-5)
    rates = [max(trainer.lr_scheduler.base_lrs) for trainer in seen]
    assert rates == pytest.approx([0.1 * clips / 256 for clips in (4, 4, 6)])
    found = [seen[0].lr_scheduler.lr_lambdas[0](step) for step in range(13)]
    expected = [step / 3 if step < 3 else 0.5 + 0.5 * np.cos(np.pi * (step - 3) / 9) for step in range(13)]
    assert found == pytest.approx(expected)


def as_one_of_two(rank, port, benchmark, start, out, recipe):
    """What torchrun gives to each of its processes, in a fork: three more interpreters would take half a minute."""
    from accelerate.state import AcceleratorState, PartialState

    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)
    PartialState._reset_state()
    about = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ.update({"MASTER_ADDR": "127.0.0.1"} | {name: str(value) for name, value in about.items()})
    trained(benchmark, start, out, recipe=recipe, batch=2)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="a fork can't use the accelerator of its parent")
def test_two_processes_train_as_one_with_twice_the_batch(benchmark, start, tmp_path):
    recipe = replace(PLAIN, learning_rate=0.1, policy=PUBLISHED.policy, samples=2)
    one, two = trained(benchmark, start, tmp_path / "one", recipe=recipe, batch=4), tmp_path / "two"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start_processes(as_one_of_two, (port, benchmark, start, two, recipe), 2, start_method="fork")
    same_training(one, two, 1e-5)


@pytest.fixture
def damaged(benchmark, tmp_path):
    """The benchmark with a video that is missing, one that is cut short, and one of 3 frames; and their names."""
    videos, names = tmp_path / "videos", list(benchmark.clips("train")["path"])
    shutil.copytree(benchmark.videos.folder, videos)
    (videos / names[2]).unlink()
    os.truncate(videos / names[5], os.path.getsize(videos / names[5]) // 2)
    return Benchmark.open(benchmark.folder, "A", videos), [names[2], names[5], names[8]]


def test_clips_that_can_not_be_read_are_told_before_the_first_step(damaged, start, tmp_path):
    broken, names = damaged
    options = {"recipe": PLAIN, "min_frames": 4}
    with pytest.raises(ClipError, match="2 more of 13 can't be used: .*--skip") as caught:
        trained(broken, start, tmp_path / "out", **options)
    assert names[0] in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.warns(UserWarning, match="2 more of 13 .* are left out"):
        out = trained(broken, start, tmp_path / "out", on_error="skip", **options)
    assert list(card(out)["left out"]) == names
    assert "too short: it has 3 frames, not 4" in card(out)["left out"][names[2]]
    with pytest.warns(UserWarning, match="1 more of 13"):  # short clips repeat frames, if nothing else is asked for
        trained(broken, start, tmp_path / "all", recipe=PLAIN, on_error="skip")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_clip_that_breaks_later_stops_the_training_in_one_sentence(benchmark, start, tmp_path, monkeypatch, workers):
    real = finetune_recipe.read_frames

    def broken(path, side):
        if path == benchmark.path(benchmark.clips("train")["path"][3]):
            raise ClipError("17.mp4 is damaged: a frame can't be decoded.")
        return real(path, side)

    monkeypatch.setattr(finetune_recipe, "read_frames", broken)
    with pytest.raises(ClipError) as caught:
        trained(benchmark, start, tmp_path / "out", recipe=PLAIN, workers=workers)
    assert str(caught.value) == "17.mp4 is damaged: a frame can't be decoded."


def test_what_does_not_fit_is_one_sentence(benchmark, start, tmp_path, monkeypatch):
    trained(benchmark, start, tmp_path / "out", recipe=replace(PLAIN, epochs=1))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "config.json").write_text("{}")
    for folder, options, message in (
        ("new", {"batch": 0}, "at least 1, not 2, 0 and 1"),
        ("new", {"batch": 3}, "3 × 1, is even"),
        ("new", {"batch": 20}, "A step takes 20 clips, but there are 13"),
        ("out", {"seed": 1}, "something else than a training with {'epochs': 2, .*'seed': 1,"),
        ("foreign", {}, "something else"),
    ):
        with pytest.raises(CatsplitError, match=message):
            trained(benchmark, start, tmp_path / folder, recipe=PLAIN, **options)
    monkeypatch.setattr(finetune, "find_spec", lambda name: None)
    with pytest.raises(CatsplitError, match="pip install accelerate"):
        trained(benchmark, start, tmp_path / "new")


def test_several_gpus_need_as_many_processes_and_emulated_bfloat16_is_none(benchmark, start, tmp_path, monkeypatch):
    asked = {}

    def arguments(folder, **given):
        asked.update(given)
        return SimpleNamespace(n_gpu=2)

    monkeypatch.setattr(finetune, "TrainingArguments", arguments)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    with pytest.raises(CatsplitError, match="torchrun --nproc-per-node 2 -m catsplit.cli train"):
        trained(benchmark, start, tmp_path)
    assert (asked["bf16"], asked["fp16"]) == (False, True)


def test_the_command_trains_and_tells_its_errors(benchmark, start, tmp_path, capsys):
    words = [
        "train", str(benchmark.folder), "--videos", str(benchmark.videos.folder), "--pretrained", str(start),
        "--out", str(tmp_path / "out"), "--batch", "4", "--workers", "0",
    ]  # fmt: skip
    assert cli.main([*words, "--epochs", "1"]) == 0
    assert "10 categories" in capsys.readouterr().out
    assert vars(replace(PUBLISHED, epochs=1)).items() <= card(tmp_path / "out")["settings"].items()
    assert cli.main(words) == 1
    assert f"{{'epochs': {PUBLISHED.epochs}}}: choose another folder" in capsys.readouterr().err


# What can be started from

LABELS = ("left", "right", "up")
MVD = {
    "norm.weight": torch.ones(384), "mask_token_img": torch.zeros(1, 1, 384),
    "decoder_img.blocks.0.norm1.bias": torch.zeros(384), "pos_embed": videomae.mvd_positions(8, 14, 14, 384)[None],
}  # fmt: skip
VIDEOMAE = {
    "encoder.norm.weight": torch.ones(384), "decoder.blocks.7.norm1.bias": torch.zeros(192),
    "encoder_to_decoder.weight": torch.zeros(192, 384), "mask_token": torch.zeros(1, 1, 192),
}  # fmt: skip


@pytest.fixture
def state(monkeypatch):
    """The authors' weights of a network of ViT-S's width, but of one block."""
    monkeypatch.setitem(videomae.SIZES, 384, (1, 6))
    return authors(384, 1, 3)


@torch.no_grad()
@pytest.mark.parametrize(("kind", "prefix", "extra"), [("mvd", "", MVD), ("videomae", "encoder.", VIDEOMAE)])
def test_checkpoints_of_pretraining_give_the_encoder(state, tmp_path, kind, prefix, extra):
    torch.save({"model": state}, tmp_path / "finetuned.pth")
    encoder = {prefix + key: weight for key, weight in state.items() if not re.match("head|fc_norm", key)}
    path = tmp_path / "checkpoint-399.pth"
    torch.save({"model": encoder | extra, "epoch": 399}, path)
    theirs = videomae.load_checkpoint(tmp_path / "finetuned.pth", LABELS, positions=kind).backbone.module.model
    found, frames = load_pretrained(path, LABELS, positions=kind).eval(), torch.randn(1, 16, 3, 224, 224)
    again, other = (load_pretrained(tmp_path / "finetuned.pth", LABELS, positions=kind, seed=seed) for seed in (0, 1))
    expected = theirs.videomae(frames).last_hidden_state
    assert torch.allclose(found.videomae(frames).last_hidden_state, expected, atol=1e-5)
    assert found.classifier.weight.shape == (3, 384)
    assert 0 < found.classifier.weight.abs().max() < 1e-4
    assert torch.equal(found.classifier.weight, again.classifier.weight), "new, though it has as many labels"
    assert not torch.equal(found.classifier.weight, other.classifier.weight)
    assert found.config.id2label == dict(enumerate(LABELS))


@torch.no_grad()
def test_a_pretrained_model_of_transformers_gives_the_encoder(tmp_path):
    config = VideoMAEConfig(
        image_size=32, num_frames=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        decoder_num_attention_heads=2, decoder_hidden_size=16, decoder_num_hidden_layers=1, use_mean_pooling=False,
    )  # fmt: skip
    theirs, frames = VideoMAEForPreTraining(config).eval(), torch.randn(2, 4, 3, 32, 32)
    theirs.save_pretrained(tmp_path)
    found = load_pretrained(tmp_path, LABELS).eval()
    hidden = theirs.videomae.encoder(theirs.videomae.embeddings(frames, None)).last_hidden_state
    assert torch.allclose(found.videomae(frames).last_hidden_state, hidden, atol=1e-5)
    assert torch.allclose(found.classifier(found.fc_norm(hidden.mean(1))), found(frames).logits, atol=1e-6)
    lost = load_file(tmp_path / "model.safetensors")
    del lost["videomae.encoder.layer.1.layernorm_after.bias"]
    save_file(lost, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(CatsplitError, match=r"lacks 1 of its weights, videomae\.encoder\.layer\.1"):
        load_pretrained(tmp_path, LABELS)


@pytest.mark.parametrize(
    ("change", "positions", "message"),
    [
        ({}, None, 'positions is "mvd" or "videomae", not None'),
        (MVD, "videomae", "positions.*aren't those of videomae"),
        ({"blocks.0.mlp.fc2.bias": None}, "mvd", "Missing.*mlp.fc2.bias"),
        ({"patch_embed.proj.weight": None}, "mvd", "Missing.*patch_embed.proj.weight"),
        ({"patch_embed.proj.weight": torch.zeros(100, 3, 2, 16, 16)}, "mvd", "width 100, none of"),
    ],
)
def test_checkpoints_that_can_not_be_started_from_are_one_sentence(state, tmp_path, change, positions, message):
    changed = {key: weight for key, weight in (state | change).items() if weight is not None}
    torch.save({"model": changed}, tmp_path / "weights.pth")
    with pytest.raises(CatsplitError, match=message) as caught:
        load_pretrained(tmp_path / "weights.pth", LABELS, positions=positions)
    assert "\n" not in str(caught.value)


def test_models_that_can_not_be_started_from_are_one_sentence(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    for start, message in ((tmp_path, "Unrecognized .*BertConfig"), ("catsplit/none-such", "without internet")):
        with pytest.raises(CatsplitError, match=message):
            load_pretrained(start, LABELS)
