"""Features side by side: ``concat`` and the parts of a ``split``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import sympy

from recform.blocks.symbolic import Symbolic
from recform.equality.terms import (
    Atom,
    Atoms,
    Key,
    Monomial,
    Value,
    frozen,
    plus,
    scaled,
)


def part(atoms: Atoms, value: Value, parts: int, which: int) -> Value:
    """One of the equal parts into which the features are cut: of each factor its own."""
    cut = []
    for monomial, weight in value.items():
        factors = sorted(
            atom
            if _is_number(atoms, atom)
            else atoms.number("part", parts, which, atom)
            for atom in monomial
        )
        cut.append({tuple(factors): weight})
    return plus(*cut)


def side_by_side(
    atoms: Atoms, values: Sequence[Value], widths: Sequence[Symbolic | None] = ()
) -> Value:
    """Values side by side; a ``concat`` inside of another is taken out.

    Args:
        atoms: numbers for them.
        values: at least one.
        widths: for values that are numbers alone, the width that they fill.
    """
    flat: list[Value] = []
    for place, value in enumerate(values):
        inner = parts_of(atoms, value)
        if inner is not None:
            flat += inner
        elif is_number(atoms, value):
            flat.append(filling(atoms, value, widths[place] if widths else None))
        else:
            flat.append(_without_zeros(atoms, value))
    whole = _whole(atoms, flat)
    if whole is not None:
        return whole
    return atoms.value("concat", *map(frozen, flat))


def parts_of(atoms: Atoms, value: Value) -> list[Value] | None:
    """What stands side by side in a value, if it is that alone."""
    if len(value) != 1:
        return None
    ((monomial, weight),) = value.items()
    if len(monomial) != 1 or atoms.key(monomial[0])[0] != "concat":
        return None
    return [scaled(weight, dict(inner)) for inner in atoms.key(monomial[0])[1:]]


# ---------------------------------------------------------------------------------- widths


def width_of(atoms: Atoms, value: Value) -> Symbolic | None:
    """How wide a value is, or None if that is not known."""
    found = [
        _atom_width(atoms, atom)
        for monomial in value
        for atom in monomial
        if not _is_number(atoms, atom) and atoms.key(atom)[0] != "learned"
    ]
    return found[0] if found and all(width == found[0] for width in found) else None


def _atom_width(atoms: Atoms, atom: Atom) -> Symbolic | None:
    return atoms.once(("width", atom), lambda: _made_width(atoms, atoms.key(atom)))


def _made_width(atoms: Atoms, key: Key) -> Symbolic | None:
    kind, *rest = key
    match kind:
        case "f":
            return width_of(atoms, dict(rest[1]))
        case "max":
            together = {m: w for value in rest[0] for m, w in value}
            return width_of(atoms, together)
        case "part":
            inner = _atom_width(atoms, rest[2])
            return None if inner is None else inner / rest[0]
        case "concat":
            return _total([width_of(atoms, dict(value)) for value in rest])
        case "zeros":
            return rest[0]
    return atoms.said_width(key)


def _total(widths: Iterable[Symbolic | None]) -> Symbolic | None:
    total = sympy.S.Zero
    for width in widths:
        if width is None:
            return None
        total = total + width
    return total


def is_number(atoms: Atoms, value: Value) -> bool:
    """Whether a value is made of numbers alone, such as ``sigmoid(1)``."""
    return all(_is_number(atoms, atom) for monomial in value for atom in monomial)


def _is_number(atoms: Atoms, atom: Atom) -> bool:
    kind, *rest = atoms.key(atom)
    if kind in ("scalar", "positive"):
        return True
    if kind not in ("f", "max"):
        return False
    inner = [rest[1]] if kind == "f" else rest[0]
    key = "is number", atom
    return atoms.once(key, lambda: all(is_number(atoms, dict(x)) for x in inner))


def filling(
    atoms: Atoms,
    value: Value,
    width: Symbolic | None,
    like: tuple[Monomial, ...] | None = None,
) -> Value:
    """A number as features: zeros of a width are an atom, added to it.

    Without it ``concat(0*X_i, Y_i)`` would not tell how wide X is. If that is not known,
    it is like the numbers of features as wide as the same tensors (``like``), or if there
    are none, like no other number.
    """
    if width is None:
        unlike = atoms.count() if like is None else like
        width_key: Key = ("zeros", None, unlike)
    else:
        width_key = ("zeros", width)
    return plus(value, atoms.value(*width_key))


def _without_zeros(atoms: Atoms, value: Value) -> Value:
    """A value without the zeros that only say how wide it is."""
    return {
        monomial: weight
        for monomial, weight in value.items()
        if not any(atoms.key(atom)[0] == "zeros" for atom in monomial)
    }


# ------------------------------------------------------------------------------------ laws


def each(
    atoms: Atoms, values: Sequence[Value], make: Callable[[Sequence[Value]], Value]
) -> Value | None:
    """Something that is done number by number to values, done to parts side by side.

    Returns:
        None if no value is a ``concat``, or their parts are not known to be equally wide.
        A value without a tensor is a number for all parts.
    """
    split = [
        None if is_number(atoms, value) else parts_of(atoms, value) for value in values
    ]
    cut = [parts for parts in split if parts is not None]
    if not cut or any(
        parts is None and not is_number(atoms, value)
        for parts, value in zip(split, values, strict=True)
    ):
        return None
    widths = [width_of(atoms, part) for part in cut[0]]
    if len(cut) > 1:
        others = [[width_of(atoms, part) for part in parts] for parts in cut]
        if None in widths or any(other != widths for other in others):
            return None
    made = []
    for place in range(len(cut[0])):
        column = [
            value if parts is None else _without_zeros(atoms, parts[place])
            for parts, value in zip(split, values, strict=True)
        ]
        made.append(make(column))
    return side_by_side(atoms, made, widths)


def gathered(atoms: Atoms, value: Value) -> Value:
    """A sum in which the ``concat`` of the same widths are one.

    So ``concat(a, b) + concat(c, d) = concat(a + c, b + d)``. A weight, or a number that
    is added, is in the parts.
    """
    groups: dict[Symbolic, list[Value]] = {}
    rest: Value = {}
    for monomial, weight in value.items():
        term = {monomial: weight}
        parts = parts_of(atoms, term)
        if parts is None:
            rest[monomial] = weight
            continue
        widths = tuple(width_of(atoms, part) for part in parts)
        known = None not in widths
        groups.setdefault(widths if known else monomial, []).append(term)
    if not groups:
        return value
    if len(groups) == 1 and is_number(atoms, rest):
        (terms,) = groups.values()
        made = each(atoms, [*terms, rest], lambda column: plus(*column))
        return _visible(atoms, made or {})
    sums = [
        each(atoms, terms, lambda column: plus(*column)) for terms in groups.values()
    ]
    return plus(rest, *(_visible(atoms, made or {}) for made in sums))


def _visible(atoms: Atoms, value: Value) -> Value:
    """Nothing, if all that stands side by side is zero."""
    parts = parts_of(atoms, value)
    if parts is None or any(_without_zeros(atoms, part) for part in parts):
        return value
    return {}


def placed(atoms: Atoms, monomial: Monomial) -> list[tuple[Monomial, Symbolic]]:
    """A ``concat`` as a sum: each term of each part at its place, zeros beside it.

    Matrices may be applied to the terms one by one.
    """
    parts = parts_of(atoms, {monomial: sympy.S.One})
    if parts is None:
        return [(monomial, sympy.S.One)]
    widths = [width_of(atoms, part) for part in parts]
    whole = _total(widths)
    if whole is None:
        return [(monomial, sympy.S.One)]
    return [
        (
            (
                atoms.number(
                    "place", _total(widths[:place]), widths[place], whole, factors
                ),
            ),
            weight,
        )
        for place, part in enumerate(parts)
        for factors, weight in _without_zeros(atoms, part).items()
    ]


def _whole(atoms: Atoms, values: Sequence[Value]) -> Value | None:
    """The tensor whose parts these are, all of them and in order."""
    whole: Value = {}
    for monomial, weight in values[0].items():
        factors = []
        for atom in monomial:
            key = atoms.key(atom)
            if _is_number(atoms, atom):
                factors.append(atom)
                continue
            if key[:3] != ("part", len(values), 0):
                return None
            factors.append(key[3])
        whole[tuple(sorted(factors))] = weight
    cut = [part(atoms, whole, len(values), n) for n in range(len(values))]
    return whole if whole and list(values) == cut else None
