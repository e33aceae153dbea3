"""How fast recform compiles and draws: whole processes, in seconds of the processor."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from table import Asked, Figure, children, ratios, recform, turns

BOTTLENECK = """
W = conv(1, c/4) > bn > relu > conv(3, c/4, stride=s) > bn > relu > conv(1, c) > bn
stem conv(3, 64) > bn > relu
stages 256 x 3, 512 x 4 / 2, 1024 x 23 / 2, 2048 x 3 / 2
X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
W_0*X_<-1> = X_0
"""
DENSE = "stages 4 x 1000\nX_i = W_i*concat(X_<0..i-1>)\noutput concat(X_<0..L>)\n"
DEEP = "stages 16 x {}\nX_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\n"
FILES = {
    "layers": BOTTLENECK,
    "deep10": DEEP.format(10),
    "deep10000": DEEP.format(10_000),
    "dense": DENSE,
}
COMMANDS = {
    "layers": "compile layers.rf -o layers.py",
    "deep10": "compile deep10.rf -o deep10.py",
    "deep10000": "compile deep10000.rf -o deep10000.py",
    "dense": "render dense.rf --view network -o dense.svg",
}


def figures(asked: Asked) -> Iterator[Figure]:
    """A network of 101 layers, depth 10,000 against 10, and a thousand blocks drawn."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (Path(folder) / f"{name}.rf").write_text(text)
        actions = {name: recform(words, folder) for name, words in COMMANDS.items()}
        times = turns(actions, asked.turns(9), children)
        sizes = [(Path(folder) / f"deep{n}.py").stat().st_size for n in (10_000, 10)]
    yield Figure("`recform compile` of 101 layers", times["layers"], "s", 1)
    deep = ratios(times["deep10000"], times["deep10"])
    yield Figure("time, depth 10,000 / depth 10", deep, bound=1.2)
    yield Figure("length of the source, the same", [sizes[0] / sizes[1]], bound=1.05)
    yield Figure("`recform render` of 1,000 blocks that differ", times["dense"], "s", 5)
