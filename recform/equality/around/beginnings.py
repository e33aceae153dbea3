"""Where the learned numbers of two networks start: equal functions of them train otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy

from recform.algebra.definitions.body import Body
from recform.algebra.formula import Formula, InitRule, LearnedScalar
from recform.algebra.pipeline import Pipeline
from recform.algebra.typeset import plain_scalar
from recform.blocks.symbolic import Symbolic
from recform.equality.around.frame import FrameChange


def start_changes(left: Formula, right: Formula) -> tuple[FrameChange, ...]:
    """Learned scalars and rules for weights that both have, and that start otherwise."""
    mine, theirs = dict(_scalars(left)), dict(_scalars(right))
    pairs = [
        (name, _start(scalar), _start(theirs[name]))
        for name, scalar in mine.items()
        if name in theirs
    ]
    pairs += [
        (f"init {kind}", _rule(left.init.get(kind)), _rule(right.init.get(kind)))
        for kind in dict.fromkeys((*left.init, *right.init))
    ]
    return tuple(
        FrameChange(what, (first, second))
        for what, first, second in pairs
        if first != second
    )


def alone(left: Formula, right: Formula) -> Iterator[tuple[Formula, list[str]]]:
    """Of each network the operators and learned scalars that the other one has not."""
    for formula, other in ((left, right), (right, left)):
        known = {*other.operators, *other.scalars}
        names = [n for n in (*formula.operators, *formula.scalars) if n not in known]
        if names:
            yield formula, names


def _scalars(formula: Formula) -> Iterator[tuple[str, LearnedScalar]]:
    """All learned scalars; those of definitions by equations behind their operator's name."""
    yield from formula.scalars.items()
    parts = {"stem": formula.stem, "head": formula.head, **formula.operators}
    yield from _inside(parts)


def _inside(parts: Mapping[str, Pipeline]) -> Iterator[tuple[str, LearnedScalar]]:
    for place, pipeline in parts.items():
        for number, step in enumerate(pipeline.steps, 1):
            body = step.operator
            if not isinstance(body, Body):
                continue
            name = place if len(pipeline.steps) == 1 else f"{place}.{number}"
            for scalar, learned in body.scalars.items():
                yield f"{name}.{scalar}", learned
            inner = {f"{name}.{letter}": p for letter, p in body.operators.items()}
            yield from _inside(inner)


def _start(scalar: LearnedScalar) -> str:
    """``0.3``, ``i/4``; of a number for each member ``0, 1 for member i``."""
    if scalar.members is None:
        return _number(scalar.start)
    members = scalar.members
    own = [f"{_number(value)} for member {place}" for place, value in members.own]
    return ", ".join([_number(members.value), *own])


def _number(value: float | Symbolic) -> str:
    if isinstance(value, float):
        return f"{value:.12g}"
    return plain_scalar(sympy.sympify(value))


def _rule(rule: InitRule | None) -> str:
    """``normal(std=0.02)``, ``kaiming_normal(fan_out)``."""
    if rule is None:
        return "torch"
    told = [rule.mode] * bool(rule.mode)
    told += [f"{name}={_number(value)}" for name, value in rule.numbers]
    return f"{rule.rule}({', '.join(told)})" if told else rule.rule
