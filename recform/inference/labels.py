"""What the steps are called that are left of a pipeline: numbers close ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from recform.algebra.formula import Step
from recform.algebra.labels import DERIVED

#: The names of the containers around a step, the outermost first, and its own.
_Path = tuple[str, ...]


def relabelled(before: Sequence[Step], kept: Sequence[Step]) -> list[Step]:
    """The steps that are left, under their names.

    A container that was numbered and has lost some of its parts counts them anew. One
    with a single part left is that part.

    Args:
        before: all steps.
        kept: those that are left, with their labels.
    """
    then = [_path(step) for step in before]
    now = [_path(step) for step in kept]
    names: dict[_Path, dict[str, str]] = {}
    for group in dict.fromkeys(group for path in now for group in _groups(path)):
        old, new = _parts(then, group), _parts(now, group)
        if old == new or not all(part.isdigit() for part in old):
            continue
        alone = len(new) == 1 and (*group, *new) in now
        names[group] = {new[0]: ""} if alone else dict(zip(new, old, strict=False))
    return [
        replace(step, label=_label(_renamed(path, names)))
        for step, path in zip(kept, now, strict=True)
    ]


def _path(step: Step) -> _Path:
    return tuple(step.label.split("."))


def _groups(path: _Path) -> Iterator[_Path]:
    """The containers of a step; the pipeline itself is one."""
    return (path[:length] for length in range(len(path)))


def _parts(paths: Sequence[_Path], group: _Path) -> list[str]:
    """What is in a container itself, in order."""
    depth = len(group)
    inside = (path[depth] for path in paths if path[:depth] == group and path[depth:])
    return list(dict.fromkeys(inside))


def _renamed(path: _Path, names: Mapping[_Path, Mapping[str, str]]) -> _Path:
    return tuple(
        names.get(group, {}).get(part, part)
        for group, part in zip(_groups(path), path, strict=True)
    )


def _label(path: _Path) -> str:
    """The label of a path; who is alone in a container has the container's name."""
    if path[-1] or len(path) == 1:
        return ".".join(path)
    above = path[:-1]
    if above[-1].startswith(DERIVED):
        return ".".join((*above[:-1], ""))
    return ".".join(above)
