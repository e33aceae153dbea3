"""Tensors in safetensors files, with the formula that they are weights of."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from recform.diagnostics import refuse
from recform.files import noted, reason
from recform.weights.record import Record, from_json, to_json

if TYPE_CHECKING:
    from torch import Tensor

#: The only entry of a file's metadata: the library writes several in no fixed order,
#: and the same weights should make the same file.
KEY = "recform"


@dataclass(frozen=True)
class Weights:
    """What a file holds.

    Attributes:
        file: its name.
        tensors: by name.
        record: of their formula; None if the file says nothing about it.
    """

    file: str
    tensors: Mapping[str, Tensor]
    record: Record | None


def read_weights(path: Path) -> Weights:
    """Reads a safetensors file.

    Raises:
        CompileError: if it is not there, cannot be read, or is something else (RF001,
            RF006, RF701).
    """
    from safetensors import SafetensorError, safe_open

    name = path.as_posix()
    try:
        # A pipe would be waited for, and a device read without end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise IsADirectoryError(21, "it is a folder, a pipe or a device")
        noted(path)
        with path.open("rb"), safe_open(str(path), framework="pt") as held:
            tensors = {key: held.get_tensor(key) for key in sorted(held.keys())}
            text = (held.metadata() or {}).get(KEY)
    except FileNotFoundError:
        refuse("RF001", f"there is no file {name}", file=name)
    except OSError as error:
        refuse("RF006", f"{name} cannot be read: {reason(error)}", file=name)
    except SafetensorError:
        saved = path.suffix in (".pt", ".pth", ".bin", ".ckpt")
        hint = "a file that torch.save wrote is read by torch.load" if saved else ""
        refuse(
            "RF701",
            f"{name} is no safetensors file, or a part of one",
            hint,
            file=name,
        )
    except Exception as error:  # What a stranger wrote may be wrong in any way.
        refuse(
            "RF701",
            f"{name} has tensors that cannot be read: {type(error).__name__}: "
            f"{str(error)[:200]}",
            file=name,
        )
    record = None if text is None else from_json(text)
    if text is not None and record is None:
        refuse("RF701", f"what {name} says of its formula cannot be read", file=name)
    return Weights(name, tensors, record)


#: What wrappers of torch put in front of every name: DataParallel, torch.compile.
_WRAPPERS = ("module.", "_orig_mod.")
_AVERAGED = "n_averaged"


def unwrapped(held: Weights, known: Iterable[str]) -> Weights:
    """Weights under the names that they have without wrappers of torch around the module.

    Args:
        held: as they were read.
        known: names that are looked for; where the file has one of them, all stay.
    """
    tensors = held.tensors
    if held.record is not None or not tensors.keys().isdisjoint(known):
        return held
    # What torch's AveragedModel counts is of no network.
    if all(name.startswith("module.") for name in tensors if name != _AVERAGED):
        tensors = {n: t for n, t in tensors.items() if n != _AVERAGED}
    while tensors and (
        prefix := next(
            (p for p in _WRAPPERS if all(name.startswith(p) for name in tensors)), ""
        )
    ):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return replace(held, tensors=tensors)


def weights_content(tensors: Mapping[str, Tensor], record: Record) -> bytes:
    """A safetensors file as bytes.

    Raises:
        CompileError: if a tensor cannot be in such a file (RF703).
    """
    from safetensors.torch import save

    kept: dict[str, Tensor] = {}
    storages: set[int] = set()
    key = ""
    try:
        for key, tensor in tensors.items():
            made = _plain(tensor)
            place = made.untyped_storage().data_ptr()
            # Tensors that share their numbers are written as what they are: two.
            kept[key] = made.clone() if place in storages else made
            storages.add(place)
        key = ""
        content: bytes = save(kept, metadata={KEY: to_json(record)})
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        what = str(error).partition("\n")[0][:200]
        refuse("RF703", f"{key or 'a tensor'} cannot be in a safetensors file: {what}")
    return content


def _plain(tensor: Tensor) -> Tensor:
    """The numbers of a tensor on this machine, one after the other.

    Raises:
        TypeError: if it has none, or not one for each place.
    """
    import torch

    gathered = getattr(tensor, "full_tensor", None)  # spread over machines
    made: Tensor = (tensor if gathered is None else gathered()).detach()
    if made.is_meta:
        raise TypeError("it is on the meta device: it has a shape and no numbers")
    if made.layout != torch.strided or made.is_quantized:
        raise TypeError("its numbers are not stored one by one")
    return made.cpu().contiguous()
