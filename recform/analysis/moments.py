"""Second moments of a network of random blocks: the variance that each term adds.

Every tensor is a combination of uncorrelated ones: the input, and what each operator
made. An operator with independent entries of mean zero and variance ``gain**2 / inputs``
makes of a tensor one that is uncorrelated with everything older, with ``gain**2`` times its
variance; called twice, its results are correlated as much as its arguments. Activations
are left out. The gradient, which goes through the transposed matrices, grows alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from recform.algebra.expr import I
from recform.algebra.typeset import indexed
from recform.analysis.forms import numeric
from recform.analysis.laws import Linear, Source
from recform.analysis.propagate import Walk, owner
from recform.analysis.words import BLOCK, Letter, Polynomial

#: Deeper networks are followed up to here only.
_DEEPEST = 64


@dataclass(frozen=True)
class Share:
    """A term of a block's equation and its variance, for an input of variance 1."""

    term: str
    variance: float


@dataclass(frozen=True)
class Moments:
    """Variances of a network of random blocks.

    Attributes:
        gain: the assumed gain of each operator.
        blocks: how many blocks were followed.
        variance: of the output, for an input of variance 1.
        shares: the terms of the last block's equation. They add up to the variance of
            its unknown unless they are correlated.
        steady: the gain at which the output has variance 1; None if there is none above
            zero.
        double: the gain at which it has variance 2; None if there is none.
        scale: the factor to multiply every right side with, so that it has variance 1
            at the assumed gain.
    """

    gain: float
    blocks: int
    variance: float
    shares: tuple[Share, ...]
    steady: float | None
    double: float | None
    scale: float | None


def moments(linear: Linear, length: int, gain: float) -> Moments | None:
    """The variances, or None where sizes differ (concat) or gates make them unknown."""
    letters = [
        letter
        for gradient in (
            *(law.gradient for law in linear.laws),
            *(g for block in linear.starts for g in block.values()),
        )
        for polynomial in gradient.values()
        for letter in polynomial.letters
    ]
    if any(letter.kind in ("gate", "embed") for letter in letters):
        return None
    blocks = min(length, _DEEPEST)

    def at(gain: float, scale: float = 1.0) -> float:
        return _Field(linear, blocks, length, gain, scale).output()

    variance = at(gain)
    shares = _Field(linear, blocks, length, gain).shares()
    empty = at(0.0)
    return Moments(
        gain=gain,
        blocks=blocks,
        variance=variance,
        shares=shares,
        steady=_meet(at, 1.0) if empty < 1 - 1e-9 else None,
        double=_meet(at, 2.0) if empty < 2 else None,
        scale=_meet(lambda scale: at(gain, scale), 1.0) if variance > 0 else None,
    )


def _meet(function: Callable[[float], float], wanted: float) -> float | None:
    """Where a growing function has a value, between 0 and 16."""
    low, high = 0.0, 1.0
    while function(high) < wanted:
        high *= 2
        if high > 16:
            return None
    for _ in range(40):
        middle = (low + high) / 2
        if function(middle) < wanted:
            low = middle
        else:
            high = middle
    return high


@dataclass
class _Vector:
    """A tensor as a combination of what operators made (and of the input, 0)."""

    parts: dict[int, float]

    def __add__(self, other: _Vector) -> _Vector:
        parts = dict(self.parts)
        for atom, value in other.parts.items():
            parts[atom] = parts.get(atom, 0.0) + value
        return _Vector(parts)


@dataclass
class _Field:
    """The network with one gain; holds all that operators made."""

    linear: Linear
    blocks: int
    length: int
    gain: float
    scale: float = 1.0
    #: For each result of an operator: which operator it was, and its argument.
    made: list[tuple[Any, _Vector | None]] = field(default_factory=list)
    known: dict[Any, int] = field(default_factory=dict)
    norms: list[float] = field(default_factory=list)
    groups: dict[Any, list[int]] = field(default_factory=dict)
    pairs: dict[tuple[int, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.made.append((None, None))
        self.norms.append(1.0)
        self.groups[None] = [0]

    def walk(self) -> Walk:
        """All blocks."""
        walk = Walk(self.linear, self._weigh, _Vector({0: 1.0}))
        while walk.block < self.blocks:
            walk.step()
        return walk

    def output(self) -> float:
        """The variance of the output."""
        walk = self.walk()
        self.scale = 1.0  # The output is no block.
        value = walk.output()
        return 0.0 if value is None else self.square(value)

    def shares(self) -> tuple[Share, ...]:
        """The variance of each term of the last block's equations."""
        walk = self.walk()
        result = []
        for law in self.linear.laws:
            for source, polynomial in law.gradient.items():
                at = source.at
                number = self.blocks + at.number if at.base == BLOCK else at.number
                value = walk.values.get((source.unknown, number))
                if value is None:
                    continue
                for word, coefficient in polynomial.terms.items():
                    one = Polynomial({word: coefficient})
                    term = _Weight(self, one, self.blocks) * value
                    result.append(
                        Share(_name(law.unknown, one, source), self.square(term))
                    )
        return tuple(result)

    def _weigh(self, polynomial: Polynomial, block: int) -> _Weight:
        return _Weight(self, polynomial, block)

    def apply(self, letter: Letter, vector: _Vector, block: int) -> _Vector:
        """What an operator makes of a tensor."""
        which = (letter.name, owner(letter, block, self.length))
        key = (which, tuple(sorted(vector.parts.items())))
        if key not in self.known:
            atom = len(self.made)
            self.known[key] = atom
            self.made.append((which, vector))
            self.norms.append(self.gain**2 * self.square(vector))
            self.groups.setdefault(which, []).append(atom)
        return _Vector({self.known[key]: 1.0})

    def square(self, vector: _Vector) -> float:
        """The variance of a tensor."""
        return self.inner(vector, vector)

    def inner(self, a: _Vector, b: _Vector) -> float:
        """The covariance of two tensors."""
        total = 0.0
        for atom, value in a.parts.items():
            which = self.made[atom][0]
            for other in self.groups[which]:
                weight = b.parts.get(other)
                if not weight:
                    continue
                total += value * weight * self._covariance(atom, other)
        return total

    def _covariance(self, atom: int, other: int) -> float:
        """Of two results of one operator."""
        if atom == other:
            return self.norms[atom]
        key = (min(atom, other), max(atom, other))
        if key not in self.pairs:
            first, second = self.made[atom][1], self.made[other][1]
            assert first is not None and second is not None
            self.pairs[key] = self.gain**2 * self.inner(first, second)
        return self.pairs[key]


@dataclass(frozen=True)
class _Weight:
    field: _Field
    polynomial: Polynomial
    block: int

    def __mul__(self, vector: _Vector) -> _Vector:
        total = _Vector({})
        formula = self.field.linear.formula
        for word, coefficient in self.polynomial.terms.items():
            factor = numeric(formula, coefficient, self.block, self.field.length)
            value = vector
            for letter in reversed(word):
                if letter.kind == "operator":
                    value = self.field.apply(letter, value, self.block)
                elif letter.kind == "gain" and letter.tensor is not None:
                    factor *= numeric(
                        formula, letter.tensor.args[0], self.block, self.field.length
                    )
            if self.block >= 1:
                factor *= self.field.scale
            total += _Vector({a: factor * v for a, v in value.parts.items()})
        return total


def _name(unknown: str, polynomial: Polynomial, source: Source) -> str:
    text = polynomial.text()
    if text in ("1", "-1"):
        text = text[:-1]
    else:
        text = (f"({text})" if " " in text and not polynomial.letters else text) + "*"
    return f"{indexed(unknown, I)}: {text}{source.text()}"
