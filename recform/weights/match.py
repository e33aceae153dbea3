"""Which tensors of one network are for the same as those of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from recform.compiler import Compiled
from recform.weights.normal import Normal, normal_form
from recform.weights.roles import Role, roles

#: What makes a role the same in two networks. The number of a block counts in its
#: stage, so that a deeper network gets the weights of the blocks that both have.
Key = tuple[str, str, int, int, bool, str]


@dataclass(frozen=True)
class Taken:
    """A tensor that both networks have.

    Attributes:
        name, origin: its names here and there.
        role: what it is for; None where only names were compared.
    """

    name: str
    origin: str
    role: Role | None


@dataclass(frozen=True)
class Apart:
    """A tensor that one network has alone.

    Attributes:
        name: in its own network.
        role: likewise.
        reason: why the other has none for it.
    """

    name: str
    role: Role | None
    reason: str


@dataclass(frozen=True)
class Match:
    """The tensors of two networks side by side.

    Attributes:
        basis: what was compared: ``formula`` (they are the same), ``roles`` or
            ``names``.
        taken: those that both have.
        fresh: those that only the target has.
        left: those that only the source has.
        renamed: names of the target's formula that stand for others of the source's.
    """

    basis: str
    taken: tuple[Taken, ...]
    fresh: tuple[Apart, ...]
    left: tuple[Apart, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """How many tensors: there may be thousands of them."""
        return (
            f"<Match by {self.basis}: {len(self.taken)} taken, {len(self.fresh)} fresh, "
            f"{len(self.left)} left>"
        )


Shapes = Mapping[str, tuple[int, ...]]


def match(
    target: Compiled, here: Shapes, source: Compiled | None, there: Shapes
) -> Match:
    """Finds a tensor of the source for each of the target.

    Args:
        target: the network that gets weights.
        here: the shapes of its tensors, by name.
        source: the network that gives them, which may be the same; None if its formula
            is not known.
        there: the shapes of the tensors that it has.
    """
    if source is None or source is target:
        basis = "names" if source is None else "formula"
        return _paired(basis, here, there, {name: name for name in here}, {}, {})
    ours, theirs = roles(target), roles(source)
    first, second = normal_form(target.formula), normal_form(source.formula)
    if first.digest == second.digest:
        # The same network under other names: its parts come in the same order.
        by_place = {role.place: name for name, role in theirs.items()}
        pairs = {name: by_place[role.place] for name, role in ours.items()}
        return _paired("formula", here, there, pairs, ours, theirs)
    renamed = _renamed(first, second)
    by_key = {_key(role, lambda name: name): n for n, role in theirs.items()}
    pairs = {}
    for name, role in ours.items():
        found = by_key.get(_key(role, lambda name: renamed.get(name, name)))
        if found is not None:
            pairs[name] = found
    made = _paired("roles", here, there, pairs, ours, theirs)
    shown = {name: other for name, other in renamed.items() if name != other}
    return replace(made, renamed=shown)


def _paired(
    basis: str,
    here: Shapes,
    there: Shapes,
    pairs: Mapping[str, str],
    ours: Mapping[str, Role],
    theirs: Mapping[str, Role],
) -> Match:
    """Takes the pairs whose shapes agree, and says why the rest is not taken."""
    what = "such name" if basis == "names" else "such part"
    taken, fresh, reasons = [], [], {}
    for name, shape in here.items():
        origin = pairs.get(name, "")
        role = ours.get(name)
        if origin in there and there[origin] == shape:
            taken.append(Taken(name, origin, role))
            continue
        reason = f"no {what} in the source"
        if origin in there:
            reason = f"{_sizes(there[origin])} in the source, {_sizes(shape)} here"
            reasons[origin] = reason
        elif origin and theirs:
            reason = f"the source lacks {origin}"
        fresh.append(Apart(name, role, reason))
    used = {item.origin for item in taken}
    left = [
        Apart(name, theirs.get(name), reasons.get(name, _why(name, theirs, what)))
        for name in there
        if name not in used
    ]
    return Match(basis, tuple(taken), tuple(fresh), tuple(left))


def _why(name: str, theirs: Mapping[str, Role], what: str) -> str:
    if theirs and name not in theirs:
        return "unknown to its own formula"
    return f"no {what} here"


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


# ------------------------------------------------------------------------- names


def _key(role: Role, renamed: Callable[[str], str]) -> Key:
    owner = role.owner
    name = owner.name
    if owner.kind == "adapter":
        name = re.sub(r"[^\W\d_][^\W_]*'?(?=_)", lambda m: renamed(m.group()), name)
    elif owner.kind in ("operator", "scalar"):
        name = renamed(name)
    return (owner.kind, name, owner.stage, owner.block, owner.index == 0, role.part)


def _renamed(first: Normal, second: Normal) -> dict[str, str]:
    """The names of the second formula for those of the first.

    A name stands for the same name. If each formula has one operator (unknown, scalar)
    that the other does not name, and they are defined alike, they are the same.
    """
    result: dict[str, str] = {}
    kinds: Sequence[tuple[tuple[str, ...], tuple[str, ...]]] = (
        (first.unknowns, second.unknowns),
        (first.operators, second.operators),
        (first.scalars, second.scalars),
    )
    for mine, theirs in kinds:
        own = [name for name in mine if name not in theirs]
        other = [name for name in theirs if name not in mine]
        if len(own) != 1 or len(other) != 1:
            continue
        if first.definition(own[0]) == second.definition(other[0]):
            result[own[0]] = other[0]
    return result


def as_dict(found: Match) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "basis": found.basis,
        "renamed": dict(found.renamed),
        "taken": [
            {"name": t.name, "origin": t.origin, "role": _text(t.role)}
            for t in found.taken
        ],
        "fresh": [_apart(item) for item in found.fresh],
        "left": [_apart(item) for item in found.left],
    }


def _apart(item: Apart) -> dict[str, Any]:
    return {"name": item.name, "role": _text(item.role), "reason": item.reason}


def _text(role: Role | None) -> str | None:
    return None if role is None else str(role)
