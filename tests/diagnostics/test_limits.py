"""Any input is answered, and the work grows with its size as the benchmark says it does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import sympy
import torch

import recform
from benchmarks.limits import CONSTRUCTS
from recform.algebra.expr import Apply, I, State, TensorSum
from recform.compiler import compile_source, emit_source, from_text
from recform.diagnostics import CompileError, Diagnostics
from recform.source import Source, Span
from tests import counted, warm
from tests.thinned import thinned

ONE = "X_i = X_<i-1> + W_i*X_<i-1>\n"
SIZED = "param n = 1\nhead avgpool > linear(n)\n"


@pytest.mark.parametrize(
    ("text", "what", "limit"),
    [
        (f"{SIZED}{ONE}", "linear's width of 1,000,001", "1,000,000"),
        (f"head avgpool > linear(10^15)\n{ONE}", "of more than 10^15", "1,000,000"),
        (f"W = conv((3, 1000001), c)\n{ONE}", "kernel of 1,000,001", "1,000,000"),
        (f"W = conv(1, 9999*c) > conv(1, c)\n{ONE}", "gets 1,279,872 as", "1,000,000"),
        (f"stages 8 x 100001\n{ONE}", "of blocks of 100,001", "100,000"),
        ("X_i = X_<i-33>", "how far this index reaches", "32"),
        ("X_i = X_<i-1>\nX_257 = X_256", "how far this index reaches", "256"),
        ("X_<i+33> = X_i", "how far this index reaches", "32"),
        ("X_i = sum(k, 0, i-33, X_k)", "how far this range reaches", "32"),
        ("X_i = 2^65*X_<i-1>", "this exponent", "64"),
        ("X_i = exp(701)*X_<i-1>", "this exponent", "700"),
        (f"X_i = {'9' * 41}*X_<i-1>", "the number 9999", "40 digits"),
        (f"X_i = X_{'9' * 41}", "this index", "40 digits"),
        (f"input 64 x 1000000 x 1000000\n{ONE}", "a tensor of", "1,099,511,627,776"),
    ],
)
def test_what_is_too_large_is_told_with_its_limit(
    text: str, what: str, limit: str
) -> None:
    settings = {"n": 1_000_001} if text.startswith("param n") else {}
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text), settings)
    item = next(x for x in caught.value.diagnostics if x.code == "RF106")
    assert what in item.message, item.message
    assert f"is out of all reason (the limit is {limit}" in item.message


def test_a_number_that_is_set_too_small_is_told() -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(SIZED + ONE), {"n": 0})
    (item,) = caught.value.diagnostics
    assert item.message == "linear's width is a whole number of at least 1, not 0"


# ------------------------------------------------------------------- inputs of bad will

#: A command, a file, and the code of the diagnostic; none where there is an answer.
HOSTILE = {
    "power": ("compile", "X_i = (1+W_i)^16*X_<i-1>", "RF109"),
    "power within": ("compile", "X_i = (1+W_i)^10*X_<i-1>", ""),
    "powers of powers": ("check", "X_i = (((1+W_i)^16)^16)^16*X_<i-1>", "RF1"),
    "powers, analysed": ("analyze", "stages 8 x 6\nX_i = (1+W_i)^10*X_<i-1>", ""),
    "powers of a tensor": ("check", "X_i = (((W_i*X_<i-1>)^16)^16)^16", "RF109"),
    "product": ("compile", "X_i = prod(k,1,12,(1+W_<i-k>))*X_<i-1>", "RF109"),
    "ranges in ranges": (
        "check",
        "X_i = sum(k, 1, 512, sum(m, 1, 3, k*m*W_i*X_<i-1>))",
        "RF1",
    ),
    "a late block": ("check", f"stages 8 x 90000\n{ONE}X_80000 = X_79999", "RF106"),
    "a late first block": (
        "check",
        f"stages 8 x 1500, 8 x 400\n{ONE}X_<first> = W_<first>*X_<first-1>",
        "RF1",
    ),
    "rates": (
        "compile",
        f"stages 8 x 100000\nW = conv(3, c) > droppath(0.2*i/L)\n{ONE}",
        "",
    ),
    "sizes of their own": (
        "check",
        f"stages 8 x 1001\nW = conv(1, 4*i) > conv(1, c)\n{ONE}",
        "RF106",
    ),
    "networks": ("check", CONSTRUCTS["networks"].text(700), "RF110"),
    "unknowns": ("check", CONSTRUCTS["unknowns"].text(600), ""),
    "operators": ("check", CONSTRUCTS["operators in a sum"].text(900), ""),
    "times": ("compile", CONSTRUCTS["times"].text(64), ""),
    "broken lines": ("check", "foo bar\n" * 2900, "RF107"),
    "unknown names": ("check", CONSTRUCTS["unknown names"].text(900), "RF201"),
    "a circle": (
        "check",
        "".join(f"Y{k}_i = W_i*Y{(k + 1) % 900}_i\n" for k in range(900)),
        "RF301",
    ),
    "definitions of definitions": (
        "check",
        "A0 = conv(3, c)\n"
        + "".join(f"A{k} = A{k - 1} > A{k - 1}\n" for k in range(1, 40))
        + "X_i = A39_i*X_<i-1>",
        "RF106",
    ),
    "numbers": ("check", f"const p = {'^'.join('9' * 40)}\nX_i = p*W_i*X_<i-1>", "RF1"),
}


def answered(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that has a lot of time and not all of the memory: a hang is a failure."""
    done = warm.recform(folder, *arguments, seconds=240, memory=2**31)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.slow
@pytest.mark.parametrize("name", thinned(HOSTILE, 8))
def test_every_file_is_answered(tmp_path: Path, name: str) -> None:
    command, text, code = HOSTILE[name]
    (tmp_path / "net.rf").write_text(text)
    done = answered(tmp_path, command, "net.rf")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error[")]
    if code:
        assert done.returncode == 1
        assert errors[0].startswith(f"error[{code}")
    else:
        assert (done.returncode, errors) == (0, [])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.rf")
    (tmp_path / "net.rf").write_text(f'use "pipe.rf"\n{ONE}')
    done = answered(tmp_path, "check", "net.rf")
    assert done.stderr.startswith("error[RF008]: pipe.rf is no regular file\n")


# ------------------------------------------------------------------------- work, counted


def calls(text: str) -> int:
    """How many functions a compile calls."""
    source = from_text(text, "net.rf")

    def compiled() -> None:
        with suppress(CompileError):
            emit_source(list(compile_source(source)))

    return counted.calls(compiled)


@pytest.mark.slow
@pytest.mark.parametrize("name", thinned(CONSTRUCTS, 6))
def test_work_is_at_most_quadratic(name: str) -> None:
    """Twice as much of a construct is at most four times the work (and a bit)."""
    construct = CONSTRUCTS[name]
    size = max(2, construct.size // 4)
    calls(construct.text(1))  # what is made once is made
    # A file with an error in it ends before a network is emitted and proved.
    least = min(calls(ONE), calls(construct.text(1)))
    one, two = (calls(construct.text(n)) - least for n in (size, 2 * size))
    assert two <= 4.3 * max(one, 2_000)


def test_what_does_not_depend_on_the_depth_is_no_work() -> None:
    counts = [
        calls(CONSTRUCTS["blocks with rates of their own"].text(n)) for n in (150, 300)
    ]
    # Each rate is looked at: that it is a rate, and that the source gives it to its block,
    # which is held against the formula, since no other one gets this number.
    assert counts[1] - counts[0] < 4_000 * 150


# ------------------------------------------------------------------------------ the parts


def test_a_power_is_computed_in_steps() -> None:
    (network,) = compile_source(from_text("stages 8 x 3\nX_i = (1+W_i)^9*X_<i-1>"))
    assert network.source.count("self.W(") == 9
    assert network.formula.equations[0].right.size == 3 * 2**9 - 2


def test_the_limit_on_what_is_written_out_names_the_place() -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(from_text("Y_i = X_<i-1>\nX_i = Y_i + (1 + W_i)^11*X_<i-1>"))
    (found,) = caught.value.diagnostics
    assert (found.code, found.labels[0].span.text) == ("RF109", "(1 + W_i)^11")
    assert f"{3 * 2**11 - 2:,} operators" in found.message


def test_equal_tensors_are_one() -> None:
    def made(index: sympy.Expr) -> TensorSum:
        tensor = State("X", index)
        for _ in range(200):
            tensor = TensorSum(tensor, Apply("W", index, tensor))
        return tensor

    assert made(I) is made(I)
    assert made(I) != made(I - 1)
    # A walk through all places would take longer than the world is old.
    assert made(I).xreplace({I: I - 1}) is made(I - 1)


def test_rates_of_more_than_a_thousand_blocks() -> None:
    text = (
        "input 2\nstages 2 x 1001\nW = linear(c, bias=false) > droppath(0.2*(i-1)/L)\n"
        "head linear(1)\nstem none\n" + ONE
    )
    (network,) = compile_source(from_text(text, "net.rf"))
    (stage,) = network.graph.stages
    assert sum(segment.count for segment in stage.segments) == 1001
    assert "for k in range(1001)" in network.source
    module = recform.load(text)
    rates = [m.rate for m in module.modules() if type(m).__name__ == "DropPath"]
    assert rates == pytest.approx([0.2 * (i - 1) / 1001 for i in range(1, 1002)])


@pytest.mark.parametrize(
    ("flow", "rate"),
    [
        ("D(x, q=0.1) = x*sigmoid(K*x) where K = linear(c) > dropout(q)\nW = D(0.2*i/L)",
         lambda i, depth: 0.2 * i / depth),
        ("D(x) = x*(K*x) where K = linear(c) > dropout(floor(100*i/L)/101)\nW = D",
         lambda i, depth: (100 * i // depth) / 101),
        ("D(x, q=0.1) = x*(K*x) where K = linear(c) > dropout(q/2)\n"
         "E(x, r=0.1) = tanh(D2*x) where D2 = D(r)\nW = E((i-1)/L)",
         lambda i, depth: (i - 1) / depth / 2),
    ],
)  # fmt: skip
def test_rates_of_a_definition(flow: str, rate: Callable[[int, int], float]) -> None:
    """They are rates as those of a flow are, however many blocks there are."""
    depth = 1001
    module = recform.load(f"input 2\nstages 2 x {depth}\n{flow}\n{ONE}")
    found = [m.p for m in module.modules() if isinstance(m, torch.nn.Dropout)]
    assert found == pytest.approx([rate(i, depth) for i in range(1, depth + 1)])


@pytest.mark.parametrize(
    ("flow", "what"),
    [
        ("W = linear(c) > leaky_relu(i/L)", "leaky_relu's slope"),
        ("W = linear(i) > linear(c)", "linear's width"),
        ("D(x, q=2) = K*x where K = linear(q) > linear(c)\nW = D(i)", "linear's width"),
    ],
)
def test_what_is_no_rate_is_named(flow: str, what: str) -> None:
    with pytest.raises(CompileError) as caught:
        _ = compile_source(from_text(f"input 2\nstages 2 x 1001\n{flow}\n{ONE}"))[
            0
        ].graph
    (found,) = caught.value.diagnostics
    assert found.code == "RF106"
    assert f"{what} is none" in found.hint


def test_a_rate_out_of_range_is_found_wherever_it_is() -> None:
    text = f"stages 8 x 2000\nW = conv(3, c) > droppath(i/1500)\n{ONE}"
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text))
    assert "a rate of 1.000" in caught.value.diagnostics[0].message


def test_warnings_hide_no_error() -> None:
    report = Diagnostics()
    source = Source("net.rf", "x" * 300)
    for number in range(200):
        report.warning("RF306", "a warning", Span(source, number, number + 1))
    report.error("RF101", "an error", Span(source, 0, 1))
    assert report.has_errors
    assert len(list(report)) == Diagnostics.LIMIT + 1
