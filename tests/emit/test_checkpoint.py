"""Networks whose blocks run again, or keep each their own (`--memory checkpoint`, budgets)."""

from __future__ import annotations

import copy
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from typer.testing import CliRunner

import recform
from recform.blocks.examples import random_examples
from recform.cli.app import app
from recform.diagnostics import CompileError
from recform.memory import Memory, Plan
from recform.plan import lean
from recform.target import Target
from tests.blocks.test_lean import kept
from tests.emit.test_memory import TEXTS, backward

PLANS = ("checkpoint", "40% more", "mixed")


def planned(text: str, how: str) -> nn.Module:
    """A network whose blocks keep what a plan says."""
    if how == "checkpoint":
        return recform.load(text, memory=how)
    if how != "mixed":
        compiled = recform.compile(text)
        most, least = compiled.memory("plain").training, compiled.memory("checkpoint")
        budget = least.training + (most - least.training) * 2 // 5
        return recform.load(text, memory_budget=str(budget))
    compiled = recform.compile(text, memory="checkpoint")
    blocks = sum(row for _, row in compiled.plan.rows) - 2  # type: ignore[union-attr]
    turns = [Memory.plain, Memory.checkpoint, Memory.lean]
    forms = [turns[number % 3] for number in range(blocks)]
    plan = Plan((Memory.plain, *forms, Memory.lean))
    return replace(compiled, target=Target(memory=Memory.lean), budget=plan).module()


@pytest.mark.parametrize("how", PLANS)
@pytest.mark.parametrize("name", TEXTS)
def test_gradients(name: str, how: str) -> None:
    """Equal in float64; statistics are updated once, and nothing is drawn again."""
    compiled = recform.compile(TEXTS[name])
    torch.manual_seed(0)
    plain = compiled.module().double()
    net = planned(TEXTS[name], how).double()
    net.load_state_dict(plain.state_dict())
    x = random_examples(compiled.formula.input, 3, dtype=torch.float64)
    for training in (True, False):
        found, wanted = (backward(n.train(training), x) for n in (net, plain))
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-11)


def test_the_code() -> None:
    """That of the plain network, but for a line before each pass."""
    source = recform.compile(TEXTS["subtraction"], memory="checkpoint").source
    plain = recform.compile(TEXTS["subtraction"]).source
    code = source[source.index("class WBlock") :]
    rows = '("lean", 1), ("checkpoint", 5), ("lean", 1)'
    assert (
        f"    @Lean.planned({rows})\n    def forward(self, x: Tensor) -> Tensor:"
        in code
    )
    assert code.count("    @Lean.block\n") == 2
    bare = re.sub(r"    @Lean\.(block|planned\(.*\))\n", "", code)
    assert bare == plain[plain.index("class WBlock") :]
    assert re.search(r"^command: .* --memory checkpoint$", source, re.M)


def test_a_budget_of_a_network_that_does_nothing() -> None:
    text = "input 4\nstem none\nhead none\nstages 4 x 3\nX_i = X_<i-1>\n"
    for budget in ("75%", "100%", "1KiB"):
        assert recform.compile(text, memory_budget=budget).source


def test_the_header_of_a_budget(tmp_path: Path) -> None:
    """The command makes the same file again, and the plan is that of the summary."""
    (tmp_path / "net.rf").write_text(TEXTS["subtraction"])
    out = tmp_path / "net.py"
    command = f"compile {tmp_path}/net.rf -o {out} --memory-budget 90% --batch 4"
    run = CliRunner()
    assert run.invoke(app, command.split()).exit_code == 0
    source = out.read_text()
    said = re.search(r"^command: recform compile net.rf -o net.py (.*)$", source, re.M)
    assert said is not None
    assert said[1] == "--memory-budget 90% --batch 4 --dtype fp32 --optimizer sgd"
    again = f"compile {tmp_path}/net.rf -o {out} --check {said[1]}"
    assert run.invoke(app, again.split()).exit_code == 0
    found = recform.compile(tmp_path / "net.rf").memory(budget="90%", batch=4)
    rows = ", ".join(f"{count} {form}" for form, count in found.plan)
    assert re.search(rf"^memory: .* at most,\n.* kept of .*\n +{rows}$", source, re.M)
    assert len(found.plan) > 1


def test_what_is_kept() -> None:
    """By arithmetic: of each block what comes in, and its statistics."""
    text = (
        "input 4 x 6 x 6\nstages 4 x 5\nstem conv(3, 4)\nhead none\n"
        "W = conv(3, c) > bn > relu > conv(3, c) > bn > silu\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    net = recform.load(text, memory="checkpoint")
    tensor, statistics = 2 * 4 * 6 * 6, 2 * 2 * 4
    assert kept(net, torch.randn(2, 4, 6, 6)) == 4 * 5 * (tensor + statistics)


def test_it_runs_as_the_plain_network_where_that_is_asked_for() -> None:
    """Compiled by torch and without gradients; copied, pickled, and cast."""
    net = recform.load(TEXTS["subtraction"], memory="checkpoint")
    plain = recform.load(TEXTS["subtraction"])
    plain.load_state_dict(net.state_dict())
    x = torch.randn(2, 3, 8, 8)
    compiled = torch.compile(copy.deepcopy(net), backend="eager", fullgraph=True)
    wanted = backward(copy.deepcopy(plain), x)
    for other in (compiled, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        torch.testing.assert_close(backward(other, x), wanted)
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(x), plain.eval()(x))
    found = []
    for one in (net.train(), plain.train()):
        with torch.autocast("cpu", torch.bfloat16):
            made = one(x)
        made.float().square().sum().backward()
        found.append([p.grad for p in one.parameters()])
    torch.testing.assert_close(*found, rtol=2e-2, atol=2e-2)


def test_what_all_positions_read_is_made_again_once() -> None:
    """A product of a whole sequence, of which each step of a recurrence reads its row."""
    text = (
        "input 9 x 4\nstages 6 x 1\nstem linear(c)\ntimes positions\nhead linear(4)\n"
        "U = linear(c)\nW = linear(c)\nX_<i,t> = tanh(U_i*X_<i-1,t> + W_i*X_<i,t-1>)"
    )
    made: list[int] = []

    class Watching(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            if func is torch.ops.aten.addmm.default:
                made.append(len(out))
            return out

    y = recform.load(text, memory="checkpoint")(torch.randn(2, 9, 4)).sum()
    with Watching():
        y.backward()
    assert made.count(2 * 9) == 1


def test_products_run_again_as_they_ran() -> None:
    """Backward within a frame that casts, with passes that were made outside of it."""
    text = TEXTS["subtraction"]
    net, plain = recform.load(text, memory="checkpoint"), recform.load(text)
    plain.load_state_dict(net.state_dict())
    x = torch.randn(2, 3, 8, 8)
    grads = []
    for one in (net, plain):
        made = one(x).sum()
        with torch.autocast("cpu", torch.bfloat16):
            made.backward()
        grads.append([p.grad for p in one.parameters()])
    torch.testing.assert_close(*grads)


def test_the_proof_knows_the_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else there could make anything of a pass."""
    for name in ("PLANNED", "BLOCK"):
        with monkeypatch.context() as patched:
            patched.setattr(lean, name, "Lean.other")
            with pytest.raises(CompileError, match=r"RF901.*is what Lean\.other"):
                _ = recform.compile(TEXTS["histories"], memory="checkpoint").source
