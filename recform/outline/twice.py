"""Whether one module is called on the tensors of two blocks, as the equations are written.

``W_i*X_<i-1> + W_i*X_<i-2>`` calls it twice, and blocks of one shape are needed;
``W_i*X_<i-1> + W_<i-1>*X_<i-2>`` says once what each block computes once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from typing import TypeVar

from recform.algebra.scalars import scalar_of
from recform.syntax import nodes as n

_T = TypeVar("_T")
#: An index as numbers of names, the number itself under the empty name; or as text.
_Index = frozenset[tuple[str, int]] | str
#: As many blocks as a sum has terms: ``sum(k, 1, 2, W_i*X_<i-k>)``.
_SEVERAL = "several"
#: What papers call the parameters of a block: ``F(X, theta_i)``.
_PARAMETERS = ("theta", "\u03b8", "omega", "\u03c9", "Theta", "w")


def is_parameters(argument: n.Expr | n.Keyword, known: Collection[str]) -> bool:
    """Whether an argument is ``theta_i``: a name that means nothing but its index.

    Args:
        argument: of a call.
        known: the names that mean something.
    """
    return (
        isinstance(argument, n.Reference)
        and argument.name in _PARAMETERS
        and argument.name not in known
    )


def on_two_blocks(
    exprs: Iterable[n.Expr], operators: Collection[str], unknowns: Collection[str]
) -> bool:
    """Whether a module is called on what different blocks made.

    Args:
        exprs: the right sides of the equations, and the output.
        operators: the names of operators.
        unknowns: those of unknowns.
    """
    reader = _Calls(operators, unknowns)
    found: dict[str, frozenset[_Index]] = {}
    return any(
        _SEVERAL in ages or found.setdefault(name, ages) != ages
        for expr in exprs
        for name, ages in reader.calls(expr, ())
        if ages
    )


class _Calls:
    def __init__(self, operators: Collection[str], unknowns: Collection[str]) -> None:
        self._operators = operators
        self._unknowns = unknowns

    def calls(
        self,
        expr: n.Expr,
        behind: Sequence[n.Expr],
        running: frozenset[str] = frozenset(),
    ) -> Iterator[tuple[str, frozenset[_Index]]]:
        """Each operator with the blocks that made its arguments, counted from its own.

        Args:
            expr: in which operators stand.
            behind: the factors on its right.
            running: the variables of the sums and products that it stands in.
        """
        match expr:
            case n.Reference() if expr.name in self._operators and behind:
                yield expr.name, self._ages(expr, behind, running)
            case n.Group():
                yield from self.calls(expr.inner, behind, running)
            case n.Sum():
                for _, term in expr.terms:
                    yield from self.calls(term, behind, running)
            case n.Product():
                factors = [factor for _, factor in expr.factors]
                for number, factor in enumerate(factors):
                    right = (*factors[number + 1 :], *behind)
                    yield from self.calls(factor, right, running)
            case n.Power() if scalar_of(expr.exponent, {}) == 1:
                yield from self.calls(expr.base, behind, running)
            case n.Power():
                yield from self._repeated(expr.base, behind, running)
            case n.Call() if expr.function.name in ("sum", "prod"):
                yield from self._running(expr, behind, running)
            case n.Call():
                values = _values(expr)
                if expr.function.name in self._operators and values:
                    owner, ages = expr.function, frozenset[_Index]()
                    for value in values:
                        if is_parameters(value, self._unknowns):
                            assert isinstance(value, n.Reference)
                            owner = value
                    for value in values:
                        if value is not owner:
                            ages |= self._ages(owner, (value,), running)
                    yield expr.function.name, ages
                for value in values:
                    yield from self.calls(value, (), running)

    def _running(
        self, expr: n.Call, behind: Sequence[n.Expr], running: frozenset[str]
    ) -> Iterator[tuple[str, frozenset[_Index]]]:
        """The calls in a sum or product."""
        values = _values(expr)
        if (single := _single(values)) is not None:
            yield from self.calls(single, behind, running)
            return
        if values and isinstance(values[0], n.Reference):
            running |= {values[0].name}
        for value in values[:-1]:
            yield from self.calls(value, (), running)
        for body in values[-1:]:
            if expr.function.name == "prod":
                yield from self._repeated(body, behind, running)
            else:
                yield from self.calls(body, behind, running)

    def _repeated(
        self, factor: n.Expr, behind: Sequence[n.Expr], running: frozenset[str]
    ) -> Iterator[tuple[str, frozenset[_Index]]]:
        """The calls in a factor that stands there more than once: operators meet it."""
        yield from self.calls(factor, behind, running)
        if not self._is_tensor(factor):
            yield from self.calls(factor, (factor, *behind), running)

    def _is_tensor(self, expr: n.Expr | n.Keyword) -> bool:
        """Whether a factor is what the operators on its left are applied to."""
        match expr:
            case n.Reference():
                return expr.name == "input" or expr.name in self._unknowns
            case n.Call() if expr.function.name in self._operators:
                return True
            case n.Keyword():
                return False
        return any(map(self._is_tensor, n.inner(expr)))

    def _ages(
        self, owner: n.Reference, behind: Sequence[n.Expr], running: frozenset[str]
    ) -> frozenset[_Index]:
        own, argument = _block(owner), []
        for factor in behind:
            argument.append(factor)
            if self._is_tensor(factor):
                break
        ages = (_minus(block, own) for block in self._blocks(argument))
        return frozenset(
            _SEVERAL
            if not isinstance(age, str) and any(name in running for name, _ in age)
            else age
            for age in ages
        )

    def _blocks(self, factors: Sequence[n.Expr]) -> frozenset[_Index]:
        """The blocks that made a product: that of its first operator, or of its tensors."""
        found, ends = frozenset[_Index](), True
        for factor in reversed(factors):
            found, ends = self._before(factor, found, ends=ends), False
        return found

    def _before(
        self, first: n.Expr, behind: frozenset[_Index], *, ends: bool
    ) -> frozenset[_Index]:
        """The blocks of a product of a factor and what stands behind it.

        Args:
            first: the factor.
            behind: the blocks of what stands there; so a product of sums is not
                multiplied out.
            ends: whether nothing does.
        """
        match first:
            case n.Reference() if first.name in self._operators and not ends:
                return frozenset({_block(first)})
            case n.Reference() if first.name in self._unknowns and first.indices:
                return behind | {_block(first)}
            case n.Group():
                return self._before(first.inner, behind, ends=ends)
            case n.Power():
                return self._before(first.base, behind, ends=ends)
            case n.Sum():
                terms = [term for _, term in first.terms]
                return frozenset().union(
                    *(self._before(term, behind, ends=ends) for term in terms)
                )
            case n.Product():
                for _, factor in reversed(first.factors):
                    behind, ends = self._before(factor, behind, ends=ends), False
                return behind
            case n.Call() if first.function.name in self._operators:
                return frozenset({_block(first.function)})
            case n.Call():
                return behind.union(
                    *(self._blocks((value,)) for value in _values(first))
                )
        return behind


def _values(call: n.Call) -> list[n.Expr]:
    return [a for a in call.arguments if not isinstance(a, n.Keyword)]


def _single(values: Sequence[n.Expr]) -> n.Expr | None:
    """What a sum or product over one number is; None over more."""
    if len(values) != 4:
        return None
    variable, low, high, body = values
    if not isinstance(variable, n.Reference):
        return None
    first = scalar_of(low, {})
    if first is None or first != scalar_of(high, {}) or not first.is_Integer:
        return None
    number = n.Number(variable.span, Fraction(int(first)))
    return _with(body, variable.name, number)


def _with(part: _T, name: str, number: n.Number) -> _T:
    """An expression with a number in the place of a name."""
    if isinstance(part, n.Reference) and part.name == name and not part.indices:
        return number  # type: ignore[return-value]
    if isinstance(part, tuple):
        return tuple(_with(item, name, number) for item in part)  # type: ignore[return-value]
    if not isinstance(part, n.Node):
        return part
    inner = {f.name: _with(getattr(part, f.name), name, number) for f in fields(part)}
    return replace(part, **inner)


def _block(reference: n.Reference) -> _Index:
    """The block that an index names; none for a module that all blocks share."""
    if not reference.indices:
        return ""
    found = _linear(reference.indices[0])
    if found is None:
        return "".join(reference.indices[0].span.text.split())
    return frozenset((name, count) for name, count in found.items() if count)


def _linear(index: n.Expr | n.Range) -> dict[str, int] | None:
    """``i - k + 1`` as numbers of names; None for anything else."""
    match index:
        case n.Number() if index.value.denominator == 1:
            return {"": int(index.value)}
        case n.Reference() if not index.indices:
            return {index.name: 1}
        case n.Group():
            return _linear(index.inner)
        case n.Sum():
            total: dict[str, int] = {}
            for sign, term in index.terms:
                part = _linear(term)
                if part is None:
                    return None
                for name, count in part.items():
                    total[name] = total.get(name, 0) + sign * count
            return total
        case n.Product() if all(way == 1 for way, _ in index.factors):
            parts = [_linear(factor) for _, factor in index.factors]
            times, found = 1, {"": 1}
            for part in parts:
                if part is None or not (part.keys() <= {""} or found.keys() <= {""}):
                    return None
                if part.keys() <= {""}:
                    times *= part.get("", 0)
                else:
                    times, found = times * found.get("", 0), part
            return {name: times * count for name, count in found.items()}
    return None


def _minus(left: _Index, right: _Index) -> _Index:
    if isinstance(left, str) or isinstance(right, str):
        return f"{left} - {right}"
    found = dict(left)
    for name, count in right:
        found[name] = found.get(name, 0) - count
    return frozenset((name, count) for name, count in found.items() if count)
