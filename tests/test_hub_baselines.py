"""Baselines whose weights come from a hub: models like SigLIP 2 and X-CLIP, tiny, random and made here."""

import json
import math
import re
import shutil

import numpy as np
import open_clip
import pytest
import torch
from clipfiles import decoded, write_clip
from harmful import Harmful
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, XCLIPConfig, XCLIPModel

from catsplit import vlm
from catsplit.errors import CatsplitError
from catsplit.models import vision_language as vlmodels
from catsplit.models import xclip
from catsplit.text import encoder
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


def rewrite(file, **changes):
    """Change what a JSON file says at its top."""
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


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


def transform_of(model):
    about = open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg)
    return open_clip.transform.image_transform_v2(about, is_train=False)


@torch.no_grad()
def test_siglip_sees_frames_as_it_was_trained(siglip):
    folder, theirs = siglip
    ours = vlm.load(folder, frames=3)
    views = torch.randint(256, (2, 3, 32, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for view, embedding in zip(views, ours.backbone(views), strict=True):
        pictures = torch.stack([transform_of(theirs)(Image.fromarray(frame.numpy())) for frame in view])
        assert torch.allclose(embedding, theirs.encode_image(pictures).mean(0), atol=1e-4)
    assert (ours.sampling.frames, ours.sampling.crop_size, ours.scale) == (3, 32, pytest.approx(30))


def test_siglip_sees_the_whole_picture_squashed(siglip, tmp_path):
    folder, theirs = siglip
    file = write_clip(tmp_path / "wide.mp4", height=48, width=80)
    model = vlm.load(folder, frames=3)
    assert model.sampling == Sampling(frames=3, segments=1, short_side=0, crop_size=32)
    prepared = model.backbone.transform(torch.from_numpy(read_views(file, model.sampling)))[0]
    for frame, picture in zip(decoded(file)[model.sampling.indices(20)[0]], prepared, strict=True):
        # They resize in PIL, where weights are fixed-point numbers: one or two steps of 255 apart.
        assert (picture - transform_of(theirs)(Image.fromarray(frame))).abs().max() <= 2.1 / 127.5


@torch.no_grad()
def test_siglip_reads_canonical_texts_padded_to_its_window(siglip):
    folder, theirs = siglip
    texts = vlm.load(folder).texts
    tokens = [*(VOCABULARY[word] for word in TEXTS[2].split()), VOCABULARY["<eos>"]]
    padded = torch.tensor([tokens + [VOCABULARY["<pad>"]] * (ROOM - len(tokens))])
    expected = theirs.encode_text(padded)
    assert torch.allclose(texts([TEXTS[2]]), expected, atol=1e-6)
    # Its texts are compared in lower case and without punctuation.
    assert torch.allclose(texts(["Pulling (something), UP!"]), expected, atol=1e-6)
    # It looks at the padding too: a window of another length would give another embedding.
    assert not torch.allclose(theirs.text(padded[:, :-1]), expected, atol=1e-3)


def test_siglip_says_which_text_is_too_long(siglip, recwarn):
    texts = vlm.load(siglip[0]).texts
    texts(["pushing something from left to right up"])  # 7 words and the end mark fill the window
    assert not [warning for warning in recwarn if "reads only" in str(warning.message)]
    with pytest.warns(UserWarning, match="first 8 tokens"):
        texts(["pushing something from left to right up up"])


@pytest.fixture
def architecture(siglip, tmp_path):
    """The name of the same weights as a file, for an architecture of open_clip's."""
    folder, _ = siglip
    about = SIGLIP | {"text_cfg": SIGLIP["text_cfg"] | {"hf_tokenizer_name": str(folder)}}
    (tmp_path / "catsplit-siglip.json").write_text(json.dumps(about))
    open_clip.add_model_config(tmp_path / "catsplit-siglip.json")
    return f"catsplit-siglip/{folder / 'open_clip_model.safetensors'}"


@torch.no_grad()
def test_a_file_of_weights_is_a_text_encoder_too(siglip, architecture):
    model, expected = vlm.load(architecture), siglip[1].encode_text(open_clip.get_tokenizer("catsplit-siglip")(TEXTS))
    assert torch.allclose(model.texts(TEXTS), expected, atol=1e-6)
    assert torch.allclose(encoder(architecture, cache=False)(TEXTS), expected, atol=1e-6)
    assert not torch.allclose(expected.norm(dim=1), torch.ones(3), atol=1e-3), "not normalised"
    assert model.texts.key == encoder(architecture).key, "both read the same cache"


def test_a_file_of_siglip_weights_is_not_taken_for_clip_s(architecture, monkeypatch):
    """open_clip knows the pictures of its own tags only, and takes CLIP's mean for any other file."""
    assert vlm.load(architecture).backbone.transform.mean == tuple(open_clip.OPENAI_DATASET_MEAN)
    published = open_clip.get_pretrained_cfg("ViT-B-16-SigLIP2", "webli")
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda name: ["webli"])
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda name, tag: published if tag == "webli" else None)
    assert vlm.load(architecture).backbone.transform == vlmodels.Pictures(32, (0.5,) * 3, (0.5,) * 3, "bicubic")


def test_other_words_have_another_cache(siglip, tmp_path):
    same, other = shutil.copytree(siglip[0], tmp_path / "same"), shutil.copytree(siglip[0], tmp_path / "other")
    words = VOCABULARY | {"left": VOCABULARY["right"], "right": VOCABULARY["left"]}
    tokenizer(words, "$A <eos>", pad_token="<pad>", eos_token="<eos>").save_pretrained(other)
    assert vlm.load(siglip[0]).texts.key == vlm.load(same).texts.key != vlm.load(other).texts.key


def test_open_clip_models_that_are_none_are_one_sentence(siglip, tmp_path):
    """What a downloaded configuration says is handed on to transformers, which would import the file it names."""
    code, lost, pickled = (shutil.copytree(siglip[0], tmp_path / name) for name in ("code", "lost", "pickled"))
    text = SIGLIP["text_cfg"] | {"tokenizer_kwargs": {"trust_remote_code": True}}
    rewrite(code / "open_clip_config.json", model_cfg=SIGLIP | {"text_cfg": text})
    rewrite(code / "tokenizer_config.json", tokenizer_class="Evil", auto_map={"AutoTokenizer": ["evil.Evil", None]})
    (code / "evil.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    (lost / "open_clip_model.safetensors").unlink()
    (pickled / "open_clip_model.safetensors").unlink()
    torch.save({"logit_scale": Harmful(tmp_path / "run")}, pickled / "open_clip_pytorch_model.bin")
    for name, message in (
        (tmp_path, "no open_clip_config.json"),
        ("ViT-L14/openai", 'no architecture "ViT-L14".*"ViT-L-14"'),
        ("ViT-L-14/opnai", 'no weights "opnai".* openai, '),
        ("ViT-L-14", "ViT-L-14/PRETRAINED"),
        ("minilm", "no architecture"),
        ("hf-hub:catsplit/none-such", "without internet"),
        (code, "code of its own"),
        (lost, "can't be loaded"),
        (pickled, "can't be loaded"),
    ):
        with pytest.raises(CatsplitError, match=message) as caught:
            vlm.load(name)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


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


def test_xclip_told_as_cosines_is_its_own_forward_pass(video_text, tmp_path):
    folder, theirs = video_text
    model = xclip.load(folder, TEXTS)
    files = {f"{i}.mp4": write_clip(tmp_path / f"{i}.mp4", seed=i, height=40, width=56) for i in range(4)}
    videos = torch.from_numpy(np.array(model.embed(list(files), files.__getitem__, progress=False).features[:, 0]))
    assert model.sampling == Sampling(frames=4, segments=1, short_side=32, crop_size=32)
    assert torch.allclose(videos.norm(dim=1), torch.ones(4))
    views = [read_views(file, model.sampling)[0] for file in files.values()]
    logits = torch.tensor([[logits_of(theirs, view, text) for text in TEXTS] for view in views])
    # What `vlm.gated` takes the softmax of.
    assert torch.allclose(model.scale * videos @ model.texts(TEXTS).T, logits, atol=1e-4)
    assert logits.std(0).min() > 1e-3, "all videos are alike, so that the test tells nothing"


def test_xclip_keeps_the_cosines_of_some_whatever_other_texts_there_are(video_text):
    folder, _ = video_text
    views = torch.randint(256, (3, 4, 32, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    few, many = xclip.load(folder, TEXTS[:2]), xclip.load(folder, [*TEXTS[::-1], *TEXTS, "something left"])
    assert few.backbone.key != many.backbone.key, "other texts are other features"
    some, all_ = (model.backbone(views) @ model.texts(TEXTS[:2]).T * model.scale for model in (few, many))
    assert torch.allclose(some, all_, atol=1e-4)
    assert many.backbone.dim == 5
    with pytest.raises(CatsplitError, match='"pulling something up" not among them'):
        few.texts(TEXTS)
    with pytest.warns(UserWarning, match="first 9 tokens"):
        xclip.load(folder, ["pushing something from left to right up up up"])


def test_xclip_models_that_are_none_are_one_sentence(video_text, tmp_path):
    folder, _ = video_text
    other, pickled = (shutil.copytree(folder, tmp_path / name) for name in ("other", "pickled"))
    BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1)).save_pretrained(other)
    (pickled / "model.safetensors").unlink()
    torch.save({"logit_scale": Harmful(tmp_path / "run")}, pickled / "pytorch_model.bin")
    for name, texts, message in (
        (folder, "pushing", r'give \["pushing"\]'),
        (folder, [], "no texts"),
        (tmp_path, TEXTS, "no config.json"),
        (other, TEXTS, "of type bert, not xclip"),
        (pickled, TEXTS, "can't be loaded"),
        ("catsplit/none-such", TEXTS, "without internet"),
    ):
        with pytest.raises(CatsplitError, match=message) as caught:
            xclip.load(name, texts)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
