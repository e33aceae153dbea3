"""Parts in a row: their statements, and a class for a container that is no nn.Sequential."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from recform.algebra.labels import is_held
from recform.blocks import Shape
from recform.blocks.identifiers import identifier
from recform.plan.definitions import (
    Assign,
    Class,
    Return,
    Statement,
    forward,
    names_read,
)
from recform.plan.expressions import Argument, Code, Make
from recform.plan.namespace import Namespace
from recform.plan.parts import Part, PipelineCode
from recform.plan.places import Kind
from recform.plan.policy import Policy
from recform.source import Source
from recform.writers.formula.workshop import Workshop
from recform.writers.pipelines import assembled, attributes_of, chain, line_of
from recform.writers.setting import ordered


class Composer:
    """Makes classes of containers of which not all can stand in an nn.Sequential.

    Args:
        workshop: gets the classes.
        output: what the network makes.
        policy: what the network's class is to be.
    """

    def __init__(self, workshop: Workshop, output: Shape, policy: Policy) -> None:
        self._workshop = workshop
        self._output = output
        # What the network's class has of its own may be arguments of the constructor.
        self._known = {"in_channels", "in_features", *policy.taken} | {
            p.name for p in workshop.formula.params if p.free
        }

    def assembled(self, parts: Sequence[Part], attributes: Namespace) -> PipelineCode:
        """Parts, each under its name, as the code of a class."""
        return assembled(parts, self._output, attributes)

    def compose(self, head: str, parts: list[Part]) -> Part | None:
        """A container as a class; None if not all that it holds can be attributes."""
        if not can_count(parts) or any(is_held(part.name) for part in parts):
            return None
        code = self.assembled(parts, Namespace.attributes())
        modules = attributes_of(code)
        used = ordered(names_read(modules) & self._known)
        origins = {part.origin.kind.value for part in parts if part.origin is not None}
        called = head if not head.isdigit() else "_".join(sorted(origins)) or "part"
        camel = "".join(word[:1].upper() + word[1:] for word in called.split("_"))
        name = self._workshop.names.new(identifier(camel))
        names = ", ".join(attribute.name for attribute in modules)
        self._workshop.made.append(
            Class(
                name,
                f"What {head} holds: {names}.",
                self._workshop.typed(used),
                modules,
                (forward(in_a_row(code, self._workshop.formula.source)),),
            )
        )
        made = Make(name, tuple(Argument(Code(p)) for p in used))
        return Part((head,), "{m}({x})", made=made, layer=made)


def can_count(parts: Sequence[Part]) -> bool:
    """Whether numbers, if parts have them, are those of modules."""
    is_counted = any(part.numbered for part in parts)
    return not is_counted or all(part.layer or part.inside for part in parts)


def in_a_row(code: PipelineCode, source: Source) -> tuple[Statement, ...]:
    """Parts one after the other; those of one pipeline share statements.

    Args:
        code: of the parts.
        source: of the formula.
    """
    made: list[Statement] = []
    end = 0
    for _, group in groupby(enumerate(code.held), key=_statement):
        members = [part for _, part in group]
        start, end = end, end + len(members)
        between, result = chain(code.calls[start:end], code.cuts[start:end])
        line = line_of(members[0].span, source) if _of_piece(members[0]) else None
        made += (Assign("x", Code(text), line) for text in between)
        if end == len(code.held):
            made.append(Return(Code(result), line))
        elif result != "x":
            made.append(Assign("x", Code(result), line))
    return tuple(made)


def _of_piece(part: Part) -> bool:
    return part.origin is not None and part.origin.kind is not Kind.STAGE


def _statement(numbered: tuple[int, Part]) -> object:
    """Parts with the same key are called in one statement, if it is not too long."""
    number, part = numbered
    return part.origin if _of_piece(part) else number
