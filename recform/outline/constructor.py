"""Which parameters the generated constructor takes, and what the others are fixed to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from recform.algebra.formula import Param
from recform.algebra.pipeline import Pipeline, symbols_of
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

    def __call__(self, pipeline: Pipeline) -> Pipeline:
        steps = []
        for step in pipeline.steps:
            arguments = {k: put_in(v, self._values) for k, v in step.arguments.items()}
            steps.append(replace(step, arguments=Arguments(arguments)))
        return replace(pipeline, steps=tuple(steps))
