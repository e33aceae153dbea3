"""Identifiers of the generated module.

They are named after the formula, given out once, and never a word that Python or torch
already uses.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Elementwise,
    History,
    Input,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.recurrence.model import ModuleSlot, Slot
from recform.recurrence.unroll import newest

_TAKEN = {
    *keyword.kwlist,
    *keyword.softkwlist,
    *dir(builtins),
    "torch",
    "nn",
    "F",
    "Tensor",
    "math",
    "self",
    "block",
    "state",
    "stage",
    "k",
}
#: Attributes of nn.Module that a submodule must not hide.
_MODULE = {
    "training", "forward", "train", "eval", "to", "type", "half", "float", "double",
    "bfloat16", "cuda", "cpu", "apply", "modules", "children", "parameters", "buffers",
    "named_modules", "named_children", "named_parameters", "named_buffers", "add_module",
    "register_module", "register_buffer", "register_parameter", "state_dict",
    "load_state_dict", "zero_grad", "requires_grad_", "share_memory", "extra_repr",
    "compile", "get_parameter", "get_buffer", "get_submodule", "set_submodule", "dump_patches",
    "call_super_init", "T_destination", "ipu", "xpu", "mtia", "to_empty",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_backward_hook",
    "register_state_dict_pre_hook", "register_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_load_state_dict_post_hook",
    "get_extra_state", "set_extra_state",
}  # fmt: skip


#: What no module may be called.
RESERVED = frozenset((*keyword.kwlist, *_MODULE))


class Namespace:
    """Gives out identifiers, each once."""

    def __init__(self, taken: Iterable[str] = (), *, attributes: bool = False) -> None:
        self._taken = set(taken) | (
            _TAKEN if not attributes else set(keyword.kwlist) | _MODULE
        )

    def new(self, wanted: str) -> str:
        """The wanted name, with a number if it is taken."""
        base = identifier(wanted)
        name = base
        number = 2
        while name in self._taken:
            name = f"{base}_{number}" if base[-1].isdigit() else f"{base}{number}"
            number += 1
        self._taken.add(name)
        return name

    def take(self, name: str) -> str:
        """A name that must be had as it is."""
        self._taken.add(name)
        return name


def identifier(text: str) -> str:
    """Any text as an identifier: Greek letters are spelt out, the rest is dropped."""
    spelt = []
    for char in text:
        if char == "'":
            spelt.append("_prime")
        elif char.isascii():
            spelt.append(char)
        else:
            name = unicodedata.name(char, "")
            spelt.append(
                name.rsplit(" ", 1)[-1].lower() if name.startswith("GREEK") else "_"
            )
    result = re.sub(r"[^A-Za-z0-9_]", "", "".join(spelt)).strip("_") or "value"
    return result if not result[0].isdigit() else f"n{result}"


def class_name(operator: str) -> str:
    """The class of an operator letter: ``W`` gives ``WBlock``."""
    name = identifier(operator)
    return f"{name[0].upper()}{name[1:]}Block"


def base_name(tensor: Tensor) -> str:
    """A variable's name without the age: ``W_i*X_<i-1>`` is ``wx``."""
    match tensor:
        case Input():
            return "x"
        case State():
            return identifier(tensor.name).lower()
        case Apply():
            inner = base_name(tensor.argument)
            if len(inner) > 3:
                inner = "_" + inner if len(inner) < 9 else "_out"
            return identifier(tensor.operator).lower() + inner
        case TensorSum():
            parts = [base_name(part) for part in tensor.children]
            if len(parts) == 2 and all(len(part) <= 3 for part in parts):
                return f"{parts[0]}_plus_{parts[1]}"
            return "partial"
        case History():
            inner = base_name(tensor.body)
            return f"{inner}s" if tensor.kind == "concat" else f"{inner}_{tensor.kind}"
        case Elementwise():
            return f"{tensor.name}_{base_name(tensor.argument)}"[:16].rstrip("_")
        case Scaled():
            return f"scaled_{base_name(tensor.tensor)}"[:16].rstrip("_")
        case Part():
            return f"{base_name(tensor.tensor)}{tensor.which + 1}"
        case Pointwise():
            return "product"
        case Combine():
            return (
                tensor.kind + "imum" if tensor.kind in ("max", "min") else tensor.kind
            )
        case Concat():
            return "joined"
    return "value"


def variable(slot: Slot, at: int, order: int) -> str:
    """The name of a tensor or module in the code of a step written out for block ``at``.

    What this block makes is ``x``, what the block before made ``x_prev``, older ones
    ``x_prev2``; blocks that the formula names by number are ``x_0``.
    """
    if isinstance(slot, ModuleSlot):
        return f"{identifier(slot.name).lower()}_module{_age(at - slot.index)}"
    name = base_name(slot)
    born = newest(slot)
    if isinstance(slot, State):
        born = int(slot.index)
    lag = at - born
    if lag > order or (isinstance(slot, State) and born < 0):
        return f"{name}_{born}" if born >= 0 else name
    if isinstance(slot, Apply) and slot.index is sympy.nan and lag == at and at > order:
        return f"{name}_0"
    return name + _age(lag)


def _age(lag: int) -> str:
    if lag <= 0:
        return ""
    return "_prev" if lag == 1 else f"_prev{lag}"
