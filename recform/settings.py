"""Parameters of a formula, as they are set in words: ``classes=100``."""

from __future__ import annotations

import re
from typing import Any

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
    if said in ("true", "false"):
        return name, said == "true"
    if name == "input":
        return name, said  # such as 3x32x32: read by the compiler
    number = said.replace("_", "")
    if len(number) > _LONGEST or not _NUMBER.fullmatch(number):
        raise ValueError(f"{said!r} is not a number, true or false")
    import sympy

    return name, sympy.Rational(number)
