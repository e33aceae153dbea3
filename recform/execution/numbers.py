"""Rows of numbers that code makes of numbers alone: half a million, for sums over depth.

Python itself reckons them, as it does where the file runs.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Mapping

from recform.execution.library import COMPARED, CONSTANTS, NUMBERS
from recform.execution.parts import Value

#: What Python makes a number of, if all that is in it are numbers.
_ALGEBRA = (
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.UnaryOp, ast.USub, ast.IfExp, ast.Compare, *COMPARED, ast.expr_context),
)
#: What code calls for that, by name.
_BUILTIN = {name: NUMBERS[name] for name in ("abs", "float", "int", "max", "min")}
_LIBRARY = {
    f"math.{name}" for name, made in NUMBERS.items() if made is vars(math).get(name)
}


def row(
    made: ast.expr,
    target: ast.expr,
    over: Value,
    names: Mapping[str, Value],
    defined: Collection[str],
) -> list[float] | None:
    """What an expression makes of a row of whole numbers; None if it is not of numbers alone.

    Args:
        made: the expression.
        target: what it calls them.
        over: what a loop runs over.
        names: what variables are.
        defined: what else the file defines.
    """
    if not (isinstance(target, ast.Name) and isinstance(over, range)):
        return None
    letter = target.id
    numbers = {name: n for name, n in names.items() if type(n) in (int, float)}
    hidden = {letter, *names, *defined}
    functions = {*_BUILTIN} - hidden
    if "math" not in hidden:
        functions |= _LIBRARY | CONSTANTS.keys()
    if not _is_number(made, {*numbers, letter}, functions):
        return None
    code = f"[{ast.unparse(made)} for {letter} in {over!r}]"
    known = {"__builtins__": {}, "range": range, "math": math, **_BUILTIN}
    return list(eval(code, known | numbers))


def _is_number(node: ast.AST, numbers: Collection[str], functions: set[str]) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float)
        case ast.Name(id=name):
            return name in numbers
        case ast.Attribute():
            return ast.unparse(node) in functions & CONSTANTS.keys()
        case ast.Call(func=function, keywords=[]):
            known = ast.unparse(function) in functions - CONSTANTS.keys()
            return known and all(_is_number(a, numbers, functions) for a in node.args)
    return isinstance(node, _ALGEBRA) and all(
        _is_number(part, numbers, functions) for part in ast.iter_child_nodes(node)
    )
