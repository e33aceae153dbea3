"""Operators in formula files: the code that comes out, and what is said of mistakes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import recform
from recform.blocks.examples import random_examples
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError
from recform.operators import standard
from tests.oracle.compare import agree

EXAMPLES = Path(__file__).parents[2] / "examples"
IMAGES = """
input  3 x 12 x 12
stem   conv(3, 8) > bn > relu
stages 8 x 2, 16 x 2 / 2
"""
ONE = "X_i = X_<i-1> + W_i*X_<i-1>"

#: Bodies of W; together with the frames they use every operator of the library.
BODIES = {
    "inverted": "conv(1, 6*c) > bn > relu6 > dwconv(3, stride=s) > bn > relu6 "
    "> conv(1, c) > bn(eps=0.001)",
    "factorised": "conv((1, 7), c) > gn(4) > hardswish > conv((7, 1), c, stride=s) "
    "> gn(groups=2) > droppath(0.5*i/L)",
    "up and down": "upsample(2) > dwconv(3) > avgpool(2) > upsample((2, 2), mode=bilinear) "
    "> maxpool(2) > conv(3, c, stride=s)",
    "pixels": "pixelunshuffle(2) > shuffle(4) > conv(1, 4*c) > pixelshuffle(2) "
    "> prelu(channelwise=true) > conv(1, c, stride=s)",
    "there and back": "conv(2, c, stride=2, padding=0) > elu > deconv(4, c, stride=2) "
    "> leaky_relu(0.2) > zeropad(2*c) > conv(1, c, stride=s)",
    "rims": "pad(1, mode=reflect) > conv(3, c, padding=0, stride=s) > pad((0, 2), 0) "
    "> conv((1, 3), c, padding=0) > hardsigmoid > identity",
    "norms": "ln > conv(3, c, stride=s) > rmsnorm(0.001) > silu > softmax > exp "
    "> sqrt > log > sin > cos > abs > selu",
    "pools": "avgpool(3, 1, 1, countpad=false) > maxpool(3, s, 1) > conv(1, c, bias=true)"
    " > gelu(tanh=true) > tanh > sigmoid",
    "ceilings": "avgpool(s, ceil=true) > conv(1, c)",
    "without norms": "relu > append(i/L) > wsconv(3, c, stride=s, gamma=1.7) > relu "
    "> append(0.5) > wsconv(1, c, bias=false, gain=0.1)",
    "pixels and back": "dwconv(7, bias=true) > pixels > ln > linear(4*c) > gelu "
    "> linear(c) > rmsnorm > image > avgpool(s, ceil=true)",
    "tokens and back": "tokens > ln > attention(2, bias=false) > linear(c) > image(6) "
    "> conv(1, c) > dropout(0.1)",
}
HEADS = {
    "up and down": "globalpool > prelu > flatten > linear(10)",
    "rims": "avgpool(size=2) > flatten > linear(5)",
    "pools": "maxpool(size=(1, 2)) > flatten > linear(4)",
    "pixels": "tokens > classtoken(std=0.02) > positions > attention(4, causal=true) > "
    "token > linear(3)",
}
TRANSFORMER = """
input  3 x 12 x 12
stem   patches(4, 8) > classtoken > positions
stages 8 x 3
head   ln > token > linear(10)
A = ln > attention(2) > droppath(0.2*(i-1)/(L-1))
M = rmsnorm > linear(4*c) > gelu > linear(c)
T = attend(2, talking=true)
K = classtoken(alone=true)
Y_i = X_<i-1> + A_i*X_<i-1>
X_i = Y_i + T_i(M_i*Y_i, behind(K*Y_i, Y_i), behind(Y_i, K*Y_i))
output X_L
"""


LANGUAGE = """
input  12 of 7
stem   embed(c) > conv1d(3, causal=true)
stages 8 x 3
head   ln > unembed(stem)
A = ln > transpose > linear > transpose > conv1d(2, c, dilation=2^(i-1), groups=2)
M = rmsnorm > attention(2, causal=true)
Y_i = X_<i-1> + A_i*X_<i-1>
X_i = Y_i + M_i*Y_i
output X_L
"""
#: Networks that can go on by positions.
CAUSAL = (
    """
input  12 of 7
stages 8 x 3
A = positions > attention(2, causal=true)
B = attend(2, causal=true, window=4, rotary=10000)
C = conv1d(3, causal=true)
K = linear(c)
Y_i = X_<i-1> + A_i*shift(X_<i-1>) + C_i*X_<i-1>
X_i = Y_i + B_i(Y_i, K_i*Y_i, Y_i)
""",
    """
input  12 of 7
stages 8 x 3
U = linear(c)
W = linear(c)
G_<i,t> = tanh(U_i*X_<i-1,t> + W_i*G_<i,t-1>)
H_<i,t> = sigmoid(U_i*X_<i-1,t>)*H_<i,t-1> + X_<i-1,t>
X_<i,t> = X_<i-1,t> + G_<i,t>*H_<i,t>
""",
)
WRITTEN = {"transformer": TRANSFORMER, "language": LANGUAGE}


def file(name: str) -> str:
    if name in WRITTEN:
        return WRITTEN[name]
    frame = IMAGES
    if name == "tokens and back":
        frame = frame.replace("12 x 12", "6 x 6").replace("16 x 2 / 2", "16 x 2")
    head = f"head {HEADS[name]}\n" if name in HEADS else ""
    return f"{frame}{head}W = {BODIES[name]}\n{ONE}"


FILES = [*BODIES, *WRITTEN]


def test_the_files_use_every_operator() -> None:
    text = "\n".join(map(file, FILES))
    text += "shift, which X_<i-1,t-1> says"
    text += "".join(p.read_text() for p in EXAMPLES.rglob("*.rf"))
    unused = [name for name in standard().names if not re.search(rf"\b{name}\b", text)]
    assert not unused


@pytest.mark.parametrize("name", FILES)
def test_shapes_parameters_and_gradients(name: str) -> None:
    compiled = recform.compile(file(name))
    net = compiled.module()
    out = net(random_examples(compiled.formula.input, 3))
    assert tuple(out.shape[1:]) == tuple(map(int, compiled.graph.output.sizes))
    (out * torch.randn_like(out)).sum().backward()
    assert not [n for n, p in net.named_parameters() if p.grad is None]
    parameters = sum(p.numel() for p in net.parameters())
    assert compiled.graph.totals.parameters == parameters


@pytest.mark.parametrize("name", ["pixels", "transformer", "language"])
def test_torch_export(name: str) -> None:
    compiled = recform.compile(file(name))
    net = compiled.module().eval()
    x = random_examples(compiled.formula.input, 2)
    program = torch.export.export(net, (x,))
    torch.testing.assert_close(program.module()(x), net(x))


@pytest.mark.parametrize(
    "name",
    ["inverted", "ceilings", "tokens and back", "pixels and back", "norms", "language"],
)
def test_against_the_oracle(name: str) -> None:
    text = re.sub(r" > (dropout|droppath)\([^)]*\)", "", file(name))
    agree(text)


def sources() -> list[str]:
    """What is generated for all files; tests/emit lints it with the rest."""
    texts = []
    for name in FILES:
        plain = file(name)
        blocks = ', W = "."' if "W =" in plain else ', A = ".", M = "."'
        inlined = f'{plain}\nnames stem = ".", head = "."{blocks}'
        texts += [recform.compile(text).source for text in (plain, inlined)]
    texts += [recform.compile(text, generation=True).source for text in CAUSAL]
    return texts


MISTAKES = [
    ("conv((1, 2, 3), c)", "RF210", "(1, 2, 3)"),
    ("conv((1, 0), c)", "RF210", "(1, 0)"),
    ("conv((1, c), c)", "RF210", "conv((1, c), c)"),
    ("conv((1, c/3), c)", "RF404", "conv((1, c/3), c)"),
    ("conv((1, true), c)", "RF210", "(1, true)"),
    ("conv((2, 3), c)", "RF210", None),
    ("conv(3, (c, c))", "RF212", "(c, c)"),
    ("dwconv(2, stride=s)", "RF210", None),
    ("wsconv(1, c, groups=c)", "RF210", None),
    ("pixelunshuffle(s)", "RF210", "s"),
    ("dwconv(3) > linear(c)", "RF405", "linear(c)"),
    ("deconv(1, c, stride=2)", "RF210", "deconv(1, c, stride=2)"),
    ("deconv(2, c)", "RF210", "deconv(2, c)"),
    ("deconv((1, c), c)", "RF210", None),
    ("deconv(3, c, groups=3)", "RF402", "deconv(3, c, groups=3)"),
    ("deconv(3, c, padding=1, outpad=1)", "RF210", None),
    ("deconv(3, c, padding=20)", "RF401", None),
    ("pad(1, mode=mirror)", "RF210", "mirror"),
    ("pad(1, mode=reflct)", "RF210", "reflct"),
    ("pad(1, mode=3)", "RF210", "3"),
    ("pad(12, mode=reflect)", "RF401", "pad(12, mode=reflect)"),
    ("pad((0, 13), mode=circular)", "RF401", None),
    ("pad(-1)", "RF210", "-1"),
    ("avgpool(3, padding=2)", "RF210", "avgpool(3, padding=2)"),
    ("avgpool((4, 2), padding=(1, 2))", "RF210", None),
    ("avgpool(3, size=2)", "RF203", "avgpool(3, size=2)"),
    ("avgpool(stride=2)", "RF203", "avgpool(stride=2)"),
    ("maxpool(30)", "RF401", "maxpool(30)"),
    ("globalpool > linear(c)", "RF405", "linear(c)"),
    ("gn(3)", "RF402", "gn(3)"),
    ("gn(0)", "RF210", "0"),
    ("tokens > gn(2)", "RF405", "gn(2)"),
    ("tokens > prelu(channelwise=true)", "RF405", None),
    ("shuffle(3)", "RF402", "shuffle(3)"),
    ("shuffle", "RF203", "shuffle"),
    ("pixelshuffle(3)", "RF402", "pixelshuffle(3)"),
    ("pixelunshuffle(5)", "RF402", "pixelunshuffle(5)"),
    ("upsample(2, mode=cubic)", "RF210", "cubic"),
    ("upsample(2, mode=1)", "RF210", "1"),
    ("upsample", "RF203", "upsample"),
    ("patches(5)", "RF402", "patches(5)"),
    ("flatten > tokens", "RF405", "tokens"),
    ("image(3)", "RF405", "image(3)"),
    ("tokens > image(7)", "RF402", "image(7)"),
    ("tokens > token(144)", "RF401", "token(144)"),
    ("tokens > attention(3)", "RF402", "attention(3)"),
    ("tokens > attention", "RF203", "attention"),
    ("tokens > rotary(3)", "RF402", "rotary(3)"),
    ("tokens > rotary(2, turned=3)", "RF402", "rotary(2, turned=3)"),
    ("tokens > rotary(2, turned=40)", "RF402", "rotary(2, turned=40)"),
    ("tokens > rotary(2, turned=-2)", "RF210", "-2"),
    ("tokens > rotary(2, length=8, fast=1)", "RF402", "rotary(2, length=8, fast=1)"),
    ("tokens > rotary(2, slow=2)", "RF402", "rotary(2, slow=2)"),
    ("tokens > rotary(2, factor=8, fast=i)", "RF402", "rotary(2, factor=8, fast=i)"),
    ("rotary(2)", "RF405", "rotary(2)"),
    ("attention(2)", "RF405", "attention(2)"),
    ("positions", "RF405", "positions"),
    ("classtoken", "RF405", "classtoken"),
    ("token", "RF405", "token"),
    ("droppath(1.5)", "RF210", "1.5"),
    ("droppath(i)", "RF404", "droppath(i)"),
    ("droppath", "RF203", "droppath"),
    ("leaky_relu(slope=true)", "RF210", "true"),
    ("bn(momentum=2)", "RF210", "2"),
    ("rmsnorm(size=2)", "RF203", "size=2"),
]


@pytest.mark.parametrize(("body", "code", "place"), MISTAKES)
def test_wrong_arguments(body: str, code: str, place: str | None) -> None:
    text = f"{IMAGES}W = {body} > conv(3, c, stride=s)\n{ONE}"
    with pytest.raises(CompileError) as caught:
        compile_source(from_text(text, "net.rf"))
    found = {item.code: item for item in caught.value.diagnostics}
    assert set(found) == {code}, found
    assert found[code].labels[0].span.text == (
        place or body.rsplit(" > ", maxsplit=1)[-1]
    )


@pytest.mark.parametrize("heads", ["3", "4, 3", "2, 4"])
def test_heads_that_do_not_stand_side_by_side(heads: str) -> None:
    with pytest.raises(CompileError) as caught:
        recform.compile(
            f"input 6 x 8\nstages 8 x 2\nB = beside({heads}) > linear(c)\n"
            "X_i = X_<i-1> + B_i(X_<i-1>, X_<i-1>)"
        )
    (found,) = caught.value.diagnostics
    assert (found.code, found.labels[0].span.text) == ("RF402", f"beside({heads})")


def test_a_constant_of_no_block_is_told_of_those_that_have_one() -> None:
    with pytest.raises(CompileError) as caught:
        recform.compile("stages 4 x 3\nconst k = 2*i\nW = conv(3)\nX_i = k*W_i*X_<i-1>")
    assert "unless it has an index: const k_i = ..." in str(caught.value)


def test_a_misspelt_word_is_guessed() -> None:
    with pytest.raises(CompileError) as caught:
        recform.compile(f"W = pad(1, mode=reflct) > conv(3, c, stride=s)\n{ONE}")
    assert "did you mean 'reflect'?" in str(caught.value)


def test_a_parameter_in_a_pair_shapes_the_network() -> None:
    text = f"param k = 5\n{IMAGES}W = conv((1, k), c, stride=s)\n{ONE}"
    assert "channels, (1, 5)" in recform.compile(text).source
    assert "channels, (1, 7)" in recform.compile(text, k=7).source
    assert "channels, 1," in recform.compile(text, k=1).source


def kernels(text: str) -> list[tuple[int, ...]]:
    """Those of the convolutions in the blocks of a network, one after the other."""
    blocks = recform.compile(text).module()
    blocks(torch.zeros(2, 3, 12, 12))
    convs = [m for n, m in blocks.named_modules() if isinstance(m, nn.Conv2d)]
    return [conv.kernel_size for conv in convs if conv.kernel_size != (3, 3)]


@pytest.mark.parametrize("inlined", [False, True])
def test_a_pair_may_depend_on_the_stage(inlined: bool) -> None:
    text = (
        "input 3 x 12 x 12\nstem conv(3, 8)\nstages 8 x 2, 8 x 1 / 2\n"
        "const k = (5, 7) per stage\n"
        f"W = conv((1, k), c) > bn > maxpool((s, 1), s) > conv((k, 1), c)\n{ONE}\n"
        "adapter maxpool((s, 1), s)\n"
    ) + ('names W = "."' if inlined else "")
    first, second = [(1, 5), (5, 1)], [(1, 7), (7, 1)]
    assert kernels(text) == [*first, *first, *second]
    if not inlined:
        agree(text)


@pytest.mark.parametrize("body", ["B", "conv(k, c) > bn"])
@pytest.mark.parametrize("names", ["", 'names W = "."', 'names W = "block"'])
def test_a_constant_that_a_step_has_once_is_written_into_it(
    body: str, names: str
) -> None:
    """The last block is a step of its own, and its constant is no argument then."""
    text = f"""
    input 3 x 12 x 12
    stem  conv(3, 8)
    stages 8 x 2, 8 x 2
    const k = (5, 7) per stage
    B(x) = relu(F*x)
         where F = conv((1, k), cin)
    W = {body}
    X_i = relu(X_<i-1> + W_i*X_<i-1>)
    X_4 = X_3 + W_4*X_3
    {names}
    """
    assert [max(kernel) for kernel in kernels(text)] == [5, 5, 7, 7]
    if not names:
        agree(text)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("conv(3, c, stride=s, dilation=k)", ("dilation", [(1, 1), (1, 1), (2, 2)])),
        ("conv(5, c, stride=s, dilation=k)", ("padding", [(2, 2), (2, 2), (4, 4)])),
        ("conv((2*k+1, 1), c, stride=s, dilation=k)",
         ("padding", [(1, 0), (1, 0), (4, 0)])),
        ("dwconv(3, s, multiplier=k)", ("out_channels", [8, 8, 16])),
        ("conv(3, c, s, groups=2*k) > shuffle(2*k)", ("groups", [2, 2, 4])),
        ("conv((1, 2*k+1), c, padding=(0, k)) > maxpool(3, s, 1)",
         ("padding", [(0, 1), (0, 1), (0, 2)])),
        ("conv(1, c, padding=k-1) > avgpool(2*k-1, 1, 0) > maxpool(3, s, 1)",
         ("padding", [(0, 0), (0, 0), (1, 1)])),
        ("conv(3, c, stride=s, dilation=i)", ("dilation", [(1, 1), (2, 2), (3, 3)])),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inlined", [False, True])
def test_what_may_depend_on_the_stage(
    body: str, wanted: tuple[str, list[object]], inlined: bool
) -> None:
    text = (
        "input 3 x 12 x 12\nstem conv(3, 8)\nstages 8 x 2, 8 x 1 / 2\n"
        f"const k = (1, 2) per stage\nW = {body} > conv(1, c)\n{ONE}\n"
    ) + ('names W = "."' if inlined else "")
    blocks = recform.compile(text).module()
    name, values = wanted
    convs = [m for n, m in blocks.named_modules() if n.endswith("conv1")]
    assert [getattr(conv, name) for conv in convs] == values
    assert blocks(torch.zeros(2, 3, 12, 12)).shape == (2, 10)
    if not inlined:
        agree(text)


@pytest.mark.parametrize(
    "name",
    ["k", "block", "state", "channels", "features", "stride", "height", "depth",
     "lambda", "nn", "self", "super", "int"],
)  # fmt: skip
def test_any_name_of_a_constant_is_that_number(name: str) -> None:
    """In generated classes it has its name, where they leave it free."""
    text = (
        "input 3 x 12 x 12\nstem conv(3, 8)\nstages 8 x 2, 12 x 1 / 2\n"
        f"const {name} = (5, 7) per stage\n"
        f"W = conv({name}, c, stride=s) > bn\nX_i = W_i*X_<i-1>\n"
    )
    assert kernels(text) == [(5, 5), (5, 5), (7, 7)]
    if name in ("k", "block", "state"):
        assert f"{name}=5" in recform.compile(text).source


def test_rates_of_stages_are_floats() -> None:
    source = recform.compile(
        "stages 8 x 2, 8 x 1\nconst rate = (0.1, 0.25) per stage\n"
        f"W = conv(3, c) > dropout(rate)\n{ONE}\n"
    ).source
    assert "rate: float" in source and "rate: int" not in source


@pytest.mark.parametrize("name", ["channels", "in_features", "positions"])
def test_parameters_are_not_called_as_what_classes_have(name: str) -> None:
    with pytest.raises(CompileError, match="of their own"):
        recform.compile(f"param {name} = 7\nhead avgpool > linear({name})\n{ONE}")
    # What is fixed when the file is compiled is no argument.
    recform.compile(f"param {name} = 8\nstages {name} x 2\n{ONE}")


def test_arguments_of_definitions_have_any_name() -> None:
    agree(
        "input 3 x 12 x 12\nstages 8 x 2\n"
        "SE(x, lambda=4) = x*sigmoid(G*x)\n"
        "    where G = avgpool > linear(cin/lambda) > relu > linear(cin)\n"
        f"W = conv(3, c) > SE\n{ONE}"
    )


def test_stochastic_depth_drops_whole_examples() -> None:
    text = f"{IMAGES}W = conv(3, c, stride=s) > droppath(0.4*i/L)\n{ONE}"
    net = recform.load(text)
    rates = [m.rate for m in net.modules() if type(m).__name__ == "DropPath"]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4])
    drop = next(m for m in net.modules() if getattr(m, "rate", 0) == rates[3])
    torch.manual_seed(0)
    x = torch.rand(4000, 2, 2) + 1
    out = drop(x)
    kept = out.flatten(1).abs().sum(1) > 0
    assert abs(kept.float().mean() - 0.6) < 0.03
    torch.testing.assert_close(out[kept], x[kept] / 0.6)
    assert drop.eval()(x) is x


def test_a_rate_that_falls_with_depth() -> None:
    text = (
        f"param p = 0.5\n{IMAGES}W = conv(3, c, stride=s) > dropout(p*(1 - i/L))\n{ONE}"
    )
    net = recform.load(text)
    rates = [m.p for m in net.modules() if isinstance(m, nn.Dropout)]
    assert rates == pytest.approx([0.375, 0.25, 0.125, 0.0])


def test_a_vision_transformers_weights_fit() -> None:
    """One encoder block of torchvision, under its own names."""
    from torchvision.models.vision_transformer import VisionTransformer

    text = """
    input  3 x 16 x 16
    stem   conv_proj: patches(8, 12) > class_token: classtoken
    stages 12 x 1
    head   token > fc: linear(10)
    names  stem = ".", head = ".", stages = "layers{}", A = ".", M = "."
    A = first: ln(0.000001) > self_attention: attention(3)
    M = second: ln(0.000001) > one: linear(24) > gelu > two: linear(c)
    Y_i = X_<i-1> + A_i*X_<i-1>
    X_i = Y_i + M_i*Y_i
    output X_L
    """
    torch.manual_seed(0)
    theirs = VisionTransformer(16, 8, 1, 3, 12, 24, num_classes=10).double()
    nn.init.zeros_(theirs.encoder.pos_embedding)
    theirs.encoder.ln = nn.Identity()
    nn.init.normal_(theirs.heads.head.weight)
    state = {
        key.replace("encoder.layers.encoder_layer_0.", "layers1.0.")
        .replace("ln_1", "first")
        .replace("ln_2", "second")
        .replace("mlp.0", "one")
        .replace("mlp.3", "two")
        .replace("heads.head", "fc"): value
        for key, value in theirs.state_dict().items()
        if "pos_embedding" not in key
    }
    ours = recform.load(text).double()
    ours.load_state_dict(state, strict=True)
    x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    for training in (True, False):
        a, b = ours.train(training)(x), theirs.train(training)(x)
        torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)


def test_weights_start_as_the_file_says() -> None:
    text = (
        TRANSFORMER
        + "init attention = constant(0.5), linear = constant(0.25), rmsnorm = zeros"
    )
    net = recform.load(text)
    for name, parameter in net.named_parameters():
        if name.endswith("in_proj_weight"):
            assert (parameter == 0.5).all()
        elif name.endswith("out_proj.weight") or ("fc" in name and "weight" in name):
            assert (parameter == 0.25).all()
    norms = [m for m in net.modules() if isinstance(m, nn.RMSNorm)]
    assert len(norms) == 3
    assert all((m.weight == 0).all() for m in norms)
    text = f"{IMAGES}W = deconv(3, c) > gn(2) > prelu > conv(1, c, stride=s)\n{ONE}"
    net = recform.load(f"{text}\ninit deconv = ones, gn = constant(2), prelu = zeros")
    seen = {type(m): m.weight for m in net.modules() if hasattr(m, "weight")}
    assert (seen[nn.ConvTranspose2d] == 1).all()
    assert (seen[nn.GroupNorm] == 2).all()
    assert (seen[nn.PReLU] == 0).all()


def test_weights_of_one_axis_have_no_fans() -> None:
    with pytest.raises(CompileError) as caught:
        recform.compile(f"init bn = kaiming_normal\n{ONE}")
    (item,) = caught.value.diagnostics
    assert (item.code, item.labels[0].span.text) == ("RF210", "kaiming_normal")


def test_a_network_cannot_take_the_name_of_a_support_class() -> None:
    text = f"network DropPath\n{IMAGES}W = conv(3, c, stride=s) > droppath(0.1)\n{ONE}"
    compiled = recform.compile(text)
    with pytest.raises(CompileError, match="DropPathNet"):
        _ = compiled.source
    without = text.replace(" > droppath(0.1)", "")
    assert "class DropPath(nn.Module)" in recform.compile(without).source


def test_a_support_class_stands_once_in_a_file_of_two_networks() -> None:
    block = f"{IMAGES}W = conv(3, c, stride=s) > droppath(0.1)\n"
    text = f"{block}network A\n{ONE}\nnetwork B\nX_i = W_i*X_<i-1>"
    from recform.compiler import emit_source

    source = emit_source(list(compile_source(from_text(text))))
    assert source.count("class DropPath(") == 1


@pytest.mark.parametrize(
    "name", ["relu6", "hardswish", "hardsigmoid", "leaky_relu", "elu", "gelu"]
)
def test_activations_in_equations(name: str) -> None:
    agree(f"{IMAGES}X_i = X_<i-1> + {name}(W_i*X_<i-1>)")


@pytest.mark.parametrize(
    "text",
    [
        # A pair with an argument of a definition; windows that are pairs.
        "Unit(k=3) = conv((1, k), c) > maxpool((k, 1), 1, (k/2 - 1/2, 0))\n"
        f"W = Unit(k=5) > Unit > conv(1, c, stride=s)\n{ONE}",
        # Operators with modules of their own inside of equations.
        "D(x, rate=0.3) = x + A*x\n"
        "    where A = tokens > attention(4) > droppath(rate) > image(12)\n"
        f"stages 8 x 2\nW = conv(3, c) > D(rate=0.1)\n{ONE}",
        # A gate on a grid of one, a shuffle between equations.
        "SE(x) = x*hardsigmoid(G*x)\n"
        "    where G = globalpool > conv(1, cin/2, bias=true) > relu6 > conv(1, cin)\n"
        f"W = dwconv(3, stride=s) > SE > shuffle(2) > conv(1, c)\n{ONE}",
    ],
)
def test_inside_of_definitions(text: str) -> None:
    frame = IMAGES.split("stages", maxsplit=1)[0] if "stages" in text else IMAGES
    agree(re.sub(r" > droppath\([^)]*\)", "", f"{frame}{text}"))
    compiled = recform.compile(f"{frame}{text}")
    compile(compiled.source, "<generated>", "exec")
    net = compiled.module()
    net(torch.randn(2, 3, 12, 12)).sum().backward()
    assert not [n for n, p in net.named_parameters() if p.grad is None]


@pytest.mark.parametrize("generation", [False, True])
def test_a_token_alone_is_not_spread_over_all_positions(generation: bool) -> None:
    text = "input 4 of 3\nstages 2 x 1\nW = linear(c)\nX_i = X_<i-1> + W_i*X_<i-1>"
    network = recform.load(text, generation=generation)
    assert network(torch.zeros(2, 4, dtype=torch.long)).shape == (2, 4, 3)
    for positions in (1, 3, 5):
        with pytest.raises(RuntimeError, match=r"size of tensor|expanded size"):
            network(torch.zeros(2, positions, dtype=torch.long))
