"""Long skips: what is on the stacks, what is said of it, and other depths of a file."""

from __future__ import annotations

import pytest

import recform
from recform.diagnostics import CompileError
from recform.diagram.model import Kind
from recform.equality.compare import compare
from recform.equality.verdict import DIFFERENT, OPEN, OwnDepth
from recform.recurrence import steps
from recform.recurrence.regimes import at_depth
from recform.recurrence.state import Border, Cut, smallest
from recform.render import Request, View
from recform.render import diagram as draw
from recform.report.equiv import lines

UVIT = """
input  5
stages 4 x {blocks}
W = linear(c)
X_<1..(L+1)/2> = W_i*X_<i-1>
X_<(L+3)/2..L> = W_i*concat(X_<i-1>, X_<L+1-i>)
"""
UNET = """
input  2 x 8 x 8
stages 4 x 1, 6 x 2 / 2, 8 x 1 / 2, 6 x 2 / (1/2), 4 x 1 / (1/2)
stem   none
D = conv(3, c, stride=s)
U = upsample(1/s) > conv(3, c)
X_i = D_i*X_<i-1>
X_<L-2..L> = U_i*X_<i-1> + X_<L+1-i>
"""


def test_what_is_put_where() -> None:
    (flow,) = recform.compile(UVIT.format(blocks=7)).recurrence.flows
    (stack,) = flow.stacks
    assert dict(stack.kept) == {1: 0, 2: 0, 3: 0}
    assert stack.popped == (5, 6, 7)
    assert [(run.first, run.last) for run in flow.runs] == [(1, 4), (5, 7)]


def test_nothing_waits_for_nobody() -> None:
    """Block 8 reads X_0; what the other blocks of the second half do not read is gone."""
    text = "input 4\nstages 4 x 8\nW = linear(c)\nX_i = W_i*X_<i-1>\n"
    item = recform.compile(text + "X_<L..L> = W_i*X_<i-1> + X_<L-i>")
    (stack,) = item.recurrence.flows[0].stacks
    assert (dict(stack.kept), stack.popped) == ({0: 0}, (8,))
    # A block that nobody reads is not there, and neither is its skip.
    item = recform.compile(text + "Y_<5..8> = X_<L-i>\nY_i = X_i\noutput X_L")
    assert item.recurrence.flows[0].stacks == ()


def test_the_summary_says_it() -> None:
    summary = recform.compile(UNET).summary()
    (stack,) = summary.stacks
    assert stack.text() == (
        "Long skips: X_1 to X_3 wait on a stack until blocks 5-7 take it as X_<L-i+1>; "
        "3 at most, behind block 3 (stage 1: 1 of 4 x 8 x 8, stage 2: 2 of 6 x 4 x 4)"
    )
    assert [row.stride for row in summary.stages[:-1]] == [1, 2, 2, "1/2", "1/2"]
    assert len(summary.state) == summary.bound == 1


def test_a_file_at_another_depth() -> None:
    formula = recform.compile(UVIT.format(blocks=7)).formula
    deep = at_depth(formula, 11)
    assert deep is not None
    said = {str(b.left): str(b.right) for b in deep.boundaries}
    assert said["X_7"] == "W_7*concat(X_6, X_5)"
    assert said["X_11"] == "W_11*concat(X_10, X_1)"
    assert len(said) == 5
    # (L+1)/2 is no block of 8.
    assert at_depth(formula, 8) is None


@pytest.mark.parametrize("depth", [5, 9])
def test_the_paths_of_another_depth(depth: int) -> None:
    """Each block of the second half is reached in one way more than the one before."""
    item = recform.compile(UVIT.format(blocks=7))
    (flow,) = item.analyze(depth=depth).flows
    assert sum(flow.paths[0].net.counts) == (depth + 1) // 2
    (own,) = recform.compile(UVIT.format(blocks=depth)).analyze().flows
    assert own.paths[0].net == flow.paths[0].net


def test_a_depth_that_no_range_has() -> None:
    with pytest.raises(CompileError, match="with 8 blocks, the equations for ranges"):
        recform.compile(UVIT.format(blocks=7)).analyze(depth=8)


def test_the_claims_are_tried() -> None:
    checks = recform.compile(UNET.replace("8 x 8", "8 x 12")).verify()
    assert {check.claim for check in checks} >= {
        "the equations are what the module computes",
        "the Jacobian by the input",
        "the whole network is what its equations say",
    }
    assert all(check.holds is not False for check in checks)
    assert sum(bool(check.holds) for check in checks) >= 4


def test_each_skip_is_drawn() -> None:
    diagram = draw(recform.compile(UNET).graph, Request(view=View.network))
    names = {n.id: n.label[0] for n in diagram.nodes if n.kind is Kind.block}
    numbers = {node: n for n, node in enumerate(names, 1)}
    edges = [(e.tail, e.head) for e in diagram.edges if {e.tail, e.head} <= set(names)]
    long = {(numbers[a], numbers[b]) for a, b in edges if numbers[b] > numbers[a] + 1}
    assert long == {(3, 5), (2, 6), (1, 7)}


def test_the_turn_is_drawn() -> None:
    """Blocks 2 to 7 of 8 side by side: X_1, X_2 and X_3 go on to blocks 5, 6 and 7."""
    text = "input 4\nstages 4 x 8\nW = linear(c)\nX_i = W_i*X_<i-1>\n"
    item = recform.compile(text + "X_<L/2+1..L> = W_i*X_<i-1> + X_<L-i>")
    diagram = draw(item.graph, Request(view=View.unrolled))
    assert len(diagram.clusters) == 6
    states = {n.id: n.meaning for n in diagram.nodes if n.kind is Kind.state}
    sums = [n.id for n in diagram.nodes if n.kind is Kind.sum]
    read = [
        states[e.tail] for e in diagram.edges if e.head in sums and e.tail in states
    ]
    assert read == ["X_3", "X_2", "X_1"]


def test_two_files_with_ranges() -> None:
    """Of the same ranges all depths are equal; others are compared depth by depth."""
    files = {}
    for blocks in (8, 12):
        for left in ("X_<L/2+1..L>", "X_<5..8>", "X_<L-3..L>", "X_<L/2+2..L>"):
            text = f"input 4\nstages 4 x {blocks}\nW = linear(c)\nX_i = W_i*X_<i-1>\n"
            text += f"{left} = W_i*X_<i-1> + X_<L-i>"
            if left != "X_<5..8>" or blocks == 8:
                files[left, blocks] = recform.compile(text).formula
    first = files["X_<L/2+1..L>", 8]
    same = compare(first, files["X_<L/2+1..L>", 12])
    assert same.equal
    assert "any number of blocks" in lines(same)[1]
    # Equal with 8 blocks, the depth of both, and not compared with 12.
    other = compare(first, files["X_<5..8>", 8])
    assert (other.answer, other.checked, other.own) == (OPEN, 8, OwnDepth(8, "", True))
    # The second half of 4 blocks are 2, and not the last 4.
    found = compare(first, files["X_<L-3..L>", 12])
    assert (found.answer, found.differs) == (DIFFERENT, 10)
    found = compare(first, files["X_<L/2+2..L>", 8])
    assert (found.answer, found.differs) == (DIFFERENT, 2)


#: A function of the tensor before belongs to no block: it reads that one, and no older ones.
FIRST = """
input  4
stages 4 x {blocks}, 4 x 1
W = linear(c)
X_i = X_<i-1> + W_i*(gelu(X_<i-1>) + 1)
X_<first> = W_<first>*gelu(X_<first-1>)
"""


@pytest.mark.parametrize("text", [UVIT, FIRST])
def test_a_state_is_looked_for_near_its_border(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in far blocks is not gone through in each: twice the depth, no more."""
    found: dict[int, int] = {}
    for depth in (21, 41):
        borders: list[Border] = []

        def watched(border: Border, seen: list[Border] = borders) -> Cut:
            seen.append(border)
            return smallest(border)

        monkeypatch.setattr(steps, "smallest", watched)
        recform.compile(text.format(blocks=depth))
        found[depth] = max(len(border.waiting) for border in borders)
        assert len(borders) > depth
    assert found[21] == found[41] < 12
