"""Features side by side: ``concat`` and the parts of a ``split``."""

from __future__ import annotations

from collections.abc import Sequence

from recform.analysis.equal_terms import Atoms, Value, frozen, plus, scaled


def part(atoms: Atoms, value: Value, parts: int, which: int) -> Value:
    """One of the equal parts into which the features are cut: of each factor its own."""
    cut = []
    for monomial, weight in value.items():
        factors = sorted(atoms.number("part", parts, which, atom) for atom in monomial)
        cut.append({tuple(factors): weight})
    return plus(*cut)


def side_by_side(atoms: Atoms, values: Sequence[Value]) -> Value:
    """Values side by side; a ``concat`` inside of another is taken out."""
    flat: list[Value] = []
    for value in values:
        inner = _as_concat(atoms, value)
        flat += [value] if inner is None else inner
    whole = _whole(atoms, flat)
    if whole is not None:
        return whole
    return atoms.value("concat", *map(frozen, flat))


def _as_concat(atoms: Atoms, value: Value) -> list[Value] | None:
    """What stands side by side in a value, if it is that alone."""
    if len(value) != 1:
        return None
    ((monomial, weight),) = value.items()
    if len(monomial) != 1 or atoms.key(monomial[0])[0] != "concat":
        return None
    return [scaled(weight, dict(inner)) for inner in atoms.key(monomial[0])[1:]]


def _whole(atoms: Atoms, values: Sequence[Value]) -> Value | None:
    """The tensor whose parts these are, all of them and in order."""
    whole: Value = {}
    for monomial, weight in values[0].items():
        factors = []
        for atom in monomial:
            key = atoms.key(atom)
            if key[:3] != ("part", len(values), 0):
                return None
            factors.append(key[3])
        whole[tuple(sorted(factors))] = weight
    cut = [part(atoms, whole, len(values), n) for n in range(len(values))]
    return whole if whole and list(values) == cut else None
