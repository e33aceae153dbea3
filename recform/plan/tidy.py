"""A plan without names that are used once, where what they name can stand itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from recform.plan.definitions import (
    Assign,
    Branch,
    Class,
    Definition,
    Do,
    Function,
    Loop,
    Raise,
    Return,
    Statement,
    Yield,
)
from recform.plan.expressions import Code, names_in


def tidied(made: Definition) -> Definition:
    """A definition whose functions return what they make: ``return f(x)``."""
    if isinstance(made, Class):
        return replace(
            made,
            methods=tuple(map(_function, made.methods)),
            going=tuple(map(_function, made.going)),
        )
    return _function(made)


def _function(made: Function) -> Function:
    return replace(made, body=_joined(made.body))


def _joined(body: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Statements, of which each that only names what the next one takes is part of it."""
    result: list[Statement] = []
    for position, statement in enumerate(body):
        last = result[-1] if result else None
        if (
            isinstance(last, Assign)
            and last.target.isidentifier()
            and isinstance(statement, Assign | Return)
            and statement.value == Code(last.target)
            and last.target not in _read(body[position + 1 :])
        ):
            line = last.line or statement.line
            result[-1] = replace(statement, value=last.value, line=line)
        else:
            result.append(statement)
    return tuple(result)


def _read(body: Iterable[Statement]) -> set[str]:
    """The names that statements read."""
    return {name for statement in body for name in _names(statement)}


def _names(statement: Statement) -> Iterator[str]:
    match statement:
        case Assign() | Return() | Yield() | Do():
            yield from names_in(statement.value)
        case Raise():
            yield from names_in(statement.error)
        case Loop():
            yield from names_in(statement.over)
            yield from _read(statement.body)
        case Branch():
            for case in statement.cases:
                yield from names_in(Code(case.condition)) if case.condition else ()
                yield from _read(case.body)
