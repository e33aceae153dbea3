"""What an operator declares: arguments, shape rule, cost rule, emitted code, source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import sympy

from recform.blocks.shape import Shape, Size
from recform.source import Span

#: A number, a flag, None, or a SymPy expression (which has no types to check).
Value: TypeAlias = Any


class Kind(Enum):
    """What values an argument takes.

    SIZE and RATE may be left symbolic in the emitted code (a width, a dropout rate);
    the others shape the code and are numbers by then, except for STRIDE.
    """

    SIZE = "a whole number of at least 1"
    STRIDE = "a whole number of at least 1 (the stride)"
    COUNT = "a whole number of at least 1 (fixed)"
    NATURAL = "a whole number of at least 0"
    RATE = "a number from 0 to 1"
    NUMBER = "a number"
    FLAG = "true or false"


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True)
class Argument:
    """One argument of an operator.

    Attributes:
        name: by which it can be given as a keyword.
        kind: what values it takes.
        default: its value if left out; REQUIRED if it must be given; None if the
            operator works it out.
        about: a few words for the reference.
    """

    name: str
    kind: Kind
    default: Value | _Required = REQUIRED
    about: str = ""

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return isinstance(self.default, _Required)


class Arguments(Mapping[str, Value]):
    """The arguments of one call, with the defaults filled in; read as attributes."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)

    def __getattr__(self, name: str) -> Size:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@dataclass(frozen=True)
class Cost:
    """What a call costs for one example.

    Attributes:
        parameters: learned numbers.
        multiply_adds: multiply-accumulate operations (of convolutions and products of
            matrices; element by element work is not counted, as in the paper's table).
        saves_input: whether autograd keeps the input for the backward pass.
        saves_output: whether it keeps the output.
        saves_more: further numbers that it keeps.
    """

    parameters: int = 0
    multiply_adds: int = 0
    saves_input: bool = False
    saves_output: bool = False
    saves_more: int = 0


@dataclass(frozen=True)
class Emitted:
    """The code of a call.

    Attributes:
        call: an expression with ``{x}`` for the input and ``{m}`` for the module.
        module: the expression that makes the module, or an empty string for a function.
    """

    call: str
    module: str = ""


class Misfit(Exception):
    """An operator cannot take this input or these arguments.

    Attributes:
        code: of the diagnostic.
        message: what is wrong, to follow the name of the operator.
        hint: how to mend it.
        argument: the argument at fault, if it is one.
        operator: the name of the operator, where it is not the one that was called but
            one inside of it.
        place: where that one stands.
    """

    def __init__(
        self, code: str, message: str, hint: str = "", argument: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.argument = argument
        self.operator: str | None = None
        self.place: Span | None = None


class Operator:
    """Base of the operators; one subclass an operator, made once and without state.

    A subclass sets the attributes and overrides the rules.
    """

    #: The name in formula files.
    name: str
    #: In the order in which they may be given without their names.
    arguments: tuple[Argument, ...] = ()
    #: One line for the reference.
    about: str
    #: Where it comes from.
    source: str = ""
    #: The attribute under which its module is kept, if it has one.
    attribute: str = ""
    #: Whether it works on each number by itself, without parameters and without chance:
    #: such an operator can be used as a function in equations.
    elementwise: bool = False
    #: Which `init` setting its weights follow ("" if it has none).
    weights: str = ""

    def shape(self, x: Shape, a: Arguments) -> Shape:
        """The shape of the output.

        Raises:
            Misfit: if the input does not fit (only tested for sizes that are numbers).
        """
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        """What the call costs for one example; all sizes are numbers here."""
        return Cost()

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        """The code, for sizes that may be symbols."""
        raise NotImplementedError


def code(value: Value) -> str:
    """A number, a flag or a symbolic size as Python source."""
    if value is None or isinstance(value, bool | str):
        return repr(value)
    number = sympy.sympify(value)
    if number.is_Integer:
        return str(int(number))
    if number.is_Rational or number.is_Float:
        if number.is_Rational and not _decimal(number):
            return f"{number.p} / {number.q}"
        return repr(float(number))
    return _quotient(number)


def _decimal(number: sympy.Rational) -> bool:
    q = int(number.q)
    for prime in (2, 5):
        while q % prime == 0:
            q //= prime
    return q == 1


def _quotient(expr: sympy.Expr) -> str:
    """Sizes divide exactly (this has been checked), so they are divided with ``//``."""
    numerator, denominator = sympy.fraction(sympy.together(expr))
    text = _python(numerator)
    if denominator == 1:
        return text
    if numerator.is_Add:
        text = f"({text})"
    below = _python(denominator)
    if not denominator.is_Atom:
        below = f"({below})"
    return f"{text} // {below}"


def _python(expr: sympy.Expr) -> str:
    text = str(sympy.pycode(expr, fully_qualified_modules=False))
    return text.replace("*", " * ").replace(" *  * ", "**")


def require_layout(x: Shape, *layouts: object) -> None:
    """Raises a Misfit unless the input has one of the layouts."""
    if x.layout not in layouts:
        wanted = " or ".join(f"{_ARTICLE[str(layout.value)]}" for layout in layouts)  # type: ignore[attr-defined]
        raise Misfit(
            "RF405",
            f"takes {wanted}, but gets {_ARTICLE[x.layout.value]} ({x})",
        )


_ARTICLE = {
    "image": "an image (channels x height x width)",
    "tokens": "tokens (positions x features)",
    "vector": "a vector",
}
