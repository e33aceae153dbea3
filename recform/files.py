"""Files: read safely, not written over where they were read, and written whole.

A file is known by what it is on the disk, not by its name: a link to a formula, or
another path to it, is that formula.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from recform.contents import contents_of
from recform.diagnostics import CompileError, Diagnostics, closest
from recform.seal import is_sealed
from recform.source import MAX_FILE_BYTES, Source, Span

#: An object of JSON, as a file or an answer has it.
Json: TypeAlias = dict[str, Any]

#: What makes a file the same file: its device, and its number there.
_Identity = tuple[int, int]

#: The files that were read, and by what names; None where nobody asked.
_READ: ContextVar[dict[_Identity, str] | None] = ContextVar("read", default=None)

#: What a file is by the ending of its name.
_KINDS = {
    ".rf": "formula file",
    ".py": "module",
    ".safetensors": "file of weights",
    ".csv": "table of results",
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), "file of torch.save"),
}


#: What is written under other names is a report, or a picture.
_REPORTS = (".html", ".md", ".tex", ".json")


@contextmanager
def kept() -> Iterator[None]:
    """Within this, what was read by :func:`noted` names is not written over."""
    token = _READ.set({})
    try:
        yield
    finally:
        _READ.reset(token)


def noted(file: int | Path | str, name: str | Path = "") -> None:
    """Remembers a file that is read, if it is one.

    Args:
        file: its path, or the number under which it is open.
        name: how it is called, where that is not the path.
    """
    known = _READ.get()
    found = _file(file)
    if known is not None and found is not None:
        known.setdefault(_identity(found), str(name or file))


@dataclass(frozen=True)
class Kind:
    """What sort of text a file is to hold.

    Attributes:
        words: what it is called.
        ending: that of its name.
        most: how many bytes it has at most.
    """

    words: str
    ending: str
    most: int


FORMULA = Kind("formula file", ".rf", MAX_FILE_BYTES)


def read_source(
    path: Path, report: Diagnostics, place: Span | None = None, kind: Kind = FORMULA
) -> Source | None:
    """The text of a file, or None after a diagnostic.

    Args:
        path: the file.
        report: gets RF001 to RF006, RF008 and RF009.
        place: the `use` statement that names the file, if one does.
        kind: what it is to be.
    """
    name = path.as_posix()
    try:
        # Who opens a pipe waits for somebody to write to it; the user may want to, but a
        # file from somebody else must not have us wait.
        with open(path, "rb", opener=_at_once if place else None) as stream:
            if place is not None and not stat.S_ISREG(
                os.fstat(stream.fileno()).st_mode
            ):
                report.error("RF008", f"{name} is no regular file", place, file=name)
                return None
            noted(stream.fileno(), path)
            data = stream.read(kind.most + 1)
    except FileNotFoundError:
        folder = path.parent
        names = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        guess = closest(path.name, [n for n in names if n.endswith(kind.ending)])
        hint = f"did you mean {(folder / guess).as_posix()}?" if guess else ""
        report.error("RF001", f"there is no file {name}", place, hint=hint, file=name)
        return None
    except IsADirectoryError:
        text = f"{name} is a folder, not a file"
        report.error("RF006", text, place, hint=_inside(path, kind), file=name)
        return None
    except (OSError, ValueError) as error:
        text = f"{name} cannot be read: {reason(error)}"
        report.error("RF006", text, place, file=name)
        return None
    return decode(name, data, report, place, kind)


def _inside(folder: Path, kind: Kind) -> str:
    """Where in a folder such files are, as a hint; empty if there are none."""
    found = sorted(p.as_posix() for p in folder.glob(f"*{kind.ending}") if p.is_file())
    if not found:
        return ""
    more = ", ..." if len(found) > 3 else ""
    return f"did you mean {' or '.join(found[:3])}{more}?"


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def decode(
    name: str,
    data: bytes,
    report: Diagnostics,
    place: Span | None = None,
    kind: Kind = FORMULA,
) -> Source | None:
    """The bytes of a file as a source, or None after a diagnostic."""
    found = contents_of(data[: kind.most])
    if found is not None and found.ending != kind.ending:
        report.error(
            "RF009",
            f"{name} is {found.words}, and a {kind.words} is wanted here",
            place,
            hint=found.hint,
            file=name,
        )
        return None
    if len(data) > kind.most:
        limit = f"{kind.most // 1024} KiB"
        report.error(
            "RF004",
            f"{name} is larger than {limit}: this is not a {kind.words}",
            place,
            file=name,
        )
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        report.error(
            "RF002",
            f"{name} is not UTF-8 text (byte {error.start}, line {line})",
            place,
            hint="save the file as UTF-8",
            file=name,
        )
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Source(name, text)


#: What is done about a place where nothing can be written.
_ELSEWHERE = "choose a place that you may write to, and that has room"


def write_whole(
    path: Path,
    content: str | bytes,
    kind: str,
    keep: Iterable[str | Path] = (),
    *,
    guarded: bool = False,
) -> None:
    """Writes a file in one go: it is there whole, or as it was.

    Args:
        path: where to; a link stays a link, and what is no file (a terminal, a pipe) is
            written to.
        content: what the file will hold.
        kind: the ending that names of such files have, such as ``.py``.
        keep: files that are not written over, besides those that were noted.
        guarded: whether what stands there is kept, unless it is as recform wrote it.

    Raises:
        CompileError: if it cannot be written, is one of the files that are read, is
            something else by its name, or has a text that somebody changed (RF503).
    """
    name = path.as_posix()
    temporary = ""
    try:
        if guarded:
            spare(path, kind, keep)
        else:
            _refuse(path, kind, keep)
        target = _replaced(path)
        data = content.encode() if isinstance(content, str) else content
        if target is None:
            path.write_bytes(data)
            return
        mode = target.stat().st_mode & 0o777 if target.exists() else _default_mode()
        handle, temporary = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name[:40]}."
        )
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except (OSError, ValueError, RuntimeError) as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        missing = not path.parent.is_dir()
        hint = f"make the folder {path.parent} first" if missing else _ELSEWHERE
        _fail(name, f"{name} cannot be written: {reason(error)}", hint)


def rewrite(path: Path, text: str) -> None:
    """Writes a formula file anew, which was read and is meant to be written over.

    Args:
        path: the file; it keeps its newlines.
        text: what it will hold.

    Raises:
        CompileError: if it cannot be written (RF503).
    """
    with suppress(OSError), open(path, "rb") as stream:
        if b"\r\n" in stream.read(MAX_FILE_BYTES):
            text = text.replace("\n", "\r\n")
    token = _READ.set({})
    try:
        write_whole(path, text, FORMULA.ending)
    finally:
        _READ.reset(token)


def _refuse(path: Path, kind: str, keep: Iterable[str | Path]) -> None:
    """Raises a CompileError if the file is to stay as it is."""
    name = path.as_posix()
    _keep(path, name, keep)
    mine = _KINDS.get(kind, "report" if kind in _REPORTS else "picture")
    for each in (path, path.resolve()):
        other = _KINDS.get(each.suffix, mine)
        if other != mine:
            which = name if each is path else f"{name} leads to {each.name}, which"
            _fail(
                name,
                f"{which} would be a {other} by its name, and this is a {mine}",
                hint=f"write to {each.with_suffix(kind).name}",
            )


def spare(path: Path, kind: str, keep: Iterable[str | Path] = ()) -> None:
    """Raises a CompileError if a file is to stay, or has work of somebody's in it (RF503).

    Args:
        path: of the file.
        kind: the ending that names of such files have.
        keep: files that are not written over, besides those that were noted.
    """
    _refuse(path, kind, keep)
    name = path.as_posix()
    try:
        found = path.read_text("utf-8-sig", "replace") if path.is_file() else ""
    except (OSError, ValueError) as error:
        _fail(name, f"{name} cannot be read, nor written over: {reason(error)}")
    if found.strip() and not is_sealed(found, kind):
        _fail(
            name,
            f"{name} is not as recform wrote it, and would be written over",
            hint="write to another file, or take this one away first",
        )


def keep_open(number: int, name: str) -> None:
    """Raises a CompileError if an open file is one of those that were read (RF503)."""
    _keep(number, name, ())


def _keep(file: int | Path, name: str, keep: Iterable[str | Path]) -> None:
    found = _file(file)
    if found is None:
        return
    known = dict(_READ.get() or {})
    for other in keep:
        if (held := _file(other)) is not None:
            known.setdefault(_identity(held), str(other))
    source = known.get(_identity(found))
    if source is not None:
        which = name if source == name else f"{name} is {source}, which"
        _fail(
            name,
            f"{which} is read here, and would be written over",
            hint="write to another file",
        )


def reason(error: Exception) -> str:
    """Why something cannot be read or written, in a few words."""
    if isinstance(error, OSError):
        closed = error.errno == errno.EBADF
        return "it is closed" if closed else error.strerror or str(error)
    return str(error)


def _fail(file: str, message: str, hint: str = "") -> NoReturn:
    report = Diagnostics()
    report.error("RF503", message, hint=hint, file=file)
    raise CompileError(report) from None


def _file(file: int | Path | str) -> os.stat_result | None:
    """What is known of a regular file; None if there is none."""
    with suppress(OSError, ValueError):
        found = os.stat(file)
        if stat.S_ISREG(found.st_mode):
            return found
    return None


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino


def _replaced(path: Path) -> Path | None:
    """The file in whose place a new one comes; None where that is not possible."""
    real = path.resolve() if path.is_symlink() else path
    if not path.exists():
        return real
    # A pipe has no name, and an open file may have lost its own: /dev/fd/3.
    same = real.exists() and path.samefile(real)
    return real if same and (real.is_file() or real.is_dir()) else None


def _default_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
