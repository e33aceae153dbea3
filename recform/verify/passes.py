"""One pass through a network, forward and backward, and everything that it leaves.

The same module is run twice: as it was emitted, and as the equations say with its
operators. What is drawn at random in an operator hangs on the operator and on what it is
applied to, not on when it runs, so that both draw the same.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from recform.verify.trials import CLOSE, error_of

if TYPE_CHECKING:
    import torch

#: The seed of all that is drawn.
SEED = 0
#: A gradient is compared relative to itself, or to this part of the largest one: what
#: is zero but for rounding has no digits to compare.
_SMALL = 1e-5
#: Outputs are compared relative to themselves, or to this.
_LEAST = 1e-3


@dataclass(frozen=True)
class Pass:
    """What a pass leaves.

    Attributes:
        output: of the network.
        by_inputs: the gradients by the inputs; None where there is none.
        gradients: by the parameters, likewise.
        buffers: after the pass.
        calls: how often each module ran.
    """

    output: torch.Tensor
    by_inputs: Mapping[str, torch.Tensor | None]
    gradients: Mapping[str, torch.Tensor | None]
    buffers: Mapping[str, torch.Tensor]
    calls: Mapping[str, int]

    @property
    def differentiable(self) -> int:
        """By how many inputs there is a gradient."""
        return sum(gradient is not None for gradient in self.by_inputs.values())


@dataclass(frozen=True)
class Difference:
    """Something that two passes do not agree in.

    Attributes:
        what: in words, such as ``the gradient of head.weight``.
        error: how much, relative to its size; infinite where one has it and one not.
    """

    what: str
    error: float


def run(
    network: torch.nn.Module,
    compute: Callable[..., torch.Tensor],
    start: Sequence[torch.Tensor],
    *,
    training: bool,
) -> Pass:
    """A pass through a module; its parameters and buffers are then what they were.

    Args:
        network: the module.
        compute: its forward pass, by whatever way.
        start: the examples, for each input.
        training: whether it is in training.
    """
    import torch

    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train(training)
    parameters = dict(network.named_parameters())
    _forget(parameters)
    leaves = leaves_of(start)
    torch.manual_seed(SEED)
    with _watched(network) as calls:
        output = compute(*(leaf * 1 for leaf in leaves.values()))
    if output.requires_grad:
        weighted(output).backward()  # type: ignore[no-untyped-call]
    found = Pass(
        output.detach(),
        {name: leaf.grad for name, leaf in leaves.items()},
        {name: parameter.grad for name, parameter in parameters.items()},
        {name: buffer.clone() for name, buffer in network.named_buffers()},
        calls,
    )
    _forget(parameters)
    with torch.no_grad():
        # `load_state_dict` looks through all names for each module.
        for name, value in network.state_dict().items():
            value.copy_(before[name])
    network.eval()
    return found


def _forget(parameters: Mapping[str, torch.nn.Parameter]) -> None:
    """Takes gradients away; `zero_grad` would look through all modules for them."""
    for parameter in parameters.values():
        parameter.grad = None


def leaves_of(start: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies of examples to differentiate by, under what they are called."""
    leaves: dict[str, torch.Tensor] = {}
    for number, given in enumerate(start, 1):
        leaf = given.detach().clone()
        # Ids have no gradient.
        leaf.requires_grad_(leaf.is_floating_point())
        leaves["the input" if number == 1 else f"input {number}"] = leaf
    return leaves


def weighted(output: torch.Tensor) -> torch.Tensor:
    """A number to differentiate: the output with random weights."""
    import torch

    generator = torch.Generator().manual_seed(SEED)
    weights = torch.randn(output.shape, dtype=output.dtype, generator=generator)
    return (output * weights).sum()


@contextmanager
def _watched(network: torch.nn.Module) -> Iterator[Counter[str]]:
    """Counts calls of modules, and seeds each by its name and its argument."""
    calls: Counter[str] = Counter()
    named = dict(network.named_modules())
    hooks = [
        module.register_forward_pre_hook(partial(_seed, name, calls))
        for name, module in named.items()
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def _seed(
    name: str,
    calls: Counter[str],
    module: torch.nn.Module,
    arguments: tuple[object, ...],
) -> None:
    import torch

    calls[name] += 1
    values = [value for value in arguments if isinstance(value, torch.Tensor)]
    size = float(values[0].detach().double().abs().mean()) if values else 0.0
    # Rounding differs with the order of terms, so that not all digits count.
    digits = round(math.frexp(size)[0] * 2**20) if math.isfinite(size) else 0
    torch.default_generator.manual_seed(zlib.crc32(f"{name} {digits}".encode()))


def differences(found: Pass, expected: Pass, *, ordered: bool) -> Iterator[Difference]:
    """In what two passes differ, rounding errors included.

    Args:
        found: one.
        expected: the other.
        ordered: whether they run modules in the same order; running statistics of one
            that runs several times hang on it, and are not compared otherwise.
    """
    yield Difference("the output", error_of(found.output, expected.output, _LEAST))
    yield from gradients(
        {**found.gradients, **found.by_inputs},
        {**expected.gradients, **expected.by_inputs},
    )
    for name, value in expected.buffers.items():
        owner = name.rpartition(".")[0]
        if ordered or expected.calls.get(owner, 1) == 1 or not _running(name):
            yield Difference(name, error_of(found.buffers[name], value))
    for name, count in expected.calls.items():
        if found.calls.get(name, 0) != count:
            often = f"{found.calls.get(name, 0)} times instead of {count}"
            yield Difference(f"{name or 'the network'} runs {often}", math.inf)


def worst_of(found: Iterable[Difference]) -> Difference:
    """The first difference that is no rounding error; the largest of all, if none is.

    If one is not known (NaN) and no other is too large, that one.
    """
    items = [Difference("", 0.0), *found]
    large = [item for item in items if item.error > CLOSE]
    unknown = [item for item in items if math.isnan(item.error)]
    return next(iter(large or unknown), max(items, key=lambda d: d.error))


def _running(name: str) -> bool:
    return name.rpartition(".")[2].startswith("running")


def gradients(
    found: Mapping[str, torch.Tensor | None],
    expected: Mapping[str, torch.Tensor | None],
) -> Iterator[Difference]:
    """In what gradients differ."""
    sizes = [float(g.abs().max()) for g in expected.values() if g is not None]
    least = max([_SMALL * size for size in sizes if math.isfinite(size)], default=0.0)
    for name, value in expected.items():
        other = found.get(name)
        there = other if value is None else value
        if there is None:
            continue
        # No gradient is as good as one of zeros.
        first, second = (there * 0 if one is None else one for one in (other, value))
        error = error_of(first, second, max(least, 1e-300))
        yield Difference(f"the gradient of {name}", error)


def compared(parameters: int, buffers: int, starts: int, *, inputs: int = 1) -> str:
    """What was compared, in words; ids have no gradient."""
    words = ["forward in eval", f"one training pass with seed {SEED}"]
    many = [f"gradients of {parameters} parameters"] if parameters else []
    if inputs:
        whose = "the input" if inputs == 1 else f"{inputs} inputs"
        many.append(f"of {whose}" if parameters else f"the gradient of {whose}")
    words += [" and ".join(many)] if many else []
    words += [f"{buffers} buffers"] if buffers else []
    words += [f"{starts} start values"] if starts else []
    return ", ".join(words)
