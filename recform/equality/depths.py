"""Two networks compared at one depth after the other, as far as they are small enough."""

from __future__ import annotations

from recform.algebra.formula import Formula
from recform.equality.counterexample.example import Example, example
from recform.equality.outputs import Outputs
from recform.equality.verdict import OwnDepth
from recform.equality.weights import TooLarge, limited

#: Most depths that are compared one by one.
MAX_DEPTH = 100
#: Deeper networks are tried on numbers only where shorter ones have the same formulas.
_DEEPEST_EXAMPLE = 8


def own_depth(
    formulas: tuple[Formula, Formula], differs: int, shown: Example
) -> OwnDepth | None:
    """What is known of the depth of the files, where the difference is shown at another.

    Args:
        formulas: the two networks, which are different.
        differs: all smaller depths are equal.
        shown: where they differ.
    """
    first, second = (_blocks(formula) for formula in formulas)
    if first is None or second is None:
        return None
    less = min(first, second)
    if less < differs:
        owner = "" if first == second else formulas[first > second].name
        return OwnDepth(less, owner, True)
    if first != second or first in (shown.depth, differs):
        return None
    # Numbers are known sooner than formulas of so many blocks.
    if example(formulas, first, linear=shown.linear) is not None:
        return OwnDepth(first, "", False)
    same = first <= MAX_DEPTH and not differ_at(formulas, first)
    return OwnDepth(first, "", True) if same else None


def equal_so_far(
    formulas: tuple[Formula, Formula], checked: int, *, whole: bool
) -> OwnDepth | None:
    """The depth of both files, if they are equal there though nothing is proved of all.

    Args:
        formulas: the two networks.
        checked: all depths up to here are equal.
        whole: whether a deeper one was not too large to be compared.
    """
    first, second = (_blocks(formula) for formula in formulas)
    if first is None or first != second or first > MAX_DEPTH:
        return None
    same = first <= checked or (whole and not differ_at(formulas, first))
    return OwnDepth(first, "", True) if same else None


def _blocks(formula: Formula) -> int | None:
    """The number of blocks, or of those of each stage; None if stages differ in it."""
    first, *others = formula.lengths
    return first if set(others) <= {first} else None


@limited
def first_difference(
    formulas: tuple[Formula, Formula], depth: int, *, linear: bool
) -> tuple[int | None, int]:
    """The first depth at which the outputs are different formulas; how far was looked."""
    outputs = Outputs(formulas, depth, linear=linear)
    for length in range(1, depth + 1):
        try:
            if not outputs.same(length):
                return length, length
        except TooLarge:
            return None, length - 1
    return None, depth


@limited
def differ_at(
    formulas: tuple[Formula, Formula], length: int, *, linear: bool = False
) -> bool:
    """Whether the outputs at a depth are different formulas, or too large to tell."""
    try:
        return not Outputs(formulas, length, linear=linear).same(length)
    except TooLarge:
        return True


def smallest_example(
    formulas: tuple[Formula, Formula], shortest: int, depth: int, *, linear: bool
) -> Example | None:
    """Numbers that tell two networks apart, at the smallest depth that has some.

    Where normal forms differ the values may be equal, by a law that is not known.
    """
    for length in range(shortest, max(shortest, min(depth, _DEEPEST_EXAMPLE)) + 1):
        found = example(formulas, length, linear=linear)
        if found is not None:
            return found
    return None
