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

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from catsplit.backbones import IMAGENET_MEAN, IMAGENET_STD, from_module
from catsplit.errors import CatsplitError
from catsplit.models.vision_language import Pictures, VisionLanguage
from catsplit.sources import load_transformers, reachable, source_of
from catsplit.text import as_texts
from catsplit.text_encoders import say_cut
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
    from transformers import AutoModel, AutoTokenizer, XCLIPModel

    texts, source, name = tuple(dict.fromkeys(as_texts(texts))), source_of(name), str(name)
    model = load_transformers(AutoModel, source)
    if not isinstance(model, XCLIPModel):
        raise CatsplitError(f'"{name}" is a model of type {model.config.model_type}, not xclip.')
    with reachable(name):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    room, seeing = model.config.text_config.max_position_embeddings, model.config.vision_config
    for text in texts:
        if len(tokenizer(text, verbose=False)["input_ids"]) > room:
            say_cut(name, text, room)
    # Attention looks back only and the embedding is read at the end mark, so padding changes nothing.
    tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=room, return_tensors="pt")
    # The authors' normalisation, of all their models.
    prepare = Pictures(seeing.image_size, IMAGENET_MEAN, IMAGENET_STD, "bilinear")
    module = Cosines(model, tokens["input_ids"], tokens["attention_mask"]).to(device)

    def axes(asked: list[str]) -> Tensor:
        if strange := [text for text in asked if text not in texts]:
            raise CatsplitError(f'"{name}" was loaded for {len(texts)} texts, "{strange[0]}" not among them.')
        return torch.eye(len(texts), len(texts) + 1)[[texts.index(text) for text in asked]]

    return VisionLanguage(
        name,
        from_module(module, len(texts) + 1, name=f"videos of {name}", transform=prepare),
        axes,
        Sampling(seeing.num_frames, segments=1, short_side=seeing.image_size, crop_size=seeing.image_size),
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
