"""Random well-sorted recurrences: compiled, run, and held against the oracle.

The number of examples comes from the profile (300 in CI); see tests/conftest.py.
"""

from __future__ import annotations

import networkx as nx
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from recform.diagnostics import CompileError
from tests.oracle.compare import agree, compiled

torch.set_num_threads(1)

FLAT = "input 2 x 4 x 4\nstem conv(1, 3) > bn\nstages 3 x {blocks}\n"
CHANGING = (
    "input 2 x 4 x 4\nstem conv(1, 3) > bn\nstages 3 x {first}, 4 x {blocks} / 2\n"
)
#: Blocks that are quick to run and keep the shape rule of the default block.
BLOCKS = "".join(
    f"{letter} = conv(1, c, stride=s) > bn{extra}\n"
    for letter, extra in [("W", " > tanh"), ("U", ""), ("G", " > sigmoid")]
)
UNARY = ("relu", "tanh", "sigmoid", "gelu", "silu")


@st.composite
def tensors(
    draw: st.DrawFn, unknowns: list[str], order: int, current: list[str], depth: int = 2
) -> str:
    """An expression over unknowns of earlier blocks and earlier equations."""
    kinds = ["state", "state", "apply", "apply", "older", "start"]
    if depth:
        kinds += ["function", "product", "combine", "nested", "scaled"]
    kind = draw(st.sampled_from(kinds))

    def inner() -> str:
        return draw(tensors(unknowns, order, current, depth - 1 if depth else 0))

    lag = draw(st.integers(1, order))
    name = draw(st.sampled_from(unknowns))
    state = f"{name}_<i-{lag}>"
    if current and draw(st.booleans()):
        state = f"{draw(st.sampled_from(current))}_i"
    letter = draw(st.sampled_from("WUG"))
    if kind == "state":
        return state
    if kind == "apply":
        argument = state if not depth or draw(st.booleans()) else f"({inner()})"
        return f"{letter}_i*{argument}"
    if kind == "older":
        return f"{letter}_<i-1>*{name}_<i-{lag + 1 if lag < 7 else lag}>"
    if kind == "start":
        return f"{name}_0"
    if kind == "function":
        return f"{draw(st.sampled_from(UNARY))}({inner()})"
    if kind == "product":
        return f"{inner()}*tanh({inner()})"
    if kind == "combine":
        return f"{draw(st.sampled_from(('max', 'min', 'mean')))}({inner()}, {inner()})"
    if kind == "scaled":
        number = draw(st.sampled_from(("0.5", "k_i", "g", "sqrt(i/L)", "(1-k_i)")))
        return f"{number}*{state}"
    return f"({inner()} + {inner()})"


@st.composite
def recurrences(draw: st.DrawFn) -> str:
    """A file: frame, declarations, one to three equations, perhaps boundary equations."""
    order = draw(st.sampled_from((1, 2, 2, 3, 4, 7)))
    unknowns = list("XYZ")[: draw(st.integers(1, 3))]
    changing = draw(st.integers(0, 2)) == 0
    frame = CHANGING if changing else FLAT
    lines = [
        frame.format(blocks=draw(st.integers(1, 7)), first=draw(st.integers(1, 3))),
        BLOCKS,
        "scalar k_i = 0.4\nscalar g = 0.7\n",
    ]
    if changing and draw(st.booleans()):
        lines.append("scope stage\n")
    for number, name in enumerate(unknowns):
        count = draw(st.integers(1, 3))
        # A term that is always there keeps every unknown alive from the first block on.
        base = draw(st.sampled_from(unknowns))
        terms = [f"W_i*{base}_<i-1>"]
        if draw(st.integers(0, 3)) == 0:
            terms = [f"X_0 + W_i*{base}_<i-{order}>"]
        for _ in range(count):
            sign = draw(st.sampled_from([" + ", " - "]))
            terms.append(sign + draw(tensors(unknowns, order, unknowns[:number])))
        lines.append(f"{name}_i = {''.join(terms)}\n")
    if draw(st.integers(0, 3)) == 0:
        lines.append(f"{unknowns[0]}_1 = W_1*{unknowns[0]}_0 + {unknowns[-1]}_0\n")
    if draw(st.integers(0, 3)) == 0:
        lines.append("W_0*X_<-1> = 0.5*X_0\n")
    lines.append(f"output {unknowns[-1]}_L\n")
    return "".join(lines)


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(recurrences())
def test_random_recurrences(text: str) -> None:
    try:
        item = agree(text)
    except CompileError as error:
        codes = {d.code for d in error.diagnostics}
        # One module on two shapes, shapes that cannot meet, and blocks that nobody reads
        # are the user's mistakes.
        assert codes <= {"RF309"} or (codes <= {"RF401", "RF406"} and "/ 2" in text)
        event("refused")
        return
    event(f"order {item.recurrence.order}")
    event(f"steps {len(item.recurrence.steps)}")


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(recurrences())
def test_state_is_minimal(text: str) -> None:
    """The size of the state by another way: node connectivity of the written-out graph."""
    try:
        item = compiled(text)
    except CompileError:
        return
    assert item.recurrence.bound == len(
        [slot for slot in item.recurrence.state if hasattr(slot, "children")]
    )
    assert _connectivity(item) == item.recurrence.bound


def _connectivity(item: object) -> int:
    """Most node-disjoint ways from what block t knows to what later blocks must make."""
    from recform.algebra.expr import Filled, Learned, Scaled, TensorSum
    from recform.diagnostics import Diagnostics
    from recform.recurrence.reach import reach_of
    from recform.recurrence.steps import Writer

    formula = item.formula  # type: ignore[attr-defined]
    reach = reach_of(formula, Diagnostics())
    writer = Writer(formula, reach.length, reach)
    block = reach.regular
    live = writer.live
    made = {t for t in live if writer.anchored(t) and writer.time(t) <= block}
    stack = list(made)
    while stack:
        for part in writer.unroller.parts(stack.pop()):
            if part not in made and not isinstance(part, Filled):
                made.add(part)
                stack.append(part)
    # A sum or a fixed multiple can be formed again from its terms.
    made = {
        t
        for t in made
        if not isinstance(t, TensorSum)
        and (not isinstance(t, Scaled) or t.coefficient.atoms(Learned))
    }
    later = {t for t in live if writer.anchored(t) and writer.time(t) > block}

    def early(tensor: object) -> bool:
        if isinstance(tensor, Filled) or tensor in made:
            return True
        if tensor in later or writer.time(tensor) > block:  # type: ignore[arg-type]
            return False
        parts = writer.unroller.parts(tensor)  # type: ignore[arg-type]
        return bool(parts) and all(early(part) for part in parts)

    def node(tensor: object) -> object:
        """Sums with the same terms are one, whole or part of a longer one."""
        if isinstance(tensor, TensorSum) and early(tensor):
            return ("sum", writer.unroller.parts(tensor))
        return tensor

    graph = nx.DiGraph()
    graph.add_nodes_from(["past", "future"])
    for tensor in live:
        if tensor in made or isinstance(tensor, Filled):
            continue
        parts = [p for p in writer.unroller.parts(tensor) if not isinstance(p, Filled)]
        ready = [part for part in parts if early(part)]
        target: object = node(tensor) if early(tensor) else "future"
        if target == "future" and isinstance(tensor, TensorSum) and len(ready) > 1:
            # Sums with the same ready part have it in common.
            target = ("sum", tuple(ready))
            graph.add_edge(target, "future")
        for part in ready:
            if target != node(part):
                graph.add_edge(node(part), target)
    output = writer.output
    if early(output):
        graph.add_edge(node(output), "future")
    for tensor in made & set(graph.nodes):
        graph.add_edge("past", tensor)
    return nx.node_connectivity(graph, "past", "future")  # type: ignore[no-any-return]
