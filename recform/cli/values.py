"""The values of options, read without pydantic where they are plainly right.

typer has pydantic read every value, and importing that takes longer than most commands
take. Numbers are read here, and what else leaves no doubt; any other value goes the usual
way, so that the words about a wrong one stay typer's. Those about numbers are recform's: typer
leaves them to pydantic, which speaks to programmers.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from typer import BadParameter
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

#: What a number is called, by its type.
_NUMBERS = {int: "whole number", float: "number"}


class Command(TyperCommand):
    """A command whose parameters read plain values themselves."""

    def get_params(self, ctx: Any) -> Any:
        return _plainly(super().get_params(ctx))


class Group(TyperGroup):
    """Commands, and what is asked of all of them together: likewise."""

    def get_params(self, ctx: Any) -> Any:
        return _plainly(super().get_params(ctx))


def _plainly(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        # One of a class that is not known here stays as it is.
        parameter.__class__ = _OWN.get(type(parameter), type(parameter))
    return parameters


class _Argument(TyperArgument):
    def get_runtime_param(self) -> Any:
        return _Reader(self.type_descriptor, super().get_runtime_param)


class _Option(TyperOption):
    def get_runtime_param(self) -> Any:
        return _Reader(self.type_descriptor, super().get_runtime_param)


_OWN: dict[type, type] = {TyperArgument: _Argument, TyperOption: _Option}


@dataclass(frozen=True)
class _Reader:
    """What typer asks for the value of a parameter.

    Attributes:
        kind: the type of the parameter, as typer describes it.
        usual: makes what typer itself would ask.
    """

    kind: Any
    usual: Callable[[], Any]

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """A value of the parameter's type.

        Raises:
            typer.BadParameter: if it cannot be read as one.
        """
        try:
            return _plain(value, self.kind.annotation, self.kind.parameter_info)
        except ValueError:
            pass
        try:
            return self.usual().coerce(value, param=param, ctx=ctx)
        except BadParameter as error:
            # What pydantic puts in front of any words says nothing.
            error.message = error.message.removeprefix("Value error, ")
            raise


def _plain(value: Any, kind: Any, info: Any) -> Any:
    """A plain value; None is what was not given.

    Raises:
        ValueError: if it is for typer to say what it is.
        typer.BadParameter: if it is empty, or should be a number, and is not, or one out
            of bounds.
    """
    if value is None:
        return None
    if get_origin(kind) is list:
        if not isinstance(value, list | tuple):
            raise ValueError
        return [_plain(item, get_args(kind)[0], info) for item in value]
    if value == "" and kind in (str, Path):
        # Of a variable that is not set; a path without a name would be this folder.
        raise BadParameter("it is empty")
    if type(value) is kind:
        return value
    if kind in _NUMBERS and isinstance(value, str):
        return _number(value, kind, info.min, info.max)
    if kind is Path and isinstance(value, str):
        # Of one that is there, typer asks whether it can be read.
        if not os.access(value, os.R_OK) and os.path.lexists(value):
            raise ValueError
        return Path(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    raise ValueError


def _number(text: str, kind: Any, least: float | None, most: float | None) -> Any:
    """A number within bounds.

    Raises:
        typer.BadParameter: if it is none, or out of them.
    """
    try:
        number = kind(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadParameter(f"{text!r} is no {_NUMBERS[kind]}")
    if (least is not None and number < least) or (most is not None and number > most):
        bounds = [
            f"{word} {bound:,}"
            for word, bound in (("at least", least), ("at most", most))
            if bound is not None
        ]
        raise BadParameter(f"it is {' and '.join(bounds)}, not {text}")
    return number
