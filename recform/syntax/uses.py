"""Where `use` finds the files of others: in a folder, or among texts that are held."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeAlias


@dataclass(frozen=True)
class Held:
    """Files that came with a formula, and are on no disk.

    Attributes:
        texts: by their names, from one folder on.
        place: the folder there in which `use` looks.
    """

    texts: Mapping[str, str]
    place: PurePosixPath

    def find(self, name: str) -> PurePosixPath:
        """The name of a file, without the ways around."""
        return PurePosixPath(posixpath.normpath(self.place / name))

    def text(self, path: PurePath) -> str | None:
        """The text of a file; None if there is none."""
        found = {PurePosixPath(posixpath.normpath(n)): t for n, t in self.texts.items()}
        return found.get(PurePosixPath(path))

    def beside(self, path: PurePath) -> Held:
        """The same files, seen from the folder of one of them."""
        return Held(self.texts, PurePosixPath(path).parent)


#: Where `use` looks; without one, `use` is an error.
Folder: TypeAlias = Path | Held | None


def is_formula(path: PurePath) -> bool:
    """Whether a file is a formula by its name; a link is what it leads to."""
    with suppress(OSError, ValueError, RuntimeError):
        real = path.resolve() if isinstance(path, Path) else path
        return path.suffix == real.suffix == ".rf"
    return True  # reading it says what is wrong
