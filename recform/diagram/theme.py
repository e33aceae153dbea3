"""Colours and forms: the one visual grammar of all views.

Colours of unknowns are those of Okabe and Ito ("Color Universal Design", 2008), which
colour-blind readers can tell apart; every kind has a form of its own and every unknown
a pattern of dashes, so that a picture reads without colour as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from recform.diagram.model import Kind


class Theme(StrEnum):
    """Which colours a picture has; ``auto`` follows the reader's (SVG only)."""

    auto = "auto"
    light = "light"
    dark = "dark"


class Style(StrEnum):
    """Whose fonts a picture has: those of a venue are Times in all of it."""

    default = "default"
    acl = "acl"
    cvpr = "cvpr"
    iclr = "iclr"
    icml = "icml"
    ieee = "ieee"
    neurips = "neurips"


#: What each role looks like, in the light and in the dark theme.
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#16181d"),
    "ink": ("#1a1a1a", "#eceef2"),
    "muted": ("#575b63", "#a5abb8"),
    "wrong": ("#c8001e", "#ff7070"),
    "wrong-fill": ("#fde3e5", "#4d1c22"),
    "optional": ("#c8001e", "#ff7070"),
    "operator-fill": ("#dde6f5", "#26344d"),
    "operator-line": ("#2b3a55", "#9db4dd"),
    "adapter-fill": ("#fbeccb", "#463a1c"),
    "adapter-line": ("#6d5010", "#e3c57c"),
    "round-fill": ("#ffffff", "#16181d"),
    "activation-fill": ("#d7eee1", "#1d3d2e"),
    "activation-line": ("#1c5f41", "#86d3ae"),
    "scale-fill": ("#f0e4f3", "#3c2a44"),
    "scale-line": ("#63396f", "#d2a9df"),
    "combine-fill": ("#e7e7e9", "#33363d"),
    "combine-line": ("#45484f", "#b8bcc6"),
    "frame-fill": ("#3d4047", "#d5d8df"),
    "frame-line": ("#3d4047", "#d5d8df"),
    "frame-ink": ("#ffffff", "#16181d"),
    "piece-fill": ("#eeeef0", "#2b2e35"),
    "piece-line": ("#45484f", "#b8bcc6"),
    "cluster-fill": ("#f6f7f9", "#1e2128"),
    "cluster-line": ("#b6bac3", "#525866"),
    "group1": ("#0072b2", "#56b4e9"),
    "group2": ("#b35900", "#f0a030"),
    "group3": ("#00805e", "#2fd6a4"),
    "group4": ("#a3497c", "#e79cc7"),
    "group5": ("#6b5bb5", "#b3a6f2"),
    "group6": ("#7a6a00", "#d8c93f"),
    "group1-fill": ("#e5f1f8", "#14303f"),
    "group2-fill": ("#faeede", "#3d2b12"),
    "group3-fill": ("#e0f2ec", "#113529"),
    "group4-fill": ("#f7e8f0", "#3b2331"),
    "group5-fill": ("#edeaf7", "#2a2544"),
    "group6-fill": ("#f5f1d9", "#343010"),
}
GROUPS = 6
#: The dashes of each unknown, in points.
DASHES: dict[int, tuple[float, ...]] = {
    1: (5, 2.5),
    2: (2, 2),
    3: (7, 2, 1.5, 2),
    4: (1, 2.5),
    5: (9, 3),
    6: (4, 2, 1, 2, 1, 2),
}
MODULE_DASHES = (1.2, 2.2)


def colour(role: str, theme: Theme) -> str:
    """The colour of a role; ``auto`` is light where it cannot follow the reader."""
    return COLOURS[role][1 if theme is Theme.dark else 0]


def group_role(group: int) -> str:
    """The role of an unknown; the colours begin anew after the last one."""
    return f"group{(group - 1) % GROUPS + 1}"


def dashes(group: int) -> tuple[float, ...]:
    """The dashes of an unknown."""
    return DASHES[(group - 1) % GROUPS + 1]


@dataclass(frozen=True)
class Form:
    """How a kind of node looks.

    Attributes:
        outline: ``box``, ``round``, ``pill``, ``circle``, ``hexagon``, ``bars`` (a box
            with a second line at both sides) or ``none``.
        fill, line, ink: roles.
        name: in the legend.
    """

    outline: str
    fill: str
    line: str
    name: str
    ink: str = "ink"


FORMS: dict[Kind, Form] = {
    Kind.operator: Form("box", "operator-fill", "operator-line", "learned operator"),
    Kind.adapter: Form("bars", "adapter-fill", "adapter-line", "adapter"),
    Kind.sum: Form("circle", "round-fill", "ink", "sum"),
    Kind.product: Form("circle", "round-fill", "ink", "product"),
    Kind.activation: Form("pill", "activation-fill", "activation-line", "activation"),
    Kind.scale: Form("hexagon", "scale-fill", "scale-line", "scalar factor"),
    Kind.combine: Form("pill", "combine-fill", "combine-line", "function of several"),
    Kind.function: Form(
        "box", "piece-fill", "piece-line", "operator without parameters"
    ),
    Kind.constant: Form("none", "", "", "constant"),
    Kind.name: Form("none", "", "", "unknown inside the block"),
    Kind.state: Form("round", "", "", "state"),
    Kind.module: Form("round", "piece-fill", "ink", "module handed on"),
    Kind.input: Form("pill", "frame-fill", "frame-line", "input", "frame-ink"),
    Kind.output: Form("pill", "frame-fill", "frame-line", "output", "frame-ink"),
    Kind.piece: Form("box", "piece-fill", "piece-line", "stem, head, transition"),
    Kind.block: Form("box", "operator-fill", "operator-line", "block"),
    Kind.unknown: Form("round", "", "", "output of a block"),
}
