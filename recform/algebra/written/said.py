"""The equations of a network as its author wrote them, each once."""

from __future__ import annotations

from recform.algebra.formula import Boundary, Formula, Ranged
from recform.algebra.ranged import in_order
from recform.algebra.typeset import plain
from recform.algebra.written.decimals import Decimals


def equation_texts(formula: Formula) -> tuple[str, ...]:
    """The equations; one for several times stands once."""
    texts = ((*equation.beside, equation.text) for equation in formula.equations)
    return tuple(dict.fromkeys(text for group in texts for text in group))


def boundary_texts(formula: Formula) -> tuple[str, ...]:
    """The boundary equations; one for several blocks stands once, if for none as well."""
    items: list[Boundary | Ranged] = [*formula.boundaries]
    items += [item for item in formula.ranges if not formula.is_general(item)]
    texts = (_boundary(item, formula.decimals) for item in in_order(formula, items))
    return tuple(dict.fromkeys(texts))


def _boundary(boundary: Boundary | Ranged, decimals: Decimals) -> str:
    if isinstance(boundary, Ranged) or boundary.several:
        return boundary.text
    right = "0" if boundary.right is None else plain(boundary.right, decimals)
    return f"{plain(boundary.left, decimals)} = {right}"
