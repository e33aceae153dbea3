"""Whether a weight that no recurrence has shows in the paths of a general formula.

``sum(k, 1, i, W_<L-k>/k)`` has the weight 1/k on the path that passes block L-k alone, so no
recurrence has these paths. But weights may cancel (``W_<L-k>/k - W_<L-k>/k``), or add up to
something else; where that is possible nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence

from recform.derivation.general.model import Bound, Factor, Term
from recform.derivation.general.ranges import ZERO

_LENGTH = "i"


def shows(term: Term, others: Sequence[Term]) -> bool:
    """Whether the weights of a term are those of single paths, which no other term has.

    Args:
        term: one whose weight no recurrence has.
        others: the other terms of this kind. What else there is has a recurrence.
    """
    if term.multiples or not _one_path_each(term):
        return False
    own = [name for f in term.factors for name in f.choices[0][0].operators]
    # Paths that pass an operator which no other of these terms has are a part of them.
    return all(any(name not in _possible(other) for name in own) for other in others)


def is_staircase(term: Term) -> bool:
    """Whether a term with a bound ``k <= i/2`` has the paths of a Hankel matrix like stairs.

    With one factor, an end of which is k, a path is ``u^a v^b`` with one letter at most in
    between, and it is there if b is at most a times a number, so that the rows of the
    beginnings ``u^a`` end further and further back: infinitely many are independent.
    """
    return (
        len(term.variables) == len(term.factors) == 1
        and not term.variables[0].low.base
        and not term.coefficient.free_symbols
        and term.coefficient != 0
    )


def _one_path_each(term: Term) -> bool:
    """Whether other values of the variables make another path."""
    names = [variable.name for variable in term.variables]
    if not all(_pure(factor) and _stays(factor) for factor in term.factors):
        return False
    found: dict[str, list[Factor]] = {name: [] for name in names}
    for factor in term.factors:
        bases = {b for b in (factor.low.base, factor.high.base) if b in found}
        if len(bases) > 1:
            return False
        for name in bases:
            found[name].append(factor)
    for factors in found.values():
        # Single blocks that move together, or one row with an end that moves.
        if not factors or (len(factors) > 1 and not all(map(_single, factors))):
            return False
    operators = [f.choices[0][0].text() for factors in found.values() for f in factors]
    return len(names) == 1 or len(set(operators)) == len(operators)


def _single(factor: Factor) -> bool:
    return factor.high == factor.low.plus(1)


def _pure(factor: Factor) -> bool:
    """Whether the factor passes the same operators at each of its blocks."""
    only = len(factor.choices) == 1 and factor.step == 1
    return only and not factor.choices[0][0].is_skip


def _stays(factor: Factor) -> bool:
    """Whether the factor has blocks, all of them on the path, for large numbers."""
    low, high = factor.low, factor.high
    if _LENGTH in (low.base, high.base) and high.number > 0 and high.base == _LENGTH:
        return False
    if low.base == high.base:
        return low.number < high.number and (low.base != _LENGTH or high.number <= 0)
    return _rank(low) < _rank(high)


def _rank(bound: Bound) -> int:
    return 0 if bound.base == ZERO else 2 if bound.base == _LENGTH else 1


def _possible(term: Term) -> set[str]:
    return {
        name
        for factor in term.factors
        for move, _ in factor.choices
        for name in move.operators
    }
