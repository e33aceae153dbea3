"""Sums over depth, where all blocks are written out: what each of them adds up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import sympy

from recform.algebra.expr import (
    Across,
    Filled,
    History,
    K,
    Learned,
    Part,
    Pointwise,
    Scaled,
    Tensor,
    TensorSum,
    with_learned,
)
from recform.algebra.formula import Formula
from recform.algebra.lists import Dealt, Listed, Members, Over, is_list, list_of
from recform.algebra.reindex import rebuilt
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import NoNumber, numeric


def members_of(
    listed: History | Listed, definitions: Mapping[Tensor, Tensor]
) -> list[tuple[int, Tensor]]:
    """The members of a list with their numbers, the oldest first.

    Args:
        listed: a list that is written out.
        definitions: what lists are made of.

    The number of a member is its index in a list of all blocks; by stages it is that of
    the last block in whose list it stands.
    """
    found: list[tuple[int, Tensor]] = []
    pending: list[tuple[Tensor, int]] = [(listed, 0)]
    while pending:
        part, number = pending.pop()
        if not is_list(part):
            found.append((number, part))
            continue
        if isinstance(part, History):
            number = int(part.last)
        made = definitions.get(part, part)
        pending += [(child, number) for child in made.children]
    return found[::-1]


def written_sum(tensor: Over, definitions: Mapping[Tensor, Tensor]) -> list[Tensor]:
    """The terms of a sum over depth, one for each member.

    The share that ``softmax`` gives a member stays an :class:`Over` in its term.
    """
    listed = list_of(tensor.tensor)
    assert listed is not None
    # What is weighed and what weighs it may stand in two lists.
    within = cache(lambda part: members_of(part, definitions))
    found = within(listed)
    return [
        _of_member(tensor.tensor, _Member(number, place, len(found), within))
        for place, (number, _) in enumerate(found)
    ]


@dataclass(frozen=True)
class _Member:
    """A member of lists: its number; its place, and of how many; what is in a list."""

    number: int
    place: int
    count: int
    within: Callable[[History | Listed], list[tuple[int, Tensor]]]


def _of_member(tensor: Tensor, member: _Member) -> Tensor:
    """What is made of all members, of one of them."""
    if isinstance(tensor, Members):
        return member.within(tensor.listed)[member.place][1]
    if isinstance(tensor, Dealt):
        # There is a feature for each.
        return Part(tensor.tensor, member.count, member.place)
    if isinstance(tensor, Filled):
        weight = weight_of(tensor.coefficient, member.number)
        return Filled(weight, tensor.at)
    if not tensor.is_many or isinstance(tensor, Over):
        return tensor
    if isinstance(tensor, Scaled):
        weight = weight_of(tensor.coefficient, member.number)
        return Scaled(weight, _of_member(tensor.tensor, member), tensor.at)
    return rebuilt(tensor, lambda part: _of_member(part, member))


@lru_cache(maxsize=4096)
def weight_of(coefficient: Symbolic, number: int) -> Symbolic:
    """A weight of a member; in ``i``, so that it is the same for all blocks."""
    at = {K: sympy.Integer(number)}
    return _named(coefficient, at) if _names(coefficient) else filled(coefficient, at)


@lru_cache(maxsize=4096)
def _names(coefficient: Symbolic) -> bool:
    """Whether the member is in names alone: with other ones, all else stays as it is.

    Of two scalars of one name, the order could be another one, and they could be one.
    """
    scalars = coefficient.atoms(Learned)
    within = [
        part
        for part in sympy.preorder_traversal(coefficient)
        if isinstance(part, sympy.Expr) and part.has(K)
    ]
    kinds = (Learned, sympy.Add, sympy.Mul, sympy.Pow, sympy.exp)
    return (
        not with_learned(coefficient, lambda item: sympy.Symbol(item.name)).has(K)
        and len({item.name for item in scalars}) == len(scalars)
        and all(part == K or isinstance(part, kinds) for part in within)
    )


def _named(value: Symbolic, at: Mapping[Symbolic, Symbolic]) -> Symbolic:
    """An expression with other scalars in it, of which SymPy need not ask what they are.

    It asks whether ``exp(-g)`` is infinite, of each ``g``, and takes a millisecond.
    """
    if isinstance(value, Learned) or not value.has(K):
        return value.xreplace(at)
    return value.func(*(_named(part, at) for part in value.args), evaluate=False)


def share_at_start(
    formula: Formula, share: Over, definitions: Mapping[Tensor, Tensor], length: int
) -> float | None:
    """What ``softmax`` gives each member in a network that was not trained.

    All get the same where the score starts at zero; otherwise it is not known, and None.
    """
    listed = list_of(share.tensor)
    if listed is None or not _starts_at_zero(formula, share.tensor, length):
        return None
    return 1 / len(members_of(listed, definitions))


def _starts_at_zero(formula: Formula, tensor: Tensor, length: int) -> bool:
    """Whether a tensor is zero as long as its learned scalars are what they start as."""
    match tensor:
        case Scaled():
            block = 1 if tensor.at is sympy.nan else int(tensor.at)
            try:
                zero = numeric(formula, tensor.coefficient, block, length) == 0
            except NoNumber:
                return False
            return zero or _starts_at_zero(formula, tensor.tensor, length)
        case Across():
            return _starts_at_zero(formula, tensor.tensor, length)
        case Pointwise():
            return any(_starts_at_zero(formula, c, length) for c in tensor.children)
        case TensorSum():
            return all(_starts_at_zero(formula, c, length) for c in tensor.children)
    return False
