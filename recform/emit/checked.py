"""Holds the text of a network against its plan."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from recform.classes.layout import CHANNELS_LAST
from recform.diagnostics import Diagnostics
from recform.diagnostics.refuted import proving
from recform.graph.model import NetworkGraph
from recform.plan.definitions import Class, Role
from recform.plan.kept import without_past
from recform.plan.network import NetworkPlan
from recform.readback.plan import Printed
from recform.readback.printed import check_printed
from recform.readback.surface import check_base, check_definitions, check_file


def check(
    networks: Sequence[NetworkGraph],
    plans: Sequence[NetworkPlan],
    tree: ast.Module,
    base: str = "",
    *,
    going: bool = False,
) -> None:
    """Holds the source of a file against its networks.

    Args:
        networks: from the graph stage.
        plans: of their code.
        tree: the source, with all of their definitions in it.
        going: whether they go on by positions.
        base: the source of what they derive from, if that is no part of it.

    Raises:
        CompileError: RF901, if it says something else.
    """
    plain = without_past(tree) if going else tree
    definitions = {
        node.name: node
        for node in [*plain.body, *ast.parse(base).body]
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    scalars = {k: v for plan in plans for k, v in _scalars(plan).items()}
    run: set[ast.FunctionDef] = set()
    for network, plan in zip(networks, plans, strict=True):
        steps = tuple(step.printed for step in plan.steps)
        laid_out = plan.network.base == CHANNELS_LAST
        printed = Printed(
            plan.network.name,
            definitions,
            steps,
            plan.stages,
            scalars,
            laid_out,
            going,
            run,
        )
        span = network.recurrence.formula.equations[0].span
        with proving(span, Diagnostics()):
            check_printed(network, printed)
    with proving(span, Diagnostics()):
        check_definitions(plain.body, run, going)


def check_text(
    networks: Sequence[NetworkGraph],
    text: str,
    tree: ast.Module,
    parts: Sequence[str],
    bases: tuple[str, str],
) -> None:
    """Holds a file against what of it is proved.

    Args:
        networks: from the graph stage.
        text: the file.
        tree: the source of the networks.
        parts: what operators bring, what networks derive from, and their source.
        bases: what networks with timm's interface derive from, as it is written and as
            the library has it; empty for none.

    Raises:
        CompileError: RF901, if it says something else.
    """
    span = networks[0].recurrence.formula.equations[0].span
    with proving(span, Diagnostics()):
        check_base(*bases)
        names = [node.name for node in tree.body if hasattr(node, "name")]
        check_file(text, parts, names)


def _scalars(plan: NetworkPlan) -> Mapping[str, Mapping[str, str]]:
    """For each class its learned scalars, and what they are in the formula."""
    scalars = plan.graph.recurrence.formula.scalars
    owned = {step.name: step.modules for step in plan.steps}
    owned[plan.network.name] = {key.name: name for key, name in plan.shared.items()}
    found: dict[str, Mapping[str, str]] = {}
    for definition in plan.definitions:
        if not isinstance(definition, Class):
            continue
        names = [a.name for a in definition.attributes if a.role is Role.SCALAR]
        said = {name: f"scalar {k}" for k, name in enumerate(names)}
        for name, path in owned.get(definition.name, {}).items():
            if name in scalars:
                said[path.removeprefix("self.")] = name
        found[definition.name] = said
    return found
