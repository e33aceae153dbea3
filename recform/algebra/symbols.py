"""The symbols that stand in the arguments of operators."""

from __future__ import annotations

import sympy

from recform.algebra.expr import I, L
from recform.blocks.identifiers import FEATURES_IN, FEATURES_OUT, unnumbered
from recform.blocks.symbolic import Symbolic

#: The width of the stage and the stride of the block.
WIDTH = sympy.Symbol("c", integer=True, positive=True)
STRIDE = sympy.Symbol("s", integer=True, positive=True)
#: How many times finer the grid becomes, where it does; no name of a file is its own.
SCALE = sympy.Symbol("1/s", integer=True, positive=True)
#: The features that come into the pipeline.
INCOMING = sympy.Symbol("cin", integer=True, positive=True)
#: The number of the block that an operator belongs to: there is a ``W_0``.
BLOCK = sympy.Symbol("i", integer=True, nonnegative=True)
SYMBOLS = {"c": WIDTH, "s": STRIDE, "cin": INCOMING, "i": BLOCK, "L": L}
#: What the symbols of equations are in arguments.
IN_ARGUMENTS = {I: BLOCK, L: L}


def is_width(name: str) -> bool:
    """Whether a parameter is one of the features that come in, or of those made."""
    return unnumbered(name) in (*FEATURES_IN, *FEATURES_OUT)


#: The index of the first block of a stage: ``X_<first>``.
FIRST = "first"

#: The largest width, kernel, stride ... that is taken seriously.
MAX_SIZE = 1_000_000


def told(value: Symbolic) -> Symbolic:
    """An argument of an operator as it is kept: ``1/s`` is a number of its own."""
    return SCALE if value == 1 / STRIDE else value


def parameter(name: str) -> Symbolic:
    """The symbol of a parameter of the file that is left to the constructor."""
    return sympy.Symbol(name, real=True)


def argument(name: str, *, whole: bool = True) -> Symbolic:
    """The symbol of an argument of a definition: ``ratio`` in ``SE(x, ratio=16)``.

    It may be negative and a fraction. It is no other's symbol: a free parameter of the
    file may have its name.

    Args:
        name: its name.
        whole: False where its number is a fraction somewhere, and sizes are made of it.
    """
    return sympy.Symbol(name, rational=True, **({} if whole else {"integer": False}))


def is_counted(value: Symbolic) -> bool:
    """Whether nothing says that a number, or one that it is made of, is a fraction."""
    return all(part.is_integer is not False for part in (value, *value.free_symbols))


def is_fraction(value: Symbolic) -> bool:
    """Whether a number may be a fraction; quotients of sizes are sizes, so they are whole."""
    if not is_counted(value):
        return True
    free = value.free_symbols
    whole = value.xreplace({item: sympy.Dummy(integer=True) for item in free})
    return not ({WIDTH, INCOMING} & free or whole.is_integer)


def size(name: str) -> Symbolic:
    """The symbol of what counts something, as features, blocks or positions."""
    return sympy.Symbol(name, integer=True, positive=True)
