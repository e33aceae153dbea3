"""A plan whose network keeps little for its backward pass.

What is kept is found while the network runs (`recform/blocks/support/lean.py`): the code
of its blocks stays as it is, and its forward pass stands in a frame.
"""

from __future__ import annotations

import re
from dataclasses import replace

from recform.blocks.support import template
from recform.memory import Memory
from recform.plan.network import NetworkPlan
from recform.readback.library import LEAN

#: The passes through a network; of timm's interface there are more than one.
_PASSES = ("forward", "forward_features", "forward_intermediates")


def memory_classes(memory: Memory) -> dict[str, str]:
    """The classes that a network needs to keep less, and their sources."""
    match memory:
        case Memory.lean:
            return {"Again": template("again"), "Lean": template("lean")}
        case Memory.reversible:
            return {"Reversible": template("reversible")}
    return {}


def leaning(plan: NetworkPlan) -> NetworkPlan:
    """The plan of a network that keeps little."""
    network = plan.network
    methods = tuple(
        replace(method, around=LEAN) if method.name in _PASSES else method
        for method in network.methods
    )
    network = replace(network, methods=methods)
    return replace(plan, definitions=(*plan.definitions[:-1], network))


def leaning_base(text: str) -> str:
    """The source of what networks derive from, so that they keep little."""
    passes = "|".join(_PASSES)
    return re.sub(rf"(?m)^(    )(?=def (?:{passes})\()", rf"\1@{LEAN}\n\1", text)
