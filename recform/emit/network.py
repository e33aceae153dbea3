"""The class of the network: stem, stages of steps, head."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from recform.algebra.expr import Learned
from recform.blocks import Shape
from recform.diagnostics import Diagnostics
from recform.emit.bodies import BodyClasses
from recform.emit.chain import ChainWriter, is_chain, path_of
from recform.emit.forward import ForwardWriter
from recform.emit.initialise import scalar_parameter, write_initialisation
from recform.emit.names import (
    chosen_names,
    claim_of,
    labels_of,
    operator_name,
    place_of,
)
from recform.emit.namespace import Loops, Namespace
from recform.emit.operators import BlockWriter
from recform.emit.owned import BlockClasses
from recform.emit.pipelines import (
    PipelineCode,
    is_whole,
    numbers_at,
    pipeline_class,
    pipeline_parts,
    symbolic_shape,
    symbols,
    values_at,
    write_pipeline,
)
from recform.emit.stages import StageWriter
from recform.emit.step import StepCode, StepWriter
from recform.emit.text import Lines, docstring, folded
from recform.graph.model import Block, NetworkGraph, Piece, Place
from recform.proof import FAULT
from recform.proof.plan import Misprint
from recform.proof.printed import check_printed
from recform.recurrence.model import ModuleSlot


class NetworkWriter:
    """Writes all classes of one network.

    Args:
        network: from the graph stage.
        names: class names that are still free.
        prefix: put in front of class names, where the file has several networks.
    """

    #: What the class of the network derives from.
    base = "nn.Module"

    def __init__(
        self, network: NetworkGraph, names: Namespace, prefix: str = ""
    ) -> None:
        self._network = network
        self._recurrence = network.recurrence
        self._formula = network.recurrence.formula
        self._names = names
        self._prefix = prefix
        self._single = self._is_single()
        self._steps: dict[int, StepCode] = {}
        self._writers: dict[int, StepWriter] = {}
        self._piece_codes: dict[str, PipelineCode] = {}
        self._inlined: dict[str, PipelineCode] = {}
        self._attribute: dict[str, str] = {}
        self._attributes = Namespace.attributes()
        self._loops = Loops.within(names)
        self.name = self._formula.name
        self._rates = frozenset(
            p.name for p in self._formula.params if p.free and not p.value.is_Integer
        ) | frozenset(
            table.argument
            for table in self._formula.tables
            if any(isinstance(value, float) for value in table.values)
        )

    def check(self, tree: ast.Module) -> None:
        """Holds the source against the plan.

        Args:
            tree: the source, with the class of the network in it.

        Raises:
            CompileError: RF901, if it says something else.
        """
        made = [s.step for stage in self._network.stages for s in stage.segments]
        steps = [self._writers[n].printed() for n in range(len(self._writers))]
        try:
            check_printed(tree, self.name, steps, made)
        except Misprint as misprint:
            report = Diagnostics()
            span = self._formula.equations[0].span
            report.error("RF901", misprint.message, span, hint=FAULT)
            report.check()

    @property
    def steps(self) -> Mapping[int, StepCode]:
        """The classes of the blocks, once they are written."""
        return self._steps

    @property
    def stage_names(self) -> Sequence[str]:
        """The attributes of the stages."""
        return self._stage_names

    @property
    def pieces(self) -> Mapping[str, str]:
        """The attributes of stem, head and transitions that have a class."""
        return self._attribute

    @property
    def shared(self) -> Mapping[tuple[str, int], str]:
        """The attributes of what all blocks share, by name and flow."""
        return self._shared_attributes

    def _is_single(self) -> bool:
        """Whether every step takes one tensor and returns one."""
        steps = self._recurrence.steps
        return (
            all(
                len(step.inputs) == len(step.outputs) == 1
                and not isinstance(step.inputs[0], ModuleSlot)
                for step in steps
            )
            and not self._recurrence.handed()
        )

    def write(self, lines: Lines) -> None:
        """Writes operators, adapter, steps and network."""
        self._bodies = BodyClasses(
            lines,
            self._names,
            self._prefix,
            self._rates,
            self._formula,
        )
        self._prepare()
        classes = BlockWriter(
            self._network, self._names, self._prefix, self._rates, self._bodies
        ).write(lines)
        for index, step in enumerate(self._recurrence.steps):
            words = [] if step.role == "regular" else step.role.split("_")
            wanted = "".join(word.capitalize() for word in [*words, "step"])
            wanted = self._prefix + wanted
            if self._formula.names.get("step") == ".":
                # A function, which makes the modules of a block.
                wanted = "_".join(
                    [*filter(None, [self._prefix]), *words, "step"]
                ).lower()
            name = self._names.new(wanted)
            writer = StepWriter(
                self._network,
                index,
                classes,
                name,
                self._single,
                self._recurrence.handed_to(index),
            )
            self._writers[index] = writer
            self._steps[index] = writer.write(lines)
            if not writer.code.made:
                lines.blank(2)
        self._class(lines, classes)

    def _prepare(self) -> None:
        """Writes what the pieces around the blocks need, before any class is open."""
        network = self._network
        for piece in [network.stem, *network.transitions[:1], network.head]:
            x = symbolic_shape(piece.input)
            pipeline_parts(piece.pipeline, x, symbols(x), self._bodies)

    # -- the network

    def _class(self, lines: Lines, classes: BlockClasses) -> None:
        chain = self._chain(lines)
        pieces = {} if chain else self._pieces(lines)
        lines.add(f"class {self.name}({self.base}):")
        with lines.indented():
            lines.extend(docstring(self._title()))
            lines.blank()
            body = Lines(offset=8)
            if chain is None:
                self._reserve()
                self._stage_names = self._name_stages()
                used = self._constructor(body, pieces, classes)
            else:
                used = self._row(body, chain)
            parameters = ["self", *self._parameters(used)]
            self._attributes_of_class(lines)
            lines.signature("__init__", parameters, "None")
            with lines.indented():
                self._begin(lines)
                for line in str(body).rstrip("\n").split("\n"):
                    lines.add(line)
            lines.blank()
            self._methods(lines, chain)

    def _attributes_of_class(self, lines: Lines) -> None:
        """What stands in front of the constructor."""

    def _begin(self, lines: Lines) -> None:
        """The first statement of the constructor."""
        lines.add("super().__init__()")

    def _row(self, lines: Lines, chain: ChainWriter) -> set[str]:
        """Writes the modules of a row; returns the parameters that they use."""
        used = chain.constructor(lines, self._attributes)
        write_initialisation(lines, self._network, self._loops.module)
        return used

    def _methods(self, lines: Lines, chain: ChainWriter | None) -> None:
        """What stands behind the constructor."""
        if chain is not None:
            chain.forward(lines)
        else:
            ForwardWriter(*self._forward_arguments()).write(lines)

    def _forward_arguments(self) -> tuple[Any, ...]:
        return (
            self._network,
            self._single,
            self._stage_names,
            self._inlined,
            self._attribute,
            self._shared_attributes,
        )

    def _chain(self, lines: Lines) -> ChainWriter | None:
        """The network as a row of modules, if its names put it into containers."""
        if not is_chain(self._formula):
            return None
        stages = StageWriter(self._writers, self._single, self._loops)
        return ChainWriter(
            self._network, lines, self._names, self._bodies, stages, self._single
        )

    def _title(self) -> str:
        formula = self._formula
        texts = [e.text for e in formula.equations] + [
            b.text for b in formula.boundaries
        ]
        lines = [line for t in dict.fromkeys(texts) for line in folded(t, 80)]
        takes = f"Takes N x {self._network.stem.input}, returns N x {self._returns()}."
        return "\n".join([*lines, "", takes])

    def _returns(self) -> str:
        """The shape of what the network returns, for its docstring."""
        return str(self._network.output)

    def _inlines(self, role: str) -> bool:
        """Whether the operators of a piece are the network's own."""
        return self._formula.names.get(role) == "."

    def _parameters(self, used: set[str]) -> list[str]:
        """The keywords of the constructor, with the file's values."""
        result = []
        names = {"in_channels", "in_features"} & used
        for name in sorted(names):
            result.append(f"{name}: int = {self._formula.input.features}")
        for param in self._formula.params:
            if param.free and param.name in used:
                value = param.value
                kind = "int" if value.is_Integer else "float"
                shown = str(int(value)) if value.is_Integer else repr(float(value))
                result.append(f"{param.name}: {kind} = {shown}")
        return result

    def _pieces(self, lines: Lines) -> dict[str, str]:
        """Classes of stem, head and transitions that are not inlined, by role."""
        classes: dict[str, str] = {}
        network = self._network
        for role, piece in (
            ("stem", network.stem),
            ("transition", network.transitions[0] if network.transitions else None),
            ("head", network.head),
        ):
            if piece is None or not piece.pipeline.steps or self._inlines(role):
                continue
            if is_whole(piece.pipeline):
                continue
            cls = self._names.new(self._prefix + role.capitalize())
            classes[role] = cls
            code = pipeline_class(
                lines,
                cls,
                piece.pipeline,
                piece.input,
                f"{role} {piece.pipeline.text}",
                self._rates,
                self._formula.source,
                self._bodies,
            )
            self._piece_codes[role] = code
            lines.blank(2)
        return classes

    def _name_stages(self) -> list[str]:
        """The attribute of each stage."""
        pattern = self._formula.names.get("stages", "stage{}")
        count = len(self._formula.stages)
        names = [".".join(path_of(pattern, number + 1)) for number in range(count)]
        if len(names) == 1 and "stages" not in self._formula.names:
            names = ["blocks"]
        claims = [
            claim_of(self._formula, "stages", f"stage {number + 1}")
            for number in range(count)
        ]
        return list(map(self._attributes.claim, names, claims))

    def _reserve(self) -> None:
        """Keeps the names that the author says from those that are derived."""
        letters = [m.name for group in self._network.shared for m in group]
        names = chosen_names(
            self._formula, [*letters, *self._recurrence.shared_scalars]
        )
        for role, piece in (("stem", self._network.stem), ("head", self._network.head)):
            inline = self._inlines(role) and self._formula.names.get(role) == "."
            names += labels_of(piece.pipeline) if inline else []
        self._attributes.reserve(names)

    # -- the constructor

    def _constructor(
        self, lines: Lines, pieces: Mapping[str, str], classes: BlockClasses
    ) -> set[str]:
        """Writes the modules; returns the parameters that they use."""
        used: set[str] = set()
        network = self._network
        self._one_piece(lines, "stem", network.stem, pieces, used)
        self._shared(lines, classes, used)
        stages = StageWriter(self._writers, self._single, self._loops)
        for number, stage in enumerate(network.stages):
            if self._formula.scope == "stage" and number and network.transitions:
                piece = network.transitions[number - 1]
                self._one_piece(lines, "transition", piece, pieces, used, number + 1)
            lines.assign(f"self.{self._stage_names[number]}", stages.write(stage, used))
        self._one_piece(lines, "head", network.head, pieces, used)
        write_initialisation(lines, network, self._loops.module)
        return used

    def _one_piece(
        self,
        lines: Lines,
        role: str,
        piece: Piece,
        pieces: Mapping[str, str],
        used: set[str],
        number: int = 0,
    ) -> None:
        """The module of a stem, head or transition; or its parts, if it is inlined."""
        if not piece.pipeline.steps:
            return
        wanted = self._formula.names.get(role, role)
        values = self._piece_values(role, piece)
        if wanted == ".":
            code = self._written(role, piece, self._attributes)
            self._inlined[role] = code
            used.update(code.parameters)
            for attribute, made in code.modules:
                lines.assign(f"self.{attribute}", made)
            for kept, argument in code.stored:
                lines.assign(f"self.{kept}", argument)
            return
        attribute = self._attributes.claim(
            f"{wanted}{number}" if number else wanted,
            claim_of(self._formula, role, f"the {role}"),
        )
        self._attribute[f"{role}{number or ''}"] = attribute
        if is_whole(piece.pipeline):
            code = self._written(role, piece, Namespace.attributes())
            used.update(code.parameters)
            lines.assign(f"self.{attribute}", code.modules[0][1])
            return
        parameters = self._piece_codes[role].parameters
        arguments = _arguments(parameters, values, used, shows_stride=True)
        lines.assign(f"self.{attribute}", f"{pieces[role]}({arguments})")

    def _written(self, role: str, piece: Piece, names: Namespace) -> PipelineCode:
        """The code of a pipeline in its place."""
        values = values_at(self._formula.tables, piece)
        x = self._piece_shape(role, piece)
        return write_pipeline(piece.pipeline, x, values, names, self._bodies)

    def _piece_shape(self, role: str, piece: Piece) -> Shape:
        """The input of an inlined pipeline: numbers, but for the network's own input."""
        if role == "stem":
            return Shape(
                piece.input.layout,
                symbolic_shape(piece.input).features,
                piece.input.grid,
            )
        return piece.input

    def _piece_values(self, role: str, piece: Piece) -> dict[str, Any]:
        """What a pipeline's constructor gets, by parameter."""
        values = numbers_at(piece.input, piece, self._formula.tables, None, None)
        if role == "stem":
            values |= {"in_channels": "in_channels", "in_features": "in_features"}
        return values

    def _shared(self, lines: Lines, classes: BlockClasses, used: set[str]) -> None:
        """Modules and scalars that all blocks share."""
        self._shared_attributes: dict[tuple[str, int], str] = {}
        by_stage = self._formula.scope == "stage"
        for number, group in enumerate(self._network.shared):
            for module in group:
                if by_stage and len(self._network.shared) > 1:
                    base = place_of(self._formula, module.name)
                    attribute = self._attributes.new(f"{base}_{number + 1}")
                else:
                    attribute = operator_name(
                        self._attributes, self._formula, module.name
                    )
                self._shared_attributes[module.name, number] = attribute
                code = classes.codes[module.name]
                place = Place(module.width, module.stride)
                length = self._recurrence.flows[number].length
                values = numbers_at(module.input, place, (), None, length)
                arguments = _arguments(code.parameters, values, used)
                made = f"{classes.operators[module.name]}({arguments})"
                lines.assign(f"self.{attribute}", made)
            self._start_modules(lines, number, classes, used)
        for name in self._recurrence.shared_scalars:
            scalar = self._formula.scalars[name]
            attribute = operator_name(self._attributes, self._formula, name)
            for number in range(len(self._network.shared)):
                self._shared_attributes[name, number] = attribute
            made = scalar_parameter(scalar.start)
            if scalar.per_feature:
                size, view = self._scalar_size(name)
                sizes = [str(size), *(["1"] * (len(view) - 1))]
                made = scalar_parameter(scalar.start, sizes)
            lines.assign(f"self.{attribute}", made)

    def _start_modules(
        self, lines: Lines, number: int, classes: BlockClasses, used: set[str]
    ) -> None:
        """Operators of block 0, which the boundary equations apply."""
        block: Block = self._network.starts[number]
        # With an index that starts anew, each stage has a start of its own.
        stage = f"_{number + 1}" if len(self._network.starts) > 1 else ""
        for name, module in block.calls.items():
            place = place_of(self._formula, name)
            attribute = self._attributes.new(f"{place}_0{stage}")
            self._shared_attributes[f"{name}_0", number] = attribute
            assert module.input is not None
            here = Place(module.place.width, 1)
            length = self._recurrence.flows[number].length
            values = numbers_at(module.input, here, (), 0, length)
            arguments = _arguments(classes.codes[name].parameters, values, used)
            made = f"{classes.operators[name]}({arguments})"
            lines.assign(f"self.{attribute}", made)

    def _scalar_size(self, name: str) -> tuple[int, tuple[int, ...]]:
        for stage in self._network.stages:
            for segment in stage.segments:
                for tensor, shape in segment.block.shapes.items():
                    # A number in a sum has no shape of its own: it has that of the sum.
                    for part in (tensor, *tensor.children):
                        value = getattr(part, "coefficient", sympy.S.Zero)
                        if any(item.name == name for item in value.atoms(Learned)):
                            return int(shape.features), shape.broadcast_view()
        return 1, (-1,)


def _arguments(
    parameters: Sequence[str],
    values: Mapping[str, Any],
    used: set[str],
    *,
    shows_stride: bool = False,
) -> str:
    """The arguments of a class outside of the blocks.

    Args:
        parameters: of its constructor.
        values: what they are there; those of the file are free.
        used: gets the parameters of the network that stand in them.
        shows_stride: whether a stride of 1 is written, which is what is left out.
    """
    given = []
    for parameter in parameters:
        value = values.get(parameter)
        if value is None:
            value = parameter
        if isinstance(value, str):
            used.add(value)
        if parameter != "stride":
            given.append(str(value))
        elif value != 1 or shows_stride:
            given.append(f"stride={value}")
    return ", ".join(given)
