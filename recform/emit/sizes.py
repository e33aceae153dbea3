"""Runs the text of networks on sizes alone, and holds what comes out against the plan."""

from __future__ import annotations

from collections.abc import Sequence

from recform.diagnostics import Diagnostics
from recform.diagnostics.refuted import FAULT
from recform.graph.model import NetworkGraph
from recform.meta import Misshapen, Unread, sizes_of
from recform.meta.sizes import shown
from recform.modules import OF_PLUGINS
from recform.writers.initialise import used_operators


def check_sizes(networks: Sequence[NetworkGraph], text: str) -> None:
    """That torch takes what a file does, and makes of it what was planned.

    Code of a plugin may do what is not known here; nothing is said of its network then.

    Args:
        networks: from the graph stage.
        text: the file.

    Raises:
        CompileError: RF901 if it does not; RF514 where code of a plugin stands in it.
    """
    for network in networks:
        formula = network.recurrence.formula
        wanted = tuple(network.output.sizes)
        try:
            made = sizes_of(
                text, formula.name, [shape.sizes for shape in formula.inputs]
            )
        except Unread as what:
            if not _is_foreign(network):
                _refuse(network, f"nobody knows what the module does to sizes: {what}")
        except Misshapen as wrong:
            line = f"`{wrong.line}`: " if wrong.line else ""
            _refuse(network, f"torch would not run the module: {line}{wrong}")
        else:
            if made != wanted:
                said = f"{shown(made)}, and not {shown(wanted)}"
                _refuse(network, f"the module makes {said}")


def _is_foreign(network: NetworkGraph) -> bool:
    """Whether code of plugins stands in a network."""
    return any(operator.foreign for operator in used_operators(network))


def _refuse(network: NetworkGraph, message: str) -> None:
    """Refuses a network, by the fault of the plugins whose code it has, if it has any."""
    report = Diagnostics()
    code, hint = ("RF514", OF_PLUGINS) if _is_foreign(network) else ("RF901", FAULT)
    span = network.recurrence.formula.equations[0].span
    report.error(code, message, span, hint=hint)
    report.check()
