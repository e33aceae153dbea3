"""What stands in a generated file, besides what is run: a closed list, and no more.

The proof follows what a network calls. What is done where nobody calls anything (by a line
of the file, a default, a field, a decorator) it would not see; so each of these is looked
at here, and a function that the proof has not run has to be one of few.
"""

from __future__ import annotations

import ast
import builtins
import copy
import re
import symtable
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from recform.blocks.identifiers import STANDARD, support_name
from recform.diagnostics.refuted import Refuted
from recform.execution.library import EITHER, INVERSE, PASSES, REVERSIBLE
from recform.execution.parts import without_docstring
from recform.readback.frames import Frames

#: What a file may import: by the module that has it, and ``""`` for a module itself.
IMPORTS: Mapping[str, Collection[str]] = {
    "": ("math", "torch", "torch.nn.functional as F"),
    **STANDARD,
    "torch": ("Tensor", "nn"),
    "torch.utils._python_dispatch": ("TorchDispatchMode",),
    "torch.utils.checkpoint": ("checkpoint",),
}
#: The whole of what goes on by positions.
_STEP = """def step(self, x: Tensor, past: Past) -> Tensor:
    return past.run(self, x)"""
_LITERALS = (
    *(ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.UnaryOp, ast.USub, ast.Load),
)


def check_definitions(
    definitions: Sequence[ast.stmt],
    run: Collection[ast.FunctionDef],
    going: Collection[str] = (),
    frames: Frames = MappingProxyType({}),
) -> None:
    """That classes and functions do nothing besides what the proof has followed.

    Args:
        definitions: all that stands in the file below its imports.
        run: the functions that it has run.
        going: the networks that go on by positions.
        frames: that passes have to stand in.

    Raises:
        Refuted: if one does, or has not been run, or stands in another frame.
    """
    _check_frames(definitions, frames)
    for node in definitions:
        match node:
            case ast.ClassDef(decorator_list=[], keywords=[], body=body):
                goes = node.name in going
                for inner in body:
                    _check_member(inner, node.name, run, goes)
                if goes and not any(map(_is_step, body)):
                    raise Refuted(f"{node.name} does not go on by positions")
            case ast.FunctionDef():
                _check_function(node, "", run)
            case _:
                raise Refuted(f"the file says {_shown(node)}, which is no definition")


def _check_frames(definitions: Sequence[ast.stmt], frames: Frames) -> None:
    """That each pass stands in its frame, and nothing else in one."""
    found = {
        (kind, node.name): [ast.unparse(around) for around in node.decorator_list]
        for kind, body in [
            ("", definitions),
            *((d.name, d.body) for d in definitions if isinstance(d, ast.ClassDef)),
        ]
        for node in body
        if isinstance(node, ast.FunctionDef)
    }
    for (kind, _), frame in frames.items():
        if frame.startswith((REVERSIBLE, EITHER)) and (kind, INVERSE) not in found:
            raise Refuted(f"{kind} is run backwards, and does not say how")
    for kind, name in {**found, **frames}:
        said, wanted = found.get((kind, name), []), frames.get((kind, name))
        if said != ([wanted] if wanted else []):
            other = ", ".join(said) or "no frame"
            raise Refuted(
                f"{kind}.{name} stands in {other}, and not in {wanted or 'none'}"
            )


def _check_member(
    node: ast.stmt, kind: str, run: Collection[ast.FunctionDef], goes: bool
) -> None:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return
        case ast.FunctionDef():
            _check_function(
                node, f"{kind}.", (node,) if goes and _is_step(node) else run
            )
        case ast.Assign(value=value) | ast.AnnAssign(value=value) if (
            value is None or _is_literal(value)
        ):
            return
        case _:
            raise Refuted(f"{kind} says {_shown(node)}, which is no field")


def _is_step(node: ast.stmt) -> bool:
    """Whether it is the method that goes on by positions, and no more."""
    if not isinstance(node, ast.FunctionDef):
        return False
    plain = copy.copy(node)
    plain.body = list(without_docstring(node.body))
    return ast.unparse(plain) == _STEP


def _check_function(
    node: ast.FunctionDef, where: str, run: Collection[ast.FunctionDef]
) -> None:
    name, given = f"{where}{node.name}", node.args
    if given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg:
        raise Refuted(f"{name} takes more than names")
    if not all(map(_is_literal, given.defaults)):
        raise Refuted(f"{name} works out what it is not given")
    said = [*(item.annotation for item in given.args), node.returns]
    for note in said:
        if any(isinstance(n, ast.Call | ast.NamedExpr) for n in _inside(note)):
            raise Refuted(f"{name} calls {_shown(note)} for a type")
    if node not in run:
        raise Refuted(f"{name} is there, and nobody has run it")


def _is_literal(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        node = node.value
    return all(isinstance(inner, _LITERALS) for inner in ast.walk(node))


def _inside(node: ast.AST | None) -> Iterator[ast.AST]:
    return iter(()) if node is None else ast.walk(node)


def _shown(node: ast.AST | None) -> str:
    text = "" if node is None else ast.unparse(node).splitlines()[0]
    return text if len(text) <= 60 else f"{text[:60]}..."


# ---------------------------------------------------------------------------- the file


def check_file(text: str, parts: Sequence[str], defined: Iterable[str]) -> None:
    """That a file has these parts behind its imports, each name once, and no more.

    Args:
        text: the file.
        parts: the classes and functions that operators bring, what networks with timm's
            interface derive from, and at last the source of the networks.
        defined: the names of the definitions in that.

    Raises:
        Refuted: if something else stands there.
    """
    behind = "\n\n\n".join(parts)
    if not text.endswith(f"\n\n{behind}"):
        raise Refuted("the file ends in something that was not proved")
    names = [name for item in parts[:-1] for name in _defined(item)]
    names += [*defined, *_imported(ast.parse(text.removesuffix(behind)))]
    for name in names:
        if names.count(name) > 1 or hasattr(builtins, name):
            raise Refuted(f"{name} has two meanings in the file")
    check_names(text)


def check_names(text: str) -> None:
    """That all names which a file reads are there.

    Raises:
        Refuted: if one is not.
    """
    module = symtable.symtable(text, "a generated file", "exec")
    there = {s.get_name() for s in module.get_symbols() if s.is_local()}
    tables = [module]
    for table in tables:
        tables += table.get_children()
        for symbol in table.get_symbols():
            name = symbol.get_name()
            if symbol.is_global() and not hasattr(builtins, name) and name not in there:
                raise Refuted(f"the file reads {name}, which is not there")


def _imported(head: ast.Module) -> list[str]:
    """The names that the top of a file gives: a text, imports, and what it offers."""
    match head.body:
        case [
            ast.Expr(value=ast.Constant(value=str())),
            *lines,
            ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List() as offered),
        ] if _is_literal(offered):
            return [name for line in lines for name in _names(line)]
    raise Refuted("the file does not begin with what it imports and offers")


def _names(line: ast.stmt) -> Iterator[str]:
    match line:
        case ast.Import(names=names):
            module = ""
        case ast.ImportFrom(module=str() as module, names=names, level=0):
            pass
        case _:
            raise Refuted(f"the file says {_shown(line)} among its imports")
    for item in names:
        if ast.unparse(item) not in IMPORTS.get(module, ()):
            raise Refuted(f"the file imports {_shown(item)}")
        yield item.asname or item.name


@cache
def _defined(text: str) -> tuple[str, ...]:
    """The names that a text which an operator brings defines, and it does no more."""
    found = ast.parse(text).body
    if not all(isinstance(node, ast.ClassDef | ast.FunctionDef) for node in found):
        raise Refuted(f"what is brought as {support_name(text)} is more than that")
    return tuple(node.name for node in found)  # type: ignore[attr-defined]


def check_base(text: str, own: str, frame: str = "") -> None:
    """That what networks with timm's interface derive from is the library's, cut short.

    Args:
        text: which is written.
        own: the library's.
        frame: that its passes stand in.

    Raises:
        Refuted: if it is not.
    """
    passes = rf"    def (?:{'|'.join(PASSES)})\("
    around = rf"(?m)^    @{re.escape(frame)}\n(?={passes})"
    plain = re.sub(around, "", text) if frame else text
    if frame and len(re.findall(around, text)) != len(re.findall(passes, text)):
        raise Refuted(f"{support_name(text)} has a pass that does not stand in {frame}")
    rest = iter(_pieces(own))
    for piece in _pieces(plain):
        if piece not in rest:  # which goes on from there
            raise Refuted(f"{support_name(text)} is not that of the library")


def _pieces(text: str) -> list[str]:
    """The methods of a class, and the lines in front of them."""
    first, *methods = re.split(r"(?m)^(?=    (?:@|def ))", text.rstrip() + "\n")
    return [*first.splitlines(), *(item.rstrip() for item in methods)]
