"""Every name of a file where it stands: what it is, and what else is the same one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import Enum

from recform.algebra.symbols import FIRST, SYMBOLS
from recform.blocks import Library, defaults
from recform.diagnostics import Diagnostics
from recform.editor.reading import Reading
from recform.editor.words import WORDS
from recform.outline.definitions import defined_name, is_definition
from recform.outline.sections import Section, default_statements
from recform.outline.survey import survey
from recform.source import Source, Span
from recform.syntax import nodes as n

_LETTER = "A-Za-z\u0370-\u03ff"
#: A name as the grammar has it; what stands in front makes it a subscript.
NAME = re.compile(
    rf"(?<![{_LETTER}0-9\\])\\?[{_LETTER}][{_LETTER}0-9]*"
    rf"(?:_(?!(?:[{_LETTER}]|[0-9]+)(?![A-Za-z0-9_]))[A-Za-z0-9]+)*'?"
)


#: What stands in front of `=`, by its looks: a keyword that declares, and names.
_LEFT = re.compile(
    r"^[ \t]*(?:(param|const|scalar|vector)[ \t]+)?([^=\n]*)=(?!=)", re.MULTILINE
)
#: One of these names, and its index.
_SIDE = re.compile(rf"[ \t]*({NAME.pattern})(_.*)?[ \t]*")


class Sort(Enum):
    """What a name is, in the user's words."""

    NETWORK = "network"
    UNKNOWN = "unknown"
    INPUT = "further input"
    OPERATOR = "operator"
    SCALAR = "learned scalar"
    VECTOR = "learned vector"
    CONSTANT = "constant"
    PARAMETER = "parameter"
    ARGUMENT = "argument"
    LOCAL = "name of this definition"
    INDEX = "index"
    LIBRARY = "operator of recform"
    WORD = "word of the language"
    SETTING = "setting of an operator"
    NOTHING = "name without a meaning"

    @property
    def ours(self) -> bool:
        """Whether the name is none of the file's."""
        return self in (Sort.LIBRARY, Sort.WORD, Sort.SETTING, Sort.NOTHING)


#: What a keyword declares.
_DECLARED = {
    "param": Sort.PARAMETER,
    "const": Sort.CONSTANT,
    "scalar": Sort.SCALAR,
    "vector": Sort.VECTOR,
}

#: Where a name is known: in a file, a network, or a part of a text.
Scope = tuple[str, str, int]
_OURS: Scope = ("ours", "", 0)
_FILE: Scope = ("file", "", 0)


@dataclass(frozen=True)
class Name:
    """A name where it stands.

    Attributes:
        span: without indices; with the backslash, if it has one.
        text: the name itself.
        sort: what it is.
        scope: where it is known.
        declares: whether it stands where it is made or declared.
        of: for an argument that is given to a call, what is called.
    """

    span: Span
    text: str
    sort: Sort
    scope: Scope
    declares: bool = False
    of: str = ""

    def is_same(self, other: Name) -> bool:
        """Whether both are one."""
        mine = (self.text, self.scope, self.sort is Sort.NETWORK)
        return mine == (other.text, other.scope, other.sort is Sort.NETWORK)


def known_names(section: Section) -> dict[str, Sort]:
    """What the names of a network are, but for those of recform."""
    found = survey(section, Diagnostics())
    known = dict.fromkeys(found.unknowns, Sort.UNKNOWN)
    for item in default_statements(defaults.PARAMS):
        if isinstance(item, n.Param) and "head" not in section.single:
            known[item.name] = Sort.PARAMETER
    known |= dict.fromkeys(section.params, Sort.PARAMETER)
    known |= dict.fromkeys(section.consts, Sort.CONSTANT)
    known |= dict.fromkeys(section.contexts, Sort.INPUT)
    for name, scalar in section.scalars.items():
        is_vector = scalar.span.text.startswith("vector")
        known[name] = Sort.VECTOR if is_vector else Sort.SCALAR
    known |= dict.fromkeys(section.definitions, Sort.OPERATOR)
    for name in found.operators:
        if section.library.lookup(name) is None:
            known.setdefault(name, Sort.OPERATOR)
    return known


def names_of(reading: Reading) -> tuple[Name, ...]:
    """All names of a text, and of the files that it uses, in their order."""
    found = list(_Walker(reading).all())
    common = {item.text for item in found if item.scope == _FILE and not item.sort.ours}
    shared = [
        replace(item, scope=_FILE)
        if item.scope[0] == "network" and item.text in common
        else item
        for item in found
    ]
    return tuple(
        sorted(shared, key=lambda item: (item.span.source.name, item.span.start))
    )


@dataclass(frozen=True)
class _Inside:
    """What is known where a walker is.

    Attributes:
        region: the scope of the names of the file.
        known: what these are.
        locals: names of a definition, of a sum, of an index.
        start: where the statement starts, which owns the letters of its indices.
        index: whether it is a subscript.
    """

    region: Scope
    known: Mapping[str, Sort]
    start: Scope
    locals: Mapping[str, tuple[Sort, Scope]] = field(default_factory=dict)
    index: bool = False

    def with_locals(self, more: Mapping[str, tuple[Sort, Scope]]) -> _Inside:
        return replace(self, locals={**self.locals, **more})


class _Walker:
    """Goes through the statements of a text."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._library: Library = reading.library
        self._known = {s.name: known_names(s) for s in reading.sections}
        self._all: dict[str, Sort] = {}
        for known in self._known.values():
            self._all = {**known, **self._all}
        #: The arguments of definitions, and their scopes.
        self._arguments: dict[str, tuple[tuple[str, ...], Scope]] = {}
        for item in reading.file.statements:
            if isinstance(item, n.Relation) and is_definition(item):
                given = _arguments(item)
                self._arguments[defined_name(item)] = (given, _scope_of(item.span))

    def all(self) -> Iterator[Name]:
        for item in self._reading.file.statements:
            yield from self._statement(item)
        yield from self._unread()

    def _inside(self, place: Span) -> _Inside:
        name = None
        if place.source is self._reading.source:
            name = self._reading.network_at(place.start)
        if name is None:
            return _Inside(_FILE, self._all, _scope_of(place))
        known = self._known.get(name, {})
        return _Inside(("network", name, 0), known, _scope_of(place))

    def _unread(self) -> Iterator[Name]:
        """Names of what cannot be read: as far as they are known, or declared there."""
        text, source = self._reading.unread, self._reading.source
        begun = {name.span.start: name for name in self._begun()}
        declared = {(name.text, name.scope): name.sort for name in begun.values()}
        for found in NAME.finditer(text):
            name = found[0].removeprefix("\\")
            place = Span(source, *found.span())
            inside = self._inside(place)
            sort = inside.known.get(name) or declared.get((name, inside.region))
            if sort is not None:
                yield Name(place, name, sort, inside.region, place.start in begun)
            elif self._library.lookup(name) is not None:
                yield Name(place, name, Sort.LIBRARY, _OURS)

    def _begun(self) -> Iterator[Name]:
        """The names that half-written statements declare, by their looks."""
        for side in _LEFT.finditer(self._reading.unread):
            start, head = side.start(2), side[2].partition("(")[0]
            for part in head.split(","):
                if (found := _SIDE.fullmatch(part)) is not None:
                    place = Span(
                        self._reading.source,
                        start + found.start(1),
                        start + found.end(1),
                    )
                    name = found[1].removeprefix("\\")
                    sort = Sort.UNKNOWN if found[2] else Sort.OPERATOR
                    region = self._inside(place).region
                    if self._library.lookup(name) is None:
                        sort = _DECLARED.get(side[1], sort)
                        yield Name(place, name, sort, region, declares=True)
                start += len(part) + 1

    # -- statements

    def _statement(self, item: n.Statement) -> Iterator[Name]:
        inside = self._inside(item.span)
        match item:
            case n.Network():
                place = _behind(item.span, item.name)
                yield Name(place, item.name, Sort.NETWORK, _FILE, declares=True)
            case n.Param():
                place = _behind(item.span, item.name)
                yield Name(place, item.name, Sort.PARAMETER, inside.region, True)
                yield from self._walk(item.value, inside)
            case n.Input(name=name) if name:
                place = _behind(item.span, name)
                yield Name(place, name, Sort.INPUT, inside.region, declares=True)
                yield from self._walk(item, inside)
            case n.Const() | n.Scalar():
                yield from self._declared(item, inside)
            case n.Settings():
                for setting in item.settings:
                    yield self._setting(setting, inside)
                    yield from _words(self._walk(setting.value, inside))
            case n.Relation():
                yield from self._relation(item, inside)
            case _:
                yield from self._walk(item, inside)

    def _setting(self, setting: n.Setting, inside: _Inside) -> Name:
        place = _named(setting.span, setting.name)
        sort = inside.known.get(setting.name)
        if sort is None:
            return Name(place, setting.name, Sort.WORD, _OURS)
        return Name(place, setting.name, sort, inside.region)

    def _declared(self, item: n.Const | n.Scalar, inside: _Inside) -> Iterator[Name]:
        yield from self._left(item.target, inside)
        letters = self._letters((item.target,), inside)
        yield from self._walk(item.value, inside.with_locals(letters))

    def _relation(self, item: n.Relation, inside: _Inside) -> Iterator[Name]:
        scope = _scope_of(item.span)
        own: dict[str, tuple[Sort, Scope]] = {}
        if is_definition(item):
            own |= dict.fromkeys(_arguments(item), (Sort.ARGUMENT, scope))
            own |= dict.fromkeys(_locals(item), (Sort.LOCAL, scope))
        inner = inside.with_locals(own)
        yield from self._equation(item, inside, inner)
        for local in item.where:
            within = replace(inner, start=_scope_of(local.span))
            if isinstance(local, n.Scalar):
                yield from self._declared(local, within)
            else:
                yield from self._equation(local, within, within)

    def _equation(
        self, item: n.Relation, outside: _Inside, inside: _Inside
    ) -> Iterator[Name]:
        letters = self._letters(item.left, inside)
        for left in item.left:
            if isinstance(left, n.Call) and is_definition(item):
                yield self._reference(left.function, outside, declares=True)
                for argument in left.arguments:
                    if isinstance(argument, n.Keyword | n.Reference):
                        yield self._argument(argument, inside)
                    if isinstance(argument, n.Keyword):
                        yield from self._walk(argument.value, outside)
            else:
                yield from self._left(left, inside.with_locals(letters))
        yield from self._walk(item.right, inside.with_locals(letters))

    def _argument(self, item: n.Keyword | n.Reference, inside: _Inside) -> Name:
        sort, scope = inside.locals.get(item.name, (Sort.ARGUMENT, inside.start))
        return Name(_named(item.span, item.name), item.name, sort, scope, declares=True)

    def _left(self, left: n.Expr, inside: _Inside) -> Iterator[Name]:
        if not isinstance(left, n.Reference):
            yield from self._walk(left, inside)
            return
        yield self._reference(left, inside, declares=True)
        for index in left.indices:
            yield from self._walk(index, replace(inside, index=True))

    def _letters(
        self, left: tuple[n.Expr, ...], inside: _Inside
    ) -> dict[str, tuple[Sort, Scope]]:
        """The letters of the indices of a left side: k of Y_k, t of X_<i,t>."""
        return {
            index.name: (Sort.INDEX, inside.start)
            for expr in left
            if isinstance(expr, n.Reference)
            for index in expr.indices
            if isinstance(index, n.Reference) and self._is_letter(index.name, inside)
        }

    def _is_letter(self, name: str, inside: _Inside) -> bool:
        sort, _ = inside.locals.get(name, (Sort.INDEX, _OURS))
        known = (*SYMBOLS, FIRST, *inside.known)
        return name not in known and sort is Sort.INDEX

    # -- expressions

    def _walk(self, node: object, inside: _Inside) -> Iterator[Name]:
        match node:
            case n.Reference():
                yield self._reference(node, inside)
                for index in node.indices:
                    yield from self._walk(index, replace(inside, index=True))
            case n.Call():
                yield from self._call(node, inside)
            case n.Move():
                yield self._reference(n.Reference(node.span, node.name), inside)
            case tuple():
                for item in node:
                    yield from self._walk(item, inside)
            case n.Node():
                for part in fields(node):
                    if part.name != "span":
                        yield from self._walk(getattr(node, part.name), inside)

    def _call(self, call: n.Call, inside: _Inside) -> Iterator[Name]:
        function = call.function
        yield from self._walk(function, inside)
        within = inside.with_locals(self._bound(call, inside))
        for argument in call.arguments:
            value: object = argument
            if isinstance(argument, n.Keyword):
                yield self._given(argument, function.name, inside)
                value = argument.value
            found = self._walk(value, within)
            ours = function.name in WORDS or self._library.lookup(function.name)
            yield from _words(found) if ours else found

    def _bound(self, call: n.Call, inside: _Inside) -> dict[str, tuple[Sort, Scope]]:
        """The letter that a sum or a product counts with."""
        plain = [a for a in call.arguments if not isinstance(a, n.Keyword)]
        if call.function.name not in ("sum", "prod") or len(plain) != 4:
            return {}
        first = plain[0]
        if isinstance(first, n.Reference) and self._is_letter(first.name, inside):
            return {first.name: (Sort.INDEX, _scope_of(call.span))}
        return {}

    def _given(self, item: n.Keyword, called: str, inside: _Inside) -> Name:
        place = _named(item.span, item.name)
        arguments, scope = self._arguments.get(called, ((), _OURS))
        if item.name in arguments:
            return Name(place, item.name, Sort.ARGUMENT, scope, of=called)
        return Name(place, item.name, Sort.SETTING, _OURS, of=called)

    def _reference(
        self, item: n.Reference, inside: _Inside, *, declares: bool = False
    ) -> Name:
        sort, scope = self._meaning(item.name, inside)
        return Name(_named(item.span, item.name), item.name, sort, scope, declares)

    def _meaning(self, name: str, inside: _Inside) -> tuple[Sort, Scope]:
        if name in inside.locals:
            return inside.locals[name]
        if name in inside.known:
            return inside.known[name], inside.region
        if self._library.lookup(name) is not None:
            return Sort.LIBRARY, _OURS
        if name in WORDS or name.startswith(("theta", "\u03b8")):
            return Sort.WORD, _OURS
        return (Sort.INDEX, inside.start) if inside.index else (Sort.NOTHING, _OURS)


def _words(names: Iterator[Name]) -> Iterator[Name]:
    """Names where those that the file does not have are words: `mode=reflect`."""
    for item in names:
        nothing = item.sort is Sort.NOTHING
        yield replace(item, sort=Sort.WORD) if nothing else item


def _scope_of(place: Span) -> Scope:
    return ("part", place.source.name, place.start)


def _arguments(item: n.Relation) -> tuple[str, ...]:
    (left,) = item.left
    given = left.arguments if isinstance(left, n.Call) else ()
    return tuple(a.name for a in given if isinstance(a, n.Keyword | n.Reference))


def _locals(item: n.Relation) -> Iterator[str]:
    for local in item.where:
        lefts = (local.target,) if isinstance(local, n.Scalar) else local.left
        for left in lefts:
            name = left.function if isinstance(left, n.Call) else left
            if isinstance(name, n.Reference):
                yield name.name


def _named(place: Span, name: str) -> Span:
    """Where a name stands that a part of the text starts with."""
    length = len(name) + place.text.startswith("\\")
    return Span(place.source, place.start, place.start + length)


def _behind(place: Span, name: str) -> Span:
    """Where the name stands that a keyword declares."""
    _, keyword, rest = place.text.partition(place.text.split()[0])
    gap = len(rest) - len(rest.lstrip())
    start = place.start + len(keyword) + gap
    return _named(Span(place.source, start, place.end), name)


def at(names: tuple[Name, ...], source: Source, offset: int) -> Name | None:
    """The name at a place, or directly in front of it."""
    inside = [
        item
        for item in names
        if item.span.source is source and item.span.start <= offset <= item.span.end
    ]
    return inside[-1] if inside else None
