"""Constants and learned scalars: ``const``, ``scalar``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sympy

from recform.algebra.expr import ANY, I, K, L, of_number
from recform.algebra.formula import LearnedScalar
from recform.algebra.indices import untimed
from recform.algebra.placed import COUNT
from recform.algebra.scalars import ScalarReader, of_block, scalar_of
from recform.algebra.typeset import indexed
from recform.algebra.written.starts import MemberStarts
from recform.blocks.exact import as_float
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics
from recform.outline.definitions import every_name
from recform.outline.frame import FrameReader, params_in
from recform.outline.operator_calls import names_in
from recform.outline.sections import Section
from recform.outline.survey import Survey, second_index
from recform.reading.sorts import Reader
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
        #: Constants as other numbers name them: with an index by :func:`of_block`.
        self.known: dict[str, Symbolic] = {}

    def constants(self) -> dict[str, Symbolic]:
        """The values of constants without an index by name; they may depend on ``L``.

        Those of one block, ``k_2``, may stand in them, where ``k_i`` is a number in ``i``.
        """
        for name, item in self._section.consts.items():
            if item.per is None and not item.target.indices:
                self.known[name] = self._constant(item, {})
            elif item.per is None:
                names = {**self._frame.values, **self.known, "L": L, "i": ANY}
                value = scalar_of(item.value, names)
                if value is not None and not isinstance(value, bool):
                    self.known[of_block(name)] = value
        return {k: v for k, v in self.known.items() if not k.endswith(of_block(""))}

    def of_blocks(self, places: Mapping[str, Symbolic]) -> dict[str, Symbolic]:
        """The values of constants with the index ``i`` by name, in :data:`ANY`.

        Args:
            places: more that they may read.
        """
        values = {}
        for name, item in self._section.consts.items():
            if (
                item.per is None
                and item.target.indices
                and self._is_index_i(item.target)
            ):
                values[name] = self._constant(item, {**places, "i": ANY})
                self.known[of_block(name)] = values[name]
        return values

    def _constant(self, item: n.Const, more: Mapping[str, Symbolic]) -> Symbolic:
        self._frame.structural |= params_in(item.value, self._section.params)
        names = {**more, **self._frame.values, **self.known, "L": L}
        value = ScalarReader(names, self._report, "a constant").read(item.value)
        if isinstance(value, bool):
            self._report.error(
                "RF212",
                "a constant is a number",
                item.value.span,
                hint=f"for example: const {item.target.span.text} = 0.5",
            )
        # After a mistake the name is known all the same.
        return sympy.S.One if value is None or isinstance(value, bool) else value

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

    def each_member(self, found: Survey) -> frozenset[str]:
        """Learned scalars with a number for each member of a sum: ``scalar a_<i,k> = 0``.

        One that stands at a time in an equation has a number for each time; no scalar has
        a position.
        """
        is_time = found.timed and not self._frame.over_positions()
        timed = found.at_times if is_time else frozenset()
        return frozenset(
            name
            for name, scalar in self._section.scalars.items()
            if len(scalar.target.indices) == 2
            and name not in timed
            and found.letters.isdisjoint(second_index(scalar.target))
        )

    def scalars(
        self, each_time: frozenset[str], each_member: frozenset[str]
    ) -> dict[str, LearnedScalar]:
        """The learned scalars by name.

        Args:
            each_time: those that have a time instead of a block.
            each_member: those with a number for each member of a sum.
        """
        result = {}
        for item in self._section.starts.values():
            if item.target.name not in each_member:
                self._report.error(
                    "RF313",
                    f"{item.target.span.text} is one of many that nothing declares",
                    item.span,
                    hint=f"scalar {item.target.name}_<i,k> = 0 declares all of them",
                )
        for name, item in self._section.scalars.items():
            indexed = bool(item.target.indices) and name not in each_time
            if indexed and not self._is_index_i(item.target):
                continue
            if item.per not in (None, "channel", "feature"):
                self._report.error(
                    "RF212",
                    "a learned scalar is `per channel` or one for all",
                    item.span,
                    hint=f"{name}_i is one for each block, and const {name} = (...) "
                    f"per {item.per} are numbers that are not learned",
                )
            if name in each_member:
                if item.per is not None:
                    self._report.error(
                        "RF313",
                        f"{name} has a number for each member of a sum, "
                        "and cannot have one for each channel as well",
                        item.span,
                    )
                result[name] = LearnedScalar(
                    name, True, 0.0, False, item.span, self._starts(item)
                )
                continue
            places = {"i": ANY, "L": L} if indexed else {}
            if item.target.indices or not self._depends(item):
                start = self._number(self._start(item, places), item)
            else:
                start = sympy.S.Zero
            if not start.free_symbols:
                start = as_float(start)
            result[name] = LearnedScalar(
                name, indexed, start, item.per is not None, item.span
            )
        return result

    def _depends(self, item: n.Scalar) -> bool:
        """Whether the start of what all blocks share depends on a block, with a report."""
        used = names_in(item.value) - self._frame.values.keys()
        value = scalar_of(item.value, {**self.known, **self._frame.values})
        if (
            value is not None
            and not isinstance(value, bool)
            and not value.has(ANY, I, L)
        ):
            return False  # ``k_2`` is one number
        found = sorted(used & {"i", "L"}, reverse=True)
        found += [
            name
            for name, value in self.known.items()
            if name.removesuffix(of_block("")) in used and value.has(ANY, I, L)
        ]
        if found:
            name, which = item.target.name, found[0]
            self._report.error(
                "RF201",
                f"{name} is one for all blocks, so its start knows no {which}",
                item.value.span,
                hint=f"each block has its own with an index: scalar {name}_i = "
                f"{item.value.span.text}",
            )
        return bool(found)

    def _start(self, item: n.Scalar, more: Mapping[str, Symbolic]) -> Symbolic:
        """What a declaration says that a scalar starts at; None after a diagnostic."""
        self._frame.structural |= params_in(item.value, self._section.params)
        known = {
            name: value
            for name, value in self.known.items()
            if more or name.endswith(of_block("")) or not value.has(ANY, I, L)
        }
        names = {**known, **self._frame.values, **more}
        tables = {k for k, const in self._section.consts.items() if const.per}
        if found := {COUNT, *tables}.difference(names) & {*every_name(item.value)}:
            self._report.error(
                "RF212",
                f"a scalar's start may depend on i and L, and not on {min(found)}, a number "
                "of stages or blocks",
                item.value.span,
                hint=f"write it in front of the scalar: {min(found)}*{item.target.span.text}",
            )
            return None
        return ScalarReader(names, self._report, "a scalar's start").read(item.value)

    def _starts(self, item: n.Scalar) -> MemberStarts:
        """How the numbers of ``a_<i,k>`` start; the last member is not known yet."""
        variable = item.target.indices[1]
        assert isinstance(variable, n.Reference)
        block = {"i": I, "L": L}
        own: list[tuple[Symbolic, Symbolic]] = []
        for other in self._section.starts.values():
            if other.target.name != item.target.name:
                continue
            if not self._is_of_block(other.target):
                continue
            index = other.target.indices[1]
            if isinstance(index, n.Range):
                self._report.error(
                    "RF304", "the start of one member has one index", other.span
                )
                continue
            place = ScalarReader(block, self._report, "an index").read(index)
            value = self._start(other, block)
            if place is not None and value is not None:
                own.append((place, self._number(value, other)))
        value = self._start(item, {**block, variable.name: K})
        return MemberStarts(self._number(value, item), tuple(own))

    def _number(self, value: Symbolic, item: n.Scalar) -> Symbolic:
        """A start that is a number; after a mistake the name is known all the same."""
        if value is None or isinstance(value, bool):
            if value is not None:
                self._report.error(
                    "RF212",
                    "a scalar starts at a number",
                    item.value.span,
                    hint=f"for example: scalar {item.target.span.text} = 0.5",
                )
            return sympy.S.Zero
        return value

    def used(
        self, reader: Reader, scalars: Mapping[str, LearnedScalar]
    ) -> dict[str, LearnedScalar]:
        """Those that the equations use; ``a_1`` stands for itself and all blocks."""
        used = {
            name: replace(scalars[untimed(name)], name=name)
            for name in reader.used
            if untimed(name) in scalars
        }
        for name, (first, last) in reader.ends.items():
            starts = used[name].members
            assert starts is not None
            found = replace(starts, first=int(first), last=last)
            self._check_own(name, found)
            used[name] = replace(used[name], members=found)
        for member, name in reader.members.items():
            if name in used:
                self._report.error(
                    "RF304",
                    f"{name} is used as {name}_i and as {member}: "
                    "either each block has its own, or there is a numbered list",
                    scalars[name].span,
                )
            used[member] = self._listed(scalars[name], member)
        return {name: _of_block(scalar) for name, scalar in used.items()}

    def _listed(self, scalar: LearnedScalar, member: str) -> LearnedScalar:
        """One of ``a_1``, ``a_2`` ..., which all blocks share."""
        start = scalar.start
        if not isinstance(start, float):
            start = of_number(start, sympy.Integer(member.rpartition("_")[2]))
            if start.has(L) or not start.is_real:
                what = "what depends on the number of blocks"
                self._report.error(
                    "RF304",
                    f"{member} is shared by all blocks, and starts at "
                    f"{what if start.has(L) else 'no number'}",
                    scalar.span,
                    hint=f"scalar {scalar.name}_i = 1/(i + 1) is a number for each",
                )
                start = 0.0
            start = as_float(start)
        return replace(scalar, name=member, indexed=False, start=start)

    def _check_own(self, name: str, starts: MemberStarts) -> None:
        """Reports starts of what is no member of the sum."""
        for place, _ in starts.own:
            late = place.has(I) and (place - starts.last).is_positive
            early = not place.has(I) and place < starts.first
            if late or early:
                shown = indexed(name, I, place)
                self._report.error(
                    "RF313",
                    f"{shown} is the number of no member of the sum",
                    self._section.scalars[name].span,
                    hint=f"its members are {starts.first} to "
                    f"{str(starts.last).replace(' ', '')}",
                )

    def _is_of_block(self, target: n.Reference) -> bool:
        """Whether the first index is ``i``, with a report if it is not."""
        if isinstance(first := target.indices[0], n.Reference) and first.name == "i":
            return True
        self._report.error(
            "RF304",
            f"a declaration has the index i: {target.name}_<i,...>",
            target.span,
        )
        return False

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


def _of_block(scalar: LearnedScalar) -> LearnedScalar:
    """With a start in the number of the block."""
    start = scalar.start
    if isinstance(start, float):
        return scalar
    return replace(scalar, start=of_number(start, I))
