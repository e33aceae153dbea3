"""A plan in which no module has the name by which torch's functions are imported."""

from __future__ import annotations

from recform.blocks.template import renamed
from recform.plan.definitions import Class
from recform.plan.expressions import Code
from recform.plan.network import NetworkPlan
from recform.plan.rewrite import rewritten

#: The name in operators' code, and the one that reads well beside ``self.F``.
_ALIAS = {"F": "nn.functional"}


def without_alias(plan: NetworkPlan) -> NetworkPlan:
    """The plan, with whole names for torch's functions where a module is called F."""
    classes = [made for made in plan.definitions if isinstance(made, Class)]
    if not any(a.name in _ALIAS for made in classes for a in made.attributes):
        return plan

    def spelt(node: object) -> object:
        return Code(renamed(node.text, _ALIAS)) if isinstance(node, Code) else node

    return plan.changed(lambda definition: rewritten(definition, spelt))
