"""Time against memory of the plans of networks, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recform.analysis.invariants.backwards import rows_back
from recform.classes.steps.reversible import ways_back
from recform.costs.devices import Device, device_of
from recform.costs.needs import Needs, Setting, needs, setting_of
from recform.costs.planning import DEVICE, points, seconds_on, uniform
from recform.costs.words import unit_of
from recform.diagnostics import CompileError, Diagnostics
from recform.graph.model import NetworkGraph
from recform.memory import Memory, Plan
from recform.report.plot import Grid, kind_of, painted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = {
    Memory.plain: "o",
    Memory.lean: "s",
    Memory.checkpoint: "^",
    Memory.reversible: "D",
}


def draw(
    networks: Sequence[NetworkGraph], path: Path, report: Diagnostics, **given: Any
) -> bytes:
    """For each network a plot of all plans for which no other is better, and the forms.

    Args:
        networks: with shapes.
        path: where it is to go; its ending says the format.
        report: gets RF604.
        given: ``batch``, ``dtype`` and ``optimizer``, as in a :class:`Setting`, and
            ``for_device``, whose times these are.

    Raises:
        CompileError: if the ending is not known, or matplotlib is not installed.
        ValueError: if a setting is none.
    """
    device = device_of(given.get("for_device", DEVICE.short))
    kind, setting = kind_of(path, report), setting_of(**given)

    def paint(grid: Grid) -> None:
        for network, (axes,) in zip(networks, grid, strict=True):
            _network(network, setting, device, axes)

    return painted(kind, (7, 4.2 * len(networks)), (len(networks), 1), paint)


def _network(
    network: NetworkGraph, setting: Setting, device: Device, axes: Axes
) -> None:
    forms = {memory: _needs(network, setting, memory) for memory in Memory}
    whole = needs(network, setting)
    plain = seconds_on(device, whole)
    found = points(network, setting, ways_back(network, setting.dtype), device, whole)
    size, unit = unit_of(max(point.peak for point in found))
    axes.step(
        [point.peak / size for point in found],
        [point.seconds / plain for point in found],
        where="pre",
        label="by a budget",
    )
    for memory, item in forms.items():
        if item is not None:
            place = item.training / size, seconds_on(device, item) / plain
            axes.plot(*place, _MARKS[memory], linestyle="", label=str(memory))
    several = "s" * (setting.batch > 1)
    examples = f"{setting.batch} example{several} of {setting.dtype}"
    axes.set_title(f"{network.recurrence.formula.name}, {examples}")
    axes.set_xlabel(f"{unit} at most, in training")
    axes.set_ylabel(f"time of a step, plain is 1 ({device.name})")
    axes.grid(alpha=0.3)
    axes.legend()


def _needs(network: NetworkGraph, setting: Setting, memory: Memory) -> Needs | None:
    """What a network needs in a form; None if it has none."""
    plan: Plan | None
    if memory is Memory.reversible:
        try:
            plan = rows_back(network, Diagnostics())
        except CompileError:
            return None
    else:
        plan = uniform(network, memory)
    return needs(network, setting, plan)
