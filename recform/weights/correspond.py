"""Which parameters of two modules that compute the same correspond to each other.

Both are run once on the meta device, where tensors have shapes and no numbers. What was
computed of what is followed from the result back to the parameters: the order in which
they are met so does not depend on names, containers or the order of statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from recform.blocks import Shape
from recform.blocks.examples import empty_examples


@dataclass(frozen=True, eq=False)
class _Node:
    """A tensor: what it was computed of, or the parameter that it is.

    A parameter that several modules share has several names.
    """

    inputs: tuple[_Node, ...] = ()
    names: tuple[str, ...] = ()


#: What counts how often each number stands there, which no tensor without numbers knows.
_COUNTS = (torch.bincount, Tensor.bincount)


def _even(x: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """As if each number stood there as often: all experts then run."""
    few, more = divmod(x.numel(), max(minlength, 1))
    counts = [few + (number < more) for number in range(minlength)]
    return torch.tensor(counts, dtype=torch.int64, device="cpu")


class _Trace(TorchFunctionMode):
    """Notes what each tensor is computed of."""

    def __init__(self, leaves: dict[str, Tensor]) -> None:
        super().__init__()
        # Torch's tensors are keys by their identity.
        names: dict[Tensor, list[str]] = {}
        for name, tensor in leaves.items():
            names.setdefault(tensor, []).append(name)
        self._nodes = {t: _Node(names=tuple(called)) for t, called in names.items()}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        run = _even if func in _COUNTS else func
        result = run(*args, **(kwargs or {}))
        node = _Node(tuple(self.node(t) for t in _tensors((args, kwargs or {}))))
        for tensor in _tensors(result):
            self._nodes[tensor] = node
        return result

    def node(self, tensor: Tensor) -> _Node:
        """How a tensor came about."""
        return self._nodes.setdefault(tensor, _Node())


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


class NotFollowed(Exception):
    """A module does not run on the meta device; the text says why."""


def parameters_met(module: nn.Module, shapes: Sequence[Shape]) -> list[str]:
    """The entries of a state_dict, in the order in which the result leads to them.

    Args:
        module: on the meta device.
        shapes: of one example, for each input.

    Raises:
        NotFollowed: if it asks for numbers, which operators of the user's own may do.
    """
    leaves = module.state_dict(keep_vars=True)
    trace = _Trace(leaves)
    # Two examples: what is normalised over the batch wants more than one number.
    with torch.device("meta"), torch.no_grad():
        start = [empty_examples(shape, 2) for shape in shapes]
        try:
            with trace:
                result = module.eval()(*start)
        except Exception as error:
            raise NotFollowed(f"{type(error).__name__}: {error}") from error
    return list(_names(trace.node(result)))


def _names(result: _Node) -> Iterator[str]:
    stack, seen = [result], {result}
    while stack:
        node = stack.pop()
        yield from node.names
        for part in reversed(node.inputs):
            if part not in seen:
                seen.add(part)
                stack.append(part)


def correspondence(
    first: nn.Module, second: nn.Module, shapes: Sequence[Shape]
) -> dict[str, str]:
    """For each entry of the first module's state_dict the same one of the second.

    Args:
        first: on the meta device.
        second: likewise; it computes the same.
        shapes: of one example, for each input.

    Raises:
        NotFollowed: if they do not run there.
    """
    pairs = zip(
        parameters_met(first, shapes), parameters_met(second, shapes), strict=True
    )
    found = dict(pairs)
    # What no result depends on (a count of batches) belongs to a module that was met.
    owners = {_owner(name): _owner(other) for name, other in found.items()}
    for name in first.state_dict():
        if name not in found:
            found[name] = f"{owners[_owner(name)]}{name.removeprefix(_owner(name))}"
    return found


def _owner(name: str) -> str:
    return name[: name.rfind(".") + 1]
