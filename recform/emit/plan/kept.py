"""A plan whose network can go on by positions: what it has seen is kept, not run again.

Most operators work on each position by itself, and need no other code. Those that look
back have classes that keep what they need (`Operator.support_kept`). What looks back in the
code of the network itself is said by the class `Past`, each time in the place of what the
plan had: a table with a row for each position, the token before, a recurrence.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from recform.emit.naming.namespace import fail
from recform.emit.plan.definitions import (
    Assign,
    Class,
    Definition,
    Do,
    Function,
    Loop,
    Parameter,
    Return,
    Statement,
)
from recform.emit.plan.expressions import Code
from recform.emit.plan.network import NetworkPlan
from recform.emit.plan.rewrite import rewritten

#: What the generated class calls a pass through the next positions, and what it keeps.
STEP, PAST = "step", "past"
_HELD = f"self.{PAST}"
#: Calls of the plan, and what they are where something is kept.
_CALLS = {
    "F.pad({x}, (0, 0, 1, -1))": f"Past.shift({{x}}, {_HELD})",
    "torch.cumsum({x}, dim=1)": f"Past.sums({{x}}, {_HELD})",
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
    return replace(plan, definitions=(*definitions[:-1], network))


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

    methods = tuple(
        rewritten(_recurring(method) if made.recurs else method, change)
        for method in made.methods
    )
    if methods == made.methods:
        return made
    field = Assign(PAST, Code("None"), type="Past | None")
    return replace(made, methods=methods, fields=(field, *made.fields))


def _recurring(method: Function) -> Function:
    """The loop of a recurrence: it begins with what is kept, and keeps what it ends with."""
    if not any(isinstance(item, Loop) for item in method.body):
        return method
    body: list[Statement] = []
    names: list[str] = []
    for statement in method.body:
        if isinstance(statement, Assign) and not statement.type:
            assert isinstance(statement.value, Code)
            text = f"Past.first({statement.value.text}, {len(names)}, {_HELD})"
            names.append(statement.target)
            statement = replace(statement, value=Code(text))
        elif isinstance(statement, Return):
            body.append(Do(Code(f"Past.last({', '.join([_HELD, *names])})")))
        body.append(statement)
    return replace(method, body=tuple(body))


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
            if isinstance(node.func, ast.Name) and node.func.id == "scan":
                yield end - 1, end - 1, f", {_HELD}"


def _extent(node: ast.expr) -> tuple[int, int]:
    return node.col_offset, node.end_col_offset or 0


class _Plain(ast.NodeTransformer):
    """Takes away again what is kept: the code of the plan, which is held against it."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if node.args and ast.unparse(node.args[-1]) == _HELD:
            node.args.pop()
        called = ast.unparse(node.func)
        if called in ("Past.rows", "Past.first"):
            return node.args[0]
        for old, new in _CALLS.items():
            if new.startswith(f"{called}("):
                made = old.replace("{x}", ast.unparse(node.args[0]))
                return ast.parse(made, mode="eval").body
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_last = ast.unparse(node).startswith("Past.last(")
        return None if is_last else self.generic_visit(node)


def without_past(tree: ast.Module) -> ast.Module:
    """The source of a network that keeps nothing, of one that does."""
    changed = _Plain().visit(ast.parse(ast.unparse(tree)))
    assert isinstance(changed, ast.Module)
    return changed
