"""Operators from outside: what is wrong with one is said, and never a traceback."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import TypeVar

from recform.blocks.operator import (
    Argument,
    Arguments,
    Cost,
    Emitted,
    Kind,
    Misfit,
    Operator,
    Weights,
)
from recform.blocks.shape import Layout, Shape

_T = TypeVar("_T")
#: As the grammar reads a name: what follows an underscore is no index.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_(?![A-Za-z]$|[0-9]+$)[A-Za-z0-9]+)*")
#: Words that formulas use themselves.
_WORDS = frozenset(
    (
        *("none", "true", "false", "input", "output", "i", "L", "c", "s", "cin"),
        *("sum", "prod", "concat", "split", "max", "min", "mean", "pi", "e"),
        *("sqrt", "exp", "log", "abs", "floor", "ceil"),
    )
)
_CLASS = re.compile(r"class ([A-Za-z_]\w*)\(nn\.Module\):")


def faults(cls: type[Operator]) -> Iterator[str]:
    """What is wrong with the declaration of an operator, to follow its name."""
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _WORDS:
        yield f"has the name {name!r}, which a formula cannot use"
    if not isinstance(getattr(cls, "about", None), str):
        yield "has no `about`, a line that says what it does"
    if cls.emit is Operator.emit:
        yield "has no `emit`, which gives its code"
    for argument in cls.arguments:
        if type(argument) is not Argument:
            yield f"has the argument {argument!r}, which is no Argument"
        elif not argument.name.isidentifier():
            yield f"has an argument of the name {argument.name!r}"
        elif argument.kind is Kind.CHOICE and not argument.choices:
            yield f"has no choices for its argument {argument.name!r}"
    if cls.elementwise and cls.arguments:
        yield "is elementwise and has arguments, which an equation could not give"
    if any(type(weights) is not Weights for weights in cls.weights):
        yield "has `weights` that are no Weights"
    for text in cls.support:
        if not _CLASS.match(text) or not _parses(text, "exec"):
            yield "has a `support` text that is no `class Name(nn.Module): ...`"


def guarded(cls: type[Operator]) -> Operator:
    """An operator whose rules may fail: a failure becomes a Misfit (RF514)."""

    class Guarded(cls):  # type: ignore[misc, valid-type]
        def shape(self, x: Shape, a: Arguments) -> Shape:
            return _checked("shape", Shape, lambda: super(Guarded, self).shape(x, a))

        def cost(self, x: Shape, a: Arguments) -> Cost:
            made = _checked("cost", Cost, lambda: super(Guarded, self).cost(x, a))
            return _counted(made)

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            made = _checked("emit", Emitted, lambda: super(Guarded, self).emit(x, a))
            return _sound(self, made)

    Guarded.__name__ = Guarded.__qualname__ = cls.__name__
    Guarded.__doc__ = cls.__doc__
    return Guarded()


def tried(operator: Operator) -> None:
    """Tries an elementwise operator, which equations use without looking.

    Raises:
        Misfit: if a rule of it fails.
    """
    x, a = Shape(Layout.VECTOR, 8), Arguments({})
    if operator.shape(x, a) != x:
        raise Misfit("RF514", "is elementwise and changes the shape")
    operator.cost(x, a)
    if operator.emit(x, a).module:
        raise Misfit("RF514", "is elementwise and has a module")


def _checked(rule: str, kind: type[_T], call: Callable[[], object]) -> _T:
    try:
        result = call()
    except Misfit:
        raise
    except (Exception, SystemExit) as error:
        text = f"{type(error).__name__}: {error}"
        raise Misfit(
            "RF514",
            f"fails in `{rule}` ({text[:200]})",
            hint="a mistake of the plugin; while code is written, sizes are symbols",
        ) from error
    if not isinstance(result, kind):
        raise Misfit(
            "RF514",
            f"gives a {type(result).__name__} in `{rule}`, and not a {kind.__name__}",
            hint="a mistake of the plugin",
        )
    return result


def _counted(cost: Cost) -> Cost:
    """A cost whose numbers count something.

    Raises:
        Misfit: if one is negative, or no whole number.
    """
    for name in ("parameters", "multiply_adds", "saves_more"):
        value = getattr(cost, name)
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
            raise Misfit(
                "RF514",
                f"gives {value!r} for `{name}` in `cost`, and not a whole number of at "
                "least 0",
                hint="a mistake of the plugin",
            )
    return cost


def _sound(operator: Operator, made: Emitted) -> Emitted:
    """Code that can be parsed, with a place for its module.

    Raises:
        Misfit: if it can't, or if there is none.
    """
    call = made.call.replace("{x}", "x").replace("{m}", "m")
    for text in (call, made.module or "None"):
        if not _parses(text, "eval"):
            raise Misfit("RF514", f"writes code that is no Python expression: {text}")
    if made.module and not operator.attribute.isidentifier():
        raise Misfit("RF514", "has a module, and no `attribute` to keep it under")
    return made


def _parses(text: str, mode: str) -> bool:
    try:
        ast.parse(text, mode=mode)
    except (SyntaxError, ValueError):
        return False
    return True
