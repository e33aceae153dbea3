"""Reads the statements of a generated file: runs them on what names are."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from recform.execution.forms import Raised, Unreadable
from recform.execution.library import LAID_OUT, is_plain
from recform.execution.parts import Hole, Method, Value, without_docstring
from recform.execution.reader import UNSEEN, Reader
from recform.execution.rows import follow

if TYPE_CHECKING:
    from recform.execution.file import File


class _Returned(Exception):
    """A function returns."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class Statements(Reader):
    """Reads the statements of one function.

    Args:
        file: where it stands.
        names: what variables are; it grows with what is assigned.
        kind: the class that the function is a method of, if it is one.

    Attributes:
        yielded: what it has shown so far, if it is a generator, each with how much had
            returned by then.
        constructs: whether the function is a constructor.
    """

    def __init__(
        self, file: File, names: dict[str, Value], kind: ast.ClassDef | None = None
    ) -> None:
        super().__init__(file, names, kind)
        self.yielded: list[tuple[Value, int]] | None = None
        self.constructs = False
        self._has_started = False

    def run(self, statements: Sequence[ast.stmt]) -> Value:
        """Runs statements; returns what they return.

        Raises:
            Unreadable: if there is something that no generated file has.
        """
        try:
            for statement in statements:
                self._run(statement)
        except _Returned as returned:
            return returned.value
        return None

    def _run(self, node: ast.stmt) -> None:
        if self._has_started and isinstance(node, ast.Assign | ast.AnnAssign):
            raise Unreadable(f"weights have started before {ast.unparse(node)}")
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return
            case ast.Expr(value=ast.Yield(value=ast.expr() as made)):
                shown = self.value(made), len(self._file.returned)
                self.yielded = [*(self.yielded or []), shown]
                self._file.changes += 1
            case ast.Expr():
                self._do(node.value)
            case ast.Assign(targets=[target]):
                self._assign(target, self.value(node.value))
            case ast.AnnAssign(value=ast.expr() as made):
                self._assign(node.target, self.value(made))
            case ast.AugAssign(target=ast.Name(id=name)):
                old, more = self._names[name], self.value(node.value)
                if isinstance(old, dict):
                    self._file.overwritten.add(old)
                elif not isinstance(old, int | float) or not is_plain(more):
                    raise Unreadable(ast.unparse(node))  # it may have other names
                self._names[name] = self._operated(node, node.op, old, more)
            case ast.Return():
                raise _Returned(None if node.value is None else self.value(node.value))
            case ast.If():
                for item in node.body if self._holds(node.test) else node.orelse:
                    self._run(item)
            case ast.For(orelse=[]):
                self._loop(node)
            case ast.Raise():
                raise Raised(ast.unparse(node))
            case _:
                raise Unreadable(ast.unparse(node))

    def _do(self, node: ast.expr) -> None:
        """A statement that is there for what it changes.

        Raises:
            Unreadable: if that is nothing that is followed here.
        """
        if self.constructs and ast.unparse(node) == LAID_OUT:
            assert self._kind is not None
            self._file.laid.append(self._kind.name)
            return
        if not self._changes(node):
            raise Unreadable(ast.unparse(node))
        self.value(node)

    def _changes(self, node: ast.expr) -> bool:
        """Whether a statement is a call whose changes are followed."""
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name() as held, attr="append")):
                return isinstance(self.value(held), list)
            case ast.Call(
                func=ast.Attribute(value=ast.Attribute() as held, attr="keep")
            ):
                return isinstance(self.value(held), Hole)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self")) as method):
                return isinstance(self.value(method), Method)
        return False

    def construct(self, statements: Sequence[ast.stmt]) -> Value:
        """Runs a constructor, which has to make a module of the object first.

        Raises:
            Unreadable: if it does not, or there is something that no generated file has.
        """
        self.constructs = True
        first, *rest = without_docstring(statements)
        match first:
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(
                        value=ast.Call(func=ast.Name(id="super"), args=[]),
                        attr="__init__",
                    )
                ) as call
            ):
                self.value(call)
                return self.run(rest)
        raise Unreadable(f"super().__init__() comes first, before {ast.unparse(first)}")

    def _loop(self, node: ast.For) -> None:
        match node.iter:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)) if (
                name in UNSEEN
            ):
                if not self.constructs or self._kind is None:
                    raise Unreadable(ast.unparse(node))
                self._file.starting.append((self._kind.name, node))
                self._has_started = True
                return

        def step(item: Value) -> None:
            self._assign(node.target, item)
            for inner in node.body:
                self._run(inner)

        follow(self._file, self._calls.each(self.value(node.iter)), step, self._names)
