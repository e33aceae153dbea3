"""The examples, each compiled once in a process of the tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from recform.compiler import Compiled, compile_source, emit_source, read

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FILES = sorted(EXAMPLES.rglob("*.rf"))
#: As tests call them: ``zoo/resnet18.rf``.
NAMES = [path.relative_to(EXAMPLES).as_posix() for path in FILES]


@cache
def networks(name: str, **settings: Any) -> tuple[Compiled, ...]:
    """All networks of an example."""
    source, folder = read(EXAMPLES / name)
    return compile_source(source, settings, folder)


def example(name: str) -> Compiled:
    """The first network of an example."""
    return networks(name)[0]


@cache
def written(name: str) -> str:
    """The generated file of an example."""
    return emit_source(list(networks(name)))
