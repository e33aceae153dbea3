"""Classes, functions and statements of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from recform.plan.expressions import Argument, Code, Expression, names_in


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function, or of a constructor.

    Attributes:
        name: of it.
        type: its annotation.
        default: as Python; empty if it must be given.
    """

    name: str
    type: str = "int"
    default: str = ""


def in_order(parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Those with a default come last."""
    return tuple(sorted(parameters, key=lambda item: bool(item.default)))


# ------------------------------------------------------------------------- statements


@dataclass(frozen=True)
class Line:
    """A line of a formula, which a comment names.

    Attributes:
        number: of it; 0 for what the file leaves to the language.
        file: its name, if it is a file that the formula uses.
    """

    number: int
    file: str = ""


@dataclass(frozen=True)
class Assign:
    """``target = value``.

    Attributes:
        target: a name, or several with commas between them.
        value: what it is.
        line: of the formula that says it; None if none does.
        type: an annotation; empty for none.
    """

    target: str
    value: Expression
    line: Line | None = None
    type: str = ""


@dataclass(frozen=True)
class Return:
    """``return value``."""

    value: Expression
    line: Line | None = None


@dataclass(frozen=True)
class Yield:
    """``yield value``."""

    value: Expression


@dataclass(frozen=True)
class Do:
    """An expression for what it does."""

    value: Expression


@dataclass(frozen=True)
class Raise:
    """``raise error``."""

    error: Expression


@dataclass(frozen=True)
class Loop:
    """``for variable in over:``."""

    variable: str
    over: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Case:
    """A condition, and what is done where it holds; the last of all may have none."""

    condition: str
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Branch:
    """``if``, ``elif`` and ``else``."""

    cases: tuple[Case, ...]


Statement: TypeAlias = Assign | Return | Yield | Do | Raise | Loop | Branch


# ------------------------------------------------------------------------ definitions


@dataclass(frozen=True)
class Function:
    """A function, or a method, whose ``self`` is not among the parameters.

    Attributes:
        name: of it.
        parameters: in order.
        result: the annotation of what it returns.
        body: in order.
        about: its docstring; empty for none.
        around: what it is handed to, and which stands in its place; empty for nothing.
    """

    name: str
    parameters: tuple[Parameter, ...]
    result: str
    body: tuple[Statement, ...]
    about: str = ""
    around: str = ""


class Role(Enum):
    """What an attribute is for."""

    MODULE = "a module"
    SCALAR = "a learned scalar"
    NUMBER = "a number that is worked out once"
    KEPT = "an argument of the constructor, for the forward pass"
    DATA = "data for those who use the class"


@dataclass(frozen=True)
class Attribute:
    """An attribute of a class, and what makes it."""

    name: str
    value: Expression
    role: Role = Role.MODULE


def is_parameter(attribute: Attribute) -> bool:
    """Whether an attribute is a parameter of its own, and no module's."""
    value = attribute.value
    return isinstance(value, Code) and value.text.startswith("nn.Parameter(")


@dataclass(frozen=True)
class Class:
    """A class of modules.

    Attributes:
        name: of it.
        about: its docstring.
        parameters: of its constructor.
        attributes: in the order in which the constructor makes them.
        methods: in order.
        base: what it derives from, and ``given`` what the constructor of that gets.
        fields: what stands in the class itself.
        checks: what the constructor looks at first.
        start: what it does to the attributes at last.
        going: its methods where a network goes on by positions, if they are others.
    """

    name: str
    about: str
    parameters: tuple[Parameter, ...]
    attributes: tuple[Attribute, ...]
    methods: tuple[Function, ...]
    base: str = "nn.Module"
    given: tuple[Argument, ...] = ()
    fields: tuple[Assign, ...] = ()
    checks: tuple[Statement, ...] = ()
    start: tuple[Statement, ...] = ()
    going: tuple[Function, ...] = ()


Definition: TypeAlias = Class | Function


def names_read(attributes: Iterable[Attribute]) -> set[str]:
    """The names that a constructor reads to make attributes."""
    return set().union(*(names_in(item.value) for item in attributes))


def forward(body: tuple[Statement, ...], inputs: Sequence[str] = ("x",)) -> Function:
    """The forward pass of tensors, of one as a rule, to one tensor."""
    takes = tuple(Parameter(name, "Tensor") for name in inputs)
    return Function("forward", takes, "Tensor", body)
