"""That a network for inference computes what the one does that was trained.

Both formulas are read as what they compute in evaluation, down to the operators of the
library: what is nothing there is left out, and a step for inference is read as the sum of
what it says that it has taken in. So both are equal only if every operator is somewhere,
and in its place. What a step has taken in has to fit into it, and no adapter may be lost.
Learned numbers have no values here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy

from recform.algebra.body import Body
from recform.algebra.cell import Cell
from recform.algebra.expr import (
    Apply,
    Elementwise,
    I,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Formula, Pipeline, Step
from recform.blocks import Arguments
from recform.blocks.operators.activation import Identity, plain
from recform.blocks.operators.convolution import Conv, DepthwiseConv, TransposedConv
from recform.blocks.operators.linear import Linear
from recform.blocks.operators.norm import BatchNorm
from recform.blocks.operators.regularise import Dropout, DropPath
from recform.blocks.operators.window import pair
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.graph.model import NetworkGraph
from recform.proof.network import FAULT, Refuted
from recform.proof.overwriting import overwrites

#: What a tensor is: its kind, and what it is made of.
Node: TypeAlias = tuple[Any, ...]
#: A sum of tensors, each a number of a table, with the factors in front.
Form: TypeAlias = dict[int, Any]


class _Table(dict[Node, int]):
    """Numbers for tensors, the same for equal ones."""

    def form(self, *node: Any) -> Form:
        """A tensor as a form."""
        return {self.setdefault(node, len(self)): 1}


#: What is nothing in evaluation, and what is linear. What derives from one may be neither.
_NOTHING = (Dropout, DropPath, Identity)
_LINEAR = (Conv, DepthwiseConv, TransposedConv, Linear)
#: What folding leaves alone.
_SAME = ("params", "input", "stages", "scope", "scalars", "tables")


def prove_folded(
    before: NetworkGraph, after: NetworkGraph, report: Diagnostics
) -> None:
    """Proves that a network for inference computes the same.

    Args:
        before: as it was trained.
        after: for inference.
        report: gets RF901.

    Raises:
        CompileError: RF901, if it does not.
    """
    try:
        refute_folded(before, after)
    except Refuted as refuted:
        span = before.recurrence.formula.equations[0].span
        report.error("RF901", refuted.message, span, hint=FAULT)
        report.check()


def refute_folded(before: NetworkGraph, after: NetworkGraph) -> None:
    """The same, as an exception of its own.

    Raises:
        Refuted: if it does not.
    """
    old, new = before.recurrence.formula, after.recurrence.formula
    for name in _SAME:
        if getattr(old, name) != getattr(new, name):
            raise Refuted(f"for inference {name} would be something else")
    blocks, table = _Blocks(before), _Table()
    for one, two in zip(_sides(old), _sides(new), strict=True):
        wanted = _Reader(table).side(old, one)
        for missing in blocks.missing(one, new):
            if _Reader(table, old, missing).side(new, two) != wanted:
                raise Refuted(f"for inference {one.name} would be something else")
    if fault := overwrites(after):
        raise Refuted(fault)
    if _adapters(before) != _adapters(after):
        raise Refuted("for inference an adapter would be lost")
    if (before.final, before.output) != (after.final, after.output):
        raise Refuted("for inference the output would have another shape")


@dataclass(frozen=True)
class _Side:
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


def _sides(formula: Formula) -> Iterator[_Side]:
    """All that a formula says."""
    for name in ("stem", "head", "adapter", "rise", "transition"):
        yield _Side(name, getattr(formula, name))
    for equation in formula.equations:
        yield _Side(equation.unknown, equation.right, equation.unknown)
    for boundary in formula.boundaries:
        left, rule = boundary.left, boundary.rule
        name, whose, block = str(left), "", None
        if isinstance(left, State) and left.index.is_Integer:
            whose, block = left.name, int(left.index)
        yield _Side(name, boundary.right, whose, block)
        if rule is not None:
            yield _Side(f"the rule of {name}", rule.right, whose, block)
    yield _Side("the output", formula.output)


#: Operators that some block has not, with their indices as an equation names them.
Missing: TypeAlias = frozenset[tuple[str, Symbolic]]


class _Blocks:
    """Which operators the blocks of a network have."""

    def __init__(self, network: NetworkGraph) -> None:
        self._formula = network.recurrence.formula
        self._flows: list[dict[int, set[str]]] = []
        by_stage = len(network.recurrence.flows) > 1
        for stage in network.stages:
            if by_stage or not self._flows:
                self._flows.append({})
            for segment in stage.segments:
                for block in range(segment.first, segment.first + segment.count):
                    self._flows[-1][block] = set(segment.block.calls)

    def missing(self, side: _Side, after: Formula) -> set[Missing]:
        """What a step for inference has not taken in, in the blocks that a side is for.

        Args:
            side: of the formula that was trained.
            after: the one for inference.
        """
        if not isinstance(side.said, Tensor) or not side.unknown:
            return {frozenset()}
        merged = [
            (item.operator, part.index)
            for part in subtensors(side.said)
            if isinstance(part, Apply)
            for step in _steps(after, part.operator)
            for item in step.folded
            if item.operator
        ]
        own = {
            boundary.left.index
            for boundary in self._formula.boundaries
            if isinstance(boundary.left, State) and boundary.left.name == side.unknown
        }
        found: set[Missing] = set()
        for blocks in self._flows:
            for block in blocks if side.block is None else [side.block]:
                if side.block is not None or block not in own:
                    found.add(
                        frozenset(
                            (name, index)
                            for name, index in merged
                            if not _has(blocks, name, index, block)
                        )
                    )
        return found


def _steps(formula: Formula, operator: str) -> tuple[Step, ...]:
    pipeline = formula.operators.get(operator)
    return pipeline.steps if pipeline else ()


def _has(
    blocks: Mapping[int, set[str]], name: str, index: Symbolic, block: int
) -> bool:
    """Whether there is an operator, as an equation for a block names it."""
    place = index.xreplace({I: sympy.Integer(block)})
    return not place.is_Integer or name in blocks.get(int(place), {name})


def _adapters(network: NetworkGraph) -> list[list[str]]:
    """What the adapters of each block do."""
    blocks = [[block] for block in (*network.starts, *network.ends)]
    for stage in network.stages:
        blocks += ([segment.block] * segment.count for segment in stage.segments)
    return [
        sorted(str(bridge) for bridge in block.sites.values())
        for row in blocks
        for block in row
    ]


# ----------------------------------------------------------------------------- one side


@dataclass(frozen=True)
class _Place:
    """Where a pipeline is called: the names from the formula down to its letter."""

    names: Node = ()

    def at(self, *names: Any) -> _Place:
        return _Place((*self.names, *names))


class _Reader:
    """Reads what a formula computes in evaluation.

    Args:
        table: of all tensors.
        trained: the formula that was trained, where this one is for inference.
        missing: operators that no block has that the side is for.
    """

    def __init__(
        self,
        table: _Table,
        trained: Formula | None = None,
        missing: Missing = frozenset(),
    ) -> None:
        self._table, self._trained, self._missing = table, trained, missing

    def side(self, formula: Formula, side: _Side) -> Any:
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
            if type(step.operator) in _LINEAR or len(step.folded) > 1:
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
            _require_room(step, taken)
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


# -------------------------------------------------------------------------------- forms


def _frozen(form: Form) -> frozenset[tuple[int, Any]]:
    """A form that stands in another one, or beside one."""
    return frozenset(form.items())


def _sum(forms: Sequence[Form]) -> Form:
    total: Form = {}
    for form in forms:
        for node, factor in form.items():
            total[node] = total.get(node, 0) + factor
    return {node: factor for node, factor in total.items() if factor != 0}


def _scaled(form: Form, number: Any) -> Form:
    return {node: factor * number for node, factor in form.items()}


# ----------------------------------------------------------------------------- geometry


def _require_room(step: Step, taken: Sequence[Step]) -> None:
    """Raises Refuted unless operators, one behind the other, fit into a step."""
    linear = [n for n, item in enumerate(taken) if type(item.operator) in _LINEAR]
    norms = [n for n, item in enumerate(taken) if type(item.operator) is BatchNorm]
    if len(linear) + len(norms) != len(taken) or len(linear) > 1:
        raise Refuted(f"{step.operator.name} would be two operators at once")
    if not linear:
        if _reads(step.operator, step.arguments) is None:
            raise Refuted(f"{step.operator.name} cannot leave what comes in as it is")
        return
    inner = taken[linear[0]]
    mine, own = step.arguments, inner.arguments
    if norms and norms[0] < linear[0] and not _alone(inner):
        raise Refuted(
            f"zeros around a grid are not normalised by {inner.operator.name}"
        )
    plain = Arguments({**own, "bias": mine.bias})
    if type(step.operator) is type(inner.operator) and dict(mine) == dict(plain):
        return
    here, there = _reads(step.operator, mine), _reads(inner.operator, own)
    if here is None or there is None or not there <= here:
        raise Refuted(f"{inner.operator.name} reads what {step.operator.name} does not")
    if mine.get("stride") != own.get("stride"):
        raise Refuted(f"{inner.operator.name} has another stride")
    if type(step.operator) is not Conv or mine.groups != 1:
        same = type(step.operator) is type(inner.operator)
        parts = ("groups", "multiplier")
        if not same or any(mine.get(part) != own.get(part) for part in parts):
            raise Refuted(
                f"{inner.operator.name} mixes what {step.operator.name} does not"
            )


def _alone(step: Step) -> bool:
    """Whether an operator reads no zeros around a grid."""
    operator = step.operator
    if isinstance(operator, Conv | DepthwiseConv):
        return bool(pair(operator.padding(step.arguments)) == (0, 0))
    return isinstance(operator, Linear)


def _reads(operator: object, a: Arguments) -> set[tuple[Any, ...]] | None:
    """The places around its own that an operator reads; None if that is not known."""
    if isinstance(operator, Linear):
        return {()}
    if not isinstance(operator, Conv | DepthwiseConv):
        return None
    sides = []
    for size, pad, apart in zip(
        pair(a.kernel), pair(operator.padding(a)), pair(a.dilation), strict=True
    ):
        if not all(isinstance(number, int) for number in (size, pad, apart)):
            return None
        places = [k * apart - pad for k in range(size)]
        if places[0] != -places[-1]:
            return None  # the grid would not be kept
        sides.append(places)
    return {(row, column) for row in sides[0] for column in sides[1]}


__all__ = ["prove_folded", "refute_folded"]
