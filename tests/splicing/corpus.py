"""The files that are cut into pieces: all examples and those of the docs, made small."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from functools import cache, cached_property
from pathlib import Path

from recform.diagnostics import Diagnostics
from recform.source import Source
from recform.syntax import nodes as n
from recform.syntax.lalr import Unexpected
from recform.syntax.statements import statements
from tests.compiled import FILES
from tests.rewriting.places import Text, is_equation
from tests.thinned import SMALL

DOCS = Path(__file__).resolve().parents[2] / "docs"
#: The blocks of the last page are mistakes and their mendings.
PAGES = ("language.md", "first.md", "operators.md", "diagnostics.md")
#: Where the largest number of a file is so large, by what those that can be are divided.
DIVIDED = ((512, 16), (128, 8), (32, 4))
#: Larger ones are no sizes.
LARGEST = 4096
WHOLE = re.compile(r"(?<![\w.])\d+(?![\w.])")
#: Most blocks of a stage, if a file says nothing of single blocks.
BLOCKS = 3
NUMBERED = re.compile(r"_[4-9]\b|_\d\d|_<[^>]*\.\.\d|per block|step = \(")
PARAM = re.compile(r"param (\w+) *= *\d+$")
USED = re.compile(r'use\s+"([^"]+)"')
NETWORK = re.compile(r"network\b")


class Piece(Text):
    """A file of one statement a line."""

    @cached_property
    def defined(self) -> dict[str, list[n.Statement]]:
        """Names, and the statements that say what they are."""
        found: dict[str, list[n.Statement]] = defaultdict(list)
        for item in self.statements:
            for name in names_of(item):
                found[name].append(item)
        return dict(found)

    @cached_property
    def sorts(self) -> dict[str, str]:
        """Names, and what they are: an unknown, an operator or a number."""
        return {name: sort_of(items[0]) for name, items in self.defined.items()}

    def inside(self, node: n.Node) -> dict[str, str]:
        """Names that the definition in which a node stands has for itself, with sorts."""
        for item in self.of(n.Relation):
            if item.span.start <= node.span.start < item.span.end:
                return locals_of(item)
        return {}


def names_of(item: n.Statement) -> list[str]:
    """The names of which a statement says what they are."""
    if isinstance(item, n.Param):
        return [item.name]
    if isinstance(item, n.Const | n.Scalar):
        return [item.target.name]
    lefts = item.left if isinstance(item, n.Relation) else ()
    found = [x.function if isinstance(x, n.Call) else x for x in lefts]
    return [x.name for x in found if isinstance(x, n.Reference)]


def sort_of(item: n.Statement | n.Relation | n.Scalar) -> str:
    """What the names are of which a statement says so."""
    if not isinstance(item, n.Relation):
        return "number"
    return "unknown" if is_equation(item) else "operator"


def locals_of(item: n.Relation) -> dict[str, str]:
    """The names that a definition has for itself, with their sorts."""
    found: dict[str, str] = {}
    for left in item.left:
        for given in left.arguments if isinstance(left, n.Call) else ():
            if isinstance(given, n.Keyword):
                found[given.name] = "number"
            elif isinstance(given, n.Reference):
                found[given.name] = "tensor"
    for inner in item.where:
        found |= dict.fromkeys(names_of(inner), sort_of(inner))
    return found


def lines_of(text: str) -> list[str]:
    """The statements of a file, each in a line, without comments."""
    source = Source("net.rf", text)
    spans = statements(source, Diagnostics())
    return [" ".join(span.text_without_comments.split()) for span in spans]


def inlined(path: Path) -> list[str]:
    """The statements of a file, those of the files that it uses in their places."""
    found: list[str] = []
    for line in lines_of(path.read_text("utf-8")):
        used = USED.match(line)
        found += inlined(path.parent / used[1]) if used else [line]
    return found


def one_network(lines: list[str]) -> list[str]:
    """What stands above all networks, and the last of them."""
    starts = [at for at, line in enumerate(lines) if NETWORK.match(line)]
    return lines[: starts[0]] + lines[starts[-1] + 1 :] if starts else lines


def smaller(lines: list[str]) -> list[str]:
    """A file with sizes that take no time; shapes still meet in it, as a rule."""
    largest = max((int(x) for line in lines for x in WHOLE.findall(line)), default=0)
    by = next((by for most, by in DIVIDED if largest >= most), 1)
    is_numbered = NUMBERED.search("\n".join(lines))

    def less(found: re.Match[str]) -> str:
        number = int(found[0])
        whole = number % by == 0 and by < number <= LARGEST
        return str(number // by) if whole else found[0]

    def fewer(found: re.Match[str]) -> str:
        return str(min(int(found[0]), BLOCKS))

    made = []
    for line in lines:
        param = PARAM.match(line)
        if param and param[1] in SMALL:
            size = BLOCKS if param[1] == "depth" else SMALL[param[1]]
            line = f"param {param[1]} = {size}"
        else:
            line = WHOLE.sub(less, line)
        if line.startswith("stages") and not is_numbered:
            line = re.sub(r"(?<= x )\d+", fewer, line)
        made.append(line)
    return made


@cache
def blocks_of(page: str) -> list[str]:
    """The files in a page of the docs."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(r"```rf\n(.*?)```", text, re.DOTALL)


@cache
def corpus() -> tuple[str, ...]:
    """The texts of all files."""
    files = [inlined(path) for path in FILES]
    files += [lines_of(block) for page in PAGES for block in blocks_of(page)]
    return tuple("\n".join(smaller(one_network(lines))) + "\n" for lines in files)


@cache
def hosts() -> int:
    """How many of them, the first ones, are files to begin with."""
    return len(FILES) + len(blocks_of(PAGES[0]))


@cache
def donor(number: int) -> Piece | None:
    """One of the files, to take pieces of; none, if it is a mistake that cannot be read."""
    return readable(corpus()[number], random.Random(0))


def readable(text: str, draw: random.Random) -> Piece | None:
    """A file, if the grammar has all of its statements."""
    made = Piece(text, draw)
    try:
        return made if made.statements else None
    except Unexpected:
        return None
