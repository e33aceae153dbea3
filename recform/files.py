"""Files that are written whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from recform.diagnostics import CompileError, Diagnostics


def write_whole(path: Path, content: str | bytes) -> None:
    """Writes a file in one go: it is there whole, or as it was.

    Raises:
        CompileError: if it cannot be written (RF503).
    """
    temporary = ""
    try:
        # A link stays a link; what is no file (a terminal, a pipe) is written to.
        path = path.resolve() if path.is_symlink() else path
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            return
        mode = path.stat().st_mode & 0o777 if path.exists() else _default_mode()
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name[:40]}."
        )
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        report = Diagnostics()
        report.error(
            "RF503",
            f"{path.as_posix()} cannot be written: {error.strerror}",
            file=path.as_posix(),
        )
        raise CompileError(report) from None


def _default_mode() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
