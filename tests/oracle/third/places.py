"""Where weights are: in the module of an operator, or among others in a container."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from tests.oracle.third.file import File
from tests.oracle.third.grammar import Node, Unread

#: Operators with weights.
LEARNING = (
    *("linear", "conv", "dwconv", "wsconv", "deconv", "conv1d", "bn", "ln", "rmsnorm"),
    *("gn", "prelu", "attention", "attend", "patches", "bilinear", "positions"),
    *("experts", "classtoken", "embed", "unembed", "read", "write", "weave", "offset"),
)
#: Whose weights an operator takes at once.
LEAVES = (
    nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.LayerNorm, nn.RMSNorm,
    nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.PReLU, nn.Embedding, nn.Bilinear,
)  # fmt: skip
ATTENTION = ("SelfAttention",)


def parts(flow: Node) -> tuple[tuple[str, Node], ...]:
    """A flow as its parts with their labels."""
    return flow[1] if flow[0] == "flow" else (("", flow),)


class Missing(AssertionError):
    """Weights that are not there."""


class Weights:
    """The weights of a flow, which its operators take one after the other.

    Args:
        homes: modules and parameters, in the order in which they are taken.
    """

    def __init__(self, *homes: Any) -> None:
        self._waiting: list[Any] = [home for home in homes if home is not None]
        self._numbers: list[nn.Parameter] = []

    def each(self) -> Callable[[], Weights]:
        """The same for each of several calls."""
        first: list[Weights] = []

        def again() -> Weights:
            if not first:
                first.append(self._copy())
                return self
            return first[0]._copy()

        return again

    def _copy(self) -> Weights:
        made = Weights(*self._waiting)
        made._numbers = list(self._numbers)
        return made

    def _next(self, leaf: bool) -> Any:
        """The next module that has weights: as it is, or opened to the last."""
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, nn.Parameter):
                self._numbers.append(self._waiting.pop(0))
            elif isinstance(first, LEAVES) or type(first).__name__ in ATTENTION:
                return first
            elif is_bare(first):
                self._waiting.pop(0)
            elif leaf or type(first).__module__.startswith("torch."):
                self._open()
            else:
                return first
        return None

    def _open(self) -> None:
        first = self._waiting.pop(0)
        self._numbers += first.parameters(recurse=False)
        self._waiting[:0] = first.children()

    def module(self, *kinds: str) -> Any:
        """The next module with weights."""
        made = self._next(leaf=True)
        if made is None:
            raise Missing(f"no weights of {kinds}")
        if not any(base.__name__ in kinds for base in type(made).__mro__):
            raise AssertionError(f"{type(made).__name__} in the place of {kinds}")
        return self._waiting.pop(0)

    def number(self) -> Any:
        """The next parameter that belongs to no module of torch."""
        while not self._numbers:
            first = self._next(leaf=False)
            if first is None or isinstance(first, LEAVES):
                break
            self._open()
        if not self._numbers:
            raise Missing("no parameter")
        return self._numbers.pop(0)

    def home(self, name: str, letters: tuple[str, ...]) -> Any:
        """The module of a definition, if it has one of its own here.

        Args:
            name: the definition's.
            letters: of what it has.
        """
        while (made := self._next(leaf=False)) is not None:
            kind = type(made).__name__
            if isinstance(made, LEAVES) or kind in ATTENTION:
                return None
            own = re.fullmatch(rf"{name}(Block)?\d*", kind, re.I)
            # A flow of several definitions has their names, which may be these letters.
            flow = re.match(r"\w+ = ", type(made).__doc__ or "")
            if own or (not flow and any(found(made, letter) for letter in letters)):
                return self._waiting.pop(0)
            self._open()
        return None

    @property
    def left(self) -> int:
        waiting = [home for home in self._waiting if not is_bare(home)]
        return len(waiting) + len(self._numbers)


def is_bare(home: Any) -> bool:
    return isinstance(home, nn.Module) and not list(home.parameters())


def found(home: Any, path: str) -> Any:
    """What has a path; None if nothing has."""
    made: Any = home
    for name in path.split("."):
        made = getattr(made, name, None) if made is not None else None
    return made


def home_of(block: Any, name: str) -> Any:
    """What has a part of a block: the block, or one of its recurrences."""
    if hasattr(block, name):
        return block
    for key, inner in block.named_children():
        if key.endswith("cell") and hasattr(inner, name):
            return inner
    return block


def labels(flow: Node, file: File) -> Iterator[str]:
    """The labels of a flow's parts with weights, of which one without any is empty."""
    for label, part in parts(flow):
        name = part[1] if part[0] in ("name", "call") else ""
        if name in file.operators and not label:
            yield from labels(file.operators[name], file)
        elif (
            part[0] == "flow"
            or name in LEARNING
            or name in file.definitions
            or name in file.operators
        ):
            yield label


def shared(
    home: nn.Module, flows: dict[str, Node], file: File, others: set[str]
) -> dict[str, Weights]:
    """The weights of operators whose parts lie side by side in one module.

    Args:
        home: the module.
        flows: of each operator.
        file: what it is of.
        others: what is in the module besides.
    """
    own = {key: found(home, key) for key in flows}
    wanted = {key: list(labels(flow, file)) for key, flow in flows.items()}
    named = {label.split(".")[0] for many in wanted.values() for label in many}
    taken = named | others | {key for key, made in own.items() if made is not None}
    rest = [made for name, made in home.named_children() if name not in taken]
    numbers = home.named_parameters(recurse=False)
    rest += [made for name, made in numbers if name not in taken]
    learning = iter([item for item in rest if not is_bare(item)])
    free = [key for key in flows if own[key] is None and wanted[key]]
    made: dict[str, Weights] = {}
    for key in flows:
        if own[key] is not None:
            made[key] = Weights(own[key])
            continue
        if free == [key] and not any(wanted[key]):
            made[key] = Weights(*rest)
            continue
        # Those without labels take the next that are there.
        items = [found(home, x) if x else next(learning, None) for x in wanted[key]]
        made[key] = Weights(*items)
    return made


def blocks(net: Any, file: File, counts: list[int]) -> list[list[Any]]:
    """The modules of blocks, stage by stage."""
    named, several = file.names.get("stages"), len(counts) > 1
    if named is None:
        paths = [f"stage{n + 1}" if several else "blocks" for n in range(len(counts))]
    elif named[0] == "tuple":
        paths = [item[1] for item in named[1]]
    else:
        paths = [counted(named[1], n) for n in range(len(counts))]
    step = file.names.get("step")
    made: list[list[Any]] = []
    for stage, (path, count) in enumerate(zip(paths, counts, strict=True)):
        before = sum(counts[:stage]) if len(set(paths)) < len(paths) else 0
        container = net if path == "." else net.get_submodule(path)
        if path == "." and step is None:
            step = ("string", "block{}")
        if step is not None and step != ("string", "."):
            names = [named_step(step, stage, before + k, k) for k in range(count)]
            made.append([container.get_submodule(name) for name in names])
            continue
        children = _numbered(container, path, file)
        if step is not None:
            alone = max(count, len(paths)) == 1
            made.append([container] if alone else _dealt(children, file, before, count))
            continue
        made.append(children[before:][:count])
    return made


def _dealt(
    children: list[nn.Module], file: File, before: int, count: int
) -> list[nn.Module]:
    """Layers that lie in one row, block by block, of blocks with one operator."""
    learning = {name: [*labels(flow, file)] for name, flow in file.operators.items()}
    owners = [name for name, found in learning.items() if found]
    if len(owners) != 1:
        raise Unread("layers of several operators lie in one container")
    layers = iter([child for child in children if not is_bare(child)])
    rows = [[next(layers) for _ in learning[owners[0]]] for _ in range(before + count)]
    return [nn.ModuleDict({owners[0]: nn.ModuleList(row)}) for row in rows[before:]]


def named_step(step: Node, stage: int, place: int, within: int) -> str:
    """The name of a block; with two numbers the first is that of the stage."""
    if step[0] == "tuple":
        return str(step[1][place][1])
    if step[1].count("{") == 2:
        head, tail = step[1].split("}", 1)
        return counted(head + "}", stage) + counted(tail, within)
    return counted(step[1], place)


def counted(text: str, place: int) -> str:
    return re.sub(r"\{(\d*)\}", lambda match: str(place + int(match[1] or 1)), text)


def _numbered(container: nn.Module, path: str, file: File) -> list[nn.Module]:
    """The modules of a container that are named by nobody: blocks."""
    claimed = {
        name[1]
        for key in ("stem", "transition", "head")
        if (name := file.names.get(key)) is not None and name[0] == "string"
    }
    for key in ("stem", "head", "transition"):
        named = file.names.get(key)
        if named is not None and named[0] == "tuple":
            claimed |= {item[1] for item in named[1]}
        if named == ("string", ".") and key in file.frame:
            claimed |= set(labels(file.frame[key], file))
    children = [
        made
        for name, made in container.named_children()
        if f"{path}.{name}" not in claimed
        and not (is_bare(made) and type(made).__module__.startswith("torch."))
    ]
    if file.names.get("stem") == ("string", path):
        return children[len(parts(file.frame["stem"])) :]
    return children
