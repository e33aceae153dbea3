"""The calls of the blocks in a network's forward pass, held against the plan.

Each block is called once, in its order, with what the network hands to it and with what the
block before it made, each value in its place. What the first block of a flow gets, and what
is made of what the last one makes, is not looked at.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from recform.proof.plan import Misprint, PrintedStep


@dataclass(frozen=True)
class CalledFlow:
    """The blocks of a flow, as the network has them.

    Attributes:
        rows: the expression of each container, and the steps of its blocks.
        shared: the expressions of what the network hands to blocks, by name.
    """

    rows: Sequence[tuple[str, Sequence[PrintedStep]]]
    shared: Mapping[str, str]


@dataclass(frozen=True)
class _Call:
    """A call of the block at a place of a container."""

    container: str
    place: int
    arguments: Sequence[str]
    targets: Sequence[str]


def check_calls(forward: ast.FunctionDef, flows: Sequence[CalledFlow]) -> None:
    """Compares the calls of blocks with the blocks of the plan.

    Args:
        forward: the method.
        flows: of the network, in order.

    Raises:
        Misprint: if they differ.
    """
    sizes = {text: len(steps) for flow in flows for text, steps in flow.rows}
    made = chain.from_iterable(_read(node, sizes) for node in forward.body)
    for flow in flows:
        held: dict[str, int] = {}
        first = True
        for container, steps in flow.rows:
            for place, step in enumerate(steps):
                call = _next(made, held)
                where = f"{container}[{place}]"
                if call is None or (call.container, call.place) != (container, place):
                    raise Misprint(f"{where} is not called in its place")
                count = len(step.handed)
                if list(call.arguments[:count]) != [
                    flow.shared[n] for n in step.handed
                ]:
                    raise Misprint(f"{where} is handed {list(call.arguments[:count])}")
                given = [held.get(name) for name in call.arguments[count:]]
                right = len(given) == len(step.takes)
                if not right or not (first or given == list(step.takes)):
                    raise Misprint(
                        f"{where} gets ({', '.join(call.arguments)}), "
                        "which the block before it has not made in this order"
                    )
                if len(call.targets) != len(step.step.outputs):
                    raise Misprint(f"{where} makes {len(step.step.outputs)} values")
                held = {name: number for number, name in enumerate(call.targets)}
                first = False
    if _next(made, {}) is not None:
        raise Misprint("a block is called twice")


def _next(made: Iterator[_Call | str], held: dict[str, int]) -> _Call | None:
    """The next call; what else is assigned on the way holds nothing of the block before."""
    for item in made:
        if isinstance(item, _Call):
            return item
        held.pop(item, None)
    return None


def _read(node: ast.stmt, sizes: Mapping[str, int]) -> Iterator[_Call | str]:
    """The calls of blocks in a statement, and other names that it assigns."""
    match node:
        case ast.For(
            target=ast.Name(id=name), iter=over, body=[ast.Assign() as inside]
        ):
            container, places = _places(over, sizes)
            for place in places:
                yield _Call(container, place, *_parts(inside, name))
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
