"""What parts are made of: how they are put together, and the numbers that are in them.

Two parts that are put together alike do the same with other numbers, as long as nobody
looks at these: what runs of them is known of one, with letters in the place of numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from recform.execution.forms import Drawn, Form, Made, Node
from recform.execution.library import Start
from recform.execution.parts import Instance, Leaf, Name, Part, Row, Value
from recform.execution.rows import Items

if TYPE_CHECKING:
    from recform.execution.file import File

#: How something is put together: equal for two things that differ in numbers alone.
Build: TypeAlias = Hashable


class Unknown(Exception):
    """It is not known all of what something is made of."""


@dataclass(frozen=True)
class Letter:
    """A number that nobody knows.

    Attributes:
        name: what it is called, as an argument of what makes a module.
        form: the same where it is reckoned with.
    """

    name: str
    form: Form


@dataclass(frozen=True)
class Known:
    """An object that was taken apart.

    Attributes:
        build: how it is put together.
        numbers: that are in it.
        learned: what its constructors have made of learned scalars.
        asked: what they have called that is not of the file.
        parts: how many modules, parameters and objects are in it.
    """

    build: Build
    numbers: tuple[float, ...]
    learned: Counter[tuple[str, Start | None]]
    asked: frozenset[str]
    parts: int


class Walked(Part):
    """A part that tells itself what it is made of."""

    def walked(self, walk: Anatomy) -> Build:
        """How it is put together; its numbers become those that `walk` gives for them."""
        raise NotImplementedError


class Anatomy:
    """Takes parts apart.

    Args:
        file: in which they are made.
        known: objects that were taken apart before, by what they are made of; None if
            all are to be made.
        letters: in the place of numbers, in the order in which these are met.

    Attributes:
        numbers: that were met.
        learned, asked: of objects that were known.
    """

    def __init__(
        self,
        file: File,
        known: dict[Hashable, Known] | None = None,
        letters: Sequence[Letter | None] = (),
    ) -> None:
        self._file, self._known, self._letters = file, known, letters
        self.numbers: list[float] = []
        self.learned: Counter[tuple[str, Start | None]] = Counter()
        self.asked: set[str] = set()
        self._met: dict[Made | Instance, int] = {}
        self._parts = 0

    def of(self, value: Value) -> tuple[Build, Value]:
        """How a value is put together, and the value with letters in it.

        Raises:
            Unknown: if there is something in it of which this is not known.
        """
        match value:
            case None | bool() | str() | Drawn() | Name():
                return (type(value).__name__, value), value
            case int() | float():
                letter = self._number(value)
                return type(value).__name__, value if letter is None else letter.form
            case Leaf(made=Made() as made):
                if made in self._met:
                    return ("again", self._met[made]), value
                self._meet(made)
                return self._made(made), value
            case Instance():
                if value in self._met:
                    return ("again", self._met[value]), value
                self._meet(value)
                return self._object(value), value
            case Row(held=Items()):
                raise Unknown
            case Row():
                return (
                    value.names,
                    tuple(self.of(held)[0] for held in value.held),
                ), value
            case Walked():
                return value.walked(self), value
            case tuple():
                pairs = list(map(self.of, value))
                return tuple(build for build, _ in pairs), tuple(v for _, v in pairs)
        raise Unknown

    def _number(self, value: float) -> Letter | None:
        place = len(self.numbers)
        self.numbers.append(value)
        return self._letters[place] if place < len(self._letters) else None

    def _meet(self, item: Made | Instance) -> None:
        self._met[item] = len(self._met)
        self._parts += 1

    def _made(self, made: Made) -> Build:
        """A module or parameter of a library, and what makes it."""
        name, *given = made.make
        begin = len(self.numbers)
        build = tuple(map(self._argument, given))
        letters = self._letters[begin : len(self.numbers)]
        if any(letters):
            numbers = self.numbers[begin:]
            pairs = zip(letters, numbers, strict=True)
            named = (n if letter is None else letter.name for letter, n in pairs)
            made.make = (name, ("of", build), *named)
        return (name, made.label, build)

    def _argument(self, value: Any) -> Build:
        match value:
            case None | bool() | str():
                return (type(value).__name__, value)
            case int() | float():
                self._number(value)
                return type(value).__name__
            case Node():
                return ("node", *map(self._argument, value.parts))
            case tuple():
                return tuple(map(self._argument, value))
            case frozenset() if len(value) == 1:
                return ("set", *map(self._argument, value))
        raise Unknown

    def _object(self, instance: Instance) -> Build:
        """An object of a class of the file; what it gets says all of it."""
        given = tuple(instance.given.items())
        if self._known is None or instance.row is not None:
            return self.constructed(instance)
        label = self._file.label_of(instance)
        if not all(isinstance(value, str | int | float | None) for _, value in given):
            return self.constructed(instance)
        types = tuple(type(value) for _, value in given)
        key = (instance.kind, label, given, types)
        if key not in self._known:
            self._known[key] = self._apart(instance)
            self._parts += self._known[key].parts
        known = self._known[key]
        self.numbers += known.numbers
        self.learned += known.learned
        self.asked |= known.asked
        return known.build

    def _apart(self, instance: Instance) -> Known:
        """The same by itself."""
        file = self._file
        learned, asked = file.learned.copy(), frozenset(file.asked)
        file.asked.clear()
        inner = Anatomy(file, {})
        inner._met[instance] = 0
        build = inner.constructed(instance)
        found = Known(
            build,
            tuple(inner.numbers),
            file.learned - learned + inner.learned,
            frozenset(file.asked | inner.asked),
            inner._parts,
        )
        file.asked |= asked
        # All that the object has made of these is told.
        file.learned = learned
        return found

    def constructed(self, instance: Instance) -> Build:
        """How an object is put together whose constructor runs.

        Raises:
            Unknown: if that does more than to give it attributes, or makes what is none.
        """
        file, parts = self._file, self._parts
        besides, made = file.besides, file.parts
        file.construct(instance)
        builds = []
        for name, item in list(instance.attributes.items()):
            build, instance.attributes[name] = self.of(item)
            builds.append((name, build))
        if file.besides != besides or file.parts - made != self._parts - parts:
            raise Unknown
        return (instance.kind, *builds)
