"""A summary on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recform.analysis.invariants.backwards import Rebuilt
from recform.recurrence.regimes import in_blocks
from recform.report.summary import Border, Summary
from recform.report.table import HEADINGS, TableRow, cells


def render_table(rows: list[TableRow], console: Console | None = None) -> None:
    """Prints networks side by side."""
    if console is None:
        console = Console(highlight=False)
        console.width = max(console.width, 120)
    table = Table(box=box.SIMPLE, pad_edge=False)
    for position, heading in enumerate(HEADINGS):
        justify: Literal["left", "right"] = "left" if position < 2 else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in cells(row)))
    console.print(table)
    if any(row.published is not None for row in rows):
        sources = dict.fromkeys(r.published.source for r in rows if r.published)
        console.print(f"printed: {'; '.join(sources)}")


def render(summary: Summary, console: Console | None = None) -> None:
    """Prints a summary."""
    if console is None:
        console = Console(highlight=False)
        # A table that is cut off tells less than one that wraps in a narrow window.
        console.width = max(console.width, 96)
    console.print(Text(summary.name, style="bold"))
    for line in (*summary.equations, *summary.boundaries):
        console.print(Text(f"  {line}", style="cyan"))
    blocks = "block" if summary.order == 1 else "blocks"
    console.print(
        f"\nOrder {summary.order}: the equations reach {summary.order} {blocks} back"
        + "".join(
            f"; those of {in_blocks(r.blocks)} reach {r.order} back"
            for r in summary.orders
        )
        + "."
    )
    _state(summary, console)
    if summary.proof:
        console.print(f"Proved: {summary.proof}.")
    if summary.generation:
        _generation(summary, console)
    if summary.rebuilt:
        _rebuilt(summary.rebuilt, console)
    _stages(summary, console)


def _state(summary: Summary, console: Console) -> None:
    tensors = [row for row in summary.state if row.kind != "module"]
    lists = sum(row.kind == "list" for row in tensors)
    counted = [
        f"{count} {noun}{'s' * (count != 1)}"
        for count, noun in ((len(tensors) - lists, "tensor"), (lists, "list"))
        if count or (noun == "tensor" and not lists)
    ]
    but = ""
    if summary.borders:
        but = f", but for {_wheres(summary.borders)}"
    console.print(f"\nState: {' and '.join(counted)} from block to block{but}.")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for row in summary.state:
        grown = f"; at the end {row.tensors} tensors" if row.tensors > 1 else ""
        more = {"formed early": ", formed early", "list": grown}.get(row.kind, "")
        table.add_row(Text(f"  {row.what}"), Text(row.reason + more))
    console.print(table)
    proof = "; ".join(" > ".join(way) for way in summary.ways)
    over = " and the parts of their sums" if summary.partial else ""
    console.print(
        Text(
            f"Minimal: a minimum cut between two blocks has size {summary.bound}, over "
            f"the tensors that the equations name{over}"
            f"{', a list being one' * bool(lists)}. "
            f"Ways that share no tensor: {proof}."
        )
    )
    for border in summary.borders:
        text = border.text()
        console.print(Text(f"{text[0].upper()}{text[1:]}."))
    most = max((len(border.tensors) for border in summary.borders), default=0)
    if most > len(tensors):
        largest = [border for border in summary.borders if len(border.tensors) == most]
        console.print(f"Largest state: {most} tensors, behind {_wheres(largest)}.")
    for stack in summary.stacks:
        console.print(Text(f"{stack.text()}."))
    for shared in summary.shared:
        calls = ", ".join(shared.calls)
        where = f", in {shared.where}" if shared.where else ""
        said = f"Shared{where}: {shared.name}, {shared.reason}: {calls}."
        console.print(Text(said))


def _generation(summary: Summary, console: Console) -> None:
    """What is kept where the network goes on by positions."""
    console.print(
        "\nPosition by position (compile --for generation): "
        f"{summary.generation_kept:,} numbers of those before, at most."
    )
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for row in summary.generation or ():
        of = f" of {row.blocks} blocks" if row.blocks > 1 else ""
        last = "of all positions"
        if row.positions is not None:
            last = f"of the last {', '.join(map(str, _few(row.positions)))}"
        said = f"{row.what}: {row.features} numbers of each, {last}"
        table.add_row(Text(f"  {row.name}{of}"), Text(said))
    console.print(table)


def _rebuilt(found: Rebuilt, console: Console) -> None:
    """How well blocks run backwards."""
    row = (
        f"rows of up to {found.blocks} blocks" if found.blocks > 1 else "single blocks"
    )
    back = ""
    if found.float32 is not None and found.bfloat16 is not None:
        back = (
            f"; the first state comes back to about {found.float32:.1e} of the largest "
            f"in float32, {found.bfloat16:.1e} in bfloat16"
        )
    console.print(f"\nBackwards (compile --memory reversible): {row}{back}.")


def _few(numbers: Sequence[int]) -> list[int | str]:
    """Numbers of blocks: one for all that have the same, and of many the first ones."""
    if len(set(numbers)) == 1:
        return [numbers[0]]
    return [*numbers[:8], *(["..."] if len(numbers) > 8 else [])]


def _wheres(borders: Sequence[Border]) -> str:
    """The blocks of several borders, by stage."""
    stages: dict[str, list[int]] = {}
    for border in borders:
        stages.setdefault(border.stage, []).extend(border.blocks)
    return ", ".join(in_blocks(sorted(n)) + stage for stage, n in stages.items())


def _stages(summary: Summary, console: Console) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("blocks", "stride", "shape", "parameters", "multiply-adds", "kept"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in summary.stages:
        table.add_row(
            row.name,
            "" if row.blocks is None else str(row.blocks),
            "" if row.stride is None else str(row.stride),
            row.shape,
            f"{row.parameters:,}",
            f"{row.multiply_adds:,}",
            f"{row.kept:,}",
        )
    table.add_section()
    table.add_row(
        "all",
        "",
        "",
        "",
        f"{summary.parameters:,}",
        f"{summary.multiply_adds:,}",
        f"{summary.kept:,}",
    )
    console.print(table)
    console.print(
        "multiply-adds of convolutions and matrix products, and activations (numbers)\n"
        "kept for the backward pass, for one example."
    )
