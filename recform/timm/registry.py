"""Formula files in timm's registry of models."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recform.blocks.identifiers import identifier
from recform.compiler import (
    Compiled,
    choose,
    compile_source,
    load_source,
    source_of,
)
from recform.diagnostics import Diagnostics
from recform.emit.classifier.plan import Head, head_of
from recform.timm import networks

if TYPE_CHECKING:
    from torch import nn

    from recform.blocks.plugins import Plugin

#: What was registered by each name: the file, and the network in it.
_ORIGINS: dict[str, tuple[str, str]] = {}


def register(
    formula: str | Path,
    /,
    name: str | None = None,
    *,
    network: str | None = None,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> tuple[str, ...]:
    """Makes the networks of a formula file models that timm knows by name.

    A network is called ``rf_`` and its name in small letters. A file that is registered
    again takes the place of what it was.

    Args:
        formula: a path (ending in ``.rf``), or text.
        name: for timm, in place of the network's own; for a single network.
        network: which network, for a file with several; all if left out.
        plugins: operators of your own, as in :func:`recform.compile`.
        params: values for the file's parameters.

    Returns:
        The names by which ``timm.create_model`` makes them.

    Raises:
        recform.diagnostics.CompileError: with all that is wrong in the formula; if a
            network is no image classifier (RF521); if a name cannot be had (RF522).
            Nothing is registered then.
        ImportError: if timm is not installed.
    """
    _need_timm()
    source, folder = source_of(formula)
    origin = str(Path(formula).resolve()) if folder is not None else ""
    compiled = compile_source(source, params, folder, plugins, network, timm=True)
    if network is not None or name is not None:
        compiled = (choose(compiled, network),)
    called = [name or f"rf_{identifier(item.name).lower()}" for item in compiled]
    origins = [(origin, item.name) for item in compiled]
    for item in compiled:
        _ = item.source  # where names of parameters leave no levels, this fails
    _check_names(called, origins, source.name)
    for item, model, found in zip(compiled, called, origins, strict=True):
        _register(item, model)
        _ORIGINS[model] = found
    return tuple(called)


def _need_timm() -> None:
    try:
        import timm  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "recform.timm registers networks with timm, which is not installed: "
            "pip install timm"
        ) from error


def _check_names(names: list[str], origins: list[tuple[str, str]], file: str) -> None:
    """A name is that of a function, and not that of another model.

    Raises:
        CompileError: if one cannot be had (RF522).
    """
    from timm.models import is_model

    report = Diagnostics()
    for number, (name, origin) in enumerate(zip(names, origins, strict=True)):
        hint = 'register(..., name="rf_my_network")'
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            message = f"{name!r} cannot be the name of a model"
        elif name in names[:number]:
            message = f"two networks of the file would be called {name}"
            hint = f"register(..., network={origin[1]!r}, name=...)"
        elif is_model(name) and _ORIGINS.get(name) != origin:
            message = f"timm has a model called {name} already"
        else:
            continue
        report.error("RF522", message, hint=hint, file=file)
    report.check()


def _register(compiled: Compiled, name: str) -> None:
    from timm.models import build_model_with_cfg, generate_default_cfgs, register_model

    module = load_source(compiled.source, compiled.name)
    made: type[nn.Module] = getattr(module, compiled.name)
    config, levels = _describe(made, compiled)

    def create(pretrained: bool = False, **arguments: Any) -> nn.Module:
        model: nn.Module = build_model_with_cfg(
            made,
            name,
            pretrained,
            feature_cfg={"out_indices": tuple(range(levels)), "feature_cls": "getter"},
            kwargs_filter=("img_size",),
            **arguments,
        )
        return model

    create.__name__ = create.__qualname__ = name
    create.__module__ = networks.__name__
    create.__doc__ = made.__doc__
    setattr(networks, name, create)
    if name in networks.__all__:
        networks.__all__.remove(name)
    networks.default_cfgs[name] = generate_default_cfgs({name: config})[name]
    with warnings.catch_warnings():
        # timm warns of a name that it knows; that this is a new form of it was checked.
        warnings.simplefilter("ignore", UserWarning)
        register_model(create)


def _describe(made: type[nn.Module], compiled: Compiled) -> tuple[dict[str, Any], int]:
    """What timm wants to know of a model, and how many levels of features it has."""
    import torch
    from torch import nn

    formula = compiled.formula
    head: Head = head_of(compiled.graph)
    with torch.device("meta"):
        model: Any = made()
    first = next(
        (key for key, item in model.named_modules() if isinstance(item, nn.Conv2d)),
        None,
    )
    channels = int(formula.input.features)
    config = {
        "num_classes": head.classes,
        "input_size": (channels, *(int(size) for size in formula.input.grid)),
        "pool_size": head.grid,
        "fixed_input_size": head.fixed,
        "first_conv": first,
        "classifier": model._classifier_name,
    }
    return config, len(model.feature_info)
