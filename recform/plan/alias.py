"""A plan in which no module has the name by which torch's functions are imported."""

from __future__ import annotations

from dataclasses import replace

from recform.blocks.template import renamed
from recform.plan.definitions import Class
from recform.plan.expressions import Code
from recform.plan.network import NetworkPlan
from recform.plan.rewrite import rewritten

#: The name in operators' code, and the one that reads well beside ``self.F``.
_ALIAS = {"F": "nn.functional"}


def without_alias(plans: list[NetworkPlan]) -> list[NetworkPlan]:
    """The plans of a file, with whole names for torch's functions if a module is called F.

    It comes last, for the forms of a network look for code as operators spell it.
    """
    classes = [
        made for plan in plans for made in plan.definitions if isinstance(made, Class)
    ]
    if not any(a.name in _ALIAS for made in classes for a in made.attributes):
        return plans

    def spelt(node: object) -> object:
        if not isinstance(node, Code):
            return node
        return replace(node, text=renamed(node.text, _ALIAS))

    return [
        plan.changed(lambda definition: rewritten(definition, spelt)) for plan in plans
    ]
