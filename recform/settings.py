"""Parameters of a formula, as they are set in words: ``classes=100``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from recform.arguments import shown

#: Parameters by name: true, false, a number (of SymPy's, or of Python's), or a text for the
#: input; as unchecked as :data:`recform.blocks.symbolic.Symbolic`.
Settings: TypeAlias = Mapping[str, Any]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d\d?)?")
#: A number with more signs is a mistake.
_LONGEST = 24


def setting(text: str) -> tuple[str, Any]:
    """The name and the value of ``NAME=VALUE``.

    Raises:
        ValueError: if it is not like that, or the value no number, true or false.
    """
    name, equals, said = (part.strip() for part in text.partition("="))
    if not name or not equals:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    if name == "input":
        return name, said  # such as 3x32x32: read by the compiler
    return name, number(said)


def number(said: object) -> Any:
    """A value of a parameter: true, false, or a number.

    Args:
        said: in words, or a number of Python, NumPy or SymPy.

    Raises:
        ValueError: if it is none of them.
    """
    if isinstance(said, bool):
        return said
    if isinstance(said, str) and said in ("true", "false"):
        return said == "true"
    import sympy

    if isinstance(said, str):
        digits = said.strip().replace("_", "")
        if len(digits) <= _LONGEST and _NUMBER.fullmatch(digits):
            return sympy.Rational(digits)
    else:
        # Without `strict` SymPy would run what an object says of itself as Python.
        # It asks an object what it is, and anything may come of that.
        with suppress(Exception):
            value = sympy.sympify(said, strict=True)
            if isinstance(value, sympy.Number) and value.is_finite:
                return value
    raise ValueError(f"{shown(said)} is not a number, true or false")
