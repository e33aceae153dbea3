"""How long one waits for `recform`: whole processes beside ``import sympy``.

What counts is the time of the processor, which other programs on the machine change less
than that on the wall.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from table import EXAMPLES, Asked, Figure, children, process, ratios, recform, turns

BASE = "import sympy"
ZOO = EXAMPLES / "zoo"
#: Arguments of recform, and the largest ratio that they may take.
BOUNDS = {
    f"compile {ZOO}/resnet101.rf -o out.py": 1.7,
    f"compile {ZOO}/inception_v4.rf -o out.py": 2.2,
    "--version": 0.35,
    "--help": 0.35,
    "compile --help": 0.35,
}


def figures(asked: Asked) -> Iterator[Figure]:
    """Each command beside that import."""
    with tempfile.TemporaryDirectory() as folder:
        actions = {BASE: process("-c", BASE)}
        actions |= {words: recform(words, folder) for words in BOUNDS}
        times = turns(actions, asked.turns(9), children)
    for words, bound in BOUNDS.items():
        name = f"`recform {words.replace(f'{ZOO}/', '')}` / `{BASE}`"
        yield Figure(name, ratios(times[words], times[BASE]), bound=bound)
