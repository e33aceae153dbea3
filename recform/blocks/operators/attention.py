"""Attention between the positions of tokens."""

from __future__ import annotations

from recform.blocks.code import code, fraction
from recform.blocks.operator import (
    Argument,
    Arguments,
    Cost,
    Emitted,
    Kind,
    Memory,
    Misfit,
    Operator,
    Weights,
    require_layout,
)
from recform.blocks.operators.linear import LINEAR
from recform.blocks.shape import Layout, Shape
from recform.blocks.support import template


class Attention(Operator):
    """Multi-head self-attention with learned projections in and out."""

    name = "attention"
    about = "multi-head self-attention between the tokens"
    source = "Vaswani et al. (2017), section 3.2.2"
    attribute = "attention"
    mixes = True
    weights = (Weights("attention", ("SelfAttention",), "in_proj_weight"), LINEAR)
    support = (template("self_attention"),)
    support_kept = (template("self_attention_kept"),)
    arguments = (
        Argument("heads", Kind.SIZE, about="parts of the features that attend apart"),
        Argument("bias", Kind.FLAG, True, "of queries, keys and values"),
        Argument("causal", Kind.FLAG, False, "no token sees those behind it"),
        Argument("dropout", Kind.RATE, 0.0, "of the attention weights, in training"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        require_layout(x, Layout.TOKENS)
        known = isinstance(x.features, int) and isinstance(a.heads, int)
        if known and x.features % a.heads:
            raise Misfit(
                "RF402",
                f"has {a.heads} heads, which do not divide its {x.features} features",
                hint="choose a width that is a multiple of the heads",
                argument="heads",
            )
        return x

    def cost(self, x: Shape, a: Arguments) -> Cost:
        features, positions = int(x.features), int(x.grid[0])
        projections = 4 * features * features
        # A number for each head and token, from which the attention weights are made
        # again. With dropout torch has no such kernel on a CPU: it keeps the weights,
        # which of them were dropped (if not all), and what is left.
        weights = positions * int(a.heads)
        if a.dropout > 0:
            weights *= positions * (3 if a.dropout < 1 else 2)
        return Cost(
            parameters=projections + (4 if a.bias else 1) * features,
            # Projections, and twice a product with positions x positions numbers.
            multiply_adds=positions * (projections + 2 * positions * features),
            saves_input=True,
            # Queries, keys, values, what is put together of them, and the weights.
            saves_more=4 * x.elements + weights,
        )

    def memory(self, x: Shape, a: Arguments) -> tuple[Memory, ...]:
        if not a.causal:
            return super().memory(x, a)
        return (Memory("keys and values", 2 * int(x.features)),)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        parts = [code(x.features), code(a.heads)]
        parts += [] if a.bias else ["bias=False"]
        parts += ["causal=True"] if a.causal else []
        parts += [f"dropout={fraction(a.dropout)}"] if a.dropout != 0 else []
        return Emitted("{m}({x})", f"SelfAttention({', '.join(parts)})")
