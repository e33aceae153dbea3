"""Networks as one writes them by hand, beside those of formulas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PrintedBlock(nn.Module):
    """The basic block of Liao et al. (2021), A.5, as it is printed.

    But for its last subtraction, which is in place there: torch refuses to train that.
    """

    def __init__(self, inside: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut, self.shortcut2 = nn.Sequential(), nn.Sequential()
        if stride != 1 or inside != channels:
            self.shortcut, self.shortcut2 = (
                nn.Sequential(
                    nn.Conv2d(inside, channels, 1, stride, bias=False),
                    nn.BatchNorm2d(channels),
                )
                for _ in range(2)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x[1])))
        out = self.bn2(self.conv2(out))
        outp = out
        out += self.shortcut(x[1])
        out = F.relu(out)
        out = out - self.shortcut2(x[0])
        return torch.stack((outp, out))


class Printed(nn.Module):
    """ResNet-18s of blocks as they are printed, for CIFAR."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(64)
        blocks, inside = [], 64
        for channels in (64, 128, 256, 512):
            blocks += [
                PrintedBlock(inside, channels, 1 if channels == 64 else 2),
                PrintedBlock(channels, channels, 1),
            ]
            inside = channels
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(512, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn(self.conv(x)))
        x = self.blocks(torch.stack((x, x)))[1]
        return self.linear(x.mean((2, 3)))


class _Coupled(torch.autograd.Function):
    """A row of coupled blocks that keeps what its last one makes (as memcnn does it)."""

    @staticmethod
    def forward(ctx: Any, blocks: Sequence[Any], a: Tensor, b: Tensor, *_: Any) -> Any:
        for f, g in blocks:
            a = a + f(b)
            b = b + g(a)
        ctx.blocks = blocks
        ctx.kind = a.device.type
        ctx.cast = torch.is_autocast_enabled(ctx.kind)
        ctx.dtype = torch.get_autocast_dtype(ctx.kind)
        ctx.save_for_backward(a, b)
        return a, b

    @staticmethod
    def backward(ctx: Any, *made: Tensor) -> Any:
        with torch.autocast(ctx.kind, ctx.dtype, ctx.cast):
            return _Coupled.back(ctx, *made)

    @staticmethod
    def back(ctx: Any, *made: Tensor) -> Any:
        a, b = ctx.saved_tensors
        grad_a, grad_b = made
        grads: list[Tensor] = []
        for f, g in reversed(ctx.blocks):
            with torch.no_grad():
                b_prev = b - g(a)
                a_prev = a - f(b_prev)
            a_prev.requires_grad_()
            b_prev.requires_grad_()
            with torch.enable_grad():
                a_next = a_prev + f(b_prev)
                b_next = b_prev + g(a_next)
            learned = [*f.parameters(), *g.parameters()]
            grad_a, grad_b, *more = torch.autograd.grad(
                (a_next, b_next), (a_prev, b_prev, *learned), (grad_a, grad_b)
            )
            grads = [*more, *grads]
            a, b = a_prev.detach(), b_prev.detach()
        return None, grad_a, grad_b, *grads


class Coupled(nn.Module):
    """A RevNet of one width, by plain autograd."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.stem = _operator(3, 2 * width)
        self.blocks = nn.ModuleList(
            nn.ModuleList([_operator(width, width), _operator(width, width)])
            for _ in range(blocks)
        )
        self.head = nn.Linear(2 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        a, b = (part.contiguous() for part in self.stem(x).chunk(2, dim=1))
        pairs = [tuple(block) for block in self.blocks]
        made = _Coupled.apply(pairs, a, b, *self.blocks.parameters())
        return self.head(torch.cat(made, dim=1).mean((2, 3)))


def _operator(inside: int, channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inside, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


def given(module: nn.Module, other: nn.Module) -> nn.Module:
    """The module with the weights of another, which has the same in the same order."""
    state = module.state_dict()
    values = list(other.state_dict().values())
    module.load_state_dict(dict(zip(state, values, strict=True)))
    return module
