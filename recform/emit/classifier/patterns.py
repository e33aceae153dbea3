"""Patterns that sort parameters by the depth of their modules, as timm takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping


def any_of(names: list[str], rest: str = r"\b") -> str:
    """A pattern, as Python, for the parameters of some modules."""
    parents = {name.rpartition(".")[0] for name in names}
    parent = parents.pop() if len(parents) == 1 and len(names) > 1 else ""
    before = f"{parent}." if parent else ""
    escaped = [name.removeprefix(before).replace(".", r"\.") for name in names]
    either = escaped[0] if len(escaped) == 1 else f"(?:{'|'.join(escaped)})"
    above = before.replace(".", r"\.")
    return f'r"^{above}{either}{rest}"'


def patterns(
    stages: list[str], transitions: list[str], shared: Mapping[str, int]
) -> tuple[str, str, list[str]]:
    """Patterns, as Python, for the parameters of stages, and for those of blocks.

    Args:
        stages: their attributes.
        transitions: likewise.
        shared: attributes that several blocks read, by the stage that does first.

    Returns:
        Both, and the shared attributes that are read first of all.
    """
    if len(stages) == 1:
        return any_of(stages), any_of(stages, r"\.(\d+)"), list(shared)
    found = [re.fullmatch(r"(.*?)(\d+)(\D*)", name) for name in stages]
    matches = [match for match in found if match]
    around = {(match[1], match[3]) for match in matches}
    if len(around) != 1 or len(matches) < len(found):
        return any_of(stages), any_of(stages), list(shared)
    ((before, after),) = around
    digits = r"(\d+)"
    number = digits + after.replace(".", r"\.")
    coarse = [(any_of([before], number), "None")]
    fine = [(any_of([before], rf"{number}\.(\d+)"), "None")]
    between: list[tuple[str, str]] = []
    if transitions:
        change = transitions[0].rstrip("0123456789")
        coarse = [(any_of([before, change], digits), "None")]
        between = [(any_of([change], digits), "None")]
    # What a stage shares comes where its transition does: in front of its blocks.
    later = [
        (any_of([name]), f"({matches[stage][2]},)")
        for name, stage in shared.items()
        if stage
    ]
    first = [name for name, stage in shared.items() if not stage]
    return _spec(coarse + later), _spec(fine + between + later), first


def _spec(pairs: list[tuple[str, str]]) -> str:
    """Patterns with what they add to the depth, as timm takes them."""
    if len(pairs) == 1:
        return pairs[0][0]
    return f"[{', '.join(f'({pattern}, {more})' for pattern, more in pairs)}]"
