"""Reading general formulas, against formulas and expressions evaluated word by word."""

from __future__ import annotations

import re
from itertools import pairwise, product
from typing import Any

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from recform.compiler import from_text
from recform.derivation.general.read import Wanted, read, statement_of
from recform.diagnostics import Diagnostics
from recform.outline.sections import sections
from recform.series.regex import Regex, Star, regex_of, text
from recform.series.series import SKIP, Move, Series, constant, letter
from recform.syntax import nodes as n
from recform.syntax.parse import parse

LENGTH = 6
NAMES = ("W", "U")
MOVES = (SKIP, Move(("W",)), Move(("U",)))


def wanted(source_text: str) -> tuple[Wanted | None, list[str]]:
    report = Diagnostics()
    source = from_text(source_text)
    (section,) = sections(parse(source, report), source, report)
    item = statement_of(section, report)
    assert item is not None
    found = None if report.has_errors else read(section, item, report, {})
    return found, [d.code for d in report]


def general(right: str, before: str = "") -> Wanted:
    found, codes = wanted(f"{before}dX_L/dX_<L-i> = {right}")
    assert found is not None, codes
    return found


# ----------------------------------- an evaluator that knows only one i at a time

#: Products of operators by their offsets from L, with coefficients.
Value = dict[tuple[tuple[str, int], ...], sympy.Expr]


def evaluate(expr: Any, names: dict[str, int], i: int) -> Value:
    match expr:
        case n.Number():
            return {(): sympy.Rational(expr.value)}
        case n.Group():
            return evaluate(expr.inner, names, i)
        case n.Sum():
            total: Value = {}
            for sign, term in expr.terms:
                for word, weight in evaluate(term, names, i).items():
                    total[word] = total.get(word, sympy.S.Zero) + sign * weight
            return total
        case n.Product():
            result: Value = {(): sympy.S.One}
            for direction, factor in expr.factors:
                value = evaluate(factor, names, i)
                if direction < 0:
                    value = {(): 1 / value[()]}
                result = multiply(result, value)
            return result
        case n.Power():
            base = evaluate(expr.base, names, i)
            exponent = number(expr.exponent, names, i)
            return {(): base[()] ** exponent}
        case n.Reference() if not expr.indices:
            return {(): sympy.Integer(names[expr.name])}
        case n.Reference():
            block = number(expr.indices[0], {**names, "L": 0}, i)
            return {((expr.name, -int(block)),): sympy.S.One}
        case n.Call() if expr.function.name in ("floor", "ceil"):
            round_off = {"floor": sympy.floor, "ceil": sympy.ceiling}
            (inside,) = expr.arguments
            return {(): round_off[expr.function.name](number(inside, names, i))}
        case n.Call() if expr.function.name in ("max", "min", "abs"):
            choose = {"max": sympy.Max, "min": sympy.Min, "abs": sympy.Abs}
            values = [number(inside, names, i) for inside in expr.arguments]
            return {(): choose[expr.function.name](*values)}
        case n.Call():
            variable, first, last, body = expr.arguments
            low, high = (int(number(e, names, i)) for e in (first, last))
            parts = [
                evaluate(body, {**names, variable.name: value}, i)
                for value in range(low, high + 1)
            ]
            if expr.function.name == "sum":
                total = {}
                for part in parts:
                    for word, weight in part.items():
                        total[word] = total.get(word, sympy.S.Zero) + weight
                return total
            result = {(): sympy.S.One}
            for part in parts:
                result = multiply(result, part)
            return result
    raise TypeError(expr)


def number(expr: Any, names: dict[str, int], i: int) -> sympy.Expr:
    return evaluate(expr, names, i).get((), sympy.S.Zero)


def multiply(a: Value, b: Value) -> Value:
    result: Value = {}
    for v, x in a.items():
        for w, y in b.items():
            result[v + w] = result.get(v + w, sympy.S.Zero) + x * y
    return result


def by_words(right: str, i: int) -> dict[tuple[Move, ...], sympy.Expr]:
    """The formula for one i, as weights of words; operators behind X_<L-i> vanish."""
    (item,) = parse(from_text(f"output {right}"), Diagnostics()).statements
    assert isinstance(item, n.Output)
    result: dict[tuple[Move, ...], sympy.Expr] = {}
    for factors, weight in evaluate(item.expr, {"i": i}, i).items():
        if any(offset >= i for _, offset in factors):
            continue
        word = [SKIP] * i
        for name, offset in factors:
            # Offsets count from the newest block, words from the oldest one.
            assert word[i - 1 - offset] == SKIP
            word[i - 1 - offset] = Move((name,))
        result[tuple(word)] = result.get(tuple(word), sympy.S.Zero) + weight
    return {w: v for w, v in result.items() if v != 0}


def agrees(found: Wanted, right: str, length: int = LENGTH) -> None:
    for i in range(1, length + 1):
        expected = by_words(right, i)
        moves = (
            MOVES if any("U" in m.operators for m in found.series.moves) else MOVES[:2]
        )
        for word in product(moves, repeat=i):
            assert found.series.weight(word) == expected.get(word, 0), (i, word)


PLAIN_FORMULAS = [
    "1 + sum(k, 1, i, prod(j, 0, k-1, W_<L-j>))",
    "sum(k, 0, i, prod(j, k, i-1, W_<L-j>))",
    "1 + W_L*W_<L-2>",
    "1 + sum(k, 1, i, k^2*W_<L-k+1>/2^k)",
    "1 + i*W_L - (i-1)*W_<L-1>",
    "prod(j, 0, i-1, 2 - W_<L-j>/3)",
    "sum(k, 0, i, sum(m, k, i, prod(j, 0, k-1, W_<L-j>)*prod(j, m, i-1, U_<L-j>)))",
    "1 + sum(k, 0, i-2, W_<L-k>*U_<L-k-1>)",
    "1 + sum(k, 1, i, sum(m, 1, k, W_L))",
    "1 + sum(k, 2, 4, W_<L-k>)",
    "sum(k, i, 3, W_<L-k+1>) + 1",
    "1 + sum(k, 3, i-1, W_<L-k>*prod(j, k+1, i-1, 1 + U_<L-j>))",
    "(1 + W_L)*(1 + W_<L-1>)",
    "W_<L-i+1>",
    "sum(k, 0, i, 2^(i-k)*prod(j, 0, k-1, W_<L-j>))",
    "1 + sum(k, 1, i, 2^k*(k^2-1)/(k+1)*W_<L-k+1>)",
    "1 + sum(k, 1, i, floor(k/2)*prod(j, 0, k-1, W_<L-j>))",
    "1 + sum(k, 1, i, (ceil((k+1)/2) + 2*floor((3*k-2)/2))*W_<L-k+1>)",
    "1 + sum(k, 1, i, floor(k/3)*W_<L-k+1>)",
    "1 + sum(k, 1, i, (k - 3*floor(k/3))*prod(j, 0, k-1, W_<L-j>))",
    "1 + sum(k, 1, i, 2^floor((2*k+1)/5)*W_<L-k+1>)",
    "1 + sum(k, 1, i, (max(k, 3) - 2*min(i-k, 2))*W_<L-k+1>)",
    "1 + sum(k, 1, i, abs(i - 2*k + k)*abs(2*k - 5)*W_<L-k+1>)",
    # Steps of several blocks.
    "1 + sum(k, 0, floor(i/2), W_<L-2*k>)",
    "1 + sum(k, 1, i/2, W_<L-2*k+1>*U_<L-2*k>)",
    "prod(j, 0, floor(i/2)-1, W_<L-2*j>)",
    "prod(j, 0, ceil(i/2)-1, 1 + W_<L-2*j>/3)",
    "sum(k, 0, floor(i/2), prod(j, 0, k-1, W_<L-2*j>))",
    "sum(k, 0, floor((i+1)/3), 2^i*prod(j, k, floor(i/3)-1, W_<L-3*j-1>))",
    "prod(j, 0, i-1, 1 - W_<L-2*j>)*2",
    "prod(j, 0, i, 1 + W_<L-3*j-1>) - 1",
    "1 + sum(k, 1, 2*i, W_<L-k+1>)",
    "1 + sum(k, 1, 2*i+1, prod(j, 0, k-1, W_<L-j>))",
    "1 + sum(k, ceil(i/2), i, k*W_<L-2*k+1>)",
    "1 + sum(k, 1, floor(i/2), sum(m, 2*k, i-1, W_<L-2*k+1>*U_<L-m>))",
    # Variables with few values, or few away from another one.
    "1 + sum(k, 1, i, sum(m, k, 3, W_<L-m>/k))",
    "1 + sum(k, i-2, i, W_<L-i+1>/(i-k+1))",
    "1 + sum(k, 1, i, W_<L-k+1>/k) - sum(m, 1, i, W_<L-m+1>/m) + W_L",
]

#: The same, with regular expressions that nobody would read.
LONG_FORMULAS = [
    "1 + sum(k, 1, i, floor(k^2/3)*W_<L-k+1>) + ceil(i/4)*W_L",
    "sum(k, 1, i, sum(m, k, i, floor((k + 2*m)/3)*W_<L-k+1>*U_<L-m>))",
    "1 + sum(k, 1, i, floor((floor(k/2) + 1)/3)^2*W_<L-k+1>)",
]

#: Weights that no recurrence has, with what is said of them.
WILD = {
    "1 + sum(k, 1, i, W_<L-k+1>/k)": "RF636",
    "1 + sum(k, 1, i, sum(m, k, i-1, W_<L-k+1>*U_<L-m>*2^m/(k+m)))": "RF636",
    "1 + sum(k, 1, i, W_<L-k+1>/k) + sum(m, 1, i, U_<L-m>*W_<L-m-1>/m)": "RF636",
    "1 + W_L/i": "RF636",
    # All but one of these cancel; whether they do is not looked into.
    "1 + sum(k, 1, i, W_<L-k+1>/k) - sum(m, 2, i, W_<L-m+1>/m)": "RF632",
    # The operator of block L-i stands in all of them: no path is left.
    "1 + sum(k, 1, i, prod(j, k, i, W_<L-j>)/k)": "RF632",
    "1 + sum(k, 1, i, prod(j, 0, k-1, 0*W_<L-j>)/k)": "RF632",
    # Which paths there are is beyond a recurrence, or not known to be.
    "sum(k, 0, floor(i/2), prod(j, 0, k-1, W_<L-j>))": "RF636",
    "1 + sum(k, 1, i/3, W_<L-k+1>)": "RF636",
    "sum(k, 0, floor(2*i/3), prod(j, k, i-1, W_<L-j>))": "RF636",
    "sum(k, i-3, floor(i/2), prod(j, 0, k-1, W_<L-j>))": "RF632",
    "sum(k, 0, floor(i/2), prod(j, 0, k-1, 1 + W_<L-j>))": "RF632",
    "sum(k, 0, i/2, W_<L-k>) - sum(k, 0, i/2, W_<L-k>) + sum(k, 1, i/2, W_<L-k>)": "RF636",
    "sum(k, 0, i/2, W_<L-k>) - sum(k, 1, i/2, W_<L-k>)": "RF632",
    "prod(j, 0, floor(i/2)-1, W_<L-j>)": "RF632",
    "prod(j, 0, i-1, W_<L-2*j>)": "RF632",
    "1 + sum(k, 0, i, W_<L-k>/k)": "RF211",
    "1 + sum(k, 0, i, sum(m, k, 3, W_<L-m>)/k)": "RF211",
    "1 + sum(k, 1, i, W_<L-k>*W_L/k)": "RF633",
    "1 + sum(k, 0, i, W_<L-k+1>/(k+1))": "RF633",
}


@pytest.mark.parametrize("right", WILD)
def test_weights_of_no_recurrence(right: str) -> None:
    """What is claimed is true: one of these has a recurrence, X_i = (1 + W_i)*X_<i-1>."""
    assert wanted(f"dX_L/dX_<L-i> = {right}")[1] == [WILD[right]]


@pytest.mark.parametrize("right", PLAIN_FORMULAS + LONG_FORMULAS)
def test_sums_and_products(right: str) -> None:
    agrees(general(right), right)


@st.composite
def formulas(draw: st.DrawFn) -> str:
    """Sums over one or two ends of rows of operators."""
    depth = draw(st.integers(1, 2))
    names = ["k", "m"][:depth]
    bounds = ["0", *names, "i"]
    weight = draw(st.sampled_from(["", "2*", "k*", "(-1)^k*", "(k+1)*3^k*"]))
    rows = []
    for low, high in pairwise(bounds):
        name = draw(st.sampled_from(NAMES))
        shift = draw(st.integers(0, 1))
        body = draw(st.sampled_from([f"{name}_<L-j>", f"1 + {name}_<L-j>", ""]))
        if body:
            rows.append(f"prod(j, {low}+{shift}, {high}-1, {body})")
    right = weight + "*".join(rows or ["1"])
    for name, low in reversed(list(zip(names, bounds, strict=False))):
        right = f"sum({name}, {low}+{draw(st.integers(0, 2))}, i, {right})"
    return right


@given(formulas())
def test_random_sums_and_products(right: str) -> None:
    agrees(general(right), right, 4)


ELLIPSES = [
    (
        "1 + W_L + W_L*W_<L-1> + ... + W_L*...*W_<L-i+1>",
        "1 + sum(k, 1, i, prod(j, 0, k-1, W_<L-j>))",
    ),
    (
        r"1 + W_{L} + W_{L} \cdot W_{L-1} + \dots + W_{L} \cdot \cdots \cdot W_{L-i+1}",
        "1 + sum(k, 1, i, prod(j, 0, k-1, W_<L-j>))",
    ),
    ("1 + ... + W_L*...*W_<L-i+1>", "1 + sum(k, 1, i, prod(j, 0, k-1, W_<L-j>))"),
    ("(1+W_L)*(1+W_<L-1>)*...*(1+W_<L-i+1>)", "prod(j, 0, i-1, 1 + W_<L-j>)"),
    ("W_L*...*W_<L-i+1>", "prod(j, 0, i-1, W_<L-j>)"),
    ("2 + W_L + W_<L-1> + ... + W_<L-i+1>", "2 + sum(k, 1, i, W_<L-k+1>)"),
    (
        "1 + 2*W_L + 3*W_L*W_<L-1> + ... + (i+1)*W_L*...*W_<L-i+1>",
        "sum(k, 0, i, (k+1)*prod(j, 0, k-1, W_<L-j>))",
    ),
    (
        "1 - 2*W_L + 4*W_L*W_<L-1> - ... + (-2)^i*W_L*...*W_<L-i+1>",
        "sum(k, 0, i, (-2)^k*prod(j, 0, k-1, W_<L-j>))",
    ),
    (
        "W_<L-i+1>*...*W_<L-i+1> + U_L*...*U_<L-i+1>",
        None,
    ),
    (
        "U_L*W_<L-1>*...*W_<L-i+1>",
        "U_L*prod(j, 1, i-1, W_<L-j>)",
    ),
]


@pytest.mark.parametrize(("right", "meant"), ELLIPSES)
def test_ellipses(right: str, meant: str | None) -> None:
    if meant is None:
        assert wanted(f"dX_L/dX_<L-i> = {right}")[1] == ["RF635"]
    else:
        agrees(general(right), meant)


ROUTES = [
    "skip* pass*",
    "(skip | pass)*",
    "(pass | skip skip)*",
    "(pass pass? skip)*",
    "(skip* pass skip*){2} | skip*",
    "(pass{1,2} skip{2,})?",
    "(skip | pass)* pass (skip | pass) | (pass?)*",
    "(pass+ | skip)+",
    "(pass | skip pass)*(skip|)",
    "(|skip pass||pass{2})+",
]


@pytest.mark.parametrize("route", ROUTES)
def test_routes_are_sets_of_paths(route: str) -> None:
    """Against Python's regular expressions."""
    pattern = re.compile(
        route.replace("skip", "s").replace("pass", "p").replace(" ", "")
    )
    found, codes = wanted(f"paths {route}")
    assert found is not None and not set(codes) - {"RF634"}
    for length in range(1, 9):
        for word in product("sp", repeat=length):
            moves = [SKIP if letter == "s" else MOVES[1] for letter in word]
            expected = pattern.fullmatch("".join(word)) is not None
            assert found.series.weight(moves) == int(expected), word
    assert found.series.weight(()) == 1


def test_a_set_that_is_read_in_one_way_stays_small() -> None:
    """The smallest automaton that is deterministic would have 8192 states."""
    found, _ = wanted("paths ((skip|pass)* pass (skip|pass){12})?")
    assert found is not None and found.series.size <= 15


def test_with_weights_ways_add_up() -> None:
    found, _ = wanted("scalar a = 0.5\npaths ([a] W | [2] U | W)* skip*")
    assert found is not None
    a = sympy.Symbol("a")
    assert sympy.expand(found.series.weight(MOVES[1:]) - 2 * (a + 1)) == 0
    twice, _ = wanted("paths skip* [1] skip*")
    assert twice is not None
    assert [twice.series.weight((SKIP,) * k) for k in range(4)] == [1, 2, 3, 4]


def to_series(regex: Regex) -> Series:
    """The series of an expression."""
    total = constant(0)
    for factors, weight in regex.terms:
        term = constant(weight)
        for item in factors:
            is_star = isinstance(item, Star)
            term *= to_series(item.inner).star() if is_star else letter(item)
        total += term
    return total


@pytest.mark.parametrize("right", PLAIN_FORMULAS)
def test_shown_paths_are_the_series(right: str) -> None:
    """What is printed as a regular expression is read as the same paths."""
    series = general(right).series
    regex = regex_of(series)
    assert regex is not None
    again = to_series(regex)
    for length in range(5):
        for word in product(MOVES, repeat=length):
            assert again.weight(word) == series.weight(word)
    shown = text(regex)
    if "(W*W)" not in shown:
        found, _ = wanted(f"paths [1] ({shown})")
        assert found is not None
        assert all(
            found.series.weight(word) == series.weight(word)
            for length in range(4)
            for word in product(MOVES, repeat=length)
        )


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("dX_L/dX_<L-3> = 1", "RF631"),
        ("dX_L/dX_j = W_L", "RF631"),
        ("dX_L/dY_<L-i> = W_L", "RF631"),
        ("dX_L/dX_<L-i> = L*W_L", "RF631"),
        ("dX_L/dX_<L-i> = sum(k, 1, i, W_<L-i*k>)", "RF632"),
        ("dX_L/dX_<L-i> = W_1", "RF632"),
        ("dX_L/dX_<L-i> = W", "RF632"),
        ("dX_L/dX_<L-i> = relu(W_L)", "RF632"),
        ("dX_L/dX_<L-i> = W_<L-1>*W_L", "RF633"),
        ("dX_L/dX_<L-i> = W_<L+1>", "RF633"),
        ("dX_L/dX_<L-i> = prod(j,0,i-1,W_<L-j>)*prod(j,0,i-1,U_<L-j>)", "RF633"),
        ("paths pass skip*", "RF634"),
        ("dX_L/dX_<L-i> = 1 + W_L + ...", "RF635"),
        ("dX_L/dX_<L-i> = W_L*W_<L-2>*...*W_<L-i+1>", "RF635"),
        ("dX_L/dX_<L-i> = W_L*...*W_L", "RF635"),
        ("dX_L/dX_<L-i> = 1 + 2*W_L + ... + W_<L-i+1>", "RF635"),
        # Every letter that an ellipsis could run over is a number here.
        (
            "".join(f"const {name} = 2\n" for name in "jkmnpqr")
            + "dX_L/dX_<L-i> = j*k*m*n*p*q*r*W_L*...*W_<L-i+1>",
            "RF635",
        ),
        ("dX_L/dX_<L-i> = sum(k, 1, i, W_<L-k+1>/k)", "RF636"),
        ("dX_L/dX_<L-i> = prod(j, 0, i-1, W_<L-j>)/i", "RF636"),
        ("dX_L/dX_<L-i> = sum(k, 1, i, k^k*W_<L-k+1>)", "RF636"),
        # These have one, and are not read: nothing is claimed.
        ("dX_L/dX_<L-i> = sum(k, 1, i, floor(sqrt(k))*W_<L-k+1>)", "RF632"),
        ("dX_L/dX_<L-i> = sum(k, 1, i, (-1)^(k^2)*W_<L-k+1>)", "RF632"),
        ("dX_L/dX_<L-i> = max(i, 2^i)*W_L", "RF632"),
        ("dX_L/dX_<L-i> = i^17*W_L", "RF106"),
        ("dX_L/dX_<L-i> = sum(k, 1, i, floor(k/97)*floor(i/89)*W_<L-k>)", "RF106"),
        ("paths skip*\nX_i = W_i*X_<i-1>", "RF638"),
        ("dX_L/dX_<L-i> = W_L\ndX_L/dX_<L-i> = W_L", "RF638"),
        ("paths skp*", "RF640"),
        ("paths ([2] pass?)*", "RF641"),
        ("dX_L/dX_<L-i> = q*W_L", "RF201"),
        ("dX_L/dX_<L-i> = W_L/0", "RF211"),
        ("paths ((skip|pass){32}){32}", "RF106"),
        ("paths ((skip|pass)* pass (skip|pass){12})?|skip* pass*", "RF106"),
    ],
)
def test_mistakes(statement: str, code: str) -> None:
    assert wanted(statement)[1] == [code]


def test_all_readings_are_listed() -> None:
    report = Diagnostics()
    source = from_text("dX_L/dX_<L-i> = 1 + W_L + ...")
    (section,) = sections(parse(source, report), source, report)
    item = statement_of(section, report)
    assert item is not None and read(section, item, report, {}) is None
    (found,) = report
    assert "1 + W_L + ... + W_L*...*W_<L-i+1>" in found.hint
    assert "1 + W_L + ... + W_<L-i+1>" in found.hint
    assert found.labels[0].span.text == "1 + W_L + ..."


def test_scalars_and_constants_with_an_index() -> None:
    """A number of a list is the same at every block, a constant is what it says."""
    found = general("1 + sum(k, 1, 2, a_k*W_<L-k+1>)", "scalar a_i = 0.5\n")
    first, second = sympy.symbols("a_1 a_2")
    assert found.series.weight((SKIP, MOVES[1])) == first
    assert found.series.weight((MOVES[1], SKIP)) == second
    right = "1 + sum(k, 1, i, {}*W_<L-k+1>)"
    agrees(
        general(right.format("b_k"), "const b_i = 2^i + i\n"), right.format("(2^k+k)")
    )
    found = general("prod(j, 0, i-1, 1 + b_<L-j>*W_<L-j>)", "const b_i = 1/i\n")
    assert Move(("W",), ("b",)) in found.series.moves
    statement = "dX_L/dX_<L-i> = 1 + sum(k, 1, i, {}_k*W_<L-k+1>)"
    assert wanted(f"const b_i = 1/i\n{statement.format('b')}")[1] == ["RF636"]
    assert wanted(f"scalar a_i = 1\n{statement.format('a')}")[1] == ["RF632"]
    mixed = "scalar a_i = 1\ndX_L/dX_<L-i> = 1 + a_1*W_L + a_<L-1>*W_<L-1>"
    assert wanted(mixed)[1] == ["RF304"]
