"""Where learned scalars start, if that depends on the block."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.diagnostics import CompileError
from recform.editor.facts import scalar_line
from recform.verify.whole import checks
from tests.diagnostics.mistakes import mistakes

FRAME = "input 4\nstages {stages}\nstem none\nhead none\nW = linear(c)\n"
STEP = "X_i = X_<i-1> + a_i*W_i*X_<i-1>"

#: A start as files have it, and as Python has it.
STARTS: dict[str, Callable[[int, int], float]] = {
    "1/i": lambda i, n: 1 / i,
    "0.8 - 0.6*exp(-0.3*(i - 1))": lambda i, n: 0.8 - 0.6 * math.exp(-0.3 * (i - 1)),
    "1/sqrt(2*L)": lambda i, n: 1 / math.sqrt(2 * n),
    "i": lambda i, n: i,
    "L - i": lambda i, n: n - i,
    "(-1)^i": lambda i, n: (-1) ** i,
    "floor(i/2)": lambda i, n: i // 2,
    "ceil(i/3)": lambda i, n: math.ceil(i / 3),
    "min(2, i/2)": lambda i, n: min(2, i / 2),
    "abs(i - 3)": lambda i, n: abs(i - 3),
    "p*i/10": lambda i, n: 3 * i / 10,
    "sin(pi*i/L)": lambda i, n: math.sin(math.pi * i / n),
}


def starts(network: nn.Module, name: str = "a") -> list[Tensor]:
    return [
        value.detach()
        for key, value in network.named_parameters()
        if key.rpartition(".")[2] == name
    ]


def same(found: list[Tensor], expected: list[float]) -> None:
    assert len(found) == len(expected)
    for one, number in zip(found, expected, strict=True):
        assert one.dtype is torch.float32
        torch.testing.assert_close(one, torch.full_like(one, number))


@pytest.mark.parametrize("depth", [1, 2, 17, 40])
@pytest.mark.parametrize("start", STARTS)
def test_each_block_starts_at_its_number(start: str, depth: int) -> None:
    frame = FRAME.format(stages=f"4 x {depth}") + "param p = 3\n"
    made = recform.load(f"{frame}scalar a_i = {start}\n{STEP}")
    wanted = [float(STARTS[start](block, depth)) for block in range(1, depth + 1)]
    same(starts(made), wanted)


@pytest.mark.parametrize("memory", ["lean", "checkpoint", "reversible"])
def test_in_other_forms(memory: str) -> None:
    text = (
        FRAME.format(stages="4 x 5")
        + "scalar a_i = i/L\n"
        + ("X_i = X_<i-2> + a_i*W_i*X_<i-1>" if memory == "reversible" else STEP)
    )
    made = recform.load(text, memory=memory)
    same(starts(made), [block / 5 for block in range(1, 6)])


def test_one_a_feature_in_stages_that_count_anew() -> None:
    text = (
        "input 4\nscope stage\nstages 4 x 2, 6 x 3\ntransition linear(c)\nhead none\n"
    )
    made = recform.load(f"{text}W = linear(c)\nvector a_i = i/L\n{STEP}")
    found = starts(made)
    assert [value.shape[0] for value in found] == [4, 4, 6, 6, 6]
    same(found, [1 / 2, 1, 1 / 3, 2 / 3, 1])


def test_a_numbered_list() -> None:
    step = "X_i = W_i*X_<i-1> + sum(k, 1, 3, a_k*X_<i-k>)"
    text = FRAME.format(stages="4 x 5") + f"scalar a_i = 1/i\n{step}"
    network = recform.load(text)
    numbers = [dict(network.named_parameters())[f"a_{k}"].detach() for k in (1, 2, 3)]
    same(numbers, [1, 1 / 2, 1 / 3])


@pytest.mark.parametrize("inner", ["a_i*H_<i,t-1>", "tanh(a_i*H_<i,t-1>)"])
def test_a_recurrence_over_positions(inner: str) -> None:
    text = (
        "input 6 x 4\nstages 4 x 3\nhead none\ntimes positions\nG = linear(c)\n"
        f"scalar a_i = i/L/2\nH_<i,t> = {inner} + G_i*X_<i-1,t>\n"
        "X_<i,t> = X_<i-1,t> + H_<i,t>\noutput X_L"
    )
    same(starts(recform.load(text)), [1 / 6, 1 / 3, 1 / 2])
    assert not [
        check for check in checks(recform.compile(text)) if check.holds is False
    ]


@pytest.mark.parametrize("start", ["k", "i", "floor(i/2) + k"])
def test_whole_numbers_of_members_are_floats(start: str) -> None:
    text = FRAME.format(stages="4 x 3") + f"scalar a_<i,k> = {start}\n"
    made = recform.load(f"{text}X_i = W_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k)")
    values = {"k": lambda i, k: k, "i": lambda i, k: i}
    value = values.get(start, lambda i, k: i // 2 + k)
    for block, found in enumerate(starts(made), 1):
        wanted = [float(value(block, k)) for k in range(block)]
        torch.testing.assert_close(found, torch.tensor(wanted))


def test_members_cut_off_as_code_cuts_off() -> None:
    """What code makes of them was looked for where 5/3 + 1/3 is below 2."""
    text = FRAME.format(stages="4 x 6") + "scalar a_<i,k> = {}\n"
    text += "X_i = W_i*X_<i-1> + sum(k, 0, i-1, a_<i,k>*X_k)"
    made = starts(recform.load(text.format("2^floor((i + k)/3)")))
    for block, found in enumerate(made, 1):
        wanted = [2.0 ** ((block + k) // 3) for k in range(block)]
        torch.testing.assert_close(found, torch.tensor(wanted))
    with pytest.raises(CompileError, match="RF106"):
        recform.load(text.format("ceil((k + 1)/10^10)"))


def test_what_is_analysed_is_the_network_as_it_starts(tmp_path: Path) -> None:
    """With operators at zero the state is multiplied by the product of 1 + a_i."""
    text = FRAME.format(stages="4 x 3") + "scalar a_i = 1/(3*i)\n"
    (tmp_path / "net.rf").write_text(f"{text}X_i = X_<i-1> + a_i*X_<i-1> + W_i*X_<i-1>")
    said = CliRunner().invoke(app, ["analyze", str(tmp_path / "net.rf")])
    assert f"grows {4 / 3 * 7 / 6 * 10 / 9:.3g} times over 3 blocks" in said.stderr


@pytest.mark.parametrize(
    ("declared", "code", "hint"),
    [
        ("scalar a_i = 1/(i - 1)", "RF211", "1/i is a number for each of them"),
        ("scalar a_i = sqrt(2 - i)", "RF211", "1/i is a number for each of them"),
        ("scalar a = 1/i", "RF201", "with an index: scalar a_i = 1/i"),
        ("scalar a = 1/L", "RF201", "with an index: scalar a_i = 1/L"),
    ],
)
def test_starts_that_are_none(declared: str, code: str, hint: str) -> None:
    step = STEP if "a_i" in declared else STEP.replace("a_i", "a")
    (found,) = mistakes(f"{FRAME.format(stages='4 x 3')}{declared}\n{step}")
    assert found.code == code and hint in found.hint


def test_a_list_of_all_blocks_knows_no_depth() -> None:
    text = FRAME.format(stages="4 x 3") + "scalar a_i = 1/L\n"
    (found,) = mistakes(f"{text}X_i = a_1*X_<i-1> + W_i*X_<i-1>")
    assert found.code == "RF304" and "the number of blocks" in found.message


@pytest.mark.parametrize("step", [STEP, "X_i = X_<i-1> + W_i*X_<i-1>"])
def test_the_output_may_read_that_of_the_last_block(step: str) -> None:
    text = FRAME.format(stages="4 x 5") + f"scalar a_i = i/10\n{step}\n"
    compiled = recform.compile(f"{text}output X_L + a_L*X_<L-1>")
    assert float(starts(compiled.module())[-1]) == 0.5
    assert all(check.holds for check in checks(compiled))


def test_an_editor_shows_the_start() -> None:
    text = FRAME.format(stages="4 x 5")
    for start, said in (("1/i", "1/i"), ("0.5", "0.5")):
        graph = recform.compile(f"{text}scalar a_i = {start}\n{STEP}").graph
        assert scalar_line(graph, "a") == f"each block has its own; starts at {said}"


#: A start with a constant, and what it is.
NAMED: dict[str, tuple[str, Callable[[int, int], float]]] = {
    "itself": ("k_i", lambda i, n: math.sqrt(i)),
    "one less": ("1 - k_i", lambda i, n: 1 - math.sqrt(i)),
    "the next": ("k_<i+1>/2", lambda i, n: math.sqrt(i + 1) / 2),
    "the second": ("k_2", lambda i, n: math.sqrt(2)),
    "the last": ("k_L", lambda i, n: math.sqrt(n)),
    "of another constant": ("q_i + h", lambda i, n: math.sqrt(i) * i + 1 / n),
    "whole": ("m_i", lambda i, n: i + 1),
}


@pytest.mark.parametrize("depth", [1, 2, 3, 17])
@pytest.mark.parametrize("is_read", [True, False])
@pytest.mark.parametrize("name", NAMED)
def test_a_constant_is_where_a_scalar_starts(
    name: str, is_read: bool, depth: int
) -> None:
    """Whether or not equations read it, and code has an attribute for it."""
    start, value = NAMED[name]
    text = (
        FRAME.format(stages=f"4 x {depth}") + "const k_i = sqrt(i)\nconst h = 1/L\n"
        f"const q_i = k_i*i\nconst m_i = i + 1\nscalar a_i = {start}\n"
    )
    term = " + (k_i + h + q_i + m_i)*W_i*X_<i-1>" if is_read else ""
    made = recform.load(f"{text}{STEP}{term}")
    same(starts(made), [value(block, depth) for block in range(1, depth + 1)])


def test_code_starts_a_scalar_at_the_constant() -> None:
    text = FRAME.format(stages="4 x 5") + "const k_i = sqrt(i)\nvector a_i = 1 - k_i\n"
    source = recform.compile(f"{text}X_i = k_i*X_<i-1> + a_i*W_i*X_<i-1>").source
    number = source.index("self.k = math.sqrt(i)\n")
    assert number < source.index("self.a = nn.Parameter(torch.full((4,), 1 - self.k))")


@pytest.mark.parametrize(
    ("declared", "code", "hint"),
    [
        ("const k_i = 1/i\nscalar a_i = k", "RF304", "write k_i"),
        ("const k = 1/3\nscalar a_i = k_i", "RF304", "write k"),
        ("const k_i = 1/i\nscalar a_i = k_0", "RF211", "blocks are counted from 1"),
        ("const k_i = sqrt(j)\nscalar a_i = k_i", "RF212", "k_i*X_<i-1>"),
        ("scalar a_i = k_i", "RF212", "const k_i = 1/(i + 1)"),
    ],
)
def test_constants_that_are_no_start(declared: str, code: str, hint: str) -> None:
    frame = "input 4\nstages 4 x 5\nW = linear(c)\n"
    (found,) = mistakes(f"{frame}{declared}\n{STEP}")
    assert found.code == code
    assert hint in found.hint


@pytest.mark.parametrize("start", ["k_i", "h"])
def test_what_all_blocks_share_starts_at_no_constant_of_a_block(start: str) -> None:
    text = (
        "input 4\nstages 4 x 5\nW = linear(c)\nconst k_i = 1/i\nconst h = 1/L\n"
        f"scalar a = {start}\n"
    )
    (found,) = mistakes(f"{text}X_i = X_<i-1> + a*W_i*X_<i-1>")
    assert (found.code, found.hint) == (
        "RF201",
        f"each block has its own with an index: scalar a_i = {start}",
    )
