"""Laws of functions: normal forms have the values that torch computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from recform.blocks import Function
from recform.equality.concat import gathered, part, side_by_side
from recform.equality.laws import function, multiplied, together
from recform.equality.terms import ONE, Atoms, Value, cleaned, plus, scaled
from recform.operators import standard

#: What torch makes of functions is compared with what they say in tests/blocks.
FUNCTIONS = {
    name: operator.function
    for name, operator in standard().operators.items()
    if operator.elementwise and not operator.moves and operator.function
}
FUNCTIONS |= {
    name: Function(value)
    for name, value in {
        "mish": "x * tanh(softplus(x))",
        "softsign": "x / (1 + abs(x))",
        "cube": "x**3",
        "inverse square": "x ** -2",
        "inverse root": "x ** -0.5",
        "squareplus": "(x + sqrt(x**2 + 4)) / 2",
        "logsigmoid": "log(sigmoid(x))",
        "logistic": "1 / (1 + exp(-x))",
        "cosh": "(exp(x) + exp(-x)) / 2",
    }.items()
}
MP = mpmath.MPContext()
MP.dps = 60
#: Numbers that are compared: an exponential of larger ones would leave no digits.
LARGEST = 60

Number = Any


class NoValue(ArithmeticError):
    """A root, logarithm or fraction has no value."""


class Large(ArithmeticError):
    """Too few digits are left."""


def _known(x: Number) -> Number:
    """A number that is not zero but for rounding."""
    if 0 < abs(x) < MP.mpf(10) ** -40:
        raise Large
    return x


def _root(x: Number) -> Number:
    if _known(x) < 0:
        raise NoValue
    return MP.sqrt(x)


def _log(x: Number) -> Number:
    if _known(x) <= 0:
        raise NoValue
    return MP.log(x)


def _exp(x: Number) -> Number:
    if abs(x) > LARGEST:
        raise Large
    return MP.exp(x)


def _over(x: Number, y: Number) -> Number:
    if _known(y) == 0:
        raise NoValue
    return x / y


def _power(x: Number, y: Number) -> Number:
    if (_known(x) < 0 and y != int(y)) or (x == 0 and y < 0):
        raise NoValue
    return MP.power(x, y)


#: Words in numbers of 60 digits, written down once more.
WORDS: dict[str, Callable[..., Number]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": _over,
    "**": _power,
    "max": max,
    "min": min,
    "abs": abs,
    "sqrt": _root,
    "exp": _exp,
    "log": _log,
    "sin": MP.sin,
    "cos": MP.cos,
    "tanh": MP.tanh,
    "sigmoid": lambda x: 1 / (1 + _exp(-x)),
    "hardsigmoid": lambda x: min(max(x / 6 + MP.mpf(1) / 2, 0), 1),
    "softplus": lambda x: MP.log(1 + _exp(x)),
    "erf": MP.erf,
    "normal": MP.ncdf,
}
LETTERS = {"x": MP.mpf("0.7311"), "y": MP.mpf("-1.2907"), "z": MP.mpf("0.3")}


def applied(known: Function, x: Number) -> Number:
    """A function of a number; none is so large that digits are lost."""
    made = known.fold(
        MP.mpf(x),
        lambda number: MP.mpf(number.numerator) / number.denominator,
        lambda word, parts: WORDS[word](*parts),
    )
    if abs(made) > 10**12 or 0 < abs(made) < MP.mpf(10) ** -12:
        raise Large
    return made


def number(atoms: Atoms, value: Value) -> Number:
    """A value in numbers, atom by atom, without any law."""
    total = MP.mpf(0)
    for monomial, weight in value.items():
        term = MP.mpf(weight.p) / weight.q
        for atom in monomial:
            term *= atom_number(atoms, atoms.key(atom))
        total += term
    return total


def atom_number(atoms: Atoms, key: Any) -> Number:
    kind, *rest = key
    if kind == "max":
        return max(number(atoms, dict(value)) for value in rest[0])
    if kind == "f":
        return applied(rest[0], number(atoms, dict(rest[1])))
    return LETTERS[kind]


#: A normal form, and the number that it stands for: None where there is none.
Pair = tuple[Value, "Callable[[], Number]"]


@st.composite
def tensors(draw: st.DrawFn, atoms: Atoms, depth: int) -> Pair:
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        letter = draw(st.sampled_from("xyz"))
        return atoms.value(letter), lambda: LETTERS[letter]
    kind = draw(
        st.sampled_from(["function", "function", "max", "min", "sum", "product"])
    )
    value, tensor = draw(tensors(atoms, depth - 1))
    if kind == "function":
        known = FUNCTIONS[draw(st.sampled_from(sorted(FUNCTIONS)))]
        weight = draw(st.sampled_from([-2, -1, 1, 1, 4]))
        shift = draw(st.sampled_from([-1, 0, 0, 0, 2]))
        moved = plus(scaled(sympy.Integer(weight), value), {ONE: sympy.Integer(shift)})
        return (
            function(atoms, known, cleaned(moved)),
            lambda: applied(known, weight * tensor() + shift),
        )
    other, more = draw(tensors(atoms, depth - 1))
    if kind == "product":
        return multiplied(atoms, value, other), lambda: tensor() * more()
    if kind == "sum":
        weight = draw(st.sampled_from([-1, 1, 2]))
        made = plus(value, scaled(sympy.Integer(weight), other))
        return made, lambda: tensor() + weight * more()
    third, most = draw(tensors(atoms, depth - 1))
    chosen = max if kind == "max" else min
    made = together(atoms, kind, [value, other, third])
    return made, lambda: chosen(tensor(), more(), most())


def agree(atoms: Atoms, value: Value, tensor: Callable[[], Number]) -> None:
    """What has a value keeps it."""
    try:
        expected = tensor()
    except NoValue:
        return
    found = number(atoms, value)
    assert abs(found - expected) <= MP.mpf(10) ** -20 * (1 + abs(expected))


@given(st.data())
@settings(deadline=None)
def test_normal_forms_have_the_values_of_functions(data: st.DataObject) -> None:
    atoms = Atoms()
    value, tensor = data.draw(tensors(atoms, 3))
    try:
        agree(atoms, value, tensor)
    except Large:
        return


def letters(atoms: Atoms) -> list[Value]:
    return [atoms.value(letter) for letter in "xyz"]


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (-1, -1, -1)])
def test_max_does_not_depend_on_how_it_is_written(signs: tuple[int, ...]) -> None:
    atoms = Atoms()
    x, y, z = (
        scaled(sympy.Integer(sign), value)
        for sign, value in zip(signs, letters(atoms), strict=True)
    )

    def largest(*values: Value) -> Value:
        return together(atoms, "max", values)

    whole = largest(x, y, z)
    assert largest(z, y, x, y) == whole
    assert largest(largest(x, y), z) == whole == largest(x, largest(z, y))
    assert largest(plus(x, z), plus(y, z)) == plus(z, largest(x, y))
    assert plus(largest(x, y), together(atoms, "min", [x, y])) == plus(x, y)
    three = sympy.Integer(3)
    assert largest(scaled(three, x), scaled(three, y)) == scaled(three, largest(x, y))


def test_parts_side_by_side_are_the_whole() -> None:
    atoms = Atoms()
    x, y, z = letters(atoms)
    mixed = plus(multiplied(atoms, x, y), scaled(sympy.Rational(1, 2), z))
    parts = [part(atoms, mixed, 3, which) for which in range(3)]
    assert together(atoms, "concat", parts) == mixed
    assert together(atoms, "concat", parts[:2]) != mixed
    assert together(atoms, "concat", [parts[1], parts[0], parts[2]]) != mixed
    inner = together(atoms, "concat", [x, y])
    assert together(atoms, "concat", [inner, z]) == together(atoms, "concat", [x, y, z])


# ------------------------------------------------------------- features side by side

#: How wide the letters are; of the last one nothing is known.
WIDE = {"a": 2, "b": 2, "c": 3, "d": 3, "u": 2}
WIDE_LETTERS = {
    name: torch.randn(width, generator=torch.Generator().manual_seed(n)).double()
    for n, (name, width) in enumerate(WIDE.items())
}


def in_floats(known: Function, x: Tensor) -> Tensor:
    return torch.tensor([known.at(float(number)) for number in x], dtype=torch.float64)


def said(key: Any) -> Any:
    return sympy.Integer(WIDE[key[0]]) if key[0] in "abcd" else None


def features(atoms: Atoms, value: Value) -> Tensor:
    """A value in numbers, of which parts that stand side by side may be different."""
    total = torch.zeros(1, dtype=torch.float64)
    for monomial, weight in value.items():
        term = torch.tensor([float(weight)], dtype=torch.float64)
        for atom in monomial:
            kind, *rest = atoms.key(atom)
            if kind == "concat":
                inside = [features(atoms, dict(value)) for value in rest]
                factor = torch.cat(inside)
            elif kind == "zeros":
                # Only what the last letter gave has a width that is not known.
                width = WIDE["u"] if rest[0] is None else int(rest[0])
                factor = torch.zeros(width, dtype=torch.float64)
            elif kind == "max":
                inside = [features(atoms, dict(value)) for value in rest[0]]
                factor = torch.stack(torch.broadcast_tensors(*inside)).amax(0)
            elif kind == "f":
                factor = in_floats(rest[0], features(atoms, dict(rest[1])))
            else:
                factor = WIDE_LETTERS[kind]
            term = term * factor
        total = total + term
    return total


Both = tuple[Value, Tensor]


@st.composite
def rows(draw: st.DrawFn, atoms: Atoms, cut: tuple[str, ...], depth: int) -> Both:
    """A tensor of the widths of some letters, each of which may stand for itself."""
    kinds = ["sum", "product", "max", "function", "shift"]
    kind = draw(st.sampled_from(kinds)) if depth else "letters"
    if kind == "letters":
        alike = {"a": "ab", "b": "ab", "c": "cd", "d": "cd"}
        names = [draw(st.sampled_from(alike.get(name, name))) for name in cut]
        values = [atoms.value(name) for name in names]
        for n in range(len(values)):
            if draw(st.integers(0, 3)) == 0 and names[n] in "abcd":
                values[n] = {}
        widths = [said((name,)) for name in names]
        numbers = [
            WIDE_LETTERS[name] * bool(value)
            for name, value in zip(names, values, strict=True)
        ]
        return side_by_side(atoms, values, widths), torch.cat(numbers)
    value, tensor = draw(rows(atoms, cut, depth - 1))
    if kind == "function":
        known = FUNCTIONS[
            draw(st.sampled_from(["relu", "silu", "tanh", "hardsigmoid"]))
        ]
        return function(atoms, known, value), in_floats(known, tensor)
    weight = draw(st.sampled_from([-2, -1, 1, 3]))
    if kind == "shift":
        shifted = plus(value, {ONE: sympy.Integer(weight)})
        return gathered(atoms, shifted), tensor + weight
    other, more = draw(rows(atoms, cut, depth - 1))
    if kind == "product":
        return multiplied(atoms, value, other), tensor * more
    if kind == "max":
        return together(atoms, "max", [value, other]), torch.maximum(tensor, more)
    made = plus(value, scaled(sympy.Integer(weight), other))
    return gathered(atoms, made), tensor + weight * more


@given(st.data(), st.sampled_from([("a", "c"), ("c", "a"), ("a", "b"), ("a", "u")]))
@settings(deadline=None)
def test_what_is_side_by_side_has_the_values_of_torch(
    data: st.DataObject, cut: tuple[str, ...]
) -> None:
    atoms = Atoms(said)
    value, tensor = data.draw(rows(atoms, cut, 3))
    found = features(atoms, value).expand(tensor.shape)
    torch.testing.assert_close(found, tensor, rtol=1e-9, atol=1e-9)


def test_sums_are_cut_only_where_widths_are_known() -> None:
    atoms = Atoms(said)
    a, b, c, d, u = (atoms.value(name) for name in WIDE)

    def row(*values: Value) -> Value:
        return together(atoms, "concat", values)

    assert gathered(atoms, plus(row(a, c), row(b, d))) == row(plus(a, b), plus(c, d))
    for other in (row(d, b), row(u, d), row(u, b)):
        assert gathered(atoms, plus(row(a, c), other)) == plus(row(a, c), other)
    # Zeros of another width, or of one that nobody knows, are something else.
    two, three = sympy.Integer(2), sympy.Integer(3)
    rest = [side_by_side(atoms, [{}, a], [width, two]) for width in (two, three)]
    assert rest[0] != rest[1]
    assert row({}, a) != row({}, a)
