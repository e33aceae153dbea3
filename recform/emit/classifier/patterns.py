"""Patterns that sort parameters by the depth of their modules, as timm takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias


def any_of(names: list[str], rest: str = r"\b") -> str:
    """A pattern, as Python, for the parameters of some modules."""
    parents = {name.rpartition(".")[0] for name in names}
    parent = parents.pop() if len(parents) == 1 and len(names) > 1 else ""
    before = f"{parent}." if parent else ""
    escaped = [name.removeprefix(before).replace(".", r"\.") for name in names]
    either = escaped[0] if len(escaped) == 1 else f"(?:{'|'.join(escaped)})"
    above = before.replace(".", r"\.")
    return f'r"^{above}{either}{rest}"'


#: Patterns with what they add to the depth.
_Spec: TypeAlias = list[tuple[str, str]]
#: The depth that timm's own networks have behind all blocks.
LAST = 99999
#: The patterns of groups, by their names, whole stages or each block by itself.
Groups: TypeAlias = tuple[Mapping[str, str], Mapping[str, str]]


def groups_of(
    stem: list[str],
    stages: list[str],
    changes: Mapping[int, list[str]],
    shared: Mapping[str, int],
    behind: Mapping[str, int],
    others: Iterable[str],
) -> Groups:
    """Patterns, as Python, for the parameters of stem, stages and blocks.

    Args:
        stem: the attributes of the stem.
        stages: those of the stages.
        changes: those of transitions, by the stage behind each.
        shared: attributes that several blocks read, by the stage that does first.
        behind: those that are read behind a stage first, by the stage.
        others: all other attributes.
    """
    first = [*stem, *(name for name, stage in shared.items() if not stage)]
    later = {name: stage for name, stage in shared.items() if stage}
    before = {"stem": any_of(first)} if first else {}
    found = _counted(stages, changes, later, behind, [*first, *others])
    if found is not None:
        coarse, fine = map(_spec, found)
        return {**before, "blocks": coarse}, {**before, "blocks": fine}
    whole, each = dict(before), dict(before)
    for stage, name in enumerate(stages):
        front = [
            *changes.get(stage, ()),
            *(n for n, at in later.items() if at == stage),
        ]
        whole[f"stage{stage + 1}"] = any_of([*front, name])
        each |= {f"transition{stage + 1}": any_of(front)} if front else {}
        each[f"stage{stage + 1}"] = any_of([name], r"\.(\d+)")
        ended = [n for n, at in behind.items() if at == stage]
        for groups in (whole, each) if ended else ():
            pairs = [
                (groups[f"stage{stage + 1}"], "None"),
                (any_of(ended), f"({LAST},)"),
            ]
            groups[f"stage{stage + 1}"] = _spec(pairs)
    return whole, each


def _counted(
    stages: list[str],
    changes: Mapping[int, list[str]],
    later: Mapping[str, int],
    behind: Mapping[str, int],
    others: Iterable[str],
) -> tuple[_Spec, _Spec] | None:
    """Patterns for all stages, where their names, and no others, count them."""
    if len(stages) == 1:
        last = [(any_of([*behind]), f"({LAST},)")] if behind else []
        blocks = any_of(stages), any_of(stages, r"\.(\d+)")
        return [(blocks[0], "None"), *last], [(blocks[1], "None"), *last]
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", stages[0])
    if not found:
        return None
    before, after, start = found[1], found[3], int(found[2])
    numbers = [str(start + stage) for stage in range(len(stages))]
    if stages != [f"{before}{number}{after}" for number in numbers]:
        return None
    digits = r"(\d+)"
    number = digits + re.escape(after)
    coarse = [(any_of([before], number), "None")]
    fine = [(any_of([before], rf"{number}\.(\d+)"), "None")]
    between: list[tuple[str, str]] = []
    counted = [before]
    if changes:
        stage, (first, *_) = next(iter(changes.items()))
        change = first.removesuffix(numbers[stage])
        if changes != {at: [f"{change}{numbers[at]}"] for at in changes}:
            return None
        counted.append(change)
        coarse = [(any_of([before, change], digits), "None")]
        between = [(any_of([change], digits), "None")]
    alike = re.compile("|".join(rf"{re.escape(name)}\d" for name in counted))
    if any(map(alike.match, (*others, *later, *behind))):
        return None
    # What a stage shares comes where its transition does: in front of its blocks.
    front = [(any_of([name]), f"({numbers[at]},)") for name, at in later.items()]
    for name, at in behind.items():
        coarse.append((any_of([name]), f"({numbers[at]},)"))
        fine.append((any_of([name]), f"({numbers[at]}, {LAST})"))
    return coarse + front, fine + between + front


def _spec(pairs: _Spec) -> str:
    """Patterns with what they add to the depth, as timm takes them."""
    if len(pairs) == 1:
        return pairs[0][0]
    return f"[{', '.join(f'({pattern}, {more})' for pattern, more in pairs)}]"
