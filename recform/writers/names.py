"""What the parts of a network are called in the generated file: after the formula."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import sympy

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Context,
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
from recform.algebra.formula import Formula
from recform.algebra.indices import untimed
from recform.algebra.labels import DERIVED, Naming
from recform.algebra.lists import Dealt, Listed, Members, Mirror, Over
from recform.algebra.pipeline import Pipeline
from recform.blocks.identifiers import identifier
from recform.plan.namespace import Claim, Namespace
from recform.plan.places import Kind
from recform.recurrence.model import ModuleSlot, Recurrence, Slot, contexts_of
from recform.recurrence.numbered import newest


def argument_names(formula: Formula) -> list[str]:
    """What arguments of constructors are called as the author says."""
    tables = [table.argument for table in formula.tables]
    return [*(p.name for p in formula.params if p.free), *tables]


def stages_of(formula: Formula) -> Naming:
    """What the containers of the stages are called."""
    otherwise = Naming("stage{}" if len(formula.stages) > 1 else "blocks")
    return formula.names.get("stages", otherwise)


def default_naming(kind: Kind) -> Naming:
    """What a stem, a head or a transition is called, where the file gives it no name."""
    # Transitions are counted by the stage behind them.
    return Naming(kind.value + ("{2}" if kind is Kind.TRANSITION else ""))


#: What a `names` statement calls the adapters.
ADAPTER = "adapter"


def is_inline(formula: Formula, key: str) -> bool:
    """Whether the parts of an operator, a piece or a step have no module around them."""
    given = formula.names.get(untimed(key))
    return given is not None and given.inline


def place_of(formula: Formula, name: str) -> str:
    """The attribute in which an operator lives that is not inlined, or a scalar.

    One of several times has the number of its time behind it, one of a list its own.
    """
    key = _key(formula, name)
    given = formula.names.get(key)
    if given is None:
        return identifier(name)
    return identifier(f"{given}{name.removeprefix(key)}")


def _key(formula: Formula, name: str) -> str:
    """What a `names` statement calls an operator or a scalar."""
    key = untimed(name)
    if key not in formula.scalars or formula.scalars[name].indexed:
        return key
    return re.sub(r"_[0-9]+$", "", key)  # a_1 is one of a list that is called a


def as_named(formula: Formula, parts: Iterable[str]) -> list[str]:
    """Parts of a block; of those that `names` names, the first one there comes first.

    Args:
        formula: of the network.
        parts: operators and scalars, and :data:`ADAPTER` for all adapters.
    """
    order = list(formula.names)
    keys = {part: _key(formula, part) for part in parts}
    named = (part for part in keys if keys[part] in formula.names)
    first = iter(sorted(named, key=lambda part: order.index(keys[part])))
    return [next(first) if keys[part] in formula.names else part for part in keys]


def claim_of(formula: Formula, key: str, what: str) -> Claim:
    """The claim of a part of the network that a `names` statement may name."""
    return Claim(what, formula.name_spans.get(key), key)


def chosen_names(formula: Formula, letters: Iterable[str]) -> list[str]:
    """What a module calls its operators and scalars, and the parts in place of some."""
    names = []
    for letter in letters:
        if is_inline(formula, letter):
            names += labels_of(formula.operators[letter])
        else:
            names.append(place_of(formula, letter))
    return names


def labels_of(pipeline: Pipeline) -> list[str]:
    """The outermost names that labels give to the parts of a pipeline."""
    labels = [step.label.partition(".")[0] for step in pipeline.steps]
    return [label for label in labels if label and not label.startswith(DERIVED)]


def operator_name(
    names: Namespace, formula: Formula, name: str, after: str = ""
) -> str:
    """The attribute of an operator, or of a scalar, in the module that owns it.

    Args:
        names: the scope of these attributes.
        formula: the network's.
        name: of the operator or scalar.
        after: stands behind it: the number of a stage that has one of its own.

    Raises:
        CompileError: RF219, if something else has the name.
    """
    key = _key(formula, name)
    claim = claim_of(formula, key, f"the operator {key}")
    if name in formula.scalars:
        span = formula.name_spans.get(key, formula.scalars[name].span)
        claim = Claim(f"the scalar {name}", span, key)
    if key not in formula.names and not after:
        return names.letter(name, claim)
    return names.claim(place_of(formula, name) + after, claim)


#: The attribute of an adapter, where the file gives it no other.
SHORTCUT = "shortcut"


def adapter_names(
    names: Namespace,
    formula: Formula,
    adapted: Sequence[Tensor],
    variable: Callable[[Tensor], str],
) -> list[str]:
    """The attributes of a block's adapters, after what they adapt.

    ``shortcut`` is that of ``X_<i-1>``, or the only one that a block has for ``X``; others
    are ``shortcut_wx``, ``shortcut_x_prev2``. What the file calls it there is one of.

    Args:
        names: the scope of the block's attributes.
        formula: the network's.
        adapted: what the adapters get, in their order.
        variable: the name of that in the block's code.

    Raises:
        CompileError: RF219, if the block has something else under the file's name.
    """
    given = str(formula.names.get(ADAPTER, SHORTCUT))
    called = list(map(variable, adapted))
    main = _main(formula)
    plain = f"{base_name(State(main, 0))}_prev"
    if plain not in called and called:
        own = all(isinstance(item, State) and item.name == main for item in adapted)
        if own or ADAPTER in formula.names:
            plain = called[0]
    result: list[str] = []
    whose: dict[str, str] = {}
    for name in called:
        if name == plain:
            first = given not in result
            claim = claim_of(formula, ADAPTER, "the adapter")
            result.append(names.claim(given, claim) if first else names.new(given))
            continue
        wanted = f"{given}_{name.removesuffix('_prev')}"
        if whose.setdefault(wanted, name) != name:
            wanted = f"{given}_{name}"
        result.append(names.new(wanted))
    return result


def _main(formula: Formula) -> str:
    """The unknown that is the network's output; the first one where it is of several."""
    output = formula.output
    return output.name if isinstance(output, State) else formula.equations[0].unknown


def class_name(operator: str) -> str:
    """The class of an operator letter: ``W`` gives ``WBlock``."""
    name = identifier(operator)
    return f"{name[0].upper()}{name[1:]}Block"


def base_name(tensor: Tensor) -> str:
    """A variable's name without the age: ``W_i*X_<i-1>`` is ``wx``."""
    match tensor:
        case Input():
            return "x"
        case Context():
            return tensor.name
        case State():
            return identifier(tensor.name).lower()
        case Mirror():
            return f"{base_name(tensor.body)}_skip"
        case Apply():
            inner = "".join(base_name(part) for part in tensor.arguments[:1])
            if len(tensor.arguments) > 1:
                inner = "_out"
            elif len(inner) > 3:
                inner = "_" + inner if len(inner) < 9 else "_out"
            return identifier(tensor.operator).lower() + inner
        case TensorSum():
            parts = [base_name(part) for part in tensor.children]
            if len(parts) == 2 and all(len(part) <= 3 for part in parts):
                return f"{parts[0]}_plus_{parts[1]}"
            return "partial"
        case History():
            inner = base_name(tensor.body)
            if tensor.kind == "finished":
                return f"{inner}_ends"
            many = tensor.kind in ("concat", "list")
            return f"{inner}s" if many else f"{inner}_{tensor.kind}"
        case Listed():
            return f"{base_name(tensor.children[-1])}s"
        case Members():
            return f"{base_name(tensor.listed)}_stack"
        case Dealt():
            return f"{base_name(tensor.tensor)}_each"
        case Over():
            return "weights" if tensor.kind == "softmax" else "mixed"
        case Across():
            return "score" if tensor.kind == "sum" else "norm"
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
        return f"{identifier(slot.name).lower()}_module{aged(at - slot.index)}"
    name = base_name(slot)
    if isinstance(slot, Mirror):
        return name
    born = newest(slot)
    if isinstance(slot, State):
        born = int(slot.index)
    lag = at - born
    if lag > order or (isinstance(slot, State) and born < 0):
        return f"{name}_{born}" if born >= 0 else name
    if isinstance(slot, Apply) and slot.index is sympy.nan and lag == at and at > order:
        return f"{name}_0"
    return name + aged(lag)


def context_names(recurrence: Recurrence) -> dict[Tensor, str]:
    """The variables of what each block has: further inputs, and what is made of them."""
    inputs = list(recurrence.formula.contexts)
    names = Namespace.forward({"x", *inputs})
    found: dict[Tensor, str] = {Context(name): name for name in inputs}
    ends = [flow.end for flow in recurrence.flows]
    for tensor in (t for s in (*recurrence.steps, *ends) for t in contexts_of(s)):
        if tensor not in found:
            made = isinstance(tensor, Apply | Elementwise | Part)
            found[tensor] = names.new(base_name(tensor) if made else "constant")
    return found


def aged(lag: int) -> str:
    """What the name of something so many blocks back, or ahead, ends in."""
    if not lag:
        return ""
    far = abs(lag) if abs(lag) > 1 else ""
    return f"_prev{far}" if lag > 0 else f"_next{far}"
