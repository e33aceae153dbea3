"""Expressions of a plan as Python, each in one line."""

from __future__ import annotations

from recform.plan.expressions import (
    Argument,
    Code,
    Container,
    Expression,
    Holds,
    Item,
    Make,
    Number,
    grows,
)
from recform.plan.namespace import Loops


def shown(value: Expression, loops: Loops) -> str:
    """An expression.

    Args:
        value: of the plan.
        loops: what the variables of loops in it are called.
    """
    match value:
        case Code():
            return value.text
        case Number():
            return _number(value, loops)
        case Make():
            given = (_argument(item, loops) for item in value.arguments)
            return f"{value.callee}({', '.join(given)})"
        case Container():
            return _container(value, loops)


def _argument(argument: Argument, loops: Loops) -> str:
    text = shown(argument.value, loops)
    return f"{argument.keyword}={text}" if argument.keyword else text


def _number(number: Number, loops: Loops) -> str:
    if not number.growth:
        return str(number.value)
    k = loops.counter
    factor = k if number.growth == 1 else f"{number.growth} * {k}"
    return f"{number.value} + {factor}" if number.value else factor


def _container(held: Container, loops: Loops) -> str:
    if held.kind is Holds.DICTIONARY:
        entries = (f'"{i.name}": {shown(i.value, loops)}' for i in held.items)
        return f"{held.kind.value}({{{', '.join(entries)}}})"
    named = any(item.name for item in held.items)
    texts = [(_entry if named else _item)(item, loops) for item in held.items]
    if not named and held.kind is Holds.SEQUENTIAL:
        return f"{held.kind.value}({', '.join(texts)})"
    alone = len(texts) == 1 and texts[0].startswith("*[")
    row = texts[0][1:] if alone else f"[{', '.join(texts)}]"
    if named:
        row = f"OrderedDict({row})"
    return row if held.kind is Holds.PLAIN else f"{held.kind.value}({row})"


def _item(item: Item, loops: Loops) -> str:
    """A module, or a row of modules, without names."""
    made = shown(item.value, loops)
    if item.count == 1:
        return f"*{made}" if item.splat else made
    counter = loops.counter if grows(item.value) else "_"
    loop = f"for {counter} in range({item.count})"
    if item.splat:
        return f"*[{loops.module} {loop} for {loops.module} in {made}]"
    return f"*[{made} {loop}]"


def _entry(item: Item, loops: Loops) -> str:
    """A module, or a row of modules, with its name."""
    made = shown(item.value, loops)
    if item.count == 1:
        prefix = "f" if "{" in item.name else ""
        return f'({prefix}"{item.name}", {made})'
    k = loops.counter
    number = f"{{{k} + {item.first}}}" if item.first else f"{{{k}}}"
    name = item.name.replace("{}", number)
    return f'*[(f"{name}", {made}) for {k} in range({item.count})]'
