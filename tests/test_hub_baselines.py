"""Baselines whose weights come from a hub: models like SigLIP 2 and X-CLIP, tiny, random and made here."""

import json
import math
import re

import numpy as np
import open_clip
import pytest
import torch
from clipfiles import decoded, write_clip
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, XCLIPConfig, XCLIPModel

from catsplit import vlm
from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.models import vision_language as vlmodels
from catsplit.models import xclip
from catsplit.video import Sampling, read_views

WORDS = "pushing pulling something from left to right up".split()
TEXTS = ("pushing something from left to right", "pushing something from right to left", "pulling something up")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CATSPLIT_CACHE", str(tmp_path / "cache"))


def tokenizer(vocabulary, single, **marks):
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [(mark, vocabulary[mark]) for mark in re.findall(r"<\w+>", single)]
    inner.post_processor = processors.TemplateProcessing(single=single, special_tokens=special)
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", **marks)


def problem(dim, clips):
    """A head, a split into the three TEXTS, features and targets; some clips are predicted as c, and some are not."""
    g = torch.Generator().manual_seed(5)
    head = Head(torch.randn(4, dim, generator=g), None, ["a", "Moving something", "b", "d"])

    class Split:
        coarse, subcategories, modifiers = "Moving something", TEXTS, ("x", "y", "z")

    targets = torch.tensor([0, 4, 5, 6] * clips)[:clips]
    rows = torch.where(targets >= 4, 1, targets)
    return head, Split, head.weight[rows][:, None] * 3 + torch.randn(clips, 1, dim, generator=g), targets


# Like SigLIP 2: an image tower of timm with a pooling head, a text tower that sees all its window, sigmoid logits

VOCABULARY = {"<pad>": 0, "<eos>": 1, "<unk>": 2} | {word: place + 3 for place, word in enumerate(WORDS)}
ROOM = 8
SIGLIP = {
    "embed_dim": 64,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {"image_size": 32, "timm_model_name": "test_vit", "timm_pool": "map", "timm_proj": "none"},
    "text_cfg": {
        "context_length": ROOM, "vocab_size": len(VOCABULARY), "hf_tokenizer_name": "OWNER/MODEL",
        "tokenizer_kwargs": {"clean": "canonicalize"}, "width": 32, "heads": 2, "layers": 2, "no_causal_mask": True,
        "proj_bias": True, "pool_type": "last", "norm_kwargs": {"eps": 1e-6}, "act_kwargs": {"approximate": "tanh"},
    },
}  # fmt: skip
PICTURES = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    """A folder as open_clip's hub models are, and the model in it."""
    folder = tmp_path_factory.mktemp("siglip")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": SIGLIP, "preprocess_cfg": PICTURES}))
    tokenizer(VOCABULARY, "$A <eos>", pad_token="<pad>", eos_token="<eos>").save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False).eval()
        torch.nn.init.constant_(model.logit_scale, math.log(30))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder, model


@torch.no_grad()
def test_siglip_sees_frames_as_it_was_trained(siglip):
    folder, theirs = siglip
    ours = vlm.load(folder, frames=3)
    views = torch.randint(256, (2, 3, 32, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = ours.backbone(views)
    for view, embedding in zip(views, found, strict=True):
        frames = [theirs.encode_image(((frame / 255 - 0.5) / 0.5).permute(2, 0, 1)[None])[0] for frame in view]
        assert torch.allclose(embedding, sum(frames) / 3, atol=1e-5)
    about = open_clip.transform.PreprocessCfg(**theirs.visual.preprocess_cfg)
    transform = open_clip.transform.image_transform_v2(about, is_train=False)
    whole = theirs.encode_image(transform(Image.fromarray(views[0, 0].numpy()))[None])[0]
    assert torch.allclose(ours.backbone(views[:1, :1])[0], whole, atol=1e-4)
    assert (ours.sampling.crop_size, ours.scale) == (32, pytest.approx(30))


def test_siglip_sees_the_whole_picture_squashed(siglip, tmp_path):
    folder, theirs = siglip
    file = write_clip(tmp_path / "wide.mp4", height=48, width=80)
    model = vlm.load(folder, frames=3)
    assert model.sampling == Sampling(frames=3, segments=1, short_side=0, crop_size=32)
    about = open_clip.transform.PreprocessCfg(**theirs.visual.preprocess_cfg)
    transform = open_clip.transform.image_transform_v2(about, is_train=False)
    prepared = model.backbone.transform(torch.from_numpy(read_views(file, model.sampling)))[0]
    for frame, picture in zip(decoded(file)[model.sampling.indices(20)[0]], prepared, strict=True):
        # They resize in PIL, where weights are fixed-point numbers: one or two steps of 255 apart.
        assert (picture - transform(Image.fromarray(frame))).abs().max() <= 2.1 / 127.5


@torch.no_grad()
def test_siglip_reads_canonical_texts_padded_to_its_window(siglip):
    folder, theirs = siglip
    texts = vlm.load(folder).texts
    tokens = [VOCABULARY[word] for word in TEXTS[2].split()] + [VOCABULARY["<eos>"]]
    padded = torch.tensor([tokens + [VOCABULARY["<pad>"]] * (ROOM - len(tokens))])
    expected = theirs.encode_text(padded)[0]
    assert torch.allclose(texts([TEXTS[2]])[0], expected, atol=1e-6)
    # Its texts are compared in lower case and without punctuation.
    assert torch.allclose(texts(["Pulling (something), UP!"])[0], expected, atol=1e-6)
    # It looks at the padding too: a window of another length would give another embedding.
    longer = theirs.text(torch.tensor([tokens + [VOCABULARY["<pad>"]] * (ROOM - len(tokens) - 1)]))[0]
    assert not torch.allclose(longer, expected, atol=1e-3)


def test_siglip_says_which_text_is_too_long(siglip, recwarn):
    texts = vlm.load(siglip[0]).texts
    texts(["pushing something from left to right up"])  # 7 words and the end mark fill the window
    assert not [warning for warning in recwarn if "reads only" in str(warning.message)]
    with pytest.warns(UserWarning, match="first 8 tokens"):
        texts(["pushing something from left to right up up"])


@torch.no_grad()
def test_siglip_behind_the_gate_chooses_as_its_sigmoids_do(siglip, tmp_path):
    folder, theirs = siglip
    model = vlm.load(folder, frames=4)
    files = {f"{i}.mp4": write_clip(tmp_path / f"{i}.mp4", seed=i, height=32, width=32) for i in range(8)}
    frames = model.embed(list(files), files.__getitem__, progress=False)
    head, split, features, targets = problem(6, len(files))
    scores = vlm.gated(head, split, features, frames.features, model.texts(TEXTS), targets, scale=model.scale)
    texts = torch.nn.functional.normalize(theirs.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)))
    gated = 0
    for number, file in enumerate(files.values()):
        frame = torch.from_numpy(read_views(file, model.sampling))[0].permute(0, 3, 1, 2) / 127.5 - 1
        picture = torch.nn.functional.normalize(theirs.encode_image(frame).mean(0), dim=0)
        chances = [torch.sigmoid(30 * picture @ text + theirs.logit_bias).item() for text in texts]
        base = int((features[number, 0] @ head.weight.T + head.bias).argmax())
        assert scores.after[number] == (4 + int(np.argmax(chances)) if base == 1 else base)
        gated += base == 1
    assert 0 < gated < len(files)


def test_a_file_of_siglip_weights_is_not_taken_for_clip_s(siglip, tmp_path, monkeypatch):
    """open_clip knows the pictures of its own tags only, and takes CLIP's mean for any other file."""
    folder, _ = siglip
    about = SIGLIP | {"text_cfg": SIGLIP["text_cfg"] | {"hf_tokenizer_name": str(folder)}}
    (tmp_path / "catsplit-siglip.json").write_text(json.dumps(about))
    open_clip.add_model_config(tmp_path / "catsplit-siglip.json")
    name = f"catsplit-siglip/{folder / 'open_clip_model.safetensors'}"
    assert vlm.load(name).backbone.transform.mean == tuple(open_clip.OPENAI_DATASET_MEAN)
    published = open_clip.get_pretrained_cfg("ViT-B-16-SigLIP2", "webli")
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda name: ["webli"])
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda name, tag: published if tag == "webli" else None)
    assert vlm.load(name).backbone.transform == vlmodels.Pictures(32, (0.5,) * 3, (0.5,) * 3, "bicubic")


def copied(folder, target, **changes):
    """A copy of a model's folder, with changes to what its configuration says of texts."""
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    about = json.loads((target / "open_clip_config.json").read_text())
    about["model_cfg"]["text_cfg"].update(changes)
    (target / "open_clip_config.json").write_text(json.dumps(about))
    return target


def test_other_words_or_cleaning_have_another_cache(siglip, tmp_path):
    folder, _ = siglip
    keys = {vlm.load(folder).texts.key, vlm.load(copied(folder, tmp_path / "same")).texts.key}
    assert len(keys) == 1
    keys.add(vlm.load(copied(folder, tmp_path / "clean", tokenizer_kwargs={"clean": "whitespace"})).texts.key)
    swapped = copied(folder, tmp_path / "words")
    words = VOCABULARY | {"left": VOCABULARY["right"], "right": VOCABULARY["left"]}
    tokenizer(words, "$A <eos>", pad_token="<pad>", eos_token="<eos>").save_pretrained(swapped)
    keys.add(vlm.load(swapped).texts.key)
    assert len(keys) == 3


def test_a_model_can_not_bring_code(siglip, tmp_path):
    """What a downloaded configuration says is handed on to transformers, which would import the file it names."""
    folder = copied(siglip[0], tmp_path / "evil", tokenizer_kwargs={"trust_remote_code": True})
    about = json.loads((folder / "tokenizer_config.json").read_text())
    about |= {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    marker = tmp_path / "run"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n")
    with pytest.raises(CatsplitError, match="code of its own"):
        vlm.load(folder)
    assert not marker.exists()


@torch.no_grad()
@pytest.mark.parametrize("room", [12, 40])
def test_a_clip_with_larger_pictures_and_longer_texts(tmp_path, room):
    """As the models are that follow CLIP with finer pictures and captions: ViT-L-14-336 and its kin."""
    about = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 48, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": room, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
        "quick_gelu": True,
    }
    with torch.random.fork_rng():
        torch.manual_seed(2)
        theirs = open_clip.CLIP(**about).eval()
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": about}))
    save_file(theirs.state_dict(), tmp_path / "open_clip_model.safetensors")
    model, text = vlm.load(tmp_path, frames=2), " ".join(["left to right and"] * 4)
    assert model.sampling == Sampling(frames=2, segments=1, short_side=48, crop_size=48)
    assert "QuickGELU" in repr(model.backbone.module)
    if room < 18:
        with pytest.warns(UserWarning, match="first 12 tokens"):
            found = model.texts([text])
    else:
        found = model.texts([text])
    assert torch.allclose(found, theirs.encode_text(open_clip.tokenize([text], room)), atol=1e-6)


# X-CLIP

MARKS = {"<unk>": 0, "<bos>": 1} | {word: place + 2 for place, word in enumerate(WORDS)}
MARKS["<eos>"] = len(MARKS)  # its text tower reads at the largest token


@pytest.fixture(scope="module")
def video_text(tmp_path_factory):
    """A folder as X-CLIP's on the hub, and the model in it."""
    folder = tmp_path_factory.mktemp("xclip")
    config = XCLIPConfig(
        text_config={
            "vocab_size": len(MARKS), "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
            "num_attention_heads": 2, "max_position_embeddings": 9,
        },
        vision_config={
            "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
            "mit_hidden_size": 16, "mit_intermediate_size": 32, "mit_num_attention_heads": 2, "image_size": 32,
            "patch_size": 16, "num_frames": 4,
        },
        projection_dim=16, prompt_layers=1, prompt_alpha=1.0, prompt_num_attention_heads=2,
        logit_scale_init_value=math.log(20),
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = XCLIPModel(config).eval()
    model.save_pretrained(folder)
    marks = {"pad_token": "<eos>", "eos_token": "<eos>", "bos_token": "<bos>"}
    tokenizer(MARKS, "<bos> $A <eos>", **marks).save_pretrained(folder)
    return folder, model


@torch.no_grad()
def logits_of(model, views, text):
    """X-CLIP's own logit of one video (T, H, W, 3) and one text, without padding, by transformers' forward pass."""
    tokens = [MARKS["<bos>"], *(MARKS[word] for word in text.split()), MARKS["<eos>"]]
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    frames = ((torch.from_numpy(views) / 255 - mean) / std).permute(0, 3, 1, 2)
    return model(input_ids=torch.tensor([tokens]), pixel_values=frames[None]).logits_per_video.item()


def test_xclip_behind_the_gate_is_its_own_forward_pass(video_text, tmp_path):
    folder, theirs = video_text
    model = xclip.load(folder, TEXTS)
    files = {f"{i}.mp4": write_clip(tmp_path / f"{i}.mp4", seed=i, height=40, width=56) for i in range(8)}
    videos = model.embed(list(files), files.__getitem__, progress=False)
    assert model.sampling == Sampling(frames=4, segments=1, short_side=32, crop_size=32)
    assert videos.features.shape == (8, 1, 4)
    assert np.allclose(np.linalg.norm(videos.features, axis=-1), 1, atol=1e-6)
    head, split, features, targets = problem(6, len(files))
    scores = vlm.gated(head, split, features, videos.features, model.texts(TEXTS), targets, scale=model.scale)
    chosen, gated = set(), 0
    for number, file in enumerate(files.values()):
        views = read_views(file, model.sampling)[0]
        shares = torch.tensor([logits_of(theirs, views, text) for text in TEXTS]).softmax(0)
        base = (features[number, 0] @ head.weight.T + head.bias).softmax(0)
        best = int(shares.argmax())
        if int(base.argmax()) == 1:
            assert scores.after[number] == 4 + best
            assert scores.confidence[number].item() == pytest.approx((base[1] * shares[best]).item(), rel=1e-4)
            gated += 1
        else:
            assert scores.after[number] == base.argmax()
        chosen.add(best)
    assert 0 < gated < len(files)
    assert len(chosen) > 1, "all videos are alike, so that the test tells nothing"


@torch.no_grad()
def test_xclip_needs_the_texts_that_are_written_for_each_video(video_text):
    """Its text tower alone gives other cosines: otherwise plain embeddings of texts would do."""
    folder, theirs = video_text
    views = np.random.default_rng(0).integers(0, 256, (2, 4, 32, 32, 3), np.uint8)
    ours = xclip.load(folder, TEXTS).backbone(torch.from_numpy(views))[:, :3] * 3**0.5
    expected = torch.tensor([[logits_of(theirs, view, text) for text in TEXTS] for view in views]) / 20
    assert torch.allclose(ours, expected, atol=1e-5)
    theirs.prompts_generator.alpha.mul_(0)
    plain = torch.tensor([[logits_of(theirs, view, text) for text in TEXTS] for view in views]) / 20
    theirs.prompts_generator.alpha.add_(1)
    assert not torch.allclose(plain, expected, atol=1e-2)


def test_xclip_keeps_the_cosines_of_some_whatever_other_texts_there_are(video_text):
    folder, _ = video_text
    views = torch.randint(256, (3, 4, 32, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    few, many = xclip.load(folder, TEXTS[:2]), xclip.load(folder, [*TEXTS[::-1], *TEXTS, "something left"])
    assert few.backbone.key != many.backbone.key, "other texts are other features"
    for model in (few, many):
        cosines = torch.nn.functional.normalize(model.backbone(views)) @ model.texts(TEXTS[:2]).T * model.scale
        if model is few:
            expected = cosines
        else:
            assert torch.allclose(cosines, expected, atol=1e-4)
    assert many.backbone.dim == 5
    with pytest.raises(CatsplitError, match='"pulling something up" not among them'):
        few.texts(TEXTS)
    with pytest.warns(UserWarning, match="first 9 tokens"):
        xclip.load(folder, ["pushing something from left to right up up up"])


def test_xclip_models_that_are_none_are_one_sentence(video_text, tmp_path):
    folder, _ = video_text

    def broken(name, change):
        target = tmp_path / name
        target.mkdir()
        for file in folder.iterdir():
            (target / file.name).write_bytes(file.read_bytes())
        change(target)
        return target

    def without_a_weight(target):
        weights = load_file(target / "model.safetensors")
        del weights["prompts_generator.alpha"]
        save_file(weights, target / "model.safetensors", {"format": "pt"})

    def another_type(target):
        about = json.loads((target / "config.json").read_text())
        (target / "config.json").write_text(json.dumps(about | {"model_type": "clip"}))

    def a_pickle(target):
        (target / "model.safetensors").unlink()
        torch.save({"logit_scale": Evil(tmp_path / "run")}, target / "pytorch_model.bin")

    for name, texts, message in (
        (folder, "pushing", "give a list"),
        (folder, [], "give a list"),
        (tmp_path, TEXTS, "can't be loaded"),
        (broken("weight", without_a_weight), TEXTS, "lacks 1 of its weights, prompts_generator.alpha"),
        (broken("type", another_type), TEXTS, "of type clip, not xclip"),
        (broken("pickle", a_pickle), TEXTS, "can't be loaded"),
        ("catsplit/none-such", TEXTS, "without internet"),
    ):
        with pytest.raises(CatsplitError, match=message) as caught:
            xclip.load(name, texts)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")
