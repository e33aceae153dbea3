"""What stands around equations, said in another way: numbers, operators, stages."""

from __future__ import annotations

from fractions import Fraction

from recform.syntax import nodes as n
from tests.rewriting.equations import depth
from tests.rewriting.forms import flows
from tests.rewriting.places import (
    BLOCK,
    Text,
    is_equation,
    is_tensor,
    nodes,
    replaced,
    right,
    terms,
)


def constants(text: Text) -> None:
    """A number of an equation as a constant, a parameter, or a constant of blocks."""
    made: dict[Fraction, str] = {}
    for item in text.statements:
        expr = right(item)
        for part in terms(expr) if expr is not None else ():
            if isinstance(part, n.Number) and text.some(0.8):
                text.put(part, made.setdefault(part.value, f"number{len(made)}"))
    for value, name in made.items():
        word = text.draw.choice(("const", "param"))
        text.add(f"{word} {name} = {value}", before=_first(text))


def _first(text: Text) -> n.Statement:
    """The statement in front of which others may stand."""
    return next(x for x in text.statements if not isinstance(x, n.Network))


def block_constants(text: Text) -> None:
    """A number of an equation of all blocks as a constant of blocks."""
    made: dict[Fraction, str] = {}
    for item in text.equations:
        numbered = any(isinstance(x, n.Number) for x in nodes(item.left))
        for part in terms(right(item) or item.left[0]) if not numbered else ():
            if isinstance(part, n.Number) and text.some(0.8):
                made.setdefault(part.value, f"number{len(made)}")
                text.put(part, f"{made[part.value]}_i")
    for value, name in made.items():
        text.add(f"const {name}_i = {value} + 0*i", before=_first(text))


def inlined(text: Text) -> None:
    """A constant as its number."""
    consts = {x.target.name: x for x in text.of(n.Const) if x.per is None}
    for item in text.statements:
        for node in nodes(item) if not isinstance(item, n.Const) else ():
            const = consts.get(node.name) if isinstance(node, n.Reference) else None
            if const is None or not isinstance(node, n.Reference):
                continue
            named = {x.name for x in nodes(const.value) if isinstance(x, n.Reference)}
            if named & {*consts, "j"} or len(node.indices) != len(const.target.indices):
                continue
            shown = text.shown(const.value)
            for index in node.indices:
                shown = replaced(shown, BLOCK, f"({text.shown(index)})")
            text.put(node, f"({shown})")


def tables(text: Text) -> None:
    """A constant of blocks as a number for each; one number per stage as the number."""
    blocks = depth(text)
    staged = text.of(n.Scope) or len(text.of(n.Stages)[:1]) != 1
    for item in text.of(n.Const):
        name, index = item.target.name, item.target.indices
        if item.per == "stage":
            row = item.value
            numbers = row.items if isinstance(row, n.Tuple) else (row,)
            if len(set(numbers)) == 1:
                text.put(item, f"const {name} = {text.shown(numbers[0])}")
        elif len(index) == 1 and isinstance(index[0], n.Reference) and not staged:
            uses = [
                x
                for other in text.statements
                for x in nodes(other)
                if isinstance(x, n.Reference) and x.name == name
            ]
            plain = all(not getattr(x, "indices", ()) for x in nodes(item.value))
            if blocks and plain and all(use.indices == index for use in uses):
                value = replaced(text.shown(item.value), "L", str(blocks))
                row_ = [replaced(value, BLOCK, str(k + 1)) for k in range(blocks)]
                text.put(item, f"const {name} = {_row(row_)} per block")
                for use in uses[1:]:
                    text.put(use, name)


def _row(parts: list[str]) -> str:
    return f"({', '.join(parts)})" if len(parts) > 1 else f"({parts[0]},)"


def sizes(text: Text) -> None:
    """Widths and numbers of blocks as parameters."""
    made: dict[Fraction, str] = {}
    for item in text.of(n.Stages):
        for stage in item.stages:
            for part in (stage.width, stage.blocks):
                if isinstance(part, n.Number):
                    text.put(part, made.setdefault(part.value, f"size{len(made)}z"))
    for value, name in made.items():
        text.add(f"param {name} = {value}", before=_first(text))


def scopes(text: Text) -> None:
    """``scope stage`` where there is one stage, and back."""
    one = [x for x in text.of(n.Stages) if len(x.stages) == 1]
    if len(one) != 1 or len(text.of(n.Network)) > 1:
        return
    for item in text.of(n.Scope):
        text.put(item, "")
        return
    text.add("scope stage")


def parts(text: Text) -> None:
    """A stage of several blocks as two stages."""
    blocks = depth(text)
    named = [
        x.name for x in nodes(tuple(text.statements)) if isinstance(x, n.Reference)
    ]
    (stage, *more) = [x for item in text.of(n.Stages) for x in item.stages] or [None]
    if stage is None or blocks < 2 or more or text.of(n.Scope):
        return
    settings = [x.name for item in text.of(n.Settings) for x in item.settings]
    if stage.stride is not None or {"j", "first"} & {*named} or "stages" in settings:
        return
    first, width = text.draw.randint(1, blocks - 1), text.shown(stage.width)
    text.put(stage, f"{width} x {first}, {width} x {blocks - first}")
    for item in text.of(n.Const):
        if item.per == "stage":
            row = item.value
            one = text.shown(row.items[0] if isinstance(row, n.Tuple) else row)
            text.put(row, f"({one}, {one})")


def definitions(text: Text) -> None:
    """A flow as that of a definition, with an argument for one of its numbers."""
    for name, item in flows(text).items():
        flow, shown = item.right, text.shown(item.right)
        if ":" in shown or shown.startswith("("):
            continue
        numbers = [
            x
            for part in flow.parts
            for x in terms(part.expr)
            if isinstance(x, n.Number) and x.value.denominator == 1
        ]
        head, call = f"{name}flow", f"{name}flow"
        if numbers and text.some(0.7):
            number = text.draw.choice(numbers)
            value, start = text.shown(number), flow.span.start
            before, behind = number.span.start - start, number.span.end - start
            shown = f"{shown[:before]}size{shown[behind:]}"
            head = f"{head}(size={text.draw.choice(('1', '2', value))})"
            call = f"{call}({text.draw.choice(('', 'size='))}{value})"
        text.put(item, f"{head} = {shown}\n{name} = {call}")


def opened(text: Text) -> None:
    """A flow that another one uses, in its place."""
    known = flows(text)
    for item in known.values():
        for part in item.right.parts:
            name = part.expr.name if isinstance(part.expr, n.Reference) else ""
            if name in known and part.label is None:
                text.put(part.expr, text.shown(known[name].right))


def gates(text: Text) -> None:
    """A definition by an equation with one operator, in its place."""
    for item in text.of(n.Relation):
        match (item.left, item.where):
            case (
                (n.Call(function=function, arguments=(n.Reference(name=x),)),),
                (n.Relation(left=(n.Reference(name=inner),), right=flow),),
            ):
                letter, body = text.fresh("M", "K", "J"), text.shown(item.right)
                body = replaced(body, inner, f"{letter}@").replace(inner, letter)
                _open(text, function.name, replaced(body, x, "(#)"))
                if text.edits:
                    text.add(f"{letter} = {text.shown(flow)}")
                return


def _open(text: Text, name: str, body: str) -> None:
    """Puts a body in the place of an operator; `@` is the index, `#` the tensor."""
    for expr in text.expressions:
        if isinstance(expr, n.Product):
            (_, one), (sign, two) = expr.factors[-2:]
            is_meant = isinstance(one, n.Reference) and one.name == name
            if is_meant and sign == 1 and is_tensor(two):
                index = text.shown(one)[len(name) :]
                made = body.replace("@", index).replace("#", text.shown(two))
                text.between(one.span.start, two.span.end, f"({made})")


def order(text: Text) -> None:
    """Statements in another order, but for equations and declarations of numbers."""
    if len(text.of(n.Network)) > 1:
        return
    kept = n.Const | n.Scalar | n.Param | n.Network | n.Use | n.Input
    free = [
        item
        for item in text.statements
        if not isinstance(item, kept) and not is_equation(item)
    ]
    # The first equation of an operator says which comes first.
    free = [x for x in free if not isinstance(x, n.Relation) or _is_operator(x)]
    shown = [text.shown(item) for item in free]
    text.draw.shuffle(shown)
    for item, line in zip(free, shown, strict=True):
        text.put(item, line)


def _is_operator(item: n.Relation) -> bool:
    left = item.left[0]
    is_call = isinstance(left, n.Call) and not left.function.indices
    return is_call or (isinstance(left, n.Reference) and not left.indices)
