"""The gated vision–language baseline, models by name, and the small one of Stage-Split."""

import warnings
from types import SimpleNamespace

import contrastive
import evidence
import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional as F

from catsplit import stage, vlm
from catsplit.errors import BenchmarkError, CatsplitError, HeadError
from catsplit.head import Head
from catsplit.metrics import targets_of
from catsplit.models import vision_language as vlmodels
from catsplit.modifiers import Split
from catsplit.stage import captions, render
from catsplit.stage.network import rounded


def problem(seed, clips=60, views=3, k=3):
    """Head, split, features, frame embeddings, text embeddings and targets that hang together somewhat."""
    g = torch.Generator().manual_seed(seed)
    head = Head(torch.randn(4, 5, generator=g), torch.randn(4, generator=g), list("abcd"))
    split = Split("b", tuple(f"b{j}" for j in range(k)), tuple(f"m{j}" for j in range(k)))
    targets = torch.randint(-1, 4 + k, (clips,), generator=g)
    targets[targets == 1] = 4
    targets[:2] = torch.tensor([0, 4])
    rows = torch.where(targets >= 4, 1, targets.clamp(0))
    features = head.weight[rows][:, None] + torch.randn(clips, views, 5, generator=g)
    features[0] = head.weight[0] * 9
    return head, split, features, torch.randn(clips, 6, generator=g), torch.randn(k, 6, generator=g), targets


def by_loop(head, split, features, frames, texts, scale, masked):
    """Before, after, confidence and sibling by the baseline's text, clip by clip, in double precision."""
    row, weight, bias = head.index(split.coarse), head.weight.double(), head.bias.double()
    hidden = bias.clone()
    hidden[row] = -torch.inf if masked else bias[row]
    for views, frame in zip(features.double(), frames.double(), strict=True):
        p, before = (sum((weight @ view + b).softmax(0) for view in views) / len(views) for b in (bias, hidden))
        cosines = torch.stack([frame @ text / frame.norm() / text.norm() for text in texts.double()])
        sure, base = p.max(0)
        share, sibling = (scale * cosines).softmax(0).max(0)
        after = (len(head) + sibling, sure * share) if base == row else (base, sure)
        yield int(before.argmax()), int(after[0]), float(after[1]), int(sibling)


# The gate


@pytest.mark.parametrize("before", ["base", "masked"])
@given(seed=st.integers(0, 10**6), views=st.integers(1, 3), k=st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_it_is_what_the_text_says(before, seed, views, k):
    *given_, targets = problem(seed, views=views, k=k)
    scores = vlm.gated(*given_, targets, scale=7.0, before=before)
    was, now, sure, sibling = zip(*by_loop(*given_, 7.0, before == "masked"), strict=True)
    assert scores.before.tolist() == list(was)
    assert scores.after.tolist() == list(now)
    assert scores.confidence.tolist() == pytest.approx(list(sure), rel=1e-4)
    right = (4 + torch.tensor(sibling) == targets)[targets >= 4]
    assert scores.siblings == pytest.approx(right.double().mean().item())
    if before == "base":
        assert scores.locality == 1.0


def test_lengths_of_embeddings_do_not_matter_and_views_are_averaged():
    head, split, features, frames, texts, targets = problem(3)
    plain = vlm.gated(head, split, features, frames, texts, targets)
    longer = vlm.gated(head, split, features.numpy(), frames * 40, texts * torch.tensor([[1.0], [5], [0.1]]), targets)
    assert torch.equal(plain.after, longer.after)
    # Views are averaged before anything is normalised: a longer one counts for more.
    views = torch.stack([-frames, 3 * frames], 1)
    averaged = vlm.gated(head, split, features, SimpleNamespace(features=views.numpy()), texts, targets)
    assert torch.equal(averaged.after, plain.after)


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


@pytest.mark.parametrize(("side", "error"), [(32, 1e-6), (80, 0.08), (20, 0.08)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_pictures_are_those_of_open_clip(side, error, interpolation):
    small = np.random.default_rng(1).integers(0, 256, (6, 6, 6, 3), dtype=np.uint8)
    pictures = [Image.fromarray(picture).resize((side, side), 3) for picture in small]
    views = torch.from_numpy(np.stack(pictures)).unflatten(0, (2, 3))
    about = open_clip.transform.PreprocessCfg(32, "RGB", PICTURES.mean, PICTURES.std, interpolation)
    theirs = torch.stack([open_clip.transform.image_transform_v2(about, is_train=False)(p) for p in pictures])
    ours = vlmodels.Pictures(32, PICTURES.mean, PICTURES.std, interpolation)(views)
    assert ours.shape == (2, 3, 3, 32, 32)
    assert (ours.flatten(0, 1) - theirs).abs().max() <= error  # they round to whole values after resizing


@pytest.mark.parametrize("tokens", [False, True])
def test_a_view_is_the_mean_of_its_frames(tokens, monkeypatch):
    monkeypatch.setattr(vlmodels, "IMAGES", 4)
    frames = torch.randn(3, 5, 3, 2, 2)
    visual = vlmodels.FrameMean(lambda pictures: (pictures.exp(), pictures) if tokens else pictures.exp())
    assert torch.allclose(visual(frames), frames.exp().mean(1), atol=1e-6)


# The small model of Stage-Split: its words


def all_texts():
    return [text for pair in captions.captions() for text in pair]


@pytest.fixture(scope="module")
def words():
    return captions.Words.of(all_texts())


def test_captions_are_the_labels_in_all_wordings():
    assert tuple(texts[0] for texts in captions.captions()) == render.fine_labels()
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
    clips = random.integers(256, size=(len(places), 5, 72, 72, 3), dtype=np.uint8)
    # A caption's tokens tell its category and its wording.
    tokens = torch.arange(KINDS * 2).reshape(KINDS, 2, 1).expand(-1, -1, 16)
    return lambda seed=0: contrastive.Pairs(clips, places, tokens, 64, seed), places, tokens


def test_each_batch_has_one_clip_and_one_caption_of_every_category(pairs_of):
    make, places, _ = pairs_of
    pairs, captions_drawn = make(), set()
    for epoch in range(6):
        batches = pairs.batches(epoch)
        assert sorted(batches.ravel()) == list(range(len(places)))
        for numbers in batches:
            assert places[numbers].tolist() == list(range(KINDS))
            drawn = pairs.draw(numbers)[1][:, 0]
            assert (drawn // 2).tolist() == list(range(KINDS))
            captions_drawn.update(drawn.tolist())
    assert captions_drawn == set(range(2 * KINDS))


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
    stored = rounded(model)
    assert all(torch.equal(tensor, stored[name].float()) for name, tensor in found.state_dict().items())
    assert {tensor.dtype for tensor in stored.values() if tensor.ndim > 1} == {torch.float16}
    for damaged in (path, tmp_path / "none.safetensors"):
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(BenchmarkError, match="damaged"):
            captions.read(damaged)
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
    assert card["training seconds"] <= 15 * 60


@pytest.mark.parametrize("wording", captions.WORDINGS)
@pytest.mark.parametrize("view", VIEWS)
def test_it_tells_states_but_no_motion(wording, view):
    kinds = captions.card()["accuracy among siblings"][wording][view]
    for kind in stage.MOTION_KINDS:
        assert abs(kinds[kind]["accuracy"] - kinds[kind]["chance"]) <= 10, kind
    if view != "first frame":  # where nothing has happened yet
        undecided = {"intent"} if view == "middle frame" else set()  # what is lifted rises after the middle
        for kind in set(stage.STATE_KINDS) - undecided:
            assert kinds[kind]["accuracy"] >= kinds[kind]["chance"] + 5, kind


@pytest.mark.parametrize("wording", captions.WORDINGS)
def test_the_way_from_files_to_scores_ends_at_the_card(wording):
    """Clips, texts and gate of the shipped models: accuracy among siblings is the card's, locality is 1."""
    model, labels = captions.load(), render.fine_labels()
    said = [texts[captions.WORDINGS.index(wording)] for texts in captions.captions()]
    for part in stage.PARTS:
        benchmark, head = stage.load(part, wording), stage.head(part)
        features = stage.features(part, progress=False)
        frames = captions.frames(features.paths, progress=False)
        assert frames.paths == features.paths
        places = torch.tensor([render.label_index(path) for path in features.paths])
        cosines = F.normalize(torch.tensor(frames.features).mean(1), dim=1) @ F.normalize(model.texts(said), dim=1).T
        for split in benchmark.splits:
            targets = targets_of(
                features.paths, benchmark.equivalent_set(split.coarse), benchmark.unrelated_set(split.coarse)
            )
            texts = model.texts(split.subcategories)
            scores = vlm.gated(head, split, features.features, frames.features, texts, targets, scale=model.scale)
            assert scores.locality == 1.0
            assert scores.generality <= scores.siblings
            own = torch.tensor([labels.index(fine) for fine in benchmark.taxonomy.groups[split.coarse]])
            mine = torch.isin(places, own)
            right = own[cosines[mine][:, own].argmax(1)] == places[mine]
            assert scores.siblings == pytest.approx(right.float().mean().item())
        found = evidence.sibling_accuracy(cosines, places, range(len(said)))
        card = captions.card()["accuracy among siblings"][wording]["mean of 8 frames"]
        assert {kind: of["accuracy"] for kind, of in found.items()} == pytest.approx(
            {kind: of["accuracy"] for kind, of in card.items()}, abs=1.0
        )
