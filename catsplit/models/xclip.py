"""X-CLIP, a video–text model, as the gated baseline: `vlm.gated` takes it like any other `VisionLanguage`.

X-CLIP (Ni et al., Expanding Language-Image Pretrained Models for General Video Recognition, ECCV 2022, arXiv
2208.02816) reads frames together, by messages between them, and writes each text anew for each video before it
compares them: text + prompt(text, video). So no embedding of a text alone gives its logits. They are nevertheless
cosines, and here they are told before the softmax as cosines of other vectors: a video's embedding is the unit vector

    (c_1/√K, …, c_K/√K, rest)      c_j: X-CLIP's cosine of the video and the j-th of the K texts it was loaded for

and text j's embedding is the j-th axis. What `vlm.gated` then computes, the softmax of scale·√K·c_j/√K among siblings,
is X-CLIP's own. This is why the texts must be known when the model is loaded, and why its embeddings are kept apart
for other texts. With internet, and `features` and `head` of the base model at hand:

    benchmark = Benchmark.open("SSv2-Split", "A", videos="20bn-something-something-v2")
    texts = [text for split in benchmark.splits for text in split.subcategories]
    model = xclip.load("microsoft/xclip-base-patch16-zero-shot", texts, device="cuda")
    frames = model.embed(features.paths, benchmark.path, on_error="skip")
    method = vlm.method(model, frames.rows_of(features.paths))
    table = sweep.sweep(benchmark, head, features, methods={"X-CLIP": method}, seeds=(0,))

Texts are the bare labels, as in the authors' zero-shot protocol. The frames are as many as the model was trained
with, by the rule of `video.Sampling`, one view a clip; the authors take the middle of as many equal segments.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from catsplit import text_encoders as textmodels
from catsplit.backbones import IMAGENET_MEAN, IMAGENET_STD, from_module
from catsplit.errors import CatsplitError
from catsplit.models.vision_language import Pictures, VisionLanguage
from catsplit.text import TextEncoder
from catsplit.video import Sampling


def load(name: str | Path, texts: Sequence[str], *, device: str = "cpu") -> VisionLanguage:
    """An X-CLIP model for K texts: embeddings are (N, V, K + 1), those of texts (T, K + 1).

    With several views to a clip their cosines are averaged.

    Args:
        name: OWNER/MODEL of the Hugging Face hub (downloaded once), or a local folder of such a model. The weights
            are tensors alone, and the architecture is that of transformers: no code comes with them.
        texts: all that videos will be compared with, such as the subcategories of a part; each once is enough.
        device: where videos and texts are embedded.

    Raises:
        CatsplitError: no texts, no X-CLIP model of that name, or weights that are incomplete or can't be downloaded.
    """
    from transformers import AutoConfig, AutoTokenizer, XCLIPConfig, XCLIPModel

    if isinstance(texts, str) or not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise CatsplitError("X-CLIP is loaded for the texts that videos are to be compared with: give a list of them.")
    texts, folder = tuple(dict.fromkeys(map(str, texts))), Path(name).expanduser()
    source, name = str(folder) if folder.is_dir() else str(name), str(name)
    with textmodels.reachable(name), torch.random.fork_rng(devices=[]):
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        if not isinstance(config, XCLIPConfig):
            raise CatsplitError(f'"{name}" is a model of type {config.model_type}, not xclip.')
        model, report = XCLIPModel.from_pretrained(source, output_loading_info=True)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    if missing := sorted(report["missing_keys"]):
        raise CatsplitError(f'"{name}" lacks {len(missing)} of its weights, {missing[0]} among them.')
    size = config.vision_config.image_size
    size = size if isinstance(size, int) else max(size)
    module = Cosines(model.float().eval(), **_tokens(name, tokenizer, texts, config)).to(device)
    return VisionLanguage(
        name,
        from_module(
            module,
            len(texts) + 1,
            name=f"videos of {name}",
            # The authors' normalisation, of all their models.
            transform=Pictures(size, IMAGENET_MEAN, IMAGENET_STD, "bilinear"),
        ),
        # The axes cost nothing to make, so nothing of them is kept on disk.
        TextEncoder(name, f"axes {texts}", lambda: _axes(name, texts), cache=False),
        Sampling(frames=config.vision_config.num_frames, segments=1, short_side=size, crop_size=size),
        float(model.logit_scale.detach().exp()) * len(texts) ** 0.5,
    )


class Cosines(nn.Module):
    """Videos (B, T, 3, H, W) to unit vectors (B, K + 1), whose first K numbers are X-CLIP's cosines over √K."""

    def __init__(self, model: nn.Module, input_ids: Tensor, attention_mask: Tensor) -> None:
        super().__init__()
        self.model = model
        # Buffers, so that features of other texts have another key in the cache.
        self.register_buffer("input_ids", input_ids)
        self.register_buffer("attention_mask", attention_mask)

    def forward(self, frames: Tensor) -> Tensor:
        found = self.model(input_ids=self.input_ids, attention_mask=self.attention_mask, pixel_values=frames)
        cosines = found.logits_per_video / self.model.logit_scale.exp()
        first = cosines / cosines.shape[1] ** 0.5
        rest = (1 - first.square().sum(1, keepdim=True)).clamp_min(0).sqrt()
        return torch.cat([first, rest], 1)


def _tokens(name: str, tokenizer: Callable, texts: Sequence[str], config: object) -> dict[str, Tensor]:
    room = config.text_config.max_position_embeddings
    for text in texts:
        if len(tokenizer(text, verbose=False)["input_ids"]) > room:
            warnings.warn(f'"{name}" reads only the first {room} tokens of "{text[:60]}…".', stacklevel=3)
    # Attention looks back only and the embedding is read at the end mark, so padding changes nothing.
    tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=room, return_tensors="pt")
    return {key: tokens[key] for key in ("input_ids", "attention_mask")}


def _axes(name: str, texts: Sequence[str]) -> textmodels.Embed:
    place = {text: number for number, text in enumerate(texts)}

    def axis(text: str) -> Tensor:
        if text not in place:
            raise CatsplitError(f'"{name}" was loaded for {len(texts)} texts, "{text}" not among them: load it anew.')
        return torch.nn.functional.one_hot(torch.tensor(place[text]), len(texts) + 1).float()

    return axis
