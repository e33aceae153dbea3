"""Indices that name no block, or no time, and what is said of them."""

from __future__ import annotations

import pytest

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from tests.diagnostics.mistakes import ONE, mistakes

TIMED = "stages 4 x 3\ntimes 2\nX_<i,t> = W_i*X_<i-1,t> + {}*X_<i,t-1>\n"


@pytest.mark.parametrize(
    ("declared", "used", "hint"),
    [
        ("", "b_t", "declare it: `scalar b_t = 0.5` (learned)"),
        ("", "b_<t-1>", "declare it: `scalar b_t = 0.5` (learned)"),
        ("scalar b_i = 0.5", "b_t", "write b_i or b_<i,t>; `scalar b_t = 0.5`"),
        ("const b_i = i", "b_t", "write b_i or b_<i,t>; `scalar b_t = 0.5`"),
        ("scalar b_t = 0.5", "b", "write b_t here"),
        ("scalar b_t = 0.5", "b_2", "write b_t here"),
        ("scalar b_t = 0.5", "b_<i,t>", "write b_t here"),
        ("scalar b = 0.5", "b_t", "write b here"),
    ],
)
def test_hints_for_scalars_of_a_time(declared: str, used: str, hint: str) -> None:
    (item,) = mistakes(f"{declared}\n{TIMED.format(used)}")
    assert (item.code, item.labels[0].span.text) in (("RF304", used), ("RF201", used))
    assert hint in item.hint


@pytest.mark.parametrize(
    ("declared", "used", "said", "hint"),
    [
        ("scalar l = 1", "l_i", "is one number for all blocks", "write l here, or"),
        ("vector l = 1", "l_2", "is one number for all blocks", "write l here, or"),
        ("scalar l_i = 1", "l", "is a number for each block, l_i", "write l_i here"),
        ("const l = 1", "l_i", "was declared without an index", "write l"),
    ],
)  # fmt: skip
def test_a_number_with_another_index_than_it_has(
    declared: str, used: str, said: str, hint: str
) -> None:
    (item,) = mistakes(f"{declared}\nX_i = X_<i-1> + {used}*W_i*X_<i-1>")
    assert (item.code, item.labels[0].span.text) == ("RF304", used)
    assert said in item.message and item.hint.startswith(hint)


@pytest.mark.parametrize(
    ("equation", "code", "place", "hint"),
    [
        ("X_<2..L/3> = W_i*X_<i-1>", "RF315", "X_<2..L/3>", "floor(L/2) is a block for"),
        ("X_<i..L> = W_i*X_<i-1>", "RF217", "X_<i..L>", "X_<2..5> = ..., with i on the"),
        ("X_<2..4> = W_i*X_<L-i>", "RF301", "X_<L-i>", ""),
        ("X_<3..4> = W_<L-i>*X_<i-1>", "RF316", "W_<L-i>", "write W_i, which is of the"),
        ("Y_i = X_<L-i>", "RF316", "L-i", "X_<L/2+1..L> = "),
        ("X_4 = X_<L-i>", "RF316", "L-i", "X_<L/2+1..L> = "),
        ("X_<3..4> = W_i*X_<L-40-i>", "RF106", "L-40-i", ""),
        ("X_L = W_L*X_<L-1>", "RF217", "X_L", "here X_4 = ..., with numbers for L"),
        ("X_<L-1> = X_<L-2>", "RF217", "X_<L-1>", "here X_3 = ..."),
        ("X_<last> = W_i*X_<i-1>", "RF304", "last", "the last block is L in the output"),
        ("X_<1..end> = W_i*X_<i-1>", "RF304", "end", "the last block is L"),
        ("X_<first..2> = W_i*X_<i-1>", "RF304", "first", "first stands alone on the left"),
        ("output X_<last>", "RF304", "last", "the last block is L in the output"),
        ("X_1 = X_<j>", "RF304", "j", "an index is i, i-1, i-2, ... or a number"),
    ],
)  # fmt: skip
def test_blocks_that_an_index_does_not_name(
    equation: str, code: str, place: str, hint: str
) -> None:
    """The hint says what to write; what it says compiles."""
    (found,) = mistakes(f"stages 8 x 2, 8 x 2 / 2\n{ONE}\n{equation}")
    assert found.code == code
    assert found.labels[0].span.text == place
    assert found.hint.startswith(hint)
    text = f"stages 8 x 2, 8 x 2 / 2\n{ONE}\nX_<2..4> = W_i*X_<i-1>"
    compile_source(from_text(text))


def test_the_last_block_where_stages_differ() -> None:
    text = f"scope stage\nstages 8 x 2, 8 x 3 / 2\n{ONE}\nX_L = X_1"
    (found,) = mistakes(text)
    assert found.hint.startswith("for example X_4 = ...")


def test_an_index_of_a_definition_that_is_none() -> None:
    text = (
        "R(x, n=4) = concat(Y_<1..n>)\n    where S_<1..n> = split(x, n), K = conv(3, cin)\n"
        "    where Y_1 = S_1\n    where Y_k = K_k*(S_k + Y_<j-1>)\n"
        f"stages 8 x 2\nW = R\n{ONE}"
    )
    (found,) = mistakes(text)
    assert (found.code, found.labels[0].span.text) == ("RF304", "j")
    assert "letter of its own equation" in found.hint


@pytest.mark.parametrize(
    ("equation", "code"),
    [
        ("X_<3..2> = D_i*X_<i-1>", "RF217"),
        ("X_<0..2> = D_i*X_<i-1>", "RF217"),
        ("X_<2..L/3> = D_i*X_<i-1>", "RF315"),
        ("X_<3..4> = D_i*X_<L-i>\nscope stage", "RF302"),
        ("X_<1..2> = D_i*X_<L-i>\nscope stage", "RF301"),
        ("X_<1..2000> = D_i*X_<i-1>", "RF106"),
        ("X_<1..9> = D_i*X_<i-1>", "RF302"),
        ("X_<1..2> = D_i*X_<i-1>\nX_<2..3> = D_i*X_<i-1>", "RF207"),
        ("X_<first> = D_i*X_<first-1>", "RF217"),
        ("X_<first+1> = D_<first>*X_<first-1>", "RF217"),
        ("const k = (3, 5, 7) per stage", "RF218"),
        ("const k = (3, 5) per channel", "RF212"),
        ("const k_i = (3, 5) per stage", "RF212"),
        ("const k = (3, 5) per stage\nhead conv(k) > avgpool > linear(10)", "RF218"),
    ],
)
def test_equations_and_numbers_of_several_blocks(equation: str, code: str) -> None:
    text = f"stages 8 x 2, 8 x 2 / 2\nX_i = X_<i-1> + W_i*X_<i-1>\n{equation}\n"
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text))
    assert code in {item.code for item in caught.value.diagnostics}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("X_i = W_i*X_<i-1> + Y_i\nY_i = X_<i-1>\nY_3 = X_3", "Y_3 is computed from itself"),
        ("X_i = W_i*X_<i-1>\nY_i = X_<i-1>\nX_<2..3> = W_i*Y_i\nY_<2..3> = X_i",
         "X_2 needs Y_2 needs X_2: none of them can be the first"),
        ("X_i = X_<i-1> + W_i*X_<i-1>\nW_2*X_1 = X_2", "W_2*X_1 is computed from itself"),
        ("times 2\nX_<i,t> = W_i*X_<i,t-1> + X_<i-1,t>\nX_<3,1> = X_<3,2>",
         "X_<3,1> is computed from itself"),
    ],
)  # fmt: skip
def test_boundary_equations_that_need_each_other(lines: str, said: str) -> None:
    """They are not nested too deep (RF103)."""
    output = "X_<L,T>" if "times" in lines else "X_L"
    text = f"input 4\nstages 4 x 4\nW = linear(c)\n{lines}\noutput {output}"
    (found,) = mistakes(text)
    assert found.code == "RF301"
    assert found.message.startswith(said)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("X_<i,t> = W_i*X_<i-1,t>\nX_<2,0> = input", "X_<i,0> has an equation for some"),
        ("X_<i,t> = W_i*X_<i-1,t>\nX_<0,0> = input", "X_<i,0> has a boundary equation"),
        ("V = linear(c)\nX_<i,t> = W_i*X_<i-1,t> + V_t*X_<i,t-1>", "V_2 is one operator, but"),
        ("X_<i,t> = W_<3,t>*X_<i-1,t>", "W_<3,1> is the operator of one block; an "
         "equation for all blocks uses W_<i,1>, or W_1 for one that all share"),
        ("scalar a_<i,t> = 1\nX_<i,t> = a_<i+1,t>*W_i*X_<i-1,t>", "block i cannot use the "
         "scalar a of a later block"),
        ("scalar a_<i,t> = 1/(i-1)\nX_<i,t> = a_<i,t>*W_i*X_<i-1,t>", "a number of a starts"),
        ("vector b_t = 1\nX_<i,t> = b_t*W_i*X_<i-1,t>", "b has one number a channel"),
        ("X_<i,t> = W_i*X_<i-2,t>", "the output never comes to read all blocks: X_<L,2>"),
    ],
)  # fmt: skip
def test_names_with_a_time_are_those_of_the_file(lines: str, said: str) -> None:
    text = (
        f"times 2\ninput 4\nstages 4 x 2, 5 x 2\nW = linear(c)\n{lines}\noutput X_<L,T>"
    )
    assert any(item.message.startswith(said) for item in mistakes(text))
