"""Coefficients that depend on the number of the block: they must exist in all blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import sympy

from recform.algebra.definitions.body import every_step
from recform.algebra.definitions.cell import Cell
from recform.algebra.expr import Filled, I, K, L, Learned, Scaled, Tensor
from recform.algebra.formula import LearnedScalar, Scope
from recform.algebra.indices import untimed
from recform.algebra.placed import placed
from recform.algebra.stable import with_words
from recform.algebra.written.starts import MemberStarts, places_of
from recform.blocks.code import LARGEST
from recform.blocks.exact import as_any_float, as_float, runs_over
from recform.blocks.rounding import nearly
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.graph.model import StageGraph
from recform.graph.places import find
from recform.recurrence.build import relative
from recform.recurrence.model import Recurrence, Step
from recform.source import Span


def check(
    recurrence: Recurrence, stages: tuple[StageGraph, ...], report: Diagnostics
) -> None:
    """Reports a coefficient that is undefined in a block that uses it.

    Args:
        recurrence: the steps.
        stages: which blocks take them.
        report: gets RF211 (``1/(i-1)`` has no value in block 1) and RF106
            (``exp(1000*i)`` has one that no computer can hold).
    """
    for use in uses(recurrence, stages):
        for value in _numeric(use.tensor.coefficient):
            codes = ((n, _fault(value, use.index(n), use.length)) for n in use.blocks)
            found = next(((block, code) for block, code in codes if code), None)
            if found:
                _report(use.place(recurrence), found, report)


@dataclass(frozen=True)
class Use:
    """A coefficient that is worked out, with the blocks that take it.

    Attributes:
        step: what it stands in.
        tensor: has it in front.
        blocks: their numbers; 0 for what hangs on none.
        more: how much larger than in the step all numbers are in the first of them.
        length: its ``L``.
    """

    step: Step
    tensor: Scaled | Filled
    blocks: range
    more: int
    length: int

    def index(self, block: int) -> int:
        """Its ``i``."""
        at = self.tensor.at
        return block if at is sympy.nan else self.moved(at, block)

    def moved(self, number: Symbolic, block: int) -> int:
        """What a number of a block in the step is in one of the blocks."""
        return int(number) + self.more + block - self.blocks.start

    def place(self, recurrence: Recurrence) -> Span:
        """Where it stands in the file."""
        formula, step = recurrence.formula, self.step
        if any(flow.end is step for flow in recurrence.flows):
            return formula.output_span
        found = find(formula, relative(self.tensor, step.at, step.absolute))
        return found or formula.equations[0].span


def uses(recurrence: Recurrence, stages: tuple[StageGraph, ...]) -> Iterator[Use]:
    """The coefficients of all blocks.

    Args:
        recurrence: the steps.
        stages: which blocks take them.
    """
    by_stage = recurrence.formula.scope is Scope.STAGE
    for stage in stages:
        for segment in stage.segments:
            step = recurrence.steps[segment.step]
            length = recurrence.flows[segment.stage if by_stage else 0].length
            blocks = range(segment.first, segment.first + segment.count)
            for tensor in _coefficients(step):
                yield Use(step, tensor, blocks, segment.first - step.at, length)
    for flow in recurrence.flows:
        for step, more in ((flow.start, 0), (flow.end, flow.length + 1 - flow.end.at)):
            for tensor in _coefficients(step):
                at = 0 if tensor.at is sympy.nan else int(tensor.at) + more
                yield Use(step, tensor, range(at, at + 1), more, flow.length)


def check_starts(recurrence: Recurrence, report: Diagnostics) -> None:
    """Reports a learned number of a block, or of a member, that starts at no number.

    Args:
        recurrence: the steps.
        report: gets RF211 and RF106.
    """
    formula = recurrence.formula
    scalars = [*formula.scalars.values()]
    for pipeline in formula.operators.values():
        for inner in every_step(pipeline):
            if isinstance(inner.operator, Cell):
                scalars += inner.operator.scalars.values()
    for length in dict.fromkeys(flow.length for flow in recurrence.flows):
        for scalar in scalars:
            fault = _bad_start(scalar, length)
            if fault:
                block, code = fault
                start = "1/(i+k+1)" if scalar.members else "1/i"
                where = f" in block {block}" if block else ""
                report.error(
                    code,
                    f"a number of {untimed(scalar.name)} starts at {_WRONG[code]}{where}",
                    scalar.span,
                    hint=f"{start} is a number for each of them",
                )
                report.check()


#: What is wrong with a start, by the code that says it.
_WRONG = {
    "RF211": "none",
    "RF106": "one that is too large for a network, or of which floats keep no digit,",
}


def _bad_start(scalar: LearnedScalar, length: int) -> tuple[int, str] | None:
    """A block with a start that is no number, and the code of what is wrong."""
    if scalar.members is not None:
        return _bad_member(scalar.members, length)
    if isinstance(scalar.start, float):
        return (0, "RF106") if abs(scalar.start) > LARGEST else None
    blocks = range(1, length + 1)
    codes = ((n, _fault(scalar.start, n, length, most=LARGEST)) for n in blocks)
    return next(((block, code) for block, code in codes if code), None)


#: A float is a whole number where it should be one, as code has it: 5/3 + 1/3 is below 2.
_CUTS: dict[str, Callable[[float], int]] = {
    "floor": lambda x: math.floor(round(x, 9)),
    "ceiling": lambda x: math.ceil(round(x, 9)),
}


def _bad_member(starts: MemberStarts, length: int) -> tuple[int, str] | None:
    kept = {v: _keeps(v) for v in (starts.value, *(value for _, value in starts.own))}
    usual = kept[starts.value]
    # What is the same for all members is looked at once.
    is_one = not starts.value.has(I, K) and usual(1, length, starts.first)
    for block in range(1, length + 1):
        at = {I: block, L: length}
        special = {as_float(place, at): start for place, start in reversed(starts.own)}
        own = {place: kept[start] for place, start in special.items()}
        last = int(as_float(starts.last, at))
        members = range(starts.first, last + 1)
        looked: Iterable[int] = members
        if is_one:
            looked = sorted(int(place) for place in own if place in members)
        for k in looked:
            if not own.get(k, usual)(block, length, k):
                value = special.get(k, starts.value)
                return block, _fault(value, block, length, k) or "RF106"
    return None


def _keeps(value: Symbolic) -> Callable[[int, int, int], bool]:
    """Whether floats make a start of what it is, of ``i``, ``L`` and a member."""
    made = sympy.lambdify((I, L, K), with_words(value), modules=[_CUTS, "math"])
    # Of fractions floats are as good as any.
    is_quick = value.is_rational_function(I, L, K)
    near, place = nearly(value, (I, L, K)), places_of(value)

    def is_close(got: float, wanted: float) -> bool:
        return math.isclose(got, wanted, rel_tol=1e-9)

    def kept(block: int, length: int, member: int) -> bool:
        try:
            got = made(block, length, member)
            wanted = got if is_quick else near(block, length, member)
            if wanted is None or not is_close(got, wanted):
                wanted = exact(*place(block, member), length)
            return is_close(got, wanted) and abs(got) <= LARGEST
        except (ArithmeticError, ValueError, TypeError):
            return False

    @lru_cache(maxsize=4096)
    def exact(block: int, member: int, length: int) -> float:
        """What it is; no number where code runs over on its way there."""
        at = {I: block, L: length, K: member}
        return math.nan if runs_over(value, at) else as_float(value, at)

    return kept


def _coefficients(step: Step) -> Iterator[Scaled | Filled]:
    seen: set[Tensor] = set()
    for tensor in step.body:
        for part in (tensor, *step.parts(tensor)):
            if part in seen or not isinstance(part, Scaled | Filled):
                continue
            seen.add(part)
            if part not in step.taken and not part.coefficient.is_Rational:
                yield part


def _numeric(value: Symbolic) -> Iterator[Symbolic]:
    """The parts of a coefficient that are worked out, without learned scalars."""
    if not value.atoms(Learned):
        if value.has(I, L, sympy.exp):
            yield value
        return
    if isinstance(value, Learned):
        return
    plain = [arg for arg in value.args if not arg.atoms(Learned)]
    if isinstance(value, sympy.Add | sympy.Mul):
        plain = [value.func(*plain)]
    for part in (*plain, *(arg for arg in value.args if arg.atoms(Learned))):
        yield from _numeric(part)


def _fault(
    value: Symbolic, block: int, length: int, member: int = 0, most: float = math.inf
) -> str:
    """The code of what is wrong with a number in a block; empty if nothing is."""
    at = {I: block, L: length, K: member}
    number = as_any_float(value, at)
    if math.isnan(number):
        return "RF211"
    if math.isinf(number) or abs(number) > most or runs_over(with_words(value), at):
        return "RF106"
    return ""


def _report(place: Span, found: tuple[int, str], report: Diagnostics) -> None:
    block, code = found
    where = f" in block {block}" if block else ""
    if code == "RF106":
        report.error(
            code,
            f"this coefficient is made{where} of numbers that cancel, or are too large or "
            "too small for a network",
            place,
            hint="exp(i/L) and exp(-i/L) are numbers like others in every block",
        )
        return
    report.error(
        code,
        f"this coefficient has no value{where}",
        place,
        hint="1/(i+1) and log(i+1) have one in every block",
    )


def of_places(step: Step, block: int) -> tuple[Symbolic, ...]:
    """What a step's coefficients have by the place of a block that takes it.

    A number that grows with the blocks counts without them, so that two blocks in a row
    with equal numbers can be made in one loop.
    """
    found: list[Symbolic] = []
    for part in step.coefficients:
        for item in placed(part.coefficient):
            shift = 0 if part.at is sympy.nan else int(part.at) - step.at
            here = block + shift - item.behind
            found.append(item.row.at(here) - item.row.growth * block)
    return tuple(found)
