"""What happens inside a block: every operator call, sum and product of a step, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy

from recform.algebra.expr import Apply, Filled, Input, Part, Scaled, State, Tensor
from recform.algebra.lists import is_list
from recform.algebra.symbols import INCOMING
from recform.blocks.symbolic import Symbolic
from recform.diagram import text
from recform.diagram.model import Edge, Kind, Node
from recform.graph.model import Site
from recform.recurrence.model import ModuleSlot, Slot, Step
from recform.views import facts, inside
from recform.views.canvas import Canvas
from recform.views.opened import Scope, boxes, kind_of
from recform.views.parts import Setting, form, is_sum, slug, users, uses


class Interior:
    """Draws one step, or a definition by equations in the place of its box.

    Attributes:
        setting: what it is drawn with.
        canvas: what has been drawn, here and around it.
    """

    def __init__(
        self,
        setting: Setting,
        sources: Mapping[Slot, str],
        canvas: Canvas | None = None,
    ) -> None:
        self.canvas = Canvas() if canvas is None else canvas
        self.setting = setting
        self._step: Step = setting.names.step
        self._sizes = facts.Sizes(setting.formula)
        self._sources = sources
        self._at: dict[Tensor, str] = {
            slot: node for slot, node in sources.items() if isinstance(slot, Tensor)
        }
        self._users = users(self._step)
        self._adapters: dict[facts.Adapter, str] = {}
        block = setting.block
        others = setting.blocks or (() if block is None else (block,))
        adapters = () if block is None else facts.adapters(others, block)
        self._sites = {site: a for a in adapters for site in a.sites}
        for tensor in self._step.body:
            self._draw(tensor)

    def tail(self, slot: Slot) -> str:
        """The node that makes what the block hands on."""
        if isinstance(slot, Tensor):
            return self._at[slot]
        if slot in self._sources:
            return self._sources[slot]
        for tensor in self._step.body:
            if isinstance(tensor, Apply) and self._owns(tensor, slot):
                return self._at[tensor]
        name = self.setting.names.slot(slot)
        tooltip = f"{name}, made here and run by a later block"
        return self._add(Kind.operator, name, name, tooltip=tooltip)

    def mark(self, nodes: Iterable[Node]) -> list[Node]:
        """The nodes, with those marked at which shapes do not meet."""
        wrong = {self._at[t] for t in self.setting.ends if t in self._at}
        if self.setting.at in self._at:
            wrong.add(self._at[self.setting.at])
        return [replace(n, wrong=n.wrong or n.id in wrong) for n in nodes]

    # -- nodes

    def _draw(self, tensor: Tensor) -> None:
        if tensor in self._at:
            return
        opened = self.setting.body is not None
        if isinstance(tensor, State) and opened and not self._step.parts(tensor):
            # Of a recurrence over positions: what its block made before.
            label = f"{tensor.name}_<{self.setting.names.index},t{tensor.index}>"
            self._at[tensor] = self._add(Kind.name, label, label, tooltip=label)
            return
        if isinstance(tensor, State) and (tensor in self._step.outputs or opened):
            # A name for what is handed on: the state at the edge of the block has it. In
            # an operator that is opened, names would only be in the way.
            self._at[tensor] = self._source(self._step.parts(tensor)[0], tensor)
            return
        if is_list(tensor):
            first, *more = self._step.parts(tensor)
            if is_list(first) and not more:
                # No member came to it: the list goes on as it is.
                self._at[tensor] = self._source(first, tensor)
                return
        if isinstance(tensor, Scaled) and self._is_sign(tensor):
            return
        if isinstance(tensor, Apply) and (node := self._opened(tensor)):
            self._at[tensor] = node
            self._modules(tensor, node)
            return
        kind, label = form(tensor)
        if isinstance(tensor, Apply):
            kind = self._kind(tensor)
            label = self.setting.names.owned(tensor.operator, tensor.index)
        elif isinstance(tensor, Scaled):
            label = self._coefficient(tensor)
        elif isinstance(tensor, State):
            label = self.setting.names.tensor(tensor)
        elif isinstance(tensor, Part):
            label = self._part(tensor) or label
        name = label if label[:1].isalpha() else kind.value
        node = self._add(kind, name, label, tensor)
        self._at[tensor] = node
        if not isinstance(tensor, Input):
            self.feed(tensor, node)
        self._modules(tensor, node)

    def _opened(self, tensor: Apply) -> str:
        """An operator as what it is made of; nothing where its box is closed."""
        setting = self.setting
        pipeline = setting.operators[tensor.operator]
        if setting.body is not None and not pipeline.steps:
            return self.sources(tensor)[0]
        if setting.body is not None:
            assert setting.scope is not None
            known = setting.shapes or {}
            shapes = [known[part] for part in tensor.arguments if part in known]
            inputs = tuple(shapes) if len(shapes) == len(tensor.arguments) else None
            scope = replace(setting.scope, inputs=inputs)
            made = boxes(pipeline, scope, setting.opening.names)
            return inside.drawn(self, tensor, made, setting)
        if not self.is_first(tensor) or not setting.opening.opens(
            tensor.operator, pipeline, level=setting.level
        ):
            return ""
        label = setting.names.owned(tensor.operator, tensor.index)
        return inside.framed(self, tensor, label, self._scope(tensor))

    def _scope(self, tensor: Apply) -> Scope:
        """What the symbols of an operator stand for, where its block is drawn."""
        tables = self.setting.formula.tables
        names = {table.symbol: sympy.Symbol(table.name) for table in tables}
        drawn = self.setting.block is not None
        for block in filter(None, (self.setting.block, *self.setting.blocks[:1])):
            module = block.calls.get(tensor.operator)
            if tensor.index == self._step.at and module and module.inputs is not None:
                if drawn:
                    values = self._sizes.values(module)
                    return Scope(values, module.inputs, names, numbers=True)
                shapes = tuple(x.with_features(INCOMING) for x in module.inputs)
                return Scope({}, shapes, names)
        return Scope({}, None, names)

    def _part(self, tensor: Part) -> str:
        """What a definition calls a part of a split; empty if it has no name."""
        body = self.setting.body
        made = {} if body is None else body.definitions
        names = [state for state, part in made.items() if part == tensor]
        return self.setting.names.tensor(names[0]) if names else ""

    def sources(self, tensor: Apply) -> tuple[str, ...]:
        """The nodes from which the tensors come that an operator is applied to."""
        return tuple(self._source(part, tensor) for part in tensor.arguments)

    def feed(self, tensor: Tensor, node: str) -> None:
        """Edges to a node from what its tensor is made of."""
        for number, part in enumerate(self._step.parts(tensor)):
            if isinstance(tensor, Scaled):
                self._edge(
                    self._scaled(tensor), node, self._shape(part, tensor), carried=part
                )
                continue
            sign = "−" if is_sum(tensor) and self._negative(part) else ""
            if isinstance(part, Filled):
                value = self.setting.names.tensor(part)
                tail = self._add(Kind.constant, "constant", value, part)
            else:
                tail = self._source(part, tensor)
            shape = self._shape(part, tensor)
            wrong = self._clashes(part, tensor)
            label = ": ".join(filter(None, (self._input(tensor, number), shape)))
            self._edge(
                tail, node, label, sign, wrong=wrong, carried=self._step.bare(part)
            )

    def _input(self, tensor: Tensor, number: int) -> str:
        """What an operator of several tensors calls one of them."""
        if not isinstance(tensor, Apply) or len(tensor.arguments) < 2:
            return ""
        return self.setting.operators[tensor.operator].inputs[number]

    def _source(self, part: Tensor, parent: Tensor) -> str:
        """The node from which a part of ``parent`` comes, behind its adapter."""
        value = self._step.bare(part)
        site = Site(value, parent)
        if site not in self._sites:
            tensor = part
            while tensor not in self._at and isinstance(tensor, Scaled):
                tensor = tensor.tensor
            return self._at[tensor]
        if isinstance(part, Scaled) and not self._is_sign(part):
            return self._at[part]
        return self._adapter(site)

    def _scaled(self, tensor: Scaled) -> str:
        """What is scaled: an adapter stands behind the coefficient of a term."""
        for user in self._users.get(tensor, []):
            site = Site(self._step.bare(tensor), user)
            if site in self._sites:
                return self._adapter(site)
        return self._source(tensor.tensor, tensor)

    def _adapter(self, site: Site) -> str:
        adapter = self._sites[site]
        if adapter not in self._adapters:
            pipeline = self.setting.formula.adapter_of(adapter.bridge.stride)
            assert pipeline is not None
            size = self._sizes.adapter(adapter)
            bridge = adapter.bridge
            tooltip = (
                f"adapter: {pipeline.text}; {bridge.source} → {bridge.target}; "
                f"{facts.count(size, 'parameter')}"
            )
            node = self._add(
                Kind.adapter, "adapter", "adapter", tooltip=tooltip, parameters=size
            )
            tail, value = self._at[adapter.value], adapter.value
            self._edge(tail, node, str(bridge.source), carried=value)
            self._adapters[adapter] = node
        return self._adapters[adapter]

    def _modules(self, tensor: Tensor, node: str) -> None:
        """Edges from modules that were handed on to what uses them."""
        for slot, source in self._sources.items():
            if isinstance(slot, ModuleSlot) and uses(tensor, slot):
                self._edge(source, node, "", module=True)

    def _add(
        self,
        kind: Kind,
        name: str,
        label: str,
        tensor: Tensor | None = None,
        tooltip: str = "",
        parameters: int = 0,
    ) -> str:
        identifier = self.canvas.fresh(f"{self.setting.prefix}-{slug(name)}")
        meaning = "" if tensor is None else self.setting.names.tensor(tensor)
        sizes = self._operator_sizes(tensor) if isinstance(tensor, Apply) else []
        drawn = self.setting.block is not None
        # A module that is called again is the same module: it counts once.
        first = not isinstance(tensor, Apply) or self.is_first(tensor)
        note: tuple[text.Text, ...] = ()
        if drawn and not first:
            note = (text.words("the same again"),)
        elif drawn and (sizes or parameters):
            note = (text.words(facts.count((sizes or [parameters])[0], "parameter")),)
        self.canvas.nodes.append(
            Node(
                identifier,
                kind,
                (text.formula(label),),
                tooltip or self._tooltip(tensor, meaning, sizes),
                meaning,
                self.setting.cluster,
                shared=isinstance(tensor, Apply) and self.is_shared(tensor),
                note=note,
                parameters=sizes[0] if drawn and sizes and first else parameters,
            )
        )
        return identifier

    def _edge(
        self,
        tail: str,
        head: str,
        shape: str,
        sign: str = "",
        *,
        module: bool = False,
        wrong: bool = False,
        carried: Tensor | None = None,
    ) -> None:
        setting = self.setting
        said = "" if carried is None else setting.names.tensor(carried)
        known = "" if carried is None else shape or setting.said_shape(carried)
        self.canvas.edges.append(
            Edge(
                f"{self.setting.prefix}-edge-{len(self.canvas.edges) + 1}",
                tail,
                head,
                text.words(shape.replace(" x ", "×")),
                "; ".join(part for part in (said, known) if part),
                sign=sign,
                module=module,
                wrong=wrong,
            )
        )

    # -- what is said

    def _tooltip(self, tensor: Tensor | None, meaning: str, sizes: list[int]) -> str:
        if tensor is None:
            return meaning
        parts = [meaning]
        if isinstance(tensor, Apply):
            parts[0] += f": {self.setting.operators[tensor.operator].text}"
        parts.append(self.setting.said_shape(tensor))
        if sizes:
            parts.append(f"{facts.spread(sizes)} parameters")
        if self.setting.body is None:
            parts.append(facts.line(self.setting.formula, self._step, tensor))
        return "; ".join(part for part in parts if part)

    def _operator_sizes(self, tensor: Apply) -> list[int]:
        """The parameters of the operator in the blocks that take the step."""
        one = self.setting.block
        blocks = self.setting.blocks if one is None else (one,)
        name = tensor.operator
        return [
            self._sizes.operator(name, block.calls[name])
            for block in blocks
            if tensor.index == self._step.at and name in block.calls
        ]

    def _kind(self, tensor: Apply) -> Kind:
        """The form of an operator: what has no parameters in any block is not learned."""
        kind = kind_of(self.setting.operators[tensor.operator])
        sizes = self._operator_sizes(tensor) if self.setting.body is None else []
        if kind is Kind.operator and sizes and not any(sizes):
            return Kind.function
        return kind

    def _shape(self, part: Tensor, parent: Tensor) -> str:
        """The shape that arrives at ``parent``."""
        block = self.setting.block
        site = Site(self._step.bare(part), parent)
        if block is not None and site in block.sites:
            return str(block.sites[site].target)
        shape = self.setting.shape(part)
        return "" if shape is None else str(shape)

    def _clashes(self, part: Tensor, parent: Tensor) -> bool:
        ends = self.setting.ends
        here = parent == self.setting.at or parent in ends
        return here and (part in ends or self._step.bare(part) in ends)

    # -- signs

    def _is_sign(self, tensor: Scaled) -> bool:
        """Whether it is no more than a minus in a sum."""
        return tensor.coefficient == -1 and self._only_sums(tensor)

    def _only_sums(self, tensor: Tensor) -> bool:
        found = self._users.get(tensor, [])
        handed_on = tensor in self._step.outputs
        return not handed_on and bool(found) and all(is_sum(user) for user in found)

    def _negative(self, part: Tensor) -> bool:
        return (
            isinstance(part, Scaled)
            and self._only_sums(part)
            and part.coefficient.could_extract_minus_sign()
            and (part.coefficient == -1 or facts.is_number(part.coefficient))
        )

    def _magnitude(self, tensor: Scaled) -> Symbolic:
        return -tensor.coefficient if self._negative(tensor) else tensor.coefficient

    def _coefficient(self, tensor: Scaled) -> str:
        """A coefficient as the file has it; as a number, where a block is drawn."""
        setting, value = self.setting, self._magnitude(tensor)
        if setting.block is None and value == tensor.coefficient:
            said = facts.coefficient(setting.formula, setting.names, tensor)
            if said:
                return said
        return setting.names.coefficient(tensor, value)

    def _calls(self, tensor: Apply) -> list[Apply]:
        """All calls of the module that makes a tensor, in this step."""
        return [
            other
            for other in self._step.body
            if isinstance(other, Apply)
            and (other.operator, other.index) == (tensor.operator, tensor.index)
        ]

    def is_first(self, tensor: Apply) -> bool:
        """Whether its module has not been called before, in this step."""
        return self._calls(tensor)[0] is tensor

    def is_shared(self, tensor: Apply) -> bool:
        """Whether its module is called in another place too."""
        if self._kind(tensor) is not Kind.operator:
            return False
        of_all = tensor.index is sympy.nan and self.setting.body is None
        return of_all or len(self._calls(tensor)) > 1

    def _owns(self, tensor: Apply, slot: ModuleSlot) -> bool:
        return (tensor.operator, tensor.index) == (slot.name, slot.index)
