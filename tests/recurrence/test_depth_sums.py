"""Sums over depth: what the state is, which code comes of it, and what is refused."""

from __future__ import annotations

import pytest
import torch

import recform
from recform.compiler import Compiled, compile_source, from_text
from recform.diagnostics import CompileError
from recform.report.summary import summarise
from tests.oracle.compare import agree

FRAME = """
input 4
stages 4 x 5
stem none
head none
T = linear(c)
N = ln
scalar a_<i,k> = 0.5
scalar b_i = 0.5
vector q_i = 0.1
"""


def compiled(text: str) -> Compiled:
    (item,) = compile_source(from_text(FRAME + text))
    return item


def state(text: str) -> list[tuple[str, int]]:
    rows = summarise(compiled(text).graph).state
    return [(row.what, row.tensors) for row in rows]


def refused(text: str) -> list[str]:
    with pytest.raises(CompileError) as error:
        compiled(text)
    return [item.code for item in error.value.diagnostics]


def test_the_state_is_a_list_and_the_newest_unknown() -> None:
    text = "Y_i = T_i*X_<i-1>\nX_i = sum(k, 0, i, a_<i,k>*Y_k)\noutput X_L"
    assert state(text) == [("X_i", 1), ("list(Y_<0..i>)", 6)]


def test_what_hangs_on_the_member_alone_is_computed_once() -> None:
    """As N*X_k with one N for all, beside the X_k themselves."""
    text = "X_i = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, N*X_k))*X_k)"
    assert state(text) == [("list(k, 0, i, N*X_k)", 6), ("list(X_<0..i>)", 6)]


def test_a_common_factor_leaves_one_tensor_that_adds_up() -> None:
    text = "X_i = T_i*X_<i-1> + sum(k, 0, i-1, b_i*X_k)"
    assert state(text) == [("X_i", 1), ("sum(X_<0..i-1>)", 1)]


def test_the_output_sums_what_all_blocks_made() -> None:
    item = agree(FRAME + "X_i = T_i*X_<i-1>\noutput sum(k, 1, L, X_k)")
    net = item.module().double()
    x = torch.randn(2, 4, dtype=torch.float64)
    total = torch.zeros_like(x)
    expected = x
    for block in net.blocks:
        expected = block.T(expected)
        total = total + expected
    torch.testing.assert_close(net(x), total)


def test_the_output_reads_numbers_of_the_last_block() -> None:
    """They were looked for in the network, which has none."""
    net = compiled("X_i = T_i*X_<i-1>\noutput b_L*X_L").module()
    plain = compiled("X_i = T_i*X_<i-1>\noutput X_L").module()
    plain.load_state_dict(net.state_dict(), strict=False)
    x = torch.randn(2, 4)
    torch.testing.assert_close(net(x), 0.5 * plain(x))


def test_a_vector_that_the_output_alone_reads_is_as_wide_as_that() -> None:
    text = "vector r = 0.5\nX_i = T_i*X_<i-1>\noutput r*X_L"
    assert tuple(compiled(text).module().r.shape) == (4,)


def test_block_1_reads_what_it_has_just_made() -> None:
    agree(FRAME + "Y_i = T_i*X_<i-1>\nX_i = Y_i + Y_1\noutput X_L")


@pytest.mark.parametrize(
    "text",
    [
        "X_i = T_i*X_<i-1>/(1 + norm(X_<i-1>))",
        "X_i = exp(tanh(T_i*X_<i-1>))/(1 + exp(X_<i-1>))",
        "X_i = X_<i-1> + dot(T_i*X_<i-1>, X_<i-1>)*T_i*X_<i-1>",
        "X_<i+1> = T_<i+1>*X_i + sum(k, 0, i, a_<i+1,k>*X_k)",
        "Y_i = T_i*X_<i-1>\nX_i = X_<i-1> + sum(k, 0, i, a_<i,k>*Y_k)\nY_0 = 0\noutput X_L",
        "X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k)\nX_<2..3> = X_<i-1> + T_i*X_0",
    ],
)
def test_against_the_oracle(text: str) -> None:
    agree(FRAME + text)


def test_batch_norms_see_each_member_by_itself() -> None:
    text = """
input 4 x 3 x 3
stages 4 x 3
stem none
head none
T = conv(1, c)
N = bn
X_i = T_i*sum(k, 0, i-1, sigmoid(N_i*X_k)*X_k)
"""
    net = recform.compile(text).module().train()
    net(torch.randn(2, 4, 3, 3))
    seen = [int(block.N.bn.num_batches_tracked) for block in net.blocks]
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("X_i = T_i*X_<i-1> + a_<i,1>*X_<i-1>", "RF313"),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i-1,k>*X_k)", "RF313"),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k, by=stage)", "RF313"),
        (
            "X_i = sum(k, 0, i-1, a_<i,k>*T_i*X_k) + sum(k, 1, i-1, a_<i,k>*X_k)",
            "RF313",
        ),
        # One of the members is not there in the second sum.
        (
            "X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k)"
            " + sum(k, 0, i-1, a_<i,k>*T_k*X_k)",
            "RF313",
        ),
        (
            "X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k)"
            " + sum(k, 0, i-1, b_k*a_<i,k>*X_k)",
            "RF313",
        ),
        ("X_i = T_i*X_<i-1> + softmax(k, X_<i-1>)", "RF313"),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, softmax(k, b_i)*X_k)", "RF313"),
        ("scalar g_<i,i> = 1\nX_i = T_i*X_<i-1>", "RF313"),
        (
            "scalar a_<i,i> = 1\nX_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k)",
            "RF313",
        ),
        # Of a list by stages a block reads one before it, and that one the one before.
        (
            "X_i = T_i*sum(k, 0, i-1, softmax(k, Y_k)*Y_k, by=stage)\n"
            "Y_i = X_<i-1> + N_i*X_<i-1>\noutput X_L",
            "RF309",
        ),
        ("X_i = T_i*X_<i-1> + sum(k, 1, i-1, T_k*(b_i*X_k))", "RF314"),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_<i-1>)", "RF314"),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k/(i-k))", "RF314"),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, (a_<i,k>+q_i)*X_k)", "RF314"),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k)\nX_2 = 0", "RF314"),
        (
            "Y_i = T_i*X_<i-1>\nY_0 = 0\n"
            "X_i = X_<i-1> + sum(k, 0, i-1, a_<i,k>*(N_i*Y_k + T_i*X_k))\noutput X_L",
            "RF314",
        ),
        (
            "scalar g_<i,k> = log(k)\nX_i = T_i*X_<i-1> + sum(k, 0, i-1, g_<i,k>*X_k)",
            "RF211",
        ),
        ("X_i = X_<i-1>/T_i", "RF205"),
        ("X_i = T_i*X_<i-1> + dot(X_<i-1>)*X_<i-1>", "RF203"),
        # Two unknowns that need each other, one in a history: it was nested too deep.
        ("Y_i = T_i*X_i\nX_i = sum(k, 0, i, Y_k)\noutput X_L", "RF301"),
        ("Y_i = T_i*X_i\nX_i = sum(k, 0, i, a_<i,k>*Y_k)\noutput X_L", "RF301"),
        # A member that is made later than the range ends.
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_<k+1>)", "RF301"),
        ("Y_i = T_i*X_i\nX_i = sum(k, 0, i-1, Y_<k+1>)\noutput X_L", "RF301"),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, T_<k+2>*X_k)", "RF303"),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*b_<k+2>*X_k)", "RF303"),
        ("X_i = T_i*X_<i-1>\noutput sum(k, 0, L, X_<k+1>)", "RF302"),
        ("X_i = T_i*X_<i-1>\noutput sum(k, 0, L, T_<k+1>*X_k)", "RF302"),
        ("X_i = T_i*X_<i-1>\noutput sum(k, 0, L, b_<k+1>*X_k)", "RF302"),
        ("X_i = T_i*X_<i-1>\noutput b_<L+1>*X_L", "RF302"),
        # An equation of a range, of which one list begins before the other.
        (
            "X_<1..2> = T_i*X_<i-1>\n"
            "X_<3..L> = T_i*sum(k, 0, i-1, softmax(k, dot(q_i, X_k))*X_<k-1>)",
            "RF314",
        ),
        ("X_i = T_i*X_<i-1> + sum(k, 0, i-1, X_k, by=block)", "RF203"),
        ("scope stage\nX_i = T_i*X_<i-1> + sum(k, 0, i-1, X_k, by=stage)", "RF308"),
    ],
)
def test_what_cannot_be_weighed_is_refused(text: str, code: str) -> None:
    assert refused(text)[0] == code


def test_a_range_may_end_at_the_block_if_its_members_are_older() -> None:
    net = (
        compiled("X_i = T_i*X_<i-1> + sum(k, 1, i, a_<i,k>*X_<k-1>)").module().double()
    )
    x = torch.randn(2, 4, dtype=torch.float64)
    made = [x]
    for block in net.blocks:
        sums = torch.einsum("k,kbc->bc", block.a, torch.stack(made))
        made.append(block.T(made[-1]) + sums)
    torch.testing.assert_close(net(x), made[-1])


def test_members_are_weighed_where_a_second_index_is_a_position() -> None:
    """`a_<i,k>` was taken for a scalar of a position."""
    net = recform.compile("""
input 5 x 4
stages 4 x 3
times positions
stem none
head none
T = linear(c) > tanh
scalar a_<i,k> = 0.1
H_<i,t> = sum(k, 0, i-1, a_<i,k>*X_<k,t-1>)
X_<i,t> = T_i*X_<i-1,t> + H_<i,t>
output X_L
""").module()
    net = net.double()
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    made = [x]
    for block in net.blocks:
        torch.nn.init.normal_(block.a)
        sums = torch.einsum("k,kbtc->btc", block.a, torch.stack(made))
        before = torch.nn.functional.pad(sums, (0, 0, 1, -1))
        made.append(block.T(made[-1]) + before)
    torch.testing.assert_close(net(x), made[-1])


def test_a_function_of_the_first_member_is_computed_before_the_blocks() -> None:
    text = "X_i = T_i*X_<i-1> + sum(k, 0, i-1, softmax(X_k)*X_k)\noutput softmax(X_L)"
    net = compiled(text).module().double()
    x = torch.randn(2, 4, dtype=torch.float64)
    made = [x]
    for block in net.blocks:
        made.append(block.T(made[-1]) + sum(x.softmax(1) * x for x in made))
    torch.testing.assert_close(net(x), made[-1].softmax(1))


def test_a_number_for_each_member_that_nobody_declared() -> None:
    text = "input 4\nstages 4 x 3\nX_i = W_i*X_<i-1> + sum(k, 0, i-1, b_<i,k>*X_k)"
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text))
    (found,) = caught.value.diagnostics
    assert found.hint == "a number for each k is declared: scalar b_<i,k> = 0"


@pytest.mark.parametrize("kind", ["sum", "max", "concat"])
@pytest.mark.parametrize(
    ("last", "name", "calls"), [("i", "S_<i-1>", 1), ("i-1", "S_i", 2)]
)
def test_what_a_history_is_called(kind: str, last: str, name: str, calls: int) -> None:
    """Up to its own block an unknown is the history, and up to another one a tensor more."""
    network = recform.compile(
        f"input 4\nstages 4 x 4\nW = linear(4)\nS_i = {kind}(X_<0..{last}>)\n"
        f"X_i = W_i*{name} + tanh(W_i*{kind}(X_<0..i-1>))\noutput X_L\n"
    )
    step = network.source.partition("class Step(")[2].partition("class ")[0]
    assert step.count("self.W(") == calls
