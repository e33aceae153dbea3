"""What a transplant took, for the terminal and as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recform.compiler import Compiled
from recform.recurrence.regimes import in_blocks
from recform.weights.match import Match, as_dict
from recform.weights.roles import Role
from recform.weights.shapes import Shapes
from recform.weights.transplant import Transplant


@dataclass
class _Group:
    """Tensors that belong to the same thing in all blocks.

    Attributes:
        blocks: their numbers.
        tensors, numbers: how many.
        reasons: why they were not taken.
    """

    blocks: dict[int, None] = field(default_factory=dict)
    tensors: int = 0
    numbers: int = 0
    reasons: dict[str, None] = field(default_factory=dict)


def render(made: Transplant, *, stderr: bool = False) -> None:
    """Prints what was taken, what starts afresh, and what was left."""
    console = Console(highlight=False, stderr=stderr)
    # A table that is cut off tells less than one that wraps in a narrow window.
    console.width = max(console.width, 96)
    found = made.match
    title = Text(f"{_source(made)} -> {_named(made.target)}", style="bold")
    console.print(title, soft_wrap=True)
    console.print(Text(_basis(found)))
    for name, other in found.renamed.items():
        console.print(Text(f"{name} is {other} in the source."))
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("")
    for name in ("tensors", "numbers"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    here, there = made.shapes, made.source_shapes
    taken = [(item.role, item.name, "") for item in found.taken]
    fresh = [(item.role, item.name, item.reason) for item in found.fresh]
    left = [(item.role, item.name, item.reason) for item in found.left]
    _section(table, "taken", taken, here)
    _section(table, "starts afresh", fresh, here)
    _section(table, "left behind", left, there)
    console.print(table)
    console.print(Text(_total(found, here)))


def _source(made: Transplant) -> str:
    known = "" if made.source is None else f" ({_named(made.source)})"
    return f"{made.file}{known}"


def _named(compiled: Compiled) -> str:
    return f"{compiled.name} of {compiled.formula.source.name}"


def _basis(found: Match) -> str:
    if found.basis == "names":
        return (
            "The source's formula is not known: names were compared "
            "(--from FILE.rf names it)."
        )
    same = "The formulas are the same. " if found.basis == "formula" else ""
    return f"{same}Tensors were compared by their roles."


def _total(found: Match, here: Shapes) -> str:
    numbers = sum(prod(here[item.name]) for item in found.taken)
    share = f"{len(found.taken):,} of {len(here):,} tensors"
    of = sum(map(prod, here.values()))
    return f"{share}, {numbers:,} of {of:,} numbers are the source's."


def _section(
    table: Table,
    title: str,
    items: Iterable[tuple[Role | None, str, str]],
    sizes: Shapes,
) -> None:
    groups: dict[tuple[str, str, bool], _Group] = {}
    for role, name, reason in items:
        kind, label = ("", name) if role is None else (role.owner.kind, role.owner.name)
        group = groups.setdefault((kind, label, "in the source, " in reason), _Group())
        if role is not None and role.owner.index is not None:
            group.blocks[role.owner.index] = None
        group.tensors += 1
        group.numbers += prod(sizes[name])
        group.reasons[reason] = None
    for (kind, label, _), group in groups.items():
        table.add_row(
            title,
            Text(_where(kind, label, list(group.blocks))),
            f"{group.tensors:,}",
            f"{group.numbers:,}",
            Text(_reason(list(group.reasons))),
        )
        title = ""
    if groups:
        table.add_section()


def _where(kind: str, label: str, blocks: list[int]) -> str:
    if kind == "adapter":
        label = f"adapter of {label}"
    return f"{label} in {in_blocks(sorted(blocks))}" if blocks else label


def _reason(reasons: list[str]) -> str:
    return reasons[0] if len(reasons) == 1 else f"{reasons[0]}, ..."


def transplant_dict(made: Transplant) -> Mapping[str, Any]:
    """For ``--json``."""
    source = None
    if made.source is not None:
        source = {
            "network": made.source.name,
            "file": made.source.formula.source.name,
        }
    target = {"network": made.target.name, "file": made.target.formula.source.name}
    return {
        "weights": made.file,
        "source": source,
        "target": target,
        **as_dict(made.match),
    }
