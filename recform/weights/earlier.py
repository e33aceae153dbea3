"""Weights under the names of earlier versions.

A block's second adapter was ``shortcut2``, whatever it adapted. In a network that is a
row of modules one stage alone was ``stage1``, and transitions were counted from 1. A file
that was written then is read under today's names; what it says of its formula is as true
as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from recform.algebra.formula import Formula
from recform.classes.chain import is_chain
from recform.classes.network import plan_network
from recform.compiler import Compiled
from recform.emit.module import module_names
from recform.plan.namespace import Namespace
from recform.plan.network import StepPlan
from recform.weights.roles import on_meta
from recform.weights.tensors import Weights
from recform.writers.names import SHORTCUT, chosen_names


def present(held: Weights, compiled: Compiled) -> Weights:
    """Weights under the names that the network has today.

    Args:
        held: as they were read.
        compiled: the network that they are of, as far as that is known.
    """
    known = on_meta(compiled).state_dict().keys()
    if held.tensors.keys() <= known:
        return held
    names = _today(compiled)
    if not any(name in names and name not in known for name in held.tensors):
        return held
    tensors = {names.get(name, name): value for name, value in held.tensors.items()}
    return replace(held, tensors=tensors)


def _today(compiled: Compiled) -> dict[str, str]:
    """The names of tensors by those that they had before."""
    graph, formula = compiled.graph, compiled.formula
    steps = {s.name: s for s in plan_network(graph, module_names([graph])).steps}
    module = on_meta(compiled)
    containers = _containers(compiled)
    result: dict[str, str] = {}
    for name in module.state_dict():
        head, _, rest = name.partition(".")
        result[f"{containers.get(head, head)}.{rest}"] = name
    for path, block in module.named_modules():
        step = steps.get(type(block).__name__)
        before = {} if step is None else _numbered(step, formula)
        head, dot, inner = path.partition(".")
        for name in block.state_dict():
            attribute, _, rest = name.partition(".")
            if attribute in before:
                for outer in (head, containers.get(head, head)):
                    held = f"{outer}{dot}{inner}.{before[attribute]}.{rest}"
                    result[held] = f"{path}.{name}"
    return result


def _containers(compiled: Compiled) -> dict[str, str]:
    """What containers of a row were called, by what they are called."""
    names, count = compiled.formula.names, len(compiled.formula.stages)
    result: dict[str, str] = {}
    if not is_chain(compiled.recurrence):
        return result
    if count == 1 and "stages" not in names:
        result["blocks"] = "stage1"
    if "transition" not in names:
        result |= {f"transition{k + 1}": f"transition{k}" for k in range(1, count)}
    return result


def _numbered(step: StepPlan, formula: Formula) -> Mapping[str, str]:
    """What the adapters of a block were called, by what they are called."""
    own = (*step.modules, *step.inlined)
    scope = Namespace.attributes()
    scope.reserve(chosen_names(formula, own))
    wanted = str(formula.names.get("adapter", SHORTCUT))
    found = dict.fromkeys(step.printed.adapters.values())
    return {name: scope.new(wanted) for name in found}
