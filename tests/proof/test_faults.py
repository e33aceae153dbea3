"""A test of the proof: faults are planted in the plan, and it finds each.

The networks are right as they are; every fault makes another network of one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import recform
from recform import compiler, graph
from recform.algebra.expr import Apply, History, Input, Scaled, State, Tensor, TensorSum
from recform.algebra.lists import Mirror
from recform.cli.app import app
from recform.graph.model import Bridge, NetworkGraph, Segment, Site
from recform.operators import standard
from recform.proof import Refuted, proof_of
from recform.proof.equations import Equations
from recform.recurrence.model import ModuleSlot, Stack, Step
from tests.proof.networks import FORMULAS, LONG, network

Fault = Callable[[NetworkGraph], NetworkGraph]


def stepped(change: Callable[[Step], Step], role: str = "regular") -> Fault:
    """A fault in the steps of a role."""

    def plant(graph: NetworkGraph) -> NetworkGraph:
        recurrence = graph.recurrence
        steps = tuple(change(s) if str(s.role) == role else s for s in recurrence.steps)
        assert steps != recurrence.steps or any(
            dict(a.definitions) != dict(b.definitions)
            for a, b in zip(steps, recurrence.steps, strict=True)
        ), "nothing was planted"
        return replace(graph, recurrence=replace(recurrence, steps=steps))

    return plant


def flowed(**changes: Callable[[Any], Any]) -> Fault:
    """A fault in how blocks follow each other."""

    def plant(graph: NetworkGraph) -> NetworkGraph:
        (flow,) = graph.recurrence.flows
        new = {name: change(getattr(flow, name)) for name, change in changes.items()}
        flow = replace(flow, **new)
        return replace(graph, recurrence=replace(graph.recurrence, flows=(flow,)))

    return plant


def placed(change: Callable[[list[Segment]], list[Segment]]) -> Fault:
    """A fault in which block takes which step."""

    def plant(graph: NetworkGraph) -> NetworkGraph:
        stages = list(graph.stages)
        segments = change(list(stages[-1].segments))
        stages[-1] = replace(stages[-1], segments=tuple(segments))
        return replace(graph, stages=tuple(stages))

    return plant


def adapted(change: Callable[[dict[Site, Any], Any], dict[Site, Any]]) -> Fault:
    """A fault in the adapters of the first block of the last stage."""

    def at_first(segments: list[Segment]) -> list[Segment]:
        block = segments[0].block
        block = replace(block, sites=change(dict(block.sites), block.shapes))
        return [replace(segments[0], block=block), *segments[1:]]

    return placed(at_first)


def swapped(items: tuple[Any, ...]) -> tuple[Any, ...]:
    return (items[1], items[0], *items[2:])


def rewritten(change: Callable[[Tensor], Tensor | None]) -> Callable[[Step], Step]:
    """Tensors of a step that are others, in definitions, body and outputs alike."""

    def rebuilt(tensor: Any) -> Any:
        new = change(tensor)
        if new is not None:
            return new
        args = [rebuilt(a) if isinstance(a, Tensor) else a for a in tensor.args]
        return tensor.func(*args) if args else tensor

    def plant(step: Step) -> Step:
        definitions = {
            rebuilt(key) if not isinstance(key, State | History) else key: rebuilt(
                value
            )
            for key, value in step.definitions.items()
        }
        return replace(
            step,
            body=tuple(map(rebuilt, step.body)),
            outputs=tuple(
                rebuilt(s) if isinstance(s, Tensor) else s for s in step.outputs
            ),
            definitions=definitions,
        )

    return plant


def defined(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Step], Step]:
    """Another right side of an unknown or of a history; it is computed as well."""

    def plant(step: Step) -> Step:
        definitions: Mapping[Tensor, Tensor] = {
            key: change(value)
            if name
            == (key.name if isinstance(key, State) else getattr(key, "kind", ""))
            else value
            for key, value in step.definitions.items()
        }
        new = [v for v in definitions.values() if v not in step.body]
        return replace(step, definitions=definitions, body=(*new, *step.body))

    return plant


def _inputs_first(step: Step) -> tuple[Tensor, ...]:
    return tuple(slot for slot in step.inputs if isinstance(slot, Tensor))


def _less_owner(tensor: Tensor) -> Tensor | None:
    if isinstance(tensor, Apply):
        return Apply(tensor.operator, tensor.index - 1, *tensor.arguments)
    return None


def _other_way_round(tensor: Tensor) -> Tensor | None:
    if isinstance(tensor, Apply) and tensor.operator == "B":
        return Apply(tensor.operator, tensor.index, *reversed(tensor.arguments))
    return None


def _one_input(tensor: Tensor) -> Tensor | None:
    if isinstance(tensor, Apply) and tensor.operator == "B":
        return Apply(tensor.operator, tensor.index, *tensor.arguments[:1] * 2)
    return None


def _other_number(tensor: Tensor) -> Tensor | None:
    if isinstance(tensor, Scaled) and tensor.coefficient.is_Rational:
        return Scaled(tensor.coefficient * 2, tensor.tensor, tensor.at)
    return None


def _later_number(tensor: Tensor) -> Tensor | None:
    if isinstance(tensor, Scaled) and tensor.at.is_Integer:
        return Scaled(tensor.coefficient, tensor.tensor, tensor.at + 1)
    return None


def _other_function(tensor: Tensor) -> Tensor | None:
    if type(tensor).__name__ == "Elementwise":
        return tensor.func(standard().operators["tanh"], tensor.args[1])  # type: ignore[no-any-return]
    return None


def _other_kind(tensor: Tensor) -> Tensor | None:
    if isinstance(tensor, History):
        return History("min", tensor.body, tensor.first, tensor.last)
    return None


def _renamed(step: Step, change: Callable[[Tensor], Tensor | None]) -> Step:
    """Other names for what a step makes and reads, its definitions included."""

    def new(tensor: Any) -> Any:
        return change(tensor) or tensor

    return replace(
        step,
        inputs=tuple(map(new, step.inputs)),
        outputs=tuple(map(new, step.outputs)),
        body=tuple(map(new, step.body)),
        definitions={new(key): value for key, value in step.definitions.items()},
    )


def _without_last(right: Tensor) -> Tensor:
    left = right.children[:-1]
    return left[0] if len(left) == 1 else right.func(*left)  # type: ignore[no-any-return]


def _doubled(right: Tensor) -> Tensor:
    return TensorSum(*right.children, right.children[0])


def _extra_call(step: Step) -> Step:
    (tensor,) = [t for t in step.body if isinstance(t, Apply)][:1]
    more = Apply(tensor.operator, tensor.index, _inputs_first(step)[-1])
    assert more not in step.body
    return replace(step, body=(*step.body, more))


def _module_of_another(step: Step) -> Step:
    def moved(slot: Any) -> Any:
        if isinstance(slot, ModuleSlot):
            return ModuleSlot(slot.name, slot.index - 1)
        return slot

    return replace(step, outputs=tuple(map(moved, step.outputs)))


def _without_call(step: Step) -> Step:
    return replace(step, body=tuple(t for t in step.body if not isinstance(t, Apply)))


def _another_start(step: Step) -> Step:
    start = {key: Input() for key in step.definitions}
    return replace(step, definitions=start)


def _fewer(segments: list[Segment]) -> list[Segment]:
    longest = max(segments, key=lambda s: s.count)
    at = segments.index(longest)
    segments[at] = replace(longest, count=longest.count - 1)
    return segments


def _another_step(segments: list[Segment]) -> list[Segment]:
    numbers = [segment.step for segment in segments]
    return [
        replace(segment, step=number)
        for segment, number in zip(segments, [numbers[-1], *numbers[1:]], strict=True)
    ]


def kept(change: Callable[[dict[int, int]], dict[int, int]]) -> Fault:
    """A fault in what is put on the first stack."""

    def plant(stacks: tuple[Stack, ...]) -> tuple[Stack, ...]:
        first = replace(stacks[0], kept=change(dict(stacks[0].kept)))
        return (first, *stacks[1:])

    return flowed(stacks=plant)


def _bodies_swapped(stacks: tuple[Stack, ...]) -> tuple[Stack, ...]:
    first, second = stacks
    return replace(first, body=second.body), replace(second, body=first.body)


def _other_stack(step: Step) -> Step:
    """The step takes its two tensors from the stack of the first."""
    *others, first, second = step.inputs
    assert isinstance(first, Mirror)
    return replace(step, inputs=(*others, first, Mirror(first.body, 8, 0, 8), second))


def _no_adapter(sites: dict[Site, Any], shapes: Any) -> dict[Site, Any]:
    del sites[next(iter(sites))]
    return sites


def _no_adapter_inside(sites: dict[Site, Any], shapes: Any) -> dict[Site, Any]:
    del sites[next(site for site in sites if isinstance(site.parent, Apply))]
    return sites


def _other_target(sites: dict[Site, Any], shapes: Any) -> dict[Site, Any]:
    site, bridge = next(iter(sites.items()))
    return {**sites, site: replace(bridge, target=bridge.target.with_features(5))}


def _other_term(sites: dict[Site, Any], shapes: Any) -> dict[Site, Any]:
    site, pair = next(iter(sites.items()))
    other = next(t for t in shapes if isinstance(t, Apply))
    del sites[site]
    return {**sites, Site(other, site.parent): pair}


def _superfluous(sites: dict[Site, Any], shapes: Any) -> dict[Site, Any]:
    call = next(t for t in shapes if isinstance(t, Apply))
    parent = next(iter(sites)).parent
    return {**sites, Site(call, parent): Bridge(shapes[call], shapes[call], 1)}


def _named(new: State) -> Callable[[Tensor], Tensor | None]:
    """N_8, which is W_8*X_7 to the equations, is another unknown."""
    return lambda tensor: new if tensor == State("N", 8) else None


PLANTED: dict[str, tuple[str, Fault]] = {
    "behind passed blocks, what an operator made later": (
        "ahead",
        stepped(rewritten(_named(State("N", 9))), "last"),
    ),
    "behind passed blocks, what it is made of": (
        "ahead",
        stepped(rewritten(_named(State("X", 8))), "last"),
    ),
    "behind passed blocks, the operator of another": (
        "ahead",
        stepped(rewritten(_less_owner), "last"),
    ),
    "behind passed blocks, one for the other": (
        "ahead",
        stepped(lambda s: replace(s, inputs=swapped(s.inputs)), "last"),
    ),
    "of passed blocks, one for the other": (
        "ahead",
        stepped(lambda s: replace(s, outputs=swapped(s.outputs))),
    ),
    "inputs the other way round": ("two inputs", stepped(rewritten(_other_way_round))),
    "one input for both": ("two inputs", stepped(rewritten(_one_input))),
    "outputs swapped": (
        "long",
        stepped(lambda s: replace(s, outputs=swapped(s.outputs))),
    ),
    "inputs swapped": ("long", stepped(lambda s: replace(s, inputs=swapped(s.inputs)))),
    "a term is missing": ("long", stepped(defined("X", _without_last))),
    "a term twice": ("long", stepped(defined("X", _doubled))),
    "another number": ("long", stepped(rewritten(_other_number))),
    "the module of the block before": ("long", stepped(rewritten(_less_owner))),
    "an operator for nobody": ("long", stepped(_extra_call)),
    "an operator does not run": ("long", stepped(_without_call)),
    "a block too few": ("long", placed(_fewer)),
    "another step for the first block": ("long", placed(_another_step)),
    "what goes in first is swapped": ("pair", flowed(initial=swapped)),
    "what comes out last is swapped": (
        "pair",
        flowed(end=lambda s: replace(s, inputs=swapped(s.inputs))),
    ),
    "another output": ("pair", flowed(output=lambda t: t.children[0])),
    "parts of the wrong half": (
        "pair",
        flowed(
            start=lambda s: replace(
                s,
                definitions={
                    key: type(value)(value.tensor, 2, 1 - value.which)
                    for key, value in s.definitions.items()
                },
                body=s.body + tuple(s.definitions.values()),
            )
        ),
    ),
    "another kind of history": (
        "history",
        stepped(lambda step: _renamed(step, _other_kind)),
    ),
    "a history without its newest member": (
        "history",
        stepped(defined("max", _without_last)),
    ),
    "another start": ("history", flowed(start=_another_start)),
    "a history in place of a start": (
        "history",
        stepped(lambda s: replace(s, inputs=(s.inputs[0], *reversed(s.inputs[1:])))),
    ),
    "a module of another block": ("handed", stepped(_module_of_another)),
    "the number of another block": ("handed", stepped(rewritten(_later_number))),
    "another function": ("adapted", stepped(rewritten(_other_function), "regular")),
    "one too few on a stack": (
        "skips",
        kept(lambda k: {b: n for b, n in k.items() if b != 2}),
    ),
    "one too many on a stack": ("skips", kept(lambda k: {**k, 7: 0})),
    "the start is not on the stack": (
        "skips",
        kept(lambda k: {b: n for b, n in k.items() if b}),
    ),
    "another value on a stack": ("skips", kept(lambda k: {**k, 2: 1 - k[2]})),
    "no such value for a stack": ("skips", kept(lambda k: {**k, 2: 5})),
    "values of later blocks": (
        "skips",
        kept(lambda k: {b + 1: n for b, n in k.items()}),
    ),
    "stacks swapped": ("skips", flowed(stacks=_bodies_swapped)),
    "no stacks": ("skips", flowed(stacks=lambda _: ())),
    "off another stack": ("skips", stepped(_other_stack, "late")),
    "an adapter is missing": ("adapted", adapted(_no_adapter)),
    "an adapter inside is missing": ("brought", adapted(_no_adapter_inside)),
    "an adapter inside for another shape": ("brought", adapted(_other_target)),
    "an adapter inside too many": ("brought", adapted(_superfluous)),
    "an adapter for another shape": ("adapted", adapted(_other_target)),
    "an adapter on another term": ("adapted", adapted(_other_term)),
    "an adapter too many": ("adapted", adapted(_superfluous)),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_networks_are_proved(name: str) -> None:
    proof = proof_of(network(name))
    assert proof.blocks == sum(
        s.blocks for s in network(name).recurrence.formula.stages
    )


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_in_the_plan_is_found(fault: str) -> None:
    name, plant = PLANTED[fault]
    with pytest.raises(Refuted):
        proof_of(plant(network(name)))


def test_a_refutation_names_block_and_both_expressions() -> None:
    _, plant = PLANTED["a term is missing"]
    with pytest.raises(Refuted) as refuted:
        proof_of(plant(network("long")))
    assert re.fullmatch(
        r"block \d+ makes X_\d+ = \(.*\), and it is \(.*\)", refuted.value.message
    )


def test_nothing_is_written_that_is_not_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plant = PLANTED["a term is missing"]
    built = graph.build
    monkeypatch.setattr(compiler.graph, "build", lambda *given: plant(built(*given)))
    file, out = tmp_path / "long.rf", tmp_path / "long.py"
    file.write_text(LONG)
    result = CliRunner().invoke(app, ["compile", str(file), "-o", str(out)])
    assert result.exit_code == 1
    assert "error[RF901]: block 2 makes X_2 = (X_1 + W_2*X_1)" in result.stderr
    assert not out.exists()


def test_what_is_proved_is_said() -> None:
    text = "input 4\nW = linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    for blocks, said in (
        (1, "1 block: each followed"),
        (3, "3 blocks: each followed"),
        (40, "40 blocks: 3 followed, 37 by induction"),
        (10_000, "10000 blocks: 3 followed, 9997 by induction"),
    ):
        assert str(recform.compile(f"{text}stages 4 x {blocks}\n").proof) == said


@pytest.mark.parametrize("by", (-1, 0, 1))
def test_what_passed_blocks_made_has_its_own_name(
    by: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it had that of another block, the right network would not be the formula's."""
    later = Equations._later

    def off(self: Equations, value: int, blocks: int) -> int:
        return later(self, value, blocks + by)

    ahead = network("ahead")  # which is proved when it is compiled, too
    monkeypatch.setattr(Equations, "_later", off)
    if by:
        with pytest.raises(Refuted):
            proof_of(ahead)
    else:
        assert "by induction" in str(proof_of(ahead))
