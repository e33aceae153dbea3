"""What an emitted module must bear: training, compilation, export, copies, formats."""

from __future__ import annotations

import copy
import pickle
import shutil
import traceback
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import recform
from recform.blocks.examples import random_examples
from recform.compiler import Compiled, compile_source, read
from recform.verify.sizes import thinner
from tests.thinned import thinned

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").rglob("*.rf"))
FORMULAS = {
    "residual": "stages 8 x 2, 16 x 2 / 2\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "Eq. (20)": "stages 8 x 2, 16 x 2 / 2\nX_i = (1+W_i)*X_<i-1> - W_<i-1>*X_<i-2>",
    "A.4.1": "stages 8 x 2, 16 x 2 / 2\nX_i = W_i*X_<i-1> + X_<i-2>",
    "system": "stages 8 x 2, 16 x 2 / 2\nstem conv(3, 16)\nA_0, B_0 = split(input, 2)\n"
    "A_i = A_<i-1> + F_i*B_<i-1>\nB_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)",
    "dense": "scope stage\nstages 8 x 3, 8 x 3 / 2\nX_i = W_i*concat(X_<0..i-1>)\n"
    "output concat(X_<0..L>)",
    "shared": "stages 8 x 3\nX_i = relu(W*X_<i-1> + U*X_0)",
    "scalars": "stages 8 x 3\nscalar k_i = 0.5\n"
    "X_i = (1-k_i)*X_<i-1> + k_i*X_<i-2> + sqrt(i/L)*W_i*X_<i-1>",
    "definition": "stages 8 x 2, 16 x 2 / 2\nSE(x, ratio=4) = x*sigmoid(G*x)\n"
    "    where G = avgpool > linear(cin/ratio) > relu > linear(cin)\n"
    "R(x, n=2) = concat(Y_<1..n>) where S_<1..n> = split(x, n), Y_1 = S_1,\n"
    "    K = conv(3, cin) > bn, Y_k = K_k*(S_k + Y_<k-1>)\n"
    "W = conv(3, c, stride=s) > R > SE\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "times": "stages 8 x 2, 16 x 2 / 2\ntimes 2\n"
    "X_<i,t> = relu(W_i*X_<i-1,t> + U_i*X_<i,t-1>)\noutput mean(X_<L,1..T>)",
    "inlined": 'stages 8 x 2, 16 x 2 / 2\nnames W = ".", stem = ".", head = "."\n'
    "X_i = relu(X_<i-1> + W_i*X_<i-1>)",
}
NAMES = list(FORMULAS)


def network(name: str, **arguments: object) -> nn.Module:
    torch.manual_seed(0)
    return recform.compile(FORMULAS[name]).module(**arguments)


def images(count: int = 4, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, channels, 16, 16, generator=generator)


@pytest.mark.parametrize("name", thinned(NAMES, 3))
def test_it_trains(name: str) -> None:
    net, x = network(name), images(16)
    labels = torch.arange(16) % 10
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(40):
        loss = nn.functional.cross_entropy(net(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert min(losses[-3:]) < 0.7 * losses[0]


@pytest.mark.parametrize("name", thinned(NAMES, 3, first=1))
@pytest.mark.parametrize(
    "backend", [pytest.param("eager", marks=pytest.mark.long), "aot_eager"]
)
def test_torch_compile_in_one_graph(name: str, backend: str) -> None:
    net, x = network(name).eval(), images()
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend=backend)
    torch.testing.assert_close(compiled(x), net(x))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_torch_compile_with_inductor() -> None:
    # Each further convolution takes the compiler of C++ seconds.
    net = recform.compile("stages 8 x 1\nX_i = relu(X_<i-1> + W_i*X_<i-1>)").module()
    net, x = net.eval(), images()
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True)
    torch.testing.assert_close(compiled(x), net(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", thinned(NAMES, 3, first=2))
def test_torch_export(name: str) -> None:
    net, x = network(name).eval(), images()
    program = torch.export.export(net, (x,))
    torch.testing.assert_close(program.module()(x), net(x))


@pytest.mark.parametrize("name", NAMES)
def test_channels_last_is_kept(name: str) -> None:
    net = network(name).to(memory_format=torch.channels_last)
    seen: list[bool] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        for tensor in (inputs[0], output):
            if tensor.shape[1] > 1 and tensor.shape[2] > 1:
                # A part of a split is a view; its channels lie side by side too.
                seen.append(tensor.stride(1) == 1)

    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            module.register_forward_hook(look)
    net(images().to(memory_format=torch.channels_last))
    assert seen
    assert all(seen)


@pytest.mark.parametrize("name", NAMES)
def test_autocast_copies_and_types(name: str) -> None:
    net, x = network(name).eval(), images()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(x).isfinite().all()
    expected = net(x)
    torch.testing.assert_close(copy.deepcopy(net)(x), expected)
    torch.testing.assert_close(pickle.loads(pickle.dumps(net))(x), expected)
    other = network(name)
    for parameter in other.parameters():
        nn.init.constant_(parameter, 0.1)
    other.load_state_dict(net.state_dict(), strict=True)
    torch.testing.assert_close(other.eval()(x), expected)
    double = net.to(torch.float64)(x.double())
    torch.testing.assert_close(double.float(), expected, atol=1e-4, rtol=1e-3)


def trained_under_autocast(compiled: Compiled) -> None:
    """A step of training with numbers of two kinds."""
    net = compiled.module()
    examples = [random_examples(shape, 2) for shape in compiled.formula.inputs]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = net(*examples)
    made.float().square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


WEIGHED = "input 6\nstages 4 x 3\nstem linear(4)\nhead none\nscalar a_<i,k> = 1/i\n"


@pytest.mark.parametrize("weight", ["a_<i,k>", "sigmoid(a_<i,k>)"])
def test_learned_sums_over_depth_under_autocast(weight: str) -> None:
    """Some members are float32 and others bfloat16, and so are weights and members."""
    text = f"{WEIGHED}Y_i = W_i*sum(k, 0, i-1, {weight}*Y_k)\noutput Y_L"
    for operator in ("linear(c)", "linear(c) > ln"):
        trained_under_autocast(recform.compile(f"{text}\nW = {operator}"))


@pytest.mark.long
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_under_autocast(path: Path) -> None:
    source, folder = read(path)
    for compiled in compile_source(source, {}, folder):
        small = thinner(compiled)
        if small is not None:
            trained_under_autocast(small[0])


@pytest.mark.parametrize("name", NAMES)
def test_state_dict_has_each_parameter_once(name: str) -> None:
    net = network(name)
    assert len(dict(net.named_parameters(remove_duplicate=False))) == len(
        list(net.parameters())
    )


def test_keywords_of_the_constructor() -> None:
    net = network("residual", classes=7, in_channels=1)
    assert net(images(channels=1)).shape == (4, 7)


@pytest.mark.parametrize("names", ("", 'names stem = "f.0", stages = "f.{}"\n'))
def test_no_keyword_is_for_one_size_of_a_network_alone(names: str) -> None:
    for stem, taken in (("conv(3)", False), ("conv(3) > conv(3, c)", True)):
        frame = f"{names}stem {stem}\ninput 3 x 8 x 8\nstages 4 x 1, 8 x 1 / 2\n"
        net = recform.load(f"{frame}X_i = X_<i-1> + W_i*X_<i-1>")
        assert ("in_channels" in signature(type(net)).parameters) is taken


def test_each_operator_runs_once_and_two_tensors_are_carried() -> None:
    net = network("Eq. (20)")
    calls: dict[str, int] = {}
    states: list[int] = []

    def count(name: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            calls[name] = calls.get(name, 0) + 1

        return hook

    for name, module in net.named_modules():
        if name.endswith(".W"):
            module.register_forward_hook(count(name))
        if type(module).__name__.endswith("Step"):
            module.register_forward_hook(lambda m, i, out: states.append(len(out)))
    net(images())
    assert set(calls.values()) == {1}
    assert len(calls) == 4
    assert set(states) == {2}


def test_no_stack_and_no_copy() -> None:
    ran: set[str] = set()

    class Record(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            ran.add(str(func).split(".")[1])
            return func(*args, **(kwargs or {}))

    net = network("Eq. (20)").eval()
    with Record():
        net(images())
    assert not ran & {"stack", "cat", "clone", "copy_", "_to_copy", "contiguous"}


def test_a_runtime_error_names_the_line_of_the_formula() -> None:
    net = network("residual")
    try:
        net.stage1[0](torch.randn(2, 5, 16, 16))  # type: ignore[index]
    except RuntimeError:
        assert "rf:2" in traceback.format_exc()
    else:
        raise AssertionError("five channels into eight")


def test_other_starts() -> None:
    text = FORMULAS["residual"] + "\ninit conv = constant(0.25), linear = normal(0.5)"
    net = recform.load(text)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            assert (module.weight == 0.25).all()
        if isinstance(module, nn.Linear):
            assert 0.3 < module.weight.std() < 0.7


def test_a_label_goes_before_the_kind() -> None:
    net = recform.load(
        "stages 4 x 1\nW = conv(3, c) > last: conv(3, c) > other: conv(3, c)\n"
        "init conv = constant(0.25), last = torch, other = zeros\nX_i = W_i*X_<i-1>"
    )
    block = net.blocks[0].W  # type: ignore[index, union-attr]
    for part, start in ((block.conv, 0.25), (block.other, 0.0)):
        assert (part.weight == start).all()
    assert len(block.last.weight.unique()) == block.last.weight.numel()


def test_the_generated_file_imports_torch_alone() -> None:
    source = recform.compile(FORMULAS["scalars"]).source
    imports = [
        line for line in source.split("\n") if line.startswith(("import", "from"))
    ]
    assert imports == ["import math", "import torch", "import torch.nn.functional as F",
                       "from torch import Tensor, nn"]  # fmt: skip


def test_literals_have_no_brackets_of_their_own() -> None:
    """A rational is written as a decimal, and binds as one."""
    text = (
        "stages 8 x 4\nconst a_i = 0.1*floor(i/2)\n"
        "X_i = X_<i-1> + a_i*W_i*X_<i-1> + 0.25^i*X_<i-1> + (-0.5)^i*W_i*X_<i-1>\n"
    )
    compiled = recform.compile(text)
    assert "= 0.1 * (i // 2)" in compiled.source
    assert "= 0.25**i" in compiled.source
    assert "= (-0.5) ** i" in compiled.source


@pytest.mark.parametrize("number", ["X", "sigmoid(X)*A_i*H_<i-1>", "max(X, H_<i-1>)"])
def test_a_vector_is_spread_over_streams(number: str) -> None:
    """Its code knew grids of images, pixels and tokens alone."""
    right = number.replace("X", "R_i*H_<i-1>")
    net = recform.load(
        "input 4\nstages 4 x 2\nstem copies(2)\nhead join\nA = weave\nR = read\n"
        f"H_i = A_i*H_<i-1> + {right}"
    ).double()
    x = torch.randn(3, 4, dtype=torch.float64)
    h = torch.stack([x, x], 1)
    for block in net.blocks:
        for weight in block.parameters():
            nn.init.normal_(weight)
        read = torch.einsum("s,bsc->bc", block.R.read, h).unsqueeze(1)
        woven = block.A(h)
        h = (
            woven
            + {
                "X": read,
                "sigmoid(X)*A_i*H_<i-1>": read.sigmoid() * woven,
                "max(X, H_<i-1>)": torch.maximum(read, h),
            }[number]
        )
    torch.testing.assert_close(net(x), h.flatten(1))
