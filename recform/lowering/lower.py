"""From statements to :class:`recform.algebra.formula.Formula`: all names resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import sympy

from recform.algebra.expr import ANY, L
from recform.algebra.formula import Formula, Scope, StageSpec
from recform.algebra.indices import untimed
from recform.algebra.labels import Naming
from recform.algebra.pipeline import Pipeline, symbols_of
from recform.algebra.placed import COUNT, Placed, names_in
from recform.algebra.written.constants import Constant
from recform.blocks import defaults
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, meant
from recform.lowering.checks import limits
from recform.lowering.checks.blockless import check_numbers
from recform.lowering.declarations import DeclarationReader
from recform.lowering.equations.output import read_output
from recform.lowering.equations.positions import Lowered, over_positions
from recform.lowering.equations.relations import EquationReader
from recform.lowering.flows.network import NetworkFlows
from recform.outline.clashes import check_names
from recform.outline.constructor import Fix, free_params, hides, in_equations
from recform.outline.defined import check_calls
from recform.outline.definitions import every_name
from recform.outline.frame import INPUT, FrameReader, of_budget
from recform.outline.sections import LIFT, RISE, Section, layout_defaults, sections
from recform.outline.settings import init_rules, name_rules
from recform.outline.survey import Survey, survey
from recform.outline.tables import TableReader
from recform.reading.means import counted
from recform.reading.sorts import Names, Reader
from recform.source import Source, Span
from recform.syntax import nodes as n
from recform.syntax.mistakes import MENDED


def lower(
    file: n.File,
    source: Source,
    settings: Mapping[str, object],
    report: Diagnostics,
    network: str | None = None,
) -> tuple[Formula, ...]:
    """The networks of a file.

    Args:
        file: the statements.
        source: the file that was asked for; statements of others are used by it.
        settings: values of parameters that replace those of the file.
        report: gets RF106, RF109, RF110 and RF2xx.
        network: the only one that is asked for; None for all.

    Raises:
        CompileError: if there were errors, or no network of this name (RF502).
    """
    parts = sections(file, source, report, network)
    report.check(besides=MENDED)
    formulas = [_Lowering(part, source, settings, report).formula() for part in parts]
    _check_settings(formulas, settings, report)
    report.check()
    found = tuple(formula for formula in formulas if formula is not None)
    limits.check(found, report)
    report.check()
    return found


def _check_settings(
    formulas: list[Formula | None],
    settings: Mapping[str, object],
    report: Diagnostics,
) -> None:
    if any(formula is None for formula in formulas):
        return
    known = sorted({p.name for f in formulas if f is not None for p in f.params})
    for name in settings:
        if name not in (*known, INPUT):
            report.error(
                "RF501",
                f"the file has no parameter {name!r}",
                hint=of_budget(name)
                or meant(name, known, f"its parameters: {', '.join(known) or 'none'}"),
            )


class _Lowering:
    """Lowers one network: reads its statements in the order in which they need others."""

    def __init__(
        self,
        section: Section,
        source: Source,
        settings: Mapping[str, object],
        report: Diagnostics,
    ) -> None:
        self._section = section
        self._source = source
        self._report = report
        self._frame = FrameReader(section, settings, report)

    def formula(self) -> Formula | None:
        section, report = self._section, self._report
        if not self._has_equations():
            return None
        if not check_calls(section, report):
            return None
        found = survey(section, report)
        self._complete(found)
        params = self._frame.params()
        is_sound = check_names(section, found, report)
        shape = self._frame.input()
        if shape is None or not is_sound:
            return None
        contexts = self._frame.contexts()
        is_said = RISE in section.single
        is_lift_said = LIFT in section.single
        section.add_defaults(layout_defaults(shape.layout.value))
        stages = self._frame.stages()
        declarations = DeclarationReader(section, self._frame, report)
        plain = declarations.constants()
        said = declarations.known.items()
        fixed = {k: v for k, v in said if k not in plain or v.is_number}
        tables = TableReader(section, {**fixed, **self._frame.values}, stages, report)
        self._frame.structural |= tables.structural
        restarts = self._frame.scope() is Scope.STAGE
        places: dict[str, Symbolic] = {COUNT: ANY}
        if not restarts:
            places = {name: Placed(row, ANY) for name, row in tables.rows.items()}
        of_blocks = declarations.of_blocks(places)
        numbers = {**plain, **of_blocks}
        positions = self._frame.over_positions()
        each_time = frozenset() if positions else declarations.each_time(found)
        each_member = declarations.each_member(found)
        scalars = declarations.scalars(each_time, each_member)
        values = {**declarations.known, **tables.symbols, **self._frame.values}
        flows = NetworkFlows(section, found, shape, values, report)
        self._frame.structural |= flows.structural
        frame, operators = flows.frame, flows.operators
        if not self._rises(stages, frame, is_said):
            frame.pop(RISE, None)
        if not self._lifts(stages, is_lift_said):
            frame.pop(LIFT, None)
        names = Names(
            section.library,
            frozenset(found.unknowns),
            {name: pipeline.inputs for name, pipeline in operators.items()},
            {name: scalar.indexed for name, scalar in scalars.items()},
            {**numbers, **self._frame.values},
            frozenset(of_blocks),
            self._frame.times(found),
            frozenset() if positions else frozenset(found.timed),
            each_time,
            tables.rows,
            positions,
            each_member,
            restarts,
            frozenset(section.contexts),
        )
        reader = Reader(names, report)
        equations_reader = EquationReader(
            section,
            reader,
            self._frame.starts(stages),
            self._frame.length(stages),
            report,
        )
        equations, boundaries = equations_reader.equations()
        unknowns = equations_reader.unknowns
        output = read_output(section, reader, equations, unknowns, report)
        operators |= reader.appended(tables.symbols)
        rules = name_rules(section, found, self._counts(stages), report)
        # A number beside a tensor of a block has no module around it.
        owned = (name for item, name in reader.beside.items() if item.owned)
        rules |= dict.fromkeys(owned, Naming("."))
        # Where each stage has a number of blocks of its own, there is no L of all.
        length = sympy.Integer(self._frame.length(stages))
        known = {**declarations.known, **self._frame.values}
        if not restarts:
            known = {
                k: v if isinstance(v, bool) else filled(v, {L: length})
                for k, v in known.items()
            }
            known["L"] = length
        pipelines = [*frame.values(), *operators.values()]
        init = init_rules(section, pipelines, known, report)
        if not equations and not report.has_errors:
            report.error(
                "RF215",
                f"no equation of {section.name} is for all blocks: each is for some of "
                "them, or for the start",
                section.equations[0].span,
                hint="add one, which is for all others: X_i = X_<i-1> + W_i*X_<i-1>",
            )
        if report.has_errors or output is None:
            return None
        used = [name for name in reader.used if untimed(name) in operators]
        needed = symbols_of([*frame.values(), *(operators[untimed(n)] for n in used)])
        rights = [b.rule.right if b.rule else b.right for b in boundaries]
        sides = [*(e.right for e in equations), *filter(None, rights), output[0]]
        placed = names_in(sides) - {COUNT}
        every = [*frame.values(), *operators.values()]
        self._frame.structural |= in_equations(section)
        free = free_params(params, every, self._frame.structural)
        if hides(params, free, section.library, report):
            return None
        fix = Fix({p.name: p.value for p in params if not p.free or p.name not in free})
        network = over_positions(
            Lowered(
                tuple(equations),
                {name: fix(operators[untimed(name)]) for name in used},
                declarations.used(reader, scalars),
                {},
            ),
            boundaries,
            output[0],
            equations_reader.starts,
            reader.spans,
            report,
        )
        if network is None:
            return None
        made = Formula(
            name=section.name,
            source=self._source,
            params=tuple(replace(p, free=p.name in free) for p in params),
            input=shape,
            contexts=contexts,
            stem=fix(frame["stem"]),
            head=fix(frame["head"]),
            adapter=_unless_empty(fix(frame["adapter"])),
            rise=_unless_empty(fix(frame[RISE])) if RISE in frame else None,
            transition=_unless_empty(fix(frame["transition"])),
            lift=_unless_empty(fix(frame.get(LIFT, frame["transition"])))
            if self._goes_up(stages)
            else None,
            stages=stages,
            scope=self._frame.scope(),
            memory=self._frame.memory(),
            operators=network.operators,
            scalars=network.scalars,
            tables=tuple(
                t for t in tables.tables if t.symbol in needed or t.name in placed
            ),
            equations=network.equations,
            boundaries=tuple(boundaries),
            ranges=equations_reader.ranges,
            output=output[0],
            output_span=output[1],
            names=rules,
            name_spans={**found.operators, **_spans(section.settings["names"])},
            init=init,
            spans=reader.spans,
            said=network.said,
            starts={k: v.value for k, v in equations_reader.starts.items()},
            library=section.library,
            constants=tuple(
                Constant(name, value, tuple(sorted(reader.constants[name])))
                for name, value in numbers.items()
                if name in reader.constants
            ),
        )
        check_numbers(made, reader, report)
        return counted(made)

    def _has_equations(self) -> bool:
        """Whether there is a network to be lowered, and no other kind of file."""
        section, report = self._section, self._report
        paths = section.single.get("paths")
        if paths is not None:
            report.error(
                "RF216",
                "this says which paths there are, not how a block is built",
                paths.span,
                hint="`recform derive` makes the equation for X_i from it",
            )
            return False
        if not section.equations:
            self._has_none()
            return False
        return True

    def _has_none(self) -> None:
        """Reports that there is no equation; `x = x + f(x)` was to be one."""
        section = self._section
        meant = (
            (name, item)
            for name, item in section.definitions.items()
            if isinstance(item.right.expression, n.Sum)
        )
        name, item = next(meant, ("", None))
        hint = "X_i = X_<i-1> + W_i*X_<i-1>"
        said = f"the network {section.name} has no equation"
        if item is None:
            self._report.error(
                "RF215", said, hint=f"add one: {hint}", file=self._source.name
            )
            return
        called = re.search(rf"(?<![\w\\]){re.escape(name)}\s*\(", item.right.span.text)
        if name in every_name(item.right) and called is None:
            own = re.compile(rf"(?<![\w\\]){re.escape(name)}(?!\w)")
            text = " ".join(item.right.span.text.split())
            hint = f"{name}_i = {own.sub(f'{name}_<i-1>', text)}"
        self._report.error(
            "RF215",
            f"{said}: {name} has no index, so that this defines an operator",
            item.span,
            hint=f"write {hint}",
        )

    def _complete(self, found: Survey) -> None:
        section = self._section
        section.add_defaults(defaults.FRAME)
        given = section.single["input"]
        ids = isinstance(given, n.Input) and given.kinds is not None
        if "head" not in section.single and not ids:
            section.add_defaults(defaults.PARAMS)
        shared = found.shared or found.called_twice or found.grows or bool(found.timed)
        scope = section.single["scope"]
        flat = (
            shared and isinstance(scope, n.Scope) and scope.where != Scope.STAGE.value
        )
        if isinstance(given, n.Input) and len(given.sizes) != 3:
            flat = True
        section.add_defaults(defaults.FLAT_STAGES if flat else defaults.STAGES)

    def _rises(
        self,
        stages: tuple[StageSpec, ...],
        frame: Mapping[str, Pipeline],
        is_said: bool,
    ) -> bool:
        """Whether terms may be brought to a finer grid.

        A file that has no adapters has none of these either, unless it says one.
        """
        finer = any(stage.stride < 1 for stage in stages)
        return finer and (is_said or bool(frame["adapter"].steps))

    def _goes_up(self, stages: tuple[StageSpec, ...]) -> bool:
        """Whether a transition leads to a finer grid."""
        finer = any(stage.stride < 1 for stage in stages[1:])
        return finer and self._frame.scope() is Scope.STAGE

    def _lifts(self, stages: tuple[StageSpec, ...], is_said: bool) -> bool:
        """Whether a transition of its own leads to a finer grid.

        That of a file leads there as well, unless the file says another one.
        """
        by_default = "transition" in self._section.defaulted
        return self._goes_up(stages) and (is_said or by_default)

    def _counts(self, stages: tuple[StageSpec, ...]) -> dict[str, int]:
        """How many there are of what a `names` statement may name by a list."""
        by_stage = self._frame.scope() is Scope.STAGE
        return {
            "stages": len(stages),
            "step": sum(stage.blocks for stage in stages),
            "transition": len(stages) - 1 if by_stage else 0,
        }


def _unless_empty(pipeline: Pipeline) -> Pipeline | None:
    return pipeline if pipeline.steps else None


def _spans(settings: Mapping[str, n.Setting]) -> dict[str, Span]:
    """Where the values of settings stand."""
    return {key: setting.value.span for key, setting in settings.items()}
