"""A recurrence over positions as an operator: ``H_<i,t> = A_i*H_<i,t-1> + B_i*X_<i-1,t>``.

What a position reads of the positions before is computed inside of it; all else comes in
as whole tensors. To everything outside it is an operator of several tensors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import sympy

from recform.algebra.definitions.body import Body, given
from recform.algebra.definitions.inside import Inside
from recform.algebra.definitions.rounds import Scan
from recform.algebra.expr import (
    Apply,
    Filled,
    Learned,
    Pointwise,
    State,
    Tensor,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.multiples import Affine
from recform.blocks import (
    Arguments,
    Cost,
    Layout,
    Memory,
    Misfit,
    Shape,
    Work,
    symbols_in,
)
from recform.blocks.acts import Inner, Link
from recform.blocks.operator import require_layout
from recform.blocks.shape import Size
from recform.blocks.support import template
from recform.blocks.symbolic import Symbolic

#: Positions that are written out where each operation counts.
WRITTEN_OUT = 64


def before(unknown: str, lag: int) -> State:
    """What an unknown was some positions ago; at 0, what it is now."""
    return State(unknown, -lag)


def cell_of(formula: Formula, name: str) -> Cell | None:
    """The recurrence over positions that an operator is; None if it is none."""
    pipeline = formula.operators.get(name)
    steps = () if pipeline is None else pipeline.steps
    operator = steps[0].operator if len(steps) == 1 else None
    return operator if isinstance(operator, Cell) else None


@dataclass(frozen=True, eq=False, kw_only=True)
class Cell(Body):
    """Unknowns that need what they were at the positions before.

    Its state is what a network keeps that takes one position after the other: the values
    of :attr:`recurrent`. Before the first position they are zeros, or what ``starts`` says
    of the newest.

    Attributes:
        unknowns: what recurs, in the order of the file. Of these, ``definitions`` says
            what each is at a position.
        results: those of them that are read outside; several come out side by side.
        lags: how many positions back each is read; 0 for one that is not.
        affine: the recurrence as a linear one; None if it is not linear.
        starts: what unknowns are before the first position, where these are no zeros.
    """

    unknowns: tuple[str, ...]
    results: tuple[str, ...]
    lags: Mapping[str, int]
    affine: Affine | None
    starts: Mapping[str, Filled]

    @property
    def support(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a linear one runs."""
        if self.affine is None:
            return ()
        return tuple(map(template, ("scan", *["started"] * bool(self.starts))))

    @property
    def support_kept(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a linear one runs where a network goes on by positions."""
        if self.affine is None:
            return ()
        begun = ["started", "kept/started_on"] * bool(self.starts)
        return tuple(map(template, ("scan", "kept/scan_on", *begun)))

    @property
    def recurrent(self) -> tuple[State, ...]:
        """What is kept from position to position, the newest value of each first."""
        return tuple(
            before(name, lag)
            for name in self.unknowns
            for lag in range(1, self.lags[name] + 1)
        )

    @property
    def handed_on(self) -> tuple[str, ...]:
        """The unknowns that the next position reads, or somebody outside."""
        return tuple(n for n in self.unknowns if self.lags[n] or n in self.results)

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        """Tokens of the features that come out.

        Raises:
            Misfit: if no tokens come in, or a value would change its width from
                position to position.
        """
        made = self.known(inputs, a).shape(self.output)
        return inputs[0].with_features(made.features)

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        """Parameters once, all else for every position."""
        key = (inputs, tuple(a.items()))
        if key not in self._costs:
            inside = self.known(inputs, a)
            assert isinstance(inside, Recurring)
            if self.affine is None:
                self._costs[key] = self._loop(inside, int(inputs[0].grid[0]))
            else:
                self._costs[key] = self._scan(inside, self.affine)
        return self._costs[key]

    def started_by(self, scalar: str) -> State | None:
        """What begins with a learned scalar."""
        for name, start in self.starts.items():
            if any(item.name == scalar for item in start.coefficient.atoms(Learned)):
                return before(name, 1)
        return None

    def _loop(self, inside: Recurring, length: int) -> Cost:
        """One position after the other."""
        one = inside.cost(tuple(self._positions(inside, length)))
        # What all positions made is there until it is put together.
        made = inside.shape(self.output).elements * length
        return replace(one, workspace=one.workspace + made)

    def _scan(self, inside: Recurring, linear: Affine) -> Cost:
        """All positions at once, in rounds of which each has half of those before."""
        y, tensors = inside.shape(self.output).elements, _read(linear)
        if linear.factor == Filled(sympy.S.One):
            # A sum, whose gradient is one from the other end.
            cost = inside.cost(tuple(inside.opened(tensors)), tensors)
            return cost.changed(workspace_back=2 * y)
        cost = inside.cost(tuple(self._scanned(inside, linear)), tensors)
        # The scan has its two arguments, and rounds of half as much each.
        return cost.changed(workspace=5 * y // 2)

    def written_out(
        self, inside: Inside, inputs: tuple[Shape, ...]
    ) -> tuple[Inner, ...]:
        """What it computes at one position after the other, or in the rounds of a scan.

        Nothing for a sum over positions, which is one operation. Of many positions some are
        written out, and one in the middle stands for the others.
        """
        assert isinstance(inside, Recurring)
        if self.affine is None:
            return tuple(self._positions(inside, int(inputs[0].grid[0])))
        if self.affine.factor == Filled(sympy.S.One):
            return ()
        return tuple(self._scanned(inside, self.affine))

    def _positions(self, inside: Recurring, length: int) -> Iterator[Inner]:
        one = tuple(inside.opened())
        calls = tuple(item.tensor for item in one if isinstance(item.tensor, Apply))
        states = tuple(inside.bare(before(name, 0)) for name in self.handed_on)
        for state in self.recurrent:
            size = inside.shape(state).elements
            link = Link(size, Cost(), (Work(0, size),))
            yield Inner((0, state), self.leaves[:1], (link,), ())

        def key(position: int, tensor: object) -> object:
            while tensor in self.recurrent:
                assert isinstance(tensor, State)
                if (earlier := position + int(tensor.index)) < 0:
                    return 0, tensor
                position, tensor = earlier, inside.bare(before(tensor.name, 0))
            return tensor if tensor in self.leaves else (position + 1, tensor)

        def keys(position: int, tensors: Iterable[object]) -> tuple[object, ...]:
            return tuple(key(position, tensor) for tensor in tensors)

        written = min(length, WRITTEN_OUT)
        for position in range(written):
            runs = 1 + length - written if position == written // 2 else 1
            for item in one:
                named = (*calls, *states) if item is one[-1] else ()
                yield Inner(
                    key(position, item.tensor),
                    keys(position, item.reads),
                    item.links,
                    keys(position, item.asks),
                    keys(position, item.hands),
                    (),
                    keys(position, named),
                    runs,
                    item.module,
                )
        output = inside.bare(self.output)
        every = tuple(key(position, output) for position in range(written))
        size = length * inside.shape(self.output).elements
        link = Link(size, Cost(cheap=True), (Work(size, size),))
        yield Inner(None, every, (link,), (), names=every)

    def _scanned(self, inside: Recurring, linear: Affine) -> Iterator[Inner]:
        """What a scan gets, and its rounds (`blocks/support/scan.py`)."""
        assert linear.rest is not None
        number = isinstance(linear.factor, Filled)
        yield from inside.opened(_read(linear))
        b, y = inside.bare(linear.rest), inside.shape(self.output)
        factor: object = None if number else inside.bare(linear.factor)
        features = 0 if number else int(inside.shape(linear.factor).features)
        learned = not number or bool(linear.factor.coefficient.atoms(Learned))
        length, scan = int(y.grid[0]), Scan(int(y.features), features, learned)
        if number and learned:
            factor = "factor"
            yield from scan.numbers(factor)
        given: object = b
        if self.starts:
            given = "started"
            reads = tuple(x for x in (factor, b) if x is not None)
            yield scan.made(given, reads, length * scan.width)
        yield from scan.rounds(length, factor, given)
        yield Inner(None, (scan.result(length, given),), (), (), names=(given,))

    def works_of(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Work, ...]:
        """What it computes at all positions."""
        works = super().works_of(inputs, a)
        if self.affine is not None:
            return works
        return tuple(work.times(int(inputs[0].grid[0])) for work in works)

    def memory_of(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Memory, ...]:
        """The values of the last positions; what runs at one has nothing else to keep.

        Raises:
            Misfit: if something inside cannot go on by positions.
        """
        inside = self.inside(inputs, a)
        kept = tuple(
            Memory(f"{state.name}, {-int(state.index)} back", int(features), 1)
            for state in self.recurrent
            for features in (inside.shape(state).features,)
        )
        return (*kept, *super().memory_of(inputs, a))

    def inside(self, inputs: tuple[Shape, ...], a: Arguments) -> Recurring:
        """The shapes inside: of one position, or of all of them if it is linear.

        Raises:
            Misfit: if there are none.
        """
        for shape in inputs:
            require_layout(shape, Layout.TOKENS)
            both = (*shape.grid, *inputs[0].grid)
            if len(set(both)) > 1 and all(isinstance(size, int) for size in both):
                raise Misfit(
                    "RF401", f"runs over {inputs[0]} and {shape} at the same time"
                )
        if self.affine is None:
            inputs = tuple(Shape(Layout.VECTOR, x.features) for x in inputs)
        known: dict[Tensor, Shape] = {
            given(name): x for name, x in zip(self.incoming, inputs, strict=True)
        }
        widths = self._widths(known, a)
        made = Recurring(self, a, {**known, **self._kept(inputs[0], widths)})
        for name, width in widths.items():
            now = made.shape(before(name, 0)).features
            if now != width and isinstance(now, int) and isinstance(width, int):
                raise self._misfit(
                    "RF401",
                    f"makes {now} features of {name} at a position, and {width} at the "
                    "one before",
                    name,
                    "a recurrence has one width at all positions",
                )
        return made

    def _widths(self, known: Mapping[Tensor, Shape], a: Arguments) -> dict[str, Size]:
        """How many features each unknown has, which what it is made of says.

        What is kept has a width that is not known at first, of which sums and operators
        may be free.
        """
        opened = {
            name: sympy.Symbol(f"width of {name}", integer=True, positive=True)
            for name in self.unknowns
        }
        waiting = frozenset(opened.values())
        found: dict[str, Size] = dict(opened)
        one = next(iter(known.values()))
        for _ in self.unknowns:
            trial = Recurring(self, a, {**known, **self._kept(one, found)}, waiting)
            for name in self.unknowns:
                made = trial.shape(before(name, 0)).features
                if waiting.isdisjoint(symbols_in(made)):
                    found[name] = made
        for name in self.unknowns:
            if found[name] == opened[name]:
                raise self._misfit(
                    "RF229",
                    f"has nothing that says how many features {name} has",
                    name,
                    "add a term that is free of the recurrence: B_i*X_<i-1,t>",
                )
        return found

    def _kept(self, one: Shape, widths: Mapping[str, Size]) -> dict[Tensor, Shape]:
        return {
            state: one.with_features(widths[state.name]) for state in self.recurrent
        }

    def _misfit(self, code: str, message: str, unknown: str, hint: str) -> Misfit:
        misfit = Misfit(code, message, hint)
        misfit.operator = self.name
        misfit.place = self.spans.get(self.definitions[before(unknown, 0)], self.span)
        return misfit


def _read(linear: Affine) -> list[Tensor]:
    """What a scan gets, parts before what uses them."""
    ends = [linear.factor, linear.rest]
    inner = [t for end in ends if end for t in subtensors(end)]
    return [t for t in dict.fromkeys(inner) if not isinstance(t, Filled)]


class Recurring(Inside):
    """The shapes inside a cell.

    Args:
        cell: the recurrence.
        a: its arguments.
        known: the shapes of what comes in and of what is kept.
        waiting: widths that are not known yet; a sum has one that is, if it can.
    """

    def __init__(
        self,
        cell: Cell,
        a: Arguments,
        known: Mapping[Tensor, Shape],
        waiting: frozenset[Symbolic] = frozenset(),
    ) -> None:
        super().__init__(
            cell, {leaf: known[leaf] for leaf in map(given, cell.incoming)}, a
        )
        self._cell = cell
        self.known.update(known)
        self._waiting = waiting
        for name, scalar in cell.scalars.items():
            begun = cell.started_by(name)
            if scalar.per_feature and begun is not None:
                self._sizes[name] = self.known[begun].per_feature

    def scaled_by(self, name: str) -> Shape | None:
        """What a scalar scales by features; it may stand in no equation but a start."""
        begun = self._cell.started_by(name)
        if begun is None or not self._cell.scalars[name].per_feature:
            return super().scaled_by(name)
        return self.shape(begun)

    def _is_given(self, tensor: Tensor) -> bool:
        return tensor in self._cell.recurrent or super()._is_given(tensor)

    def meeting(self, tensor: Tensor) -> list[Tensor]:
        """The terms that say which shape a sum has: those whose width is known."""
        terms = super().meeting(tensor)
        if not self._waiting:
            return terms
        widths = {term: self.shape(term).features for term in terms}
        known = [
            term
            for term in terms
            if self._waiting.isdisjoint(symbols_in(widths[term]))
            # A gate says nothing of the width of what it scales.
            and not (isinstance(tensor, Pointwise) and widths[term] == 1)
        ]
        return known or terms
