"""The `where` of a definition by equations: what it declares."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

import sympy

from recform.algebra.formula import LearnedScalar
from recform.algebra.scalars import ScalarReader
from recform.blocks import Library
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.outline.definitions import called, every_name
from recform.reading.sorts import MAX_TERMS
from recform.syntax import nodes as n

#: Words that have their meaning in equations of a definition, too.
_MEANT = ("input", "i", "L")


@dataclass(frozen=True)
class Locals:
    """What the `where` of a definition declares.

    Attributes:
        flows: operators of its own.
        exact: equations for one name or one number: ``Z``, ``Y_1``.
        families: equations for all numbers: ``Y_k``, with their letter.
        parts: parts of a split, by name and number.
        scalars: learned scalars.
    """

    flows: dict[str, n.Relation] = field(default_factory=dict)
    exact: dict[tuple[str, Symbolic], n.Expr] = field(default_factory=dict)
    families: dict[str, tuple[str, n.Expr]] = field(default_factory=dict)
    parts: dict[tuple[str, Symbolic], tuple[n.Call, int]] = field(default_factory=dict)
    scalars: dict[str, LearnedScalar] = field(default_factory=dict)

    @property
    def unknowns(self) -> list[str]:
        """The names of tensors."""
        names = [*(name for name, _ in [*self.exact, *self.parts]), *self.families]
        return list(dict.fromkeys(names))


class WhereReader:
    """Reads the `where` clauses of one definition.

    Args:
        library: the operators that are known.
        tensors: the names of its tensor arguments.
        relation: the definition.
        values: numbers by name: constants, parameters, its own fixed arguments.
        report: gets RF207, RF21x and RF304.
        of_blocks: the names of constants with an index: `k_i` is a number, no tensor.
    """

    def __init__(
        self,
        library: Library,
        tensors: tuple[str, ...],
        relation: n.Relation,
        values: Mapping[str, Symbolic],
        report: Diagnostics,
        of_blocks: Container[str] = (),
    ) -> None:
        self._library = library
        self._of_blocks = of_blocks
        self._tensors = tensors
        self._relation = relation
        self._values = dict(values)
        first = relation.left[0]
        given = first.arguments if isinstance(first, n.Call) else ()
        self._arguments = {a.name for a in given if isinstance(a, n.Keyword)}
        self._report = report

    def read(self, known: Callable[[str], bool]) -> Locals:
        """The `where` clauses, by kind.

        Args:
            known: whether a name is an operator of the file.
        """
        found = Locals()
        flows = self._flows(known)
        for item in self._relation.where:
            if self._has_meaning(item):
                continue
            if isinstance(item, n.Scalar):
                self._scalar(item, found)
            elif (name := _plain_name(item)) in flows:
                self._once(name in found.flows, item.left[0])
                found.flows.setdefault(name, item)
            else:
                self._equation(item, found)
        return found

    def _flows(self, known: Callable[[str], bool]) -> set[str]:
        """The names of the operators of its own.

        A name that is declared here is what it is here, whatever the file has under it.
        `B = A` is an operator if `A` is, so all that may be is taken for one at first.
        """
        numbers = set(self._arguments)
        tensors = {*self._tensors, "input"}
        rights: dict[str, n.Expr | None] = {}
        for item in self._relation.where:
            if isinstance(item, n.Scalar):
                numbers.add(item.target.name)
                continue
            rights.setdefault(_plain_name(item), item.right.expression)
            tensors |= {a.name for a in item.left if isinstance(a, n.Reference)}
        flows = set(rights) - {"", "input", *self._tensors, *numbers}
        used = set(every_name(tuple(rights.values())))
        outside = set(filter(known, used - tensors - numbers))
        while True:
            operators, others = outside | flows, tensors - flows
            kept = {k for k in flows if self._is_flow(rights[k], operators, others)}
            if kept == flows:
                return flows
            flows = kept

    def _has_meaning(self, item: n.Relation | n.Scalar) -> bool:
        """Reports a name that is the definition's tensor, an argument, or a word."""
        lefts = (item.target,) if isinstance(item, n.Scalar) else item.left
        for left in lefts:
            name = left.name if isinstance(left, n.Reference) else ""
            if name in (*self._tensors, *_MEANT) or name in self._arguments:
                self._report.error(
                    "RF209", f"the name {name!r} has a meaning of its own", left.span
                )
                return True
        return False

    def _once(self, before: bool, left: n.Expr) -> None:
        if before:
            self._report.error(
                "RF207", f"{left.span.text} has two equations here", left.span
            )

    def _scalar(self, item: n.Scalar, found: Locals) -> None:
        reader = ScalarReader(self._values, self._report, "a scalar's start")
        value = reader.read(item.value)
        if isinstance(value, bool):
            hint = f"for example: scalar {item.target.span.text} = 0.5"
            text = "a scalar starts at a number"
            self._report.error("RF212", text, item.value.span, hint=hint)
            value = None
        if value is not None and not value.is_number:
            self._report.error(
                "RF212",
                f"{item.target.span.text} starts at one number in all blocks, and "
                f"{item.value.span.text} is none",
                item.value.span,
                hint=f"for example: scalar {item.target.span.text} = 0.5",
            )
            value = None
        name = item.target.name
        found.scalars[name] = LearnedScalar(
            name,
            bool(item.target.indices),
            0.0 if value is None else float(value),
            item.per is not None,
            item.span,
        )

    def _is_flow(
        self,
        right: n.Expr | None,
        operators: Container[str],
        tensors: Container[str],
    ) -> bool:
        """Whether a right side is an operator: a flow, or an operator by its name."""
        if right is None:
            return True
        name, given = called(right)
        function = self._library.elementwise(name)
        if name not in operators or name == "split" or (function and given):
            return False
        return not any(self._mentions_tensor(item, tensors) for item in given)

    def _mentions_tensor(
        self, expr: n.Expr | n.Keyword, tensors: Container[str]
    ) -> bool:
        from recform.outline.survey import references

        if isinstance(expr, n.Keyword):
            return False
        return any(
            ref.name in tensors or (ref.indices and ref.name not in self._of_blocks)
            for ref in references(expr)
        )

    def _equation(self, item: n.Relation, found: Locals) -> None:
        right = item.right.expression
        if right is None:
            self._report.error(
                "RF214",
                "an equation has no `>`; a flow defines an operator without an index",
                item.right.span,
            )
            return
        call = n.bare(right)
        if isinstance(call, n.Call) and call.function.name == "split":
            self._split(item, call, found)
            return
        left = item.left[0]
        if len(item.left) > 1 or not isinstance(left, n.Reference):
            self._report.error(
                "RF217", "the left side is one name, such as Y_k or Z", left.span
            )
            return
        if not left.indices:
            self._once((left.name, sympy.nan) in found.exact, left)
            found.exact[left.name, sympy.nan] = right
            return
        index = left.indices[0]
        if isinstance(index, n.Reference) and index.name in self._arguments:
            self._report.error(
                "RF209",
                f"{index.name} is an argument here, and cannot count as well",
                index.span,
                hint=f"another letter: {left.name}_j = ...",
            )
            return
        if (
            len(left.indices) == 1
            and isinstance(index, n.Reference)
            and index.name not in self._values
            and not index.indices
        ):
            self._once(left.name in found.families, left)
            found.families[left.name] = (index.name, right)
            return
        if len(left.indices) == 1 and not isinstance(index, n.Range):
            value = self._number(index)
            if value is not None:
                self._once((left.name, value) in found.exact, left)
                found.exact[left.name, value] = right
            return
        self._report.error(
            "RF217", "the left side has one index: Y_k, or Y_1", left.span
        )

    def _number(self, expr: n.Expr) -> Symbolic:
        value = ScalarReader(self._values, self._report, "an index").read(expr)
        if value is None:
            return None
        if isinstance(value, bool) or not value.is_Integer:
            self._report.error("RF304", "an index is a whole number", expr.span)
            return None
        return value

    def _split(self, item: n.Relation, call: n.Call, found: Locals) -> None:
        """``A, B = split(x, 2)`` and ``S_<1..4> = split(x, 4)``."""
        targets: list[tuple[str, Symbolic]] = []
        for left in item.left:
            if not isinstance(left, n.Reference) or len(left.indices) > 1:
                self._report.error("RF217", "split makes tensors with names", left.span)
                return
            index = left.indices[0] if left.indices else None
            if index is None:
                targets.append((left.name, sympy.nan))
            elif isinstance(index, n.Range):
                first, last = self._number(index.first), self._number(index.last)
                if first is None or last is None:
                    return
                count = int(last - first) + 1
                if not 1 <= count <= MAX_TERMS:
                    self._report.error(
                        "RF308", "this range is empty or too long", index.span
                    )
                    return
                targets += [(left.name, first + k) for k in range(count)]
            else:
                targets.append((left.name, self._number(index)))
        given = call.arguments[-1]
        counted = len(call.arguments) == 2 and not isinstance(given, n.Keyword)
        wanted = self._number(given) if counted else None  # type: ignore[arg-type]
        if wanted is not None and int(wanted) != len(targets):
            self._report.error(
                "RF217",
                f"{len(targets)} names on the left, but {wanted} parts",
                item.span,
            )
            return
        for position, target in enumerate(targets):
            found.parts[target] = (call, position)


def _plain_name(item: n.Relation) -> str:
    """The name on a left side that is nothing else; empty if it is more."""
    left, *more = item.left
    return called(left)[0] if isinstance(left, n.Reference) and not more else ""
