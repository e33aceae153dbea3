"""``%%rf``: a cell of a notebook that is a formula."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recform.compiler import Compiled, choose, compile_source, from_text
from recform.diagnostics import CompileError
from recform.notebook import mistakes, page
from recform.render import View
from recform.settings import setting

if TYPE_CHECKING:
    from IPython.core.magic_arguments import MagicArgumentParser


class Mistaken(CompileError):
    """A cell whose formula has mistakes, which are shown above."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return ["The formula does not compile: see above."]


def _parser() -> MagicArgumentParser:
    from IPython.core.magic_arguments import MagicArgumentParser

    parser = MagicArgumentParser(
        "%%rf",
        add_help=False,
        description="Compile the formula of this cell, and show it.",
    )
    add = parser.add_argument
    add("name", nargs="?", help="The variable that gets the compiled network.")
    add("--network", metavar="NAME", help="One network of several.")
    add(
        "--view",
        choices=[view.value for view in View],
        default="step",
        help="What of it is drawn.",
    )
    add(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="Set a parameter of the formula.",
    )
    add(
        "--plugin",
        metavar="FILE.py",
        action="append",
        default=[],
        help="Operators of your own: a file, or the name of a module.",
    )
    return parser


def register(ipython: Any) -> None:
    """Gives a shell of IPython the magic ``%%rf``."""
    ipython.register_magic_function(_magic(ipython), "cell", "rf")
    first = ipython.input_transformers_cleanup
    if _without_mark not in first:
        first.insert(0, _without_mark)


def _without_mark(lines: list[str]) -> list[str]:
    """A cell without the mark of byte order in front of ``%%rf``, which would hide it."""
    if lines and lines[0].startswith("\ufeff%%rf"):
        return [lines[0][1:], *lines[1:]]
    return lines


def _magic(ipython: Any) -> Callable[[str, str], None]:
    from IPython.core.error import UsageError
    from IPython.display import display

    parser = _parser()

    def rf(line: str, cell: str) -> None:
        try:
            words = shlex.split(line, posix=False)
        except ValueError as error:
            raise UsageError(f"{line!r}: {error}") from None
        asked = parser.parse_args([_bare(word) for word in words])
        if asked.name and (not asked.name.isidentifier() or iskeyword(asked.name)):
            raise UsageError(f"{asked.name!r} cannot be the name of a variable")
        try:
            settings = dict(map(setting, asked.settings))
        except ValueError as error:
            raise UsageError(f"--set: {error}") from None
        try:
            compiled = _compiled(cell, settings, asked.network, asked.plugin)
        except CompileError as error:
            display(mistakes.bundle(error.diagnostics), raw=True)
            raise Mistaken(error.diagnostics) from None
        if asked.name:
            ipython.push({asked.name: compiled})
        display(page.bundle(compiled, asked.view), raw=True)

    rf.__doc__ = parser.format_help()
    return rf


def _bare(word: str) -> str:
    """A word without the quotes around it, which hold a name with spaces together."""
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "'\""
    return word[1:-1] if quoted else word


def _compiled(
    cell: str, settings: dict[str, Any], network: str | None, plugins: list[str]
) -> Compiled:
    """The network of a cell; other files are looked for where the notebook runs."""
    # The line of the magic counts, as it does in the notebook; a mark of byte order that was
    # copied with a file's text is none behind it.
    source = from_text("\n" + cell.removeprefix("\ufeff"), "<cell>")
    found = compile_source(source, settings, Path.cwd(), plugins, network)
    return choose(found, network)
