"""Further inputs of a network, in every place where they may stand, against the oracle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, event, given, settings

import recform
from recform.algebra.expr import Tensor
from recform.algebra.indices import is_of_context
from recform.blocks.examples import random_inputs
from recform.classes.network import plan_network
from recform.compiler import Compiled, compile_formula
from recform.diagnostics import CompileError, Diagnostics
from recform.emit.checked import check
from recform.emit.module import module_names, printed
from recform.verify.whole import checks
from tests.oracle.compare import agree, compiled
from tests.oracle.files import recurrences
from tests.oracle.search import few, outcome
from tests.oracle.test_saved import BATCH, _kept

torch.set_num_threads(1)

FRAME = (
    "input 4\ninput t = 6\ninput e = 4\nstem none\nhead none\nstages 4 x 5\n"
    "W = linear(c) > tanh\nV = linear(c)\nT = linear(6) > tanh\nB = bilinear(c)\n"
)
PLACES = {
    "a term": "X_i = W_i*X_<i-1> + e",
    "a gate": "X_i = X_<i-1> + sigmoid(e)*W_i*X_<i-1>",
    "under an operator": "X_i = X_<i-1> + W_i*X_<i-1> + V_i*t",
    "under that of an older block": "X_i = W_i*X_<i-1> + V_<i-1>*t - V_i*t",
    "under one of all blocks": "X_i = W_i*X_<i-1> + V_i*T*t + V_i*t",
    "one of two": "X_i = X_<i-1> + B_i(W_i*X_<i-1>, t)",
    "both of two": "X_i = W_i*X_<i-1> + B_i(t, t)",
    "an unknown": "Y_i = V_i*t\nX_i = W_i*X_<i-1> + Y_i - Y_<i-1>\nY_0 = e\noutput X_L",
    "halves": "U_i, Y_i = split(S_i*t, 2)\nS = linear(2*c)\n"
    "X_i = (1 + U_i)*W_i*X_<i-1> + Y_i\noutput X_L",
    "halves of it": "X_i = W_i*X_<i-1> + H_i*Y_i\nY_0, Z_0 = split(e, 2)\n"
    "Y_i = Y_<i-1>\nZ_i = Z_<i-1>\nH = linear(c)\noutput concat(X_L, Z_L)",
    "the start": "X_i = W_i*X_<i-1> + 0.5*input\nX_0 = e",
    "one block": "X_i = W_i*X_<i-1>\nX_3 = W_3*X_2 + e",
    "the output": "X_i = W_i*X_<i-1>\noutput concat(X_L, t) ",
    "a history": "X_i = W_i*X_<i-1> + sum(k, 0, i-1, e*X_k)",
    "beside a history": "X_i = W_i*max(X_<0..i-1>, e)",
    "scores": "X_i = W_i*X_<i-1> + sum(k, 0, i-1, softmax(k, dot(e, X_k))*X_k)",
    "two times": "times 2\nX_<i,t> = W_i*X_<i-1,t> + U_i*e + X_<i,t-1>\n"
    "U = linear(c)\noutput X_<L,T>",
    "far ahead": "X_<1..L/2> = W_i*X_<i-1> + e\nX_<L/2+1..L> = W_i*X_<i-1> + e*X_<L-i>",
    "scaled": "scalar a_i = 0.5\nX_i = W_i*X_<i-1> + a_i*e/i - V_i*(0.5*t)",
    "a quotient": "X_i = W_i*X_<i-1>/(2 + tanh(e)) + exp(-e*e)",
}


@pytest.mark.parametrize("place", PLACES)
def test_place(place: str) -> None:
    text = FRAME.replace("4 x 5", "4 x 6") if place == "far ahead" else FRAME
    # Letters of times are no names of inputs there.
    text = text.replace("input t = 6\n", "") if place == "two times" else text
    item = agree(text + PLACES[place], (True,))
    state = [slot for slot in item.recurrence.state if isinstance(slot, Tensor)]
    assert not any(map(is_of_context, state))


STAGED = {
    "widths": "input 4\ninput t = 6\nstem none\nhead none\nstages 4 x 2, 6 x 3\n"
    "W = linear(c)\nV = linear(c)\nT = linear(5)\n"
    "X_i = X_<i-1> + W_i*X_<i-1> + V_i*t + U_i*T*t\nU = linear(c)",
    "images": "input 2 x 6 x 6\ninput t = 1 x 6 x 6\ninput e = 3\n"
    "stem conv(1, 3)\nhead none\nstages 3 x 2, 4 x 2 / 2\n"
    "W = conv(3, c, stride=s) > bn\nV = conv(1, c, stride=s)\nG = linear(c) > sigmoid\n"
    "X_i = X_<i-1> + (G_i*e)*W_i*X_<i-1> + V_i*t",
    "anew": "scope stage\ninput 4\ninput t = 6\nstem none\nhead none\n"
    "stages 4 x 2, 6 x 3\nW = linear(c)\nV = linear(c)\nS = linear(6) > tanh\n"
    "X_i = X_<i-1> + W_i*X_<i-1> + V_i*S*t + V_<i-1>*S*t",
}


@pytest.mark.parametrize("name", STAGED)
def test_stages(name: str) -> None:
    agree(STAGED[name])


@settings(max_examples=few(10), deadline=None, suppress_health_check=list(HealthCheck))
@given(recurrences(1, 6, inputs=True))
def test_recurrences(text: str) -> None:
    event(outcome(text))


# -------------------------------------------------------------------------------- the code

TEXT = (
    "input 5 x 8\ninput one = 7 x 8\ninput other = 7 x 8\nhead none\nstages 8 x 3\n"
    "A = attend(2)\nQ = linear(c)\nW = linear(c)\n"
    "X_i = X_<i-1> + A_i(Q_i*X_<i-1>, one, other) + W_i*X_<i-1>"
)


def test_blocks_get_it_behind_the_state() -> None:
    item = compiled(TEXT)
    assert [str(slot) for slot in item.recurrence.state] == ["X_3"]
    assert "def forward(self, x: Tensor, one: Tensor, other: Tensor)" in item.source
    assert "x = block(x, one, other)" in item.source


SWAPPED = {
    "where a block is called": ("block(x, one, other)", "block(x, other, one)"),
    "in the block": (
        "x_prev: Tensor, one: Tensor, other",
        "x_prev: Tensor, other: Tensor, one",
    ),
    "in the network": (
        "x: Tensor, one: Tensor, other",
        "x: Tensor, other: Tensor, one",
    ),
    "in an operator": ("), one, other) +", "), other, one) +"),
    "with the state": ("block(x, one, other)", "block(one, x, other)"),
}


@pytest.mark.parametrize("where", SWAPPED)
def test_inputs_that_change_places_are_found(where: str) -> None:
    graph = compiled(TEXT).graph
    plan = plan_network(graph, module_names([graph]))
    code = printed([plan])
    check([graph], [plan], ast.parse(code))
    assert SWAPPED[where][0] in code, code
    with pytest.raises(CompileError, match="RF901"):
        check([graph], [plan], ast.parse(code.replace(*SWAPPED[where])))


def test_what_is_made_of_inputs_is_made_once_and_handed_to_each() -> None:
    item = agree(
        "input 4\ninput t = 6\ninput e = 4\nstem none\nhead none\nstages 4 x 3\n"
        "W = linear(c)\nT = linear(c)\nE = linear(c)\nV = linear(c)\n"
        "X_i = X_<i-1> + tanh(T*t)*W_i*X_<i-1> + V_i*(T*t + E*e)"
    )
    assert [str(slot) for slot in item.recurrence.state] == ["X_3"]
    assert "        tanh_tt = torch.tanh(tt)\n" in item.source
    assert "        constant = tt + self.E(e)\n" in item.source
    assert "x = block(x, tanh_tt, constant)" in item.source
    made = [row for row in item.recurrence.shared if "further inputs" in row.reason]
    assert [(row.name, row.calls) for row in made] == [
        ("tanh(T*t)", ("tanh(T*t)*W_i*X_<i-1>",)),
        ("T*t + E*e", ("V_i*(T*t + E*e)",)),
    ]


def test_an_unknown_and_an_input_have_names_of_their_own() -> None:
    agree(
        "input 4\ninput y = 4\nstem none\nhead none\nstages 4 x 3\nW = linear(c)\n"
        "Y_i = W_i*X_<i-1> + y\nX_i = X_<i-1> + tanh(Y_i)*Y_i\noutput X_L"
    )


KEPT = {
    "read by several": "input 5 x 8\ninput t = 7 x 8\nstages 8 x 3\nA = attend(2)\n"
    "Q = linear(c)\nX_i = X_<i-1> + A_i(Q_i*X_<i-1>, t, t)",
    "under operators": "input 5 x 8\ninput t = 7 x 6\nstages 8 x 3\nA = attend(2)\n"
    "Q = linear(c)\nK = linear(c)\nX_i = X_<i-1> + A_i(Q_i*X_<i-1>, K_i*t, K_i*t)",
    "a gate": "input 5 x 8\ninput e = 8\nstages 8 x 3\nX_i = X_<i-1> + e*W_i*X_<i-1>",
    "a term": "input 5 x 8\ninput e = 8\nstages 8 x 3\nX_i = W_i*X_<i-1> + e",
}


@pytest.mark.parametrize("name", KEPT)
def test_autograd_keeps_it_once(name: str) -> None:
    item = compiled(KEPT[name])
    net = item.module().train()
    start = random_inputs(item.formula.inputs, BATCH)
    assert item.graph.totals.saved * BATCH == _kept(net, *start)


# ---------------------------------------------------------------------------- other commands


def made(text: str) -> Compiled:
    return recform.compile(f"{text}\n")


def test_verify_differentiates_by_all_inputs() -> None:
    found = checks(made(STAGED["images"]))
    assert all(check.holds is not False for check in found)
    details = [check.detail for check in found if check.holds]
    assert sum("and of 3 inputs" in detail for detail in details) == 2


def test_equality_knows_inputs_by_their_names() -> None:
    from recform.equality.compare import compare

    frame = "input 4\ninput a = 4\ninput b = 4\nstages 4 x 3\nW = linear(c)\n"
    first, again, other = (
        made(f"{frame}X_i = W_i*X_<i-1> + {term}").formula
        for term in ("2*a - b", "a - b + a", "2*b - a")
    )
    assert compare(first, again).answer == "equal"
    found = compare(first, other)
    assert found.answer == "different"
    assert found.example is not None
    exec(found.example.program, {"__name__": "example"})
    sizes = made(frame.replace("b = 4", "b = 3") + "X_i = W_i*X_<i-1> + a + W_i*a")
    (change, *_) = compare(first, sizes.formula).frame
    assert change.texts == ("4; a = 4; b = 4", "4; a = 4; b = 3")


def test_weights_are_read_whatever_it_is_called(tmp_path: Path) -> None:
    one, other = made(TEXT), made(TEXT.replace("other", "text"))
    file = tmp_path / "net.safetensors"
    recform.save_weights(one.module(), one, file)
    net = other.module()
    found = recform.load_weights(net, other, file)
    assert (found.basis, found.fresh, found.left) == ("formula", (), ())


def test_other_images_bring_a_further_one_of_their_size() -> None:
    formula = made(STAGED["images"]).formula
    larger = formula.taking(formula.input.with_features(2).downsampled(1))
    assert larger == formula
    smaller = formula.taking(formula.input.downsampled(2))
    assert [x.sizes for x in smaller.inputs] == [(2, 3, 3), (1, 3, 3), (3,)]
    compile_formula(smaller, Diagnostics())


REFUSED = {
    "timm": (
        "RF521",
        "input 3 x 8 x 8\ninput e = 4\nstages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1> + e",
    ),
    "generation": (
        "RF227",
        "input 5 x 8\ninput e = 8\nstages 8 x 2\nhead none\n"
        "X_i = X_<i-1> + e*W_i*X_<i-1>",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_knows_one_input_says_so(what: str) -> None:
    code, text = REFUSED[what]
    with pytest.raises(CompileError, match=rf"{code}.*\n*.*\(e\)"):
        _ = recform.compile(f"{text}\n", **{what: True}).source
