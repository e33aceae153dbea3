"""How the weights of a network start, where the rule is not torch's own."""

from __future__ import annotations

from recform.algebra.body import every_step
from recform.algebra.formula import InitRule, Pipeline
from recform.emit.text import Lines
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
_KINDS = {
    "conv": "nn.Conv2d",
    "linear": "nn.Linear",
    "bn": "(nn.BatchNorm1d, nn.BatchNorm2d)",
    "ln": "nn.LayerNorm",
}


def write_initialisation(lines: Lines, network: NetworkGraph) -> None:
    """Writes the loop over the modules that a network's constructor ends with."""
    present = _weights(network)
    rules = [
        (kind, rule)
        for kind, rule in network.recurrence.formula.init.items()
        if kind in present and rule.rule != "torch"
    ]
    if not rules:
        return
    lines.blank()
    lines.add("for module in self.modules():")
    with lines.indented():
        for number, (kind, rule) in enumerate(rules):
            word = "elif" if number else "if"
            lines.add(f"{word} isinstance(module, {_KINDS[kind]}):")
            with lines.indented():
                lines.statement(f"nn.init.{_init_call(rule)}")


def _weights(network: NetworkGraph) -> set[str]:
    """The kinds of weights that the network has."""
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
    return {
        step.operator.weights
        for pipeline in pipelines
        if pipeline is not None
        for step in every_step(pipeline)
    }


def _init_call(rule: InitRule) -> str:
    text = _RULES[rule.rule].format(
        w="module.weight", mode=rule.mode, **{k: repr(v) for k, v in rule.numbers}
    )
    return text.replace("'", '"')
