"""The ``names`` and ``init`` statements."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping

from recform.algebra.definitions.body import every_step
from recform.algebra.formula import InitRule
from recform.algebra.labels import Naming
from recform.algebra.pipeline import Pipeline
from recform.algebra.scalars import ScalarReader
from recform.blocks.arguments import Kind
from recform.blocks.code import LARGEST
from recform.blocks.exact import as_float
from recform.blocks.identifiers import nearest_label
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, beyond, meant
from recform.outline.sections import Section
from recform.outline.survey import Survey
from recform.syntax import nodes as n

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: What a container may call what it holds.
_HELD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*(-[A-Za-z0-9_]+)*")
_ROLES = ("stem", "head", "adapter", "stages", "step", "transition")
#: Counts from 1, or from the number in it.
_NUMBER = re.compile(r"\{\d{0,3}\}")

#: The rules of an `init` statement: the numbers that each takes, and their defaults.
RULES: dict[str, tuple[tuple[str, float], ...]] = {
    "kaiming_normal": (("gain", 1.0),),
    "kaiming_uniform": (("gain", 1.0),),
    "xavier_normal": (("gain", 1.0),),
    "xavier_uniform": (("gain", 1.0),),
    "normal": (("std", 0.02),),
    "trunc_normal": (("std", 0.02),),
    "constant": (("value", 0.0),),
    "zeros": (),
    "ones": (),
    "torch": (),
}
_MODES = ("fan_in", "fan_out")
_BY_FANS = ("kaiming", "xavier")
#: As torchvision initialises ResNets, and GPT-2 its embedding, which a head may share;
#: norms are left as torch makes them (ones, zeros).
DEFAULT_INIT = {
    "conv": InitRule("kaiming_normal", mode="fan_out"),
    "embed": InitRule("normal", (("std", 0.02),)),
}


#: What torch takes of these numbers, of one rule or of all.
_LEAST = {
    ("", "std"): Kind.AMOUNT,
    ("", "gain"): Kind.AMOUNT,
    ("trunc_normal", "std"): Kind.POSITIVE,
}


def name_rules(
    section: Section, found: Survey, counts: Mapping[str, int], report: Diagnostics
) -> dict[str, Naming]:
    """Where parameters live in the state_dict.

    Args:
        section: the statements.
        found: the operators.
        counts: how many there are of what may be named by a list.
        report: gets RF201 and RF212.

    Returns:
        The names by what they are for.
    """
    rules: dict[str, Naming] = {}
    known = [*_ROLES, *found.operators, *section.scalars]
    for key, setting in section.settings["names"].items():
        if key not in known:
            report.error(
                "RF201",
                f"nothing named {key!r} has parameters",
                setting.span,
                hint=meant(key, known, "known: " + ", ".join(known)),
            )
            continue
        value = setting.value
        if key in counts and isinstance(value, n.Tuple):
            rules[key] = Naming("", _names_of_each(key, value, counts[key], report))
            continue
        text = value.value if isinstance(value, n.String) else ""
        if not _is_name(key, text, is_scalar=key in section.scalars):
            takes = _TAKES["scalar"] if key in section.scalars else _TAKES[""]
            hint = _hint(key, text, inside=key in found.operators)
            report.error(
                "RF212", _TAKES.get(key, takes).format(key), value.span, hint=hint
            )
            continue
        rules[key] = Naming(text)
    return rules


#: What the names of several parts have beside a number.
_COUNTED = {"stages": "layer", "step": "block", "transition": "down"}


def _hint(key: str, text: str, *, inside: bool) -> str:
    """The setting with a name that is one, made from what was given."""
    if inside and (nested := _nested_hint(key, text)):
        return nested
    name = nearest_label(_NUMBER.sub("", text), _COUNTED.get(key, key.lower()))
    counted = "{}" if key in _COUNTED else ""
    return f'write names {key} = "{name}{counted}"'


def _nested_hint(key: str, text: str) -> str:
    """What to write where an operator should live inside of a container of its block."""
    outer, _, inner = text.partition(".")
    if not inner or not all(map(_is_attribute, text.split("."))):
        return ""
    first = f'names {key} = "{outer}"'
    return f"{first}, and {inner}: (...) around the flow of {key}"


def _names_of_each(
    key: str, value: n.Tuple, count: int, report: Diagnostics
) -> tuple[str, ...]:
    """The names of single blocks, stages or transitions."""
    one, several = _CALLED[key]
    pattern = f'a pattern names them all: names {key} = "{_COUNTED[key]}{{}}"'
    names = [item.value if isinstance(item, n.String) else "" for item in value.items]
    for name, item in zip(names, value.items, strict=True):
        if not _is_path(key, name) or names.count(name) > 1:
            report.error(
                "RF212",
                f"each {one} takes a name of its own, in quotes",
                item.span,
                hint=pattern,
            )
            return ()
    if len(names) != count:
        report.error(
            "RF212",
            f"there are {len(names)} names for {count} {several}",
            value.span,
            hint=pattern if count else f"without scope stage there are no {several}",
        )
    return tuple(names)


#: What may be named by a list is called so, one of them and several.
_CALLED = {
    "stages": ("stage", "stages"),
    "step": ("block", "blocks"),
    "transition": ("transition", "transitions"),
}

_BY_LIST = "or by a list, one name for each"
#: What the keys of a `names` statement take.
_TAKES = {
    "": 'the place of {0} is the name of an attribute in quotes, or "." for none',
    "scalar": "the place of {0} is the name of an attribute in quotes",
    "stages": f'stages are named by a pattern in quotes, such as "layer{{{{}}}}", {_BY_LIST}',
    "step": 'blocks are named by a pattern in quotes, such as "block{{}}", '
    f'{_BY_LIST}; "." for none',
    "adapter": "the place of the adapter is the name of an attribute in quotes",
    "transition": 'transitions are named by a pattern in quotes, such as "down{{}}", '
    f"{_BY_LIST}",
}


def _is_name(key: str, text: str, *, is_scalar: bool) -> bool:
    """Whether a place in the state_dict can have this name."""
    if text == ".":
        return key not in ("adapter", "transition") and not is_scalar
    # Of two numbers in the name of a block, the first is that of its stage.
    for _ in range({"stages": 1, "transition": 1, "step": 2}.get(key, 0)):
        text = _NUMBER.sub("1", text, count=1)
    if key in ("stages", "step", "stem", "head", "transition"):
        return _is_path(key, text)
    return _is_attribute(text)


def _is_path(key: str, text: str) -> bool:
    """Whether a text is a name, or several with dots between."""
    first, *inner = text.split(".")
    # A block stands in the container of its stage, and other pieces in the network.
    begins = _is_held if key == "step" else _is_attribute
    return begins(first) and all(map(_is_held, inner))


def _is_held(text: str) -> bool:
    return _HELD.fullmatch(text) is not None and not keyword.iskeyword(text)


def _is_attribute(text: str) -> bool:
    return _ATTRIBUTE.fullmatch(text) is not None and not keyword.iskeyword(text)


def init_rules(
    section: Section,
    pipelines: Iterable[Pipeline],
    values: Mapping[str, Symbolic],
    report: Diagnostics,
) -> dict[str, InitRule]:
    """How weights start, by the kind of operator that owns them, or by its label.

    Args:
        section: the statements.
        pipelines: those that have labels.
        values: what may stand in numbers, by name.
        report: gets RF20x and RF210.
    """
    flat = {
        weights.kind: weights.flat
        for name in section.library.names
        for weights in section.library.operators[name].weights
    }
    kinds = sorted(flat)
    for pipeline in pipelines:
        for step in every_step(pipeline):
            for weights in step.operator.weights:
                flat.setdefault(step.label.rpartition(".")[2], weights.flat)
    rules = dict(DEFAULT_INIT)
    for key, setting in section.settings["init"].items():
        if key not in flat:
            report.error(
                "RF201",
                f"there are no weights of {key!r}",
                setting.span,
                hint=meant(key, sorted(flat), "known: " + ", ".join(kinds)),
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
    expr: n.Expr, values: Mapping[str, Symbolic], report: Diagnostics
) -> InitRule | None:
    arguments: tuple[n.Expr | n.Keyword, ...] = ()
    if isinstance(expr, n.Call):
        name, arguments = expr.function.name, expr.arguments
    elif isinstance(expr, n.Reference):
        name = expr.name
    else:
        name = ""
    if name not in RULES:
        report.error(
            "RF202",
            "there is no such way to start weights",
            expr.span,
            hint=meant(name, RULES, "known: " + ", ".join(RULES)),
        )
        return None
    numbers = dict(RULES[name])
    mode = "fan_in" if name.startswith("kaiming") else ""
    slots = list(numbers)
    position = 0
    for item in arguments:
        value = item.value if isinstance(item, n.Keyword) else item
        if isinstance(value, n.Reference) and value.name in _MODES and mode:
            mode = value.name
            continue
        slot = item.name if isinstance(item, n.Keyword) else _at(slots, position)
        position += 1
        number = ScalarReader(values, report, f"{name}'s argument").read(value)
        if number is None:
            return None
        if slot not in numbers or isinstance(number, bool):
            report.error("RF203", f"{name} does not take this", item.span)
            return None
        wanted = _LEAST.get((name, slot), _LEAST.get(("", slot), Kind.NUMBER))
        if not number.free_symbols and abs(number) > LARGEST:
            what = beyond(f"{name}'s {slot} of {value.span.text}", "3.4*10^38")
            report.error("RF106", what, value.span)
            return None
        if number.free_symbols or not wanted.allows(number):
            report.error(
                "RF210",
                f"{name}'s {slot} is {wanted.value}"
                f"{' for the whole network' * bool(number.free_symbols)}, "
                f"not {value.span.text}",
                value.span,
                hint=f"for example {name}({slot}=0.5)",
            )
            return None
        numbers[slot] = as_float(number)
    return InitRule(name, tuple(numbers.items()), mode)


def _at(slots: list[str], position: int) -> str:
    return slots[position] if position < len(slots) else ""
