"""Definitions by equations against the modules that others wrote by hand."""

from __future__ import annotations

import pytest
import torch
from timm.models.res2net import Bottle2neck
from torch import Tensor, nn
from torchvision.models.efficientnet import MBConv, MBConvConfig
from torchvision.models.googlenet import Inception
from torchvision.ops import SqueezeExcitation

import recform
from recform.compiler import Compiled
from recform.diagnostics import CompileError
from tests.oracle.compare import agree, compiled

torch.set_num_threads(1)

SE = """
SE(x, ratio=4) = x*sigmoid(G*x)
    where G = avgpool > fc1: linear(cin/ratio, bias=true) > relu > fc2: linear(cin, bias=true)
"""
RES2 = """
Res2(x, n=4) = concat(Y_<1..n-1>, S_4)
    where S_<1..n> = split(x, n)
    where K = conv(3, cin) > bn > relu
    where Y_1 = K_1*S_1
    where Y_k = K_k*(S_k + Y_<k-1>)
"""
INCEPTION = """
Unit(kernel=1, width=8) = conv(kernel, width) > bn > relu
I(x) = concat(A*x, B*x, C*x, D*x)
    where A = Unit(1, 16)
    where B = Unit(1, 8) > Unit(3, 16)
    where C = Unit(1, 4) > Unit(3, 8)
    where D = maxpool(3, stride=1, padding=1) > Unit(1, 8)
"""
MBCONV = """
Gate(x, width=8) = sigmoid(G*x)*x
    where G = avgpool > linear(width, bias=true) > silu > linear(cin, bias=true)
MB(x, expand=4) = x + F*x
    where F = conv(1, expand*cin) > bn > silu > conv(3, expand*c, groups=expand*c) > bn > silu
            > Gate(width=c/4) > conv(1, c) > bn
"""


def one_block(definitions: str, letter: str, width: int) -> Compiled:
    """A network of one block that is just this definition."""
    return compiled(
        f"input {width} x 8 x 8\nstem none\nhead none\nstages {width} x 1\n"
        f"{definitions}\nX_i = {letter}_i*X_<i-1>"
    )


@pytest.mark.parametrize("own", ["W", "Gate", "p", "q"])
def test_an_operator_of_its_own_may_have_any_name_of_the_file(own: str) -> None:
    """That of what it stands in, of the definition, a `param`, a `const`: it hides them."""
    gate = (
        "input 6\nstages 6 x 3\nparam p = 3\nconst q = 3\n{d}\nW = Gate\n"
        "X_i = p*X_<i-1> + q*W_i*X_<i-1>"
    )
    told = "Gate(x) = x*sigmoid(H2*{0}*x) where {0} = a: linear(c), H2 = ln > b: linear > relu"
    made, other = (
        compiled(gate.format(d=told.format(name))).module() for name in (own, "H")
    )
    made.load_state_dict(other.state_dict())
    x = torch.randn(2, 6)
    assert torch.equal(made(x), other(x))


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("D(x) = B*x where A = ln > linear(cin), B = A",
         "D(x) = B*x where B = ln > linear(c)"),
        ("D(x) = B*x where B = A, A = ln > linear(cin)",
         "D(x) = B*x where B = ln > linear(c)"),
        ("D(x) = A*x + tanh(B*x) where A = linear(cin), B = A",
         "D(x) = A*x + tanh(B*x) where A = linear(cin), B = linear(cin)"),
        ("D(x) = C*x where A = linear(cin), B = A, C = B", "D(x) = C*x where C = linear(cin)"),
        ("D(x) = B(x, x) where A = bilinear(cin), B = A",
         "D(x) = B(x, x) where B = bilinear(cin)"),
        ("D(x) = B_1*x + sin(B_2*x) where A = linear(cin), B = A",
         "D(x) = B_1*x + sin(B_2*x) where B = linear(cin)"),
        # A name is here what it is declared as here.
        ("F = linear(c)\nD(F) = x2 + K*F where x2 = F, K = tanh",
         "D(x) = x + K*x where K = tanh"),
        ("F = linear(c)\nD(x) = x*y where F = sin(x), y = F", "D(x) = x*sin(x)"),
        ("F = linear(c)\nD(x) = x*y where y = F, F = sin(x)", "D(x) = x*sin(x)"),
        ("D(x) = x*y where y = linear(z), z = sin(x)",
         "D(x) = x*(G*z) where G = linear, z = sin(x)"),
        # An operator of its own is applied to by one of the file of its name.
        ("V = linear(c)\nU = V > tanh\nD(x) = V*x where V = U > sin",
         "D(x) = V*x where V = linear(c) > tanh > sin"),
        ("V = linear(c)\nU = V > tanh\nD = V > cos where V = U > sin",
         "D = linear(c) > tanh > sin > cos"),
    ],
)  # fmt: skip
def test_operators_by_the_names_of_others(short: str, long: str) -> None:
    frame = "input 5\nstem none\nhead none\nstages 5 x 2\nX_i = D_i*X_<i-1>\n{}\n"
    made, other = (compiled(frame.format(text)).module() for text in (short, long))
    transfer(made, other)
    x = torch.randn(3, 5)
    assert torch.equal(made(x), other(x))


@pytest.mark.parametrize(
    ("text", "code", "place", "hint"),
    [
        ("D(x) = linear*x where linear = linear(c)", "RF213", "linear(c)", "my_linear"),
        ("D(x) = ln*x where ln = ln(eps=0.1)", "RF213", "ln(eps=0.1)", "my_ln"),
        ("D(x) = ln*x where ln = tanh > ln", "RF213", "ln", "my_ln"),
        ("D = ln where ln = ln(eps=0.1)", "RF213", "ln(eps=0.1)", "my_ln"),
        ("D = ln > tanh\nln = ln(eps=0.1)", "RF213", "ln(eps=0.1)", "my_ln"),
        ("D(x) = B*x where B = B", "RF213", "B", ""),
        ("D(x) = D*x", "RF213", "D", ""),
        ("D(x) = E*x\nE(y) = D*y", "RF213", "D", ""),
        ("D = E > tanh\nE(y) = D*y", "RF213", "D", ""),
        ("F = linear(c)\nD(x, F=3) = x + B*x where B = F", "RF208", "F", ""),
        ("D(x) = x + K_1*x where A = linear(cin), K_k = A", "RF208", "A", "A*x"),
        ("D(x) = x + L*x where L = linear(cin)", "RF209", "L", ""),
        ("D(x) = x + i*x where scalar i = 2", "RF209", "i", ""),
    ],
)  # fmt: skip
def test_names_that_lead_nowhere(text: str, code: str, place: str, hint: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(f"input 5\nstages 5 x 2\nstem none\n{text}\nX_i = D_i*X_<i-1>")
    (found, *_) = caught.value.diagnostics
    assert found.code == code
    assert found.labels[0].span.text == place
    assert hint in found.hint


def transfer(ours: nn.Module, theirs: nn.Module) -> None:
    """Gives our module their weights, in the order in which both list them."""
    source = list(theirs.state_dict().values())
    target = ours.state_dict()
    assert len(source) == len(target)
    ours.load_state_dict(
        {
            name: value.reshape(old.shape)
            for (name, old), value in zip(target.items(), source, strict=True)
        }
    )


def shaken(net: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return net.double()


def judge_se() -> nn.Module:
    return SqueezeExcitation(32, 8)


def judge_res2() -> nn.Module:
    whole = Bottle2neck(
        32, 8, scale=4, base_width=64, act_layer=nn.ReLU, norm_layer=nn.BatchNorm2d
    )

    class Middle(nn.Module):
        """The part between the two 1x1 convolutions, in timm's own words."""

        def __init__(self) -> None:
            super().__init__()
            self.units = nn.ModuleList(
                nn.Sequential(conv, norm, nn.ReLU())
                for conv, norm in zip(whole.convs, whole.bns, strict=True)
            )

        def forward(self, x: Tensor) -> Tensor:
            parts = x.split(8, 1)
            made = [self.units[0](parts[0])]
            for unit, part in zip(self.units[1:], parts[1:3], strict=True):
                made.append(unit(made[-1] + part))
            return torch.cat([*made, parts[3]], 1)

    return Middle()


def judge_inception() -> nn.Module:
    module = Inception(32, 16, 8, 16, 4, 8, 8)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 1e-5
    return module


def judge_mbconv() -> nn.Module:
    config = MBConvConfig(4, 3, 1, 32, 32, 1)
    return MBConv(config, 0.0, nn.BatchNorm2d)


CASES = {
    "squeeze and excitation": (SE, "SE", judge_se),
    "Res2Net": (RES2, "Res2", judge_res2),
    "Inception": (INCEPTION, "I", judge_inception),
    "MBConv": (MBCONV, "MB", judge_mbconv),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("training", [False, True])
def test_a_definition_is_the_module(name: str, training: bool) -> None:
    text, letter, judge = CASES[name]
    torch.manual_seed(1)
    item = one_block(text, letter, 32)
    theirs = shaken(judge())
    ours = item.module().double()
    transfer(ours, theirs)
    ours.train(training)
    theirs.train(training)
    x = torch.randn(3, 32, 8, 8, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    a, b = ours(x), theirs(y)
    assert torch.allclose(a, b, atol=1e-12, rtol=1e-10)
    weights = torch.randn_like(a)
    (a * weights).sum().backward()
    (b * weights).sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert torch.allclose(x.grad, y.grad, atol=1e-10, rtol=1e-8)
    count = sum(p.numel() for p in theirs.parameters())
    assert item.graph.totals.parameters == count


FRAME = "input 3 x 8 x 8\nstem conv(3, 8) > bn > relu\nstages 8 x 2, 12 x 2 / 2\n"
FORMS = {
    "a learned scalar": "S(x) = x + g*F*x where scalar g = 0.1 per channel, "
    "F = conv(3, cin) > bn\nW = conv(3, c, stride=s) > S\nX_i = X_<i-1> + W_i*X_<i-1>",
    "a learned vector": "S(x) = (1 - v)*x + v*F*x where vector v = 0.3, "
    "F = conv(1, cin)\nW = conv(3, c, stride=s) > S\nX_i = X_<i-1> + W_i*X_<i-1>",
    "a vector that is only added": "S(x) = F*relu(F*x + v) where vector v = 0.3, "
    "F = conv(1, cin)\nW = conv(3, c, stride=s) > S\nX_i = X_<i-1> + W_i*X_<i-1>",
    "one scalar": "S(x) = (1-g)*x + g*relu(x) where scalar g = 0.3\n"
    "W = conv(3, c, stride=s) > S\nX_i = X_<i-1> + W_i*X_<i-1>",
    "a module twice": "T(x) = A*(A*x) + x where A = conv(3, cin) > bn\n"
    "W = conv(3, c, stride=s) > T\nX_i = X_<i-1> + W_i*X_<i-1>",
    "a module for each number": "T(x, n=3) = sum(k, 1, n, A_k*x)/n where A = conv(3, cin)\n"
    "W = conv(3, c, stride=s) > T(2)\nX_i = X_<i-1> + W_i*X_<i-1>",
    "a numbered scalar": "S(x) = sum(k, 1, 3, g_k*x) + F*x where scalar g_k = 0.1, "
    "F = conv(3, cin)\nW = conv(3, c, stride=s) > S\nX_i = X_<i-1> + W_i*X_<i-1>",
    "arguments that change places": "T(x, a=2, b=1) = x + B*A*x where A = conv(1, a*cin) > "
    "conv(1, cin), B = conv(3, b*cin) > conv(1, cin)\n"
    "U(x, a=3, b=1) = x*sigmoid(C*x) where C = T(a=b, b=a) > conv(1, a*cin) > conv(1, cin)\n"
    "W = conv(3, c, stride=s) > U\nX_i = X_<i-1> + W_i*X_<i-1>",
    "a definition inside one": "G(x) = x*sigmoid(C*x) where C = conv(1, cin)\n"
    "T(x) = max(x, G*x) + mean(x, relu(x))\nW = conv(3, c, stride=s) > T\n"
    "X_i = X_<i-1> + W_i*X_<i-1>",
    "the whole operator": "W(x) = A*x + B*x where A = conv(3, c, stride=s) > bn, "
    "B = conv(1, c, stride=s) > bn\nX_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "a flow with arguments": "U(kernel=3, width=c) = conv(kernel, width, stride=s) > bn\n"
    "W = U(kernel=1, width=2*c) > relu > conv(3, c) > bn\n"
    "X_i = relu(X_<i-1> + W_i*X_<i-1>)",
    "a flow with its own operators": "W = conv(3, c, stride=s) > Post\n"
    "    where Post = bn > relu\nX_i = X_<i-1> + W_i*X_<i-1>",
    "in the stem": "G(x) = x*sigmoid(C*x) where C = conv(1, cin)\n"
    "stem conv(3, 8) > G\nX_i = X_<i-1> + W_i*X_<i-1>",
    "as the adapter": "A(x) = B*x + C*x where B = conv(1, c, stride=s), "
    "C = conv(3, c, stride=s)\nadapter A\nX_i = X_<i-1> + W_i*X_<i-1>",
    "a gate at the level of blocks": "G = avgpool > linear(cin) > sigmoid\n"
    "F = conv(3, c) > bn\nstages 8 x 4\nX_i = X_<i-1> + (G_i*X_<i-1>)*(F_i*X_<i-1>)",
}


@pytest.mark.parametrize("name", FORMS)
def test_form(name: str) -> None:
    lines = FORMS[name].split("\n")
    given = {line.split()[0] for line in lines if line}
    frame = [
        line for line in FRAME.split("\n") if line and line.split()[0] not in given
    ]
    agree("\n".join([*frame, *lines]))


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("x*sigmoid(A*x) + tanh(B*x)", ["A", "B"]),
        ("tanh(B*x) + sigmoid(A*x)*x", ["A", "B"]),
        ("x*sigmoid(A*x) + tanh(C*x)", ["A", "C.bn", "C.conv"]),
        ("x*sigmoid(A*x) + tanh(D*x)", ["conv", "one"]),
        ("x*sigmoid(E*x)", ["conv1", "conv2"]),
        ("B*x + D*x + A*x", ["A", "B", "one"]),
    ],
)
def test_names_of_operators_hang_on_no_order(body: str, wanted: list[str]) -> None:
    """Letters tell operators apart, not the order in which they run."""
    item = one_block(
        f"G(x) = {body}\n    where A = conv(1, cin), B = conv(1, cin)\n"
        "    where C = conv(1, cin) > bn, D = one: conv(1, cin) > relu\n"
        "    where E = conv(1, cin) > conv(1, cin)",
        "G",
        4,
    )
    keys = [key for key in item.module().state_dict() if key.endswith(".weight")]
    found = [key.removesuffix(".weight").removeprefix("blocks.0.G.") for key in keys]
    assert sorted(found) == wanted


def test_modules_by_number_stand_in_its_order() -> None:
    """The last is written out first: its number counts all the same."""
    item = one_block(
        "G(x, n=3) = Y_n\n    where K = conv(1, cin), Y_1 = K_1*x\n"
        "    where Y_k = K_k*x + 0.5*Y_<k-1>",
        "G",
        4,
    )
    block = item.module().blocks[0].G
    x = torch.randn(2, 4, 8, 8)
    first = block.K[0](x)
    second = block.K[1](x) + 0.5 * first
    assert torch.allclose(block(x), block.K[2](x) + 0.5 * second)


def test_inlined_with_a_name() -> None:
    item = compiled(
        'names W = "."\nstages 8 x 2\nG(x) = x*sigmoid(C*x) where C = conv(1, cin)\n'
        "W = conv(3, c, stride=s) > gate: G\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    step = item.module().blocks[0]
    x = torch.randn(2, 8, 8, 8)
    made = step.conv(x)
    assert torch.allclose(step(x), x + made * torch.sigmoid(step.gate.conv(made)))


def test_a_label_in_quotes() -> None:
    item = compiled(
        'stages 8 x 1\nW = "conv_1": conv(3, c) > "bn_1": bn\nX_i = W_i*X_<i-1>'
    )
    names = {
        name.split(".")[2] for name, _ in item.module().blocks.named_parameters("b")
    }
    assert names == {"W"}
    parts = {
        name.split(".")[3] for name, _ in item.module().blocks.named_parameters("b")
    }
    assert parts == {"conv_1", "bn_1"}
    with pytest.raises(CompileError, match="RF212"):
        compiled('W = "a b": conv(3, c)\nX_i = W_i*X_<i-1>')


PLACES = {
    "an image": ("input 3 x 8 x 8\nstem conv(3, 4)", "conv(7, 1) > bn"),
    "tokens": ("input 5 x 6", "linear(1)"),
}


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize(
    "text",
    [
        "S(x) = x*sigmoid(G*x) where G = {gate}\nstages 4 x 2, 6 x 2 / 2\n"
        "X_i = X_<i-1> + S_i*W_i*X_<i-1>",
        # One number a place, and one a feature, of the same tensor.
        "S(x) = sigmoid(G*x)*x*sigmoid(V*x) where G = {gate}, "
        "V = avgpool > linear(cin)\nstages 4 x 2\nX_i = X_<i-1> + S_i*X_<i-1>",
        "G = {gate} > sigmoid\nstages 4 x 3\nX_i = X_<i-1> + (G_i*X_<i-1>)*X_<i-1>",
    ],
    ids=["definition", "two gates", "equation"],
)
def test_a_gate_for_each_place(name: str, text: str) -> None:
    frame, gate = PLACES[name]
    agree(f"{frame}\n{text.format(gate=gate)}")


@pytest.mark.parametrize("gate", ["conv(7, 1, stride=s)", "avgpool > linear(c)"])
def test_a_block_that_makes_a_gate_alone(gate: str) -> None:
    """What it scales goes through the adapter where a stage begins, not the gate."""
    item = agree(
        f"input 3 x 8 x 8\nstem conv(3, 4)\nstages 4 x 2, 6 x 3 / 2\n"
        f"G = {gate} > sigmoid\nX_i = (G_i*X_<i-1>)*X_<i-1>"
    )
    assert item.graph.final.sizes == (6, 4, 4)


def test_spatial_attention() -> None:
    """The second half of CBAM (Woo et al., 2018), written by hand."""
    item = one_block("S(x) = x*sigmoid(G*x) where G = conv(7, 1) > bn", "S", 6)
    net = item.module().eval()
    (conv,) = (m for m in net.modules() if isinstance(m, nn.Conv2d))
    (norm,) = (m for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    norm.bias.data.fill_(0.3)
    x = torch.randn(2, 6, 8, 8)
    assert torch.equal(net(x), x * torch.sigmoid(norm(conv(x))))
    with pytest.raises(CompileError, match="RF401"):
        one_block("S(x) = x + G*x where G = conv(7, 1)", "S", 6)


def test_tokens_spread_over_positions() -> None:
    item = compiled(
        "input 5 x 6\nstages 6 x 2\n"
        "G(x) = x*sigmoid(S*x) where S = avgpool > linear(cin)\n"
        "X_i = X_<i-1> + G_i*X_<i-1>"
    )
    net = item.module()
    step = net.blocks[0]
    x = torch.randn(4, 5, 6)
    gate = torch.sigmoid(step.G.fc(x.mean(1)))
    assert torch.allclose(step(x), x + x * gate[:, None])


def test_an_argument_hides_a_parameter_that_stays_open() -> None:
    """The rate of the file is the constructor's: the definition reads its own q."""
    made = recform.compile(
        "input 4\nstages 4 x 2\nparam q = 0.2\nU(x, q=0.5) = q*x\n"
        "W = U > dropout(q)\nX_i = X_<i-1> + W_i*X_<i-1>"
    )
    assert [param.name for param in made.formula.params if param.free] == [
        "q",
        "classes",
    ]
    assert "q: float = 0.2" in made.source
