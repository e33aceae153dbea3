"""What a command answers: diagnostics and a result, as text or as one JSON object.

The object is the same for every command, and for every way to fail: ``docs/json.md`` and
``answer.schema.json`` beside this file describe it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from recform.cli import progress
from recform.diagnostics import (
    CompileError,
    Diagnostic,
    as_dict,
    render_json,
    render_text,
)
from recform.files import Json
from recform.version import __version__

#: The version of the object's form: another number if a program has to be changed.
SCHEMA = 1

AsJson = Annotated[
    bool,
    typer.Option("--json", help="Answer with one JSON object, errors too."),
]


@dataclass
class _Answer:
    """What is known of an answer while the command runs.

    Attributes:
        command: its name.
        wanted: whether it is one JSON object.
        as_array: whether diagnostics are one, where they go to standard error.
    """

    command: str
    wanted: bool
    as_array: bool
    diagnostics: list[Diagnostic] = field(default_factory=list)
    result: Any = None


#: The answer of the command that runs.
_CURRENT: ContextVar[_Answer | None] = ContextVar("answer", default=None)


@contextmanager
def given(command: str, as_json: bool | None, as_array: bool) -> Iterator[None]:
    """Around a command: its mistakes are told, and its answer is written.

    Args:
        command: its name.
        as_json: whether all that is shown and found goes into one object.
        as_array: whether diagnostics are JSON, where they go to standard error.

    Raises:
        typer.Exit: with status 1, for a CompileError.
    """
    answer = _Answer(command, bool(as_json), as_array)
    token = _CURRENT.set(answer)
    status = 0
    try:
        # What modules and operators of the user's print is no part of the answer.
        with redirect_stdout(sys.stderr) if as_json else nullcontext():
            try:
                yield
            except CompileError as error:
                show(error.diagnostics)
                raise typer.Exit(1) from None
    except typer.Exit as end:
        status = end.exit_code
        raise
    except BaseException:
        status = -1  # what raised it is told by who catches it
        raise
    finally:
        _CURRENT.reset(token)
        if as_json and status >= 0:
            write(command, status, answer.diagnostics, answer.result)


def write(
    command: str, status: int, diagnostics: Iterable[Diagnostic], result: Any = None
) -> None:
    """Writes the object to standard output.

    Args:
        command: its name; empty if none was named.
        status: the exit status.
        diagnostics: errors and warnings.
        result: what was asked for, of JSON's types; None if there is none.
    """
    progress.stop()
    # Numbers of paths have any number of digits.
    sys.set_int_max_str_digits(0)
    made = {
        "schema": SCHEMA,
        "command": command,
        "recform": __version__,
        "ok": status == 0,
        "status": status,
        "diagnostics": [as_dict(item) for item in dict.fromkeys(diagnostics)],
        "result": _finite(result),
    }
    sys.stdout.write(json.dumps(made, indent=2, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    """The same without numbers that JSON cannot write: null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def result(value: Any) -> None:
    """Gives the answer its result: of one network, or a list of those of several."""
    answer = _CURRENT.get()
    if answer is not None:
        answer.result = value


def networks(values: list[Json]) -> None:
    """Gives the answer the result of a file: of its network, or a list of several."""
    result(values[0] if len(values) == 1 else values)


def is_read() -> bool:
    """Whether it is a person who reads the answer, and no program."""
    answer = _CURRENT.get()
    return answer is None or not (answer.wanted or answer.as_array)


def show(diagnostics: Iterable[Diagnostic], *, always: bool = False) -> None:
    """Shows diagnostics: in the answer, or on standard error.

    Args:
        diagnostics: errors and warnings.
        always: an array, too, if there are none.
    """
    items = list(dict.fromkeys(diagnostics))
    answer = _CURRENT.get()
    as_array = answer is not None and answer.as_array
    if answer is not None and answer.wanted:
        answer.diagnostics += items
    elif items or (always and as_array):
        progress.stop()
        sys.stderr.write(render_json(items) if as_array else render_text(items))
