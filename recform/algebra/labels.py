"""What parts are called: `names` statements, labels, numbers in brackets, paths with dots.

The names are those of the state_dict. Brackets around a part of a flow make it an
nn.Sequential: its parts are numbered, unless some have labels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from recform.syntax import nodes as n

#: In front of a name that comes of itself: brackets without a label are ``layer1``.
DERIVED = "*"
#: Stands for a number in a name: one that counts from 1, or from the number in it.
_NUMBER = re.compile(r"\{(\d*)\}")


@dataclass(frozen=True)
class Naming:
    """What a `names` statement says of a part of the network.

    Attributes:
        path: the names of its module, the outermost first; none if it has no module, and
            what it is made of stands in its place.
    """

    path: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Naming:
        """As it stands in the file: ``layer{}``, ``features.{0}``, ``.`` for no module."""
        return cls(() if text == "." else tuple(text.split(".")))

    def __str__(self) -> str:
        return ".".join(self.path) or "."

    @property
    def inline(self) -> bool:
        """Whether there is no module around the parts."""
        return not self.path

    @property
    def numbered(self) -> bool:
        """Whether each of several has a number of its own."""
        return any(map(_NUMBER.search, self.path))

    @property
    def first(self) -> int:
        """The number of the first one."""
        found = _NUMBER.search(str(self))
        return int(found[1] or 1) if found else 1

    @property
    def pattern(self) -> str:
        """With ``{}`` for the number, wherever it counts from."""
        return _NUMBER.sub("{}", str(self))

    def at(self, number: int) -> tuple[str, ...]:
        """The path of one of several, counted from 1."""
        return tuple(
            _NUMBER.sub(lambda found: str(number + int(found[1] or 1) - 1), name)
            for name in self.path
        )


@dataclass
class Row:
    """Names the operators of a flow, one after the other.

    Attributes:
        path: in front of every name, with a dot behind; empty at the top.
        numbered: whether parts without a label get their number.
        count: how many have got one.
        groups: how many brackets without a label there were.
    """

    path: str = ""
    numbered: bool = False
    count: int = 0
    groups: int = 0

    def name(self, label: str) -> str:
        """What an operator is called; a path alone leaves the rest to its kind."""
        if label:
            return self.path + label
        if not self.numbered:
            return self.path
        self.count += 1
        return f"{self.path}{self.count - 1}"

    def inside(self, label: str, flow: n.Flow, alone: bool) -> Row:
        """The row of the operators in brackets.

        Args:
            label: of the brackets.
            flow: what stands in them.
            alone: whether they are all that the row has, and so the row itself.
        """
        numbered = not any(part.label for part in flow.parts)
        if alone and not label:
            return Row(self.path, numbered)
        return Row(self._group(label) + ".", numbered)

    def defined(self, label: str, flow: n.Flow, alone: bool) -> Row:
        """The row of a definition that stands in the place of its call."""
        inner = bracketed(flow.parts[0]) if len(flow.parts) == 1 else None
        if inner is not None and not flow.parts[0].label:
            return self if alone and not label else Row(self._group(label) + ".")
        return Row(f"{self.path}{label}.") if label else self

    def _group(self, label: str) -> str:
        if label or self.numbered:
            return self.name(label)
        self.groups += 1
        return f"{self.path}{DERIVED}layer{self.groups}"


def bracketed(part: n.Part) -> n.Flow | None:
    """What stands in the brackets of a part; None if it has none."""
    if isinstance(part.expr, n.Flow):
        return part.expr
    if isinstance(part.expr, n.Group):
        return n.Flow(
            part.expr.inner.span, (n.Part(part.expr.inner.span, part.expr.inner),)
        )
    return None
