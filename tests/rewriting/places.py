"""The text of a file with its tree: where things stand, and edits of them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from recform.diagnostics import Diagnostics
from recform.source import Source
from recform.syntax import nodes as n
from recform.syntax.grammar import tables
from recform.syntax.statements import statements
from recform.syntax.tree import statement

#: Functions whose first argument is the name of a number that runs.
RUNNING = ("sum", "prod", "softmax")
#: Unknowns of random files.
UNKNOWNS = "XYZEO"
BLOCK = "i"

_Kind = TypeVar("_Kind", bound=n.Node)


@dataclass
class Text:
    """A file that is said in another way.

    Attributes:
        text: of the file.
        draw: chooses what is rewritten, and how.
        edits: where the text changes: from there, to there, what stands there then.
    """

    text: str
    draw: random.Random
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    @cached_property
    def statements(self) -> list[n.Statement]:
        source, report = Source("net.rf", self.text), Diagnostics()
        return [
            statement(
                tables().parse(span.text_without_comments), source, span.start, report
            )
            for span in statements(source, report)
        ]

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        """The statements of a kind."""
        return [item for item in self.statements if isinstance(item, kind)]

    @property
    def equations(self) -> list[n.Relation]:
        """Equations of unknowns, those for some blocks among them."""
        return [item for item in self.of(n.Relation) if is_equation(item)]

    @property
    def expressions(self) -> Iterator[n.Expr]:
        """All that equations and the output are made of."""
        for item in self.statements:
            whole = right(item)
            if whole is not None:
                yield from terms(whole)

    @property
    def named(self) -> set[str]:
        """All names in the file."""
        whole = list(nodes(tuple(self.statements)))
        found = {x.name for x in whole if isinstance(x, n.Reference | n.Param)}
        return found | {x.name for x in whole if isinstance(x, n.Network)}

    def fresh(self, *names: str) -> str:
        """The first of these names that the file has not."""
        return next(name for name in names if name not in self.named)

    def shown(self, node: n.Node) -> str:
        return self.text[node.span.start : node.span.end]

    def some(self, share: float = 0.5) -> bool:
        return self.draw.random() < share

    def put(self, node: n.Node, text: str) -> None:
        """Another text in the place of a node."""
        self.between(node.span.start, node.span.end, text)

    def between(self, start: int, end: int, text: str) -> None:
        """Another text there; nothing where there is an edit already."""
        if all(end <= a or b <= start for a, b, _ in self.edits):
            self.edits.append((start, end, text))

    def wrap(self, node: n.Node, before: str, behind: str) -> None:
        """Text around a node, which may have others in it and around it."""
        self.edits.append((node.span.start, node.span.start, before))
        # Of several that end there, the inner one was told later.
        self.edits.insert(0, (node.span.end, node.span.end, behind))

    def add(self, line: str, before: n.Node | None = None) -> None:
        """A statement more, at the end or in front of another one."""
        place = len(self.text) if before is None else before.span.start
        if before is None and not self.text.endswith("\n"):
            line = f"\n{line}"
        self.edits.append((place, place, f"{line}\n"))

    @property
    def made(self) -> str:
        """The file with all edits."""
        pieces, at = [], 0
        for start, end, new in sorted(self.edits, key=lambda edit: edit[0]):
            pieces += [self.text[at:start], new]
            at = end
        return "".join([*pieces, self.text[at:]])


def nodes(node: object) -> Iterator[n.Node]:
    """A node and all nodes in it, those of indices too."""
    if isinstance(node, tuple):
        for item in node:
            yield from nodes(item)
    elif isinstance(node, n.Node):
        yield node
        for name in node.__dataclass_fields__:
            if name != "span":
                yield from nodes(getattr(node, name))


def terms(expr: n.Expr) -> Iterator[n.Expr]:
    """An expression and the tensors, operators and numbers in it; no indices."""
    yield expr
    parts = n.inner(expr)
    if isinstance(expr, n.Call):
        parts = [x for x in expr.arguments if not isinstance(x, n.Keyword)]
        if expr.function.name in RUNNING and len(parts) > 1:
            parts = parts[1:]
    for part in parts:
        yield from terms(part)


def is_equation(item: n.Statement) -> bool:
    """Whether a statement is an equation of unknowns."""
    return isinstance(item, n.Relation) and all(
        isinstance(left, n.Reference) and left.indices for left in item.left
    )


def lefts(item: n.Relation) -> list[n.Reference]:
    """The unknowns of an equation."""
    return [left for left in item.left if isinstance(left, n.Reference)]


def right(item: n.Statement) -> n.Expr | None:
    """The expression of an equation or an output; none of other statements."""
    if isinstance(item, n.Output):
        return item.expr
    if isinstance(item, n.Relation) and is_equation(item):
        return item.right.expression
    return None


def is_range(expr: object) -> bool:
    return isinstance(expr, n.Reference) and any(
        isinstance(index, n.Range) for index in expr.indices
    )


def is_tensor(expr: object) -> bool:
    """Whether an expression is a tensor, as far as its form tells."""
    match expr:
        case n.Group():
            return is_tensor(expr.inner)
        case n.Reference() if expr.name in UNKNOWNS:
            return bool(expr.indices) and not is_range(expr)
        case n.Reference():
            return expr.name == "input"
        case n.Sum():
            return all(is_tensor(term) for _, term in expr.terms)
        case n.Product():
            sign, last = expr.factors[-1]
            return sign == 1 and is_tensor(last)
        case n.Power():
            return is_tensor(expr.base)
        case n.Call() if expr.function.indices:
            return True
        case n.Call() if expr.function.name in RUNNING:
            return len(expr.arguments) == 4 and is_tensor(expr.arguments[3])
        case n.Call():
            return any(is_tensor(x) or is_range(x) for x in expr.arguments)
    return False


def replaced(text: str, name: str, other: str) -> str:
    """Another number in the place of a plain name, in indices too."""
    spelled = re.sub(rf"_{name}(?!\w)", f"_<{name}>", text)
    return re.sub(rf"(?<![\w']){name}(?![\w'])", other, spelled)
