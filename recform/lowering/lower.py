"""From statements to :class:`recform.algebra.formula.Formula`: all names resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import sympy

from recform.algebra.expr import Apply, I, L, untimed
from recform.algebra.formula import (
    Formula,
    LearnedScalar,
    Param,
    Pipeline,
    Scope,
    StageSpec,
    Step,
)
from recform.algebra.means import counted
from recform.algebra.scalars import ScalarReader
from recform.algebra.symbols import GENERATED, parameter
from recform.blocks import (
    Arguments,
    Shape,
    defaults,
    identifiers,
    put_in,
    symbols_in,
)
from recform.diagnostics import Diagnostics, Label, closest
from recform.lowering import limits
from recform.lowering.equations import EquationReader
from recform.lowering.flows.operator_calls import usage
from recform.lowering.flows.pipelines import PipelineReader
from recform.lowering.frame import INPUT, FrameReader, params_in
from recform.lowering.sections import (
    Section,
    layout_defaults,
    sections,
    statement_text,
)
from recform.lowering.settings import init_rules, name_rules
from recform.lowering.sorts import Names, Reader
from recform.lowering.survey import Survey, survey
from recform.lowering.tables import TableReader
from recform.source import Source, Span
from recform.syntax import nodes as n

_RESERVED = ("i", "L", "c", "s", "cin", "input", "in_channels")


def lower(
    file: n.File,
    source: Source,
    settings: Mapping[str, Any],
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
    report.check()
    formulas = [_Lowering(part, source, settings, report).formula() for part in parts]
    _check_settings(formulas, settings, report)
    report.check()
    found = tuple(formula for formula in formulas if formula is not None)
    limits.check(found, report)
    report.check()
    return found


def _check_settings(
    formulas: list[Formula | None], settings: Mapping[str, Any], report: Diagnostics
) -> None:
    if any(formula is None for formula in formulas):
        return
    known = sorted({p.name for f in formulas if f is not None for p in f.params})
    for name in settings:
        if name not in (*known, INPUT):
            guess = closest(name, known)
            report.error(
                "RF501",
                f"the file has no parameter {name!r}",
                hint=f"did you mean {guess!r}?"
                if guess
                else f"its parameters: {', '.join(known) or 'none'}",
            )


class _Lowering:
    """Lowers one network; each method is one kind of statement."""

    def __init__(
        self,
        section: Section,
        source: Source,
        settings: Mapping[str, Any],
        report: Diagnostics,
    ) -> None:
        self._section = section
        self._source = source
        self._report = report
        self._frame = FrameReader(section, settings, report)

    def formula(self) -> Formula | None:
        section, report = self._section, self._report
        paths = section.single.get("paths")
        if paths is not None:
            report.error(
                "RF216",
                "this says which paths there are, not how a block is built",
                paths.span,
                hint="`recform derive` makes the equation for X_i from it",
            )
            return None
        if not section.equations:
            report.error(
                "RF215",
                f"the network {section.name} has no equation",
                hint="add one: X_i = X_<i-1> + W_i*X_<i-1>",
                file=self._source.name,
            )
            return None
        found = survey(section, report)
        self._complete(found)
        params = self._frame.params()
        self._reserved(found)
        shape = self._frame.input()
        if shape is None:
            return None
        section.add_defaults(layout_defaults(shape.layout.value))
        stages = self._frame.stages()
        tables = self._tables(stages)
        numbers, indexed = self._constants()
        each_time = self._each_time(found)
        scalars = self._scalars(each_time)
        placed = tables.symbols
        operators, pipelines = self._pipelines(found, shape, {**numbers, **placed})
        names = Names(
            section.library,
            frozenset(found.unknowns),
            frozenset(found.operators),
            {name: scalar.indexed for name, scalar in scalars.items()},
            {**numbers, **self._frame.values},
            frozenset(indexed),
            self._frame.times(found),
            frozenset(found.timed),
            each_time,
            frozenset(name for name, item in section.consts.items() if item.per),
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
        output = equations_reader.output(equations)
        rules = name_rules(section, found, self._counts(stages), report)
        init = init_rules(section, self._frame.values, report)
        if not equations and not report.has_errors:
            report.error(
                "RF215",
                f"the network {section.name} has no equation for the blocks in general",
                section.equations[0].span,
                hint="add one: X_i = X_<i-1> + W_i*X_<i-1>",
            )
        if report.has_errors or output is None:
            return None
        used = [name for name in reader.used if untimed(name) in operators]
        needed = _symbols([*pipelines.values(), *(operators[untimed(n)] for n in used)])
        free = self._free(params, pipelines, operators)
        if self._hides(params, free):
            return None
        fix = _Fix(
            {p.name: p.value for p in params if not p.free or p.name not in free}
        )
        made = Formula(
            name=section.name,
            source=self._source,
            params=tuple(replace(p, free=p.name in free) for p in params),
            input=shape,
            stem=fix(pipelines["stem"]),
            head=fix(pipelines["head"]),
            adapter=self._unless_none("adapter", fix(pipelines["adapter"])),
            transition=self._unless_none("transition", fix(pipelines["transition"])),
            stages=stages,
            scope=self._frame.scope(),
            operators={name: fix(operators[untimed(name)]) for name in used},
            scalars=self._used_scalars(reader, scalars),
            tables=tuple(t for t in tables.tables if t.symbol in needed),
            equations=tuple(equations),
            boundaries=tuple(boundaries),
            output=output[0],
            output_span=output[1],
            names=rules,
            name_spans={**found.operators, **_spans(section.settings["names"])},
            init=init,
            spans=reader.spans,
            library=section.library,
        )
        self._blockless(made, reader)
        return counted(made)

    def _blockless(self, formula: Formula, reader: Reader) -> None:
        """Reports the number of a block where something belongs to none."""
        for role in ("stem", "head", "transition"):
            pipeline = getattr(formula, role)
            if pipeline is not None and {I, L} & _symbols([pipeline]):
                self._report.error(
                    "RF218",
                    f"i and L are numbers of a block, and the {role} belongs to none",
                    pipeline.span,
                    hint="operators in equations, and the adapter, have them",
                )
        rights = [
            *(equation.right for equation in formula.equations),
            *(boundary.right for boundary in formula.boundaries),
        ]
        calls = {
            call.operator: None
            for right in [*rights, formula.output]
            if right is not None
            for call in sympy.preorder_traversal(right)
            if isinstance(call, Apply) and call.index is sympy.nan
        }
        for name in calls:
            place = formula.operators[name].span
            if I in _symbols([formula.operators[name]]):
                self._report.error(
                    "RF218",
                    f"i is the number of a block, and {untimed(name)} belongs to none: "
                    "all blocks share it",
                    reader.used[name],
                    others=[Label(place, "i stands here")] if place else [],
                    hint=f"an operator of its own for each block: {untimed(name)}_i",
                )

    # -- the frame

    def _complete(self, found: Survey) -> None:
        section = self._section
        section.add_defaults(defaults.FRAME)
        if "head" not in section.single:
            section.add_defaults(defaults.PARAMS)
        shared = found.shared or found.called_twice or found.grows or bool(found.timed)
        scope = section.single["scope"]
        flat = (
            shared and isinstance(scope, n.Scope) and scope.where != Scope.STAGE.value
        )
        given = section.single["input"]
        if isinstance(given, n.Input) and len(given.sizes) != 3:
            flat = True
        section.add_defaults(defaults.FLAT_STAGES if flat else defaults.STAGES)

    def _reserved(self, found: Survey) -> None:
        section = self._section
        named: list[tuple[str, Any]] = [
            *section.params.items(),
            *section.consts.items(),
            *section.scalars.items(),
            *section.definitions.items(),
            *found.unknowns.items(),
        ]
        for name, item in named:
            span = item if isinstance(item, Span) else item.span
            if name in _RESERVED:
                self._report.error(
                    "RF209", f"the name {name!r} has a meaning of its own", span
                )
        kinds: dict[str, tuple[str, Span]] = {}
        tables: list[tuple[str, Mapping[str, Any]]] = [
            ("a parameter", section.params),
            ("a constant", section.consts),
            ("a learned scalar", section.scalars),
            ("an operator", section.definitions),
            ("an unknown", found.unknowns),
        ]
        for kind, table in tables:
            for name, item in table.items():
                span = item if isinstance(item, Span) else item.span
                if name in kinds:
                    before, place = kinds[name]
                    self._report.error(
                        "RF209",
                        f"{name!r} is {kind} here, but {before} elsewhere",
                        span,
                        others=[Label(place, f"{before} here")],
                    )
                kinds.setdefault(name, (kind, span))

    # -- declarations

    def _constants(self) -> tuple[dict[str, Any], set[str]]:
        values: dict[str, Any] = {}
        indexed: set[str] = set()
        for name, item in self._section.consts.items():
            if item.per is not None:
                continue
            names = {**self._frame.values, **values, "L": L}
            self._frame.structural |= params_in(item.value, self._section.params)
            if item.target.indices:
                if not self._is_index_i(item.target):
                    continue
                indexed.add(name)
                names["i"] = I
            value = ScalarReader(names, self._report, "a constant").read(item.value)
            # After a mistake the name is known all the same.
            values[name] = sympy.S.One if value is None else value
        return values, indexed

    def _tables(self, stages: tuple[StageSpec, ...]) -> TableReader:
        """Constants that have a number for each stage or block."""
        reader = TableReader(self._section, self._frame.values, stages, self._report)
        self._frame.structural |= reader.structural
        return reader

    def _is_index_i(self, target: n.Reference) -> bool:
        index = target.indices[0]
        if (
            len(target.indices) <= 2
            and isinstance(index, n.Reference)
            and index.name == "i"
            and all(isinstance(other, n.Reference) for other in target.indices)
        ):
            return True
        self._report.error(
            "RF304", f"a declaration has the index i: {target.name}_i", target.span
        )
        return False

    def _each_time(self, found: Survey) -> frozenset[str]:
        """Learned scalars of a time, which all blocks share: ``scalar b_t = 0.5``."""
        if not found.timed:
            return frozenset()
        return frozenset(
            name
            for name, item in self._section.scalars.items()
            if len(item.target.indices) == 1
            and isinstance(index := item.target.indices[0], n.Reference)
            and index.name not in ("i", "L")
        )

    def _scalars(self, each_time: frozenset[str]) -> dict[str, LearnedScalar]:
        result = {}
        for name, item in self._section.scalars.items():
            indexed = bool(item.target.indices) and name not in each_time
            if indexed and not self._is_index_i(item.target):
                continue
            if item.per not in (None, "channel", "feature"):
                self._report.error(
                    "RF212",
                    "a learned scalar is `per channel` or one for all",
                    item.span,
                )
            self._frame.structural |= params_in(item.value, self._section.params)
            reader = ScalarReader(self._frame.values, self._report, "a scalar's start")
            value = reader.read(item.value)
            if isinstance(value, bool):
                self._report.error(
                    "RF212", "a scalar starts at a number", item.value.span
                )
                value = None
            result[name] = LearnedScalar(
                name,
                indexed,
                # After a mistake the name is known all the same.
                0.0 if value is None else float(value),
                item.per is not None,
                item.span,
            )
        return result

    def _counts(self, stages: tuple[StageSpec, ...]) -> dict[str, int]:
        """How many there are of what a `names` statement may name by a list."""
        by_stage = self._frame.scope() is Scope.STAGE
        return {
            "stages": len(stages),
            "step": sum(stage.blocks for stage in stages),
            "transition": len(stages) - 1 if by_stage else 0,
        }

    def _used_scalars(
        self, reader: Reader, scalars: Mapping[str, LearnedScalar]
    ) -> dict[str, LearnedScalar]:
        """Those that the equations use; ``a_1`` stands for itself and all blocks."""
        used = {
            name: replace(scalars[untimed(name)], name=name)
            for name in reader.used
            if untimed(name) in scalars
        }
        for member, name in reader.members.items():
            if name in used:
                self._report.error(
                    "RF304",
                    f"{name} is used as {name}_i and as {member}: "
                    "either each block has its own, or there is a numbered list",
                    scalars[name].span,
                )
            used[member] = replace(scalars[name], name=member, indexed=False)
        return used

    def _pipelines(
        self, found: Survey, shape: Shape, numbers: Mapping[str, Any]
    ) -> tuple[dict[str, Pipeline], dict[str, Pipeline]]:
        section = self._section
        constants = {k: v for k, v in numbers.items() if not v.has(I)}
        reader = PipelineReader(
            section.library,
            section.definitions,
            {**constants, **self._frame.values},
            frozenset(section.params),
            self._report,
        )
        pipelines = {}
        for role in ("stem", "head", "adapter", "transition"):
            item = section.single[role]
            assert isinstance(item, n.Pipeline)
            pipelines[role] = reader.read(role, item.flow)
        operators = {}
        for name in found.operators:
            if name in section.definitions:
                operators[name] = reader.define(name)
            elif (operator := section.library.lookup(name)) is not None:
                empty = Arguments({a.name: a.default for a in operator.arguments})
                span = found.operators[name]
                needed = [a.name for a in operator.arguments if a.required]
                if needed:
                    self._report.error(
                        "RF203",
                        f"{name} needs its {' and '.join(needed)}, "
                        "which an equation does not give",
                        span,
                        hint=f"define an operator: W = {usage(operator)}, "
                        "and write W_i*X_<i-1>",
                    )
                operators[name] = Pipeline(
                    name, (Step(operator, empty, "", span),), name, span
                )
            else:
                text = (
                    defaults.IMAGE_BLOCK
                    if shape.layout.value == "image"
                    else defaults.VECTOR_BLOCK
                )
                operators[name] = reader.read(name, statement_text(text))
        for name in section.definitions:
            if name not in operators:
                reader.define(name)
        self._frame.structural |= reader.structural
        return operators, pipelines

    def _unless_none(self, role: str, pipeline: Pipeline) -> Pipeline | None:
        return pipeline if pipeline.steps else None

    def _hides(self, params: list[Param], free: set[str]) -> bool:
        """Whether a keyword of the constructor can't have the name of its parameter."""
        hiding = False
        for param in params:
            name = param.name
            if name not in free:
                continue
            if name in GENERATED:
                why = f"generated classes have an argument {name!r} of their own"
            elif identifiers.is_taken(name, self._section.library):
                why = f"{name!r} means something else in generated files"
            elif not identifiers.is_plain(name):
                why = (
                    f"Python has no argument {name!r}, and a constructor would take it"
                )
            else:
                continue
            hiding = True
            shown = identifiers.identifier(name)
            shown = f"my_{name}" if shown == name else shown
            self._report.error(
                "RF209",
                why,
                param.span,
                hint=f"give it another name: param {shown} = {param.value}",
            )
        return hiding

    def _free(
        self,
        params: list[Param],
        pipelines: Mapping[str, Pipeline],
        operators: Mapping[str, Pipeline],
    ) -> set[str]:
        """Parameters that the generated constructor takes: used, and not structural."""
        symbols = {
            str(symbol)
            for symbol in _symbols([*pipelines.values(), *operators.values()])
        }
        names = {p.name for p in params if not isinstance(p.value, bool)}
        return (names & symbols) - self._frame.structural


class _Fix:
    """Puts the values of structural parameters into pipelines."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {parameter(name): value for name, value in values.items()}

    def __call__(self, pipeline: Pipeline) -> Pipeline:
        steps = []
        for step in pipeline.steps:
            arguments = {k: put_in(v, self._values) for k, v in step.arguments.items()}
            steps.append(replace(step, arguments=Arguments(arguments)))
        return replace(pipeline, steps=tuple(steps))


def _symbols(pipelines: Iterable[Pipeline]) -> set[Any]:
    """The symbols in the arguments of operators."""
    return {
        symbol
        for pipeline in pipelines
        for step in pipeline.steps
        for value in step.arguments.values()
        for symbol in symbols_in(value)
    }


def _spans(settings: Mapping[str, n.Setting]) -> dict[str, Span]:
    """Where the values of settings stand."""
    return {key: setting.value.span for key, setting in settings.items()}
