"""The calls in a network's constructor that make its blocks, held against the plan."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recform.proof.forms import Reader
from recform.proof.plan import Misprint, PrintedStep, arguments_of, parameters_of


def check_blocks(
    classes: Mapping[str, ast.AST],
    network: str,
    steps: Sequence[PrintedStep],
    made: Sequence[int],
) -> None:
    """Compares the calls that make blocks with the blocks of the plan.

    Args:
        classes: of the source, by name.
        network: the name of the network's class.
        steps: all that differ.
        made: for each place of blocks, in the order of the network, its step.

    Raises:
        Misprint: if they differ.
    """
    names = {item.name for item in steps}
    if any(item.name not in classes for item in steps):
        return  # blocks that are modules of a definition have no class of their own
    owner = classes[network]
    calls = list(_calls(owner, names, {}))
    inside = [
        node
        for name, node in classes.items()
        if isinstance(node, ast.ClassDef) and name not in (*names, network)
    ]
    if any(True for node in inside for _ in _calls(node, names, {})):
        return  # blocks in containers of their own, in another order than the network's
    wanted: list[tuple[str, dict[str, Any]]] = []
    done = [0] * len(steps)
    for number in made:
        item = steps[number]
        place = item.places[done[number]]
        done[number] += 1
        for block in range(place.first, place.first + place.count):
            wanted.append(
                (item.name, arguments_of(place, block, list(place.arguments)))
            )
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


def _row(blocks: Sequence[tuple[str, Any]]) -> str:
    names = [name for name, _ in blocks]
    return ", ".join(names) if len(names) < 12 else f"{', '.join(names[:12])}, ..."


def _calls(
    node: ast.AST, names: set[str], numbers: dict[str, float]
) -> Iterator[tuple[str, Any]]:
    """Calls of some names in the order of evaluation; loops as often as they run."""
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        yield from _looped(node, list(node.generators), names, numbers)
        return
    if isinstance(node, ast.Call) and (name := _name(node.func)) in names:
        reader = Reader(dict(numbers), {})
        positional = [_number(reader, item) for item in node.args]
        named = {k.arg: _number(reader, k.value) for k in node.keywords}
        yield name, (positional, named)
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, names, numbers)


def _looped(
    node: Any,
    loops: list[ast.comprehension],
    names: set[str],
    numbers: dict[str, float],
) -> Iterator[tuple[str, Any]]:
    if not loops:
        yield from _calls(node.elt, names, numbers)
        return
    loop, rest = loops[0], loops[1:]
    match loop.iter:
        case ast.Call(
            func=ast.Name(id="range"), args=[ast.Constant(value=int() as count)]
        ):
            target = loop.target.id if isinstance(loop.target, ast.Name) else "_"
            for k in range(count):
                yield from _looped(node, rest, names, {**numbers, target: float(k)})
        case _:
            yield from _calls(loop.iter, names, numbers)
            yield from _looped(node, rest, names, numbers)


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _number(reader: Reader, node: ast.AST) -> Any:
    value = reader.value(node)
    return value if isinstance(value, float | int) else None


def _signature(node: ast.AST) -> tuple[list[str], dict[str, Any]]:
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


def _bound(signature: tuple[list[str], dict[str, Any]], call: Any) -> dict[str, Any]:
    """The numbers that a call gives to the parameters."""
    names, defaults = signature
    positional, named = call
    given = {**defaults, **dict(zip(names, positional, strict=False)), **named}
    return {name: value for name, value in given.items() if value is not None}
