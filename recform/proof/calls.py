"""The calls of the blocks in a network's forward pass, held against the plan.

Each block is called once, in its order, with what the network hands to it and with what the
block before it made, each value in its place; a list that holds what waits on a stack gets
and gives each value when the plan says so. What the first block of a flow gets, and what
is made of what the last one makes, is not looked at.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from recform.proof.plan import Misprint, PrintedStep
from recform.recurrence.model import Flow
from recform.recurrence.stacks import Lists, Unkept


@dataclass(frozen=True)
class CalledFlow:
    """The blocks of a flow, as the network has them.

    Attributes:
        flow: the plan.
        rows: the expression of each container, and the steps of its blocks.
        shared: the expressions of what the network hands to blocks, by name.
    """

    flow: Flow
    rows: Sequence[tuple[str, Sequence[PrintedStep]]]
    shared: Mapping[str, str]


@dataclass(frozen=True)
class _Call:
    """A call of the block at a place of a container."""

    container: str
    place: int
    arguments: Sequence[str]
    targets: Sequence[str]


@dataclass(frozen=True)
class _List:
    """A list that is made."""

    name: str
    values: Sequence[str]


@dataclass(frozen=True)
class _Append:
    """A value that is put on a list."""

    name: str
    value: str


#: What a forward pass does, as far as it is looked at; other names that it assigns.
_Done: TypeAlias = _Call | _List | _Append | str
#: What a block has made: its number, and the place among its outputs. Of what there is in
#: front of the first block, the place in the plan, and the expression in the code.
_Made: TypeAlias = tuple[int, int | str]


def check_calls(forward: ast.FunctionDef, flows: Sequence[CalledFlow]) -> None:
    """Compares the calls of blocks with the blocks of the plan.

    Args:
        forward: the method.
        flows: of the network, in order.

    Raises:
        Misprint: if they differ.
    """
    sizes = {text: len(steps) for flow in flows for text, steps in flow.rows}
    done = chain.from_iterable(_read(node, sizes) for node in forward.body)
    for flow in flows:
        try:
            _Follower(done, flow).follow()
        except Unkept as unkept:
            raise Misprint(unkept.message) from None
    if any(isinstance(item, _Call) for item in done):
        raise Misprint("a block is called twice")


class _Follower:
    """Follows the calls of a flow beside its plan."""

    def __init__(self, done: Iterator[_Done], called: CalledFlow) -> None:
        self._done, self._called = done, called
        # What names hold of the block before: the places among its outputs.
        self._held: dict[str, int] = {}
        self._lists: dict[str, list[_Made]] = {}
        self._planned = Lists[_Made](called.flow)
        self._first: dict[int, str] = {}
        self._block = 0

    def follow(self) -> None:
        """All blocks, in their order."""
        flow = self._called.flow
        self._planned.keep(0, [(0, n) for n in range(len(flow.initial))])
        for container, steps in self._called.rows:
            for place, step in enumerate(steps):
                call = self._next()
                where = f"{container}[{place}]"
                if call is None or (call.container, call.place) != (container, place):
                    raise Misprint(f"{where} is not called in its place")
                self._block += 1
                self._one(call, step, where)
        if flow.stacks:
            # What is put away behind the last block is left over.
            self._planned.close()
            if any(self._lists.values()):
                raise Misprint("values stay on a list, and no block takes them")

    def _one(self, call: _Call, step: PrintedStep, where: str) -> None:
        """The call of one block."""
        count = len(step.handed)
        shared = [self._called.shared[name] for name in step.handed]
        if list(call.arguments[:count]) != shared:
            raise Misprint(f"{where} is handed {list(call.arguments[:count])}")
        own = call.arguments[count:]
        carried = [number for number in step.takes if number < step.step.carried]
        given = [self._held.get(name) for name in own[: len(carried)]]
        right = len(own) == len(step.takes)
        if not right or not (self._block == 1 or given == carried):
            raise Misprint(
                f"{where} gets ({', '.join(call.arguments)}), "
                "which the block before it has not made in this order"
            )
        if self._block == 1:
            self._first = dict(zip(carried, own, strict=False))
        wanted = self._planned.given(step.step, self._block, [])
        read = [number - step.step.carried for number in step.takes[len(carried) :]]
        taken = [self._popped(text, where) for text in own[len(carried) :]]
        if read != list(range(len(wanted))) or not all(map(self._same, taken, wanted)):
            raise Misprint(f"{where} takes {taken} off its lists, and it is {wanted}")
        if len(call.targets) != len(step.step.outputs):
            raise Misprint(f"{where} makes {len(step.step.outputs)} values")
        self._held = {name: number for number, name in enumerate(call.targets)}
        outputs = range(len(step.step.outputs))
        self._planned.keep(self._block, [(self._block, n) for n in outputs])

    def _popped(self, text: str, where: str) -> _Made:
        """What is taken off a list."""
        name, dot, method = text.partition(".")
        if dot + method != ".pop()" or not self._lists.get(name):
            raise Misprint(f"{where} gets {text}, which is no value of a list")
        return self._lists[name].pop()

    def _same(self, taken: _Made, wanted: _Made) -> bool:
        """Whether a value off a list is that of the plan."""
        if taken[0] == wanted[0] == 0:
            place, text = wanted[1], taken[1]
            return not isinstance(place, int) or self._first.get(place, text) == text
        return taken == wanted

    def _next(self) -> _Call | None:
        """The next call; what else is assigned holds nothing of the block before."""
        for item in self._done:
            match item:
                case _Call():
                    return item
                case _List():
                    self._lists[item.name] = [(0, text) for text in item.values]
                case _Append():
                    if item.name not in self._lists or item.value not in self._held:
                        raise Misprint(f"{item.value} is put on {item.name}")
                    made = (self._block, self._held[item.value])
                    self._lists[item.name].append(made)
                case str():
                    self._held.pop(item, None)
                    self._lists.pop(item, None)
        return None


def _read(node: ast.stmt, sizes: Mapping[str, int]) -> Iterator[_Done]:
    """The calls of blocks in a statement, what becomes of lists, and other names."""
    match node:
        case ast.For(
            target=ast.Name(id=name),
            iter=over,
            body=[ast.Assign() as inside, *behind],
        ):
            container, places = _places(over, sizes)
            for place in places:
                yield _Call(container, place, *_parts(inside, name))
                for statement in behind:
                    yield from _read(statement, sizes)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.List(elts=values)):
            yield _List(name, [ast.unparse(value) for value in values])
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="append"),
                args=[ast.Name(id=value)],
            )
        ):
            yield _Append(name, value)
        case ast.Assign() | ast.Return() if isinstance(node.value, ast.Call):
            function = node.value.func
            container, places = _places(function, sizes)
            parts = _parts(node, ast.unparse(function))
            if isinstance(function, ast.Subscript) and len(places) == 1:
                yield _Call(container, places[0], *parts)
            else:
                yield from parts[1]
        case ast.Assign():
            yield from _names(node)


def _places(node: ast.expr, sizes: Mapping[str, int]) -> tuple[str, range]:
    """The container that an expression is of, and the places in it that are meant."""
    if not isinstance(node, ast.Subscript):
        text = ast.unparse(node)
        return text, range(sizes.get(text, 0))
    container = ast.unparse(node.value)
    places = range(sizes.get(container, 0))
    if isinstance(node.slice, ast.Slice):
        start, stop = (
            None if end is None else ast.literal_eval(end)
            for end in (node.slice.lower, node.slice.upper)
        )
        return container, places[start:stop]
    place = ast.literal_eval(node.slice)
    inside = -len(places) <= place < len(places)
    return container, places[place:][:1] if inside else range(0)


def _parts(node: ast.Assign | ast.Return, called: str) -> tuple[list[str], list[str]]:
    """The arguments of a call, and the names that get its results."""
    value = node.value
    if not isinstance(value, ast.Call) or ast.unparse(value.func) != called:
        raise Misprint(f"{ast.unparse(node)} is no call of {called}")
    return [ast.unparse(item) for item in value.args], _names(node)


def _names(node: ast.Assign | ast.Return) -> list[str]:
    """The names that a statement assigns; what it returns has one as well."""
    if isinstance(node, ast.Return):
        return ["return"]
    (target,) = node.targets
    return [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]
