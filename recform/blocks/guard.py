"""Operators from outside: what is wrong with one is said, and never a traceback."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterator
from functools import cache
from numbers import Integral
from typing import TypeVar

from recform.blocks.acts import Inner
from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import symbols_in
from recform.blocks.details import Detail
from recform.blocks.function import Function
from recform.blocks.operator import (
    FUNCTION_INPUT,
    Emitted,
    Memory,
    Misfit,
    Operator,
    Several,
    Weights,
)
from recform.blocks.shape import Layout, Shape, Size
from recform.blocks.template import free_names, in_place, template
from recform.modules import raised

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
#: What the generated file imports if something of it is named, and what it always does.
_MODULES, _ALWAYS = ("torch", "F", "math"), ("nn", "Tensor", *dir(builtins))

#: The rules that a class may have; all else that an operator does is recform's own.
_RULES = frozenset(
    (
        *("shape", "cost", "emit", "memory"),
        *("shape_of", "cost_of", "emit_of", "memory_of"),
        *("details", "shared"),
    )
)
#: What Python looks for in an object, and may fail anywhere.
_HOOKS = (
    "__getattribute__",
    "__getattr__",
    "__eq__",
    "__hash__",
    "__bool__",
    "__len__",
)

#: Kinds of what a class declares, in words; and of what its tuples hold.
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    str: "a text",
    tuple: "a tuple",
    Cost: "a Cost",
}
_ITEMS: dict[str, tuple[type, str]] = {
    "inputs": (str, "text"),
    "arguments": (Argument, "Argument"),
    "takes": (Layout, "Layout"),
    "weights": (Weights, "Weights"),
    "support": (str, "text"),
    "support_kept": (str, "text"),
}


def faults(cls: type[Operator]) -> Iterator[str]:
    """What is wrong with the declaration of an operator, to follow its name."""
    try:
        wrong = list(_kinds(cls)) or list(_declaration(cls))
    except (Exception, SystemExit) as error:  # of metaclasses and the like
        wrong = [f"has a declaration that cannot be read ({raised(error)})"]
    yield from wrong


def _kinds(cls: type[Operator]) -> Iterator[str]:
    """What is something else than it is in an operator that leaves it out."""
    for name, default in vars(Operator).items():
        kind, value = type(default), getattr(cls, name)
        if kind not in _KINDS or name.startswith("__"):
            continue
        if not isinstance(value, kind):
            yield f"has {value!r} for `{name}`, and not {_KINDS[kind]}"
        elif kind is tuple:
            item, said = _ITEMS[name]
            for wrong in (x for x in value if type(x) is not item):
                yield f"has {wrong!r} among its `{name}`, which is no {said}"


def _declaration(cls: type[Operator]) -> Iterator[str]:
    """What is wrong with it, all of it being of its kind."""
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _WORDS:
        yield f"has the name {name!r}, which a formula cannot use"
    if not isinstance(getattr(cls, "about", None), str):
        yield "has no `about`, a line that says what it does"
    for own in sorted(_overridden(cls)):
        yield f"has `{own}` of its own, which only recform's operators may have"
    yield from _input_faults(cls)
    for argument in cls.arguments:
        if not argument.name.isidentifier():
            yield f"has an argument of the name {argument.name!r}"
        elif argument.kind is Kind.CHOICE and not argument.choices:
            yield f"has no choices for its argument {argument.name!r}"
    if cls.elementwise and cls.arguments:
        yield "is elementwise and has arguments, which an equation could not give"
    yield from _function_faults(cls)
    for text in cls.support:
        if not _CLASS.match(text) or not _parses(text):
            yield "has a `support` text that is no `class Name(nn.Module): ...`"


def _overridden(cls: type[Operator]) -> set[str]:
    """What a class, or a base of it that is not recform's, overrides and may not."""
    methods = {
        name
        for name, value in (*vars(Operator).items(), *vars(Several).items())
        if (callable(value) or isinstance(value, property)) and name[:2] != "__"
    }
    own = {
        name
        for base in cls.__mro__
        if base is not object and base.__module__.partition(".")[0] != "recform"
        for name, value in vars(base).items()
        if value is not None  # as Python sets `__hash__` beside `__eq__`
    }
    return own & ((methods - _RULES) | {*_HOOKS})


def _input_faults(cls: type[Operator]) -> Iterator[str]:
    """What is wrong with the inputs that an operator names, and with the rules of them."""
    several = issubclass(cls, Several)
    if several and cls.emit_of is Several.emit_of:
        yield "has no `emit_of`, which gives its code"
    if not several and cls.emit is Operator.emit:
        yield "has no `emit`, which gives its code"
    given: object = cls.inputs
    names = [str(name) for name in given] if isinstance(given, tuple) else ["m"]
    sound = all(_NAME.fullmatch(name) and name != "m" for name in names)
    if not sound or len(set(names)) < len(names):
        yield f"has the inputs {cls.inputs!r}, which are no tuple of different names"
    elif several and len(names) < 2:
        yield f"has the inputs {given!r}: a Several takes two tensors or more"
    elif not several and given != ("x",):
        yield f"has the inputs {given!r}, which only a Several has"


def _function_faults(cls: type[Operator]) -> Iterator[str]:
    """What is wrong with what an operator says that it computes."""
    if cls.function is None:
        return
    if type(cls.function) is not Function or not isinstance(cls.function.value, str):
        yield "has a `function` that is no Function"
    elif not cls.elementwise:
        yield "has a `function`, and is not elementwise"
    else:
        try:
            _ = cls.function.term
        except ValueError as error:
            yield f"has a `function` whose value cannot be read: {error}"


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
            return _checked(f"memory{of}", tuple, lambda: rule(inputs, a))

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
    made = operator.emit_of((FUNCTION_INPUT,), a)
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
        "workspace",
        "workspace_back",
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
    if more := sorted(read.inputs.difference(operator.inputs)):
        text = f"writes code with {{{more[0]}}}, and has no such input: {made.call}"
        raise Misfit("RF514", text, hint="a mistake of the plugin")
    sizes = (size for x in inputs for size in (x.features, *x.grid))
    symbols = {str(s) for v in (*sizes, *a.values()) for s in symbols_in(v)}
    own = {found[1] for text in operator.support if (found := _CLASS.match(text))}
    for text in texts:
        _known(text, symbols | own)
    return made


def _known(text: str, names: set[str]) -> None:
    """Refuses code that needs more than the generated file has.

    Raises:
        Misfit: if it does.
    """
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


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
