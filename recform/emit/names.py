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
from dataclasses import dataclass
from typing import NoReturn

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
    untimed,
)
from recform.algebra.formula import Formula, Pipeline
from recform.algebra.rows import DERIVED
from recform.diagnostics import CompileError, Diagnostics, Label
from recform.recurrence.model import ModuleSlot, Slot
from recform.recurrence.unroll import newest
from recform.source import Span

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
}
#: Variables of generated loops and forward passes.
_LOCALS = {"block", "state", "stage", "k"}
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


@dataclass(frozen=True)
class Claim:
    """What a name is wanted for.

    Attributes:
        what: in words, such as ``the operator W``.
        span: the place that says the name; None if the language does, or nobody.
        key: what a `names` statement calls it; empty if it has no say.
    """

    what: str
    span: Span | None = None
    key: str = ""


class Namespace:
    """Gives out identifiers, each once.

    A name that is derived gets a number if it is taken. One that the author says is had
    as it is said, or not at all.
    """

    def __init__(
        self,
        taken: Iterable[str] = (),
        *,
        attributes: bool = False,
        arguments: bool = False,
    ) -> None:
        own = set(keyword.kwlist) | _MODULE if attributes else _TAKEN
        self._taken = set(taken) | own
        # A constructor has no loops whose variables its arguments could hide.
        if not attributes and not arguments:
            self._taken |= _LOCALS
        self._reserved: set[str] = set()
        self._claims: dict[str, Claim] = {}

    def new(self, wanted: str) -> str:
        """The wanted name, with a number if it is taken."""
        base = identifier(wanted)
        name = base
        number = 2
        while name in self._taken or name in self._reserved:
            name = f"{base}_{number}" if base[-1].isdigit() else f"{base}{number}"
            number += 1
        self._taken.add(name)
        return name

    def take(self, name: str) -> str:
        """A name that must be had as it is."""
        self._taken.add(name)
        return name

    def reserve(self, names: Iterable[str]) -> None:
        """Keeps names that will be claimed from those that are derived."""
        self._reserved.update(names)

    def claim(self, name: str, claim: Claim) -> str:
        """A name that the author says, or that the language gives to what it is for.

        Raises:
            CompileError: RF219, if something else in the same module has it, or the
                module itself; but a number tells two apart of which nobody says a name.
        """
        before = self._claims.get(name)
        if before is not None and (before.span or claim.span):
            _clash(name, before, claim)
        if name in self._taken:
            if before is None and claim.span is not None:
                fail(f"{name} is a name that the module itself has", claim.span)
            return self.new(name)
        self._taken.add(name)
        self._claims[name] = claim
        return name

    def letter(self, name: str, claim: Claim) -> str:
        """The name of an operator or scalar that is called as the formula calls it."""
        wanted = identifier(name)
        return self.new(wanted) if wanted in RESERVED else self.claim(wanted, claim)


def _clash(name: str, before: Claim, after: Claim) -> NoReturn:
    """Raises the diagnostic of a name that two parts of one module would have."""
    first, second = before, after
    if second.span is None or (
        first.span is not None
        and first.span.source is second.span.source
        and second.span.start < first.span.start
    ):
        first, second = second, first
    others = []
    if first.span is not None and first.span != second.span:
        others = [Label(first.span, "the first one")]
    hint = "give one of them another name"
    if first.span is None and first.key:
        hint = f'names {first.key} = "..." gives {first.what} another name'
    elif first.span == second.span and second.key in ("stages", "step"):
        hint = f'{{}} counts: {second.key} = "{name}{{}}"'
    elif first.span == second.span and not second.key:
        hint = "what it is defined in stands here twice: give each call a name, a: F > b: F"
    another = second.what
    if first.what == second.what:
        another = f"another {second.what.removeprefix('a ')}"
    message = f"two parts are called {name}: {first.what} and {another}"
    fail(message, second.span, hint, others)


def fail(
    message: str, span: Span | None, hint: str = "", others: Iterable[Label] = ()
) -> NoReturn:
    """Raises the diagnostic of names that no module can have."""
    report = Diagnostics()
    report.error("RF219", message, span, hint=hint, others=others)
    raise CompileError(report)


def place_of(formula: Formula, name: str) -> str:
    """Where an operator lives: an attribute, or ``.`` for its parts in its place.

    One of several times has the number of its time behind it.
    """
    given = formula.names.get(untimed(name))
    if given in (None, "."):
        return given or identifier(name)
    return identifier(f"{given}{name.removeprefix(untimed(name))}")


def claim_of(formula: Formula, key: str, what: str) -> Claim:
    """The claim of a part of the network that a `names` statement may name."""
    return Claim(what, formula.name_spans.get(key), key)


def chosen_names(formula: Formula, letters: Iterable[str]) -> list[str]:
    """What a module calls its operators and scalars, and the parts in place of some."""
    names = []
    for letter in letters:
        if letter in formula.scalars or place_of(formula, letter) != ".":
            scalar = letter in formula.scalars
            names.append(identifier(letter) if scalar else place_of(formula, letter))
        else:
            names += labels_of(formula.operators[letter])
    return names


def labels_of(pipeline: Pipeline) -> list[str]:
    """The outermost names that labels give to the parts of a pipeline."""
    labels = [step.label.partition(".")[0] for step in pipeline.steps]
    return [label for label in labels if label and not label.startswith(DERIVED)]


def operator_name(names: Namespace, formula: Formula, name: str) -> str:
    """The attribute of an operator, or of a scalar, in the module that owns it."""
    if name in formula.scalars:
        span = formula.scalars[name].span
        return names.letter(name, Claim(f"the scalar {name}", span))
    letter = untimed(name)
    claim = claim_of(formula, letter, f"the operator {letter}")
    if letter not in formula.names:
        return names.letter(name, claim)
    return names.claim(place_of(formula, name), claim)


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
