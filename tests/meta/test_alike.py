"""Blocks that are alike run on sizes once, where no code of a plugin is among them."""

from __future__ import annotations

import pytest

import recform
from recform.blocks import Arguments, Cost, Emitted, Operator, Shape, code
from recform.diagnostics import CompileError
from recform.meta import functional as F
from tests.oracle.search import few


@pytest.mark.parametrize("depth", [2, 17, few(1_000)])
def test_a_block_runs_once(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    plain = F.functional.linear
    monkeypatch.setattr(F, "linear", lambda *given: runs.append(0) or plain(*given))
    text = f"input 8\nstages 8 x {depth}\nW = linear(8)\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    _ = recform.compile(text).source
    # The stem, one block, and the head.
    assert len(runs) == 3


PART = """
class Part(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.wide = False
        self.fc = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x)
        return torch.cat([y, y], -1) if self.wide else y
""".lstrip()
WHOLE = """
class Whole(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Part(features) for _ in range(2)])
        MADE

    def forward(self, x: Tensor) -> Tensor:
        PASS
""".lstrip()
_WIDE = "self.parts[0].wide = True\n        "
#: What stands in the constructor of parts that were made alike, what in the pass, and
#: whether torch runs it.
PARTS = {
    "one gets another map": (
        "self.parts[0].fc, self.parts[1].fc = (\n"
        "            nn.Linear(features, 9), nn.Linear(9, features))",
        "return self.parts[1](self.parts[0](x))",
        True,
    ),
    "one is not the other": (
        "self.last = nn.Linear(2 * features, features)",
        "for part in self.parts:\n            x = part(x)\n"
        "            if part is self.parts[-1]:\n                x = torch.cat([x, x], -1)\n"
        "        return self.last(x)",
        True,
    ),
    "a second pass is another": (
        "self.last = nn.Linear(2 * features, features)",
        f"x = self.parts[0](x)\n        {_WIDE}return self.last(self.parts[0](x))",
        True,
    ),
    "a second pass is too wide": (
        "",
        f"x = self.parts[0](x)\n        {_WIDE}return self.parts[0](x)",
        False,
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_modules_of_a_plugin_are_none_of_them(name: str) -> None:
    made, goes, right = PARTS[name]

    class Parted(Operator):
        """An operator whose module has parts that are made alike."""

        name = "parted"
        about = "two maps"
        attribute = "parted"
        support = (PART, WHOLE.replace("MADE", made or "...").replace("PASS", goes))

        def cost(self, x: Shape, a: Arguments) -> Cost:
            return Cost()

        def emit(self, x: Shape, a: Arguments) -> Emitted:
            return Emitted("{m}({x})", f"Whole({code(x.features)})")

    text = "input 6 x 8\nstages 8 x 2\nW = parted\nX_i = X_<i-1> + W_i*X_<i-1>\n"
    if right:
        _ = recform.compile(text, plugins=[Parted]).source
        return
    with pytest.raises(CompileError) as found:
        _ = recform.compile(text, plugins=[Parted]).source
    assert [item.code for item in found.value.diagnostics] == ["RF514"]
