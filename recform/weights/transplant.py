"""Weights of one formula for the network of another: what both have is taken over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from recform.compiler import Compiled
from recform.files import write_whole
from recform.modules import need_torch
from recform.operators.plugins import Plugin
from recform.weights.earlier import present
from recform.weights.files import is_nameless, require
from recform.weights.match import Match, match
from recform.weights.record import compile_record, record_of
from recform.weights.remarks import other_kind, remarks
from recform.weights.roles import on_meta
from recform.weights.shapes import Shapes, shapes
from recform.weights.tensors import Weights, read_weights, unwrapped, weights_content

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Transplant:
    """The weights of a network, taken from another as far as that goes.

    Attributes:
        file: the source.
        source: its network; None if it is not known.
        target: the network that the weights are for.
        match: what was taken, and what not.
        tensors: of the target: taken, or fresh.
        source_shapes: of the tensors of the source, by name.
    """

    file: str
    source: Compiled | None
    target: Compiled
    match: Match
    tensors: Mapping[str, Tensor]
    source_shapes: Shapes

    def __repr__(self) -> str:
        """What was taken, in numbers: tensors are told by ``match`` and ``tensors``."""
        return f"<Transplant of {self.file} to {self.target.name}: {self.match!r}>"

    @property
    def shapes(self) -> Shapes:
        """The shapes of the target's tensors, by name."""
        return shapes(self.tensors)

    def write(self, path: str | Path) -> None:
        """Writes the weights, with the target's formula.

        Raises:
            CompileError: if the file cannot be written (RF503).
        """
        sources = () if self.source is None else self.source.files
        keep = (self.file, *self.target.files, *sources)
        write_whole(Path(path), self.content(), ".safetensors", keep)

    def content(self) -> bytes:
        """The weights as a safetensors file."""
        return weights_content(self.tensors, record_of(self.target))


def transplant(
    file: Path,
    target: Compiled,
    source: Compiled | None = None,
    *,
    seed: int = 0,
    plugins: Iterable[Plugin] = (),
) -> Transplant:
    """Takes every tensor whose role is the same in both formulas.

    Args:
        file: weights.
        target: the network that gets them.
        source: the network that they are of; if None, what the file says, and names
            are compared where it says nothing.
        seed: for the numbers of what starts afresh.
        plugins: operators that the formula of the file needs.

    Raises:
        CompileError: if the file cannot be read (RF001, RF006, RF701, RF704), or has
            nothing that fits (RF705); without torch (RF906).
    """
    need_torch("recform transplant")
    told = source is not None
    held = read_weights(file)
    names = on_meta(source or target).state_dict()
    held = unwrapped(held, names)
    if source is None and held.record is not None:
        source = compile_record(held.record, held.file, plugins)
    held = present(held, source or target)
    usual = _fresh(target, seed)
    fresh = _in_precision(usual, held)
    there = shapes(held.tensors)
    refuse = other_kind(usual, held.tensors)
    found = match(target, shapes(fresh), source, there, refuse)
    hint = ""
    if is_nameless(found, shapes(fresh), there):
        hint = (
            "the file says nothing of its formula, so names were compared; "
            '--from FILE.rf (in Python source="FILE.rf") says what they mean'
        )
    elif told and source is not None and not names.keys() & there.keys():
        hint = (
            f"the tensors of {source.name} have other names, like {min(names)}; "
            "--from is the formula that the file is of"
        )
    require(found, held.file, strict=False, hint=hint)
    found = replace(found, remarks=remarks(found, held, usual, target.name))
    taken = {
        item.name: held.tensors[item.origin].reshape(fresh[item.name].shape)
        for item in found.taken
    }
    tensors = {name: taken.get(name, tensor) for name, tensor in fresh.items()}
    return Transplant(held.file, source, target, found, tensors, there)


def _fresh(target: Compiled, seed: int) -> dict[str, Tensor]:
    """The tensors of a new network."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = target.module()
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


def _in_precision(fresh: Mapping[str, Tensor], held: Weights) -> dict[str, Tensor]:
    """Tensors in the precision of those that they stand beside, if that is one."""
    kinds = {t.dtype for t in held.tensors.values() if t.is_floating_point()}
    kind = kinds.pop() if len(kinds) == 1 else None
    return {
        name: tensor.to(kind) if kind and tensor.is_floating_point() else tensor
        for name, tensor in fresh.items()
    }
