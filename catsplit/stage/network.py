"""The small video network of Stage-Split: frames and frame differences, four and one blocks with temporal shift."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CROP = 40  # pixels, height and width of a view
FRAMES = 16
WIDTHS = (32, 64, 128, 192)


class _Shift(torch.autograd.Function):
    """Let the first quarter of the channels see the frame before, the second quarter the frame after.

    A function of its own, because autograd's bookkeeping of the four slices costs more than the shift.
    """

    @staticmethod
    def forward(ctx, x: Tensor, frames: int) -> Tensor:
        ctx.frames = frames
        return _shifted(x, frames, 1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return _shifted(gradient, ctx.frames, -1), None


def _shifted(x: Tensor, frames: int, way: int) -> Tensor:
    x = x.contiguous(memory_format=torch.channels_last)
    result, quarter = x.clone(memory_format=torch.channels_last), x.shape[1] // 4
    source, target = x.unflatten(0, (-1, frames)), result.unflatten(0, (-1, frames))
    first, second = slice(0, quarter), slice(quarter, 2 * quarter)
    later, earlier = (first, second) if way == 1 else (second, first)
    target[:, 1:, later], target[:, 0, later] = source[:, :-1, later], 0
    target[:, :-1, earlier], target[:, -1, earlier] = source[:, 1:, earlier], 0
    return result


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, *, shift: bool = True) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shift, self.residual = shift, inputs == outputs

    def forward(self, x: Tensor, frames: int) -> Tensor:
        y = _Shift.apply(x, frames) if self.shift else x
        y = self.norm(self.convolution(y))
        return F.relu(x + y if self.residual else y)


class StageNet(nn.Module):
    """Views to features: two blocks at 16 frames, three at 8, mean over time and space, layer norm.

    660,000 parameters with its head. `forward` gives the head's logits, `features` what the head sees.

    Args:
        classes: C, rows of the head.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.early = nn.ModuleList([_Block(6, a, 2, shift=False), _Block(a, b, 2)])
        self.late = nn.ModuleList([_Block(b, c, 2), _Block(c, d, 1), _Block(d, d, 1)])
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, classes)

    def features(self, views: Tensor) -> Tensor:
        """(B, T, H, W, 3) in 0–255, T even, to (B, D)."""
        frames = views.shape[1]
        x = (views.float() / 255 - 0.45) / 0.25
        before = torch.cat([x[:, :1], x[:, :-1]], 1)
        x = torch.cat([x, x - before], -1).flatten(0, 1).permute(0, 3, 1, 2)  # (B·T, 6, H, W), channels last
        for block in self.early:
            x = block(x, frames)
        # Half the frames from here on: the mean of each two neighbours.
        x = x.unflatten(0, (-1, 2)).mean(1).contiguous(memory_format=torch.channels_last)
        for block in self.late:
            x = block(x, frames // 2)
        return self.norm(x.mean((2, 3)).unflatten(0, (-1, frames // 2)).mean(1))  # (B, D)

    def forward(self, views: Tensor) -> Tensor:
        """(B, T, H, W, 3) in 0–255 to logits (B, C)."""
        return self.head(self.features(views))


def rounded(model: nn.Module) -> dict[str, Tensor]:
    """The weights as they are stored: matrices in half precision, norms and biases as they are."""
    return {
        name: (tensor.half() if tensor.ndim > 1 else tensor).contiguous() for name, tensor in model.state_dict().items()
    }
