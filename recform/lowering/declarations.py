"""Constants and learned scalars: ``const``, ``scalar``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy

from recform.algebra.expr import I, L, untimed
from recform.algebra.formula import LearnedScalar
from recform.algebra.scalars import ScalarReader
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.lowering.frame import FrameReader, params_in
from recform.lowering.sections import Section
from recform.lowering.sorts import Reader
from recform.lowering.survey import Survey
from recform.syntax import nodes as n


class DeclarationReader:
    """Reads the declarations of one network.

    Args:
        section: the statements.
        frame: has the values of parameters; is told which of them decide how the network
            is built.
        report: gets RF212 and RF304.
    """

    def __init__(
        self, section: Section, frame: FrameReader, report: Diagnostics
    ) -> None:
        self._section = section
        self._frame = frame
        self._report = report

    def constants(
        self, places: Mapping[str, Symbolic]
    ) -> tuple[dict[str, Symbolic], set[str]]:
        """The values of constants by name, and which have the index ``i``.

        Args:
            places: more that those with an index may read.
        """
        values: dict[str, Symbolic] = {}
        indexed: set[str] = set()
        for name, item in self._section.consts.items():
            if item.per is not None:
                continue
            names = {**self._frame.values, **values, "L": L}
            self._frame.structural |= params_in(item.value, self._section.params)
            if item.target.indices:
                if not self._is_index_i(item.target):
                    continue
                indexed.add(name)
                names = {**places, **names, "i": I}
            value = ScalarReader(names, self._report, "a constant").read(item.value)
            # After a mistake the name is known all the same.
            values[name] = sympy.S.One if value is None else value
        return values, indexed

    def each_time(self, found: Survey) -> frozenset[str]:
        """Learned scalars of a time, which all blocks share: ``scalar b_t = 0.5``."""
        if not found.timed:
            return frozenset()
        return frozenset(
            name
            for name, item in self._section.scalars.items()
            if len(item.target.indices) == 1
            and isinstance(index := item.target.indices[0], n.Reference)
            and index.name not in ("i", "L")
        )

    def scalars(self, each_time: frozenset[str]) -> dict[str, LearnedScalar]:
        """The learned scalars by name.

        Args:
            each_time: those that have a time instead of a block.
        """
        result = {}
        for name, item in self._section.scalars.items():
            indexed = bool(item.target.indices) and name not in each_time
            if indexed and not self._is_index_i(item.target):
                continue
            if item.per not in (None, "channel", "feature"):
                self._report.error(
                    "RF212",
                    "a learned scalar is `per channel` or one for all",
                    item.span,
                )
            self._frame.structural |= params_in(item.value, self._section.params)
            reader = ScalarReader(self._frame.values, self._report, "a scalar's start")
            value = reader.read(item.value)
            if isinstance(value, bool):
                self._report.error(
                    "RF212", "a scalar starts at a number", item.value.span
                )
                value = None
            result[name] = LearnedScalar(
                name,
                indexed,
                # After a mistake the name is known all the same.
                0.0 if value is None else float(value),
                item.per is not None,
                item.span,
            )
        return result

    def used(
        self, reader: Reader, scalars: Mapping[str, LearnedScalar]
    ) -> dict[str, LearnedScalar]:
        """Those that the equations use; ``a_1`` stands for itself and all blocks."""
        used = {
            name: replace(scalars[untimed(name)], name=name)
            for name in reader.used
            if untimed(name) in scalars
        }
        for member, name in reader.members.items():
            if name in used:
                self._report.error(
                    "RF304",
                    f"{name} is used as {name}_i and as {member}: "
                    "either each block has its own, or there is a numbered list",
                    scalars[name].span,
                )
            used[member] = replace(scalars[name], name=member, indexed=False)
        return used

    def _is_index_i(self, target: n.Reference) -> bool:
        index = target.indices[0]
        if (
            len(target.indices) <= 2
            and isinstance(index, n.Reference)
            and index.name == "i"
            and all(isinstance(other, n.Reference) for other in target.indices)
        ):
            return True
        self._report.error(
            "RF304", f"a declaration has the index i: {target.name}_i", target.span
        )
        return False
