"""What the generated code says of itself: the docstrings of steps, and `rf:N` marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy

from recform.algebra.expr import (
    Apply,
    Context,
    I,
    L,
    Part,
    State,
    Tensor,
    TensorSum,
    subtensors,
)
from recform.algebra.formula import Formula
from recform.algebra.reindex import reindexed
from recform.algebra.typeset import plain
from recform.algebra.written.said import equation_texts
from recform.blocks.exact import filled
from recform.blocks.identifiers import identifier
from recform.plan.definitions import Line
from recform.plan.namespace import Namespace
from recform.plan.printer.lines import folded
from recform.recurrence.build import relative, show
from recform.recurrence.model import (
    REGULAR,
    ModuleSlot,
    Place,
    Recurrence,
    Slot,
    Step,
    contexts_of,
    read_by,
)
from recform.source import Span
from recform.writers.names import context_names, variable
from recform.writers.pipelines import line_of

#: How many blocks later a sum may be named that is formed early, and one more.
_FURTHEST = 33


def step_title(recurrence: Recurrence, step: Step, shared: tuple[str, ...]) -> str:
    """The formula, and what comes in and goes out."""
    texts = step_equations(recurrence, step)
    contexts = context_names(recurrence)
    names = Namespace.forward(contexts.values())
    for name in shared:
        names.new(f"{identifier(name).lower()}_shared")
    taken = [
        f"{names.new(variable(slot, step.at, recurrence.order))}"
        f" = {_said(recurrence, step, slot)}"
        for slot in map(step.inputs.__getitem__, read_by(step))
    ]
    taken += (
        contexts[tensor] + f" = {tensor}" * (not isinstance(tensor, Context))
        for tensor in contexts_of(step)
    )
    made = [_said(recurrence, step, slot) for slot in step.outputs]
    notes = [f"Takes {', '.join(taken)}.", f"Hands on {', '.join(made)}."]
    lines = [line for note in notes for line in folded(note, 80)]
    return "\n".join([*texts, "", *lines] if texts else lines)


def step_equations(recurrence: Recurrence, step: Step) -> list[str]:
    """The equations that a step computes, in lines."""
    equations = list(equation_texts(recurrence.formula))
    if step.role != REGULAR:
        equations = _written_out(recurrence, step)
    return [line for text in equations for line in folded(text, 80)]


def _said(recurrence: Recurrence, step: Step, slot: Slot) -> str:
    if step.role.place is Place.BACK:
        item = State(slot.name, slot.index) if isinstance(slot, ModuleSlot) else slot
        return plain(_from_end(step, item), recurrence.formula.decimals)
    if step.role == REGULAR or step.at > recurrence.order + 1:
        return show(slot, step.at, step.absolute, recurrence.formula.decimals)
    if isinstance(slot, ModuleSlot):
        return f"{slot.name}_{slot.index}"
    return plain(slot, recurrence.formula.decimals)


def _written_out(recurrence: Recurrence, step: Step) -> list[str]:
    """The equations of a special step, with the numbers of its block in them."""
    texts = []
    formula = recurrence.formula
    several = {b.left: b.text for b in formula.boundaries if b.several}
    if step.role.place is Place.LATE:
        # Many blocks take it: what has no equation for them is said of all.
        several = {
            **{State(e.unknown, step.at): e.text for e in formula.equations},
            **several,
        }
    for tensor in step.body:
        if isinstance(tensor, State):
            (right,) = step.parts(tensor)
            if tensor in several and not step.absolute:
                texts.append(several[tensor])
                continue
            here = _from_end if step.role.place is Place.BACK else _in_numbers
            left, right = here(step, tensor), here(step, right)
            texts.append(f"{left} = {plain(right, formula.decimals)}")
    return texts


def _from_end(step: Step, tensor: Tensor) -> Tensor:
    """A tensor of one of the last blocks, counted back from `L`."""
    end = step.at + step.role.number - 1
    last = {I: L}
    return reindexed(
        relative(tensor, end, step.absolute),
        lambda index: index.xreplace(last),
        lambda value, at: (filled(value, last), at),
    )


def _in_numbers(step: Step, tensor: Tensor) -> Tensor:
    """A tensor of a step whose coefficients have the number of its block."""
    return reindexed(
        tensor,
        lambda index: index,
        lambda value, at: (
            value if at is sympy.nan else filled(value, {I: at}),
            sympy.nan,
        ),
    )


def _place(
    tensor: Tensor,
    step: Step,
    parts: Mapping[Span, frozenset[Tensor]],
) -> Span | None:
    """Where an equation says a tensor that has no name, here or of a later block.

    A sum that is formed early is said where all its terms are.
    """
    terms = tensor.args if isinstance(tensor, TensorSum) else (tensor,)
    for at in range(step.at, step.at + _FURTHEST):
        said = {relative(term, at, step.absolute) for term in terms}
        for whole, inside in parts.items():
            if said <= inside:
                return whole
    return None


def line_marks(formula: Formula, step: Step) -> Callable[[Tensor], Line | None]:
    """For each tensor of a step, the line that says it."""
    unknowns: dict[str, Span] = {}
    operators: dict[str, Span] = {}
    for equation in formula.equations:
        unknowns.setdefault(equation.unknown, equation.span)
        for tensor in subtensors(equation.right):
            if isinstance(tensor, Apply):
                operators.setdefault(tensor.operator, equation.span)
    special: dict[Tensor, Span] = {}
    if step.role != REGULAR:
        for boundary in formula.boundaries:
            special.setdefault(boundary.left, boundary.span)
    otherwise = formula.equations[0].span
    parts = {e.span: frozenset(subtensors(e.right)) for e in formula.equations}
    named = {
        step.parts(tensor)[0]: tensor
        for tensor in reversed(step.body)
        if isinstance(tensor, State) and step.parts(tensor)
    }
    users: dict[Tensor, State] = {}
    for tensor in step.body:
        if isinstance(tensor, State):
            for part in step.parts(tensor):
                for inner in subtensors(part):
                    users.setdefault(inner, tensor)

    def line(tensor: Tensor) -> Line | None:
        span = otherwise
        if isinstance(tensor, Part):
            tensor = named.get(tensor, tensor)
        if isinstance(tensor, State):
            span = special.get(tensor) or unknowns.get(tensor.name, otherwise)
        elif isinstance(tensor, Apply):
            span = operators.get(tensor.operator, otherwise)
        elif (said := relative(tensor, step.at, step.absolute)) in formula.spans:
            span = formula.spans[said]
        elif tensor in users:
            return line(users[tensor])
        else:
            span = _place(tensor, step, parts) or otherwise
        return line_of(span, formula.source)

    return line
