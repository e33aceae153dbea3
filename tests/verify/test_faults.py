"""Faults planted in generated modules: each is found, and what is no fault is none."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import pytest
import torch

from recform.compiler import Compiled, compile_source, from_text
from recform.verify.emitted import emitted, examples
from recform.verify.judge import worst_of
from recform.verify.observe import Observation, Unusable, observe
from recform.verify.sizes import thinner
from recform.verify.trials import shake
from tests.verify.networks import NETWORKS

torch.set_num_threads(1)


@cache
def compiled(name: str) -> Compiled:
    return compile_source(from_text(NETWORKS[name]))[0]


@cache
def fresh(name: str) -> tuple[Observation, dict[str, Any], Any]:
    """What the emitted module does, the state that it was given, and the examples."""
    item = compiled(name)
    held: dict[str, Any] = {}

    def state(network: Any) -> dict[str, Any]:
        shake(network)
        held.update({k: v.detach().clone() for k, v in network.state_dict().items()})
        return held

    images = examples(item.formula.inputs)
    return observe(item.module, images, state), held, images


def judged(name: str, source: str) -> tuple[bool | None, str]:
    expected, state, images = fresh(name)
    module = ModuleType("tampered")
    exec(compile(source, "tampered.py", "exec"), module.__dict__)
    try:
        found = observe(module.Formula, images, lambda _: state)
    except Unusable as error:
        return False, f"{error.phase}: {error}"
    return worst_of(found, expected)


#: The network, a piece of its text, what stands there instead, and what is said of it.
FAULTS = [
    # Terms, factors and states.
    (
        "resnet_s",
        "- self.shortcut_wx(wx_prev)",
        "+ self.shortcut_wx(wx_prev)",
        "forward in eval",
    ),
    ("resnet_s", "return x, wx", "return x, x", "forward in eval"),
    ("resnet_s", "(x_prev) + wx)", "(x_prev) + 1.001 * wx)", "the output differs"),
    (
        "resnet_s",
        "F.relu(self.shortcut(x_prev) + wx)",
        "(self.shortcut(x_prev) + wx)",
        "eval",
    ),
    ("resnet_s", "F.relu(self.bn1(", "(self.bn1(", "eval"),
    (
        "resnet_s",
        "F.relu(self.bn1(self.conv1(x)))",
        "self.bn1(F.relu(self.conv1(x)))",
        "eval",
    ),
    ("resnet_s", "- self.shortcut_wx(wx_prev)", "- self.shortcut(wx_prev)", "eval"),
    ("revnet", "a = a_prev + self.F(b_prev)", "a = b_prev + self.F(a_prev)", "eval"),
    ("revnet", "self.G(a)", "self.G(a_prev)", "eval"),
    ("revnet", "return torch.cat((a, b)", "return torch.cat((b, a)", "eval"),
    ("densenet", "torch.cat((xs_prev, x)", "torch.cat((x, xs_prev)", "eval"),
    (
        "densenet",
        "return self.blocks(x)",
        "return self.blocks(x) + 0 * x.sum() + 1e-6",
        "eval",
    ),
    ("scalars", "(1 - self.k)", "self.k", "eval"),
    ("scalars", "+ self.V(x_prev2)", "+ self.V(x_prev)", "eval"),
    (
        "resnet_s",
        "3, stride=stride, padding=1, bias=False\n        )\n"
        "        self.bn1 = nn.BatchNorm2d(channels)\n"
        "        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)",
        "3, padding=1, bias=False\n        )\n"
        "        self.bn1 = nn.BatchNorm2d(channels)\n"
        "        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)",
        "eval",
    ),
    (
        "resnet_s",
        "for block in self.stage1:",
        "for block in reversed(self.stage1):",
        "eval",
    ),
    ("resnet_s", "self.bn2(self.conv2(x))", "self.bn1(self.conv2(x))", "eval"),
    # Gradients.
    (
        "resnet_s",
        "wx = self.W(x_prev)",
        "wx = self.W(x_prev).detach()",
        "the gradient of",
    ),
    ("revnet", "b_prev + self.G(a)", "b_prev + self.G(a.detach())", "the gradient of"),
    (
        "revnet",
        "a, b = x.chunk(2, dim=1)",
        "a, b = x.detach().chunk(2, dim=1)",
        "input",
    ),
    (
        "densenet",
        "        x = self.stem(x)\n        return self.blocks(x)\n",
        "        with torch.no_grad():\n            x = self.stem(x)\n"
        "        return self.blocks(x)\n",
        "the gradient of",
    ),
    (
        "scalars",
        "nn.Parameter(torch.tensor([0.5]))",
        "nn.Parameter(torch.tensor([0.5]), requires_grad=False)",
        "k",
    ),
    (
        "scalars",
        "x = torch.tanh(self.fc1(x))",
        "x = torch.tanh(self.fc1(x)).clone()",
        "",
    ),
    # Training.
    ("droppath", "nn.Dropout(0.4)", "nn.Dropout(0.41)", "a training pass"),
    ("droppath", "self.fc(self.dropout(x))", "self.fc(x)", "a training pass"),
    ("droppath", "DropPath(0.5 * i / depth)", "DropPath(0.5)", "a training pass"),
    ("droppath", "mask / kept if kept > 0 else mask", "mask", "a training pass"),
    ("droppath", "not self.training or", "", "forward in eval"),
    (
        "droppath",
        "if not self.training or self.rate == 0",
        "if True",
        "a training pass",
    ),
    ("droppath", "[x.shape[0]]", "x.transpose(0, -1).shape", "a training pass"),
    (
        "resnet_s",
        "x = self.stem(x)",
        "x = self.stem(x) * (2 if self.training else 1)",
        "training",
    ),
    (
        "resnet_s",
        "x = self.stem(x)",
        "self.stem.eval()\n        x = self.stem(x)",
        "training",
    ),
    (
        "revnet",
        "nn.BatchNorm2d(in_channels)",
        "nn.BatchNorm2d(in_channels, momentum=0.2)",
        "run",
    ),
    (
        "revnet",
        "nn.BatchNorm2d(in_channels)",
        "nn.BatchNorm2d(in_channels, eps=1e-4)",
        "eval",
    ),
    (
        "revnet",
        "b = b_prev + self.G(a)",
        "self.G(a)\n        b = b_prev + self.G(a)",
        "G",
    ),
    # Starts.
    (
        "scalars",
        "torch.tensor([0.5])",
        "torch.tensor([0.5001])",
        "k starts with other numbers",
    ),
    ("resnet_s", 'mode="fan_out"', 'mode="fan_in"', "weight starts with other numbers"),
    (
        "resnet_s",
        "for module in self.modules():",
        "for module in []:",
        "starts with other",
    ),
    # What a pass does to the module, the input or the next pass.
    (
        "scalars",
        "x, x_prev = self.blocks[0](x)",
        "image = x\n        x, x_prev = self.blocks[0](x.clone())\n"
        "        image.data.zero_()",
        "the input is changed in place",
    ),
    (
        "densenet",
        "        x = self.stem(x)\n",
        "        self.stem.bn.bias.data += 0 if self.training else 1e-3\n"
        "        x = self.stem(x)\n",
        "eval",
    ),
    (
        "scalars",
        "        return x\n",
        "        self.calls = getattr(self, 'calls', 0) + 1\n"
        "        return x * (1 if self.calls < 4 else 2)\n",
        "forward in eval once more",
    ),
    # What is no network.
    (
        "scalars",
        "        return x\n",
        "        return x, x_prev\n",
        "it returns a tuple, no tensor",
    ),
    ("scalars", "        return x\n", "        return x.float()\n", "torch.float32"),
    (
        "scalars",
        "        return x\n",
        "        return x * float('nan')\n",
        "not finite",
    ),
    ("scalars", "        return x\n", "        raise SystemExit(0)\n", "SystemExit: 0"),
    ("scalars", "        return x\n", "        return self.absent\n", "AttributeError"),
    ("scalars", "        return x\n", "        return x[:2]\n", "has the shape 2 x 5"),
]

#: One of them is none: what is asked for there is that nothing is found.
HARMLESS = "x = torch.tanh(self.fc1(x)).clone()"


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_every_fault_is_found(number: int) -> None:
    name, text, other, said = FAULTS[number]
    source = compiled(name).source
    assert text in source
    holds, detail = judged(name, source.replace(text, other))
    if other == HARMLESS:
        assert holds, detail
    else:
        assert not holds
        assert said in detail


def test_there_are_enough_faults() -> None:
    assert len(FAULTS) > 40


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_emitted_is_no_fault(name: str) -> None:
    holds, detail = judged(name, compiled(name).source)
    assert holds
    assert detail.endswith("relative error 0.0e+00")
    item = compiled(name)
    check = emitted(item, thinner(item))
    assert check.holds, check.detail
