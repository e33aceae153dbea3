"""Rational series against words written out one by one."""

from __future__ import annotations

import operator
from functools import reduce
from itertools import product

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from recform.series.automaton import (
    MAX_WORDS,
    as_polynomial,
    degree,
    equal,
    first_word,
    is_zero,
    minimal,
    words_up_to,
)
from recform.series.series import (
    SKIP,
    Move,
    Row,
    Series,
    Word,
    _converted,
    _generator,
    constant,
    field_of,
    letter,
    polynomial,
    whole,
)

PASS = Move(("W",))
P, S = letter(PASS), letter(SKIP)
ONE = constant(1)
LENGTH = 5
WORDS = [w for n in range(LENGTH + 1) for w in product((SKIP, PASS), repeat=n)]

#: A series by brute force: the weights of all words up to LENGTH.
Table = dict[Word, sympy.Expr]


def table(series: Series) -> Table:
    return {word: series.weight(word) for word in WORDS}


def times(a: Table, b: Table) -> Table:
    return {
        w: sum((a[w[:n]] * b[w[n:]] for n in range(len(w) + 1)), sympy.S.Zero)
        for w in WORDS
    }


def plus(a: Table, b: Table, factor: int = 1) -> Table:
    return {w: a[w] + factor * b[w] for w in WORDS}


UNIT: Table = {w: sympy.Integer(not w) for w in WORDS}


def geometric(a: Table) -> Table:
    """1 + a + a^2 + ... up to words of LENGTH."""
    result, power = UNIT, UNIT
    for _ in range(LENGTH):
        power = times(power, a)
        result = plus(result, power)
    return result


polynomials = st.dictionaries(
    st.sampled_from([w for w in WORDS if 1 <= len(w) <= 3]),
    st.sampled_from([sympy.Integer(-1), sympy.Integer(2), sympy.Rational(1, 3)]),
    min_size=1,
    max_size=4,
)


@st.composite
def rational(draw: st.DrawFn, depth: int = 2) -> tuple[Series, Table]:
    """A proper series, built both ways."""
    if depth == 0 or draw(st.booleans()):
        terms = draw(polynomials)
        return polynomial(terms), {w: terms.get(w, sympy.S.Zero) for w in WORDS}
    a, brute_a = draw(rational(depth=depth - 1))
    b, brute_b = draw(rational(depth=depth - 1))
    match draw(st.integers(0, 3)):
        case 0:
            return a + b, plus(brute_a, brute_b)
        case 1:
            return a - b, plus(brute_a, brute_b, -1)
        case 2:
            return a * b, times(brute_a, brute_b)
        case _:
            return a.star() * b, times(geometric(brute_a), brute_b)


@given(rational())
def test_operations_against_words(pair: tuple[Series, Table]) -> None:
    series, brute = pair
    assert table(series) == brute
    assert table(minimal(series).series) == brute


@given(rational())
def test_the_inverse_is_one(pair: tuple[Series, Table]) -> None:
    series = ONE + pair[0]
    inverse = series.inverse()
    assert equal(series * inverse, ONE)
    assert equal(inverse * series, ONE)
    brute = plus(UNIT, pair[1])
    assert times(brute, table(inverse)) == UNIT


@given(rational())
def test_the_smallest_automaton_has_the_rank_of_the_hankel_matrix(
    pair: tuple[Series, Table],
) -> None:
    reduced = minimal(pair[0])
    assert equal(reduced.series, pair[0])
    if reduced.rank > 3:
        return
    # Words shorter than the rank tell all states apart, so this matrix has full rank.
    words = [w for w in WORDS if len(w) < max(reduced.rank, 1)]
    matrix = sympy.Matrix([[pair[0].weight((*u, *v)) for v in words] for u in words])
    assert matrix.rank() == reduced.rank


@given(rational(), rational())
def test_equality(left: tuple[Series, Table], right: tuple[Series, Table]) -> None:
    difference = plus(left[1], right[1], -1)
    found = first_word(left[0] - right[0])
    if any(difference.values()):
        assert found == next(w for w in WORDS if difference[w])
    else:
        assert found is None or len(found) > LENGTH


@given(polynomials)
def test_a_finite_series_is_written_out(terms: Table) -> None:
    series = polynomial(terms)
    assert as_polynomial((series.star() + series) - series.star()) == terms
    assert degree(series) == max(map(len, terms))
    assert degree(series.star()) is None


def test_the_series_of_the_paper() -> None:
    """Liao et al.: Eq. (3), (10), (12), A.4.1, A.4.2 as paths and as recursions."""

    def direct(paths: Series) -> object:
        return as_polynomial(ONE - paths.inverse())

    one = sympy.S.One
    assert direct(P.star()) == {(PASS,): one}
    assert direct((P + S).star()) == {(SKIP,): one, (PASS,): one}
    assert direct(S.star() * P.star()) == {
        (SKIP,): one,
        (PASS,): one,
        (PASS, SKIP): -one,
    }
    assert direct((P + S * S).star()) == {(PASS,): one, (SKIP, SKIP): one}
    assert direct((P + P * S).star()) == {(PASS,): one, (PASS, SKIP): one}


def test_weights_may_be_symbols_and_roots() -> None:
    a = sympy.Symbol("a")
    paths = (P.scaled(a) + S.scaled(sympy.sqrt(2))).star()
    assert paths.weight((PASS, SKIP)) == sympy.sqrt(2) * a
    assert as_polynomial(ONE - paths.inverse()) == {(SKIP,): sympy.sqrt(2), (PASS,): a}
    assert is_zero(P.scaled((a + 1) ** 2) - P.scaled(a**2 + 2 * a + 1))
    assert not is_zero(P.scaled(a) - P)


def test_zero() -> None:
    nothing = minimal(P - P)
    assert nothing.rank == 0
    assert as_polynomial(P - P) == {}
    assert degree(P - P) == -1
    assert words_up_to(P.star(), 2) == {(): 1, (PASS,): 1, (PASS, PASS): 1}


def test_words_that_are_too_many_are_not_all_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty moves made twenty times as many words as there may be, and then none."""
    moves = [letter(Move((f"W{n}",))) for n in range(20)]
    many = reduce(operator.add, moves).star()
    step, steps = Series.step, []

    def counted(series: Series, row: Row, move: Move) -> Row:
        steps.append(move)
        return step(series, row, move)

    monkeypatch.setattr(Series, "step", counted)
    assert len(words_up_to(many, 1) or ()) == 1 + 20
    steps.clear()
    assert words_up_to(many, 3) is None
    assert len(steps) < 2 * MAX_WORDS


def test_polynomials_are_the_same_series() -> None:
    x, y = sympy.symbols("x y")
    made = (constant(x) * P + constant(x + 3 * y**2) * S).star()
    assert whole(made).domain == made.domain.get_ring()
    assert table(whole(made)) == table(made)
    divided = (constant(1 / x) * P).star()
    assert whole(divided) is divided


def test_numbers_with_roots_in_another_field() -> None:
    """One of them is looked for in the other field, which takes long; all others follow."""
    numbers = [
        sympy.sqrt(2),
        1 - sympy.sqrt(3) / 7,
        sympy.sqrt(6) + 1,
        sympy.Rational(2, 3),
    ]
    old = field_of(numbers)
    new = field_of([*numbers, sympy.sqrt(5)])
    before = _generator.cache_info().misses
    for number in numbers:
        made = _converted(old.from_sympy(number), old, new)
        assert made == new.from_sympy(number)
    assert _generator.cache_info().misses <= before + 1
