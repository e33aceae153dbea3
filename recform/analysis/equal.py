"""Whether two networks are equal: for any operators, for linear ones, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from recform.algebra.expr import I, State
from recform.algebra.formula import Formula
from recform.algebra.typeset import plain
from recform.analysis.automaton import equal
from recform.analysis.derive_back import NoSeries, network_of, seeds_of
from recform.analysis.derive_text import PLAIN, added, term
from recform.analysis.equal_example import Example, example
from recform.analysis.equal_induction import Kept, Proof, Relation, prove, regular_from
from recform.analysis.equal_values import Atoms, TooLarge, Value, written_out
from recform.analysis.linear import linearise
from recform.analysis.series import NotExact
from recform.diagnostics import CompileError, Diagnostics
from recform.recurrence.reach import reach_of
from recform.recurrence.unroll import Unroller

#: How the answer reads.
ANY, LINEAR, DIFFERENT, OPEN = "equal", "equal if linear", "different", "undecided"


@dataclass(frozen=True)
class Verdict:
    """Whether two networks are equal.

    Attributes:
        names: of the networks.
        answer: one of the four.
        checked: the depths up to which the outputs were compared as formulas.
        differs: the smallest depth at which they differ for some operators.
        relations: what holds at every block and proves it, as text.
        starts: boundary equations, as text, by network.
        interior: whether the paths between later blocks are equal; None if that is
            unknown.
        example: operators and an input for which they differ.
        notes: what was taken for granted, in sentences.
    """

    names: tuple[str, str]
    answer: str
    checked: int
    differs: int | None
    relations: tuple[str, ...]
    starts: tuple[tuple[str, ...], tuple[str, ...]]
    interior: bool | None
    example: Example | None
    notes: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether they are equal for any operators."""
        return self.answer == ANY


def compare(left: Formula, right: Formula) -> Verdict:
    """Compares two networks with the same operators, block by block.

    Raises:
        CompileError: if their operators or inputs have nothing to do with each other.
    """
    formulas = (left, right)
    _comparable(left, right)
    depth = _depth(formulas)
    differs: dict[bool, int | None] = {}
    proofs: dict[bool, Proof | None] = {False: None, True: None}
    checked = 0
    for linear in (False, True):
        differs[linear], checked = _first_difference(formulas, depth, linear=linear)
        if differs[linear] is None and checked == depth:
            proofs[linear] = _proof(formulas, depth, linear=linear)
        if proofs[linear] is not None:
            break
    shortest = differs.get(True) or differs[False]
    shown = None
    if shortest is not None:
        shown = example(formulas, shortest, linear=differs.get(True) is not None)
    answer = OPEN
    if proofs[False] is not None:
        answer = ANY
    elif differs[True] is not None and shown is not None:
        answer = DIFFERENT
    elif proofs[True] is not None:
        answer = LINEAR
    found = proofs[False] or proofs[True]
    return Verdict(
        (left.name, right.name),
        answer,
        checked,
        shortest,
        () if found is None else _shown(found),
        (_starts(left), _starts(right)),
        _interior(left, right),
        shown,
        _notes(formulas),
    )


def _comparable(left: Formula, right: Formula) -> None:
    """Refuses networks whose operators have no name in common."""
    report = Diagnostics()
    if (
        left.operators
        and right.operators
        and not set(left.operators) & set(right.operators)
    ):
        report.error(
            "RF643",
            f"{left.name} and {right.name} have no operator in common: "
            f"{', '.join(left.operators)} there, {', '.join(right.operators)} here",
            right.equations[0].span,
            hint="operators are matched by name; give those that are the same one name",
        )
        raise CompileError(report)


def _depth(formulas: tuple[Formula, Formula]) -> int:
    order = max(reach_of(formula).order for formula in formulas)
    return min(regular_from(formulas) + order + 1, 40)


def _proof(
    formulas: tuple[Formula, Formula], depth: int, *, linear: bool
) -> Proof | None:
    """A proof for all depths behind those that were compared one by one."""
    try:
        proof = prove(formulas, linear=linear)
    except (TooLarge, NotExact):
        return None
    return proof if proof.outputs and proof.first <= depth else None


def _first_difference(
    formulas: tuple[Formula, Formula], depth: int, *, linear: bool
) -> tuple[int | None, int]:
    """The first depth at which the outputs are different formulas; how far was looked."""
    for length in range(1, depth + 1):
        atoms = Atoms()
        values: list[Value] = []
        try:
            for formula in formulas:
                unroller = Unroller(formula, length)
                output = unroller.output(formula.output)
                value = written_out(
                    atoms,
                    unroller.definitions,
                    linear=linear,
                    length=sympy.Integer(length),
                )
                values.append({} if output is None else value(output))
        except TooLarge:
            return None, length - 1
        if values[0] != values[1]:
            return length, length
    return None, depth


def _interior(left: Formula, right: Formula) -> bool | None:
    """Whether later blocks have the same paths between them, whatever the start is."""
    series = []
    if len(left.equations) + len(right.equations) > 2:
        return None
    for formula in (left, right):
        report = Diagnostics()
        try:
            linear = linearise(formula, report, activations=False)
            name = formula.equations[-1].unknown
            series.append(network_of(linear).series(name, name, seeds_of(linear, name)))
        except (CompileError, NoSeries, NotExact):
            return None
    return equal(series[0], series[1])


# --------------------------------------------------------------------------------- showing


def _starts(formula: Formula) -> tuple[str, ...]:
    return tuple(boundary.text for boundary in formula.boundaries)


def _shown(proof: Proof) -> tuple[str, ...]:
    """The relations that say something of the newest block, shortest first."""
    texts = [
        _relation(r)
        for r in proof.relations
        if any(not k.fixed and not k.back for k in r)
    ]
    return tuple(sorted(dict.fromkeys(texts), key=lambda text: (len(text), text))[:8])


def _relation(relation: Relation) -> str:
    """``X_i = W_i*X_<i-1> + input``; a prime marks the second network."""
    solved = next(
        (
            k
            for k in relation
            if isinstance(k.tensor, State) and not k.fixed and not k.back
        ),
        max(relation, key=lambda k: (not k.fixed, -k.back)),
    )
    parts = [
        term(PLAIN, -weight / relation[solved], [_name(kept)])
        for kept, weight in reversed(list(relation.items()))
        if kept != solved
    ]
    return f"{_name(solved)} = {added(parts)}"


def _name(kept: Kept) -> str:
    tensor = kept.tensor.xreplace({I: I - kept.back})
    if kept.side:
        names = {
            part: State(f"{part.name}'", part.index) for part in tensor.atoms(State)
        }
        tensor = tensor.xreplace(names)
    return plain(tensor)


def _notes(formulas: tuple[Formula, Formula]) -> tuple[str, ...]:
    notes = ["operators of one name and block are the same in both"]
    shared = [n for n in formulas[0].operators if n in formulas[1].operators]
    other = [
        name
        for name in shared
        if formulas[0].operators[name].text != formulas[1].operators[name].text
    ]
    if other:
        notes.append(
            f"the files define {', '.join(other)} differently; this was left out"
        )
    notes.append(
        "stem, head, stages and adapters were left out: all tensors have one shape"
    )
    return tuple(notes)


def lines(verdict: Verdict) -> list[str]:
    """For the terminal."""
    left, right = verdict.names
    result = [f"{left} and {right}: {_ANSWERS[verdict.answer]}"]
    if verdict.answer == LINEAR:
        result[0] += (
            ", and different for some others"
            if verdict.example
            else "; not known for others"
        )
    if verdict.answer == ANY:
        result.append("For any operators, linear or not, and any number of blocks.")
    if verdict.relations:
        result.append(
            "\nProof: this holds at every block, by induction"
            + (
                f" ({right} has the primes)"
                if any("'" in r for r in verdict.relations)
                else ""
            )
        )
        result += [f"  {line}" for line in verdict.relations]
        result.append(f"The first {verdict.checked} depths were compared one by one.")
    for name, starts in zip(verdict.names, verdict.starts, strict=True):
        if starts:
            result.append(f"\nWith the start of {name}:")
            result += [f"  {line}" for line in starts]
    if verdict.answer in (ANY, LINEAR) and verdict.interior is False:
        result.append(
            "\nIt holds because of the start: between later blocks the paths differ, so "
            "these are two architectures."
        )
    if verdict.answer == OPEN:
        result.append(
            f"No depth up to {verdict.checked} tells them apart, and no proof was found."
            if verdict.differs is None
            else "They differ for some operators that are not linear; for linear ones "
            "no proof was found."
        )
    if verdict.example is not None:
        result += ["", *_example_lines(verdict, verdict.example)]
    result.append("\nTaken for granted:")
    result += [f"  {line}" for line in verdict.notes]
    return result


_ANSWERS = {
    ANY: "equal",
    LINEAR: "equal if operators are linear",
    DIFFERENT: "different",
    OPEN: "undecided",
}


def _example_lines(verdict: Verdict, found: Example) -> list[str]:
    kind = "matrices" if found.linear else "operators that are not linear"
    blocks = "1 block" if found.depth == 1 else f"{found.depth} blocks"
    result = [f"With {blocks} and {kind} (seed {found.seed}) the outputs are"]
    for name, values in zip(verdict.names, found.outputs, strict=True):
        result.append(f"  {name}: {', '.join(values)}")
    return result


def as_dict(verdict: Verdict) -> Mapping[str, Any]:
    """For ``--json``."""
    return {
        "networks": list(verdict.names),
        "answer": verdict.answer,
        "checked_depth": verdict.checked,
        "differs_at_depth": verdict.differs,
        "relations": list(verdict.relations),
        "starts": [list(lines) for lines in verdict.starts],
        "same_paths_between_later_blocks": verdict.interior,
        "example": None if verdict.example is None else verdict.example.as_dict(),
        "assumptions": list(verdict.notes),
    }
