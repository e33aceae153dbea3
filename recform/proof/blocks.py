"""The calls in a network's constructor that make its blocks, held against the plan."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from recform.blocks.shape import Size
from recform.proof.forms import Reader
from recform.proof.plan import Misprint, PrintedStep, arguments_of, parameters_of

#: What a call gives, by place and by keyword; None for what is no number.
_Given: TypeAlias = tuple[list[float | None], dict[str, float | None]]
#: The parameters of a class or function, and their default values likewise.
_Signature: TypeAlias = tuple[list[str], dict[str, float | None]]


def check_blocks(
    classes: Mapping[str, ast.AST],
    network: str,
    steps: Sequence[PrintedStep],
    made: Sequence[tuple[int, Sequence[str]]],
) -> None:
    """Compares the calls that make blocks with the blocks of the plan.

    Args:
        classes: of the source, by name.
        network: the name of the network's class.
        steps: all that differ.
        made: for each place of blocks, in the order of the network, its step, and for
            each block the container that holds it: a container is made whole, whatever
            runs in between.

    Raises:
        Misprint: if they differ.
    """
    names = {item.name for item in steps}
    if any(item.name not in classes for item in steps):
        return  # blocks that are modules of a definition have no class of their own
    owner = classes[network]
    reading = _Calls(names, classes)
    calls = list(reading.of(owner, {}))
    inside = [
        node
        for name, node in classes.items()
        if isinstance(node, ast.ClassDef) and name not in (*names, network)
    ]
    if any(True for node in inside for _ in reading.of(node, {})):
        return  # blocks in containers of their own, in another order than the network's
    rows: dict[str, list[tuple[str, dict[str, Size]]]] = {}
    done = [0] * len(steps)
    for number, holders in made:
        item = steps[number]
        place = item.places[done[number]]
        done[number] += 1
        for block, holder in enumerate(holders, place.first):
            numbers = arguments_of(place, block, list(place.arguments))
            rows.setdefault(holder, []).append((item.name, numbers))
    wanted = [item for row in rows.values() for item in row]
    if [name for name, _ in calls] != [name for name, _ in wanted]:
        raise Misprint(
            f"{network} makes the blocks {_row(calls)}, and they are {_row(wanted)}"
        )
    signatures = {name: _signature(classes[name]) for name in sorted(names)}
    for position, ((name, call), (_, numbers)) in enumerate(
        zip(calls, wanted, strict=True), 1
    ):
        given = _bound(signatures[name], call)
        for argument, number in numbers.items():
            if argument in given and given[argument] != number:
                raise Misprint(
                    f"block {position} gets {argument} = {given[argument]}, "
                    f"and it is {number}"
                )


def _row(blocks: Sequence[tuple[str, object]]) -> str:
    names = [name for name, _ in blocks]
    return ", ".join(names) if len(names) < 12 else f"{', '.join(names[:12])}, ..."


class _Calls:
    """Finds the calls of some names, with their arguments as numbers.

    Args:
        names: of classes of blocks, and of functions that make the modules of one.
        classes: what the source defines, by name; functions that make rows of blocks
            are followed.
    """

    def __init__(self, names: set[str], classes: Mapping[str, ast.AST]) -> None:
        self._names = names
        self._functions = {
            name: node
            for name, node in classes.items()
            if isinstance(node, ast.FunctionDef)
            and name not in names
            and any(
                isinstance(call, ast.Call) and _name(call.func) in names
                for call in ast.walk(node)
            )
        }

    def of(
        self, node: ast.AST, numbers: dict[str, float]
    ) -> Iterator[tuple[str, _Given]]:
        """Calls in the order of evaluation; loops as often as they run."""
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            yield from self._looped(node, list(node.generators), numbers)
            return
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in self._names:
                yield name, _given(node, numbers)
            elif (function := self._functions.get(name)) is not None:
                bound = _bound(_signature(function), _given(node, numbers))
                for statement in function.body:
                    yield from self.of(statement, bound)
        for child in ast.iter_child_nodes(node):
            yield from self.of(child, numbers)

    def _looped(
        self,
        node: ast.ListComp | ast.GeneratorExp,
        loops: list[ast.comprehension],
        numbers: dict[str, float],
    ) -> Iterator[tuple[str, _Given]]:
        if not loops:
            yield from self.of(node.elt, numbers)
            return
        loop, rest = loops[0], loops[1:]
        match loop.iter:
            case ast.Call(func=ast.Name(id="range"), args=[times]):
                count = _number(Reader(dict(numbers), {}), times)
                target = loop.target.id if isinstance(loop.target, ast.Name) else "_"
                for k in range(int(count or 0)):
                    inner = {**numbers, target: float(k)}
                    yield from self._looped(node, rest, inner)
            case _:
                yield from self.of(loop.iter, numbers)
                yield from self._looped(node, rest, numbers)


def _given(call: ast.Call, numbers: dict[str, float]) -> _Given:
    """The arguments of a call that are numbers, by place and by keyword."""
    reader = Reader(dict(numbers), {})
    positional = [_number(reader, item) for item in call.args]
    return positional, {
        k.arg: _number(reader, k.value) for k in call.keywords if k.arg is not None
    }


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _number(reader: Reader, node: ast.AST) -> float | None:
    value = reader.value(node)
    return value if isinstance(value, float | int) else None


def _signature(node: ast.AST) -> _Signature:
    """The parameters of a class or function, and their default values."""
    function: ast.AST | None = node
    if isinstance(node, ast.ClassDef):
        function = next(
            (
                item
                for item in node.body
                if isinstance(item, ast.FunctionDef) and item.name == "__init__"
            ),
            None,
        )
    if not isinstance(function, ast.FunctionDef):
        return [], {}
    names = parameters_of(function)
    values = [_number(Reader({}, {}), item) for item in function.args.defaults]
    return names, dict(zip(names[len(names) - len(values) :], values, strict=True))


def _bound(signature: _Signature, call: _Given) -> dict[str, float]:
    """The numbers that a call gives to the parameters."""
    names, defaults = signature
    positional, named = call
    given = {**defaults, **dict(zip(names, positional, strict=False)), **named}
    return {name: value for name, value in given.items() if value is not None}
