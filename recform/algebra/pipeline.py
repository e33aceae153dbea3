"""Pipelines, operators one after the other, with all names resolved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import sympy

from recform.blocks import Arguments, Kind, Operator, symbols_in
from recform.blocks.symbolic import Symbolic
from recform.source import Span


@dataclass(frozen=True)
class Folded:
    """What a step for inference has taken in of a network that is trained.

    Attributes:
        operator: the letter of the pipeline that it stood in; empty for the step's own.
        steps: the places of the steps there, in the order in which they run; none for
            the tensor that comes in itself.
        factor: what it is multiplied by.
    """

    operator: str
    steps: tuple[int, ...]
    factor: Symbolic = sympy.S.One


@dataclass(frozen=True)
class Step:
    """One operator of a pipeline.

    Attributes:
        operator: from the library.
        arguments: by name; sizes may hold the symbols ``c``, ``s``, ``i``, ``L`` and
            parameters of the file.
        label: the name that the author gave, or an empty string.
        span: where it stands.
        folded: in a network for inference, what it stands for: the sum of that.
        shares: what its weight is, if that is one tensor for all steps that say so. The
            first of them makes it, the others have it as their own.
        within: the flows of the file in which it stands, each where it is called, the
            outermost first.
    """

    operator: Operator
    arguments: Arguments
    label: str
    span: Span = field(compare=False)
    folded: tuple[Folded, ...] = field(compare=False, default=())
    shares: str = ""
    within: tuple[tuple[str, Span], ...] = field(compare=False, default=())

    @cached_property
    def symbolic(self) -> tuple[tuple[str, Kind, tuple[Symbolic, ...]], ...]:
        """The arguments with symbols in them: of which kind they are, and the symbols."""
        kinds = {a.name: a.kind for a in self.operator.arguments}
        return tuple(
            (name, kinds.get(name, Kind.NUMBER), tuple(sorted(free, key=_name)))
            for name, value in self.arguments.items()
            if (free := symbols_in(value))
        )

    @property
    def ends(self) -> bool:
        """Whether it ends a statement of code, as activations and windows do.

        So it is in ``x = F.relu(self.bn(x))``.
        """
        return self.operator.elementwise or not self.operator.attribute


@dataclass(frozen=True)
class Pipeline:
    """Operators, one after the other.

    Attributes:
        name: the operator letter, or ``stem``, ``head``, ``adapter``, ``transition``.
        steps: in order; none for the identity.
        text: as it stands in the file (spaces folded), for docstrings.
        span: where it stands; None for a default.
    """

    name: str
    steps: tuple[Step, ...]
    text: str
    span: Span | None = field(compare=False, default=None)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The tensors that it takes: those of its first operator."""
        return self.steps[0].operator.inputs if self.steps else ("x",)

    @cached_property
    def symbols(self) -> frozenset[Symbolic]:
        """Those in the arguments of its operators."""
        return frozenset(
            symbol
            for step in self.steps
            for _, _, symbols in step.symbolic
            for symbol in symbols
        )

    @property
    def is_function(self) -> bool:
        """Whether it has no module, so that it is no matter whose it is."""
        return all(not step.operator.attribute for step in self.steps)


def _name(symbol: Symbolic) -> str:
    return symbol.name  # type: ignore[no-any-return]


def symbols_of(pipelines: Iterable[Pipeline]) -> set[Symbolic]:
    """The symbols in the arguments of operators."""
    return set().union(*(pipeline.symbols for pipeline in pipelines))
