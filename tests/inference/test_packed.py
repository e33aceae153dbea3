"""Convolutions that are packed for a processor: the same results, and nothing else."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import recform
from recform.diagnostics import CompileError
from tests.thinned import thinned

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FRAME = "input 3 x 9 x 12\nstages 8 x 2, 16 x 1 / 2\nhead avgpool > linear(3)\n"
#: Convolutions of all kinds, one of them by two blocks and on grids of two sizes.
TEXTS = {
    "kinds": f"{FRAME}W = conv(1, 2*c) > bn > relu6 > dwconv((3, 5), stride=s) > bn > silu > "
    "conv(3, c, groups=2, dilation=2, bias=true)\nX_i = X_<i-1> + W_i*X_<i-1>",
    "shared": "input 8 x 9 x 12\nstages 8 x 4\nhead avgpool > linear(3)\n"
    "W = conv(3, c) > bn\nV = maxpool(2) > conv(3, c) > upsample(2) > pad(0, (1, 0))\n"
    "X_i = relu(X_<i-1> + W*X_<i-1> + 0.1*V*X_<i-1>)",
    "one inside of another": f"{FRAME}SE(x) = x*sigmoid(G*x)\n"
    "    where G = avgpool(size=1) > conv(1, 4) > relu > conv(1, cin)\n"
    "W = conv(3, c, stride=s) > bn > SE\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    # Whose weights stay parameters, behind which comes a convolution.
    "beside others": "input 3 x 9 x 12\nstages 8 x 2\nstem conv(3, c)\n"
    "W = deconv(3) > relu > wsconv(3, c) > conv(1, c)\nX_i = X_<i-1> + W_i*X_<i-1>",
}
ZOO = [
    *("resnet18", "mobilenet_v2", "densenet121", "efficientnet_b0", "resnext50_32x4d"),
    *(
        "shufflenet_v2_x1_0",
        "inception_v3",
        "squeezenet1_1",
        "res2net50_26w_4s",
    ),
]


def made(formula: str | Path) -> nn.Module:
    """A network for inference, with statistics that are none of the start's."""
    torch.manual_seed(0)
    net = recform.load(formula, inference=True).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return net


def convolutions(net: nn.Module) -> int:
    return sum(type(module) is nn.Conv2d for module in net.modules())


def same(formula: str | Path, *sizes: tuple[int, ...]) -> None:
    """Fails if a network that is packed makes something else, of any of these sizes."""
    net = made(formula)
    packed = copy.deepcopy(net).pack(torch.randn(sizes[0]))
    assert convolutions(net)
    assert not convolutions(packed)
    assert packed(torch.randn(sizes[0])).grad_fn is None
    with torch.no_grad():
        for size in sizes:
            x = torch.randn(size)
            wanted = net(x)
            for given in (x, x.to(memory_format=torch.channels_last)):
                torch.testing.assert_close(packed(given), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", TEXTS)
def test_packed(name: str) -> None:
    size = (2, 8 if name == "shared" else 3, 9, 12)
    same(TEXTS[name], size, (1, *size[1:]))


@pytest.mark.parametrize("name", thinned(ZOO, 3))
def test_packed_networks_of_the_zoo(name: str) -> None:
    same(EXAMPLES / "zoo" / f"{name}.rf", (1, 3, 128, 128), (2, 3, 160, 128))


def packed() -> nn.Module:
    net: nn.Module = made(TEXTS["kinds"]).pack(torch.randn(1, 3, 9, 12))
    return net


REFUSED: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "gradients": lambda net, x: net(x.requires_grad_()),
    "its state": lambda net, x: net.state_dict(),
    "another state": lambda net, x: net.load_state_dict({}, strict=False),
    "other numbers": lambda net, x: net.half(),
    "another place": lambda net, x: net.to("cpu"),
    "a copy": lambda net, x: copy.deepcopy(net),
    "a file": lambda net, x: torch.save(net, io.BytesIO()),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_packed_network_runs_and_no_more(what: str) -> None:
    net, x = packed(), torch.randn(2, 3, 9, 12)
    with pytest.raises(RuntimeError, match="a packed convolution"):
        REFUSED[what](net, x)
    assert net(x.detach()).shape == (2, 3)


@pytest.mark.parametrize(
    "given",
    [
        *(torch.randn(1, 3, 9, 12).double(), torch.randn(1, 4, 9, 12)),
        *(torch.randn(3, 9, 12), torch.randn(0, 3, 9, 12)),
    ],
)
def test_what_cannot_be_packed_stays_as_it_was(given: Tensor) -> None:
    net = made(TEXTS["kinds"]).to(given.dtype)
    net.train().get_submodule("stem").eval()
    before, state = convolutions(net), net.state_dict()
    modes = [module.training for module in net.modules()]
    with pytest.raises(RuntimeError):
        net.pack(given)
    assert convolutions(net) == before
    assert [module.training for module in net.modules()] == modes
    torch.testing.assert_close(net.state_dict(), state)
    x = torch.randn(2, 3, 9, 12, dtype=given.dtype, requires_grad=True)
    net(x).sum().backward()


def test_another_result_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a torch in which packed weights mean something else."""
    net, x = made(TEXTS["kinds"]), torch.randn(1, 3, 9, 12)
    wanted = net(x)
    order = torch.ops.mkldnn._reorder_convolution_weight
    wrong = lambda weight, *told: order(2 * weight, *told)  # noqa: E731
    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_convolution_weight", wrong)
    with pytest.raises(RuntimeError, match="cannot pack"):
        net.pack(x)
    torch.testing.assert_close(net(x), wanted)


@pytest.mark.parametrize(
    "line", ['names stem = "pack"', 'names stem = "pack.x"', "scalar pack = 0.5"]
)
def test_a_part_of_that_name(line: str) -> None:
    text = f"input 3 x 9 x 12\nstages 8 x 2\nstem conv(3, c)\n{line}\n"
    text += "W = conv(3, c)\nX_i = X_<i-1> + pack*W_i*X_<i-1>"
    text = text if "scalar" in line else text.replace("pack*", "")
    assert hasattr(recform.load(text), "pack")
    with pytest.raises(CompileError) as caught:
        recform.load(text, inference=True)
    (found,) = caught.value.diagnostics
    assert found.code == "RF219"
    assert found.labels[0].span.text in line
