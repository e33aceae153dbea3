"""Whatever is in a file is answered soon, and never by a traceback."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from tests.counted import calls
from tests.diagnostics.mistakes import ONE, mistakes
from tests.warm import recform


@pytest.mark.parametrize(
    "text",
    [
        "X_i = " + "(" * 10_000 + "X_<i-1>" + ")" * 10_000,
        "(" * 10_000,
        "X_i = " + "relu(" * 10_000,
        "X_i = X_<i-1>" + " + X_<i-1>" * 200_000,
        "X_i = " + "-" * 10_000 + "X_<i-1>",
        "X_i = 2" + "^2" * 5_000,
        "x" * (10 * 1024 * 1024),
        ("# comment\n" * 12_000) + ONE,
        "W_i*" * 3_000 + "X_<i-1>",
        "X_i = sum(k, 1, 10^9, X_<i-k>)",
        "stages " + "8 x 2, " * 2_000 + "8 x 2\n" + ONE,
    ],
    ids=lambda text: text[:12],
)
def test_out_of_all_reason_is_answered_fast(text: str) -> None:
    start = time.process_time()
    try:
        compile_source(from_text(text))
    except CompileError as error:
        assert str(error)
    assert time.process_time() - start < 10  # five seconds, on a machine that is slow


def test_only_formula_files_are_used(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password of somebody\n")
    (tmp_path / "link.rf").symlink_to("secret")
    for name in (
        "secret",
        str(tmp_path / "secret"),
        "link.rf",
        ".rf",
        "x.rf/../secret",
    ):
        with pytest.raises(CompileError) as caught:
            text = f'use "{name}"\n{ONE}\n'
            compile_source(from_text(text, "net.rf"), folder=tmp_path)
        assert "somebody" not in str(caught.value)
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(f'use "secret"\n{ONE}\n', "net.rf"), folder=tmp_path)
    (item,) = caught.value.diagnostics
    assert (item.code, item.labels[0].span.text) == ("RF006", 'use "secret"')
    assert "ends in .rf" in item.hint


def test_files(tmp_path: Path) -> None:
    def answer(name: str) -> str:
        result = recform(tmp_path, "check", name)
        assert result.returncode == 1
        assert "Traceback" not in result.stderr
        return result.stderr

    (tmp_path / "latin.rf").write_bytes(b"# caf\xe9\n" + ONE.encode())
    (tmp_path / "empty.rf").write_text("")
    (tmp_path / "large.rf").write_bytes(b"#" * 10 * 1024 * 1024)
    (tmp_path / "a.rf").write_text(f'use "b.rf"\n{ONE}\n')
    (tmp_path / "b.rf").write_text('use "a.rf"\nstages 8 x 2\n')
    (tmp_path / "folder.rf").mkdir()
    (tmp_path / "lost.rf").write_text(f'use "nowhere.rf"\n{ONE}\n')
    (tmp_path / "nul.rf").write_bytes(b"X_i = \x00 W_i*X_<i-1>\n")
    assert "RF002" in answer("latin.rf")
    assert "RF003" in answer("empty.rf")
    assert "RF004" in answer("large.rf")
    assert "RF005" in answer("a.rf")
    assert "RF006" in answer("folder.rf")
    assert "RF001" in answer("lost.rf")
    assert "RF001" in answer("none.rf")
    assert "RF105" in answer("nul.rf")
    assert "hint: most editors do not show it" in answer("nul.rf")


TOKENS = [
    "X_i",
    "X_<i-1>",
    "X_<i-2>",
    "X_0",
    "W_i",
    "W_<i-1>",
    "U",
    "Y_i",
    "Y_<i-1>",
    "k_i",
    "relu(",
    "max(",
    "concat(",
    "sum(",
    "(",
    ")",
    "+",
    "-",
    "*",
    "/",
    "^",
    "=",
    ",",
    ">",
    "1",
    "2",
    "0.5",
    "i",
    "L",
    "c",
    "s",
    "input",
    "conv(",
    "bn",
    "stages",
    "x",
    "8",
    "head",
    "stem",
    "scalar",
    "const",
    "param",
    "network",
    "scope",
    "stage",
    "adapter",
    "none",
    "X_<0..i-1>",
    "X_<i,t>",
    "X_<i,t-1>",
    "W_<i,t>",
    "times",
    "where",
    "SE(x)",
    "Y_k",
    "K_k",
    "split(",
    "cin",
    "_",
    "<",
    "..",
    "{",
    "}",
    ":",
    '"',
    "#",
    "\\cdot",
    ";",
    "\n",
]


@given(st.lists(st.sampled_from(TOKENS), max_size=30))
def test_token_soup_never_ends_in_a_traceback(tokens: list[str]) -> None:
    _survives(" ".join(tokens))


@given(st.text(max_size=80))
def test_random_text_never_ends_in_a_traceback(text: str) -> None:
    _survives(text)


VALID = [
    f"stages 8 x 2, 12 x 2 / 2\nscalar k_i = 0.5\n{ONE} + k_i*X_<i-2>\noutput X_L",
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)",
    "scope stage\nstages 8 x 2, 8 x 2\nX_i = W_i*concat(X_<0..i-1>)\n"
    "W = bn > relu > conv(3, c)",
    "times 3\nstages 8 x 2\nX_<i,t> = W_i*X_<i-1,t> + U_<i,t>*X_<i,t-1>\n"
    "output mean(X_<L,1..T>)",
    "stages 8 x 2\nR(x, n=2) = concat(Y_<1..n>)\n    where S_<1..n> = split(x, n)\n"
    "    where Y_1 = S_1, Y_k = K_k*(S_k + Y_<k-1>), K = conv(3, cin) > bn\n"
    "U(kernel=3) = conv(kernel, c)\nW = U > R(n=4) > U(1)\n" + ONE,
    "stages 8 x 2\nSE(x, r=4) = g*x*sigmoid(G*x) where G = avgpool > linear(cin/r) > "
    "linear(cin), scalar g = 1 per channel\nW = conv(3, c) > SE(r=2)\n" + ONE,
    "const a_i = sqrt(i/L)\nX_i = a_i*X_<i-1> + sum(k, 1, 2, W_<i-k>*X_<i-k-1>)",
]


@given(st.sampled_from(VALID), st.data())
def test_mutated_files_never_end_in_a_traceback(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        until = min(len(text), at + data.draw(st.integers(0, 4)))
        middle = data.draw(st.sampled_from([*TOKENS, "", text[at:until] * 2]))
        text = text[:at] + middle + text[until:]
    _survives(text)


def _survives(text: str) -> None:
    """An answer, and within five seconds of the processor, on a machine that is slow."""
    start = time.process_time()
    try:
        for compiled in compile_source(from_text(text)):
            compile(compiled.source, "generated", "exec")
    except CompileError as error:
        assert str(error)
    assert time.process_time() - start < 10


FOUND_BY_FUZZING = [
    ("stages 8 x -2\n" + ONE, "RF403", "-"),
    ("X_i = (0-1)^0.5*W_i*X_<i-1>", "RF211", "(0-1)^0.5"),
    ("scalar k = true\nX_i = k*W_i*X_<i-1>", "RF212", "true"),
    ("scalar k = 1/0\nX_i = k*W_i*X_<i-1>", "RF211", "1/0"),
    ("X_i = f_i(V_i)*X_<i-1>", "RF208", None),
    ("X_i = X_<i-1> + conv(X_<i-1>)", "RF203", "conv"),
    ("X_i = W_i*concat(X_<0..i-65536>)", "RF106", None),
    ("X_<i+10^12> = W_i*X_i", "RF106", "X_<i+10^12>"),
    ("stages 8 x 2, 12 x 2 / 2\nX_i = W_i*X_<i-1>\noutput X_L + X_0", "RF401", None),
    ("network super\n" + ONE, "RF209", "network super"),
    ("X_i = sum(a, 1, 20, sum(b, 1, 20, sum(d, 1, 20, W_i*X_<i-1>)))", "RF106", None),
    (
        "R(x, k=3) = concat(Y_<1..2>) where Y_k = K_k*x, K = bn\nW = R\n" + ONE,
        "RF209",
        "k",
    ),
    ("param labels = c\nhead avgpool > linear(labels)\n" + ONE, "RF201", "c"),
]


@pytest.mark.parametrize(("text", "code", "place"), FOUND_BY_FUZZING)
def test_found_by_fuzzing(text: str, code: str, place: str | None) -> None:
    (item,) = mistakes(text)
    assert item.code == code
    if place is not None:
        assert item.labels[0].span.text == place


@pytest.mark.parametrize(
    "text",
    [
        "X_i = W_i*X_<i-1> + X_<i-32>",
        "y_<i+1> = f_<i+1>(y_i)*t_<i+1>(y_<i-1>) + y_i*(1 - t_<i+1>(y_<i-1>))",
        "y_<i+1> = y_i + y_i*(-1 - t_<i+1>(y_<i-1>))",
    ],
)
def test_long_and_vanishing_history_compiles(text: str) -> None:
    (compiled,) = compile_source(from_text(f"stages 4 x 3\n{text}"))
    compile(compiled.source, "generated", "exec")


def test_definitions_in_definitions_are_worked_out_once() -> None:
    """How many functions are called: of 2^10 uses of D10, some hundreds for each."""
    text = "".join(f"D{k}(x) = D{k + 1}*(D{k + 1}*x)\n" for k in range(10))
    doubled = text + "".join(
        f"D{k}(x) = D{k + 1}*(D{k + 1}*x)\n" for k in range(10, 40)
    )
    tripled = "A = bn > bn\n" + "".join(
        f"{b} = {a} > {a} > {a}\n" for a, b in pairwise("ABCDEGHJKMN")
    )

    def made() -> None:
        (compiled,) = compile_source(
            from_text(f"{text}D10(x) = x*x\nW = D0\nstages 8 x 2\nX_i = W_i*X_<i-1>")
        )
        compile(compiled.source, "generated", "exec")

    def refused() -> None:
        assert mistakes(f"{doubled}D40(x) = x*x\nW = D0\n{ONE}")[0].code == "RF109"
        assert mistakes(f"{tripled}W = N\n{ONE}")[0].code == "RF106"

    assert calls(made) < 1_000 * 2**10
    assert calls(refused) < 500_000
