"""Models by name: of transformers and of open_clip, from their hubs, a folder or a file of weights.

Both packages are imported when a model of theirs is asked for, not before. No code that lies beside weights is run.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from catsplit.errors import CatsplitError, choices, reason
from catsplit.paths import sha256


def source_of(name: str | Path, config: str = "config.json") -> str:
    """What a library calls the model `name`: OWNER/MODEL as it is, or a folder's path.

    Raises:
        CatsplitError: the folder lacks the file `config`.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return str(name)
    if not (folder / config).is_file():
        raise CatsplitError(f"The folder {folder} holds no model of this kind: it has no {config}.")
    return str(folder)


def load_transformers(
    kind: Any,
    source: str,
    *,
    revision: str | None = None,
    instead: str = "",
    spare: str = "^$",
    exact: bool = False,
    **options: Any,
) -> nn.Module:
    """A model of transformers with all its weights, float32, in evaluation mode; no code of the hub's is run.

    Args:
        kind: one of the classes called Auto….
        source: as `source_of` gives it.
        revision: of the hub's model; its main branch by default.
        instead: as for `reachable`.
        spare: a pattern of the weights that may be missing; they are random then.
        exact: refuse weights that the model has no place for.
        options: as for `from_pretrained`.

    Raises:
        CatsplitError: no such model, or one of another kind; weights that are missing or, if `exact`, too many.
    """
    from transformers.utils import logging

    local = Path(source).is_dir()
    where = {"local_files_only": local, "revision": revision, "trust_remote_code": False}
    # Reading a local file takes a blink, and its bar would stand in the notebook for ever.
    silent = local and logging.is_progress_bar_enabled()
    if silent:
        logging.disable_progress_bar()
    try:
        with reachable(source, instead), torch.random.fork_rng(devices=[]):
            model, report = kind.from_pretrained(source, output_loading_info=True, **where, **options)
    finally:
        if silent:
            logging.enable_progress_bar()
    missing = sorted(key for key in report["missing_keys"] if not re.search(spare, key))
    if missing:
        raise CatsplitError(f'"{source}" lacks {len(missing)} of its weights, {missing[0]} among them.')
    if exact and (unknown := sorted(report["unexpected_keys"])):
        raise CatsplitError(f'"{source}" has no place for {len(unknown)} of its weights, {unknown[0]} among them.')
    return model.float().eval()


def load_open_clip(name: str | Path, instead: str = "") -> tuple[nn.Module, Callable]:
    """An open_clip model (float32, CPU, evaluation mode) and its tokenizer.

    Weights that were trained with QuickGELU, those tagged "openai" among them, get it: open_clip by itself only warns
    of the mismatch and computes other embeddings. A file of weights gets the pictures of the architecture's published
    weights, where these agree: it says nothing of them, and open_clip would take CLIP's mean for SigLIP too.

    Args:
        name: ARCHITECTURE/PRETRAINED such as "ViT-L-14/openai", where PRETRAINED is a tag or a file of weights;
            "hf-hub:OWNER/MODEL"; or a local folder that holds open_clip_config.json and weights.
        instead: as for `reachable`.

    Raises:
        CatsplitError: no such architecture or weights, a tokenizer that is code of its own, or no network.
    """
    import open_clip

    architecture, pretrained = _open_clip_names(name)
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    tag, pictures = {}, {}
    if pretrained in tags:
        tag = open_clip.get_pretrained_cfg(architecture, pretrained)
    else:
        published = [open_clip.get_pretrained_cfg(architecture, known) for known in tags]
        for key in ("mean", "std", "interpolation", "resize_mode"):
            if len(values := {about[key] for about in published if about.get(key)}) == 1:
                pictures[key] = values.pop()
    with reachable(str(name), instead), torch.random.fork_rng(devices=[]):
        # open_clip hands these words of a downloaded file on to transformers, which would run what they name.
        if open_clip.get_model_config(architecture)["text_cfg"].get("tokenizer_kwargs", {}).get("trust_remote_code"):
            raise CatsplitError(f'The tokenizer of "{name}" is code of its own, which catsplit doesn\'t run.')
        model = open_clip.create_model(
            architecture, pretrained, force_quick_gelu=bool(tag.get("quick_gelu")), force_preprocess_cfg=pictures,
            require_pretrained=True,
        )  # fmt: skip
        tokenizer = open_clip.get_tokenizer(architecture)
    return model.eval(), tokenizer


def open_clip_key(name: str | Path) -> str:
    """What tells the weights and the tokenizer of `load_open_clip(name)` from others.

    Raises:
        CatsplitError: as `load_open_clip`.
    """
    architecture, pretrained = _open_clip_names(name)
    if pretrained is None:
        return f"open_clip {version_of(architecture.partition(':')[2], 'open_clip_config.json')}"
    file = Path(pretrained)
    return f"open_clip {architecture}: {sha256(file) if file.is_file() else pretrained}"


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
        raise CatsplitError(f'The model "{name}" can\'t be loaded: {reason(error)}') from error


def version_of(source: str, file: str = "config.json", instead: str = "") -> str:
    """What tells a model's files from others: the SHA-256 of each file in a folder, or the commit of a hub's model.

    Args:
        file: that the hub's model has.

    Raises:
        CatsplitError: as `reachable`.
    """
    from huggingface_hub import hf_hub_download

    if Path(source).is_dir():
        files = sorted(path for path in Path(source).iterdir() if path.is_file() and path.name[0] != ".")
        return ", ".join(f"{path.name} {sha256(path)}" for path in files)
    with reachable(source, instead):
        return Path(hf_hub_download(source, file)).parent.name


def _open_clip_names(name: str | Path) -> tuple[str, str | None]:
    """What open_clip calls the architecture and the weights; a folder or a hub's model is both in one."""
    import open_clip

    source = source_of(name, "open_clip_config.json")
    if Path(source).is_dir():
        return f"local-dir:{source}", None
    if source.startswith("hf-hub:"):
        return source, None
    architecture, _, pretrained = source.partition("/")
    if architecture not in (known := open_clip.list_models()):
        raise CatsplitError(f'open_clip has no architecture "{architecture}" ({choices(architecture, known)}).')
    tags, file = open_clip.list_pretrained_tags_by_model(architecture), Path(pretrained).expanduser()
    if pretrained in tags:
        return architecture, pretrained
    if not file.is_file():
        raise CatsplitError(
            f'open_clip has no weights "{pretrained}" for {architecture}: give {architecture}/PRETRAINED, where '
            f"PRETRAINED is a file of weights or one of these: {', '.join(tags) or 'none'}."
        )
    return architecture, str(file)
