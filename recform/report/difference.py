"""What one compiled network changes of another, in terms of what it means."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from recform.equality.around.frame import FrameChange, frame_changes
from recform.equality.difference import (
    PathDifference,
    as_dict,
    path_difference,
    path_lines,
)
from recform.report import summarise
from recform.report.summary import Summary

if TYPE_CHECKING:
    from recform.compiler import Compiled

_FIGURES = (
    ("order", "order"),
    ("parameters", "parameters"),
    ("multiply_adds", "multiply-adds"),
    ("kept", "activations kept"),
)


@dataclass(frozen=True)
class Difference:
    """Two networks beside each other.

    Attributes:
        before, after: their summaries.
        frame: what differs around the equations.
        paths: those that one has and the other has not, with linear operators.
    """

    before: Summary
    after: Summary
    frame: tuple[FrameChange, ...]
    paths: PathDifference

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        both = (self.before, self.after)
        return {
            "networks": [item.name for item in both],
            "equations": [list(item.equations) for item in both],
            "frame": [asdict(change) for change in self.frame],
            "paths": as_dict(self.paths),
            "state": [_state(item) for item in both],
        } | {key: [getattr(item, key) for item in both] for key, _ in _FIGURES}

    def lines(self) -> list[str]:
        """What `recform diff` prints."""
        before, after = self.before, self.after
        found = [f"{before.name} -> {after.name}"]
        found += _marked(_equations(before), _equations(after))
        if self.frame:
            found += ["", "Around the equations"]
        found += [f"  {item.what}: {' -> '.join(item.texts)}" for item in self.frame]
        which = "blocks of the general equations" if self.paths.own else "later blocks"
        found += ["", f"Paths between {which}, with linear operators"]
        found += path_lines(self.paths)
        found += ["", "State from block to block"]
        found += _marked(_state(before), _state(after))
        found += ["", "Figures"]
        for key, name in _FIGURES:
            change = _change(getattr(before, key), getattr(after, key))
            found.append(f"  {name:17} {change}")
        return found


def difference(first: Compiled, second: Compiled) -> Difference:
    """What the second network changes of the first."""
    return Difference(
        summarise(first.graph),
        summarise(second.graph),
        tuple(frame_changes(first.formula, second.formula)),
        path_difference(first.formula, second.formula),
    )


def _marked(old: list[str], new: list[str]) -> list[str]:
    """Lines of both, with a mark at those that only one has."""
    marks = {(True, True): " ", (True, False): "-", (False, True): "+"}
    return [
        f"  {marks[line in old, line in new]} {line}"
        for line in dict.fromkeys((*old, *new))
    ]


def _equations(summary: Summary) -> list[str]:
    return [*summary.equations, *summary.boundaries]


def _state(summary: Summary) -> list[str]:
    rows = [row.what for row in summary.state]
    return rows + [border.text() for border in summary.borders]


def _change(before: int, after: int) -> str:
    if before == after:
        return f"{before:,}"
    return f"{before:,} -> {after:,} ({after - before:+,})"
