"""The modules that recform has in a page, in one archive: its own and its packages'."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from recform.diagnostics import refuse
from recform.syntax.grammar import grammar_path

#: What is imported there; pure Python, so that it is the same on all machines.
PACKAGES = ("graphviz", "mpmath", "pygments", "rich", "sympy")
_KEPT = re.compile(r"\.(py|lark|json)$")
#: Parts that nothing imports; SymPy imports the oddest of its own.
_UNUSED = re.compile(
    r"(^|/)(tests|benchmarks|__pycache__)/|^recform/playground/page/"
    r"|^pygments/(lexers|styles)/(?!__init__|_mapping|default|python)"
)


def packed(level: int = 0) -> bytes:
    """An archive (zip) of the modules of the Python that runs; the same for the same modules.

    Args:
        level: how hard it is pressed, up to 9; 0 for a browser on the same machine.

    Raises:
        CompileError: if a package is missing (RF548).
    """
    archive = BytesIO()
    kind = ZIP_DEFLATED if level else ZIP_STORED
    with ZipFile(archive, "w") as made:
        for name, path in _files():
            # Without the time of the file.
            made.writestr(ZipInfo(name), path.read_bytes(), kind, level)
    return archive.getvalue()


def _files() -> Iterator[tuple[str, Path]]:
    folders = [(name, _folder(name)) for name in (*PACKAGES, "recform")]
    # An installed recform has them inside; no file comes twice.
    grammars = grammar_path().parent
    if not grammars.is_relative_to(folders[-1][1]):
        folders.append(("recform/grammars", grammars))
    for start, folder in folders:
        for path in sorted(folder.rglob("*")):
            name = f"{start}/{path.relative_to(folder).as_posix()}"
            if _KEPT.search(name) and not _UNUSED.search(name) and path.is_file():
                yield name, path


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        refuse("RF548", f"the package {package} is missing", f"pip install {package}")
    return Path(spec.submodule_search_locations[0])


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(packed(level=9))
