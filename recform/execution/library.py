"""What the proof knows of torch and Python: functions of numbers, and what may be left out."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from recform.blocks.code import TOO_LARGE
from recform.blocks.function import NUMBERS as WORDS
from recform.diagnostics import counted
from recform.execution.forms import Drawn, Made, Node, Unreadable

#: Functions of numbers, by their name without ``torch.`` or ``math.``.
NUMBERS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt,
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "exp": math.exp,
    "log": math.log,
    "log1p": math.log1p,
    "abs": abs,
    "fabs": abs,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0),
    "F.softplus": WORDS["softplus"],
    "sigmoid": WORDS["sigmoid"],
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "min": min,
    "max": max,
    "minimum": min,
    "maximum": max,
    "float": float,
    "int": int,
}

#: `torch.clamp` of a number, by the name of the bound that it has.
LIMITS: dict[tuple[str, ...], Callable[..., float]] = {("min",): max, ("max",): min}

CONSTANTS = {"math.pi": math.pi, "math.e": math.e}
#: How values that are known compare, by the signs between them.
COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}

#: What a generated file hands a pass of a network to, and which makes the same of it.
LEAN = "Lean.forward"
#: The same, which is made by a call, and says what each part keeps; and what it hands a pass
#: of a block to then.
PLANNED, BLOCK = "Lean.planned", "Lean.block"
#: The same where a field of the network says what each part keeps.
TOLD = "Lean.told"
#: The same of a pass of a block, which is made by a call.
REVERSIBLE = "Reversible.forward"
#: The same of one that is run backwards only where that is planned.
EITHER = "Either.block"
#: All of them.
FRAMES = (LEAN, PLANNED, TOLD, BLOCK, REVERSIBLE, EITHER)

#: The passes through a network that they stand around, of which timm's interface has more
#: than one.
PASSES = ("forward", "forward_features", "forward_intermediates")

#: The method of a block that makes of what it hands on what it got.
INVERSE = "inverse"

#: What a constructor may do besides: how weights lie in memory.
LAID_OUT = "self.to(memory_format=torch.channels_last)"

#: What code may call that the formula's side has other words for: none has an effect.
_WRITTEN = frozenset(
    {
        *("torch.cat", "torch.stack", "torch.einsum", "torch.softmax"),
        *("torch.full", "torch.zeros", "torch.ones", "torch.tensor"),
        *("torch.maximum", "torch.minimum", "torch.clamp"),
        *("torch.sin", "torch.cos", "torch.linalg.vector_norm"),
        *("torch.tensordot", "torch.cumsum", ".movedim", ".unsqueeze", ".flatten"),
        *("scan", "started", "scan_on", "started_on", ".mean", ".amax"),
        *(".sum", ".expand", "nn.Identity", "nn.Dropout", "nn.Parameter", "F.dropout"),
        "self.training",
        # What timm's interface pools by its own way stands in a container, and is not run.
        *("nn.AdaptiveAvgPool2d", "nn.AdaptiveMaxPool2d", "nn.Flatten"),
        *("nn.AvgPool2d", "nn.MaxPool2d"),
    }
)


def changes_nothing(name: str) -> bool:
    """Whether a function has no effect besides what it makes; of unknown ones, none has."""
    module, _, function = name.rpartition(".")
    known = name in NUMBERS or (module in ("torch", "math") and function in NUMBERS)
    return name in _WRITTEN or known


#: What torch makes with sizes, all that it is given by place, and takes no float for.
_SIZED = (
    *("nn.Linear", "nn.Bilinear", "nn.Conv", "nn.Embedding", "nn.MultiheadAttention"),
    *("nn.BatchNorm", "nn.LayerNorm", "nn.RMSNorm", "nn.GroupNorm"),
)
#: What it takes by name that is a size.
_SIZES = ("stride", "padding", "dilation", "groups", "output_padding")


def check_whole(*values: Any) -> None:
    """Raises where torch would: it takes whole numbers of 64 bits.

    Raises:
        Unreadable: if one is larger.
    """
    for value in values:
        if isinstance(value, int) and abs(value) >= TOO_LARGE:
            raise Unreadable(f"the whole number {value} beside a tensor")


def check_sizes(
    name: str, arguments: Sequence[Any], options: Mapping[str, Any]
) -> None:
    """Raises where torch would: ``nn.Linear(4, 8.0)`` is no module, ``[1]`` learns nothing.

    Raises:
        Unreadable: if a size is a float, or a number of a tensor is none.
    """
    match name, arguments:
        case "torch.tensor", [numbers, *_]:
            wrong = not _is_float(numbers)
        case "torch.full", [sizes, number, *_]:
            wrong = _holds_float(sizes) or not _is_float(number)
        case _:
            wrong = False
    if wrong:
        raise Unreadable(f"{name} of {arguments}")
    if name.startswith(_SIZED):
        sizes = [*arguments, *(options[key] for key in _SIZES if key in options)]
        if any(map(_holds_float, sizes)):
            raise Unreadable(f"{name} of a size that is a float")


def _is_float(value: Any) -> bool:
    """Whether a number, or one of several, is a float: one makes floats of all."""
    if isinstance(value, tuple | list):
        return any(map(_is_float, value))
    return not isinstance(value, int)


def _holds_float(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_holds_float, value))
    return isinstance(value, float)


#: Arguments of convolutions and windows that say nothing, by their default values.
_CONV = {
    "stride": 1.0,
    "padding": 0.0,
    "output_padding": 0.0,
    "dilation": 1.0,
    "groups": 1.0,
}


def is_made(name: str) -> bool:
    """Whether a name is a class, so that a call makes an object."""
    return name.rpartition(".")[2][:1].isupper()


def is_plain(value: Any) -> bool:
    """Whether a value is the one that it is in Python, with all that is in it."""
    if isinstance(value, tuple | list):
        return all(map(is_plain, value))
    is_known = value is None or isinstance(value, str | int | float | range)
    return is_known and not isinstance(value, Drawn)


@dataclass(frozen=True)
class Start:
    """The numbers that a learned scalar starts with.

    Attributes:
        count: how many there are.
        values: each of them; or one, if all are the same.
        behind: how many axes of size one stand behind them, for a grid.
    """

    count: int
    values: tuple[float, ...]
    behind: int = 0

    @classmethod
    def of(cls, numbers: Sequence[float], behind: int = 0) -> Start:
        """That of these numbers, to nine digits; no float is as small as what is none."""
        # Of very many numbers nearly all are the same.
        short = {n: 0.0 if abs(n) < 1e-100 else float(f"{n:.9g}") for n in set(numbers)}
        rounded = list(map(short.__getitem__, numbers))
        different = rounded[:1] if len(set(rounded)) == 1 else rounded
        return cls(len(numbers), tuple(different), behind)

    def is_near(self, exact: Start) -> bool:
        """Whether floats make these of what they are exactly: of a sine's zero little."""
        most = max(len(self.values), len(exact.values))
        mine, its = (s.values * (most // len(s.values)) for s in (self, exact))
        return (self.count, self.behind, len(mine)) == (
            exact.count,
            exact.behind,
            len(its),
        ) and all(
            math.isclose(a, b, rel_tol=1e-8) or (b == 0 and abs(a) < 1e-12)
            for a, b in zip(mine, its, strict=True)
        )

    def __str__(self) -> str:
        values = ", ".join(f"{value:.9g}" for value in self.values[:4])
        spread = " for a grid" if self.behind else ""
        return f"of {counted(self.count, 'number')}{spread} from {values}"


def start_of(made: Made) -> Start | None:
    """What a learned scalar starts with, of which the code makes a vector."""
    match made.make:
        case ("nn.Parameter", Node(parts=("sum", frozenset() as terms))):
            ((node, factor),) = terms
            match node.parts:
                case ("call", "torch.full", (float() as size, *ones), float() as value):
                    return _alike(size, ones, factor * value)
                case ("call", "torch.zeros", float() as size, *ones):
                    return _alike(size, ones, 0.0)
                case ("call", "torch.ones", float() as size, *ones):
                    return _alike(size, ones, factor)
                case ("call", "torch.tensor", tuple() as numbers):
                    return Start.of([factor * number for number in numbers])
    return None


def _alike(size: float, ones: list[Any], value: float) -> Start | None:
    """As many equal numbers as a width has, without a list of them."""
    if any(item != 1 for item in ones):
        return None
    return replace(Start.of([value], len(ones)), count=int(size))


@cache
def defaults_of(text: str) -> tuple[str, Mapping[str, Any]]:
    """The name of a class that an operator brings, and what its arguments are if left out."""
    (kind,) = (n for n in ast.parse(text).body if isinstance(n, ast.ClassDef))
    found: dict[str, Any] = {}
    for node in kind.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            values = node.args.defaults
            names = [item.arg for item in node.args.args][-len(values) :]
            for name, value in zip(names, values, strict=False):
                if isinstance(value, ast.Constant):
                    found[name] = value.value
    return kind.name, found


#: What classes of torch take where nothing is said, of what operators say of them.
USUAL: Mapping[str, Mapping[str, Any]] = {
    "nn.BatchNorm1d": {"eps": 1e-5, "momentum": 0.1},
    "nn.BatchNorm2d": {"eps": 1e-5, "momentum": 0.1},
    "nn.LayerNorm": {"eps": 1e-5},
    "nn.GroupNorm": {"eps": 1e-5},
    "nn.PReLU": {"init": 0.25},
    "nn.MultiheadAttention": {"dropout": 0.0},
}
#: And the last argument of what takes it by its place, with how many stand before it.
LAST: Mapping[str, tuple[int, Any]] = {"F.elu": (1, 1.0), "nn.ELU": (0, 1.0)}


def plain(
    name: str,
    arguments: Sequence[Any],
    options: Mapping[str, Any],
    usual: Mapping[str, Any],
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a call without those that say nothing.

    Args:
        name: of what is called.
        arguments: by their place.
        options: by name.
        usual: what the file's own class has for those that are left out.
    """
    if name.startswith(("nn.Conv", "F.conv")):
        usual = _CONV
    elif "pool2d" in name.lower() and "daptive" not in name:
        usual = {"padding": 0.0, "stride": arguments[-1]}
    usual = {**USUAL.get(name, {}), **usual}
    place, last = LAST.get(name, (0, None))
    if len(arguments) == place + 1 and arguments[place] == last:
        arguments = arguments[:place]
    given = {
        key: item
        for key, item in options.items()
        if key not in usual or usual[key] != item
    }
    return list(arguments), given
