"""Attention between the positions of tokens: of one tensor, or of several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from recform.blocks.amount import Amount, Deed
from recform.blocks.arguments import Argument, Arguments, Kind, given
from recform.blocks.code import code, fraction
from recform.blocks.operator import (
    Cost,
    Detail,
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
from recform.operators.linear import LINEAR


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

    def cost(self, x: Shape, a: Arguments) -> Cost:
        features, positions = int(x.features), int(x.grid[0])
        projections = 4 * features * features
        # A number for each head and token, from which the attention weights are made
        # again. With dropout torch has no such kernel on a CPU: it keeps the weights,
        # which of them were dropped (if not all), and what is left.
        rows, weights = positions * int(a.heads), 0
        lean, stays = 4 * x.elements, Amount(bytes=4 * rows)
        scores = 0
        if a.dropout > 0:
            scores = pairs = rows * positions
            weights, rows = pairs * (3 if a.dropout < 1 else 2), 0
            # The weights, and which of them were dropped.
            lean, stays = lean + pairs, Amount(bytes=pairs)
        return Cost(
            parameters=projections + (4 if a.bias else 1) * features,
            # Projections, and twice a product with positions x positions numbers.
            multiply_adds=positions * (projections + 2 * positions * features),
            saves_input=True,
            # Queries, keys, values, what is put together of them, and the weights.
            saves_more=4 * x.elements + weights,
            saves_bytes=4 * rows,
            workspace=4 * x.elements,
            workspace_back=4 * x.elements + scores,
            lean=Amount(lean) + stays,
            stays=stays,
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

    def details(
        self, inputs: tuple[Shape, ...] | None, a: Arguments
    ) -> tuple[Detail, ...]:
        width = int(inputs[0].features) if inputs else 0
        matrix = width * width
        into = matrix + (width if a.bias else 0)
        maps = [Detail(n, n, ("x",), "linear", True, into) for n in ("q", "k", "v")]
        out = Detail("out", "out", ("heads",), "linear", True, matrix + width)
        return (*maps, *_weighed(a, "q", "k", "v"), out)


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
            "softcap", Kind.NUMBER, None, "scores stay between this and its negative"
        ),
        Argument(
            "rotary",
            Kind.NUMBER,
            None,
            "the base of rotary positions (10000, as a rule)",
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
    )

    def shape_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Shape:
        q, k, v = inputs
        if a.talking and (a.causal or a["window"] or a["softcap"] is not None):
            raise Misfit(
                "RF402",
                "mixes the weights of its heads, with a bias: each query sees every key",
                hint="heads that talk are not causal, and have no window and no softcap",
                argument="talking",
            )
        for x in inputs:
            require_layout(x, Layout.TOKENS)
        heads, shared = a.heads, _kv_heads(a)
        self._fits(a, q, heads, "heads", "queries")
        self._fits(a, k, shared, "kvheads", "keys")
        self._fits(a, v, shared, "kvheads", "values")
        if known(*k.grid, *v.grid) and k.grid != v.grid:
            raise Misfit("RF401", f"has {k.grid[0]} keys, but {v.grid[0]} values")
        if known(heads, shared) and heads % shared:
            raise Misfit(
                "RF402",
                f"has {heads} heads, which {shared} heads of keys cannot share",
                argument="kvheads",
            )
        if known(q.features, k.features, heads, shared):
            widths = q.features // heads, k.features // shared
            if widths[0] != widths[1]:
                raise Misfit(
                    "RF401",
                    f"has heads of {widths[0]} features for queries, but of {widths[1]} "
                    "for keys",
                    hint="keys are kvheads/heads as wide as queries",
                )
            if a["rotary"] is not None and widths[0] % 2:
                raise Misfit(
                    "RF402",
                    f"turns pairs of features, and a head has {widths[0]}",
                    argument="rotary",
                )
        if heads == shared:
            return q.with_features(v.features)
        return q.with_features(v.features // shared * heads)

    def _fits(
        self, a: Arguments, x: Shape, heads: Size, argument: str, what: str
    ) -> None:
        if known(x.features, heads) and x.features % heads:
            raise Misfit(
                "RF402",
                f"has {heads} heads, which do not divide the {x.features} features of "
                f"its {what}",
                argument=argument,
            )

    def cost_of(self, inputs: tuple[Shape, ...], a: Arguments) -> Cost:
        q, k, _ = inputs
        made = self.shape_of(inputs, a)
        kept = _kept(inputs, made, a)
        heads, pairs = int(a.heads), int(q.grid[0]) * int(k.grid[0])
        parameters = 2 * (int(q.features) // heads) if a.qknorm else 0
        parameters += 2 * heads * (heads + 1) if a.talking else 0
        mixed = 2 * heads * heads * pairs if a.talking else 0
        return Cost(
            parameters=parameters,
            multiply_adds=int(k.grid[0]) * (q.elements + made.elements) + mixed,
            saves_input=kept.inputs,
            saves_output=kept.output,
            saves_more=kept.more,
            saves_bytes=4 * kept.rows,
            saves_once=kept.once,
            workspace=kept.more,
            workspace_back=sum(x.elements for x in inputs),
        )

    def deeds_of(self, inputs: tuple[Shape, ...], a: Arguments) -> tuple[Deed, ...]:
        # Heads that talk are one operation here.
        return () if a.talking else tuple(_deeds(inputs, self.shape_of(inputs, a), a))

    def details(
        self, inputs: tuple[Shape, ...] | None, a: Arguments
    ) -> tuple[Detail, ...]:
        named = {"q": "q", "k": "k", "v": "v"}
        found: list[Detail] = []

        def then(which: str, detail: Detail) -> None:
            found.append(detail)
            named[which] = detail.name

        head = int(inputs[0].features) // int(a.heads) if inputs else 0
        for which in ("q", "k"):
            if a.qknorm:
                note = f"of each head of {which}"
                norm = Detail(f"{which}norm", "rmsnorm", (which,), note, True, head)
                then(which, norm)
            if a["rotary"] is not None:
                note = f"positions of {which}"
                then(which, Detail(f"{which}turn", "rotary", (named[which],), note))
        if a["kvheads"] not in (None, a.heads):
            for which in ("k", "v"):
                note = f"{which}, for the heads that share it"
                then(which, Detail(f"{which}all", "repeat", (named[which],), note))
        talk = (int(a.heads) + 1) * int(a.heads) if inputs and a.talking else 0
        return (*found, *_weighed(a, **named, talk=talk))

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
        for name in ("window", "softcap", "rotary"):
            parts += [f"{name}={code(a[name])}"] if a[name] is not None else []
        parts += [f"normed={code(q.features // a.heads)}"] if a.qknorm else []
        parts += [f"scale={code(a.scale)}"] if a["scale"] is not None else []
        parts += [f"dropout={fraction(a.dropout)}"] if a.dropout != 0 else []
        parts += ["talking=True"] if a.talking else []
        return Emitted("{m}({q}, {k}, {v})", f"Attend({', '.join(parts)})")


def _weighed(a: Arguments, q: str, k: str, v: str, talk: int = 0) -> tuple[Detail, ...]:
    """The values, weighed by how well their keys meet the queries, of all heads.

    Where the heads talk, each of the maps between them has ``talk`` parameters.
    """
    talking = Detail("before", "linear", ("scores",), "between the heads", True, talk)
    found = [Detail("scores", "product", (q, k), "q·k, {heads} heads")]
    if "softcap" in a and a["softcap"] is not None:
        said = "up to {softcap}"
        found.append(Detail("capped", "tanh", ("scores",), said, activation=True))
    elif "talking" in a and a.talking:
        found.append(talking)
    limits = ["causal"] if a.causal else []
    limits += ["window {window}"] if "window" in a and a["window"] is not None else []
    limits += ["dropout {dropout}"] if a.dropout != 0 else []
    note = ", ".join(limits)
    found.append(Detail("weights", "softmax", (found[-1].name,), note, activation=True))
    if talking in found:
        found.append(replace(talking, name="behind", of=("weights",)))
    found.append(Detail("heads", "product", (found[-1].name, v), "weights·v"))
    return tuple(found)


def _kv_heads(a: Arguments) -> Size:
    return given(a, "kvheads", a.heads)


@dataclass(frozen=True)
class _Kept:
    """What autograd keeps: the inputs, or what is made of them on the way.

    torch's own kernel keeps its inputs, its output, and a number of four bytes for each head
    and query (`rows`).
    Where it has none (on a CPU with dropout, with a cap of the scores, with heads that talk,
    or where values are not as wide as keys) it keeps copies of all three, and the weights as
    often as they are changed.
    """

    inputs: tuple[str, ...]
    output: bool
    more: int
    rows: int
    once: int


def _kept(inputs: tuple[Shape, ...], made: Shape, a: Arguments) -> _Kept:
    q, k, v = inputs
    heads, shared = int(a.heads), int(_kv_heads(a))
    queries, keys = int(q.grid[0]), int(k.grid[0])
    capped = a["softcap"] is not None
    fused = _is_fused(q, made, a)
    turned, alone = a["rotary"] is not None, heads == shared
    straight = {
        "q": fused and not turned and not a.qknorm,
        "k": fused and not turned and not a.qknorm and alone,
        "v": fused and alone,
    }
    sizes = {"q": q.elements, "k": k.elements, "v": v.elements}
    more = 0
    for name, size in sizes.items():
        if not straight[name]:
            more += size if name == "q" else size // shared * heads
    if a.qknorm:
        more += q.elements + k.elements + heads * queries + shared * keys
    if fused:
        more += made.elements if turned else 0
    else:
        # Of heads that talk: scores, weights, and what is mixed of these, if no dropout is.
        copies = 3 - (a.dropout > 0) if a.talking else 2 if capped else 1
        if a.dropout > 0:
            copies += 2 if a.dropout < 1 else 1
        more += copies * heads * queries * keys
    names = tuple(n for n in sizes if straight[n] or (a.qknorm and n != "v"))
    # Cosines and sines of half the features of a head, for queries and for keys.
    angles = int(q.features) // heads * (queries + keys) if turned else 0
    rows = heads * queries if fused else 0
    return _Kept(names, fused and not turned, more, rows, angles)


def _is_fused(q: Shape, made: Shape, a: Arguments) -> bool:
    """Whether torch has a kernel of its own for it."""
    capped, alike = a["softcap"] is not None, made.features == q.features
    return alike and not capped and not a.talking and a.dropout == 0


def _deeds(inputs: tuple[Shape, ...], made: Shape, a: Arguments) -> Iterator[Deed]:
    """The operations of `Attend` (`blocks/support/attend.py`)."""
    heads, shared = int(a.heads), int(_kv_heads(a))
    capped, turned = a["softcap"] is not None, a["rotary"] is not None
    sizes = dict(zip("qkv", (x.elements for x in inputs), strict=True))
    last = {name: name for name in sizes}
    for name, x in zip("qk", inputs, strict=False):
        size, positions = x.elements, int(x.grid[0])
        if a.qknorm:
            rows = positions * (heads if name == "q" else shared)
            root, by, normed = (f"{what} {name}" for what in ("root", "by", "norm"))
            kept = 4 * rows
            yield Deed(root, (name,), 0, (name,), cheap=True, bytes=kept, back=3 * size)
            yield Deed(by, (name, root), size, (name,), cheap=True, back=size)
            yield Deed(normed, (by,), size, (by,), cheap=True, back=size)
            last[name] = normed
        if turned:
            # Cosines and sines of half the features of a head.
            angles = int(inputs[0].features) // heads * positions
            before, last[name] = last[name], f"turned {name}"
            yield Deed(last[name], (before,), size, cheap=True, once=angles, back=size)
    for name in "kv" if shared != heads else "":
        sizes[name] = sizes[name] // shared * heads
        before, last[name] = last[name], f"repeated {name}"
        yield Deed(last[name], (before,), sizes[name], cheap=True)
    queries, keys = int(inputs[0].grid[0]), int(inputs[1].grid[0])
    work = keys * inputs[0].elements, keys * made.elements
    if _is_fused(inputs[0], made, a):
        given, rows = tuple(last.values()), 4 * heads * queries
        asks = (*given, "out")
        yield Deed(
            "out", given, made.elements, asks, bytes=rows, multiply_adds=sum(work)
        )
        if turned:
            yield Deed("flat", ("out",), made.elements, cheap=True)
        return
    for name, size in sizes.items():
        if last[name] == name or (not capped and name != "v"):
            before, last[name] = last[name], f"copied {name}"
            yield Deed(last[name], (before,), size, cheap=True)
    pairs = heads * queries * keys
    given = last["q"], last["k"]
    yield Deed("scores", given, pairs, given, multiply_adds=work[0])
    if capped:
        yield Deed("scaled", ("scores",), pairs, cheap=True)
        yield Deed("tanh", ("scaled",), pairs, ("tanh",), cheap=True)
        yield Deed("capped", ("tanh",), pairs, cheap=True)
        yield Deed("seen", ("capped",), pairs, cheap=True)
    scores = "seen" if capped else "scores"
    yield Deed("weights", (scores,), pairs, ("weights",))
    weights = "weights"
    if a.dropout > 0:
        weights = "dropped"
        yield Deed(weights, ("weights",), pairs, cheap=True, bytes=pairs)
    given = weights, last["v"]
    yield Deed("out", given, made.elements, given, multiply_adds=work[1])
    yield Deed("flat", ("out",), made.elements, cheap=True)
