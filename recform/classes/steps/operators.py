"""The classes of the operators, and the function that makes adapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from recform.algebra.definitions.body import Body
from recform.algebra.expr import Apply, Tensor
from recform.algebra.indices import untimed
from recform.algebra.pipeline import Pipeline
from recform.blocks import Layout, Shape
from recform.blocks.identifiers import identifier
from recform.classes.steps.owned import BlockClasses
from recform.graph.calls import stacks
from recform.graph.model import NetworkGraph
from recform.plan.definitions import Branch, Case, Function, Return
from recform.plan.expressions import Code, Expression, Item, Make, sequential
from recform.plan.namespace import fail
from recform.plan.parts import PipelineCode
from recform.recurrence.model import ModuleSlot
from recform.writers.calls import given
from recform.writers.formula.workshop import Workshop
from recform.writers.names import class_name, is_inline
from recform.writers.pipelines import is_whole
from recform.writers.setting import Setting


class BlockWriter:
    """Writes what the blocks are made of.

    Args:
        network: from the graph stage.
        workshop: gets the classes.
    """

    def __init__(self, network: NetworkGraph, workshop: Workshop) -> None:
        self._network = network
        self._formula = network.recurrence.formula
        self._workshop = workshop

    def write(self) -> BlockClasses:
        """Makes the classes of operators, and the function that makes adapters."""
        shop = self._workshop
        formula = self._formula
        operators: dict[str, str] = {}
        codes: dict[str, PipelineCode] = {}
        shared, functions = self._shared_by_blocks(), set[str]()
        timed: dict[tuple[str, tuple[Layout, ...]], str] = {}
        for name, pipeline in formula.operators.items():
            inputs = self._inputs_of(name)
            if inputs is None:
                continue
            layouts = tuple(x.layout for x in inputs)
            first = timed.setdefault((untimed(name), layouts), name)
            if first in operators:
                # One class for an operator at all times.
                operators[name], codes[name] = operators[first], codes[first]
                continue
            if is_inline(formula, name) or is_inline(formula, "step"):
                self._has_place(name)
                codes[name] = shop.code(pipeline, Setting.open(inputs))
                continue
            body = _single_body(pipeline)
            if body is not None:
                known = shop.body(body, inputs)
                operators[name] = known.name
                defaults = shop.defaults(body)
                own = tuple(p for p in known.parameters if p not in defaults)
                codes[name] = PipelineCode((), (), (), own, (), known.output)
                continue
            if name in shared:
                code = shop.code(pipeline, Setting.open(inputs))
                if not code.modules and not code.parameters:
                    codes[name] = code
                    functions.add(name)
                    continue
            title = f"{untimed(name)} = {pipeline.text}"
            if is_whole(pipeline):
                codes[name] = shop.code(pipeline, Setting.open(inputs))
                function = self._function(untimed(name), codes[name], title)
                shop.made.append(function)
                operators[name] = function.name
                continue
            operators[name] = shop.name(class_name(untimed(name)))
            codes[name] = shop.pipeline_class(operators[name], pipeline, inputs, title)
        adapter, parameters = self._adapter()
        inlined = frozenset(functions)
        return BlockClasses(operators, codes, adapter, parameters, inlined, shop)

    def _shared_by_blocks(self) -> set[str]:
        """The operators that blocks alone call, and all of them without an index."""
        letters = {module.name for group in self._network.shared for module in group}
        apart = {
            tensor.operator
            for flow in self._network.recurrence.flows
            for step in (flow.start, flow.end)
            for tensor in step.body
            if isinstance(tensor, Apply)
        }
        blocks = (s.block for stage in self._network.stages for s in stage.segments)
        owned = {letter for block in blocks for letter in block.calls}
        return letters - apart - owned

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
        if any(
            isinstance(part, Apply)
            and part.operator == name
            and part.is_many
            and not stacks(self._formula, shapes.__getitem__, part)
            for part, shapes in self._applied()
        ):
            self._needs_name(name, f"{untimed(name)} is called on one member at a time")

    def _applied(self) -> Iterator[tuple[Tensor, Mapping[Tensor, Shape]]]:
        """What the blocks compute, with the shapes there."""
        for stage in self._network.stages:
            for segment in stage.segments:
                for tensor in self._network.recurrence.steps[segment.step].body:
                    yield tensor, segment.block.shapes

    def _needs_name(self, name: str, why: str) -> None:
        letter = untimed(name)
        fail(
            f"{why}, so its parts cannot be a block's own",
            self._formula.name_spans.get(letter),
            f'give it a name: names {letter} = "{identifier(letter).lower()}"',
        )

    def _function(self, name: str, code: PipelineCode, title: str) -> Function:
        """The function that makes an operator which is one nn.Sequential."""
        return Function(
            self._workshop.function_name(f"{identifier(name).lower()}_block"),
            self._workshop.typed(code.parameters),
            "nn.Sequential",
            (Return(code.modules[0][1]),),
            title,
        )

    def _inputs_of(self, name: str) -> tuple[Shape, ...] | None:
        """The shapes that an operator is called on somewhere."""
        for stage in self._network.stages:
            for segment in stage.segments:
                module = segment.block.calls.get(name)
                if module is not None and module.inputs is not None:
                    return module.inputs
        for group in self._network.shared:
            for shared in group:
                if shared.name == name:
                    return shared.inputs
        for block in [*self._network.starts, *self._network.ends]:
            module = block.calls.get(name)
            if module is not None and module.inputs is not None:
                return module.inputs
        return None

    def _adapter(self) -> tuple[str, tuple[str, ...]]:
        """Adds the function that makes adapters, if any block has one."""
        bridges = [
            bridge
            for stage in self._network.stages
            for segment in stage.segments
            for bridge in segment.block.sites.values()
        ]
        if not bridges:
            return "", ()
        finer = {bridge.stride < 1 for bridge in bridges}
        both = (self._formula.adapter_of(0), True), (self._formula.adapter_of(1), False)
        used = [p for p, rises in both if p is not None and rises in finer]
        shape = bridges[0].source
        shop = self._workshop
        name = shop.function_name("shortcut")
        made = [self._made_adapter(pipeline, shape) for pipeline in used]
        needed = ["in_features", "features"]
        if shape.layout is Layout.IMAGE:
            needed = ["in_channels", "channels"]
        if shape.is_divided and False in finer:
            needed.append("stride")
        every = dict.fromkeys(p for _, names in made for p in names)
        more = [p for p in every if p not in needed]
        parameters = [*needed[:2], *more, *needed[2:]]
        same = [f"{needed[0]} == {needed[1]}"]
        same += [f"{p} == 1" for p in ("scale", "stride") if p in parameters]
        cases = [Case(" and ".join(same), (Return(Code("nn.Identity()")),))]
        *others, (result, _) = made
        cases += [Case("scale > 1", (Return(other),)) for other, _ in others]
        shop.made.append(
            Function(
                name,
                shop.typed(parameters),
                "nn.Module",
                (*(Branch((case,)) for case in cases), Return(result)),
                "; ".join(p.text for p in reversed(used))
                + ", for a term whose shape differs from its sum's.",
            )
        )
        return name, tuple(parameters)

    def _made_adapter(
        self, pipeline: Pipeline, shape: Shape
    ) -> tuple[Expression, tuple[str, ...]]:
        """What makes an adapter, and the parameters that it takes."""
        shop = self._workshop
        code = shop.code(pipeline, Setting.open((shape,)))
        if not code.sequential:
            cls = shop.name("Shortcut")
            about = f"{pipeline.name} {pipeline.text}"
            code = shop.pipeline_class(cls, pipeline, (shape,), about)
            made = given((p, Code(p)) for p in code.parameters)
            return Make(cls, made), code.parameters
        if is_whole(pipeline):
            return code.modules[0][1], code.parameters
        parts = (Item(module) for _, module in code.modules)
        return sequential(*parts), code.parameters


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
