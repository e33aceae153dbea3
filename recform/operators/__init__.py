"""The operators of recform, a family a file, and how those of plugins are found.

What an operator is and says of itself is in :mod:`recform.blocks`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from recform.blocks.library import Library, operators_in

#: The modules of recform's own operators, one a family.
_FAMILIES = (
    *("activation", "attention", "convolution", "ids", "linear", "norm"),
    *("padding", "pooling", "positions", "rearrange", "regularise", "sequence"),
    *("rotary", "routing", "streams", "tokens"),
)


@cache
def standard() -> Library:
    """The operators of recform alone."""
    modules = (import_module(f"recform.operators.{family}") for family in _FAMILIES)
    classes = (cls for module in modules for cls in operators_in(module))
    return Library({cls.name: cls() for cls in classes})
