"""Operators in a row as code, and the modules that hold them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recform.blocks import Shape
from recform.blocks.template import template
from recform.plan.expressions import Expression
from recform.plan.places import Kind, Origin
from recform.source import Span


@dataclass(frozen=True)
class Part:
    """One operator, or one container of them, as code.

    Attributes:
        path: where its module lives, from the outside in; empty for a function. A last
            name that is empty is chosen by kind, and :data:`NEXT` is the next number.
        places: where in the file each name of the path is said.
        call: with ``{x}`` for the input and ``{m}`` for the module.
        kind: what it is called if it has no name.
        made: what makes the module or parameter; None for a function.
        layer: what stands for it in nn.Sequential; None if nothing can.
        cut: whether what follows is better a statement of its own.
        span: its place in the file.
        symbols: the names of sizes and arguments that may stand in its code.
        repeat: how many blocks in a row it is; ``made`` makes one of them.
        splat: whether that is a list of modules, each with a number of its own.
        count: how many modules in a row these are.
        first: the number of the first, which replaces ``{}`` in the last name.
        origin: the piece of the network that it is of; None for a container that holds
            parts of several.
        piece: the places of a container that it is, as Python, where others of the same
            one run apart from it; empty for a whole module.
        inside: what a container holds, or a piece of one, by its names there.
    """

    path: tuple[str, ...]
    call: str
    kind: str = ""
    made: Expression | None = None
    layer: Expression | None = None
    cut: bool = False
    span: Span | None = None
    symbols: frozenset[str] = frozenset()
    repeat: int = 1
    splat: bool = False
    count: int = 1
    first: int = 0
    origin: Origin | None = None
    places: tuple[Span | None, ...] = ()
    piece: str = ""
    inside: tuple[tuple[str, Part], ...] = ()

    @property
    def place(self) -> Span | None:
        """Where the outermost name is said; None if nobody says it."""
        return self.places[0] if self.places else self.span

    @property
    def is_module(self) -> bool:
        """Whether it is a module, or some places of one, and no function."""
        return self.made is not None or bool(self.piece)

    @property
    def what(self) -> str:
        """What it is, in words."""
        if self.kind == BLOCK:
            return "a block"
        if self.origin is not None and self.origin.kind is Kind.STAGE:
            return f"stage {self.origin.number + 1}"
        if self.origin is not None and not self.kind:
            return f"the {self.origin.kind.value}"
        return self.kind or "a container"

    @property
    def key(self) -> str:
        """What a `names` statement calls it; empty if it has no say."""
        if self.origin is None:
            return ""
        return "step" if self.kind == BLOCK else self.origin.kind.value

    def within(self, path: tuple[str, ...], place: Span | None) -> Part:
        """The part in containers that another place of the file names."""
        places = (*(place for _ in path), *self.places)
        return replace(self, path=(*path, *self.path), places=places)

    def called(self, name: str) -> Part:
        """The part under a name of its own."""
        return replace(self, path=(name,), places=(self.span,))

    def without(self) -> Part:
        """The part as its outermost container sees it."""
        return replace(self, path=self.path[1:] or ("",), places=self.places[1:])

    @property
    def names(self) -> list[str]:
        """The names of all that it makes, where it is a row of blocks."""
        row = self.repeat > 1 and not self.splat
        if not row or "{}" not in self.path[0]:
            return [self.name] * (self.count if row else 1)
        numbers = range(self.first, self.first + self.count)
        return [self.path[0].replace("{}", str(number)) for number in numbers]

    @property
    def name(self) -> str:
        """The outermost name, with its number in it."""
        return self.path[0].replace("{}", str(self.first)) if self.path else ""

    @property
    def numbered(self) -> bool:
        """Whether its name is a number."""
        return self.name == NEXT or self.name.isdigit()


#: The name of a part that takes the next number of its container.
NEXT = "#"
#: The kind of a part that is blocks.
BLOCK = "block"


@dataclass(frozen=True)
class PipelineCode:
    """The code of a pipeline for symbolic shapes.

    Attributes:
        modules: attribute names and the expressions that make them.
        calls: one for each operator, with the names of its inputs in braces.
        cuts: whether what follows an operator is better a statement of its own.
        parameters: symbols that the expressions use, in the order of a constructor.
        stored: those of them that the calls use, by the attributes that keep them.
        output: the symbolic shape of the result.
        inputs: the names of those that the first operator takes; the others take ``x``.
        parts: the operators; of blocks in a row, one for all that are made alike.
        held: what stands for them in the class: containers, and others by themselves.
        labels: the names of these; empty for a function.
        holder: the dictionary that has the modules; empty if the class itself does.
    """

    modules: tuple[tuple[str, Expression], ...]
    calls: tuple[str, ...]
    cuts: tuple[bool, ...]
    parameters: tuple[str, ...]
    stored: tuple[tuple[str, str], ...]
    output: Shape
    inputs: tuple[str, ...] = ("x",)
    parts: tuple[Part, ...] = ()
    held: tuple[Part, ...] = ()
    labels: tuple[str, ...] = ()
    holder: str = ""

    @property
    def sequential(self) -> bool:
        """Whether it is modules alone, so that nn.Sequential can hold it."""
        modules = tuple(f"self.{name}({{x}})" for name, _ in self.modules)
        return bool(modules) and self.calls == modules and self.inputs == ("x",)

    @property
    def is_module(self) -> bool:
        """Whether it is one module, which takes what the pipeline takes."""
        given = ", ".join(f"{{{name}}}" for name in self.inputs)
        return self.calls == tuple(
            f"self.{name}({given})" for name, _ in self.modules[:1]
        )

    @property
    def nests(self) -> bool:
        """Whether any expressions can stand for its inputs."""
        first = template(self.calls[0]) if self.calls else None
        return first is None or (first.once and first.open)
