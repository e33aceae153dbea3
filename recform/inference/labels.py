"""What the steps are called that are left of a pipeline: numbers close ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from recform.algebra.labels import DERIVED
from recform.algebra.pipeline import Step

#: The names of the containers around a step, the outermost first, and its own.
_Path = tuple[str, ...]


def relabelled(before: Sequence[Step], kept: Sequence[Step]) -> list[Step]:
    """The steps that are left, under their names.

    A number tells parts of a container apart, and is counted anew when code is written.
    Brackets without a label that have one part left are that part.

    Args:
        before: all steps.
        kept: those that are left, with their labels.
    """
    then, now = list(map(_path, before)), list(map(_path, kept))
    return [
        replace(step, label=_label(path, _is_alone(path, then, now)))
        for step, path in zip(kept, now, strict=True)
    ]


def _path(step: Step) -> _Path:
    return tuple(step.label.split("."))


def _is_alone(path: _Path, then: Sequence[_Path], now: Sequence[_Path]) -> bool:
    """Whether a step is all that is left of its container."""
    parts = set(_parts(then, path[:-1]))
    numbered = len(parts) > 1 and all(part.isdigit() for part in parts)
    return numbered and set(_parts(now, path[:-1])) == {path[-1]}


def _parts(paths: Sequence[_Path], group: _Path) -> Iterator[str]:
    """What is in a container itself."""
    depth = len(group)
    return (path[depth] for path in paths if path[:depth] == group and path[depth:])


def _label(path: _Path, alone: bool) -> str:
    """The label of a path; brackets around what is alone have no name to keep."""
    around = path[:-1]
    if alone and (not around or around[-1].startswith(DERIVED)):
        path = (*around[:-1], "")
    return ".".join(DERIVED + name if name.isdigit() else name for name in path)
