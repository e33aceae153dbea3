"""Formula files in timm's registry of models."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recform.compiler import Compiled, choose, compile_source, load_source, source_of
from recform.emit.classifier.plan import Head, head_of
from recform.modules import without_numbers
from recform.target import Target
from recform.timm import networks
from recform.timm.build import builder
from recform.timm.config import check_entries, data_config
from recform.timm.names import ORIGINS, called, check_names

if TYPE_CHECKING:
    from torch import nn

    from recform.operators.plugins import Plugin


def register(
    formula: str | Path,
    /,
    name: str | None = None,
    *,
    network: str | None = None,
    prefix: str = "rf_",
    default_cfg: Mapping[str, Any] | None = None,
    plugins: Iterable[Plugin] = (),
    **params: Any,
) -> tuple[str, ...]:
    """Makes the networks of a formula file models that timm knows by name.

    A file that is registered again takes the place of what it was.

    Args:
        formula: a path (ending in ``.rf``), or text.
        name: for timm, in place of the network's own; for a single network.
        network: which network, for a file with several; all if left out.
        prefix: what stands in front of a network's own name, in small letters.
        default_cfg: entries of timm's configuration in place of those that go with the
            input: ``mean``, ``std``, ``crop_pct``, ``interpolation`` and others.
        plugins: operators of your own, as in :func:`recform.compile`.
        params: values for the file's parameters.

    Returns:
        The names by which ``timm.create_model`` makes them.

    Raises:
        recform.diagnostics.CompileError: with all that is wrong in the formula; if a
            network is no image classifier (RF521); if a name cannot be had (RF522); if
            an entry of the configuration is none (RF523) or does not fit (RF524).
            Nothing is registered then.
        ImportError: if timm is not installed.
    """
    _need_timm()
    source, folder = source_of(formula)
    origin = str(Path(formula).resolve()) if folder is not None else ""
    compiled = compile_source(
        source, params, folder, plugins, network, Target(timm=True)
    )
    if network is not None or name is not None:
        compiled = (choose(compiled, network),)
    wanted = [name or called(prefix, item.name) for item in compiled]
    origins = [(origin, item.name) for item in compiled]
    for item in compiled:
        _ = item.source  # where names of parameters leave no levels, this fails
    check_names(wanted, origins, source.name)
    given = dict(default_cfg or {})
    for item in compiled:
        check_entries(given, int(item.formula.input.features), source.name)
    for item, model, found in zip(compiled, wanted, origins, strict=True):
        _register(item, model, given)
        ORIGINS[model] = found
    return tuple(wanted)


def _need_timm() -> None:
    try:
        import timm  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "recform.timm registers networks with timm, which is not installed: "
            "pip install timm"
        ) from error


def _register(compiled: Compiled, name: str, given: dict[str, Any]) -> None:
    from timm.models import build_model_with_cfg, generate_default_cfgs, register_model

    from recform.timm.features import extractor

    module = load_source(compiled.source, compiled.name)
    made: type[nn.Module] = getattr(module, compiled.name)
    config, levels = _describe(made, compiled)
    build = builder(made, getattr(module, "DropPath", None))

    def create(pretrained: bool = False, **arguments: Any) -> nn.Module:
        if arguments.get("features_only"):
            arguments["feature_cls"] = extractor(arguments.get("feature_cls", "getter"))
        model: nn.Module = build_model_with_cfg(
            build,
            name,
            pretrained,
            feature_cfg={"out_indices": tuple(range(levels))},
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
    networks.default_cfgs[name] = generate_default_cfgs({name: {**config, **given}})[
        name
    ]
    with warnings.catch_warnings():
        # timm warns of a name that it knows; that this is a new form of it was checked.
        warnings.simplefilter("ignore", UserWarning)
        register_model(create)


def _describe(made: type[nn.Module], compiled: Compiled) -> tuple[dict[str, Any], int]:
    """What timm wants to know of a model, and how many levels of features it has."""
    from torch import nn

    formula = compiled.formula
    head: Head = head_of(compiled.graph)
    with without_numbers():
        model: Any = made()
    first = next(
        (key for key, item in model.named_modules() if isinstance(item, nn.Conv2d)),
        None,
    )
    shape = formula.input
    config = {
        "num_classes": head.classes,
        "input_size": (int(shape.features), *map(int, shape.grid)),
        "pool_size": head.grid,
        "fixed_input_size": head.fixed,
        "first_conv": first,
        "classifier": model._classifier_name,
        **data_config(shape),
    }
    return config, len(model.feature_info)
