"""Networks in other hands: pickled, copied, traced, scripted, exported, run again."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import recform
from recform.compiler import compile_source, read
from tests.thinned import thinned

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
ZOO = [f"zoo/{path.stem}" for path in sorted(EXAMPLES.glob("zoo/*.rf"))]
#: One of each kind: histories, two states, operators with channels, random depth.
SOME = ["zoo/rezero"]

TWO = """
input 3 x 8 x 8
stages 4 x 2, 8 x 2 / 2
scalar k_i = 0.5
SE(x) = x*sigmoid(G*x)  where G = avgpool > linear(cin)
stem conv(3, 4) > bn
W = conv(3, c, stride=s) > bn > SE > dropout(0.5)
X_i = relu(X_<i-1> + k_i*W_i*X_<i-1>) - W_<i-1>*X_<i-2>
W_0*X_<-1> = X_0
"""
TOKENS = """
input 8 x 12
stages 12 x 2
A = attention(3, dropout=0.1)
F = linear(c) > droppath(0.5*i/L)
X_i = Y_i + F_i*Y_i
Y_i = X_<i-1> + A_i*X_<i-1>
stem positions
head avgpool > linear(3)
"""


def example(name: str) -> Any:
    """The smallest network of an example."""
    source, folder = read(EXAMPLES / f"{name}.rf")
    networks = compile_source(source, {}, folder)
    return min(networks, key=lambda item: sum(s.blocks for s in item.formula.stages))


def images(compiled: Any, count: int = 2) -> torch.Tensor:
    torch.manual_seed(3)
    return torch.randn(count, *map(int, compiled.formula.input.sizes))


# ------------------------------------------------------------------ to other processes

_OPENS = """
import os, sys, torch
for path, other in zip(sys.argv[1:], sys.argv[2:]):
    if not os.fork():  # Each is opened by a process that has seen none.
        status = 1
        try:
            module, x, expected = torch.load(path, weights_only=False)
            assert "recform.compiler" not in sys.modules and "sympy" not in sys.modules
            assert torch.equal(module(x), expected)
            torch.save((module, x, expected), other)
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    assert os.wait()[1] == 0
"""


@pytest.mark.parametrize("timm", thinned([False, True], 2))
def test_a_network_opens_in_a_new_process(timm: bool, tmp_path: Path) -> None:
    compiled = recform.compile(TWO + "head avgpool > linear(5)\n", timm=timm)
    module, x = compiled.module().eval(), images(compiled)
    torch.save((module, x, module(x)), tmp_path / "one.pt")
    paths = [str(tmp_path / f"{name}.pt") for name in ("one", "two", "three")]
    command = [sys.executable, "-c", _OPENS, *paths]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    # The source is in it once, whatever the number of modules.
    held = (tmp_path / "one.pt").read_bytes()
    assert held.count(b"Generated code: change the formula") == 1


def _answer(module: nn.Module, x: torch.Tensor, answers: Any) -> None:
    answers.put(module(x).detach().numpy())


def test_a_network_is_sent_to_a_spawned_process() -> None:
    compiled = recform.compile(TWO)
    module, x = compiled.module().eval(), images(compiled)
    context = torch.multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_answer, args=(module, x, answers))
    process.start()
    found = answers.get(timeout=120)
    process.join(60)
    torch.testing.assert_close(torch.from_numpy(found), module(x))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_and_copies(protocol: int) -> None:
    compiled = recform.compile(TWO)
    module, x = compiled.module().eval(), images(compiled)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    for made in (
        pickle.loads(pickle.dumps(module, protocol)),
        pickle.loads(pickle.dumps((module, optimiser), protocol))[0],
        copy.deepcopy(module),
        copy.copy(module),
    ):
        assert type(made) is type(module) and torch.equal(made(x), module(x))
        assert str(made) == str(module)


class Derived(type(recform.load(TWO))):  # type: ignore[misc]
    """A class of the user's own."""


def test_a_class_that_derives_from_a_network_is_its_own() -> None:
    made = pickle.loads(pickle.dumps(Derived()))
    assert type(made) is Derived


def test_what_torch_derives_from_a_block() -> None:
    module = recform.load(TWO)
    nn.utils.parametrizations.weight_norm(module.stage1[0].W.conv)
    assert copy.deepcopy(module).stage1[0].W.conv.weight.shape == (4, 4, 3, 3)


# -------------------------------------------------------------- by other tools of torch


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("text", [TWO, TOKENS], ids=["images", "tokens"])
def test_symbolic_trace(text: str, training: bool) -> None:
    compiled = recform.compile(text)
    module, x = compiled.module().train(training), images(compiled, 4)
    traced = torch.fx.symbolic_trace(copy.deepcopy(module))
    results = []
    for each in (module, traced):
        torch.manual_seed(5)
        results.append(each(x))
    torch.testing.assert_close(*results)
    traced = pickle.loads(pickle.dumps(traced))
    torch.manual_seed(5)
    torch.testing.assert_close(traced(x), results[0])


HEADS = "input 6 x 16\nstages 16 x 2\nhead ln > linear(5)\n"
THREE = f"{HEADS}Q = linear(c)\nX_i = X_<i-1> + A_i(Q_i*X_<i-1>, X_<i-1>, X_0)\nA = "
ONE = f"{HEADS}X_i = X_<i-1> + W_i*X_<i-1>\nW = linear(c) > "
#: Operators whose modules ask which of their arguments are given.
ASKING = [
    *(f"{THREE}attend(4{rest})" for rest in ("", ", causal=true", ", talking=true")),
    *(
        f"{THREE}attend(4, rotary=100{rest})"
        for rest in ("", ", turned=2", ", turned=0")
    ),
    *(f"{THREE}attend(4, {rest})" for rest in ("window=3", "softcap=3", "qknorm=true")),
    f"{THREE}attend(4, sinks=true, causal=true)",
    f"{THREE}attend(4, sinks=true, window=2, softcap=0.5, scale=2)",
    *(f"{ONE}rotary(4{rest})" for rest in ("", ", turned=0", ", turned=2, last=true")),
    f"{ONE}rotary(2, factor=2, length=30, adjacent=true)",
    f"{HEADS}B = beside(4, 2) > linear(c)\nX_i = X_<i-1> + B_i(X_<i-1>, X_0)",
    f"{ONE}experts(4, 2, 3)",
    f"{ONE}experts(4, 1, 3, normalised=false, scores=sigmoid, balanced=true)",
]


@pytest.mark.parametrize("text", ASKING, ids=lambda text: text.split("= ")[-1])
def test_operators_that_are_traced_and_scripted(text: str) -> None:
    compiled = recform.compile(text)
    module, x = compiled.module().eval(), images(compiled)
    wanted = module(x)
    torch.testing.assert_close(torch.fx.symbolic_trace(module)(x), wanted)
    if "experts" not in text:
        scripted: Any = torch.jit.script(module)
        torch.testing.assert_close(scripted(x), wanted)


_GROWS = "stages 4 x 1, 4 x 2\ninput 3 x 6 x 6\nX_i = X_<i-1> + Y_i\nY_1 = W_1*X_0\n"
_GROWS += "Y_i = 0.5*Y_<i-1> + W_i*X_<i-1>\noutput X_L*Y_L\n"
SCRIPTED = {
    "two": TWO,
    "tokens": TOKENS,
    "grows": _GROWS,
    "momentum": (EXAMPLES / "language" / "momentum.rf").read_text(),
}


@pytest.mark.parametrize("name", SCRIPTED)
def test_scripted(name: str) -> None:
    compiled = recform.compile(SCRIPTED[name])
    module, x = compiled.module().eval(), images(compiled)
    scripted: Any = torch.jit.script(module)
    torch.testing.assert_close(scripted(x), module(x))


@pytest.mark.parametrize(
    "name",
    [
        "language/momentum",
        "language/vision_transformer",
        "language/boundary",
        *(pytest.param(name, marks=pytest.mark.slow) for name in SOME),
        *(pytest.param(n, marks=pytest.mark.long) for n in ZOO if n not in SOME),
    ],
)
def test_traced_exported_and_empty(name: str) -> None:
    """Without numbers: shapes are all that counts."""
    compiled = example(name)
    with torch.device("meta"):
        module, x = compiled.module().eval(), images(compiled)
        expected = module(x).shape
        exported = torch.export.export(module, (x,), strict=False)
        assert exported.module()(x).shape == expected
        torch.fx.symbolic_trace(module.train())
        empty = module.eval()(x[:0])
    assert empty.shape == (0, *expected[1:])


def test_an_empty_batch_through_attention() -> None:
    compiled = recform.compile(TOKENS)
    x = images(compiled)[:0]
    for training in (False, True):
        result = compiled.module().train(training)(x)
        assert result.shape == (0, 3)
        result.sum().backward()


# ----------------------------------------------------------------- stochastic depth


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 4), (6, 4, 3, 2)])
@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_stochastic_depth_is_torchvisions(shape: tuple[int, ...], rate: float) -> None:
    from torchvision.ops import StochasticDepth

    from recform.blocks.support.drop_path import DropPath

    x = torch.randn(shape)
    found = []
    for module in (DropPath(rate), StochasticDepth(rate, "row")):
        torch.manual_seed(0)
        found.append(module.train()(x))
    torch.testing.assert_close(*found, rtol=1e-6, atol=0)
    assert found[0].is_contiguous()


# ------------------------------------------------------------------------ checkpoints


@pytest.mark.parametrize("compiles", [False, True])
def test_checkpoints_count_a_batch_once(compiles: bool) -> None:
    """Statistics, gradients and outputs are those of a pass without checkpoints."""
    compiled = recform.compile(TWO + "head avgpool > linear(5)\n", timm=True)
    torch.manual_seed(0)
    plain = compiled.module().train()
    again = copy.deepcopy(plain)
    again.set_grad_checkpointing()
    x = images(compiled, 6)
    run: Any = torch.compile(again, backend="aot_eager") if compiles else again
    for _ in range(2):
        for module, call in ((plain, plain), (again, run)):
            torch.manual_seed(1)
            module.zero_grad()
            call(x).square().sum().backward()
        for name, value in plain.state_dict().items():
            torch.testing.assert_close(again.state_dict()[name], value, msg=name)
        for (name, one), other in zip(
            plain.named_parameters(), again.parameters(), strict=True
        ):
            torch.testing.assert_close(other.grad, one.grad, msg=name)
    norms = [m for m in again.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms and all(m.momentum == 0.1 and m.track_running_stats for m in norms)
    buffer = io.BytesIO()
    torch.save(again.state_dict(), buffer)
