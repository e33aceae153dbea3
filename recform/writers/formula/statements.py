"""The statements of a step: what is used once has no variable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from recform.algebra.expr import Apply, Elementwise, Input, Part, State, Tensor
from recform.algebra.lists import Over, is_list
from recform.blocks.applied import function_call
from recform.plan.definitions import Assign, Line
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.plan.parts import PipelineCode
from recform.plan.printer.definitions import fits
from recform.recurrence.model import Slot, Step
from recform.writers.formula.terms import ATOM, Writer
from recform.writers.pipelines import chain

#: The code of an inlined operator, and the line of its definition; None for an operator
#: that is no inlined one.
Inliner = Callable[[Apply], tuple[PipelineCode, Line | None] | None]


class BodyWriter:
    """Writes the statements of a step's body; what is used once has no variable.

    Args:
        step: what is computed.
        writer: for expressions; its variables are filled.
        names: variables that are still free.
        name_of: the variable that a tensor would like.
        line: of the formula that says a tensor.
        indent: how far the statements will be from the margin.
        fixed: the variables of tensors that have one in any case.
    """

    def __init__(
        self,
        step: Step,
        writer: Writer,
        names: Namespace,
        name_of: Callable[[Slot], str],
        line: Callable[[Tensor], Line | None],
        indent: int = 8,
        fixed: Mapping[Tensor, str] | None = None,
    ) -> None:
        self._fixed = fixed or {}
        self._step = step
        self._writer = writer
        self._names = names
        self._name_of = name_of
        self._line = line
        self._indent = indent
        self._made: list[Assign] = []
        #: The operators whose parts are the step's own, and whether what comes into
        #: each is given the name of what is between them first.
        self.inlined: dict[Tensor, bool] = {}

    def write(
        self, outputs: Iterable[Slot], inlined: Inliner | None = None
    ) -> tuple[Assign, ...]:
        """Statements in the order of computation."""
        uses = self._uses(outputs)
        adapted = self._adapted_twice()
        for tensor in self._step.body:
            if tensor in self._writer.variables:
                continue
            read = self._adapters_of(tensor)
            for after, pending in adapted.items():
                # What reads an adapter comes behind it.
                for item in [item for item in pending if item[1] in read]:
                    self._adapt(*item)
                adapted[after] = [item for item in pending if item[1] not in read]
            if isinstance(tensor, Part) and self._split(tensor):
                continue
            if self._is_alias(tensor):
                continue
            if isinstance(tensor, Apply) and inlined is not None:
                written = inlined(tensor)
                if written is not None:
                    self._assign_inlined(tensor, *written)
            if tensor in self._writer.variables:
                pass
            elif uses.get(tensor, 0) > 1 or _is_named(tensor) or tensor in self._fixed:
                self._assign(tensor)
            for value, attribute in adapted.pop(tensor, ()):
                self._adapt(value, attribute)
        for pending in adapted.values():
            for value, attribute in pending:
                self._adapt(value, attribute)
        return tuple(self._made)

    @property
    def variables(self) -> tuple[Tensor, ...]:
        """The tensors of the body that have one, in the order of the statements."""
        body = dict.fromkeys(self._step.body)
        named = self._writer.variables
        return tuple(x for x in named if isinstance(x, Tensor) and x in body)

    def _set(self, name: str, text: str, line: Line | None) -> None:
        self._made.append(Assign(name, Code(text), line))

    def _uses(self, outputs: Iterable[Slot]) -> dict[Tensor, int]:
        """How often each tensor is read; one that is handed on counts as twice."""
        uses: dict[Tensor, int] = {}
        for tensor in self._step.body:
            for part in self._step.parts(tensor):
                bare = self._step.bare(part)
                read = bare if self._writer.adapter(bare, tensor) else part
                uses[read] = uses.get(read, 0) + 1
                if isinstance(tensor, Elementwise):
                    # A function whose code names its argument twice computes it once.
                    uses[part] += not function_call(tensor.function).once
        for slot in outputs:
            if isinstance(slot, Tensor):
                uses[slot] = uses.get(slot, 0) + 2
        return uses

    def _adapters_of(self, tensor: Tensor) -> set[str]:
        """The adapters that stand in front of the terms of a tensor."""
        found = {
            self._writer.adapter(self._step.bare(part), tensor)
            for part in self._step.parts(tensor)
        }
        return found - {""}

    def _adapted_twice(self) -> dict[Tensor, list[tuple[Tensor, str]]]:
        """Adapters whose result is read twice, by the tensor after which they can run."""
        counts: dict[str, int] = {}
        values: dict[str, Tensor] = {}
        for tensor in self._step.body:
            for part in self._step.parts(tensor):
                attribute = self._writer.adapter(self._step.bare(part), tensor)
                if attribute:
                    counts[attribute] = counts.get(attribute, 0) + 1
                    values[attribute] = self._step.bare(part)
        result: dict[Tensor, list[tuple[Tensor, str]]] = {}
        first = self._step.body[0] if self._step.body else None
        for attribute, count in counts.items():
            if count > 1 and first is not None:
                value = values[attribute]
                after = value if value in self._step.computed else first
                result.setdefault(after, []).append((value, attribute))
        return result

    def _adapt(self, value: Tensor, attribute: str) -> None:
        name = self._names.new(f"{self._name_of(value)}_short")
        self._set(name, self._writer.behind(attribute, value), self._line(value))
        self._writer.adapted[attribute] = name

    def _is_alias(self, tensor: Tensor) -> bool:
        """Whether an unknown is just another name of a tensor that has one."""
        if isinstance(tensor, Input):
            self._writer.variables[tensor] = "x"
            return True
        parts = self._step.parts(tensor)
        if is_list(tensor) and is_list(parts[-1]):
            # No stage was finished: the list is the one that there was.
            self._writer.variables[tensor] = self._writer.show(parts[-1])
            return True
        if not isinstance(tensor, State):
            return False
        (right,) = parts
        if self._writer.adapter(self._step.bare(right), tensor):
            return False
        if right in self._writer.variables:
            self._writer.variables[tensor] = self._writer.variables[right]
            return True
        return False

    def _assign(self, tensor: Tensor) -> None:
        name = self._named(tensor)
        text, _ = self._writer.made(tensor)
        line = self._line(tensor)
        if not fits(Assign(name, Code(text), line), self._indent):
            # A call on a line of its own can be found in a traceback by its comment.
            for call in self._calls_in(tensor):
                self._assign(call)
            text, _ = self._writer.made(tensor)
        self._set(name, text, line)
        self._writer.variables[tensor] = name

    def _named(self, tensor: Tensor) -> str:
        """The variable of a tensor that gets one."""
        return self._fixed.get(tensor) or self._names.new(self._name_of(tensor))

    def _calls_in(self, tensor: Tensor) -> list[Tensor]:
        """The outermost operators that a statement applies."""
        found: list[Tensor] = []
        for part in self._step.parts(tensor):
            if part in self._writer.variables:
                continue
            if isinstance(part, Apply):
                found.append(part)
            else:
                found += self._calls_in(part)
        return list(dict.fromkeys(found))

    def _assign_inlined(
        self, tensor: Apply, code: PipelineCode, defined: Line | None
    ) -> None:
        """An operator whose parts are the step's own."""
        if len(tensor.arguments) > 1 and not code.nests:
            for part in tensor.arguments:
                if part not in self._writer.variables:
                    self._assign(part)
        given = self._writer.arguments(tensor)
        between, result = chain(code.calls, code.cuts, given, "out", code.inputs)
        line = defined or self._line(tensor)
        self.inlined[tensor] = between[:1] == [*given]
        for text in between:
            self._set("out", text, line)
        name = self._named(tensor)
        self._set(name, result, line)
        self._writer.variables[tensor] = name

    def _split(self, tensor: Part) -> bool:
        """All parts of a split in one statement."""
        parts = [
            t
            for t in self._step.body
            if isinstance(t, Part)
            and t.tensor == tensor.tensor
            and t.parts == tensor.parts
        ]
        if len(parts) < 2:
            return False
        if tensor.which == min(part.which for part in parts):
            owners = {
                self._step.parts(t)[0]: t
                for t in self._step.body
                if isinstance(t, State)
            }
            targets = []
            by_number = {part.which: part for part in parts}
            for number in range(tensor.parts):
                part = by_number.get(number)
                if part is None:
                    targets.append("_")
                    continue
                named = owners.get(part, part)
                name = self._named(named)
                self._writer.variables[part] = name
                targets.append(name)
            axis = self._writer.axis(tensor.tensor)
            value = self._writer.show(tensor.tensor, ATOM)
            call = f"{value}.chunk({tensor.parts}, dim={axis})"
            self._set(", ".join(targets), call, self._line(tensor))
        return True


def _is_named(tensor: Tensor) -> bool:
    """Whether a tensor has a variable, however often it is read."""
    return isinstance(tensor, State) or (isinstance(tensor, Over) and tensor.is_many)
