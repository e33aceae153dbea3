"""Which tensors belong together: a layer is taken whole, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

#: How torch ends the names of a layer's tensors: `weight`, `in_proj_bias`.
_PART = re.compile(r"(weight|bias|running_mean|running_var|num_batches_tracked)$")
#: How many batches a normalisation has seen: nothing without its statistics, and they
#: are all there is to them without it.
_COUNT = "num_batches_tracked"


def layer_of(name: str) -> str:
    """What a tensor is a part of; a tensor that stands alone is a layer of its own."""
    start = name.rfind(".") + 1
    found = _PART.search(name, start)
    return name if found is None else name[: found.start()]


def broken(
    pairs: Mapping[str, str], here: Iterable[str], there: Iterable[str]
) -> dict[str, str]:
    """Tensors that are not taken because others of their layer are not, and which.

    Args:
        pairs: the names of tensors that could be taken, and of what they would get.
        here: all names of the network that gets them.
        there: all names of the other.
    """
    taken = set(pairs.values())
    alone = {layer_of(n): n for n in reversed([*here]) if n not in pairs and _counts(n)}
    others = {
        layer_of(n): n for n in reversed([*there]) if n not in taken and _counts(n)
    }
    found = {}
    for name, origin in pairs.items():
        lacks = alone.get(layer_of(name)) or others.get(layer_of(origin))
        if lacks:
            found[name] = lacks
    return found


def _counts(name: str) -> bool:
    return not name.endswith(_COUNT)
