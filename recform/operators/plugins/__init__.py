"""Operators of the user's own: from installed packages, and from files that are named.

A plugin is a Python file or module; every class in it that derives from Operator is an
operator. Installed packages name theirs in the entry point group ``recform.operators``.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout, suppress
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from recform.arguments import shown
from recform.blocks.library import Library, operators_in
from recform.blocks.operator import Misfit, Operator
from recform.diagnostics import Diagnostics
from recform.files import noted
from recform.modules import raised
from recform.operators import standard
from recform.operators.plugins.declared import faults
from recform.operators.plugins.guard import guarded, tried

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

_T = TypeVar("_T")
GROUP = "recform.operators"
#: A file (``operators.py``), the name of a module, a module, or an operator itself.
Plugin: TypeAlias = str | Path | ModuleType | type[Operator]


#: What is to be done about an installed package; nobody asked for it by name.
_MEND = "mend the package or uninstall it; files that do not use it compile"


class _Failure(Exception):
    """A plugin cannot be imported; the text says why."""


def load(plugins: Iterable[Plugin], report: Diagnostics) -> Library:
    """The operators of recform, of installed packages, and of the plugins that are named.

    Args:
        plugins: in the order in which they were named.
        report: gets RF511 to RF514; of an installed package they are warnings, and
            what is wrong is left out, for the formula may not need it.
    """
    loader = _Loader(report)
    for origin, classes, failure in installed():
        if failure:
            text = f"the plugin {origin} is left out: {failure}"
            report.warning("RF511", text, hint=_MEND)
        loader.add(origin, classes, is_named=False)
    loader.settle()
    named = []
    for plugin in plugins:
        origin = _shown(plugin)
        named.append(origin)
        try:
            classes = _classes(plugin)
        except _Failure as failure_:
            hint = ""
            if isinstance(plugin, str | Path) and Path(plugin).suffix == ".rf":
                hint = (
                    "this is a formula file: a plugin is a Python file with operators"
                )
            elif isinstance(plugin, str) and not _is_file(plugin):
                hint = "a file is named with its .py, such as --plugin operators.py"
            report.error(
                "RF511", f"the plugin {origin} cannot be used: {failure_}", hint=hint
            )
            continue
        if not classes:
            report.error(
                "RF513",
                f"the plugin {origin} has no operator",
                hint="an operator is a class that derives from recform.blocks.Operator",
            )
        loader.add(origin, classes)
    return Library({**standard().operators, **loader.operators}, tuple(named))


class _Loader:
    """Collects operators, each name once."""

    def __init__(self, report: Diagnostics) -> None:
        self._report = report
        self._origins: dict[str, tuple[str, type[Operator]]] = {}
        self._contested: dict[str, None] = {}
        self.operators: dict[str, Operator] = {}

    def add(
        self, origin: str, classes: Iterable[type[Operator]], *, is_named: bool = True
    ) -> None:
        """Takes the operators of a plugin, or says what is wrong with them.

        Args:
            origin: the plugin, in words.
            classes: what it brings.
            is_named: whether the user asked for it; what is wrong is a warning, if not.
        """
        for cls in classes:
            wrong = [
                ("RF513", f"{cls.__name__} of {origin} {x}", "") for x in faults(cls)
            ]
            wrong = wrong or list(self._clashes(origin, cls, is_named=is_named))
            if not wrong and cls.name not in self._origins:
                wrong = list(self._take(origin, cls))
            for code, text, hint in wrong:
                if is_named:
                    self._report.error(code, text, hint=hint)
                else:
                    self._report.warning(code, f"{text}; it is left out", hint=_MEND)

    def settle(self) -> None:
        """Leaves out what two installed packages bring: no order decides which counts."""
        for name in self._contested:
            del self.operators[name]

    def _clashes(
        self, origin: str, cls: type[Operator], *, is_named: bool
    ) -> Iterator[tuple[str, str, str]]:
        """Code, text and hint, if somebody else has an operator of the name."""
        text = f"{origin} brings an operator {cls.name!r}, and"
        if standard().lookup(cls.name) is not None:
            yield "RF512", f"{text} recform has one", "give it another name"
            return
        before, other = self._origins.get(cls.name, (origin, cls))
        if other is not cls:
            yield "RF512", f"{text} so does {before}", "give one of them another name"
            if not is_named:
                self._contested[cls.name] = None

    def _take(self, origin: str, cls: type[Operator]) -> Iterator[tuple[str, str, str]]:
        """Keeps an operator, or says what is wrong with it."""
        try:
            operator = guarded(cls)
            if operator.elementwise:
                tried(operator)
        except Misfit as misfit:
            text = f"{cls.__name__} of {origin} {misfit.message}"
            yield misfit.code, text, misfit.hint
            return
        self._origins[cls.name] = (origin, cls)
        self.operators[cls.name] = operator


@cache
def installed() -> tuple[tuple[str, tuple[type[Operator], ...], str], ...]:
    """Origin, operators and failure of every plugin among the installed packages."""
    points, unread = _points()
    found: list[tuple[str, tuple[type[Operator], ...], str]] = []
    for point in sorted(points, key=lambda p: (p.name, p.value)):
        origin = point.name
        if point.dist is not None:
            origin += f" ({_package(point.dist)})"
        try:
            if point.pattern.match(point.value) is None:
                raise _Failure(f"{point.value!r} names no module")
            classes = tuple(_in_object(_imported(point.load)))
            found.append((origin, classes, "" if classes else "it has no operator"))
        except _Failure as error:
            found.append((origin, (), str(error)))
    return (*found, *((origin, (), failure) for origin, failure in unread))


def _points() -> tuple[list[EntryPoint], list[tuple[str, str]]]:
    """The entry points of installed packages, and whose cannot be read, with the reason."""
    from importlib.metadata import distributions, entry_points

    # One package whose metadata cannot be read says nothing of the others.
    with suppress(Exception):
        return list(entry_points(group=GROUP)), []
    points: list[EntryPoint] = []
    unread: list[tuple[str, str]] = []
    seen: set[str] = set()
    for package in distributions():
        origin = _package(package)
        name = origin.partition(" ")[0]
        try:
            if name not in seen:
                points += package.entry_points.select(group=GROUP)
        except Exception as error:
            with suppress(Exception):  # Of what can be read, some have none of ours.
                if GROUP not in (package.read_text("entry_points.txt") or ""):
                    continue
            text = f"its entry points cannot be read: {raised(error)}"
            unread.append((f"of {origin}", text))
        seen.add(name)
    return points, sorted(unread)


def _package(package: Distribution) -> str:
    """A package with its version, as far as its metadata say them."""
    said = []
    for name in ("name", "version"):
        with suppress(Exception):
            said.append(str(getattr(package, name) or ""))
    return " ".join(filter(None, said)) or "a package without a name"


def _classes(plugin: object) -> tuple[type[Operator], ...]:
    """The operators of a plugin, in the order in which they are defined."""
    if isinstance(plugin, str | Path):
        if _is_file(plugin):
            return tuple(_in_object(_file(Path(plugin))))
        name = str(plugin)
        plugin = _imported(lambda: importlib.import_module(name))
    if not isinstance(plugin, ModuleType | type):
        raise _Failure("it is no file, module or operator")
    if isinstance(plugin, ModuleType) and plugin.__file__:
        noted(plugin.__file__)
    return tuple(_in_object(plugin))


def _in_object(found: object) -> Iterator[type[Operator]]:
    """An operator itself, or those that a module defines."""
    if inspect.isclass(found):
        if issubclass(found, Operator):
            yield found
    elif isinstance(found, ModuleType):
        yield from operators_in(found)


def _is_file(plugin: str | Path) -> bool:
    return isinstance(plugin, Path) or plugin.endswith(".py") or "/" in plugin


def _file(path: Path) -> ModuleType:
    """The module of a file; as long as its text stays the same, the same module."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _Failure(error.strerror or str(error)) from error
    noted(path)
    digest = hashlib.sha256(text + str(path.resolve()).encode())
    name = f"recform_plugin_{digest.hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or not isinstance(spec.loader, SourceFileLoader):
        raise _Failure("it is no Python file")
    to_code = spec.loader.source_to_code
    module = importlib.util.module_from_spec(spec)
    # Registered while it runs, as an import does: dataclasses look their module up.
    sys.modules[name] = module
    try:
        # Bytecode that is kept knows its source by seconds and length alone.
        _imported(lambda: exec(to_code(text, str(path)), module.__dict__))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _imported(run: Callable[[], _T]) -> _T:
    """What an import makes; what it prints is no part of what a command answers.

    Raises:
        _Failure: if it fails in any way.
    """
    try:
        with redirect_stdout(sys.stderr):
            return run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _Failure(raised(error)) from error


def _shown(plugin: object) -> str:
    if isinstance(plugin, Path):
        return plugin.as_posix()
    if isinstance(plugin, ModuleType | type):
        return plugin.__name__
    return plugin if isinstance(plugin, str) else shown(plugin)
