"""A network as one row of modules, whose containers may hold several of its pieces.

``features.0`` may be of the stem, ``features.1`` a block and ``features.18`` of the head:
then the network is not stem, stages and head, but a row of parts, of which those with
one outermost name are one module. This is so where the file's ``names`` say it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recform.algebra.expr import Input, State
from recform.algebra.labels import Naming
from recform.algebra.lists import is_list
from recform.algebra.pipeline import Pipeline
from recform.blocks import identifiers
from recform.classes.composed import Composer, can_count
from recform.classes.steps.stages import Blocks, StageWriter
from recform.graph.model import NetworkGraph, Piece
from recform.plan.expressions import at, dictionary
from recform.plan.namespace import Claim, Namespace, fail, fail_twice
from recform.plan.parts import BLOCK, NEXT, Part, PipelineCode
from recform.plan.places import HEAD, STEM, Kind, Origin, transition
from recform.plan.policy import Policy
from recform.recurrence.model import (
    ModuleSlot,
    Recurrence,
    contexts_of,
    read_by,
    shared_by,
)
from recform.source import Span
from recform.writers.calls import made_at
from recform.writers.containers import fold, is_nested, names_of
from recform.writers.formula.workshop import Workshop
from recform.writers.names import claim_of, default_naming, stages_of
from recform.writers.pipelines import (
    incoming,
    pipeline_parts,
)
from recform.writers.setting import Setting


def is_chain(recurrence: Recurrence) -> bool:
    """Whether the names of a file put pieces of the network into common containers.

    The stem may be in one by itself, where blocks hand on several tensors.
    """
    names = recurrence.formula.names
    nested = {key for key, naming in names.items() if naming.nested}
    if (
        "step" in names
        or nested - {STEM.kind.value}
        or ("stages" in names and not names["stages"].apart)
    ):
        return True
    return bool(nested) and is_single(recurrence) and is_bare(recurrence)


def is_single(recurrence: Recurrence) -> bool:
    """Whether every step takes one tensor and returns one."""
    steps = recurrence.steps
    return all(
        len(read_by(step)) == len(step.inputs) == len(step.outputs) == 1
        and not isinstance(step.inputs[0], ModuleSlot)
        and not any(map(is_list, (*step.inputs, *step.outputs)))
        for step in steps
    ) and not any(shared_by(step) or contexts_of(step) for step in steps)


def is_bare(recurrence: Recurrence) -> bool:
    """Whether nothing happens before and after the blocks but handing on."""
    return all(
        not flow.end.body and all(isinstance(t, State | Input) for t in flow.start.body)
        for flow in recurrence.flows
    )


class ChainWriter:
    """The parts of a network in a row.

    Args:
        network: with blocks that take one tensor and return one.
        workshop: gets the classes of containers.
        stages: the blocks.
        single: whether they take and return one tensor.
        policy: what the network's class is to be.

    Raises:
        CompileError: RF219, if the network is no row.
    """

    def __init__(
        self,
        network: NetworkGraph,
        workshop: Workshop,
        stages: StageWriter,
        single: bool,
        policy: Policy,
    ) -> None:
        self._network = network
        self._formula = network.recurrence.formula
        self._workshop = workshop
        self._stages = stages
        self._apart = policy.apart
        self._composer = Composer(workshop, network.output, policy)
        self._transitions: dict[str, tuple[str, tuple[str, ...]]] = {}
        if not single or not is_bare(network.recurrence):
            fail(
                "these names put blocks into one container, and nn.Sequential hands on "
                "one tensor; these blocks take or hand on more, or the output is made of more",
                self._formula.equations[0].span,
                "names with dots, `step` and stages without {} are for blocks that "
                "take one tensor and hand on one",
            )
        #: What lies in each container that is no part of another one.
        self._shares: dict[tuple[str, ...], list[Claim]] = {}
        self._parts = tuple(self._all())
        self._check_shared()
        self._held = fold(self._parts, self._compose)

    # -- what there is

    def _all(self) -> Iterator[Part]:
        network = self._network
        yield from self._piece(STEM, network.stem)
        number = 0
        for position in range(len(network.stages)):
            if position and position <= len(network.transitions):
                piece = network.transitions[position - 1]
                yield from self._piece(transition(position), piece)
            for part in self._blocks(position, number):
                number += part.count
                yield part
        yield from self._piece(HEAD, network.head)

    def _shared(self, path: tuple[str, ...], role: str, what: str) -> None:
        """Notes the container of a piece."""
        claim = claim_of(self._formula, role, what)
        self._shares.setdefault(path, []).append(claim)

    def _check_shared(self) -> None:
        """Raises a diagnostic for pieces whose one container the file does not say.

        Transitions alone would run into each other there.
        """
        for path, claims in self._shares.items():
            derived = [claim for claim in claims if claim.span is None]
            all_alike = {claim.key for claim in claims} == {Kind.TRANSITION.value}
            if len(claims) > 1 and (derived or all_alike):
                first = (*derived, *claims)[0]
                other = next(claim for claim in claims if claim is not first)
                fail_twice(".".join(path), first, other)

    def _piece(self, origin: Origin, piece: Piece) -> Iterator[Part]:
        """The parts of a stem, transition or head, in the container that is theirs."""
        role = origin.kind.value
        given = self._formula.names.get(role)
        path = (given or default_naming(origin.kind)).at(origin.number)
        here = Setting.at((piece.input,), piece, self._formula.tables)
        if origin is STEM:
            here = here.taking(incoming(piece.pipeline, here))
        parts, _ = pipeline_parts(piece.pipeline, here, self._workshop)
        if given is None and not any(part.made for part in parts):
            path = ()  # functions alone need no name
        if path:
            self._shared(path, role, f"the {role}")
        if (
            path
            and origin.kind is Kind.TRANSITION
            and self._has_class(piece.pipeline, given)
        ):
            yield self._transition(origin, piece, path, here)
            return
        place = self._formula.name_spans.get(role)
        for part in parts:
            if (path or part.made) and not part.path:
                part = replace(part, path=("",), places=(part.span,))
            yield replace(part.within(path, place) if path else part, origin=origin)

    def _has_class(self, pipeline: Pipeline, given: Naming | None) -> bool:
        """Whether transitions, of which each is a container, are modules of one class."""
        flat = not any(is_nested(step.label) for step in pipeline.steps)
        apart = given is None or given.apart
        return len(self._network.transitions) > 1 and flat and apart

    def _transition(
        self, origin: Origin, piece: Piece, path: tuple[str, ...], here: Setting
    ) -> Part:
        """A transition as a module."""
        pipeline = piece.pipeline
        if pipeline.name not in self._transitions:
            name = self._workshop.name(pipeline.name.title().replace(" ", ""))
            title = f"{pipeline.name} {pipeline.text}"
            code = self._workshop.pipeline_class(name, pipeline, (piece.input,), title)
            self._transitions[pipeline.name] = name, code.parameters
        module = made_at(*self._transitions[pipeline.name], here)
        place = self._formula.name_spans.get(origin.kind.value)
        return Part(
            path,
            "{m}({x})",
            made=module,
            layer=module,
            span=piece.pipeline.span,
            origin=origin,
            places=tuple(place for _ in path),
        )

    def _blocks(self, position: int, before: int) -> Iterator[Part]:
        """The blocks of a stage."""
        names = self._formula.names
        where = stages_of(self._formula)
        path = where.at(position + 1)
        if path and (where.apart or not position):
            self._shared(path, "stages", f"stage {position + 1}")
        step = names.get("step")
        shared = not where.apart
        if step is not None and step.counts > 1:
            step = step.of(position + 1)
            shared = False
        first = before + 1 if shared else 1
        spans = self._formula.name_spans
        places = (*(spans.get("stages") for _ in path), spans.get("step"))
        for item in self._stages.blocks(position):
            if not path or (step is not None and (step.each or step.nested)):
                named = step or Naming("block{}")
                start = (before + 1) if named.each else first
                called = [named.at(start + k) for k in range(item.count)]
                yield from self._named(item, path, places, position, called)
                before += item.count
                first += item.count
                continue
            name = NEXT if step is None or step.inline else step.pattern
            yield Part(
                path=(*path, name),
                places=places if step else (*places[:-1], *places[:1]),
                call="{m}({x})",
                kind=BLOCK,
                made=item.made,
                layer=item.made,
                repeat=item.count,
                splat=item.flat > 0,
                count=item.count * (item.flat or 1),
                first=first + (step.first if step is not None else 1) - 1,
                origin=Origin(Kind.STAGE, position),
            )
            first += item.count

    def _named(
        self,
        item: Blocks,
        path: tuple[str, ...],
        places: tuple[Span | None, ...],
        position: int,
        called: list[tuple[str, ...]],
    ) -> Iterator[Part]:
        """Blocks that have a name each."""
        if item.flat:
            fail(
                'names step = "." puts the parts of blocks into a container, '
                "and there is none",
                self._formula.equations[0].span,
                'give the stages one: stages = "features"',
            )
        *above, own = places
        for k, inner in enumerate(called):
            made = at(item.made, k)
            yield Part(
                path=(*path, *inner),
                places=(*above, *(own for _ in inner)),
                call="{m}({x})",
                made=made,
                layer=made,
                kind=BLOCK,
                origin=Origin(Kind.STAGE, position),
            )

    def _compose(self, head: str, parts: list[Part]) -> Part | None:
        """A container as a class of its own: not all of it can stand in nn.Sequential.

        None if not all that it holds can be attributes.
        """
        if not can_count(parts):
            return None
        if HEAD.kind in self._apart and any(map(self._holds_last, parts)):
            # It is run in parts, and no module that can be called.
            scope = Namespace.container(identifiers.DICTIONARY)
            named = zip(names_of(parts, scope), parts, strict=True)
            held = [(name, part.made) for name, part in named if part.made is not None]
            return Part((head,), "{m}({x})", made=dictionary(held))
        return self._composer.compose(head, parts)

    def _holds_last(self, part: Part) -> bool:
        """Whether it is the last part of the row, or holds it."""
        is_last = part.made is self._parts[-1].made
        return is_last or any(self._holds_last(inner) for _, inner in part.inside)

    def code(self, attributes: Namespace) -> PipelineCode:
        """The network as a row of modules."""
        return replace(
            self._composer.assembled(self._held, attributes), parts=self._parts
        )
