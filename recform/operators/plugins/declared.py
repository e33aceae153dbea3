"""What is wrong with how an operator from outside is declared."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from recform.blocks.amount import Cost
from recform.blocks.arguments import Argument, Kind
from recform.blocks.function import Function
from recform.blocks.identifiers import OF_FILES, is_generated
from recform.blocks.operator import Operator, Several, Weights
from recform.blocks.shape import Layout, Order
from recform.modules import raised

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
    order: object = cls.order
    if not isinstance(order, Order | None):
        yield f"has {order!r} for `order`, and not an Order of recform.blocks"
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
    for own in ("support", "support_kept"):
        for text in getattr(cls, own):
            if not _CLASS.match(text) or not _parses(text):
                yield f"has a `{own}` text that is no `class Name(nn.Module): ...`"
    for name in sorted(classes_in((*cls.support, *cls.support_kept))):
        if name in OF_FILES or is_generated(name):
            yield f"brings a class {name}, which means something else in generated files"
    missing = classes_in(cls.support) - classes_in(cls.support_kept)
    if cls.support_kept and missing:
        yield f"has no class {min(missing)} in `support_kept`, as it has in `support`"


def classes_in(texts: Iterable[str]) -> set[str]:
    """The names of classes that an operator brings."""
    return {found[1] for text in texts if (found := _CLASS.match(text))}


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


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
