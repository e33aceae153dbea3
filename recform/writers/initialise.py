"""How the weights of a network start, where the rule is not torch's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import sympy

from recform.algebra.definitions.body import every_step
from recform.algebra.expr import K
from recform.algebra.formula import InitRule
from recform.algebra.pipeline import Pipeline, Step
from recform.algebra.written.starts import MemberStarts
from recform.blocks import Operator
from recform.blocks.exact import as_float, filled
from recform.blocks.symbolic import Symbolic
from recform.graph.model import NetworkGraph
from recform.plan.definitions import Assign, Branch, Case, Do, Loop, Statement
from recform.plan.expressions import Code
from recform.plan.namespace import Loops
from recform.writers.formula.coefficients import coefficient_text

#: `init` rules as calls of torch.nn.init on a weight.
_RULES = {
    "kaiming_normal": "kaiming_normal_({w}, mode={mode!r}, nonlinearity='relu')",
    "kaiming_uniform": "kaiming_uniform_({w}, mode={mode!r}, nonlinearity='relu')",
    "xavier_normal": "xavier_normal_({w}{, gain})",
    "xavier_uniform": "xavier_uniform_({w}{, gain})",
    "normal": "normal_({w}, std={std})",
    "trunc_normal": "trunc_normal_({w}, std={std})",
    "constant": "constant_({w}, {value})",
    "zeros": "zeros_({w})",
    "ones": "ones_({w})",
}
#: What torch calls a tensor of one number everywhere.
_CALLED = {"0.0": "zeros", "1.0": "ones"}
#: What makes an expression a float: a decimal, a function, a quotient; and what may make
#: it a whole number, though it has one.
_FLOAT = re.compile(r"(?<!self)\.|(?<!/)/(?!/)")
_EITHER = re.compile(r"\b(min|max|abs|floor|ceil|round)\(")


def initialisation(network: NetworkGraph, loops: Loops) -> tuple[Statement, ...]:
    """The loops over the modules that a network's constructor ends with.

    Args:
        network: the whole.
        loops: the variables of the loops.
    """

    def loop(rows: Mapping[tuple[Do, ...], list[str]], among: str = "") -> Loop:
        told = f"{loops.told} and " if among else ""
        branch = Branch(
            tuple(
                Case(f"{told}isinstance({loops.module}, {_either(classes)})", calls)
                for calls, classes in rows.items()
            )
        )
        if not among:
            return Loop(loops.module, Code("self.modules()"), (branch,))
        last = Code(f'{loops.name}.rpartition(".")[2] {among}')
        body = (Assign(loops.told, last), branch)
        return Loop(f"{loops.name}, {loops.module}", Code("self.named_modules()"), body)

    found = []
    by_kind = _started(network, loops.module, labelled=False)
    if by_kind:
        classes = {calls: held for calls, (held, _) in by_kind.items()}
        kept = _as_torch_has_them(network)
        found.append(loop(classes, _among(kept, "!=", "not in") if kept else ""))
    # What has a label comes last, whatever is said of its kind.
    by_label = _started(network, loops.module, labelled=True)
    for calls, (held, labels) in by_label.items():
        found.append(loop({calls: held}, _among(labels, "==", "in")))
    return tuple(found)


def _as_torch_has_them(network: NetworkGraph) -> list[str]:
    """The labels of weights that start as torch has them, though their kind does not."""
    rules = network.recurrence.formula.init
    found = []
    for kind, _, label in _weights(network):
        is_torch = label in rules and rules[label].rule == "torch"
        if label and is_torch and kind in rules and rules[kind].rule != "torch":
            found.append(label)
    return list(dict.fromkeys(found))


def _started(
    network: NetworkGraph, module: str, *, labelled: bool
) -> dict[tuple[Do, ...], tuple[list[str], list[str]]]:
    """The ways in which weights start, with the classes that hold them, and the labels."""
    rules = network.recurrence.formula.init
    started: dict[tuple[Do, ...], tuple[list[str], list[str]]] = {}
    for key, rule in rules.items():
        for (kind, attribute, label), classes in _weights(network).items():
            wanted = bool(label) == labelled and key == (label or kind)
            if wanted and rule.rule != "torch":
                calls = rule_calls(rule, f"{module}.{attribute}")
                held, labels = started.setdefault(calls, ([], []))
                held += [name for name in classes if name not in held]
                labels += [key] * (key not in labels)
    return started


def _among(labels: list[str], one: str, several: str) -> str:
    shown = [f'"{label}"' for label in labels]
    return f"{one} {shown[0]}" if len(shown) == 1 else f"{several} ({', '.join(shown)})"


def _either(classes: list[str]) -> str:
    return classes[0] if len(classes) == 1 else f"({', '.join(classes)})"


def _weights(network: NetworkGraph) -> dict[tuple[str, str, str], list[str]]:
    """The classes that hold weights, by their kind and attribute, and by their label."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for step in _steps(network):
        for weights in step.operator.weights:
            # A name that it would have anyway is no label of its author's.
            last = step.label.rpartition(".")[2]
            for label in {"": 0, last if last != weights.kind else "": 0}:
                classes = found.setdefault((weights.kind, weights.name, label), [])
                classes += [name for name in weights.modules if name not in classes]
    return found


def used_operators(network: NetworkGraph) -> list[Operator]:
    """The operators of all pipelines that the network may run, each once."""
    found: list[Operator] = []
    for step in _steps(network):
        if step.operator not in found:
            found.append(step.operator)
    return found


def _steps(network: NetworkGraph) -> Iterator[Step]:
    """The operators of all pipelines that the network may run, where they stand."""
    formula = network.recurrence.formula
    pipelines: list[Pipeline | None] = [
        formula.stem,
        formula.head,
        *formula.operators.values(),
    ]
    if any(s.block.sites for stage in network.stages for s in stage.segments):
        pipelines += [formula.adapter, formula.rise]
    if network.transitions:
        pipelines += [formula.transition, formula.lift]
    for pipeline in pipelines:
        if pipeline is not None:
            yield from every_step(pipeline)


def start_text(value: Symbolic, names: Mapping[Symbolic, str] | None = None) -> str:
    """What a learned scalar starts at; names stand for ``i`` and ``L``."""
    at = {symbol: parsed(text) for symbol, text in (names or {}).items()}
    value = filled(sympy.sympify(value), at)
    if value.is_number:
        return repr(as_float(value))
    text = coefficient_text(value, {}, torch=False)
    # A tensor of whole numbers learns nothing.
    return text if is_float(text) else f"float({text})"


def is_float(text: str) -> bool:
    """Whether what code works out is sure to be no whole number of Python's."""
    return bool(_FLOAT.search(text)) and not _EITHER.search(text)


def scalar_parameter(start: str, sizes: Sequence[str] = ()) -> Code:
    """The expression of a learned scalar: one number, or one for each feature.

    One number is a vector of one, for there are optimisers and ways to spread a network
    over machines that take no tensor without a dimension.
    """
    if not sizes:
        return Code(f"nn.Parameter(torch.tensor([{start}]))")
    return _alike(sizes, start)


def _alike(sizes: Sequence[str], start: str) -> Code:
    """A parameter of numbers that start alike."""
    shown = ", ".join(sizes)
    if start in _CALLED:
        return Code(f"nn.Parameter(torch.{_CALLED[start]}({shown}))")
    comma = "," if len(sizes) == 1 else ""
    return Code(f"nn.Parameter(torch.full(({shown}{comma}), {start}))")


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

    def start(value: Symbolic) -> str:
        return start_text(value, {**names, K: "k"})

    general = start(starts.value)
    if not starts.own and starts.value.is_number:
        return _alike([count], general)
    text = general
    for place, value in reversed(starts.own):
        where = coefficient_text(place.xreplace(at), {}, torch=False)
        text = f"{start(value)} if k == {where} else {text}"
    ends = f"{first}, {behind}" if first else behind
    return Code(f"nn.Parameter(torch.tensor([{text} for k in range({ends})]))")


def parsed(text: str) -> Symbolic:
    """A name or a number that code says, as a symbol or a number."""
    return sympy.Integer(text) if text.isdigit() else sympy.Symbol(text, integer=True)


def rule_calls(rule: InitRule, weight: str) -> tuple[Do, ...]:
    """The statements that start a weight."""
    numbers = {name: repr(value) for name, value in rule.numbers}
    gain = numbers.pop("gain", "1.0")
    more = "" if gain == "1.0" else f", gain={gain}"
    template = _RULES[rule.rule].replace("{, gain}", more)
    text = template.format(w=weight, mode=rule.mode, **numbers)
    calls = [Do(Code(f"nn.init.{text}".replace("'", '"')))]
    if more and more not in text:
        # torch has no gain for these.
        calls.append(Do(Code(f"{weight}.data.mul_({gain})")))
    return tuple(calls)
