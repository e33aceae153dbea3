"""Derived recursions, run block by block, beside the sum over the paths that were wanted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recform.compiler import from_text
from recform.diagnostics import CompileError
from recform.diagnostics.model import Severity
from recform.report.derive import forward
from tests.oracle.claims.routes import route
from tests.oracle.claims.words import Operators, apart, matrices, run, value

DEPTHS = (1, 2, 3, 8, 17, 40)
SIZE = 2
CLOSE = 1e-7
#: Why there may be no recursion: too large, a bound or a weight of none, of which nothing
#: is known, orders of operators, weights without end, no path that leads on.
REFUSED = {"RF106", "RF632", "RF633", "RF636", "RF641", "RF642"}
CONSTANTS = {"a": 0.75}
DECLARED = "const a = 3/4\n"


def of_route(text: str) -> str:
    """What came of paths that are a regular expression."""
    try:
        wanted = route(text, lambda weight: value(weight, CONSTANTS))
    except AssertionError:
        codes = _refused(f"paths {text}")
        assert codes == {"RF641"}, codes
        return "refused RF641"
    operators = matrices(1, SIZE, "WUV")
    known = {"pass": operators["W"], **operators}

    def matrix(move: str, block: int) -> np.ndarray:
        unit = np.eye(SIZE)
        return unit if move == "skip" else known[move][block](unit)

    sums = wanted.sums(DEPTHS[-1], matrix, SIZE)
    return _compared(f"paths {text}", operators, enumerate(sums))


def of_formula(given: str, meant: str) -> str:
    """What came of a general formula."""
    operators = matrices(2, SIZE, "WUV")

    def sums() -> Iterator[tuple[int, np.ndarray]]:
        for i in DEPTHS:
            # Nothing is passed in front of block 1.
            at = {name: Operators(o.of, 1, i) for name, o in operators.items()}
            found = value(meant, {**CONSTANTS, **at, "i": i, "L": i})
            yield i, found * np.eye(SIZE)

    return _compared(f"dX_L/dX_<L-i> = {given}", operators, sums())


def _refused(text: str) -> set[str]:
    try:
        forward(from_text(DECLARED + text), None, {}, None, None)
    except CompileError as error:
        return _codes(error)
    return set()


def _codes(error: CompileError) -> set[str]:
    return {item.code for item in error.diagnostics if item.severity is Severity.ERROR}


def _compared(
    text: str,
    operators: dict[str, Operators],
    wanted: Iterator[tuple[int, np.ndarray]],
) -> str:
    try:
        derived = forward(from_text(DECLARED + text), None, {}, None, None)
    except CompileError as error:
        codes = _codes(error)
        assert codes <= REFUSED, codes
        return f"refused {' '.join(sorted(codes))}"
    assert derived is not None
    lines = derived.file.splitlines()
    made = run(lines, np.eye(SIZE), {**operators, **CONSTANTS}, DEPTHS[-1])
    scale = 1.0
    for blocks, paths in wanted:
        found = made.state("X", blocks)
        if not np.isfinite(paths).all():
            return "overflowed"
        scale = max(scale, float(np.abs(paths).max()))
        assert apart(found, paths, scale) < CLOSE, (blocks, found, paths)
    return "agreed"
