"""The shapes inside of definitions are proved: each case is one that the rules let pass."""

from __future__ import annotations

import pytest
import torch

import recform
from recform.algebra.definitions.inside import Inside
from recform.blocks import Shape
from recform.diagnostics import CompileError
from recform.graph.pipelines import PipelineRunner

FRAME = "input 8\nstages 8 x 2\nX_i = X_<i-1> + D_i*X_<i-1>\n"
IMAGES = "input 3 x 6 x 8\nstages 8 x 2\nX_i = X_<i-1> + D_i*X_<i-1>\n"
#: The rule that is silenced, a file that it would refuse, and what the proof says of it.
LET_PASS = {
    "an operator on two widths": (
        "_require_one",
        FRAME + "D(x) = S*concat(P*x, P*Q*x) where "
        "P = linear(4), Q = linear(6), S = linear(c)",
        r"made for 8, and gets 6",
    ),
    "a definition on two widths": (
        "_require_one",
        FRAME + "E(x) = T*x where T = linear(4)\n"
        "D(x) = S*concat(P*x, P*Q*x) where P = E, Q = linear(6), S = linear(c)",
        r"made for 8, and gets 6",
    ),
    "a vector on two widths": (
        "_require_sizes",
        FRAME + "D(x) = S*concat(v*x, v*P*x) where "
        "P = linear(4), S = linear(c), vector v = 1",
        r"v is made for 8, and meets 4",
    ),
    "a vector on an image and beside it": (
        "_require_sizes",
        IMAGES + "D(x) = v*x*sigmoid(v + P*x) where P = avgpool, vector v = 1",
        r"v is made for 8, and meets 8 x 6 x 8",
    ),
    "a recurrence over positions on two widths": (
        "_require_one",
        "input 5 x 6\nstem none\nstages 8 x 2\ntimes positions\nN = linear(c)\n"
        "X_<i,t> = H_<i,t>\nH_<i,t> = tanh(N_i*X_<i-1,t> + N_i*H_<i,t-1>)\noutput X_L",
        r"made for 6, and gets 8",
    ),
}


@pytest.mark.parametrize("case", LET_PASS)
def test_what_rules_let_pass(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, text, told = LET_PASS[case]
    monkeypatch.setattr(Inside, rule, lambda *_: None)
    with pytest.raises(CompileError, match=told) as found:
        _ = recform.compile(text).source
    assert [item.code for item in found.value.diagnostics] == ["RF901"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("P*x + Q*x where P = linear(8), Q = linear(4)", "is 4, and"),
        (
            "S*concat(x, P*x) where P = linear(4), S = linear(c)",
            "which its parts are not",
        ),
    ],
)
def test_shapes_that_do_not_meet(
    body: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def met(inside: Inside, tensor: object) -> Shape:
        return inside.shape(inside.parts(tensor)[0])  # type: ignore[arg-type]

    monkeypatch.setattr(Inside, "met", met)
    monkeypatch.setattr(Inside, "joined", met)
    with pytest.raises(CompileError, match=told):
        _ = recform.compile(f"{FRAME}D(x) = {body}").source


@pytest.mark.parametrize(
    "equation",
    [
        "vector v_i = 0.5\nX_i = X_<i-1> + v_i*P_i*X_<i-1>",
        "vector v = 0.5\nX_i = X_<i-1> + v*P_i*X_<i-1>",
        "vector v_i = 0.5\nX_i = X_<i-1>*sigmoid(v_i + P_i*X_<i-1>)",
        "D(x) = x*sigmoid(v + P*x) where P = avgpool, vector v = 0.5\nX_i = D_i*X_<i-1>",
    ],
)
def test_vectors_in_front_of_vectors_beside_images(equation: str) -> None:
    """They were made for images, which the block gets, and refused (RF901)."""
    frame = "input 8 x 4 x 8\nstem none\nhead none\nstages 8 x 3\nP = avgpool\n"
    net = recform.load(frame + equation).double()
    numbers = list(net.parameters())
    assert {tuple(v.shape) for v in numbers} == {(8,)}
    given = torch.randn(3, 8, 4, 8, dtype=torch.float64)
    with torch.no_grad():
        for v in numbers:
            v.copy_(torch.randn_like(v))
        made, x = net(given), given
        for v in numbers * (1 if len(numbers) == 3 else 3):
            pooled = x.mean((2, 3))
            if "sigmoid" in equation:
                x = x * torch.sigmoid(v + pooled)[:, :, None, None]
            else:
                x = x + (v * pooled)[:, :, None, None]
    torch.testing.assert_close(made, x)


@pytest.mark.parametrize("operator", ["G = bn", "G(x) = x + v*x where vector v = 1"])
def test_one_module_on_two_layouts(
    operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        f"input 3 x 6 x 8\nstages 4 x 2\nP = avgpool > linear(c)\n{operator}\n"
        "X_i = X_<i-1> + (G_i*X_<i-1>)*(G_i*P_i*X_<i-1>)\noutput X_L"
    )
    monkeypatch.setattr(PipelineRunner, "is_one", lambda *_, **__: True)
    with pytest.raises(CompileError, match="is made for 4 x 6 x 8, and gets 4"):
        _ = recform.compile(text).source


@pytest.mark.parametrize(
    ("equation", "transition", "told"),
    [
        ("F = bn\nX_i = X_<i-1> + F_i*X_<i-1>", "avgpool > linear(c)", r"6 \(vector\)"),
        (
            "vector v_i = 1\nX_i = X_<i-1> + v_i*tanh(X_<i-1>)",
            "pixels > linear(c)",
            "6",
        ),
        ("X_i = X_<i-1>*norm(X_<i-1>)", "pixels > linear(c)", r"8 x 6 \(pixels\)"),
        ("X_i = X_<i-1> + tanh(X_<i-1>)", "pixels > linear(c)", ""),
    ],
)
def test_blocks_of_all_stages_have_one_code(
    equation: str, transition: str, told: str
) -> None:
    """Behind a transition to another layout it may have to be another (RF901)."""
    text = (
        "scope stage\ninput 3 x 6 x 8\nstages 4 x 2, 6 x 2\nstem conv(3, c)\n"
        f"head none\ntransition {transition}\n{equation}"
    )
    if not told:
        assert recform.load(text)(torch.zeros(2, 3, 6, 8)).shape == (2, 6, 8, 6)
        return
    found = rf"takes another for 4 x 6 x 8 \(image\) in stage 1 than for .*{told}"
    with pytest.raises(CompileError, match=found) as error:
        _ = recform.compile(text).source
    assert [item.code for item in error.value.diagnostics] == ["RF406"]
