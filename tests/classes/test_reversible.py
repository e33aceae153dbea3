"""Networks whose blocks are run backwards (`--memory reversible`), against the plain ones."""

from __future__ import annotations

import copy
import gc
import io
import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import spectral_norm as older_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm
from torch.profiler import ProfilerActivity, profile

import recform
from recform.blocks.examples import random_examples
from recform.blocks.support.reversible import Reversible
from recform.classes.steps import reversible
from recform.diagnostics import CompileError

torch.set_num_threads(1)

IMAGES = "input 3 x 6 x 6\nstages 4 x 4, 6 x 3 / 2\nhead avgpool > linear(3)\n"
LAYER = "W = conv(3, c, stride=s) > bn > relu > conv(1, c)\n"
TEXTS = {
    "A.4.1": f"{IMAGES}{LAYER}X_i = W_i*X_<i-1> + X_<i-2>",
    "leapfrog": f"{IMAGES}{LAYER}const h = 0.25\nX_<-1> = input\n"
    "X_i = 2*X_<i-1> - X_<i-2> + h^2*W_i*X_<i-1>",
    "RevNet": f"{IMAGES}stem conv(1, 2*c)\nF = conv(3, c, stride=s) > bn > dropout(0.2)\n"
    "G = relu > conv(3, c) > bn > droppath(0.5)\nA_0, B_0 = split(input, 2)\n"
    "A_i = A_<i-1> + F_i*B_<i-1>\nB_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)",
    "momentum, and numbers that are learned": f"{IMAGES}{LAYER}scalar k_i = 0.7\n"
    "V_i = 0.8*V_<i-1> + k_i*W_i*tanh(X_<i-1>)\nX_i = X_<i-1> + V_i\nV_0 = input\n"
    "output X_L",
    "sums with more digits under autocast": f"{IMAGES}scalar k_i = 0.7\n"
    "W = bn > relu > conv(3, c, stride=s)\nX_1 = X_0 + W_1*X_0\n"
    "X_i = (1 - k_i)*X_<i-1> + k_i*X_<i-2> + W_i*X_<i-1>",
    "one operator for all blocks": "input 5 x 4\nstages 4 x 6\n"
    "A = ln > attention(2, dropout=0.2) > dropout(0.1)\nX_i = A*X_<i-1> - X_<i-2>",
}


def both(text: str) -> tuple[nn.Module, nn.Module, Tensor]:
    """The plain network and the other one, with the same weights; and examples."""
    torch.manual_seed(0)
    compiled = recform.compile(text)
    plain, other = compiled.module(), recform.load(text, memory="reversible")
    other.load_state_dict(plain.state_dict())
    x = random_examples(compiled.formula.input, 3, dtype=torch.float64)
    return plain.double(), other.double(), x


def backward(net: Any, x: Tensor) -> list[Any]:
    """What it makes, all gradients, and all statistics, of two passes."""
    torch.manual_seed(5)
    made = [net(x), net(x.flip(0))]
    for item in made:
        (item * torch.linspace(-1, 1, item.numel()).view_as(item)).sum().backward()
    return [*made, *(p.grad for p in net.parameters()), *net.buffers()]


@pytest.mark.parametrize("depth", [None, 9])
@pytest.mark.parametrize("name", TEXTS)
def test_gradients(name: str, depth: int | None) -> None:
    """Equal; statistics are updated once, and what was drawn is drawn again."""
    text = TEXTS[name]
    if depth is not None:
        text = re.sub(r"(?m)^(stages \d+ x) \d+", rf"\1 {depth}", text)
    plain, other, x = both(text)
    for training in (True, False):
        found, wanted = (backward(net.train(training), x) for net in (other, plain))
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)


def test_large_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that run again normalise in another way, where that pays."""
    frame = "input 3 x 32 x 32\nstages 8 x 4\nhead avgpool > linear(3)\n"
    plain, other, x = both(f"{frame}{LAYER}X_i = W_i*X_<i-1> + X_<i-2>")
    x = x.repeat(2, 1, 1, 1)
    for net in (plain, other):
        frozen = next(m for m in net.modules() if isinstance(m, nn.BatchNorm2d))
        frozen.weight.requires_grad_(False)
    torchs, calls = nn.functional.batch_norm, []

    def counted(*args: Any, **kwargs: Any) -> Tensor:
        calls.append(len(args[0]))
        return torchs(*args, **kwargs)

    monkeypatch.setattr(nn.functional, "batch_norm", counted)
    wanted, found = backward(plain, x), backward(other, x)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)
    assert calls.count(len(x)) == (1 + 4) * 2 * 2  # The forward passes have been all.


def kept(net: nn.Module, x: Tensor) -> int:
    """The bytes that torch has given out, and not taken back, behind a pass."""
    net(x)  # What torch makes once and keeps is none of it.
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        made = net(x)
    total = sum(item.self_cpu_memory_usage for item in found.key_averages())
    return int(total - made.untyped_storage().nbytes())


def test_what_is_kept_does_not_grow() -> None:
    """Two tensors a stage, besides those of its borders."""
    frame = "input 3 x 8 x 8\nstages 4 x {}\n" + LAYER
    x = torch.randn(2, 3, 8, 8)
    for equation in ("W_i*X_<i-1> + X_<i-2>", "X_<i-1> - X_<i-2> + W_i*X_<i-1>"):
        texts = [f"{frame.format(n)}X_i = {equation}" for n in (4, 8, 16)]
        short, *longer = (kept(recform.load(t, memory="reversible"), x) for t in texts)
        assert longer == [short, short]
        assert short < kept(recform.load(texts[0]), x)


def test_the_code() -> None:
    """The method is the formula, solved; each block has it."""
    source = recform.compile(TEXTS["leapfrog"], memory="reversible").source
    wanted = """
    @Reversible.forward("W")
    def forward(self, x_prev: Tensor, x_prev2: Tensor) -> tuple[Tensor, Tensor]:
"""
    assert wanted in source
    wanted = '''
    def inverse(self, x: Tensor, x_prev: Tensor) -> tuple[Tensor, Tensor]:
        """What the block got, from what it hands on."""
        x_prev2 = -x + 2 * x_prev + 0.0625 * self.W(x_prev)
        return x_prev, x_prev2
'''
    assert wanted in source
    assert "--memory reversible" in source.partition("import")[0]


def test_the_proof_reads_the_inverse(monkeypatch: pytest.MonkeyPatch) -> None:
    right = reversible._Inverse._method

    def wrong(self: Any, forward: Any) -> Any:
        made = right(self, forward)
        text = made.body[0].value.text.replace("- self.W", "+ self.W")
        value = type(made.body[0].value)(text)
        return type(made)(
            made.name,
            made.parameters,
            made.result,
            (type(made.body[0])(made.body[0].target, value), *made.body[1:]),
        )

    monkeypatch.setattr(reversible._Inverse, "_method", wrong)
    with pytest.raises(CompileError, match="does not get back what it got"):
        _ = recform.compile(TEXTS["A.4.1"], memory="reversible").source


def test_mistakes() -> None:
    def of(equation: str, more: str = "") -> str:
        return recform.compile(
            IMAGES + LAYER + more + equation, memory="reversible"
        ).source

    with pytest.raises(CompileError, match=r"RF531.*cannot be run backwards"):
        of("X_i = relu(X_<i-1> + W_i*X_<i-1>)")
    with pytest.raises(CompileError, match=r"RF532.*calls W more than once"):
        of("X_i = W_i*X_<i-1> + W_i*relu(X_<i-1>) + X_<i-2>")
    with pytest.raises(CompileError, match=r"RF219.*called 'inverse'"):
        of("X_i = W_i*X_<i-1> + X_<i-2>", 'names W = "inverse"\n')


def test_often_and_twice() -> None:
    """A pass twice back, derivatives of derivatives, and a state that is read besides."""

    def found(net: nn.Module, x: Tensor) -> list[Any]:
        torch.manual_seed(1)
        x = x.clone().requires_grad_()
        made = net(x)
        made.sum().backward(retain_graph=True)
        made.square().sum().backward(retain_graph=True)
        (slope,) = torch.autograd.grad(made.square().sum(), x, create_graph=True)
        slope.square().sum().backward()
        return [x.grad, *(p.grad for p in net.parameters())]

    for name in ("A.4.1", "RevNet"):
        plain, other, x = both(TEXTS[name])
        torch.testing.assert_close(
            found(other, x), found(plain, x), rtol=1e-8, atol=1e-8
        )


def test_where_it_is_plain() -> None:
    """Without gradients, compiled, copied, and with some frozen."""
    plain, other, x = both(TEXTS["A.4.1"])
    with torch.no_grad():
        torch.testing.assert_close(other(x), plain(x))
    plain, other, x = both(TEXTS["A.4.1"])
    compiled = torch.compile(copy.deepcopy(other), backend="eager", fullgraph=True)
    torch.testing.assert_close(backward(compiled, x), backward(copy.deepcopy(plain), x))
    for net in (plain, other):
        for name, weight in net.named_parameters():
            weight.requires_grad_("stage1" not in name and "stem" not in name)
    torch.testing.assert_close(
        [t for t in backward(other, x) if t is not None],
        [t for t in backward(plain, x) if t is not None],
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("memory", ["lean", "reversible"])
def test_what_follows_a_pass(memory: str) -> None:
    """The tracers of torch see the plain pass, with gradients as well."""
    plain, _, x = both(TEXTS["A.4.1"])
    other = recform.load(TEXTS["A.4.1"], memory=memory).double().eval()
    other.load_state_dict(plain.state_dict())
    for made in (torch.jit.trace(other, x), torch.fx.symbolic_trace(other)):
        torch.testing.assert_close(made(x), plain.eval()(x))


@pytest.mark.filterwarnings("ignore:torch.bfloat16 is the type")
@pytest.mark.parametrize("name", TEXTS)
def test_lower_precision(name: str) -> None:
    """Casts are those of the pass, wherever the backward pass runs."""
    plain, other, x = both(TEXTS[name])
    found = []
    for net in (plain.float(), other.float()):
        torch.manual_seed(3)
        with torch.autocast("cpu", torch.bfloat16):
            made = net(x.float())
        made.float().sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in net.parameters()]))  # type: ignore[union-attr]
    assert (found[0] - found[1]).norm() < 0.1 * found[0].norm()


@pytest.mark.parametrize("how", ["autocast", "bfloat16", "float32"])
def test_a_state_of_few_bits_is_warned_of_once(how: str) -> None:
    _, other, x = both(TEXTS["A.4.1"].replace("stages", "stem conv(1, 4)\nstages"))
    kind = torch.bfloat16 if how == "bfloat16" else torch.float32
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
                made = other.to(kind)(x.to(kind))
            made.float().sum().backward()
    words = [str(item.message) for item in said]
    assert len(words) == (how != "float32")
    assert all("torch.bfloat16 is the type of what blocks hand on" in w for w in words)


@pytest.mark.parametrize(
    ("old", "blocks"),
    [("0.1", 3), ("0.1", 8), ("0.1", 12), ("0.5", 9), ("0.5", 17), ("0.9", 12)],
)
@pytest.mark.parametrize("second", [False, True])
def test_a_row_that_does_not_lead_back_is_told(
    old: str, blocks: int, second: bool
) -> None:
    """Rounding errors grow by 1 / 0.1 a block backwards; all is well in float64."""
    momentum = f"V_0 = 0\nV_i = {old}*V_<i-1> + W_i*X_<i-1>\nX_i = X_<i-1> + V_i"
    plain, other, x = both(
        f"input 3 x 6 x 6\nstages 4 x {blocks}\nW = conv(3, c) > tanh\n"
        + (f"X_i = {old}*X_<i-2> + W_i*X_<i-1>" if second else momentum)
    )
    plain(x).sum().backward()
    right = [p.grad for p in plain.parameters()]
    for kind in (torch.float64, torch.float32):
        other.to(kind).zero_grad()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            other(x.to(kind)).sum().backward()
        told = [str(item.message) for item in said]
        pairs = zip(right, [p.grad for p in other.parameters()], strict=True)
        off = max(((a - b).norm() / a.norm()).item() for a, b in pairs)
        assert told == [Reversible.OFF] * (off > 1e-3), off


def test_changes_are_seen_and_nothing_lives_on() -> None:
    _, other, x = both(TEXTS["A.4.1"])
    made = other(x)
    with torch.no_grad():
        next(p for n, p in other.named_parameters() if "stage1.2" in n).add_(1)
    with pytest.raises(RuntimeError, match="was changed in place"):
        made.sum().backward()
    del made
    gc.collect()
    gc.disable()
    try:
        made = other(x)
        torch.save(made, io.BytesIO())
        made.sum().backward()
        assert not [t for t in gc.get_objects() if type(t).__name__ == "Reversible"]
    finally:
        gc.enable()


@pytest.mark.parametrize("training", [True, False])
def test_it_runs_again_as_it_ran(training: bool) -> None:
    """Whoever trains or evaluates in between has the gradients of the pass."""
    text = "input 3 x 8 x 8\nstages 6 x 5\nW = conv(3, c) > bn\nX_i = X_<i-2> + W_i*X_<i-1>"
    plain = recform.load(text).double()
    back = recform.load(text, memory="reversible").double()
    back.load_state_dict(plain.state_dict())
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    found = []
    for module in (plain, back):
        y = module.train(training)(x)
        module.train(not training)
        y.square().sum().backward()
        assert module.training is not training
        found.append(torch.cat([p.grad.flatten() for p in module.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("how", [spectral_norm, older_spectral_norm])
@pytest.mark.parametrize("name", ["A.4.1", "RevNet", "one operator for all blocks"])
def test_what_operators_change_besides(
    name: str, how: Callable[..., nn.Module]
) -> None:
    """Spectral normalisation goes one step with each pass, and no further backwards."""
    plain, other, x = both(TEXTS[name])
    for module in (plain, other):
        for part in [*module.modules()]:
            if isinstance(part, nn.Conv2d | nn.Linear):
                how(part)
    other.load_state_dict(plain.state_dict())
    found, wanted = (backward(module, x) for module in (other, plain))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "const g_i = 4/L - i/L\nX_i = g_i*X_<i-2> + W_i*X_<i-1>",
            "is zero in some block",
        ),
        (
            "scalar a_i = 0\nX_i = a_i*X_<i-2> + W_i*X_<i-1>",
            "a_i is zero where it starts",
        ),
        ("input t = 6\nX_i = X_<i-2> + t + W_i*X_<i-1>", "blocks read further inputs"),
    ],
)
def test_what_has_an_inverse_and_no_use_for_it(text: str, why: str) -> None:
    text = f"input 6\nstages 6 x 5\n{text}"
    with pytest.raises(CompileError, match="RF532") as caught:
        _ = recform.compile(text, memory="reversible").source
    assert why in caught.value.diagnostics[0].message
    assert recform.compile(text).summary().rebuilt is None


@pytest.mark.parametrize(
    "stages", ["6 x 2, 6 x 1 / 2", "6 x 2, 4 x 2", "6 x 1, 6 x 3 / 2"]
)
def test_blocks_that_are_all_adapted_have_no_use_for_it(stages: str) -> None:
    """An inverse was written that nothing could run (RF901)."""
    text = f"{IMAGES}stages {stages}\n{LAYER}".replace("stages 4 x 4, 6 x 3 / 2\n", "")
    text += "X_i = 0.1*X_<i-2> + X_<i-3> + W_i*X_<i-1>"
    with pytest.raises(CompileError, match=r"RF532.*adapted in each of them"):
        _ = recform.compile(text, memory="reversible").source


def others(net: nn.Module, make: Callable[[int], nn.Module]) -> None:
    """Puts other modules in the place of those that normalise batches."""
    for module in [*net.modules()]:
        for name, child in [*module.named_children()]:
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, make(child.num_features).double())


def doubled(channels: int) -> nn.Module:
    """A normalisation whose weight is computed."""
    made = nn.BatchNorm2d(channels)
    nn.utils.parametrize.register_parametrization(made, "weight", nn.Softplus())
    return made


@pytest.mark.parametrize(
    "make",
    [
        partial(nn.InstanceNorm2d, affine=True, track_running_stats=True),
        partial(nn.BatchNorm2d, momentum=None, affine=False),
        doubled,
    ],
)
def test_other_normalisations(
    make: Callable[[int], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the place of those of the file; their statistics are updated once, too."""
    plain, other, x = both(TEXTS["A.4.1"])
    monkeypatch.setattr(type(other).forward.__globals__["Batches"], "LEAST", 0)
    for net in (plain, other):
        others(net, make)
    found, wanted = backward(other, x), backward(plain, x)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.filterwarnings("ignore:torch.bfloat16 is the type")
def test_without_weights_in_lower_precision() -> None:
    """What such a normalisation keeps is of one type, whoever asks for it."""
    _, other, x = both(TEXTS["A.4.1"])
    others(other, partial(nn.BatchNorm2d, affine=False))
    with torch.autocast("cpu", torch.bfloat16):
        made = other.float()(x.float())
    made.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in other.parameters())  # type: ignore[union-attr]


def test_lent_weights() -> None:
    """A pass with weights of somebody else runs again with these."""
    plain, other, x = both(TEXTS["A.4.1"])
    found = []
    for net in (plain, other):
        torch.manual_seed(1)
        lent = {
            name: torch.rand_like(p).requires_grad_()
            for name, p in net.named_parameters()
        }
        made = torch.func.functional_call(net, lent, x)
        found.append(torch.autograd.grad(made.square().sum(), [*lent.values()]))
        before = [*net.parameters()]
        made = net(x)
        for module in net.modules():
            for name, p in [*module.named_parameters(recurse=False)]:
                setattr(module, name, nn.Parameter(2 * p.detach()))
        found[-1] += torch.autograd.grad(made.square().sum(), before)
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", ["cuda", "xpu", "mps"])
def test_what_was_drawn_is_drawn_again_on_its_own_device(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on the first of several, and on whatever kind of device."""
    devices = [torch.device(kind, number) for number in (0, 1)]
    draws = {device: torch.Generator() for device in devices}
    module = getattr(torch, kind)
    monkeypatch.setattr(module, "get_rng_state", lambda at: draws[at].get_state())
    monkeypatch.setattr(
        module, "set_rng_state", lambda state, at: draws[at].set_state(state)
    )
    block = Reversible.__new__(Reversible)
    block.device = devices[1]
    block.drawn = {0: block.random()}
    first = [torch.rand(3), torch.rand(3, generator=draws[devices[1]])]
    behind = block.random()
    with block.drawing(0):
        again = [torch.rand(3), torch.rand(3, generator=draws[devices[1]])]
    assert all(map(torch.equal, first, again))
    assert all(map(torch.equal, behind, block.random()))


def test_an_operator_without_an_index_that_has_no_module() -> None:
    """The way back has nothing to call; with an index there is a module."""
    text = (
        "input 8\nstages 8 x 4\nhead none\nA = tanh > relu\nX_i = X_<i-2> + {}*X_<i-1>"
    )
    with pytest.raises(CompileError, match=r"A has no module .*, as A_i has"):
        _ = recform.compile(text.format("A"), memory="reversible").source
    assert (
        "def inverse" in recform.compile(text.format("A_i"), memory="reversible").source
    )
