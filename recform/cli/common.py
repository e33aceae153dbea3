"""What the commands share: reading formulas, diagnostics, writing files whole."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from recform import files
from recform.cli import answer, progress
from recform.cli.values import Command
from recform.diagnostics import (
    CompileError,
    Diagnostic,
    Diagnostics,
)
from recform.memory import Memory
from recform.settings import setting
from recform.source import MAX_FILE_BYTES, Source
from recform.target import PLAIN, Target

if TYPE_CHECKING:
    from recform.compiler import Compiled

_C = TypeVar("_C", bound=Callable[..., None])


class Dtype(StrEnum):
    """Types of numbers; `recform.costs.devices` says what they are."""

    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


class Optimizer(StrEnum):
    """What learns; `recform.costs.needs` says what it has."""

    sgd = "sgd"
    adam = "adam"


class Format(StrEnum):
    """How diagnostics are shown."""

    text = "text"
    json = "json"


File = Annotated[
    str, typer.Argument(metavar="FILE.rf", help="A formula file; - is standard input.")
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="FILE.py",
        help="Operators of your own: a file, or the name of a module.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter of the file."),
]
DiagnosticFormat = Annotated[
    Format, typer.Option("--format", help="How to show what is wrong.")
]
NetworkName = Annotated[
    str | None,
    typer.Option("--network", metavar="NAME", help="One network of several."),
]
Keeps = Annotated[
    Memory | None,
    typer.Option(
        "--memory",
        help="plain, lean, checkpoint, reversible: what is kept for the backward pass; "
        "what the file says.",
    ),
]


#: What `--plugin` named.
_PLUGINS: ContextVar[tuple[str, ...]] = ContextVar("plugins", default=())


class Commands(typer.Typer):
    """The commands; every one of them takes ``--plugin``."""

    def command(self, *names: Any, **options: Any) -> Callable[[_C], _C]:
        """Registers a command, as typer does, with one option more."""

        def add(function: _C) -> _C:
            # The list of commands shows the whole first line of each.
            first, _, _ = (function.__doc__ or "").partition("\n\n")
            told = {"cls": Command, "short_help": first, **options}
            wrapped = _wrapped(function, str(names[0]))
            super(Commands, self).command(*names, **told)(wrapped)
            return function

        return add


def _wrapped(function: Callable[..., None], name: str) -> Callable[..., None]:
    @wraps(function)
    def wrapper(*arguments: Any, plugins: list[str] | None, **options: Any) -> None:
        _PLUGINS.set(tuple(plugins or ()))
        with (
            files.kept(),
            progress.shown(f"recform {name}"),
            answer.given(name, options.get("as_json", False)),
        ):
            for plugin in plugins or ():
                files.noted(plugin)
            function(*arguments, **options)

    signature = inspect.signature(function, eval_str=True)
    option = inspect.Parameter(
        "plugins", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Plugins
    )
    parameters = [*signature.parameters.values(), option]
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {item.name: item.annotation for item in parameters}
    return wrapper


@contextmanager
def diagnosed(form: Format) -> Iterator[None]:
    """Shows a CompileError on standard error and ends with status 1."""
    try:
        yield
    except CompileError as error:
        show(error.diagnostics, form)
        raise typer.Exit(1) from None


def show(
    diagnostics: Iterable[Diagnostic], form: Format, *, always: bool = False
) -> None:
    """Shows diagnostics; as a JSON array also none, if ``always``."""
    answer.show(diagnostics, as_array=form is Format.json, always=always)


def compiled(
    file: str,
    settings: list[str] | None,
    network: str | None = None,
    target: Target = PLAIN,
) -> tuple[Compiled, ...]:
    """All networks of a file, or the one that is named.

    Raises:
        CompileError: with all that is wrong in it.
    """
    from recform.compiler import compile_source

    values = parse_settings(settings or [])
    source, folder = source_of(file)
    return compile_source(source, values, folder, plugins(), network, target)


def source_of(file: str) -> tuple[Source, Path | None]:
    """The text of a file, or of standard input, and the folder in which ``use`` looks.

    Raises:
        CompileError: if it cannot be read.
    """
    from recform.compiler import from_text, read

    if file != "-":
        return read(file)
    with suppress(OSError, ValueError):  # A stream without a file has none to keep.
        files.noted(sys.stdin.fileno(), "standard input")
    try:
        data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        report = Diagnostics()
        text = f"standard input cannot be read: {files.reason(error)}"
        report.error("RF006", text)
        raise CompileError(report) from None
    return from_text(data.decode("utf-8", "surrogateescape"), "<stdin>"), None


def plugins() -> tuple[str, ...]:
    """What ``--plugin`` named."""
    return _PLUGINS.get()


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """``["classes=100"]`` as numbers and flags.

    Raises:
        typer.BadParameter: if one is no ``name=value`` with a number, true or false.
    """
    try:
        return dict(map(setting, settings))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--set") from None


def one_of(**options: bool) -> None:
    """Refuses options that leave no room for each other.

    Args:
        options: by their names, whether each was given.

    Raises:
        typer.BadParameter: if more than one was.
    """
    given = [f"--{name}" for name, value in options.items() if value]
    if len(given) > 1:
        raise typer.BadParameter(
            f"it does not go with {given[0]}", param_hint=given[-1]
        )


#: The name of standard output, where a command takes a file.
STDOUT = Path("-")


def write_whole(path: Path | None, content: str | bytes, kind: str) -> None:
    """Writes a file in one go: it is there whole, or as it was.

    Args:
        path: where to; ``-`` or None is standard output.
        content: what is written.
        kind: the ending that names of such files have.

    Raises:
        CompileError: if it cannot be written, or is to stay as it is (RF503).
    """
    if path is not None and path != STDOUT:
        files.write_whole(path, content, kind)
        return
    with suppress(OSError, ValueError):  # likewise
        files.keep_open(sys.stdout.fileno(), "standard output")
    sys.stdout.flush()
    sys.stdout.buffer.write(content.encode() if isinstance(content, str) else content)
    sys.stdout.buffer.flush()
