"""What recform warns of: what nobody reads, and what is read otherwise than it looks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from recform.compiler import Compiled, compile_source, from_text
from tests.warm import recform

ONE = "X_i = X_<i-1> + W_i*X_<i-1>"
MISSPELT = "Wide = conv(5, c)\nstages 8 x 2\nX_i = X_<i-1> + Wid_i*X_<i-1>"


def networks(text: str) -> tuple[Compiled, ...]:
    return compile_source(from_text(text, "net.rf"))


def told(text: str) -> list[tuple[str, str]]:
    """The code and the place of each warning."""
    return [(w.code, w.labels[0].span.text) for w in networks(text)[0].warnings]


WARNED = [
    (MISSPELT, "RF222", "Wide = conv(5, c)"),
    ("A = conv(1, c)\nB = A > bn\n" + ONE, "RF222", "A = conv(1, c)"),
    ("stem conv(3, c)\nW = conv(3, c)\nadapter conv(1, c)\ntransition none\nhead none\n"
     "bn = gn(4)\nstages 8 x 2\n" + ONE, "RF222", "bn = gn(4)"),
    ("const a = 3\nconst b = a\n" + ONE, "RF222", "const b = a"),
    ("scalar k_i = 0.5\n" + ONE, "RF222", "scalar k_i = 0.5"),
    ("param q = 4\n" + ONE, "RF222", "param q = 4"),
    ("init gn = ones\n" + ONE, "RF222", "gn = ones"),
    (ONE + "\nZ_i = U_i*X_i\noutput X_L", "RF222", "Z_i = U_i*X_i"),
    (ONE + "\nZ_0 = 0\nZ_i = Z_<i-1> + X_i\noutput X_L", "RF222", "Z_0 = 0"),
    ("W(k=3, w=c) = conv(k, c)\n" + ONE, "RF222", "w=c"),
    (
        "W = G > bn\nG(x) = x*sigmoid(A*x) where A = conv(1, cin), B = conv(1, 2)\n" + ONE,
        "RF222",
        "B = conv(1, 2)",
    ),
    ("transition conv(1, c)\n" + ONE, "RF222", "transition conv(1, c)"),
    ('names transition = "down{}"\n' + ONE, "RF222", 'transition = "down{}"'),
    (
        'adapter none\nstages 8 x 2\nnames adapter = "skip"\n' + ONE,
        "RF222",
        'adapter = "skip"',
    ),
    (
        "scalar a_i = 0.5\nY_i = W_i*X_<i-1>\n"
        "X_i = sum(k, 0, i, a_k*Y_k)\nstages 8 x 3\noutput X_L",
        "RF311",
        "sum(k, 0, i, a_k*Y_k)",
    ),
    ("stages 8 x 2\nX_1 = X_0 + W_0*tanh(X_0)\n" + ONE, "RF311", "W_0*tanh(X_0)"),
    ("stages 8 x 3\nX_<2..3> = X_<i-1> + W_0*X_1\n" + ONE, "RF311", "W_0*X_1"),
    ("stages 8 x 2\nX_i = X_0 + W*X_<i-1>", "RF312", "W"),
    ("stages 8 x 2\nX_<i+1> = X_i + W_i*X_i", "RF317", "W_i*X_i"),
    ("stages 8 x 2\nX_i = X_<i-1> + W_<i-1>*tanh(X_<i-1>)", "RF317", "W_<i-1>*tanh(X_<i-1>)"),
    ("stages 8 x 2\nX_i = X_0 + sum(k, 1, i-1, W_k*X_k)", "RF317", "W_k*X_k"),
    ("stages 8 x 2\nscalar a_i = 1\nX_i = W_i*X_<i-1> + a_<i-1>*X_<i-1>", "RF317",
     "a_<i-1>*X_<i-1>"),
    ("W = SE\nSE(x) = x*sigmoid(G*x) where G = conv(1, cin) > bn\n"
     "stages 8 x 2\nX_i = X_0 + W*X_<i-1>", "RF312", "W"),
    ("times 2\nstages 8 x 2\nX_<i,t> = relu(W_t*X_<i-1,t> + U_i*X_<i,t-1>)", "RF312", "W_t"),
    ("stages 8 x 2, 16 x 2\nW = conv(3)\n" + ONE, "RF408", "16 x 2"),
    ("stages 8 x 2, 16 x 2 / 2\nW = conv(3, c)\n" + ONE, "RF411", "16 x 2 / 2"),
    ("stages 8 x 2 / 4, 16 x 2\nW = conv(3, c)\n" + ONE, "RF411", "8 x 2 / 4"),
    ("stages 8 x 2, 16 x 1 / (1/2)\nW = conv(3, c)\n" + ONE, "RF411", "16 x 1 / (1/2)"),
    ("stages 8 x 2, 8 x 2 / 2, 8 x 2 / 2\nW = conv(3, c)\nU = conv(3, c, stride=s)\n"
     "X_<1..4> = U_i*X_<i-1>\nX_<5..6> = X_<i-1> + W_i*X_<i-1>", "RF411", "8 x 2 / 2"),
    ("scope stage\nstages 8 x 2, 16 x 2 / 2\ntransition conv(3, c)\n" + ONE,
     "RF411", "16 x 2 / 2"),
    ("stages 8 x 2\nscalar a = 2\nX_i = X_<i-1> + log(1 - a)*W_i*X_<i-1>", "RF318",
     "log(1 - a)*W_i*X_<i-1>"),
    # In block 5 alone; in what it reads of the block before.
    ("stages 8 x 9\nscalar a_i = i - 5\nX_i = W_i*X_<i-1> + X_<i-1>/a_i", "RF318",
     "X_<i-1>/a_i"),
    ("stages 8 x 9\nscalar a_i = i - 5\nX_i = W_i*X_<i-1> + a_i*X_0 + 1/a_<i-1>*X_<i-2>",
     "RF318", "1/a_<i-1>*X_<i-2>"),
    ("stages 8 x 2\nscalar a = 800\nX_i = X_<i-1> + exp(a)*W_i*X_<i-1>", "RF318",
     "exp(a)*W_i*X_<i-1>"),
    # It has a value, and gradients are infinite.
    ("stages 8 x 2\nvector a = 0\nX_i = X_<i-1> + sqrt(a)*W_i*X_<i-1>", "RF318",
     "sqrt(a)*W_i*X_<i-1>"),
    ("stages 8 x 2\nW = D\nD(x) = A*x + x/b where A = conv(1, cin), scalar b = 0\n" + ONE,
     "RF318", "x/b"),
    ("input 6 x 4\nstages 4 x 2\nscalar b = -1\nV = linear(c)\noutput X_<L,4>\n"
     "H_<i,t> = 0.5*H_<i,t-1> + log(b)*V_i*X_<i-1,t>\nX_<i,t> = X_<i-1,t> + H_<i,t>",
     "RF318", "log(b)*V_i*X_<i-1,t>"),
    # No float of a network is as large, nor what it is made of.
    ("stages 8 x 2\nscalar a = 100\nX_i = X_<i-1> + exp(a)*W_i*X_<i-1>", "RF318",
     "exp(a)*W_i*X_<i-1>"),
    ("stages 8 x 2\nscalar a = 100\nX_i = X_<i-1> + tanh(exp(a))*W_i*X_<i-1>", "RF318",
     "tanh(exp(a))*W_i*X_<i-1>"),
    # Roots whose exponents are no fractions.
    ("stages 8 x 2\nscalar a = 0\nscalar b = 0.5\nX_i = X_<i-1> + a^b*W_i*X_<i-1>", "RF318",
     "a^b*W_i*X_<i-1>"),
    ("stages 8 x 2\nscalar a = -1\nX_i = X_<i-1> + a^a*W_i*X_<i-1>", "RF318",
     "a^a*W_i*X_<i-1>"),
    # Beside the blocks, and before the first position.
    ("stages 8 x 2\nstem conv(3, c) > D\nD(x) = x/b where scalar b = 0\n" + ONE,
     "RF318", "x/b"),
    ("stages 8 x 2\nscalar a = 0\n" + ONE + "\noutput X_L/a", "RF318", "output X_L/a"),
    ("input 6 x 4\ntimes positions\nstages 4 x 2\nvector b_i = 0\nV = linear(c)\noutput X_L\n"
     "H_<i,t> = tanh(V_i*X_<i-1,t> + H_<i,t-1>)\nH_<i,0> = sqrt(b_i)\n"
     "X_<i,t> = X_<i-1,t> + H_<i,t>", "RF318", "H_<i,0> = sqrt(b_i)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "place"), WARNED)
def test_it_is_said(text: str, code: str, place: str) -> None:
    assert (code, place) in told(text)


SILENT = [
    # What stands above the first network is for all of them.
    "A = conv(3, c, stride=s)\nB = conv(1, c, stride=s)\ninit gn = ones\n"
    "network P\nX_i = A_i*X_<i-1>\nnetwork Q\nW = B > gn(4)\n" + ONE,
    "const h = 1/2\nconst r_i = h*i/L\nW = conv(3, c, stride=s) > droppath(h*i/L)\n"
    "X_i = X_<i-1> + r_i*W_i*X_<i-1>",
    "param w = 8\nparam n = 2\nstages w x n, 2*w x n / 2\n" + ONE,
    "stages 8 x 2\nconst n = 2\nR(x) = Y_n where Y_k = K_k*x, K = conv(1, cin)\nW = R > bn\n"
    + ONE,
    # One block shares nothing, and statistics of each block are its own.
    "stages 8 x 1\nX_i = X_0 + W*X_<i-1>",
    "stages 8 x 3\nX_i = (1 + W_i + W_i*W_i)*X_<i-1>",
    # Flows that the file leaves out have its own names.
    "stages 8 x 2\nbn = gn(4)\n" + ONE,
    "input 5 x 4\nstages 4 x 2\ngelu = relu\nhead none\n" + ONE,
    "stages 8 x 2\nupsample = deconv(2, stride=2) > maxpool(2)\nW = upsample > conv(3, c)\n"
    + ONE,
    # Growing features are no width that is not made.
    "stages 8 x 3\nX_i = concat(X_<i-1>, W_i*X_<i-1>)",
    "scope stage\nstages 8 x 2, 12 x 2 / 2\nX_i = W_i*concat(X_<0..i-1>)",
    # What divides nothing need not be made: one position, tokens.
    "input 3 x 1 x 1\nstages 8 x 2, 16 x 2 / 2\nW = conv(3, c)\n" + ONE,
    "input 5 x 8\nstages 8 x 2, 16 x 2 / 2\nW = linear(c)\n" + ONE,
    # Adapters make it, later blocks do, or another unknown does.
    "stages 8 x 1, 16 x 1 / 2\nW = conv(3, c)\nU = conv(3, c, stride=s)\n"
    "X_1 = W_1*X_0\nX_i = X_<i-1> + U_i*X_<i-1>",
    "stages 8 x 2, 16 x 2 / 2\nU = conv(3, c, stride=s)\nW = conv(3, c)\n"
    "Y_i = U_i*Y_<i-1>\nX_i = X_<i-1> + W_i*Y_i\noutput X_L",
    "input 3 x 16 x 16\nstages 8 x 2, 16 x 2 / 2, 8 x 2 / (1/2)\n"
    "adapter up upsample(1/s) > conv(1, c)\nU = upsample(1/s) > conv(3, c)\n"
    "X_<1..L-2> = W_i*X_<i-1>\nX_<L-1..L> = X_<i-1> + U_i*X_<i-1> + X_<L+1-i>",
    # A block has its own, or the file says which one it is.
    "stages 8 x 3\nX_<i+1> = X_i + W_<i+1>*X_i - W_i*X_<i-1>",
    "stages 8 x 3\nX_i = X_0 + sum(k, 1, i, W_k*X_<k-1>)",
    "stages 8 x 3\nX_i = X_<i-1> + W_<i-1>*X_<i-2>",
    "stages 8 x 3\nscalar p_i = 1\nX_i = W_i*X_<i-1> + sum(k, 1, i-1, p_k*X_k)",
    "stages 8 x 3\nscalar a_i = 1\nX_i = W_i*X_<i-1> + a_<i-1>*X_<i-2>",
    "stages 8 x 3\nX_1 = X_0 + W_0*X_0\nX_<i+1> = X_i + W_i*X_i",
    "stages 8 x 3\nX_<i+1> = X_i + W_i*X_i\noutput X_L + W_L*X_L",
    "stages 8 x 3\nY_i = X_<i-1> + U_i*X_<i-1>\nX_<i+1> = Y_<i+1> + U_i*X_i\noutput X_L",
    # Numbers and slopes as training begins, if not everywhere.
    "stages 8 x 3\nscalar a_i = i\nX_i = X_<i-1>/a_i + log(a_i)*sqrt(a_i)*W_i*X_<i-1>",
    "stages 8 x 3\nscalar a = 1.5\nX_i = X_<i-1> + sqrt(floor(a) - 1)*W_i*X_<i-1>",
    "stages 8 x 3\nscalar a = 0\nX_i = X_<i-1> + relu(a)*abs(a)*W_i*X_<i-1>/(1 + a^2)",
    "stages 8 x 3\nscalar a = 100\nX_i = X_<i-1>/(1 + exp(a)) + log(1 + exp(a))*W_i*X_<i-1>",
]


@pytest.mark.parametrize("text", SILENT)
def test_nothing_is_said(text: str) -> None:
    assert told(text) == []


def test_what_other_files_declare_is_for_whoever_reads_it(tmp_path: Path) -> None:
    (tmp_path / "blocks.rf").write_text("A = conv(1, c)\nW = conv(3, c)\n")
    text = from_text('use "blocks.rf"\nstages 8 x 2\n' + ONE, "net.rf")
    assert compile_source(text, folder=tmp_path)[0].warnings == ()


def test_the_name_that_may_be_meant_is_in_the_hint() -> None:
    (warning,) = networks(MISSPELT)[0].warnings
    assert warning.hint == (
        "Wid has no definition, so it is the default block: if Wide is meant, write Wide_i"
    )
    assert warning.labels[1].span.text == "Wid_i"


UNDEFINED = [
    # Nothing is alike in the names: W is declared and not used, and V is all that is open.
    ("W = conv(5, c) > gn(4)", "V_i*X_<i-1>", ["RF222"], "write W_i"),
    ("W = conv(5, c) > gn(4)", "V_<i-1>*W_i*X_<i-1>", ["RF317"], "V_i"),
    (
        "W = conv(5, c) > gn(4)",
        "(A_i + B_i)*X_<i-1>",
        ["RF222"],
        "apply it: W_i*X_<i-1>",
    ),
    # The index is a part of the name.
    ("W = conv(5, c) > gn(4)", "Wi*X_<i-1>", ["RF222", "RF312"], "write W_i"),
    ("W = conv(5, c) > gn(4)", "Wi*W_i*X_<i-1>", ["RF117", "RF312"], "write W_i"),
    ("const a = 1", "a*Wi*X_<i-1>", ["RF117", "RF312"], "if W is meant, write W_i"),
    # Nearly the name of another one that is used.
    ("Wide = conv(5, c)", "Wide_i*Wilde_i*X_<i-1>", ["RF117"], "write Wide_i"),
    ("Wide = conv(5, c)", "Wide_i*WIDE_i*X_<i-1>", ["RF117"], "write Wide_i"),
    ("Wide1 = conv(5, c)", "Wide1_i*Wide2_i*X_<i-1>", [], ""),
    ("WideA = conv(5, c)", "WideA_i*WideB_i*X_<i-1>", [], ""),
    ("WideA = conv(5, c)", "WideA_i*WildeA_i*X_<i-1>", ["RF117"], "write WideA_i"),
    ("f = conv(5, c)", "f_i*F_i*X_<i-1>", [], ""),
    ("Wi = conv(5, c)", "Wi*X_<i-1>", [], ""),
    # The name of a layer.
    ("A = ln", "A_i*LayerNorm_i*X_<i-1>", ["RF117"], "LayerNorm = ln says so"),
    ("A = ln", "A_i*Leaky_ReLU_i*X_<i-1>", ["RF117"], "if leaky_relu is meant"),
]


@pytest.mark.parametrize(("declared", "term", "codes", "hint"), UNDEFINED)
def test_a_default_block_that_is_not_meant(
    declared: str, term: str, codes: list[str], hint: str
) -> None:
    text = f"{declared}\nstages 8 x 2\nX_i = X_<i-1> + {term}"
    found = networks(text)[0].warnings
    assert [item.code for item in found] == codes
    assert not codes or hint in found[0].hint


CANCELLED = [
    ("(W_i - W_i)*X_<i-1> + U_i*X_<i-1>", "U_i*X_<i-1>"),
    ("(W_i + U_i - W_i)*X_<i-1>", "U_i*X_<i-1>"),
    ("(2*W_i - (W_i + W_i - U_i))*X_<i-1>", "U_i*X_<i-1>"),
    ("(1 + U_i - (1 + 3*W_i*U_i - 3*W_i*U_i))*X_<i-1>", "U_i*X_<i-1>"),
]


@pytest.mark.parametrize(("written", "left"), CANCELLED)
def test_operators_that_cancel_are_not_run(written: str, left: str) -> None:
    frame = "stages 8 x 2\nX_i = X_<i-1> + "
    pair = [networks(frame + side)[0].module() for side in (written, left)]
    theirs = pair[1].state_dict()
    assert pair[0].state_dict().keys() == theirs.keys()
    pair[0].load_state_dict(theirs)
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        a, b = (network.eval()(images) for network in pair)
    assert torch.equal(a, b)


def test_what_does_not_cancel_stays() -> None:
    text = "stages 8 x 2\nX_i = (W_i - U_i + W_<i-1>)*X_<i-1>"
    names = {
        name.split(".")[2]
        for name in networks(text)[0].module().state_dict()
        if "blocks" in name
    }
    assert names == {"W", "U"}


def test_first_blocks_and_a_second_index() -> None:
    from tests.diagnostics.mistakes import mistakes

    (error,) = mistakes(
        "times 2\nstages 8 x 2\nX_<i,t> = relu(W_i*X_<i-1,t> + U_i*X_<i,t-1>)\n"
        "X_<first,t> = W_<first>*X_<first-1,t>"
    )
    assert (error.code, error.labels[0].span.text) == ("RF217", "X_<first,t>")
    assert error.hint.endswith("X_<1,t> = ...")


COMMANDS = [
    ("check",),
    ("compile",),
    ("summary",),
    ("analyze",),
    ("derive",),
    ("equiv", "net.rf"),
    ("diff", "net.rf"),
    ("verify",),
    ("render", "-o", "net.svg"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_says_it_and_goes_on(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "net.rf").write_text(MISSPELT)
    name, *more = command
    result = recform(tmp_path, name, "net.rf", *more)
    assert "warning[RF222]" in result.stderr
    assert result.returncode == 0


def test_strictly_a_warning_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "net.rf").write_text(MISSPELT)
    strict = recform(tmp_path, "check", "net.rf", "--strict")
    assert (strict.returncode, strict.stdout) == (1, "")
    assert "warning[RF222]" in strict.stderr
    (tmp_path / "net.rf").write_text(ONE)
    assert recform(tmp_path, "check", "net.rf", "--strict").returncode == 0
