"""The same numbers, indices, sums and brackets, written in another way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from recform.syntax import nodes as n
from tests.rewriting.places import (
    RUNNING,
    Text,
    is_range,
    is_tensor,
    nodes,
    replaced,
    terms,
)

#: The subscript of a name, if there is one.
_SUBSCRIPT = re.compile(r"_(?=[<{])|_(?=[A-Za-z0-9\u0370-\u03ff]+$)")


def whole(text: Text) -> Iterator[n.Expr]:
    """What can be taken for one thing, in equations, the output and numbers."""
    values: list[n.Expr] = []
    for item in text.statements:
        if isinstance(item, n.Const | n.Scalar | n.Param):
            is_row = isinstance(item.value, n.Tuple)
            values += item.value.items if is_row else (item.value,)
    for expr in (*text.expressions, *(x for value in values for x in terms(value))):
        is_word = isinstance(expr, n.Tuple | n.String | n.Boolean | n.Ellipsis)
        if not is_word and not is_range(expr):
            yield expr


def brackets(text: Text) -> None:
    """Brackets around what is one thing already."""
    for expr in whole(text):
        if text.some(0.3):
            text.wrap(expr, "(", ")")


def indices(text: Text) -> None:
    """``X_<i-1>`` as ``X_{-1 + i}``, ``X_i`` as ``X_<i+1-1>``."""
    declared = {id(x) for item in text.statements for x in _declared(item)}
    for node in nodes(tuple(text.statements)):
        if not isinstance(node, n.Reference) or not node.indices or text.some(0.4):
            continue
        shown = text.shown(node)
        found = _SUBSCRIPT.search(shown)
        assert found is not None
        first, *more = node.indices
        start = text.shown(first) if id(node) in declared else _index(text, first)
        parts = ", ".join([start, *map(text.shown, more)])
        before, behind = text.draw.choice(("<>", "{}"))
        text.put(node, f"{shown[: found.start()]}_{before}{parts}{behind}")


def _declared(item: n.Statement) -> Iterator[n.Reference]:
    """What a statement declares: it has its own letters for an index."""
    if isinstance(item, n.Const | n.Scalar):
        yield item.target
    elif isinstance(item, n.Relation):
        yield from (left for left in item.left if isinstance(left, n.Reference))
        for inner in item.where:
            yield from _declared(inner)


def _index(text: Text, expr: n.Expr | n.Range) -> str:
    if isinstance(expr, n.Range):
        return f"{_index(text, expr.first)}..{_index(text, expr.last)}"
    shown = text.shown(expr)
    forms = [shown, f"({shown})", f"{shown} + 0", f"1*({shown})", f"{shown} + 1 - 1"]
    match expr:
        case n.Sum(terms=((1, first), (sign, n.Number(value=value)))):
            one, by = text.shown(first), sign * value
            forms += [f"{by} + {one}", f"{one} + ({by})", f"{one} + {by - 1} + 1"]
    return text.draw.choice(forms).replace("+ -", "- ")


def numbers(text: Text) -> None:
    """``0.5`` as ``1/2``, ``.5``, ``500000e-6``."""
    for expr in whole(text):
        if isinstance(expr, n.Number) and text.some(0.7):
            text.put(expr, text.draw.choice(_numbers(expr.value)))


def _numbers(value: Fraction) -> list[str]:
    over, under = value.numerator, value.denominator
    forms = [f"({value})", f"({2 * over}/{2 * under})", f"({value + 1} - 1)"]
    if under == 1:
        forms += [f"{value}.0", f"{value}.", f"{value}e0"]
    elif 10**6 % under == 0:
        forms += [f"{float(value):.6f}", f"{int(value * 10**6)}e-6"]
    return forms


def ones(text: Text) -> None:
    """What changes nothing: a factor of 1, a power of 1, two signs."""
    forms = ("(1*{})", "({}/1)", "({}^1)", "(+{})", "((2-1)*{})")
    for expr in whole(text):
        is_split = isinstance(expr, n.Call) and expr.function.name == "split"
        if text.some(0.15) and not is_split:
            before, behind = text.draw.choice(forms).split("{}")
            if isinstance(expr, n.Sum | n.Power | n.Product):
                before, behind = f"{before}(", f"){behind}"
            text.wrap(expr, before, behind)


def signs(text: Text) -> None:
    """``a - b`` as ``a + -b``, as ``a + (-1)*b``."""
    for expr in whole(text):
        if not isinstance(expr, n.Sum):
            continue
        for (_, before), (sign, term) in zip(expr.terms, expr.terms[1:], strict=False):
            if sign == -1 and not isinstance(term, n.Sum) and text.some(0.7):
                form = text.draw.choice(("-", "(-1)*", "(1-2)*", "-1*", "(-2/2)*"))
                text.between(before.span.end, term.span.start, f" + {form}")


def turned(text: Text) -> None:
    """Terms and factors in another order, where all shapes are one."""
    stages = [stage for item in text.of(n.Stages) for stage in item.stages]
    if len(stages) != 1 or re.search(r"\bbn\b|split|concat|transition", text.text):
        return
    for expr in whole(text):
        if isinstance(expr, n.Sum) and expr.terms[0][0] == 1 and text.some():
            parts = [(sign, text.shown(term)) for sign, term in expr.terms]
            text.draw.shuffle(parts)
            shown = "".join(f" {'-' if s < 0 else '+'} {part}" for s, part in parts)
            text.put(expr, shown.removeprefix(" + ").strip())
        elif isinstance(expr, n.Call) and expr.function.name in ("max", "min", "mean"):
            given = [text.shown(x) for x in expr.arguments]
            text.put(expr, f"{expr.function.name}({', '.join(reversed(given))})")


def calls(text: Text) -> None:
    """``W_i*x`` as ``W_i(x)``."""
    operators = flows(text)
    for expr in whole(text):
        if not isinstance(expr, n.Product) or text.some(0.2):
            continue
        (_, one), (sign, two) = expr.factors[-2:]
        is_operator = isinstance(one, n.Reference) and one.name in operators
        if sign == 1 and is_operator and is_tensor(two):
            text.edits.append((one.span.end, two.span.start, "("))
            text.edits.append((two.span.end, two.span.end, ")"))


def flows(text: Text) -> dict[str, n.Relation]:
    """Operators that the file defines by flows."""
    return {
        left.name: item
        for item in text.of(n.Relation)
        for left in item.left
        if isinstance(left, n.Reference) and not left.indices and not item.where
    }


def powers(text: Text) -> None:
    """``X^2`` as ``X*X``, ``W_i*W_i`` as ``W_i^2``."""
    operators = flows(text)
    for expr in whole(text):
        match expr:
            case n.Power(exponent=n.Number(value=value)) if value in (2, 3):
                base = text.shown(expr.base)
                text.put(expr, f"({'*'.join([base] * int(value))})")
            case n.Product():
                pairs = zip(expr.factors, expr.factors[1:], strict=False)
                for (_, one), (sign, two) in pairs:
                    is_operator = isinstance(one, n.Reference) and one.name in operators
                    if sign == 1 and one == two and is_operator:
                        text.between(one.span.end, two.span.end, "^2")


def distributed(text: Text) -> None:
    """``(A + B)*x`` as ``A*x + B*x``."""
    for expr in whole(text):
        match expr:
            case n.Product(factors=((1, n.Group(inner=n.Sum()) as many), (1, tensor))):
                if is_tensor(many) or not is_tensor(tensor):
                    continue
                assert isinstance(many.inner, n.Sum)
                parts = [
                    f"{'-' if sign < 0 else '+'} {text.shown(term)}*{text.shown(tensor)}"
                    for sign, term in many.inner.terms
                ]
                text.put(expr, f"({' '.join(parts)})")


def sums(text: Text) -> None:
    """``sum(X_<0..i-1>)`` as ``sum(k, 0, i-1, X_k)``."""
    for expr in whole(text):
        match expr:
            case n.Call(function=n.Reference(name="sum"), arguments=(one,)):
                if isinstance(one, n.Reference) and len(one.indices) == 1:
                    (over,) = one.indices
                    assert isinstance(over, n.Range)
                    ends = f"{text.shown(over.first)}, {text.shown(over.last)}"
                    text.put(expr, f"sum(k, {ends}, {one.name}_k)")


def letters(text: Text) -> None:
    """Another letter for what runs in a sum or product."""
    for expr, k in _running(text):
        inner = [x for x in nodes(expr) if isinstance(x, n.Call) and x is not expr]
        if not any(x.function.name in RUNNING for x in inner):
            text.put(expr, replaced(text.shown(expr), k, text.fresh(*"munvhldqr")))


def written_out(text: Text) -> None:
    """``sum(k, 1, 3, body)`` as its terms, ``prod`` as its factors."""
    for expr, k in _running(text):
        match expr.arguments:
            case (_, n.Number() as low, n.Number() as high, n.Node() as body):
                numbers = range(int(low.value), int(high.value) + 1)
                parts = [f"({replaced(text.shown(body), k, str(x))})" for x in numbers]
                sign = " + " if expr.function.name == "sum" else "*"
                text.put(expr, f"({sign.join(parts)})")


def _running(text: Text) -> Iterator[tuple[n.Call, str]]:
    """Sums and products with what runs in them."""
    for expr in whole(text):
        if isinstance(expr, n.Call) and len(expr.arguments) == 4:
            k = expr.arguments[0]
            if expr.function.name in ("sum", "prod") and isinstance(k, n.Reference):
                yield expr, k.name
