"""What an operator is: its tensors, its arguments, its code, and a library of such.

An operator declares in one place its arguments, its shape rule, its cost and the code
that is emitted for it (:class:`recform.blocks.operator.Operator`). Nothing outside this
room and :mod:`recform.operators` knows what a channel, a height or a width is.
"""

from recform.blocks.acts import Inner, Link
from recform.blocks.amount import Amount, Cost, Work
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code, put_in, symbols_in
from recform.blocks.details import Detail, made_by, operation
from recform.blocks.function import Function
from recform.blocks.library import Library
from recform.blocks.operator import (
    Emitted,
    Memory,
    Misfit,
    Operator,
    Several,
    Weights,
    require_layout,
)
from recform.blocks.shape import Layout, Order, Shape, Stride

__all__ = [
    "Amount",
    "Argument",
    "Arguments",
    "Cost",
    "Detail",
    "Emitted",
    "Function",
    "Inner",
    "Kind",
    "Layout",
    "Library",
    "Link",
    "Memory",
    "Misfit",
    "Operator",
    "Order",
    "Several",
    "Shape",
    "Stride",
    "Weights",
    "Work",
    "code",
    "made_by",
    "operation",
    "put_in",
    "require_layout",
    "symbols_in",
]
