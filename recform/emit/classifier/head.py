"""The code of an image classifier's head, in the parts that timm's interface has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from recform.blocks import Shape
from recform.emit.classifier.plan import NUM_CLASSES, OWN, Head
from recform.graph.model import Piece
from recform.plan.expressions import Code, Expression
from recform.plan.namespace import Namespace
from recform.writers.containers import Part, fold, names_of
from recform.writers.pipelines import (
    WHOLE,
    Bodies,
    PipelineCode,
    assembled,
    is_whole,
    pipeline_parts,
    with_kept,
)
from recform.writers.setting import Setting

#: What makes the last layer: a method, for it may be made anew.
CLASSIFIER = Code(f"self._classifier({NUM_CLASSES})")


@dataclass(frozen=True)
class HeadCode:
    """The code of a head.

    Attributes:
        attribute: the dictionary that holds its modules; empty if the network does.
        modules: attribute names and the expressions that make them.
        finish: what is done to the image in front of the pooling.
        hidden: what is done from the pooling (or behind it, where it can be chosen) to
            the classifier.
        classifier: the dotted name of the classifier.
        classifier_made: the expression that makes it.
        finish_names: the dotted names of the modules of ``finish``.
        parameters, stored: as in PipelineCode.
    """

    attribute: str
    modules: tuple[tuple[str, Expression], ...]
    finish: PipelineCode
    hidden: PipelineCode
    classifier: str
    classifier_made: Expression
    finish_names: tuple[str, ...]
    parameters: tuple[str, ...]
    stored: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Unit:
    """A module of the head, or a function: operators ``first`` to ``last - 1``."""

    label: str
    part: Part
    first: int
    last: int


def write_head(
    head: Head,
    piece: Piece,
    attribute: str,
    names: Namespace,
    keeper: Namespace,
    bodies: Bodies,
) -> HeadCode:
    """The code of a head.

    Args:
        head: where it is cut.
        piece: its place in the network.
        attribute: the attribute that holds its modules; empty if they are the network's.
        names: attribute names that are still free there.
        keeper: those that are still free in the network.
        bodies: the classes of definitions by equations.
    """
    here = Setting.at((piece.input,), piece)
    parts, output = pipeline_parts(head.pipeline, here, bodies)
    if is_whole(head.pipeline):
        # Brackets around all of it are one nn.Sequential, which has the name itself.
        parts = [part.within((attribute or WHOLE,), None) for part in parts]
        attribute = ""
    classifier_made = parts[-1].made
    assert classifier_made is not None
    parts[-1] = replace(parts[-1], made=CLASSIFIER, layer=CLASSIFIER)
    folded = fold(parts)
    labels = names_of(folded, names)
    named = [
        replace(part, path=(label,)) if label else part
        for part, label in zip(folded, labels, strict=True)
    ]
    code = assembled(named, output, Namespace.attributes(), keeper)
    units = list(_units(parts, folded, labels))
    writer = _Calls(parts, units, attribute, code.stored, output)
    start = head.images if head.pool == OWN else head.pooled
    last = units[-1]
    path = [last.label, *(parts[-1].path[1:] if last.part is not parts[-1] else ())]
    finish = [u for u in units if u.last <= head.images and u.part.made]
    prefix = [attribute] if attribute else []
    return HeadCode(
        attribute=attribute,
        modules=code.modules,
        finish=writer.between(0, head.images),
        hidden=writer.between(start, len(parts) - 1),
        classifier=".".join([*prefix, *path]),
        classifier_made=classifier_made,
        finish_names=tuple(".".join([*prefix, unit.label]) for unit in finish),
        parameters=code.parameters,
        stored=code.stored,
    )


def _units(parts: list[Part], folded: list[Part], labels: list[str]) -> Iterator[_Unit]:
    position = 0
    for part, label in zip(folded, labels, strict=True):
        end = position + 1
        if part is not parts[position]:
            inside = [n for n, p in enumerate(parts) if p.path[:1] == part.path]
            end = max(inside) + 1
        yield _Unit(label, part, position, end)
        position = end


class _Calls:
    """Writes the calls of a head's operators."""

    def __init__(
        self,
        parts: list[Part],
        units: list[_Unit],
        attribute: str,
        stored: tuple[tuple[str, str], ...],
        output: Shape,
    ) -> None:
        self._output = output
        self._parts = parts
        self._units = units
        self._attribute = attribute
        self._stored = stored

    def between(self, start: int, stop: int) -> PipelineCode:
        """The calls of some operators in a row; of a container that lies in them, one."""
        calls: list[str] = []
        cuts: list[bool] = []
        for unit in self._units:
            if start <= unit.first and unit.last <= stop:
                calls.append(self._call(unit.part, [unit.label]))
                cuts.append(unit.part.cut)
                continue
            for number in range(max(start, unit.first), min(stop, unit.last)):
                part = self._parts[number]
                calls.append(self._call(part, [unit.label, *part.path[1:]]))
                cuts.append(part.cut)
        return PipelineCode((), tuple(calls), tuple(cuts), (), (), self._output)

    def _call(self, part: Part, path: list[str]) -> str:
        call = with_kept(part.call, self._stored)
        return call.replace("{m}", self._module(path))

    def _module(self, path: list[str]) -> str:
        """A module of the head; one inside of containers by its name, or its number."""
        if self._attribute and len(path) == 1:
            return f'self.{self._attribute}["{path[0]}"]'
        if len(path) == 1:
            return f"self.{path[0]}"
        if not self._attribute and len(path) == 2 and path[1].isdigit():
            return f"self.{path[0]}[{path[1]}]"
        return f'self.get_submodule("{".".join([self._attribute, *path]).lstrip(".")}")'
