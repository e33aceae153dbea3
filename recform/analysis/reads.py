"""Which earlier blocks each block reads, and by what it weighs them.

A block reads what older blocks made: an unknown, or ``W_<i-1>*X_<i-2>``, which block i-1
made. All that is of the block itself is looked into.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import sympy

from recform.algebra.expr import (
    Apply,
    Filled,
    History,
    I,
    Input,
    K,
    L,
    Learned,
    Pointwise,
    Scaled,
    State,
    Tensor,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.indices import mirrored, offset
from recform.algebra.lists import Over
from recform.blocks.symbolic import Symbolic
from recform.linear.forms import rights_of
from recform.recurrence.numbered import newest
from recform.recurrence.regimes import regimes
from recform.recurrence.unroll import Unroller
from recform.series.places import BACK, At

#: Weights: none but numbers of the file; learned ones; what is computed of a tensor.
FIXED, LEARNED, CONTENT = "fixed", "learned", "content"
_WEIGHTS = (FIXED, LEARNED, CONTENT)


@dataclass(frozen=True)
class Read:
    """Earlier blocks that a block reads.

    Attributes:
        first, last: which ones, in ``i`` and ``L``; 0 is what comes before block 1.
        ends: with sums by stage, the blocks at the ends of stages: of those before the
            last one only they count. None for all blocks.
        weights: kinds of weights with which they come.
    """

    first: Symbolic
    last: Symbolic
    ends: tuple[int, ...] | None
    weights: tuple[str, ...]

    @property
    def where(self) -> str:
        """``i-1``, ``0..i-1``, ``L-i+1``."""
        if self.ends is not None:
            numbers = ", ".join(map(str, self.ends))
            return f"{_text(self.last)} and the ends of stages {numbers}"
        if self.first == self.last:
            return _text(self.first)
        return f"{_text(self.first)}..{_text(self.last)}"

    def text(self) -> str:
        """The same, with what weighs them."""
        if self.weights == (FIXED,):
            return self.where
        return f"{self.where} ({' and '.join(self.weights)} weights)"

    def blocks(self, block: int, length: int) -> set[int]:
        """The numbers of the blocks, read by one block of a network of some length."""
        at = {I: sympy.Integer(block), L: sympy.Integer(length)}
        first, last = (int(end.xreplace(at)) for end in (self.first, self.last))
        numbers = range(max(first, 0), last + 1)
        return {n for n in numbers if self.ends is None or n == last or n in self.ends}


@dataclass(frozen=True)
class Reads:
    """What some blocks read, or the output.

    Attributes:
        blocks: their numbers; none for the output.
        reads: what each of them reads.
    """

    blocks: tuple[int, ...]
    reads: tuple[Read, ...]


def reads(formula: Formula, length: int) -> tuple[Reads, ...]:
    """What blocks read by their equations, and what the output reads.

    What lies before the start is not there, whatever an equation says.
    """
    needed = _needed(formula)
    found = []
    for regime in regimes(formula, length):
        if not regime.blocks:
            continue
        parts: list[Read] = []
        for name, here, right in rights_of(formula, regime.blocks[0]):
            if name in needed:
                parts += _found(right, here, FIXED, formula.ends)
        older = (_older(read, regime.blocks[0]) for read in parts)
        found.append(Reads(regime.blocks, _merged(r for r in older if r is not None)))
    output = _found(formula.output, sympy.nan, FIXED, formula.ends)
    return (*found, Reads((), _merged(output)))


def _needed(formula: Formula) -> set[str]:
    """The unknowns that the output needs, by their names."""
    rights: dict[str, list[Tensor]] = {e.unknown: [e.right] for e in formula.equations}
    for boundary in formula.boundaries:
        if isinstance(boundary.left, State) and boundary.right is not None:
            rights[boundary.left.name].append(boundary.right)
    pending = [formula.output]
    found: set[str] = set()
    while pending:
        for part in subtensors(pending.pop()):
            if isinstance(part, State) and part.name not in found:
                found.add(part.name)
                pending += rights[part.name]
    return found


def _found(
    tensor: Tensor, here: Symbolic, weight: str, ends: tuple[int, ...]
) -> Iterator[Read]:
    """What a tensor reads of blocks, in the author's order.

    Args:
        tensor: of a formula.
        here: the block that computes it; what is of that block is no read.
        weight: what it is weighed with so far.
        ends: the blocks at the ends of stages.
    """
    match tensor:
        case Input():
            yield Read(sympy.S.Zero, sympy.S.Zero, None, (weight,))
        case State():
            if tensor.index != here:
                yield Read(tensor.index, tensor.index, None, (weight,))
        case History():
            by_stage = ends if tensor.kind == "stages" else None
            bounds = ({K: sympy.Integer(tensor.first)}, {K: tensor.last})
            for read in _found(tensor.body, sympy.nan, weight, ends):
                first, last = (
                    end.xreplace(at)
                    for end, at in zip((read.first, read.last), bounds, strict=True)
                )
                yield replace(read, first=first, last=last, ends=by_stage)
        case Apply() if (made := _made_in(tensor, here)) is not None:
            yield Read(made, made, None, (weight,))
        case Scaled():
            learned = bool(tensor.coefficient.atoms(Learned))
            weight = _heavier(weight, LEARNED if learned else FIXED)
            yield from _found(tensor.tensor, here, weight, ends)
        case Pointwise():
            yield from _product(tensor, here, weight, ends)
        case Over() if tensor.kind == "softmax":
            yield from _found(tensor.tensor, here, CONTENT, ends)
        case _:
            for child in tensor.children:
                yield from _found(child, here, weight, ends)


def _product(
    tensor: Pointwise, here: Symbolic, weight: str, ends: tuple[int, ...]
) -> Iterator[Read]:
    numbers = [child for child in tensor.children if isinstance(child, Filled)]
    if len(tensor.children) - len(numbers) > 1:
        weight = CONTENT
    elif any(number.coefficient.atoms(Learned) for number in numbers):
        weight = _heavier(weight, LEARNED)
    for child in tensor.children:
        yield from _found(child, here, weight, ends)


def _made_in(tensor: Apply, here: Symbolic) -> Symbolic | None:
    """The older block that made what an operator gives; None if it is not older."""
    if tensor.index is sympy.nan or tensor.index == here:
        return None
    indices = [tensor.index] + [
        part.index
        for argument in tensor.arguments
        for part in subtensors(argument)
        if isinstance(part, State | Apply) and part.index is not sympy.nan
    ]
    if here in indices:
        return None
    # What is counted from the block is newer than what is named by number.
    return max(indices, key=_age)


def _age(index: Symbolic) -> tuple[bool, int]:
    if index.is_Integer:
        return False, int(index)
    symbol = next(s for s in (K, I, L) if index.has(s))
    step = index - symbol
    return True, int(step) if step.is_Integer else 0


def _heavier(weight: str, other: str) -> str:
    return max(weight, other, key=_WEIGHTS.index)


def _older(read: Read, block: int) -> Read | None:
    """A read without the block itself; None if it is nothing else."""
    last = read.last
    if offset(last) == 0:
        last = I - 1
    elif last.is_Integer and last >= block:
        last = sympy.Integer(block - 1)
    if read.first == read.last != last:
        return None
    first = sympy.S.Zero if read.first.is_negative else read.first
    return replace(read, first=first, last=last)


def _merged(found: Iterable[Read]) -> tuple[Read, ...]:
    """The same blocks once, with all kinds of weights."""
    merged: dict[tuple[object, ...], set[str]] = {}
    kept: dict[tuple[object, ...], Read] = {}
    for read in found:
        key = (read.first, read.last, read.ends)
        kept.setdefault(key, read)
        merged.setdefault(key, set()).update(read.weights)
    return tuple(
        replace(read, weights=tuple(w for w in _WEIGHTS if w in merged[key]))
        for key, read in kept.items()
    )


def _text(index: Symbolic) -> str:
    shift = mirrored(index)
    return (At.of(index) if shift is None else At(BACK, shift)).text()


def exact(formula: Formula, length: int) -> tuple[tuple[int, ...], ...]:
    """The blocks that each block reads, by number; those of the output come last.

    Everything is written out: what vanishes at the start, and what nobody reads, is gone.
    """
    unroller = Unroller(formula, length)
    output = unroller.output(formula.output)
    found: list[set[int]] = [set() for _ in range(length + 2)]
    pending: list[tuple[Tensor, int]] = []
    done: set[tuple[Tensor, int]] = set()

    def read(tensor: Tensor, block: int) -> None:
        made = _maker(tensor, block)
        if made < block:
            found[block].add(max(made, 0))
        if (tensor, made) not in done:
            done.add((tensor, made))
            pending.append((tensor, made))

    if output is not None:
        read(output, length + 1)
    while pending:
        tensor, block = pending.pop()
        known = tensor in unroller.definitions
        for part in unroller.parts(tensor) if known else tensor.children:
            read(part, block)
    return tuple(tuple(sorted(numbers)) for numbers in found[1:])


def _maker(tensor: Tensor, block: int) -> int:
    """The block that makes a tensor which a block reads, or makes itself."""
    owned = isinstance(tensor, Apply) and tensor.index is not sympy.nan
    return newest(tensor) if owned or isinstance(tensor, State | Input) else block
