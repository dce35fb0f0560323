"""Base models to edit: any classifier that ends in a linear layer, taken apart into its backbone and its head.

`catsplit.models.videomae` reads the authors' checkpoints, `catsplit.models.hub` finds models by name.
"""

import dataclasses
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from catsplit.backbones import ModuleBackbone, Normalise, from_module, uncompiled
from catsplit.errors import CatsplitError, reason
from catsplit.head import Head
from catsplit.video import Sampling


@dataclass(frozen=True, eq=False)
class BaseModel:
    """A video classifier taken apart: its logits are `head.logits(backbone(views))`.

    After an edit, `nn.Sequential(backbone.module, edited.to_linear())` is a classifier of the new label space; or put
    `edited.to_linear()` where the last layer of the model was, such as `model.classifier`.

    Attributes:
        name: for people.
        backbone: views (B, T, H, W, 3) uint8 to features (B, D); `backbone.module.to("cuda")` moves it.
        head: the last layer, C × D.
        sampling: the published test views, 2 segments × 3 crops, of as many frames and pixels as the model takes.
    """

    name: str
    backbone: ModuleBackbone = field(repr=False)
    head: Head
    sampling: Sampling


@dataclass(frozen=True)
class FramesFirst(Normalise):
    """As `Normalise`, for the models of transformers: (B, T, H, W, 3) uint8 to (B, T, 3, H, W) float32."""

    def __call__(self, views: Tensor) -> Tensor:
        return super().__call__(views).transpose(1, 2)


class PlainAnswer(nn.Module):
    """A model that answers with a tensor, where transformers' models wrap it into an object with `.logits`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, views: Tensor) -> Tensor:
        answer = self.model(views)
        return getattr(answer, "logits", answer)


def split_backbone_and_head(model: nn.Module, example: Tensor) -> tuple[nn.Module, nn.Linear]:
    """Take a classifier apart where its last linear layer begins.

    The layer is found by running a copy of the model, whatever the order in which its layers are listed: whatever that
    layer gives must be what the model answers, and it must compute W x + b of one vector per view.

    Args:
        model: takes `example`; answers with logits (B, C), or with an object that has them as `.logits`. It stays as
            it is, its training mode included.
        example: (B, …) what the model takes, on its device; B may be 1.

    Returns:
        A copy of the model without that layer, (B, …) to features (B, D), in evaluation mode; and a copy of the layer,
        for `Head.from_linear`. layer(backbone(x)) equals the logits.

    Raises:
        CatsplitError: the model can't take the example; its answer isn't a linear layer's, but that of a convolution,
            or has passed through a softmax or mean; the layer is used more than once or for many tokens.
    """
    model = uncompiled(model)
    whole, kind = PlainAnswer(deepcopy(model)).eval(), type(model).__name__
    names = {layer: name for name, layer in whole.model.named_modules() if isinstance(layer, nn.Linear)}
    given: list[tuple[nn.Linear, Tensor]] = []
    hooks = [layer.register_forward_hook(lambda it, _, gave: given.append((it, gave))) for layer in names]
    answer = _run(whole, example, kind)
    for hook in hooks:
        hook.remove()
    # Equal numbers can be chance, as from layers that are all zero; numbers that come from nowhere else settle it.
    probe = (torch.rand(answer.shape, generator=torch.Generator().manual_seed(1)) - 0.5).to(answer)
    for layer in [layer for layer, gave in given if torch.equal(gave, answer)]:
        with layer.register_forward_hook(lambda *_: probe.clone()):
            if torch.equal(_run(whole, example, kind), probe):
                break
    else:
        raise CatsplitError(
            f"What {kind} answers, {tuple(answer.shape)}, is the output of none of its linear layers: leave "
            "out what follows the layer, such as a softmax or mean, or make the two parts yourself with "
            "catsplit.backbones.from_module and Head.from_linear."
        )
    for name, module in list(whole.named_modules(remove_duplicate=False)):
        if module is layer:
            whole.set_submodule(name, nn.Identity())
    features = _run(whole, example, kind)
    fits = features.shape == (len(example), layer.in_features)
    logits = F.linear(features, layer.weight, layer.bias) if fits else features
    if not fits or (logits - answer).abs().max() > 1e-3 * answer.abs().max():
        raise CatsplitError(
            f'{kind} can\'t do without its last layer "{names[layer]}", {layer}: W x + b of what it then gives, '
            f"{tuple(features.shape)}, isn't what it answers, {tuple(answer.shape)}."
        )
    return whole, layer


def base_model(
    model: nn.Module,
    labels: Sequence[str],
    sampling: Sampling,
    *,
    name: str | None = None,
    transform: Callable[[Tensor], Tensor] | None = None,
    architecture: str = "",
) -> BaseModel:
    """Any classifier that ends in a linear layer; see `split_backbone_and_head`.

    Args:
        labels: C texts, in the order of the outputs.
        sampling: the views that the model is to see.
        name: for people; the model's class by default.
        transform: uint8 views to what the model takes, as for `backbones.from_module`.
        architecture: what neither the weights nor the printed form of the model show, for the cache's key.

    Raises:
        HeadError: the labels don't fit.
        CatsplitError: as `split_backbone_and_head`.
    """
    model = uncompiled(model)
    name, transform = name or type(model).__name__, transform or Normalise()
    views = torch.randint(256, (1, *sampling.shape[1:]), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    module, layer = split_backbone_and_head(model, transform(views.to(device)))
    backbone = from_module(module, layer.in_features, name=name, transform=transform)
    architecture = f"{type(model).__module__}\n{architecture}\n{backbone.architecture}"
    head = Head.from_linear(layer, labels)
    return BaseModel(name, dataclasses.replace(backbone, architecture=architecture), head, sampling)


def _run(model: nn.Module, example: Tensor, kind: str) -> Tensor:
    try:
        with torch.no_grad():
            answer = model(example)
    except CatsplitError:
        raise
    except Exception as error:  # of whatever kind the model's own code raises
        raise CatsplitError(f"{kind} can't take the views {tuple(example.shape)}: {reason(error)}") from error
    if not isinstance(answer, Tensor):
        raise CatsplitError(f"{kind} must answer with logits or with an object that has them, not {type(answer)}.")
    return answer
