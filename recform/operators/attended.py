"""What attention computes inside, one operation of torch after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from recform.blocks.acts import Inner
from recform.blocks.amount import Amount, Cost
from recform.blocks.arguments import Arguments
from recform.blocks.arguments import given as told
from recform.blocks.details import (
    Detail,
    again,
    at_once,
    converted,
    made_by,
    operation,
    widened,
)
from recform.blocks.shape import Layout, Shape, Size
from recform.operators.activation import Softmax
from recform.operators.linear import Linear
from recform.operators.norm import RMSNorm

#: Between the heads.
_BETWEEN = "between the heads"


def weighing(
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
    if sinks(a):
        found.append(_with_sinks(scores, found[-1]))
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
    dropped, pairs = [], scores.numbers
    # With a score of no key they are a part of what the softmax makes.
    seen = Inner("cut", (weights.name,), (), ()) if sinks(a) else weights
    if pairs and a.dropout > 0:  # which may be a symbol where sizes are
        more, stays = pairs * (a.dropout < 1), Amount(bytes=pairs)
        drawn = Cost(saves_more=more, cheap=True, stays=stays)
        act = operation("dropped", (seen,), pairs, cost=drawn)
        dropped.append(_absent(act))
    last: Detail | Inner = dropped[0] if dropped else seen
    mixed = [_copied(last, pairs)] if talking else []
    both = (mixed[0] if talking else last), values
    one = _met("apart", both, heads.numbers, k.rows * heads.numbers)
    name = "joined" if sinks(a) else "capped" if found[1].name == "capped" else ""
    name = str(last.made[0]) if talking else name
    one = replace(one, names=(name,) if name else ())
    acts: tuple[Inner, ...] = (*dropped, *mixed, *late, one)
    if isinstance(seen, Inner):
        part = ((seen.tensor, pairs, weights.name),)
        cut = (replace(x, cuts=part * (seen.tensor in x.reads)) for x in acts)
        acts = (seen, *cut)
    acts = (*acts, again("heads", (one,), heads.numbers))
    return (*found, replace(heads, does=acts))


def with_names(
    weighed: Sequence[Detail], given: Sequence[Detail]
) -> tuple[Detail, ...]:
    """The same; code has names for what comes in until it returns."""
    *others, last = weighed
    *acts, one = last.does
    names = (*one.names, *(x.name for x in given))
    return (*others, replace(last, does=(*acts, replace(one, names=names))))


def of_one(weighed: Sequence[Detail], given: Sequence[Detail]) -> tuple[Detail, ...]:
    """The same, of queries, keys and values that are parts of one tensor."""
    sizes = {x.name: x.numbers for x in given}

    def each(act: Inner) -> Inner:
        parts = [str(name) for name in act.reads if name in sizes]
        return replace(act, cuts=tuple((n, sizes[n], "qkv") for n in parts))

    return tuple(replace(x, does=tuple(map(each, x.does))) for x in weighed)


def _absent(act: Inner) -> Inner:
    """An operation of which there is nothing in evaluation."""
    return replace(act, links=tuple(replace(x, absent=True) for x in act.links))


def stepwise(
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
    turned = turns(a)

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
    acts.append(_seen("capped", act, scores))
    said = "capped", "tanh", (scores.name,), "up to {softcap}"
    return Detail(*said, activation=True, shape=scores.shape, does=tuple(acts))


def _with_sinks(scores: Detail, last: Detail) -> Detail:
    """Scores of those keys that are seen, and behind them one that a head has learned.

    Args:
        scores: of all keys.
        last: these, or those that are capped, which are of what is seen already.
    """
    before: list[Inner] = []
    if last is scores:
        before = [again("scaled", (scores,), scores.numbers)]
        before.append(_seen("seen", before[0], scores))
    shape, learned = scores.shape, 0
    if shape is not None:
        queries, keys = shape.grid
        shape, learned = replace(shape, grid=(queries, keys + 1)), shape.features
    said = "joined", "sinks", (last.name,), "one more score of each head"
    joined = Detail(*said, learned=True, shape=shape)
    if not joined.numbers:
        return joined
    act: Detail | Inner = before[-1] if before else last
    one = again("joined", (act,), joined.numbers, parameters=int(learned))
    one = replace(one, hands=(act.made[0],))
    return replace(joined, parameters=int(learned), does=(*before, one))


def _seen(name: str, act: Detail | Inner, scores: Detail) -> Inner:
    """Scores that are none but of the keys that are seen."""
    # Which keys these are is a byte each, made of nothing that comes in.
    size = scores.numbers
    grid = scores.shape.grid if scores.shape and size else (0,)
    seen = Amount(once_bytes=math.prod(map(int, grid)))
    cost = Cost(saves_once_bytes=seen.once_bytes, cheap=True, stays=seen, fixed=seen)
    return operation(name, (act,), size, cost=cost)


def by_kernel(
    weighed: Sequence[Detail], given: Sequence[Detail], a: Arguments
) -> tuple[Detail, ...]:
    """The same by torch's own kernel.

    It keeps what comes in, what comes out, and a number of four bytes for each head and
    query; and of a window the mask, which is of no example.
    """
    *others, last = weighed
    # One head lies as it does among others already.
    turned, rows = turns(a) and a.heads != 1, 4 * int(a.heads) * given[0].rows
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


def heads_normed(which: str, x: Detail, heads: Size) -> Detail:
    """Each head of a position divided by its root mean square."""
    apart, name, note = x, f"{which}norm", f"of each head of {which}"
    if x.shape:
        each = Shape(Layout.STREAMS, x.shape.features // heads, (heads, *x.shape.grid))
        apart = replace(x, shape=each)
    return replace(made_by(name, RMSNorm(), apart, note=note), shape=x.shape)


def heads_repeated(which: str, x: Detail, a: Arguments) -> Detail:
    """Heads of keys or values, as often as there are heads of queries."""
    shape = x.shape
    if shape:
        shape = shape.with_features(shape.features // kv_heads(a) * a.heads)
    name, note = f"{which}all", f"{which}, for the heads that share it"
    made = Detail(name, "repeat", (x.name,), note, shape=shape)
    return replace(made, does=(again(name, (x,), made.numbers),))


def kv_heads(a: Arguments) -> Size:
    """How many heads keys and values have."""
    return told(a, "kvheads", a.heads)


def is_fused(q: Shape, made: Shape, a: Arguments) -> bool:
    """Whether torch has a kernel of its own for it, where nothing is dropped."""
    capped, alike = a["softcap"] is not None, made.features == q.features
    return alike and not capped and not a.talking and not a.sinks


def sinks(a: Arguments) -> bool:
    """Whether each head has a score besides, which is of no key."""
    return "sinks" in a and bool(a.sinks)


def turns(a: Arguments) -> bool:
    """Whether queries and keys are turned by their positions."""
    return "rotary" in a and a["rotary"] is not None and a["turned"] != 0
