"""Constants with a number for each stage or block: ``const k = (3, 5, 3) per stage``."""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from recform.algebra.formula import StageSpec, Table
from recform.algebra.placed import COUNT, Row, starts
from recform.algebra.scalars import ScalarReader
from recform.algebra.symbols import SYMBOLS, size
from recform.blocks.code import MANY
from recform.blocks.identifiers import GENERATED, identifier, is_taken
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.outline.definitions import every_name
from recform.outline.sections import Section
from recform.source import Span
from recform.syntax import nodes as n

_PER = ("stage", "block")


class TableReader:
    """Reads the tables of one network.

    Args:
        section: the statements.
        values: of parameters.
        stages: of the network.
        report: gets RF212 and RF218.

    Attributes:
        tables: in the order of the file; those with mistakes are left out.
        symbols: what stands for each of them, by name; those with mistakes are known too,
            so that a use of one is no second mistake.
        rows: the numbers of all blocks, by name.
        structural: names of parameters that stand in them.
    """

    def __init__(
        self,
        section: Section,
        values: Mapping[str, Symbolic],
        stages: tuple[StageSpec, ...],
        report: Diagnostics,
    ) -> None:
        self._library = section.library
        self._values = values
        # Where all stages have mistakes, there is one block.
        self._blocks = [stage.blocks for stage in stages] or [1]
        self._report = report
        said = section.single["stages"]
        assert isinstance(said, n.Stages)
        # After a mistake in a stage nobody knows how many numbers there are to be.
        self._is_counted = len(said.stages) == len(stages)
        self.structural: set[str] = set()
        self.symbols: dict[str, Symbolic] = {}
        self.rows = {COUNT: Row.count(self._blocks)}
        found = []
        # What arguments are called already, or could want to be.
        self._taken = {*section.params, *section.consts}
        for name, item in section.consts.items():
            if item.per is None:
                continue
            self.structural |= set(every_name(item.value)) & set(section.params)
            self.symbols[name] = size(name)
            table = self._table(name, item)
            if table is not None:
                found.append(table)
                self.symbols[name] = table.symbol
        if COUNT not in self._taken:
            found.append(self._count(section.equations[0].span))
            self.symbols[COUNT] = found[-1].symbol
        self.tables = tuple(found)

    def _count(self, span: Span) -> Table:
        """The number of a block within its stage, as operators read it."""
        counts = [n + 1 for blocks in self._blocks for n in range(blocks)]
        return Table(COUNT, size(COUNT), True, tuple(counts), span, counts=True)

    def _table(self, name: str, item: n.Const) -> Table | None:
        if item.per not in _PER or item.target.indices or name in SYMBOLS:
            self._report.error(
                "RF212",
                "a constant with several numbers is `per stage` or `per block`, "
                "and has no index",
                item.span,
                hint=f"const {name} = (3, 5) per stage",
            )
            return None
        whole = item.value
        exprs = whole.items if isinstance(whole, n.Tuple) else (whole,)
        blocks = sum(self._blocks)
        wanted = blocks if item.per == "block" else len(self._blocks)
        if len(exprs) != wanted and self._is_counted:
            self._report.error(
                "RF218",
                f"{name} has {len(exprs)} number(s), and the network {wanted} "
                f"{item.per}{'' if wanted == 1 else 's'}",
                whole.span,
                hint=f"one for each {item.per}, in brackets and with commas between",
            )
        if len(exprs) != wanted:
            # After a mistake the name is known all the same.
            exprs = exprs[:1] * wanted
        reader = ScalarReader(self._values, self._report, f"the constant {name}")
        read = [reader.read(expr) for expr in exprs]
        if any(value is None for value in read):
            return None
        for value, expr in zip(read, exprs, strict=True):
            if isinstance(value, bool) or not value.is_number:
                hint = f"for example: const {name} = (3, 5) per {item.per}"
                self._report.error(
                    "RF212", f"{name} takes numbers", expr.span, hint=hint
                )
                return None
        numbers = tuple(
            int(v) if v.is_Integer and abs(v) < MANY else float(v) for v in read
        )
        shown = self._argument(name, item.per)
        counts = [1] * blocks
        if item.per == "stage":
            counts = self._blocks
        self.rows[name] = Row(name, shown, starts(counts), tuple(read))
        is_whole = all(isinstance(number, int) for number in numbers)
        other = sympy.Symbol(shown, real=True, integer=is_whole)
        symbol = size(shown) if is_whole and min(numbers) > 0 else other
        return Table(name, symbol, item.per == "block", numbers, item.span)

    def _argument(self, name: str, per: str) -> str:
        """What generated classes call a constant: `const depth` is `stage_depth` there."""
        shown = identifier(name)
        if shown in GENERATED or is_taken(shown, self._library):
            shown = f"{per}_{shown}"
        base, number = shown, 2
        while shown != name and shown in self._taken:
            shown, number = f"{base}_{number}", number + 1
        self._taken.add(shown)
        return shown
