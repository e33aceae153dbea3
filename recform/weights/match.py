"""Which tensors of one network are for the same as those of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from recform.blocks.identifiers import identifier
from recform.compiler import Compiled
from recform.diagnostics import Diagnostic
from recform.weights.layers import broken
from recform.weights.normal import Normal, normal_form
from recform.weights.roles import Role, roles
from recform.weights.shapes import Shapes, alike, sizes

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
        remarks: warnings of numbers that are odd, or of another precision.
    """

    basis: str
    taken: tuple[Taken, ...]
    fresh: tuple[Apart, ...]
    left: tuple[Apart, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[Diagnostic, ...] = ()

    def __repr__(self) -> str:
        """How many tensors: there may be thousands of them."""
        return (
            f"<Match by {self.basis}: {len(self.taken)} taken, {len(self.fresh)} fresh, "
            f"{len(self.left)} left>"
        )


#: Why a tensor is not taken for another of its shape; empty if it is.
Refuse = Callable[[str, str], str]


def _take(name: str, origin: str) -> str:
    return ""


def match(
    target: Compiled,
    here: Shapes,
    source: Compiled | None,
    there: Shapes,
    refuse: Refuse = _take,
) -> Match:
    """Finds a tensor of the source for each of the target.

    Args:
        target: the network that gets weights.
        here: the shapes of its tensors, by name.
        source: the network that gives them, which may be the same; None if its formula
            is not known.
        there: the shapes of the tensors that it has.
        refuse: asked of each pair of tensors, by their names here and there.
    """
    paired = partial(_paired, here=here, there=there, refuse=refuse)
    if source is None or source is target:
        basis = "names" if source is None else "formula"
        return paired(basis, pairs={name: name for name in here}, ours={}, theirs={})
    ours, theirs = roles(target), roles(source)
    first, second = normal_form(target.formula), normal_form(source.formula)
    if first.digest == second.digest:
        # The same network under other names: its parts come in the same order.
        by_place = {role.place: name for name, role in theirs.items()}
        pairs = {name: by_place[role.place] for name, role in ours.items()}
        return paired("formula", pairs=pairs, ours=ours, theirs=theirs)
    renamed = _renamed(first, second)
    same = {name: name for name in second.definitions}
    by_key = {_key(role, {}, same): name for name, role in theirs.items()}
    defined = _defined(first, second)
    pairs = {}
    for name, role in ours.items():
        found = by_key.get(_key(role, renamed, defined))
        if found is not None:
            pairs[name] = found
    made = paired("roles", pairs=pairs, ours=ours, theirs=theirs)
    both = {**renamed, **{name: other for name, other in defined.items() if other}}
    shown = {name: other for name, other in both.items() if name != other}
    return replace(made, renamed=shown)


def _paired(
    basis: str,
    *,
    here: Shapes,
    there: Shapes,
    pairs: Mapping[str, str],
    ours: Mapping[str, Role],
    theirs: Mapping[str, Role],
    refuse: Refuse,
) -> Match:
    """Takes the pairs whose shapes agree, and says why the rest is not taken."""
    what = "such name" if basis == "names" else "such part"
    reasons, whys = {}, {}
    good = {}
    for name, shape in here.items():
        origin = pairs.get(name, "")
        reason = f"no {what} in the source"
        if origin in there:
            reason = f"{sizes(there[origin])} in the source, {sizes(shape)} here"
            if alike(there[origin], shape):
                reason = refuse(name, origin)
            if not reason:
                good[name] = origin
                continue
            reasons[origin] = reason
        elif origin and theirs:
            reason = f"the source lacks {origin}"
        whys[name] = reason
    for name, lacks in broken(good, here, there).items():
        reason = f"its layer is not taken whole: without {lacks}"
        whys[name] = reasons[good.pop(name)] = reason
    taken = [Taken(n, good[n], ours.get(n)) for n in here if n in good]
    fresh = [Apart(n, ours.get(n), whys[n]) for n in here if n in whys]
    used = set(good.values())
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


# ------------------------------------------------------------------------- names


def _key(role: Role, renamed: Mapping[str, str], defined: Mapping[str, str]) -> Key:
    owner = role.owner
    name = owner.name
    if owner.kind == "adapter":
        name = _NAME.sub(lambda m: renamed.get(m.group(), m.group()), name)
    elif owner.kind in ("operator", "scalar"):
        name = renamed.get(name, name)
    part = _part(role.part, defined)
    return (owner.kind, name, owner.stage, owner.block, owner.index == 0, part)


_NAME = re.compile(r"[^\W\d_][^\W_]*'?(?=_)")


def _part(part: str, defined: Mapping[str, str]) -> str:
    """A part without the names of definitions: they stand for what they say."""
    for name in sorted(defined, key=len, reverse=True):
        called = re.escape(identifier(name))
        part = re.sub(
            rf"(^|\.|_){called}_?(\d+)(?=\.|$)",
            lambda m: f"{m[1]}<{defined[name]}>{m[2]}",  # noqa: B023 (called at once)
            part,
        )
    return part


def _defined(first: Normal, second: Normal) -> dict[str, str]:
    """The definitions of the second formula for those of the first; empty for none.

    What says the same is the same, under any name; of the rest, what is called the same.
    """
    result: dict[str, str] = {}
    for name, said in first.definitions.items():
        alike = [n for n, other in second.definitions.items() if other == said]
        free = [n for n in alike if n not in result.values()]
        result[name] = name if name in free else next(iter(free), "")
    for name, found in result.items():
        rest = name in second.definitions and name not in result.values()
        result[name] = found or (name if rest else "")
    return result


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
