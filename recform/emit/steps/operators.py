"""The classes of the operators, and the function that makes adapters."""

from __future__ import annotations

from recform.algebra.body import Body
from recform.algebra.expr import untimed
from recform.algebra.formula import Pipeline
from recform.blocks import Layout, Shape
from recform.blocks.identifiers import identifier
from recform.emit.calls import given
from recform.emit.formula.bodies import BodyClasses
from recform.emit.naming.names import class_name, is_inline
from recform.emit.naming.namespace import Namespace, fail
from recform.emit.pipelines import (
    PipelineCode,
    is_whole,
    pipeline_class,
    typed,
    write_pipeline,
)
from recform.emit.plan.definitions import (
    Branch,
    Case,
    Definition,
    Function,
    Return,
)
from recform.emit.plan.expressions import Code, Expression, Item, Make, sequential
from recform.emit.setting import Setting
from recform.emit.steps.owned import BlockClasses
from recform.graph.model import NetworkGraph
from recform.recurrence.model import ModuleSlot


class BlockWriter:
    """Writes what the blocks are made of.

    Args:
        network: from the graph stage.
        names: class names that are still free.
        prefix: put in front of class names, where the file has several networks.
        rates: parameters of the file that are no whole numbers.
        bodies: the classes of definitions by equations.
    """

    def __init__(
        self,
        network: NetworkGraph,
        names: Namespace,
        prefix: str,
        rates: frozenset[str],
        bodies: BodyClasses,
    ) -> None:
        self._network = network
        self._formula = network.recurrence.formula
        self._names = names
        self._prefix = prefix
        self._rates = rates
        self._bodies = bodies

    def write(self, made: list[Definition]) -> BlockClasses:
        """Adds the classes of operators, and the function that makes adapters."""
        formula = self._formula
        operators: dict[str, str] = {}
        codes: dict[str, PipelineCode] = {}
        timed: dict[tuple[str, Layout], str] = {}
        for name, pipeline in formula.operators.items():
            shape = self._shape_of(name)
            if shape is None:
                continue
            first = timed.setdefault((untimed(name), shape.layout), name)
            if first in operators:
                # One class for an operator at all times.
                operators[name], codes[name] = operators[first], codes[first]
                continue
            if is_inline(formula, name) or is_inline(formula, "step"):
                self._has_place(name)
                codes[name] = self._written(pipeline, shape)
                continue
            body = _single_body(pipeline)
            if body is not None:
                known = self._bodies.code(body, shape)
                operators[name] = known.name
                defaults = self._bodies.defaults(body)
                own = tuple(p for p in known.parameters if p not in defaults)
                codes[name] = PipelineCode((), (), (), own, (), known.output)
                continue
            title = f"{untimed(name)} = {pipeline.text}"
            if is_whole(pipeline):
                codes[name] = self._written(pipeline, shape)
                function = self._function(untimed(name), codes[name], title)
                made.append(function)
                operators[name] = function.name
                continue
            operators[name] = self._names.new(self._prefix + class_name(untimed(name)))
            codes[name] = self._class(made, operators[name], pipeline, shape, title)
        adapter, parameters = self._adapter(made)
        return BlockClasses(
            operators,
            codes,
            adapter,
            parameters,
            self._rates,
            self._bodies,
            self._names,
        )

    def _has_place(self, name: str) -> None:
        """An operator has its parts in its own place only where a block is that place."""
        shared = {module.name for group in self._network.shared for module in group}
        starts = {letter for block in self._network.starts for letter in block.calls}
        if name in shared | starts:
            letter = untimed(name)
            whose = (
                "the network's" if name in shared else "block 0's, which is no block"
            )
            self._needs_name(name, f"{letter} is {whose}")
        if any(
            isinstance(slot, ModuleSlot) and slot.name == name
            for step in self._network.recurrence.steps
            for slot in step.outputs
        ):
            self._needs_name(name, f"{untimed(name)} is called by later blocks as well")

    def _needs_name(self, name: str, why: str) -> None:
        letter = untimed(name)
        fail(
            f"{why}, so its parts cannot be a block's own",
            self._formula.name_spans.get(letter),
            f'give it a name: names {letter} = "{identifier(letter).lower()}"',
        )

    def _written(self, pipeline: Pipeline, shape: Shape) -> PipelineCode:
        names = Namespace.attributes()
        return write_pipeline(pipeline, Setting.open(shape), names, self._bodies)

    def _class(
        self,
        made: list[Definition],
        name: str,
        pipeline: Pipeline,
        shape: Shape,
        title: str,
    ) -> PipelineCode:
        """Adds a class for a pipeline."""
        source = self._formula.source
        written, code = pipeline_class(
            name, pipeline, shape, title, self._rates, source, self._bodies
        )
        made.append(written)
        return code

    def _function(self, name: str, code: PipelineCode, title: str) -> Function:
        """The function that makes an operator which is one nn.Sequential."""
        prefix = f"{self._prefix.lower()}_" if self._prefix else ""
        return Function(
            self._names.new(f"{prefix}{identifier(name).lower()}_block"),
            tuple(typed(p, self._rates) for p in code.parameters),
            "nn.Sequential",
            (Return(code.modules[0][1]),),
            title,
        )

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

    def _adapter(self, made: list[Definition]) -> tuple[str, tuple[str, ...]]:
        """Adds the function that makes adapters, if any block has one."""
        pipeline = self._formula.adapter
        bridges = [
            bridge
            for stage in self._network.stages
            for segment in stage.segments
            for bridge in segment.block.sites.values()
        ]
        if pipeline is None or not bridges:
            return "", ()
        shape = bridges[0].source
        name = self._names.new(
            self._prefix.lower() + "_shortcut" if self._prefix else "shortcut"
        )
        code = self._written(pipeline, shape)
        result: Expression
        if not code.sequential:
            cls = self._names.new(self._prefix + "Shortcut")
            about = f"adapter {pipeline.text}"
            code = self._class(made, cls, pipeline, shape, about)
            result = Make(cls, given((p, Code(p)) for p in code.parameters))
        elif is_whole(pipeline):
            result = code.modules[0][1]
        else:
            result = sequential(*(Item(module) for _, module in code.modules))
        needed = ["in_features", "features"]
        if shape.layout is Layout.IMAGE:
            needed = ["in_channels", "channels", "stride"]
        more = [p for p in code.parameters if p not in needed]
        parameters = [*needed[:2], *more, *needed[2:]]
        same = f"{needed[0]} == {needed[1]}"
        if shape.layout is Layout.IMAGE:
            same += " and stride == 1"
        unchanged = Case(same, (Return(Code("nn.Identity()")),))
        made.append(
            Function(
                name,
                tuple(typed(p, self._rates) for p in parameters),
                "nn.Module",
                (Branch((unchanged,)), Return(result)),
                f"{pipeline.text}, for a term whose shape differs from its sum's.",
            )
        )
        return name, tuple(parameters)


def _single_body(pipeline: Pipeline) -> Body | None:
    """The definition by equations that is all of a pipeline, called with its defaults."""
    if len(pipeline.steps) != 1:
        return None
    (step,) = pipeline.steps
    if not isinstance(step.operator, Body) or step.label:
        return None
    body = step.operator
    plain = all(step.arguments[name] == value for name, value in body.defaults.items())
    return body if plain and None not in body.defaults.values() else None
