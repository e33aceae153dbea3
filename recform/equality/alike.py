"""Networks that say the same equation by equation, up to the laws of functions.

Of two such networks each tensor is equal to its counterpart if those of the blocks before
are, so they are equal at every depth. Nothing is written out for that, however long the
equations are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

import sympy

from recform.algebra.expr import History, I, State, Tensor
from recform.algebra.formula import Formula
from recform.equality.around.widths import vectors_of, widths_of
from recform.equality.kept import Kept
from recform.equality.laws import multiplied
from recform.equality.max import minus
from recform.equality.numbers import Lawful
from recform.equality.powers import below
from recform.equality.terms import Atoms, Value, frozen
from recform.equality.values import Evaluator
from recform.equality.weights import TooLarge, limited
from recform.recurrence.reach import reach_of
from recform.recurrence.unroll import Unroller

#: Deeper starts are not written out.
_MOST_DEPTH = 40
#: Most lines of a difference that are multiplied with.
_MOST_LINES = 6
#: All right sides of a network, by what they are for.
_Rights: TypeAlias = Mapping[object, Tensor | None]


def same_equations(left: Formula, right: Formula) -> bool:
    """Whether they differ at most in the names of their unknowns."""
    names, others = ([e.unknown for e in f.equations] for f in (left, right))
    called = _paired(names, others)
    if called is None:
        return False
    theirs = _rights(right, called)
    return _rights(left, {name: name for name in names}) == {
        told: _named(tensor, called) for told, tensor in theirs.items()
    }


def same_by_laws(left: Formula, right: Formula) -> dict[str, str]:
    """Which unknown is which, if all right sides are equal, for any operators.

    An unknown that nobody reads but its own block is what it stands for.

    Returns:
        the unknowns of the first network by those of the second; empty if that is not so.
    """
    inner = [_inner(formula) for formula in (left, right)]
    called = _paired(
        *(
            [e.unknown for e in f.equations if e.unknown not in own]
            for f, own in zip((left, right), inner, strict=True)
        )
    )
    for kind in (Evaluator, Lawful):
        with suppress(TooLarge):
            if called is not None and _agree((left, right), inner, called, kind):
                return called
    return {}


@limited
def _agree(
    formulas: tuple[Formula, Formula],
    inner: Sequence[Mapping[str, Tensor]],
    called: Mapping[str, str],
    kind: type[Evaluator],
) -> bool:
    atoms = Atoms(widths_of(formulas), vectors_of(formulas))
    names = {name: name for name in called.values()}, called
    mine, theirs = map(_rights, formulas, names)
    sides = [_Side(atoms, kind, *told) for told in zip(inner, names, strict=True)]
    return (
        mine.keys() == theirs.keys()
        and all(
            _is_zero(atoms, minus(sides[0].value(right), sides[1].value(theirs[told])))
            for told, right in mine.items()
        )
        and _begin_alike(atoms, formulas, sides)
    )


def _begin_alike(
    atoms: Atoms, formulas: tuple[Formula, Formula], sides: Sequence[_Side]
) -> bool:
    """Whether the first blocks agree, where terms that reach before the start vanish.

    There ``sigmoid(X_<i-2>)`` is nothing, and ``1 - sigmoid(-X_<i-2>)`` is 1.
    """
    reaches = [reach_of(formula) for formula in formulas]
    depth = max(reach.order + reach.absolute + reach.from_end for reach in reaches)
    if depth > _MOST_DEPTH or any(formula.relative for formula in formulas):
        return False
    rows: list[list[tuple[object, Value]]] = []
    for formula, side in zip(formulas, sides, strict=True):
        unroller = Unroller(formula, depth)
        outputs = [unroller.output(formula.output, n) for n in range(1, depth + 1)]
        rows.append(side.written(unroller.definitions, outputs))
    return [told for told, _ in rows[0]] == [told for told, _ in rows[1]] and all(
        _is_zero(atoms, minus(mine, theirs))
        for (_, mine), (_, theirs) in zip(*rows, strict=True)
    )


def _is_zero(atoms: Atoms, value: Value) -> bool:
    """Whether a difference is seen to be zero, once it is multiplied with what is below."""
    for _ in range(_MOST_LINES):
        line = below(atoms, value)
        if line is None:
            break
        value = multiplied(atoms, value, line)
    return not value


class _Side:
    """A network's right sides as values of what the blocks before made.

    Args:
        atoms: shared by both networks.
        kind: how right sides are evaluated.
        inner: what unknowns of the block itself stand for.
        called: what the others are called in both networks.
    """

    def __init__(
        self,
        atoms: Atoms,
        kind: type[Evaluator],
        inner: Mapping[str, Tensor],
        called: Mapping[str, str],
    ) -> None:
        self._atoms, self._kind = atoms, kind
        self._inner, self._called = inner, called
        self._memo: dict[str, Value] = {}
        self._evaluator = kind(
            atoms,
            linear=False,
            index=lambda index: "" if index is sympy.nan else str(index),
            number=lambda at: I if at is sympy.nan else at,
        )

    def value(self, right: Tensor | None) -> Value:
        return {} if right is None else self._evaluator.value(right, self._known)

    def written(
        self, definitions: Mapping[Tensor, Tensor], outputs: Sequence[Tensor | None]
    ) -> list[tuple[object, Value]]:
        """What is written out for blocks, and outputs, by what they are for."""
        memo: dict[Tensor, Value] = {}
        evaluator = self._kind(
            self._atoms,
            linear=False,
            index=lambda index: "" if index is sympy.nan else int(index),
            number=lambda at: at,
        )

        def known(tensor: Tensor) -> Value | None:
            if isinstance(tensor, State) and tensor.name not in self._inner:
                named = State(self._called[tensor.name], tensor.index)
                return self._atoms.value("kept", Kept(0, named))
            if isinstance(tensor, State | History):
                if tensor not in memo:
                    made = definitions.get(tensor)
                    memo[tensor] = {} if made is None else evaluator.value(made, known)
                return memo[tensor]
            return None

        states = [
            s for s in definitions if isinstance(s, State) and s.name in self._called
        ]
        rows: list[tuple[object, Value]] = [
            (
                (self._called[s.name], int(s.index)),
                evaluator.value(definitions[s], known),
            )
            for s in sorted(states, key=lambda s: (self._called[s.name], int(s.index)))
        ]
        return rows + [
            (n, {} if output is None else evaluator.value(output, known))
            for n, output in enumerate(outputs)
        ]

    def _known(self, tensor: Tensor) -> Value | None:
        if isinstance(tensor, State) and tensor.name in self._inner:
            if tensor.name not in self._memo:
                self._memo[tensor.name] = self.value(self._inner[tensor.name])
            return self._memo[tensor.name]
        if isinstance(tensor, State):
            named = State(self._called[tensor.name], tensor.index)
            return self._atoms.value("kept", Kept(0, named))
        if isinstance(tensor, History):
            ends = str(tensor.first), str(tensor.last)
            body = frozen(self.value(tensor.body))
            return self._atoms.value("history", tensor.kind, *ends, body)
        return None


def _inner(formula: Formula) -> dict[str, Tensor]:
    """The unknowns that are read in their own block alone, and their right sides."""
    rights = [e.right for e in formula.equations]
    read = {s for right in rights for s in right.atoms(State) if s.index != I}
    others = [formula.output, *(r.rule.right for r in formula.ranges)]
    others += [
        t for b in formula.boundaries for t in (b.left, b.right) if t is not None
    ]
    read |= {state for tensor in others for state in tensor.atoms(State)}
    outer = {state.name for state in read} | {r.unknown for r in formula.ranges}
    return {e.unknown: e.right for e in formula.equations if e.unknown not in outer}


def _paired(names: Sequence[str], others: Sequence[str]) -> dict[str, str] | None:
    """Names by others: their own if these are the same, otherwise in order."""
    if len(names) != len(others):
        return None
    same = set(names) == set(others)
    return dict(zip(others, others if same else names, strict=True))


def _named(tensor: Tensor | None, called: Mapping[str, str]) -> Tensor | None:
    if tensor is None:
        return None
    states = {s: State(called[s.name], s.index) for s in tensor.atoms(State)}
    return tensor.xreplace(states)  # type: ignore[no-any-return]


def _rights(formula: Formula, called: Mapping[str, str]) -> _Rights:
    """All right sides of a network, by what they are for, with other names of unknowns.

    A network of another depth has other blocks in its ranges. Blocks may be the same by
    chance: 2 to L/2 and 2 to L-2 of four. A range that is the equation in general leaves
    nothing: all other blocks have other ranges.
    """
    rights: dict[object, Tensor | None] = {
        ("of", called[e.unknown]): e.right
        for e in formula.equations
        if e.unknown in called
    }
    rights |= {_named(b.left, called): b.right for b in formula.boundaries}
    for place, item in enumerate(formula.ranges):
        if item.rule.relative and not formula.is_general(item):
            key = (called[item.unknown], item.ends)
            rights[(place, key) if key in rights else key] = item.rule.right
    return rights | {"output": formula.output}
