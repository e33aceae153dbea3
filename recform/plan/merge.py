"""A plan without a class twice: operators that are equal but for their names share one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from recform.plan.definitions import Assign, Definition, Return
from recform.plan.expressions import Make
from recform.plan.network import NetworkPlan
from recform.plan.rewrite import rewritten


def merged(definitions: Iterable[Definition], kept: set[str]) -> list[Definition]:
    """Definitions, of which those that say the same are one, under the first name.

    Args:
        definitions: in the order of the file.
        kept: names of those that stay as they are.
    """
    names: dict[str, str] = {}
    found: dict[Definition, int] = {}
    result: list[Definition] = []
    for definition in definitions:
        definition = _calling(definition, names)
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


def common(
    plans: Sequence[NetworkPlan], name: Callable[[NetworkPlan, Definition], str]
) -> list[NetworkPlan]:
    """Plans of one file, where what it says once for several networks is one definition.

    It stands with the first network, under a name of its own.

    Args:
        plans: in the order of the file.
        name: gives one to a definition that stood with this network.
    """
    numbers: dict[Definition, int] = {}
    alike = [_numbered(plan, numbers) for plan in plans]
    uses = Counter(number for found in alike for number in found.values())
    names: dict[int, str] = {}
    result: list[NetworkPlan] = []
    for plan, found in zip(plans, alike, strict=True):
        kept: list[Definition] = []
        for definition in plan.definitions:
            number = found.get(definition.name)
            if number in names:
                continue
            if number is not None and uses[number] > 1:
                names[number] = name(plan, definition)
            kept.append(definition)
        called = {own: names[n] for own, n in found.items() if n in names}
        definitions = tuple(
            replace(_calling(d, called), name=called.get(d.name, d.name)) for d in kept
        )
        result.append(replace(plan, definitions=definitions))
    return result


def _numbered(plan: NetworkPlan, numbers: dict[Definition, int]) -> dict[str, int]:
    """A number for each definition but the steps and the network: equal ones have one."""
    apart = {plan.network.name, *(step.name for step in plan.steps)}
    found: dict[str, int] = {}
    for definition in plan.definitions:
        if definition.name not in apart:
            called = {name: f"{number}" for name, number in found.items()}
            key = replace(_calling(definition, called), name="")
            found[definition.name] = numbers.setdefault(key, len(numbers))
    return found


def _calling(definition: Definition, names: Mapping[str, str]) -> Definition:
    """A definition that calls others by other names."""

    def renamed(node: object) -> object:
        if isinstance(node, Make) and node.callee in names:
            return replace(node, callee=names[node.callee])
        return node

    return rewritten(definition, renamed)
