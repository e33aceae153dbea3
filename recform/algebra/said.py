"""The equations of a network as its author wrote them, each once."""

from __future__ import annotations

from recform.algebra.decimals import Decimals
from recform.algebra.formula import Boundary, Formula
from recform.algebra.typeset import plain


def equation_texts(formula: Formula) -> tuple[str, ...]:
    """The equations; one for several times stands once."""
    texts = ((*equation.beside, equation.text) for equation in formula.equations)
    return tuple(dict.fromkeys(text for group in texts for text in group))


def boundary_texts(formula: Formula) -> tuple[str, ...]:
    """The boundary equations; one for several blocks stands once."""
    texts = (_boundary(item, formula.decimals) for item in formula.boundaries)
    return tuple(dict.fromkeys(texts))


def _boundary(boundary: Boundary, decimals: Decimals) -> str:
    if boundary.several:
        return boundary.text
    right = "0" if boundary.right is None else plain(boundary.right, decimals)
    return f"{plain(boundary.left, decimals)} = {right}"
