"""Runs the text of networks on sizes alone, and holds what comes out against the plan."""

from __future__ import annotations

from collections.abc import Sequence

from recform.diagnostics import Diagnostics
from recform.diagnostics.refuted import FAULT
from recform.graph.model import NetworkGraph
from recform.meta import Misshapen, Unread, sizes_of
from recform.meta.sizes import Mixed, shown
from recform.modules import OF_PLUGINS


def check_sizes(networks: Sequence[NetworkGraph], text: str) -> None:
    """That torch takes what a file does, and makes of it what was planned.

    Code of a plugin may do what is not known here, or have the examples of a batch look at
    each other; nothing is said of its network then.

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
                text,
                formula.name,
                [shape.sizes for shape in formula.inputs],
                alike=not _is_foreign(network),
            )
        except Unread as what:
            if not _is_foreign(network):
                _refuse(network, f"nobody knows what the module does to sizes: {what}")
        except Misshapen as wrong:
            if isinstance(wrong, Mixed) and _is_foreign(network):
                continue
            line = f"`{wrong.line}`: " if wrong.line else ""
            _refuse(network, f"torch would not run the module: {line}{wrong}")
        else:
            if made != wanted:
                said = f"{shown(made)}, and not {shown(wanted)}"
                _refuse(network, f"the module makes {said}")


def _is_foreign(network: NetworkGraph) -> bool:
    """Whether code of plugins may stand in a network: it had their operators to use."""
    library = network.recurrence.formula.library
    return any(operator.foreign for operator in library.operators.values())


def _refuse(network: NetworkGraph, message: str) -> None:
    """Refuses a network, by the fault of plugins, if it had any to use."""
    report = Diagnostics()
    code, hint = ("RF514", OF_PLUGINS) if _is_foreign(network) else ("RF901", FAULT)
    span = network.recurrence.formula.equations[0].span
    report.error(code, message, span, hint=hint)
    report.check()
