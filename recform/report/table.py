"""Many networks side by side, beside the figures that were published of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from recform.graph.model import NetworkGraph


@dataclass(frozen=True)
class Published:
    """What was published of a network.

    Attributes:
        parameters: how many, as printed (11.22M is 11220000).
        multiply_adds: of a whole batch, as printed.
        batch: how many examples the batch has.
        source: where it is printed.
    """

    parameters: float | None
    multiply_adds: float | None
    batch: int
    source: str


@dataclass(frozen=True)
class TableRow:
    """One network.

    Attributes:
        file, name: where it stands.
        parameters: how many it has.
        multiply_adds: for one example.
        published: what was published of it, if anything.
    """

    file: str
    name: str
    parameters: int
    multiply_adds: int
    published: Published | None

    @property
    def batch_multiply_adds(self) -> int | None:
        """For a batch of the published size."""
        if self.published is None:
            return None
        return self.multiply_adds * self.published.batch

    def as_dict(self) -> dict[str, object]:
        """The row as plain data, for JSON."""
        return asdict(self)


def published(text: str) -> dict[tuple[str, str], Published]:
    """The table of a file ``published.csv``, by file and network.

    Its columns are file, network, parameters, multiply_adds, batch and source; numbers may be
    left out.

    Raises:
        ValueError: if a line is not like that.
    """
    table = {}
    for row in csv.DictReader(io.StringIO(text)):
        try:
            table[row["file"], row["network"]] = Published(
                _number(row["parameters"]),
                _number(row["multiply_adds"]),
                int(row["batch"]),
                row["source"],
            )
        except (KeyError, TypeError, ValueError) as error:
            message = f"line {len(table) + 2} is not file,network,parameters,"
            raise ValueError(f"{message}multiply_adds,batch,source") from error
    return table


def _number(text: str) -> float | None:
    return float(text) if text.strip() else None


def tabulate(
    networks: Iterable[tuple[str, NetworkGraph]],
    table: Mapping[tuple[str, str], Published],
) -> list[TableRow]:
    """A row for each network.

    Args:
        networks: each with the name of its file.
        table: what was published.
    """
    return [
        TableRow(
            file,
            graph.recurrence.formula.name,
            graph.totals.parameters,
            graph.totals.multiply_adds,
            table.get((file, graph.recurrence.formula.name)),
        )
        for file, graph in networks
    ]


def cells(row: TableRow) -> tuple[str, ...]:
    """A row as text: file, network, parameters, printed, multiply-adds, batch, printed."""
    told = row.published
    whole = row.batch_multiply_adds
    return (
        row.file,
        row.name,
        f"{row.parameters:,}",
        ""
        if told is None or told.parameters is None
        else f"{told.parameters / 1e6:.2f}M",
        f"{row.multiply_adds:,}",
        "" if told is None or whole is None else f"{whole:.2e}",
        ""
        if told is None or told.multiply_adds is None
        else f"{told.multiply_adds:.1e}",
    )


HEADINGS = (
    "file",
    "network",
    "parameters",
    "printed",
    "multiply-adds",
    "of a batch",
    "printed",
)


def markdown(rows: Iterable[TableRow]) -> str:
    """The table for a page."""
    lines = [
        "| " + " | ".join(HEADINGS) + " |",
        "|---|---|" + "---:|" * (len(HEADINGS) - 2),
    ]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines)
