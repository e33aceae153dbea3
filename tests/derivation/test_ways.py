"""General formulas of unknowns that reach later blocks in many ways, with roots as weights.

The paths are added up word by word with numbers for operators, and held against the
recursion, run on numbers.
"""

from __future__ import annotations

import math
from functools import cache
from operator import mul

import pytest
import sympy

from recform.compiler import compile_source, from_text
from recform.derivation.backward import Network, network_of, seeds_of
from recform.derivation.steps import expanded
from recform.diagnostics import Diagnostics
from recform.linear.model import Linear
from recform.linear.recurrence import linearise
from recform.series.automaton import minimal
from recform.series.series import Move, Series
from recform.series.show import PLAIN
from tests.counted import calls

TEXT = """
input 4
stages 4 x 8
X_i = X_<i-1> + sqrt(2)*P_i*Z_<i-1> + 3*Q_i*Y_<i-2>
Y_i = Y_<i-1> + sqrt(3)*P_i*X_i + sqrt(2)*Q_i*X_i + R_i*P_i*X_i - sqrt(3)*R_i*X_i
Z_i = Z_<i-1> + 3*Q_i*Y_i + P_i*Q_i*Y_i + sqrt(2)*R_i*X_i + R_i*R_i*Z_<i-2>
output X_L + Y_L + Z_L
"""
NAMES = "XYZ"


def operator(name: str, block: int) -> float:
    """The number that stands for an operator of a block."""
    return math.sin(7 * "PQR".index(name) + block) + 0.3


@cache
def laws() -> tuple[Linear, Network]:
    formula = compile_source(from_text(TEXT))[0].formula
    linear = linearise(formula, Diagnostics(), activations=False)
    return linear, network_of(linear)


def series(source: str, target: str) -> Series:
    linear, network = laws()
    return network.series(source, target, seeds_of(linear, source))


def by_recursion(source: str, last: int) -> dict[str, float]:
    """What the unknowns of a block get from one of block 0, where it is 1."""
    s2, s3 = math.sqrt(2), math.sqrt(3)
    x, y, z = ({} for _ in NAMES)
    for i in range(last + 1):
        p, q, r = (operator(name, i) for name in "PQR")
        own = {name: float(i == 0 and name == source) for name in NAMES}
        # Before block 0 there is nothing, and block 0 reads no older block.
        x[i] = own["X"] + x.get(i - 1, 0) + s2 * p * z.get(i - 1, 0)
        x[i] += 3 * q * y.get(i - 2, 0)
        y[i] = own["Y"] + y.get(i - 1, 0) + (s3 * p + s2 * q + r * p - s3 * r) * x[i]
        z[i] = own["Z"] + z.get(i - 1, 0) + (3 * q + p * q) * y[i] + s2 * r * x[i]
        z[i] += r * r * z.get(i - 2, 0)
    return {"X": x[last], "Y": y[last], "Z": z[last]}


def of_move(move: Move, block: int) -> float:
    """The product of its letters at a block; ``P_<i-1>`` is of the block before that."""
    weights = [float(sympy.sympify(name.strip("[]"))) for name in move.gains]
    return math.prod(
        weights
        + [
            operator(name[0], block - name.endswith("_<i-1>"))
            for name in move.operators
        ]
    )


def by_paths(found: Series, last: int) -> float:
    """What all words of a length weigh together."""
    number = cache(lambda element: float(found.domain.to_sympy(element)))
    row = list(map(number, found.initial))
    for block in range(1, last + 1):
        ahead = [0.0] * found.size
        for move, rows in found.steps.items():
            value = of_move(move, block)
            for before, weights in enumerate(rows):
                for after, weight in weights.items():
                    ahead[after] += row[before] * value * number(weight)
        row = ahead
    return math.fsum(map(mul, row, map(number, found.final)))


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("target", NAMES)
def test_paths_add_up_to_the_recursion(source: str, target: str) -> None:
    found = series(source, target)
    for automaton in (found, minimal(found).series):
        for length in (1, 2, 4):
            wanted = by_recursion(source, length)[target]
            assert by_paths(automaton, length) == pytest.approx(wanted)


def test_a_way_is_one_state() -> None:
    """Each had the automaton copied."""
    linear, network = laws()
    seeds = seeds_of(linear, "X")
    ways = sum(len(seed.terms) for name, seed in seeds.items() if name != "X")
    assert ways == 4 + 4 * 2 + 1
    assert network.series("X", "Z", seeds).size == len(network.states) + ways


def test_no_word_more_is_made_than_is_shown() -> None:
    """A line of too many terms is the end, and what would come behind it is not looked for."""
    found = minimal(series("X", "Z")).series

    def lines() -> tuple[str, ...]:
        return expanded(PLAIN, found, lambda by: "")

    assert lines() == ()
    assert calls(lines) < 300 * len(found.moves)
