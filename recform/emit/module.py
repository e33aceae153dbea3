"""The generated file: the plans of all its networks, and what they need."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import PurePath

from recform.classes.layout import CHANNELS_LAST, laid_out
from recform.classes.network import plan_network
from recform.emit.checked import check, check_text
from recform.emit.sizes import check_sizes
from recform.emit.support import support_classes
from recform.execution.library import LEAN, TOLD
from recform.graph.model import NetworkGraph
from recform.memory import Memory, Plan
from recform.plan.alias import without_alias
from recform.plan.definitions import Definition, Function
from recform.plan.lean import framed_base, leaning, planned
from recform.plan.merge import common
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from recform.plan.printer.definitions import print_definition
from recform.plan.printer.lines import Lines
from recform.plan.printer.module import header, imports, reads
from recform.readback.frames import Keeping
from recform.seal import sealed
from recform.target import PLAIN, Target
from recform.writers.names import argument_names


def emit(
    networks: list[NetworkGraph],
    settings: tuple[tuple[str, str], ...] = (),
    target: Target = PLAIN,
    kept: Sequence[Plan] = (),
    *,
    named: bool = False,
) -> str:
    """The source of a module with these networks.

    Args:
        networks: of one file, in its order.
        settings: parameters that were set, for the header.
        target: which form they get; all can have it, and keep the same.
        kept: of each network what its parts keep, where that is not the same.
        named: whether the only network was asked for by its name, for the header.

    Raises:
        CompileError: RF538, if the blocks of one are no classes that could keep each its
            own; RF901, if what was written is not what was planned.
    """
    formula = networks[0].recurrence.formula
    memory = target.keeps(formula)
    support = support_classes(
        networks,
        memory,
        generation=target.generation,
        inference=target.inference,
        kept=kept,
    )
    # Importing what few forms need would take the others longer than their own code.
    if target.timm:
        from recform.emit.classifier.base import base_class, without_unused
        from recform.emit.classifier.passes import plan_classifier, undecayed
        from recform.emit.classifier.plan import BASE
    if target.generation:
        from recform.plan.kept import keeping
    if kept or memory is Memory.reversible:
        from recform.classes.steps.reversible import reversing
    names = module_names(networks, [*support, *([BASE] if target.timm else [])])
    plan_one = plan_classifier if target.timm else plan_network
    plans = [
        plan_one(
            network, names, network.recurrence.formula.name if len(networks) > 1 else ""
        )
        for network in networks
    ]
    plans = common(plans, lambda plan, made: names.new(_unprefixed(plan, made)))
    if target.timm:
        plans = undecayed(plans)
    if target.generation:
        plans = list(map(keeping, plans))
    base = base_class() if target.timm else ""
    if kept:
        each = zip(plans, kept, strict=True)
        plans = [
            reversing(plan) if Memory.reversible in own.forms else plan
            for plan, own in each
        ]
        plans, base = list(map(planned, plans, kept)), framed_base(base, TOLD)
    elif memory is Memory.lean:
        plans, base = list(map(leaning, plans)), framed_base(base, LEAN)
    elif memory is Memory.reversible:
        plans = list(map(reversing, plans))
    elif target.inference:
        plans = list(map(laid_out, plans))
    plans = without_alias(plans)
    code = printed(plans)
    tree = ast.parse(code)
    derived = base or support.get(CHANNELS_LAST, "")
    asked = Keeping(memory, kept)
    check(networks, plans, tree, derived, going=target.generation, keeping=asked)
    used = reads(tree)
    if target.timm:
        base = without_unused(base, used)
        used |= _reads_of(base)
    parts: list[str] = []
    for name, text in reversed(support.items()):
        if name in used:
            used |= _reads_of(text)
            parts.insert(0, text)
    parts += [base] if target.timm else []
    parts = [*(text.rstrip() for text in parts), code]
    options = f" --network {formula.name}" if named else ""
    options += "".join(f" --set {name}={value}" for name, value in settings)
    plugins = (PurePath(plugin).name for plugin in formula.library.plugins)
    options += "".join(f" --plugin {name}" for name in plugins)
    options += target.options
    if kept:
        options += kept[0].options
    elif not target.inference and memory is not formula.memory:
        options += f" --memory {memory}"
    classes = [plan.network.name for plan in plans]
    said = [line for plan in kept for line in plan.said]
    head = header(formula.source, options, classes, said)
    whole = "\n\n\n".join(parts)
    made = sealed(f"{head}\n{imports(used, classes)}\n\n{whole}")
    bases = (base, base_class() if target.timm else "")
    check_text(
        networks, made, tree, parts, bases, going=target.generation, keeping=asked
    )
    check_sizes(networks, made)
    return made


@lru_cache(maxsize=256)
def _reads_of(text: str) -> frozenset[str]:
    """The names that a class whose text is fixed reads from around it."""
    return reads(ast.parse(text))


def _unprefixed(plan: NetworkPlan, made: Definition) -> str:
    """The name of a definition that belongs to no single network any more."""
    prefix = plan.network.name
    if isinstance(made, Function):
        prefix = f"{prefix.lower()}_"
    return made.name.removeprefix(prefix)


def printed(plans: Iterable[NetworkPlan]) -> str:
    """The definitions of networks as text."""
    lines = Lines()
    for plan in plans:
        for definition in plan.definitions:
            print_definition(lines, definition, plan.loops)
            lines.blank(2)
    return str(lines).rstrip("\n") + "\n"


def module_names(
    networks: list[NetworkGraph], classes: Iterable[str] = ()
) -> Namespace:
    """The scope of a module with these networks, and with classes whose text is fixed."""
    formulas = [network.recurrence.formula for network in networks]
    names = Namespace.module(
        argument for formula in formulas for argument in argument_names(formula)
    )
    for name in [*(formula.name for formula in formulas), *classes]:
        names.take(name)
    return names
