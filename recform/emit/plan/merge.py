"""A plan without a class twice: operators that are equal but for their names share one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from recform.emit.plan.definitions import Assign, Definition, Return
from recform.emit.plan.expressions import Make
from recform.emit.plan.rewrite import rewritten


def merged(definitions: Iterable[Definition], kept: set[str]) -> list[Definition]:
    """Definitions, of which those that say the same are one, under the first name.

    Args:
        definitions: in the order of the file.
        kept: names of those that stay as they are.
    """
    names: dict[str, str] = {}
    found: dict[Definition, int] = {}
    result: list[Definition] = []

    def renamed(node: Any) -> Any:
        is_old = isinstance(node, Make) and node.callee in names
        return replace(node, callee=names[node.callee]) if is_old else node

    for definition in definitions:
        definition = rewritten(definition, renamed)
        meaning = _meaning(definition)
        first = found.get(meaning)
        if definition.name in kept or first is None:
            if definition.name not in kept:
                found[meaning] = len(result)
            result.append(definition)
            continue
        one = result[first]
        names[definition.name] = one.name
        if definition.about not in one.about:
            one = replace(one, about=f"{one.about}\n{definition.about}")
        result[first] = one
    return result


def _meaning(definition: Definition) -> Definition:
    """What a definition does: without its name, its docstring and the lines it is of."""
    nameless = replace(definition, name="", about="")
    return rewritten(
        nameless,
        lambda node: (
            replace(node, line=None) if isinstance(node, Assign | Return) else node
        ),
    )
