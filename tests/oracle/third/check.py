"""A generated module beside the third reader: outputs, gradients, starts, statistics."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import recform
from recform.blocks.examples import random_inputs
from recform.compiler import Compiled, compile_source, from_text
from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.target import Target
from tests.oracle.compare import shake
from tests.oracle.third.file import Declared, File, networks, read
from tests.oracle.third.meeting import NotFollowed
from tests.oracle.third.network import Flow, Network
from tests.oracle.third.operators import FUNCTIONS, attended, dropped
from tests.oracle.third.values import Place

TOLERANCE = 1e-9
#: Blocks that are run backwards add and subtract, and make more of rounding errors.
TOLERANCES = {"reversible": 1e-7}
#: What is said of networks that have no such form: blocks that nobody can run backwards,
#: or that have no class.
LACKING = {"reversible": {"RF531", "RF532"}, "checkpoint": {"RF538"}}
#: Starts are numbers of float32.
STARTS = 3e-7


class TooLarge(Exception):
    """The numbers of a network are none, or grow beyond what can be compared."""


@contextlib.contextmanager
def rates() -> Iterator[None]:
    """Dropout does not draw, but tells its rate."""

    def dropout(x: Tensor, p: float = 0.5, training: bool = True, *_: Any) -> Tensor:
        return dropped(x, p) if training else x

    def attention(
        q: Tensor,
        k: Tensor,
        v: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
    ) -> Tensor:
        seen = attn_mask
        if is_causal:
            seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril()
        return attended(q, k, v, seen=seen, scale=scale, dropout=dropout_p)

    def hardsigmoid(x: Tensor, inplace: bool = False) -> Tensor:
        return FUNCTIONS["hardsigmoid"](x)

    def hardswish(x: Tensor, inplace: bool = False) -> Tensor:
        return FUNCTIONS["hardswish"](x)

    # The gradient of torch's own has 1/6 with the digits of a float32.
    bent = {"hardsigmoid": hardsigmoid, "hardswish": hardswish}
    names = {"dropout": dropout, **bent, "scaled_dot_product_attention": attention}
    before = {name: getattr(F, name) for name in names}
    try:
        for name, made in names.items():
            setattr(F, name, made)
        yield
    finally:
        for name, made in before.items():
            setattr(F, name, made)


def told_paths(net: nn.Module) -> None:
    """The same of stochastic depth, whose class the file brings."""
    for module in net.modules():
        if type(module).__name__ == "DropPath":

            def forward(x: Tensor, at: Any = module) -> Tensor:
                return dropped(x, at.rate) if at.training else x

            module.forward = forward  # type: ignore[method-assign]


def passes(net: Any, given: tuple[Tensor, ...], parameters: list[Tensor]) -> list[Any]:
    """Outputs, and gradients of parameters and inputs."""
    given = tuple(x.detach().clone() for x in given)
    floats = [x.requires_grad_(True) for x in given if x.is_floating_point()]
    made = net(*given)
    weights = torch.linspace(-1, 2, made.numel(), dtype=torch.float64).view_as(made)
    wanted = [*floats, *parameters]
    found = torch.autograd.grad((made * weights).sum(), wanted, allow_unused=True)
    return [made.detach(), *found]


def apart(one: list[Any], two: list[Any]) -> float:
    """How far results are apart, beside the largest numbers there are."""
    largest = max(
        (float(x.abs().max()) for x in two[1:] if x is not None and x.numel()),
        default=0,
    )
    worst = 0.0
    for place, (a, b) in enumerate(zip(one, two, strict=True)):
        if a is None and b is None:
            continue
        a = torch.zeros_like(b) if a is None else a
        b = torch.zeros_like(a) if b is None else b
        assert a.shape == b.shape, (place, a.shape, b.shape)
        if not a.isfinite().all():
            raise TooLarge
        assert place or b.isfinite().all(), "it reads what is not there"
        if not b.isfinite().all():
            raise TooLarge
        scale = max(float(b.abs().max()), 1e-3 * largest if place else 0.0, 1e-30)
        worst = max(worst, float((a - b).abs().max()) / scale)
    return worst


def watch(reader: Network, net: nn.Module, given: tuple[Tensor, ...]) -> None:
    """Tells the reader which adapter got what, and which shape it made of that."""
    run = copy.deepcopy(net)
    told_paths(run)
    others = dict(reader.net.named_modules())
    for name, module in run.named_modules():

        def note(_: Any, got: Any, made: Any, key: int = id(others[name])) -> None:
            if got and isinstance(got[0], Tensor) and isinstance(made, Tensor):
                reader.got[key] = got[0].detach()
                reader.made[key] = tuple(made.shape[1:])

        module.register_forward_hook(note)
    with torch.no_grad():
        run(*given)


def starts(file: File, net: nn.Module) -> None:
    """Learned scalars start as the file says."""
    network = Network(file, net)
    rows = network.blocks()
    if file.scope == "network":
        rows = [[block for row in rows for block in row]]

    for stage, row in enumerate(rows):
        flow = Flow(network, stage, row, {})
        for name, many in file.scalars.items():
            if len(many) > 1 or (many[0].index and len(many[0].index) > 1):
                continue
            _started(file, flow, name, many[0], row, net)


def _started(
    file: File, flow: Any, name: str, declared: Declared, row: Any, net: nn.Module
) -> None:
    letter = file.names[name][1] if name in file.names else name
    for place, block in enumerate(row, 1):
        home = block if declared.index is not None else net
        found = getattr(home, letter, None)
        if not isinstance(found, nn.Parameter):
            continue
        wanted = float(flow.numeric(declared.value, Place(place)))
        assert torch.allclose(
            found.detach().double(),
            torch.tensor(wanted, dtype=torch.float64),
            rtol=STARTS,
            atol=1e-37,
        ), f"{name}_{place} starts at {found.detach()}, not {wanted}"


def check(
    text: str,
    forms: tuple[str, ...] = ("plain",),
    training: bool = True,
    folder: Path | None = None,
) -> None:
    """Fails where a network differs from its file.

    Raises:
        CompileError: if it is refused.
        Unread: if the reader does not know something.
    """
    files = [read(text, name, folder) for name in networks(text) or [""]]
    made = compile_source(from_text(text), folder=folder)
    for file, item in zip(files, made, strict=True):
        check_one(file, item, forms, training)


def check_one(
    file: File, item: Compiled, forms: tuple[str, ...], training: bool = True
) -> None:
    """The same of one network."""
    torch.manual_seed(0)
    net: nn.Module = item.module()
    starts(file, net)
    net = net.double().train(training)
    shake(net)
    given = random_inputs(item.formula.inputs, 3, dtype=torch.float64)
    theirs = copy.deepcopy(net)
    reader = Network(file, theirs)
    with rates():
        watch(reader, net, given)
        wanted = passes(reader.run, given, list(theirs.parameters()))
        for form in forms:
            ours = formed(item, form, net)
            if ours is None:
                continue
            told_paths(ours)
            if form == "inference":
                _folded(file, net, ours, given)
                continue
            found = passes(ours, given, list(ours.parameters()))
            worst, most = apart(found, wanted), TOLERANCES.get(form, TOLERANCE)
            if worst >= most and reader.unsure:
                raise NotFollowed("two adapters that got the same")
            if worst >= most:
                _blurred(reader, given, wanted, worst)
            assert worst < most, f"{form} is off by {worst:.3g}"
            if form == "plain":
                _idle(ours, found)
                if training:
                    _buffers(ours, theirs)


def _blurred(reader: Network, given: Any, wanted: Any, worst: float) -> None:
    """Raises TooLarge, if rounding errors are seen as much."""
    parameters = list(reader.net.parameters())
    near = tuple(_beside(x) if x.is_floating_point() else x for x in given)
    with torch.no_grad():
        for parameter in parameters:
            parameter.copy_(_beside(parameter))
    if 100 * apart(passes(reader.run, near, parameters), wanted) > worst:
        raise TooLarge


def _beside(x: Tensor) -> Tensor:
    return x * (1 + 1e-15 * torch.randn_like(x).sign())


def _folded(
    file: File, net: nn.Module, ours: nn.Module, given: tuple[Tensor, ...]
) -> None:
    """For inference a network has other weights, and the same outputs."""
    plain = copy.deepcopy(net).eval()
    reader = Network(file, plain)
    watch(reader, plain, given)
    with torch.no_grad():
        worst = apart([ours(*given)], [reader.run(*given)])
    assert worst < TOLERANCE, f"inference is off by {worst:.3g}"


def formed(item: Compiled, form: str, net: nn.Module) -> nn.Module | None:
    """A network in a form, with the weights of another one; None if it has no such form."""
    if form == "inference":
        return recform.optimize(copy.deepcopy(net).eval())
    target = Target(timm=True) if form == "timm" else Target(memory=Memory(form))
    made = item if form == "plain" else replace(item, target=target)
    try:
        ours: nn.Module = made.module().double().train(net.training)
    except CompileError as error:
        if {d.code for d in error.diagnostics} - LACKING.get(form, set()):
            raise
        return None
    ours.load_state_dict(net.state_dict())
    return ours


def _idle(net: nn.Module, found: list[Any]) -> None:
    """No parameter is there for nothing."""
    names = [name for name, _ in net.named_parameters()]
    gradients = found[len(found) - len(names) :]
    idle = [name for name, x in zip(names, gradients, strict=True) if x is None]
    assert not idle, f"nothing depends on {idle}"


def _buffers(ours: nn.Module, theirs: nn.Module) -> None:
    others, counts = dict(theirs.named_buffers()), dict(ours.named_buffers())
    for name, buffer in ours.named_buffers():
        # After several calls it depends on their order; and the reader calls what it is
        # in the middle of when the rest of a term turns out to be none.
        count = f"{name.rpartition('.')[0]}.num_batches_tracked"
        if "running" in name and counts[count] == others[count] == 1:
            assert torch.allclose(buffer, others[name], rtol=1e-9, atol=1e-12), name
