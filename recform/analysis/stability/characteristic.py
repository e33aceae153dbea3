"""Growth of signal and gradient with depth.

For equal blocks (every operator a number of its own) the recurrence has a characteristic
polynomial; the roots that are left when all operators are zero belong to the formula
alone, and no training changes them. For random blocks the second moments are followed
exactly: an operator with independent entries of mean zero makes, of whatever it gets, a
tensor that is uncorrelated with all others and has ``gain**2`` times the variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import sympy
from sympy.polys.matrices import DomainMatrix

from recform.algebra.expr import I, Scaled, State, Tensor, subtensors, with_learned
from recform.algebra.formula import Equation, Formula
from recform.algebra.scalars import named_functions, simplified
from recform.algebra.typeset import added
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, counted
from recform.linear.forms import NoNumber, numeric
from recform.linear.model import Linear
from recform.linear.words import Letter, Polynomial
from recform.recurrence.regimes import ranges, runs
from recform.series.places import BLOCK
from recform.series.show import LATEX, PLAIN, Plain

#: A root counts as on the unit circle up to this.
_CLOSE = 1e-9
#: A larger characteristic polynomial is not written out: rows of its matrix, and terms.
_LARGEST, _MOST_TERMS, _MOST_WORK = 8, 24, 96
#: More than this is growth.
_GROWS = 1 + 1e-6
#: Blocks whose numbers are multiplied one by one.
_MOST_BLOCKS = 1024
#: What a law gets from older unknowns, by column of the companion matrix.
_Entries = dict[int, Symbolic]
#: The name of the unknown of the characteristic polynomial.
_Z = sympy.Symbol("z")


@dataclass(frozen=True)
class Root:
    """A root of the characteristic polynomial.

    Attributes:
        value: as a number.
        multiplicity: how often.
    """

    value: complex
    multiplicity: int

    @property
    def modulus(self) -> float:
        """Its distance from zero."""
        return abs(self.value)


@dataclass(frozen=True)
class Varying:
    """Growth where the numbers of the equations depend on the block.

    Attributes:
        block: whose roots are given.
        blocks: how many in a row have these equations.
        growth: how many times larger the largest number can become over them, with all
            operators zero; None where there are very many, or numbers are none in some.
    """

    block: int
    blocks: int
    growth: float | None


@dataclass(frozen=True)
class Stability:
    """The recurrence of equal blocks.

    Attributes:
        polynomial: the characteristic polynomial in z, factored where it factors; every
            operator is the lower-case letter of its name. Empty if it is large.
        latex: the same.
        roots: with all operators zero, the largest modulus first.
        growth: what a value is multiplied with in each block, far along, with all
            operators zero; None where that is unknown.
        power: further growth by a power of the depth, from a repeated root.
        varying: what holds instead of growth and power where numbers depend on the block.
        gated: whether tensors are multiplied: roots are those with all of these zero, too.
        unknown: why there are no roots; empty where there are.
    """

    polynomial: str
    latex: str
    roots: tuple[Root, ...]
    growth: float | None
    power: int
    varying: Varying | None = None
    gated: bool = False
    unknown: str = ""


def stability(
    linear: Linear,
    report: Diagnostics | None = None,
    blocks: Sequence[int] | None = None,
) -> Stability:
    """The characteristic polynomial of equal blocks, and what its roots say.

    Args:
        linear: without activations.
        report: gets the warning RF602 where values grow without any operator.
        blocks: those that have these equations, ascending; None for all.
    """
    length = sum(stage.blocks for stage in linear.formula.stages)
    blocks = range(1, length + 1) if blocks is None else blocks
    last = blocks[-1] if blocks else length
    found = Stability(
        *_written(linear),
        roots=(),
        growth=None,
        power=0,
        gated=any(letter.kind == "gate" for letter in linear.letters),
    )
    try:
        bare = companion(linear, lambda p: _number(linear, p, last))
    except NoNumber as reason:
        return replace(found, unknown=str(reason))
    roots = _roots(bare)
    growth = max((root.modulus for root in roots), default=0.0)
    run = max(runs(blocks), key=lambda ends: ends[1] - ends[0], default=(1, 0))
    row = range(run[0], run[1] + 1)
    varying = _varying(linear, row, last) if _varies(linear) else None
    regular = all(law.written for law in linear.laws)
    if report is not None and regular:
        if varying is None and growth > _GROWS:
            # Of several tensors a state may hold little of what grows most.
            what = (
                "the recurrence" if len(roots) < 2 else "what grows most in its state"
            )
            each = f"{what} grows by {growth:.4g} in each block"
            over = math.prod([growth] * len(row))  # a power that runs over is no number
            _warn(linear.formula, each, over, blocks, row, report)
        elif varying is not None and _grows(linear, varying, row):
            _warn(linear.formula, "", varying.growth or 0.0, blocks, row, report)
    power = 0 if varying else _power(bare, growth)
    return replace(found, roots=roots, growth=growth, power=power, varying=varying)


def _written(linear: Linear) -> tuple[str, str]:
    """The characteristic polynomial as text and as LaTeX; empty if it is large."""
    weights = (p for law in linear.solved for p in law.gradient.values())
    small = (
        len(linear.solved) * linear.order <= _LARGEST
        and sum(p.multiplied_out for p in weights) <= _MOST_WORK
    )
    factors = _factors(linear) if small else []
    return _product(factors, PLAIN), _product(factors, LATEX)


def _varies(linear: Linear) -> bool:
    """Whether what is left with all operators zero depends on the block."""
    return any(
        coefficient.has(I)
        or any(x.kind == "gain" and x.tensor and x.tensor.args[0].has(I) for x in word)
        for law in linear.solved
        for polynomial in law.gradient.values()
        for word, coefficient in polynomial.terms.items()
        if not any(letter.kind in ("operator", "gate") for letter in word)
    )


def _varying(linear: Linear, row: range, last: int) -> Varying:
    if not row or len(row) > _MOST_BLOCKS:
        return Varying(last, len(row), None)
    try:
        blocks = [_entries(linear, partial(_float, linear, block=n)) for n in row]
    except NoNumber:
        return Varying(last, len(row), None)
    size = len(linear.solved) * linear.order
    return Varying(last, len(row), _norm_of_product(blocks, size))


def _norm_of_product(blocks: Sequence[Sequence[_Entries]], size: int) -> float:
    """The largest sum of a row of the product of companion matrices, the last one first."""
    product = [[float(a == b) for b in range(size)] for a in range(size)]
    power = 0
    for laws in blocks:
        new = [
            [sum(x * product[k][n] for k, x in law.items()) for n in range(size)]
            for law in laws
        ]
        product = [*new, *product[: size - len(laws)]]
        # Powers of two are exact, and nothing gets too large or too small for a float.
        _, more = math.frexp(max(map(abs, chain(*product)), default=0.0))
        product = [[math.ldexp(x, -more) for x in line] for line in product]
        power += more
    largest = max(sum(map(abs, line)) for line in product)
    try:
        return math.ldexp(largest, power)
    except OverflowError:
        return math.inf


def _grows(linear: Linear, varying: Varying, row: range) -> bool:
    """Whether values grow over all blocks, and a root says so in some of them."""
    if varying.growth is None or varying.growth <= _GROWS:
        return False
    some = dict.fromkeys((row[0], row[len(row) // 2], row[-1]))
    return any(
        root.modulus > _GROWS
        for block in some
        for root in _roots(companion(linear, partial(_number, linear, block=block)))
    )


def _factors(linear: Linear) -> list[tuple[Symbolic, int]]:
    """The monic factors of the characteristic polynomial, with their multiplicities."""
    symbols: dict[tuple[object, ...], Symbolic] = {}
    matrix = companion(
        linear, lambda p: _commuting(p, symbols) if p.letters else _plain(p)
    )
    dense = DomainMatrix.from_Matrix(matrix)
    entries = [sympy.expand(dense.domain.to_sympy(c)) for c in dense.charpoly()]
    if sum(len(sympy.Add.make_args(c)) for c in entries) > _MOST_TERMS:
        return []
    polynomial = sum(c * _Z**n for n, c in enumerate(reversed(entries)))
    parts = [(polynomial, 1)]
    # With many symbols SymPy's factorisation takes seconds, or very long.
    numbers = named_functions(polynomial)
    named = polynomial.xreplace(numbers)
    if len(named.free_symbols) <= 3 and len(entries) <= 5:
        # Roots of i and L do not factor.
        with suppress(sympy.PolynomialError):
            parts = sympy.factor_list(sympy.fraction(sympy.together(named))[0])[1]
    back = {name: number for number, name in numbers.items()}
    parts = [(factor.xreplace(back), multiplicity) for factor, multiplicity in parts]
    found = [
        (sympy.Poly(factor, _Z).monic(), multiplicity)
        for factor, multiplicity in parts
        if factor.has(_Z)
    ]
    return sorted(found, key=lambda item: str(item[0].as_expr()))


def _product(factors: list[tuple[Symbolic, int]], style: Plain) -> str:
    """Factors, each with the highest power of z in front."""
    if not factors:
        return ""
    texts = []
    for poly, multiplicity in factors:
        terms = []
        for (power,), coefficient in poly.terms():
            term = style.scalar(_Z**power) if power else ""
            value = simplified(coefficient)
            if value != 1 or not power:
                shown = style.scalar(value)
                if power and value == -1:
                    shown = "-"
                elif power:
                    shown = f"({shown})" if value.is_Add else shown
                    shown += style.beside
                term = shown + term
            terms.append(term)
        text = added(terms)
        alone = len(factors) == 1 and multiplicity == 1
        text = text if alone or poly.as_expr() == _Z else f"({text})"
        texts.append(text + (f"^{multiplicity}" if multiplicity > 1 else ""))
    return style.beside.join(texts)


def companion(linear: Linear, weigh: Callable[[Polynomial], Symbolic]) -> Symbolic:
    """The matrix that takes the unknowns of ``order`` blocks one block further.

    Args:
        linear: the laws.
        weigh: a polynomial of words as an entry.
    """
    names = len(linear.solved)
    size = names * linear.order
    matrix = sympy.zeros(size, size)
    for row, entries in enumerate(_entries(linear, weigh)):
        for column, entry in entries.items():
            matrix[row, column] = entry
    for row in range(names, size):
        matrix[row, row - names] = 1
    return matrix


def _entries(linear: Linear, weigh: Callable[[Polynomial], Symbolic]) -> list[_Entries]:
    """What each law gets from the unknowns of the blocks before, by column."""
    names = {law.unknown: n for n, law in enumerate(linear.solved)}
    return [
        {
            (-source.at.number - 1) * len(names) + names[source.unknown]: weigh(p)
            for source, p in law.gradient.items()
            if source.at.base == BLOCK
        }
        for law in linear.solved
    ]


def _commuting(
    polynomial: Polynomial, symbols: dict[tuple[object, ...], Symbolic]
) -> Symbolic:
    """A polynomial with all blocks equal: letters are numbers."""
    total = sympy.S.Zero
    for word, coefficient in polynomial.terms.items():
        term = _same(coefficient)
        for letter in word:
            if letter.kind in ("embed", "project", "shift"):
                continue
            key = (letter.kind, letter.name, letter.part)
            if key not in symbols:
                symbols[key] = sympy.Symbol(_symbol(letter))
            term *= symbols[key]
        total += term
    return total


def _symbol(letter: Letter) -> str:
    if letter.kind == "operator":
        return letter.name.lower() + (f"_{letter.part[0] + 1}" if letter.part else "")
    return f"[{letter.text()}]"


def _plain(polynomial: Polynomial) -> Symbolic:
    return sum((_same(value) for value in polynomial.terms.values()), sympy.S.Zero)


def _same(coefficient: Symbolic) -> Symbolic:
    """A coefficient of equal blocks: the scalars of all of them are one."""
    return with_learned(coefficient, lambda item: sympy.Symbol(item.name))


def _number(linear: Linear, polynomial: Polynomial, block: int) -> Symbolic:
    """What is left of a polynomial with all operators zero, in a block, exactly."""
    value = _float(linear, polynomial, block)
    return sympy.nsimplify(value, rational=True, tolerance=1e-15)


def _float(linear: Linear, polynomial: Polynomial, block: int) -> float:
    """The same as a float."""
    total = 0.0
    length = sum(stage.blocks for stage in linear.formula.stages)
    for word, coefficient in polynomial.terms.items():
        if any(letter.kind in ("operator", "gate") for letter in word):
            continue
        factor = numeric(linear.formula, coefficient, block, length)
        for letter in word:
            if letter.kind == "gain" and letter.tensor is not None:
                factor *= numeric(linear.formula, letter.tensor.args[0], block, length)
        total += factor
    return total


def _roots(matrix: Symbolic) -> tuple[Root, ...]:
    polynomial = sympy.Poly(matrix.charpoly(_Z).as_expr(), _Z)
    found = []
    for factor, multiplicity in polynomial.sqf_list()[1]:
        for root in factor.nroots(n=20, maxsteps=500):
            found.append(Root(complex(root), multiplicity))
    return tuple(
        sorted(found, key=lambda r: (-round(r.modulus, 9), -r.value.real, r.value.imag))
    )


def _power(matrix: Symbolic, growth: float) -> int:
    """The power of the depth that comes with the growth, from roots that are repeated.

    It is the size of the largest Jordan block of such a root, less one: a factor f of
    multiplicity m has no larger block than the first k at which f(M)^k has the rank that
    is left without f. Where all values fall, there is none.
    """
    if growth < 1 - _CLOSE:
        return 0
    polynomial = sympy.Poly(matrix.charpoly(_Z).as_expr(), _Z)
    most = 0
    for factor, multiplicity in polynomial.factor_list()[1]:
        largest_root = max(abs(complex(r)) for r in factor.nroots(n=20, maxsteps=500))
        if multiplicity == 1 or abs(largest_root - growth) > _CLOSE:
            continue
        rank = matrix.rows - factor.degree() * multiplicity
        image = factor_of = _at(factor, matrix)
        power = 0
        while image.rank() > rank:
            image = image * factor_of
            power += 1
        most = max(most, power)
    return most


def _at(polynomial: sympy.Poly, matrix: Symbolic) -> Symbolic:
    """A polynomial of a matrix, by Horner's rule."""
    result = sympy.zeros(matrix.rows, matrix.rows)
    for coefficient in polynomial.all_coeffs():
        result = result * matrix + coefficient * sympy.eye(matrix.rows)
    return result


def _warn(
    formula: Formula,
    each: str,
    over: float,
    blocks: Sequence[int],
    row: range,
    report: Diagnostics,
) -> None:
    """Warns at the largest coefficient of a tensor that is carried on."""
    length = sum(stage.blocks for stage in formula.stages)
    # Equations of their own are said to be for those blocks.
    where = "" if len(blocks) == length else f" of {ranges(blocks)}"
    shown = f"{over:.3g}" if math.isfinite(over) else "more than 1e308"
    times = f"{shown} times over {counted(len(row), 'block')}"
    grows = (
        f"{each}{where}: {times}" if each else f"the recurrence grows {times}{where}"
    )
    best: tuple[float, Tensor, Equation] | None = None
    for equation in formula.equations:
        for tensor in subtensors(equation.right):
            if isinstance(tensor, Scaled) and isinstance(tensor.tensor, State):
                with suppress(NoNumber):
                    size = abs(numeric(formula, tensor.coefficient, blocks[-1], length))
                    if best is None or size > best[0]:
                        best = (size, tensor, equation)
    equation = best[2] if best is not None else formula.equations[0]
    span = equation.span
    if best is not None:
        span = formula.spans.get(best[1], span)
    report.warning(
        "RF602",
        f"with its operators at zero {grows}",
        span,
        hint="make the coefficients of older blocks add up to at most 1",
    )
