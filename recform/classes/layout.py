"""Networks for inference whose weights lie as torch convolves images fastest.

The channels of a place lie side by side (`torch.channels_last`), and torch hands that on
from tensor to tensor: the input may lie either way. Weights that are read into the
network keep the layout, for they are copied into the tensors that are there; what is saved
of it lies as usual, for which it derives from a class (`blocks/support/channels_last.py`).
"""

from __future__ import annotations

from dataclasses import replace

from recform.algebra.formula import Formula
from recform.plan.definitions import Do
from recform.plan.expressions import Code
from recform.plan.namespace import fail
from recform.plan.network import NetworkPlan
from recform.source import Span
from recform.writers.initialise import used_operators

#: What networks derive from then.
CHANNELS_LAST = "ChannelsLast"
#: What its convolutions are once it is packed, and what makes them so.
PACKED, PACK = "PackedConv2d", "pack"
#: The last line of the constructor, and what the class says of it.
LINE = "self.to(memory_format=torch.channels_last)"
_ABOUT = "Convolutions run with channels last in memory, however the input lies."


def laid_out(plan: NetworkPlan) -> NetworkPlan:
    """The plan of a network whose weights are channels-last, if it convolves images.

    Raises:
        CompileError: RF219, if a module has the name of a method that it gets.
    """
    held = (w for op in used_operators(plan.graph) for w in op.weights)
    if not any("nn.Conv2d" in weights.modules for weights in held):
        return plan
    made = plan.network
    if any(attribute.name == PACK for attribute in made.attributes):
        said = f"a part of the network is called {PACK!r}, as what packs it for inference is"
        fail(said, _place(plan.graph.recurrence.formula), "give it another name")
    about, start = f"{made.about}\n{_ABOUT}", (*made.start, Do(Code(LINE)))
    return plan.having(replace(made, about=about, start=start, base=CHANNELS_LAST))


def _place(formula: Formula) -> Span:
    """Where something gets the name of the method."""
    named = (n for n, item in formula.names.items() if item.at(1)[:1] == (PACK,))
    spans = [formula.name_spans[n] for n in named if n in formula.name_spans]
    scalar = formula.scalars.get(PACK)
    return (spans or [scalar.span if scalar else formula.equations[0].span])[0]
