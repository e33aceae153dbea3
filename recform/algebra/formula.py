"""The data that the algebra hands on: one network, all names resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

import sympy

from recform.algebra.expr import History, I, L, Tensor, subtensors
from recform.algebra.indices import counts_from_end
from recform.algebra.labels import Naming
from recform.algebra.pipeline import Pipeline
from recform.algebra.written.constants import Constant
from recform.algebra.written.decimals import Decimals, decimals_in
from recform.algebra.written.starts import MemberStarts
from recform.blocks import Library, Shape, Stride
from recform.blocks.exact import as_float
from recform.blocks.symbolic import Symbolic
from recform.memory import Memory
from recform.source import Source, Span


class Scope(Enum):
    """What the index of a block runs through before it starts anew."""

    NETWORK = "network"
    STAGE = "stage"


@dataclass(frozen=True)
class StageSpec:
    """``width x blocks / stride``."""

    width: int
    blocks: int
    stride: Stride
    span: Span | None = field(compare=False, default=None)


@dataclass(frozen=True)
class Table:
    """``const kernel = (3, 5, 3) per stage``: a number of each stage, or of each block.

    Attributes:
        name: as in the file.
        symbol: what stands for it in the arguments of operators; its name is that of a
            constructor's argument.
        by_block: whether each block has a number, rather than each stage.
        values: in the order of the stages, or of all blocks.
        counts: whether it is the number of each block within its stage.
    """

    name: str
    symbol: Symbolic
    by_block: bool
    values: tuple[int | float, ...]
    span: Span = field(compare=False)
    counts: bool = False

    @property
    def argument(self) -> str:
        """What the constructors of generated classes call it."""
        return str(self.symbol)

    @property
    def text(self) -> str:
        """``(3, 5, 3) per stage``."""
        per = "block" if self.by_block else "stage"
        return f"({', '.join(map(str, self.values))}) per {per}"


@dataclass(frozen=True)
class LearnedScalar:
    """``scalar k_i = 0.5 per channel``.

    Attributes:
        name: as in the file.
        indexed: whether each block has one of its own.
        start: its first value; in ``i`` and ``L`` if blocks start otherwise.
        per_feature: one for each feature rather than one for all.
        members: how it starts, if it is one for each member of a sum.
    """

    name: str
    indexed: bool
    start: Symbolic
    per_feature: bool
    span: Span = field(compare=False)
    members: MemberStarts | None = None

    def numbers(self, count: int, block: int | None, length: int | None) -> list[float]:
        """The first values, so many of them, of a block in a network of so many."""
        if self.members is not None and block is not None:
            assert length is not None
            return self.members.numbers(block, length, count)
        if isinstance(self.start, float):
            return [self.start] * count
        numbers = {I: block, L: length}
        at = {key: n for key, n in numbers.items() if n is not None}
        return [as_float(self.start, at)] * count

    def has(self, symbol: sympy.Symbol) -> bool:
        """Whether its first values depend on a symbol."""
        return (self.members or sympy.sympify(self.start)).has(symbol)

    def number(self, block: int, member: int, length: int) -> float:
        """The first value of a block for one member of its sum."""
        assert self.members is not None
        return self.members.number(block, length, member)


@dataclass(frozen=True)
class Param:
    """``param classes = 10``.

    Attributes:
        name: as in the file.
        value: after ``--set``.
        free: whether it is left to the constructor of the generated module; otherwise
            it shapes the network and its value is fixed when the file is compiled.
    """

    name: str
    value: Symbolic
    free: bool
    span: Span = field(compare=False)


@dataclass(frozen=True)
class Equation:
    """``X_i = right``, with index i on the left.

    Attributes:
        unknown: its name.
        right: in ``i``.
        span: the whole equation.
        text: as it stands in the file (spaces folded).
        beside: the texts of unknowns that recur together with this one, and that nobody
            else reads: there is no equation for them.
        ahead: how far the left side is ahead of ``i`` in the file: 1 for ``X_<i+1>``.
    """

    unknown: str
    right: Tensor
    span: Span = field(compare=False)
    text: str = ""
    beside: tuple[str, ...] = ()
    ahead: int = field(default=0, compare=False)

    @property
    def block(self) -> Symbolic:
        """What the file calls the block that is computed."""
        return I + self.ahead


@dataclass(frozen=True)
class Start:
    """``H_<i,0> = h_i``: what an unknown that recurs over positions begins with.

    Attributes:
        unknown: its name.
        value: a number, or learned ones.
        span: the whole equation.
        text: as it stands in the file (spaces folded).
    """

    unknown: str
    value: Symbolic
    span: Span = field(compare=False)
    text: str = ""


@dataclass(frozen=True)
class Rule:
    """The right side of ``X_<2..5> = right``, which several boundary equations share.

    Attributes:
        right: in ``i``.
        opens: whether it is for the first block of every stage, ``X_<first> = right``.
        ends: of a range, its first and its last block, which may be said in ``L``.
    """

    right: Tensor
    opens: bool
    ends: tuple[Symbolic, Symbolic] | None = None

    @property
    def relative(self) -> bool:
        """Whether it says other things in a network of another depth."""
        ends = self.ends is not None and any(end.has(L) for end in self.ends)
        return ends or counts_from_end(self.right)


@dataclass(frozen=True)
class Ranged:
    """``X_<L/2+1..L> = right``, whichever blocks it has here, if any.

    Attributes:
        unknown: its name.
        rule: the right side, and the ends of the range.
        span: the whole equation.
        text: as it stands in the file (spaces folded).
    """

    unknown: str
    rule: Rule
    span: Span = field(compare=False)
    text: str = ""

    @property
    def ends(self) -> tuple[Symbolic, Symbolic]:
        """Its first and its last block."""
        assert self.rule.ends is not None
        return self.rule.ends


@dataclass(frozen=True)
class Boundary:
    """``X_1 = right``, ``V_0 = 0``, ``W_0*X_<-1> = X_0``.

    Attributes:
        left: a tensor without ``i``.
        right: None for zero.
        rule: the equation for several blocks that it comes from; None if it is for one.
    """

    left: Tensor
    right: Tensor | None
    span: Span = field(compare=False)
    text: str = ""
    rule: Rule | None = None

    @property
    def several(self) -> bool:
        """Whether it comes from an equation for several blocks."""
        return self.rule is not None


@dataclass(frozen=True)
class Formula:
    """One network of a file.

    Attributes:
        name: of the class.
        source: the file that was asked for.
        params: in the order of the file.
        input: the shape of one example.
        contexts: the shapes of its further inputs, by name, in the order of the file;
            those that nobody reads as well.
        stem, head, adapter, transition: pipelines; ``adapter`` and ``transition`` are
            None for ``none``.
        rise, lift: the adapter and the transition for a grid that becomes finer; None for
            ``none``, and where no stage has a finer grid than the one before.
        stages: at least one.
        scope: where the index starts anew.
        memory: what is kept for the backward pass, unless a command says otherwise. The
            network is the same, whatever it keeps.
        constants: numbers with a name, after which generated code calls them.
        operators: every operator letter of the equations, in the order of appearance.
        scalars: likewise.
        tables: numbers of each stage or block, in the order of the file.
        equations: in the order of the file.
        boundaries: likewise; of ranges, those of the blocks that are there.
        ranges: the equations for ranges of blocks, in the order of the file: what they say
            of a network of another depth. One may be the equation in general here.
        output: what the head gets (what the transition gets, with ``scope stage``).
        names, init: the settings of the file.
        name_spans: where each name is said; for operators that `names` does not name,
            where they stand first.
        spans: where each subexpression of an equation first stands.
        library: the operators that its file may name.
        said: of unknowns that recur over positions, what the file says of them; in the
            equations an operator is in the place of that.
        starts: what these begin with, before the first position; others with zeros.
    """

    name: str
    source: Source
    params: tuple[Param, ...]
    input: Shape
    contexts: Mapping[str, Shape]
    stem: Pipeline
    head: Pipeline
    adapter: Pipeline | None
    rise: Pipeline | None
    transition: Pipeline | None
    lift: Pipeline | None
    stages: tuple[StageSpec, ...]
    scope: Scope
    operators: Mapping[str, Pipeline]
    scalars: Mapping[str, LearnedScalar]
    tables: tuple[Table, ...]
    equations: tuple[Equation, ...]
    boundaries: tuple[Boundary, ...]
    output: Tensor
    output_span: Span = field(compare=False)
    names: Mapping[str, Naming]
    name_spans: Mapping[str, Span] = field(compare=False, repr=False)
    init: Mapping[str, InitRule]
    spans: Mapping[Tensor, Span] = field(compare=False, repr=False)
    library: Library = field(compare=False, repr=False)
    ranges: tuple[Ranged, ...] = ()
    said: Mapping[str, Tensor] = field(compare=False, repr=False, default_factory=dict)
    starts: Mapping[str, Symbolic] = field(
        compare=False, repr=False, default_factory=dict
    )
    memory: Memory = field(compare=False, default=Memory.plain)
    constants: tuple[Constant, ...] = field(compare=False, repr=False, default=())

    @cached_property
    def decimals(self) -> Decimals:
        """The numbers that its equations and constants have as decimals."""
        constants = re.findall(r"(?m)^\s*const\b[^\n#]*", self.source.text)
        texts = [text for e in self.equations for text in (e.text, *e.beside)]
        texts += [b.text for b in self.boundaries] + [r.text for r in self.ranges]
        return decimals_in([*texts, *constants])

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """All that it has, around the blocks and in them."""
        around = (self.stem, self.head, self.adapter, self.rise)
        between = (self.transition, self.lift)
        return tuple(p for p in (*around, *between, *self.operators.values()) if p)

    @property
    def inputs(self) -> tuple[Shape, ...]:
        """The shapes of all that the network takes, in the order in which it does."""
        return self.input, *self.contexts.values()

    def taking(self, shape: Shape) -> Formula:
        """The network of other examples; a further input with their grid follows them."""
        same = (self.input.layout, self.input.grid)
        contexts = {
            name: replace(x, grid=shape.grid)
            if x.grid and (x.layout, x.grid) == same and len(x.grid) == len(shape.grid)
            else x
            for name, x in self.contexts.items()
        }
        return replace(self, input=shape, contexts=contexts)

    @property
    def rights(self) -> tuple[Tensor, ...]:
        """The right sides of its equations and boundary equations."""
        own = (b.right for b in self.boundaries if b.right is not None)
        return (*(e.right for e in self.equations), *own)

    @property
    def relative(self) -> bool:
        """Whether its equations say other things in a network of another depth."""
        opening = (b.rule for b in self.boundaries if b.rule is not None)
        ranges = (item.rule for item in self.ranges if not self._is_all(item))
        return any(rule.relative for rule in (*opening, *ranges))

    @property
    def ranged(self) -> frozenset[str]:
        """The unknowns of which ranges alone speak."""
        return frozenset(item.unknown for item in self.ranges if self.is_general(item))

    def is_general(self, item: Ranged) -> bool:
        """Whether a range is the equation in general here."""
        mine = (e.span for e in self.equations if e.unknown == item.unknown)
        return item.span in mine

    def _is_all(self, item: Ranged) -> bool:
        """Whether a range is all blocks of any depth, and their equation in general."""
        return item.ends == (1, L) and self.is_general(item)

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many blocks the index runs through, each time that it starts anew."""
        counts = tuple(stage.blocks for stage in self.stages)
        return counts if self.scope is Scope.STAGE else (sum(counts),)

    @property
    def ends(self) -> tuple[int, ...]:
        """The blocks behind which a stage is finished and another one follows; and 0."""
        counts = [stage.blocks for stage in self.stages]
        return tuple(sum(counts[:number]) for number in range(len(counts)))

    @cached_property
    def open_stages(self) -> frozenset[Tensor]:
        """The members of sums by stage that a block adds up with its own one, the newest.

        That one stands behind the finished ones even where it finishes a stage: the list
        in which it is finished is only the next block's.
        """
        sides = [e.right for e in self.equations]
        sides += [b.rule.right for b in self.boundaries if b.rule is not None]
        return frozenset(
            part.body
            for side in sides
            for part in subtensors(side)
            if isinstance(part, History) and part.kind == "stages" and part.last == I
        )

    def adapter_of(self, stride: Stride) -> Pipeline | None:
        """The adapter for a term whose grid a stride divides; None for ``none``."""
        return self.rise if stride < 1 else self.adapter

    def transition_of(self, stage: StageSpec) -> Pipeline | None:
        """The transition that leads to a stage; None for ``none``."""
        return self.lift if stage.stride < 1 else self.transition

    def span_of(self, tensor: Tensor) -> Span:
        """The place of a subexpression, or of the first equation if it has none."""
        return self.spans.get(tensor, self.equations[0].span)


@dataclass(frozen=True)
class InitRule:
    """How the weights of a kind of operator start.

    Attributes:
        rule: ``kaiming_normal``, ``normal``, ``zeros``, ... or ``torch`` for its default.
        numbers: the arguments of the rule, as ``(("std", 0.01),)``.
        mode: ``fan_in`` or ``fan_out`` where the rule has one.
    """

    rule: str
    numbers: tuple[tuple[str, float], ...] = ()
    mode: str = ""
