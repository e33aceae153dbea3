"""Reads flows such as ``conv(3, c, stride=s) > bn > relu`` into pipelines of operators."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import sympy

from recform.algebra.definitions.body import Body
from recform.algebra.labels import Row, bracketed, is_held
from recform.algebra.pipeline import Pipeline, Step, symbols_of
from recform.algebra.scalars import of_block
from recform.algebra.symbols import INCOMING, SYMBOLS, argument, is_fraction, size
from recform.blocks import Argument, Arguments, Kind, Library
from recform.blocks.arguments import unsaid
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.lowering.flows.bodies import BodyBuilder
from recform.lowering.flows.where import WhereReader
from recform.outline.definitions import (
    Signature,
    called,
    every_name,
    fixed_names,
    given_values,
    signature,
)
from recform.outline.operator_calls import OperatorReader, word
from recform.outline.sections import LIFT, RISE
from recform.source import Span
from recform.syntax import nodes as n

#: The flow of no operator.
NONE = "none"
_MAX_STEPS = 256
#: What a flow stands in: a piece of the network by its name, definitions by their places,
#: for one of a definition's own may have the name of another.
Above = tuple[str | Span, ...]
#: Flows that get one tensor, whatever stands in them.
_FRAME = ("stem", "head", "adapter", RISE, "transition", LIFT)


class PipelineReader(OperatorReader):
    """Reads the flows of one network.

    Args:
        library: the operators that it may use.
        definitions: operators that the file defines, for flows that use them by name.
        values: of constants and parameters.
        report: gets RF2xx.

    Attributes:
        structural: names of parameters that shape the network.
    """

    def __init__(
        self,
        library: Library,
        definitions: Mapping[str, n.Relation],
        values: Mapping[str, Symbolic],
        params: frozenset[str],
        report: Diagnostics,
    ) -> None:
        super().__init__(library, definitions, values, params, report)
        self._bodies: dict[object, Body | None] = {}
        #: What shapes each definition, where it is called among those of the file.
        self._shapes: dict[Span, set[str]] = {}
        self._file = self._values, self._params, self._definitions

    def read(self, name: str, flow: n.Flow) -> Pipeline:
        """The pipeline of a flow; parts with mistakes are reported and left out."""
        return self._read(name, flow, (name,))

    def _read(self, name: str, flow: n.Flow, above: Above) -> Pipeline:
        steps: list[Step] = []
        self._flow(flow, steps, above, Row(), name == "head")
        return Pipeline(name, tuple(steps), flow.span.words, flow.span)

    def define(self, name: str) -> Pipeline:
        """The pipeline of an operator that the file defines, with its defaults."""
        relation = self._definitions[name]
        left = relation.left[0]
        if isinstance(left, n.Reference) and not relation.where:
            return self._read(name, relation.right, (relation.span,))
        steps: list[Step] = []
        part = n.Part(left.span, left.function if isinstance(left, n.Call) else left)
        above = (relation.span,)
        self._defined(name, (), part, steps, above, Row(), False, alone=True)
        return Pipeline(name, tuple(steps), relation.right.span.words, relation.span)

    def _flow(
        self,
        flow: n.Flow,
        steps: list[Step],
        above: Above,
        row: Row,
        head: bool,
    ) -> None:
        parts = flow.parts
        alone = len(parts) == 1
        if flow.expression is not None and word(flow.expression) == NONE:
            return
        for part in parts:
            if len(steps) > _MAX_STEPS:
                return  # it has been reported
            label = part.label or ""
            brackets = bracketed(part)
            if brackets is not None:
                inner = row.inside(label, brackets, alone)
                self._flow(brackets, steps, above, inner, head)
                continue
            assert not isinstance(part.expr, n.Flow)
            name, given = called(part.expr)
            if name in self._definitions:
                place = self._definitions[name].span
                if place in above:
                    self._report.error(
                        "RF213",
                        f"{name} is defined by itself",
                        part.span,
                        hint=self._renamed(name),
                    )
                    continue
                inside = (*above, place)
                self._defined(name, given, part, steps, inside, row, head, alone=alone)
                continue
            step = self._step(part, row.name(label), head)
            if step is not None and self._is_fed(step, steps, above):
                steps.append(step)
            if len(steps) > _MAX_STEPS:
                self._report.error(
                    "RF106", f"a flow has more than {_MAX_STEPS} operators", flow.span
                )
                return

    def _renamed(self, name: str) -> str:
        """What to write where an operator of the library seems to be meant."""
        if self._library.lookup(name) is None:
            return ""
        other = f"my_{name}"
        return f"the library has one of this name; another for this: {other} = ..."

    def _is_fed(self, step: Step, before: list[Step], above: Above) -> bool:
        """Whether an operator gets as many tensors as it takes; reports RF221 if not."""
        inputs = step.operator.inputs
        held = is_held(step.label.partition(".")[0]) or "." in step.label
        if len(inputs) == 1 or not (
            before or held or any(x in _FRAME for x in above[:1])
        ):
            return True
        self._report.error(
            "RF221",
            f"{step.operator.name} takes {len(inputs)} tensors ({', '.join(inputs)}), "
            "and here it would get one",
            step.span,
            hint="it stands first in the flow of an operator of the equations, in no "
            f"brackets: A = {step.span.text}, and A_i({', '.join(inputs)})",
        )
        return False

    # -- definitions of the file

    def _defined(
        self,
        name: str,
        given: tuple[n.Expr | n.Keyword, ...],
        part: n.Part,
        steps: list[Step],
        above: Above,
        row: Row,
        head: bool,
        *,
        alone: bool,
    ) -> None:
        """A definition in the place of its call: its flow, or an operator of its own."""
        definition = signature(self._definitions[name], self._report)
        if definition is None:
            return
        values = self._given(definition, given)
        if values is None:
            return
        label = part.label or ""
        self._used_params(given)
        if definition.tensors:
            name = row.name(label)
            with self._home(definition.name, definition.relation):
                step = self._body_step(definition, values, name, part.span, above)
            if step is not None and self._is_fed(step, steps, above):
                steps.append(step)
            return
        own, before = _flows(definition.relation), len(steps)
        arguments = {k: v for k, (v, _) in values.items()}
        with (
            self._home(definition.name, definition.relation),
            self._inside(arguments, own),
        ):
            inner = definition.relation.right
            self._flow(inner, steps, above, row.defined(label, inner, alone), head)
        here = (name, part.span)
        steps[before:] = [
            replace(step, within=(here, *step.within)) for step in steps[before:]
        ]

    def _given(
        self, definition: Signature, given: tuple[n.Expr | n.Keyword, ...]
    ) -> dict[str, tuple[Symbolic, Span]] | None:
        """The value of each argument of a call; a default is read where it stands."""
        names = {**SYMBOLS, **self._values}
        with self._home(definition.name, definition.relation):
            self._used_params(tuple(definition.defaults.values()))
            outside = {**SYMBOLS, **self._values}
        return given_values(definition, given, names, outside, self._report)

    @contextmanager
    def _home(self, name: str, relation: n.Relation) -> Iterator[None]:
        """A definition of the file knows no arguments of the one that calls it."""
        before = self._values, self._params, self._definitions
        if self._file[2].get(name) is relation:
            self._values, self._params, self._definitions = self._file
        try:
            yield
        finally:
            self._values, self._params, self._definitions = before

    def _used_params(self, given: object) -> None:
        self.structural |= set(every_name(given)) & self._params

    @contextmanager
    def _inside(
        self, values: Mapping[str, Symbolic], flows: Mapping[str, n.Relation]
    ) -> Iterator[None]:
        """Inside of a definition its arguments and its own operators are known."""
        before = self._values, self._params, self._definitions
        self._values = {**self._values, **values}
        self._params = self._params - set(values)
        self._definitions = {**self._definitions, **flows}
        try:
            yield
        finally:
            self._values, self._params, self._definitions = before

    def _body_step(
        self,
        definition: Signature,
        values: Mapping[str, tuple[Symbolic, Span]],
        label: str,
        span: Span,
        above: Above,
    ) -> Step | None:
        """A definition by equations as one operator."""
        if not self._is_equation(definition):
            return None
        relation = definition.relation
        shaping = self._shaping(relation)
        fixed: dict[str, Symbolic] = {}
        for name, (value, place) in values.items():
            if name in shaping or isinstance(value, bool):
                if not isinstance(value, bool) and value.free_symbols:
                    self._report.error(
                        "RF210",
                        f"{definition.name}'s {name} shapes the code, so it is a number "
                        f"and not {place.text}",
                        place,
                        hint=f"write one that is the same in all blocks, {name}=1, "
                        "or a `param`",
                    )
                    return None
                fixed[name] = value
        body = self._known(definition, fixed, values, above)
        if body is None:
            return None
        arguments = {
            argument.name: values[argument.name][0]
            if argument.name in values
            else argument.default
            for argument in body.arguments
        }
        return Step(body, Arguments(arguments), label, span)

    def _known(
        self,
        definition: Signature,
        fixed: Mapping[str, Symbolic],
        values: Mapping[str, tuple[Symbolic, Span]],
        above: Above,
    ) -> Body | None:
        """What is made once for all its calls, but for sizes that are made of fractions."""
        opened = [name for name in values if name not in fixed]
        key = (
            definition.name,
            definition.relation.span,
            *sorted(fixed.items(), key=str),
        )
        if key not in self._bodies:
            self._bodies[key] = self._body(definition, fixed, opened, above)
        body = self._bodies[key]
        if body is None:
            return None
        fractions = frozenset(
            argument.name
            for argument in body.arguments
            if argument.name in opened and argument.default in body.counts
            for number in (body.defaults[argument.name], values[argument.name][0])
            if number is not None and is_fraction(sympy.sympify(number))
        )
        if not fractions:
            return body
        key = (*key, *sorted(fractions))
        if key not in self._bodies:
            self._bodies[key] = self._body(definition, fixed, opened, above, fractions)
        return self._bodies[key]

    def _shaping(self, relation: n.Relation) -> set[str]:
        """The names whose values shape the code of a definition, which many may call."""
        known = self._shapes if self._definitions is self._file[2] else {}
        if relation.span not in known:
            found = fixed_names(relation, self._definitions, self._library)
            known[relation.span] = found
        return known[relation.span]

    def _is_equation(self, definition: Signature) -> bool:
        """Whether a definition with a tensor is given by an equation, as it has to be."""
        relation = definition.relation
        right = relation.right.expression
        if right is None:
            self._report.error(
                "RF214",
                f"{definition.name}({', '.join(definition.tensors)}) is given by an equation; "
                "a flow has no tensor argument",
                relation.right.span,
                hint=_without_tensor(definition),
            )
            return False
        called_name, _ = called(right)
        operator = self._library.lookup(called_name)
        if operator is not None and not operator.elementwise:
            name, argument = definition.name, definition.tensors[0]
            self._report.error(
                "RF214",
                f"{argument} has no default, so it is a tensor, and {called_name} is an "
                "operator of a flow",
                relation.left[0].span,
                hint=f"a flow's arguments are numbers with defaults: {name}({argument}=3)",
            )
            return False
        return True

    def _body(
        self,
        definition: Signature,
        fixed: Mapping[str, Symbolic],
        opened: list[str],
        above: Above,
        fractions: Container[str] = (),
    ) -> Body | None:
        relation = definition.relation
        errors = len(list(self._report))
        ending = of_block("")
        numbers = {
            name: value
            for name, value in self._values.items()
            if not isinstance(value, bool) and not name.endswith(ending)
        }
        known = {**numbers, **fixed}
        of_blocks = {k.removesuffix(ending) for k in self._values if k.endswith(ending)}
        where = WhereReader(
            self._library, definition.tensors, relation, known, self._report, of_blocks
        )
        found = where.read(self._is_operator)
        # An argument hides a parameter of its name, and so does an operator of its own.
        hidden = {*definition.defaults, *found.flows}
        self.structural |= self._shaping(relation) & (self._params - hidden)
        builder = BodyBuilder(
            self._library,
            definition.name,
            definition.tensors,
            relation,
            {name: known[name] for name in known if name not in found.flows},
            self._report,
        )
        others = {*found.unknowns, *found.scalars, *definition.tensors}
        others |= set(definition.defaults)
        wanted = dict.fromkeys(every_name((relation.right, relation.where)))
        operators: dict[str, Pipeline] = {}
        own = {name: self._symbol(name, whole=name not in fractions) for name in opened}
        with self._inside({**fixed, **own}, found.flows):
            inside = self._definitions
            open_ = {k for k in wanted if k in inside and inside[k].span in above}
            for name in wanted:
                if name not in others and name not in open_:
                    pipeline = self._operator(name, found.flows, above, relation.span)
                    if pipeline is not None:
                        operators[name] = pipeline
        if len(list(self._report)) > errors:
            return None
        places = [
            # A constant of the file may be called as an argument that hides it here.
            Argument(
                f"{symbol}{' of the file' if str(symbol) in own else ''}",
                _PLACES.get(str(symbol), Kind.NUMBER),
                symbol,
            )
            for symbol in sorted(symbols_of(operators.values()), key=str)
            if symbol not in own.values() and symbol != INCOMING
        ]
        defaults = self._defaults(definition, opened)
        if defaults is None:
            return None
        opens = (Argument(k, Kind.NUMBER, symbol) for k, symbol in own.items())
        arguments = (*opens, *places)
        return builder.build(found, operators, arguments, defaults, open_)

    def _symbol(self, name: str, *, whole: bool) -> Symbolic:
        """What stands for an argument; a constant of the file may have its name."""
        outside = [value for value in self._file[0].values() if value == size(name)]
        return argument(f"{name}'" if outside else name, whole=whole)

    def _defaults(
        self, definition: Signature, opened: list[str]
    ) -> dict[str, int | float | None] | None:
        """The numbers that arguments of a definition have if they are left out."""
        values = self._given(definition, ())
        if values is None:
            return None
        defaults: dict[str, int | float | None] = {}
        for name in opened:
            value = values[name][0]
            if value.free_symbols:
                defaults[name] = None
            else:
                defaults[name] = int(value) if value.is_Integer else float(value)
        return defaults

    def _is_operator(self, name: str) -> bool:
        known = name in self._definitions or self._library.lookup(name) is not None
        return known or name == NONE

    def _operator(
        self,
        name: str,
        flows: Mapping[str, n.Relation],
        above: Above,
        span: Span,
    ) -> Pipeline | None:
        """An operator that a definition by equations applies, or None if it is none."""
        if name in flows:
            own = flows[name]
            return self._read(name, own.right, (*above, own.span))
        if name in self._definitions:
            relation = self._definitions[name]
            if isinstance(relation.left[0], n.Call) and relation.left[0].arguments:
                # Called with its defaults: `F*x` and `F(x)` give it nothing else.
                part = n.Part(relation.left[0].span, relation.left[0].function)
                flow = n.Flow(relation.left[0].span, (part,))
                return self._read(name, flow, above)
            with self._home(name, relation):
                return self._read(name, relation.right, (*above, relation.span))
        operator = self._library.lookup(name)
        if operator is None or operator.elementwise:
            return None
        if any(argument.required for argument in operator.arguments):
            return None
        step = Step(operator, unsaid(operator.arguments), "", span)
        return Pipeline(name, (step,), name, span)


#: What the symbols of the place are where they are handed to a definition.
_PLACES = {
    "c": Kind.SIZE,
    "s": Kind.STRIDE,
    "i": Kind.NATURAL,
    "L": Kind.NATURAL,
}


def _flows(relation: n.Relation) -> dict[str, n.Relation]:
    """The operators that a flow declares for itself."""
    return {
        item.left[0].name: item
        for item in relation.where
        if isinstance(item, n.Relation)
        and isinstance(item.left[0], n.Reference)
        and not item.left[0].indices
    }


def _without_tensor(definition: Signature) -> str:
    """A flow as it may be meant whose first argument has no default, and so is a tensor.

    Where the flow uses the argument as a number, a default is what it lacks.
    """
    flow = definition.relation.right
    used = set(every_name(flow))
    defaults = {tensor: "1" for tensor in definition.tensors if tensor in used}
    defaults |= {name: value.span.text for name, value in definition.defaults.items()}
    given = ", ".join(f"{name}={value}" for name, value in defaults.items())
    left = f"{definition.name}({given})" if given else definition.name
    return f"{left} = {flow.span.text}"
