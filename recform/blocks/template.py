"""Emitted calls as expressions: where the inputs stand, and what may stand there.

A call such as ``{x} * torch.sigmoid({x})`` is Python, and is read as Python: how often
it computes its input and where brackets are needed is found out, not assumed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

#: What stands for ``{x}`` and ``{m}`` while a call is read.
_PLACE, _END = re.compile(r"\{([A-Za-z]\w*)\}"), "_of_the_call"
_MODULE = f"m{_END}"
#: Expressions that need no brackets anywhere.
_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
#: Expressions that compute each of their parts once, in any case.
_STRICT = (
    *_ATOMS,
    *(ast.BinOp, ast.UnaryOp, ast.Tuple, ast.List, ast.Slice),
    *(ast.Starred, ast.keyword),
)
#: Expressions that are no tensor, whatever is in them.
_NO_TENSORS = (
    *(ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Lambda, ast.Constant, ast.JoinedStr),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


@dataclass(frozen=True)
class Template:
    """A call that has been read.

    Attributes:
        text: with the names of the inputs in braces: ``{x}``.
        inputs: those names, each once.
        once: whether each input is computed exactly once, whatever stands for it.
        open: whether any expression can stand for an input, without brackets.
        atom: whether the call needs no brackets anywhere.
        sum: whether it may stand, as it is, where a sum may.
    """

    text: str
    inputs: frozenset[str]
    once: bool
    open: bool
    atom: bool
    sum: bool

    def fill(self, argument: str, *, atom: bool) -> str:
        """The call with its input.

        Args:
            argument: an expression.
            atom: whether it needs no brackets anywhere.
        """
        bracketed = argument if atom or self.open else f"({argument})"
        return self.text.replace("{x}", bracketed)


@cache
def template(call: str) -> Template:
    """Reads a call.

    Raises:
        ValueError: if it is no expression of one line that could be a tensor, or has
            ``{x}`` where no expression can stand.
    """
    tree = parsed(call)
    paths = list(_paths(tree, ()))
    inputs = [name for name in _PLACE.findall(call) if name != "m"]
    if len(paths) != len(inputs):
        name = inputs[0] if len(set(inputs)) == 1 else "an input"
        shown = f"{{{name}}}" if len(set(inputs)) == 1 else name
        raise ValueError(f"it has {shown} where no expression can stand")
    if isinstance(tree, _NO_TENSORS):
        raise ValueError("it is no tensor")
    if any(isinstance(node, ast.NamedExpr) for node in ast.walk(tree)):
        raise ValueError("it sets a variable")
    return Template(
        call,
        frozenset(inputs),
        once=0 < len(paths) == len(set(inputs))
        and all(isinstance(node, _STRICT) for path in paths for node in path),
        open=all(_is_open(path, call) for path in paths),
        atom=isinstance(tree, _ATOMS),
        sum=isinstance(tree, (*_ATOMS, ast.BinOp, ast.UnaryOp))
        and not isinstance(getattr(tree, "op", None), (*_BITS, ast.Not)),
    )


#: Operations that bind weaker than a sum does.
_BITS = (ast.BitOr, ast.BitXor, ast.BitAnd, ast.LShift, ast.RShift)


@cache
def parsed(call: str) -> ast.expr:
    """A call, or what makes a module, as Python reads it. Nobody changes the tree.

    Raises:
        ValueError: if it is no expression of one line.
    """
    text = _as_names(call)
    try:
        # In brackets a comment would swallow the last of them.
        for form in (f"({text})", text):
            compile(form, "<call>", "eval")
        if "\n" in text:
            raise ValueError
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("it is no Python expression of one line") from None


def _as_names(call: str) -> str:
    return _PLACE.sub(rf"\1{_END}", call)


def _is_input(node: ast.AST) -> bool:
    named = isinstance(node, ast.Name) and node.id.endswith(_END)
    return named and node.id != _MODULE  # type: ignore[attr-defined]


def _paths(node: ast.AST, above: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, ...]]:
    """What each place of an input is inside of, from the outside in."""
    if _is_input(node):
        yield above
    for child in ast.iter_child_nodes(node):
        yield from _paths(child, (*above, node))


#: An input alone in brackets.
_ALONE = re.compile(r"\(\{[A-Za-z]\w*\}\)")


def _is_open(path: tuple[ast.AST, ...], call: str) -> bool:
    """Whether the input is an argument of a call, or alone in brackets."""
    if not path:
        return True
    parent = path[-1]
    if isinstance(parent, ast.Call):
        return not _is_input(parent.func)
    return isinstance(parent, ast.keyword) or len(_ALONE.findall(call)) == len(
        _PLACE.findall(call.replace("{m}", ""))
    )


# ----------------------------------------------------------------------------------- names


#: Where functions of torch that can write over their input take whether they do.
IN_PLACE_AT = {
    **dict.fromkeys(("F.relu", "F.relu6", "F.selu", "F.silu", "F.mish"), 1),
    **dict.fromkeys(("F.hardswish", "F.hardsigmoid"), 1),
    **dict.fromkeys(("F.elu", "F.celu", "F.leaky_relu"), 2),
    **dict.fromkeys(("F.threshold", "F.hardtanh", "F.dropout"), 3),
    **dict.fromkeys(("F.dropout1d", "F.dropout2d", "F.dropout3d"), 3),
    **dict.fromkeys(("F.alpha_dropout", "F.feature_alpha_dropout"), 3),
    "F.rrelu": 4,
}


def in_place(call: str) -> bool:
    """Whether a call says that it changes a tensor: ``{x}.mul_(2)``, ``inplace=True``.

    Raises:
        ValueError: if it is no expression of one line.
    """
    for node in ast.walk(parsed(call)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Attribute) and _is_changing(function.attr):
            return True
        said = [item.value for item in node.keywords if item.arg == "inplace"]
        place = IN_PLACE_AT.get(ast.unparse(function))
        if place is not None:
            said += node.args[place : place + 1]
        if any(isinstance(v, ast.Constant) and v.value is True for v in said):
            return True
    return False


def _is_changing(name: str) -> bool:
    """PyTorch's names of what works in place end in one underscore."""
    return name.endswith("_") and not name.endswith("__")


def free_names(call: str) -> list[ast.Name]:
    """The names that a call reads from around it, the first one first.

    Raises:
        ValueError: if it is no expression of one line.
    """
    found = list(_free(parsed(call), frozenset()))
    return [name for name in found if not name.id.endswith(_END)]


def _free(node: ast.AST, bound: frozenset[str]) -> Iterator[ast.Name]:
    match node:
        case ast.Name():
            if node.id not in bound:
                yield node
            return
        case ast.Lambda():
            given = node.args
            for default in [*given.defaults, *filter(None, given.kw_defaults)]:
                yield from _free(default, bound)
            yield from _free(node.body, bound | bound_by(node))
            return
    for child in ast.iter_child_nodes(node):
        yield from _free(child, bound | bound_by(node))


def bound_by(node: ast.AST) -> frozenset[str]:
    """The names that a lambda or a comprehension has for itself."""
    match node:
        case ast.Lambda(args=given):
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            every += [item for item in (given.vararg, given.kwarg) if item is not None]
            return frozenset(item.arg for item in every)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            targets = [ast.walk(loop.target) for loop in node.generators]
            names = (part for parts in targets for part in parts)
            return frozenset(part.id for part in names if isinstance(part, ast.Name))
    return frozenset()


def renamed(call: str, names: Mapping[str, str]) -> str:
    """A call with other names in the place of some that it reads from around it."""
    free = free_names(call)
    places = {_place(name): names[name.id] for name in free if name.id in names}
    return _put(call, places)


@cache
def kept_apart(call: str) -> str:
    """A call whose own names, those of lambdas and comprehensions, no variable has.

    What stands for an input may be a variable of any name without an underscore in front.
    """
    tree = parsed(call)
    every = list(ast.walk(tree))
    own = frozenset().union(*map(bound_by, every))
    free = {_place(name) for name in _free(tree, frozenset())}
    named: list[Any] = [x for x in every if isinstance(x, ast.Name | ast.arg)]
    for node in every:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Lambda):
            named += node.keywords
    places = {_place(node): f"_{_name(node)}" for node in named if _name(node) in own}
    return _put(call, {at: name for at, name in places.items() if at not in free})


def _name(node: Any) -> str | None:
    """What a name, an argument or a keyword is called."""
    return node.id if isinstance(node, ast.Name) else node.arg


def _place(node: Any) -> tuple[int, int]:
    """Where its name begins and ends, in bytes of a call that is read."""
    name = _name(node) or ""
    return node.col_offset, node.col_offset + len(name.encode())


def _put(call: str, places: Mapping[tuple[int, int], str]) -> str:
    """A call with other names at some places."""
    # While a call is read, longer names stand for {x} and {m}; so places are counted
    # in that text, and it is turned back at the end.
    data = _as_names(call).encode()
    for start, end in sorted(places, reverse=True):
        data = data[:start] + places[start, end].encode() + data[end:]
    return re.sub(rf"\b(\w+){_END}\b", r"{\1}", data.decode())
