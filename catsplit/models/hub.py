"""Base models by name: video classifiers of transformers, from the Hugging Face hub or a folder, and of torchvision.

Both packages are imported when a model of theirs is asked for, not before.
"""

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from catsplit import sources
from catsplit.backbones import IMAGENET_MEAN, IMAGENET_STD, Normalise
from catsplit.errors import CatsplitError, choices
from catsplit.models.base import BaseModel, FramesFirst, base_model
from catsplit.paths import cache_dir
from catsplit.video import Sampling

# What a configuration says that changes no feature.
_NAMES = {"_name_or_path", "architectures", "dtype", "id2label", "label2id", "torch_dtype", "transformers_version"}


def load_transformers(name: str | Path, labels: Sequence[str] | None = None) -> BaseModel:
    """A video classifier of transformers, such as VideoMAE, TimeSformer, ViViT or V-JEPA 2, by name or from a folder.

    Weights are safetensors, or a PyTorch file that is read as tensors alone; no code of the hub's is run. The
    normalisation is the preprocessor's, if one lies beside the weights, else ImageNet's with a warning.

    Args:
        name: OWNER/MODEL of the hub, such as "MCG-NJU/videomae-base-finetuned-kinetics", or a local folder.
        labels: C texts, in the order of the outputs; those of the model's configuration by default.

    Raises:
        CatsplitError: no such model, one of another kind, weights that are missing or don't belong to it, labels that
            are mere numbers, or no network.
    """
    from transformers import AutoModelForVideoClassification
    from transformers.utils import cached_file

    source, about = sources.source_of(name), {}
    model = sources.load_transformers(AutoModelForVideoClassification, source, exact=True)
    with sources.reachable(source):
        for file in ("video_preprocessor_config.json", "preprocessor_config.json"):
            if found := cached_file(source, file, _raise_exceptions_for_missing_entries=False):
                about = json.loads(Path(found).read_text("utf-8"))
    config = model.config
    if labels is None:
        labels = [str(config.id2label[row]) for row in range(config.num_labels)]
        if all(re.fullmatch(r"LABEL_\d+", label) for label in labels):
            raise CatsplitError(
                f'The configuration of "{source}" names its {len(labels)} categories no better than "{labels[0]}": '
                "give their texts as `labels`."
            )
    if positions := getattr(config, "catsplit_positions", None):
        from catsplit.models.videomae import as_published

        as_published(model, positions)
    elif not about:
        warnings.warn(f'"{source}" has no preprocessor: views get the mean and deviation of ImageNet.', stacklevel=2)
    told = config.to_dict()
    lasting = {key: value for key, value in told.items() if key not in _NAMES}
    architecture = json.dumps(lasting, sort_keys=True, default=str)
    sampling, transform = _sampling(told, about, source), _normalisation(about)
    return base_model(model, labels, sampling, name=str(name), transform=transform, architecture=architecture)


def load_torchvision(
    name: str, weights: str | None = None, labels: Sequence[str] | None = None, *, frames: int = 16
) -> BaseModel:
    """A video model of torchvision, such as "r3d_18", "mvit_v2_s" or "swin3d_t".

    S3D's last layer, a convolution of one place under a mean over all places, is taken as the linear layer of the mean
    that it is.

    Args:
        weights: None for random ones (seed them with `torch.manual_seed`), "DEFAULT" or a name of torchvision's, such
            as "KINETICS400_V1", downloaded once into the cache.
        labels: C texts, in the order of the outputs; the categories of the weights by default.
        frames: T, frames of a view; MViT takes 16 only.

    Raises:
        CatsplitError: no such model or weights, no network, or a number of frames that the model can't take.
    """
    from torchvision import models

    if name not in (known := models.list_models(module=models.video)):
        raise CatsplitError(f'torchvision has no video model "{name}" ({choices(name, known)}).')
    published = models.get_model_weights(name)
    if weights is not None and weights not in published.__members__:
        raise CatsplitError(f'{name} has no weights "{weights}" ({choices(weights, list(published.__members__))}).')
    chosen = published[weights or "DEFAULT"]
    categories = chosen.meta["categories"]
    labels = categories if labels is None else labels
    model = models.get_model(name, num_classes=len(labels if weights is None else categories))
    if weights is not None:
        with sources.reachable(f"{name} of torchvision"):
            # Left to itself, torchvision would unpickle whatever the file holds.
            where = {"model_dir": str(cache_dir() / "torchvision"), "check_hash": True, "weights_only": True}
            model.load_state_dict(chosen.get_state_dict(**where))
    if isinstance(model, models.video.S3D):
        model = _linear_s3d(model)
    about = chosen.transforms()
    sampling = Sampling(frames, 2, 3, min(about.resize_size), about.crop_size[0])
    transform = Normalise(tuple(about.mean), tuple(about.std))
    return base_model(model, labels, sampling, name=name, transform=transform, architecture=f"torchvision {name}")


def _linear_s3d(model: nn.Module) -> nn.Module:
    convolution = model.classifier[-1]
    layer = nn.utils.skip_init(nn.Linear, convolution.in_channels, convolution.out_channels)
    layer.load_state_dict({"weight": convolution.weight.flatten(1), "bias": convolution.bias})
    return nn.Sequential(model.features, model.avgpool, nn.AdaptiveAvgPool3d(1), nn.Flatten(), layer)


def _normalisation(about: Mapping[str, Any]) -> FramesFirst:
    """The preprocessor's steps, (value · factor − offset − mean) / std, as `Normalise` counts them, in units of 255."""
    unit = 255 * about.get("rescale_factor", 1 / 255) if about.get("do_rescale") is not False else 255.0
    offset = 1.0 if about.get("offset") else 0.0
    mean, std = about.get("image_mean") or IMAGENET_MEAN, about.get("image_std") or IMAGENET_STD
    if about.get("do_normalize") is False:
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return FramesFirst(tuple((value + offset) / unit for value in mean), tuple(value / unit for value in std))


def _sampling(told: Mapping[str, Any], about: Mapping[str, Any], source: str) -> Sampling:
    """The published views with as many frames and pixels as the configuration says, else the preprocessor."""
    frames = told.get("num_frames") or told.get("frames_per_clip") or about.get("num_frames") or 16
    size = told.get("image_size") or told.get("crop_size") or 224
    crop, *others = {size} if isinstance(size, int) else set(size)
    if others:
        raise CatsplitError(f'"{source}" takes pictures of {size} pixels, but the views of catsplit are square.')
    shortest = (about.get("size") or {}).get("shortest_edge") or crop
    return Sampling(frames, 2, 3, max(shortest, crop), crop)
