"""Sums of terms that are told apart by a key: words of operators, tensors, lengths."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def totals(items: Iterable[tuple[K, V]]) -> dict[K, V]:
    """What comes to each key, in the order in which the keys come first."""
    result: dict[K, Any] = {}
    for key, value in items:
        result[key] = result[key] + value if key in result else value
    return result


@dataclass(frozen=True)
class Sum(Generic[K, V]):
    """Keys with numbers in front; of two factors the keys are put one behind the other."""

    terms: Mapping[K, V]

    def __add__(self, other: Self) -> Self:
        return type(self)(totals([*self.terms.items(), *other.terms.items()]))

    def __mul__(self, other: Self) -> Self:
        """The product, this one on the left."""
        products: Iterable[tuple[Any, Any]] = (
            (left + right, a * b)  # type: ignore[operator]
            for left, a in self.terms.items()
            for right, b in other.terms.items()
        )
        return type(self)(totals(products))
