"""Which parameters the generated constructor takes, and what the others are fixed to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from recform.algebra.definitions.body import Body
from recform.algebra.formula import Param
from recform.algebra.pipeline import Pipeline, Step, symbols_of
from recform.algebra.symbols import parameter
from recform.blocks import Arguments, Library, identifiers, put_in
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.outline.definitions import every_name
from recform.outline.sections import Section


def free_params(
    params: Sequence[Param], pipelines: Iterable[Pipeline], structural: set[str]
) -> set[str]:
    """Parameters that the generated constructor takes: used, and not structural."""
    symbols = {str(symbol) for symbol in symbols_of(pipelines)}
    names = {p.name for p in params if not isinstance(p.value, bool)}
    return (names & symbols) - structural


def in_equations(section: Section) -> set[str]:
    """Parameters that are numbers of equations, of `output` or of `init`."""
    rules = section.settings["init"].values()
    read = (*section.equations, section.single.get("output"), *rules)
    return set(every_name(read)) & set(section.params)


def hides(
    params: Sequence[Param], free: set[str], library: Library, report: Diagnostics
) -> bool:
    """Whether a keyword of the constructor can't have the name of its parameter.

    Args:
        params: all of the network.
        free: those that the constructor takes.
        library: the operators that generated files name.
        report: gets RF209.
    """
    hiding = False
    for param in params:
        name = param.name
        if name not in free:
            continue
        if name in identifiers.GENERATED:
            why = f"generated classes have an argument {name!r} of their own"
        elif identifiers.is_taken(name, library):
            why = f"{name!r} means something else in generated files"
        elif not identifiers.is_plain(name):
            why = f"Python has no argument {name!r}, and a constructor would take it"
        else:
            continue
        hiding = True
        shown = identifiers.identifier(name)
        shown = f"my_{name}" if shown == name else shown
        report.error(
            "RF209",
            why,
            param.span,
            hint=f"give it another name: param {shown} = {param.value}",
        )
    return hiding


class Fix:
    """Puts the values of parameters that the constructor does not take into pipelines.

    Args:
        values: of these parameters, by name.
    """

    def __init__(self, values: Mapping[str, Symbolic]) -> None:
        self._values = {parameter(name): value for name, value in values.items()}
        self._bodies: dict[Body, Body] = {}

    def __call__(self, pipeline: Pipeline) -> Pipeline:
        return replace(pipeline, steps=tuple(map(self._step, pipeline.steps)))

    def _step(self, step: Step) -> Step:
        given = dict(step.arguments.items())
        if isinstance(step.operator, Body):
            # What its flows read of parameters would be arguments of the definition.
            step = replace(step, operator=self._body(step.operator))
            names = {argument.name for argument in step.operator.arguments}
            given = {name: value for name, value in given.items() if name in names}
        arguments = {key: put_in(value, self._values) for key, value in given.items()}
        return replace(step, arguments=Arguments(arguments))

    def _body(self, body: Body) -> Body:
        kept = tuple(a for a in body.arguments if a.default not in self._values)
        if len(kept) == len(body.arguments):
            return body
        if body not in self._bodies:
            flows = {name: self(flow) for name, flow in body.operators.items()}
            self._bodies[body] = replace(body, arguments=kept, operators=flows)
        return self._bodies[body]
