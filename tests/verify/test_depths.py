"""At which depths claims are tried, and what a network that goes wrong there is called."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from recform import compiled
from recform.algebra.formula import Formula
from recform.compiler import compile_source, from_text
from recform.verify.checks import Check, verify
from recform.verify.emitted import emitted
from recform.verify.evaluate import Parts
from recform.verify.modules import build
from recform.verify.sizes import thinner
from recform.verify.trials import Measured, error_of, settled
from tests.verify.networks import NETWORKS

torch.set_num_threads(1)

EQUATIONS = "the equations are what the module computes"


def formula(text: str) -> Formula:
    return compile_source(from_text(text))[0].formula


def checks(text: str, make: Any = build) -> dict[str, Check]:
    return {check.claim: check for check in verify(formula(text), make)}


def test_a_network_that_is_wrong_from_eight_blocks() -> None:
    """At the depth of the file it is found, which six blocks would not have done."""
    other = formula("X_i = X_<i-1> + W_i*X_<i-1> + 0.001*X_0").equations

    def make(asked: Formula) -> Parts:
        deep = asked.stages[0].blocks >= 8
        return build(replace(asked, equations=other) if deep else asked)

    text = "stages 4 x 9\nW = linear(c)\ninput 4\nX_i = X_<i-1> + W_i*X_<i-1>"
    found = checks(text, make)
    assert found[EQUATIONS].holds is False
    assert found[EQUATIONS].detail.startswith("9 blocks: the output differs")
    assert found["the Jacobian by the input"].holds is False
    assert found["the numbers of paths"].holds is False
    short = checks(text.replace("x 9", "x 7"), make)
    assert short[EQUATIONS].holds


@pytest.mark.parametrize("made", [1, 7])
def test_blocks_that_have_adapters_on_one_shape(made: int) -> None:
    """One channel spreads over the others where its adapter is left out."""
    found = checks(
        "input 3 x 8 x 8\nstages 4 x 3, 5 x 2 / 2\nW = conv(3, c, stride=s)\n"
        f"V = conv(3, c, stride=s) > conv(1, {made})\n"
        "X_i = X_<i-1> + W_i*X_<i-1> + V_i*X_<i-1>"
    )
    assert found[EQUATIONS].holds is None
    assert found[EQUATIONS].detail == "a twin of one shape has an adapter for V_3*X_2"
    assert all(check.holds is not False for check in found.values())


def test_a_deep_network_is_tried_where_all_its_steps_are() -> None:
    found = checks(
        "input 3\nstages 3 x 300\nW = linear(c)\nX_i = W_i*X_<i-1> + X_<i-3>"
    )
    assert found[EQUATIONS].holds
    assert found[EQUATIONS].detail.startswith(
        "24 blocks with every step of the file's 300: forward in eval"
    )


def test_every_length_of_a_short_network() -> None:
    found = checks("input 3\nstages 3 x 2\nW = linear(c)\nX_i = W_i*X_<i-1> + X_<i-2>")
    assert found[EQUATIONS].detail.startswith("2 blocks: ")
    assert found[EQUATIONS].detail.endswith("; 6 blocks, too")
    assert found["the Jacobian by the input"].detail.startswith("1, 2, 3 and 6 blocks")


def test_rounding_errors_are_no_failure() -> None:
    # Backwards the numbers grow by more than 2 in each block.
    text = "input 4\nstages 4 x 60\nX_i = X_<i-1> + W_i*X_<i-1> - 0.4*X_<i-2>\nW = linear(c)"
    found = checks(text)
    assert found["the inverse"].holds
    assert not found["the inverse"].detail.startswith("60 blocks")
    assert found[EQUATIONS].detail.startswith("60 blocks")


def test_an_unknown_that_no_later_block_hands_back() -> None:
    """A claim of an inverse that nobody can compute is no traceback."""
    text = "input 8\nstages 8 x 3\nK_i = W_i*X_<i-1>\nX_i = 2*(X_<i-1> + K_i)"
    found = checks(text)
    assert found[EQUATIONS].holds
    if "the inverse" in found:
        assert found["the inverse"].detail == "no later block hands back K_5"


@pytest.mark.parametrize(
    ("error", "noise", "expected"),
    [
        (1e-12, 0.0, True),
        (1e-3, 1e-15, False),
        (math.inf, 1e-15, False),
        (1e-3, 1e-5, None),
    ],
)
def test_what_is_settled(error: float, noise: float, expected: bool | None) -> None:
    tried: list[int] = []

    def measure(blocks: int) -> Measured:
        tried.append(blocks)
        return Measured(error, "", lambda: noise)

    assert settled(measure, 40)[0] is expected
    assert tried == ([40, 20, 10, 6] if expected is None else [40])


def test_no_number_is_no_small_error() -> None:
    number = torch.tensor([1.0, math.nan])
    assert error_of(number, torch.ones(2)) == math.inf
    # Of what is expected to be none, nothing can be told.
    assert math.isnan(error_of(torch.ones(2), number))


@pytest.mark.parametrize(
    ("name", "text", "other", "said"),
    [
        (
            "resnet_s",
            "- self.shortcut_wx(wx_prev)",
            "+ self.shortcut_wx(wx_prev)",
            "the output",
        ),
        ("resnet_s", "wx = self.W(x_prev)", "wx = self.W(x_prev).detach()", "gradient"),
        (
            "revnet",
            "b = b_prev +",
            "self.G(a)\n        b = b_prev +",
            "runs 2 times instead of 1",
        ),
        (
            "droppath",
            "self.W(x_prev)",
            "self.W(x_prev) * (1 + self.training)",
            "differs",
        ),
        (
            "scalars",
            "torch.tensor([0.5])",
            "torch.tensor([0.25])",
            "the start of k_1 differs",
        ),
        ("densenet", "torch.cat((xs_prev, x)", "torch.cat((x, xs_prev)", "the output"),
    ],
)
def test_a_module_that_is_not_its_equations(
    name: str, text: str, other: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adapters, stages, stem and head included: the emitted text is tampered with."""
    emit = compiled.emit_source
    (item,) = compile_source(from_text(NETWORKS[name]))
    assert emitted(item, thinner(item)).holds

    def tampered(items: Any) -> str:
        source = emit(items)
        assert text in source
        return source.replace(text, other)

    monkeypatch.setattr(compiled, "emit_source", tampered)
    (item,) = compile_source(from_text(NETWORKS[name]))
    found = emitted(item, thinner(item))
    assert found.holds is False
    assert said in found.detail


@pytest.mark.parametrize(
    "text",
    [
        # Histories whose parts are adapted, shared operators that draw at random.
        "stages 4 x 3, 6 x 2 / 2\nX_i = W_i*max(X_<0..i-1>) + X_<i-1>",
        "stages 4 x 4\nW = conv(3, c) > bn > relu > dropout(0.3)\nX_i = X_<i-1> + W*X_<i-1>",
        "stages 4 x 2, 6 x 2 / 2\nscope stage\ntransition conv(1, c, stride=s)\n"
        "scalar k_i = 0.5 per channel\nX_i = X_<i-1> + k_i*W_i*X_<i-1>",
        "stages 4 x 6\nX_i = W_i*X_<i-1> + W_<i-1>*X_<i-1>\noutput sum(X_<1..L>)",
        # The input under several names, one of them of a block with an adapter.
        "stages 4 x 3\nW = conv(3, 2*c)\nX_i = W_i*X_<i-1> + Y_i\nX_1 = input\n"
        "Y_i = W_i*X_<i-1> + 2*Y_<i-1> + X_<i-1>\nY_0 = input\noutput X_L",
        "stages 4 x 4\nSE(x) = x*sigmoid(G*x) where G = globalpool > conv(1, c)\n"
        "W = conv(3, c) > bn > SE\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    ],
)
def test_whole_networks(text: str) -> None:
    (item,) = compile_source(from_text(f"input 3 x 8 x 8\n{text}"))
    found = emitted(item, thinner(item))
    assert found.holds, found.detail
