"""What each tensor of a network's state_dict is for, in terms of its formula."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from recform.compiler import Compiled
from recform.diagnostics import refuse
from recform.emit.owners import Owner, PlainCode, emit_plain
from recform.modules import load_source, need_torch, without_numbers

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Role:
    """What a tensor is for; the same in all networks that have such a part.

    Attributes:
        owner: what it belongs to.
        part: its part of the pipeline, by kind and number, and its name there, such as
            ``conv2.weight``; an empty string for a learned scalar.
        place: its number among the tensors of the network. Networks whose formulas have
            the same normal form count alike.
    """

    owner: Owner
    part: str
    place: int = field(compare=False, default=0)

    def __str__(self) -> str:
        owner = self.owner
        where = owner.name if owner.index is None else f"{owner.name}_{owner.index}"
        if owner.kind == "adapter":
            where = f"adapter of {owner.name} in block {owner.index}"
        elif owner.kind == "transition":
            where = f"transition {owner.stage}"
        # With `scope stage` numbers and shared operators are those of a stage.
        own = owner.index == owner.block if owner.index else owner.kind == "operator"
        if own and owner.stage > 1:
            where += f" of stage {owner.stage}"
        return f"{where} {self.part}".rstrip()


def roles(compiled: Compiled) -> dict[str, Role]:
    """The role of every entry of the state_dict of a compiled network, in its order.

    Raises:
        CompileError: if the network cannot be run without numbers (RF706), or there is no
            torch (RF906).
    """
    need_torch("what the tensors of a network are for")
    from recform.weights.correspond import NotFollowed, correspondence

    plain = emit_plain(compiled.graph)
    module, twin = on_meta(compiled), _made(plain.source, plain.name)
    try:
        same = correspondence(module, twin, compiled.formula.inputs)
    except NotFollowed as failure:
        refuse(
            "RF706",
            f"what the parameters of {compiled.name} are for cannot be found out",
            "an operator of your own must not look at the numbers of a tensor",
            file=compiled.formula.source.name,
            notes=str(failure).splitlines()[:1],
        )
    places = {name: place for place, name in enumerate(twin.state_dict())}
    return {
        name: replace(_role(plain, same[name]), place=places[same[name]])
        for name in module.state_dict()
    }


def on_meta(compiled: Compiled, **arguments: Any) -> nn.Module:
    """The network without numbers: it has the shapes of its tensors only.

    Args:
        compiled: the network.
        arguments: of its constructor.
    """
    with without_numbers():
        return compiled.module(**arguments)


def _made(source: str, name: str) -> nn.Module:
    with without_numbers():
        module: nn.Module = getattr(load_source(source, name), name)()
        return module


def _role(plain: PlainCode, name: str) -> Role:
    words = name.split(".")
    for length in range(len(words), 0, -1):
        owner = plain.owners.get(".".join(words[:length]))
        if owner is not None:
            return Role(owner, _part(plain, owner, words[length:]))
    raise AssertionError(f"nobody owns {name}")


def _part(plain: PlainCode, owner: Owner, words: list[str]) -> str:
    if owner.kind == "adapter" and words[0].isdigit():
        words = [plain.parts[owner.rises][int(words[0])], *words[1:]]
    return ".".join(words)
