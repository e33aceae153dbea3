"""Emitted module against oracle, in float64.

Outputs, gradients of all parameters and of the input, how often each module runs, and
the running statistics of normalisations.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from recform.algebra.formula import Formula
from recform.blocks.examples import random_inputs
from recform.compiler import Compiled, compile_source, from_text
from tests.oracle.adapters import Watch, twins
from tests.oracle.interpreter import flows, identifier, interpret

#: Of the largest number of a tensor. Orders of adding up differ by less, and deep
#: networks make more of it.
TOLERANCE = 1e-10
DEEP_TOLERANCE = 1e-7
#: How large the numbers of a gradient are at least, as a share of the largest gradient.
SHARE = 1e-6


class Overflow(Exception):
    """The numbers of a network grow beyond what float64 holds: nothing to compare."""


def compiled(text: str) -> Compiled:
    return compile_source(from_text(text))[0]


def agree(text: str, modes: tuple[bool, ...] = (False, True)) -> Compiled:
    """Compiles, runs and compares; the compiled network for further questions."""
    item = compiled(text)
    torch.manual_seed(0)
    net = item.module().double()
    shake(net)
    given = random_inputs(item.formula.inputs, 3, dtype=torch.float64)
    for training in modes:
        compare(item, net.train(training), *given)
    parameters = sum(p.numel() for p in net.parameters())
    assert item.graph.totals.parameters == parameters
    return item


def compare(item: Compiled, net: nn.Module, *given: Tensor) -> None:
    """Fails with the first thing in which the network differs from its equations.

    Raises:
        Overflow: if both have numbers that are none.
    """
    try:
        _compare(item, net, given, within=True)
    except AssertionError:
        _compare(item, net, given, within=False)


def _compare(
    item: Compiled, net: nn.Module, given: tuple[Tensor, ...], *, within: bool
) -> None:
    formula = item.formula
    same = _made_alike(formula, net, given, within=within)
    ours, theirs = copy.deepcopy(net), copy.deepcopy(net)
    watch, counts = Watch(), _counted(formula, ours)
    watch.on(flows(formula, ours), operators(formula))
    expected_counts = _counted(formula, theirs)
    mine, other = leaves(given), leaves(given)
    made = ours(*mine)
    arguments: dict[int, list[tuple[Tensor, ...]]] = {}
    if not bool(made.isfinite().all()):
        raise Overflow
    expected = interpret(formula, theirs, other, watch.calls, arguments)
    deep = sum(stage.blocks for stage in formula.stages) > 10
    tolerance = DEEP_TOLERANCE if deep else TOLERANCE
    _close(made, expected, "output", tolerance)
    weights = torch.randn_like(made)
    (made * weights).sum().backward()
    (expected * weights).sum().backward()
    _gradients(ours, theirs, same, tolerance)
    for number, (one, two) in enumerate(zip(mine, other, strict=True), 1):
        if one.grad is not None or two.grad is not None:
            assert one.grad is not None, f"input {number} gets no gradient"
            assert two.grad is not None, f"the oracle does not use input {number}"
            _close(one.grad, two.grad, f"input {number}'s gradient", tolerance)
    again = _repeated(theirs, arguments)
    alike = {name.rsplit(".", 1)[0] for pair in same.items() for name in pair}
    for name, count in counts.items():
        if name in alike:
            # Which of them ran for which term shows nowhere.
            assert count, f"{name} does not run"
            continue
        expected_count = expected_counts[name]
        least = expected_count - again.get(name, 0)
        assert least <= count <= expected_count, (
            f"{name} runs {count} times, but meets {expected_count} arguments"
        )
    _statistics(ours, theirs, counts, expected_counts, tolerance)


def leaves(given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.clone().requires_grad_(x.is_floating_point()) for x in given)


def operators(formula: Formula) -> set[str]:
    return {identifier(name) for name in formula.operators}


def _made_alike(
    formula: Formula, net: nn.Module, given: tuple[Tensor, ...], *, within: bool
) -> dict[str, str]:
    """Gives adapters that cannot be told apart the same weights.

    Returns:
        For each of their parameters, the one that stands for all of the kind.
    """
    watch, run = Watch(), copy.deepcopy(net)
    watch.on(flows(formula, run), operators(formula))
    with torch.no_grad():
        run(*given)
    paths = {id(parameter): name for name, parameter in net.named_parameters()}
    same: dict[str, str] = {}
    for calls, blocks in zip(watch.calls, flows(formula, net), strict=True):
        for group in twins(calls, within=within):
            first, *others = [getattr(blocks[b - 1], name) for b, name in group]
            for other in others:
                other.load_state_dict(first.state_dict())
                for mine, its in zip(
                    first.parameters(), other.parameters(), strict=True
                ):
                    same[paths[id(its)]] = paths[id(mine)]
    return same


def _gradients(
    ours: nn.Module, theirs: nn.Module, same: dict[str, str], tolerance: float
) -> None:
    sums: dict[str, tuple[Tensor, Tensor]] = {}
    for (name, ours_p), theirs_p in zip(
        ours.named_parameters(), theirs.parameters(), strict=True
    ):
        assert ours_p.grad is not None, f"{name} gets no gradient"
        one = same.get(name, name)
        # Of several that are alike, the oracle may use some of them twice.
        expected = theirs_p.grad
        if expected is None and (name in same or name in same.values()):
            expected = torch.zeros_like(ours_p)
        assert expected is not None, f"the oracle does not use {name}"
        a, b = sums.get(one, (0.0, 0.0))
        sums[one] = (a + ours_p.grad, b + expected)
    # A gradient that is zero but for rounding (of a shift in front of a normalisation) is
    # made of numbers as large as others are.
    largest = max((float(b.abs().max()) for _, b in sums.values()), default=0.0)
    for name, (a, b) in sums.items():
        _close(a, b, f"gradient of {name}", tolerance, SHARE * largest)


def _counted(formula: Formula, net: nn.Module) -> dict[str, int]:
    """How often each module without parts has run since; by name."""
    blocks = {id(block) for flow in flows(formula, net) for block in flow}
    # A number beside a tensor is computed by the oracle itself.
    beside = {
        identifier(name)
        for name, pipeline in formula.operators.items()
        if [step.operator.name for step in pipeline.steps] == ["append"]
    }
    numbers = {
        id(module)
        for name, module in net.named_modules()
        if name.rpartition(".")[2] in beside
    }
    return counted(net, blocks | numbers)


def counted(net: nn.Module, but: set[int]) -> dict[str, int]:
    """The same, for all but the modules with these identities."""
    counts: dict[str, int] = {}

    def count(name: str, module: nn.Module) -> None:
        counts[name] = 0

        def hook(*_: object) -> None:
            counts[name] += 1

        module.register_forward_hook(hook)

    for name, module in net.named_modules():
        # An adapter that has nothing to do may be called or not.
        skipped = id(module) in but or isinstance(module, nn.Identity)
        if is_leaf(module) and not skipped:
            count(name, module)
    return counts


def is_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None


def _repeated(
    net: nn.Module, arguments: dict[int, list[tuple[Tensor, ...]]]
) -> dict[str, int]:
    """By how much fewer calls do, as arguments of two names are equal to the last bit."""
    fewer: dict[str, int] = {}
    for name, module in net.named_modules():
        given = arguments.get(id(module), [])
        distinct: list[tuple[Tensor, ...]] = []
        for values in given:
            if not any(all(map(torch.equal, values, others)) for others in distinct):
                distinct.append(values)
        if len(distinct) < len(given):
            for inner, part in module.named_modules():
                if is_leaf(part):
                    path = f"{name}.{inner}" if inner else name
                    fewer[path] = len(given) - len(distinct)
    return fewer


def _statistics(
    ours: nn.Module,
    theirs: nn.Module,
    counts: dict[str, int],
    expected: dict[str, int],
    tolerance: float,
) -> None:
    for name, module in ours.named_modules():
        # After several calls the running mean depends on their order, which the
        # equations leave open.
        if isinstance(module, nn.BatchNorm2d) and counts[name] == expected[name] == 1:
            other = theirs.get_submodule(name)
            assert module.num_batches_tracked == other.num_batches_tracked, name
            for buffer in ("running_mean", "running_var"):
                _close(
                    getattr(module, buffer),
                    getattr(other, buffer),
                    f"{name}.{buffer}",
                    tolerance,
                )


def _close(
    a: Tensor, b: Tensor, name: str, tolerance: float, least: float = 0.0
) -> None:
    assert a.shape == b.shape, f"{name}: {tuple(a.shape)}, not {tuple(b.shape)}"
    if not (bool(a.isfinite().all()) and bool(b.isfinite().all())):
        raise Overflow
    scale = max(1.0, least, float(b.detach().abs().max()))
    worst = float((a - b).detach().abs().max()) / scale
    assert worst <= tolerance, f"{name} is off by {worst:.3g}"


def shake(net: nn.Module) -> None:
    """Moves norms and scalars away from their trivial starts."""
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if parameter.dim() <= 1 or "conv" not in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
        for name, buffer in net.named_buffers():
            if "running" in name:
                buffer.add_(0.3 * torch.rand_like(buffer))
