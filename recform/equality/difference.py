"""What two recursions have in common and what not, as paths between later blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod

import sympy
from sympy.polys.fields import FracElement
from sympy.polys.rings import PolyElement

from recform.algebra.expr import I, L, with_learned
from recform.algebra.formula import Formula
from recform.algebra.totals import totals
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.derivation.backward import network_of, seeds_of
from recform.derivation.steps import sorted_words
from recform.derivation.words import has_free_letters, has_values, has_weights
from recform.diagnostics import CompileError, Diagnostics, counted
from recform.equality.weights import TooLarge
from recform.linear.propagate import propagate
from recform.linear.recurrence import linearise
from recform.linear.words import Polynomial
from recform.recurrence.regimes import in_blocks, longest, own_blocks, regimes
from recform.series.automaton import first_word, minimal, words_up_to
from recform.series.places import LAST, At
from recform.series.regex import shown
from recform.series.series import NotExact, Series, Word, whole
from recform.series.show import PLAIN, factors, term

#: How many blocks the paths that are listed go over, and how many are listed.
_BLOCKS, _MOST = 3, 24
#: So many terms a sum of weights has in all blocks together, at most; one that SymPy
#: multiplies out counts as some more.
_WORK, _SLOWER = 150_000, 30
#: And so many at its end, for they are to be read.
_LONGEST = 3_000


@dataclass(frozen=True)
class PathChange:
    """A path that has another weight in the second network.

    Attributes:
        blocks: how many blocks it goes over.
        path: the operators on it, the newest first; ``1`` if it skips all.
        before, after: its weights; zero where there is no such path.
    """

    blocks: int
    path: str
    before: Symbolic
    after: Symbolic


@dataclass(frozen=True)
class PathDifference:
    """The paths of two networks.

    Attributes:
        paths: of each network as a regular expression, or why there is none.
        same: whether all paths are equal; None if that is unknown.
        changes: those that differ over few blocks.
        more: how many of those are not listed.
        totals: of each network, the sum of the weights of all paths over ``blocks``;
            None if some depend on the block.
        blocks: how many blocks the networks have.
        own: whether blocks have equations of their own. Then ``paths`` holds for those
            that have none, and totals are those of the paths from the input.
        too_many: whether there are no totals as they have too many terms.
        others: for each network the paths through blocks with equal equations of their
            own: which blocks, and the paths.
    """

    paths: tuple[str, str]
    same: bool | None
    changes: tuple[PathChange, ...]
    more: int
    totals: tuple[Symbolic, Symbolic] | None
    blocks: tuple[int, int]
    own: bool = False
    others: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = ((), ())
    too_many: bool = False


def path_difference(left: Formula, right: Formula) -> PathDifference:
    """Compares the paths from a block's output to the network's."""
    blocks = tuple(sum(stage.blocks for stage in f.stages) for f in (left, right))
    own = any(own_blocks(formula) for formula in (left, right))
    others = (_others(left), _others(right))
    first, why_first = _series(left)
    second, why_second = _series(right)
    paths = (why_first, why_second)
    unknown = PathDifference(
        paths, None, (), 0, None, (blocks[0], blocks[1]), own, others
    )
    if first is None or second is None:
        return unknown
    try:
        same: bool | None = first_word(first - second) is None
    except NotExact:
        return unknown
    changes = [] if same else _changes(first, second)
    if not same and (has_free_letters(first) or has_free_letters(second)):
        # Words may differ and read alike; paths that read differently are different
        # unless gates or weights are among them.
        certain = changes and not has_values(first) and not has_values(second)
        same = False if certain else None
    totals, too_many = None, False
    if not has_weights(first) and not has_weights(second):
        try:
            totals = (
                (_from_input(left), _from_input(right))
                if own
                else (_total(first, blocks[0]), _total(second, blocks[1]))
            )
        except TooLarge:
            too_many = True
    return replace(
        unknown,
        same=same,
        changes=tuple(changes[:_MOST]),
        more=max(len(changes) - _MOST, 0),
        totals=totals,
        too_many=too_many,
    )


def _others(formula: Formula) -> tuple[tuple[str, str], ...]:
    """The paths through blocks that have equations of their own; single ones aside."""
    if not own_blocks(formula):
        return ()
    found = regimes(formula, longest(formula))
    return tuple(
        (in_blocks(regime.blocks), _series(regime.formula, first=0)[1])
        for regime in found
        if not regime.general and regime.formula is not None and regime.in_row > 1
    )


def _from_input(formula: Formula) -> Symbolic:
    """The sum of the weights of all paths from the input, of the longest stage.

    Raises:
        TooLarge: if it has too many terms.
    """
    linear = linearise(formula, Diagnostics(), activations=False)
    length = longest(formula)
    work = 0

    def weigh(polynomial: Polynomial, block: int) -> _Expanded:
        total = sum(polynomial.terms.values(), sympy.S.Zero)
        named = with_learned(total, lambda item: sympy.Symbol(item.name))
        return _Expanded(
            sympy.expand(
                filled(named, {I: sympy.Integer(block), L: sympy.Integer(length)})
            ),
            count,
        )

    def count(terms: int) -> None:
        nonlocal work
        work += terms - 1
        if work > _WORK // _SLOWER:
            raise TooLarge

    found = propagate(linear, length, weigh, _Expanded(sympy.S.One, count))
    return sympy.S.Zero if found is None else found.value


@dataclass(frozen=True)
class _Expanded:
    """A number that is multiplied out, with whom its terms are told."""

    value: Symbolic
    count: Callable[[int], None]

    def __add__(self, other: _Expanded) -> _Expanded:
        return _Expanded(self.value + other.value, self.count)

    def __mul__(self, other: _Expanded) -> _Expanded:
        sizes = (len(sympy.Add.make_args(one.value)) for one in (self, other))
        self.count(prod(sizes))
        return _Expanded(sympy.expand(self.value * other.value), self.count)


def _series(formula: Formula, first: int | None = None) -> tuple[Series | None, str]:
    """The series from the output's unknown to itself, and how it reads."""
    report = Diagnostics()
    try:
        linear = linearise(formula, report, activations=False, first=first)
        names = [s.unknown for s in linear.output if s.at.base == LAST]
        name = names[0] if names else formula.equations[-1].unknown
        network, seeds = network_of(linear), seeds_of(linear, name)
        if network.is_large(seeds):
            return None, "none (they lead through a block in too many ways)"
        series = minimal(network.series(name, name, seeds)).series
    except CompileError:
        return None, "none (it cannot be linearised)"
    return series, shown(series)


def _changes(first: Series, second: Series) -> list[PathChange]:
    before, after = (words_up_to(s, _BLOCKS) or {} for s in (first, second))
    result = []
    for length in range(1, _BLOCKS + 1):
        words: dict[Word, Symbolic] = {
            word: None for word in (*before, *after) if len(word) == length
        }
        # Several words may be the same product of operators.
        paths: dict[str, tuple[Symbolic, Symbolic]] = {}
        for word in sorted_words(words):
            parts = factors(PLAIN, word, At(LAST, -length))
            path = term(PLAIN, sympy.S.One, parts)
            old, new = paths.get(path, (sympy.S.Zero, sympy.S.Zero))
            old += before.get(word, sympy.S.Zero)
            new += after.get(word, sympy.S.Zero)
            paths[path] = (old, new)
        result += [
            PathChange(length, path, old, new)
            for path, (old, new) in paths.items()
            if sympy.expand(old - new) != 0
        ]
    return result


def _total(series: Series, blocks: int) -> Symbolic:
    """The sum of the weights of all paths over so many blocks.

    Raises:
        TooLarge: if it has too many terms.
    """
    series = whole(series)
    row, work = series.forward(()), 0
    for _ in range(blocks):
        moved = [series.step(row, move) for move in series.moves]
        row = totals(item for part in moved for item in part.items())
        sizes = [_terms(weight) for weight in row.values()]
        work += sum(sizes) - len(sizes)
        if work > _WORK:
            raise TooLarge
    total = series.ends(row)
    if isinstance(total, PolyElement) and len(total) > _LONGEST:
        raise TooLarge
    return series.domain.to_sympy(total)


def _terms(weight: Symbolic) -> int:
    """How many terms the number of a domain has; a fraction, pairs of terms."""
    if isinstance(weight, FracElement):
        return len(weight.numer) * len(weight.denom)
    return len(weight) if isinstance(weight, PolyElement) else 1


def path_lines(found: PathDifference) -> list[str]:
    """For the terminal."""
    result = [f"  - {found.paths[0]}", f"  + {found.paths[1]}"]
    if found.same and not found.own:
        return ["  the same between all later blocks", f"    {found.paths[0]}"]
    if found.same:
        result = ["  the same through blocks without equations of their own"]
        result.append(f"    {found.paths[0]}")
    before, after = found.others
    for other in dict.fromkeys((*before, *after)):
        mark = " " if other in before and other in after else "-+"[other in after]
        result.append(f"  {mark} through {other[0]}: {other[1]}")
    for change in found.changes:
        mark = "-" if change.after == 0 else "+" if change.before == 0 else "~"
        weights = [str(w) for w in (change.before, change.after) if w != 0]
        note = "" if weights == ["1"] else f" (weight {' -> '.join(weights)})"
        where = f"over {counted(change.blocks, 'block')}: {change.path}"
        result.append(f"  {mark} {where}{note}")
    if found.more:
        result.append(f"    and {found.more} more")
    if found.totals is not None:
        old, new = found.totals
        source = " from the input" if found.own else ""
        result.append(f"  in all{source}, with their signs: {old} -> {new}")
    if found.too_many:
        result.append("  in all: too many terms to write out")
    return result


def as_dict(found: PathDifference) -> Mapping[str, object]:
    """For ``--json``."""
    return {
        "expressions": list(found.paths),
        "same": found.same,
        "changes": [
            {
                "blocks": change.blocks,
                "path": change.path,
                "before": str(change.before),
                "after": str(change.after),
            }
            for change in found.changes
        ],
        "more": found.more,
        "totals": None if found.totals is None else [str(t) for t in found.totals],
        "too_many_terms": found.too_many,
        "blocks": list(found.blocks),
        "totals_from_input": found.own,
        "through_own_equations": [
            [{"blocks": where, "paths": paths} for where, paths in others]
            for others in found.others
        ],
    }
