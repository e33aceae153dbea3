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
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from recform.arguments import shown
from recform.blocks.guard import faults, guarded, tried
from recform.blocks.library import Library, operators_in
from recform.blocks.operator import Misfit, Operator
from recform.diagnostics import Diagnostics
from recform.files import noted
from recform.operators import standard

GROUP = "recform.operators"
#: A file (``operators.py``), the name of a module, a module, or an operator itself.
Plugin: TypeAlias = str | Path | ModuleType | type[Operator]


class _Failure(Exception):
    """A plugin cannot be imported; the text says why."""


def load(plugins: Iterable[Plugin], report: Diagnostics) -> Library:
    """The operators of recform, of installed packages, and of the plugins that are named.

    Args:
        plugins: in the order in which they were named.
        report: gets RF511 to RF514; a package that cannot be imported is a warning,
            for the formula may not need it.
    """
    loader = _Loader(report)
    for origin, classes, failure in _installed():
        if failure:
            report.warning("RF511", f"the plugin {origin} is left out: {failure}")
        loader.add(origin, classes)
    named = []
    for plugin in plugins:
        origin = _shown(plugin)
        named.append(origin)
        try:
            classes = _classes(plugin)
        except _Failure as failure_:
            hint = ""
            if isinstance(plugin, str) and not _is_file(plugin):
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
        self.operators: dict[str, Operator] = {}

    def add(self, origin: str, classes: Iterable[type[Operator]]) -> None:
        """Takes the operators of a plugin, or says what is wrong with them."""
        for cls in classes:
            wrong = list(faults(cls))
            for fault in wrong:
                self._report.error("RF513", f"{cls.__name__} of {origin} {fault}")
            if not wrong and self._is_free(origin, cls):
                self._take(origin, cls)

    def _is_free(self, origin: str, cls: type[Operator]) -> bool:
        if standard().lookup(cls.name) is not None:
            self._report.error(
                "RF512",
                f"{origin} brings an operator {cls.name!r}, and recform has one",
                hint="give it another name",
            )
            return False
        before, other = self._origins.get(cls.name, (origin, cls))
        if other is not cls:
            self._report.error(
                "RF512",
                f"{origin} brings an operator {cls.name!r}, and so does {before}",
                hint="give one of them another name",
            )
        return cls.name not in self._origins

    def _take(self, origin: str, cls: type[Operator]) -> None:
        operator = guarded(cls)  # type: ignore[arg-type]  # a class is hashable
        if operator.elementwise:
            try:
                tried(operator)
            except Misfit as misfit:
                text = f"{cls.__name__} of {origin} {misfit.message}"
                self._report.error(misfit.code, text, hint=misfit.hint)
                return
        self._origins[cls.name] = (origin, cls)
        self.operators[cls.name] = operator


@cache
def _installed() -> tuple[tuple[str, tuple[type[Operator], ...], str], ...]:
    """Name, operators and failure of every plugin among the installed packages."""
    from importlib.metadata import entry_points

    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        try:
            classes = tuple(_in_object(point.load()))
            failure = "" if classes else "it has no operator"
        except (Exception, SystemExit) as error:
            classes, failure = (), _reason(error)
        found.append((point.name, classes, failure))
    return tuple(found)


def _classes(plugin: object) -> tuple[type[Operator], ...]:
    """The operators of a plugin, in the order in which they are defined."""
    if isinstance(plugin, str | Path):
        if _is_file(plugin):
            return tuple(_in_object(_file(Path(plugin))))
        try:
            plugin = importlib.import_module(str(plugin))
        except (Exception, SystemExit) as error:
            raise _Failure(_reason(error)) from error
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
        digest = hashlib.sha256(path.read_bytes())
    except OSError as error:
        raise _Failure(error.strerror or str(error)) from error
    noted(path)
    digest.update(str(path.resolve()).encode())
    name = f"recform_plugin_{digest.hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise _Failure("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Registered while it runs, as an import does: dataclasses look their module up.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _Failure(_reason(error)) from error
    return module


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}".replace("\n", " ")


def _shown(plugin: object) -> str:
    if isinstance(plugin, Path):
        return plugin.as_posix()
    if isinstance(plugin, ModuleType | type):
        return plugin.__name__
    return plugin if isinstance(plugin, str) else shown(plugin)
