"""What a command imports: nobody waits for what it does not need."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperArgument, TyperCommand, TyperOption
from typer.main import get_command
from typer.testing import CliRunner

from recform.cli.app import app
from tests.warm import shell

HEAVY = {"lark", "networkx", "numpy", "pydantic", "reportlab", "rich", "sympy", "torch"}
PROGRAM = """
import sys
from recform.cli import main
try:
    main()
finally:
    sys.stderr.write("imported: " + ",".join(sys.modules))
"""
FORMULA = "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>\n"


def imported(folder: Path, *arguments: str, watched: set[str] = HEAVY) -> set[str]:
    """What the command line imports, of what takes long, or of other modules."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = done.stderr.rpartition("imported: ")[2]
    return watched & {*names.split(",")}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["compile", "--help"],
        ["render", "-h"],
        ["compare", "-h"],
    ],
    ids=" ".join,
)
def test_help_imports_nothing_that_takes_long(
    arguments: list[str], tmp_path: Path
) -> None:
    assert imported(tmp_path, *arguments) == set()


def test_the_list_of_commands_cuts_no_sentence() -> None:
    shown = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    assert "..." not in shown.partition("Commands:")[2]
    assert (
        "Write the PyTorch module of a formula: to OUT.py, or to standard output."
        in shown
    )


@pytest.mark.parametrize(
    ("command", "besides"),
    [
        ("compile one.rf -o one.py --set classes=10", set()),
        pytest.param("check one.rf", set(), marks=pytest.mark.long),
        ("equiv one.rf one.rf", set()),
        pytest.param("diff one.rf one.rf", set(), marks=pytest.mark.long),
        pytest.param("derive one.rf", set(), marks=pytest.mark.long),
        ("analyze one.rf --depth 8 --gain 0.25 --json", set()),
        pytest.param(
            "render one.rf --to dot --view network", set(), marks=pytest.mark.long
        ),
        ("summary one.rf", {"rich"}),
    ],
)
def test_commands_without_weights_import_little_more_than_sympy(
    command: str, besides: set[str], tmp_path: Path
) -> None:
    (tmp_path / "one.rf").write_text(FORMULA)
    assert imported(tmp_path, *command.split()) - besides == {"sympy"}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("--version", set()),
        ("compile --help", {"compile"}),
        ("check one.rf", {"check"}),
        # Its options are those of training, too.
        ("compare --help", {"compare", "train"}),
    ],
)
def test_only_the_command_that_is_asked_for_is_imported(
    command: str, expected: set[str], tmp_path: Path
) -> None:
    (tmp_path / "one.rf").write_text(FORMULA)
    folder = "recform.cli.commands."
    names = {f"{folder}{name}" for name in get_command(app).commands}  # type: ignore[attr-defined]
    found = imported(tmp_path, *command.split(), watched=names)
    assert {name.removeprefix(folder) for name in found} == expected


def test_comparing_scores_imports_neither_sympy_nor_torch(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("model,0,1\nA,1.5,1.25\nB,2.5,2.75\n")
    found = imported(tmp_path, "compare", "--results", "one.csv")
    assert not found & {"sympy", "torch"}


def parameters() -> list[tuple[str, Any]]:
    """Every parameter of every command, once for each type."""
    found: dict[str, Any] = {}
    for command in get_command(app).commands.values():  # type: ignore[attr-defined]
        for item in command.get_params(typer.Context(command)):
            kind, info = item.type_descriptor.annotation, item.type_descriptor
            limits = info.parameter_info.min, info.parameter_info.max
            found.setdefault(f"{kind} {limits} {item.multiple}", item)
    return sorted(found.items())


TEXTS = ["", "0", "1", "-1", "7", "07", "1_000", "+3", " 5 ", "0.5", "1e3", "-0"]
TEXTS += ["99999999999999999999", "text", "json", "TEXT", "tb", "a.rf", "-", "é", "/"]


@pytest.mark.parametrize(
    ("name", "item"), parameters(), ids=lambda item: str(item)[:40]
)
def test_a_value_is_what_typer_makes_of_it(name: str, item: Any) -> None:
    usual = {TyperOption, TyperArgument} & {*type(item).__mro__}
    (base,) = usual
    context = typer.Context(TyperCommand("test"))

    def read(value: Any, reader: Any) -> Any:
        try:
            found = reader.coerce(value, param=item, ctx=context)
        except typer.BadParameter as error:
            # Ours says it without pydantic's first words.
            return error.message.removeprefix("Value error, ")
        # typer makes None of an option that was given no time.
        return None if found in (None, ()) else (type(found), found)

    values = [*TEXTS, None]
    if item.multiple or item.nargs == -1:
        values = [None, [], *([text] for text in TEXTS), ["1", "2"], ["1", "x"]]
    for value in values:
        item._runtime_param = None
        expected = read(value, base.get_runtime_param(item))
        found = read(value, item.get_runtime_param())
        number = re.search(r"\b(int|float)\b", str(item.type_descriptor.annotation))
        if number and isinstance(expected, str):
            # For what is no number, or too large, recform has words of its own.
            assert "is no " in found or "it is at " in found, (name, value)
        elif found == "it is empty":
            assert value in ("", [""]) and not isinstance(expected, str), name
        else:
            assert found == expected, (name, value)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("playground --port 99999", "--port': it is at least 0 and at most 65,535, not 99999"),
        ("analyze a.rf --gain x", "--gain': 'x' is no number"),
        ("analyze a.rf --depth 1.5", "--depth': '1.5' is no whole number"),
        ("analyze a.rf --gain nan", "--gain': 'nan' is no number"),
    ],
)  # fmt: skip
def test_a_wrong_number_is_told_in_words_for_who_gave_it(
    command: str, said: str
) -> None:
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 2
    assert f"error[RF909]: Invalid value for '{said}\n" in result.output


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("", set()),
        ("--timm", {"recform.emit.classifier", "recform.readback.interface"}),
        ("--memory reversible", {"recform.analysis", "recform.linear"}),
        ("--for inference", {"recform.proof.evaluation", "recform.proof.folded"}),
    ],
)
def test_a_form_is_imported_where_it_is_asked_for(
    form: str, expected: set[str], tmp_path: Path
) -> None:
    """Nor does code with symbols need what SymPy prints statements with."""
    text = (
        "stages 8 x 2\n"
        "SE(x, ratio=2) = x*sigmoid(G*x) "
        "where G = avgpool > linear(cin/ratio) > linear(cin)\n"
        "B = SE(ratio=4) > conv(3, c, stride=s) > bn\n"
        "Y_i = X_<i-1>\n"
        "X_i = Y_<i-1> + B_i*X_<i-1>\n"
    )
    (tmp_path / "one.rf").write_text(text)
    watched = {
        "recform.analysis",
        "recform.emit.classifier",
        "recform.graph.positions",
        "recform.linear",
        "recform.proof.evaluation",
        "recform.proof.folded",
        "recform.readback.interface",
        "recform.writers.formula.cells",
        "sympy.codegen",
    }
    command = ["compile", "one.rf", "-o", "one.py", *form.split()]
    assert imported(tmp_path, *command, watched=watched) == expected


def test_verifying_imports_no_compiler_of_torch(tmp_path: Path) -> None:
    """For the Jacobian `torch.func` would: a second more for each formula that has one."""
    (tmp_path / "one.rf").write_text(FORMULA)
    (tmp_path / "program.py").write_text(PROGRAM)
    done = shell(tmp_path, "python program.py verify one.rf")
    assert done.returncode == 0, done.stderr
    names = done.stderr.rpartition("imported: ")[2].split(",")
    assert "torch" in names
    assert "torch._dynamo" not in names
