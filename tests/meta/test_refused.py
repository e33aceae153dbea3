"""What the run on sizes refuses by itself, where nothing else looks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import recform
from recform.algebra.definitions.inside import Inside
from recform.diagnostics import CompileError
from recform.emit import module as emitting
from recform.emit.sizes import check_sizes
from recform.meta import Misshapen, Unread, sizes_of
from tests.compiled import example

FRAME = "input 8\nstages 8 x 2\nX_i = X_<i-1> + D_i*X_<i-1>\n"
#: The rule that is silenced, a file that it would refuse, and what torch would say.
LET_PASS = {
    "an operator on two widths": (
        "_require_one",
        "D(x) = S*concat(P*x, P*Q*x) where P = linear(4), Q = linear(6), S = linear(c)",
        r"\[N, 6\] and \[8, 4\] have no product",
    ),
    "a definition on two widths": (
        "_require_one",
        "E(x) = T*x where T = linear(4)\n"
        "D(x) = S*concat(P*x, P*Q*x) where P = E, Q = linear(6), S = linear(c)",
        r"\[N, 6\] and \[8, 4\] have no product",
    ),
    "a vector on two widths": (
        "_require_sizes",
        "D(x) = S*concat(v*x, v*P*x) where P = linear(4), S = linear(c), vector v = 1",
        r"\[8\] and \[N, 4\] do not spread over each other",
    ),
}
FILE = """
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.fc = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv(x))
        return self.fc(PUT)
"""


@pytest.mark.parametrize("case", LET_PASS)
def test_what_nothing_else_sees(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, definition, told = LET_PASS[case]
    monkeypatch.setattr(Inside, rule, lambda *_: None)
    monkeypatch.setattr(emitting, "check", lambda *_, **__: None)
    with pytest.raises(CompileError, match=told) as found:
        _ = recform.compile(FRAME + definition).source
    assert [item.code for item in found.value.diagnostics] == ["RF901"]


def test_another_size_than_the_planned_one() -> None:
    network = example("zoo/resnet18.rf")
    text = network.source.replace("classes: int = 1000", "classes: int = 999")
    with pytest.raises(CompileError, match=r"makes \[999\], and not \[1000\]"):
        check_sizes([network.graph], text)


@pytest.mark.parametrize(
    ("put", "told"),
    [
        ("x", r"\[N, 8, 6, 8\] and \[8, 2\]$|no product"),
        (
            "(x.mean((2, 3), keepdim=True) + x.mean((2, 3))).mean((2, 3))",
            "mixes the ex",
        ),
        ("x.movedim(1, -1) + x", "do not spread over each other"),
        ("x.mean((0, 2, 3))", "no batch in front"),
        ("x.flatten(1)", r"\[N, 432\] and \[8, 2\] have no product"),
        ("self.conv(x).mean((2, 3))", "a convolution of 3 channels takes 8"),
    ],
)
def test_what_torch_would_not_run(put: str, told: str) -> None:
    """Or would, and mix the examples."""
    with pytest.raises(Misshapen, match=told) as found:
        sizes_of(FILE.replace("PUT", put), "Net", [(3, 6, 9)])
    assert not found.value.line or put in found.value.line


PLUGIN = """
from recform.blocks import Emitted, Operator
class Odd(Operator):
    name, about, elementwise = "odd", "a function", True
    def emit(self, x, a): return Emitted("CODE")
"""


@pytest.mark.parametrize(
    "body",
    [
        "X_i = X_<i-1> + odd(X_<i-1>)",
        "W = linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>\noutput odd(X_L)",
        "D(x) = odd(x)\nX_i = X_<i-1> + D_i*X_<i-1>",
        "O = odd\nX_i = X_<i-1> + O_i*X_<i-1>",
        "X_i = X_<i-1> + sum(k, 0, i-1, odd(X_k))/i",
    ],
)
def test_code_of_plugins(body: str, tmp_path: Path) -> None:
    """It may do what is not known here; what is known to fail is its fault."""
    plugin, text = tmp_path / "odd.py", f"input 4\nstages 4 x 3\n{body}"
    plugin.write_text(PLUGIN.replace("CODE", "torch.special.bessel_j0({x})"))
    assert "bessel" in recform.compile(text, plugins=[plugin]).source
    plugin = tmp_path / "other.py"
    plugin.write_text(PLUGIN.replace("CODE", "{x}.mean(1)"))
    with pytest.raises(CompileError, match=r"\[N\]") as found:
        _ = recform.compile(text, plugins=[plugin]).source
    assert [item.code for item in found.value.diagnostics] == ["RF514"]


@pytest.mark.parametrize(
    "code",
    [
        "{x} + torch.softmax({x} @ {x}.T, 1) @ {x}",
        "F.layer_norm({x}.unflatten(0, (-1, 2)), (2, 4)).flatten(0, 1)",
        # What is said in words that are not known here is not guessed.
        "{x} - {x}.sum(dim=1, keepdims=True)",
        "{x} - {x}.mean(axis=1)[:, None]",
        "{x} * {x}.var(True)",
        "{x} + torch.zeros(size=(6, 4))",
        "{x} + torch.as_tensor(range(4))",
        "torch.cat(({x}, torch.empty(0)), dim=1)",
        "torch.stack([row.tanh() for row in {x}])",
    ],
)
def test_right_plugins(code: str, tmp_path: Path) -> None:
    """The examples of a batch may look at each other there."""
    plugin = tmp_path / "odd.py"
    declared = (
        PLUGIN.replace("CODE", code)
        .replace(", elementwise", "")
        .replace('"a function", True', '"a function"')
    )
    plugin.write_text(declared)
    text = "input 4\nstages 4 x 3\nO = odd\nX_i = X_<i-1> + O_i*X_<i-1>\nhead none"
    net = recform.load(text, plugins=[plugin])
    assert net(torch.zeros(6, 4)).shape == (6, 4)


@pytest.mark.parametrize(
    ("last", "told"),
    [("x, x", "meets a tuple"), ("None", "meets nothing"), ("exit(3)", "")],
)
def test_what_a_class_of_a_plugin_returns(
    last: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin = tmp_path / "own.py"
    plugin.write_text(
        "from recform.blocks import Emitted, Operator\n"
        "class Own(Operator):\n"
        "    name, about, attribute = 'own', 'of a class', 'own'\n"
        "    support = ('class Own(nn.Module):\\n'\n"
        "        '    def forward(self, x: Tensor) -> Tensor:\\n'\n"
        f"        '        print(x.shape)\\n        return {last}\\n',)\n"
        "    def emit(self, x, a): return Emitted('{m}({x})', 'Own()')\n"
    )
    text = "input 4\nstages 4 x 3\nO = own\nX_i = X_<i-1> + O_i*X_<i-1>\nhead none"
    compiled = recform.compile(text, plugins=[plugin])
    if told:
        with pytest.raises(CompileError, match=told) as found:
            _ = compiled.source
        assert [item.code for item in found.value.diagnostics] == ["RF514"]
    else:  # Nobody knows where it would end.
        assert "exit(3)" in compiled.source
    assert not capsys.readouterr().out


def test_what_is_not_known() -> None:
    with pytest.raises(Unread, match="fancy"):
        sizes_of(FILE.replace("PUT", "torch.fancy(x)"), "Net", [(3, 6, 9)])


def test_a_file_that_runs() -> None:
    assert sizes_of(FILE.replace("PUT", "x.mean((2, 3))"), "Net", [(3, 6, 9)]) == (2,)
