"""What the class of a network is to be, where it is not the plain one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recform.plan.network import NetworkPlan
from recform.plan.places import Kind


@dataclass(frozen=True)
class Policy:
    """How a network's class is planned.

    Attributes:
        taken: names that it has of its own, which no module of it may have.
        apart: pieces that are no modules which can be called: their operators are the
            network's, in a dictionary if they have a name.
        form: gives its plan the methods; None for the forward pass alone.
    """

    taken: tuple[str, ...] = ()
    apart: tuple[Kind, ...] = ()
    form: Callable[[NetworkPlan], NetworkPlan] | None = None


#: The class of most networks.
PLAIN = Policy()
