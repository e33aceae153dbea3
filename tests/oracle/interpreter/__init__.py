"""A naive interpreter of the equations: the oracle for the emitted modules.

It knows nothing of steps, states or graphs. It writes an equation out for a block number,
and computes what it finds by recursion on the index, with a memo: a value that was
computed once is there. Weights are those of the emitted network. Of a compiled network it
reads the formula; of the module what anybody can see (see also ../adapters.py).
"""

from __future__ import annotations

import sys

from torch import Tensor, nn

from recform.algebra.formula import Formula
from tests.oracle.adapters import Call
from tests.oracle.interpreter.flow import Flow
from tests.oracle.interpreter.frame import flows
from tests.oracle.interpreter.terms import identifier

#: Deep networks are deep recursions here.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))

__all__ = ["flows", "identifier", "interpret"]


def interpret(
    formula: Formula,
    net: nn.Module,
    given: tuple[Tensor, ...],
    calls: list[list[Call]],
    arguments: dict[int, list[tuple[Tensor, ...]]],
) -> Tensor:
    """What the network is to return, by the equations.

    Args:
        formula: what the file says.
        net: has the weights.
        given: what comes in.
        calls: what the adapters of each flow were called on in the network.
        arguments: is filled with what each operator is called on here.
    """
    value, *more = given
    contexts = dict(zip(formula.contexts, more, strict=True))
    value = net.stem(value) if formula.stem.steps else value
    for number, blocks in enumerate(flows(formula, net)):
        if number and formula.transition is not None:
            value = getattr(net, f"transition{number + 1}")(value)
        noted = calls[number]
        run = Flow(formula, net, blocks, number, value, contexts, noted, arguments)
        value = run.output()
    return net.head(value) if formula.head.steps else value  # type: ignore[no-any-return]
