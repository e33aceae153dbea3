"""Operators of the user's own: how they are found, and what is said of bad ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from typer.main import get_command
from typer.testing import CliRunner

import recform
from recform.blocks import Arguments, Emitted, Misfit, Operator, Shape
from recform.compiler import Compiled, emit_source
from recform.diagnostics import CompileError, Diagnostic
from recform.operators import standard
from tests import warm

FRAME = "input 3 x 8 x 8\nstages 8 x 2\n"
NET = f"{FRAME}W = conv(3, c) > mine\nX_i = X_<i-1> + W_i*X_<i-1>"
MINE = """
from recform.blocks import Argument, Cost, Emitted, Kind, Misfit, Operator

class Mine(Operator):
    name = "mine"
    about = "twice its input"
    arguments = (Argument("factor", Kind.NUMBER, 2, "how often"),)

    def emit(self, x, a):
        return Emitted("{x} * 2")
"""


class Half(Operator):
    """Half of the channels."""

    name = "half"
    about = "the first half of the channels"

    def shape(self, x: Shape, a: Arguments) -> Shape:
        if isinstance(x.features, int) and x.features % 2:
            raise Misfit("RF402", f"gets {x.features} channels, an odd number")
        return x.with_features(x.features // 2)

    def emit(self, x: Shape, a: Arguments) -> Emitted:
        return Emitted("{x}.chunk(2, dim=1)[0]")


def same_costs(compiled: Compiled) -> None:
    """Parameters, multiply-adds and shape of the module are those that were told."""
    net = compiled.module()
    value = torch.randn(1, *[int(size) for size in compiled.formula.input.sizes])
    counter = FlopCounterMode(display=False)
    with counter:
        out = net(value)
    totals = compiled.graph.totals
    assert sum(p.numel() for p in net.parameters()) == totals.parameters
    assert counter.get_total_flops() == 2 * totals.multiply_adds
    assert tuple(out.shape[1:]) == tuple(compiled.graph.output.sizes)


def mistakes(text: str, *plugins: object) -> tuple[Diagnostic, ...]:
    with pytest.raises(CompileError) as caught:
        _ = recform.compile(text, plugins=plugins).source  # type: ignore[arg-type]
    return caught.value.diagnostics


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_a_file_a_path_a_module_and_a_class(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(mine.parent))
    import mine as module  # type: ignore[import-not-found]

    for plugin in (str(mine), mine, "mine", module, module.Mine):
        compiled = recform.compile(NET, plugins=[plugin])
        assert "x * 2" in compiled.source
        same_costs(compiled)


def test_a_plugin_is_known_where_it_was_named_and_nowhere_else(mine: Path) -> None:
    compiled = recform.compile(NET, plugins=[mine])
    assert standard().lookup("mine") is None
    assert "mine" not in standard().names
    assert "RF202" in {item.code for item in mistakes(NET)}
    # Code is written later, and knows it still.
    assert "* 2" in compiled.source
    assert "* 2" in emit_source([compiled])
    assert "--plugin mine.py" in compiled.source
    assert "/" not in compiled.source.split("command:")[1].split("\n")[0]


def test_a_file_that_has_changed_is_read_again(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same second, and as long as it was: bytecode that is kept would fit."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    os.utime(mine, (1, 1))
    assert "* 2" in recform.compile(NET, plugins=[mine]).source
    mine.write_text(MINE.replace("* 2", "* 3"))
    os.utime(mine, (1, 1))
    assert "* 3" in recform.compile(NET, plugins=[mine]).source


def test_one_class_may_be_named_twice() -> None:
    text = f"{FRAME}W = conv(3, 2*c) > half\nX_i = W_i*X_<i-1>"
    compiled = recform.compile(text, plugins=[Half, Half])
    same_costs(compiled)


def test_its_own_diagnostics_are_placed() -> None:
    text = f"{FRAME}W = conv(3, 7) > half\nX_i = W_i*X_<i-1>"
    (item,) = mistakes(text, Half)
    assert item.code == "RF402"
    assert item.message == "half gets 7 channels, an odd number"
    assert item.labels[0].span.text == "half"


def test_its_arguments_are_checked(mine: Path) -> None:
    (item,) = mistakes(NET.replace("mine", "mine(times=3)"), mine)
    assert item.code == "RF203"
    assert "factor" in item.hint


IMPORTS = {
    "no such file": ("nothere.py", "No such file"),
    "no such module": ("no_such_module_of_ours", "ModuleNotFoundError"),
    "a folder": ("folder.py", "Is a directory"),
    "syntax": ("syntax.py", "SyntaxError"),
    "an exception": ("raises.py", "ZeroDivisionError"),
    "an exit": ("exits.py", "SystemExit"),
    "bytes": ("bytes.py", "SyntaxError"),
    "a formula": ("net.rf", "formula file"),
    "a formula elsewhere": ("./net.rf", "formula file"),
}


@pytest.mark.parametrize("case", IMPORTS)
def test_what_cannot_be_imported(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "syntax.py").write_text("class = 3")
    (tmp_path / "raises.py").write_text("1/0")
    (tmp_path / "exits.py").write_text("import sys; sys.exit(0)")
    (tmp_path / "bytes.py").write_bytes(b"x = '\xff'")
    (tmp_path / "net.rf").write_text(NET)
    name, text = IMPORTS[case]
    (item,) = mistakes(NET, name)
    assert item.code == "RF511"
    assert name in item.message
    assert text in f"{item.message} {item.hint}"


@pytest.mark.parametrize("name", ["conv", "relu"])
def test_a_name_of_the_library(name: str, mine: Path) -> None:
    mine.write_text(MINE.replace('"mine"', f'"{name}"'))
    (item,) = mistakes(NET, mine)
    assert item.code == "RF512"
    assert repr(name) in item.message


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (
            "(Memory('sums', x.features),)",
            "keeps sums of earlier positions, and brings no",
        ),
        ("(Memory('sums', -1),)", "no Memory of a text"),
        ("('sums',)", "no Memory of a text"),
    ],
)
def test_what_is_kept_of_positions_needs_a_class(
    mine: Path, kept: str, said: str
) -> None:
    """In the words of its author: not what the proof would find in the code."""
    mine.write_text(
        MINE.replace("import Argument", "import Memory, Argument").replace("* 2", "+ 1")
        + f"\n    def memory(self, x, a):\n        return {kept}\n"
    )
    text = "input 4 x 3\nstages 3 x 1\nhead none\nW = linear(c) > mine\n"
    text += "X_i = X_<i-1> + W_i*X_<i-1>"
    assert "+ 1" in recform.compile(text, plugins=[mine]).source
    with pytest.raises(CompileError) as caught:
        _ = recform.compile(text, plugins=[mine], generation=True).source
    (item,) = caught.value.diagnostics
    assert (item.code, said in item.message) == ("RF514", True)


def test_what_a_plugin_may_say_of_positions(mine: Path) -> None:
    text = "input 4 x 3\nstages 3 x 1\nhead none\nW = linear(c) > mine\n"
    text += "X_i = X_<i-1> + W_i*X_<i-1>"
    with pytest.raises(CompileError) as caught:
        recform.compile(text, plugins=[mine], generation=True)
    (item,) = caught.value.diagnostics
    assert (item.code, "`positionwise = True`" in item.hint) == ("RF227", True)
    mine.write_text(MINE.replace("    about", "    positionwise = True\n    about"))
    assert "* 2" in recform.compile(text, plugins=[mine], generation=True).source


def test_two_plugins_with_one_name(mine: Path) -> None:
    other = mine.with_name("other.py")
    other.write_text(MINE.replace("* 2", "* 3"))
    (item,) = mistakes(NET, mine, other)
    assert item.code == "RF512"
    assert "mine.py" in item.message
    assert "other.py" in item.message


def test_two_classes_of_one_name_in_the_generated_file(mine: Path) -> None:
    module = (
        '    attribute = "m"\n    support = ("class S(nn.Module):\\n    pass # {0}\\n",)\n'
        '    def emit(self, x, a):\n        return Emitted("{{m}}({{x}})", "S()")\n'
    )
    start = MINE.split("    def emit", maxsplit=1)[0]
    other = mine.with_name("other.py")
    mine.write_text(start + module.format(1))
    other.write_text(start.replace('"mine"', '"other"') + module.format(2))
    (item,) = mistakes(NET.replace("mine", "mine > other"), mine, other)
    assert item.code == "RF512"


DECLARATIONS = [
    ('    name = "mine"\n', "", "the name None"),
    ('"mine"', '"my mine"', "the name 'my mine'"),
    ('"mine"', '"mine_2"', "the name 'mine_2'"),
    ('"mine"', '"concat"', "the name 'concat'"),
    ('    about = "twice its input"\n', "", "about"),
    ("def emit", "def emits", "emit"),
    ('Argument("factor", Kind.NUMBER, 2, "how often")', '"factor"', "no Argument"),
    ("Kind.NUMBER, 2", 'Kind.CHOICE, "a"', "no choices"),
    ('"factor"', '"the factor"', "the name 'the factor'"),
    ("    arguments", "    elementwise = True\n    arguments", "elementwise"),
    (
        "    arguments = (",
        "    arguments = 3 # (",
        "3 for `arguments`, and not a tuple",
    ),
    ("    arguments", "    support = 'class A'\n    arguments", "not a tuple"),
    (
        "    arguments",
        "    support_kept = ('def f(x)',)\n    arguments",
        "a `support_kept` text that is no",
    ),
    (
        "    arguments",
        "    support = ('class A(nn.Module):\\n    x = 1',)\n"
        "    support_kept = ('class B(nn.Module):\\n    x = 1',)\n    arguments",
        "no class A in `support_kept`",
    ),
    ("    arguments", "    attribute = None\n    arguments", "not a text"),
    ("    arguments", "    moves = 0.5\n    arguments", "not a whole number"),
    (
        "    arguments",
        "    order = 'apart'\n    arguments",
        "not an Order of recform.blocks",
    ),
    ("    arguments", "    costs = 3\n    arguments", "not a Cost"),
    ("    arguments", "    stacks = 'no'\n    arguments", "not true or false"),
    (
        "    arguments",
        "    def __init__(self): 1/0\n    arguments",
        "ZeroDivisionError",
    ),
    ("    arguments", '    weights = ("conv",)\n    arguments', "Weights"),
    ("    arguments", '    support = ("def f(): ...",)\n    arguments', "support"),
    (
        "    arguments",
        '    support = ("class A(nn.Module): (",)\n    arguments',
        "support",
    ),
    *(
        (
            "    arguments",
            f"    support = ('class {name}(nn.Module):\\n    x = 1',)\n    arguments",
            f"brings a class {name}, which means something else",
        )
        for name in ("print", "F", "self", "partial", "channels", "in_features_2")
    ),
    ("class Mine(Operator)", "class _Mine(Operator)", "no operator"),
    *(
        (
            "    arguments",
            f"    def {name}(self, *_): return 3\n    arguments",
            f"has `{name}` of its own",
        )
        for name in (
            *("works_of", "opened", "acts", "leaves", "told", "tells", "unpadded"),
            *("_cost", "__getattribute__", "__eq__", "__bool__"),
        )
    ),
]


@pytest.mark.parametrize(("old", "new", "text"), DECLARATIONS)
def test_bad_declarations(old: str, new: str, text: str, mine: Path) -> None:
    assert old in MINE
    mine.write_text(MINE.replace(old, new))
    (item,) = mistakes(NET, mine)
    assert item.code == "RF513"
    assert text in item.message


FAILURES = [
    ("def shape(self, x, a): return x / 0", "TypeError"),
    ("def shape(self, x, a): return 3", "gives a int in `shape`, and not a Shape"),
    (
        "def shape(self, x, a): return x if x.features == 8 else 1/0",
        "ZeroDivisionError",
    ),
    ("def cost(self, x, a): return a.nothing", "AttributeError: nothing"),
    ("def cost(self, x, a): return None", "gives a NoneType in `cost`"),
    ("def cost(self, x, a): raise SystemExit(3)", "SystemExit: 3"),
    ("def cost(self, x, a): return Cost(parameters='a')", "gives 'a' for `parameters`"),
    ("def cost(self, x, a): return Cost(multiply_adds=-1)", "`multiply_adds`"),
    ("def cost(self, x, a): return Cost(saves_more=0.5)", "gives 0.5"),
    ('def emit(self, x, a): return "{x}"', "gives a str in `emit`"),
    ('def emit(self, x, a): return Emitted("{x} +")', "no Python expression"),
    ('def emit(self, x, a): return Emitted("{m}({x})", "nn.ReLU()")', "`attribute`"),
    ('def emit(self, x, a): return Emitted("{x} * {m}")', "and has no module"),
    ('def emit(self, x, a): return Emitted("{x}.__mul__(2)")', "calls __mul__"),
    ("def emit(self, x, a): return Emitted(\"__import__('os')*{x}\")", "__import__, "),
    ('def emit(self, x, a): return Emitted("{x} * channels")', "code with channels"),
    ("def emit(self, x, a): assert x.features % 3 == 0, x", "AssertionError"),
]


def test_a_file_that_fails_half_way_leaves_nothing(mine: Path) -> None:
    mine.write_text(f"{MINE}\nraise SystemExit\n")
    (item,) = mistakes(NET, mine)
    assert item.code == "RF511"
    mine.write_text(MINE)
    assert "* 2" in recform.compile(NET, plugins=[mine]).source


def test_the_line_of_the_plugin_is_told(mine: Path) -> None:
    mine.write_text(f"{MINE}\nclass Odd(Exception):\n    __str__ = None\nraise Odd\n")
    (item,) = mistakes(NET, mine)
    last = len(mine.read_text().splitlines())
    assert item.message.endswith(f" Odd, in line {last} of {mine.name}")
    mine.write_text(f"{MINE}\n    def shape(self, x, a): return nothing()\n")
    (item,) = mistakes(NET, mine)
    last = len(mine.read_text().splitlines())
    assert item.message.endswith(f"is not defined, in line {last} of {mine.name})")


@pytest.mark.parametrize(("rule", "text"), FAILURES)
def test_rules_that_fail(rule: str, text: str, mine: Path) -> None:
    mine.write_text(f"{MINE}\n    {rule}\n")
    (item,) = mistakes(NET, mine)
    assert item.code == "RF514"
    assert item.labels[0].span.text == "mine"
    assert text in item.message


def test_a_shared_weight_without_sizes(mine: Path) -> None:
    rule = "    shares = attribute = 'm'\n    def shared(self, x, a): return 3\n"
    mine.write_text(f"{MINE}\n{rule}")
    head = "head mine > avgpool > linear(10)"
    (item,) = mistakes(f"stem conv(3, c) > mine\n{head}\n{NET}", mine)
    assert item.code == "RF514"
    assert item.message.startswith("mine fails in `shared` (TypeError")
    assert item.labels[0].span.text == "mine"


@pytest.mark.parametrize(
    "rule",
    [
        "def shape(self, x, a): return x.with_features(2 * x.features)",
        "def cost(self, x, a): return a.factor",
        'def emit(self, x, a): return Emitted("{m}({x})", "nn.ReLU()")',
    ],
)
def test_elementwise_operators_are_tried_first(rule: str, mine: Path) -> None:
    start = MINE.replace("    arguments", "    elementwise = True\n    arguments")
    start = start.replace('(Argument("factor", Kind.NUMBER, 2, "how often"),)', "()")
    mine.write_text(f"{start}\n    {rule}\n")
    text = f"{FRAME}X_i = mine(W_i*X_<i-1>)"
    (item,) = mistakes(text, mine)
    assert item.code == "RF514"
    mine.write_text(start)
    assert "* 2" in recform.compile(text, plugins=[mine]).source


@pytest.mark.parametrize("command", ["compile", "check", "summary"])
def test_commands(command: str, mine: Path) -> None:
    (mine.parent / "net.rf").write_text(NET)
    good = warm.recform(mine.parent, command, "net.rf", "--plugin", "mine.py")
    assert (good.returncode, good.stderr) == (0, "")
    bad = warm.recform(mine.parent, command, "net.rf", "--plugin", "nine.py")
    assert bad.returncode == 1
    assert bad.stderr.startswith("error[RF511]: the plugin nine.py")


def test_every_command_takes_plugins() -> None:
    from recform.cli.app import app

    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        assert "plugins" in {item.name for item in command.params}, name


def test_plugins_of_one_command_are_not_those_of_the_next(mine: Path) -> None:
    from recform.cli.app import app
    from recform.cli.common import plugins

    net = mine.with_name("net.rf")
    net.write_text(NET)
    done = CliRunner().invoke(app, ["check", str(net), "--plugin", str(mine)])
    assert (done.exit_code, plugins()) == (0, ())


def test_two_that_name_the_same_file_agree_to_the_byte(mine: Path) -> None:
    sources = {recform.compile(NET, plugins=[mine]).source for _ in range(2)}
    assert len(sources) == 1


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("verify", ()),
        ("analyze", ("--delete", "1", "--measure")),
        pytest.param(
            *("train", ("--data", "fake", "--override", "epochs=1")),
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_shape_that_code_does_not_make(
    command: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    """The file is run on sizes alone, and it is the operator's fault."""
    text = MINE.replace("{x} * 2", "{x}[:, :, :1]")
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "net.rf").write_text(
        "param classes = 10\ninput 3 x 8 x 8\nstages 4 x 2\nstem conv(3, 4)\n"
        "head mine > flatten > linear(classes)\nW = conv(3, c)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\n"
    )
    given = (command, "net.rf", *options, "--plugin", "mine.py")
    done = warm.recform(tmp_path, *given)
    said = (
        "torch would not run the module: `return self.fc(x)  # rf:5`: "
        "[N, 32] and [256, 10] have no product"
    )
    assert done.returncode == 1
    if command == "verify":
        assert "FAILS: the whole network is what its equations say" in done.stdout
        assert f"({said.replace('fc(x)', 'fc1(x)')})" in done.stdout
    else:
        assert done.stderr.count("error[RF514]") == 1
        assert said in done.stderr
