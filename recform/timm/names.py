"""The names by which timm knows networks: which are free, and what they stand for."""

from __future__ import annotations

import re
from itertools import chain, count

from recform.blocks.identifiers import identifier
from recform.diagnostics import Diagnostics

#: What was registered by each name: the file, and the network in it.
ORIGINS: dict[str, tuple[str, str]] = {}


def check_names(names: list[str], origins: list[tuple[str, str]], file: str) -> None:
    """A name is that of a function, and not that of another model.

    Args:
        names: that are wanted.
        origins: the file and the network of each.
        file: its name.

    Raises:
        CompileError: if one cannot be had (RF522).
    """
    report = Diagnostics()
    for number, (name, origin) in enumerate(zip(names, origins, strict=True)):
        alone = len(names) == 1
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            message = f"{name!r} cannot be the name of a model"
        elif name in names[:number]:
            message = f"two networks of the file would be called {name}"
            alone = True
        elif is_taken(name, origin):
            message = f"timm has a model called {name} already"
        else:
            continue
        hint = f"register(..., {_own_name(name, origin, alone=len(names) == 1)})"
        if not alone:
            hint = f'register(..., prefix="{_free_prefix(origins)}")'
        report.error("RF522", message, hint=hint, file=file)
    report.check()


def is_taken(name: str, origin: tuple[str, str]) -> bool:
    """Whether timm knows a model of this name that is of another file, or of its own."""
    from timm.models import is_model

    return is_model(name) and ORIGINS.get(name) != origin


def _own_name(name: str, origin: tuple[str, str], *, alone: bool) -> str:
    """The arguments that give one network a name that is free."""
    base = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "network"
    base = f"rf_{base}" if base[0].isdigit() else base
    tries = chain([base], (f"{base}_{number}" for number in count(2)))
    free = next(item for item in tries if item != name and not is_taken(item, origin))
    which = "" if alone else f'network="{origin[1]}", '
    return f'{which}name="{free}"'


def _free_prefix(origins: list[tuple[str, str]]) -> str:
    """A prefix with which all names of a file are free."""
    for prefix in chain(["rf_"], (f"rf{number}_" for number in count(2))):
        if not any(is_taken(called(prefix, origin[1]), origin) for origin in origins):
            return prefix
    raise AssertionError("numbers do not end")


def called(prefix: str, network: str) -> str:
    """What timm calls a network that has no other name."""
    return f"{prefix}{identifier(network).lower()}"
