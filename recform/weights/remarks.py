"""What is odd about the numbers of a file of weights, and not wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from recform.diagnostics import Diagnostic, Severity
from recform.weights.match import Match, Refuse
from recform.weights.modules import first
from recform.weights.tensors import Weights

if TYPE_CHECKING:
    from torch import Tensor


def other_kind(here: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> Refuse:
    """Refuses whole or complex numbers where the network has real ones.

    A count of batches that was stored as a real number, with all the rest, is one still.
    """

    def refuse(name: str, origin: str) -> str:
        mine, other = here[name], there[origin]
        if mine.dtype == other.dtype or other.is_floating_point():
            return ""
        if not mine.is_floating_point() and not other.is_complex():
            return ""
        return f"{kind_of(other)} in the source, {kind_of(mine)} here"

    return refuse


def remarks(
    found: Match, held: Weights, here: Mapping[str, Tensor], network: str
) -> tuple[Diagnostic, ...]:
    """Warnings of tensors that are taken.

    Args:
        found: what is taken.
        held: the file.
        here: the tensors of the network.
        network: its name.
    """
    pairs = {item.name: held.tensors[item.origin] for item in found.taken}
    odd = [name for name, tensor in pairs.items() if not _finite(tensor)]
    kinds: dict[tuple[str, str], list[str]] = {}
    for name, tensor in pairs.items():
        if tensor.dtype != here[name].dtype:
            key = (kind_of(tensor), kind_of(here[name]))
            kinds.setdefault(key, []).append(name)
    return tuple(_warnings(odd, kinds, held.file, network))


def kind_of(tensor: Tensor) -> str:
    """The numbers of a tensor, such as ``float16``."""
    return str(tensor.dtype).removeprefix("torch.")


def _finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point():
        return True
    # Kinds of eight bits do not compute; all of them are numbers of 32 bits, too.
    small = tensor.element_size() < 2
    return bool((tensor.float() if small else tensor).isfinite().all())


def _warnings(
    odd: list[str], kinds: Mapping[tuple[str, str], list[str]], file: str, network: str
) -> Iterator[Diagnostic]:
    if odd:
        verb = "has" if len(odd) == 1 else "have"
        what = f"{_count(odd)} of {file} {verb} infinite numbers, or such as are none"
        yield _warning("RF707", what, odd, file)
    for (theirs, ours), names in kinds.items():
        verb = "is" if len(names) == 1 else "are"
        what = f"{_count(names)} of {file} {verb} {theirs}, and {ours} in {network}"
        yield _warning("RF708", what, names, file)


def _count(names: list[str]) -> str:
    return f"{len(names):,} tensor{'s' if len(names) > 1 else ''}"


def _warning(code: str, message: str, names: list[str], file: str) -> Diagnostic:
    notes = tuple(first(names))
    return Diagnostic(code, message, (), "", Severity.WARNING, file=file, notes=notes)
