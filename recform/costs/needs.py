"""What a network needs, part by part: memory, work, and time on devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from recform.arguments import whole, word
from recform.blocks import Layout, Work
from recform.blocks.amount import Dtype
from recform.costs.devices import DEVICES, Device, device_of
from recform.costs.forms import regions
from recform.costs.peaks import inference
from recform.costs.record import record
from recform.costs.repeats import Short, shortened
from recform.costs.rows import Alike, Rows
from recform.costs.tape import Operation, uncollected
from recform.graph.model import NetworkGraph, Totals
from recform.memory import MOST_EXAMPLES, Memory, Plan, rows_of

#: An operation, and how often it runs.
Computed: TypeAlias = tuple[Operation, int]


class Optimizer(StrEnum):
    """What learns: SGD with momentum, or Adam (AdamW has as much)."""

    sgd = "sgd"
    adam = "adam"

    @property
    def states(self) -> int:
        """Numbers that it has for each parameter."""
        return 1 if self is Optimizer.sgd else 2


@dataclass(frozen=True)
class Setting:
    """How a network is trained.

    Attributes:
        batch: how many examples at once.
        dtype: the type of all its numbers.
        optimizer: what learns.
        gpu: whether torch runs it on a GPU, where some operators keep something else.
        behind: with timm's interface, how many operators of the stem stand behind the
            level of features that it shows; None without one.
    """

    batch: int = 1
    dtype: Dtype = Dtype.fp32
    optimizer: Optimizer = Optimizer.sgd
    gpu: bool = False
    behind: int | None = None

    def shortened(self, network: NetworkGraph) -> Short:
        """The tape of a network, a few blocks of which stand for all."""
        return shortened(network, **self._of_tape)

    def computing(self, network: NetworkGraph, other: Short) -> Short:
        """The same without gradients.

        Args:
            network: with shapes.
            other: its tape in another setting.
        """
        more = {**self._of_tape, "variables": other.variables}
        return shortened(network, **more, gradients=False)

    def works(self, network: NetworkGraph, other: Short) -> list[Computed]:
        """What is computed, and how often; arguments as of :meth:`computing`."""
        if other.left_out:
            return self.computing(network, other).computed
        # No block is as others are: nothing has to be found out of what is held.
        more = {**self._of_tape, "variables": other.variables}
        tape = record(network, **more, holds=False)
        return [(op, op.runs) for op in tape.operations]

    @property
    def _of_tape(self) -> dict[str, Any]:
        """What a tape hangs on."""
        return {
            "gpu": self.gpu,
            "batch": self.batch,
            "size": self.dtype.size,
            "behind": self.behind,
        }


def setting_of(
    batch: int = 1,
    dtype: str = "fp32",
    optimizer: str = "sgd",
    for_device: str | None = None,
) -> Setting:
    """A setting, of the words of the command line; on a CPU, if no device is named.

    Raises:
        BadArgument: if one of them is none.
    """
    batch = whole(1, MOST_EXAMPLES).check("batch", batch)
    word(Dtype).check("dtype", dtype)
    word(Optimizer).check("optimizer", optimizer)
    gpu = for_device is not None and device_of(for_device).gpu
    return Setting(batch, Dtype(dtype), Optimizer(optimizer), gpu)


@dataclass(frozen=True)
class Part:
    """A part of a network, in bytes where nothing else is said.

    Attributes:
        name: as in the summary.
        parameters, gradients: as many bytes each.
        optimizer: what the optimizer has.
        kept: what autograd keeps for the backward pass.
        moved: what is read and written in a step of training.
        multiply_adds: of a forward pass, in convolutions and products of matrices.
        elementwise: numbers that are computed otherwise in a forward pass.
    """

    name: str
    parameters: int
    gradients: int
    optimizer: int
    kept: int
    moved: int
    multiply_adds: int
    elementwise: int


@dataclass(frozen=True)
class Time:
    """The least time that a device needs.

    Attributes:
        device: its name.
        source: who says what it can do.
        training: seconds of a step, with the optimizer and with what is run again.
        again: seconds of what the backward pass runs again.
        inference: seconds of a forward pass.
        fits: whether it has the memory for training; None where nobody knows.
    """

    device: str
    source: str
    training: float
    again: float
    inference: float
    fits: bool | None


@dataclass(frozen=True)
class Needs:
    """What `recform summary --memory` prints.

    Attributes:
        name: of the network.
        batch, dtype, optimizer: the setting.
        plan: forms of what stands before the blocks, of each block, and of what stands
            behind them, and how many in a row have each.
        incoming: bytes of the examples.
        parts: stem, stages, transitions, head, and what belongs to none.
        total: all parts together.
        training, inference: the most bytes that are held at once.
        times: on devices.
        uncounted: operators of plugins that do not say what they cost.
    """

    name: str
    batch: int
    dtype: str
    optimizer: str
    plan: tuple[tuple[str, int], ...]
    incoming: int
    parts: tuple[Part, ...]
    total: Part
    training: int
    inference: int
    times: tuple[Time, ...]
    uncounted: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data, for JSON."""
        made = asdict(self)
        return (
            made if self.uncounted else {k: made[k] for k in made if k != "uncounted"}
        )


def incoming_of(network: NetworkGraph, setting: Setting) -> int:
    """The bytes of the examples."""
    size = setting.dtype.size
    return setting.batch * sum(
        (8 if shape.layout is Layout.IDS else size) * shape.elements
        for shape in network.recurrence.formula.inputs
    )


def staying(network: NetworkGraph, setting: Setting) -> int:
    """The bytes that are there all the time: parameters, the optimizer's, what comes in."""
    parameters = network.totals.parameters * setting.dtype.size
    states = setting.optimizer.states * parameters
    return incoming_of(network, setting) + parameters + states


@uncollected()
def needs(
    network: NetworkGraph,
    setting: Setting,
    plan: Plan | None = None,
    short: Short | None = None,
) -> Needs:
    """What a network needs.

    Args:
        network: with shapes.
        setting: how it is trained.
        plan: what its parts keep for the backward pass; what autograd does, if None.
        short: the tape of the plain network, if that is known.
    """
    short = short or setting.shortened(network)
    forms = plan.forms if plan else (Memory.plain,) * short.units
    size = setting.dtype.size
    held = _Held(short, forms, setting)
    incoming = incoming_of(network, setting)
    parameters = network.totals.parameters * size
    training = staying(network, setting) + held.peak
    here = short.computed, held.again
    run = {setting.gpu: here, not setting.gpu: here}
    if short.tape.differs:
        other = replace(setting, gpu=not setting.gpu)
        if all(form is Memory.plain for form in forms):
            run[other.gpu] = other.works(network, short), []
        else:
            there = other.computing(network, short)
            run[other.gpu] = there.computed, _Held(there, forms, other).again
    most = inference(short.tape, setting.batch, size)
    return Needs(
        network.recurrence.formula.name,
        setting.batch,
        str(setting.dtype),
        str(setting.optimizer),
        tuple((str(form), count) for form, count in rows_of(forms)),
        incoming,
        tuple(_parts(network, run[setting.gpu][0], setting, held.kept)),
        _part(
            "all",
            network.totals,
            sum(held.kept.values()),
            run[setting.gpu][0],
            setting,
        ),
        training,
        incoming + parameters + most,
        tuple(
            _time(device, *run[device.gpu], network, setting, training)
            for device in DEVICES
        ),
        network.uncounted,
    )


class _Held:
    """What is held of a network, row by row of its forms.

    Attributes:
        kept: bytes, of each part.
        peak: the most bytes at once.
        again: the operations that the backward pass runs again, and how often each.
    """

    again: list[Computed]

    def __init__(self, short: Short, forms: Sequence[Memory], setting: Setting) -> None:
        self.kept = Counter[str]()
        #: By where they stand in a sum of times, and by their numbers.
        self._again = Counter[tuple[tuple[int, int], int]]()
        self._tape = short.tape
        self._sizes = setting.batch, setting.dtype.size
        rows = Rows(short, *self._sizes)
        #: How often the pieces of a row are there that stands in one place on the tape.
        often: dict[tuple[int, Alike, bool], list[list[int]]] = {}
        borders = [*regions(forms), -1]
        kept = peak = start = 0
        holds: frozenset[int] = frozenset()
        for end in range(1, len(borders)):
            if borders[end] == borders[start]:
                continue
            placed = rows.placed(start, end, forms[start], holds)
            row = placed.row([0] * len(placed.alike.held))
            peak = max(peak, kept + row.peak)
            kept, holds, start = kept + row.kept, row.holds, end
            row_at = placed.first, placed.alike, placed.singly
            often.setdefault(row_at, []).append(placed.often)
        self.peak = peak
        coming: dict[int, int] = {}
        operations = short.tape.operations
        for (first, alike, singly), every in often.items():
            counts = [sum(count) for count in zip(*every, strict=True)]
            self._count(first, alike, counts, singly=singly)
            for number, place in alike.incoming.items():
                coming.setdefault(number, first + place)
        for number, op in coming.items():
            amount = self._tape.buffers[number].amount
            self.kept[operations[op].part] += amount.held(*self._sizes)
        ordered = sorted(self._again.items())
        pairs = ((operations[number], count) for (_, number), count in ordered)
        self.again = [(op, op.runs * count) for op, count in pairs]

    def _count(
        self, first: int, alike: Alike, counts: Sequence[int], *, singly: bool
    ) -> None:
        """Adds rows that are alike, of whose pieces there are so many.

        Args:
            first: the operation that they begin with.
            alike: what they come to.
            counts: how many there are of each piece.
            singly: whether each of these is in one row, and its times a sum by itself.
        """
        start = behind = 0
        for count, again, end in zip(counts, alike.again, alike.ends, strict=True):
            for place in range(start, end):
                part = self._tape.operations[first + place].part
                self.kept[part] += count * alike.asked[place]
            for place in again if not singly else ():
                self._again[(first + place, 0), first + place] += count
            for _ in range(count if singly else 0):
                for place in again:
                    self._again[(first, place + behind), first + place] += 1
                behind += end - start
            behind -= end - start if singly else 0
            start = end


def _parts(
    network: NetworkGraph,
    computed: Sequence[Computed],
    setting: Setting,
    kept: Mapping[str, int],
) -> Iterable[Part]:
    """The parts that have anything, in order."""
    places = {"stem": network.stem.totals}
    for number, stage in enumerate(network.stages, 1):
        if number > 1 and network.transitions:
            piece = network.transitions[number - 2]
            places[f"transition {number}"] = piece.totals
        places[f"stage {number}"] = stage.totals
    known = sum((*places.values(), network.head.totals), Totals())
    places["shared"] = network.totals.without(known)
    places["head"] = network.head.totals
    for name, totals in places.items():
        own = [pair for pair in computed if pair[0].part == name]
        if own or totals != Totals():
            yield _part(name, totals, kept.get(name, 0), own, setting)


def _part(
    name: str,
    totals: Totals,
    kept: int,
    computed: Iterable[Computed],
    setting: Setting,
) -> Part:
    size = setting.dtype.size
    parameters = totals.parameters * size
    works = [(often, work) for op, often in computed for work in op.works]
    moved = sum(n * (_forward(w, setting) + _backward(w, setting)) for n, w in works)
    return Part(
        name,
        parameters,
        parameters,
        setting.optimizer.states * parameters,
        kept,
        moved + _learning(totals.parameters, setting),
        setting.batch * totals.multiply_adds,
        setting.batch * sum(n * work.elementwise for n, work in works),
    )


# -- bytes that are read and written


def _forward(work: Work, setting: Setting) -> int:
    numbers = setting.batch * (work.read + work.made) + work.parameters
    return setting.dtype.size * numbers


def _backward(work: Work, setting: Setting) -> int:
    """The gradient of what was made, what was read, and the gradients of both."""
    numbers = setting.batch * (2 * work.read + work.made) + 2 * work.parameters
    return setting.dtype.size * numbers


def _learning(parameters: int, setting: Setting) -> int:
    """Parameters and states are read and written, gradients are read."""
    return setting.dtype.size * parameters * (3 + 2 * setting.optimizer.states)


# -- time


def _time(
    device: Device,
    computed: Sequence[Computed],
    again: Sequence[Computed],
    network: NetworkGraph,
    setting: Setting,
    peak: int,
) -> Time:
    """The roofline of each operation (Williams, Waterman and Patterson, 2009), added up."""
    inference = backward = more = 0.0
    for op, often in computed:
        inference += often * forward_time(op, device, setting)
        backward += often * _backward_time(op, device, setting)
    for op, often in again:
        more += often * forward_time(op, device, setting)
    learning = _learning(network.totals.parameters, setting) / device.bandwidth
    fits = None if device.memory is None else peak <= device.memory
    training = inference + backward + more + learning
    return Time(device.name, device.source, training, more, inference, fits)


def forward_time(op: Operation, device: Device, setting: Setting) -> float:
    """The least seconds that an operation takes."""
    return sum(
        max(
            2 * setting.batch * work.multiply_adds / _rate(work, device, setting),
            _forward(work, setting) / device.bandwidth,
        )
        for work in op.works
    )


def _rate(work: Work, device: Device, setting: Setting) -> float:
    """Additions and multiplications a second, of numbers of its type."""
    return device.operations[Dtype.fp32 if work.wide else setting.dtype]


def _backward_time(op: Operation, device: Device, setting: Setting) -> float:
    """A gradient of the input and one of the weights: twice the work."""
    return sum(
        max(
            4 * setting.batch * work.multiply_adds / _rate(work, device, setting),
            _backward(work, setting) / device.bandwidth,
        )
        for work in op.works
    )
