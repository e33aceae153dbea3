"""A plan whose network can go on by positions: what it has seen is kept, not run again.

Most operators work on each position by itself, and need no other code. Those that look
back have classes that keep what they need (`Operator.support_kept`); a table with a row
for each position is read from the row on that comes next.
"""

from __future__ import annotations

import re
from dataclasses import replace

from recform.emit.naming.namespace import fail
from recform.emit.plan.definitions import (
    Assign,
    Class,
    Definition,
    Function,
    Parameter,
    Return,
)
from recform.emit.plan.expressions import Code
from recform.emit.plan.network import NetworkPlan, StepPlan
from recform.emit.plan.rewrite import rewritten

#: What the generated class calls a pass through the next positions, and what it keeps.
STEP, PAST = "step", "past"


def keeping(plan: NetworkPlan) -> NetworkPlan:
    """The plan of a network that can go on by positions.

    Raises:
        CompileError: RF219, if a module has a name that this needs.
    """
    tables = {made.name: _tables(made) for made in plan.definitions}
    plan = plan.changed(_going)
    _free(plan.network, (STEP,), plan)
    for made in plan.definitions:
        if tables[made.name] or (isinstance(made, Class) and made.going):
            _free(made, (PAST,), plan)
    definitions = tuple(_by_rows(made, tables[made.name]) for made in plan.definitions)
    steps = tuple(_step_by_rows(step, tables.get(step.name, ())) for step in plan.steps)
    plan = replace(plan, definitions=definitions, steps=steps)
    network = plan.network
    network = replace(network, methods=(*network.methods, _step()))
    return replace(plan, definitions=(*definitions[:-1], network))


def _free(made: Definition, names: tuple[str, ...], plan: NetworkPlan) -> None:
    if not isinstance(made, Class):
        return
    for attribute in made.attributes:
        if attribute.name in names:
            fail(
                f"a module is called {attribute.name!r}, and networks that go on by "
                "positions need the name",
                plan.graph.recurrence.formula.equations[0].span,
                "give it another one",
            )


def _going(made: Definition) -> Definition:
    """A class that keeps values of its own from pass to pass."""
    if not isinstance(made, Class) or not made.going:
        return made
    field = Assign(PAST, Code("None"), type="Past | None")
    return replace(made, methods=made.going, fields=(field, *made.fields))


def _tables(made: Definition) -> tuple[str, ...]:
    """The attributes of a class that have a row for each position."""
    if not isinstance(made, Class):
        return ()
    return tuple(
        item.name
        for item in made.attributes
        if isinstance(item.value, Code) and item.value.tabled
    )


def _by_rows(made: Definition, tables: tuple[str, ...]) -> Definition:
    """A class that reads of its tables what belongs to the positions of a pass."""
    if not isinstance(made, Class) or not tables:
        return made

    def read(node: object) -> object:
        if isinstance(node, Code):
            return replace(node, text=_read(node.text, tables))
        return node

    methods = tuple(rewritten(method, read) for method in made.methods)
    field = Assign(PAST, Code("None"), type="Past | None")
    return replace(made, methods=methods, fields=(field, *made.fields))


def _step_by_rows(step: StepPlan, tables: tuple[str, ...]) -> StepPlan:
    """What a step is held against, read likewise."""
    inlined = {
        name: replace(each, calls=tuple(_read(call, tables) for call in each.calls))
        for name, each in step.printed.inlined.items()
    }
    return replace(step, printed=replace(step.printed, inlined=inlined))


def _read(text: str, tables: tuple[str, ...]) -> str:
    for name in tables:
        wanted = rf"\bself\.{name}\b"
        text = re.sub(wanted, f"Past.rows(self.{name}, self.{PAST})", text)
    return text


def _step() -> Function:
    return Function(
        STEP,
        (Parameter("x", "Tensor"), Parameter(PAST, "Past")),
        "Tensor",
        (Return(Code(f"{PAST}.run(self, x)")),),
        "What the network makes of the next positions, behind those of `past`.",
    )
