"""The plan of a network that is to train within a budget, and all plans there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from recform.costs.budget import choices
from recform.costs.devices import DEVICES, Device, device_of
from recform.costs.needs import (
    Needs,
    Setting,
    forward_time,
    needs,
    setting_of,
    staying,
)
from recform.costs.repeats import Short
from recform.costs.tape import Operation, uncollected
from recform.costs.words import bytes_of, in_bytes
from recform.diagnostics import Diagnostics
from recform.graph.model import NetworkGraph
from recform.memory import Back, Memory, Plan, checkpoints

#: Whose times decide which of the plans within a budget is taken, if nobody says another.
DEVICE = DEVICES[0]


@dataclass(frozen=True)
class Point:
    """A plan for which no other is better in time and in memory.

    Attributes:
        forms: of each part.
        kept: bytes that are kept for the backward pass.
        peak: the most bytes that training holds.
        seconds: of a step of training on a device, at least.
    """

    forms: tuple[Memory, ...]
    kept: int
    peak: int
    seconds: float


@dataclass(frozen=True)
class Budget:
    """The most that training may hold.

    Attributes:
        most: as the command line has it: ``6GiB``, or ``50%`` of what the plain network
            keeps.
        setting: how it is trained.
        device: whose times decide.
    """

    most: str
    setting: Setting
    device: Device = DEVICE


def budget_of(
    most: str,
    batch: int = 1,
    dtype: str = "fp32",
    optimizer: str = "sgd",
    for_device: str | None = None,
) -> Budget:
    """A budget, of the words of the command line.

    Raises:
        BadArgument: if one of those that say how it is trained, and on what, is none.
    """
    setting = setting_of(batch, dtype, optimizer, for_device)
    return Budget(most, setting, device_of(for_device or DEVICE.short))


def uniform(network: NetworkGraph, memory: Memory) -> Plan | None:
    """The plan of a network whose parts are all of one form; None for what autograd keeps."""
    blocks = sum(s.count for stage in network.stages for s in stage.segments)
    match memory:
        case Memory.lean:
            return Plan((Memory.lean,) * (blocks + 2))
        case Memory.checkpoint:
            return checkpoints(blocks)
    return None


@uncollected()
def points(
    network: NetworkGraph,
    setting: Setting,
    back: Back | None = None,
    device: Device = DEVICE,
    plain: Needs | None = None,
    short: Short | None = None,
) -> tuple[Point, ...]:
    """The plans for which no other is better, the fastest first.

    Args:
        network: with shapes.
        setting: how it is trained.
        back: which parts may be run backwards.
        device: whose times decide.
        plain: what the plain network needs, if that is known.
        short: its tape, likewise.
    """
    again = partial(_again, setting=setting, device=device)
    short = short or setting.shortened(network)
    found = choices(short, setting.batch, setting.dtype.size, again, back)
    stay = staying(network, setting)
    seconds = seconds_on(device, plain or needs(network, setting, short=short))
    return tuple(
        Point(
            choice.forms,
            choice.kept,
            stay + choice.peak,
            seconds + choice.again * _TICK,
        )
        for choice in found
    )


#: Times are counted in whole ticks, so that equal ones are equal however they are added up.
_TICK = 1e-15


def _again(op: Operation, *, setting: Setting, device: Device) -> int:
    return round(forward_time(op, device, setting) / _TICK)


def seconds_on(device: Device, found: Needs) -> float:
    """The seconds of a step of training on a device."""
    (time,) = (time for time in found.times if time.device == device.name)
    return time.training


def within(
    network: NetworkGraph,
    budget: Budget,
    report: Diagnostics,
    back: Back | None = None,
    short: Short | None = None,
) -> Plan:
    """The fastest plan of a network that trains within a budget.

    Args:
        network: with shapes.
        budget: what it may need.
        report: gets what is wrong.
        back: which parts may be run backwards.
        short: the tape of the plain network, if that is known.

    Raises:
        CompileError: RF537, if that is no budget; RF540, if no plan is within it.
    """
    setting = budget.setting
    short = short or setting.shortened(network)
    plain = needs(network, setting, short=short)
    most = _most(budget.most, plain, report)
    found = points(network, setting, back, budget.device, plain, short)
    chosen = next((point for point in found if point.peak <= most), None)
    if chosen is None:
        least = found[-1]
        name, examples = plain.name, _examples(setting)
        asked, least_said = in_bytes(most), in_bytes(least.peak)
        if asked == least_said:
            asked, least_said = f"{most:,} bytes", f"{least.peak:,}"
        share = ""
        if budget.most.strip().endswith("%") and plain.total.kept:
            freed = plain.training - least.peak
            tenths = -(-1000 * (plain.total.kept - freed) // plain.total.kept)
            share = f", and {tenths / 10:.1f}% as a share"
        report.error(
            "RF540",
            f"{name} does not train {examples} in {asked}: it needs {least_said} at least, "
            "however much runs again",
            network.recurrence.formula.equations[0].span,
            hint=f"the smallest budget is {least.peak} bytes{share}; fewer examples at "
            "once need less",
        )
        report.check()
        raise AssertionError("an error was reported")
    most_said = "".join(budget.most.split())
    options = f" --memory-budget {most_said} --batch {setting.batch}"
    options += f" --dtype {setting.dtype} --optimizer {setting.optimizer}"
    if setting.gpu or budget.device is not DEVICE:
        options += f" --for-device {budget.device.short}"
    # A network of no operators takes no time.
    ratio = chosen.seconds / found[0].seconds if found[0].seconds else 1.0
    plan = Plan(chosen.forms, options)
    rows = ", ".join(f"{count} {form}" for form, count in plan.rows)
    said = (
        f"memory:  {plain.name}, {_examples(setting)}: {in_bytes(chosen.peak)} at most,",
        f"         {in_bytes(chosen.kept)} kept of {in_bytes(plain.total.kept)}, "
        f"{ratio:.3f} times as long ({budget.device.name})",
        f"         {rows}",
    )
    return Plan(chosen.forms, options, said)


def _examples(setting: Setting) -> str:
    count = setting.batch
    return f"{count} example{'s' * (count > 1)} of {setting.dtype} with {setting.optimizer}"


def _most(budget: str, plain: Needs, report: Diagnostics) -> int:
    """The bytes of a budget; a share is one of what the plain network keeps.

    Raises:
        CompileError: RF537, if it is none.
    """
    text = budget.strip()
    if text.endswith("%"):
        try:
            share = float(text[:-1]) / 100
        except ValueError:
            share = -1.0
        if 0 < share <= 1:
            return plain.training - round((1 - share) * plain.total.kept)
    elif (found := bytes_of(text)) is not None:
        return found
    report.error(
        "RF537",
        f"{budget!r} is no budget of memory",
        hint="6GiB, 900MiB or 50%, which is half of what the plain network keeps",
    )
    report.check()
    raise AssertionError("an error was reported")
