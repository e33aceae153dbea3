"""What the blocks of a step own, and the numbers that their constructors take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from recform.algebra.expr import Apply, Filled, I, L, Scaled, Tensor
from recform.algebra.formula import Scope
from recform.algebra.placed import Placed, placed
from recform.blocks import Shape
from recform.blocks.identifiers import FEATURES_IN, FEATURES_OUT, identifier
from recform.blocks.symbolic import Symbolic
from recform.graph.model import Block, Bridge, NetworkGraph, Place, Segment, Site
from recform.plan.columns import Column, Columns, Given, Kind
from recform.plan.namespace import Namespace
from recform.plan.parts import PipelineCode
from recform.recurrence.model import ModuleSlot, Step
from recform.recurrence.numbered import newest
from recform.writers.formula.coefficients import learned
from recform.writers.formula.workshop import Workshop
from recform.writers.names import adapter_names, aged, chosen_names, variable
from recform.writers.setting import Setting

#: Which name a merged column gets.
_PRIORITY = {
    **dict.fromkeys(FEATURES_OUT, 0),
    **dict.fromkeys(FEATURES_IN, 1),
    "stride": 2,
}


def at_block(value: Symbolic, tensor: Scaled | Filled, step: Step) -> Symbolic:
    """``i`` of the block that a coefficient belongs to, from the block of the step."""
    if tensor.at is sympy.nan:
        return value
    return value.xreplace({I: I + (int(tensor.at) - step.at)})


def reads_index(value: Symbolic) -> bool:
    """Whether a coefficient has the number of the block, and not by its place alone."""
    # One in their place would take the block's number away with it: `j^i` is no 1.
    plain = {item: sympy.Dummy(real=True) for item in placed(value)}
    return bool(value.xreplace(plain).has(I))


@dataclass(frozen=True)
class BlockClasses:
    """The classes of operators and adapters, shared by all steps of a network.

    Attributes:
        operators: class names, by operator letter.
        codes: what their constructors take.
        adapter: the name of the adapter's function, or an empty string.
        adapter_parameters: what it takes.
        functions: operators without an index that have no modules: blocks need not be
            handed them, and say their code.
        workshop: where they were made.
    """

    operators: Mapping[str, str]
    codes: Mapping[str, PipelineCode]
    adapter: str
    adapter_parameters: tuple[str, ...]
    functions: frozenset[str]
    workshop: Workshop


class Owned:
    """Operators, adapters, learned scalars and numbers of one step's blocks.

    Attributes:
        segments: the blocks that take the step, those alike together.
        blocks: what each segment looks like.
        columns: the numbers of the blocks.
        arguments: of the step's constructor.
        free: parameters of the file that the constructor passes on.
        bridges: for each attribute of an adapter, what it does in each block.
        adapters: the same by the place in the formula.
        scalars: the names of learned scalars.
    """

    def __init__(
        self,
        network: NetworkGraph,
        step: int,
        classes: BlockClasses,
        attributes: Namespace,
    ) -> None:
        self._recurrence = network.recurrence
        self._formula = network.recurrence.formula
        self._step = network.recurrence.steps[step]
        self._classes = classes
        self._attributes = attributes
        self._tables = {table.argument: table for table in self._formula.tables}
        self._length = [flow.length for flow in self._recurrence.flows]
        self.segments: list[Segment] = [
            segment
            for stage in network.stages
            for segment in stage.segments
            if segment.step == step
        ]
        self.blocks: list[Block] = [segment.block for segment in self.segments]
        self.columns = Columns()
        self.free: set[str] = set()
        self._modules()
        self._scalars()
        attributes.reserve(
            chosen_names(self._formula, [*self.operators(), *self.scalars])
        )
        self._sites()
        self.columns.settle(_PRIORITY, classes.workshop.names.function())
        self.arguments: tuple[Given, ...] = self.columns.arguments()

    def operators(self) -> list[str]:
        """The operators that the block owns, in the order of the formula."""
        called = {name for block in self.blocks for name in block.calls}
        return [name for name in self._formula.operators if name in called]

    def _modules(self) -> None:
        """Columns of the operators' constructors."""
        for name in self.operators():
            for parameter in self._classes.codes[name].parameters:
                column = self.column(name, parameter)
                if column is None:
                    self.free.add(parameter)
                else:
                    self.columns.add(column, *self._wanted(name, parameter))

    def column(self, name: str, parameter: str) -> Column | None:
        """The numbers of an operator's parameter; None if it is free."""
        settings = []
        for segment in self.segments:
            module = segment.block.calls[name]
            assert module.inputs is not None
            tables, length = self._formula.tables, module.place.length
            settings.append(
                Setting.at(module.inputs, module.place, tables, segment.first, length)
            )
        return self._column(parameter, settings)

    def _column(self, parameter: str, settings: list[Setting]) -> Column | None:
        values = tuple(setting.value(parameter) for setting in settings)
        if any(value is None for value in values):
            return None
        kind = Kind.of(parameter, self._tables)
        if parameter == "i":
            return self.index()
        return Column(
            kind, values, table=parameter if parameter in self._tables else ""
        )

    def index(self) -> Column:
        """The numbers of the blocks."""
        firsts = tuple(segment.first for segment in self.segments)
        runs = any(segment.count > 1 for segment in self.segments)
        return Column(Kind.INDEX, firsts, runs)

    def depth(self) -> Column:
        """How many blocks the network, or each segment's stage, has."""
        return Column(Kind.DEPTH, self.depths())

    def scalar(self, name: str) -> Column:
        """How many numbers a learned scalar has, in each segment."""
        values = tuple(block.scalars[name][0] for block in self.blocks)
        return Column(Kind.CHANNELS, values)

    def _wanted(self, name: str, parameter: str) -> tuple[str, ...]:
        """How an operator's parameter is called in the step, if it is not merged."""
        if parameter in ("channels", "features", "i", "depth", *self._tables):
            return (parameter,)
        if self._leading(parameter) == name:
            return (parameter,)
        own = f"{identifier(name).lower()}_{parameter}"
        return (parameter, own) if parameter == "stride" else (own,)

    def _leading(self, parameter: str) -> str:
        """The operator of which a parameter is the block's.

        It is the first one that gets what there was before the block, if there is one.
        """
        codes, at = self._classes.codes, self._step.at
        names = [n for n in self.operators() if parameter in codes[n].parameters]
        getting = {
            tensor.operator
            for tensor in self._step.body
            if isinstance(tensor, Apply)
            and tensor.index == at
            and newest(tensor.arguments[0]) < at
        }
        return next((name for name in names if name in getting), names[0])

    def _sites(self) -> None:
        """Adapters: one for each value and target, in the order of the formula."""
        found: dict[tuple[Tensor, tuple[Shape, ...]], list[Site]] = {}
        for site in self._site_order():
            targets = tuple(self._bridge(site, block).target for block in self.blocks)
            found.setdefault((site.value, targets), []).append(site)
        adapted = [value for value, _ in found]
        names = adapter_names(self._attributes, self._formula, adapted, self._variable)
        self.bridges: dict[str, tuple[Bridge, ...]] = {}
        self.adapters: dict[Site, str] = {}
        for attribute, sites in zip(names, found.values(), strict=True):
            bridges = tuple(self._bridge(sites[0], block) for block in self.blocks)
            self.bridges[attribute] = bridges
            self.adapters |= dict.fromkeys(sites, attribute)
            for parameter in self._classes.adapter_parameters:
                column = self.adapter_column(parameter, bridges)
                if column is None:
                    self.free.add(parameter)
                    continue
                wanted = self._adapter_names(parameter, sites[0].value, column)
                self.columns.add(column, *wanted)

    def adapter_column(
        self, parameter: str, bridges: tuple[Bridge, ...]
    ) -> Column | None:
        """The numbers of an adapter's parameter; None if it is free."""
        settings = [
            Setting.at(
                (bridge.source,),
                Place(int(bridge.target.features), bridge.stride),
                (),
                segment.first,
                length,
            )
            for segment, bridge, length in zip(
                self.segments, bridges, self.depths(), strict=True
            )
        ]
        return self._column(parameter, settings)

    def _site_order(self) -> list[Site]:
        wanted = {site for block in self.blocks for site in block.sites}
        places = (
            Site(self._step.bare(part), tensor)
            for tensor in self._step.body
            for part in self._step.parts(tensor)
        )
        return list(dict.fromkeys(site for site in places if site in wanted))

    def _bridge(self, site: Site, block: Block) -> Bridge:
        """What an adapter does in a block, or would do where it is not needed."""
        if site in block.sites:
            return block.sites[site]
        source, target = block.shapes[site.value], block.arrives(site)
        return Bridge(source, target, source.stride_to(target) or 1)

    def _adapter_names(
        self, parameter: str, value: Tensor, column: Column
    ) -> tuple[str, ...]:
        """How an adapter's parameter is called in the step, if it is not merged.

        What goes from a block to the next one has the features that come in, and the
        stride of the block; what is brought to the width of the stage has that.
        """
        own = f"{self._variable(value)}_{parameter.removeprefix('in_')}"
        if parameter in FEATURES_OUT:
            own = f"{self._variable(value)}_out_{parameter}"
            is_own = column.values == tuple(segment.width for segment in self.segments)
        else:
            is_own = self._step.at - newest(value) <= 1
        return (parameter, own) if is_own else (own,)

    def _variable(self, tensor: Tensor) -> str:
        return variable(tensor, self._step.at, self._recurrence.order)

    def _scalars(self) -> None:
        """Learned scalars of the block, and numbers that depend on ``i``."""
        self.scalars = [
            name
            for name, scalar in self._formula.scalars.items()
            if scalar.indexed and self._uses_scalar(name)
        ]
        for name in self.scalars:
            if self._formula.scalars[name].per_feature:
                wanted = f"{identifier(name)}_channels"
                self.columns.add(self.scalar(name), wanted)
        coefficients = [tensor.coefficient for tensor in self._step.coefficients]
        of_index = any(reads_index(value) for value in coefficients)
        of_length = any(value.has(L) for value in coefficients)
        starts = [self._formula.scalars[name] for name in self.scalars]
        if of_index or any(found.members or found.has(I) for found in starts):
            self.columns.add(self.index(), "i")
        if of_length or any(found.has(L) for found in starts):
            self.columns.add(self.depth(), "depth")
        for tensor in self._step.coefficients:
            for item in placed(at_block(tensor.coefficient, tensor, self._step)):
                wanted = item.row.argument + aged(item.behind)
                self.columns.add(self.placed(item), wanted)

    def placed(self, item: Placed) -> Column:
        """The numbers of the blocks by their place."""
        firsts = (item.row.at(s.first - item.behind) for s in self.segments)
        values = tuple(int(n) if n.is_Integer else float(n) for n in firsts)
        name = item.row.argument + aged(item.behind)
        if item.row.growth:
            runs = any(segment.count > 1 for segment in self.segments)
            return Column(
                Kind.INDEX, values, runs, name if name in self._tables else ""
            )
        return Column(Kind.TABLE, values, table=name)

    def first_member(self, name: str) -> int:
        """The index of the first member that a learned scalar has a number for."""
        found = self._formula.scalars[name].members
        assert found is not None
        last = found.last.xreplace({I: sympy.Integer(self.segments[0].first)})
        return int(last) + 1 - self.blocks[0].scalars[name][0]

    def depths(self) -> tuple[int, ...]:
        """How many blocks the network, or each segment's stage, has."""
        by_stage = self._formula.scope is Scope.STAGE
        return tuple(
            self._length[segment.stage if by_stage else 0] for segment in self.segments
        )

    def _uses_scalar(self, name: str) -> bool:
        at = self._step.at
        return any(
            item.name == name and item.index == at
            for tensor in self._step.coefficients
            for item in learned(tensor.coefficient)
        ) or any(
            isinstance(slot, ModuleSlot) and slot.name == name and slot.index == at
            for slot in self._step.outputs
        )
