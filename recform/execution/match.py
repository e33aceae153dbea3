"""Whether two values are equal, up to which of several equal modules is which."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from recform.execution.forms import Made, Node, key_of
from recform.execution.shown import shown


class Unlike(Exception):
    """Two values differ.

    Attributes:
        one, other: the first parts that do.
    """

    def __init__(self, one: Any, other: Any) -> None:
        super().__init__(f"{shown(one)} is not {shown(other)}")
        self.one, self.other = one, other


def matched(one: Any, other: Any) -> dict[Made, Made]:
    """The modules of one value, with those of the other that they are.

    Each is of one other, and what is made of them is the same. Where modules are alike,
    what they are called on tells them apart.

    Raises:
        Unlike: if there are no such modules.
    """
    try:
        return _Match(lambda node: node.key).of(one, other)
    except Unlike:
        return _Match(_keys(one, other)).of(one, other)


class _Match:
    """A walk through two values at once."""

    def __init__(self, key: Callable[[Node], Hashable]) -> None:
        self._key = key
        self._here: dict[Made, Made] = {}
        self._there: dict[Made, Made] = {}
        self._seen: set[tuple[Node, Node]] = set()

    def of(self, one: Any, other: Any) -> dict[Made, Made]:
        rest: list[tuple[Any, Any]] = [(one, other)]
        found: list[tuple[Any, Any]] = []
        sums: list[tuple[Any, Any]] = []
        while rest or found or sums:
            if rest:
                a, b = rest.pop()
                # Which terms of a sum belong together is known best once all else is.
                if isinstance(a, dict | frozenset) and len(a) > 1:
                    found.append((a, b))
                    continue
            else:
                sums += reversed(found)
                found.clear()
                a, b = sums.pop()
            rest += self._pair(a, b)
        return self._here

    def _pair(self, a: Any, b: Any) -> Iterable[tuple[Any, Any]]:
        """What has to be equal for two values to be."""
        if a is b:
            return ()
        match a, b:
            case Node(), Node():
                if (a, b) in self._seen:
                    return ()
                self._seen.add((a, b))
                return self._row(a.parts, b.parts, a, b)
            case Made(), Made():
                if self._here.setdefault(a, b) is b and (
                    self._there.setdefault(b, a) is a
                ):
                    return self._row((a.label, *a.make), (b.label, *b.make), a, b)
                raise Unlike(a, b)
            case ((tuple() | list()), (tuple() | list())):
                return self._row(a, b, a, b)
            case dict(), dict():
                return self._sum(a.items(), b.items(), a, b)
            case frozenset(), frozenset():
                return self._sum(a, b, a, b)
            case ((int() | float()), (int() | float())):
                same = math.isclose(a, b, rel_tol=1e-7)
            case _:
                same = type(a) is type(b) and a == b
        if not same:
            raise Unlike(a, b)
        return ()

    def _row(
        self, a: Sequence[Any], b: Sequence[Any], whole: Any, other: Any
    ) -> Iterable[tuple[Any, Any]]:
        if len(a) != len(b):
            raise Unlike(whole, other)
        return list(zip(a, b, strict=True))[::-1]

    def _sum(
        self,
        a: Iterable[tuple[Node, float]],
        b: Iterable[tuple[Node, float]],
        whole: Any,
        other: Any,
    ) -> list[tuple[Any, Any]]:
        """Terms, of which those with one key belong together in the order of making."""
        rows = []
        for items in (a, b):
            found: dict[Hashable, list[tuple[float, int, Node]]] = defaultdict(list)
            for node, factor in items:
                found[self._key(node)].append((factor, node.number, node))
            rows.append(found)
        pairs: list[tuple[Any, Any]] = []
        odd: list[list[tuple[float, Node]]] = [[], []]
        for key in dict.fromkeys([*rows[0], *rows[1]]):
            mine, theirs = sorted(rows[0][key]), sorted(rows[1][key])
            if len(mine) != len(theirs):
                odd[0] += [(factor, node) for factor, _, node in mine]
                odd[1] += [(factor, node) for factor, _, node in theirs]
                continue
            for factor, _, node in mine:
                like = [
                    row for row in theirs if math.isclose(factor, row[0], rel_tol=1e-7)
                ]
                if not like:
                    raise Unlike(whole, other)
                # One whose modules are known already, if there is one; none that is
                # known to be of others.
                taken = like[0]
                if len(like) > 1:
                    taken = min(like, key=lambda row: self._odds(node, row[2]))
                theirs.remove(taken)
                pairs.append((node, taken[2]))
        if any(odd):
            # One term that is another one: what in them differs says more.
            if len(odd[0]) == len(odd[1]) == 1:
                return [(odd[0][0], odd[1][0])]
            raise Unlike(whole, other)
        return pairs

    def _odds(self, one: Node, other: Node) -> int:
        """Whether two calls are of the same modules: 0 if so, 2 if not, 1 if unknown."""
        pairs = [
            (self._here.get(a, b) is b, self._there.get(b, a) is a, a in self._here)
            for a, b in zip(one.parts, other.parts, strict=False)
            if isinstance(a, Made) and isinstance(b, Made)
        ]
        if not all(here and there for here, there, _ in pairs):
            return 2
        return 0 if all(known for _, _, known in pairs) else 1


def _keys(*sides: Any) -> Callable[[Node], Hashable]:
    """Keys that know what each node and module is made of and what is made of it.

    They are refined until no two that are alike differ in their neighbours (the method of
    Weisfeiler and Leman).
    """
    nodes = nodes_in(sides)
    above: dict[Node | Made, list[tuple[Hashable, Node | None]]] = defaultdict(list)
    for side in sides:
        for part, role in _within(side, ()):
            above[part].append((role, None))
    for node in nodes:
        for part, role in _within(node.parts, ()):
            above[part].append((role, node))
    keys: dict[Node, Hashable] = {node: node.key for node in nodes}
    told_apart = 0
    while told_apart < len(set(keys.values())):
        told_apart = len(set(keys.values()))
        uses = {
            part: hash(
                frozenset(
                    Counter((role, node and keys[node]) for role, node in rows).items()
                )
            )
            for part, rows in above.items()
        }
        kinds = {
            part: hash((key_of(part), use))
            for part, use in uses.items()
            if isinstance(part, Made)
        }
        keys = {
            node: hash((keys[node], _keyed(node.parts, keys, kinds), uses.get(node)))
            for node in nodes
        }
    return lambda node: keys[node]


def _within(
    value: Any, role: tuple[Hashable, ...]
) -> Iterator[tuple[Node | Made, Hashable]]:
    """The nodes and modules of a value, with where in it they stand."""
    match value:
        case Node() | Made():
            yield value, role
        case tuple() | list():
            for n, item in enumerate(value):
                yield from _within(item, (*role, n))
        case dict():
            for node, factor in value.items():
                yield node, (*role, "+", f"{factor:.6g}")
        case frozenset():
            for node, factor in value:
                yield node, (*role, "+", f"{factor:.6g}")


def _keyed(
    part: Any, keys: Mapping[Node, Hashable], kinds: Mapping[Made, Hashable]
) -> Hashable:
    match part:
        case Node():
            return keys[part]
        case Made():
            return kinds.get(part, key_of(part))
        case tuple():
            return tuple(_keyed(item, keys, kinds) for item in part)
        case frozenset():
            return tuple(sorted((hash(keys[node]), factor) for node, factor in part))
    return part  # type: ignore[no-any-return]


def nodes_in(values: Iterable[Any]) -> list[Node]:
    """All nodes of some values, those of which one is made before it."""
    found: set[Node] = set()
    rest = list(values)
    while rest:
        item = rest.pop()
        match item:
            case Node():
                if item not in found:
                    found.add(item)
                    rest += item.parts
            case tuple() | list() | frozenset():
                rest += item
            case Made():
                rest += item.make
            case dict():
                rest += item
    return sorted(found, key=lambda node: node.number)
