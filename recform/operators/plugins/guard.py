"""Operators from outside: what is wrong with one is said, and never a traceback."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from numbers import Integral
from typing import Any, TypeVar

from recform.blocks.acts import Inner
from recform.blocks.amount import Cost
from recform.blocks.arguments import Arguments
from recform.blocks.code import symbols_in
from recform.blocks.details import Detail
from recform.blocks.operator import (
    FUNCTION_INPUT,
    SHIFTED,
    Emitted,
    Memory,
    Misfit,
    Operator,
    Several,
)
from recform.blocks.shape import Shape, Size
from recform.blocks.template import free_names, in_place, kept_apart, template
from recform.modules import raised
from recform.operators.plugins.declared import classes_in

_T = TypeVar("_T")
#: What the generated file imports if something of it is named, and what it always does.
_MODULES = ("torch", "F", "math")
_ALWAYS = ("nn", "Tensor", *(name for name in dir(builtins) if name[:1] != "_"))


def guarded(cls: type[Operator]) -> Operator:
    """An operator whose rules may fail: a failure becomes a Misfit (RF514).

    A class is one operator, so that formulas that were compiled apart have the same.

    Raises:
        Misfit: if no operator can be made of the class (RF513).
    """
    try:
        return _guarded(cls)  # type: ignore[arg-type]  # a class is hashable
    except (Exception, SystemExit) as error:
        text = f"is a class of which no operator can be made ({raised(error)})"
        raise Misfit("RF513", text) from error


@cache
def _guarded(cls: type[Operator]) -> Operator:
    of = "_of" if issubclass(cls, Several) else ""  # what its author has written

    class Guarded(cls):  # type: ignore[misc, valid-type]
        foreign = True

        def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
            rule = super().shape_of
            return _checked(f"shape{of}", Shape, lambda: rule(inputs, a))

        def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
            rule = super().cost_of
            made = _checked(f"cost{of}", Cost, lambda: rule(inputs, a))
            return _counted(made, f"cost{of}")

        def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
            rule = super().emit_of
            made = _checked(f"emit{of}", Emitted, lambda: rule(inputs, a))
            return _sound(self, inputs, a, made)

        def memory_of(
            self, inputs: tuple[Shape, ...], a: Arguments
        ) -> tuple[Memory, ...]:
            rule = super().memory_of
            made = _checked(f"memory{of}", tuple, lambda: rule(inputs, a))
            is_shift = made and self.written(inputs, a).call == SHIFTED
            return made if is_shift else _kept(self, made, f"memory{of}")

        def shared(self, x: Shape, a: Arguments) -> tuple[Size, ...]:
            rule = super().shared
            return _checked("shared", tuple, lambda: tuple(map(int, rule(x, a))))

        def details(
            self, inputs: tuple[Detail, ...], a: Arguments
        ) -> tuple[Detail, ...]:
            rule = super().details
            made = _checked("details", tuple, lambda: rule(inputs, a))
            symbols = any(map(symbols_in, a.values()))
            is_known = not symbols and all(x.numbers for x in inputs)
            return _joined(made, inputs, is_known=is_known)

        @property
        def tells(self) -> bool:
            return "details" in vars(cls) and not self.single

    Guarded.__name__ = Guarded.__qualname__ = cls.__name__
    Guarded.__doc__ = cls.__doc__
    return Guarded()


def tried(operator: Operator) -> None:
    """Tries an elementwise operator, which equations use without looking.

    Raises:
        Misfit: if a rule of it fails.
    """
    a = Arguments({})
    for sizes in ((8,), (4, 8), (8, 4, 4)):
        x = Shape.of(sizes)
        if operator.shape_of((x,), a) != x:
            raise Misfit("RF514", "is elementwise and changes the shape")
        operator.cost_of((x,), a)
    made = operator.written((FUNCTION_INPUT,), a)
    if made.module:
        raise Misfit("RF514", "is elementwise and has a module")
    if "{x}" not in made.call:
        raise Misfit("RF514", f"is elementwise and leaves its input out: {made.call}")


def _checked(rule: str, kind: type[_T], call: Callable[[], object]) -> _T:
    try:
        result = call()
    except Misfit:
        raise
    except (Exception, SystemExit) as error:
        raise Misfit(
            "RF514",
            f"fails in `{rule}` ({raised(error)})",
            hint="a mistake of the plugin; while code is written, sizes are symbols",
        ) from error
    if not isinstance(result, kind):
        raise Misfit(
            "RF514",
            f"gives a {type(result).__name__} in `{rule}`, and not a {kind.__name__}",
            hint="a mistake of the plugin",
        )
    return result


def _counted(cost: Cost, rule: str) -> Cost:
    """A cost whose numbers count something.

    Raises:
        Misfit: if one is negative, or no whole number.
    """
    for name in (
        "parameters",
        "multiply_adds",
        "saves_more",
        "saves_bytes",
        "saves_once",
        "saves_once_bytes",
        "workspace",
        "workspace_back",
        "workspace_once",
        "workspace_bytes",
    ):
        value = getattr(cost, name)
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
            raise Misfit(
                "RF514",
                f"gives {value!r} for `{name}` in `{rule}`, and not a whole number of at "
                "least 0",
                hint="a mistake of the plugin",
            )
    return cost


def _kept(
    operator: Operator, memories: tuple[Memory, ...], rule: str
) -> tuple[Memory, ...]:
    """What an operator keeps of positions, which needs a class that keeps it.

    Raises:
        Misfit: if there is none, or what is told is nothing that can be kept.
    """
    for item in memories:
        if type(item) is not Memory or not _counts(item):
            raise Misfit(
                "RF514",
                f"gives {item!r} in `{rule}`, which is no Memory of a text and whole "
                "numbers of at least 0",
                hint="a mistake of the plugin",
            )
    if memories and not operator.support_kept:
        raise Misfit(
            "RF514",
            f"says in `{rule}` that it keeps {memories[0].what} of earlier positions, and "
            "brings no class that does: it has no `support_kept`",
            hint="its module in generation, with `self.past.join`; or raise a Misfit in "
            f"`{rule}`, if it cannot go on by positions",
        )
    return memories


def _counts(memory: Memory) -> bool:
    """Whether a memory says how much is kept."""
    numbers: list[Any] = [memory.features, memory.positions or 0]
    whole = all(isinstance(n, Integral) and int(n) >= 0 for n in numbers)
    return whole and isinstance(memory.what, str)


def _joined(
    details: tuple[Detail, ...], inputs: tuple[Detail, ...], *, is_known: bool
) -> tuple[Detail, ...]:
    """Details of which each is made of what there is before it.

    Args:
        details: that are told.
        inputs: what comes in.
        is_known: whether sizes are numbers; else what they come to does not count, and
            some may be told where others cannot be.

    Raises:
        Misfit: if one is not.
    """
    drawn: set[object] = {x.name for x in inputs}
    done = set(drawn)
    for detail in details:
        problem = ""
        if type(detail) is not Detail:
            problem = f"gives {detail!r} in `details`, which is no Detail"
        elif detail.name in drawn:
            problem = f"has two things that it calls {detail.name!r} in `details`"
        elif missing := [name for name in detail.of if name not in drawn]:
            problem = f"makes {detail.name!r} of {missing[0]!r}, which is not before it"
        else:
            problem = next(_undone(detail, done), "") if is_known else ""
        if problem:
            raise Misfit("RF514", problem, hint="a mistake of the plugin")
        drawn.add(detail.name)
    if is_known and len(done) > len(inputs) and details[-1].name not in done:
        problem = f"has no operation that makes {details[-1].name!r}, its result"
        raise Misfit("RF514", problem, hint="a mistake of the plugin")
    return details


def _undone(detail: Detail, done: set[object]) -> Iterator[str]:
    """What is wrong with the operations of a detail; what they make is added."""
    for act in detail.does:
        if type(act) is not Inner:
            yield f"gives {act!r} for what {detail.name!r} does, which is no operation"
            return
        asked = (name for name in act.asks if name != act.tensor)
        for name in (*act.reads, *asked):
            if name not in done:
                yield f"computes {act.tensor!r} of {name!r}, which nothing computes"
        done.add(act.tensor)


def _sound(
    operator: Operator, inputs: tuple[Shape, ...], a: Arguments, made: Emitted
) -> Emitted:
    """Code that can be parsed, with a place for its module and no unknown names.

    Raises:
        Misfit: if it can't, or if there is none.
    """
    try:
        read = template(made.call)
        texts = [text for text in (made.call, made.module, made.layer) if text]
        changing = [text for text in texts if in_place(text)]
    except ValueError as error:
        text = f"writes code that cannot be used, for {error}: {made.call}"
        raise Misfit("RF514", text, hint="a mistake of the plugin") from error
    if changing:
        raise Misfit(
            "RF515",
            f"works in place, and others may read what it changes: {changing[0]}",
            hint="write what makes a new tensor, without `inplace` and the underscore",
        )
    if made.module and not operator.attribute.isidentifier():
        raise Misfit("RF514", "has a module, and no `attribute` to keep it under")
    if "{m}" in made.call and not made.module:
        text = f"writes code with {{m}}, and has no module: {made.call}"
        raise Misfit("RF514", text, hint="Emitted(call, module)")
    if more := sorted(read.inputs.difference(operator.inputs)):
        text = f"writes code with {{{more[0]}}}, and has no such input: {made.call}"
        raise Misfit("RF514", text, hint="a mistake of the plugin")
    sizes = (size for x in inputs for size in (x.features, *x.grid))
    symbols = {str(s) for v in (*sizes, *a.values()) for s in symbols_in(v)}
    for text in texts:
        _known(text, symbols | classes_in(operator.support))
    return replace(made, call=kept_apart(made.call))


def _known(text: str, names: set[str]) -> None:
    """Refuses code that needs more than the generated file has.

    Raises:
        Misfit: if it does.
    """
    if called := re.search(r"\.(__\w+)\(", text):
        raise Misfit(
            "RF514",
            f"writes code that calls {called[1]}, which is for Python to call: {text}",
            hint="write the operation itself, such as {x} * 2",
        )
    modules = set(re.findall(rf"\b({'|'.join(_MODULES)})\.", text))
    for name in free_names(text):
        if name.id not in modules | names and name.id not in _ALWAYS:
            raise Misfit(
                "RF514",
                f"writes code with {name.id}, which the generated file does not have: "
                f"{text}",
                hint="write {x} for the input"
                if name.id == "x"
                else "it has torch, nn, F, Tensor and math, and the classes of `support`",
            )
