"""Views to features: what a backbone is, and how any torch module becomes one."""

import hashlib
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from types import CodeType
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from catsplit.errors import CatsplitError

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@runtime_checkable
class Backbone(Protocol):
    """A frozen video model: the same views always give the same features.

    One that works on a GPU may have a method `start(views)` too, which returns before the features are there, and a
    function that waits for them; and a `device`, so that views come to it in pinned memory. See `ModuleBackbone`.

    Attributes:
        name: for people.
        key: for caches; two backbones whose features differ must have different keys.
        dim: D.
    """

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def __call__(self, views: Tensor) -> Tensor:
        """(B, T, H, W, 3) uint8 to (B, D) float32 on the CPU."""
        ...


@dataclass(frozen=True)
class Normalise:
    """Views as most published video models take them: values in 0–1, less the mean, over the deviation.

    (B, T, H, W, 3) uint8 to (B, 3, T, H, W) float32. The default numbers are ImageNet's.
    """

    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __call__(self, views: Tensor) -> Tensor:
        mean, std = (_filled(x, views.device) for x in (self.mean, self.std))
        return ((views.float() / 255 - mean) / std).permute(0, 4, 1, 2, 3)


def _filled(values: tuple[float, ...], device: torch.device) -> Tensor:
    # A copy from the host would wait until the GPU has done all that it was told before.
    return torch.stack([torch.full((), value, device=device) for value in values])


def state_key(module: nn.Module, architecture: str = "") -> str:
    """Hexadecimal SHA-256 of a module's parameters and buffers, with their names, types and shapes.

    The same on every device. What the weights don't show (a changed forward pass, a buffer that isn't saved) has to
    be in `architecture`.
    """
    digest = hashlib.sha256(architecture.encode())
    for name, tensor in module.state_dict().items():
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if tensor.numel():
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def uncompiled(module: nn.Module) -> nn.Module:
    """The module that `torch.compile` or a wrapper for several GPUs was given, which has its weights and names."""
    while True:
        inside = getattr(module, "_orig_mod", None)
        if inside is None and isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inside = module.module
        if inside is None:
            return module
        module = inside


@dataclass(eq=False)
class ModuleBackbone:
    """Any torch module as a backbone.

    Args:
        module: the network, without its head or with a `method` that leaves the head out.
        dim: D, features of a view.
        name: for people; the module's class by default.
        transform: uint8 views (B, T, H, W, 3), on the module's device, to what the module takes. The values of a
            dataclass like `Normalise` enter the cache's key; of a function its code does, but not the variables
            outside that it uses.
        method: the module's method that gives the features.
        architecture: what the weights don't show, for the cache's key; the module's printed form by default. Change
            it when you change the forward pass.
        autocast, compiled: see `accelerated`.
    """

    module: nn.Module = field(repr=False)
    dim: int
    _: KW_ONLY
    name: str = ""
    transform: Callable[[Tensor], Tensor] = field(default=Normalise(), repr=False)
    method: str = "forward"
    architecture: str | None = None
    autocast: torch.dtype | None = None
    compiled: bool = False

    def __post_init__(self) -> None:
        plain = uncompiled(self.module)
        kind = type(plain)
        self.name = self.name or kind.__name__
        if self.architecture is None:
            self.architecture = f"{kind.__module__}.{kind.__qualname__}\n{_lasting(repr(plain))}"

    @property
    def key(self) -> str:
        """Reads the weights anew each time, since a module can be trained further after it was wrapped.

        Features of another precision have another key. Compilation and the device are not in it: like the size of
        a batch they change the last bits only.
        """
        precision = f"\n{self.autocast}" if self.autocast else ""
        told = f"{self.architecture}\n{_described(self.transform)}\n{self.method}{precision}"
        return state_key(uncompiled(self.module), told)

    @property
    def device(self) -> torch.device:
        """Where the module's parameters are, and so where it computes."""
        parameter = next(self.module.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    @cached_property
    def _run(self) -> Callable[[Tensor], Tensor]:
        run = self.module if self.method == "forward" else getattr(self.module, self.method)
        return torch.compile(run) if self.compiled else run

    def __call__(self, views: Tensor) -> Tensor:
        """Features of views, (B, T, H, W, 3) uint8 to (B, D) float32 on the CPU.

        The module is put into evaluation mode, and computes where its parameters are.

        Raises:
            CatsplitError: the views or the module's output have another shape.
        """
        return self.start(views)()

    def start(self, views: Tensor) -> Callable[[], Tensor]:
        """Begin with the features of views, and return a function that waits for them.

        A CUDA device computes meanwhile, and fetches pinned views without a halt; any other is done at once.

        Raises:
            CatsplitError: as `__call__`.
        """
        if views.ndim != 5 or views.shape[-1] != 3:
            raise CatsplitError(f"Views are (B, T, H, W, 3), not {tuple(views.shape)}.")
        self.module.eval()
        device = self.device
        waits = device.type == "cuda"  # elsewhere what isn't waited for may not be there yet
        precision = torch.autocast(device.type, self.autocast) if self.autocast else nullcontext()
        with torch.inference_mode(), precision:
            features = self._run(self.transform(views.to(device, non_blocking=waits)))
        fetched = checked(self, features, len(views)).to("cpu", non_blocking=waits)
        done = torch.cuda.current_stream(device).record_event() if waits else None

        def wait() -> Tensor:
            if done is not None:
                done.synchronize()
            # A copy made outside may be used in training, which the tensors of inference mode refuse.
            return fetched.clone()

        return wait


def checked(backbone: Backbone, features: Tensor, count: int) -> Tensor:
    """What a backbone gave for `count` views, in float32, if that is (count, D).

    Raises:
        CatsplitError: it isn't.
    """
    shape = tuple(getattr(features, "shape", ())) or type(features).__name__
    if shape != (count, backbone.dim):
        raise CatsplitError(
            f'The backbone "{backbone.name}" gave {shape} for {count} views, expected ({count}, {backbone.dim}).'
        )
    return torch.as_tensor(features).detach().float()


def accelerated(
    backbone: ModuleBackbone,
    device: str | torch.device = "cuda",
    *,
    autocast: torch.dtype | None = torch.bfloat16,
    compiled: bool = True,
) -> ModuleBackbone:
    """The backbone as it is fast on a GPU: its module is moved there, not copied.

    Args:
        autocast: the precision of matrix products and convolutions; None leaves all as it is. The features stay
            float32, and are kept apart from those of another precision.
        compiled: pass the module through `torch.compile`, which takes a minute at the first batch and needs a C++
            compiler.
    """
    backbone.module.to(device)
    return replace(backbone, autocast=autocast, compiled=compiled)


from_module = ModuleBackbone  # as it reads where one is made


def _described(transform: Callable) -> str:
    name, code = getattr(transform, "__qualname__", None), getattr(transform, "__code__", None)
    # A function by its code too: in a notebook it is edited under the same name, and every lambda has the same.
    return f"{name} {_code(code) if code else ''}" if name else _lasting(repr(transform))


def _code(code: CodeType) -> str:
    """Instructions, names and constants, without the file and its lines."""
    constants = [
        _code(x) if isinstance(x, CodeType) else repr(sorted(x, key=repr) if isinstance(x, frozenset) else x)
        for x in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"


def _lasting(text: str) -> str:
    """Without addresses in memory, which are others in every run."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
