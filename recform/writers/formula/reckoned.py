"""Coefficients of a forward pass, and what several of them have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import sympy

from recform.algebra.expr import Learned
from recform.algebra.stable import with_words
from recform.blocks.identifiers import identifier
from recform.blocks.symbolic import Symbolic
from recform.plan.definitions import Assign, Line
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.writers.formula.coefficients import (
    coefficient_code,
    coefficient_text,
    learned,
)

#: Where another scalar has the number of its block.
_RECKONED = sympy.Integer(-1)


class Reckoned:
    """Writes coefficients; a function of learned scalars that is read twice has a variable.

    Args:
        values: the coefficients, in the order in which they are read.
        names: the expression of each learned scalar.
        variables: the scope of the variables.
    """

    def __init__(
        self,
        values: Iterable[Symbolic],
        names: Mapping[Learned, str],
        variables: Namespace,
    ) -> None:
        self._names: dict[Symbolic, str] = dict(names)
        self._made: dict[Symbolic, Symbolic] = {}
        #: Variables, and what they are.
        self.texts: list[tuple[str, str]] = []
        values = [with_words(value) for value in values]
        for part in _repeated(values):
            text = coefficient_text(self._said(part), self._names, torch=True)
            function = "root" if part.is_Pow else part.func.__name__.lower()
            words = [function, *(item.name for item in learned(part))]
            name = variables.new(identifier("_".join(words)))
            # Functions of it are torch's as well.
            self._made[part] = Learned(name, _RECKONED)
            self._names[self._made[part]] = name
            self.texts.append((name, text))

    def code(self, value: Symbolic) -> tuple[str, int]:
        """A coefficient in front of a tensor, and its level of precedence."""
        return coefficient_code(self._said(with_words(value)), self._names)

    def statements(self, line: Line | None) -> tuple[Assign, ...]:
        """What makes the variables."""
        return tuple(Assign(name, Code(text), line) for name, text in self.texts)

    def _said(self, value: Symbolic) -> Symbolic:
        return value.xreplace(self._made) if self._made else value


def _repeated(values: list[Symbolic]) -> list[Symbolic]:
    """Functions of learned scalars that are read twice, those inside of others first.

    What stands only inside of one that is read twice is read once.
    """
    found: list[Symbolic] = []
    while True:
        known = {part: sympy.Dummy() for part in found}
        counts = Counter(
            part
            for value in [*values, *(arg for part in found for arg in part.args)]
            for part in sympy.preorder_traversal(value.xreplace(known))
            if _is_function(part)
        )
        twice = [part for part, count in counts.items() if count > 1]
        if not twice:
            return sorted(found, key=lambda part: int(part.count_ops()))
        # The largest first: it may hold all that is read of the others.
        found.append(max(twice, key=lambda part: int(part.count_ops())))


def _is_function(part: Symbolic) -> bool:
    """Whether code calls a function for it, of learned scalars."""
    rooted = part.is_Pow and not part.exp.is_Integer
    return bool((part.is_Function or rooted) and part.atoms(Learned))
