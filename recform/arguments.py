"""What the functions that people call take, looked at before anything runs.

A name means the same in every function, so what it takes is said once, in a table. What
only its owner knows is said there (the limits of a picture, the devices), by a
:class:`BadArgument`; all of it is answered as one diagnostic. Behind it there are Python's
own numbers and paths, for what others have (NumPy's, say) is written in no file of JSON.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
#: Of a value that is no argument, as many characters are shown.
_SHOWN = 40


class BadArgument(ValueError):
    """An argument that cannot be taken.

    Attributes:
        argument: its name.
        problem: what is wrong with it.
        hint: how it can be.
    """

    def __init__(self, argument: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument, self.problem, self.hint = argument, problem, hint


def shown(value: object) -> str:
    """A value as Python writes it, in a few words."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # what it says of itself is anybody's code
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _itself(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Takes:
    """What an argument may be.

    Attributes:
        what: in words, behind `is`: what a value is that is not that.
        fits: whether a value is that.
        such: one, as it is written.
        own: makes of a value that fits what Python has of its own.
    """

    what: str
    fits: Callable[[Any], bool]
    such: str
    own: Callable[[Any], Any] = _itself

    def check(self, name: str, value: object) -> Any:
        """Refuses what is not that.

        Returns:
            The value, as Python has it.

        Raises:
            BadArgument: if it is not.
        """
        try:
            fits = self.fits(value)
        except Exception:  # how it compares is anybody's code, as that of an array
            fits = False
        if not fits:
            hint = f"such as {name}={self.such}"
            raise BadArgument(name, f"{shown(value)} is {self.what}", hint)
        return self.own(value)


def _counts(value: Any, kind: type) -> bool:
    """Whether it is a number of a kind; True and False are none."""
    return isinstance(value, kind) and not isinstance(value, bool)


def whole(least: int | None = None, most: int | None = None) -> Takes:
    """A whole number, within limits if there are some."""
    limits = ""
    if least is not None:
        limits = f" of at least {least}"
        if most is not None:
            limits = f" from {least:,} to {most:,}"
    return Takes(
        f"no whole number{limits}",
        lambda value: (
            _counts(value, Integral)
            and (least is None or least <= value)
            and (most is None or value <= most)
        ),
        str(max(least or 0, 4)),
        int,
    )


def real(least: float = -math.inf) -> Takes:
    """A finite number that is not below another one."""
    return Takes(
        "no number" if least == -math.inf else f"no number from {least:g} on",
        lambda value: (
            _counts(value, Real) and least <= value < math.inf and value > -math.inf
        ),
        "0.5",
        lambda value: int(value) if isinstance(value, int) else float(value),
    )


def word(words: Iterable[str]) -> Takes:
    """One of some words."""
    known = list(map(str, words))
    return Takes(
        f"none of {', '.join(known)}",
        known.__contains__,
        repr(known[-1]),
        lambda value: known[known.index(value)],
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    """Whether it is True or False; NumPy has others, and 1 and 0 are equal to them."""
    return isinstance(value, bool) or bool(value == 0) or bool(value == 1)


def _is_path(value: object) -> bool:
    if not isinstance(value, str | os.PathLike):
        return False
    text = os.fspath(value)
    return isinstance(text, str) and "\0" not in text


def path_of(value: Any) -> Any:
    """A Path of whatever says that it is a path; a text may be a formula."""
    return Path(value) if isinstance(value, os.PathLike) else value


def _is_row(value: object) -> bool:
    """Whether it is several, and no text, which is a row of letters."""
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _are(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether a value is a row of such."""
    return lambda row: _is_row(row) and hasattr(row, "__len__") and all(map(fits, row))


def _is_module(value: object) -> bool:
    import torch

    return isinstance(value, torch.nn.Module)


FLAG = Takes("not True or False", _is_flag, "True", bool)
NAME = Takes("no name", _is_text, '"Net"')
PATH = Takes("no path of a file", _is_path, '"net.safetensors"', path_of)
FOLDER = Takes("no path of a folder", _is_path, '"runs"', path_of)
#: A number that starts a row of random ones, as far as torch takes them.
SEED = whole(0, 2**63 - 1)
FORMULA = Takes(
    "no formula: a path, or text",
    lambda value: _is_text(value) or _is_path(value),
    '"net.rf"',
    path_of,
)
_BLOCK = whole(0, 100_000)


def _ints(row: Iterable[Any]) -> tuple[int, ...]:
    return tuple(map(int, row))


#: Of every function, unless the function says otherwise.
TAKES: Mapping[str, Takes] = {
    "formula": FORMULA,
    "network": NAME,
    "plugins": Takes(
        "no row of plugins: files, modules or operators",
        _is_row,  # what is none of these, the loader says
        '["operators.py"]',
    ),
    **dict.fromkeys(("timm", "generation", "inference", "strict", "show"), FLAG),
    **dict.fromkeys(("compiled", "deterministic", "activations"), FLAG),
    "memory": Takes("no word for what is kept", _is_text, '"lean"'),
    "plan": Takes("no word for what is kept", _is_text, '"lean"'),
    **dict.fromkeys(
        ("memory_budget", "budget"), Takes("no budget of memory", _is_text, '"6GiB"')
    ),
    "module": Takes("no module of torch", _is_module, "recform.load(...)"),
    "file": PATH,
    "seed": SEED,
    **dict.fromkeys(("runs", "data_root"), FOLDER),
    "data": Takes("no name of a data set", _is_text, '"digits"'),
    "overrides": Takes("no row of changes", _are(_is_text), '["lr=0.05"]'),
    "name": NAME,
    "workers": whole(0, 1024),
    "device": word(("auto", "cuda", "cpu")),
    "precision": word(("auto", "fp32", "fp16", "bf16")),
    "checkpoint": real(0),
    "form": Takes("no format of a picture", _is_text, '"svg"'),
    "depth": whole(1, 100_000),
    "origin": _BLOCK,
    "gain": real(0),
    "gate": real(),
    "delete": Takes("no row of numbers of blocks", _are(_BLOCK.fits), "(3,)", _ints),
    "swap": Takes(
        "no pair of numbers of blocks",
        lambda v: _are(_BLOCK.fits)(v) and len(v) == 2,
        "(2, 3)",
        _ints,
    ),
}


def public(name: str, **takes: Takes) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """For a function that people call: its arguments are looked at first.

    What it raises for a formula or an argument has no frames of the compiler's.

    Args:
        name: of the function, as it is called.
        takes: what arguments take that mean something else here than elsewhere.
    """

    def public_(function: Callable[_P, _R]) -> Callable[_P, _R]:
        signature = inspect.signature(function)
        table = {**TAKES, **takes}

        @wraps(function)
        def wrapper(*arguments: _P.args, **options: _P.kwargs) -> _R:
            from recform.diagnostics import CompileError, Diagnostic, WrongArgument

            try:
                bound = _checked(signature, table, arguments, options)
                return function(*bound.args, **bound.kwargs)
            except BadArgument as bad:
                problem = f"{name}, {bad}" if bad.argument else f"{name}: {bad.problem}"
                found = Diagnostic("RF116", problem, hint=bad.hint)
                error: CompileError = WrongArgument([found])
            except CompileError as told:
                error = told
            raise error.with_traceback(None) from None

        return wrapper

    return public_


def _checked(
    signature: inspect.Signature,
    takes: Mapping[str, Takes],
    arguments: tuple[object, ...],
    options: Mapping[str, object],
) -> inspect.BoundArguments:
    """The arguments of a function, as Python has them.

    Raises:
        BadArgument: for the first one that it does not take.
    """
    try:
        bound = signature.bind(*arguments, **options)
    except TypeError as error:
        names = ", ".join(
            p.name for p in signature.parameters.values() if p.name != "self"
        )
        raise BadArgument("", str(error), f"it takes {names}") from None
    for name, value in bound.arguments.items():
        parameter = signature.parameters[name]
        is_open = parameter.kind is parameter.VAR_KEYWORD
        if name in takes and value is not parameter.default and not is_open:
            bound.arguments[name] = takes[name].check(name, value)
    return bound
