"""A network whose coefficients are no numbers, or have no slope, as it starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain

import sympy

from recform.algebra.definitions.body import Body, every_step
from recform.algebra.definitions.cell import Cell
from recform.algebra.expr import Filled, I, L, Learned, Scaled, Tensor
from recform.algebra.formula import LearnedScalar
from recform.algebra.stable import with_words
from recform.blocks.code import LARGEST
from recform.blocks.exact import as_any_float, precise
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.graph.checks.coefficients import uses
from recform.graph.model import StageGraph
from recform.recurrence.model import Recurrence
from recform.source import Span


@dataclass(frozen=True)
class _Coefficient:
    """A coefficient with learned numbers in it.

    Attributes:
        value: what it is.
        scalars: the learned numbers of the file, or of the definition, by name.
        blocks: of which blocks it is.
        length: its ``L``.
        index: its ``i`` in a block.
        moved: what the number of a learned number is there.
        place: finds where it stands.
    """

    value: Symbolic
    scalars: Mapping[str, LearnedScalar]
    blocks: range
    length: int
    index: Callable[[int], int]
    moved: Callable[[Symbolic, int], int]
    place: Callable[[], Span]


def warn_of_starts(
    recurrence: Recurrence, stages: tuple[StageGraph, ...], report: Diagnostics
) -> None:
    """Warns of a network that makes NaN or infinity of every input before it has learned.

    Args:
        recurrence: the steps.
        stages: which blocks take them.
        report: gets RF318 (``log(-a)`` of ``scalar a = 2``).
    """
    found: dict[Span, str] = {}
    for part in chain(_of_equations(recurrence, stages), _of_definitions(recurrence)):
        if _is_polynomial(part.value):
            continue
        blocks = part.blocks if _differs(part) else part.blocks[:1]
        wrong = ((block, _wrong(part, block)) for block in blocks)
        block, what = next(((n, text) for n, text in wrong if text), (0, ""))
        if what:
            where = f" in block {block}" if len(blocks) > 1 else ""
            found.setdefault(part.place(), what + where)
    for span, what in found.items():
        # Of what stands within another one, the smaller place is told.
        if not any(_is_in(other, span) for other in found):
            report.warning(
                "RF318",
                f"this coefficient {what} where its learned numbers start: the network "
                "cannot be trained from there",
                span,
                hint="`scalar a = 1` is learned, and begins with 1",
            )


def _is_in(small: Span, large: Span) -> bool:
    same = small.source == large.source and small != large
    return same and large.start <= small.start and small.end <= large.end


def _of_equations(
    recurrence: Recurrence, stages: tuple[StageGraph, ...]
) -> Iterator[_Coefficient]:
    for use in uses(recurrence, stages):
        if use.tensor.coefficient.has(Learned):
            yield _Coefficient(
                value=use.tensor.coefficient,
                scalars=recurrence.formula.scalars,
                blocks=use.blocks,
                length=use.length,
                index=use.index,
                moved=use.moved,
                place=partial(use.place, recurrence),
            )


def _of_definitions(recurrence: Recurrence) -> Iterator[_Coefficient]:
    """Those inside of definitions; what is an argument there is not known."""
    length = max(flow.length for flow in recurrence.flows)
    steps = chain.from_iterable(map(every_step, recurrence.formula.pipelines))
    bodies = (step.operator for step in steps if isinstance(step.operator, Body))
    for body in dict.fromkeys(bodies):
        parts = chain.from_iterable((t, *body.parts(t)) for t in body.tensors)
        begun = body.starts.values() if isinstance(body, Cell) else ()
        for tensor in chain(parts, begun):
            if isinstance(tensor, Scaled | Filled) and tensor.coefficient.has(Learned):
                yield _Coefficient(
                    value=tensor.coefficient,
                    scalars=body.scalars,
                    blocks=range(1, length + 1),
                    length=length,
                    index=int,
                    moved=lambda number, block: block,
                    place=partial(_place, body, tensor),
                )


def _place(body: Body, tensor: Tensor) -> Span:
    return body.spans.get(tensor, body.span)


@lru_cache(maxsize=4096)
def _is_polynomial(value: Symbolic) -> bool:
    """Whether it is one of learned numbers: it has values and slopes everywhere."""
    names = {item: sympy.Dummy() for item in value.atoms(Learned)}
    return bool(value.xreplace(names).is_polynomial(*names.values()))


def _differs(part: _Coefficient) -> bool:
    """Whether it is another number in another block."""
    scalars = (part.scalars[item.name] for item in part.value.atoms(Learned))
    return part.value.has(I) or any(scalar.has(I) for scalar in scalars)


def _wrong(part: _Coefficient, block: int) -> str:
    """What is wrong with a coefficient in a block; empty if nothing is known of it."""
    at: dict[Symbolic, object] = {I: part.index(block), L: part.length}
    for item in part.value.atoms(Learned):
        scalar = part.scalars[item.name]
        number = part.moved(item.index, block) if scalar.indexed else None
        if item.of_members or (number is not None and number < 1):
            return ""
        (start,) = scalar.numbers(1, number, part.length)
        at[item] = precise(start)
    if part.value.free_symbols - {*at}:
        return ""
    value = as_any_float(part.value, at)
    if math.isnan(value):
        return "is no number"
    made = with_words(part.value).atoms(sympy.Pow, sympy.exp)
    powers = [power for power in made if power.has(Learned)]
    grown = (as_any_float(p, at) for p in powers if not p.exp.is_negative)
    if any(abs(number) > LARGEST for number in (value, *grown)):
        return "is larger than any float"
    return "has no slope" if any(_is_steep(p, at) for p in powers) else ""


def _is_steep(power: Symbolic, at: Mapping[Symbolic, object]) -> bool:
    """Whether a power has no slope: a root of 0, or where the exponent is learned as well."""
    base, exponent = (as_any_float(x, at) for x in (power.base, power.exp))
    # What is rounded learns nothing, whatever is made of it.
    rounded = power.base.atoms(sympy.floor, sympy.ceiling)
    learned = power.base.xreplace(dict.fromkeys(rounded, sympy.S.One)).has(Learned)
    is_root = learned and base == 0 and 0 < exponent < 1
    return is_root or (power.exp.has(Learned) and base < 0)
