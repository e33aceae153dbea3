"""How the weights of a network start, where the rule is not torch's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

from recform.algebra.body import every_step
from recform.algebra.expr import K
from recform.algebra.formula import InitRule, MemberStarts, Pipeline
from recform.blocks import Operator
from recform.blocks.symbolic import Symbolic
from recform.emit.formula.terms import coefficient_text
from recform.emit.plan.definitions import Branch, Case, Do, Loop, Statement
from recform.emit.plan.expressions import Code
from recform.graph.model import NetworkGraph

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


def initialisation(network: NetworkGraph, module: str) -> tuple[Statement, ...]:
    """The loop over the modules that a network's constructor ends with.

    Args:
        network: the whole.
        module: the variable of the loop.
    """
    rules = network.recurrence.formula.init
    present = _weights(network)
    started: dict[Do, list[str]] = {}
    for kind, rule in rules.items():
        for key in present:
            if key[0] == kind and rule.rule != "torch":
                call = rule_call(rule, f"{module}.{key[1]}")
                started.setdefault(call, []).extend(present[key])
    cases = [
        Case(f"isinstance({module}, {_either(classes)})", (call,))
        for call, classes in started.items()
    ]
    if not cases:
        return ()
    return (Loop(module, Code("self.modules()"), (Branch(tuple(cases)),)),)


def _either(classes: list[str]) -> str:
    return classes[0] if len(classes) == 1 else f"({', '.join(classes)})"


def _weights(network: NetworkGraph) -> dict[tuple[str, str], list[str]]:
    """The classes that hold weights, by their kind and attribute."""
    found: dict[tuple[str, str], list[str]] = {}
    for operator in used_operators(network):
        for weights in operator.weights:
            classes = found.setdefault((weights.kind, weights.name), [])
            classes += [name for name in weights.modules if name not in classes]
    return found


def used_operators(network: NetworkGraph) -> list[Operator]:
    """The operators of all pipelines that the network may run, each once."""
    formula = network.recurrence.formula
    pipelines: list[Pipeline | None] = [
        formula.stem,
        formula.head,
        *formula.operators.values(),
    ]
    if any(s.block.sites for stage in network.stages for s in stage.segments):
        pipelines.append(formula.adapter)
    if network.transitions:
        pipelines.append(formula.transition)
    found: list[Operator] = []
    for pipeline in pipelines:
        for step in every_step(pipeline) if pipeline is not None else ():
            if step.operator not in found:
                found.append(step.operator)
    return found


def scalar_parameter(start: float, sizes: Sequence[str] = ()) -> Code:
    """The expression of a learned scalar: one number, or one for each feature.

    One number is a vector of one, for there are optimisers and ways to spread a network
    over machines that take no tensor without a dimension.
    """
    if not sizes:
        return Code(f"nn.Parameter(torch.tensor([{start!r}]))")
    comma = "," if len(sizes) == 1 else ""
    return Code(f"nn.Parameter(torch.full(({', '.join(sizes)}{comma}), {start!r}))")


def member_parameter(
    starts: MemberStarts, first: int, names: Mapping[Symbolic, str]
) -> Code:
    """The expression of a learned number for each member of a sum.

    Args:
        starts: how they start.
        first: the index of the first member.
        names: what stands for ``i`` and ``L``.
    """
    at = {symbol: parsed(text) for symbol, text in names.items()}
    behind = coefficient_text(starts.last.xreplace(at) + 1, {}, torch=False)
    count = coefficient_text(starts.last.xreplace(at) + 1 - first, {}, torch=False)
    k = {K: sympy.Symbol("k")}

    def start(value: Symbolic) -> str:
        value = value.xreplace({**at, **k})
        return (
            repr(float(value))
            if value.is_number
            else coefficient_text(value, {}, torch=False)
        )

    general = start(starts.value)
    if not starts.own and starts.value.is_number:
        return Code(f"nn.Parameter(torch.full(({count},), {general}))")
    text = general
    for place, value in reversed(starts.own):
        where = coefficient_text(place.xreplace(at), {}, torch=False)
        text = f"{start(value)} if k == {where} else {text}"
    ends = f"{first}, {behind}" if first else behind
    return Code(f"nn.Parameter(torch.tensor([{text} for k in range({ends})]))")


def parsed(text: str) -> Symbolic:
    """A name or a number that code says, as a symbol or a number."""
    return sympy.Integer(text) if text.isdigit() else sympy.Symbol(text, integer=True)


def rule_call(rule: InitRule, weight: str) -> Do:
    """The statement that starts a weight."""
    text = _RULES[rule.rule].format(
        w=weight, mode=rule.mode, **{k: repr(v) for k, v in rule.numbers}
    )
    return Do(Code(f"nn.init.{text}".replace("'", '"')))
