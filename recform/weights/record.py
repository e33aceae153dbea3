"""What a file of weights says of the formula that they are of."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

import sympy

from recform.compiler import Compiled, choose, compile_source, from_text
from recform.diagnostics import CompileError, Diagnostics, refuse
from recform.operators.plugins import Plugin
from recform.syntax.uses import Held
from recform.version import __version__
from recform.weights.normal import normal_form

#: Characters that no name of a file has: NUL, and halves of others.
_UNNAMED = re.compile("[\0\ud800-\udfff]")
#: Most bytes of a name of a file.
_LONGEST = 255
#: The sizes of an input, as settings have them.
_SIZES = re.compile(r"[0-9]{1,9}(x[0-9]{1,9}){0,3}")
_NUMBER = re.compile(
    r"[+-]?(\d{1,24}/)?(\d{1,24}(\.\d{0,24})?|\.\d{1,24})([eE][+-]?\d\d?)?"
)


@dataclass(frozen=True)
class Record:
    """The formula of a file of weights, and what else it takes to compile it.

    Attributes:
        formula: its text, as it stood in its file.
        file: the name of that file; with folders only if it uses files of others.
        used: the texts of the files that it uses, by their names.
        network: which network of the file.
        settings: the parameters that were set, as text.
        sha256: of the text; the header of a generated module has the same one.
        normal: the SHA-256 of the normal form, which knows nothing of comments, spaces
            and names.
        recform: the version that wrote the file.
    """

    formula: str
    file: str
    used: Mapping[str, str]
    network: str
    settings: Mapping[str, str]
    sha256: str
    normal: str
    recform: str


def record_of(compiled: Compiled) -> Record:
    """What a file of weights says of a compiled network.

    Raises:
        CompileError: of a network for inference (RF545): a file of weights has those that
            were trained.
    """
    if compiled.training is not None:
        refuse(
            "RF545",
            f"{compiled.name} is for inference, and a file of weights has those that were "
            "trained",
            "save the module that was trained; load_weights folds what it reads into a "
            "network for inference",
        )
    source = compiled.formula.source
    names = _relative([source.name, *(other.name for other in compiled.used)])
    # A name may have bytes that are no text.
    file, *used = (name.encode("utf-8", "replace").decode() for name in names)
    return Record(
        formula=source.text,
        file=file,
        used={n: o.text for n, o in zip(used, compiled.used, strict=True)},
        network=compiled.name,
        settings=dict(compiled.settings),
        sha256=source.digest,
        normal=normal_form(compiled.formula).digest,
        recform=__version__,
    )


def _relative(names: list[str]) -> list[str]:
    """Names of files, from the innermost folder that has them all."""
    paths = [Path(name).resolve() for name in names]
    folder = os.path.commonpath([path.parent for path in paths])
    return [path.relative_to(folder).as_posix() for path in paths]


def to_json(record: Record) -> str:
    """One line of JSON, the same for the same record."""
    return json.dumps(asdict(record), sort_keys=True, ensure_ascii=False)


def from_json(text: str) -> Record | None:
    """The record in a text; None if it is no such thing."""
    try:
        data = json.loads(text)
        values = {field.name: data[field.name] for field in fields(Record)}
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    tables = [values.pop("used"), values.pop("settings")]
    texts = [*values.values()]
    for table in tables:
        if not isinstance(table, dict):
            return None
        texts += [*table, *table.values()]
    if not all(isinstance(text, str) for text in texts):
        return None
    return Record(used=tables[0], settings=tables[1], **values)


def compile_record(
    record: Record, file: str, plugins: Iterable[Plugin] = ()
) -> Compiled:
    """The network of a record.

    Args:
        record: from a file of weights.
        file: the name of that file, for diagnostics.
        plugins: operators that the formula needs.

    Raises:
        CompileError: if it does not compile (RF704).
    """
    try:
        _check_names(record)
        held = Held(record.used, PurePosixPath(record.file).parent)
        source = from_text(record.formula, record.file)
        settings = {key: _value(key, v) for key, v in record.settings.items()}
        name = record.network
        return choose(compile_source(source, settings, held, plugins, name), name)
    except CompileError as error:
        first = error.diagnostics[0]
        refuse(
            "RF704",
            f"the formula in {file} does not compile: {first.message} ({first.code})",
            "operators of a plugin need --plugin; --from FILE.rf names the formula",
            file=file,
            notes=(f"written by recform {record.recform}, this is {__version__}",),
        )


def _check_names(record: Record) -> None:
    """Raises a CompileError unless one folder can have all of the files (RF704)."""
    report = Diagnostics()
    paths = [PurePosixPath(name) for name in (record.file, *record.used)]
    folders = {folder for path in paths for folder in path.parents}
    for path in paths:
        parts = path.parts
        if (
            path in folders
            or path.is_absolute()
            or ".." in parts
            or _UNNAMED.search(str(path))
            or any(len(part.encode()) > _LONGEST for part in parts)
        ):
            report.error("RF704", f"no file beside others is called {str(path)[:40]!a}")
    report.check()


def _value(name: str, text: str) -> Any:
    if name == "input" and _SIZES.fullmatch(text):
        return text
    if text in ("True", "False"):
        return text == "True"
    # SymPy would read any expression, and powers of ten without end.
    if _NUMBER.fullmatch(text):
        with suppress(ValueError, TypeError, ZeroDivisionError):
            return sympy.Rational(text)
    refuse("RF704", f"{text[:40]!r} is no value of a parameter")
