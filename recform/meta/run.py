"""Runs the text of a generated file on sizes."""

from __future__ import annotations

import builtins
import importlib
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from recform.meta.alike import shared
from recform.meta.functional import functional
from recform.meta.functions import TORCH
from recform.meta.modules import nn
from recform.meta.namespaces import Methods, Namespace
from recform.meta.sizes import BATCH, Misshapen, Sizes
from recform.meta.tensor import Tensor, Unread

#: No pass is watched, as none is where torch keeps nothing for gradients.
_dispatch = Namespace(_get_current_dispatch_mode_stack=list)
_utils = Namespace(_python_dispatch=_dispatch)
torch = Methods(**TORCH, Tensor=Tensor, nn=nn, Size=tuple, utils=_utils)
#: The same for files whose modules may be alike.
_shared = Methods(**{**vars(torch), "nn": shared})

#: What a file imports of torch's modules.
_MODULES: Mapping[str, Any] = {
    "torch.nn.functional": functional,
    "torch.utils._python_dispatch": _dispatch,
    "torch.utils.checkpoint": Namespace(),
}


def sizes_of(
    text: str, name: str, inputs: Sequence[Sizes], *, alike: bool = False
) -> Any:
    """The sizes of what a network of a file makes of inputs.

    Args:
        text: the file; it is run, as an import of it would.
        name: of the class.
        inputs: the sizes of what it gets, each of one example.
        alike: whether modules of a class and the same numbers are one, as code allows that
            keeps nothing from one pass to the next, and sets nothing in what it has made.

    Returns:
        The sizes of one example; a tuple of such where a network returns several.

    Raises:
        Misshapen: if torch would refuse it.
        Unread: if it does what is not known here.
    """
    here = {
        "__import__": partial(_found, _shared if alike else torch),
        "print": lambda *_, **__: None,
    }
    scope: dict[str, Any] = {"__name__": name, "__builtins__": vars(builtins) | here}
    try:
        exec(compile(text, name, "exec"), scope)
        made = scope[name]()(*(Tensor(BATCH, *sizes) for sizes in inputs))
        return _example(made)
    except Misshapen as wrong:
        wrong.line = _line(text, name, wrong)
        raise
    except Unread:
        raise
    except (Exception, SystemExit) as fault:
        raise Unread(f"{type(fault).__name__}: {fault}") from fault


def _found(
    torch: Any,
    name: str,
    globals: Any = None,
    locals: Any = None,
    fromlist: Sequence[str] = (),
    level: int = 0,
) -> Any:
    """A module that a file imports; of torch, the one that is given."""
    if name.partition(".")[0] != "torch":
        return importlib.__import__(name, globals, locals, fromlist, level)
    if name == "torch" or not fromlist:
        return torch
    if name not in _MODULES:
        raise Unread(f"import {name}")
    return _MODULES[name]


def _line(text: str, name: str, error: Exception) -> str:
    """The line of a file that was run last."""
    frames = traceback.extract_tb(error.__traceback__)
    numbers = [frame.lineno for frame in frames if frame.filename == name]
    return text.splitlines()[(numbers[-1] or 1) - 1].strip() if numbers else ""


def _example(made: Any) -> Any:
    """The sizes of one example.

    Raises:
        Misshapen: if it is not made of as many examples as came in.
    """
    if isinstance(made, list | tuple):
        return tuple(map(_example, made))
    if not isinstance(made, Tensor):
        raise Unread("a network that returns something else than tensors")
    if made.shape[:1] != (BATCH,):
        raise Misshapen(f"what comes out has no batch in front: {made}")
    return tuple(made.shape[1:])
