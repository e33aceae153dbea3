"""Attention between the positions of tokens: of one tensor, or of several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

from recform.blocks.acts import Inner
from recform.blocks.amount import Amount, Cost
from recform.blocks.arguments import Argument, Arguments, Kind, given
from recform.blocks.code import code
from recform.blocks.details import (
    Detail,
    again,
    at_once,
    converted,
    made_by,
    on_gpu,
    operation,
    widened,
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
from recform.operators.activation import Softmax
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
        weighed = _weighed(a, (q, k, v), x.shape, (q, k, v))
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
            weighed = _kernel(weighed, (q, k, v), a)
        else:
            given = q, k, v
            weighed = _wide(weighed, given, given, a, trains=True)
            weighed, result = _cut(weighed, given), "apart"
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
        fused = a.dropout == 0 and _is_fused(q, self.shape_of(inputs, a), a)
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
            for which, heads in (("q", a.heads), ("k", _kv_heads(a))):
                then(which, _normed(which, last[which], heads))
        if _turns(a):
            names, share = (last["q"].name, last["k"].name), share_of(inputs[0], a)
            for which in "qk":
                note = f"positions of {which}"
                then(which, turned(f"{which}turn", last[which], share, note, names))
        if a["kvheads"] not in (None, a.heads):
            for which in "kv":
                then(which, _repeated(which, last[which], a))
        _, _, v = given = tuple(last.values())
        if y is None:
            return (*found, *_weighed(a, given, None))
        fused = _is_fused(shapes[0], y, a)
        kernel = _named(_kernel(_weighed(a, given, y), given, a), given)
        if a.dropout == 0 and fused:
            return (*found, *kernel)
        # A product takes heads apart; positions that are turned, or heads that are
        # repeated, lie so already.
        free = a["softcap"] is None and not a.talking
        apart = [*inputs, *(x for x in found if x.said == RMSNorm.name)]
        copied = [x for x in given if x in apart or (free and x is not v)]
        weighed = _weighed(a, given, y, copied)
        if free:
            weighed = _wide(weighed, given, apart, a, trains=fused)
        weighed = _named(weighed, given)
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
        return Emitted("{m}({q}, {k}, {v})", f"Attend({', '.join(parts)})")


def _weighed(
    a: Arguments,
    given: tuple[Detail, ...],
    made: Shape | None,
    copied: Sequence[Detail] = (),
) -> tuple[Detail, ...]:
    """The values, weighed by how well their keys meet the queries, of all heads.

    Args:
        a: the arguments of the operator.
        given: queries, keys and values.
        made: the shape that comes out; None where it is not known.
        copied: those of them that are copied first.
    """
    q, k, v = given
    found, talking = list[Detail](), "talking" in a and bool(a.talking)
    scaled = [again("scaled", (q,), q.numbers)] if talking else []
    first = scaled[0] if talking else q
    # Of one head, examples and heads are one axis as they lie.
    copied = () if a.heads == 1 else copied
    copies = {x.name: _copied(first if x is q else x, x.numbers) for x in copied}
    left = copies.get(q.name, first)
    right, values = (copies.get(x.name, x) for x in (k, v))
    late = [copies.pop(v.name)] if v.name in copies else []
    shape = None
    if q.shape and k.shape:
        shape = Shape(Layout.PIXELS, a.heads, (*q.shape.grid, *k.shape.grid))
    scores = Detail("scores", "product", (q.name, k.name), shape=shape)
    one = _met("scores", (left, right), scores.numbers, k.rows * q.numbers)
    does = (*scaled, *copies.values(), replace(one, names=("scaled",) * talking))
    scores = replace(scores, note="q·k, {heads} heads", does=does)
    found.append(scores)
    if "softcap" in a and a["softcap"] is not None:
        found.append(_capped(scores))
    elif talking:
        # Which reads the heads of a query and a key side by side.
        copy = _copied(scores, scores.numbers)
        before = made_by(
            "before", Linear(), replace(scores, name=str(copy.tensor)), note=_BETWEEN
        )
        does = (copy, *before.does)
        found.append(replace(before, of=(scores.name,), does=does))
    limits = ["causal"] if a.causal else []
    limits += ["window {window}"] if "window" in a and a["window"] is not None else []
    limits += ["dropout {dropout}"] if a.dropout != 0 else []
    note = ", ".join(limits)
    found.append(made_by("weights", Softmax(), found[-1], note=note, activation=True))
    if talking:
        behind = made_by("behind", Linear(), found[-1], note=_BETWEEN)
        does = tuple(replace(x, names=("scores",)) for x in behind.does)
        found.append(replace(behind, does=does))
    weights = found[-1]
    heads = Detail("heads", "product", (weights.name, v.name), "weights·v", shape=made)
    # torch keeps what it multiplies by, and a lean pass which of them are left.
    dropped, pairs = [], weights.numbers
    if pairs and a.dropout > 0:  # which may be a symbol where sizes are
        more, stays = pairs * (a.dropout < 1), Amount(bytes=pairs)
        drawn = Cost(saves_more=more, cheap=True, stays=stays)
        act = operation("dropped", (weights,), pairs, cost=drawn)
        dropped.append(_absent(act))
    last: Detail | Inner = dropped[0] if dropped else weights
    mixed = [_copied(last, pairs)] if talking else []
    both = (mixed[0] if talking else last), values
    one = _met("apart", both, heads.numbers, k.rows * heads.numbers)
    if found[1].name == "capped":
        one = replace(one, names=("capped",))
    elif talking:
        one = replace(one, names=(last.made[0],))
    does = (*dropped, *mixed, *late, one, again("heads", (one,), heads.numbers))
    return (*found, replace(heads, does=does))


def _named(weighed: Sequence[Detail], given: Sequence[Detail]) -> tuple[Detail, ...]:
    """The same; code has names for what comes in until it returns."""
    *others, last = weighed
    *acts, one = last.does
    names = (*one.names, *(x.name for x in given))
    return (*others, replace(last, does=(*acts, replace(one, names=names))))


def _cut(weighed: Sequence[Detail], given: Sequence[Detail]) -> tuple[Detail, ...]:
    """The same, of queries, keys and values that are parts of one tensor."""
    sizes = {x.name: x.numbers for x in given}

    def each(act: Inner) -> Inner:
        parts = [str(name) for name in act.reads if name in sizes]
        return replace(act, cuts=tuple((n, sizes[n], "qkv") for n in parts))

    return tuple(replace(x, does=tuple(map(each, x.does))) for x in weighed)


def _absent(act: Inner) -> Inner:
    """An operation of which there is nothing in evaluation."""
    return replace(act, links=tuple(replace(x, absent=True) for x in act.links))


def _wide(
    weighed: Sequence[Detail],
    given: Sequence[Detail],
    apart: Sequence[Detail],
    a: Arguments,
    *,
    trains: bool,
) -> tuple[Detail, ...]:
    """Attention for which torch has no kernel: step by step.

    All numbers in it have four bytes, of which it copies those that come in.

    Args:
        weighed: what it does.
        given: queries, keys and values.
        apart: those of them whose heads lie apart.
        a: the arguments of the operator.
        trains: whether it is so in training alone, where it drops weights.
    """
    without = _absent if trains else lambda act: act
    (pairs,) = (x.numbers for x in weighed if x.name == "weights")
    up = {x.name: converted(f"up {x.name}", x, wide=True) for x in given}
    # Queries and keys are scaled before heads that lie apart are copied.
    scaled = {
        x.name: again(f"scaled {x.name}", (up[x.name],), x.numbers, wide=True)
        for x in given[:2]
        if x in apart
    }
    now: dict[object, object]
    now = {name: act.tensor for name, act in {**up, **scaled}.items()}
    q, k = given[0], given[1]
    lies = up[q.name].tensor if a.heads == 1 else f"copied {q.name}"
    first = scaled[q.name].tensor if q in apart else lies
    names = (first, *(x.tensor for x in up.values()))
    turned = _turns(a)

    def within(act: Inner) -> tuple[Inner, ...]:
        if act.tensor == "heads":
            return (act if turned else without(act),)
        reads, asks = (
            tuple(now.get(n, n) for n in names) for names in (act.reads, act.asks)
        )
        act = widened(replace(act, reads=reads, asks=asks))
        if act.tensor != "apart":
            return (without(act),)
        # Its weights come out as well, in two bytes a number; nobody takes them.
        (link,) = act.links
        more, mask = link.made * trains, 2 * q.rows * k.rows * a.causal
        wide = replace(_holding(act, pairs + more, mask, absent=trains), tensor="wide")
        last = replace(converted("apart", wide), names=names)
        return wide, last if trains else _holding(last, pairs, mask)

    acts = [tuple(y for act in x.does for y in within(act)) for x in weighed]
    before = map(without, (*up.values(), *scaled.values()))
    does = ((*before, *acts[0]), *acts[1:])
    return tuple(replace(x, does=y) for x, y in zip(weighed, does, strict=True))


def _holding(act: Inner, numbers: int, once: int, **more: Any) -> Inner:
    """An operation that holds so many numbers besides, of two bytes each."""
    (link,) = act.links
    more |= {"workspace": numbers, "workspace_once": once}
    half = replace(link.cost.in_half, **more)
    return replace(act, links=(replace(link, cost=replace(link.cost, half=half)),))


def _copied(x: Detail | Inner, numbers: int) -> Inner:
    """A copy, of which a product of matrices makes rows of all examples and heads."""
    cost = Cost(cheap=True, folds=True)
    return operation(f"copied {x.made[0]}", (x,), numbers, cost=cost)


def _met(
    name: str, both: Sequence[Detail | Inner], numbers: int, multiply_adds: int
) -> Inner:
    """A product of matrices."""
    asks = tuple(x.made[0] for x in both)
    return operation(name, both, numbers, asks, cost=Cost(multiply_adds=multiply_adds))


def _capped(scores: Detail) -> Detail:
    """Scores between a number and its negative, of those that are seen."""
    size, acts = scores.numbers, []
    act: Detail | Inner = scores
    for name in ("scaled", "tanh", "up"):
        act = again(name, (act,), size, ("tanh",) * (name == "tanh"))
        acts.append(act)
    # Which keys are seen is a byte each, made of nothing that comes in.
    grid = scores.shape.grid if scores.shape and size else (0,)
    seen = Amount(once_bytes=math.prod(map(int, grid)))
    cost = Cost(saves_once_bytes=seen.once_bytes, cheap=True, stays=seen, fixed=seen)
    acts.append(operation("capped", (act,), size, cost=cost))
    said = "capped", "tanh", (scores.name,), "up to {softcap}"
    return Detail(*said, activation=True, shape=scores.shape, does=tuple(acts))


def _kernel(
    weighed: Sequence[Detail], given: Sequence[Detail], a: Arguments
) -> tuple[Detail, ...]:
    """The same by torch's own kernel.

    It keeps what comes in, what comes out, and a number of four bytes for each head and
    query; and of a window the mask, which is of no example.
    """
    *others, last = weighed
    turned, rows = _turns(a), 4 * int(a.heads) * given[0].rows
    seen = "window" in a and a["window"] is not None
    mask = given[0].rows * given[1].rows if seen else 0
    name = "kernel" if turned else last.name
    fixed = Amount(once=mask)
    stays = fixed + Amount(bytes=rows)
    draws = a.dropout > 0
    keeps = Cost(
        saves_bytes=rows,
        saves_once=mask,
        # What it draws it draws again for its own gradient alone.
        changed_in_place=draws,
        # It is made of one that says which keys are seen, a byte each.
        workspace_once=mask + -(-mask // 4),
        stays=stays,
        fixed=fixed,
    )
    asks, alike = (*(x.name for x in given), name), last.numbers == given[0].numbers
    *others, one = at_once((*others, replace(last, name=name)), given, keeps, asks=asks)
    flat = (_flat(last.name, one, apart=not mask and alike),) * turned
    return (*others, replace(one, name=last.name, does=(*one.does, *flat)))


def _flat(name: str, kernel: Detail, *, apart: bool) -> Inner:
    """The heads side by side, as a GPU has them if its kernel is the one that saves memory.

    Args:
        name: of them.
        kernel: what makes them.
        apart: whether another one takes numbers of two bytes there.
    """
    copy = Cost(cheap=True)
    gpu = Cost(passes=True, cheap=True, half=copy if apart else None)
    cost = replace(copy, gpu=gpu)
    return operation(name, kernel.does, kernel.numbers, cost=cost)


def _normed(which: str, x: Detail, heads: Size) -> Detail:
    """Each head of a position divided by its root mean square."""
    apart, name, note = x, f"{which}norm", f"of each head of {which}"
    if x.shape:
        each = Shape(Layout.STREAMS, x.shape.features // heads, (heads, *x.shape.grid))
        apart = replace(x, shape=each)
    return replace(made_by(name, RMSNorm(), apart, note=note), shape=x.shape)


def _repeated(which: str, x: Detail, a: Arguments) -> Detail:
    """Heads of keys or values, as often as there are heads of queries."""
    shape = x.shape
    if shape:
        shape = shape.with_features(shape.features // _kv_heads(a) * a.heads)
    name, note = f"{which}all", f"{which}, for the heads that share it"
    made = Detail(name, "repeat", (x.name,), note, shape=shape)
    return replace(made, does=(again(name, (x,), made.numbers),))


def _kv_heads(a: Arguments) -> Size:
    return given(a, "kvheads", a.heads)


def _is_fused(q: Shape, made: Shape, a: Arguments) -> bool:
    """Whether torch has a kernel of its own for it, where nothing is dropped."""
    capped, alike = a["softcap"] is not None, made.features == q.features
    return alike and not capped and not a.talking


def _turns(a: Arguments) -> bool:
    """Whether queries and keys are turned by their positions."""
    return "rotary" in a and a["rotary"] is not None and a["turned"] != 0
