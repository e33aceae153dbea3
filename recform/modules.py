"""Generated source as a Python module, whose networks can be taken to other processes.

A pickle names the class of an object, and a class of generated source is in no file that
another process could import. So the pickle of such a network holds the source with it,
once: what is read back needs recform, and nothing of the formula.
"""

from __future__ import annotations

import copyreg
import hashlib
import linecache
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from recform.diagnostics import refuse


def need_torch(what: str) -> None:
    """Makes sure that torch is there, for all that runs a network.

    Args:
        what: needs it, in the user's words.

    Raises:
        CompileError: if it is not (RF906).
    """
    hint = "pip install 'recform[torch]', or the build of torch for your machine"
    need("torch", what, "RF906", hint)


def need(package: str, what: str, code: str, hint: str) -> None:
    """Makes sure that a package of an extra is there.

    Args:
        package: its name in an import.
        what: needs it, in the user's words.
        code: of the diagnostic, if it is not there.
        hint: how to install it.

    Raises:
        CompileError: if it is not.
    """
    try:
        import_module(package)
    except (ImportError, OSError, RuntimeError) as error:  # of builds that do not fit
        missing = isinstance(error, ModuleNotFoundError) and error.name == package
        why = "is not installed" if missing else f"cannot be imported: {error}"
        refuse(code, f"{what} needs {package}, which {why}", hint)


@contextmanager
def without_numbers() -> Iterator[None]:
    """Within this, modules get tensors that have shapes and types, and no numbers.

    A start from a normal distribution, half the time of a ResNet there, is left out.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    class Undrawn(TorchFunctionMode):
        def __torch_function__(
            self, function: Any, types: Any, given: Any = (), options: Any = None
        ) -> Any:
            if function is torch.Tensor.normal_:
                return given[0]
            return function(*given, **(options or {}))

    with torch.device("meta"), Undrawn():
        yield


def raised(error: BaseException) -> str:
    """What code of the user's raised, in a line, and which line of theirs it was."""
    import sysconfig
    import traceback

    kind, said = type(error).__name__, ""
    with suppress(Exception):  # The user's exception may fail as well.
        said = " ".join(str(error).split())[:200]
    paths = sysconfig.get_paths()
    others = [
        Path(paths[key]) for key in ("stdlib", "platstdlib", "purelib", "platlib")
    ]
    others.append(Path(__file__).parent)
    lines = [
        f", in line {frame.lineno} of {Path(frame.filename).name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<")
        and not any(Path(frame.filename).is_relative_to(folder) for folder in others)
    ]
    return f"{kind}: {said}".removesuffix(": ") + "".join(lines[-1:])


#: What to ask where a module with code of plugins fails.
OF_PLUGINS = "does each operator of a plugin make the shape that it tells?"
#: Held while a module runs: nobody else finds half of one.
_RUNNING = threading.RLock()


def blame_plugins(error: Exception) -> None:
    """Says that generated code failed by the fault of the plugins whose code it has.

    Args:
        error: what was raised; nothing is said if no generated code did.

    Raises:
        CompileError: RF514.
    """
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if frame.filename.startswith("<recform ")]
    if lines:
        refuse(
            "RF514",
            f"the generated module fails in `{lines[-1]}`: {raised(error)}",
            OF_PLUGINS,
        )


def load_source(text: str, name: str) -> ModuleType:
    """Runs generated source as a module; tracebacks from it show its lines."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    label = f"recform_{name}_{digest}"
    with _RUNNING:
        return sys.modules.get(label) or _run(text, name, label)


def _run(text: str, name: str, label: str) -> ModuleType:
    file = f"<{label.replace('_', ' ')}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    module = ModuleType(label)
    module.__file__ = file
    # Registered, so that a class can be looked up by its module within this process.
    sys.modules[label] = module
    try:
        exec(compile(text, file, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[label]
        raise
    for found in vars(module).values():
        if isinstance(found, type) and found.__module__ == label:
            _travels(found, text, name)
    return module


def _travels(cls: type, text: str, name: str) -> None:
    """Has the objects of a class pickled and copied with the source of the class."""

    def reduce(self: Any, protocol: Any) -> Any:
        parts: Any = object.__reduce_ex__(self, max(2, int(protocol)))
        if type(self) is not cls or parts[0] is not copyreg.__newobj__:  # type: ignore[attr-defined]
            return parts  # of a class that derives from it, and has a module of its own
        return (unpickled, (text, name, cls.__qualname__), *parts[2:])

    cls.__reduce_ex__ = reduce  # type: ignore[assignment, method-assign]


def unpickled(text: str, name: str, cls: str) -> Any:
    """A new object of a class of generated source, without its state.

    Pickles name this function: it keeps its place, its name and its arguments.
    """
    found: Any = getattr(load_source(text, name), cls)
    return found.__new__(found)
