"""Numbers that are made of learned ones, as the operations of torch that make them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

import sympy

from recform.algebra.expr import Learned
from recform.algebra.stable import Softplus, log1p, with_words
from recform.blocks import Cost
from recform.blocks.acts import Inner, Link
from recform.blocks.symbolic import Symbolic

#: Functions whose gradients ask for what they get; those of all others, for what they make.
_OF_INPUT = (sympy.log, log1p, Softplus, sympy.sin, sympy.cos, sympy.Abs)
_FLAT = (sympy.floor, sympy.ceiling)


class _Number(NamedTuple):
    """A number on the way, or one for each feature.

    Attributes:
        name: what it is.
        size: how many numbers it is.
        given: whether it is learned itself, which is there anyway.
    """

    name: object
    size: int
    given: bool = False


def reckoned(value: Symbolic, sizes: Mapping[Learned, int]) -> tuple[Inner, ...]:
    """What makes a coefficient; nothing where it is a learned number, but for its sign.

    What a function makes has a name: of several alike in a pass the first is computed.

    Args:
        value: the coefficient.
        sizes: how many numbers each learned one is.
    """
    reckoner = _Reckoner(sizes)
    reckoner.number(with_words(value))
    return tuple(reckoner.made)


def missing(number: Sequence[Inner], known: Container[object]) -> list[Inner]:
    """What has to be made of a number, where some functions are known."""
    wanted = {item.tensor for item in number[-1:]}
    found: list[Inner] = []
    for item in reversed(number):
        if item.tensor in wanted and not (item.names and item.tensor in known):
            wanted.update(item.reads)
            found.append(item)
    return found[::-1]


class _Reckoner:
    """Writes down what makes a number, part by part, as code has it."""

    def __init__(self, sizes: Mapping[Learned, int]) -> None:
        self._sizes = sizes
        self.made: list[Inner] = []

    def number(self, value: Symbolic) -> _Number:
        """A number that has something learned in it, whatever its sign."""
        if value.could_extract_minus_sign():
            value = -value
        if isinstance(value, Learned):
            return _Number(value, self._sizes[value], given=True)
        if value.is_Add:
            return self._sum(value)
        if value.is_Mul:
            return self._product(value)
        if value.is_Pow:
            return self._power(value)
        if isinstance(value, sympy.Max | sympy.Min):
            return self._extreme(value)
        of = self._argument(next(arg for arg in value.args if arg.atoms(Learned)))
        asks = [of] * isinstance(value, _OF_INPUT)
        own = not asks and not isinstance(value, _FLAT)
        return self._make(value, [of], asks, own=own, function=True)

    def _argument(self, value: Symbolic) -> _Number:
        """A number inside of a function, where its sign is an operation."""
        made = self.number(value)
        negative = value.could_extract_minus_sign()
        return self._make((value, "minus"), [made]) if negative else made

    def _make(
        self,
        name: object,
        of: Sequence[_Number],
        asks: Iterable[_Number] = (),
        *,
        own: bool = False,
        function: bool = False,
    ) -> _Number:
        """What an operation makes, whose gradient asks for some of these, or for itself."""
        size = max(item.size for item in of)
        reads = dict.fromkeys(item.name for item in of if not item.given)
        asked = [item.name for item in asks if not item.given]
        given = [item for item in of if item.given]
        scalars = tuple(dict.fromkeys((item.name, item.size) for item in given))
        link = Link(0, Cost(cheap=True), (), once=size, scalars=scalars)
        kept = tuple(dict.fromkeys((*asked, *[name] * own)))
        names = (name,) if function else ()
        self.made.append(Inner(name, tuple(reads), (link,), kept, names=names))
        return _Number(name, size)

    def _sum(self, value: Symbolic) -> _Number:
        terms = [arg for arg in value.args if arg.atoms(Learned)]
        made, *others = map(self.number, terms)
        if len(terms) < len(value.args):
            made = self._make((value, 0), [made])
        for place, other in enumerate(others, 1):
            made = self._make((value, place), [made, other])
        return made

    def _product(self, value: Symbolic) -> _Number:
        factors = [arg for arg in value.args if arg.atoms(Learned)]
        above = [x for x in factors if not _is_below(x)]
        below = [1 / x for x in factors if _is_below(x)]
        scaled = abs(value / sympy.Mul(*factors)) != 1
        if not above:
            return self._inverse(value, sympy.Mul(*below))
        made, *others = map(self.number, above)
        if scaled:
            made = self._make((value, 0), [made])
        under = [self.number(sympy.Mul(*below))] if below else []
        for place, other in enumerate((*others, *under), 1):
            made = self._make((value, place), [made, other], [made, other])
        return made

    def _inverse(self, value: Symbolic, below: Symbolic) -> _Number:
        """A number over a tensor: one over that, times the number, also if this is 1."""
        under = self.number(below)
        made = self._make((value, "inverse"), [under], own=True)
        return self._make(value, [made])

    def _power(self, value: Symbolic) -> _Number:
        base, power = value.as_base_exp()
        if power.is_Integer and power < 0:
            return self._inverse(value, base**-power)
        rooted = abs(power) == sympy.Rational(1, 2)
        learned = [self._argument(x) for x in (base, power) if x.atoms(Learned)]
        own = rooted or bool(power.atoms(Learned))
        asks = [] if rooted else learned
        function = not power.is_Integer
        return self._make(value, learned, asks, own=own, function=function)

    def _extreme(self, value: Symbolic) -> _Number:
        """The largest, or the least: of tensors two by two; numbers are a bound."""
        plain = [arg for arg in value.args if not arg.atoms(Learned)]
        made, *others = (self._argument(x) for x in value.args if x.atoms(Learned))
        for place, other in enumerate(others):
            made = self._make((value, place), [made, other], [made, other])
        if not plain:
            return made
        relu = isinstance(value, sympy.Max) and plain == [0]
        asks = [] if relu else [made]
        return self._make(value, [made], asks, own=relu, function=True)


def _is_below(factor: Symbolic) -> bool:
    return bool(factor.is_Pow and factor.exp.is_Rational and factor.exp < 0)
