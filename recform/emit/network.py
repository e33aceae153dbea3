"""The class of the network: stem, stages of steps, head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from recform.algebra.expr import Apply, Learned, Tensor
from recform.algebra.formula import InitRule, Pipeline
from recform.algebra.pipelines import STRIDE, WIDTH
from recform.blocks import Shape
from recform.emit.body import BodyWriter
from recform.emit.expressions import ATOM, PRODUCT, SUM, Writer, coefficient_text
from recform.emit.names import Namespace, class_name, identifier
from recform.emit.owned import BlockClasses
from recform.emit.pipelines import (
    PipelineCode,
    chain,
    marked,
    pipeline_class,
    symbolic_shape,
    symbols,
    typed,
    write_pipeline,
)
from recform.emit.step import StepCode, StepWriter
from recform.emit.text import Lines, docstring, folded
from recform.graph.model import Block, NetworkGraph, Piece, Segment, StageGraph
from recform.recurrence.model import Flow, ModuleSlot, Step

#: `init` rules as calls of torch.nn.init on a weight.
_RULES = {
    "kaiming_normal": "kaiming_normal_({w}, mode={mode!r}, nonlinearity='relu')",
    "kaiming_uniform": "kaiming_uniform_({w}, mode={mode!r}, nonlinearity='relu')",
    "xavier_normal": "xavier_normal_({w})",
    "xavier_uniform": "xavier_uniform_({w})",
    "normal": "normal_({w}, std={std})",
    "trunc_normal": "trunc_normal_({w}, std={std})",
    "constant": "constant_({w}, {value})",
    "zeros": "zeros_({w})",
    "ones": "ones_({w})",
}
_KINDS = {
    "conv": "nn.Conv2d",
    "linear": "nn.Linear",
    "bn": "(nn.BatchNorm1d, nn.BatchNorm2d)",
    "ln": "nn.LayerNorm",
}


@dataclass(frozen=True)
class _Group:
    """Blocks in a row with one constructor call; arguments may grow from block to block."""

    step: int
    count: int
    start: tuple[Any, ...]
    growth: tuple[int, ...]


class NetworkWriter:
    """Writes all classes of one network.

    Args:
        network: from the graph stage.
        names: class names that are still free.
        prefix: put in front of class names, where the file has several networks.
    """

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
        self._attributes = Namespace(attributes=True)
        self.name = identifier(self._formula.name)
        self._rates = frozenset(
            p.name for p in self._formula.params if p.free and not p.value.is_Integer
        )

    def _is_single(self) -> bool:
        """Whether every step takes one tensor and returns one."""
        steps = self._recurrence.steps
        return all(
            len(step.inputs) == len(step.outputs) == 1
            and not isinstance(step.inputs[0], ModuleSlot)
            for step in steps
        ) and not any(self._shared_names(step) for step in steps)

    def _shared_of_all(self) -> tuple[str, ...]:
        """What the network hands to every block; all steps take the same."""
        names: dict[str, None] = {}
        for step in self._recurrence.steps:
            names.update(dict.fromkeys(self._shared_names(step)))
        return tuple(names)

    def _shared_names(self, step: Step) -> list[str]:
        found = [
            t.operator
            for t in step.body
            if isinstance(t, Apply) and t.index is sympy.nan
        ]
        for tensor in step.body:
            for part in (tensor, *step.parts(tensor)):
                for item in getattr(part, "coefficient", sympy.S.Zero).atoms(Learned):
                    if item.index is sympy.nan:
                        found.append(item.name)
        return found

    # -- all classes

    def write(self, lines: Lines) -> None:
        """Writes operators, adapter, steps and network."""
        # Constructor parameters of the network come first in its own namespace.
        classes = self._blocks(lines)
        number = {"regular": "Step"}
        for index, step in enumerate(self._recurrence.steps):
            wanted = number.get(step.role, "")
            if not wanted:
                words = step.role.split("_")
                wanted = "".join(word.capitalize() for word in words) + "Step"
            name = self._names.new(self._prefix + wanted)
            writer = StepWriter(
                self._network, index, classes, name, self._single, self._shared_of_all()
            )
            self._writers[index] = writer
            self._steps[index] = writer.write(lines)
            lines.blank(2)
        self._class(lines, classes)

    def _blocks(self, lines: Lines) -> BlockClasses:
        """Classes of the operators, the stem, the head and the transitions."""
        formula = self._formula
        operators: dict[str, str] = {}
        codes: dict[str, PipelineCode] = {}
        for name, pipeline in formula.operators.items():
            shape = self._shape_of(name)
            if shape is None:
                continue
            if formula.names.get(name) == ".":
                codes[name] = write_pipeline(
                    pipeline,
                    symbolic_shape(shape),
                    symbols(shape),
                    Namespace(attributes=True),
                )
                continue
            operators[name] = self._names.new(self._prefix + class_name(name))
            title = f"{name} = {pipeline.text}"
            codes[name] = pipeline_class(
                lines,
                operators[name],
                pipeline,
                shape,
                title,
                self._rates,
                formula.source,
            )
            lines.blank(2)
        adapter, parameters = self._adapter(lines)
        return BlockClasses(operators, codes, adapter, parameters, self._rates)

    def _shape_of(self, name: str) -> Shape | None:
        """The shape that an operator is called on somewhere."""
        for stage in self._network.stages:
            for segment in stage.segments:
                module = segment.block.calls.get(name)
                if module is not None and module.input is not None:
                    return module.input
        for group in self._network.shared:
            for shared in group:
                if shared.name == name:
                    return shared.input
        for block in [*self._network.starts, *self._network.ends]:
            module = block.calls.get(name)
            if module is not None and module.input is not None:
                return module.input
        return None

    def _adapter(self, lines: Lines) -> tuple[str, tuple[str, ...]]:
        """The function that makes adapters, if any block has one."""
        pipeline = self._formula.adapter
        pairs = [
            pair
            for stage in self._network.stages
            for segment in stage.segments
            for pair in segment.block.sites.values()
        ]
        if pipeline is None or not pairs:
            return "", ()
        shape = pairs[0][0]
        name = self._names.new(
            self._prefix.lower() + "_shortcut" if self._prefix else "shortcut"
        )
        table = symbols(shape)
        code = write_pipeline(
            pipeline, symbolic_shape(shape), table, Namespace(attributes=True)
        )
        if not code.sequential:
            cls = self._names.new(self._prefix + "Shortcut")
            code = pipeline_class(
                lines,
                cls,
                pipeline,
                shape,
                f"adapter {pipeline.text}",
                self._rates,
                self._formula.source,
            )
            arguments = [f"stride={p}" if p == "stride" else p for p in code.parameters]
            made = f"{cls}({', '.join(arguments)})"
            lines.blank(2)
        else:
            made = f"nn.Sequential({', '.join(m for _, m in code.modules)})"
        image = shape.layout.value == "image"
        ins, outs = (
            ("in_channels", "channels") if image else ("in_features", "features")
        )
        needed = [ins, outs, *(["stride"] if image else [])]
        parameters = [*needed, *(p for p in code.parameters if p not in needed)]
        lines.signature(
            name,
            [typed(p, self._rates) for p in parameters],
            "nn.Module",
        )
        condition = f"{ins} == {outs}" + (" and stride == 1" if image else "")
        with lines.indented():
            lines.extend(
                docstring(
                    f"{pipeline.text}, for a term whose shape differs from its sum's."
                )
            )
            lines.add(f"if {condition}:")
            with lines.indented():
                lines.add("return nn.Identity()")
            lines.returns(made)
        lines.blank(2)
        return name, tuple(parameters)

    # -- the network

    def _class(self, lines: Lines, classes: BlockClasses) -> None:
        formula = self._formula
        pieces = self._pieces(lines)
        lines.add(f"class {self.name}(nn.Module):")
        with lines.indented():
            lines.extend(docstring(self._title()))
            lines.blank()
            body = Lines(offset=8)
            self._stage_names = self._name_stages()
            used = self._constructor(body, pieces, classes)
            parameters = ["self", *self._parameters(used)]
            lines.signature("__init__", parameters, "None")
            with lines.indented():
                lines.add("super().__init__()")
                for line in str(body).rstrip("\n").split("\n"):
                    lines.add(line)
            lines.blank()
            if formula.scope == "stage":
                self._staged_forward(lines, pieces)
            else:
                self._plain_forward(lines, pieces)

    def _title(self) -> str:
        formula = self._formula
        texts = [e.text for e in formula.equations] + [
            b.text for b in formula.boundaries
        ]
        lines = [line for t in dict.fromkeys(texts) for line in folded(t, 80)]
        takes = (
            f"Takes N x {self._network.stem.input}, returns N x {self._network.output}."
        )
        return "\n".join([*lines, "", takes])

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
        network, names = self._network, self._formula.names
        for role, piece in (
            ("stem", network.stem),
            ("transition", network.transitions[0] if network.transitions else None),
            ("head", network.head),
        ):
            if piece is None or not piece.pipeline.steps or names.get(role) == ".":
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
            )
            self._piece_codes[role] = code
            lines.blank(2)
        return classes

    def _name_stages(self) -> list[str]:
        """The attribute of each stage."""
        pattern = self._formula.names.get("stages", "stage{}")
        names = [
            self._attributes.new(pattern.replace("{}", str(number + 1)))
            for number in range(len(self._formula.stages))
        ]
        if len(names) == 1 and "stages" not in self._formula.names:
            names = [self._attributes.new("blocks")]
        return names

    # -- the constructor

    def _constructor(
        self, lines: Lines, pieces: Mapping[str, str], classes: BlockClasses
    ) -> set[str]:
        """Writes the modules; returns the parameters that they use."""
        used: set[str] = set()
        network = self._network
        self._one_piece(lines, "stem", network.stem, pieces, used)
        self._shared(lines, classes, used)
        for number, stage in enumerate(network.stages):
            if self._formula.scope == "stage" and number and network.transitions:
                piece = network.transitions[number - 1]
                self._one_piece(lines, "transition", piece, pieces, used, number + 1)
            lines.assign(f"self.{self._stage_names[number]}", self._stage(stage, used))
        self._one_piece(lines, "head", network.head, pieces, used)
        self._initialise(lines)
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
            x = self._piece_shape(role, piece)
            table = {WIDTH: piece.width, STRIDE: piece.stride}
            code = write_pipeline(piece.pipeline, x, table, self._attributes)
            self._inlined[role] = code
            used.update(code.parameters)
            for attribute, made in code.modules:
                lines.assign(f"self.{attribute}", made)
            for stored in code.stored:
                lines.assign(f"self.{stored}", stored)
            return
        attribute = self._attributes.new(f"{wanted}{number}" if number else wanted)
        self._attribute[f"{role}{number or ''}"] = attribute
        arguments = []
        for parameter in self._piece_codes[role].parameters:
            value = values.get(parameter, parameter)
            if not str(value).isdigit():
                used.add(str(value))
            arguments.append(f"stride={value}" if parameter == "stride" else str(value))
        lines.assign(f"self.{attribute}", f"{pieces[role]}({', '.join(arguments)})")

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
        x = piece.input
        incoming = "in_channels" if x.layout.value == "image" else "in_features"
        width = "channels" if x.layout.value == "image" else "features"
        values: dict[str, Any] = {
            incoming: incoming if role == "stem" else x.features,
            width: piece.width,
            "stride": piece.stride,
        }
        names = {"image": ("height", "width"), "tokens": ("positions",), "vector": ()}
        for name, size in zip(names[x.layout.value], x.grid, strict=True):
            values[name] = size
        return values

    def _shared(self, lines: Lines, classes: BlockClasses, used: set[str]) -> None:
        """Modules and scalars that all blocks share."""
        self._shared_attributes: dict[tuple[str, int], str] = {}
        by_stage = self._formula.scope == "stage"
        for number, group in enumerate(self._network.shared):
            for module in group:
                base = identifier(module.name)
                wanted = (
                    f"{base}_{number + 1}"
                    if by_stage and len(self._network.shared) > 1
                    else base
                )
                attribute = self._attributes.new(wanted)
                self._shared_attributes[module.name, number] = attribute
                code = classes.codes[module.name]
                values = {
                    "in_channels": module.input.features,
                    "in_features": module.input.features,
                    "channels": module.width,
                    "features": module.width,
                    "stride": module.stride,
                    "depth": self._recurrence.flows[number].length,
                }
                arguments = []
                for parameter in code.parameters:
                    if parameter == "stride" and module.stride == 1:
                        continue
                    value = str(values.get(parameter, parameter))
                    if not value.isdigit():
                        used.add(value)
                    arguments.append(value)
                made = f"{classes.operators[module.name]}({', '.join(arguments)})"
                lines.assign(f"self.{attribute}", made)
            self._start_modules(lines, number, classes, used)
        for name in self._recurrence.shared_scalars:
            scalar = self._formula.scalars[name]
            attribute = self._attributes.new(identifier(name))
            for number in range(len(self._network.shared)):
                self._shared_attributes[name, number] = attribute
            made = f"torch.tensor({scalar.start!r})"
            if scalar.per_feature:
                size, view = self._scalar_size(name)
                shape = ", ".join([str(size), *(["1"] * (len(view) - 1))])
                made = (
                    f"torch.full(({shape},), {scalar.start!r})"
                    if len(view) == 1
                    else f"torch.full(({shape}), {scalar.start!r})"
                )
            lines.assign(f"self.{attribute}", f"nn.Parameter({made})")

    def _start_modules(
        self, lines: Lines, number: int, classes: BlockClasses, used: set[str]
    ) -> None:
        """Operators of block 0, which the boundary equations apply."""
        block: Block = self._network.starts[number]
        for name, module in block.calls.items():
            attribute = self._attributes.new(f"{identifier(name)}_0")
            self._shared_attributes[f"{name}_0", number] = attribute
            assert module.input is not None
            values = {
                "in_channels": module.input.features,
                "in_features": module.input.features,
                "channels": module.place.width,
                "features": module.place.width,
                "stride": 1,
                "i": 0,
            }
            arguments = [
                str(values.get(parameter, parameter))
                for parameter in classes.codes[name].parameters
                if parameter != "stride"
            ]
            used.update(a for a in arguments if not a.isdigit())
            lines.assign(
                f"self.{attribute}",
                f"{classes.operators[name]}({', '.join(arguments)})",
            )

    def _scalar_size(self, name: str) -> tuple[int, tuple[int, ...]]:
        for stage in self._network.stages:
            for segment in stage.segments:
                for tensor, shape in segment.block.shapes.items():
                    for item in getattr(tensor, "coefficient", sympy.S.Zero).atoms(
                        Learned
                    ):
                        if item.name == name:
                            return int(shape.features), shape.broadcast_view()
        return 1, (-1,)

    def _stage(self, stage: StageGraph, used: set[str]) -> str:
        """The container with the blocks of a stage."""
        groups = self._groups(stage)
        items = [self._construct(group, used) for group in groups]
        parts = []
        for group, item in zip(groups, items, strict=True):
            if group.count == 1:
                parts.append(item)
                continue
            variable = "k" if any(group.growth) else "_"
            loop = f"{item} for {variable} in range({group.count})"
            parts.append(f"*[{loop}]")
        if self._single:
            return f"nn.Sequential({', '.join(parts)})"
        if len(parts) == 1 and parts[0].startswith("*["):
            return f"nn.ModuleList({parts[0][1:]})"
        return f"nn.ModuleList([{', '.join(parts)}])"

    def _groups(self, stage: StageGraph) -> list[_Group]:
        """Segments as constructor calls; a steady growth of arguments is one call."""
        groups: list[_Group] = []
        for segment in stage.segments:
            start, kinds = self._arguments(segment)
            growth = tuple(1 if kind == "index" else 0 for kind in kinds)
            groups.append(_Group(segment.step, segment.count, start, growth))
        return _merged(groups)

    def _arguments(self, segment: Segment) -> tuple[tuple[Any, ...], list[str]]:
        position = self._writers[segment.step].positions[id(segment)]
        values = []
        kinds = []
        for kind, _, column in self._steps[segment.step].arguments:
            value = column[position]
            values.append(value[0] if kind == "index" else value)
            kinds.append(kind)
        return tuple(values), kinds

    def _construct(self, group: _Group, used: set[str]) -> str:
        code = self._steps[group.step]
        arguments = []
        for (kind, name, _), value, growth in zip(
            code.arguments, group.start, group.growth, strict=True
        ):
            text = str(value)
            if growth and group.count > 1:
                factor = "k" if growth == 1 else f"{growth} * k"
                text = f"{value} + {factor}" if value else factor
            if kind == "stride":
                if text != "1":
                    arguments.append(f"{name}={text}")
            elif kind in ("index", "number") or any(
                "=" in argument for argument in arguments
            ):
                arguments.append(f"{name}={text}")
            else:
                arguments.append(text)
        for name in code.free:
            used.add(name)
            arguments.append(f"{name}={name}")
        return f"{code.name}({', '.join(arguments)})"

    def _initialise(self, lines: Lines) -> None:
        """How weights start, where the rule is not torch's own."""
        present = self._weights()
        rules = [
            (kind, rule)
            for kind, rule in self._formula.init.items()
            if kind in present and rule.rule != "torch"
        ]
        if not rules:
            return
        lines.blank()
        lines.add("for module in self.modules():")
        with lines.indented():
            for number, (kind, rule) in enumerate(rules):
                word = "elif" if number else "if"
                lines.add(f"{word} isinstance(module, {_KINDS[kind]}):")
                with lines.indented():
                    lines.statement(f"nn.init.{_init_call(rule)}")

    def _weights(self) -> set[str]:
        formula = self._formula
        pipelines: list[Pipeline | None] = [
            formula.stem,
            formula.head,
            *formula.operators.values(),
        ]
        if any(s.block.sites for stage in self._network.stages for s in stage.segments):
            pipelines.append(formula.adapter)
        if self._network.transitions:
            pipelines.append(formula.transition)
        return {
            step.operator.weights
            for pipeline in pipelines
            if pipeline is not None
            for step in pipeline.steps
        }

    # -- the forward pass

    def _plain_forward(self, lines: Lines, pieces: Mapping[str, str]) -> None:
        flow = self._recurrence.flows[0]
        lines.add("def forward(self, x: Tensor) -> Tensor:")
        with lines.indented():
            self._apply_piece(lines, "stem", "x", pieces)
            stages = [f"self.{name}" for name in self._stage_names]
            result = self._follow(lines, flow, 0, stages)
            self._return_piece(lines, "head", result, pieces)

    def _staged_forward(self, lines: Lines, pieces: Mapping[str, str]) -> None:
        lines.add("def forward(self, x: Tensor) -> Tensor:")
        with lines.indented():
            self._apply_piece(lines, "stem", "x", pieces)
            for number, flow in enumerate(self._recurrence.flows):
                if number and self._network.transitions:
                    attribute = self._attribute[f"transition{number + 1}"]
                    lines.assign("x", f"self.{attribute}(x)")
                result = self._follow(
                    lines, flow, number, [f"self.{self._stage_names[number]}"]
                )
                if result != "x":
                    lines.assign("x", result)
            self._return_piece(lines, "head", "x", pieces)

    def _apply_piece(
        self, lines: Lines, role: str, x: str, pieces: Mapping[str, str]
    ) -> None:
        if role in self._inlined:
            statements, result = chain(self._inlined[role], x, "x")
            mark = marked(self._piece(role).pipeline.span, self._formula.source)
            for statement in statements:
                lines.statement(statement, mark)
            lines.assign("x", result, mark)
        elif role in pieces:
            lines.assign("x", f"self.{self._attribute[role]}({x})")

    def _return_piece(
        self, lines: Lines, role: str, x: str, pieces: Mapping[str, str]
    ) -> None:
        if role in self._inlined:
            statements, result = chain(self._inlined[role], x, "x")
            mark = marked(self._piece(role).pipeline.span, self._formula.source)
            for statement in statements:
                lines.statement(statement, mark)
            lines.returns(result, mark)
        elif role in pieces:
            lines.returns(f"self.{self._attribute[role]}({x})")
        else:
            lines.returns(x)

    def _piece(self, role: str) -> Piece:
        return self._network.stem if role == "stem" else self._network.head

    def _follow(self, lines: Lines, flow: Flow, number: int, stages: list[str]) -> str:
        """The blocks of a flow; returns the expression of its output."""
        names = Namespace({"x"})
        writer = self._writer(flow.start, number, {})
        body = BodyWriter(flow.start, writer, names, self._recurrence.order, self._mark)
        body.write(lines, flow.initial)
        initial = [writer.show(s) for s in flow.initial if isinstance(s, Tensor)]
        if self._single:
            if initial[0] != "x":
                lines.assign("x", initial[0])
            for stage in stages:
                lines.assign("x", f"{stage}(x)")
            final = ["x"]
        else:
            final = self._loop(lines, flow, number, stages, initial, names)
        variables: dict[Any, str] = {}
        for slot, text in zip(flow.end.inputs, final, strict=True):
            variables[slot] = text
        end = self._writer(flow.end, number, variables)
        tail = BodyWriter(flow.end, end, names, self._recurrence.order, self._mark)
        tail.write(lines, ())
        return end.show(flow.output)

    def _loop(
        self,
        lines: Lines,
        flow: Flow,
        number: int,
        stages: list[str],
        initial: list[str],
        names: Namespace,
    ) -> list[str]:
        trailing = "," if len(initial) == 1 else ""
        kind = "tuple[Tensor, ...]"
        steps = [self._recurrence.steps[run.step] for run in flow.runs]
        if any(isinstance(s, ModuleSlot) for step in steps for s in step.outputs):
            kind = "tuple[Any, ...]"
        first = "" if number else f": {kind}"
        lines.statement(f"state{first} = ({', '.join(initial)}{trailing})")
        shared = self._shared_arguments(flow, number)
        arguments = ", ".join([*shared, "*state"])
        if len(stages) == 1:
            lines.add(f"for block in {stages[0]}:")
            with lines.indented():
                lines.assign("state", f"block({arguments})")
        else:
            lines.statement(f"stages = ({', '.join(stages)})")
            lines.add("for stage in stages:")
            with lines.indented():
                lines.add("for block in stage:")
                with lines.indented():
                    lines.assign("state", f"block({arguments})")
        used = self._needed(flow)
        if len(flow.end.inputs) == 1:
            lines.add("(x,) = state")
            return ["x"]
        targets = []
        for slot in flow.end.inputs:
            if slot not in used:
                targets.append("_")
            elif not isinstance(slot, Tensor) or slot == flow.output:
                targets.append("x")
            else:
                from recform.emit.names import base_name

                targets.append(names.new(base_name(slot)))
        if sum(target != "_" for target in targets) == 1:
            position = next(n for n, target in enumerate(targets) if target != "_")
            return [
                f"state[{position}]" if n == position else "_"
                for n in range(len(targets))
            ]
        lines.assign(", ".join(targets), "state")
        return targets

    def _needed(self, flow: Flow) -> set[Any]:
        needed: set[Any] = set()
        for tensor in flow.end.body:
            needed.update(flow.end.parts(tensor))
        needed.add(flow.output)
        return needed

    def _shared_arguments(self, flow: Flow, number: int) -> list[str]:
        """What the network hands to every block: the same for all steps of a flow."""
        return [
            f"self.{self._shared_attributes[name, number]}"
            for name in self._shared_of_all()
        ]

    def _writer(self, step: Step, number: int, variables: dict[Any, str]) -> Writer:
        network = self._network
        shapes = (
            network.starts[number].shapes
            if step.role == "start"
            else network.ends[number].shapes
        )

        def operator(tensor: Apply, argument: str) -> str:
            name = tensor.operator
            if tensor.index is not sympy.nan and int(tensor.index) == 0:
                name = f"{name}_0"
            return f"self.{self._shared_attributes[name, number]}({argument})"

        def coefficient(tensor: Tensor) -> tuple[str, int]:
            value = tensor.coefficient
            names = {
                item: f"self.{self._shared_attributes[item.name, number]}"
                for item in value.atoms(Learned)
            }
            from recform.algebra.expr import L

            value = value.xreplace(
                {L: sympy.Integer(self._recurrence.flows[number].length)}
            )
            text = coefficient_text(value, names, torch=True)
            return text, SUM if value.is_Add else ATOM if value.is_Atom else PRODUCT

        return Writer(
            step.parts,
            lambda tensor: shapes[tensor],
            operator,
            lambda value, parent: "",
            coefficient,
            variables,
        )

    def _mark(self, tensor: Tensor) -> str:
        """The boundary equation that says what a tensor is, as a comment."""
        for boundary in self._formula.boundaries:
            if boundary.left == tensor:
                return marked(boundary.span, self._formula.source)
        return ""


def _merged(groups: list[_Group]) -> list[_Group]:
    """Joins single blocks whose arguments grow steadily, three or more in a row."""
    result: list[_Group] = []
    position = 0
    while position < len(groups):
        run = [groups[position]]
        growth: tuple[int, ...] | None = None
        while position + len(run) < len(groups):
            following = groups[position + len(run)]
            last = run[-1]
            if following.step != last.step or last.count != 1 or following.count != 1:
                break
            difference = tuple(
                b - a for a, b in zip(last.start, following.start, strict=True)
            )
            if growth is not None and difference != growth:
                break
            growth = difference
            run.append(following)
        if len(run) > 2 and growth is not None:
            first = run[0]
            result.append(_Group(first.step, len(run), first.start, growth))
            position += len(run)
        else:
            result.append(groups[position])
            position += 1
    return result


def _init_call(rule: InitRule) -> str:
    text = _RULES[rule.rule].format(
        w="module.weight", mode=rule.mode, **{k: repr(v) for k, v in rule.numbers}
    )
    return text.replace("'", '"')
