"""What happens inside a block: every operator call, sum and product of a step, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import sympy

from recform.algebra.expr import Apply, Filled, Input, Scaled, State, Tensor
from recform.algebra.lists import is_list
from recform.blocks.symbolic import Symbolic
from recform.graph.model import Site
from recform.recurrence.model import ModuleSlot, Slot, Step
from recform.render import text
from recform.render.model import Edge, Kind, Node
from recform.render.views import facts
from recform.render.views.parts import Setting, form, is_sum, slug, users, uses


class Interior:
    """Draws one step.

    Attributes:
        nodes, edges: what has been drawn.
    """

    def __init__(self, setting: Setting, sources: Mapping[Slot, str]) -> None:
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._setting = setting
        self._step: Step = setting.names.step
        self._sizes = facts.Sizes(setting.formula)
        self._sources = sources
        self._at: dict[Tensor, str] = {
            slot: node for slot, node in sources.items() if isinstance(slot, Tensor)
        }
        self._users = users(self._step)
        self._adapters: dict[facts.Adapter, str] = {}
        self._ids: set[str] = set()
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
        name = self._setting.names.slot(slot)
        tooltip = f"{name}, made here and run by a later block"
        return self._add(Kind.operator, name, name, tooltip=tooltip)

    def mark(self, nodes: Iterable[Node]) -> list[Node]:
        """The nodes, with those marked at which shapes do not meet."""
        wrong = {self._at[t] for t in self._setting.ends if t in self._at}
        if self._setting.at in self._at:
            wrong.add(self._at[self._setting.at])
        return [replace(n, wrong=n.wrong or n.id in wrong) for n in nodes]

    # -- nodes

    def _draw(self, tensor: Tensor) -> None:
        if tensor in self._at:
            return
        if isinstance(tensor, State) and tensor in self._step.outputs:
            # A name for what is handed on: the state at the edge of the block has it.
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
        kind, label = form(tensor)
        if isinstance(tensor, Apply):
            label = self._setting.names.owned(tensor.operator, tensor.index)
        elif isinstance(tensor, Scaled):
            value = self._magnitude(tensor)
            label = self._setting.names.coefficient(tensor, value)
        elif isinstance(tensor, State):
            label = self._setting.names.tensor(tensor)
        name = label if label[:1].isalpha() else kind.value
        node = self._add(kind, name, label, tensor)
        self._at[tensor] = node
        if not isinstance(tensor, Input):
            self._feed(tensor, node)
        self._modules(tensor, node)

    def _feed(self, tensor: Tensor, node: str) -> None:
        for number, part in enumerate(self._step.parts(tensor)):
            if isinstance(tensor, Scaled):
                self._edge(
                    self._scaled(tensor), node, self._shape(part, tensor), carried=part
                )
                continue
            sign = "−" if is_sum(tensor) and self._negative(part) else ""
            if isinstance(part, Filled):
                value = self._setting.names.tensor(part)
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
        return self._setting.formula.operators[tensor.operator].inputs[number]

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
            pipeline = self._setting.formula.adapter_of(adapter.bridge.stride)
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
        base = f"{self._setting.prefix}-{slug(name)}"
        identifier, number = base, 1
        while identifier in self._ids:
            number += 1
            identifier = f"{base}-{number}"
        self._ids.add(identifier)
        meaning = "" if tensor is None else self._setting.names.tensor(tensor)
        sizes = self._operator_sizes(tensor) if isinstance(tensor, Apply) else []
        drawn = self._setting.block is not None
        # A module that is called again is the same module: it counts once.
        first = not isinstance(tensor, Apply) or self._calls(tensor)[0] is tensor
        note: tuple[text.Text, ...] = ()
        if drawn and not first:
            note = (text.words("the same again"),)
        elif drawn and (sizes or parameters):
            note = (text.words(facts.count((sizes or [parameters])[0], "parameter")),)
        self.nodes.append(
            Node(
                identifier,
                kind,
                (text.formula(label),),
                tooltip or self._tooltip(tensor, meaning, sizes),
                meaning,
                self._setting.cluster,
                shared=isinstance(tensor, Apply) and self._is_shared(tensor),
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
        setting = self._setting
        said = "" if carried is None else setting.names.tensor(carried)
        known = "" if carried is None else shape or setting.said_shape(carried)
        self.edges.append(
            Edge(
                f"{self._setting.prefix}-edge-{len(self.edges) + 1}",
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
            parts[0] += f": {self._setting.formula.operators[tensor.operator].text}"
        parts.append(self._setting.said_shape(tensor))
        if sizes:
            parts.append(f"{facts.spread(sizes)} parameters")
        parts.append(facts.line(self._setting.formula, self._step, tensor))
        return "; ".join(part for part in parts if part)

    def _operator_sizes(self, tensor: Apply) -> list[int]:
        """The parameters of the operator in the blocks that take the step."""
        one = self._setting.block
        blocks = self._setting.blocks if one is None else (one,)
        name = tensor.operator
        return [
            self._sizes.operator(name, block.calls[name])
            for block in blocks
            if tensor.index == self._step.at and name in block.calls
        ]

    def _shape(self, part: Tensor, parent: Tensor) -> str:
        """The shape that arrives at ``parent``."""
        block = self._setting.block
        site = Site(self._step.bare(part), parent)
        if block is not None and site in block.sites:
            return str(block.sites[site].target)
        shape = self._setting.shape(part)
        return "" if shape is None else str(shape)

    def _clashes(self, part: Tensor, parent: Tensor) -> bool:
        ends = self._setting.ends
        here = parent == self._setting.at or parent in ends
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

    def _calls(self, tensor: Apply) -> list[Apply]:
        """All calls of the module that makes a tensor, in this step."""
        return [
            other
            for other in self._step.body
            if isinstance(other, Apply)
            and (other.operator, other.index) == (tensor.operator, tensor.index)
        ]

    def _is_shared(self, tensor: Apply) -> bool:
        return tensor.index is sympy.nan or len(self._calls(tensor)) > 1

    def _owns(self, tensor: Apply, slot: ModuleSlot) -> bool:
        return (tensor.operator, tensor.index) == (slot.name, slot.index)
