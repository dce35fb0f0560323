"""The gated vision–language baseline, models by name, and the small one of Stage-Split."""

import json
import math
import warnings
from types import SimpleNamespace

import contrastive
import numpy as np
import open_clip
import pytest
import torch
from clipfiles import write_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn import functional as F

from catsplit import stage, vlm
from catsplit.errors import BenchmarkError, CatsplitError, HeadError
from catsplit.head import Head
from catsplit.metrics import targets_of
from catsplit.models import vision_language as vlmodels
from catsplit.modifiers import Split
from catsplit.stage import captions, render
from catsplit.text import encoder
from catsplit.video import read_views


def problem(seed, clips=60, views=3, dim=5, categories=4, k=3, width=6):
    """Head, split, features, frame embeddings, text embeddings and targets that hang together somewhat."""
    g = torch.Generator().manual_seed(seed)
    weight, bias = torch.randn(categories, dim, generator=g), torch.randn(categories, generator=g)
    head = Head(weight, bias, list("abcdefgh"[:categories]))
    split = Split("b", tuple(f"b{j}" for j in range(k)), tuple(f"m{j}" for j in range(k)))
    targets = torch.randint(-1, categories + k, (clips,), generator=g)
    targets[targets == 1] = categories
    targets[:2] = torch.tensor([0, categories])
    rows = torch.where(targets >= categories, 1, targets.clamp(0))
    features = head.weight[rows][:, None] + torch.randn(clips, views, dim, generator=g)
    features[0] = head.weight[0] * 9
    frames, texts = torch.randn(clips, width, generator=g), torch.randn(k, width, generator=g)
    return head, split, features, frames, texts, targets


def by_loop(head, split, features, frames, texts, targets, scale, masked):
    """The baseline by its text, clip by clip, in double precision: the fields of Scores in their order."""
    count, row = len(head), head.index(split.coarse)
    weight, bias = head.weight.double().numpy(), head.bias.double().numpy()
    before, after, sure, general, untouched = [], [], [], [], []
    for views, frame, target in zip(features.double().numpy(), frames.double().numpy(), targets.tolist(), strict=True):
        p, q = np.zeros(count), np.zeros(count)
        for view in views:
            e = np.array([math.exp(w @ view + b) for w, b in zip(weight, bias, strict=True)])
            p += e / e.sum() / len(views)
            e[row] = 0
            q += e / e.sum() / len(views)
        cosines = [
            frame @ text / math.sqrt(frame @ frame) / math.sqrt(text @ text) for text in texts.double().numpy()
        ]
        base, sibling = int(p.argmax()), int(np.argmax(cosines))
        before.append(int(q.argmax()) if masked else base)
        after.append(count + sibling if base == row else base)
        share = math.exp(scale * cosines[sibling]) / sum(math.exp(scale * cosine) for cosine in cosines)
        sure.append(p[base] * share if base == row else p[base])
        if target >= count:
            general.append((after[-1] == target, count + sibling == target))
        elif target >= 0:
            untouched.append((before[-1] == target, after[-1] == target, before[-1] != after[-1]))
    hits = [sum(column) for column in zip(*untouched, strict=True)]
    rates = [sum(column) / len(general) for column in zip(*general, strict=True)]
    return rates[0], hits[1] / hits[0], rates[1], hits[2] / len(untouched), before, after, sure


# The gate


@pytest.mark.parametrize("before", ["base", "masked"])
@given(seed=st.integers(0, 10**6), views=st.integers(1, 3), k=st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_it_is_what_the_text_says(before, seed, views, k):
    given_ = problem(seed, views=views, k=k)
    scores = vlm.gated(*given_, scale=7.0, before=before)
    general, local, siblings, changed, was, now, sure = by_loop(*given_, 7.0, before == "masked")
    assert (scores.generality, scores.locality) == pytest.approx((general, local))
    assert (scores.siblings, scores.changed) == pytest.approx((siblings, changed))
    assert scores.before.tolist() == was
    assert scores.after.tolist() == now
    assert scores.confidence.tolist() == pytest.approx(sure, rel=1e-4)
    assert scores.equivalent == int((given_[-1] >= len(given_[0])).sum())


@pytest.mark.parametrize("seed", range(5))
def test_locality_is_exactly_one_and_nothing_else_moves(seed):
    head, split, features, frames, texts, targets = problem(seed)
    scores = vlm.gated(head, split, features, frames, texts, targets)
    assert scores.locality == 1.0
    gate = scores.before == head.index("b")
    assert gate.any()
    assert (~gate).any()
    assert (scores.after[gate] >= len(head)).all()
    assert torch.equal(scores.after[~gate], scores.before[~gate])
    assert scores.generality <= scores.siblings + 1e-12


def test_measured_as_the_other_methods_are_locality_is_no_longer_one():
    # A clip of another category that the base takes for c is right before the edit only where c is masked.
    head = Head(torch.eye(3), None, ["a", "b", "d"])
    split = Split("b", ("b0", "b1"), ("m0", "m1"))
    features = torch.tensor([[3.0, 0, 0], [2, 3, 0], [0, 3, 0]])[:, None]
    frames, texts, targets = torch.eye(2)[[0, 0, 1]], torch.eye(2), torch.tensor([0, 0, 4])
    assert vlm.gated(head, split, features, frames, texts, targets).locality == 1.0
    masked = vlm.gated(head, split, features, frames, texts, targets, before="masked")
    assert masked.locality == 0.5
    assert masked.generality == 1.0


def test_lengths_of_embeddings_do_not_matter_and_views_are_averaged():
    head, split, features, frames, texts, targets = problem(3)
    plain = vlm.gated(head, split, features, frames, texts, targets)
    longer = vlm.gated(head, split, features.numpy(), frames * 40, texts * torch.tensor([[1.0], [5], [0.1]]), targets)
    assert torch.equal(plain.after, longer.after)
    # Views are averaged before anything is normalised: a longer one counts for more.
    views = torch.stack([-frames, 3 * frames], 1)
    assert torch.equal(vlm.gated(head, split, features, views.numpy(), texts, targets).after, plain.after)


def test_a_perfect_model_leaves_only_the_gate_s_errors():
    head, split, features, _, texts, targets = problem(4)
    frames = texts[(targets - len(head)).clamp(0)]
    scores = vlm.gated(head, split, features, frames, texts, targets)
    of_new = targets >= len(head)
    assert scores.siblings == 1.0
    assert scores.generality == pytest.approx((scores.before == 1)[of_new].float().mean().item())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frame_embeddings": torch.zeros(60, 6)}, 'frame embedding of clip "0" is zero'),
        ({"frame_embeddings": torch.full((60, 6), torch.nan)}, 'must be finite, but that of "0" is not'),
        ({"frame_embeddings": torch.ones(59, 6)}, r"\(60, n\), not \(59, 6\)"),
        ({"text_embeddings": torch.ones(2, 6)}, r'subcategories of "b" must be of shape \(3, n\)'),
        ({"text_embeddings": torch.ones(3, 7)}, "of one model"),
        ({"before": "c"}, '"base" or "masked"'),
        ({"targets": torch.ones(60)}, "target 1"),
        ({"split": Split("z", ("x", "y"), ("m", "n"))}, '"z" is none'),
        ({"split": Split("b", ("x",), ("m",))}, "two or more"),
    ],
)
def test_what_does_not_fit_is_one_sentence(change, message):
    names = ("head", "split", "features", "frame_embeddings", "text_embeddings", "targets")
    with pytest.raises((CatsplitError, HeadError), match=message):
        vlm.gated(**(dict(zip(names, problem(0), strict=True)) | change))


def test_as_a_method_it_scores_the_same_for_every_seed():
    head, split, features, frames, texts, targets = problem(5)
    known = dict(zip(split.subcategories, texts, strict=True))
    model = SimpleNamespace(texts=lambda labels: torch.stack([known[label] for label in labels]), scale=12.0)
    ground = SimpleNamespace(head=head, features=features, targets=lambda asked: targets if asked is split else None)
    method = vlm.method(model, frames)
    expected = vlm.gated(head, split, features, frames, texts, targets, scale=12.0)
    for seed in (0, 1):
        scores = method(ground, split, seed)
        assert scores == expected
        assert torch.equal(scores.confidence, expected.confidence)


# Pictures and frames


PICTURES = vlmodels.Pictures(32, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "bicubic")


def theirs(size, interpolation="bicubic"):
    about = open_clip.transform.PreprocessCfg(size, "RGB", PICTURES.mean, PICTURES.std, interpolation)
    return open_clip.transform.image_transform_v2(about, is_train=False)


@pytest.mark.parametrize(("side", "error"), [(32, 1e-6), (80, 0.08), (20, 0.08)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_pictures_are_those_of_open_clip(side, error, interpolation):
    from PIL import Image

    small = np.random.default_rng(1).integers(0, 256, (2, 3, 6, 6, 3), dtype=np.uint8)
    views = np.stack([np.stack([np.asarray(Image.fromarray(f).resize((side, side), 3)) for f in v]) for v in small])
    ours = vlmodels.Pictures(32, PICTURES.mean, PICTURES.std, interpolation)(torch.from_numpy(views))
    assert ours.shape == (2, 3, 3, 32, 32)
    for view, found in zip(views, ours, strict=True):
        for frame, picture in zip(view, found, strict=True):
            expected = theirs(32, interpolation)(Image.fromarray(frame))
            assert (picture - expected).abs().max() <= error  # they round to whole values after resizing


class Tower(torch.nn.Module):
    def __init__(self, tokens):
        super().__init__()
        self.linear, self.tokens = torch.nn.Linear(12, 5), tokens

    def forward(self, pictures):
        out = self.linear(pictures.flatten(1)).tanh()
        return (out, pictures) if self.tokens else out


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("at_once", [1, 4, 64])
def test_a_view_is_the_mean_of_its_frames(tokens, at_once, monkeypatch):
    monkeypatch.setattr(vlmodels, "IMAGES", at_once)
    tower = Tower(tokens)
    frames = torch.randn(3, 5, 3, 2, 2)
    found = vlmodels.FrameMean(tower)(frames)
    for view, embedding in zip(frames, found, strict=True):
        each = [tower.linear(frame.flatten()).tanh() for frame in view]
        assert torch.allclose(embedding, sum(each) / len(each), atol=1e-6)


# Models by name

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(3)
    return open_clip.CLIP(**TINY).eval()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CATSPLIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tiny, tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    about = {"mean": PICTURES.mean, "std": PICTURES.std, "interpolation": "bicubic"}
    (path / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": about}))
    save_file(tiny.state_dict(), path / "open_clip_model.safetensors")
    return path


TEXTS = ["Pushing something from left to right", "Pushing something from right to left"]


@torch.no_grad()
def expected_of(tiny, files, sampling):
    """Frame by frame through the model itself."""
    found = []
    for file in files:
        frames = torch.from_numpy(read_views(file, sampling))[0].float() / 255
        frames = (frames - torch.tensor(PICTURES.mean)) / torch.tensor(PICTURES.std)
        found.append(sum(tiny.encode_image(frame.permute(2, 0, 1)[None])[0] for frame in frames) / len(frames))
    return torch.stack(found)


def test_a_folder_is_a_model(folder, tiny, tmp_path, cache):
    model = vlm.load(folder, frames=4)
    assert (model.sampling.frames, model.sampling.views, model.sampling.crop_size) == (4, 1, 32)
    assert model.scale == pytest.approx(1 / 0.07, rel=1e-5)
    files = {f"{i}.mp4": write_clip(tmp_path / f"{i}.mp4", seed=i, width=96) for i in range(3)}
    found = model.embed(list(files), files.__getitem__, progress=False)
    assert found.features.shape == (3, 1, 16)
    expected = expected_of(tiny, files.values(), model.sampling)
    assert torch.allclose(torch.from_numpy(np.array(found.features[:, 0])), expected, atol=1e-5)
    with torch.no_grad():
        assert torch.allclose(model.texts(TEXTS), tiny.encode_text(open_clip.tokenize(TEXTS, 12)), atol=1e-6)


def test_frames_come_from_the_cache_the_second_time(folder, tmp_path, cache, monkeypatch):
    files = {"a.mp4": write_clip(tmp_path / "a.mp4")}
    first = vlm.load(folder).embed(list(files), files.__getitem__, progress=False).features
    monkeypatch.setattr(vlmodels.FrameMean, "forward", lambda self, x: x.flatten(2).mean((1, 2))[:, None].repeat(1, 16))
    again = vlm.load(folder).embed(list(files), files.__getitem__, progress=False).features
    assert np.array_equal(first, again)


def test_an_architecture_with_a_file_of_weights(tiny, folder, tmp_path, cache):
    (tmp_path / "ViT-catsplit-test.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(tmp_path / "ViT-catsplit-test.json")
    name = f"ViT-catsplit-test/{folder / 'open_clip_model.safetensors'}"
    model = vlm.load(name)
    with torch.no_grad():
        assert torch.allclose(model.texts(TEXTS), tiny.encode_text(open_clip.tokenize(TEXTS, 12)), atol=1e-6)
    assert model.backbone.transform.mean == open_clip.OPENAI_DATASET_MEAN
    # Alignment with the same text encoder reads the same cache.
    assert model.texts.key == encoder(name).key
    assert torch.allclose(encoder(name, cache=False)(TEXTS), model.texts(TEXTS), atol=1e-6)


def test_a_long_text_is_cut_and_said(folder, cache):
    with pytest.warns(UserWarning, match="first 12 tokens"):
        vlm.load(folder).texts(["one two three four five six seven eight nine ten eleven twelve"])


def test_models_that_are_none_are_one_sentence(tmp_path, folder, cache):
    for name, message in (
        (tmp_path, "no open_clip_config.json"),
        ("ViT-L14/openai", 'no architecture "ViT-L14".*ViT-L-14'),
        ("ViT-L-14/opnai", 'no weights "opnai"'),
        ("minilm", "no architecture"),
        ("hf-hub:catsplit/none-such", "without internet"),
    ):
        with pytest.raises(CatsplitError, match=message) as caught:
            vlm.load(name)
        assert "\n" not in str(caught.value)
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(CatsplitError, match="can't be loaded"):
        vlm.load(folder)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_pickle_is_not_run(folder, tmp_path, cache):
    (folder / "open_clip_model.safetensors").unlink()
    torch.save({"visual.proj": Evil(tmp_path / "run")}, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(CatsplitError, match="can't be loaded"):
        vlm.load(folder)
    assert not (tmp_path / "run").exists()


# The small model of Stage-Split: its words


def all_texts():
    return [text for pair in captions.captions() for text in pair]


@pytest.fixture(scope="module")
def words():
    return captions.Words.of(all_texts())


def test_captions_are_the_labels_in_both_wordings(cache):
    assert tuple(exact for exact, _ in captions.captions()) == render.fine_labels()
    seen = set(all_texts())
    for part in stage.PARTS:
        assert set(stage.taxonomy().label_space(part)) - seen <= set(stage.taxonomy().groups)
        for wording in captions.WORDINGS:
            for split in stage.load(part, wording).splits:
                assert set(split.subcategories) <= seen


@torch.no_grad()
def test_few_words_embed_as_all_words_would(words):
    torch.manual_seed(0)
    small = captions.build(words).eval()
    text = captions.CONFIG["text_cfg"] | {"vocab_size": 49408}
    whole = open_clip.CLIP(captions.CONFIG["embed_dim"], captions.CONFIG["vision_cfg"], text).eval()
    state = small.state_dict()
    table = torch.randn(49408, text["width"])
    table[list(words.tokens)] = state["token_embedding.weight"]
    whole.load_state_dict(state | {"token_embedding.weight": table})
    texts = all_texts()
    expected = whole.encode_text(open_clip.tokenize(texts, text["context_length"]))
    assert torch.allclose(small.encode_text(words(texts)), expected, atol=1e-5)


def test_words_it_never_saw_are_left_out_and_said(words):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        words(all_texts())
        assert words(["Pushing something"], context_length=32).shape == (1, 32)
    with pytest.warns(UserWarning, match='never saw "zebra".*"Pushing zebra something"'):
        found = words(["Pushing zebra something"])
    assert torch.equal(found, words(["Pushing something"]))


# Its training


CLIPS, KINDS = 3, 4


@pytest.fixture(scope="module")
def pairs_of():
    random = np.random.default_rng(0)
    places = random.permutation(np.repeat(np.arange(KINDS), CLIPS))
    # A clip's pixels tell its number, and each frame's its moment.
    clips = np.zeros((len(places), 5, 72, 72, 3), np.uint8)
    clips[:] = (10 * np.arange(len(places)))[:, None, None, None, None]
    clips += np.arange(5, dtype=np.uint8)[:, None, None, None]
    tokens = torch.arange(KINDS * 2 * 16).reshape(KINDS, 2, 16) % 9
    return lambda seed=0: contrastive.Pairs(clips, places, tokens, 64, seed), places, tokens


def test_each_batch_has_one_clip_and_one_caption_of_every_category(pairs_of):
    make, places, tokens = pairs_of
    pairs, wordings, moments = make(), set(), set()
    for epoch in range(6):
        batches = pairs.batches(epoch)
        assert sorted(batches.ravel()) == list(range(len(places)))
        for numbers in batches:
            assert places[numbers].tolist() == list(range(KINDS))
            _, drawn = pairs.draw(numbers)
            for category, caption in enumerate(drawn):
                matches = [w for w in (0, 1) if torch.equal(caption, tokens[category, w])]
                wordings.update((category, w) for w in matches)
                assert len(matches) == 1
    assert wordings == {(category, w) for category in range(KINDS) for w in (0, 1)}
    # Without the change of colours a crop shows one frame of the clip that it should.
    pairs.random = SimpleNamespace(
        integers=pairs.random.integers,
        uniform=lambda low, high, size: np.full(size, 1.0 if high < 2 else 0.0),
    )
    for _ in range(10):
        numbers = np.arange(KINDS)
        crops, _ = pairs.draw(numbers)
        assert crops.shape == (KINDS, 64, 64, 3)
        for number, crop in zip(numbers, crops, strict=True):
            (value,) = crop.unique().tolist()
            assert value // 10 == number
            moments.add(value % 10)
    assert moments == set(range(5))


def test_crops_come_from_everywhere():
    clips = np.zeros((1, 1, 72, 72, 3), np.uint8)
    clips[..., 0], clips[..., 1] = np.arange(72)[:, None], np.arange(72)
    pairs = contrastive.Pairs(clips, [0], torch.zeros(1, 1, 16, dtype=torch.long), 64, 0)
    random, corners = np.random.default_rng(0), set()
    pairs.random = SimpleNamespace(
        integers=random.integers, uniform=lambda low, high, size: np.full(size, 1.0 if high < 2 else 0.0)
    )
    for _ in range(600):
        crop = pairs.draw(np.zeros(1, int))[0][0]
        top, left = int(crop[0, 0, 0]), int(crop[0, 0, 1])
        assert torch.equal(crop, torch.from_numpy(clips[0, 0, top : top + 64, left : left + 64]).float())
        corners.add((top, left))
    assert {top for top, _ in corners} == {left for _, left in corners} == set(range(9))
    assert len(corners) > 70


def test_the_same_seed_and_epoch_give_the_same_pairs(pairs_of):
    make, _, _ = pairs_of
    one, two, other = make(), make(), make(1)
    two.batches(0)
    assert np.array_equal(one.batches(3), two.batches(3))
    numbers = one.batches(3)[0]
    two.batches(3)
    assert all(torch.equal(a, b) for a, b in zip(one.draw(numbers), two.draw(numbers), strict=True))
    assert not np.array_equal(one.batches(3), other.batches(3))


def test_categories_need_equal_numbers_of_clips(pairs_of):
    _, _, tokens = pairs_of
    clips = np.zeros((5, 2, 72, 72, 3), np.uint8)
    for places in ([0, 0, 1, 2, 3], [0, 0, 1, 1, 2], [0, 1, 2, 3, 4]):
        with pytest.raises(BenchmarkError, match="as many clips"):
            contrastive.Pairs(clips, places, tokens, 64, 0)


def test_the_loss_is_open_clip_s():
    images, texts = (F.normalize(torch.randn(7, 5), dim=1) for _ in range(2))
    expected = open_clip.ClipLoss()(images, texts, torch.tensor(9.0))
    assert contrastive.loss_of(images, texts, torch.tensor(9.0)).item() == pytest.approx(expected.item(), rel=1e-5)


def fitted(make, words, epochs, state=None, stop=None):
    torch.manual_seed(1)
    model = captions.build(words)
    prepare = captions.assemble(model, words, "").backbone.transform
    pairs = make()
    if stop is not None:
        real = pairs.batches
        pairs.batches = lambda epoch: real(epoch) if epoch < stop else (_ for _ in ()).throw(KeyboardInterrupt)
    contrastive.fit(
        model, pairs, lambda crops: prepare(crops[:, None])[:, 0], epochs=epochs, state=state, progress=False
    )
    return model


def test_a_stopped_training_ends_with_the_same_weights(pairs_of, words, tmp_path):
    make, _, _ = pairs_of
    whole = fitted(make, words, 3).state_dict()
    state = tmp_path / "state.pt"
    with pytest.raises(KeyboardInterrupt):
        fitted(make, words, 3, state, stop=2)
    again = fitted(make, words, 3, state).state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    start = captions.build(words).state_dict()
    assert any(not torch.equal(whole[name], start[name]) for name in whole)


def test_what_is_written_is_read(words, tmp_path, monkeypatch):
    torch.manual_seed(2)
    model, path = captions.build(words).eval(), tmp_path / "vlm.safetensors"
    captions.write(path, model, words, {"seed": 3})
    found, known, about = captions.read(path)
    assert (known.tokens, about) == (words.tokens, {"seed": 3})
    for name, tensor in found.state_dict().items():
        mine = model.state_dict()[name]
        assert torch.equal(tensor, mine.half().float() if mine.ndim > 1 else mine)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BenchmarkError, match="damaged"):
        captions.read(path)
    with pytest.raises(BenchmarkError, match="damaged"):
        captions.read(tmp_path / "none.safetensors")
    captions.write(path, model, words, {})
    monkeypatch.setattr(captions, "captions", lambda: [("a", "b")])
    with pytest.raises(BenchmarkError, match="other labels"):
        captions.read(path)


# The shipped model

VIEWS = ("first frame", "middle frame", "last frame", "mean of 8 frames")


def test_the_shipped_model_is_small_and_says_what_flatters_it():
    card = captions.card()
    assert captions._path().stat().st_size <= 6_000_000
    assert card["configuration"] == captions.CONFIG
    assert card["recipe"] == contrastive.RECIPE
    assert "CLIP has not" in card["flattered"]
    assert card["training seconds"] <= 300


@pytest.mark.parametrize("wording", captions.WORDINGS)
@pytest.mark.parametrize("view", VIEWS)
def test_it_tells_states_but_no_motion(wording, view):
    kinds = captions.card()["accuracy among siblings"][wording][view]
    for kind in stage.MOTION_KINDS:
        assert abs(kinds[kind]["accuracy"] - kinds[kind]["chance"]) <= 10, kind
    if view != "first frame":  # where nothing has happened yet
        for kind in stage.STATE_KINDS:
            assert kinds[kind]["accuracy"] >= kinds[kind]["chance"] + 5, kind


@pytest.mark.parametrize("wording", captions.WORDINGS)
def test_the_way_from_files_to_scores_ends_at_the_card(wording):
    """Clips, texts and gate of the shipped models: accuracy among siblings is the card's, locality is 1."""
    model, kinds = captions.load(), {}
    for part in stage.PARTS:
        benchmark, head = stage.load(part, wording), stage.head(part)
        features = stage.features(part, progress=False)
        frames = captions.frames(features.paths, progress=False)
        assert frames.paths == features.paths
        for split in benchmark.splits:
            targets = targets_of(
                features.paths, benchmark.equivalent_set(split.coarse), benchmark.unrelated_set(split.coarse)
            )
            texts = model.texts(split.subcategories)
            scores = vlm.gated(head, split, features.features, frames.features, texts, targets, scale=model.scale)
            assert scores.locality == 1.0
            assert scores.generality <= scores.siblings
            kinds.setdefault(split.kind, []).append(100 * scores.siblings)
    card = captions.card()["accuracy among siblings"][wording]["mean of 8 frames"]
    assert {kind: np.mean(found) for kind, found in kinds.items()} == pytest.approx(
        {kind: of["accuracy"] for kind, of in card.items()}, abs=1.0
    )
