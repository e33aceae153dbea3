"""Generated files with one thing changed in what constructors make of their arguments."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch import nn

from tests.readback.mutants import Written


def changed(written: Written) -> Iterator[tuple[str, ast.Module]]:
    """Sources in which an argument is another one, or a number, or has another default.

    That is each use of an argument of the network's constructor, in its class and in those
    to which it is handed, and each default.
    """
    defaults = arguments(written.code, written.network)
    for which, use in enumerate(_uses(written.code, defaults)):
        value = defaults[use.id]
        others: list[ast.expr] = [ast.Constant(value)]
        around = next(f for f in _functions(written.code) if use in ast.walk(f))
        beside = [item.arg for item in around.args.args]
        others += [
            ast.Name(name, ast.Load())
            for name, other in defaults.items()
            if name in beside and name != use.id and type(other) is type(value)
        ]
        for other in others:
            code = copy.deepcopy(written.code)
            at = list(_uses(code, defaults))[which]
            at.__class__, at.__dict__ = other.__class__, other.__dict__
            line = ast.unparse(use)
            yield f"{around.lineno}: {line} is {ast.unparse(other)}", _read(code)
    for name, value in defaults.items():
        code = copy.deepcopy(written.code)
        given = _constructor(code, written.network).args
        place = [item.arg for item in given.args[1:]].index(name)
        given.defaults[place] = ast.Constant(_another(value))
        yield f"{name}={_another(value)}", _read(code)
    for one, other in itertools.combinations(defaults, 2):
        if type(defaults[one]) is type(defaults[other]):
            code = copy.deepcopy(written.code)
            swapped = {one: other, other: one}
            for use in _uses(_constructor(code, written.network), defaults):
                use.id = swapped.get(use.id, use.id)
            yield f"{one} is {other}", _read(code)


def arguments(code: ast.Module, network: str) -> dict[str, Any]:
    """The arguments of a network's constructor, with their defaults."""
    given = _constructor(code, network).args
    values = map(ast.literal_eval, given.defaults)
    return dict(zip((item.arg for item in given.args[1:]), values, strict=True))


def _another(value: Any) -> Any:
    if isinstance(value, str):
        return {"avg": "max", "max": "avg"}[value]
    return value + 1 if isinstance(value, int) else value / 2 + 0.01


def _read(code: ast.Module) -> ast.Module:
    return ast.parse(ast.unparse(ast.fix_missing_locations(code)))


def _constructor(code: ast.Module, network: str) -> ast.FunctionDef:
    (kind,) = (
        n for n in code.body if isinstance(n, ast.ClassDef) and n.name == network
    )
    return next(f for f in _functions(kind) if f.name == "__init__")


def _functions(code: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(code) if isinstance(node, ast.FunctionDef))


def _uses(code: ast.AST, names: Collection[str]) -> Iterator[ast.Name]:
    """Where functions read arguments that are called as those of the network."""
    for function in _functions(code):
        own = {item.arg for item in function.args.args}.intersection(names)
        for node in itertools.chain.from_iterable(map(ast.walk, function.body)):
            if isinstance(node, ast.Name) and node.id in own:
                yield node


def alike(written: Written, code: ast.Module) -> bool:
    """Whether two sources make the same network of other arguments than the defaults."""
    other: dict[str, Any] = {}
    for number, (name, value) in enumerate(
        arguments(written.code, written.network).items()
    ):
        if isinstance(value, int):
            other[name] = value * (2 + number)
        elif isinstance(value, float):
            other[name] = 0.9 * value + 0.01 * (1 + number)
        else:
            other[name] = _another(value)
    every = [{}, other, *({name: value} for name, value in other.items())]
    return all(
        _made(written, written.code, given) == _made(written, code, given)
        for given in every
    )


def _made(written: Written, code: ast.Module, given: dict[str, Any]) -> object:
    """What a network that was made with some arguments says of itself."""
    space: dict[str, Any] = {"__name__": "mutant"}
    exec(compile(f"{written.head}{ast.unparse(code)}", "mutant.py", "exec"), space)
    try:
        with torch.device("meta"):
            network: nn.Module = space[written.network](**given)
    except (TypeError, ValueError, RuntimeError) as error:
        return str(error)
    sizes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    return sizes, str(network), [_told(module) for module in network.modules()]


def _told(module: nn.Module) -> dict[str, Any]:
    """The numbers and words that a module keeps."""
    kept = vars(module).items()
    return {name: v for name, v in kept if isinstance(v, int | float | str | list)}
