"""The frame of a network: parameters, input, stages, and how far the indices run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, TypeVar

import sympy

from recform.algebra.formula import Param, Scope, StageSpec
from recform.algebra.scalars import ScalarReader
from recform.algebra.symbols import MAX_SIZE
from recform.arguments import shown, whole
from recform.blocks import Layout, Shape, Stride
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, beyond, large
from recform.memory import Memory, memory_said
from recform.outline.operator_calls import names_in
from recform.outline.sections import Section
from recform.outline.survey import Survey
from recform.settings import number
from recform.source import Span
from recform.syntax import nodes as n

MAX_BLOCKS = 100_000
MAX_WIDTH = 65_536
MAX_STRIDE = 64
MAX_TIMES = 64
#: What stands for a number of times where the second index is the position of a token.
POSITIONS = "positions"
_IDS = "the number of ids that there are"
#: The setting that stands for the `input` line: sizes with an x between them, as text.
INPUT = "input"

_Given = TypeVar("_Given")


class FrameReader:
    """Reads what a network is before it has equations; each method is one statement.

    Args:
        section: the statements.
        settings: values of parameters that replace those of the file.
        report: gets RF106, RF212 and RF4xx.

    Attributes:
        values: of the parameters, by name.
        structural: names of parameters that decide how the network is built.
    """

    def __init__(
        self, section: Section, settings: Mapping[str, object], report: Diagnostics
    ) -> None:
        self._section = section
        self._settings = settings
        self._report = report
        self.values: dict[str, Symbolic] = {}
        self.structural: set[str] = set()

    def params(self) -> list[Param]:
        """The parameters, and their values by name."""
        result = []
        for name, item in self._section.params.items():
            value = self._settings.get(name) if name != INPUT else None
            if value is None:
                # The other one follows it, as no argument of a constructor does.
                self.structural |= params_in(item.value, self._section.params)
                reader = ScalarReader(self.values, self._report, "a parameter")
                value = reader.read(item.value)
                if value is None:
                    # After a mistake the name is known all the same.
                    self.values[name] = sympy.S.One
                    continue
            else:
                value = number(value)
            self.values[name] = value
            result.append(Param(name, value, True, item.span))
        return result

    def input(self) -> Shape | None:
        """What images, tokens or vectors come in; None after a diagnostic."""
        item = self._section.single["input"]
        assert isinstance(item, n.Input)
        return self._input(item, self._settings.get(INPUT))

    def contexts(self) -> dict[str, Shape]:
        """What further inputs come in, by name; those with mistakes are left out."""
        found = {
            name: self._input(item, None)
            for name, item in self._section.contexts.items()
        }
        return {name: shape for name, shape in found.items() if shape is not None}

    def _input(self, item: n.Input, given: object) -> Shape | None:
        """The shape of an input, in the sizes of the file if no others are given."""
        sizes: list[int | None]
        kinds = None if item.kinds is None else self.whole(item.kinds, _IDS, MAX_SIZE)
        ids = item.kinds is not None
        if given is not None:
            # `with_sizes` left digits only.
            text, of, many = str(given).partition("of")
            found = [sympy.Integer(size) for size in text.split("x")]
            sizes = [self._whole(v, "the input", MAX_SIZE, item.span) for v in found]
            if of:
                kinds = self._whole(sympy.Integer(many), _IDS, MAX_SIZE, item.span)
            # How many ids come in says nothing of how many there are.
            ids = bool(of) or (ids and len(sizes) == 1)
        else:
            sizes = [self.whole(size, "the input", MAX_SIZE) for size in item.sizes]
        if ids:
            return self._ids(sizes, kinds, item)
        if len(sizes) > 3:
            self._report.error(
                "RF212",
                "an input has one to three sizes: features, "
                "positions x features, or channels x height x width",
                item.span,
                hint="for example: input 3 x 32 x 32",
            )
            return None
        if any(size is None for size in sizes):
            return None
        return Shape.of(tuple(size for size in sizes if size is not None))

    def _ids(
        self, sizes: list[int | None], kinds: int | None, item: n.Input
    ) -> Shape | None:
        """So many ids, of so many that there are; None after a diagnostic."""
        if len(sizes) > 1:
            self._report.error(
                "RF212",
                "ids have one size, and behind `of` stands how many there are",
                item.span,
                hint="for example: input 64 of 256",
            )
            return None
        if sizes[0] is None or kinds is None:
            return None
        return Shape(Layout.IDS, kinds, (sizes[0],))

    def whole(self, expr: n.Expr, what: str, limit: int, least: int = 1) -> int | None:
        """A whole number of the frame, or None after a diagnostic."""
        self.structural |= params_in(expr, self._section.params)
        if self._has_constant(expr, what):
            return None
        value = ScalarReader(self.values, self._report, what).read(expr)
        return self._whole(value, what, limit, expr.span, least)

    def _has_constant(self, expr: n.Expr, what: str) -> bool:
        """Reports a constant of the file in a number of its frame (RF201)."""
        constants = self._section.consts.keys() - self.values.keys()
        for name in sorted(names_in(expr) & constants):
            self._report.error(
                "RF201",
                f"{what} is made of numbers and parameters, and {name} is a constant",
                expr.span,
                hint=f"write param {name} = ... in the place of const {name} = ...",
            )
            return True
        return False

    def _whole(
        self, value: Symbolic, what: str, limit: int, place: Span, least: int = 1
    ) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not value.is_Integer or value < least:
            code = (
                "RF403" if not isinstance(value, bool) and value.is_Integer else "RF404"
            )
            self._report.error(
                code,
                f"{what} takes a whole number of at least {least}, not {value}",
                place,
            )
            return None
        if value > limit:
            self._report.error(
                "RF106",
                beyond(f"{what} of {large(int(value))}", limit),
                place,
            )
            return None
        return int(value)

    def stages(self) -> tuple[StageSpec, ...]:
        """The stages; those with mistakes are left out."""
        item = self._section.single["stages"]
        assert isinstance(item, n.Stages)
        result = []
        for stage in item.stages:
            width = self.whole(stage.width, "a stage's width", MAX_WIDTH)
            blocks = self.whole(stage.blocks, "a stage's number of blocks", MAX_BLOCKS)
            stride: Stride | None = 1
            if stage.stride is not None:
                stride = self._stride(stage.stride)
            if width and blocks and stride:
                result.append(StageSpec(width, blocks, stride, stage.span))
        if sum(stage.blocks for stage in result) > MAX_BLOCKS:
            self._report.error(
                "RF106",
                f"the stages have more than {MAX_BLOCKS:,} blocks together",
                item.span,
            )
        return tuple(result)

    def _stride(self, expr: n.Expr) -> Stride | None:
        """A whole number, or one over a whole number, for a grid that becomes finer."""
        what = "a stage's stride"
        value = ScalarReader(self.values, Diagnostics(), what).read(expr)
        if not isinstance(value, sympy.Rational) or value.q == 1:
            return self.whole(expr, what, MAX_STRIDE)
        if value.p != 1 or value.q > MAX_STRIDE:
            self._report.error(
                "RF404",
                f"{what} is a whole number, or 1/2, 1/3, ..., 1/{MAX_STRIDE}, not {value}",
                expr.span,
            )
            return None
        self.structural |= params_in(expr, self._section.params)
        return Fraction(1, int(value.q))

    def starts(self, stages: tuple[StageSpec, ...]) -> tuple[int, ...]:
        """The first block of every stage, as the index counts them."""
        if self.scope() is Scope.STAGE:
            return (1,)
        counts = [stage.blocks for stage in stages]
        return tuple(1 + sum(counts[:number]) for number in range(len(counts)))

    def length(self, stages: tuple[StageSpec, ...]) -> int:
        """How many blocks the index counts; 0 where that depends on the stage."""
        counts = [stage.blocks for stage in stages]
        if self.scope() is Scope.STAGE:
            return counts[0] if len(set(counts)) == 1 else 0
        return sum(counts)

    def scope(self) -> Scope:
        """What the index runs through: the network, or a stage."""
        item = self._section.single["scope"]
        assert isinstance(item, n.Scope)
        try:
            return Scope(item.where)
        except ValueError:
            self._report.error(
                "RF212",
                "the scope is network or stage",
                item.span,
                hint="write scope stage, or leave it out for network",
            )
            return Scope.NETWORK

    def memory(self) -> Memory:
        """What is kept for the backward pass."""
        item = self._section.single["memory"]
        assert isinstance(item, n.Memory)
        return memory_said(item.keeps, self._report, item.span) or Memory.plain

    def times(self, found: Survey) -> int:
        """How far the second index runs; 0 where there is none, or it has no end."""
        item = self._section.single["times"]
        assert isinstance(item, n.Times)
        if not found.timed or self.over_positions():
            return 0
        return self.whole(item.count, "the number of times", MAX_TIMES) or 1

    def over_positions(self) -> bool:
        """Whether a second index is the position of a token: ``times positions``."""
        item = self._section.single["times"]
        assert isinstance(item, n.Times)
        count = item.count
        return (
            isinstance(count, n.Reference)
            and count.name == POSITIONS
            and not count.indices
            and POSITIONS not in {*self._section.params, *self._section.consts}
        )


def with_sizes(
    settings: Mapping[str, _Given], report: Diagnostics
) -> dict[str, _Given | str]:
    """Settings whose `input`, a tuple or a text, is spelled in one way: ``3x32x32``.

    Ids are a text, ``64of256``.

    Args:
        settings: as they were given.
        report: gets RF504 where the input is no one to three whole numbers, and no ids,
            and where any other value is no number, true or false.
    """
    found: dict[str, _Given | str] = dict(settings)
    for name, value in settings.items():
        if name == INPUT:
            found[name] = _sizes(value, report)
        elif value is not None:
            try:
                number(value)
            except ValueError as error:
                hint = of_budget(name) or f"such as {name}=10"
                report.error("RF504", f"{name}: {error}", hint=hint)
    return found


def of_budget(name: str) -> str:
    """A hint for what Python takes for a budget of memory alone; empty for all else."""
    if name not in ("batch", "dtype", "optimizer", "for_device"):
        return ""
    return f"without a budget of memory, {name} is a parameter of the file"


def _sizes(value: Any, report: Diagnostics) -> str:
    """The sizes of an input, with an x between them."""
    sizes = value if isinstance(value, tuple | list) else [value]
    # NumPy's numbers are written like Python's.
    own = (int(size) if whole().fits(size) else size for size in sizes)
    words = (size if isinstance(size, str) else shown(size) for size in own)
    text = "x".join(part.strip() for word in words for part in word.split("x"))
    text = re.sub(r"\s+of\s+", "of", text)
    # Numbers out of all reason are read, and told as such.
    if not re.fullmatch(r"[0-9]{1,30}((x[0-9]{1,30}){0,2}|of[0-9]{1,30})", text):
        report.error(
            "RF504",
            f"{shown(value)} is not the sizes of an input",
            hint="one to three whole numbers, such as 3x32x32; or ids, 64of256",
        )
    return text


def params_in(expr: n.Expr, params: Mapping[str, n.Param]) -> set[str]:
    """The parameters that a number is made of."""
    return names_in(expr) & set(params)
