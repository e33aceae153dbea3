"""The forward pass of an image classifier as a generator of its levels of features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from math import log2

from recform.algebra.expr import (
    Combine,
    Concat,
    Elementwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    learned_within,
)
from recform.algebra.formula import Scope
from recform.blocks import Shape
from recform.classes.forward import ForwardWriter, Passage, Way
from recform.emit.classifier.patterns import groups_of
from recform.emit.classifier.units import CALL
from recform.graph.model import NetworkGraph
from recform.plan.definitions import (
    Assign,
    Branch,
    Case,
    Function,
    Loop,
    Parameter,
    Return,
    Statement,
    Yield,
)
from recform.plan.expressions import Code
from recform.plan.namespace import Namespace
from recform.plan.network import NetworkPlan
from recform.plan.places import STEM, Kind
from recform.recurrence.model import Flow, ModuleSlot, Slot, shared_by
from recform.recurrence.moves import move
from recform.recurrence.reach import named


@dataclass(frozen=True)
class Shown:
    """How a level is made of what the blocks in front of it hand on.

    Attributes:
        before: statements in front of it.
        result: its expression.
        own: whether it is what the module in front of it returns, as it is.
    """

    before: tuple[Statement, ...]
    result: str
    own: bool

    def by(self, tap: str) -> tuple[Statement, ...]:
        """The statements that show it, through a module if it is no other one's."""
        shown = self.result if self.own else f"{tap}({self.result})"
        return (*self.before, Yield(Code(shown)))


#: What a module has made of ``x``.
PLAIN = Shown((), "x", own=True)


@dataclass(frozen=True)
class Border:
    """What is shown behind a stage that is not the last one of its flow.

    Attributes:
        places: for each tensor that the network's output is made of, its place in the
            state there; empty if some are not there.
        newest: the place of what the stage made last, which is shown in that case.
        shape: of what is shown.
    """

    places: tuple[int | None, ...]
    newest: int
    shape: Shape


def border(network: NetworkGraph, stage: int) -> Border:
    """What is shown behind a stage: what the output would be if the network ended there.

    A stage may hand on less than that, or tensors of shapes that do not meet; what it
    made last is shown then.
    """
    flow = network.recurrence.flows[0]
    segment = network.stages[stage].segments[-1]
    step = network.recurrence.steps[segment.step]
    shapes = segment.block.outputs
    distance = step.at - (flow.end.at - 1)
    # What no number names is said in L, however few blocks there are.
    absolute = min(step.absolute, named(network.recurrence.formula))
    places: list[int | None] = []
    known: dict[Slot, Shape] = {}
    for slot in flow.end.inputs:
        moved: Slot = (
            move(slot, distance, absolute) if isinstance(slot, Tensor) else slot
        )
        place = step.outputs.index(moved) if moved in step.outputs else None
        places.append(place)
        shape = None if place is None else shapes[place]
        if shape is not None:
            known[slot] = shape
    # A number of the last block is handed on by no other one.
    pairs = zip(flow.end.inputs, places, strict=True)
    lacks = any(isinstance(slot, ModuleSlot) and at is None for slot, at in pairs)
    lacks = lacks or _has_vectors(network, flow)
    made = None if lacks else _shape(flow, flow.output, known)
    tensors = [n for n, slot in enumerate(step.outputs) if isinstance(slot, Tensor)]
    newest = next(
        (
            n
            for n in tensors
            if isinstance(slot := step.outputs[n], State) and slot.index == step.at
        ),
        tensors[0],
    )
    if made is not None:
        return Border(tuple(places), newest, made)
    shown = shapes[newest]
    assert shown is not None
    return Border((), newest, shown)


def _has_vectors(network: NetworkGraph, flow: Flow) -> bool:
    """Whether the output has vectors of all blocks, which are as wide as the last one."""
    body = flow.end.body
    learned = (item for tensor in body for item in learned_within(tensor))
    return any(item.name in network.scalars for item in learned)


def _shape(flow: Flow, tensor: Tensor, known: dict[Slot, Shape]) -> Shape | None:
    """The shape of a tensor made of others; None where it cannot be made of them."""
    if tensor in known:
        return known[tensor]
    if not isinstance(
        tensor, State | Concat | Combine | Elementwise | Scaled | TensorSum
    ):
        return None
    parts = [_shape(flow, part, known) for part in flow.end.parts(tensor)]
    shapes = [part for part in parts if part is not None]
    if not shapes or len(shapes) < len(parts):
        return None
    first = shapes[0]
    if isinstance(tensor, Concat):
        same = all(shape.grid == first.grid for shape in shapes)
        joined = first.with_features(sum(shape.features for shape in shapes))
        return joined if same else None
    return first if all(shape == first for shape in shapes) else None


@dataclass(frozen=True)
class Levels:
    """The levels of features of a network, as code.

    Attributes:
        method: shows them, one after the other.
        modules: at the end of each the module of the network, by its dotted name.
        taps: the module that shows each; empty where it is that at its end.
        depths: the body of a method that says which parameters lie how deep.
        order: the modules as they run, where that is not the order in which they stand.
    """

    method: Function
    modules: tuple[str, ...]
    taps: tuple[str, ...]
    depths: tuple[Statement, ...]
    order: tuple[str, ...] = ()

    @property
    def shown_by(self) -> list[str]:
        """The module that returns each level."""
        return [tap or name for tap, name in zip(self.taps, self.modules, strict=True)]


def levels_of_stages(
    plan: NetworkPlan, *, stem: bool, behind: tuple[Statement, ...], names: Namespace
) -> Levels:
    """The levels of a network whose stages are its own.

    Args:
        plan: of the network.
        stem: whether what the stem makes is a level.
        behind: the pooling behind that level.
        names: attributes that are still free.
    """
    writer = ForwardWriter(plan)
    ways, inside = writer.ways(), plan.rows.get(STEM)
    last = inside.held[-1] if inside else None
    own = last is None or (last.is_module and last.call == CALL)
    shown = [Shown((), "x", own)] if stem else []
    for number, way in enumerate(ways):
        shown += _behind_stages(plan, writer, way, number)
    # With an index that starts anew, each flow but the last hands on what is shown.
    end = ways[-1]
    shown[-1] = replace(shown[-1], before=end.behind, result=end.result)
    taps = taps_of([level.own for level in shown], names)
    left = zip(shown, taps, strict=True)
    body = list(writer.stem())
    for level, tap in islice(left, int(stem)):
        body += level.by(f"self.{tap}")
    body += behind
    for way in ways:
        body += way.before
        body += _stages(way, list(islice(left, len(way.stages))))
    modules = [plan.pieces[STEM]] if STEM in plan.pieces else []
    if inside and not modules:
        made = zip(inside.held, inside.labels, strict=True)
        modules = [label for part, label in made if part.made is not None]
    first = modules[-1:] if stem else []
    depths = _depths(plan, modules)
    levels = (*first, *plan.stages)
    order = _order(plan, levels, taps) if read_behind(plan) else ()
    return Levels(method(body), levels, taps, depths, order)


def _behind_stages(
    plan: NetworkPlan, writer: ForwardWriter, way: Way, number: int
) -> Iterator[Shown]:
    """How the level behind each stage of a flow is shown."""
    for stage, passage in enumerate(way.stages[:-1]):
        found, state = border(plan.graph, stage), passage.state
        made: tuple[Statement, ...] = ()
        result = state[found.newest]
        if found.places:
            final = ["_" if n is None else state[n] for n in found.places]
            names = Namespace.forward({"x", *state})
            made, result = writer.end(number, final, names, indent=12)
        yield Shown(made, result, plan.single and not made and result == "x")
    yield Shown(way.named(), "x", plan.single and not way.named())


def _stages(way: Way, levels: list[tuple[Shown, str]]) -> Iterator[Statement]:
    """Stages with what is shown behind them; those that are alike in a loop."""
    alike = len(levels) if all(level == PLAIN for level, _ in levels) else -1
    rows = list(zip(way.stages, levels, strict=True))
    same = {
        (tuple(_blocks(stage, "stage")), shown) for stage, (shown, _) in rows[:alike]
    }
    if len(rows[:alike]) > 1 and len(same) == 1:
        ((blocks, shown),) = same
        variable, items = "stage", [stage.stage for stage, _ in rows[:alike]]
        if not shown.own:
            variable = "stage, level"
            items = [f"({stage.stage}, self.{tap})" for stage, (_, tap) in rows[:alike]]
        yield Assign("stages", Code(f"({', '.join(items)})"))
        yield Loop(variable, Code("stages"), (*blocks, *shown.by("level")))
        rows = rows[len(items) :]
    for stage, (shown, tap) in rows:
        yield from _blocks(stage, stage.stage)
        yield from shown.by(f"self.{tap}")


def _blocks(stage: Passage, module: str) -> Iterator[Statement]:
    """Blocks of a stage, each of which can keep what it gets alone."""
    if not stage.runs:
        yield Assign("x", Code(f"self._through({module}, x)"))
    for run in stage.runs:
        row = Code(f"self._checkpointed({module}{run.several})")
        yield Loop("block", row, run.called("block"))


def _order(
    plan: NetworkPlan, levels: Sequence[str], taps: Sequence[str]
) -> tuple[str, ...]:
    """The modules as they run, where what the output reads stands in front of blocks."""
    behind, changes = read_behind(plan), _transitions(plan)
    own = {attribute: key.flow for key, attribute in plan.shared.items()}
    stages = {name: number for number, name in enumerate(plan.stages)}
    rows: list[str] = []
    for name, tap in zip(levels, taps, strict=True):
        number = stages.get(name, -1)
        shared = (n for n, flow in own.items() if flow == number and n not in behind)
        late = (n for n, at in behind.items() if at == number)
        rows += [*shared, *changes.get(number, ()), name, *late, *filter(None, (tap,))]
    return tuple(rows)


def _transitions(plan: NetworkPlan) -> dict[int, list[str]]:
    """The attributes of the transitions, by the stage behind each."""
    found: dict[int, list[str]] = {}
    for origin, attribute in plan.pieces.items():
        if origin.kind is Kind.TRANSITION:
            found[origin.number] = [attribute]
    for origin, row in plan.rows.items():
        if origin.kind is Kind.TRANSITION:
            found[origin.number] = list(filter(None, row.labels))
    return found


def _depths(plan: NetworkPlan, stem: list[str]) -> tuple[Statement, ...]:
    """The statements that say which parameters are of the stem, a stage or a block."""
    changes = _transitions(plan)
    owners: dict[str, int] = {}
    behind = read_behind(plan)
    for key, attribute in plan.shared.items():
        if attribute not in behind:
            owners.setdefault(attribute, key.flow)
    between = chain.from_iterable(changes.values())
    placed = {*stem, *plan.stages, *owners, *behind, *between}
    others = [a.name for a in plan.network.attributes if a.name not in placed]
    coarse, fine = groups_of(stem, list(plan.stages), changes, owners, behind, others)
    if coarse.keys() != fine.keys() or "blocks" not in fine:
        whole = Case("coarse", (Return(_groups(coarse)),))
        return (Branch((whole,)), Return(_groups(fine)))
    whole = Case("coarse", (Assign("blocks", Code(coarse["blocks"]), type="Any"),))
    each = Case("", (Assign("blocks", Code(fine["blocks"])),))
    return (Branch((whole, each)), Return(_groups({**fine, "blocks": "blocks"})))


def read_behind(plan: NetworkPlan) -> dict[str, int]:
    """The modules of several blocks that only an output reads, by the stage before it."""
    recurrence = plan.graph.recurrence
    flows, last = recurrence.flows, len(plan.stages) - 1
    found: dict[str, int] = {}
    for key, attribute in plan.shared.items():
        flow = flows[key.flow]
        steps = [flow.start, *(recurrence.steps[run.step] for run in flow.runs)]
        alone = not key.first and key.name in recurrence.formula.operators
        if alone and not any(key.name in shared_by(step) for step in steps):
            found[attribute] = key.flow if len(flows) > 1 else last
    return found


def _groups(patterns: Mapping[str, str]) -> Code:
    """The groups of parameters as a dictionary."""
    rows = ", ".join(f'"{name}": {pattern}' for name, pattern in patterns.items())
    return Code(f"{{{rows}}}")


def taps_of(own: Iterable[bool], names: Namespace) -> tuple[str, ...]:
    """The modules that show levels; none where one is what another module returns."""
    return tuple("" if o else names.new(f"level{n}") for n, o in enumerate(own))


def method(body: Iterable[Statement]) -> Function:
    """The method that shows the levels."""
    x = Parameter("x", "Tensor")
    return Function("_levels", (x,), "Iterator[Tensor]", tuple(body))


# -------------------------------------------------------------------- what levels there are


def level_shapes(network: NetworkGraph) -> list[Shape]:
    """The shapes of the levels behind the stages."""
    if network.recurrence.formula.scope is Scope.STAGE:
        flows = zip(network.recurrence.flows, network.ends, strict=True)
        return [end.shapes[flow.output] for flow, end in flows]
    between = range(len(network.stages) - 1)
    return [*(border(network, number).shape for number in between), network.final]


def reduction(image: Shape, level: Shape) -> int:
    """How many times coarser than the image a level is.

    Where windows run over the rim that is no whole number; it is a power of two then.
    """
    size, left = max(image.grid), max(level.grid)
    if size % left == 0:
        return int(size // left)
    return int(2 ** max(0, round(log2(size / left))))
