"""The general formulas of a recursion, as ``recform derive`` shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from recform.algebra.expr import Elementwise, I, State, subtensors
from recform.algebra.formula import Formula
from recform.algebra.typeset import plain
from recform.algebra.written.said import boundary_texts, equation_texts
from recform.analysis.jacobian.products import product_of
from recform.analysis.jacobian.products import written as nested
from recform.derivation.backward import (
    GeneralFormula,
    Network,
    are_numbers,
    general_formula,
    network_of,
    seeds_of,
)
from recform.derivation.steps import expanded
from recform.derivation.words import distances
from recform.diagnostics import Diagnostics
from recform.linear.model import Linear, Source
from recform.linear.recurrence import linearise
from recform.recurrence.regimes import longest, own_blocks, regimes, where
from recform.report.derive import aligned
from recform.series import regex as regexes
from recform.series.places import BACK, BLOCK, LAST, At
from recform.series.show import LATEX, PLAIN, Plain

_LAST, _BACK = At(LAST), At(BACK)
#: Most terms of a line of a general formula that is written out.
_MOST = 16


@dataclass(frozen=True)
class Backward:
    """A recursion made into its general formulas.

    Attributes:
        name: of the network.
        equations, boundaries: as in the file.
        formulas: one for each pair of unknowns that a path joins.
        through: derivatives by unknowns that only a history of their block reads.
        assumptions: what was taken for granted.
        where: the blocks that it is true for; empty for all.
        blocks: the same as numbers, as far as the file has blocks.
        others: the same for blocks with equations of their own.
    """

    name: str
    equations: tuple[str, ...]
    boundaries: tuple[str, ...]
    formulas: tuple[GeneralFormula, ...]
    through: tuple[str, ...]
    assumptions: tuple[str, ...]
    where: str = ""
    blocks: tuple[int, ...] = ()
    others: tuple[Backward, ...] = ()

    def text(self) -> str:
        """For the terminal."""
        lines = (*self.equations, *self.boundaries)
        result = [self.name, *(f"  {line}" for line in lines), *self._found()]
        for other in self.others:
            result += other._found()
        assumptions = [
            line for item in (self, *self.others) for line in item.assumptions
        ]
        result.append("\nFor blocks whose history does not reach the start, and if:")
        result += [f"  {line}" for line in dict.fromkeys(assumptions)]
        return "\n".join(result)

    def _found(self) -> list[str]:
        """The formulas, and for which blocks they are."""
        result = [f"\nThrough {self.where}"] if self.where else []
        for formula in self.formulas:
            source = Source(formula.source, _BACK).text()
            target = PLAIN.name(formula.target, _LAST)
            result.append(f"\nFrom {source} to {target}")
            result.append(f"  paths    {regexes.readable(formula.regex)}")
            left = _derivative(PLAIN, formula.target, formula.source)
            if formula.closed:
                result.append(f"  formula  {left} = {formula.closed}")
            for number, line in enumerate(written(formula, PLAIN)):
                result.append(
                    f"  {'' if number else 'i = 1, 2, ...':13}  {line}".rstrip()
                )
            result.append(
                f"  rank     {formula.rank} (of the Hankel matrix{_most(formula)})"
            )
        if self.through:
            result += ["", *self.through]
        return result

    def latex(self) -> str:
        """As LaTeX."""
        lines = []
        for formula in self.formulas:
            if formula.closed_latex:
                left = _derivative(LATEX, formula.target, formula.source)
                lines.append(f"{left} = {formula.closed_latex}")
            elif formula.regex is not None:
                lines.append(f"F = {regexes.latex(formula.regex)}")
            lines += written(formula, LATEX)
        head = f"% through {self.where}\n" if self.where else ""
        made = head + aligned(lines)
        others = [other.latex() for other in self.others]
        return "\n".join([made, *others])

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "network": self.name,
            "equations": list(self.equations),
            "boundaries": list(self.boundaries),
            "through": self.where or "all blocks",
            "blocks": list(self.blocks),
            "formulas": [
                {
                    "from": formula.source,
                    "to": formula.target,
                    "paths": regexes.readable(formula.regex),
                    "formula": formula.closed,
                    "latex": formula.closed_latex,
                    "rank": formula.rank,
                    "written": list(written(formula, PLAIN)),
                }
                for formula in self.formulas
            ],
            "through_histories": list(self.through),
            "assumptions": list(self.assumptions),
            "others": [other.as_dict() for other in self.others],
        }


def backward(formula: Formula) -> Backward:
    """The general formulas of a recursion, of each group of blocks with equal equations.

    Raises:
        CompileError: if a part has no derivative.
    """
    if not own_blocks(formula) and not formula.relative:
        return _backward(formula)
    length = longest(formula)
    general, *own = regimes(formula, length)
    alone = " alone" + ", block L-i among them" * _reads_itself(formula)
    others: list[Backward] = []
    for regime in own:
        through = where(regime, formula) + alone
        if regime.formula is None or regime.in_row < 2:
            continue  # Over one block there is nothing to add up.
        found = _backward(regime.formula, first=0)
        others.append(replace(found, where=through, blocks=regime.blocks))
    return replace(
        _backward(formula),
        where=where(general, formula) + alone,
        blocks=general.blocks,
        boundaries=boundary_texts(formula),
        others=tuple(others),
    )


def _reads_itself(formula: Formula) -> bool:
    """Whether a block reads what it makes: a path may start with that of the first one."""
    rights = [(e.right, I) for e in formula.equations]
    rights += [
        (b.right, b.left.index)
        for b in formula.boundaries
        if isinstance(b.left, State) and b.left.index >= 1 and b.right is not None
    ]
    return any(
        isinstance(part, State) and part.index == index
        for right, index in rights
        for part in subtensors(right)
    )


def _backward(formula: Formula, first: int | None = None) -> Backward:
    report = Diagnostics()
    linear = linearise(formula, report, activations=False, first=first)
    report.check()
    sources = [equation.unknown for equation in formula.equations]
    joined = any(letter.kind == "embed" for letter in linear.letters)
    read = dict.fromkeys(s.unknown for s in linear.output if s.at.base == LAST)
    targets = [name for name in read if name in sources]
    targets = targets or [formula.equations[-1].unknown]
    network = network_of(linear)
    large = {
        source
        for source in linear.unknowns
        if network.is_large(seeds_of(linear, source))
    }
    formulas = tuple(
        made
        for target in targets
        for source in (linear.unknowns if joined else sources)
        if source not in large and not _through(linear, source, target)
        if (made := _formula(linear, network, source, target)).rank
    )
    through = (
        _through(linear, source, target) or _left_out(source, large)
        for target in targets
        for source in sources
    )
    return Backward(
        formula.name,
        equation_texts(formula),
        boundary_texts(formula),
        formulas,
        tuple(dict.fromkeys(filter(None, through))),
        tuple(dict.fromkeys(_assumptions(linear, targets, formulas))),
    )


def _assumptions(
    linear: Linear, targets: list[str], formulas: tuple[GeneralFormula, ...]
) -> Iterator[str]:
    """What is taken for granted, in sentences."""
    yield "operators are linear"
    yield from linear.assumptions
    formula, moves = linear.formula, [m for f in formulas for m in f.series.moves]
    if not isinstance(formula.output, State):
        names = ", ".join(PLAIN.name(target, _LAST) for target in targets)
        yield f"the output, {plain(formula.output)}, is not followed, but {names}"
    parts = (part for e in formula.equations for part in subtensors(e.right))
    if any(isinstance(part, Elementwise) for part in parts):
        yield "activations are left out, as in section 3.2 of Liao et al."
    if any("(" in name for move in moves for name in move.operators):
        yield "what a tensor is multiplied with, diag(...), stays as it is"
    kinds = {letter.kind for letter in linear.letters}
    if "embed" in kinds:
        yield "E1, E2, ... put their part into its place in a concatenation"
    if "project" in kinds:
        yield "P1, P2, ... take their part of a split"
    if any("[" in name for move in moves for name in move.gains):
        yield "weights in [...] stay as they are"


def _most(formula: GeneralFormula) -> str:
    """That a rank is no least number: of two series of the same paths it sees one."""
    letters = distances(formula.series)
    if len(letters) < 2 or formula.rank < 2:
        return ""
    return f"; fewer may do, for {letters[max(letters, key=abs)]} could stand at another block"


def _formula(
    linear: Linear, network: Network, source: str, target: str
) -> GeneralFormula:
    found = general_formula(network, source, target, seeds_of(linear, source))
    if linear.single is None or source != target:
        return found
    # A product of recurrences of order one may be shorter than a row of stars.
    factors = product_of(linear)
    if factors is None:
        return found
    text = nested(PLAIN, factors)
    if 0 < len(found.closed) <= len(text):
        return found
    return replace(found, closed=text, closed_latex=nested(LATEX, factors))


def _through(linear: Linear, source: str, target: str) -> str:
    """The derivative by an unknown that is read within its block alone, by a history.

    Histories that add up have no formula of their own, so paths lead through them.
    """
    reads = [
        (law.unknown, read, polynomial)
        for law in linear.laws
        for read, polynomial in law.gradient.items()
        if read.unknown == source and read.at.base == BLOCK
    ]
    shown = any("(" in name for name, _, _ in reads) and all(
        letter.kind != "embed" for letter in linear.letters
    )
    if (
        shown
        or are_numbers(seeds_of(linear, source))
        or any(r.at.number for _, r, _ in reads)
    ):
        return ""
    parts = []
    for name, _, factor in reads:
        moved = factor.moved(BACK)
        text = f"({moved.text()})" if len(moved.terms) > 1 else moved.text()
        parts.append(f"{_derivative(PLAIN, target, name)}*{text}")
    return f"{_derivative(PLAIN, target, source)} = {' + '.join(parts)}"


def _left_out(source: str, large: set[str]) -> str:
    """Says that a formula is not looked for."""
    if source not in large:
        return ""
    by = Source(source, _BACK).text()
    return (
        f"the derivative by {by} is left out: it leads through a block in too many ways"
    )


def written(formula: GeneralFormula, style: Plain) -> tuple[str, ...]:
    """The general formula for the first few i."""
    names = formula.target, formula.source
    return expanded(
        style, formula.series, lambda by: _derivative(style, *names, by), _MOST
    )


def _derivative(style: Plain, target: str, source: str, by: At = _BACK) -> str:
    return style.derivative(style.name(target, _LAST), Source(source, by).text(style))
