"""The process that runs a generated file: ``python -m recform.verify.worker FOLDER``.

It is told what to do by a line of JSON on standard input, and writes what it saw to the
folder: safetensors, which nobody executes, with the word that it was told, so that an
answer which is not the end of this program is none.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recform.modules import raised
from recform.verify.observe import Observation, Unusable, observe

if TYPE_CHECKING:
    import torch

#: The files of the folder.
EXAMPLES, STATE, READY, ANSWER = "examples", "state", "ready", "answer"


def main() -> None:
    """Waits for the order, observes, answers, and ends at once."""
    import torch  # noqa: F401  Takes long: it is there when the order comes.

    folder = Path(sys.argv[1])
    (folder / READY).touch()
    order = json.loads(sys.stdin.readline() or "null")
    if order is None:  # Nobody is there any more.
        os._exit(2)
    try:
        seen = _observed(folder, order)
        facts, failed = seen.facts, None
    except Unusable as error:
        seen, facts, failed = Observation(), {}, [error.phase, str(error)]
    _answer(folder, order["word"], seen, {"facts": facts, "failed": failed})
    sys.stdout.flush()
    sys.stderr.flush()
    # What the file registered for the end of the program is not run.
    os._exit(0)


def _observed(folder: Path, order: dict[str, str]) -> Observation:
    from safetensors.torch import load_file

    state = load_file(folder / STATE)
    examples = load_file(folder / EXAMPLES)
    start = [examples[str(number)] for number in range(len(examples))]
    make = load(Path(order["file"]), order["name"])

    def wanted(network: torch.nn.Module) -> dict[str, torch.Tensor]:
        theirs = {n: tuple(v.shape) for n, v in network.state_dict().items()}
        ours = {name: tuple(value.shape) for name, value in state.items()}
        if theirs != ours:
            raise Unusable("its parameters", _other(theirs, ours))
        return state

    return observe(make, start, wanted)


def load(path: Path, name: str) -> Any:
    """The class of a network in a generated file.

    Raises:
        Unusable: if the file cannot be run, or has no such class.
    """
    try:
        spec = importlib.util.spec_from_file_location("recform_verified", path)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            raise ImportError("its name does not end in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        # Bytecode that is kept knows its source by seconds and length alone.
        exec(spec.loader.source_to_code(path.read_bytes(), str(path)), module.__dict__)
        return getattr(module, name)
    except BaseException as error:  # The file may hold anything.
        raise Unusable("the file", raised(error)) from None


def _other(theirs: dict[str, tuple[int, ...]], ours: dict[str, tuple[int, ...]]) -> str:
    """How the parameters and buffers of two modules differ, by the first of each kind."""
    kinds = {
        "it lacks": [name for name in ours if name not in theirs],
        "it has besides": [name for name in theirs if name not in ours],
        "of another shape": [
            name for name in ours if name in theirs and ours[name] != theirs[name]
        ],
    }
    return "; ".join(
        f"{what}: {', '.join(names[:3])}"
        + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        for what, names in kinds.items()
        if names
    )


def _answer(
    folder: Path, word: str, seen: Observation, said: dict[str, object]
) -> None:
    from safetensors.torch import save_file

    text = {"word": word, "said": json.dumps(said)}
    save_file(seen.tensors, folder / f"{ANSWER}.part", metadata=text)
    os.replace(folder / f"{ANSWER}.part", folder / ANSWER)


if __name__ == "__main__":
    main()
