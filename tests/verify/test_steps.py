"""Faults planted in what a network does position by position: `forward` is right in all."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from recform.compiler import Compiled, compile_source, from_text
from recform.verify.emitted import examples
from recform.verify.judge import worst_of
from recform.verify.observe import Unusable, observe
from recform.verify.trials import shake
from recform.verify.worker import load

TEXT = (
    "input 9 of 11\nstages 8 x 2\ntimes positions\n"
    "A = ln > attention(2, causal=true)\nC = conv1d(3, c, causal=true)\nZ = linear(c)\n"
    "U = linear(c)\nvector h_i = 0.1\n"
    "H_<i,t> = sigmoid(Z_i*X_<i-1,t>)*H_<i,t-1> + X_<i-1,t>\nH_<i,0> = h_i\n"
    "G_<i,t> = tanh(U_i*G_<i,t-1> + X_<i-1,t>)\n"
    "X_<i,t> = X_<i-1,t> + H_<i,t> + G_<i,t> + A_i*X_<i-1,t> + C_i*X_<i-1,t-1>\n"
    "output X_L"
)


@cache
def made() -> tuple[Compiled, str]:
    """The network, and its code for generation."""
    item = compile_source(from_text(TEXT))[0]
    return item, replace(item, target=replace(item.target, generation=True)).source


#: A piece of its text, and what stands there instead; the first one is none.
FAULTS = [
    ("", ""),
    ("past.keep(made[:, -1:])", "past.keep(made[:, :1])"),
    ("self.kept, self.at = self._next", "self.kept, self.at = self.kept"),
    ("self._next, self.at + self._new", "self._next, self.at + 1"),
    ("table[:, past.at : last]", "table[:, : last - past.at]"),
    ("return past.run(self, x)", "return past.run(self, x) * 1.01"),
    ("return past.run(self, x)", "return self(x)"),
    (
        "return past.run(self, x)",
        "self.one = getattr(self, 'one', past)\n        return self.one.run(self, x)",
    ),
    ("max(0, whole.shape[1] - most)", "0"),
    ("        if not past.at:\n", "        if True:\n"),
]


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_a_fault_of_steps_is_found(number: int, tmp_path: Path) -> None:
    item, source = made()
    text, other = FAULTS[number]
    assert text in source
    file, held = tmp_path / "out.py", dict[str, torch.Tensor]()
    file.write_text(source.replace(text, other) if text else source)

    def state(network: torch.nn.Module) -> dict[str, torch.Tensor]:
        shake(network)
        held.update({k: v.detach().clone() for k, v in network.state_dict().items()})
        return held

    start = examples(item.formula.inputs)
    expected = observe(item.module, start, state)
    try:
        found = observe(load(file, item.name), start, lambda _: held)
        holds, detail = worst_of(found, expected)
    except Unusable as error:
        holds, detail = False, f"{error.phase} fails: {error}"
    assert "position by position" in detail
    assert holds is not bool(text)
