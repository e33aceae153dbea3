"""Classes that operators bring along, such as one for stochastic depth."""

from __future__ import annotations

from collections.abc import Sequence

from recform.blocks.identifiers import support_name
from recform.blocks.support import template
from recform.classes.layout import CHANNELS_LAST, PACKED
from recform.diagnostics import Diagnostics
from recform.graph.model import NetworkGraph
from recform.memory import Memory, Plan
from recform.plan.lean import memory_classes
from recform.writers.initialise import used_operators

#: The class that holds what is kept of positions.
PAST = "Past"


def support_classes(
    networks: list[NetworkGraph],
    memory: Memory = Memory.plain,
    *,
    generation: bool = False,
    inference: bool = False,
    kept: Sequence[Plan] = (),
) -> dict[str, str]:
    """Name and source of the classes that the operators of these networks need.

    Args:
        networks: of one file.
        memory: what they keep for their backward passes.
        generation: whether they keep what they have seen of positions.
        inference: whether they are for inference.
        kept: of each what its parts keep, where that is not the same.

    Raises:
        CompileError: if a network has the name of one (RF209), or two operators bring
            different ones of one name (RF512).
    """
    found = memory_classes(memory, kept)
    owners = dict.fromkeys(found, f"memory {memory}")
    if generation:
        found[PAST] = template("kept/past")
        owners[PAST] = "--for generation"
    if inference:
        # The one that the other makes comes first.
        for name, text in ((PACKED, "packed_conv2d"), (CHANNELS_LAST, "channels_last")):
            found[name], owners[name] = template(text), "--for inference"
    report = Diagnostics()
    for network in networks:
        for operator in used_operators(network):
            texts = operator.support
            if generation and operator.support_kept:
                texts = operator.support_kept
            for text in texts:
                name = support_name(text)
                owner = owners.setdefault(name, operator.name)
                if found.setdefault(name, text) != text:
                    report.error(
                        "RF512",
                        f"{owner} and {operator.name} both bring a class {name}",
                        file=network.recurrence.formula.source.name,
                    )
    for network in networks:
        formula = network.recurrence.formula
        if formula.name in found:
            report.error(
                "RF209",
                f"the network is called {formula.name}, and so is the class that "
                f"{owners[formula.name]} brings into the generated file",
                file=formula.source.name,
                hint=f"network {formula.name}Net",
            )
    report.check()
    return found
