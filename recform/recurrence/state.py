"""The smallest state between two blocks: a minimum cut of the dependence graph.

At the border between block t and block t+1 some tensors are *known* (made by block t, or
handed to it), some *must wait* for the next blocks (everything that runs an operator of a
later block, and every later unknown), and the rest *may* be computed on either side: sums,
functions and other parameter-free parts that need known tensors alone. Each way from what
is known to what must wait has to pass through a tensor that is handed on; so the smallest
state is a minimum vertex cut, and by Menger's theorem as many disjoint ways prove that
there is no smaller one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from recform.algebra.expr import Tensor, TensorSum
from recform.recurrence.flow import Flow


@dataclass(frozen=True)
class Border:
    """The dependence graph at the border between two blocks.

    Attributes:
        known: whether a tensor is there.
        waiting: tensors that later blocks must compute.
        parts: what a tensor is made from.
        everywhere: whether each block has a tensor without its being handed on.
        possible: whether a tensor uses no scalar of a later block.
        partial: whether a part of a sum may be handed on.
        order: what the block has at hand of the known tensors, in its order.
    """

    known: Callable[[Tensor], bool]
    waiting: tuple[Tensor, ...]
    parts: Callable[[Tensor], tuple[Tensor, ...]]
    everywhere: Callable[[Tensor], bool]
    possible: Callable[[Tensor], bool] = lambda tensor: True
    partial: bool = True
    order: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Cut:
    """A smallest state.

    Attributes:
        tensors: known ones in their order, then those that are computed early.
        early: for each sum of which a part is formed early, the sum with that part in
            brackets.
        size: the value of the maximum flow, equal to ``len(tensors)``.
        ways: disjoint ways from the known to the waiting tensors, one for each tensor.
    """

    tensors: tuple[Tensor, ...]
    early: Mapping[Tensor, Tensor]
    size: int
    ways: tuple[tuple[Tensor, ...], ...]


_PAST, _FUTURE = "past", "future"


def smallest(border: Border) -> Cut:
    """The minimum cut that lies nearest to the known tensors."""
    graph, partial, order = _graph(border)
    if _FUTURE not in graph or _PAST not in graph:
        return Cut((), {}, 0, ())
    size = graph.fill(_PAST, _FUTURE)
    reached = graph.reachable(_PAST)
    cut = [
        node
        for node in order
        if (node, "in") in reached and (node, "out") not in reached
    ]
    early = dict(pair for piece in cut for pair in partial.get(piece, ()))
    return Cut(tuple(cut), early, size, _ways(graph.sent()))


def _graph(
    border: Border,
) -> tuple[Flow[object], dict[Tensor, list[tuple[Tensor, Tensor]]], list[Tensor]]:
    """The flow network, the partial sums in it, and all nodes in a stable order."""
    known = border.known
    waiting = set(border.waiting)
    graph = Flow[object]()
    partial: dict[Tensor, list[tuple[Tensor, Tensor]]] = {}
    order: list[Tensor] = []
    ready: dict[Tensor, bool] = {}

    def is_ready(tensor: Tensor) -> bool:
        """Whether the tensor can be computed from what is known alone."""
        if border.everywhere(tensor):
            return True
        if tensor not in ready:
            ready[tensor] = known(tensor) or (
                tensor not in waiting
                and border.possible(tensor)
                and bool(border.parts(tensor))
                and all(is_ready(part) for part in border.parts(tensor))
            )
        return ready[tensor]

    def add(tensor: Tensor) -> None:
        if (tensor, "in") in graph or border.everywhere(tensor):
            return
        graph.edge((tensor, "in"), (tensor, "out"), capacity=1)
        order.append(tensor)
        if known(tensor):
            graph.edge(_PAST, (tensor, "in"))
            return
        for part in border.parts(tensor):
            if not border.everywhere(part):
                add(part)
                graph.edge((part, "out"), (tensor, "in"))

    seen: set[Tensor] = set()

    def reach(tensor: Tensor) -> None:
        """Follows a waiting tensor down to what is ready."""
        if tensor in seen:
            return
        seen.add(tensor)
        parts = [p for p in border.parts(tensor) if not border.everywhere(p)]
        early = [part for part in parts if is_ready(part)]
        is_sum = border.partial and isinstance(tensor, TensorSum)
        if is_sum and 2 <= len(early) < len(parts):
            piece = TensorSum(*early)
            terms = border.parts(tensor)
            first = terms.index(early[0])
            whole = [
                piece if n == first else part
                for n, part in enumerate(terms)
                if n == first or part not in early
            ]
            partial.setdefault(piece, []).append((tensor, TensorSum(*whole)))
            for part in early:
                add(part)
            if (piece, "in") not in graph:
                graph.edge((piece, "in"), (piece, "out"), capacity=1)
                order.append(piece)
            for part in early:
                graph.edge((part, "out"), (piece, "in"))
            graph.edge((piece, "out"), _FUTURE)
            early = []
            parts = [part for part in parts if not is_ready(part)]
        for part in parts:
            if is_ready(part):
                add(part)
                graph.edge((part, "out"), _FUTURE)
            else:
                reach(part)

    for tensor in border.waiting:
        reach(tensor)
    position = {tensor: n for n, tensor in enumerate(border.order)}
    order.sort(key=lambda tensor: position.get(tensor, len(position)))
    return graph, partial, order


def _ways(
    flow: Mapping[object, Mapping[object, int]],
) -> tuple[tuple[Tensor, ...], ...]:
    """The flow as disjoint ways, each the tensors that it passes."""
    rest = {node: dict(out) for node, out in flow.items()}
    ways = []
    for first, amount in list(rest.get(_PAST, {}).items()):
        if amount <= 0:
            continue
        way: list[Tensor] = []
        node: object = first
        while node != _FUTURE:
            if isinstance(node, tuple) and node[1] == "in":
                way.append(node[0])
            node = _take(rest, node)
        ways.append(tuple(way))
    return tuple(ways)


def _take(rest: dict[object, dict[object, int]], node: object) -> object:
    for other, amount in rest[node].items():
        if amount > 0:
            rest[node][other] -= 1
            return other
    raise AssertionError("a flow goes on until it arrives")


def suffices(
    carried: Iterable[Tensor], border: Border, waits: Callable[[Tensor], bool]
) -> bool:
    """Whether everything that waits can be computed from these tensors.

    Args:
        carried: the tensors.
        border: what is known, and what reads something that does not wait.
        waits: whether a tensor is computed later.
    """
    have = set(carried)
    done: dict[Tensor, bool] = {}

    def can(tensor: Tensor) -> bool:
        if tensor in have or border.everywhere(tensor) or waits(tensor):
            return True
        if tensor not in done:
            parts = border.parts(tensor)
            done[tensor] = False
            done[tensor] = (
                not border.known(tensor) and bool(parts) and all(map(can, parts))
            )
        return done[tensor]

    return all(can(part) for tensor in border.waiting for part in border.parts(tensor))
