"""Reads definitions by equations: ``SE(x, ratio=16) = x*sigmoid(G*x)  where G = ...``.

Ranges in a definition are finite, so its equations are written out at once: ``Y_k = ...``
is read for each number that something asks for, from the result backwards.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import replace

import sympy

from recform.algebra.definitions.body import Body, given
from recform.algebra.expr import (
    Apply,
    Filled,
    Input,
    State,
    Tensor,
    learned_within,
    subtensors,
)
from recform.algebra.pipeline import Pipeline
from recform.blocks import Argument, Library
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, Reported
from recform.lowering.flows.where import Locals
from recform.reading.finite import FiniteReader
from recform.reading.sorts import Names, split_of
from recform.syntax import nodes as n

#: A name that code can have as it is.
_PLAIN = re.compile(r"[A-Za-z]\w*", re.ASCII)
#: Most tensors that a definition computes.
MAX_TENSORS = 4096


class BodyBuilder:
    """Reads one definition.

    Args:
        library: the operators of which the elementwise ones are functions.
        name: the operator letter.
        tensors: the names of its tensor arguments.
        relation: the definition.
        values: numbers by name: constants, parameters, its own fixed arguments.
        report: gets RF2xx and RF301.
    """

    def __init__(
        self,
        library: Library,
        name: str,
        tensors: tuple[str, ...],
        relation: n.Relation,
        values: Mapping[str, Symbolic],
        report: Diagnostics,
    ) -> None:
        self._library = library
        self._name = name
        self._tensors = tensors
        self._relation = relation
        self._values = dict(values)
        self._report = report

    # -- the tensors

    def build(
        self,
        found: Locals,
        operators: Mapping[str, Pipeline],
        arguments: tuple[Argument, ...],
        defaults: Mapping[str, int | float | None],
        above: Container[str] = (),
    ) -> Body | None:
        """The definition, written out; None after a diagnostic.

        Args:
            found: its `where` clauses.
            operators: all operators that it may use, by name.
            arguments: what stays open in them.
            defaults: of its own arguments among those.
            above: the definitions in which it stands, and itself.
        """
        names = Names(
            self._library,
            frozenset([*self._tensors, *found.unknowns]),
            {name: pipeline.inputs for name, pipeline in operators.items()},
            {name: scalar.indexed for name, scalar in found.scalars.items()},
            self._values,
        )
        incoming = self._incoming()
        leaves = tuple(map(given, incoming)) or (Input(),)
        named = dict(zip(self._tensors, leaves, strict=True))
        reader = FiniteReader(names, self._report, named, above)
        right = self._relation.right.expression
        assert right is not None
        try:
            output = reader.tensor(right)
            definitions = self._definitions(output, found, reader)
        except Reported:
            return None
        tensors = _in_order(output, definitions)
        operators = {**operators, **reader.appended({})}
        used = {t.operator for t in tensors if isinstance(t, Apply)}
        learned = {
            item.name: replace(found.scalars[owner], name=item.name)
            for tensor in tensors
            for item in learned_within(tensor)
            # Of a numbered list, a_1 is a member of `scalar a_k`.
            if (owner := reader.members.get(item.name, item.name)) in found.scalars
        }
        return Body(
            name=self._name,
            arguments=arguments,
            defaults=defaults,
            tensors=tensors,
            definitions=definitions,
            output=output,
            operators={name: operators[name] for name in operators if name in used},
            scalars=learned,
            about=self._about(),
            attribute=self._name,
            span=self._relation.span,
            spans=reader.spans,
            incoming=incoming,
        )

    def _incoming(self) -> tuple[str, ...]:
        """What several tensors are called in code; a single one is the input."""
        if len(self._tensors) == 1:
            return ()
        return tuple(
            # No name of a file ends like the other: that would be an index.
            name if _PLAIN.fullmatch(name) and name != "m" else f"x_{number}"
            for number, name in enumerate(self._tensors, 1)
        )

    def _about(self) -> str:
        """The definition as it stands in the file, a line for each `where`."""
        relation = self._relation
        words = relation.span.words
        return words.replace(" where ", "\n    where ")

    def _definitions(
        self, output: Tensor, found: Locals, reader: FiniteReader
    ) -> dict[State, Tensor]:
        """Every local unknown that the output needs, with what it is."""
        definitions: dict[State, Tensor] = {}
        waiting: list[State] = []
        leaves = reader.incoming.values()
        stack = [(state, False) for state in _states(output) if state not in leaves]
        while stack:
            state, done = stack.pop()
            if done:
                waiting.remove(state)
                continue
            if state in definitions:
                if state in waiting:
                    self._report.fail(
                        "RF301", f"{state} needs itself", reader.place(state)
                    )
                continue
            definitions[state] = self._read(state, found, reader)
            if len(definitions) > MAX_TENSORS:
                self._report.fail(
                    "RF106",
                    f"{self._name} writes out more than {MAX_TENSORS:,} tensors",
                    self._relation.span,
                )
            waiting.append(state)
            stack.append((state, True))
            parts = _states(definitions[state])
            stack += [(part, False) for part in parts if part not in leaves]
        return definitions

    def _read(self, state: State, found: Locals, reader: FiniteReader) -> Tensor:
        key = (state.name, state.index)
        if key in found.parts:
            call, position = found.parts[key]
            parts = split_of(call, reader)
            assert parts is not None
            reader.spans.setdefault(parts[position], call.span)
            return parts[position]
        if key in found.exact:
            return reader.tensor(found.exact[key])
        family = state.name in found.families and state.index is not sympy.nan
        if family and state.index >= 1:
            letter, right = found.families[state.name]
            with reader.binding(letter, state.index):
                return reader.tensor(right)
        self._report.fail(
            "RF208",
            f"{state} has no equation here",
            reader.place(state),
            hint=f"where {state} = ...",
        )


def _states(tensor: Tensor) -> list[State]:
    """The unknowns that a tensor reads, each once, the last one first."""
    found = [
        part for part in sympy.preorder_traversal(tensor) if isinstance(part, State)
    ]
    return list(reversed(dict.fromkeys(found)))


def _in_order(
    output: Tensor, definitions: Mapping[State, Tensor]
) -> tuple[Tensor, ...]:
    """All tensors, parts before what uses them; numbers are none."""

    def parts(tensor: Tensor) -> tuple[Tensor, ...]:
        made = definitions.get(tensor) if isinstance(tensor, State) else None
        return tensor.children if made is None else (made,)

    return tuple(t for t in subtensors(output, parts) if not isinstance(t, Filled))
