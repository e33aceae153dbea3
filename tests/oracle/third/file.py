"""Statements to what a network is made of: the frame, numbers, operators, equations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.oracle.third.grammar import Node, Parser, Unread, expression, statements


@dataclass
class Declared:
    """A constant or a learned scalar.

    Attributes:
        index: the nodes of its index; None for one of all blocks.
        value: its number, or where a learned one starts.
        per: ``stage``, ``block``, ``channel`` or nothing.
    """

    index: tuple[Node, ...] | None
    value: Node
    per: str = ""


@dataclass
class Definition:
    """An operator with arguments: a flow, or an equation of tensors.

    Attributes:
        tensors: the arguments without a value, those that it is applied to.
        plain: the others, with their values.
        body: what it is.
        inside: what stands behind `where`: left sides and right sides.
        scalars: its learned scalars.
    """

    tensors: tuple[str, ...]
    plain: dict[str, Node]
    body: Node
    inside: list[tuple[tuple[Node, ...], Node]] = field(default_factory=list)
    scalars: dict[str, Declared] = field(default_factory=dict)


@dataclass
class File:
    """A network as its file says it.

    Attributes:
        inputs: the size of each, by name (of the first: nothing).
        stages: width, blocks and stride of each, as nodes.
        params: values of parameters.
        consts, scalars: declarations by name; of single members of a list, in order.
        operators: flows by name.
        definitions: operators with arguments.
        laws: unknowns by name; of several, the places of a `split`.
        own: equations for single blocks; of several, the places of a `split`.
        ranges: equations for ranges, in order.
        applied: boundary equations on applications.
        frame: flows of `stem`, `head`, `adapter` and so on.
        inits: `init`, as nodes.
        times: how far a second index runs; POSITIONS: it is that of a token.
        timed: equations for single times: unknown, block and time.
    """

    inputs: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    stages: list[tuple[Node, Node, Node]] = field(default_factory=list)
    params: dict[str, Node] = field(default_factory=dict)
    consts: dict[str, Declared] = field(default_factory=dict)
    scalars: dict[str, list[Declared]] = field(default_factory=dict)
    operators: dict[str, Node] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    laws: dict[str, tuple[Node, int | None]] = field(default_factory=dict)
    own: dict[tuple[str, int], tuple[Node, int | None]] = field(default_factory=dict)
    firsts: dict[str, Node] = field(default_factory=dict)
    ranges: list[tuple[str, Node, Node, Node]] = field(default_factory=list)
    applied: list[tuple[Node, Node]] = field(default_factory=list)
    frame: dict[str, Node] = field(default_factory=dict)
    names: dict[str, Node] = field(default_factory=dict)
    inits: dict[str, Node] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    output: Node | None = None
    scope: str = "network"
    name: str = ""
    times: Node | None = None
    timed: dict[tuple[str, int | None, int | None], Node] = field(default_factory=dict)

    @cached_property
    def recurring(self) -> frozenset[str]:
        """Unknowns that read themselves at earlier positions of their own block."""
        if self.times != POSITIONS:
            return frozenset()
        reads = {name: own_references(law) for name, (law, _) in self.laws.items()}
        return frozenset(name for name in reads if name in reached(name, reads))


ONE: Node = ("number", "1")
BLOCK: Node = ("name", "i", None)
T: Node = ("name", "t", None)
POSITIONS: Node = ("name", "positions", None)
OPPOSITE = {"+": "-", "-": "+"}
KEYWORDS = (
    "network", "use", "param", "const", "scalar", "vector", "input", "stages", "scope",
    "times", "memory", "stem", "head", "adapter", "transition", "names", "init", "output",
    "paths",
)  # fmt: skip
_OF = re.compile(r"\s(?:x|×|of)\s")
_BY = re.compile(r"\s(?:x|×)\s")


def networks(text: str) -> list[str]:
    """The names of a file's networks."""
    found = (line.split() for line in statements(text))
    return [words[1] for words in found if words[0] == "network"]


def read(text: str, name: str = "", folder: Path | None = None) -> File:
    """A network of a file: what stands above the first one belongs to all.

    Args:
        text: of the file.
        name: of the network.
        folder: where files are that it uses.

    Raises:
        Unread: of what this reader does not know.
    """
    file = File()
    for statement in statements(text):
        if statement.startswith("use "):
            _use(file, statement, folder)
    here = True
    for statement in statements(text):
        if statement.startswith("network ") and name:
            here = statement.split()[1] == name
        if not here:
            continue
        word, _, rest = statement.partition(" ")
        if word == "use":
            continue
        if word in KEYWORDS and not rest.lstrip().startswith("="):
            _framed(file, word, rest.strip())
        else:
            _relation(file, statement)
    return file


def _use(file: File, statement: str, folder: Path | None) -> None:
    """Takes the statements of another file, over which those of this one go."""
    if folder is None:
        raise Unread("use")
    other = (folder / statement.partition(" ")[2].strip().strip('"')).read_text()
    used = read(other, networks(other)[0] if networks(other) else "", folder)
    for field_, value in vars(used).items():
        setattr(file, field_, value)
    file.name = ""


def _framed(file: File, word: str, rest: str) -> None:
    match word:
        case "network":
            if file.name:
                raise Unread("several networks")
            file.name = rest
        case "param":
            name, _, value = rest.partition("=")
            file.params[name.strip()] = expression(value)
        case "const" | "scalar" | "vector":
            _declared(file, word, rest)
        case "input":
            name, _, size = rest.rpartition("=")
            sizes = tuple(expression(part) for part in _OF.split(f" {size} "))
            file.inputs[name.strip()] = sizes
        case "stages":
            file.stages = [_stage(part) for part in _commas(rest)]
        case "scope":
            file.scope = rest
        case "times":
            file.times = expression(rest)
        case "memory":
            pass
        case "stem" | "head" | "adapter" | "transition":
            key = word
            if rest.startswith("up "):
                key, rest = f"{word} up", rest[3:]
            file.frame[key] = flow_of(rest)
        case "names" | "init":
            for part in _commas(rest):
                name, _, value = part.partition("=")
                table = file.names if word == "names" else file.inits
                table[name.strip()] = expression(value)
        case "output":
            file.output = expression(rest)
        case _:
            raise Unread(word)


def _commas(text: str) -> list[str]:
    """The parts of a list, whose commas stand in no bracket."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _stage(text: str) -> tuple[Node, Node, Node]:
    width, rest = _BY.split(text)
    blocks, _, stride = rest.partition("/")
    return expression(width), expression(blocks), expression(stride) if stride else ONE


def _declared(file: File, word: str, rest: str) -> None:
    rest, per = _per(rest)
    parser = Parser(rest)
    left = parser.expression()
    parser.take("=")
    value = parser.expression()
    if not parser.done or left[0] != "name":
        raise Unread(rest)
    made = Declared(left[2], value, "channel" if word == "vector" else per)
    if word == "const":
        file.consts[left[1]] = made
    else:
        file.scalars.setdefault(left[1], []).append(made)


def _per(text: str) -> tuple[str, str]:
    match = re.search(r"\bper (stage|block|channel)\s*$", text)
    return (text[: match.start()], match[1]) if match else (text, "")


def flow_of(text: str) -> Node:
    """A flow that is all of a text."""
    parser = Parser(text)
    made = parser.flow()
    if not parser.done:
        raise Unread(text)
    return made


def _relation(file: File, statement: str) -> None:
    parser = Parser(statement)
    left = _lefts(parser)
    right = parser.flow()
    inside: list[tuple[tuple[Node, ...], Node]] = []
    scalars: dict[str, Declared] = {}
    while not parser.done:
        if not parser.word("where"):
            raise Unread(statement)
        while True:
            vector = parser.word("vector")
            if vector or parser.word("scalar"):
                (name,) = _lefts(parser)
                value = parser.expression()
                many = vector or (parser.word("per") and parser.word("channel"))
                per = "channel" if many else ""
                scalars[name[1]] = Declared(name[2], value, per)
            else:
                inside.append((_lefts(parser), parser.flow()))
            if not parser.has(","):
                break
            parser.take(",")
    if len(left) == 1 and left[0][0] == "call" and left[0][2] is None:
        _define(file, left[0], right, inside, scalars)
    elif inside or scalars:
        raise Unread(statement)
    else:
        _equation(file, left, right)


def _fixed(node: Node) -> int | None:
    """A number on a left side; None of all."""
    match node:
        case ("name", "i" | "t", None):
            return None
        case ("number", number):
            return int(number)
    raise Unread(f"the index {node}")


def own_references(node: Any) -> list[str]:
    """Unknowns with two indices that an expression reads of its own block."""
    if not isinstance(node, tuple):
        return []
    if len(node) == 3 and node[0] == "name" and node[2] and len(node[2]) == 2:
        return [node[1]] if node[2][0] == BLOCK else []
    return [name for part in node for name in own_references(part)]


def reached(name: str, reads: dict[str, list[str]]) -> set[str]:
    """What is read, by way of others, too."""
    found: set[str] = set()
    waiting = list(reads[name])
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting += reads.get(other, [])
    return found


def _put(node: Any, name: Node, other: Node) -> Any:
    """A right side with something else in the place of a name."""
    if not isinstance(node, tuple):
        return node
    return other if node == name else tuple(_put(part, name, other) for part in node)


def _lefts(parser: Parser) -> tuple[Node, ...]:
    left = [parser.expression()]
    while parser.has(","):
        parser.take(",")
        left.append(parser.expression())
    parser.take("=")
    return tuple(left)


def _define(
    file: File, left: Node, right: Node, inside: Any, scalars: dict[str, Declared]
) -> None:
    _, name, _, given, named = left
    tensors = tuple(item[1] for item in given)
    file.definitions[name] = Definition(tensors, dict(named), right, inside, scalars)


def _equation(file: File, left: tuple[Node, ...], right: Node) -> None:
    if len(left) == 1 and left[0][0] == "name" and left[0][2] is None:
        file.operators[left[0][1]] = right
        return
    if len(left) == 1 and left[0][0] != "name":
        file.applied.append((left[0], right))
        return
    for place, node in enumerate(left):
        kind, name, index = node
        if kind != "name" or index is None or len(index) > 2:
            raise Unread(f"{left}")
        if len(index) == 2 and index != (BLOCK, T):
            file.timed[name, *(_fixed(part) for part in index)] = right
            continue
        part = place if len(left) > 1 else None
        at = index[0]
        if name not in file.order:
            file.order.append(name)
        match at:
            case ("name", "i", None):
                file.laws[name] = (right, part)
            case ("+" | "-" as sign, ("name", "i", None), ("number", by)):
                file.laws[name] = (
                    _put(right, BLOCK, (OPPOSITE[sign], BLOCK, ("number", by))),
                    part,
                )
            case ("number", number):
                file.own[name, int(number)] = (right, part)
            case ("neg", ("number", number)):
                file.own[name, -int(number)] = (right, part)
            case ("name", "first", None):
                file.firsts[name] = _put(right, at, BLOCK)
            case ("range", low, high) if part is None:
                file.ranges.append((name, low, high, right))
            case _:
                raise Unread(f"{node}")
