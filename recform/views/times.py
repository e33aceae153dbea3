"""A block at one time, where its equations are the same at all times (``X_<i,t>``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from recform.algebra.expr import Learned, State, Tensor, subtensors
from recform.algebra.formula import Formula
from recform.algebra.indices import at_time, time_of, untimed
from recform.recurrence.model import Slot, Step


@dataclass(frozen=True)
class AtOneTime:
    """What is drawn of a step.

    Attributes:
        step: it, or what it computes at one time, of what it made at earlier ones.
        times: what the numbers of times are called, the last one first; none where the
            whole step is drawn.
        positions: unknowns that the file writes with a position, ``H_<i,t>``.
        earlier: inputs that the block itself has made, at earlier times.
        said: a sentence for below the picture; empty where the whole step is drawn.
    """

    step: Step
    times: Mapping[int, str] = field(default_factory=dict)
    positions: frozenset[str] = frozenset()
    earlier: tuple[State, ...] = ()
    said: str = ""

    @property
    def kept(self) -> tuple[Slot, ...]:
        """Outputs that no other block gets, but the block itself, at later times."""
        if not self.times:
            return ()
        taken = {untimed(s.name) for s in self.step.inputs if s not in self.earlier}
        return tuple(s for s in self.step.outputs if untimed(s.name) not in taken)

    @property
    def label(self) -> str:
        """What stands behind the number of the block."""
        return " at time t" if self.times else ""


def at_one_time(formula: Formula, step: Step) -> AtOneTime:
    """A step as it is at the last time; all of it, if times differ or there are none."""
    names = [t.name for t in step.definitions if isinstance(t, State)]
    last = max((time_of(name) or 0 for name in names), default=0)
    if last < 2 or not _is_regular(formula, step):
        return AtOneTime(step, positions=_positions(formula))
    kept, before = _needed(step, last)
    handed = [s for s in step.outputs if _time(s) in (None, last)]
    # In the order in which they are handed on: what other blocks get is in front.
    before.sort(key=lambda state: _at(state, last) not in handed)
    again = (_at(state, last) for state in before)
    found = replace(
        step,
        inputs=(*(s for s in step.inputs if s in kept), *before),
        outputs=tuple(dict.fromkeys([*handed, *(s for s in again if s in kept)])),
        body=tuple(t for t in step.body if t in kept and t not in before),
    )
    times = {n: f"t-{last - n}".removesuffix("-0") for n in range(last, 0, -1)}
    said = (
        f"Drawn at a time t: a block runs through all {last} before the next one starts"
    )
    return AtOneTime(found, times, earlier=tuple(before), said=said)


def _positions(formula: Formula) -> frozenset[str]:
    """Unknowns on a left side with a position, where nothing is written out."""
    return frozenset(
        equation.unknown
        for equation in formula.equations
        if re.match(rf"{equation.unknown}_<[^<>=]*,\s*t\s*>", equation.text)
    )


def _is_regular(formula: Formula, step: Step) -> bool:
    """Whether each unknown has one equation for all times, and no sum has weights."""
    texts: dict[str, set[str]] = {}
    for equation in formula.equations:
        texts.setdefault(untimed(equation.unknown), set()).add(equation.text)
    weights = (w for t in step.body for w in _weights(t))
    return all(len(found) == 1 for found in texts.values()) and not any(weights)


def _weights(tensor: Tensor) -> list[bool]:
    return [w.of_members for part in subtensors(tensor) for w in part.atoms(Learned)]


def _needed(step: Step, last: int) -> tuple[set[Slot], list[State]]:
    """What is computed at the last time, and what it is made of of earlier ones."""
    kept: set[Slot] = set()
    before: dict[State, None] = {}
    waiting: list[Tensor] = [
        t for t in step.body if isinstance(t, State) and _time(t) == last
    ]
    while waiting:
        tensor = waiting.pop()
        if tensor in kept:
            continue
        kept.add(tensor)
        if tensor in step.inputs:
            continue
        if isinstance(tensor, State) and _time(tensor) not in (None, last):
            before[tensor] = None
        else:
            waiting += step.parts(tensor)
    ordered = [t for t in step.body if isinstance(t, State) and t in before]
    return kept, ordered


def _time(slot: Slot) -> int | None:
    return time_of(slot.name) if isinstance(slot, State) else None


def _at(state: State, time: int) -> State:
    return State(at_time(untimed(state.name), time), state.index)
