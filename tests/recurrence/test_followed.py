"""Blocks that differ in their numbers: those that come to the same are followed once."""

from __future__ import annotations

from typing import Any

import pytest

from recform.graph.followed import Followed
from recform.graph.shapes import BlockShapes
from tests.oracle.compare import compiled

#: Windows of every other block; sizes of each third; sizes that are the same with what the
#: first block has inside, and others with what another one has; each block another size; a
#: rate that nobody can tell apart; and modules of earlier blocks.
FORMULAS = {
    "windows": "input 6 x 4\nstages 4 x {}\nA = attend(2, window=1 + i - 2*floor(i/2))\n"
    "X_i = X_<i-1> + A_i(X_<i-1>, X_<i-1>, X_<i-1>)",
    "thirds": "input 6\nstages 6 x {}\nW = linear(4 + i - 3*floor(i/3)) > linear(c)\n"
    "X_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "inside": "input 6\nstages 6 x {}\nW = linear(5 + floor(i/4) - floor(i/8))\n"
    "V = linear(3 + cin*i - 5*i - 6*floor(i/6)) > linear(6)\nX_i = X_<i-1> + V_i*W_i*X_<i-1>",
    "sizes": "input 6\nstages 6 x {}\nW = linear(i) > linear(6)\n"
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "rates": "input 6\nstages 6 x {}\nW = linear(4 + i - 2*floor(i/2)) > linear(6) "
    "> dropout(i/(2*L))\nX_i = X_<i-1> + W_i*X_<i-1>",
    "earlier": "input 6\nstages 6 x {}\nW = linear(4 + i - 2*floor(i/2)) > linear(6)\n"
    "X_i = X_<i-1> + W_i*X_<i-1> + W_<i-1>*X_<i-1>",
}


@pytest.mark.parametrize("name", FORMULAS)
def test_as_followed_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of others says of a block what it would say of itself."""
    text = FORMULAS[name].format(13)
    shared = compiled(text).graph
    monkeypatch.setattr(Followed, "like", lambda *_: None)
    assert compiled(text).graph == shared


@pytest.mark.parametrize("name", ["windows", "thirds"])
def test_as_few_of_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many are followed of a long network as of a short one."""
    followed: list[object] = []
    found = BlockShapes.block

    def counted(self: BlockShapes) -> Any:
        followed.append(self)
        return found(self)

    monkeypatch.setattr(BlockShapes, "block", counted)
    counts = []
    for blocks in (10, 40):
        followed.clear()
        compiled(FORMULAS[name].format(blocks))
        counts.append(len(followed))
    assert counts[0] == counts[1] < 10
