"""Arguments of operators: what values they take, and those of one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from recform.blocks.shape import Size

#: A number, a flag, None, or a SymPy expression: as unchecked as `Symbolic`.
Value: TypeAlias = Any


class Kind(Enum):
    """What values an argument takes.

    SIZE, PART, STRIDE, WINDOW, MARGIN, RATE and REAL may be left symbolic in the emitted
    code (a width, a dropout rate); the others shape the code and are numbers by then. A
    pair is (height, width); two equal numbers are read as one. What an operator costs may
    depend on whether a rate is 0 or 1, and on no more of it, and on no REAL.
    """

    SIZE = "a whole number of at least 1"
    STRIDE = "a whole number of at least 1 (the stride)"
    COUNT = "a whole number of at least 1 (fixed)"
    PART = "a whole number of at least 0 (some of the features)"
    NATURAL = "a whole number of at least 0"
    KERNEL = "a fixed whole number of at least 1, or a pair (height, width)"
    WINDOW = "a whole number of at least 1, or a pair (height, width)"
    MARGIN = "a whole number of at least 0, or a pair (height, width)"
    PADDING = "a fixed whole number of at least 0, or a pair (height, width)"
    RATE = "a number from 0 to 1"
    REAL = "any number"
    NUMBER = "a number"
    AMOUNT = "a number of at least 0"
    POSITIVE = "a number above 0"
    FLAG = "true or false"
    CHOICE = "one of a few words"

    @property
    def paired(self) -> bool:
        """Whether it may be given for height and width apart."""
        return self in (Kind.KERNEL, Kind.WINDOW, Kind.MARGIN, Kind.PADDING)

    @property
    def least(self) -> int | None:
        """The least whole number that it may be; None if it is no whole number."""
        if self in (Kind.PART, Kind.NATURAL, Kind.MARGIN, Kind.PADDING):
            return 0
        counts = self.symbolic or self in (Kind.COUNT, Kind.KERNEL)
        return 1 if counts else None

    @property
    def fixed(self) -> bool:
        """Whether its value shapes the code, and is a number (or a word) by then."""
        return not (self.free or self.symbolic)

    @property
    def free(self) -> bool:
        """Whether it is a number, whole or not, that may depend on the block."""
        return self in (Kind.RATE, Kind.REAL)

    @property
    def real(self) -> bool:
        """Whether it is a number, whole or not."""
        return self.free or self in (Kind.NUMBER, Kind.AMOUNT, Kind.POSITIVE)

    def allows(self, number: float) -> bool:
        """Whether a number, whole or not, is in its range."""
        if self is Kind.RATE:
            return 0 <= number <= 1
        return (
            number > 0
            if self is Kind.POSITIVE
            else self is not Kind.AMOUNT or number >= 0
        )

    @property
    def symbolic(self) -> bool:
        """Whether it is a whole number that may depend on the block."""
        return self in (Kind.SIZE, Kind.PART, Kind.STRIDE, Kind.WINDOW, Kind.MARGIN)


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
        choices: the words that a CHOICE takes.
    """

    name: str
    kind: Kind
    default: Value | _Required = REQUIRED
    about: str = ""
    choices: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return isinstance(self.default, _Required)

    @property
    def takes(self) -> str:
        """What values it takes, in words."""
        if self.kind is Kind.CHOICE:
            return " or ".join(self.choices)
        return str(self.kind.value)

    @property
    def hint(self) -> str:
        """What to write in place of a value that it does not take."""
        if self.kind is Kind.SIZE and self.default is None:
            return f"left out, {self.name} is what fits"
        value = self.default
        if self.required or value is None:
            value = _EXAMPLES.get(self.kind, 1)
        elif self.kind is Kind.SIZE:
            value = 1  # The parts that there are if nothing is said need not divide it.
        said = str(value).lower() if isinstance(value, bool) else value
        return f"for example {self.name}={said}"


#: A value of each kind that it can have anywhere, where that is not 1.
_EXAMPLES = {Kind.RATE: 0.1, Kind.KERNEL: 3, Kind.WINDOW: 3, Kind.SIZE: "c"}


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


def unsaid(arguments: Iterable[Argument]) -> Arguments:
    """The arguments of a call that gives none."""
    return Arguments({argument.name: argument.default for argument in arguments})


def given(a: Arguments, name: str, otherwise: Value) -> Value:
    """An argument, or what the operator works out where it is left out."""
    return otherwise if a[name] is None else a[name]
