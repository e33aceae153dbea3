"""The ``names`` and ``init`` statements."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from typing import Any

from recform.algebra.formula import InitRule
from recform.algebra.scalars import ScalarReader
from recform.algebra.sections import Section
from recform.algebra.survey import Survey
from recform.blocks import lookup
from recform.blocks import names as operator_names
from recform.diagnostics import Diagnostics, closest
from recform.syntax import nodes as n

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ROLES = ("stem", "head", "adapter", "stages", "transition")

#: The rules of an `init` statement: the numbers that each takes, and their defaults.
RULES: dict[str, tuple[tuple[str, float], ...]] = {
    "kaiming_normal": (),
    "kaiming_uniform": (),
    "xavier_normal": (),
    "xavier_uniform": (),
    "normal": (("std", 0.02),),
    "trunc_normal": (("std", 0.02),),
    "constant": (("value", 0.0),),
    "zeros": (),
    "ones": (),
    "torch": (),
}
_MODES = ("fan_in", "fan_out")
_BY_FANS = ("kaiming", "xavier")
#: As torchvision initialises ResNets; norms are left as torch makes them (ones, zeros).
DEFAULT_INIT = {"conv": InitRule("kaiming_normal", mode="fan_out")}


def name_rules(section: Section, found: Survey, report: Diagnostics) -> dict[str, str]:
    """Where parameters live in the state_dict: an attribute, or ``.`` for inline."""
    rules = {}
    known = [*_ROLES, *found.operators]
    for key, setting in section.settings["names"].items():
        if key not in known:
            guess = closest(key, known)
            report.error(
                "RF201",
                f"nothing named {key!r} has parameters",
                setting.span,
                hint=f"did you mean {guess!r}?"
                if guess
                else "known: " + ", ".join(known),
            )
            continue
        value = setting.value
        text = value.value if isinstance(value, n.String) else ""
        if not _is_attribute(key, text):
            report.error(
                "RF212",
                f"{key} takes the name of an attribute in quotes"
                + (', such as "layer{}"' if key == "stages" else ', or "." for none'),
                value.span,
            )
            continue
        rules[key] = text
    return rules


def _is_attribute(key: str, text: str) -> bool:
    if key == "stages":
        return (
            text.count("{}") == 1
            and _ATTRIBUTE.fullmatch(text.replace("{}", "1")) is not None
        )
    if text == ".":
        return key not in ("adapter", "transition")
    return _ATTRIBUTE.fullmatch(text) is not None and not keyword.iskeyword(text)


def init_rules(
    section: Section, values: Mapping[str, Any], report: Diagnostics
) -> dict[str, InitRule]:
    """How weights start, by the kind of operator that owns them."""
    flat = {
        weights.kind: weights.flat
        for name in operator_names()
        if (operator := lookup(name)) is not None
        for weights in operator.weights
    }
    kinds = sorted(flat)
    rules = dict(DEFAULT_INIT)
    for key, setting in section.settings["init"].items():
        if key not in kinds:
            guess = closest(key, kinds)
            report.error(
                "RF201",
                f"there are no weights of {key!r}",
                setting.span,
                hint=f"did you mean {guess!r}?"
                if guess
                else "known: " + ", ".join(kinds),
            )
            continue
        rule = _init_rule(setting.value, values, report)
        if rule is not None and flat[key] and rule.rule.startswith(_BY_FANS):
            report.error(
                "RF210",
                f"{rule.rule} looks at inputs and outputs of a weight, "
                f"and those of {key} have one axis",
                setting.value.span,
                hint="for example ones, or constant(0.5)",
            )
        elif rule is not None:
            rules[key] = rule
    return rules


def _init_rule(
    expr: n.Expr, values: Mapping[str, Any], report: Diagnostics
) -> InitRule | None:
    arguments: tuple[n.Expr | n.Keyword, ...] = ()
    if isinstance(expr, n.Call):
        name, arguments = expr.function.name, expr.arguments
    elif isinstance(expr, n.Reference):
        name = expr.name
    else:
        name = ""
    if name not in RULES:
        guess = closest(name, RULES)
        report.error(
            "RF202",
            "there is no such way to start weights",
            expr.span,
            hint=f"did you mean {guess!r}?" if guess else "known: " + ", ".join(RULES),
        )
        return None
    numbers = dict(RULES[name])
    mode = "fan_in" if name.startswith("kaiming") else ""
    slots = list(numbers)
    for position, item in enumerate(arguments):
        value = item.value if isinstance(item, n.Keyword) else item
        if isinstance(value, n.Reference) and value.name in _MODES and mode:
            mode = value.name
            continue
        slot = item.name if isinstance(item, n.Keyword) else _at(slots, position)
        number = ScalarReader(values, report, f"{name}'s argument").read(value)
        if number is None:
            return None
        if slot not in numbers or isinstance(number, bool):
            report.error("RF203", f"{name} does not take this", item.span)
            return None
        numbers[slot] = float(number)
    return InitRule(name, tuple(numbers.items()), mode)


def _at(slots: list[str], position: int) -> str:
    return slots[position] if position < len(slots) else ""
