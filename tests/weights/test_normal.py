"""When two formulas are the same: what counts, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from recform.compiler import choose, compile_source, from_text, read
from recform.weights.normal import Normal, changes, normal_form
from tests.weights.networks import EXAMPLES, example, small


def form(text: str) -> Normal:
    return normal_form(choose(compile_source(from_text(text)), None).formula)


SAME = {
    "comments and spaces": (
        "X_i = X_<i-1> + W_i*X_<i-1>",
        "# a comment\n\nX_i   =  X_<i-1>\n    + W_i * X_<i-1>   # another",
    ),
    "brackets": ("X_i = (1 + W_i)*X_<i-1>", "X_i = X_<i-1> + W_i*X_<i-1>"),
    "the left side": ("X_i = W_i*X_<i-1>", "X_<i+1> = W_<i+1>*X_i"),
    "letters": (
        "X_i = X_<i-1> + W_i*X_<i-1>\nW = conv(3, c, stride=s) > bn",
        "y_i = y_<i-1> + f_i(y_<i-1>)\nf = conv(3, c, stride=s) > bn",
    ),
    "letters that change places": (
        "A_i = F_i*B_<i-1>\nB_i = G_i*A_i\noutput B_L",
        "B_i = G_i*A_<i-1>\nA_i = F_i*B_i\noutput A_L",
    ),
    "scalars": (
        "scalar a_i = 0.5\nscalar b_i = 1\nX_i = a_i*b_i*X_<i-1> + a_i*W_i*X_<i-1>",
        "scalar u_i = 0.1\nscalar k_i = 0\nX_i = u_i*k_i*X_<i-1> + u_i*W_i*X_<i-1>",
    ),
    "parameters": (
        "param classes = 10\nhead avgpool > linear(classes)\nX_i = W_i*X_<i-1>",
        "param labels = 100\nhead avgpool > linear(labels)\nX_i = W_i*X_<i-1>",
    ),
    "defaults that are written out": (
        "X_i = W_i*X_<i-1>",
        "param classes = 10\nhead avgpool > linear(classes)\n"
        "adapter conv(1, c, stride=s) > bn\nX_i = W_i*X_<i-1>",
    ),
    "arguments by name": (
        "W = conv(3, c, s) > bn(eps=0.00001)\nX_i = W_i*X_<i-1>",
        "W = conv(width=c, stride=s, kernel=3) > bn\nX_i = W_i*X_<i-1>",
    ),
    "where parameters live": (
        "X_i = W_i*X_<i-1>",
        'names W = ".", stages = "layer{}", stem = "."\nX_i = W_i*X_<i-1>',
    ),
    "labels": (
        "W = conv(3, c, stride=s) > bn\nX_i = W_i*X_<i-1>",
        "W = first: conv(3, c, stride=s) > second: bn\nX_i = W_i*X_<i-1>",
    ),
    "how weights start": (
        "X_i = W_i*X_<i-1>",
        "init conv = zeros\nX_i = W_i*X_<i-1>",
    ),
    "names of definitions": (
        "SE(x, r=4) = x*sigmoid(G*x)\n  where G = avgpool > linear(cin/r) > linear(cin)\n"
        "W = conv(3, c, stride=s) > SE\nX_i = W_i*X_<i-1>",
        "Gate(y, n=4) = y*sigmoid(H*y)\n  where H = avgpool > linear(cin/n) > linear(cin)\n"
        "W = conv(3, c, stride=s) > Gate\nX_i = W_i*X_<i-1>",
    ),
    "constants that nothing uses": (
        "X_i = W_i*X_<i-1>",
        "stages 64 x 2, 128 x 2 / 2, 256 x 2 / 2, 512 x 2 / 2\n"
        "const k = (3, 3, 5, 5, 3, 3, 5, 5) per block\nX_i = W_i*X_<i-1>",
    ),
    "flows with names": (
        "Basic(w=c) = conv(3, w, stride=s) > bn\nW = Basic > relu\nX_i = W_i*X_<i-1>",
        "W = conv(3, c, stride=s) > bn > relu\nX_i = W_i*X_<i-1>",
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_what_does_not_count(what: str) -> None:
    first, second = map(form, SAME[what])
    assert changes(first, second) == []
    assert first.digest == second.digest


_ONE = "W = conv(3, c, stride=s) > bn\nX_i = X_<i-1> + W_i*X_<i-1>"
DIFFERENT = {
    "the equation": ("X_<i-1> + W_i", "X_<i-1> - W_i", "X_i = X_<i-1> - W_i*X_<i-1>"),
    "the order of terms": (
        "X_<i-1> + W_i*X_<i-1>",
        "W_i*X_<i-1> + X_<i-1>",
        "X_i = W_i*X_<i-1> + X_<i-1>",
    ),
    "who owns the parameters": ("W_i*", "W*", "X_i = X_<i-1> + W*X_<i-1>"),
    "an operator": ("conv(3", "conv(5", "W = conv(5, c, stride=s) > bn"),
    "a bias": (
        "stride=s)",
        "stride=s, bias=true)",
        "W = conv(3, c, stride=s, bias=true) > bn",
    ),
    "a small number": ("bn", "bn(eps=0.001)", "W = conv(3, c, stride=s) > bn(0.001)"),
    "a boundary": ("X_i =", "W_0*X_<-1> = X_0\nX_i =", "W_0*X_<-1> = X_0"),
    "the stages": ("W =", "stages 8 x 2, 16 x 3 / 2\nW =", "stages 8 x 2, 16 x 3 / 2"),
    "where the index starts": ("W =", "scope stage\nW =", "scope stage"),
    "the input": ("W =", "input 3 x 16 x 16\nW =", "input 3 x 16 x 16"),
    "the head": ("W =", "head avgpool > linear(3)\nW =", "head avgpool > linear(3)"),
    "the adapter": (
        "W =",
        "adapter conv(3, c, stride=s)\nW =",
        "adapter conv(3, c, stride=s)",
    ),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_counts(what: str) -> None:
    old, new, shown = DIFFERENT[what]
    assert old in _ONE
    first, second = form(_ONE), form(_ONE.replace(old, new))
    assert first.digest != second.digest
    assert f"+ {shown}" in changes(first, second)
    assert f"- {shown}" in changes(second, first)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x*sigmoid(G*x)", "x*tanh(G*x)"),
        ("cin/2", "cin/4"),
        ("scalar k_i = 0.5", "scalar k_i = 0.5 per channel"),
    ],
)
def test_what_counts_inside_of_definitions_and_scalars(old: str, new: str) -> None:
    assert normal_form(small().formula) != normal_form(small((old, new)).formula)


def test_parameters_that_shape_the_network_count_and_others_do_not() -> None:
    def wide(**settings: int) -> str:
        text = "param w = 8\nparam classes = 10\nstages w x 2\nX_i = W_i*X_<i-1>\n"
        text += "head avgpool > linear(classes)"
        (compiled,) = compile_source(from_text(text), settings)
        return normal_form(compiled.formula).digest

    assert wide() == wide(classes=100) == wide(w=8)
    assert wide() != wide(w=16)


def test_files_that_use_others_are_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "a.rf").write_text("W = conv(3, c, stride=s) > bn\n")
    (tmp_path / "b.rf").write_text('use "a.rf"\nX_i = X_<i-1> + W_i*X_<i-1>\n')
    source, folder = read(tmp_path / "b.rf")
    (compiled,) = compile_source(source, {}, folder)
    assert normal_form(compiled.formula).digest == form(_ONE).digest
    assert [file.text for file in compiled.used] == ["W = conv(3, c, stride=s) > bn\n"]


@pytest.mark.slow
def test_no_two_examples_have_one_normal_form_but_those_that_are_the_same() -> None:
    found: dict[str, list[str]] = {}
    for path in sorted((EXAMPLES / "paper").glob("*.rf")):
        compiled = example(f"paper/{path.stem}")
        found.setdefault(normal_form(compiled.formula).digest, []).append(path.stem)
    alike = sorted(names for names in found.values() if len(names) > 1)
    assert alike == [["resnet", "resnet18"], ["resnet18_s", "resnet_s"]], alike


def test_the_order_of_inputs_counts() -> None:
    two = "input 4\nstages 4 x 3\nB = bilinear(c)\n"
    one = form(f"{two}X_i = X_<i-1> + B_i(X_<i-1>, X_<i-2>)")
    other = form(f"{two}X_i = X_<i-1> + B_i(X_<i-2>, X_<i-1>)")
    assert one.rows != other.rows
