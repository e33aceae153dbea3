"""A small GPT from a formula learns Python's own source, byte by byte, and writes some.

Trains examples/modern/gpt_small.rf on the source of Python's standard library, which every
machine has; then the network goes on with a few words. On two cores it takes some minutes.

    python examples/language_model.py
    python examples/language_model.py --prompt "class Tree:" --letters 500
"""

from __future__ import annotations

import argparse
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

import recform

ROOT = Path(__file__).resolve().parent.parent
FORMULA = ROOT / "examples" / "modern" / "gpt_small.rf"
#: AdamW, a short rise to the rate, and the gradient's norm held.
RECIPE = (
    *("optimizer=adamw", "lr=3e-3", "weight_decay=0.1", "clip=1"),
    *("batch=16", "warmup=0.1"),
)


def library(size: int) -> bytes:
    """The source of the standard library, up to a size: always the same for one Python."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    text = b""
    for path in sorted(folder.glob("*.py")):
        text += path.read_bytes()
        if len(text) >= size:
            break
    return text[:size]


def written(
    network: nn.Module, prompt: bytes, letters: int, length: int, temperature: float
) -> Iterator[int]:
    """The bytes that a network writes behind others, each drawn by its scores.

    Args:
        network: gives scores of the next byte at each of ``length`` positions.
        prompt: what it goes on with.
        letters: how many bytes.
        length: positions of the network; it sees as many bytes back.
        temperature: below 1 it draws what is likely more often.
    """
    text = list(prompt)
    for _ in range(letters):
        seen = text[-length:]
        # What stands behind is not seen by positions before it.
        ids = torch.tensor([seen + [0] * (length - len(seen))])
        with torch.no_grad():
            scores: Tensor = network(ids)[0, len(seen) - 1]
        drawn = torch.multinomial((scores / temperature).softmax(0), 1)
        text.append(int(drawn))
        yield text[-1]


def main() -> None:
    """Trains, says how well the network does, and lets it write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AS_IT_IS)
    parser.add_argument("--size", type=int, default=1_000_000, help="bytes of text")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "language_model")
    parser.add_argument("--prompt", default="def ")
    parser.add_argument("--letters", type=int, default=300)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=NUMBER")
    given = parser.parse_args()
    given.runs.mkdir(parents=True, exist_ok=True)
    text = given.runs / "text"
    text.write_bytes(library(given.size))
    sizes = {name: int(value) for name, value in (s.split("=") for s in given.set)}
    result = recform.train(
        FORMULA,
        data=f"text:{text}",
        overrides=(*RECIPE, f"epochs={given.epochs}"),
        runs=given.runs,
        show=True,
        **sizes,
    )
    print(f"{result.loss:.3f} nats a byte on text that it has not seen\n")
    compiled = recform.compile(FORMULA, **sizes)
    network = compiled.module().eval()
    recform.load_weights(network, compiled, Path(result.folder) / "weights.safetensors")
    length = compiled.formula.input.grid[0]
    torch.manual_seed(0)
    prompt = given.prompt.encode()
    told = written(network, prompt, given.letters, length, given.temperature)
    print(given.prompt + bytes(told).decode(errors="replace"))


_AS_IT_IS = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    main()
