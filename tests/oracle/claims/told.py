"""What ``recform analyze`` tells of random recurrences, tried with numbers.

Each function takes the equations and what was told (as ``--json`` has it), and fails where
numbers say otherwise; it returns what came of it in a word or two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from recform.analysis.model import Asked, analyse
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, Diagnostics
from recform.report.analysis_json import as_dict
from tests.oracle.claims.recurrences import file
from tests.oracle.claims.words import (
    Array,
    Column,
    Numbers,
    Op,
    Operators,
    Run,
    apart,
    curved,
    matrices,
    run,
    value,
)

#: Blocks of the files.
BLOCKS = 12
SIZE = 2
CLOSE = 1e-8
#: What operators multiply by at most, where errors are followed.
GAIN = 0.5
FUNCTIONS = ("tanh", "relu", "silu")


class Refused(Exception):
    """There is no network of these equations."""


def told(lines: list[str]) -> dict[str, Any]:
    """What is told of a file.

    Raises:
        Refused: if it does not compile.
    """
    found = _told(tuple(lines))
    if isinstance(found, str):
        raise Refused(found)
    return found


@lru_cache(maxsize=1)
def _told(lines: tuple[str, ...]) -> dict[str, Any] | str:
    try:
        formula = compile_source(from_text(file(list(lines), BLOCKS)))[0].formula
    except CompileError as error:
        codes = {item.code for item in error.diagnostics}
        assert codes <= {"RF305", "RF309", "RF211"}, codes
        return " ".join(sorted(codes))
    return as_dict(analyse(formula, Diagnostics(), Asked(gain=GAIN)))


def operators(seed: int, size: int = SIZE, *, straight: bool = True) -> dict[str, Any]:
    """An operator for each name of the files, linear or not."""
    made = matrices(seed, size, "WUV")
    made = made if straight else curved(made)
    return {**made, "V": made["V"][1]}


def numbers(seed: int | None = None) -> dict[str, Any]:
    """Numbers for the scalars of the files: random ones, or those that they start with."""
    a = Numbers(lambda i: 1 / (i + 2))
    if seed is None:
        return {"p": Numbers(lambda i: 0.4), "q": 0.7, "a": a}
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(0.3, 0.9, 4 * BLOCKS)
    return {"p": Numbers(lambda i: drawn[i]), "q": rng.uniform(0.3, 0.9), "a": a}


def left_out() -> dict[str, Any]:
    """Functions that do nothing."""
    return {name: (lambda x: x) for name in FUNCTIONS}


def _start(seed: int, size: int = SIZE) -> Array:
    return np.random.default_rng(seed).standard_normal((size, 1))


# ----------------------------------------------------------------------------- invariants


def invariants(lines: list[str]) -> str:
    """Each along a random way, and the shorter recurrence that follows from it."""
    try:
        found = told(lines)["invariants"]
    except Refused as reason:
        return f"refused {reason}"
    for item in found:
        left, right = item["invariant"].split(" = ")
        names = {**operators(3, straight=not item["nonlinear"]), **numbers(4)}
        if not item["activations"]:
            names |= left_out()
        made = run(lines, _start(5), names, BLOCKS)
        if not _finite(made):
            return "overflowed"
        largest = _largest(made, lines)
        for block in range(1, BLOCKS + 1):
            one, two = made.at(left, block), made.at(right, block)
            assert apart(one, two + 0 * one, largest) < CLOSE, (item, block)
        if item["equal_form"]:
            name = item["equal_form"][0]
            shorter = [
                item["equal_form"] if line.startswith(f"{name}_i ") else line
                for line in lines
            ]
            again = run(shorter, _start(5), names, BLOCKS)
            for block in range(1, BLOCKS + 1):
                one, two = again.state(name, block), made.state(name, block)
                assert apart(one, two, largest) < CLOSE, (item, block)
    more = _constant(lines) - sum(item["nonlinear"] for item in found)
    words = f"{len(found)} hold" if found else "none told"
    return f"{words}, {more} more seen" if more > 0 else words


def _constant(lines: list[str]) -> int:
    """How many sums of a few tensors, with fixed numbers, no block changes: a count."""
    names = dict.fromkeys(line[0] for line in lines)
    texts = [f"{name}_{at}" for name in names for at in ("i", "<i-1>")]
    inner = re.findall(r"[WU]_i\*[XYZ]_(?:i|<i-1>)", " ".join(lines))
    for text in dict.fromkeys(inner):
        texts += [text, text.replace("<i-1>", "<i-2>").replace("_i", "_<i-1>")]
    rows = []
    for seed in range(3):
        given = {**operators(seed + 20, straight=False), **numbers(seed)}
        made = run(lines, _start(seed), given, BLOCKS)
        for block in range(5, BLOCKS + 1):
            new = [
                made.at(t, block) - made.at(t, block - 1) for t in dict.fromkeys(texts)
            ]
            rows.append(np.concatenate(new, axis=1))
    matrix = np.concatenate(rows)
    if not np.isfinite(matrix).all():
        return 0
    sizes = np.linalg.norm(matrix, axis=0)
    found = np.linalg.svd(matrix / np.where(sizes > 0, sizes, 1), compute_uv=False)
    return int((found < 1e-10 * found[0]).sum())


def _finite(made: Run) -> bool:
    return all(
        bool(np.isfinite(x).all() and np.abs(x).max() < 1e100)
        for column in made.names.values()
        if isinstance(column, Column)
        for x in column.made.values()
    )


def _largest(made: Run, lines: list[str]) -> float:
    return max(
        float(np.abs(made.state(line[0], block)).max())
        for line in lines
        for block in range(BLOCKS + 1)
    )


# -------------------------------------------------------------------------------- inverse


class Known(Column):
    """What of an unknown is known when a block is run backwards."""

    def __getitem__(self, block: float) -> Array:
        return self.made[round(block)]


def lags(lines: list[str]) -> dict[str, int]:
    """How many blocks back each unknown is read."""
    text = " ".join(lines)
    found = {}
    for name in dict.fromkeys(line[0] for line in lines):
        found[name] = max(map(int, re.findall(rf"\b{name}_<i-(\d)>", text)), default=0)
    return found


def inverse(lines: list[str]) -> str:
    """Blocks run backwards, one by one, from what the network hands on."""
    try:
        found = told(lines)["inverse"]
    except Refused as reason:
        return f"refused {reason}"
    if not found["exists"]:
        return _obstacle(lines)
    names = {**operators(6, straight=False), **numbers(7)}
    made = run(lines, _start(8), names, BLOCKS)
    if not _finite(made):
        return "overflowed"
    deep, largest = lags(lines), _largest(made, lines)
    for block in range(max(deep.values()) + 1, BLOCKS + 1):
        columns = {
            name: Known(
                0 * _start(8),
                {block - k: made.state(name, block - k) for k in range(lag)},
            )
            for name, lag in deep.items()
        }
        back = Run({**names, **columns, "L": BLOCKS}, BLOCKS)
        for step in found["equations"]:
            left, right = step.split(" = ")
            name, older = left[0], block - _offset(left)
            columns[name].made[older] = back.at(right, block) + 0 * _start(8)
            one, two = columns[name].made[older], made.state(name, older)
            assert apart(one, two, largest) < 1e-6, (step, block)
        # All that the block before handed on is there again.
        for name, lag in deep.items():
            for k in range(1, lag + 1):
                assert columns[name][block - k] is not None
    return "run backwards"


def _offset(text: str) -> int:
    match = re.search(r"<i-(\d+)>", text)
    return int(match[1]) if match else 0


def _obstacle(lines: list[str]) -> str:
    """Whether any operators can be undone all the same: told as it is, and no failure."""
    text = " ".join(lines)
    if any(name in text for name in FUNCTIONS) or re.search(r">\*[XYZ]_", text):
        return "no inverse"
    sizes = []
    for seed in range(4):
        names = {**operators(seed, 1), **numbers(7)}
        sizes.append(float(np.linalg.det(step_matrix(lines, names, BLOCKS))))
    if abs(sizes[0]) > 1e-9 and np.ptp(sizes) < 1e-9 * abs(sizes[0]):
        return f"no inverse told, though the determinant is {sizes[0]:.3g} for any operators"
    return "no inverse, and operators decide"


# ------------------------------------------------------------------------------ stability


def step_matrix(lines: list[str], names: Mapping[str, Any], block: int) -> Array:
    """What a block makes of numbers that are handed on, as a matrix.

    The unknowns of block i-1 come first, then those of block i-2, ...
    """
    unknowns = list(dict.fromkeys(line[0] for line in lines))
    order = max(1, *lags(lines).values())
    places = [(name, lag) for lag in range(1, order + 1) for name in unknowns]
    columns = []
    for place in places:
        given = {
            name: Column(
                np.zeros((1, 1)),
                {
                    block - lag: np.full((1, 1), float((name, lag) == place))
                    for lag in range(1, order + 1)
                },
            )
            for name in unknowns
        }
        made = Run({**names, **given, "L": BLOCKS}, BLOCKS)
        left = {line[0]: line.split(" = ")[1] for line in lines}
        while left:
            name = next(
                n
                for n, right in left.items()
                if not any(re.search(rf"\b{o}_i\b", right) for o in left)
            )
            given[name].made[block] = made.at(left.pop(name), block) + np.zeros((1, 1))
        columns.append([given[n][block - lag + 1].item() for n, lag in places])
    return np.array(columns).T


def alike(gains: Mapping[str, float]) -> dict[str, Any]:
    """Operators that are one number in all blocks, from long before the first one."""

    def times(number: float) -> Op:
        return Op(lambda x: number * x)

    made = {n: Operators(lambda _, g=g: times(g), -(10**6)) for n, g in gains.items()}
    return {**made, "V": times(gains["V"])}


def stability(lines: list[str]) -> str:
    """Roots, growth and its power by matrices of numbers."""
    try:
        found = told(lines)["stability"]
    except Refused as reason:
        return f"refused {reason}"
    polynomial, words = found["characteristic_polynomial"], "followed"
    if found["roots_unknown"]:
        return "no numbers"
    if polynomial:
        _polynomial(lines, polynomial)
    else:
        words = "no polynomial"
    bare = {**alike({"W": 0.0, "U": 0.0, "V": 0.0}), **numbers()}
    last = step_matrix(lines, bare, BLOCKS)
    roots = [
        complex(r["real"], r["imaginary"])
        for r in found["roots"]
        for _ in range(r["multiplicity"])
    ]
    theirs = np.poly(last)
    ours = np.poly(roots) if roots else np.ones(1)
    ours = np.pad(ours, (0, max(0, len(theirs) - len(ours))))
    theirs = np.pad(theirs, (0, len(ours) - len(theirs)))
    assert np.allclose(ours, theirs, rtol=1e-7, atol=1e-7), (ours, theirs)
    if found["varying"]:
        return _varying(lines, found["varying"], bare) or words
    growth = max(abs(np.linalg.eigvals(last)), default=0.0)
    assert abs(found["growth"] - growth) < 1e-4 * max(1, growth), (
        found["growth"],
        growth,
    )
    if growth > 1e-3:
        _power(last / found["growth"], found["power"] if growth > 1 - 1e-9 else 0)
    return words


def _polynomial(lines: list[str], text: str) -> None:
    gains = {"W": 0.3, "U": -0.45, "V": 0.6}
    names = {**alike(gains), **numbers()}
    letters = {name.lower(): gain for name, gain in gains.items()}
    scalars = {"p": 0.4, "q": 0.7, "L": BLOCKS}
    for block in (5, BLOCKS):
        matrix = step_matrix(lines, names, block)
        values = []
        for z in (1.3, -0.8, 2.1):
            ours = value(text, {**letters, **scalars, "i": block, "z": z})
            theirs = np.linalg.det(z * np.eye(len(matrix)) - matrix)
            values.append((z, ours, theirs))
        # A power of z is left out where the oldest tensors are read by nobody.
        least = range(len(matrix) + 1)
        assert any(
            all(
                math.isclose(ours * z**k, theirs, rel_tol=1e-7, abs_tol=1e-10)
                for z, ours, theirs in values
            )
            for k in least
        ), (text, block, values)


def _power(matrix: Array, power: int) -> None:
    def size(times: int) -> float:
        made = np.linalg.matrix_power(matrix, times)
        found = []
        for _ in range(24):
            made = matrix @ made
            found.append(np.abs(made).sum())
        return float(max(found))

    ratio = np.log2(size(4000) / size(2000))
    assert abs(ratio - power) < 0.1, (ratio, power)


def _varying(lines: list[str], found: dict[str, Any], names: dict[str, Any]) -> str:
    product = None
    if found["growth"] is None:
        return "not followed"
    for block in range(found["block"] - found["blocks"] + 1, found["block"] + 1):
        step = step_matrix(lines, names, block)
        product = step if product is None else step @ product
    assert product is not None
    size = float(np.abs(product).sum(axis=1).max())
    assert abs(size - found["growth"]) < 1e-6 * max(1.0, size), (size, found)
    return ""


# ------------------------------------------------------------------------------- rounding


def rounding(lines: list[str]) -> str:
    """How errors grow in blocks that are run backwards."""
    try:
        found = told(lines)["inverse"]
    except Refused as reason:
        return f"refused {reason}"
    if not found["exists"]:
        return "no inverse"
    bare = {**alike({"W": 0.0, "U": 0.0, "V": 0.0}), **numbers()}
    steps, deep = found["equations"], lags(lines)
    if found["error_growth"] is not None:
        back = back_matrix(steps, deep, bare, BLOCKS)
        radius = max(abs(np.linalg.eigvals(back)))
        assert abs(radius - found["error_growth"]) < 1e-4 * max(1, radius), found
    lost, bound = found["error_growth_over"], found["error_bound_over"]
    if lost is None or lost["factor"] is None:
        return "open"
    size = _largest_of(steps, deep, [bare] * lost["blocks"])
    assert abs(size - max(1.0, lost["factor"])) < 1e-6 * size, (size, found)
    if bound is None or bound["factor"] is None:
        return "no bound"
    # No operators of that gain make more of them than is told.
    rng = np.random.default_rng(9)
    for signs in ((1.0,), (-1.0,), (1.0, -1.0), (1.0, -1.0), (1.0, -1.0)):
        each = []
        for _ in range(bound["blocks"]):
            drawn = {name: GAIN * rng.choice(signs) for name in "WUV"}
            each.append({**alike(drawn), **numbers()})
        size = _largest_of(steps, deep, each)
        assert size <= max(1.0, bound["factor"]) * (1 + 1e-9), (size, found)
    return "followed"


def _largest_of(
    steps: list[str], deep: dict[str, int], each: list[dict[str, Any]]
) -> float:
    """How large an error of 1 becomes at most, over any blocks in a row run backwards."""
    made = [back_matrix(steps, deep, n, BLOCKS - k) for k, n in enumerate(each)]
    most = 1.0
    for first in range(len(made)):
        product = np.eye(len(made[0]))
        for step in made[first:]:
            product = step @ product
            most = max(most, float(np.abs(product).sum(axis=1).max()))
    return most


def back_matrix(
    steps: list[str], deep: dict[str, int], names: Mapping[str, Any], block: int
) -> Array:
    """What a block that is run backwards makes of numbers that it is handed."""
    places = [(name, lag) for name, most in deep.items() for lag in range(most)]
    columns = []
    for place in places:
        given = {
            name: Known(
                np.zeros((1, 1)),
                {
                    block - lag: np.full((1, 1), float((name, lag) == place))
                    for lag in range(most)
                },
            )
            for name, most in deep.items()
        }
        back = Run({**names, **given, "L": BLOCKS}, BLOCKS)
        for step in steps:
            left, right = step.split(" = ")
            made = back.at(right, block) + np.zeros((1, 1))
            given[left[0]].made[block - _offset(left)] = made
        columns.append([given[n][block - lag - 1].item() for n, lag in places])
    return np.array(columns).T
