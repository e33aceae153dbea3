"""A network as one row of modules, whose containers may hold several of its pieces.

``features.0`` may be of the stem, ``features.1`` a block and ``features.18`` of the head:
then the network is not stem, stages and head, but a row of parts, of which those with
one outermost name are one module. This is so where the file's ``names`` say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

from recform.algebra.expr import Input, State
from recform.algebra.formula import Formula
from recform.blocks import Shape
from recform.blocks.identifiers import identifier
from recform.emit.bodies import BodyClasses
from recform.emit.containers import BLOCK, NEXT, Part, fold
from recform.emit.namespace import Namespace, fail
from recform.emit.pipelines import (
    PipelineCode,
    assembled,
    chain,
    marked,
    ordered,
    pipeline_parts,
    symbolic_shape,
    typed,
    values_at,
    words,
)
from recform.emit.stages import BlockItem, StageWriter
from recform.emit.text import Lines, docstring
from recform.graph.model import NetworkGraph, Piece, StageGraph
from recform.recurrence.model import Flow
from recform.source import Span

_NUMBER = re.compile(r"\{(\d*)\}")


def is_chain(formula: Formula) -> bool:
    """Whether the names of a file put pieces of the network into common containers."""
    names = formula.names
    return (
        "step" in names
        or bool(formula.block_names)
        or any("." in path and path != "." for path in names.values())
        or not _NUMBER.search(names.get("stages", "{}"))
        or bool(_NUMBER.search(names.get("transition", "")))
    )


class ChainWriter:
    """The parts of a network in a row.

    Args:
        network: with blocks that take one tensor and return one.
        lines: where classes of containers go.
        names: class names that are still free.
        bodies: the classes of definitions by equations.
        stages: writes the blocks.
        single: whether they take and return one tensor.

    Attributes:
        parts: those with different outermost names.
        used: the parameters of the network that they use.

    Raises:
        CompileError: RF219, if the network is no row.
    """

    def __init__(
        self,
        network: NetworkGraph,
        lines: Lines,
        names: Namespace,
        bodies: BodyClasses,
        stages: StageWriter,
        single: bool,
    ) -> None:
        self._network = network
        self._formula = network.recurrence.formula
        self._lines = lines
        self._names = names
        self._bodies = bodies
        self._stages = stages
        self._known = {"in_channels", "in_features"} | {
            p.name for p in self._formula.params if p.free
        }
        self.used: set[str] = set()
        if not single or not all(map(_is_row, network.recurrence.flows)):
            fail(
                "these names put blocks into one container, and nn.Sequential hands on "
                "one tensor; these blocks hand on more, or the output is made of more",
                self._formula.equations[0].span,
                "names with dots, `step` and stages without {} are for such blocks",
            )
        self.parts = fold(list(self._all()), self._compose)

    # -- what there is

    def _all(self) -> Iterator[Part]:
        network = self._network
        yield from self._piece("stem", network.stem, 0)
        number = 0
        for position, stage in enumerate(network.stages):
            if position and position <= len(network.transitions):
                piece = network.transitions[position - 1]
                yield from self._piece("transition", piece, position)
            for part in self._blocks(position, stage, number):
                number += part.count
                yield part
        yield from self._piece("head", network.head, 0)

    def _piece(self, role: str, piece: Piece, number: int) -> Iterator[Part]:
        """The parts of a stem, transition or head, in the container that is theirs."""
        given = self._formula.names.get(role)
        path = path_of(given or role + ("{}" if number else ""), number)
        x = piece.input
        if role == "stem":
            x = Shape(x.layout, symbolic_shape(x).features, x.grid)
        values = values_at(self._formula.tables, piece)
        parts, _ = pipeline_parts(piece.pipeline, x, values, self._bodies)
        if given is None and not any(part.made for part in parts):
            path = ()  # functions alone need no name
        place = self._formula.name_spans.get(role)
        for part in parts:
            if (path or part.made) and not part.path:
                part = replace(part, path=("",), places=(part.span,))
            yield replace(part.within(path, place) if path else part, origin=role)

    def _blocks(self, position: int, stage: StageGraph, before: int) -> Iterator[Part]:
        """The blocks of a stage."""
        names = self._formula.names
        where = names.get("stages", "stage{}")
        path = path_of(where, position + 1)
        step = names.get("step", "")
        shared = not _NUMBER.search(where)
        first = before + 1 if shared else 1
        spans = self._formula.name_spans
        places = (*(spans.get("stages") for _ in path), spans.get("step"))
        for item in self._stages.items(stage, self.used):
            if self._formula.block_names or not path:
                yield from self._named(item, path, places, position, before)
                before += item.count
                continue
            name = NEXT if step in ("", ".") else _NUMBER.sub("{}", step)
            yield Part(
                path=(*path, name),
                places=places if step else (*places[:-1], *places[:1]),
                call="{m}({x})",
                kind=BLOCK,
                made=item.made,
                layer=item.made,
                count=item.count * item.parts,
                loop=item.loop,
                splat=item.splat,
                first=first + _start(step) - 1,
                origin=f"stage{position}",
                loops=item.loops,
            )
            first += item.count

    def _named(
        self,
        item: BlockItem,
        path: tuple[str, ...],
        places: tuple[Span | None, ...],
        position: int,
        before: int,
    ) -> Iterator[Part]:
        """Blocks that have a name each."""
        if item.splat:
            fail(
                'names step = "." puts the parts of blocks into a container, '
                "and there is none",
                self._formula.equations[0].span,
                'give the stages one: stages = "features"',
            )
        step = self._formula.names.get("step", "block{}")
        for k in range(item.count):
            counter = rf"\b{item.loops.counter}\b(?!=)"
            made = re.sub(counter, str(k), item.made) if item.loop else item.made
            name = _NUMBER.sub(str(before + k + _start(step)), step)
            if self._formula.block_names:
                name = self._formula.block_names[before + k]
            yield Part(
                path=(*path, name),
                places=places,
                call="{m}({x})",
                made=made,
                layer=made,
                kind=BLOCK,
                origin=f"stage{position}",
            )

    def _compose(self, head: str, parts: list[Part]) -> Part:
        """A container as a class of its own: not all of it can stand in nn.Sequential."""
        code = self._assembled(parts, Namespace.attributes())
        used = ordered(set().union(*(words(m) for _, m in code.modules)) & self._known)
        camel = "".join(word[:1].upper() + word[1:] for word in head.split("_"))
        name = self._names.new(identifier(camel))
        held = ", ".join(attribute for attribute, _ in code.modules)
        lines = self._lines
        lines.add(f"class {name}(nn.Module):")
        with lines.indented():
            lines.extend(docstring(f"What {head} holds: {held}."))
            lines.blank()
            parameters = [typed(p, self._bodies.rates) for p in used]
            lines.signature("__init__", ["self", *parameters], "None")
            with lines.indented():
                lines.add("super().__init__()")
                for attribute, module in code.modules:
                    lines.assign(f"self.{attribute}", module)
            lines.blank()
            lines.add("def forward(self, x: Tensor) -> Tensor:")
            with lines.indented():
                self._statements(lines, parts, code)
        lines.blank(2)
        made = f"{name}({', '.join(used)})"
        return Part((head,), "{m}({x})", made=made, layer=made)

    def _assembled(self, parts: list[Part], attributes: Namespace) -> PipelineCode:
        return assembled(parts, self._network.output, attributes)

    # -- as code

    def constructor(self, lines: Lines, attributes: Namespace) -> set[str]:
        """Writes the modules; returns the parameters of the network that they use."""
        self._code = self._assembled(self.parts, attributes)
        for attribute, made in self._code.modules:
            lines.assign(f"self.{attribute}", made)
            self.used |= words(made) & self._known
        return self.used

    def forward(self, lines: Lines) -> None:
        """Writes the forward pass."""
        lines.add("def forward(self, x: Tensor) -> Tensor:")
        with lines.indented():
            self._statements(lines, self.parts, self._code)

    def _statements(self, lines: Lines, parts: list[Part], code: PipelineCode) -> None:
        """The parts one after the other; those of one pipeline share statements."""
        end = 0
        for _, group in groupby(parts, key=_statement):
            members = list(group)
            start, end = end, end + len(members)
            calls, cuts = code.calls[start:end], code.cuts[start:end]
            run = replace(code, calls=calls, cuts=cuts)
            statements, result = chain(run, "x", "x")
            pieces = members[0].origin in _PIECES
            mark = marked(members[0].span, self._formula.source) if pieces else ""
            for statement in statements:
                lines.statement(statement, mark)
            if end == len(parts):
                lines.returns(result, mark)
            elif result != "x":
                lines.assign("x", result, mark)


_PIECES = ("stem", "transition", "head")


def _statement(part: Part) -> object:
    """Parts with the same key are called in one statement, if it is not too long."""
    return part.origin if part.origin in _PIECES else id(part)


def path_of(text: str, number: int) -> tuple[str, ...]:
    """A name as a path; ``{}`` is a number counted from 1, ``{0}`` from 0."""
    if text == ".":
        return ()
    numbered = _NUMBER.sub(lambda m: str(number + int(m[1] or 1) - 1), text)
    return tuple(numbered.split("."))


def _start(step: str) -> int:
    """The number of the first block in a pattern: 1, or the one in the braces."""
    found = _NUMBER.search(step)
    return int(found[1] or 1) if found else 1


def _is_row(flow: Flow) -> bool:
    """Whether nothing happens before and after the blocks but handing on."""
    before = all(isinstance(t, State | Input) for t in flow.start.body)
    return before and not flow.end.body
