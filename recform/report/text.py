"""A summary on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from recform.analysis.invariants.backwards import Rebuilt
from recform.diagnostics import counted
from recform.recurrence.regimes import in_blocks
from recform.report.summary import Border, StageRow, Summary
from recform.report.table import HEADINGS, TableRow, cells
from recform.report.terminal import console_of, pairs, say_uncounted, table


def render_table(rows: list[TableRow], console: Console | None = None) -> None:
    """Prints networks side by side."""
    console = console_of(console, 120)
    console.print(table(HEADINGS, map(cells, rows), left=2))
    if any(row.published is not None for row in rows):
        sources = dict.fromkeys(r.published.source for r in rows if r.published)
        console.print(f"printed: {'; '.join(sources)}")


def render(summary: Summary, console: Console | None = None) -> None:
    """Prints a summary."""
    console = console_of(console)
    console.print(Text(summary.name, style="bold"))
    for line in (*summary.equations, *summary.boundaries):
        console.print(Text(f"  {line}", style="cyan"))
    console.print(
        f"\nOrder {summary.order}: the equations reach {counted(summary.order, 'block')} back"
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
    single = len(tensors) - lists
    handed = [counted(single, "tensor")] if single or not lists else []
    handed += [counted(lists, "list")] if lists else []
    but = f", but for {_wheres(summary.borders)}" if summary.borders else ""
    console.print(f"\nState: {' and '.join(handed)} from block to block{but}.")
    rows = []
    for row in summary.state:
        grown = f"; at the end {row.tensors} tensors" if row.tensors > 1 else ""
        more = {"formed early": ", formed early", "list": grown}.get(row.kind, "")
        rows.append((row.what, row.reason + more))
    console.print(pairs(rows))
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
    rows = []
    for row in summary.generation or ():
        of = f" of {row.blocks} blocks" if row.blocks > 1 else ""
        last = "of all positions"
        if row.positions is not None:
            last = f"of the last {', '.join(map(str, _few(row.positions)))}"
        said = f"{row.what}: {row.features} numbers of each, {last}"
        rows.append((f"{row.name}{of}", said))
    console.print(pairs(rows))


def _rebuilt(found: Rebuilt, console: Console) -> None:
    """How well blocks run backwards."""
    row = (
        f"rows of up to {found.blocks} blocks" if found.blocks > 1 else "single blocks"
    )
    back = ""
    if found.float32 is not None and found.bfloat16 is not None:
        back = (
            f"; the first state comes back to within {found.float32:.1e} of the largest "
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
    headings = ("blocks", "stride", "shape", "parameters", "multiply-adds", "kept")
    rows = [_cells(row) for row in summary.stages]
    whole = summary.parameters, summary.multiply_adds, summary.kept
    total = _cells(StageRow("all", None, None, "", *whole))
    console.print(table(("", *headings), rows, total))
    console.print(
        "multiply-adds of convolutions and matrix products, and activations (numbers)\n"
        "kept for the backward pass, for one example."
    )
    say_uncounted(summary.uncounted, console)


def _cells(row: StageRow) -> list[str]:
    sizes = "" if row.blocks is None else str(row.blocks)
    stride = "" if row.stride is None else str(row.stride)
    figures = row.parameters, row.multiply_adds, row.kept
    return [row.name, sizes, stride, row.shape, *(f"{n:,}" for n in figures)]
