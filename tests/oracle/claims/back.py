"""Jacobians and general formulas of random linear recurrences, beside derivatives.

A derivative by ``X_<L-i>`` is found by adding the identity to what block L-i makes, with
all else zero, and running on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.report.derive_back import backward
from tests.oracle.claims.recurrences import file
from tests.oracle.claims.routes import route
from tests.oracle.claims.told import BLOCKS, Refused, operators, told
from tests.oracle.claims.words import Array, Numbers, Op, apart, run, value

SIZE = 2
CLOSE = 1e-8
#: How many blocks back derivatives are looked at.
BACK = (1, 2, 3, 4, 7)
DERIVATIVE = re.compile(r"d([A-Z])_L/d([A-Z])_(<L-(?:i|\d+)(?:\+\d+)?>|L)")


class Derivatives:
    """Derivatives of the last block by older ones, found when they are asked for."""

    def __init__(self, lines: list[str]) -> None:
        self.lines, self.found = lines, dict[tuple[str, str, int], Array]()
        rng = np.random.default_rng(11)
        drawn = rng.uniform(0.3, 0.9, 4 * BLOCKS)
        self.names: dict[str, Any] = {
            **operators(12),
            "p": Numbers(lambda i: drawn[i]),
            "q": 0.6,
            "a": Numbers(lambda i: 1 / (i + 2)),
        }

    def by(self, target: str, source: str, back: int) -> Array:
        """The derivative of a target of block L by a source of block L - back."""
        key = (target, source, back)
        if key not in self.found:
            added = {(source, BLOCKS - back): np.eye(SIZE)}
            zero = np.zeros((SIZE, SIZE))
            made = run([*self.lines, *self._starts()], zero, self.names, BLOCKS, added)
            for line in self.lines:
                self.found[line[0], source, back] = made.state(line[0], BLOCKS)
            # What all are added up to, which is the output.
            self.found["O", source, back] = sum(
                (made.state(line[0], BLOCKS) for line in self.lines), zero
            )
        return self.found[key]

    def _starts(self) -> list[str]:
        return [f"{line[0]}_0 = 0" for line in self.lines]

    def at(self, text: str, back: int) -> Array:
        """A formula for ``i = back``, in which other derivatives may stand."""

        def named(match: re.Match[str]) -> str:
            target, source, index = match.groups()
            return f"d{target}{source}[{index.strip('<>')}]"

        names = {**self.names, "L": BLOCKS, "i": back}
        unknowns = [line[0] for line in self.lines]
        for target in [*unknowns, "O"]:
            for source in unknowns:
                names[f"d{target}{source}"] = _Ops(self, target, source)
        made = value(DERIVATIVE.sub(named, text), names)
        return made * np.eye(SIZE) + np.zeros((SIZE, SIZE))


class _Ops:
    def __init__(self, all_: Derivatives, target: str, source: str) -> None:
        self.all, self.target, self.source = all_, target, source

    def __getitem__(self, block: int) -> Op:
        back = BLOCKS - block
        if back < 0:  # A later block gives nothing to L.
            return Op(lambda x: 0 * x)
        matrix = self.all.by(self.target, self.source, back)
        return Op(lambda x: matrix @ x)


def jacobians(lines: list[str]) -> str:
    """The recurrence, what is written out, and the formula for any i."""
    try:
        found = told(lines)["jacobians"]
    except Refused as reason:
        return f"refused {reason}"
    there, words = Derivatives(lines), "followed"
    for item in found:
        claims = [item["recurrence"], *item["written_out"], item["closed_form"]]
        for claim in filter(None, claims):
            output = " + ".join(f"{line[0]}_L" for line in lines)
            text = claim["text"].removeprefix("for any i: ")
            text = text.replace(f"d({output})/d", "dO_L/d")
            left, _, right = text.partition(" = ")
            _held(there, left, right, lines)
        if item["closed_form"] is not None:
            words = "for any i"
    return words


def general(lines: list[str]) -> str:
    """General formulas, as regular expressions, sums and products, and written out."""
    try:
        formula = compile_source(from_text(file(lines, BLOCKS)))[0].formula
        found = backward(formula).as_dict()
    except CompileError as error:
        return _refused(error)
    there, words = Derivatives(lines), set[str]()
    for item in found["formulas"]:
        left = f"d{item['to']}_L/d{item['from']}_<L-i>"
        if item["formula"]:
            _held(there, left, item["formula"], lines)
            words.add("formula")
        for line in item["written"]:
            _held(there, *line.split(" = "), lines)
            words.add("written")
        if _plain(item["paths"]) and item["to"] == item["from"]:
            _paths(there, item, lines)
            words.add("paths")
    return " ".join(sorted(words)) or "nothing told"


def _refused(error: CompileError) -> str:
    codes = sorted({item.code for item in error.diagnostics})
    assert set(codes) <= {"RF305", "RF309", "RF211"}, codes
    return f"refused {' '.join(codes)}"


def _held(there: Derivatives, left: str, right: str, lines: list[str]) -> None:
    match = DERIVATIVE.fullmatch(left)
    assert match is not None, left
    target, source, index = match.groups()
    for back in BACK if "i" in index else (None,):
        number = value(f"L - ({index.strip('<>')})", {"L": BLOCKS, "i": back})
        if "..." in right:
            return
        wanted = there.by(target, source, number)
        found = there.at(right, number)
        scale = max(1.0, float(np.abs(wanted).max()))
        assert apart(found, wanted, scale) < CLOSE, (lines, left, right, number)


def _plain(paths: str) -> bool:
    """Whether an expression has moves alone, and weights that are the same for all blocks."""
    if not paths or "no short" in paths or "diag" in paths:
        return False
    return not re.search(
        r"\[[^\]]*(_|L|\bi\b)[^\]]*\]|[a-zWUVXE1-9>]\*[WUVXE(]|\bV\b|P1|E1", paths
    )


def _paths(there: Derivatives, item: Mapping[str, Any], lines: list[str]) -> None:
    moves = route(item["paths"], lambda weight: value(weight, {"q": there.names["q"]}))
    first = BLOCKS - BACK[-1]

    def matrix(move: str, block: int) -> Array:
        if move == "skip":
            return np.eye(SIZE)
        indexed = move if "_" in move else f"{move}_i"
        return value(indexed, {**there.names, "i": block + first}) * np.eye(SIZE)

    sums = moves.sums(BACK[-1], matrix, SIZE)
    wanted = there.by(item["to"], item["from"], BACK[-1])
    scale = max(1.0, float(np.abs(wanted).max()))
    assert apart(sums[-1], wanted, scale) < CLOSE, (lines, item)
