"""Elementwise functions, of the library and of plugins: code, value, slope, laws, commands.

All of them are taken from the library, so that a new one is tried as well.
"""

from __future__ import annotations

import inspect
import itertools
import math
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from typer.main import get_command
from typer.testing import CliRunner

import recform
from recform.analysis.model import Asked, analyse
from recform.blocks import Arguments, Emitted, Function, Operator, Shape
from recform.blocks.applied import function_call
from recform.blocks.template import IN_PLACE_AT, in_place, renamed, template
from recform.cli.app import app
from recform.diagnostics import CompileError, Diagnostics
from recform.equality.compare import compare
from recform.equality.counterexample.program import program
from recform.equality.verdict import ANY, DIFFERENT, OPEN
from recform.operators import standard
from recform.verify.evaluate import function

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operators.md"


def operator(word: str, code: str, value: Function | None) -> type[Operator]:
    """A plugin's operator."""

    class Made(Operator):
        name = word
        about = value.value if value is not None else "not told"
        elementwise = True
        function = value

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted(code)

    return Made


#: Code and value of functions that are written in awkward ways.
AWKWARD = {
    "swish": ("{x} * torch.sigmoid({x})", "x * sigmoid(x)"),
    "neg": ("-{x}", "-x"),
    "inc": ("{x} + 1", "x + 1"),
    "half": ("{x} / 2", "x / 2"),
    "square": ("(lambda y: y * y)({x})", "x ** 2"),
    "clip": ("torch.clamp({x}, -1, 1)", "min(max(x, -1), 1)"),
    "cond": ("{x} if {x}.dim() else -{x}", "x"),
    "named": ('getattr({x}, "abs")()', "abs(x)"),
    "method": ("({x}).mul(3)", "3*x"),
    "entry": ("{'a': {x}}['a']", "x"),
    "several": ("sum(y for y in [{x}, 1])", "x + 1"),
    "soft": ("F.softplus({x}, threshold=1000)", "softplus(x)"),
    "mish": ("F.mish({x})", "x * tanh(softplus(x))"),
    "softsign": ("F.softsign({x})", "x / (1 + abs(x))"),
    "share": ("(1 + torch.erf({x})) / 2", "(1 + erf(x)) / 2"),
}
GATES = {"share"}
PLUGINS = [
    operator(name, code, Function(value, gate=name in GATES))
    for name, (code, value) in AWKWARD.items()
]
KNOWN = {
    name: found
    for name, found in {
        **standard().operators,
        **{cls.name: cls() for cls in PLUGINS},
    }.items()
    if found.elementwise and not found.moves
}
UNTOLD = operator("sw", "{x} * torch.sigmoid({x})", None)


def code_of(name: str) -> Callable[[Tensor], Tensor]:
    """What torch makes of the emitted code."""
    text = function_call(KNOWN[name]).fill("x", atom=True)
    return lambda x: eval(text, {"torch": torch, "F": F, "x": x})


#: Functions of numbers above zero alone.
POSITIVE = {"log", "sqrt"}


def points(name: str) -> Tensor:
    """Where a function is tried."""
    generator = torch.Generator().manual_seed(0)
    near = 3 * torch.randn(200, generator=generator, dtype=torch.float64)
    far = torch.tensor([0, -0.0, 1, -1, 3, -3, 6, 30, -30, 200, -200])
    found = torch.cat([near, far.double()])
    return found.abs() + 1 / 32 if name in POSITIVE else found


# ------------------------------------------------------------------ one object says it all


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_code_value_and_check_agree(name: str) -> None:
    known = KNOWN[name].function
    assert known is not None, f"nobody says what {name} computes"
    x = points(name)
    code, checked = code_of(name)(x), function(KNOWN[name])(x)
    value = torch.tensor([known.at(n) for n in x.tolist()], dtype=torch.float64)
    torch.testing.assert_close(code, value, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(checked, value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_slopes(name: str) -> None:
    known = KNOWN[name].function
    assert known is not None
    x = points(name)[:200].requires_grad_()
    (ours,) = torch.autograd.grad(function(KNOWN[name])(x).sum(), x)
    (theirs,) = torch.autograd.grad(code_of(name)(x).sum(), x)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    step = 1e-5
    for at, slope in zip(x.tolist(), ours.tolist(), strict=True):
        found = (known.at(at + step) - known.at(at - step)) / (2 * step)
        assert math.isclose(found, slope, rel_tol=1e-5, abs_tol=1e-5), at


def test_slopes_at_kinks_are_those_of_torch() -> None:
    for name in (
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "abs",
        "hardswish",
        "hardsigmoid",
    ):
        x = torch.tensor([0, 3, -3, 6], dtype=torch.float64, requires_grad=True)
        (ours,) = torch.autograd.grad(function(KNOWN[name])(x).sum(), x)
        (theirs,) = torch.autograd.grad(code_of(name)(x).sum(), x)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_is_declared_holds(name: str) -> None:
    known = KNOWN[name].function
    assert known is not None
    line = sorted(points(name).tolist())
    values = [known.at(number) for number in line]
    if known.grows or known.gate:
        assert all(a <= b + 1e-12 for a, b in itertools.pairwise(values))
    steps = [
        (b - a) / (y - x)
        for (x, a), (y, b) in itertools.pairwise(zip(line, values, strict=True))
        if x < y
    ]
    if known.steepest is not None:
        assert max(map(abs, steps)) <= known.steepest + 1e-9
    if known.gate:
        assert all(0 <= value <= 1 for value in values)
        assert all(abs(known.at(-x) + known.at(x) - 1) < 1e-12 for x in line)
        # So its mean over a symmetric distribution is the number that stands for it.
        draw = random.Random(0)
        mean = sum(known.at(draw.gauss(0, 2)) for _ in range(20_000)) / 20_000
        assert abs(mean - known.at(0)) < 0.02


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_programs_have_the_same_values_exact_where_they_can(name: str) -> None:
    formula = recform.compile(f"X_i = {name}(W_i*X_<i-1>)", plugins=PLUGINS).formula
    scope: dict[str, Any] = {"math": math, "Q": Fraction}
    exec(program([formula]), scope)
    known = KNOWN[name].function
    assert known is not None
    numbers = (Fraction(-200), Fraction(-7, 3), Fraction(0), Fraction(5, 2), 40)
    for number in numbers:
        if name in POSITIVE and number <= 0:
            continue
        made = scope["FUNCTIONS"][name](Fraction(number))
        assert math.isclose(made, known.at(float(number)), rel_tol=1e-9, abs_tol=1e-12)
        if not {word.name for word in known.words} & {"exp", "tanh", "sigmoid"} and (
            name in ("relu", "relu6", "leaky_relu", "hardsigmoid", "hardswish", "half")
        ):
            assert isinstance(made, Fraction | int)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_function_equals_its_value_written_out(name: str) -> None:
    """Laws take a function apart by its value: the same value is the same function."""
    known = KNOWN[name].function
    assert known is not None
    again = operator("again", function_call(KNOWN[name]).text, known)
    head = f"X_i = X_<i-1> + W_i*{name}(X_<i-1>)"
    other = head.replace(f"{name}(", "again(")
    left, right = (
        recform.compile(text, plugins=[*PLUGINS, again]) for text in (head, other)
    )
    verdict = compare(left.formula, right.formula)
    assert verdict.answer == ANY
    assert verdict.example is None


def test_values_are_compared_on_numbers() -> None:
    left = recform.compile("X_i = X_<i-1> + W_i*mish(X_<i-1>)", plugins=PLUGINS)
    right = recform.compile("X_i = X_<i-1> + W_i*silu(X_<i-1>)", plugins=PLUGINS)
    assert compare(left.formula, right.formula).answer == DIFFERENT


def test_what_is_not_told_is_said() -> None:
    left, right = (
        recform.compile(f"X_i = X_<i-1> + W_i*{text}", plugins=[UNTOLD]).formula
        for text in ("sw(X_<i-1>)", "(X_<i-1>*sigmoid(X_<i-1>))")
    )
    verdict = compare(left, right)
    assert verdict.answer == OPEN
    assert any("the plugin says no value of sw" in note for note in verdict.notes)
    assert compare(left, left).answer == ANY


def test_a_gate_of_a_plugin_is_a_number() -> None:
    for name in ("share", "sigmoid"):
        text = f"X_i = X_<i-1> + {name}(V_i*X_<i-1>)*(W_i*X_<i-1>)"
        formula = recform.compile(text, plugins=PLUGINS).formula
        found = analyse(formula, Diagnostics(), Asked(gain=1.0))
        moments = found.flows[0].moments
        assert moments is not None
        assert dict(moments.gates) == {"v": 0.5}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x +", "no formula in x"),
        ("3", "no formula in x"),
        ("relu(x)", "nothing that a value is made of"),
        ("max(x)", "nothing that a value is made of"),
        ("x.abs", "nothing that a value is made of"),
        ("x % 2", "nothing that a value is made of"),
    ],
)
def test_values_that_cannot_be_read(value: str, text: str) -> None:
    bad = operator("bad", "{x}.abs()", None)
    bad.function = Function(value)
    with pytest.raises(CompileError) as caught:
        recform.compile("X_i = bad(W_i*X_<i-1>)", plugins=[bad])
    (item,) = caught.value.diagnostics
    assert item.code == "RF513"
    assert text in item.message


# ----------------------------------------------------------------------------- emitted code

BAD_CODE = [
    ("{x}, {x}", "RF514", "no tensor"),
    ("lambda: {x}", "RF514", "no tensor"),
    ('f"{x}"', "RF514", "no expression can stand"),
    ("np.tanh({x})", "RF514", "with np"),
    ("x", "RF514", "with x"),
    ("F.relu(x) + {x}", "RF514", "with x"),
    ("(y := {x})", "RF514", "sets a variable"),
    ("{x}  # a comment", "RF514", "no Python expression"),
    ("(yield {x})", "RF514", "no Python expression"),
    ("torch.ones(1)", "RF514", "leaves its input out"),
    ("F.relu({x}, inplace=True)", "RF515", "in place"),
    ("{x}.mul_(2)", "RF515", "in place"),
    ("torch.relu_({x})", "RF515", "in place"),
    ("{x}.clone().mul_(2)", "RF515", "in place"),
    ("F.elu({x}, 1.0, True)", "RF515", "in place"),
]


@pytest.mark.parametrize(("code", "number", "text"), BAD_CODE)
def test_code_that_is_refused(code: str, number: str, text: str) -> None:
    with pytest.raises(CompileError) as caught:
        _ = recform.compile("X_i = bad(X_<i-1>)", plugins=[operator("bad", code, None)])
    (item,) = caught.value.diagnostics
    assert item.code == number
    assert text in item.message


def test_where_torch_takes_that_it_writes_over_its_input() -> None:
    found = {}
    for name, call in vars(F).items():
        if inspect.isfunction(call) and name[0] != "_":
            names = [*inspect.signature(call).parameters]
            if "inplace" in names:
                found[f"F.{name}"] = names.index("inplace")
    assert found == IN_PLACE_AT


KEPT_AXIS = ("{x} - torch.amax({x}, -1, True)", "{x}/{x}.sum(-1, True)")


@pytest.mark.parametrize("code", KEPT_AXIS)
def test_a_true_that_keeps_an_axis_changes_nothing(code: str) -> None:
    class Kept(Operator):
        name, about = "kept", "a function of a row"

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted(code)

    text = "input 4\nstages 4 x 1\nstem none\nhead none\nW = kept\nX_i = W_i*X_<i-1>"
    net = recform.compile(text, plugins=[Kept]).module()
    x = torch.rand(3, 4)
    wanted = x - x.amax(1, keepdim=True) if "amax" in code else x / x.sum(1)[:, None]
    torch.testing.assert_close(net(x), wanted)


def test_code_that_cannot_be_followed() -> None:
    class Listed(Operator):
        name, about = "listed", "what the reader of code does not know"

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted("{'a': {x}, **{}}['a']")

    with pytest.raises(CompileError) as caught:
        _ = recform.compile("W = listed\nX_i = W_i*X_<i-1>", plugins=[Listed]).source
    (item,) = caught.value.diagnostics
    assert item.code == "RF514"
    assert item.message == "listed writes code that the proof cannot follow"


EVERYWHERE = """
input 4
stages 4 x 2
stem none
head none
W = linear(c, bias=false) > {f} > linear(c, bias=false)
V = linear(c, bias=false)
G(x) = x*{f}({f}(K*x) + x) - {f}(x) where K = linear(c, bias=false)
X_0 = {f}(2*input) - {f}(input)
X_i = {f}(X_<i-1> + W_i*X_<i-1>) - {f}({f}(X_<i-1>))*{f}(-X_<i-1>) \
 + 2*{f}(G_i*X_<i-1>) + V_i*{f}(X_<i-1>)
output {f}(X_L) - X_L*{f}(X_L + X_<L-1>)
"""


@pytest.mark.parametrize("name", [*AWKWARD, "silu", "relu6"])
def test_every_place_where_code_is_written(name: str) -> None:
    """Steps, definitions, pipelines, start and output against the equations by hand."""
    known = KNOWN[name].function
    assert known is not None
    text = EVERYWHERE.replace("{f}", name)
    network = recform.load(text, plugins=PLUGINS).double()
    f, x = function(KNOWN[name]), torch.randn(3, 4, dtype=torch.float64)
    calls: list[str] = []
    linears = {
        path: module
        for path, module in network.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    for path, module in linears.items():
        module.register_forward_hook(lambda *_, path=path: calls.append(path))  # type: ignore[misc]
    found = network(x)
    # No operator runs twice, however often the code of a function names its argument.
    assert sorted(calls) == sorted(linears)

    def w(block: str, value: Tensor) -> Tensor:
        first, second = (m for p, m in linears.items() if f"{block}.W" in p)
        return second(f(first(value)))  # type: ignore[no-any-return]

    states = [f(2 * x) - f(x)]
    for block in ("blocks.0", "blocks.1"):
        y = states[-1]
        (v,) = (m for p, m in linears.items() if p.startswith(f"{block}.V"))
        (k,) = (m for p, m in linears.items() if p.startswith(f"{block}.G"))
        g = y * f(f(k(y)) + y) - f(y)
        states.append(f(y + w(block, y)) - f(f(y)) * f(-y) + 2 * f(g) + v(f(y)))
    last, before = states[-1], states[-2]
    expected = f(last) - last * f(last + before)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_brackets_and_evaluations_are_read_off_the_code() -> None:
    once = {"F.relu({x})", "-{x}", "{x} + 1", "({x}).abs()", "f({x}, key={x}.dim)"}
    assert {call for call in once if template(call).once} == once - {
        "f({x}, key={x}.dim)"
    }
    for lazy in ("{x} if 1 else 0", "[{x} for _ in range(2)][0]", "(lambda: {x})()"):
        assert not template(lazy).once
    assert template("-{x}").fill("a + b", atom=False) == "-(a + b)"
    assert template("F.elu({x}, 2)").fill("a + b", atom=False) == "F.elu(a + b, 2)"
    assert template("({x}).abs()").fill("a + b", atom=False) == "(a + b).abs()"
    assert template("{x} + 1").sum and not template("{x} + 1").atom
    assert not template("{x} if 1 else 0").sum


def test_sizes_are_renamed_and_words_are_not() -> None:
    call = '{m}({x}, "height", height=height, f=lambda width: width + height)'
    made = renamed(call, {"height": "self.height", "width": "self.width"})
    assert made == (
        '{m}({x}, "height", height=self.height, f=lambda width: width + self.height)'
    )
    assert in_place("{x}.add_(1)") and in_place("torch.empty(3).normal_() + {x}")
    assert not in_place("F.elu({x}, 1.0)") and not in_place("{x}.mean(-1, True)")


# -------------------------------------------------------------------------------- commands

PLUGIN = '''
from recform.blocks import Emitted, Function, Operator

class Awkward(Operator):
    name = "awkward"
    about = "twice its input"
    elementwise = True
    {function}

    def emit(self, x, a):
        return Emitted("{x} + {x} if {x}.dim() else {x}")

class Half(Operator):
    """No function: it changes the shape."""

    name = "half"
    about = "the first half of the channels"

    def shape(self, x, a):
        return x.with_features(x.features // 2)

    def emit(self, x, a):
        return Emitted("{x}.chunk(2, dim=1)[0]")
'''
NET = """
stages 8 x 3
W = conv(3, 2*c) > awkward > half > bn
X_i = awkward(X_<i-1> + W_i*X_<i-1>) - W_<i-1>*awkward(X_<i-2>)
"""
COMMANDS = [
    "check net.rf",
    "summary net.rf",
    "summary net.rf --json",
    "analyze net.rf --activations",
    "analyze net.rf --json",
    "analyze net.rf --latex",
    "analyze net.rf --delete 2 --measure",
    "verify net.rf",
    "derive net.rf",
    "derive paths.rf",
    "equiv net.rf other.rf",
    "diff net.rf other.rf",
    "render net.rf -o net.svg",
    "render net.rf --view unrolled",
    "transplant net.safetensors net.rf",
    "transplant net.safetensors other.rf --from net.rf",
]


@pytest.fixture(scope="module", params=["docs", "untold"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Path:
    """A plugin with a network, its module and its weights: that of docs/operators.md too."""
    made: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "docs":
        parts = PAGE.read_text().split("```")
        texts = {
            t.split("\n")[1][2:]: t.split("\n", 1)[1] for t in parts if "\n# " in t
        }
        plugin, net = texts["mish.py"], texts["net.rf"]
    else:
        told_ = 'function = Function("2*x")' if request.param == "told" else ""
        plugin, net = PLUGIN.replace("{function}", told_), NET
    (made / "plugin.py").write_text(plugin)
    (made / "net.rf").write_text(net)
    (made / "other.rf").write_text(f"{net}\noutput X_L + X_L\n")
    lines = [line for line in net.split("\n") if not line.startswith("X_i")]
    paths = "dX_L/dX_<L-i> = 1 + sum(k, 1, i, W_<L-k+1>)"
    (made / "paths.rf").write_text("\n".join([*lines, paths, ""]))
    compiled = recform.compile(made / "net.rf", plugins=[made / "plugin.py"])
    (made / "net.py").write_text(compiled.source)
    recform.save_weights(compiled.module(), compiled, made / "net.safetensors")
    return made


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    words = [*command.split(), "--plugin", "plugin.py"]
    result = CliRunner().invoke(app, words)
    assert result.exception is None or isinstance(result.exception, SystemExit), command
    asks = command.startswith(("verify", "equiv"))
    untold = folder.name.startswith("untold") and asks
    # Two networks that differ end with status 1, and what nobody can tell with 5.
    status = (5 if untold else 1) if command.startswith("equiv") else 0
    assert result.exit_code == status, result.output
    assert "FAILS" not in result.output
    assert ("the plugin says no value of awkward" in result.output) == untold


@pytest.mark.parametrize("folder", ["told"], indirect=True)
def test_a_generated_file_with_a_plugin(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_every_command("verify net.rf --module net.py", folder, monkeypatch)


def test_every_command_is_tried() -> None:
    # No operator is in `explain`, `fmt`, `lsp`, `playground` and `runs`; others have tests
    # of their own.
    tried = {command.split()[0] for command in COMMANDS}
    tried |= {"compare", "compile", "explain", "fmt", "lsp"}
    tried |= {"playground", "runs", "train"}
    assert tried == {*get_command(app).commands}  # type: ignore[attr-defined]
