"""Files that commands write: never over what they read, and whole or not at all."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

import recform
from recform.cli.app import app
from recform.diagnostics import CompileError
from recform.files import write_whole
from tests.thinned import thinned
from tests.warm import shell

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]

#: A server writes when it is asked.
WRITING = [name for name in COMMANDS if name not in ("lsp", "playground")]

#: What the arguments of a command hold, where an ordinary formula would not do.
_NET = 'use "part.rf"\nstages 4 x 2\nX_i = X_<i-1> + W_i*X_<i-1>\n'
_TEXTS = {
    ("derive", "file"): 'use "part.rf"\ndX_L/dX_<L-i> = 1 + W_<L-i+1>\n',
    ("equiv", "other"): _NET.replace("+", "-"),
}
_PLUGIN = """
from recform.blocks import Emitted, Operator
from tests.thinned import thinned

class Twice(Operator):
    name = "twice"
    about = "doubles"

    def emit(self, x, a):
        return Emitted("{x} + {x}")
"""


def outputs() -> Iterator[tuple[str, Any]]:
    """Every command with an option that names a file to write."""
    for name, command in COMMANDS.items():
        for option in command.params:
            if "--output" in option.opts:
                yield name, option


def inputs(name: str) -> list[Any]:
    """The arguments and options of a command that name a file to read."""
    return [
        item
        for item in COMMANDS[name].params
        if re.search(r"\.(rf|py|safetensors)", item.metavar or "")
        and "--output" not in item.opts
    ]


def prepared(
    name: str, folder: Path, *, options: bool = True
) -> tuple[list[str], dict[str, Path]]:
    """The arguments of a call that works, and the files that it reads."""
    given: list[str] = []
    sources = {"used": folder / "part.rf"}
    sources["used"].write_text("W = conv(3, c, stride=s) > bn\n")
    if name == "explain":
        return ["RF204"], {}
    if name == "runs":
        return ["list", "--runs", str(folder)], {}
    if name == "compare":
        table = folder / "results.csv"
        table.write_text("model,0,1\nA,93.5,93.4\nB,94.1,94.0\n")
        return ["--results", str(table)], {"results": table}
    for item in inputs(name):
        if item.param_type_name != "argument" and not options:
            continue
        found = re.search(r"\.(rf|py|safetensors)", item.metavar)
        assert found is not None
        ending = found.group(1)
        path = folder / f"{item.name}.{ending}"
        if ending == "rf":
            path.write_text(_TEXTS.get((name, item.name), _NET))
        elif ending == "py":
            path.write_text(_PLUGIN)
        else:
            (folder / "its.rf").write_text(_NET)
            network = recform.compile(folder / "its.rf")
            recform.save_weights(network.module(), network, path)
        sources[item.name] = path
        given += [] if item.param_type_name == "argument" else [item.opts[0]]
        given.append(str(path))
    if name == "train":
        given += ["--override", "epochs=1", "--override", "warmup=0", "--device", "cpu"]
        given += ["--runs", str(folder / "runs")]
    return given, sources


def ending(option: Any) -> str:
    found = re.search(r"OUT(\.\w+)", f"{option.metavar} {option.help}")
    assert found is not None
    return found.group(1)


def symbolic(source: Path, place: Path) -> Path:
    place.symlink_to(source)
    return place


def chained(source: Path, place: Path) -> Path:
    between = place.with_suffix(".link")
    between.symlink_to(source)
    place.symlink_to(between.name)
    return place


def hard(source: Path, place: Path) -> Path:
    os.link(source, place)
    return place


def around(source: Path, place: Path) -> Path:
    place.mkdir()
    return place / ".." / source.name


def opened(source: Path, place: Path) -> Path:
    return Path(f"/dev/fd/{os.open(source, os.O_RDWR)}")


#: Commands that import torch, or draw a plot, before they know what they write.
SLOW = ("analyze", "compare", "transplant")
LINKS: list[Callable[[Path, Path], Path]] = [symbolic, chained, hard, around, opened]


@pytest.mark.parametrize(
    ("name", "option"),
    [
        pytest.param(
            *case, marks=pytest.mark.slow if case[0] in SLOW else [], id=case[0]
        )
        for case in outputs()
    ],
)
def test_no_command_writes_over_what_it_reads(
    name: str, option: Any, tmp_path: Path
) -> None:
    given, sources = prepared(name, tmp_path)
    before = {key: path.read_bytes() for key, path in sources.items()}
    out = tmp_path / f"out{ending(option)}"
    result = CliRunner().invoke(app, [name, *given, "-o", str(out)])
    assert out.exists(), result.stderr
    for turn, (key, source) in enumerate(sources.items()):
        # One of its files by every kind of link, the others by one.
        for number, link in enumerate(LINKS[:1] if turn else LINKS):
            place = link(source, tmp_path / f"{key}{number}{ending(option)}")
            result = CliRunner().invoke(app, [name, *given, "-o", str(place)])
            said = f"{key} by {link.__name__}: {result.stderr}"
            # The form of pictures and reports is their name's; that of a source is none.
            if place.suffix == ending(option) or ending(option) not in (
                ".svg",
                ".html",
            ):
                assert result.exit_code == 1 and "RF503" in result.stderr, said
                assert "is read here, and would be written over" in said
            assert result.exit_code in (1, 2), said
            assert {k: p.read_bytes() for k, p in sources.items()} == before, said
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert not left


def test_all_commands_that_write_are_there() -> None:
    found = [name for name, _ in outputs()]
    assert {
        "compile",
        "compare",
        "render",
        "analyze",
        "derive",
        "equiv",
        "transplant",
    } <= {*found}


def test_what_is_something_else_by_its_name_stays(tmp_path: Path) -> None:
    """A link that leads to a formula which the command does not read."""
    (tmp_path / "net.rf").write_text("X_i = X_<i-1> + W_i*X_<i-1>\n")
    other = tmp_path / "other.rf"
    other.write_text("precious")
    (tmp_path / "out.py").symlink_to("other.rf")
    result = CliRunner().invoke(
        app, ["compile", str(tmp_path / "net.rf"), "-o", str(tmp_path / "out.py")]
    )
    assert result.exit_code == 1
    assert "leads to other.rf, which would be a formula file" in result.stderr
    assert other.read_text() == "precious"


def test_weights_are_not_written_over_their_formula(tmp_path: Path) -> None:
    net, link = tmp_path / "net.rf", tmp_path / "net.safetensors"
    net.write_text("stages 4 x 2\nX_i = W_i*X_<i-1>\n")
    os.link(net, link)
    compiled = recform.compile(net)
    for formula in (net, compiled):
        with pytest.raises(CompileError, match="RF503"):
            recform.save_weights(compiled.module(), formula, link)
    assert net.read_text().startswith("stages")


def test_an_open_file_that_has_lost_its_name_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "out.py"
    number = os.open(path, os.O_RDWR | os.O_CREAT)
    path.unlink()
    write_whole(Path(f"/dev/fd/{number}"), "text", ".py")
    assert os.pread(number, 10, 0) == b"text"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a\0b.py", "\ud800.py", "x" * 300 + ".py", ""])
def test_names_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="RF503"):
        write_whole(Path(f"{tmp_path}/{name}"), "text", ".py")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------- the streams


def told(result: subprocess.CompletedProcess[str], reason: str) -> bool:
    line = f"error[RF503]: standard output cannot be written: {reason}\n"
    return result.returncode == 1 and result.stderr.startswith(line)


@pytest.mark.slow
@pytest.mark.parametrize("name", thinned(WRITING, 6))
def test_standard_output_that_is_full(name: str, tmp_path: Path) -> None:
    given, _ = prepared(name, tmp_path, options=False)
    result = shell(tmp_path, f"recform {name} {' '.join(given)} > /dev/full")
    assert told(result, "No space left on device"), result.stderr


def test_standard_output_that_nobody_reads(tmp_path: Path) -> None:
    given, _ = prepared("check", tmp_path, options=False)
    command = f"recform check {given[0]}"
    assert told(shell(tmp_path, f"{command} >&-"), "it is closed")
    assert told(
        shell(tmp_path, "recform --version > /dev/full"), "No space left on device"
    )


@pytest.mark.parametrize("name", [*thinned(WRITING, 6), "--help", "nonsense"])
def test_a_broken_pipe_ends_every_command_alike(name: str, tmp_path: Path) -> None:
    given, _ = prepared(name, tmp_path, options=False) if name in COMMANDS else ([], {})
    # The reader is gone before the command starts.
    pipe = "exec 3> >(true); wait $!"
    for stream in (">&3", ">&3 2>&3"):
        command = f"recform {name} {' '.join(given)} {stream}"
        result = shell(tmp_path, f"{pipe}; {command}")
        if name == "nonsense" and stream == ">&3":
            assert result.returncode == 2
        else:
            assert (result.returncode, result.stderr) == (141, "")


def test_streams_that_are_closed(tmp_path: Path) -> None:
    (tmp_path / "net.rf").write_text("X_i = X_<i-1> + W_i*X_<i-1>\n")
    result = shell(tmp_path, "recform check - <&-")
    assert (result.returncode, result.stderr) == (
        1,
        "error[RF006]: standard input cannot be read: it is closed\n",
    )
    result = shell(tmp_path, "recform lsp <&-")
    assert result.returncode == 1 and "standard input cannot be read" in result.stderr
    # What needs no stream works without, and numbers of streams are not files'.
    result = shell(tmp_path, "recform compile net.rf -o net.py <&- >&- 2>&-")
    assert result.returncode == 0
    assert "class Net(" in (tmp_path / "net.py").read_text()
    assert shell(tmp_path, "recform check none.rf 2>&-").returncode == 1
    result = shell(tmp_path, "recform compile net.rf >> net.rf")
    assert result.returncode == 1 and "standard output is net.rf" in result.stderr
    result = shell(tmp_path, "recform compile - -o net.rf < net.rf")
    assert result.returncode == 1 and "RF503" in result.stderr
    assert (tmp_path / "net.rf").read_text().startswith("X_i")


def test_a_formula_that_was_not_derived_stays(tmp_path: Path) -> None:
    """What `derive` writes is a formula file, as those of the user are."""
    given, mine, made = (tmp_path / f"{name}.rf" for name in ("given", "mine", "made"))
    given.write_text("stages 8 x 4\npaths skip* pass*\n")
    mine.write_text("# of my own\nX_i = X_<i-1>\n")
    link = tmp_path / "link.rf"
    link.symlink_to(mine)
    for path in (mine, link):
        result = CliRunner().invoke(app, ["derive", str(given), "-o", str(path)])
        assert result.exit_code == 1
        assert "RF503" in result.stderr
        assert mine.read_text() == "# of my own\nX_i = X_<i-1>\n"
    made.write_text("\n")
    for _ in range(2):  # what it has written itself it writes anew
        result = CliRunner().invoke(app, ["derive", str(given), "-o", str(made)])
        assert result.exit_code == 0, result.stderr
        assert "X_i = " in made.read_text()
        made.write_text(f"{made.read_text()}\n")  # and so if it is laid out otherwise
    changed = made.read_text().replace("(1 + W_i)", "(1 + 2*W_i)")
    made.write_text(changed)
    result = CliRunner().invoke(app, ["derive", str(given), "-o", str(made)])
    assert result.exit_code == 1 and "is not as recform wrote it" in result.stderr
    assert made.read_text() == changed


@pytest.mark.parametrize(
    ("command", "out", "change"),
    [
        ("compile", "net.py", ("stride=stride", "stride=1")),
        ("compile", "net.py", ("        return", "      return")),
        ("equiv", "shown.py", ("SIZE = 1", "SIZE = 2")),
        ("compare", "table.md", ("93", "94")),
        ("compare", "table.tex", ("93", "94")),
        ("render", "step.dot", ("digraph", "strict digraph")),
        ("render", "step.mmd", ("graph", "%% mine\ngraph")),
        ("render --to tikz", "step.tex", ("\\begin", "% mine\n\\begin")),
    ],
)
def test_what_somebody_changed_stays(
    command: str, out: str, change: tuple[str, str], tmp_path: Path
) -> None:
    """A text says of itself who has made it, and may have their work in it."""
    name, *options = command.split()
    given, _ = prepared(name, tmp_path, options=False)
    made = tmp_path / out
    line = [name, *given, *options, "-o", str(made)]
    for ends in (b"\r\n", b"\n"):  # as git may check it out
        result = CliRunner().invoke(app, line)
        assert "RF503" not in result.stderr
        written = made.read_bytes()
        made.write_bytes(written.replace(b"\n", ends))
    changed = made.read_text().replace(*change)
    assert changed != made.read_text()
    made.write_text(changed)
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 1 and "is not as recform wrote it" in result.stderr
    assert made.read_text() == changed
    made.unlink()  # the hint followed
    CliRunner().invoke(app, line)
    assert made.read_bytes() == written


@pytest.mark.parametrize(
    "name", [n for n in COMMANDS if any("--set" in p.opts for p in COMMANDS[n].params)]
)
def test_a_parameter_is_set_once(name: str, tmp_path: Path) -> None:
    """The last of two values was taken, and nobody was told."""
    (tmp_path / "net.rf").write_text(f"param k = 2\n{_NET.replace('4', 'k', 1)}")
    files = [
        str(tmp_path / "net.rf")
        for item in COMMANDS[name].params
        if item.param_type_name == "argument"
    ]
    twice = ["--set", "k=3", "--set", "k=4"]
    result = CliRunner().invoke(app, [name, *files, *twice])
    assert result.exit_code == 2
    assert "k is set twice" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--network B",
        "--network B --timm",
        "--network A --set width=8 --for inference",
        "--set width=8 --memory lean",
    ],
)
def test_the_command_in_a_file_makes_it_again(options: str, tmp_path: Path) -> None:
    file, out = tmp_path / "two.rf", tmp_path / "two.py"
    file.write_text(
        "param width = 4\ninput 3 x 8 x 8\nstages width x 2\n"
        "network A\nX_i = X_<i-1> + W_i*X_<i-1>\n"
        "network B\nX_i = W_i*X_<i-1> + X_<i-2>\n"
    )
    run = CliRunner()
    given = ["compile", str(file), "-o", str(out), *options.split()]
    assert run.invoke(app, given).exit_code == 0
    (line,) = re.findall(r"^command: recform (.*)$", out.read_text(), re.M)
    again = line.replace("two.", f"{tmp_path}/two.").split()
    assert again[:4] == given[:4]
    assert run.invoke(app, [*again, "--check"]).exit_code == 0
