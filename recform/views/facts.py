"""What is said of the parts of a step: names, places in the file, sizes, colours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import sympy

from recform.algebra.expr import I, Learned, Scaled, State, Tensor
from recform.algebra.formula import Formula
from recform.algebra.indices import untimed
from recform.algebra.typeset import plain
from recform.algebra.written.decimals import Decimals
from recform.blocks.arguments import Value
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.graph.model import (
    Block,
    Bridge,
    Module,
    NetworkGraph,
    Place,
    Segment,
    Site,
)
from recform.graph.pipelines import PipelineRunner
from recform.graph.places import find
from recform.recurrence.build import relative
from recform.recurrence.model import ModuleSlot, Recurrence, Slot, Step
from recform.recurrence.numbered import newest
from recform.source import Span
from recform.views.times import AtOneTime

#: A name without its index.
_NAME = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z][A-Za-z0-9]*?(?=_|(?![A-Za-z0-9]))")
#: A name with one index.
_INDEXED = re.compile(
    r"(?P<name>\w+?)_(?:<(?P<long>[^<>,]*)>|(?P<short>[A-Za-z0-9])\b)"
)


@dataclass(frozen=True)
class Names:
    """How the tensors of a step are called.

    Attributes:
        step: written out for one block.
        index: what its number is called: ``i``, ``i + 1``, or the number of a block.
        times: what numbers of times are called, where a block is drawn at one of them.
        positions: unknowns that have a position behind their index.
        decimals: the numbers of the file that are no fractions there.
    """

    step: Step
    index: Symbolic = I
    times: Mapping[int, str] = field(default_factory=dict)
    positions: frozenset[str] = frozenset()
    decimals: Decimals = field(kw_only=True)

    def tensor(self, tensor: Tensor) -> str:
        """A tensor in the language of the files."""
        symbolic = relative(tensor, self.step.at, self.step.absolute)
        return self._timed(plain(symbolic.xreplace({I: self.index}), self.decimals))

    def _timed(self, text: str) -> str:
        """``X_<i,t-1>`` for ``X_<i,3>``, and ``X_<i,t>`` for ``X_i``."""
        if self.positions:
            return _INDEXED.sub(self._positioned, text)

        def name(found: re.Match[str]) -> str:
            return f",{self.times.get(int(found[1]), found[1])}>"

        return re.sub(r",(\d+)>", name, text) if self.times else text

    def _positioned(self, found: re.Match[str]) -> str:
        if found["name"] not in self.positions:
            return found[0]
        return f"{found['name']}_<{found['long'] or found['short']},t>"

    def owned(self, name: str, index: Symbolic) -> str:
        """An operator or a scalar of a block."""
        return replace(self, positions=frozenset()).tensor(State(name, index))

    def slot(self, slot: Slot) -> str:
        """What is handed on."""
        if isinstance(slot, ModuleSlot):
            return self.owned(slot.name, slot.index)
        return self.tensor(slot)

    def coefficient(self, tensor: Scaled, value: Symbolic) -> str:
        """A coefficient (of ``tensor``, or a part of it) as the formula says it."""
        text = self.tensor(Scaled(value, State("_", 0), tensor.at))
        return text.rpartition("*")[0] or text


class Groups:
    """A number for each tensor that blocks hand on, the same in all blocks."""

    def __init__(self, recurrence: Recurrence, at: AtOneTime | None = None) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._times = {} if at is None else at.times
        decimals = recurrence.formula.decimals
        starts = [flow.start for flow in recurrence.flows]
        steps = [recurrence.pattern, *recurrence.steps, *starts]
        if self._times and at is not None:
            # At all times a tensor has one number.
            steps = [at.step]
        for step in steps:
            for slot in step.outputs:
                if self._key(slot) not in self._numbers:
                    self._numbers[self._key(slot)] = len(self._numbers) + 1
                    names = Names(step, times=self._times, decimals=decimals)
                    self._texts.append(names.slot(slot))

    def of(self, slot: Slot) -> int:
        """The number of a tensor; 0 if no block hands it on."""
        return self._numbers.get(self._key(slot), 0)

    def texts(self) -> tuple[str, ...]:
        """What the numbers from 1 on stand for."""
        return tuple(self._texts)

    def _key(self, slot: Slot) -> str:
        if isinstance(slot, ModuleSlot):
            return f"module {slot.name}"
        if isinstance(slot, State):
            return untimed(slot.name) if self._times else slot.name
        # Counted from its newest index, and X_0 like any other.
        return plain(relative(slot, newest(slot), -64))


def place_of(formula: Formula, step: Step, tensor: Tensor) -> Span | None:
    """Where the formula says a tensor of a step, up to a shift of the index."""
    return find(formula, relative(tensor, step.at, step.absolute))


def _factor(whole: str, inner: str) -> str:
    """What a text is multiplied by in another one; empty if it is not said so."""
    for brackets in (f"*{inner}", f"*({inner})"):
        if whole.endswith(brackets):
            return whole.removesuffix(brackets)
    divisor = whole.removeprefix(f"{inner}/")
    return f"1/{divisor}" if re.fullmatch(r"\w+", divisor) and divisor != whole else ""


def coefficient(formula: Formula, names: Names, tensor: Scaled) -> str:
    """A coefficient in the words of the file, where it has names for numbers.

    Returns:
        ``odd_i + m_i``; empty where the file names no more than what is learned.
    """
    step = names.step
    places = [
        formula.spans.get(relative(part, step.at, step.absolute))
        for part in (tensor, tensor.tensor)
    ]
    texts = [re.sub(r"\s*\*\s*", "*", place.text) for place in places if place]
    said = _factor(*texts) if len(texts) == len(places) else ""
    value = names.coefficient(tensor, tensor.coefficient)
    new = set(_NAME.findall(said)) - set(_NAME.findall(value))
    # An index of a sum is another one in each of its terms.
    if not new or re.search(r"_(?!i\b)", said):
        return ""
    if re.fullmatch(r"\([^()]*\)", said):
        said = said[1:-1]
    if names.index == I:
        return said
    if re.search(r"\bi\b", said):
        # It reckons with the number of the block, which is another one here.
        return ""
    return re.sub(r"_i\b", f"_<{names.index}>".replace(" ", ""), said)


def line(formula: Formula, step: Step, tensor: Tensor) -> str:
    """``line 3``, or the equation's line, or nothing for a formula of another file."""
    span = place_of(formula, step, tensor)
    if span is None:
        names = [tensor.name] if isinstance(tensor, State) else []
        spans = [e.span for e in formula.equations if not names or e.unknown in names]
        span = spans[0] if spans else None
    if span is None or span.source != formula.source:
        return ""
    return f"line {span.line}"


class Sizes:
    """Parameters of the parts of a network."""

    def __init__(self, formula: Formula) -> None:
        self._formula = formula
        self._runner = PipelineRunner(formula, Diagnostics())

    def operator(self, name: str, module: Module) -> int:
        """How many parameters an operator has where it is owned."""
        pipeline = self._formula.operators[name]
        if module.inputs is None:
            return 0
        return self._runner.run(pipeline, module.inputs, module.place, None).parameters

    def values(self, module: Module) -> Mapping[Symbolic, Value]:
        """What the symbols of an operator stand for where it is owned."""
        return self._runner.values(module.place)

    def adapter(self, adapter: Adapter) -> int:
        """How many parameters an adapter has."""
        pipeline = self._formula.adapter_of(adapter.bridge.stride)
        assert pipeline is not None
        bridge = adapter.bridge
        place = Place(int(bridge.target.features), bridge.stride)
        return self._runner.run(pipeline, (bridge.source,), place, None).parameters


def segments(network: NetworkGraph) -> list[tuple[int, Segment]]:
    """All segments, with the number of their stage."""
    return [
        (number, segment)
        for number, stage in enumerate(network.stages)
        for segment in stage.segments
    ]


@dataclass(frozen=True)
class Adapter:
    """An adapter of a block.

    Attributes:
        value: what it adapts.
        bridge: what it does.
        sites: the places where its output is read.
    """

    value: Tensor
    bridge: Bridge
    sites: tuple[Site, ...]


def adapters(blocks: Iterable[Block], block: Block) -> tuple[Adapter, ...]:
    """The adapters of a block.

    Two sites have one adapter if all blocks of the step bring both to the same shape.

    Args:
        blocks: all that take the step.
        block: the one that is asked for.
    """
    several = list(blocks)
    groups: dict[object, list[Site]] = {}
    for site in block.sites:
        targets = [other.arrives(site) for other in several]
        key = (site.value, block.sites[site].target, tuple(targets))
        groups.setdefault(key, []).append(site)
    return tuple(
        Adapter(sites[0].value, block.sites[sites[0]], tuple(sites))
        for sites in groups.values()
    )


def count(number: int, noun: str) -> str:
    """``1 block``, ``2 blocks``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def spread(numbers: Iterable[int]) -> str:
    """One number, or the smallest and the largest of several."""
    values = sorted(set(numbers))
    if not values:
        return "0"
    low, high = values[0], values[-1]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def owned_scalars_of(tensor: Scaled) -> tuple[Learned, ...]:
    """The learned scalars of a coefficient, in a fixed order."""
    return tuple(sorted(tensor.coefficient.atoms(Learned), key=str))


def is_number(value: Symbolic) -> bool:
    """Whether a coefficient has no symbol in it."""
    return bool(sympy.sympify(value).is_number)
