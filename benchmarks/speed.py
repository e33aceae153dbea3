"""How fast emitted networks run, beside those that are written by hand.

Both have the same weights and take turns; their results have to agree. Training is a step
forward and backward, and inference what `recform.optimize` makes, and the same with its
convolutions packed, beside evaluation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from itertools import product

import torch
import torchvision
from peers import Printed, given
from table import EXAMPLES, Asked, Figure, ratios, turns
from torch import Tensor, nn

import recform

#: How far results may be apart.
APART = 1e-5
FOLDED = ("resnet50", "mobilenet_v2")


def step(net: nn.Module, x: Tensor) -> Callable[[], object]:
    """Forward and backward."""

    def run() -> None:
        net.zero_grad(set_to_none=True)
        net(x).sum().backward()

    return run


def agree(one: nn.Module, other: nn.Module, x: Tensor, what: str) -> None:
    """Ends the benchmark if two networks make different results."""
    made, wanted = one(x), other(x)
    apart = float((made - wanted).detach().abs().max() / wanted.detach().abs().max())
    if apart > APART:
        raise SystemExit(f"{what}: results are {apart:.0e} apart")


def stirred(module: nn.Module) -> nn.Module:
    """The module with statistics and scales as after some training."""
    draws = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1, generator=draws)
            part.running_var.uniform_(0.5, 2, generator=draws)
            part.bias.data.normal_(0, 0.1, generator=draws)
    return module.eval()


def trained(asked: Asked) -> Iterator[Figure]:
    """Steps of training."""
    ours = recform.load(EXAMPLES / "zoo" / "resnet18.rf")
    theirs = torchvision.models.resnet18()
    theirs.load_state_dict(ours.state_dict())
    printed = recform.load(EXAMPLES / "paper" / "a5_printed.rf")
    pairs = {
        "emitted ResNet-18 / torchvision's, 8 x 3 x 128 x 128": (ours, theirs, 8, 128),
        "emitted A.5 / A.5 as printed, 8 x 3 x 32 x 32": (
            printed,
            given(Printed(), printed),
            8,
            32,
        ),
    }
    for name, (one, other, count, side) in pairs.items():
        x = torch.randn(count, 3, side, side)
        agree(one, other, x, name)
        times = turns({"": step(one, x), "by hand": step(other, x)}, asked.turns(12))
        yield Figure(name, ratios(times[""], times["by hand"]), bound=1.02)


def folded(asked: Asked) -> Iterator[Figure]:
    """Evaluation of few and of more images, with one thread of torch and with two."""
    for name in FOLDED:
        theirs = stirred(getattr(torchvision.models, name)())
        ours = recform.load(EXAMPLES / "zoo" / f"{name}.rf")
        ours.load_state_dict(theirs.state_dict())
        ours = recform.optimize(ours)
        packed = deepcopy(ours).pack(torch.randn(1, 3, 224, 224))
        for count, threads in product((4, 16), (1, 2)):
            x = torch.randn(count, 3, 224, 224)
            agree(ours, theirs, x, name)
            agree(packed, theirs, x, name)
            torch.set_num_threads(threads)
            clock = time.process_time if threads == 1 else time.perf_counter
            nets = {"": ours, ", packed": packed, "theirs": theirs}
            actions = {form: partial(net, x) for form, net in nets.items()}
            times = turns(actions, asked.turns(5 if count == 4 else 3), clock)
            torch.set_num_threads(1)
            for form, bound in (("", None), (", packed", 0.85)):
                yield Figure(
                    f"{name} for inference{form} / torchvision's, {count} images, "
                    f"threads: {threads}",
                    ratios(times[form], times["theirs"]),
                    bound=bound,
                )


def figures(asked: Asked) -> Iterator[Figure]:
    """Training, then inference."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    yield from trained(asked)
    with torch.no_grad():
        yield from folded(asked)
