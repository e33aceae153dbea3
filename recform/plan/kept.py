"""A plan whose network can go on by positions: what it has seen is kept, not run again.

Most operators work on each position by itself, and need no other code. Those that look
back have classes that keep what they need (`Operator.support_kept`), and recurrences have
methods that do (`Class.going`). What else looks back in the code of the network, a table
with a row for each position or the token before, is said by the class `Past`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from recform.blocks.operator import SHIFTED
from recform.plan.definitions import (
    Assign,
    Class,
    Definition,
    Function,
    Parameter,
    Return,
)
from recform.plan.expressions import Code
from recform.plan.namespace import fail
from recform.plan.network import NetworkPlan
from recform.plan.rewrite import rewritten

#: What the generated class calls a pass through the next positions, and what it keeps.
STEP, PAST = "step", "past"
_HELD = f"self.{PAST}"
#: Calls of the plan, and what they are where something is kept.
_CALLS = {
    SHIFTED: f"Past.shift({{x}}, {_HELD})",
}


def keeping(plan: NetworkPlan) -> NetworkPlan:
    """The plan of a network that can go on by positions.

    Raises:
        CompileError: RF219, if a module has a name that this needs.
    """
    _free(plan.network, STEP, plan)
    definitions = []
    for made in plan.definitions:
        changed = _kept(made) if isinstance(made, Class) else made
        if changed is not made:
            _free(made, PAST, plan)
        definitions.append(changed)
    plan = replace(plan, definitions=tuple(definitions))
    network = plan.network
    network = replace(network, methods=(*network.methods, _step()))
    return plan.having(network)


def _free(made: Definition, name: str, plan: NetworkPlan) -> None:
    """Raises a diagnostic where a module of a class has a name that is needed."""
    if isinstance(made, Class) and any(a.name == name for a in made.attributes):
        fail(
            f"a module is called {name!r}, and networks that go on by positions need the "
            "name",
            plan.graph.recurrence.formula.equations[0].span,
            "give it another one",
        )


def _step() -> Function:
    return Function(
        STEP,
        (Parameter("x", "Tensor"), Parameter(PAST, "Past")),
        "Tensor",
        (Return(Code(f"{PAST}.run(self, x)")),),
        "What the network makes of the next positions, behind those of `past`.",
    )


def _kept(made: Class) -> Class:
    """A class that keeps what it needs of earlier positions."""
    tables = {
        item.name
        for item in made.attributes
        if isinstance(item.value, Code) and item.value.tabled
    }

    def change(node: object) -> object:
        if isinstance(node, Code):
            return replace(node, text=_changed(node.text, tables))
        return node

    methods = tuple(rewritten(method, change) for method in made.going or made.methods)
    if methods == made.methods:
        return made
    field = Assign(PAST, Code("None"), type="Past | None")
    return replace(made, methods=methods, fields=(field, *made.fields))


# ----------------------------------------------------------------------------- the code


def _changed(text: str, tables: set[str]) -> str:
    """Code in which what looks back is said by the class `Past`."""
    # Places in a tree are those of bytes.
    raw = text.encode()
    edits = list(_edits(ast.parse(text, mode="eval"), raw, tables))
    for start, end, new in sorted(edits, reverse=True):
        raw = raw[:start] + new.encode() + raw[end:]
    return raw.decode()


def _edits(
    tree: ast.AST, raw: bytes, tables: set[str]
) -> Iterator[tuple[int, int, str]]:
    """The pieces of code that are to be others, by their places."""

    def text(start: int, end: int) -> str:
        return raw[start:end].decode()

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in tables:
            start, end = _extent(node)
            if text(start, end) == f"self.{node.attr}":
                yield start, end, f"Past.rows(self.{node.attr}, {_HELD})"
        elif isinstance(node, ast.Call) and node.args:
            start, end = _extent(node)
            first, last = _extent(node.args[0])
            for old, new in _CALLS.items():
                before, _, behind = old.partition("{x}")
                if text(start, first) == before and text(last, end) == behind:
                    opening, _, closing = new.partition("{x}")
                    yield start, first, opening
                    yield last, end, closing


def _extent(node: ast.expr) -> tuple[int, int]:
    return node.col_offset, node.end_col_offset or 0
