"""Networks for inference: fewer operators, the same results."""

from __future__ import annotations

import copy
import io
import warnings
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

import recform
from recform.blocks.examples import random_examples
from recform.compiler import Compiled, compile_source, read
from recform.diagnostics import CompileError
from tests.oracle.files import recurrences

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FRAME = "input 3 x 8 x 8\nstages 4 x 2, 8 x 2 / 2\nhead avgpool > linear(3)\n"
W = "W = conv(3, c, stride=s) > bn\n"
#: What a formula is, and how many normalisations of its modules are left.
TEXTS = {
    "behind convolutions, also depthwise ones": (
        f"{FRAME}W = conv(1, 2*c) > bn > relu6 > dwconv(3, stride=s) > bn > silu > "
        "dropout(0.2) > conv(1, c, groups=2) > bn > droppath(0.1)\n"
        "X_i = X_<i-1> + W_i*X_<i-1>",
        0,
    ),
    "behind transposed convolutions": (
        "input 4 x 4 x 4\nstem none\nstages 4 x 1, 4 x 1 / (1/2)\nhead flatten\n"
        "adapter up deconv(2, c, stride=1/s, groups=2) > bn\n"
        "W = deconv(2, c, stride=1/s, groups=2) > bn > relu\n"
        "X_i = X_<i-1> + W_i*X_<i-1>\nX_1 = X_0",
        0,
    ),
    "in transitions down and up": (
        "scope stage\ninput 3 x 8 x 8\nstages 4 x 1, 6 x 1 / 2, 4 x 1 / (1/2)\n"
        "head avgpool > linear(3)\ntransition conv(3, c, stride=s) > bn\n"
        "transition up upsample(1/s) > conv(1, c) > bn > relu\n"
        "W = conv(3, c) > bn > relu\nX_i = X_<i-1> + W_i*X_<i-1>",
        0,
    ),
    "in front of what has no zeros around it": (
        f"{FRAME}W = bn > conv(1, c, groups=2) > relu > bn > conv(3, c, padding=0) > "
        "zeropad(1)\nX_<first> = C_<first>*X_<first-1>\nC = conv(3, c, stride=s)\n"
        "X_i = X_<i-1> + V_i*X_<i-1>\nV = bn > conv(1, c, groups=2) > relu",
        0,
    ),
    "not in front of zeros": (
        f"{FRAME}W = bn > conv(3, c, stride=s)\nX_i = relu(W_i*X_<i-1>)",
        4,
    ),
    "vectors": (
        "input 6\nstages 6 x 3\nhead bn > linear(2)\nW = bn > linear(c) > bn > relu\n"
        "X_i = X_<i-1> + W_i*X_<i-1>",
        0,
    ),
    "sums of convolutions": (
        f"{FRAME}C = conv(3, c, stride=s) > bn\nD = conv(1, c, stride=s, padding=0) > bn\n"
        "B = bn\nX_i = relu(D_i*X_<i-1> + C_i*X_<i-1> - 0.5*B_i*X_<i-1>)\n"
        "X_<first> = relu(D_<first>*X_<first-1> + C_<first>*X_<first-1>)",
        0,
    ),
    "sums of long, high, depthwise and grouped ones": (
        f"{FRAME}C = conv(3, c) > bn\nD = conv((1, 3), c) > bn\nE = conv((3, 1), c)\n"
        "G = dwconv(3) > bn\nH = conv(1, c, groups=2)\nF = conv(3, c, stride=s)\n"
        "X_<first> = F_<first>*X_<first-1>\n"
        "X_i = relu(C_i*X_<i-1> + D_i*X_<i-1> + E_i*X_<i-1> + G_i*X_<i-1> + H_i*X_<i-1>"
        " + 2*X_<i-1>)",
        0,
    ),
    "sums of matrices, and the tensor itself": (
        "input 6\nstages 6 x 3\nhead linear(2)\nA = linear(c)\nB = linear(c, bias=false)\n"
        "X_i = tanh(A_i*X_<i-1> + 2*X_<i-1> - B_i*X_<i-1>)",
        0,
    ),
    "terms that have adapters, or that others read": (
        f"{FRAME}{W}V = conv(1, c, stride=s) > bn\n"
        "X_i = relu(W_i*X_<i-1> + V_i*X_<i-1> + X_<i-1>) - V_<i-1>*X_<i-2>",
        0,
    ),
    "definitions": (
        f"{FRAME}Both(x) = relu(F*x + G*x + x)\n    where F = conv(3, cin) > bn\n"
        "    where G = conv(1, cin) > bn\n"
        "Parts(x, n=2) = concat(Y_<1..n>)\n    where S_<1..n> = split(x, n)\n"
        "    where K = conv(3, cin) > bn\n    where Y_1 = K_1*S_1\n"
        "    where Y_k = K_k*relu(S_k + Y_<k-1>)\n"
        "W = (conv(1, c, stride=s) > bn) > Parts > Both > Both > bn\n"
        "X_i = X_<i-1> + W_i*X_<i-1>",
        4,
    ),
    "operators of all blocks, histories, stages of their own": (
        "input 3 x 8 x 8\nstages 4 x 2, 4 x 3\nscope stage\nhead avgpool > linear(3)\n"
        "transition (bn > conv(1, c) > bn > relu)\nU = conv(3, c) > bn\n"
        "H = bn > relu > conv(1, 2*c) > bn > relu > conv(3, c)\n"
        "X_i = H_i*concat(X_<0..i-1>) + U*X_0\noutput concat(X_<0..L>)",
        5,
    ),
    "a sum that two functions read": (
        f"{FRAME}{W}X_i = relu(X_<i-1> + W_i*X_<i-1>)*sigmoid(X_<i-1> + W_i*X_<i-1>)",
        0,
    ),
    "a sum that has an equation of its own": (
        "stages 4 x 3\nW = conv(3, c) > bn\nV = conv(3, c)\n"
        "X_i = relu(X_<i-1>) + (V_<i-1> + W_<i-1>)*X_<i-2>\n(V_0 + W_0)*X_<-1> = X_0",
        0,
    ),
    "nothing to fold": (
        "input 4 x 6\nstages 6 x 2\nA = ln > attention(2)\nX_i = X_<i-1> + A_i*X_<i-1>",
        0,
    ),
}


def stirred(module: nn.Module) -> nn.Module:
    """A module in evaluation, with statistics and scales as after some training."""
    draws = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            part.running_mean.normal_(0, 0.3, generator=draws)
            part.running_var.uniform_(0.5, 2, generator=draws)
            part.weight.data.uniform_(0.5, 1.5, generator=draws)
            part.bias.data.normal_(0, 0.3, generator=draws)
    return module.eval()


def norms(module: nn.Module) -> int:
    return sum(isinstance(part, _BatchNorm) for part in module.modules())


def apart(compiled: Compiled, dtype: torch.dtype) -> tuple[float, nn.Module]:
    """How far results are apart before and after, and what comes out."""
    module = stirred(compiled.module().to(dtype))
    shapes = compiled.formula.input, *compiled.formula.contexts.values()
    drawn = (random_examples(shape, 2) for shape in shapes)
    given = [x.to(dtype) if x.is_floating_point() else x for x in drawn]
    with torch.no_grad():
        wanted = module(*given)
        if not wanted.isfinite().all():
            return 0, module  # some that are drawn overflow
        made = recform.optimize(module)
        result = made(*given)
    return float((result - wanted).abs().max() / wanted.abs().max()), made


@pytest.mark.parametrize("what", TEXTS)
def test_the_results_are_the_same(what: str) -> None:
    text, left = TEXTS[what]
    difference, made = apart(recform.compile(text), torch.float64)
    assert difference < 1e-10
    assert norms(made) == left


def test_the_weights_are_what_torch_makes_of_them() -> None:
    text = f"{FRAME}W = conv1: conv(3, c, stride=s, bias=true) > bn1: bn\n"
    text += 'X_i = relu(W_i*X_<i-1>)\nnames W = ".", stem = "."'
    module = stirred(recform.load(text).double())
    made = recform.optimize(module).state_dict()
    block = module.get_submodule("stage2.0")
    fused = fuse_conv_bn_eval(block.conv1, block.bn1)  # type: ignore[arg-type]
    assert torch.allclose(made["stage2.0.conv1.weight"], fused.weight, atol=1e-15)
    assert torch.allclose(made["stage2.0.conv1.bias"], fused.bias, atol=1e-15)


def test_branches_are_what_timm_makes_of_them() -> None:
    from timm.models.byobnet import RepVggBlock

    text = (
        "input 8 x 6 x 6\nstem none\nstages 8 x 1\nhead avgpool\n"
        'names stages = "stages", C = "conv_kxk", D = "conv_1x1", B = "."\n'
        "C = conv: conv(3, c) > bn: bn\nD = conv: conv(1, c) > bn: bn\n"
        "B = identity: bn\nX_i = relu(D_i*X_<i-1> + C_i*X_<i-1> + B_i*X_<i-1>)"
    )
    module = recform.load(text)
    theirs = stirred(RepVggBlock(8, 8, 3))
    module.load_state_dict(
        {f"stages.0.{name}": value for name, value in theirs.state_dict().items()}
    )
    made = recform.optimize(module).state_dict()
    theirs.reparameterize()
    fused = theirs.reparam_conv
    assert list(made) == [
        "stages.0.conv_kxk.conv.weight",
        "stages.0.conv_kxk.conv.bias",
    ]
    for value, other in zip(made.values(), (fused.weight, fused.bias), strict=True):
        assert torch.allclose(value, other, atol=1e-5)


def test_the_code() -> None:
    source = recform.compile(EXAMPLES / "modern" / "repvgg.rf", inference=True).source
    assert "command: recform compile repvgg.rf -o repvgg.py --for inference" in source
    assert "return F.relu(self.conv_kxk(x_prev), inplace=True)  # rf:21" in source
    assert source.count("nn.Conv2d(") == 2
    assert not {"BatchNorm", "conv_1x1", "nn.init"} & set(
        source.replace("(", ".").split(".")
    )


def test_channels_are_last_whatever_is_done_with_a_module() -> None:
    """What torch convolves fastest is part of the class; results are the same."""
    text = TEXTS["behind convolutions, also depthwise ones"][0]
    trained = stirred(recform.load(text))
    inference = recform.compile(text, inference=True)
    assert "self.to(memory_format=torch.channels_last)\n" in inference.source
    made = inference.module().eval()
    again = inference.module().eval()
    made.load_state_dict(recform.optimize(trained).state_dict())
    again.load_state_dict(
        {n: t.contiguous() for n, t in made.state_dict().items()}, strict=True
    )
    forms = (made, again, copy.deepcopy(made), copy.deepcopy(made).half(), trained)
    *others, plain = [[p for p in m.parameters() if p.dim() == 4] for m in forms]
    assert not all(_last(p) for p in plain)
    assert all(_last(p) for held in others for p in held)
    x = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        wanted = trained(x)
        found = {
            "as it is": made(x),
            "read": again(x),
            "given channels last": made(x.to(memory_format=torch.channels_last)),
            "traced": torch.fx.symbolic_trace(made)(x),
            "exported": torch.export.export(made, (x,)).module()(x),
            "compiled": torch.compile(made, backend="eager", fullgraph=True)(x),
        }
    for how, result in found.items():
        assert torch.allclose(result, wanted, rtol=1e-5, atol=1e-5), how


def test_its_tensors_go_into_files() -> None:
    """Also as a part of another module; in the module they lie as before."""
    text = TEXTS["behind convolutions, also depthwise ones"][0]
    made = recform.optimize(stirred(recform.load(text)))
    whole = nn.ModuleDict({"net": made, "net2": nn.Conv2d(3, 4, 3)})
    whole["net2"].to(memory_format=torch.channels_last)
    for module in (made, recform.compile(text, inference=True).module()):
        read = safetensors.torch.load(safetensors.torch.save(module.state_dict()))
        wanted = dict(module.named_parameters())
        assert sorted(read) == sorted(wanted)
        assert all(torch.equal(read[name], wanted[name]) for name in wanted)
        assert all(_last(p) for p in module.parameters() if p.dim() == 4)
    state = whole.state_dict()
    assert [n for n, t in state.items() if not t.is_contiguous()] == ["net2.weight"]
    variables = whole.state_dict(keep_vars=True)
    assert all(variables[name] is p for name, p in whole.named_parameters())
    there = {"other": next(p for p in made.parameters() if p.dim() == 4).detach()}
    variables = made.state_dict(there, "net.", True)
    assert not variables["other"].is_contiguous()
    assert all(variables[f"net.{name}"] is p for name, p in made.named_parameters())


def test_a_weight_that_is_shared_is_one_tensor() -> None:
    """As in the state_dict of any module: it is copied once, and shared in files."""
    text = TEXTS["behind convolutions, also depthwise ones"][0]
    made = recform.optimize(stirred(recform.load(text)))
    held = [p for p in made.parameters() if p.dim() == 4]
    made.tied = nn.Conv2d(*held[0].shape[:2], held[0].shape[2:])
    made.tied.weight = held[0]
    name = next(n for n, p in made.named_parameters() if p is held[0])
    state = made.state_dict()
    assert state["tied.weight"].data_ptr() == state[name].data_ptr()
    assert state["tied.weight"].is_contiguous()
    with pytest.raises(RuntimeError, match="share memory"):  # as torch's do
        safetensors.torch.save(state)
    assert len({t.data_ptr() for t in state.values()}) == len(state) - 1


def _last(weight: Tensor) -> bool:
    return weight.is_contiguous(memory_format=torch.channels_last)


def test_what_is_read_again_is_not_written_over() -> None:
    text = TEXTS["a sum that two functions read"][0]
    source = recform.compile(text, inference=True).source
    lines = [line for line in source.splitlines() if "rf:5" in line]
    assert any("F.relu(" in line for line in lines)
    assert not any("inplace" in line for line in lines)


#: Sums that write over a term, their code, and that of the same sums as they are.
IN_PLACE = {
    "relu(X_<i-1> + W_i*X_<i-1>)": (
        "F.relu(self.W(x_prev).add_(x_prev), inplace=True)",
        "F.relu(x_prev + self.W(x_prev))",
    ),
    "W_i*X_<i-1> - 0.5*X_<i-1> + 2*relu(X_<i-1>)": (
        "self.W(x_prev).sub_(0.5 * x_prev).add_(2 * F.relu(x_prev))",
        "self.W(x_prev) - 0.5 * x_prev + 2 * F.relu(x_prev)",
    ),
}


@pytest.mark.parametrize("right", IN_PLACE)
def test_sums_write_over_what_operators_make(right: str) -> None:
    """Bit for bit as the sums do, also their gradients, and under autocast."""
    text = "input 3 x 4 x 4\nstages 4 x 3\nX_1 = W_1*X_0\nX_i = " + right
    text += "\nW = conv(3, c) > relu > conv(3, c) > bn"
    compiled = recform.compile(text, inference=True)
    code, plain = IN_PLACE[right]
    assert code in compiled.source
    names: dict[str, Any] = {}
    exec(compiled.source.replace(code, plain), names)
    made, other = compiled.module().eval(), names[compiled.name]().eval()
    other.load_state_dict(made.state_dict())
    x = torch.randn(2, 3, 4, 4)
    results = []
    for module in (made, other):
        module(x).square().sum().backward()
        with torch.autocast("cpu", torch.bfloat16):
            short = module(x)
        results.append([module(x), short, *(p.grad for p in module.parameters())])
    for mine, theirs in zip(*results, strict=True):
        assert torch.equal(mine, theirs)
        assert mine.dtype is theirs.dtype


def test_what_has_nothing_to_fold_comes_out_as_it_is() -> None:
    text = TEXTS["nothing to fold"][0]
    plain, folded = (recform.compile(text, inference=i) for i in (False, True))
    start = '"""X_i'
    assert plain.source.partition(start)[2] == folded.source.partition(start)[2]


def test_what_is_folded_already_comes_out_as_a_copy() -> None:
    text = TEXTS["behind convolutions, also depthwise ones"][0]
    once = recform.optimize(stirred(recform.load(text)))
    x = torch.randn(2, 3, 8, 8)
    for module in (once, recform.load(text, inference=True)):
        again = recform.optimize(module.train())
        assert again is not module and not again.training
        assert not any(p.requires_grad for p in again.parameters())
        torch.testing.assert_close(again(x), module.eval()(x), rtol=0, atol=0)


def test_a_module_keeps_its_numbers_device_and_state() -> None:
    text = f"{FRAME.replace('3)', 'classes)')}param classes = 3\n{W}X_i = relu(W_i*X_<i-1>)"
    module = stirred(recform.load(text)).to(torch.bfloat16).train()
    seven = recform.compile(text).module(classes=7)
    before = torch.random.get_rng_state()
    made = recform.optimize(module)
    assert torch.equal(before, torch.random.get_rng_state())
    assert module.training and not made.training
    assert {p.dtype for p in made.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in made.parameters())
    assert recform.optimize(torch.compile(seven), text)(
        torch.ones(1, 3, 8, 8)
    ).shape == (1, 7)


def test_weights_that_were_trained_are_folded_when_they_are_read(
    tmp_path: Path,
) -> None:
    text = TEXTS["sums of convolutions"][0]
    module = stirred(recform.load(text).double())
    file = tmp_path / "trained.safetensors"
    recform.save_weights(module, text, file)
    inference = recform.compile(text, inference=True)
    made = inference.module().double().eval()
    recform.load_weights(made, inference, file)
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    assert torch.allclose(made(x), module(x), rtol=1e-10)
    wanted = recform.optimize(module).state_dict()
    assert all(torch.allclose(v, wanted[n]) for n, v in made.state_dict().items())


def _broken() -> nn.Module:
    module = recform.load(f"{FRAME}{W}X_i = W_i*X_<i-1>")
    module.get_submodule("stage1.0").register_forward_hook(lambda *given: given[-1] + 1)
    return module


def _other_form(**form: bool) -> Any:
    text = f"{FRAME}{W}X_i = W_i*X_<i-1>"
    return lambda: recform.compile(text, inference=True, **form)


def _saved() -> None:
    compiled = recform.compile(f"{FRAME}{W}X_i = W_i*X_<i-1>", inference=True)
    recform.save_weights(compiled.module(), compiled, "no.safetensors")


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("RF542", _other_form(timm=True)),
        ("RF542", _other_form(generation=True)),
        ("RF543", lambda: recform.optimize(nn.Linear(2, 2))),
        ("RF544", lambda: recform.optimize(_broken())),
        ("RF545", _saved),
        (
            "RF703",
            lambda: recform.optimize(nn.Linear(2, 2), f"{FRAME}X_i = W_i*X_<i-1>"),
        ),
    ],
)
def test_what_cannot_be_is_said(code: str, act: Any) -> None:
    with pytest.raises(CompileError) as caught:
        act()
    assert [item.code for item in caught.value.diagnostics] == [code]


def test_onnx_has_the_same_results() -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    text = TEXTS["behind convolutions, also depthwise ones"][0]
    module = stirred(recform.load(text))
    made = recform.optimize(module)
    x = torch.randn(2, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(made, (x,), dynamo=True, verbose=False)
    assert program is not None
    file = io.BytesIO()
    program.save(file)
    session = runtime.InferenceSession(file.getvalue())
    (result,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert torch.allclose(torch.from_numpy(result), module(x), rtol=1e-4, atol=1e-5)


@pytest.mark.long
@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("*/*.rf")), ids=lambda path: path.stem
)
def test_every_example(path: Path) -> None:
    source, folder = read(path)
    for compiled in compile_source(source, {}, folder):
        difference, _ = apart(compiled, torch.float32)
        assert difference < 1e-5


#: What files that are drawn say of operators, and what they could say besides.
_DRAWN = {
    "W = linear(c) > tanh": (
        "W = linear(c) > bn",
        "W = bn",
        "W = bn > linear(c) > relu",
    ),
    "S = linear(c) > tanh": ("S = linear(c) > bn > relu", "S = linear(c)"),
    "G = linear(c) > sigmoid": ("G = linear(c)", "G = bn"),
    "Q(x) = x*sigmoid(A*x) where A = linear(cin)": (
        "Q(x) = relu(A*x + x) where A = linear(cin) > bn",
    ),
    # Without it no state is known to be of the kind that matrices make.
    "stem none": ("stem linear(4)",),
}


@pytest.mark.long
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(recurrences(), st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_recurrences_that_are_drawn(text: str, picks: list[int]) -> None:
    for (old, others), pick in zip(_DRAWN.items(), picks, strict=True):
        text = text.replace(old, (old, *others)[pick % (1 + len(others))])
    try:
        compiled = recform.compile(text)
    except CompileError:
        return  # what is drawn may be no network
    assert apart(compiled, torch.float64)[0] < 1e-9


def test_networks_with_further_inputs() -> None:
    text = "input 3 x 6 x 6\ninput t = 4\nstages 4 x 2\nW = conv(3, c) > bn\nG = linear(c)\n"
    module = recform.load(f"{text}X_i = X_<i-1> + (W_i*X_<i-1>)*(G*t)").double()
    x, t = torch.randn(4, 3, 6, 6).double(), torch.randn(4, 4).double()
    module(x, t)  # statistics of their own
    folded = recform.optimize(module.eval())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    torch.testing.assert_close(folded(x, t), module(x, t), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "terms", ["X_<i-1>", "V_i*X_<i-1>", "X_<i-1> + B_i*X_<i-1>", "2*X_<i-1>"]
)
@pytest.mark.parametrize("other", ["dwconv(3)", "conv(3, c, groups=2)"])
def test_sums_of_what_does_not_fit_together(terms: str, other: str) -> None:
    """The tensor itself is part of one of several operators, and of no other."""
    text = f"stages 4 x 2\nA = {other}\nD = conv(1, c)\n"
    text += "V = bn\n" * ("V" in terms) + "B = conv(3, c)\n" * ("B" in terms)
    module = recform.load(f"{text}X_i = {terms} + A_i*X_<i-1> + D_i*X_<i-1>").double()
    x = torch.randn(2, 3, 8, 8).double()
    module(x)
    torch.testing.assert_close(
        recform.optimize(module.eval())(x), module(x), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("apart", ["B_i*X_<i-2>", "tanh(3*B_i*X_<i-2> + X_<i-1>)"])
def test_an_operator_that_is_applied_twice_in_a_block(apart: str) -> None:
    """What is beside it in one of its sums is no part of it in the other one."""
    text = "input 8 x 6\nstages 6 x 3\nA = linear(c)\nB = linear(c)\n"
    module = recform.load(f"{text}X_i = A_i*X_<i-1> + B_i*X_<i-1> + {apart}").double()
    x = torch.randn(2, 8, 6).double()
    torch.testing.assert_close(
        recform.optimize(module.eval())(x), module(x), rtol=1e-9, atol=1e-9
    )


def test_names_that_no_module_can_have_are_told_here_too() -> None:
    text = (
        'scope stage\nstages 8 x 1, 8 x 1\nnames stages = "type"\nX_i = W_i*X_<i-1>\n'
    )
    with pytest.raises(CompileError, match="type is a name that the module itself has"):
        _ = recform.compile(text, inference=True).source


def test_numbers_in_a_container_that_has_fewer_modules() -> None:
    """The stages are told to stand behind three modules, of which two are left."""
    text = (
        'input 3 x 8 x 8\nstages 4 x 1, 4 x 2\nnames stem = ".", stages = "layers.{3}"\n'
        "stem layers: (conv(3, c) > bn > relu)\nW = conv(3, c) > bn\nX_i = W_i*X_<i-1>\n"
    )
    module, x = recform.load(text).double(), torch.randn(4, 3, 8, 8).double()
    module(x)  # statistics of its own
    made = recform.optimize(module.eval())
    torch.testing.assert_close(made(x), module(x), rtol=1e-9, atol=1e-9)
