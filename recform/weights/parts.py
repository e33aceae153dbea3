"""Where in the pipelines of a formula a tensor of its network stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recform.algebra.definitions.body import Body
from recform.algebra.definitions.cell import Cell
from recform.algebra.formula import Formula
from recform.algebra.pipeline import Pipeline, Step
from recform.blocks.identifiers import identifier
from recform.emit.owners import Owner, inner_prefix, plain_labels
from recform.weights.roles import Role


@dataclass(frozen=True)
class Link:
    """A step of a pipeline.

    Attributes:
        operator: the letter of the pipeline in the definition that it stands in; empty for
            that of the owner.
        step: its place.
        number: which of several modules of one letter.
    """

    operator: str
    step: int
    number: str = ""


@dataclass(frozen=True)
class Part:
    """A module of a network: an operator in a pipeline, or inside of a definition there.

    Attributes:
        owner: whose pipeline it is.
        links: from the pipeline to the operator.
    """

    owner: Owner
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Placed:
    """A tensor of a network.

    Attributes:
        part: the module that it is of.
        name: in that.
        steps: those of the links; none for a learned scalar.
    """

    part: Part
    name: str
    steps: tuple[Step, ...] = ()


def placed(formula: Formula, role: Role) -> Placed:
    """Where the tensor of a role stands."""
    pipeline = _pipeline(formula, role.owner)
    if pipeline is None:
        return Placed(Part(role.owner, ()), role.part)
    return _Reader(role).read(pipeline)


def _pipeline(formula: Formula, owner: Owner) -> Pipeline | None:
    match owner.kind:
        case "stem":
            return formula.stem
        case "head":
            return formula.head
        case "transition":
            return formula.transition_of(formula.stages[owner.stage - 1])
        case "adapter":
            return formula.rise if owner.rises else formula.adapter
        case "operator":
            return formula.operators[owner.name]
    return None


class _Reader:
    """Reads the plain name of a tensor from left to right."""

    def __init__(self, role: Role) -> None:
        self._owner, self._words = role.owner, role.part.split(".")
        self._links: list[Link] = []
        self._steps: list[Step] = []

    def read(self, pipeline: Pipeline) -> Placed:
        """The place of the tensor.

        Args:
            pipeline: of the owner.
        """
        letter, prefix = "", ""
        while True:
            step = self._enter(pipeline, letter, prefix)
            body = step.operator
            if not isinstance(body, Body) or isinstance(body, Cell):
                break
            found = self._inner(body)
            if found is None:
                break  # a learned scalar of the definition
            letter, prefix = found, inner_prefix(found)
            pipeline = body.operators[letter]
        part = Part(self._owner, tuple(self._links))
        return Placed(part, ".".join(self._words), tuple(self._steps))

    def _enter(self, pipeline: Pipeline, letter: str, prefix: str) -> Step:
        """Reads the name of a step; what is alone may have none."""
        number = ""
        if letter and self._words[0].isdigit():
            number = self._words.pop(0)
        labels = plain_labels(pipeline, prefix)
        if self._words[0] in labels:
            place = labels.index(self._words.pop(0))
        else:
            place = next(n for n, label in enumerate(labels) if label)
        self._links.append(Link(letter, place, number))
        self._steps.append(pipeline.steps[place])
        return pipeline.steps[place]

    def _inner(self, body: Body) -> str | None:
        """Reads which pipeline of a definition comes next."""
        word = self._words[0]
        for letter, pipeline in body.operators.items():
            if word == identifier(letter):
                self._words.pop(0)
                return letter
            if word in plain_labels(pipeline, inner_prefix(letter)):
                return letter
        return None


def taken_in(placed: Placed, step: int, operator: str) -> Part:
    """A part of the network that was trained, which one for inference has taken in.

    Args:
        placed: in the network for inference.
        step: the place of the part in its pipeline.
        operator: the letter of that, if it is another.
    """
    part = placed.part
    links = [
        replace(link, step=before.folded[0].steps[0])
        for link, before in zip(part.links, placed.steps, strict=True)
    ]
    last = replace(part.links[-1], step=step)
    owner = part.owner
    if operator and len(links) == 1:
        owner = replace(owner, name=operator)
    elif operator:
        last = replace(last, operator=operator)
    return Part(owner, (*links[:-1], last))
