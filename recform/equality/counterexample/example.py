"""A case in which two networks differ: numbers for operators and input, exact fractions.

It is found by running the written-out equations, and printed as a Python program of its
own, so that anybody can run it again without recform.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from types import SimpleNamespace
from typing import Any

import mpmath

from recform.algebra.expr import (
    Across,
    Part,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.lists import Over
from recform.equality.around.widths import vectors_of
from recform.equality.counterexample.program import body, functions_in
from recform.equality.counterexample.program import program as program_of
from recform.seal import OPEN, sealed
from recform.verify.evaluate import Untold

#: Numbers of the input, at least, and most of them.
_WIDTH, _MOST_WIDTH = 4, 64
#: How large the numbers of the input are made, one try after the other: functions that
#: differ only far from zero need large ones, those that saturate small ones.
_SIZES = (*[1] * 6, *["Q(1, 8)", 100] * 3, *[10000] * 2)

_PROGRAM = '''\
"""{title}

{about}

{seal}
"""

import math
import random
from fractions import Fraction as Q

SEED = {seed}
WIDTH = {width}
SIZE = {size}


def matrix(name, columns):
    """Whole numbers that belong to an operator and the size of its input."""
    numbers = random.Random(f"{{SEED}} {{name}} {{columns}}")
    return [[numbers.randint(-2, 2) for _ in range(columns)] for _ in range(WIDTH)]


class Made(list):
    """What operators make: an operator may also make fewer features than WIDTH."""


def fitting(vectors):
    """Features of one number; what an operator made is cut where others are fewer."""
    size = min(map(len, vectors))
    if any(len(x) > size and not isinstance(x, Made) for x in vectors):
        raise ValueError("features of different numbers")
    return zip(*vectors)


def op(name, {takes}):
    """The operator of a block{kind}."""
    {made}
    return Made({applied})


def scalar(name):
    """A learned scalar."""
    numbers = random.Random(f"{{SEED}} {{name}}")
    return Q(numbers.randint(1, 9) * numbers.choice((1, -1)), 4)


def add(*vectors):
    return [sum(parts) for parts in fitting(vectors)]


def times(*vectors):
    return [math.prod(parts) for parts in fitting(vectors)]


def scale(weight, x):
    return type(x)(weight * a for a in x)


def shift(weight, x):
    return type(x)(weight + a for a in x)


{vectors}def split(x, parts, which):
    size = len(x) // parts
    return x[which * size : (which + 1) * size]


{functions}

def each(name, x):
    return type(x)(FUNCTIONS[name](a) for a in x)


def combine(name, *vectors):
    return [{{"max": max, "min": min}}[name](parts) for parts in fitting(vectors)]


def mean(*vectors):
    return [sum(parts) / Q(len(parts)) for parts in fitting(vectors)]


def given(name):
    """An input of the network."""
    inputs = [random.Random(f"{{SEED}} {{name}} {{n}}") for n in range(WIDTH)]
    return [Q(numbers.randint(-3, 3)) * SIZE for numbers in inputs]


x = given("input")


{bodies}
first, second = {names}
print("{left}:", *map(str, first))
print("{right}:", *map(str, second))
assert any(abs(a - b) > 1e-6 for a, b in zip(first, second)), "they agree"
'''


@dataclass(frozen=True)
class Example:
    """Numbers for which two networks differ.

    Attributes:
        depth: the number of blocks.
        seed: from which the numbers are made.
        linear: whether operators are matrices; otherwise a bounded function of each
            number is added, so that numbers stay short from block to block.
        outputs: of the two networks.
        program: Python that computes them again.
    """

    depth: int
    seed: int
    linear: bool
    outputs: tuple[tuple[str, ...], tuple[str, ...]]
    program: str

    def as_dict(self) -> Mapping[str, object]:
        """For ``--json``."""
        return {
            "depth": self.depth,
            "seed": self.seed,
            "linear_operators": self.linear,
            "outputs": [list(values) for values in self.outputs],
            "program": self.program,
        }


def example(
    formulas: tuple[Formula, Formula], depth: int, *, linear: bool
) -> Example | None:
    """Numbers for which two networks of a depth differ, or None if none are found."""
    if any(map(weighs_members, formulas)):
        return None
    called = functions_in(formulas)
    vectors = vectors_of(formulas)
    bodies = [
        body(formula, depth, name, called, vectors)
        for formula, name in zip(formulas, ("first", "second"), strict=True)
    ]
    left, right = (formula.name for formula in formulas)
    width = _width(formulas)
    try:
        functions = program_of(formulas)
    except Untold:
        return None
    for seed, size in enumerate(_SIZES):
        program = _PROGRAM.format(
            title=f"{left} and {right} differ with {depth} block{'s' * (depth > 1)}.",
            about="Made by recform equiv; needs Python alone.",
            seal=OPEN,
            seed=seed,
            width=width,
            size=size,
            kind=": a matrix"
            + ("" if linear else ", and a bounded function of each number"),
            **_OPERATOR[any(map(_takes_several, formulas))],
            vectors=_VECTORS if vectors else "",
            # Without a jump, at which rounding would be all that differs.
            applied="y" if linear else "[a + abs(a % 4 - 2) * Q(1, 2) for a in y]",
            functions=functions,
            bodies="\n\n".join(bodies),
            names="first_network(x), second_network(x)",
            left=left,
            right=right,
        )
        outputs = _run(program)
        if outputs is not None:
            first, second = (tuple(map(_number, values)) for values in outputs)
            return Example(depth, seed, linear, (first, second), sealed(program))
    return None


#: Most bits of a number: what squares them in each block has twice as many in the next.
#: Python writes numbers of up to 4,300 digits.
_MOST_BITS = 8192
#: What makes larger numbers in the program.
_GROWING = ("op", "add", "times", "scale", "scale_each", "each", "mean")

#: Where learned scalars are one number for each feature.
_VECTORS = """\
def scale_each(weight, x):
    return type(x)(weight(n) * a for n, a in enumerate(x))


def shift_each(weight, x):
    return type(x)(weight(n) + a for n, a in enumerate(x))


"""

#: What an operator takes and makes: one vector, or vectors with a matrix for each.
_OPERATOR = {
    False: {
        "takes": "x",
        "made": "rows = matrix(name, len(x))\n"
        "    y = [sum(a * b for a, b in zip(row, x)) for row in rows]",
    },
    True: {
        "takes": "*inputs",
        "made": "y = [0] * WIDTH\n"
        "    for n, x in enumerate(inputs):\n"
        '        rows = matrix(f"{name} {n}", len(x))\n'
        "        y = [s + sum(a * b for a, b in zip(row, x)) for s, row in zip(y, rows)]",
    },
}


def _width(formulas: Iterable[Formula]) -> int:
    """How wide the input is, so that it can be split; parts may be split again."""
    tensors = chain.from_iterable((f.output, *f.rights) for f in formulas)
    cut = {p.parts for t in tensors for p in subtensors(t) if isinstance(p, Part)}
    width = math.lcm(_WIDTH, math.prod(cut))
    return width if width <= _MOST_WIDTH else math.lcm(_WIDTH, *cut)


def _takes_several(formula: Formula) -> bool:
    return any(len(pipeline.inputs) != 1 for pipeline in formula.operators.values())


def weighs_members(formula: Formula) -> bool:
    """Whether a formula has what the program below cannot say."""
    return any(t.has(Over, Across) for t in (formula.output, *formula.rights))


def _number(value: Fraction | float) -> str:
    return str(value) if isinstance(value, Fraction | int) else f"{value:.9g}"


def _run(program: str) -> tuple[list[float], list[float]] | None:
    """The two outputs of a program that was written here, if they differ.

    Fractions are exact. Where functions make floats of them, rounding may be all that
    differs: then the program runs again with very many digits.
    """
    watched = _Watched()
    try:
        outputs = watched.run(program)
        if not _differ(*outputs, 1e-6):
            return None
        if watched.inexact:
            context = mpmath.MPContext()
            context.dps = 1000  # More than any float has before or behind its point.
            precise = _Watched(context)
            more = precise.run(program)
            # Numbers that the program has as floats are off by 1e-16 of what they are.
            if not _differ(*more, 1e-6 * max(1, precise.largest)):
                return None
    except (OverflowError, ZeroDivisionError, ValueError):
        return None
    return outputs


@dataclass
class _Watched:
    """A run of the program, in which no number gets very many digits.

    Attributes:
        context: of mpmath, whose numbers take the place of fractions and floats.
        inexact: whether there were floats.
        largest: the largest of mpmath's numbers.
    """

    context: Any = None
    inexact: bool = False
    largest: Any = 0

    def run(self, program: str) -> tuple[list[float], list[float]]:
        scope: dict[str, Any] = {}
        body = program[: program.index("\nprint(")]
        called = body.rindex("\nfirst, ")
        exec(compile(body[:called], "<example>", "exec"), scope)
        scope |= {name: self._around(scope[name]) for name in _GROWING if name in scope}
        if self.context is not None:
            _precise(self.context, scope)
        exec(compile(body[called:], "<example>", "exec"), scope)
        return scope["first"], scope["second"]

    def _around(self, function: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def around(*given: object) -> list[Any]:
            made = function(*given)
            for value in made:
                if isinstance(value, int | Fraction):
                    p, q = value.as_integer_ratio()
                    if max(p.bit_length(), q.bit_length()) > _MOST_BITS:
                        raise OverflowError
                elif not abs(value) < sys.float_info.max:
                    raise OverflowError
                self.inexact |= isinstance(value, float)
                if self.context is not None:
                    self.largest = max(self.largest, abs(value))
            return made

        return around


def _precise(context: Any, scope: dict[str, Any]) -> None:
    """Gives the program other numbers in the place of fractions and floats."""

    def quotient(p: Any, q: int = 1) -> Any:
        return context.mpf(p) / q

    def real(function: Callable[..., Any]) -> Callable[..., Any]:
        # A float that is zero may be a number below zero, with more digits.
        def made(*given: Any) -> Any:
            value = function(*given)
            if isinstance(value, context.mpc):
                raise ValueError(value)
            return value

        return made

    words = "exp log log1p erf erfc sqrt sin cos tanh floor ceil"
    functions = {word: real(getattr(context, word)) for word in words.split()}
    scope["Q"], scope["SIZE"] = quotient, quotient(*scope["SIZE"].as_integer_ratio())
    scope["math"] = SimpleNamespace(
        prod=math.prod, pow=real(context.power), **functions
    )
    scope["x"] = scope["given"]("input")


def _differ(left: list[Any], right: list[Any], least: Any) -> bool:
    if len(left) != len(right):
        return True
    return any(abs(a - b) > least for a, b in zip(left, right, strict=True))
