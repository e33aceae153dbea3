"""How fast a formula is analysed.

The numbers of paths by length are counted in a process of their own, for SymPy decides when
it is imported whether integers are gmpy2's or Python's.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

from table import EXAMPLES, Asked, Figure, children, process, recform, turns

FORMULAS = {
    "Eq. (20)": "X_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "A.4.1": "X_i = W_i*X_<i-1> + X_<i-2>",
    "RevNet": "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)",
}
#: The formula, how many blocks, whether terms cancel, and the seconds that it may take.
COUNTED = (
    ("A.4.1", 1_000, True, 1),
    ("A.4.1", 10_000, True, 10),
    ("Eq. (20)", 10_000, False, 10),
    ("RevNet", 10_000, True, 10),
)
SLOWEST = "resnet_imagenet_s.rf"


def count(name: str, blocks: int, *, signed: bool) -> None:
    """Counts the paths of a formula."""
    from recform.analysis.paths.counting import Counter
    from recform.compiler import compile_source, from_text
    from recform.diagnostics import Diagnostics
    from recform.linear.recurrence import linearise

    formula = compile_source(from_text(f"stages 8 x 6\n{FORMULAS[name]}"))[0].formula
    linear = linearise(formula, Diagnostics(), activations=False)
    Counter(linear, blocks, signed).by_length()


def figures(asked: Asked) -> Iterator[Figure]:
    """Numbers of paths, and the slowest example of the paper."""
    for name, blocks, signed, bound in COUNTED:
        count(name, 10, signed=signed)
        times = []
        for _ in range(asked.turns(2)):
            start = time.process_time()
            count(name, blocks, signed=signed)
            times.append(time.process_time() - start)
        how = "" if signed else ", all terms before they cancel"
        yield Figure(f"paths, {name}, {blocks:,} blocks{how}", times, "s", bound)
    os.environ["SYMPY_GROUND_TYPES"] = "python"
    try:
        action = process(__file__, "A.4.1", "10000")
    finally:
        del os.environ["SYMPY_GROUND_TYPES"]
    plain = turns({"": action}, asked.turns(2), children, warm=0)[""]
    yield Figure("the same without gmpy2, A.4.1, process", plain, "s", 10)
    path = EXAMPLES / "paper" / SLOWEST
    times = turns({"": recform(f"analyze {path} --json")}, asked.turns(6), children)[""]
    yield Figure(f"`recform analyze {SLOWEST}`", times, "s", 2)


if __name__ == "__main__":
    count(sys.argv[1], int(sys.argv[2]), signed=True)
