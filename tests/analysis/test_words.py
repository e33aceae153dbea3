"""What analyze counts of random linear recursions, beside words that are written out.

A word is the operators that a path passes, each with its block; a network is a sum of
words with numbers in front. Nothing of recform takes part but what reads the file.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any, TypeAlias

import pytest
import sympy

from recform.analysis.model import analyse
from recform.compiler import compile_source, from_text
from recform.diagnostics import Diagnostics
from recform.report.analysis_json import as_dict
from tests.thinned import thinned

Word: TypeAlias = tuple[tuple[str, int], ...]
Words: TypeAlias = dict[Word, Fraction]
#: A number, an operator or none with its delay, an unknown with its delay.
Term: TypeAlias = tuple[Fraction, str, int, str, int]

NUMBERS = [Fraction(n) for n in ("1", "1", "1", "-1", "2", "1/2", "-1/3")]


def drawn(seed: int) -> dict[str, list[Term]]:
    """Equations: of one unknown, or of two of which the second reads the first."""
    rng = Random(seed)

    def terms(unknowns: str, count: int, *first: Term) -> list[Term]:
        found = {term[1:]: term[0] for term in first}
        for _ in range(count):
            operator = rng.choice(["", "W", "W", "U"])
            delay = rng.randint(0, 1) if operator else 0
            key = operator, delay, rng.choice(unknowns), rng.randint(1, 3)
            found.setdefault(key, rng.choice(NUMBERS))
        return [(number, *rest) for rest, number in found.items()]

    one = Fraction(1)
    first: tuple[Term, ...] = (one, "", 0, "X", 1), (one, "W", 0, "X", 1)
    if rng.random() < 0.5:
        return {"X": terms("X", rng.randint(0, 3), *first)}
    return {
        "Y": terms("XY", rng.randint(1, 2), (one, "U", 0, "X", 1)),
        "X": terms("XY", rng.randint(0, 2), (one, "", 0, "Y", 0), *first),
    }


def text_of(equations: dict[str, list[Term]], blocks: int) -> str:
    def at(lag: int) -> str:
        return f"_<i-{lag}>" if lag else "_i"

    lines = []
    for name, terms in equations.items():
        parts = [
            f"({number})*" + (f"{op}{at(delay)}*" if op else "") + f"{unknown}{at(lag)}"
            for number, op, delay, unknown, lag in terms
        ]
        lines.append(f"{name}_i = {' + '.join(parts)}")
    frame = f"input 4\nstem none\nhead none\nstages 4 x {blocks}\nW = linear(c)\n"
    return frame + "U = linear(c)\n" + "\n".join(lines) + "\noutput X_L\n"


def words_of(equations: dict[str, list[Term]], depth: int) -> Words:
    """The output by the input, written out."""
    made: dict[tuple[str, int], Words] = {(n, 0): {(): Fraction(1)} for n in equations}
    for block in range(1, depth + 1):
        for name, terms in equations.items():
            total: Words = {}
            for number, operator, delay, unknown, lag in terms:
                owner = block - delay
                if operator and owner < 1:
                    continue
                letter = ((operator, owner),) if operator else ()
                for word, weight in made.get((unknown, block - lag), {}).items():
                    whole = letter + word
                    total[whole] = total.get(whole, Fraction(0)) + number * weight
            made[name, block] = {w: v for w, v in total.items() if v}
    return made["X", depth]


def lengths_of(
    equations: dict[str, list[Term]], depth: int, *, absolute: bool
) -> list[Fraction]:
    """The output as a polynomial in a number that stands for every operator."""
    made: dict[tuple[str, int], dict[int, Fraction]] = {
        (name, 0): {0: Fraction(1)} for name in equations
    }
    for block in range(1, depth + 1):
        for name, terms in equations.items():
            total: dict[int, Fraction] = {}
            for number, operator, delay, unknown, lag in terms:
                if operator and block - delay < 1:
                    continue
                weight = abs(number) if absolute else number
                for n, value in made.get((unknown, block - lag), {}).items():
                    n += bool(operator)
                    total[n] = total.get(n, Fraction(0)) + weight * value
            made[name, block] = total
    found = made["X", depth]
    return [found.get(n, Fraction(0)) for n in range(max(found, default=0) + 1)]


def cut(numbers: list[Any]) -> list[float]:
    """Numbers without zeros at the end."""
    found = [float(number) for number in numbers]
    while found and found[-1] == 0:
        found.pop()
    return found


@pytest.mark.parametrize("seed", thinned(range(120), 40))
def test_paths_and_variances_are_those_of_words(seed: int) -> None:
    equations = drawn(seed)
    # Of a number that is no whole one only the sign counts: it weighs one path.
    whole = {
        name: [(n if n.denominator == 1 else n / abs(n), *rest) for n, *rest in terms]
        for name, terms in equations.items()
    }
    for blocks in (3, 5, 11):
        formula = compile_source(from_text(text_of(equations, blocks)))[0].formula
        said = as_dict(analyse(formula, Diagnostics()))
        (flow,) = said["flows"]
        (paths,) = flow["paths"]
        weights = lengths_of(equations, blocks, absolute=False)
        assert cut(paths["weights_at_start"]) == pytest.approx(cut(weights))
        signed = lengths_of(whole, blocks, absolute=False)
        assert cut(paths["by_length"]) == cut(signed)
        assert paths["total"] == sum(signed)
        before = paths["by_length_before_cancelling"]
        plain = lengths_of(whole, blocks, absolute=True)
        assert cut(before) == cut(plain)
        if blocks < 11:
            _through_agree(paths["through"], words_of(whole, blocks))
            _variances_agree(flow["variance"], words_of(equations, blocks))


def _through_agree(counted: Any, words: Words) -> None:
    """How many paths of a length pass a block."""
    for length, through in enumerate(counted):
        for block, found in enumerate(through, 1):
            here = sum(
                weight
                for word, weight in words.items()
                if len(word) == length and block in {owner for _, owner in word}
            )
            assert float(found) == pytest.approx(float(here)), (length, block)


def _variances_agree(variances: Any, words: Words) -> None:
    """Random operators of different blocks are independent: squares of weights add up."""
    for variance in variances:
        square = variance["gain"] ** 2
        expected = sum(float(w) ** 2 * square ** len(word) for word, w in words.items())
        assert variance["variance"] == pytest.approx(expected)


@pytest.mark.parametrize("seed", thinned(range(120), 40))
def test_the_characteristic_polynomial_annihilates_the_blocks(seed: int) -> None:
    """With a number for every operator the outputs follow it, from some block on."""
    equations = drawn(seed)
    formula = compile_source(from_text(text_of(equations, 8)))[0].formula
    said = as_dict(analyse(formula, Diagnostics()))["stability"]
    if not said or not said["characteristic_polynomial"]:
        pytest.skip("it has none")
    z, *letters = sympy.symbols("z w u")
    text = said["characteristic_polynomial"].replace("^", "**")
    polynomial = sympy.Poly(sympy.sympify(text, {str(x): x for x in (z, *letters)}), z)
    number = Fraction(2, 7)
    weights = [
        Fraction(str(c.subs(dict.fromkeys(letters, sympy.Rational(2, 7)))))
        for c in reversed(polynomial.all_coeffs())
    ]
    values = [
        sum(
            (
                c * number**n
                for n, c in enumerate(lengths_of(equations, depth, absolute=False))
            ),
            Fraction(0),
        )
        for depth in range(24)
    ]
    for start in range(8, 24 - len(weights)):
        assert sum(c * values[start + n] for n, c in enumerate(weights)) == 0
