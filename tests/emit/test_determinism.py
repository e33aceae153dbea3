"""The same bytes on every run, and no more of them for a deeper network."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from recform.compiler import compile_source, from_text

FORMULAS = [
    "X_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "X_i = relu((1+W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\nW_0*X_<-1> = X_0",
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)",
    "scope stage\nstages 16 x 4, 24 x 5 / 2\nX_i = W_i*concat(X_<0..i-1>)\n"
    "output concat(X_<0..L>)",
    "scalar a_i = 1\nX_i = X_<i-1> + sum(k, 1, 3, a_k*W_<i-k>*X_<i-k-1>)",
    "scalar k_i = 0.5 per channel\nparam p = 0.2\n"
    "W = conv(3, c, stride=s) > bn > dropout(p*i/L) > conv(3, c)\n"
    "X_i = k_i*X_<i-1> + sqrt(i/L)*W_i*X_<i-1>",
]
SCRIPT = """
import json, sys
from recform.compiler import compile_source, from_text
texts = json.load(sys.stdin)
print("".join(compile_source(from_text(text))[0].source for text in texts), end="")
"""


def in_a_process(seed: int) -> str:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(FORMULAS),
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def test_hashes_do_not_change_a_byte() -> None:
    """Those of the process of the tests are random, unless somebody sets them."""
    first = "".join(compile_source(from_text(text))[0].source for text in FORMULAS)
    assert len(first) > 10_000
    assert in_a_process(1) == first


@pytest.mark.parametrize("text", FORMULAS)
def test_twice_in_one_process(text: str) -> None:
    first, second = (compile_source(from_text(text))[0].source for _ in range(2))
    assert first == second


@pytest.mark.parametrize("text", FORMULAS[:2])
def test_source_does_not_grow_with_depth(text: str) -> None:
    short, long = (
        compile_source(from_text(f"stages 16 x {blocks}\n{text}"))[0].source
        for blocks in (10, 10_000)
    )
    assert len(long) <= 1.05 * len(short)
