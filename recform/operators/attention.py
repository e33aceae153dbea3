"""Attention between the positions of tokens: of one tensor, or of several."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate, pairwise

from recform.blocks.acts import Inner
from recform.blocks.amount import Amount, Cost
from recform.blocks.arguments import Argument, Arguments, Kind
from recform.blocks.code import code
from recform.blocks.details import (
    Detail,
    made_by,
    on_gpu,
    operation,
)
from recform.blocks.operator import (
    Emitted,
    Memory,
    Misfit,
    Operator,
    Several,
    Weights,
    require_layout,
)
from recform.blocks.shape import Layout, Shape, Size, known
from recform.blocks.support import template
from recform.operators.attended import (
    by_kernel,
    heads_normed,
    heads_repeated,
    is_fused,
    kv_heads,
    of_one,
    stepwise,
    turns,
    weighing,
    with_names,
)
from recform.operators.linear import LINEAR, Linear
from recform.operators.norm import RMSNorm
from recform.operators.rotary import (
    check_heads,
    check_shared,
    check_turned,
    share_of,
    turned,
)

_BETWEEN = "between the heads"


class Attention(Operator):
    """Multi-head self-attention with learned projections in and out."""

    name = "attention"
    takes = (Layout.TOKENS,)
    multiplies = True
    about = "multi-head self-attention between the tokens"
    source = "Vaswani et al. (2017), section 3.2.2"
    attribute = "attention"
    mixes = True
    weights = (Weights("attention", ("SelfAttention",), "in_proj_weight"), LINEAR)
    support = (template("self_attention"),)
    support_kept = (template("kept/self_attention"),)
    arguments = (
        Argument("heads", Kind.SIZE, about="parts of the features that attend apart"),
        Argument("bias", Kind.FLAG, True, "of queries, keys and values"),
        Argument("causal", Kind.FLAG, False, "no token sees those behind it"),
        Argument("dropout", Kind.RATE, 0.0, "of the attention weights, in training"),
    )

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if known(x.features, a.heads) and x.features % a.heads:
            raise Misfit(
                "RF402",
                f"has {a.heads} heads, which do not divide its {x.features} features",
                hint="choose a width that is a multiple of the heads",
                argument="heads",
            )
        return x

    def memory(self, x: Shape, a: Arguments) -> tuple[Memory, ...]:
        if not a.causal:
            return super().memory(x, a)
        return (Memory("keys and values", 2 * int(x.features)),)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        parts = [code(x.features), code(a.heads)]
        parts += [] if a.bias else ["bias=False"]
        parts += ["causal=True"] if a.causal else []
        parts += [f"dropout={code(a.dropout)}"] if a.dropout != 0 else []
        return Emitted("{m}({x})", f"SelfAttention({', '.join(parts)})")

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        (x,) = inputs
        q, k, v = (
            made_by(name, Linear(), x, said=name, note="linear", bias=a.bias)
            for name in "qkv"
        )
        weighed = weighing(a, (q, k, v), x.shape, (q, k, v))
        out = made_by("out", Linear(), weighed[-1], said="out", note="linear")
        if not x.numbers:
            return (q, k, v, *weighed, out)
        # One product makes all three, which are views of it.
        maps = Cost(
            3 * q.parameters, 3 * x.numbers * (x.numbers // x.rows), turned=True
        )
        one = operation("qkv", (x,), 3 * x.numbers, (x.name,), cost=maps)
        views = [Inner(name, ("qkv",), (), ()) for name in "qkv"]
        q = replace(q, does=(one, views[0]))
        k, v = replace(k, does=(views[1],)), replace(v, does=(views[2],))
        result = "heads"
        if a.dropout == 0:
            weighed = by_kernel(weighed, (q, k, v), a)
        else:
            given = q, k, v
            weighed = stepwise(weighed, given, given, a, trains=True)
            weighed, result = of_one(weighed, given), "apart"
        # The function has names for these until it returns.
        last = replace(out.does[-1], names=(x.name, "qkv", result))
        return (q, k, v, *weighed, replace(out, does=(last,)))

    def cost(self, x: Shape, a: Arguments) -> Cost:
        cost, four = super().cost(x, a), 4 * x.elements
        cost = replace(cost, workspace=four + cost.saves_more * (a.dropout > 0))
        if a.dropout == 0:
            return cost
        # There it is one kernel, which draws, so that it does not run again; it keeps
        # a number for each head and token, from which the weights are made again.
        rows = Amount(bytes=4 * int(a.heads) * (x.elements // int(x.features)))
        gpu = replace(
            cost,
            saves_more=four,
            saves_bytes=rows.bytes,
            workspace=four,
            workspace_back=four,
            lean=Amount(four) + rows,
            stays=rows + Amount(x.elements),
            fused=True,
        )
        return replace(cost, gpu=gpu)


class Attend(Several):
    """Attention without maps of its own: the equations make queries, keys and values."""

    name = "attend"
    about = "attention of the queries q to the keys k and their values v, all tokens"
    source = "Vaswani et al. (2017), section 3.2"
    inputs = ("q", "k", "v")
    attribute = "attend"
    support = (template("attend"),)
    support_kept = (template("kept/attend"),)
    arguments = (
        Argument("heads", Kind.SIZE, about="parts of the queries that attend apart"),
        Argument(
            "kvheads",
            Kind.SIZE,
            None,
            "those of keys and values, which several of the queries then share; as heads",
        ),
        Argument("causal", Kind.FLAG, False, "no query sees keys behind its position"),
        Argument(
            "window",
            Kind.SIZE,
            None,
            "a query sees keys less than this many positions away",
        ),
        Argument(
            "softcap", Kind.POSITIVE, None, "scores stay between this and its negative"
        ),
        Argument(
            "rotary",
            Kind.POSITIVE,
            None,
            "the base of rotary positions (10000, as a rule)",
        ),
        Argument(
            "turned",
            Kind.PART,
            None,
            "features of a head that rotary positions turn, the first ones; all",
        ),
        Argument(
            "qknorm", Kind.FLAG, False, "rmsnorm of queries and keys, head by head"
        ),
        Argument(
            "scale", Kind.NUMBER, None, "of the scores; 1/sqrt(features of a head)"
        ),
        Argument("dropout", Kind.RATE, 0.0, "of the attention weights, in training"),
        Argument(
            "talking",
            Kind.FLAG,
            False,
            "learned sums over the heads of the scores, and of the weights",
        ),
        Argument(
            "sinks",
            Kind.FLAG,
            False,
            "each head has a learned score besides, which is of no key, 0 at the start",
        ),
    )

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        q, k, v = inputs
        plain = not a.sinks and not a["window"] and a["softcap"] is None
        if a.talking and (a.causal or not plain):
            raise Misfit(
                "RF402",
                "mixes the weights of its heads, with a bias: each query sees every key",
                hint="heads that talk are not causal, and have no window, softcap or sinks",
                argument="talking",
            )
        for x in inputs:
            require_layout(x, Layout.TOKENS)
        heads, shared = a.heads, kv_heads(a)
        check_heads(heads, q, "features of its queries")
        check_heads(shared, k, "features of its keys", "kvheads")
        check_heads(shared, v, "features of its values", "kvheads")
        if known(*k.grid, *v.grid) and k.grid != v.grid:
            raise Misfit("RF401", f"has {k.grid[0]} keys, but {v.grid[0]} values")
        check_shared(heads, shared, "kvheads", "keys")
        if known(q.features, k.features, heads, shared):
            widths = q.features // heads, k.features // shared
            if widths[0] != widths[1]:
                raise Misfit(
                    "RF401",
                    f"has heads of {widths[0]} features for queries, but of {widths[1]} "
                    "for keys",
                    hint="keys are kvheads/heads as wide as queries",
                )
            self._turns(a, widths[0])
        if heads == shared:
            return q.with_features(v.features)
        return q.with_features(v.features // shared * heads)

    def _turns(self, a: Arguments, width: Size) -> None:
        """That rotary positions find pairs of features among those of a head."""
        if a["rotary"] is not None:
            check_turned(a, width, "rotary")
        elif a["turned"] is not None:
            raise Misfit(
                "RF402",
                "turns nothing without rotary positions",
                hint="for example rotary=10000",
                argument="turned",
            )

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        q, cost = inputs[0], super().cost_of(inputs, a)
        # What is kept is there at once; the rows of the kernel are its own.
        fused = a.dropout == 0 and is_fused(q, self.shape_of(inputs, a), a)
        rows = 4 * int(a.heads) * int(q.grid[0]) if fused else 0
        return replace(
            cost,
            workspace=cost.saves_more,
            workspace_bytes=cost.saves_bytes - rows,
            workspace_back=sum(x.elements for x in inputs),
        )

    def details(self, inputs: tuple[Detail, ...], a: Arguments) -> tuple[Detail, ...]:
        """The operations of `Attend` (`blocks/support/attend.py`)."""
        shapes = tuple(x.shape for x in inputs if x.shape is not None)
        y = self.shape_of(shapes, a) if all(x.numbers for x in inputs) else None
        found: list[Detail] = []
        last = dict(zip("qkv", inputs, strict=True))

        def then(which: str, detail: Detail) -> None:
            found.append(detail)
            last[which] = detail

        if a.qknorm:
            for which, heads in (("q", a.heads), ("k", kv_heads(a))):
                then(which, heads_normed(which, last[which], heads))
        if turns(a):
            names, share = (last["q"].name, last["k"].name), share_of(inputs[0], a)
            for which in "qk":
                note = f"positions of {which}"
                then(which, turned(f"{which}turn", last[which], share, note, names))
        if a["kvheads"] not in (None, a.heads):
            for which in "kv":
                then(which, heads_repeated(which, last[which], a))
        _, _, v = given = tuple(last.values())
        if y is None:
            return (*found, *weighing(a, given, None))
        fused = is_fused(shapes[0], y, a)
        kernel = with_names(by_kernel(weighing(a, given, y), given, a), given)
        if a.dropout == 0 and fused:
            return (*found, *kernel)
        # A product takes heads apart; positions that are turned, or heads that are
        # repeated, lie so already.
        free = a["softcap"] is None and not a.talking and not a.sinks
        apart = [*inputs, *(x for x in found if x.said == RMSNorm.name)]
        copied = [x for x in given if x in apart or (free and x is not v)]
        weighed = weighing(a, given, y, copied)
        if free:
            weighed = stepwise(weighed, given, apart, a, trains=fused)
        weighed = with_names(weighed, given)
        if not free:
            return (*found, *weighed)
        # On a GPU it is a kernel, whatever it drops.
        acts = on_gpu([act for x in weighed for act in x.does], kernel[-1].does)
        counts = accumulate((len(x.does) for x in weighed), initial=0)
        each = (
            replace(x, does=acts[i:j])
            for x, (i, j) in zip(weighed, pairwise(counts), strict=True)
        )
        return (*found, *each)

    def opened(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Inner, ...]:
        # Its kernel holds less than the whole, even where there is nothing else.
        return self.acts(inputs, a)

    def memory_of(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Memory, ...]:
        q, k, v = inputs
        if not a.causal or q.grid != k.grid:
            return self.memory(q, a)
        most = None if a["window"] is None else int(a.window) - 1
        return (Memory("keys and values", int(k.features) + int(v.features), most),)

    def emit_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Emitted:
        q = inputs[0]
        parts = [code(a.heads)]
        parts += [code(a.kvheads)] if a["kvheads"] not in (None, a.heads) else []
        parts += ["causal=True"] if a.causal else []
        for name in ("window", "softcap", "rotary", "turned"):
            parts += [f"{name}={code(a[name])}"] if a[name] is not None else []
        parts += [f"normed={code(q.features // a.heads)}"] if a.qknorm else []
        parts += [f"scale={code(a.scale)}"] if a["scale"] is not None else []
        parts += [f"dropout={code(a.dropout)}"] if a.dropout != 0 else []
        parts += ["talking=True"] if a.talking else []
        parts += ["sinks=True"] if a.sinks else []
        return Emitted("{m}({q}, {k}, {v})", f"Attend({', '.join(parts)})")
