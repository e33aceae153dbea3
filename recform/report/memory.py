"""What a network needs, on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recform.costs.needs import Needs, Part
from recform.costs.words import in_bytes, in_seconds
from recform.diagnostics import counted
from recform.report.terminal import console_of, say_uncounted, table

_OPTIMIZERS = {"sgd": "SGD with momentum", "adam": "Adam"}


def render_needs(needs: Needs, console: Console | None = None) -> None:
    """Prints what a network needs."""
    console = console_of(console, 112)
    examples = counted(needs.batch, "example")
    setting = f"{examples} at once, {needs.dtype}, {_OPTIMIZERS[needs.optimizer]}"
    console.print(Text(needs.name, style="bold"))
    console.print(Text(f"  {setting}", style="cyan"))
    if needs.plan[1:] or needs.plan[0][0] != "plain":
        rows = ", ".join(f"{count} {form}" for form, count in needs.plan)
        console.print(Text(f"  stem, blocks, head: {rows}", style="cyan"))
    console.print()
    stay = needs.total.parameters + needs.incoming
    more = stay + needs.total.optimizer
    said = "parameters, the optimizer's, what comes in"
    _most("Training", needs.training, more, said, console)
    _most("Inference", needs.inference, stay, "parameters, what comes in", console)
    _parts(needs, console)
    _times(needs, console)


def _most(what: str, most: int, stay: int, said: str, console: Console) -> None:
    text = f"{what}: {in_bytes(most)} at most, {in_bytes(stay)} of it all the time: {said}."
    console.print(Text(text))


def _parts(needs: Needs, console: Console) -> None:
    sizes = ("parameters", "gradients", "optimizer", "kept", "moved")
    headings = ("", *sizes, "multiply-adds", "elementwise")
    console.print(table(headings, map(_cells, needs.parts), _cells(needs.total)))
    console.print(
        "kept: what autograd holds for the backward pass; moved: what a step of training\n"
        "reads and writes; multiply-adds, and other numbers computed (elementwise): of a\n"
        "forward pass."
    )
    say_uncounted(needs.uncounted, console)


def _cells(part: Part) -> list[str]:
    sizes = (part.parameters, part.gradients, part.optimizer, part.kept, part.moved)
    work = f"{part.multiply_adds:,}", f"{part.elementwise:,}"
    return [part.name, *map(in_bytes, sizes), *work]


def _times(needs: Needs, console: Console) -> None:
    again = any(time.again for time in needs.times)
    bounds = Table(box=box.SIMPLE, pad_edge=False)
    bounds.add_column("at least", no_wrap=True)
    bounds.add_column("training step", justify="right", no_wrap=True)
    if again:
        bounds.add_column("run again in it", justify="right", no_wrap=True)
    bounds.add_column("inference", justify="right", no_wrap=True)
    bounds.add_column("", no_wrap=True)
    bounds.add_column("its figures are from")
    for time in needs.times:
        fits = "" if time.fits is not False else "memory too small"
        times = [time.training, *([time.again] if again else []), time.inference]
        bounds.add_row(time.device, *map(in_seconds, times), fits, time.source)
    console.print(bounds)
