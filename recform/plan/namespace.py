"""Namespaces of the generated file: each gives out its identifiers once.

Scopes nest as in Python. The module's names are classes and functions; they make way for
the arguments that an author names, since a constructor sees both. Attributes are a scope
of their own, for they stand behind `self.`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from recform.blocks import identifiers
from recform.blocks.identifiers import identifier
from recform.diagnostics import CompileError, Diagnostics, Label
from recform.source import Span

#: What a `names` statement says of several at once, with a number in the name.
COUNTED = ("stages", "step", "transition")


@dataclass(frozen=True)
class Claim:
    """What a name is wanted for.

    Attributes:
        what: in words, such as ``the operator W``.
        span: the place that says the name; None if the language does, or nobody.
        key: what a `names` statement calls it; empty if it has no say.
    """

    what: str
    span: Span | None = None
    key: str = ""


class Namespace:
    """Gives out identifiers, each once.

    A name that is derived gets a number if it is taken. One that the author says is had
    as it is said, or not at all.

    Args:
        own: what the scope itself has, and what it must not hide.
        holds: whether it is that of a container, whose names need not be Python's.
    """

    def __init__(self, own: Iterable[str] = (), *, holds: bool = False) -> None:
        self._own = set(own)
        self._holds = holds
        self._given: set[str] = set()
        self._reserved: set[str] = set()
        self._claims: dict[str, Claim] = {}
        self._kept: dict[str, str] = {}

    @classmethod
    def module(cls, arguments: Iterable[str] = ()) -> Namespace:
        """The scope of classes and functions.

        Args:
            arguments: of constructors, as the author calls them; no class hides them.
        """
        return cls({*identifiers.GLOBAL, *arguments})

    @classmethod
    def attributes(cls) -> Namespace:
        """The scope behind `self.`."""
        return cls({*identifiers.KEYWORDS, *identifiers.MODULE})

    @classmethod
    def container(cls, own: Iterable[str]) -> Namespace:
        """The scope of what a container of torch's holds.

        Args:
            own: what it has besides a module.
        """
        return cls({*identifiers.KEYWORDS, *identifiers.MODULE, *own}, holds=True)

    @classmethod
    def forward(cls, taken: Iterable[str] = ()) -> Namespace:
        """The scope of a forward pass, of which some variables are given away."""
        return cls({*identifiers.IN_FORWARD, *identifiers.LOCALS, *taken})

    def function(self, taken: Iterable[str] = ()) -> Namespace:
        """The scope of a constructor in this module: it hides none of its names."""
        return Namespace({*self._own, *self._given, *taken})

    def _is_taken(self, name: str) -> bool:
        return name in self._own or name in self._given or identifiers.is_private(name)

    def new(self, wanted: str) -> str:
        """The wanted name, with a number if it is taken."""
        base = identifier(wanted)
        name = base
        number = 2
        while self._is_taken(name) or name in self._reserved:
            name = f"{base}_{number}" if base[-1].isdigit() else f"{base}{number}"
            number += 1
        self._given.add(name)
        return name

    def take(self, name: str) -> str:
        """A name that the scope has of itself."""
        self._own.add(name)
        return name

    def kept(self, argument: str) -> str:
        """The attribute that keeps an argument of the constructor; one for each."""
        if argument not in self._kept:
            self._kept[argument] = self.new(argument)
        return self._kept[argument]

    def reserve(self, names: Iterable[str]) -> None:
        """Keeps names that will be claimed from those that are derived."""
        self._reserved.update(names)

    def claim(self, name: str, claim: Claim) -> str:
        """A name that the author says, or that the language gives to what it is for.

        Raises:
            CompileError: RF219, if something else in the same module has it, or the
                module itself, or it is none for Python; but a number tells two apart of
                which nobody says a name.
        """
        if not self._holds and not name.isidentifier():
            fail_no_attribute(name, claim.span)
        before = self._claims.get(name)
        if before is not None and (before.span or claim.span):
            fail_twice(name, before, claim)
        if self._is_taken(name):
            if before is None and claim.span is not None:
                fail(_whose(name), claim.span)
            return self.new(name)
        self._given.add(name)
        self._claims[name] = claim
        return name

    def letter(self, name: str, claim: Claim) -> str:
        """The name of an operator or scalar that is called as the formula calls it."""
        wanted = identifier(name)
        return self.new(wanted) if wanted in self._own else self.claim(wanted, claim)


@dataclass(frozen=True)
class Loops:
    """The variables of loops in a constructor.

    Attributes:
        counter: of a loop over equal blocks.
        module: of one over modules.
        name: the path of the module.
        told: whether it has a label that says how it starts.
    """

    counter: str = "k"
    module: str = "module"
    name: str = "name"
    told: str = "told"

    @classmethod
    def within(cls, names: Namespace) -> Loops:
        """Those that hide nothing in a constructor of this module."""
        scope = names.function()
        return cls(*map(scope.new, ("k", "module", "name", "told")))


def _whose(name: str) -> str:
    if name in identifiers.KEYWORDS:
        return f"{name} is a word of Python's, and no name"
    if identifiers.is_private(name):
        return f"{name} begins with two underscores, and Python reads such names itself"
    return f"{name} is a name that the module itself has"


def fail_twice(name: str, before: Claim, after: Claim) -> NoReturn:
    """Raises the diagnostic of a name that two parts of one module would have."""
    first, second = before, after
    if second.span is None or (
        first.span is not None
        and first.span.source is second.span.source
        and second.span.start < first.span.start
    ):
        first, second = second, first
    others = []
    if first.span is not None and first.span != second.span:
        others = [Label(first.span, "the first one")]
    hint = "give one of them another name"
    if first.span is None and first.key:
        hint = f'names {first.key} = "..." gives {first.what} another name'
    elif first.span == second.span and second.key in COUNTED:
        hint = f'{{}} counts: {second.key} = "{name}{{}}"'
    elif first.span == second.span and not second.key:
        hint = "what it is defined in stands here twice: give each call a name, a: F > b: F"
    another = second.what
    if first.what == second.what:
        kind = second.what.removeprefix("a ").removeprefix("the ")
        another = f"another {kind}"
    message = f"two parts are called {name}: {first.what} and {another}"
    fail(message, second.span, hint, others)


def fail(
    message: str, span: Span | None, hint: str = "", others: Iterable[Label] = ()
) -> NoReturn:
    """Raises the diagnostic of names that no module can have."""
    report = Diagnostics()
    report.error("RF219", message, span, hint=hint, others=others)
    raise CompileError(report)


def fail_no_attribute(name: str, span: Span | None) -> NoReturn:
    """Raises the diagnostic of a name that only what a container holds can have."""
    message = f"{name} is a name in a container, and no attribute of a module"
    fail(message, span, f"put a name in front: a.{name}")
