"""recform: from recursion formulas to neural networks.

>>> import recform
>>> network = recform.load("X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>", classes=10)

`compile` gives everything that is known about a formula, `load` the PyTorch module.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recform.version import __version__

if TYPE_CHECKING:
    import torch

    from recform.blocks.plugins import Plugin
    from recform.compiler import Compiled

__all__ = ["__version__", "compile", "load"]


def compile(
    formula: str | Path,
    /,
    network: str | None = None,
    *,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> Compiled:
    """Compiles a formula file, or the text of one.

    Args:
        formula: a path (ending in ``.rf``), or text.
        network: which network, for a file with several.
        plugins: operators of your own: a file, the name of a module, a module, or a
            class that derives from :class:`recform.blocks.Operator`.
        params: values for the file's parameters.

    Returns:
        An object with ``source`` (the generated module), ``recurrence``, ``graph`` and
        ``module()``.

    Raises:
        recform.diagnostics.CompileError: with all that is wrong in the formula.
    """
    from recform.compiler import choose, compile_source, from_text, read

    if _is_path(formula):
        source, folder = read(formula)
        compiled = compile_source(source, params, folder, plugins, network)
    else:
        source = from_text(str(formula))
        compiled = compile_source(source, params, None, plugins, network)
    return choose(compiled, network)


def load(
    formula: str | Path,
    /,
    network: str | None = None,
    *,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> torch.nn.Module:
    """The PyTorch module of a formula file, or of the text of one.

    Takes what :func:`compile` takes, and raises what it raises.
    """
    return compile(formula, network, plugins=plugins, **params).module()


def _is_path(formula: str | Path) -> bool:
    """A path is a Path, or one line that ends in ``.rf`` and is no equation."""
    if isinstance(formula, Path):
        return True
    return formula.endswith(".rf") and "\n" not in formula and "=" not in formula
