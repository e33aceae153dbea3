"""What a formula computes in evaluation, down to the operators of the library.

What is nothing there is left out, and a step for inference is read as the sum of what it
says that it has taken in. Learned numbers have no values here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from recform.algebra.definitions.body import Body
from recform.algebra.definitions.cell import Cell
from recform.algebra.expr import (
    Apply,
    Elementwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.totals import totals
from recform.blocks.symbolic import Symbolic
from recform.diagnostics.refuted import Refuted
from recform.operators.activation import Identity, plain
from recform.operators.regularise import Dropout, DropPath
from recform.proof.fitting import LINEAR, require_room

#: What a tensor is: its kind, and what it is made of.
Node: TypeAlias = tuple[Hashable, ...]


#: A sum of tensors, each a number of a table, with the factors in front.
Form: TypeAlias = dict[int, Symbolic]
#: The same, where it stands in another one, or beside one.
Frozen: TypeAlias = frozenset[tuple[int, Symbolic]]


class Table(dict[Node, int]):
    """Numbers for tensors, the same for equal ones."""

    def form(self, *node: Hashable) -> Form:
        """A tensor as a form."""
        return {self.setdefault(node, len(self)): 1}


#: What is nothing in evaluation, and what is linear. What derives from one may be neither.
_NOTHING = (Dropout, DropPath, Identity)


@dataclass(frozen=True)
class Side:
    """Something that a formula says.

    Attributes:
        name: of what it says it.
        said: it.
        unknown: of a side of an equation, whose.
        block: the number of the block that it is for; None for all others.
    """

    name: str
    said: Tensor | Pipeline | None
    unknown: str = ""
    block: int | None = None


#: Operators that some block has not, with their indices as an equation names them.
Missing: TypeAlias = frozenset[tuple[str, Symbolic]]


@dataclass(frozen=True)
class _Place:
    """Where a pipeline is called: the names from the formula down to its letter."""

    names: Node = ()

    def at(self, *names: Hashable) -> _Place:
        return _Place((*self.names, *names))


class Reader:
    """Reads what a formula computes in evaluation.

    Args:
        table: of all tensors.
        trained: the formula that was trained, where this one is for inference.
        missing: operators that no block has that the side is for.
    """

    def __init__(
        self,
        table: Table,
        trained: Formula | None = None,
        missing: Missing = frozenset(),
    ) -> None:
        self._table, self._trained, self._missing = table, trained, missing

    def side(self, formula: Formula, side: Side) -> Frozen | None:
        """What a side is."""
        said, name = side.said, side.name
        if said is None:
            return None
        if isinstance(said, Pipeline):
            old = getattr(self._trained, name) if self._trained else None
            place = _Place((name,))
            return _frozen(self._through(said, old, place, [self._table.form("in")]))
        old_letters = self._trained.operators if self._trained else None
        letters = _Letters(formula.operators, old_letters, _Place())
        return _frozen(self._tensor(said, letters, {}))

    def _tensor(
        self, tensor: Tensor, letters: _Letters, known: dict[Tensor, Form]
    ) -> Form:
        for part in subtensors(tensor):
            if part not in known:
                known[part] = self._made(part, letters, known)
        return known[tensor]

    def _made(
        self, tensor: Tensor, letters: _Letters, known: Mapping[Tensor, Form]
    ) -> Form:
        parts = [known[child] for child in tensor.children]
        match tensor:
            case Apply():
                name, index = tensor.operator, tensor.index
                place = letters.place.at(name, index)
                old = letters.old[name] if letters.old else None
                return self._through(
                    letters.pipelines[name], old, place, parts, letters
                )
            case TensorSum():
                return _sum(parts)
            case Scaled() if tensor.coefficient.is_number:
                return _scaled(parts[0], tensor.coefficient)
            case Elementwise():
                inner = _frozen(parts[0])
                return self._table.form("function", plain(tensor.function), inner)
        rest = tuple(arg for arg in tensor.args if not isinstance(arg, Tensor))
        return self._table.form(type(tensor).__name__, rest, *map(_frozen, parts))

    # -- pipelines

    def _through(
        self,
        pipeline: Pipeline,
        old: Pipeline | None,
        place: _Place,
        inputs: Sequence[Form],
        letters: _Letters | None = None,
    ) -> Form:
        """What a pipeline makes of tensors."""
        for number, step in enumerate(pipeline.steps):
            if type(step.operator) in _NOTHING:
                continue
            inputs = [self._step(step, number, old, place, inputs, letters)]
        (made,) = inputs
        return made

    def _step(
        self,
        step: Step,
        number: int,
        old: Pipeline | None,
        place: _Place,
        inputs: Sequence[Form],
        letters: _Letters | None,
    ) -> Form:
        """What a step makes of tensors; one for inference, what it has taken in makes."""
        if old is not None:
            own = step.folded[0]
            if type(step.operator) in LINEAR or len(step.folded) > 1:
                return self._taken(step, old, place, inputs[0], letters)
            if own.operator or len(own.steps) != 1:
                raise Refuted(f"{step.operator.name} takes nothing in")
            (number,) = own.steps
        if isinstance(step.operator, Body) and not isinstance(step.operator, Cell):
            return self._body(step, number, old, place, inputs)
        return self._applied(step, place.at(number), inputs)

    def _taken(
        self,
        step: Step,
        old: Pipeline,
        place: _Place,
        x: Form,
        letters: _Letters | None,
    ) -> Form:
        """The sum of what a step has taken in."""
        terms: list[Form] = []
        for item in step.folded:
            there, pipeline = place, old
            if item.operator:
                if letters is None or letters.old is None:
                    raise Refuted(f"{step.operator.name} is a sum outside of equations")
                *around, _, index = place.names
                if (item.operator, index) in self._missing:
                    continue
                there = _Place((*around, item.operator, index))
                pipeline = letters.old[item.operator]
            taken = [pipeline.steps[number] for number in item.steps]
            require_room(step, taken)
            made = x
            for number, inner in zip(item.steps, taken, strict=True):
                made = self._applied(inner, there.at(number), [made])
            terms.append(_scaled(made, item.factor))
        return _sum(terms)

    def _applied(self, step: Step, place: _Place, inputs: Sequence[Form]) -> Form:
        """What an operator of the library makes."""
        forms = map(_frozen, inputs)
        return self._table.form("step", place.names, _said(step), *forms)

    def _body(
        self,
        step: Step,
        number: int,
        old: Pipeline | None,
        place: _Place,
        inputs: Sequence[Form],
    ) -> Form:
        body = step.operator
        assert isinstance(body, Body)
        old_body = old and old.steps[number].operator
        old_letters = old_body.operators if isinstance(old_body, Body) else None
        letters = _Letters(body.operators, old_letters, place.at(number, _said(step)))
        known: dict[Tensor, Form] = dict(zip(body.leaves, inputs, strict=True))
        for tensor in subtensors(body.output, body.parts):
            if tensor in known:
                continue
            if isinstance(tensor, State):
                known[tensor] = known[body.definitions[tensor]]
            else:
                known[tensor] = self._made(tensor, letters, known)
        return known[body.output]


@dataclass(frozen=True)
class _Letters:
    """The pipelines that equations apply.

    Attributes:
        pipelines: by their letters.
        old: as they were trained, where these are for inference.
        place: of the equations.
    """

    pipelines: Mapping[str, Pipeline]
    old: Mapping[str, Pipeline] | None
    place: _Place


def _said(step: Step) -> Node:
    """What is said of a step besides its weights."""
    operator = step.operator
    name = operator.name if isinstance(operator, Body) else plain(operator)
    return (name, tuple(sorted((k, str(v)) for k, v in step.arguments.items())))


def _frozen(form: Form) -> Frozen:
    """A form that stands in another one, or beside one."""
    return frozenset(form.items())


def _sum(forms: Sequence[Form]) -> Form:
    total = totals(item for form in forms for item in form.items())
    return {node: factor for node, factor in total.items() if factor != 0}


def _scaled(form: Form, number: Symbolic) -> Form:
    return {node: factor * number for node, factor in form.items()}
