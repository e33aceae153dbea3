"""Networks some of whose blocks have equations of their own, against brute force.

The oracle knows a network as a table: for each block and unknown a list of terms, each a
number, operators and an older unknown. It lists every path term by term, with operators
that do not commute. What `analyze`, `derive`, `diff` and `summary` say is read as text and
evaluated with the oracle's derivatives.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recform.algebra.formula import Formula
from recform.analysis.jacobian.closed import jacobians
from recform.analysis.jacobian.regimes import pieced
from recform.analysis.model import Analysis, Asked, analyse
from recform.analysis.paths.counting import Counter as Counts
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, Diagnostics
from recform.equality.difference import path_difference
from recform.linear.recurrence import linearise
from recform.recurrence.regimes import in_blocks, own_blocks, regimes
from recform.report.derive_back import backward, written
from recform.series.show import PLAIN
from recform.verify.checks import verify
from recform.verify.modules import build

LENGTH = 8
#: Random networks for each property: each is compiled, and its paths are listed.
FEW = 12


@dataclass(frozen=True)
class Term:
    """``number * operator_<i-owner> * unknown_<i-lag>``; no operator if its name is empty."""

    number: int
    operator: str
    owner: int
    unknown: str
    lag: int

    def text(self, at: int | None = None) -> str:
        """In the language; with a number for i if one is given."""

        def index(back: int) -> str:
            if at is not None:
                return f"_<{at - back}>"
            return f"_<i-{back}>" if back else "_i"

        parts = [f"{self.unknown}{index(self.lag)}"]
        if self.operator:
            parts.insert(0, f"{self.operator}{index(self.owner)}")
        if self.number != 1:
            parts.insert(0, str(self.number))
        return "*".join(parts)


Right = tuple[Term, ...]


@dataclass(frozen=True)
class Table:
    """A network: the general right sides, and those of ranges and single blocks."""

    general: dict[str, Right]
    ranges: tuple[tuple[str, int, int, Right], ...] = ()
    singles: tuple[tuple[str, int, Right], ...] = ()

    def right(self, unknown: str, block: int) -> Right:
        for name, at, right in self.singles:
            if (name, at) == (unknown, block):
                return right
        for name, first, last, right in self.ranges:
            if name == unknown and first <= block <= last:
                return right
        return self.general[unknown]

    def key(self, block: int) -> tuple[Any, ...]:
        """What tells blocks apart by their equations."""
        single = {(n, at) for n, at, _ in self.singles if at == block}
        rights = tuple(self.right(u, block) for u in self.general)
        # An equation of a block's own is one, even if it says what the general one says.
        own = {u for u, a, b, _ in self.ranges if a <= block <= b}
        return (*rights, *sorted(single), *sorted(own))

    def source(self) -> str:
        def side(right: Right, at: int | None = None) -> str:
            return " + ".join(f"({term.text(at)})" for term in right)

        lines = [f"stages 8 x {LENGTH}"]
        lines += [f"{u}_i = {side(r)}" for u, r in self.general.items()]
        lines += [f"{u}_<{a}..{b}> = {side(r)}" for u, a, b, r in self.ranges]
        lines += [f"{u}_{at} = {side(r, at)}" for u, at, r in self.singles]
        return "\n".join([*lines, "output X_L"])

    def formula(self) -> Formula:
        try:
            return compile_source(from_text(self.source()))[0].formula
        except CompileError:
            assume(False)
            raise

    # -- brute force

    def derivative(self, end: int, unknown: str, block: int) -> Any:
        """What X of block ``end`` gets from an unknown of a block, path by path."""

        @cache
        def of(name: str, at: int) -> Any:
            if (name, at) == (unknown, block):
                return sympy.S.One
            if at < block or at <= 0:
                return sympy.S.Zero
            total = sympy.S.Zero
            for term in self.right(name, at):
                owner = at - term.owner
                if term.operator and owner < 1:
                    continue
                front = letter(term.operator, owner) if term.operator else 1
                total += term.number * front * of(term.unknown, at - term.lag)
            return sympy.expand(total)

        return of("X", end)

    def from_input(self, end: int) -> dict[int, int]:
        """Weights of paths from the input, by the operators that they pass."""

        def of(name: str, at: int) -> Counter[int]:
            if at <= 0:
                return Counter({0: 1}) if at == 0 else Counter()
            found: Counter[int] = Counter()
            for term in self.right(name, at):
                if term.operator and at - term.owner < 1:
                    continue
                for length, count in of(term.unknown, at - term.lag).items():
                    found[length + bool(term.operator)] += term.number * count
            return found

        return {n: count for n, count in sorted(of("X", end).items()) if count}


def letter(name: str, block: int) -> Any:
    return sympy.Symbol(f"{name}_{block}", commutative=False)


def evaluated(text: str, last: int, block: int, table: Table, end: int) -> Any:
    """A right side as a number of the oracle: ``L - i`` is ``block``, ``L`` is ``last``."""

    def number(index: str) -> int:
        index = index.strip("<>")
        return int(eval(index, {"L": last, "i": last - block}))

    def derived(found: re.Match[str]) -> str:
        name, at = found[1], number(found[2])
        return f"D({name!r}, {at})"

    def operator(found: re.Match[str]) -> str:
        return f"W({found[1]!r}, {number(found[2])})"

    code = re.sub(r"dX_L/d([A-Z])_(<[^>]*>|\d+)", derived, text)
    code = re.sub(r"\b([A-Z])_(<[^>]*>|\d+|L)", operator, code)
    names = {
        "D": lambda name, at: table.derivative(end, name, at),
        "W": letter,
    }
    code = re.sub(r"(?<![\w.])(\d+)(?![\w.])", r"Z(\1)", code)
    return sympy.expand(eval(code, names | {"Z": sympy.Integer}))


# -- networks

#: A term for lag 1 and one for the operator keep every block alive.
EXTRA = [
    Term(number, operator, owner, unknown, lag)
    for number in (1, -1, 2)
    for operator, owner, unknown, lag in [
        ("", 0, "X", 1),
        ("W", 0, "X", 1),
        ("U", 0, "X", 1),
        ("", 0, "X", 2),
        ("W", 1, "X", 2),
        ("W", 0, "X", 2),
    ]
]
WITH_Y = [
    Term(number, operator, 0, "Y", lag)
    for number in (1, -1)
    for operator, lag in [("", 1), ("V", 1), ("", 0)]
]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    system = draw(st.booleans())

    def right(unknown: str) -> Right:
        allowed = EXTRA + (
            [t for t in WITH_Y if unknown == "X" or t.lag] if system else []
        )
        base = Term(1, draw(st.sampled_from(["", "W"])), 0, "X", 1)
        extra = draw(st.lists(st.sampled_from(allowed), max_size=2, unique=True))
        return (base, *extra)

    general = ({"Y": right("Y")} if system else {}) | {"X": right("X")}
    if system and not any(t.unknown == "Y" for t in general["X"]):
        general["X"] += (WITH_Y[0],)
    ranges = []
    ends = sorted(draw(st.sets(st.integers(1, LENGTH), min_size=2, max_size=4)))
    for first, last in zip(ends[::2], ends[1::2], strict=False):
        ranges.append(("X", first, last, right("X")))
    singles = []
    if draw(st.booleans()):
        at = draw(st.integers(1, LENGTH))
        singles.append(("X", at, (Term(1, "U", 0, "X", 1),)))
    return Table(general, tuple(ranges), tuple(singles))


SKIP, PASS = Term(1, "", 0, "X", 1), Term(1, "W", 0, "X", 1)
PAST = Term(-1, "W", 1, "X", 2)
FIXED = [
    Table({"X": (SKIP, PASS)}, (("X", 1, 3, (PASS,)),)),
    Table({"X": (SKIP, PASS, PAST)}, (("X", 4, 6, (PASS,)),)),
    Table({"X": (SKIP, PASS)}, (("X", 6, 8, (PASS, Term(1, "", 0, "X", 2))),)),
    Table({"X": (SKIP, PASS)}, (("X", 2, 3, (PASS,)), ("X", 6, 7, (SKIP,)))),
    Table(
        {"Y": (Term(2, "", 0, "Y", 1), PASS), "X": (SKIP, Term(1, "", 0, "Y", 0))},
        (("X", 3, 5, (SKIP, PASS)),),
        (("X", 1, (Term(1, "", 0, "X", 1), Term(2, "", 0, "Y", 0))),),
    ),
]


def analysis(formula: Formula, **asked: Any) -> Analysis:
    return analyse(formula, Diagnostics(), Asked(**asked))


def check_jacobians(table: Table) -> None:
    formula = table.formula()
    if not own_blocks(formula):
        return
    linear = linearise(formula, Diagnostics(), activations=False)
    for item in pieced(linear, jacobians(linear), [LENGTH]):
        assert item.own is not None
        told = sorted(n for case in item.own.cases for n in case.blocks)
        assert [n for n in told if n < LENGTH] == list(range(1, LENGTH))
        for case in item.own.cases:
            for block in (n for n in case.blocks if n < LENGTH):
                expected = table.derivative(LENGTH, item.unknown, block)
                right = case.recurrence.right
                # By the recurrence alone: X_L itself has no later block.
                assert evaluated(right, LENGTH, block, table, LENGTH) == expected, case
        (rows,) = item.own.written.values()
        for back, row in enumerate(rows):
            assert row.left == f"dX_{LENGTH}/d{item.unknown}_{LENGTH - back}"
            expected = table.derivative(LENGTH, item.unknown, LENGTH - back)
            assert evaluated(row.right, LENGTH, 0, table, LENGTH) == expected
        behind = item.own.behind
        if item.closed is not None and behind is not None:
            # The closed form is that of the rows, which hold behind the last own block.
            for back, row in enumerate(item.written[: LENGTH - behind + 1]):
                expected = table.derivative(LENGTH, item.unknown, LENGTH - back)
                assert evaluated(row.right, LENGTH, 0, table, LENGTH) == expected


@pytest.mark.parametrize("table", FIXED)
def test_jacobians(table: Table) -> None:
    check_jacobians(table)


@given(tables())
@settings(max_examples=FEW)
def test_jacobians_of_random_networks(table: Table) -> None:
    check_jacobians(table)


@given(tables())
@settings(max_examples=FEW)
def test_numbers_of_paths(table: Table) -> None:
    linear = linearise(table.formula(), Diagnostics(), activations=False)
    net = Counts(linear, LENGTH).by_length()
    expected = table.from_input(LENGTH)
    assert {n: count for n, count in enumerate(net) if count} == expected


@given(tables())
@settings(max_examples=FEW)
def test_blocks_by_their_equations(table: Table) -> None:
    groups: dict[Any, list[int]] = {}
    for block in range(1, LENGTH + 1):
        groups.setdefault(table.key(block), []).append(block)
    found = regimes(table.formula(), LENGTH)
    assert sorted(r.blocks for r in found if r.blocks) == sorted(
        tuple(blocks) for blocks in groups.values()
    )


def check_derived(table: Table) -> None:
    formula = table.formula()
    try:
        found = backward(formula)
    except CompileError:
        return  # No general formula of the general equations.
    if not own_blocks(formula):
        return
    own = found.others
    for part in (found, *own):
        inside = "block L-i among them" in part.where
        for item in part.formulas:
            assert item.target == "X"
            for row in _rows(item):
                left, right = row.split(" = ")
                back = int(left.split("-")[1].strip(">"))
                for end in range(back + 1, LENGTH + 1):
                    start = end - back
                    passed = range(start + (not inside), end + 1)
                    if set(passed) <= set(part.blocks):
                        expected = table.derivative(end, item.source, start)
                        assert evaluated(right, end, start, table, end) == expected


def _rows(item: Any) -> list[str]:
    return list(written(item, PLAIN))


@pytest.mark.parametrize("table", FIXED)
def test_general_formulas(table: Table) -> None:
    check_derived(table)


@given(tables())
@settings(max_examples=FEW)
def test_general_formulas_of_random_networks(table: Table) -> None:
    check_derived(table)


def test_which_blocks_a_general_formula_is_for() -> None:
    found = backward(FIXED[1].formula())
    assert found.where == "blocks 1-3, 7 and later alone"
    assert [other.where for other in found.others] == ["blocks 4-6 alone"]
    text = found.text()
    assert "X_<4..6> = (W_i*X_<i-1>)" in text
    assert "Through blocks 4-6 alone\n\nFrom X_<L-i> to X_L\n  paths    W*" in text
    assert found.latex().count("% through") == 2
    assert found.as_dict()["others"][0]["blocks"] == [4, 5, 6]
    assert "block L-i among them" in backward(FIXED[4].formula()).where


def test_operators_of_other_blocks_are_letters_in_ranges_too() -> None:
    formula = compile_source(
        from_text(
            "stages 8 x 8\nX_i = X_<i-1> + W_i*X_<i-1>\nX_<6..7> = W_<i-1>*X_<i-1>"
        )
    )[0].formula
    text = backward(formula).text()
    assert "Through blocks 6-7 alone\n" in text
    assert "paths    W_<i-1>*" in text


# -- stability and variances


def test_roots_of_each_group() -> None:
    (past,) = (t for t in FIXED if t.ranges[0][1:3] == (6, 8))
    found = analysis(past.formula())
    told = {
        in_blocks(r.blocks): [root.value for root in r.stability.roots]
        for r in found.regimes
    }
    # z - 1 (w = 0), and z^2 - 1.
    assert told == {"blocks 1-5": [1], "blocks 6-8": [1, -1]}


def test_growth_is_warned_of_where_it_is() -> None:
    text = (
        "stages 8 x 9\nX_i = X_<i-1> + W_i*X_<i-1>\nX_<4..6> = 2*X_<i-1> + W_i*X_<i-1>"
    )
    report = Diagnostics()
    analyse(compile_source(from_text(text))[0].formula, report, None)
    (warning,) = report
    assert warning.code == "RF602"
    assert "grows by 2 in each block of 4-6: 8 times over 3 blocks" in warning.message
    assert warning.labels[0].span.line == 3


@pytest.mark.parametrize("gain", [0.5, 1.0])
def test_variances_by_hand(gain: float) -> None:
    """Blocks are skip + pass, and pass alone in 1 to 3: v times 1 + g^2, or g^2."""
    found = analysis(FIXED[0].formula(), gain=gain).flows[0].moments
    assert found is not None
    start = gain**6
    before = start * (1 + gain**2) ** 4
    last = {share.term: share.variance for share in found.shares}
    assert last == pytest.approx(
        {"X_i: X_<i-1>": before, "X_i: W_i*X_<i-1>": gain**2 * before}
    )
    (other,) = found.elsewhere
    assert other.block == 3
    assert [share.variance for share in other.shares] == pytest.approx([start])


def test_features_side_by_side_in_some_blocks_alone() -> None:
    """Then forward and backward differ, though no general equation says so."""
    text = "stages 8 x 4\nX_i = X_<i-1> + W_i*X_<i-1>\nX_<2..3> = W_i*concat(X_<i-1>, X_<i-2>)"
    found = analysis(compile_source(from_text(text))[0].formula).flows[0]
    assert found.moments is None or not found.moments.symmetric


def test_gates_in_some_blocks_alone_do_not_cancel() -> None:
    text = (
        "stages 8 x 4\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        "X_<2..3> = X_<i-1>*sigmoid(U_i*X_<i-1>) - X_<i-1>*sigmoid(V_i*X_<i-1>)"
    )
    paths = analysis(compile_source(from_text(text))[0].formula).flows[0].paths[0]
    assert paths.net.total > 0


def test_blocks_may_compute_in_an_order_of_their_own() -> None:
    """In the last two blocks C needs Z, which stands behind it in the others."""
    text = (
        "input 4\nstages 4 x 5\nX_i = X_<i-1> + W_i*X_<i-1>\nX_<L-1..L> = X_<i-1>\n"
        "C_i = U_i*X_<i-1>\nZ_i = V_i*C_<i-1>\nC_<L-1..L> = C_<i-1> + B_i*Z_i\n"
        "output C_L"
    )
    made = compile_source(from_text(text))[0].formula
    assert all(check.holds for check in verify(made, build))
    linear = linearise(made, Diagnostics())
    found = {
        row.left: row.right
        for item in pieced(linear, jacobians(linear), [5])
        if item.own is not None
        for row in item.own.written[5]
    }
    assert found["dC_5/dC_4"] == "1 + B_5*V_5"
    assert found["dC_5/dZ_4"] == "B_4 + B_5*V_5*B_4"


def test_gains_in_some_blocks_alone_have_no_polynomial() -> None:
    text = (
        "input 4\nstages 4 x 4\nscalar a_i = 0.5 per channel\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_<L-1..L> = X_<i-1> + a_i*U_i*X_<i-1>"
    )
    made = compile_source(from_text(text))[0].formula
    assert all(check.holds is not False for check in verify(made, build))


# -- depth, and stages


def test_first_blocks_move_with_the_stages() -> None:
    text = "stages {}\nX_i = X_<i-1> + W_i*X_<i-1>\nX_<first> = W_<first>*X_<first-1>"
    short, long = (
        compile_source(from_text(text.format(stages)))[0].formula
        for stages in ("8 x 2, 8 x 2, 8 x 3", "8 x 4, 8 x 4, 8 x 6")
    )
    stretched, real = analysis(short, depth=14), analysis(long)
    assert stretched.flows[0].paths[0].net == real.flows[0].paths[0].net
    assert stretched.own == real.own == (5, 9)
    assert [item.own for item in stretched.jacobians] == [
        item.own for item in real.jacobians
    ]


def test_stages_of_their_own_are_told_by_length() -> None:
    text = (
        "scope stage\nstages 8 x 4, 8 x 6\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        "X_<2..3> = W_i*X_<i-1>"
    )
    (item,) = analysis(compile_source(from_text(text))[0].formula).jacobians
    assert item.own is not None
    assert [rows[-1].text() for rows in item.own.written.values()] == [
        "dX_4/dX_1 = W_3*W_2 + W_4*W_3*W_2",
        "dX_6/dX_2 = W_3 + W_6*W_3 + W_5*W_3 + W_4*W_3 + W_6*W_5*W_3 + W_6*W_4*W_3"
        " + W_5*W_4*W_3 + W_6*W_5*W_4*W_3",
    ]


def test_every_block_with_an_equation_of_its_own() -> None:
    formula = Table({"X": (SKIP, PASS)}, (("X", 1, 8, (PASS,)),)).formula()
    found = analysis(formula)
    (item,) = found.jacobians
    assert item.own is not None and item.own.behind is None
    assert [case.where() for case in item.own.cases] == ["L-i = 1-7"]
    assert [r.blocks for r in found.regimes] == [tuple(range(1, 9))]
    assert backward(formula).where == "blocks behind 8 alone"


def test_a_depth_that_does_not_reach_the_range() -> None:
    """The file with so many blocks is an error, too."""
    with pytest.raises(CompileError, match="RF302"):
        analysis(FIXED[1].formula(), depth=3)


# -- diff


@given(tables(), tables())
@settings(max_examples=FEW)
def test_paths_in_all(left: Table, right: Table) -> None:
    formulas = left.formula(), right.formula()
    found = path_difference(*formulas)
    if found.own and found.totals is not None:
        expected = tuple(sum(t.from_input(LENGTH).values()) for t in (left, right))
        assert found.totals == expected


def test_a_range_is_a_difference() -> None:
    plain = Table({"X": (SKIP, PASS)}).formula()
    found = path_difference(plain, FIXED[0].formula())
    assert found.same and found.own
    assert found.others == ((), (("blocks 1-3", "W*"),))
    assert found.totals == (256, 32)


def test_random_numbers_agree() -> None:
    """The oracle itself: its derivatives are those of numbers that go through."""
    table, rnd = FIXED[1], random.Random(0)
    w = {n: rnd.randint(-3, 3) for n in range(1, LENGTH + 1)}

    def run(x: int, at: int) -> int:
        values = dict.fromkeys(range(-2, at), 0) | {at: x}
        for block in range(at + 1, LENGTH + 1):
            values[block] = sum(
                t.number
                * (w[block - t.owner] if t.operator else 1)
                * values[block - t.lag]
                for t in table.right("X", block)
            )
        return values[LENGTH]

    for block in range(1, LENGTH):
        found = table.derivative(LENGTH, "X", block)
        numbers = {letter("W", n): value for n, value in w.items()}
        assert found.subs(numbers) == run(1, block)


@pytest.mark.parametrize(
    "own",
    [
        "X_3 = W_3*mean(X_<0..2>)",
        "X_<3..4> = W_i*concat(X_<0..i-1>)",
        "X_4 = W_4*concat(X_<1..3>) + W_3*X_2",
        "X_3 = sum(k, 0, 2, W_<k+1>*X_k)",
    ],
)
def test_histories_of_single_blocks(own: str) -> None:
    """Histories that only blocks with equations of their own read."""
    text = f"stages 8 x 6\nX_i = X_<i-1> + W_i*X_<i-1>\n{own}"
    made = compile_source(from_text(text))[0].formula
    checks = verify(made, build)
    assert len(checks) >= 4
    assert all(check.holds for check in checks)


def test_a_number_of_blocks_in_front_of_the_output() -> None:
    text = "stages 8 x 4\nX_i = X_<i-1>\nX_<3..4> = X_<i-1> + W_i*X_<i-1>\noutput L*X_L"
    made = compile_source(from_text(text))[0].formula
    (row,) = analyse(made, Diagnostics()).jacobians
    assert row.own is not None
    assert [f"{item.left} = {item.right}" for item in row.own.written[4]][1:] == [
        "d(4*X_4)/dX_3 = 4 + 4*W_4",
        "d(4*X_4)/dX_2 = 4 + 4*W_4 + 4*W_3 + 4*W_4*W_3",
        "d(4*X_4)/dX_1 = 4 + 4*W_4 + 4*W_3 + 4*W_4*W_3",
    ]


@pytest.mark.parametrize(
    ("text", "depth", "code"),
    [
        ("X_i = X_<i-1> + W_i*X_<i-1>\nX_3 = W_3*X_2", 2, "RF302"),
        ("X_i = X_<i-1> + W_i*X_<i-1>\noutput X_L + X_3", 2, "RF302"),
        ("X_<1..L> = X_<i-1> + W_i*X_<i-1>", 257, "RF315"),
        (
            "X_<1..L/2> = W_i*X_<i-1>\nX_<L/2+1..L> = X_<i-1> + W_i*X_<i-1>",
            258,
            "RF315",
        ),
    ],
)
def test_no_depth_has_an_answer_that_no_file_has(
    text: str, depth: int, code: str
) -> None:
    """A file with so many blocks is refused."""
    formula = compile_source(from_text(f"stages 4 x 8\n{text}"))[0].formula
    for blocks in (depth, 8):
        try:
            compile_source(from_text(f"stages 4 x {blocks}\n{text}"))
        except CompileError as error:
            assert blocks == depth and error.diagnostics[0].code in ("RF302", "RF106")
        else:
            assert blocks == 8
    with pytest.raises(CompileError) as caught:
        analyse(formula, Diagnostics(), Asked(depth=depth))
    assert caught.value.diagnostics[0].code == code


@pytest.mark.parametrize("other", ["X_<3..5>", "X_<L-3..L>"])
def test_a_range_for_all_blocks_and_one_for_some_are_two_equations(other: str) -> None:
    """Also where one of them would be the equation in general."""
    text = f"stages 4 x 8\nX_<1..L> = W_i*X_<i-1>\n{other} = X_<i-1> + W_i*X_<i-1>"
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text))
    assert {found.code for found in caught.value.diagnostics} == {"RF207"}
