"""What a file declares and nobody reads: ``Wide = conv(5, c)``, and then ``Wid_i``.

It is found in the statements, before they are understood: a name is read if it stands in
something that is read. The output is, and what the frame says; of an equation or a
definition the right side is read if its name is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from recform.algebra.definitions.body import every_step
from recform.algebra.formula import Formula, Scope
from recform.blocks import defaults
from recform.closure import closure
from recform.diagnostics import Diagnostics, Label
from recform.outline.definitions import every_name
from recform.outline.sections import (
    LIFT,
    RISE,
    Section,
    default_statements,
    layout_defaults,
    sections,
    statement_text,
)
from recform.outline.undefined import in_place_of, undefined, warn_misspelt
from recform.source import Source, Span
from recform.syntax import nodes as n


@dataclass(frozen=True)
class _Declared:
    """Something that is to be read by its names.

    Attributes:
        what: it is, for the user: ``the operator Wide``.
        names: by which it is read.
        item: where it stands, and what it reads in its turn.
    """

    what: str
    names: tuple[str, ...]
    item: n.Node


def warn_unused(
    file: n.File,
    source: Source,
    formulas: Sequence[Formula],
    report: Diagnostics,
    network: str | None,
) -> None:
    """Warns of what no network of a file reads.

    Args:
        file: the statements.
        source: the file that was asked for; what another declares is for all who use it.
        formulas: of the networks that were asked for.
        report: gets RF222, and RF117 for what is probably meant to be something else.
        network: the only network that was asked for, if one was.
    """
    parts = sections(file, source, Diagnostics())
    idle: dict[Span, tuple[str, str, tuple[Label, ...]]] = {}
    read: set[Span] = set()
    for part in parts:
        declared, names = _declared(part), _names_read(part)
        for found in declared:
            if names.isdisjoint(found.names):
                asked = network in (None, part.name)
                if asked and found.item.span.source is source:
                    hint, others = _hint(found, part)
                    idle.setdefault(found.item.span, (found.what, hint, others))
            else:
                read.add(found.item.span)
                if isinstance(found.item, n.Relation):
                    for inside in _idle_inside(found.item):
                        if inside.item.span.source is source:
                            idle[inside.item.span] = (inside.what, "", ())
    named: set[Span] = set()
    for place, (what, hint, others) in idle.items():
        if place not in read:
            what = f"nobody uses {what}"
            report.warning("RF222", what, place, hint=hint, others=others)
            named.update(label.span for label in others)
    for part in parts:
        if network in (None, part.name):
            warn_misspelt(part, source, report, named)
    if network is None:
        _warn_of_settings(parts, source, formulas, report)


def _declared(section: Section) -> Iterator[_Declared]:
    """What a network declares by name."""
    for name, relation in section.definitions.items():
        yield _Declared(f"the operator {name}", (name,), relation)
    for name, const in section.consts.items():
        yield _Declared(f"the constant {name}", (name,), const)
    for name, scalar in section.scalars.items():
        yield _Declared(f"the scalar {name}", (name,), scalar)
    for name, context in section.contexts.items():
        yield _Declared(f"the input {name}", (name,), context)
    for name, param in section.params.items():
        yield _Declared(f"the parameter {name}", (name,), param)
    for equation in section.equations:
        names = tuple(dict.fromkeys(every_name(_without_indices(equation.left))))
        shown = ", ".join(left.span.text for left in equation.left)
        yield _Declared(f"the equation of {shown}", names, equation)
    rise = section.single.get(RISE)
    if rise is not None and not any(_is_part(s) for s in _strides(section)):
        yield _Declared("the adapter of a finer grid, which no stage has", (), rise)
    for key in ("transition", LIFT):
        between = section.single.get(key)
        if between is not None and not _has_transitions(section):
            # Read by the index that starts anew.
            yield _Declared(f"the {key}, for the index runs on", (), between)
    if LIFT in section.single and not any(map(_is_part, _strides(section))):
        what = "the transition to a finer grid, which no stage has"
        yield _Declared(what, (), section.single[LIFT])


def _strides(section: Section) -> Iterator[n.Expr]:
    stages = section.single.get("stages")
    for stage in stages.stages if isinstance(stages, n.Stages) else ():
        if stage.stride is not None:
            yield stage.stride


def _is_part(stride: n.Expr) -> bool:
    """Whether a stride is written as a quotient, as that of a finer grid is."""
    return not isinstance(n.bare(stride), n.Number)


def _names_read(section: Section) -> set[str]:
    """The names that the output and the frame read, and all that these read."""
    waiting = [
        name
        for key, item in section.single.items()
        if key not in ("transition", LIFT) or _has_transitions(section)
        for name in every_name(item)
    ]
    for settings in section.settings.values():
        waiting += every_name(tuple(settings.values()))
    if "head" not in section.single:
        # The default head reads a parameter that the file may have, too.
        given = default_statements(defaults.PARAMS)
        waiting += [item.name for item in given if isinstance(item, n.Param)]
    waiting += _defaults_read(section)
    if "output" not in section.single and section.equations:
        waiting += every_name(section.equations[-1].left)
    declared = list(_declared(section))
    return set(closure(waiting, lambda name: _read_by(declared, name)))


def _defaults_read(section: Section) -> Iterator[str]:
    """What stands in flows that the file leaves out, which may be the file's own names."""
    given = section.single.get("input")
    sizes = len(given.sizes) if isinstance(given, n.Input) else 3
    ids = isinstance(given, n.Input) and given.kinds is not None
    layout = "ids" if ids else {1: "vector", 2: "tokens"}.get(sizes, "image")
    without = {*section.single, *idle_flows(section)}
    for item in default_statements(layout_defaults(layout)):
        if isinstance(item, n.Pipeline) and item.role not in without:
            yield from every_name(item)
    if undefined(section):
        image = layout == "image"
        block = defaults.IMAGE_BLOCK if image else defaults.VECTOR_BLOCK
        yield from every_name(statement_text(block))


def idle_flows(section: Section) -> set[str]:
    """The flows of a frame for which a network has no use, by their keywords."""
    idle: set[str] = set()
    if not any(map(_is_part, _strides(section))):
        idle |= {RISE, LIFT}
    if not _has_transitions(section):
        idle |= {"transition", LIFT}
    return idle


def _read_by(declared: Iterable[_Declared], name: str) -> Iterator[str]:
    """The names that stand in what declares a name."""
    for found in declared:
        if name in found.names and not isinstance(found.item, n.Keyword):
            yield from every_name(found.item)


def _has_transitions(section: Section) -> bool:
    scope = section.single.get("scope")
    return isinstance(scope, n.Scope) and scope.where == Scope.STAGE.value


def _without_indices(left: tuple[n.Expr, ...]) -> tuple[n.Expr, ...]:
    """The left side of an equation as far as it is what the equation makes."""
    return tuple(
        n.Reference(expr.span, expr.name, ()) if isinstance(expr, n.Reference) else expr
        for expr in left
    )


def _idle_inside(relation: n.Relation) -> Iterator[_Declared]:
    """What a definition declares and does not read: arguments, and behind ``where``."""
    (left,) = relation.left[:1]
    inside: list[_Declared] = []
    if len(relation.left) == 1 and isinstance(left, n.Call):
        for argument in left.arguments:
            if isinstance(argument, n.Keyword | n.Reference):
                name = argument.name
                what = f"{left.function.name}'s argument {name}"
                inside.append(_Declared(what, (name,), argument))
    for item in relation.where:
        if isinstance(item, n.Scalar):
            name = item.target.name
            inside.append(_Declared(f"the scalar {name}", (name,), item))
            continue
        names = tuple(dict.fromkeys(every_name(_without_indices(item.left))))
        shown = ", ".join(expr.span.text for expr in item.left)
        inside.append(_Declared(shown, names, item))
    read = closure(every_name(relation.right), lambda name: _read_by(inside, name))
    return (found for found in inside if read.keys().isdisjoint(found.names))


def _hint(found: _Declared, section: Section) -> tuple[str, tuple[Label, ...]]:
    """How to mend it; and where, if something else may stand there."""
    name = found.names[0] if found.names else ""
    if name not in section.definitions:
        return "take it away, or read it", ()
    hint, others = in_place_of(name, section)
    return hint or f"take it away, or apply it: {name}_i*X_<i-1>", others


def _warn_of_settings(
    parts: list[Section],
    source: Source,
    formulas: Sequence[Formula],
    report: Diagnostics,
) -> None:
    """Warns of an ``init`` of weights, and of names of parts, that there are none of."""
    without = {
        "adapter": {f.name for f in formulas if f.adapter is None},
        "transition": {p.name for p in parts if not _has_transitions(p)},
    }
    for key, networks in without.items():
        said = {
            part.name: part.settings["names"][key].span
            for part in parts
            if key in part.settings["names"]
        }
        read = {place for name, place in said.items() if name not in networks}
        for place in dict.fromkeys(said.values()):
            if place not in read and place.source is source:
                what = f"nobody uses this name: there is no {key}"
                report.warning("RF222", what, place)
    kinds = {
        name
        for formula in formulas
        for pipeline in (
            *(formula.stem, formula.head),
            *(formula.adapter, formula.rise),
            *(formula.transition, formula.lift),
            *formula.operators.values(),
        )
        if pipeline is not None
        for step in every_step(pipeline)
        for weights in step.operator.weights
        for name in (weights.kind, step.label.rpartition(".")[2])
    }
    for part in parts:
        for key, setting in part.settings["init"].items():
            if key not in kinds and setting.span.source is source:
                report.warning(
                    "RF222",
                    f"nobody uses this: no operator here has weights of {key!r}",
                    setting.span,
                )
