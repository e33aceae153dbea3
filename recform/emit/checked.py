"""Holds the text of a network against its plan."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

from recform.blocks.identifiers import support_name
from recform.classes.layout import CHANNELS_LAST
from recform.diagnostics import Diagnostics
from recform.diagnostics.refuted import Refuted, proving
from recform.execution.draws import NoNumber
from recform.execution.library import INVERSE
from recform.execution.parts import PAST
from recform.graph.checks.alike import layouts_apart
from recform.graph.model import NetworkGraph
from recform.plan.definitions import Class, Role
from recform.plan.network import NetworkPlan
from recform.readback.constructor import is_timms
from recform.readback.frames import PLAINLY, Keeping, check_told, frames_of
from recform.readback.plan import Printed
from recform.readback.printed import check_printed
from recform.readback.surface import check_base, check_definitions, check_file
from recform.source import Span
from recform.writers.initialise import used_operators


def check(
    networks: Sequence[NetworkGraph],
    plans: Sequence[NetworkPlan],
    tree: ast.Module,
    base: str = "",
    *,
    going: bool = False,
    keeping: Keeping = PLAINLY,
) -> None:
    """Holds the source of a file against its networks.

    Args:
        networks: from the graph stage.
        plans: of their code.
        tree: the source, with all of their definitions in it.
        going: whether they go on by positions.
        base: the source of what they derive from, if that is no part of it.
        keeping: what they keep for their backward pass.

    Raises:
        CompileError: RF901, if it says something else.
    """
    definitions = {
        node.name: node
        for node in [*tree.body, *_parsed(base)]
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    scalars = {k: v for plan in plans for k, v in _scalars(plan).items()}
    run: set[ast.FunctionDef] = set()
    every: list[tuple[NetworkGraph, Printed]] = []
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
            run=run,
        )
        every.append((network, printed))
        span = network.recurrence.formula.equations[0].span
        told = proving(span, Diagnostics()), _numbered(span, Diagnostics())
        with told[0], told[1], _one_class(network, span):
            check_printed(network, printed)
            if going:
                check_printed(network, replace(printed, past=PAST))
    with proving(span, Diagnostics()):
        names = [plan.network.name for plan in plans] if going else []
        frames = frames_of(keeping, every, _backwards(plans))
        check_definitions(tree.body, run, names, frames)
        for number, (_, printed) in enumerate(every):
            if is_timms(printed):
                said = keeping.plans[number] if keeping.plans else None
                check_told(definitions[printed.name], said)  # type: ignore[arg-type]


@lru_cache(maxsize=32)
def _parsed(base: str) -> tuple[ast.stmt, ...]:
    """The statements of what networks derive from, of which there are few."""
    return tuple(ast.parse(base).body)


def check_text(
    networks: Sequence[NetworkGraph],
    text: str,
    tree: ast.Module,
    parts: Sequence[str],
    bases: tuple[str, str],
    *,
    going: bool = False,
    keeping: Keeping = PLAINLY,
) -> None:
    """Holds a file against what of it is proved.

    Args:
        networks: from the graph stage.
        text: the file.
        tree: the source of the networks.
        parts: what operators bring, what networks derive from, and their source.
        bases: what networks with timm's interface derive from, as it is written and as
            the library has it; empty for none.
        going: whether they go on by positions.
        keeping: what they keep for their backward pass.

    Raises:
        CompileError: RF901, if it says something else.
    """
    span = networks[0].recurrence.formula.equations[0].span
    with proving(span, Diagnostics()):
        check_base(*bases, keeping.frame)
        _check_brought(networks, parts[:-1], going)
        names = [node.name for node in tree.body if hasattr(node, "name")]
        check_file(text, parts, names)


def _check_brought(
    networks: Sequence[NetworkGraph], parts: Sequence[str], going: bool
) -> None:
    """That what operators bring is theirs: what keeps something, where that is wanted."""
    brought = {support_name(text): text for text in parts}
    for network in networks:
        for operator in used_operators(network):
            texts = operator.support
            if going:
                texts = operator.support_kept or texts
            for text in texts:
                name = support_name(text)
                if brought.get(name, text).rstrip() != text.rstrip():
                    raise Refuted(f"{name} is not what {operator.name} brings")


@contextmanager
def _numbered(span: Span, report: Diagnostics) -> Iterator[None]:
    """Around a comparison at numbers of learned scalars.

    Args:
        span: of the formula.
        report: gets RF211.

    Raises:
        CompileError: RF211, if a coefficient is no number at any of them.
    """
    try:
        yield
    except NoNumber as nowhere:
        report.error(
            "RF211",
            "this coefficient has no value, as far as recform tried: near the numbers "
            "that its learned scalars start with, and elsewhere",
            nowhere.span or span,
            hint="sqrt(1 + a^2) and log(1 + a^2) have one for every a",
        )
        report.check()


@contextmanager
def _one_class(network: NetworkGraph, span: Span) -> Iterator[None]:
    """Around a comparison: the blocks of all stages have one class for each step.

    Raises:
        CompileError: RF406, if it is refuted where they get other layouts, for which their
            code may be another.
    """
    try:
        yield
    except Refuted:
        apart = layouts_apart(network)
        if apart is None:
            raise
        told = [
            f"{' and '.join(f'{x} ({x.layout.value})' for x in segment.inputs if x)} "
            f"in stage {segment.stage + 1}"
            for segment in apart
        ]
        report = Diagnostics()
        report.error(
            "RF406",
            "the blocks of all stages have one code, and this takes another for "
            f"{told[0]} than for {told[1]}",
            span,
            hint="let the transition keep the layout, or write a file for each of them",
        )
        report.check()


def _backwards(plans: Sequence[NetworkPlan]) -> set[str]:
    """The classes of blocks that have a method which runs them backwards."""
    return {
        made.name
        for plan in plans
        for made in plan.definitions
        if isinstance(made, Class) and any(m.name == INVERSE for m in made.methods)
    }


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
