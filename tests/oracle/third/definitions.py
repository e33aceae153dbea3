"""Definitions that are called: by a flow, or by equations, which may be a recurrence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from torch import Tensor

from tests.oracle.third.file import Definition
from tests.oracle.third.flows import Flows
from tests.oracle.third.grammar import Node, Unread
from tests.oracle.third.operators import FUNCTIONS, OPERATORS, SEVERAL
from tests.oracle.third.places import LEARNING, Weights, found, parts, shared
from tests.oracle.third.values import Place, Value, changed, mentions, number


class Definitions(Flows):
    """Calls of what the file defines."""

    def defined(
        self,
        name: str,
        given: list[Tensor],
        positional: tuple[Node, ...],
        named: tuple[tuple[str, Node], ...],
        at: Place,
        weights: Weights,
    ) -> Tensor:
        """A definition that is called."""
        definition = self.file.definitions[name]
        names = dict(definition.plain)
        outer = {k: self._quietly(v, replace(at, locals={})) for k, v in names.items()}
        for key, node in [*zip(names, positional, strict=False), *named]:
            outer[key] = self._quietly(node, at)
        scope: dict[str, Any] = dict(outer)
        for letter, x in zip(definition.tensors, given, strict=False):
            scope[letter] = Value("tensor", x)
        place = Place(at.i, scope, flow=at.flow)
        inside = Inside(self, definition, place, weights)
        if not definition.tensors:
            body = _written_out(definition.body, inside.own_flows())
            return self.through(body, given, place, weights)
        inside.fill(name)
        made = self.value(definition.body, place)
        return made.it  # type: ignore[no-any-return]

    def _quietly(self, node: Node, at: Place) -> Any:
        """An argument: a number, a pair or a word."""
        try:
            return self.value(node, at)
        except Unread:
            return node


class Inside:
    """What stands behind `where`.

    Args:
        flows: runs operators.
        definition: what is called.
        place: with its names, to which those of `where` come.
        weights: what the definition's operators take theirs of.
    """

    def __init__(
        self, flows: Definitions, definition: Definition, place: Place, weights: Weights
    ) -> None:
        self.flows, self.definition, self.place = flows, definition, place
        self.weights = weights
        self.letters: dict[str, Node] = {}
        self.of: dict[str, Weights] = {}
        #: Equations of unknowns with a number: for one, and for all.
        self.rules: dict[str, dict[Any, Node]] = {}

    def own_flows(self) -> dict[str, Node]:
        """Its own operators: `B = A` is one if `A` is, so what is none is found bit by bit."""
        inside = self.definition.inside
        flows = {left[0][1]: node for left, node in inside if _is_plain(left)}
        while not all(self._is_flow(node, flows) for node in flows.values()):
            flows = {k: node for k, node in flows.items() if self._is_flow(node, flows)}
        return flows

    def fill(self, name: str) -> None:
        inside, flows = self.definition.inside, self.own_flows()
        applied = [node for left, node in inside if left[0][1] not in flows]
        for key, node in flows.items():
            if any(_named(x, key) for x in (*applied, self.definition.body)):
                self.letters[key] = _written_out(node, flows)
        # What is called by its own name has a module here, too.
        own = {item[1] for left, _ in inside for item in left}
        own |= {*self.place.locals, *self.definition.scalars}
        for key in sorted({*self.flows.file.definitions, *LEARNING} - own):
            equations = [*applied, self.definition.body]
            if any(_named(x, key) for x in equations):
                self.letters[key] = ("name", key, None)
        scalars = set(self.definition.scalars)
        home = None
        if self.letters or scalars:
            home = self.weights.home(name, (*self.letters, *scalars))
        if home is not None:
            self.of = shared(home, self.letters, self.flows.file, scalars)
        for letter in scalars:
            if home is None:
                raise Unread("a scalar of a definition without a module")
            self.place.locals[letter] = self._scalar(letter, home)
        for letter, node in self.letters.items():
            self.place.locals[letter] = self._operator(letter, node, home)
        rest = [item for item in inside if item[0][0][1] not in flows]
        while rest:
            # Equations stand in any order; one may need itself, with another number.
            later = {item[1]: left for left, _ in rest for item in left}
            ready = (
                item
                for item in rest
                if not any(later[k] is not item[0] for k in later if _named(item[1], k))
            )
            item = next(ready, rest[0])
            rest.remove(item)
            self._equation(*item)

    def _scalar(self, letter: str, home: Any) -> Any:
        """A learned number, or one for each number of its index."""
        if self.definition.scalars[letter].index is None:
            return number(getattr(home, letter))
        return lambda k: number(getattr(home, f"{letter}_{k}"))

    def _equation(self, left: tuple[Node, ...], node: Node) -> None:
        scope, name = self.place.locals, left[0][1]
        if len(left) > 1:
            made = self.flows.value(node, self.place)
            for part, item in enumerate(left):
                scope[item[1]] = changed(made, made.it[part])
        elif left[0][2] is None:
            scope[name] = self.flows.value(node, self.place)
        else:
            self._indexed(name, left[0][2][0], node)

    def _indexed(self, name: str, index: Node, node: Node) -> None:
        scope = self.place.locals
        if index[0] == "range":
            low = self.flows.index(index[1], self.place)
            made = self.flows.value(node, self.place)
            scope[name] = lambda k: changed(made, made.it[k - low])
            return
        rules = self.rules.setdefault(name, {})
        letter = index[1] if index[0] == "name" and index[1] not in scope else None
        rules[letter or self.flows.index(index, self.place)] = node
        known: dict[int, Value] = {}

        def value(k: int) -> Value:
            if k not in known:
                if k in rules:
                    known[k] = self.flows.value(rules[k], self.place)
                else:
                    (of,) = (key for key in rules if isinstance(key, str))
                    place = self.place.knows(**{of: Fraction(k)})
                    known[k] = self.flows.value(rules[of], place)
            return known[k]

        scope[name] = value

    def _operator(self, name: str, node: Node, home: Any) -> Any:
        weights = self.of.get(name, self.weights)
        many = None if home is None else found(home, name)
        used = [item for _, item in self.definition.inside] + [self.definition.body]
        if not any(_has_index(item, name) for item in used):
            return self._run(node, weights.each())
        if many is None:
            raise Unread(f"{name} of several numbers")
        # Modules are counted in the order of the numbers that are used.
        first = self._first_used(name)
        runs: dict[int, Value] = {}

        def of(k: int) -> Value:
            if k not in runs:
                runs[k] = self._run(node, lambda: Weights(many[k - first]))
            return runs[k]

        return of

    def _first_used(self, name: str) -> int:
        """The smallest number that a family of operators is used with."""
        least = [
            int(item[2][0][1])
            for _, part in [*self.definition.inside, ((), self.definition.body)]
            for item in _named(part, name)
            if item[2] and item[2][0][0] == "number"
        ]
        return min(least, default=1)

    def _run(self, node: Node, weights: Callable[[], Weights]) -> Value:
        known: dict[tuple[int, ...], tuple[Value, list[Value]]] = {}

        def run(values: list[Value]) -> Value:
            key = tuple(id(value.it) for value in values)
            if key not in known:
                given = [value.it for value in values]
                # What is left of names here is the file's.
                known_here = self.place.locals.items()
                inside = {k: x for k, x in known_here if k not in self.letters}
                place = replace(self.place, locals=inside)
                made = self.flows.through(node, given, place, weights())
                known[key] = Value("tensor", made), values
            return known[key][0]

        return Value("operator", run)

    def _is_flow(self, node: Node, flows: dict[str, Node]) -> bool:
        """Whether what a name stands for is an operator, if those are."""
        if node[0] == "flow":
            return True
        if node[0] not in ("name", "call") or node[2] is not None:
            return False
        definition, file = self.definition, self.flows.file
        own = {item[1] for left, _ in definition.inside for item in left}
        own |= {*definition.tensors, *definition.plain, *definition.scalars}
        if node[0] == "call":
            tensors = (own - flows.keys()) - definition.plain.keys()
            if node[1] in FUNCTIONS or mentions(node[3], tuple(tensors)):
                return False
        if node[1] in own:
            return node[1] in flows
        return node[1] in {**OPERATORS, **SEVERAL, **file.operators, **file.definitions}


def _is_plain(left: tuple[Node, ...]) -> bool:
    """Whether a left side is a name, and nothing else."""
    return len(left) == 1 and left[0][2] is None


def _written_out(node: Node, flows: dict[str, Node]) -> Node:
    """A flow with those of other operators in the place of their names."""
    made: list[tuple[str, Node]] = []
    for label, part in parts(node):
        own = part[0] == "name" and part[2] is None and part[1] in flows
        inner = _written_out(flows[part[1]], flows) if own else part
        made += [(label, inner)] if label or not own else parts(inner)
    return made[0][1] if len(made) == 1 and not made[0][0] else ("flow", tuple(made))


def _named(node: Any, name: str) -> list[Node]:
    """All references to a name."""
    if not isinstance(node, tuple):
        return []
    own = [node] if node[:2] in (("name", name), ("call", name)) else []
    return own + [item for part in node for item in _named(part, name)]


def _has_index(node: Node, name: str) -> bool:
    return any(item[2] is not None for item in _named(node, name))
