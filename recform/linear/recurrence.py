"""The linearised recurrence: what each unknown of block i gets from older ones.

Operators become matrices, elementwise functions their derivatives (or nothing, as in
section 3.2 of Liao et al.), products follow the product rule with the other factor as a
gate, a concatenation becomes a sum of embedded parts. A history that grows or adds up is
an unknown of its own, so that every law reaches back a fixed number of blocks.

Far from the start the laws hold as they are; the first blocks, where history vanishes
and boundary equations hold, are written out one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from recform.algebra.formula import Formula
from recform.diagnostics import Diagnostics
from recform.linear.differentiate import Differentiator
from recform.linear.model import STEM, Gradient, Law, Linear, Source, merged
from recform.linear.words import Polynomial
from recform.recurrence.order import by_need
from recform.recurrence.reach import reach_of
from recform.recurrence.unroll import Unroller
from recform.series.places import BLOCK, START, At


def linearise(
    formula: Formula,
    report: Diagnostics,
    *,
    activations: bool = True,
    choices: bool = False,
    first: int | None = None,
) -> Linear:
    """The linearised recurrence of a formula.

    Args:
        formula: from the algebra, checked by the recurrence.
        report: gets RF601.
        activations: whether to keep the derivatives of elementwise functions.
        choices: whether ``max`` and ``min`` are sums over their arguments, each with a
            gate that says where it is taken; otherwise they are refused.
        first: how many first blocks are written out; None for all that may differ.

    Raises:
        CompileError: if a part has no derivative (``max``, ``min``).
    """
    if first is None:
        reach = reach_of(formula)
        first = reach.order + reach.absolute + 1
    reader = Differentiator(formula, report, activations, choices)
    laws = _ordered(reader.laws())
    report.check()
    starts = tuple(
        {name: start[name] for name in _needed(start, At(START, block))}
        for block, start in enumerate(reader.starts(laws, first))
    )
    output = reader.gradient(formula.output)
    report.check()
    solved = _solve(laws)
    order = max(
        (
            -source.at.number
            for law in solved
            for source in law.gradient
            if source.at.base == BLOCK
        ),
        default=1,
    )
    return Linear(
        formula=formula,
        activations=activations,
        laws=laws,
        solved=solved,
        order=max(order, 1),
        first=first,
        starts=starts,
        output=output,
        assumptions=tuple(reader.assumptions),
    )


def written_out(formula: Formula, length: int) -> Linear:
    """A network of one depth, all blocks of which are written out.

    So sums over depth, of which no law speaks, are sums of their members; ``max`` and
    ``min`` are sums over their arguments, each with a gate. There are no laws for any i.

    Args:
        formula: from the algebra, checked by the recurrence.
        length: the number of blocks.
    """
    unroller = Unroller(formula, length)
    output = unroller.output(formula.output)
    reader = Differentiator(
        formula, Diagnostics(), False, choices=True, whole=unroller.definitions
    )
    arrives = {} if output is None else reader.gradient(output, length)
    found: dict[Source, Gradient] = {STEM: {}}
    pending = list(arrives)
    while pending:
        source = pending.pop()
        if source not in found:
            found[source] = reader.gradient(reader.written(source), source.at.number)
            pending += found[source]
    laws = tuple(Law(equation.unknown, {}) for equation in formula.equations)
    return Linear(
        formula=formula,
        activations=False,
        laws=laws,
        solved=laws,
        order=1,
        first=length,
        starts=tuple(_of_block(found, block) for block in range(length + 1)),
        output=arrives,
        assumptions=tuple(reader.assumptions),
        definitions=unroller.definitions,
    )


def _of_block(found: Mapping[Source, Gradient], block: int) -> Mapping[str, Gradient]:
    """The derivatives of the tensors of a block, in the order of computation."""
    here = At(START, block)
    made = {s.unknown: gradient for s, gradient in found.items() if s.at == here}
    return {name: made[name] for name in _needed(made, here)}


def _solve(laws: tuple[Law, ...]) -> tuple[Law, ...]:
    """The laws with unknowns of the same block replaced by theirs."""
    done: dict[str, Gradient] = {}
    result = []
    for law in laws:

        def parts(law: Law = law) -> Iterator[tuple[Source, Polynomial]]:
            for source, polynomial in law.gradient.items():
                if source.at == At(BLOCK) and source.unknown in done:
                    for inner, factor in done[source.unknown].items():
                        yield inner, polynomial * factor
                else:
                    yield source, polynomial

        done[law.unknown] = merged(parts())
        result.append(Law(law.unknown, done[law.unknown], law.written))
    return tuple(result)


def _ordered(laws: list[Law]) -> tuple[Law, ...]:
    """Laws in the order of computation: what the same block reads comes first."""
    by_name = {law.unknown: law for law in laws}
    gradients = {name: law.gradient for name, law in by_name.items()}
    return tuple(by_name[name] for name in _needed(gradients, At(BLOCK)))


def _needed(gradients: Mapping[str, Gradient], here: At) -> list[str]:
    """Unknowns of a block, so that what another one reads comes before it.

    Blocks with equations of their own have an order of their own.
    """
    return by_need(
        {
            name: {source.unknown for source in gradient if source.at == here}
            for name, gradient in gradients.items()
        }
    )
