"""An elementwise operator that an equation applies as a function: ``relu(X_<i-1>)``."""

from __future__ import annotations

from recform.blocks.amount import Cost
from recform.blocks.arguments import Arguments
from recform.blocks.operator import FUNCTION_INPUT, Misfit, Operator
from recform.blocks.shape import Shape
from recform.blocks.template import Template, template


def function_cost(function: Operator, x: Shape) -> Cost:
    """What it costs.

    Raises:
        Misfit: if its rule fails; it says which operator it is of.
    """
    try:
        return function.cost_of((x,), Arguments({}))
    except Misfit as misfit:
        misfit.operator = function.name
        raise


def function_call(function: Operator) -> Template:
    """Its code."""
    return template(function.written((FUNCTION_INPUT,), Arguments({})).call)
