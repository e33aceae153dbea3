"""recform: from recursion formulas to neural networks.

>>> import recform
>>> network = recform.load("X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>", classes=10)

`compile` gives everything that is known about a formula, `load` the PyTorch module.
`save_weights` and `load_weights` keep weights together with their formula, `transplant`
takes them over from another network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from recform.version import __version__

if TYPE_CHECKING:
    import torch

    from recform.blocks.plugins import Plugin
    from recform.compiler import Compiled
    from recform.weights import Match, Transplant

__all__ = [
    "__version__",
    "compile",
    "load",
    "load_weights",
    "save_weights",
    "transplant",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _to_the_point(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """The same; what it raises for a formula has no frames of the compiler's."""

    @wraps(function)
    def wrapper(*arguments: _P.args, **options: _P.kwargs) -> _R:
        from recform.diagnostics import CompileError

        try:
            return function(*arguments, **options)
        except CompileError as error:
            raise error.with_traceback(None) from None

    return wrapper


@_to_the_point
def compile(
    formula: str | Path,
    /,
    network: str | None = None,
    *,
    plugins: Iterable[Plugin] = (),
    timm: bool = False,
    **params: Any,
) -> Compiled:
    """Compiles a formula file, or the text of one.

    Args:
        formula: a path (ending in ``.rf``), or text.
        network: which network, for a file with several.
        plugins: operators of your own: a file, the name of a module, a module, or a
            class that derives from :class:`recform.blocks.Operator`.
        timm: whether the module gets the interface of timm's models, which image
            classifiers can have.
        params: values for the file's parameters.

    Returns:
        An object with ``source`` (the generated module), ``recurrence``, ``graph`` and
        ``module()``.

    Raises:
        recform.diagnostics.CompileError: with all that is wrong in the formula.
    """
    from recform.compiler import choose, compile_source, source_of

    source, folder = source_of(formula)
    compiled = compile_source(source, params, folder, plugins, network, timm=timm)
    return choose(compiled, network)


@_to_the_point
def load(
    formula: str | Path,
    /,
    network: str | None = None,
    *,
    plugins: Iterable[Plugin] = (),
    timm: bool = False,
    **params: Any,
) -> torch.nn.Module:
    """The PyTorch module of a formula file, or of the text of one.

    Takes what :func:`compile` takes, and raises what it raises.
    """
    return compile(formula, network, plugins=plugins, timm=timm, **params).module()


@_to_the_point
def save_weights(
    module: torch.nn.Module,
    formula: str | Path | Compiled,
    file: str | Path,
    /,
    network: str | None = None,
    *,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> None:
    """Writes the weights of a module to a safetensors file, with its formula.

    Args:
        module: made from the formula; wrappers of torch around it (compiled, parallel,
            averaged) are taken off.
        formula: what :func:`compile` returned or takes.
        file: where to write; it is there whole, or as it was.
        network: as for :func:`compile`.
        plugins: likewise.
        params: likewise.

    Raises:
        recform.diagnostics.CompileError: if the formula does not compile, is not the
            module's (RF703), or the file cannot be written (RF503).
    """
    from recform.weights import save

    compiled = _compiled(formula, network, plugins, params)
    save(module, compiled, Path(file))


@_to_the_point
def load_weights(
    module: torch.nn.Module,
    formula: str | Path | Compiled,
    file: str | Path,
    /,
    network: str | None = None,
    *,
    strict: bool = True,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> Match:
    """Reads the weights of a safetensors file into a module.

    A file that names a formula must name the same one, up to comments, spaces and
    names; without one, the names of its tensors count.

    Args:
        module: made from the formula.
        formula: what :func:`compile` returned or takes.
        file: from :func:`save_weights`, or of another library.
        network: as for :func:`compile`.
        plugins: likewise.
        params: likewise.
        strict: with False, the tensors that are for the same are taken from a file of
            another formula, and the rest of the module stays as it is.

    Returns:
        What was taken, and what not. Numbers that are odd (not finite, of another
        precision) are warned of.

    Raises:
        recform.diagnostics.CompileError: if the formula does not compile, or the file
            is of another one (RF702), does not fit (RF703, RF705), or cannot be read
            (RF001, RF006, RF701, RF704).
    """
    import warnings

    from recform.diagnostics import render_text
    from recform.weights import load

    compiled = _compiled(formula, network, plugins, params)
    found = load(module, compiled, Path(file), strict=strict, plugins=plugins)
    for remark in found.remarks:
        warnings.warn(render_text([remark]), stacklevel=3)
    return found


@_to_the_point
def transplant(
    file: str | Path,
    formula: str | Path | Compiled,
    /,
    network: str | None = None,
    *,
    source: str | Path | Compiled | None = None,
    seed: int = 0,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> Transplant:
    """Weights for the network of a formula, taken from those of another.

    Args:
        file: the weights that there are.
        formula: the network that gets them: what :func:`compile` returned or takes.
        network: as for :func:`compile`.
        plugins: likewise.
        params: likewise.
        source: the formula of the file, if it says nothing about it.
        seed: for what starts afresh.

    Returns:
        The tensors, what each was taken from, and ``write(path)``.

    Raises:
        recform.diagnostics.CompileError: if a formula does not compile, or the file
            cannot be read (RF001, RF006, RF701, RF704) or has nothing that fits (RF705).
    """
    from recform.weights import transplant as take

    target = _compiled(formula, network, plugins, params)
    known = None if source is None else _compiled(source, None, plugins, {})
    return take(Path(file), target, known, seed=seed, plugins=plugins)


def _compiled(
    formula: str | Path | Compiled,
    network: str | None,
    plugins: Iterable[Plugin],
    params: dict[str, Any],
) -> Compiled:
    if isinstance(formula, str | Path):
        return compile(formula, network, plugins=plugins, **params)
    return formula
