"""Numbers of a block that depend on its place: attributes, after the file's constants."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any

import sympy

from recform.algebra.expr import Filled, I, L, Scaled
from recform.algebra.placed import placed
from recform.algebra.written.constants import (
    Named,
    candidates,
    in_names,
    is_of_block,
)
from recform.blocks.code import TOO_LARGE, is_near, reckoned
from recform.blocks.exact import as_any_float, runs_over
from recform.blocks.symbolic import Symbolic
from recform.classes.steps.mended import Mended, Names, TooMany, mended
from recform.classes.steps.owned import Owned, at_block, reads_index
from recform.diagnostics import CompileError, Diagnostics
from recform.graph.places import find
from recform.plan.definitions import Attribute, Role
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.recurrence.build import relative
from recform.recurrence.model import Recurrence, Step
from recform.source import Span
from recform.writers.formula.coefficients import coefficient_text, in_parts
from recform.writers.initialise import is_float, start_text
from recform.writers.names import aged

#: What a number is called that has no name in the file.
_NAMELESS = "scale"


class Numbers:
    """The numbers of a step's blocks.

    Args:
        recurrence: the whole.
        step: of it.
        own: what its blocks own.
        attributes: the scope of their attributes; each number gets a name there.

    Raises:
        CompileError: RF106, if floats keep no digit of one in too many blocks.
    """

    def __init__(
        self, recurrence: Recurrence, step: Step, own: Owned, attributes: Namespace
    ) -> None:
        self._constants = recurrence.formula.constants
        self._own, self._scope = own, attributes
        self._made: dict[Symbolic, Attribute] = {}
        self._codes: dict[Symbolic, Mended] = {}
        #: Coefficients of ``i`` and ``L``, with the attributes for their parts.
        self.said: dict[Symbolic, Symbolic] = {}
        for tensor in step.coefficients:
            value = at_block(tensor.coefficient, tensor, step)
            if is_of_block(value) and value not in self.said:
                lag = 0 if tensor.at is sympy.nan else step.at - int(tensor.at)
                names = candidates(self._constants, lag)
                try:
                    self.said[value] = in_parts(value, partial(self._part, names))
                except TooMany as blocks:
                    _fail("this coefficient", blocks, _span(recurrence, step, tensor))

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """What the constructor works out once."""
        return tuple(self._made.values())

    def start(self, value: Symbolic, name: str, span: Span) -> str:
        """What a learned scalar starts at, as attributes or single blocks say it.

        Empty if neither is so.

        Args:
            value: what it starts at.
            name: of the scalar.
            span: where it is declared.

        Raises:
            CompileError: RF106, if floats keep no digit of it in too many blocks.
        """
        names = [n for n in candidates(self._constants) if n.value in self._made]
        named = in_names(value, names) if names and is_of_block(value) else value
        own = [name for name in names if named.has(name.symbol)]
        if not own or not _is_said(named) or not self._is_exact(value, named, own):
            try:
                return self._start_by_block(value)
            except TooMany as blocks:
                _fail(f"what {name} starts at", blocks, span)
        attributes = {name.symbol: self._attribute(name.value, "") for name in own}
        text = coefficient_text(named.xreplace(attributes), {}, torch=False)
        codes = (self._made[name.value].value for name in own)
        floats = any(isinstance(c, Code) and is_float(c.text) for c in codes)
        return text if floats or is_float(text) else f"float({text})"

    def _start_by_block(self, value: Symbolic) -> str:
        if not is_of_block(value):
            return ""
        names = self._names(value)
        plain = start_text(value, {k: names[k] for k in (I, L) if value.has(k)})
        text = self._mended(plain, value, names).text
        return "" if text == plain else text

    def _part(self, names: Sequence[Named], value: Symbolic) -> Symbolic:
        """A number without learned scalars, said by attributes."""
        if value.as_coeff_Mul()[0] < 0:
            return -self._part(names, -value)
        named = in_names(value, names)
        own = [name for name in names if named.has(name.symbol)]
        if not own or not self._is_exact(value, named, own):
            return self._attribute(value, _NAMELESS)
        said = named.xreplace(
            {
                name.symbol: self._attribute(
                    name.value, name.constant.name + aged(name.behind)
                )
                for name in own
            }
        )
        if _is_said(said) and not self._is_too_large(value):
            return said
        return self._attribute(value, _NAMELESS, said)

    def _attribute(
        self, value: Symbolic, wanted: str, said: Symbolic | None = None
    ) -> Symbolic:
        """The attribute of a number, and how that is said, if not by itself."""
        if value not in self._made:
            name = self._scope.new(wanted)
            code = self._code(value) if said is None else self._written(value, said)
            self._codes[value] = code
            self._made[value] = Attribute(name, Code(code.text), Role.NUMBER)
        return sympy.Symbol(f"self.{self._made[value].name}", real=True)

    def _code(self, value: Symbolic) -> Mended:
        """What a constructor works out of the number of the block."""
        if value not in self._codes:
            self._codes[value] = self._written(value, value)
        return self._codes[value]

    def _written(self, value: Symbolic, said: Symbolic) -> Mended:
        """The code of a number, as it is said with attributes."""
        names = self._names(said)
        text = _text(said, names)
        if self._is_too_large(value) and not is_float(text):
            text = f"float({text})"
        return self._mended(text, value, names)

    def _names(self, value: Symbolic) -> dict[Symbolic, str]:
        """What a constructor calls the number of the block, and what else it is made of."""
        text = self._own.columns.text
        names = {L: text(self._own.depth())}
        if reads_index(value):
            names[I] = text(self._own.index())
        return names | {item: text(self._own.placed(item)) for item in placed(value)}

    def _mended(
        self, text: str, value: Symbolic, names: Mapping[Symbolic, str]
    ) -> Mended:
        """Code of a number, with what it is in the blocks in which floats go wrong."""
        places = self._places(names)
        got = self._reckoned(text, value, places)
        return mended(text, got, self._wanted(value), places)

    def _reckoned(
        self, text: str, value: Symbolic, places: Iterable[Names]
    ) -> tuple[float, ...]:
        """What code makes of a number in each block; NaN where it would run over."""
        return tuple(
            math.nan if runs_over(value, at) else reckoned(text, names)
            for names, at in zip(places, self._blocks, strict=True)
        )

    def _places(self, names: Mapping[Symbolic, str]) -> list[Names]:
        """What these names, and the attributes that there are, stand for in each block."""
        attributes = {
            a.name: self._codes[value].numbers for value, a in self._made.items()
        }
        named = {
            name: self._wanted(k) for k, name in names.items() if name.isidentifier()
        }
        places: list[Names] = []
        for n in range(len(self._blocks)):
            own = SimpleNamespace(**{key: row[n] for key, row in attributes.items()})
            here: dict[str, Any] = {name: _plain(row[n]) for name, row in named.items()}
            places.append({**here, "self": own})
        return places

    def _wanted(self, value: Symbolic) -> list[float]:
        """What a number is in each block; infinite or NaN where it is none."""
        return [as_any_float(value, at) for at in self._blocks]

    def _is_too_large(self, value: Symbolic) -> bool:
        """Whether torch does not take it in some block, if it is a whole number."""
        return any(abs(number) >= TOO_LARGE for number in self._wanted(value))

    def _is_exact(self, value: Symbolic, named: Symbolic, own: list[Named]) -> bool:
        """Whether floats keep a number that is made of constants, in all blocks."""
        if not all(math.isfinite(x) for name in own for x in self._wanted(name.value)):
            return False
        letters = [sympy.Symbol(f"n{n}", real=True) for n in range(len(own))]
        rows = {
            str(x): self._code(n.value).numbers
            for x, n in zip(letters, own, strict=True)
        }
        said = named.xreplace(dict(zip((n.symbol for n in own), letters, strict=True)))
        names = self._names(said)
        places = [
            {**place, **{letter: row[n] for letter, row in rows.items()}}
            for n, place in enumerate(self._places(names))
        ]
        got = self._reckoned(_text(said, names), value, places)
        return all(map(is_near, got, self._wanted(value)))

    @cached_property
    def _blocks(self) -> list[dict[Symbolic, int]]:
        """The number of each block that takes the step, and how many there are."""
        return [
            {I: block, L: length}
            for segment, length in zip(
                self._own.segments, self._own.depths(), strict=True
            )
            for block in range(segment.first, segment.first + segment.count)
        ]


def _text(value: Symbolic, names: Mapping[Symbolic, str]) -> str:
    """A number as code; its names are those of a constructor."""
    rows = placed(value)
    first = len(names) - len(rows)
    symbols = {
        item: sympy.Symbol(f"_{first + n}", real=True) for n, item in enumerate(rows)
    }
    known = {symbols.get(key, key): text for key, text in names.items()}
    return coefficient_text(value.xreplace(symbols), known, torch=False)


def _plain(number: float) -> float:
    """A number as a constructor gets it: whole, if it is."""
    return int(number) if math.isfinite(number) and number == int(number) else number


def _span(recurrence: Recurrence, step: Step, tensor: Scaled | Filled) -> Span:
    """Where a coefficient stands in the file."""
    symbolic = relative(tensor, step.at, step.absolute)
    return find(recurrence.formula, symbolic) or recurrence.formula.equations[0].span


def _fail(what: str, blocks: TooMany, span: Span) -> None:
    report = Diagnostics()
    report.error(
        "RF106",
        f"{what} is made of numbers that cancel: floats keep no digit of it in "
        f"{blocks} blocks",
        span,
        hint="write it so that little is taken from much nowhere: "
        "1/(sqrt(i + 1) + sqrt(i)) is sqrt(i + 1) - sqrt(i)",
    )
    raise CompileError(report)


def _is_said(value: Symbolic) -> bool:
    """Whether a number can stand where it is used: names, and few rules between them."""
    return all(map(_is_reckoned, sympy.preorder_traversal(value)))


def _is_reckoned(part: Symbolic) -> bool:
    """Whether it is an attribute, a number, a step of the four rules or a whole power."""
    if part.is_Pow:
        return bool(part.exp.is_Integer)
    return bool(part.is_Add or part.is_Mul or (part.is_Atom and not is_of_block(part)))
