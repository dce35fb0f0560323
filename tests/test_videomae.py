"""The published ViTs: read strictly and safely from the authors' files, and equal to an independent reference.

The reference and the list of keys are written from the description of the architecture (METHOD, section 11) with
operations of torch: no transformers, no timm, nothing of the package's.
"""

import argparse
import itertools
import math
import re
import zipfile

import pytest
import torch
from harmful import Harmful
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from catsplit.errors import CatsplitError
from catsplit.models import checkpoints, videomae, weights
from catsplit.models.hub import load_transformers

TINY = {"depth": 2, "heads": 4, "frames": 6, "image_size": 48}


def authors(width=64, depth=2, classes=5, seed=0):
    """A random state dict with the authors' keys and shapes."""
    norm = {"weight": (width,), "bias": (width,)}
    block = {
        "norm1": norm,
        "attn": {"q_bias": (width,), "v_bias": (width,), "qkv.weight": (3 * width, width)},
        "attn.proj": {"weight": (width, width), "bias": (width,)},
        "norm2": norm,
        "mlp.fc1": {"weight": (4 * width, width), "bias": (4 * width,)},
        "mlp.fc2": {"weight": (width, 4 * width), "bias": (width,)},
    }
    parts = {"patch_embed.proj": {"weight": (width, 3, 2, 16, 16), "bias": (width,)}}
    parts |= {f"blocks.{n}.{part}": shapes for n in range(depth) for part, shapes in block.items()}
    parts |= {"fc_norm": norm, "head": {"weight": (classes, width), "bias": (classes,)}}
    g, state = torch.Generator().manual_seed(seed), {}
    for part, shapes in parts.items():
        for key, shape in shapes.items():
            spread = 0.2 if len(shape) == 1 else math.prod(shape[1:]) ** -0.5
            state[f"{part}.{key}"] = torch.randn(shape, generator=g) * spread + (shapes is norm and key == "weight")
    return state


def mvd_place(t, row, column, width):
    """One token's code, number by number."""
    numbers = []
    for place, channels in ((t, width // 4), (column, 3 * width // 8), (row, 3 * width // 8)):
        half = channels // 2
        angles = [place * 10000 ** (-k / half) for k in range(half)]
        numbers += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
    return numbers


def videomae_place(index, width):
    angles = [index / 10000 ** (2 * (k // 2) / width) for k in range(width)]
    return [math.cos(a) if k % 2 else math.sin(a) for k, a in enumerate(angles)]


def reference(state, views, positions, heads):
    """Features and logits, (B, D) and (B, C), of views (B, T, H, W, 3) uint8."""
    w = {key: tensor.double() for key, tensor in state.items()}
    width = len(w["fc_norm.bias"])
    mean, std = torch.tensor([0.485, 0.456, 0.406]).double(), torch.tensor([0.229, 0.224, 0.225]).double()
    pictures = (views.double() / 255 - mean) / std

    def norm(x, name):
        return functional.layer_norm(x, (width,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    (count, frames, high, wide), mvd = views.shape[:4], positions == "mvd"
    grid = list(itertools.product(range(frames // 2), range(high // 16), range(wide // 16)))
    places = [mvd_place(*place, width) if mvd else videomae_place(index, width) for index, place in enumerate(grid)]
    cubes = pictures.reshape(count, frames // 2, 2, high // 16, 16, wide // 16, 16, 3).permute(0, 1, 3, 5, 7, 2, 4, 6)
    kernel = w["patch_embed.proj.weight"].flatten(1)
    x = cubes.flatten(4).flatten(1, 3) @ kernel.T + w["patch_embed.proj.bias"] + torch.tensor(places).double()
    n = 0
    while f"blocks.{n}.norm1.weight" in w:
        y = norm(x, f"blocks.{n}.norm1")
        wq, wk, wv = w[f"blocks.{n}.attn.qkv.weight"].split(width)
        q, k, v = y @ wq.T + w[f"blocks.{n}.attn.q_bias"], y @ wk.T, y @ wv.T + w[f"blocks.{n}.attn.v_bias"]
        q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in (q, k, v))
        seen = (q @ k.mT / (width // heads) ** 0.5).softmax(-1) @ v
        x = x + linear(seen.transpose(1, 2).flatten(2), f"blocks.{n}.attn.proj")
        y = linear(norm(x, f"blocks.{n}.norm2"), f"blocks.{n}.mlp.fc1")
        x = x + linear(functional.gelu(y), f"blocks.{n}.mlp.fc2")
        n += 1
    features = norm(x.mean(1), "fc_norm")
    return features, linear(features, "head")


def some_views(batch=2, frames=6, side=48, seed=1):
    g = torch.Generator().manual_seed(seed)
    return torch.randint(256, (batch, frames, side, side, 3), generator=g, dtype=torch.uint8)


def save(folder, state, container="model", **beside):
    """As the authors do, with the state of the optimizer and the arguments beside the weights."""
    path, optimizer = folder / "checkpoint.pth", torch.optim.AdamW([nn.Parameter(torch.ones(2))])
    args = argparse.Namespace(lr=1e-3, betas=[0.9, 0.999], nested=argparse.Namespace(device=torch.device("cuda")))
    beside = {"args": args, "optimizer": optimizer.state_dict(), "epoch": 39} | beside
    torch.save({container: state, **beside} if container else state, path)
    return path


LABELS = [f"Doing {letter}" for letter in "abcde"]


def load(folder, state, names=LABELS, container="model", **changed):
    """The base model in a file of those weights, tiny by default."""
    return videomae.load_checkpoint(save(folder, state, container), names, **{"positions": "mvd", **TINY, **changed})


# What the model computes


@pytest.mark.parametrize(
    ("positions", "container"), [("mvd", "model"), ("videomae", "module"), ("mvd", "state_dict"), ("videomae", None)]
)
def test_features_and_logits_are_those_of_the_description(tmp_path, positions, container):
    state, views = authors(), some_views()
    base = load(tmp_path, state, container=container, positions=positions)
    assert argparse.Namespace not in torch.serialization.get_safe_globals()
    features, logits = reference(state, views, positions, heads=4)
    assert base.backbone.dim == 64
    assert base.sampling.shape == (6, 6, 48, 48, 3)
    found = base.backbone(views)
    assert (found - features).abs().max() < 1e-5
    assert (base.head.logits(found) - logits).abs().max() < 1e-5
    # The reference can tell the two kinds of positions apart, or agreement would mean nothing.
    other = reference(state, views, {"mvd": "videomae", "videomae": "mvd"}[positions], heads=4)[0]
    assert (other - features).abs().max() > 1e-2


@pytest.mark.parametrize(("width", "heads"), [(384, 6), (768, 12)])
def test_vit_s_and_b_know_their_heads(tmp_path, width, heads):
    state, views = authors(width, depth=1), some_views(1, 4, 32)
    base = load(tmp_path, state, depth=1, heads=None, frames=4, image_size=32)
    assert (base.backbone(views) - reference(state, views, "mvd", heads)[0]).abs().max() < 1e-4
    assert (reference(state, views, "mvd", 2 * heads)[0] - base.backbone(views)).abs().max() > 1e-2


def test_vit_s_at_its_real_size_needs_no_number(tmp_path):
    path, names = save(tmp_path, authors(384, depth=12, classes=119), "module"), [f"category {n}" for n in range(119)]
    base = videomae.load_checkpoint(path, names, positions="mvd")
    assert base.sampling.shape == (6, 16, 224, 224, 3)
    assert base.head.weight.shape == (119, 384)
    assert base.head.logits(base.backbone(some_views(1, 16, 224))).shape == (1, 119)
    assert base.backbone.module.model.videomae.embeddings.position_embeddings.shape == (1, 8 * 14 * 14, 384)


def test_positions_can_be_changed_and_travel_with_the_model():
    model = videomae.network(LABELS, positions="mvd", width=64, **TINY)
    first = model.videomae.embeddings.position_embeddings
    videomae.as_published(model, "videomae")
    assert not torch.equal(model.videomae.embeddings.position_embeddings, first)
    videomae.as_published(model, "mvd")
    assert torch.equal(model.videomae.embeddings.position_embeddings, first)
    assert model.to("meta").videomae.embeddings.position_embeddings.device.type == "meta"
    assert not any("position" in key for key in model.state_dict())


def test_making_a_network_leaves_the_random_state():
    torch.manual_seed(3)
    one, two = (videomae.network(LABELS, positions="mvd", width=64, depth=1, heads=4) for _ in range(2))
    drawn = torch.rand(2)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(2), drawn)
    assert torch.equal(one.classifier.weight, two.classifier.weight)


# Files


def test_half_precision_is_read_as_float32(tmp_path):
    half, views = {key: tensor.half() for key, tensor in authors().items()}, some_views()
    base = load(tmp_path, half)
    assert {p.dtype for p in base.backbone.module.parameters()} == {torch.float32}
    assert (base.backbone(views) - reference(half, views, "mvd", 4)[0]).abs().max() < 1e-4


def test_safetensors_are_read_too(tmp_path):
    save_file(authors(), tmp_path / "weights.safetensors")
    found = weights.read_weights(tmp_path / "weights.safetensors")
    assert all(torch.equal(found[key], tensor) for key, tensor in authors().items())


@pytest.mark.parametrize("inside", [False, True])
def test_python_objects_are_refused_and_do_not_run(tmp_path, inside):
    thing = Harmful(tmp_path / "marker")
    path = save(tmp_path, authors(), args=argparse.Namespace(thing=thing) if inside else thing)
    with pytest.raises(CatsplitError, match=r"checkpoint\.pth holds the Python object .*weights_only=False"):
        videomae.load_checkpoint(path, LABELS, positions="mvd", **TINY)
    assert not (tmp_path / "marker").exists()
    torch.load(path, weights_only=False)  # else the file would be harmless
    assert (tmp_path / "marker").exists()
    # What the message says to do does help.
    torch.save(torch.load(path, weights_only=False)["model"], tmp_path / "weights.pth")
    videomae.load_checkpoint(tmp_path / "weights.pth", LABELS, positions="mvd", **TINY)


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_files_that_are_no_checkpoints(tmp_path, ending):
    path = tmp_path / f"file{ending}"
    with pytest.raises(CatsplitError, match="There is no checkpoint"):
        weights.read_weights(path)
    whole = save(tmp_path, authors()).read_bytes()
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("readme", "no weights")
    for data in (b"", b"hello", b"\x80\x02}q\x00.", whole[:-999], (tmp_path / "zip").read_bytes()):
        path.write_bytes(data)
        with pytest.raises(CatsplitError, match=f"file{ending} (is no checkpoint|holds no weights)"):
            weights.read_weights(path)


@pytest.mark.parametrize("content", [{}, [1], {"epoch": 3}, {"model": {"a": 1}}, {"model": torch.ones(2), "epoch": 1}])
def test_files_without_weights(tmp_path, content):
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(CatsplitError, match="holds no weights under"):
        weights.read_weights(tmp_path / "file.pth")


# Strictness


@pytest.mark.parametrize("key", list(authors(depth=1)) + ["blocks.1.attn.v_bias", "blocks.1.mlp.fc2.weight"])
def test_a_missing_weight_is_named(tmp_path, key):
    state = authors(384, 2)
    del state[key]
    told = re.escape(key.replace("qkv", "query"))
    with pytest.raises(CatsplitError, match=rf'checkpoint\.pth is no .* Missing key\(s\) in state_dict: "{told}"'):
        load(tmp_path, state, heads=None)


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("blocks.1.attn.q_bias", (63,)),
        ("blocks.0.attn.qkv.weight", ()),
        ("patch_embed.proj.weight", (64, 3, 2, 16, 14)),
        ("head.weight", (5,)),
    ],
)
def test_a_wrong_shape_is_named(tmp_path, key, shape):
    told = rf"size mismatch for {re.escape(key).replace('qkv', 'query')}" if shape else "dim|size mismatch"
    with pytest.raises(CatsplitError, match=rf"checkpoint\.pth is no checkpoint of such a ViT: .*({told})"):
        load(tmp_path, {**authors(), key: torch.zeros(shape)})


@pytest.mark.parametrize(
    ("match", "changed"),
    [
        ("tells 5 categories apart, but 4 labels", {"names": LABELS[:4]}),
        ('positions is "mvd" or "videomae", not .sine', {"positions": "sine"}),
        ("frames must be a multiple of 2", {"frames": 5}),
        ("image_size must be a multiple of 16", {"image_size": 50}),
        ("width must be a multiple of 3", {"heads": 3}),
        ("width 64, none of .*give its depth and heads", {"heads": None}),
        (r'Missing key\(s\) in state_dict: "blocks\.2\.', {"depth": 3}),
        (r'Unexpected key\(s\) in state_dict: "blocks\.1\.', {"depth": 1}),
    ],
)
def test_what_else_can_not_be(tmp_path, match, changed):
    with pytest.raises(CatsplitError, match=match):
        load(tmp_path, authors(), **changed)


def test_unknown_weights_are_named_and_a_pretrained_model_is_told_as_such(tmp_path):
    state = authors()
    with pytest.raises(CatsplitError, match=r'Unexpected key\(s\) in state_dict: "pos_embed"'):
        load(tmp_path, {**state, "pos_embed": torch.zeros(1, 27, 64)})
    pretrained = {f"encoder.{key}": tensor for key, tensor in state.items() if not key.startswith(("head", "fc_norm"))}
    with pytest.raises(CatsplitError, match="pretrained model, which has to be fine-tuned"):
        load(tmp_path, pretrained)


# What comes after


def test_the_cache_key_tells_apart_what_differs(tmp_path):
    def key(seed=0, **changed):
        return load(tmp_path, authors(seed=seed), **changed).backbone.key

    assert key() == key(name="another")
    assert len({key(), key(positions="videomae"), key(heads=2), key(seed=1), key(frames=4), key(image_size=32)}) == 6


@pytest.mark.parametrize("positions", ["mvd", "videomae"])
def test_saved_by_transformers_it_comes_back_as_it_was(tmp_path, positions):
    state, views = authors(), some_views()
    model = videomae.network(LABELS, positions=positions, width=64, **TINY)
    model.load_state_dict(checkpoints.renamed(state, model))
    model.save_pretrained(tmp_path)
    base = load_transformers(tmp_path)
    assert base.head.labels == tuple(LABELS)
    assert base.sampling.shape == (6, 6, 48, 48, 3)
    assert (base.backbone(views) - reference(state, views, positions, 4)[0]).abs().max() < 1e-5
    assert {m.eps for m in base.backbone.module.modules() if isinstance(m, nn.LayerNorm)} == {1e-6}
