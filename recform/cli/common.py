"""What the commands share: reading formulas, diagnostics, writing files whole."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from recform import files
from recform.cli import answer, progress
from recform.cli.values import Command
from recform.diagnostics import refuse
from recform.memory import MOST_EXAMPLES, Memory
from recform.seal import sealed
from recform.settings import setting
from recform.source import MAX_FILE_BYTES, Source
from recform.target import PLAIN, Target

if TYPE_CHECKING:
    from recform.compiler import Compiled

_T = TypeVar("_T")


class Dtype(StrEnum):
    """Types of numbers; `recform.costs.devices` says what they are."""

    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


class ForDevice(StrEnum):
    """Whose times a plan is made for, of :mod:`recform.costs.devices`."""

    h100 = "h100"
    a100 = "a100"
    rtx4090 = "rtx4090"
    laptop = "laptop"


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
OtherName = Annotated[
    str | None,
    typer.Option("--other", metavar="NAME", help="The network of OTHER.rf."),
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


class Commands(Mapping[str, Any]):
    """The commands by their names: nobody waits for those that are not asked for.

    Each takes ``--plugin``, but for one that has an option of its own for it, and those that
    answer with ``--json`` take ``--format``. A parameter whose type is a dataclass is a group
    of options: its fields. A CompileError is shown, and ends a command with status 1.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._made: dict[str, Any] = dict.fromkeys(names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def __getitem__(self, name: str) -> Any:
        """A command, as typer makes it of the function ``command`` of its file."""
        if self._made[name] is None:
            function = import_module(f"recform.cli.commands.{name}").command
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            # The list of commands shows the whole first line of each.
            first, _, _ = (function.__doc__ or "").partition("\n\n")
            add = alone.command(name, cls=Command, short_help=first)
            add(_wrapped(function, name))
            self._made[name] = typer.main.get_command(alone)
        return self._made[name]


def _wrapped(function: Callable[..., None], name: str) -> Callable[..., None]:
    signature = inspect.signature(function, eval_str=True)
    groups: dict[str, type[Any]] = {
        item.name: item.annotation
        for item in signature.parameters.values()
        if isinstance(item.annotation, type) and is_dataclass(item.annotation)
    }

    own = "plugins" in signature.parameters

    @wraps(function)
    def wrapper(*, told_as: Format = Format.text, **options: Any) -> None:
        plugins = (options.get if own else options.pop)("plugins", None)
        given = {
            group: cls(**{item.name: options.pop(item.name) for item in fields(cls)})
            for group, cls in groups.items()
        }
        with (
            _naming(plugins or ()),
            files.kept(),
            progress.shown(f"recform {name}"),
            answer.given(name, options.get("as_json"), told_as is Format.json),
        ):
            for plugin in plugins or ():
                files.noted(plugin)
            try:
                function(**given, **options)
            except Exception as error:
                from recform.modules import blame_plugins
                from recform.operators.plugins import installed

                if plugins or any(classes for _, classes, _ in installed()):
                    blame_plugins(error)
                raise

    parameters = [*_parameters(signature)]
    if "as_json" in signature.parameters:
        parameters.append(_option("told_as", DiagnosticFormat, Format.text))
    if not own:
        parameters.append(_option("plugins", Plugins, None))
    wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {item.name: item.annotation for item in parameters}
    return wrapper


@contextmanager
def _naming(plugins: Iterable[str]) -> Iterator[None]:
    """Around a command that has these; whoever calls the next one here has others."""
    token = _PLUGINS.set(tuple(plugins))
    try:
        yield
    finally:
        _PLUGINS.reset(token)


def _parameters(signature: inspect.Signature) -> Iterator[inspect.Parameter]:
    """Those of a command; in the place of a group of options, its fields."""
    for item in signature.parameters.values():
        if not is_dataclass(item.annotation):
            yield item.replace(kind=item.KEYWORD_ONLY)
            continue
        kinds = get_type_hints(item.annotation, include_extras=True)
        for field in fields(item.annotation):
            left_out = field.default is MISSING
            default = item.empty if left_out else field.default
            yield _option(field.name, kinds[field.name], default)


def _option(name: str, annotation: Any, default: object) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


@dataclass(frozen=True)
class Chosen:
    """A formula file, and which of its networks."""

    file: File
    settings: Settings = None
    network: NetworkName = None

    def compiled(self, target: Target = PLAIN) -> tuple[Compiled, ...]:
        """All networks of the file, or the one that is named.

        Raises:
            CompileError: with all that is wrong in it.
        """
        return compiled(self.file, self.settings, self.network, target)

    def one(self) -> Compiled:
        """The only network of the file, or the one that is named.

        Raises:
            CompileError: with all that is wrong in it; without a name, if it has several.
        """
        return one(self.file, self.settings, self.network)


@dataclass(frozen=True)
class Both:
    """Two formula files, and which network of each."""

    file: File
    other: Annotated[
        str, typer.Argument(metavar="OTHER.rf", help="The formula to compare with.")
    ]
    settings: Settings = None
    network: NetworkName = None
    other_network: OtherName = None

    def compiled(self) -> tuple[Compiled, Compiled]:
        """The two networks; warnings are shown.

        Raises:
            CompileError: with all that is wrong in one of them.
        """
        first = one(self.file, self.settings, self.network)
        second = one(self.other, self.settings, self.other_network)
        answer.show([*first.warnings, *second.warnings])
        return first, second


@dataclass(frozen=True)
class Trained:
    """How a network is trained that has to fit into a memory."""

    memory_budget: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="The most that training may hold, 6GiB or 50% of what is kept; each part "
            "keeps what leaves it fastest.",
        ),
    ] = None
    batch: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_EXAMPLES, help="In training: examples at once; 1."
        ),
    ] = None
    dtype: Annotated[
        Dtype | None, typer.Option(help="In training: the type of all numbers; fp32.")
    ] = None
    optimizer: Annotated[
        Optimizer | None,
        typer.Option(help="In training: SGD with momentum, or Adam; sgd."),
    ] = None
    for_device: Annotated[
        ForDevice | None,
        typer.Option(
            help="In training: whose memory it is, a CPU's; of a budget: on what it is to "
            "be fastest, h100."
        ),
    ] = None

    @property
    def setting(self) -> dict[str, Any]:
        """What is said of how, without a budget."""
        said = asdict(self)
        del said["memory_budget"]
        return {name: value for name, value in said.items() if value is not None}


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


def one(file: str, settings: list[str] | None, network: str | None) -> Compiled:
    """The only network of a file, or the one that is named.

    Raises:
        CompileError: with all that is wrong in it; without a name, if it has several.
    """
    from recform.compiler import choose

    return choose(compiled(file, settings, network), network)


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
        refuse("RF006", f"standard input cannot be read: {files.reason(error)}")
    return from_text(data.decode("utf-8", "surrogateescape"), "<stdin>"), None


def plugins() -> tuple[str, ...]:
    """What ``--plugin`` named."""
    return _PLUGINS.get()


def apart(items: Iterable[_T]) -> Iterator[_T]:
    """What is printed one after the other, with an empty line in between."""
    for number, item in enumerate(items):
        if number:
            typer.echo()
        yield item


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """``["classes=100"]`` as numbers and flags.

    Raises:
        typer.BadParameter: if one is no ``name=value`` with a number, true or false, or
            two have one name.
    """
    values: dict[str, Any] = {}
    try:
        for name, value in map(setting, settings):
            if name in values:
                raise ValueError(f"{name} is set twice")
            values[name] = value
        return values
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--set") from None


def option(name: str) -> str:
    """An option as it is written, of the name of its variable."""
    return f"--{name.replace('_', '-')}"


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


def write_whole(
    path: Path | None, content: str | bytes, kind: str, *, guarded: bool = False
) -> None:
    """Writes a file in one go: it is there whole, or as it was.

    Args:
        path: where to; ``-`` or None is standard output.
        content: what is written.
        kind: the ending that names of such files have.
        guarded: whether what stands there is kept, unless it is as recform wrote it.

    Raises:
        CompileError: if it cannot be written, or is to stay as it is (RF503).
    """
    if path is not None and path != STDOUT:
        files.write_whole(path, content, kind, guarded=guarded)
        return
    with suppress(OSError, ValueError):  # likewise
        files.keep_open(sys.stdout.fileno(), "standard output")
    sys.stdout.flush()
    sys.stdout.buffer.write(content.encode() if isinstance(content, str) else content)
    sys.stdout.buffer.flush()


def write_sealed(path: Path | None, text: str, kind: str) -> None:
    """Writes a text that people may change, over its own earlier one if nobody has.

    Args:
        path: where to; ``-`` is standard output, and so is None, for the text alone.
        text: what is written.
        kind: the ending that names of such files have.

    Raises:
        CompileError: if it cannot be written, or is to stay as it is (RF503).
    """
    whole = text if path is None else sealed(text, kind)
    write_whole(path, whole, kind, guarded=True)
