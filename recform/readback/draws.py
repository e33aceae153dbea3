"""At which numbers of its learned scalars a network is compared.

Sums, products, roots and waves that are equal at one point are as good as equal. A
coefficient with a corner, ``relu(a - 2)`` say, is compared at a few points, which are chosen
so that they lie on several sides of corners; one that is no number everywhere,
``log(a - 2)`` say, near where its scalars start: there it has to be one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import sympy

from recform.algebra.definitions.body import Body, every_step
from recform.algebra.expr import Filled, I, L, Learned, Scaled
from recform.algebra.formula import Formula, LearnedScalar
from recform.blocks.exact import as_any_float
from recform.blocks.symbolic import Symbolic
from recform.execution.draws import Draws
from recform.recurrence.model import Recurrence

#: At how many points a network is compared.
MOST = 4
#: Functions with corners.
_CORNERS = (sympy.Max, sympy.Min, sympy.Abs, sympy.floor, sympy.ceiling)
#: How far from their starts scalars are drawn.
_NEAR = (0.1, -0.1, 0.01, -0.01, 0.001, -0.001)
#: In which directions; with a text some go in the other one.
_TURNS = ("", *"abcdefgh")
#: Where they are drawn whatever they start with, and how far.
_ANYWHERE = ((-0.5, -1.0), (3.5, 1.0), (0.0, 0.1), (10.0, 10.0), (-10.0, -10.0))


def sides_of(recurrence: Recurrence) -> list[Draws]:
    """Where a network is compared: a point for each new side of a corner, up to `MOST`."""
    found, known = [Draws()], set[tuple[Any, ...]]()
    numbers = [part for part in _coefficients(recurrence) if part.has(Learned)]
    corners = sorted(set(chain(*(n.atoms(*_CORNERS) for n in numbers))), key=str)
    corners = [corner for corner in corners if corner.has(Learned)]
    if not corners:
        return found
    far = _far(recurrence, numbers)
    length = max(flow.length for flow in recurrence.flows)
    others = (*draws_near(recurrence, _NEAR[:2], _TURNS[:1]), *_anywhere())
    for draws in (*found, *others, Draws(far, far), Draws(-far, -far)):
        sides = {
            (number, block, side)
            for number, corner in enumerate(corners)
            for block in dict.fromkeys((1, length))
            if (side := _side(corner, draws, {I: block, L: length}))
        }
        if sides - known and draws != found[0]:
            found.append(draws)
        known |= sides
    return found[:MOST]


def _side(
    corner: Symbolic, draws: Draws, at: Mapping[Symbolic, int]
) -> tuple[int, ...]:
    """Which of what a corner compares is largest, and smallest; empty if one is none."""
    values: dict[Symbolic, float] = {**at}
    values |= {item: draws.of(item.name) for item in corner.atoms(Learned)}
    first = corner.args[0] if isinstance(corner, sympy.Abs) else corner
    parts = corner.args if len(corner.args) > 1 else (first, sympy.S.Zero)
    numbers = [as_any_float(part, values) for part in parts]
    if any(number != number for number in numbers):
        return ()
    largest = max(range(len(numbers)), key=numbers.__getitem__)
    smallest = min(range(len(numbers)), key=numbers.__getitem__)
    return largest, smallest


def _far(recurrence: Recurrence, numbers: list[Symbolic]) -> float:
    """Beyond the corners of coefficients, as far as the numbers in them tell."""
    found = {abs(n) for part in numbers for n in part.atoms(sympy.Number)} - {0}
    sizes = [1.0, *(float(n) for n in found if n.is_finite)]
    return 2 * max(flow.length for flow in recurrence.flows) * max(sizes) / min(sizes)


def draws_of(recurrence: Recurrence) -> Iterator[Draws]:
    """Where coefficients may be numbers, if they are none everywhere."""
    yield from _anywhere()
    yield from draws_near(recurrence, _NEAR, _TURNS)


def _anywhere() -> Iterator[Draws]:
    return (Draws(*place) for place in _ANYWHERE)


def draws_near(
    recurrence: Recurrence, widths: tuple[float, ...], turns: tuple[str, ...]
) -> Iterator[Draws]:
    """Numbers near those that scalars start with, in whichever block."""
    begun = _begun(recurrence)
    for width in widths:
        for choose in (max, min):
            starts = {name: choose(numbers) for name, numbers in begun.items()}
            for turned in turns:
                yield Draws(width=width, starts=starts, turned=turned)


def _begun(recurrence: Recurrence) -> Mapping[str, list[float]]:
    """The numbers that learned scalars start with."""
    found: dict[str, list[float]] = {}
    lengths = dict.fromkeys(flow.length for flow in recurrence.flows)
    for name, scalar in _scalars(recurrence.formula):
        numbers = found.setdefault(name, [])
        for length in lengths:
            for block in dict.fromkeys((1, 2, (length + 1) // 2, length)):
                numbers += scalar.numbers(1, block, length)
    return found


def _scalars(formula: Formula) -> Iterator[tuple[str, LearnedScalar]]:
    """The learned scalars, by the names that their numbers are drawn by."""
    yield from formula.scalars.items()
    for body in _bodies(formula):
        for k, scalar in enumerate(body.scalars.values()):
            yield f"scalar {k}", scalar


def _bodies(formula: Formula) -> Iterator[Body]:
    steps = chain.from_iterable(map(every_step, formula.operators.values()))
    return (step.operator for step in steps if isinstance(step.operator, Body))


def _coefficients(recurrence: Recurrence) -> Iterator[Symbolic]:
    steps = [*recurrence.steps]
    for flow in recurrence.flows:
        steps += [flow.start, flow.end]
    for step in steps:
        yield from (part.coefficient for part in step.coefficients)
    for body in _bodies(recurrence.formula):
        tensors = chain.from_iterable((t, *body.parts(t)) for t in body.tensors)
        yield from (t.coefficient for t in tensors if isinstance(t, Scaled | Filled))
