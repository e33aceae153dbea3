"""What a network needs, on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from recform.costs.needs import Needs, Part

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_OPTIMIZERS = {"sgd": "SGD with momentum", "adam": "Adam"}


def render_needs(needs: Needs, console: Console | None = None) -> None:
    """Prints what a network needs."""
    if console is None:
        console = Console(highlight=False)
        console.width = max(console.width, 112)
    examples = "1 example" if needs.batch == 1 else f"{needs.batch:,} examples"
    setting = f"{examples} at once, {needs.dtype}, {_OPTIMIZERS[needs.optimizer]}"
    console.print(Text(needs.name, style="bold"))
    console.print(Text(f"  {setting}", style="cyan"))
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
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("", no_wrap=True)
    headings = ("parameters", "gradients", "optimizer", "kept", "moved")
    for name in (*headings, "multiply-adds", "elementwise"):
        table.add_column(name, justify="right", no_wrap=True)
    for part in needs.parts:
        table.add_row(*_cells(part))
    table.add_section()
    table.add_row(*_cells(needs.total))
    console.print(table)
    console.print(
        "kept: what autograd holds for the backward pass; moved: what a step of training\n"
        "reads and writes; multiply-adds, and other numbers computed (elementwise): of a\n"
        "forward pass."
    )


def _cells(part: Part) -> list[str]:
    sizes = (part.parameters, part.gradients, part.optimizer, part.kept, part.moved)
    work = f"{part.multiply_adds:,}", f"{part.elementwise:,}"
    return [part.name, *map(in_bytes, sizes), *work]


def _times(needs: Needs, console: Console) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("at least", no_wrap=True)
    table.add_column("training step", justify="right", no_wrap=True)
    table.add_column("inference", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("its figures are from")
    for time in needs.times:
        fits = "" if time.fits is not False else "memory too small"
        training, inference = in_seconds(time.training), in_seconds(time.inference)
        table.add_row(time.device, training, inference, fits, time.source)
    console.print(table)


def in_bytes(count: int) -> str:
    """A number of bytes with a unit: ``1.50 MiB``."""
    power = min(max(count.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    if not power:
        return f"{count} B"
    return f"{count / 1024**power:,.2f} {_UNITS[power]}"


def in_seconds(seconds: float) -> str:
    """A time with a unit: ``1.50 ms``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:,.2f} {unit}"
    return f"{seconds * 1e6:,.1f} µs"
