"""Combinations of state that stay constant from block to block, found by linear algebra.

Candidates are the tensors of the equations, as old as the state reaches. ``Y_i`` is a
combination of them with unknown numbers; that ``Y_i - Y_<i-1>`` is zero for all tensors
is a system of linear equations for these numbers. With opaque tensors a solution holds
for blocks that are not linear; with words of operators, only for linear ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from recform.algebra.expr import Apply, I, Input, Scaled, State, Tensor, subtensors
from recform.algebra.formula import Formula
from recform.algebra.scalars import simplified
from recform.algebra.typeset import indexed
from recform.analysis.invariants.constants import constants, offsets, oldest
from recform.analysis.invariants.resolved import Long, Resolver, applied_to
from recform.analysis.invariants.varying import varying
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import (
    Form,
    combined,
    equations,
    form,
    state,
    tensor_of,
    without_activations,
)
from recform.recurrence.numbered import for_block
from recform.recurrence.reach import reach_of
from recform.series.show import PLAIN, Plain


@dataclass(frozen=True)
class Invariant:
    """A combination that every block hands on unchanged.

    Attributes:
        terms: it, in the index i.
        value: what it is, as the first blocks make it; None where it is zero.
        nonlinear: whether it holds whatever the operators compute.
        activations: whether it holds with the elementwise functions of the formula;
            otherwise only once they are left out.
        unknown: the unknown that the cheaper equal form gives, or an empty string.
        form: the right side of that form: a shorter recurrence.
    """

    terms: Form
    value: Tensor | None
    nonlinear: bool
    activations: bool
    unknown: str = ""
    form: Form | None = None

    @property
    def tensor(self) -> Tensor:
        """The combination as a tensor, a factor in i that all terms have in front."""
        first = next(iter(self.terms.values()))
        rest = {t: simplified(v / first) for t, v in self.terms.items()}
        alike = first.has(I) and not any(v.has(I) for v in rest.values())
        made = tensor_of(rest if alike else self.terms)
        assert made is not None
        return Scaled(first, made) if alike else made

    def text(self, style: Plain = PLAIN) -> str:
        """The combination and what it is."""
        return f"{style.tensor(self.tensor)} = {style.tensor(self.value)}"

    def equal_form(self) -> str:
        """The cheaper equal form, or an empty string."""
        if self.form is None:
            return ""
        return f"{indexed(self.unknown, I)} = {PLAIN.tensor(tensor_of(self.form))}"


def invariants(formula: Formula) -> tuple[Invariant, ...]:
    """All independent invariants; those that hold in more cases come first.

    Args:
        formula: the network; a part without a linearisation is opaque.
    """
    found: list[Invariant] = []
    passes = [(True, True), (True, False)]
    if not _is_plain(formula):
        passes += [(False, True), (False, False)]
    for activations, opaque in passes:
        laws = (
            equations(formula, activations=activations)
            if opaque
            else _distributed(formula, activations)
        )
        if laws is None:
            continue
        order = reach_of(formula).order
        for terms in (*constants(laws, order), *varying(laws, order)):
            if not _known(terms, found):
                found.append(_finish(formula, laws, terms, opaque, activations))
    return tuple(found)


def _is_plain(formula: Formula) -> bool:
    """Whether no equation has an elementwise function."""
    return all(e.right == without_activations(e.right) for e in formula.equations)


def _distributed(formula: Formula, activations: bool) -> dict[str, Form] | None:
    """The right sides with linear operators distributed over sums; None if none can."""

    def spread(tensor: Tensor) -> Form:
        result: list[tuple[Symbolic, Form]] = []
        for part, factor in form(tensor, activations=activations).items():
            if isinstance(part, Apply):
                result.append((factor, applied_to(part, spread)))
            else:
                result.append((factor, {part: sympy.S.One}))
        return combined(*result)

    laws = {equation.unknown: spread(equation.right) for equation in formula.equations}
    same = equations(formula, activations=activations)
    return None if laws == same else laws


def _known(terms: Form, found: list[Invariant]) -> bool:
    """Whether a combination follows from those that were found before."""
    if not found:
        return False
    tensors = list(dict.fromkeys([t for item in found for t in item.terms] + [*terms]))
    rows = [[item.terms.get(t, 0) for t in tensors] for item in found]
    before = sympy.Matrix(rows).rank()
    after = sympy.Matrix([*rows, [terms.get(t, 0) for t in tensors]]).rank()
    return bool(before == after)


# -- its value, and the equal form


def _finish(
    formula: Formula,
    laws: Mapping[str, Form],
    terms: Form,
    opaque: bool,
    activations: bool,
) -> Invariant:
    value = _value(formula, terms, opaque, activations)
    name, right = _cheaper(laws, terms, value)
    return Invariant(
        terms=terms,
        value=tensor_of(value),
        nonlinear=opaque,
        activations=activations or _is_plain(formula),
        unknown=name,
        form=right,
    )


def _value(formula: Formula, terms: Form, opaque: bool, activations: bool) -> Form:
    """What the combination is at the last of the first blocks, as far as it resolves.

    Where that is very long, it is what these tensors are there.
    """
    reach = reach_of(formula)
    block = reach.order + reach.absolute + 1
    resolver = Resolver(formula, block, opaque=opaque, activations=activations)
    factors = [filled(value, {I: sympy.Integer(block)}) for value in terms.values()]
    tensors = [for_block(tensor, block, None) for tensor in terms]
    try:
        made = combined(*zip(factors, resolver.resolve(tensors), strict=True))
    except Long:
        return combined((1, dict(zip(tensors, factors, strict=True))))
    names = [equation.unknown for equation in formula.equations]
    start = State(names[0], 0)
    if len(names) == 1 and start not in {b.left for b in formula.boundaries}:
        return {start if isinstance(t, Input) else t: v for t, v in made.items()}
    return made


def _cheaper(
    laws: Mapping[str, Form], terms: Form, value: Form
) -> tuple[str, Form | None]:
    """The recurrence that the invariant leaves, if it is shorter than the old one."""
    if any(offsets(tensor) for tensor in value):
        return "", None
    for name, right in laws.items():
        newest = state(name, 0)
        if newest not in terms or _vanishes(terms[newest]):
            continue
        rest = {t: v for t, v in terms.items() if t != newest}
        if any(newest in list(subtensors(tensor)) for tensor in rest):
            continue
        factor = 1 / terms[newest]
        new = combined((-factor, rest), (factor, value))
        if _cost(new) < _cost(right):
            return name, new
    return "", None


def _vanishes(number: Symbolic) -> bool:
    """Whether a number that may depend on i is zero in some block."""
    top = sympy.fraction(sympy.together(number))[0]
    factors = [f for f in sympy.Mul.make_args(top) if f.has(I) and f.is_polynomial(I)]
    roots = [r for f in factors for r in sympy.roots(sympy.Poly(f, I), filter="Z")]
    return any(root >= 1 for root in roots)


def _cost(terms: Form) -> tuple[int, int]:
    """How far a right side reaches back, and how many terms it has."""
    return -min((oldest(tensor) for tensor in terms), default=0), len(terms)
