"""The members of a list in code: what a block hands on."""

from __future__ import annotations

from recform.algebra.expr import Tensor
from recform.algebra.lists import is_list


def slot_type(tensor: Tensor) -> str:
    """The type of what a block hands on."""
    return "list[Tensor]" if is_list(tensor) else "Tensor"
