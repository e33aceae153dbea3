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
    """What a `names` statement says of a part of the network, or of several alike.

    Attributes:
        text: ``conv``, ``layer{}``, ``features.{0}``; ``.`` if there is no module, and
            what it would be made of stands in its place. Empty where each has its name.
        each: the names of single blocks, stages or transitions.
    """

    text: str
    each: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text

    @property
    def inline(self) -> bool:
        """Whether there is no module around the parts."""
        return self.text == "."

    @property
    def nested(self) -> bool:
        """Whether a name is one inside of a container."""
        return any("." in text.strip(".") for text in (self.text, *self.each))

    @property
    def counts(self) -> int:
        """How many numbers the name has."""
        return len(_NUMBER.findall(self.text))

    @property
    def apart(self) -> bool:
        """Whether each of several has a name of its own."""
        return bool(self.each) or self.counts > 0

    @property
    def placed(self) -> bool:
        """Whether it is a number in a container, which counts all that is in there."""
        texts = (_NUMBER.sub("0", text) for text in (self.text, *self.each))
        return any(name.isdigit() for text in texts for name in text.split("."))

    @property
    def first(self) -> int:
        """The number of the first one."""
        found = _NUMBER.search(self.text)
        return int(found[1] or 1) if found else 1

    @property
    def pattern(self) -> str:
        """With ``{}`` for the number, wherever it counts from."""
        return _NUMBER.sub("{}", self.text)

    def of(self, number: int) -> Naming:
        """That of one of several, counted from 1; of two numbers the first is filled in."""
        if self.each:
            return Naming(self.each[number - 1])
        counted = lambda found: str(number + int(found[1] or 1) - 1)  # noqa: E731
        return Naming(_NUMBER.sub(counted, self.text, count=1))

    def at(self, number: int) -> tuple[str, ...]:
        """The path of one of several, the outermost first; empty if it has no module."""
        one = self.of(number)
        return () if one.inline else tuple(one.text.split("."))


@dataclass
class Row:
    """Names the operators of a flow, one after the other.

    Attributes:
        path: in front of every name, with a dot behind; empty at the top.
        numbered: whether parts have numbers; those without a label get theirs.
        count: how many parts have one.
        groups: how many brackets without a label there were.
    """

    path: str = ""
    numbered: bool = False
    count: int = 0
    groups: int = 0

    def name(self, label: str) -> str:
        """What an operator is called; a path alone leaves the rest to its kind."""
        if self.numbered:
            self.count += 1
            return f"{self.path}{label or self.count - 1}"
        return self.path + label

    def inside(self, label: str, flow: n.Flow, alone: bool) -> Row:
        """The row of the operators in brackets.

        Args:
            label: of the brackets.
            flow: what stands in them.
            alone: whether they are all that the row has, and so the row itself, unless it
                stands in brackets, too.
        """
        numbered = all(
            part.label is None or part.label.isdigit() for part in flow.parts
        )
        if alone and not label and not self.numbered:
            return Row(self.path, numbered)
        return Row(self._group(label) + ".", numbered)

    def defined(self, label: str, flow: n.Flow, alone: bool) -> Row:
        """The row of a definition that stands in the place of its call."""
        inner = bracketed(flow.parts[0]) if len(flow.parts) == 1 else None
        if inner is not None and not flow.parts[0].label:
            return self if alone and not label else Row(self._group(label) + ".")
        return Row(f"{self.name(label)}.") if label else self

    def _group(self, label: str) -> str:
        if label or self.numbered:
            return self.name(label)
        self.groups += 1
        return f"{self.path}{DERIVED}layer{self.groups}"


def is_held(name: str) -> bool:
    """Whether a container may have a name that no attribute has: a number, a dash."""
    return bool(name) and not name.removeprefix(DERIVED).isidentifier()


def bracketed(part: n.Part) -> n.Flow | None:
    """What stands in the brackets of a part; None if it has none."""
    if isinstance(part.expr, n.Flow):
        return part.expr
    if isinstance(part.expr, n.Group):
        return n.Flow(
            part.expr.inner.span, (n.Part(part.expr.inner.span, part.expr.inner),)
        )
    return None
