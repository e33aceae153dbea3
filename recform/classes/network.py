"""The class of the network: stem, stages of steps, head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recform.algebra.formula import Scope
from recform.algebra.written.said import equation_texts
from recform.blocks import Layout, Shape, identifiers
from recform.classes.chain import ChainWriter, is_chain, is_single
from recform.classes.composed import Composer
from recform.classes.forward import with_forward
from recform.classes.steps.operators import BlockWriter
from recform.classes.steps.owned import BlockClasses
from recform.classes.steps.stages import StageWriter
from recform.classes.steps.step import Frame, plan_step
from recform.graph.model import Block, NetworkGraph, Piece, Place
from recform.plan.definitions import (
    Attribute,
    Class,
    Parameter,
    Role,
    names_read,
)
from recform.plan.merge import merged
from recform.plan.namespace import Loops, Namespace
from recform.plan.network import NetworkPlan, StepPlan
from recform.plan.parts import PipelineCode
from recform.plan.places import HEAD, STEM, Kind, Origin, Shared, transition
from recform.plan.policy import PLAIN, Policy
from recform.plan.printer.lines import folded
from recform.plan.rows import with_rows
from recform.plan.tidy import tidied
from recform.plan.tied import tied
from recform.recurrence.model import (
    REGULAR,
)
from recform.writers.calls import made_at
from recform.writers.formula.workshop import Workshop
from recform.writers.initialise import initialisation, scalar_parameter, start_text
from recform.writers.names import (
    chosen_names,
    claim_of,
    default_naming,
    is_inline,
    labels_of,
    operator_name,
    place_of,
    stages_of,
)
from recform.writers.pipelines import (
    Around,
    attributes_of,
    check_inline,
    incoming,
    is_whole,
    pipeline_parts,
)
from recform.writers.setting import Setting


def plan_network(
    network: NetworkGraph, names: Namespace, prefix: str = "", policy: Policy = PLAIN
) -> NetworkPlan:
    """The plan of a network.

    Args:
        network: from the graph stage.
        names: class names that are still free.
        prefix: put in front of class names, where the file has several networks.
        policy: what its class is to be.

    Raises:
        CompileError: RF219, if its names cannot be had.
    """
    return NetworkWriter(network, names, prefix, policy).plan()


class NetworkWriter:
    """Makes the plan of one network.

    Args:
        network: from the graph stage.
        names: class names that are still free.
        prefix: put in front of class names, where the file has several networks.
        policy: what its class is to be.
    """

    def __init__(
        self, network: NetworkGraph, names: Namespace, prefix: str, policy: Policy
    ) -> None:
        self._network = network
        self._policy = policy
        self._recurrence = network.recurrence
        self._formula = network.recurrence.formula
        self._workshop = Workshop(self._formula, names, prefix)
        self._single = is_single(self._recurrence)
        self._steps: list[StepPlan] = []
        #: By the name of the pipeline.
        self._piece_classes: dict[str, tuple[str, PipelineCode]] = {}
        self._rows: dict[Origin, PipelineCode] = {}
        self._pieces: dict[Origin, str] = {}
        self._shared: dict[Shared, str] = {}
        self._stage_names: list[str] = []
        self._attributes = Namespace.attributes()
        for name in policy.taken:
            self._attributes.take(name)
        self._loops = Loops.within(names)

    def plan(self) -> NetworkPlan:
        """Operators, adapter, steps and network."""
        self._prepare()
        classes = BlockWriter(self._network, self._workshop).write()
        frame = Frame(self._network, classes, self._single)
        for index in range(len(self._recurrence.steps)):
            step, definition = plan_step(frame, index, self._step_name(index))
            self._steps.append(step)
            if definition is not None:
                self._workshop.made.append(definition)
        self._workshop.made.append(self._class(classes))
        plan = NetworkPlan(
            self._network,
            tuple(self._workshop.made),
            tuple(self._steps),
            tuple(self._stage_names),
            self._pieces,
            self._shared,
            self._loops,
            self._single,
            self._rows,
            self._workshop.unnamed,
            self._workshop.modules,
        )
        form = self._policy.form or with_forward
        return self._finished(form(plan))

    def _finished(self, plan: NetworkPlan) -> NetworkPlan:
        """The plan with nothing twice, and with weights that are shared."""
        before = plan.definitions[:-1]
        made = {definition.name: definition for definition in before}
        name = self._workshop.function_name
        functions, network = with_rows(plan.network, made, name)
        all_of_them = (*before, *functions, tied(network, before))
        kept = {self._formula.name, *(step.name for step in self._steps)}
        kept |= {name for name, _ in self._piece_classes.values()}
        definitions = tuple(map(tidied, merged(all_of_them, kept)))
        return replace(plan, definitions=definitions)

    def _step_name(self, index: int) -> str:
        """The name of the class of a step, or of the function that makes its modules."""
        role = self._recurrence.steps[index].role
        words = () if role == REGULAR else role.words
        if is_inline(self._formula, "step"):
            return self._workshop.function_name("_".join([*words, "step"]))
        camel = "".join(word.capitalize() for word in [*words, "step"])
        return self._workshop.name(camel)

    def _prepare(self) -> None:
        """Makes what the pieces around the blocks need, before any other class."""
        for _, piece in self._around():
            pipeline_parts(piece.pipeline, Setting.open((piece.input,)), self._workshop)

    # -- the network

    def _class(self, classes: BlockClasses) -> Class:
        stages = StageWriter(self._network, self._steps, self._single)
        if is_chain(self._recurrence):
            chain = ChainWriter(
                self._network, self._workshop, stages, self._single, self._policy
            )
            self._rows[HEAD] = chain.code(self._attributes)
            attributes = attributes_of(self._rows[HEAD])
        else:
            self._classes_of_pieces()
            self._reserve()
            self._stage_names = self._name_stages()
            attributes = tuple(self._modules(stages, classes))
        return Class(
            self._formula.name,
            self._title(),
            tuple(self._parameters(names_read(attributes))),
            attributes,
            (),  # the policy's
            start=initialisation(self._network, self._loops),
        )

    def _title(self) -> str:
        formula = self._formula
        texts = [*equation_texts(formula), *(b.text for b in formula.boundaries)]
        lines = [line for t in dict.fromkeys(texts) for line in folded(t, 80)]
        x = _said(formula.input)
        more = formula.contexts.items()
        given = [f"N x {x}", *(f"{name} of N x {_said(y)}" for name, y in more)]
        takes = f"Takes {', '.join(given)}, returns N x {self._network.output}."
        return "\n".join([*lines, "", *folded(takes, 80)])

    def _parameters(self, used: set[str]) -> Iterator[Parameter]:
        """The keywords of the constructor, with the file's values."""
        for name in sorted({"in_channels", "in_features"} & used):
            yield Parameter(name, "int", str(self._formula.input.features))
        yield from self._workshop.free(used)

    def _classes_of_pieces(self) -> None:
        """Classes of stem, head and transitions that are not inlined."""
        for kind, piece in self._around():
            pipeline = piece.pipeline
            if not pipeline.steps or self._runs(kind) or is_whole(pipeline):
                continue
            name = self._workshop.name(pipeline.name.title().replace(" ", ""))
            title = f"{pipeline.name} {pipeline.text}"
            code = self._workshop.pipeline_class(name, pipeline, (piece.input,), title)
            self._piece_classes[pipeline.name] = name, code

    def _around(self) -> Iterator[tuple[Kind, Piece]]:
        """Stem, head and, of the transitions with one pipeline, the first."""
        network = self._network
        yield Kind.STEM, network.stem
        transitions: dict[str, Piece] = {}
        for piece in network.transitions:
            transitions.setdefault(piece.pipeline.name, piece)
        yield from ((Kind.TRANSITION, piece) for piece in transitions.values())
        yield Kind.HEAD, network.head

    def _runs(self, kind: Kind) -> bool:
        """Whether the network runs the operators of a piece itself."""
        given = self._formula.names.get(kind.value)
        held = given is not None and given.nested
        return (
            held or kind in self._policy.apart or is_inline(self._formula, kind.value)
        )

    def _name_stages(self) -> list[str]:
        """The attribute of each stage."""
        count = len(self._formula.stages)
        naming = stages_of(self._formula)
        names = [".".join(naming.at(number + 1)) for number in range(count)]
        claims = [
            claim_of(self._formula, "stages", f"stage {number + 1}")
            for number in range(count)
        ]
        return list(map(self._attributes.claim, names, claims))

    def _reserve(self) -> None:
        """Keeps the names that the author says from those that are derived."""
        formula, flows = self._formula, range(len(self._network.shared))
        names = chosen_names(formula, self._recurrence.shared_scalars)
        for flow in flows:
            shared, start = self._network.shared[flow], self._network.starts[flow]
            names += [place_of(formula, m.name) + self._after(flow) for m in shared]
            names += [
                place_of(formula, m) + self._after(flow, "_0") for m in start.calls
            ]
        network = self._network
        for kind, piece in ((Kind.STEM, network.stem), (Kind.HEAD, network.head)):
            if is_inline(self._formula, kind.value):
                names += labels_of(piece.pipeline)
        self._attributes.reserve(names)

    def _after(self, flow: int, block: str = "") -> str:
        """What stands behind the name of a module of a flow that is no block's."""
        # With an index that starts anew, each stage has one of its own.
        return block + (f"_{flow + 1}" if len(self._network.shared) > 1 else "")

    # -- the constructor

    def _modules(
        self, stages: StageWriter, classes: BlockClasses
    ) -> Iterator[Attribute]:
        """What the network is made of, as it runs."""
        network, by_stage = self._network, self._formula.scope is Scope.STAGE
        yield from self._one_piece(STEM, network.stem)
        for number in range(len(network.stages)):
            if by_stage and number and network.transitions:
                piece = network.transitions[number - 1]
                yield from self._one_piece(transition(number), piece)
            if by_stage or not number:
                yield from self._owned(number, classes)
            if not number:
                yield from self._scalars()
            yield Attribute(self._stage_names[number], stages.container(number))
        yield from self._one_piece(HEAD, network.head)

    def _one_piece(self, origin: Origin, piece: Piece) -> Iterator[Attribute]:
        """The module of a stem, head or transition; or its parts, if it is inlined."""
        if not piece.pipeline.steps:
            return
        pipeline, here = piece.pipeline, self._setting(origin, piece)
        if is_inline(self._formula, origin.kind.value):
            check_inline(pipeline)
            self._rows[origin] = self._workshop.code(pipeline, here, self._attributes)
            yield from attributes_of(self._rows[origin])
            return
        given = self._formula.names.get(origin.kind.value)
        if given is not None and given.nested:
            place = self._formula.name_spans.get(origin.kind.value)
            composer = Composer(self._workshop, self._network.output, self._policy)
            path = given.at(origin.number)
            around = Around(path, place, composer.compose, origin)
            code = self._workshop.code(pipeline, here, self._attributes, around=around)
            self._rows[origin] = code
            yield from attributes_of(code)
            return
        attribute = self._claimed(origin)
        if is_whole(pipeline):
            self._pieces[origin] = attribute
            code = self._workshop.code(pipeline, here)
            self._rows[origin] = replace(code, labels=(attribute,))
            yield Attribute(attribute, code.modules[0][1])
        elif self._runs(origin.kind):
            names = Namespace.container(identifiers.DICTIONARY)
            code = self._workshop.code(
                pipeline, here, names, self._attributes, attribute
            )
            self._rows[origin] = code
            yield from attributes_of(code)
        else:
            self._pieces[origin] = attribute
            name, code = self._piece_classes[pipeline.name]
            made = made_at(name, code.parameters, here, shows_stride=True)
            yield Attribute(attribute, made)

    def _claimed(self, origin: Origin) -> str:
        """The attribute of a piece."""
        role = origin.kind.value
        given = self._formula.names.get(role, default_naming(origin.kind))
        name = str(given.of(origin.number))
        claim = claim_of(self._formula, role, f"the {role}")
        return self._attributes.claim(name, claim)

    def _setting(self, origin: Origin, piece: Piece) -> Setting:
        """Where a piece stands; what the network itself gets is left open."""
        here = Setting.at((piece.input,), piece, self._formula.tables)
        if origin != STEM:
            return here
        return here.taking(incoming(piece.pipeline, here))

    def _owned(self, number: int, classes: BlockClasses) -> Iterator[Attribute]:
        """Modules that all blocks of a flow share, and those of its block 0."""
        for module in self._network.shared[number]:
            if module.name in classes.functions:
                continue
            attribute = self._called(module.name, self._after(number))
            place = Place(module.width, module.stride)
            length = self._recurrence.flows[number].length
            here = Setting.at(module.inputs, place, length=length)
            key = Shared(module.name, number)
            yield self._shared_module(classes, key, attribute, here)
        yield from self._start_modules(number, classes)

    def _called(self, name: str, after: str = "") -> str:
        """The attribute of an operator or a learned scalar."""
        return operator_name(self._attributes, self._formula, name, after)

    def _scalars(self) -> Iterator[Attribute]:
        """Learned scalars that all blocks share."""
        for name in self._recurrence.shared_scalars:
            scalar = self._formula.scalars[name]
            attribute = self._called(name)
            for number in range(len(self._network.shared)):
                self._shared[Shared(name, number)] = attribute
            sizes = self._network.scalars.get(name, ())
            made = scalar_parameter(start_text(scalar.start), list(map(str, sizes)))
            yield Attribute(attribute, made, Role.SCALAR)

    def _start_modules(self, number: int, classes: BlockClasses) -> Iterator[Attribute]:
        """Operators of block 0, which the boundary equations apply."""
        block: Block = self._network.starts[number]
        for name, module in block.calls.items():
            attribute = self._called(name, self._after(number, "_0"))
            assert module.inputs is not None
            place = Place(module.place.width, 1)
            length = self._recurrence.flows[number].length
            here = Setting.at(module.inputs, place, (), 0, length)
            key = Shared(name, number, first=True)
            yield self._shared_module(classes, key, attribute, here)

    def _shared_module(
        self, classes: BlockClasses, key: Shared, attribute: str, here: Setting
    ) -> Attribute:
        self._shared[key] = attribute
        parameters = classes.codes[key.name].parameters
        made = made_at(classes.operators[key.name], parameters, here)
        return Attribute(attribute, made)


def _said(x: Shape) -> str:
    """The shape of an input, as a docstring says it."""
    return f"{x.grid[0]} ids below {x.features}" if x.layout is Layout.IDS else str(x)
