"""Networks on a GPU that is not there: devices and types of all that they compute."""

from __future__ import annotations

import re
import sys

import pytest
import torch
from torch import Tensor, nn

import recform
from recform.blocks.examples import empty_examples
from recform.compiler import Compiled, compile_source, read
from recform.costs.planning import budget_of
from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.modules import load_source
from recform.target import Target
from tests.compiled import EXAMPLES, NAMES
from tests.costs.measured import laid_out
from tests.faked import backward, gpu, moved, without_numbers
from tests.thinned import small, thinned

torch.set_num_threads(1)
pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")

FORMS = {str(memory): Target(memory=memory) for memory in Memory} | {
    "budget": Target(budget=budget_of("60%")),
    "inference": Target(inference=True),
    "timm": Target(timm=True),
    "generation": Target(generation=True),
}
CASES = [(name, form) for name in NAMES for form in FORMS]
#: The type of a network, whether it is under autocast, where it is, and whether channels
#: are last.
KINDS = (
    (torch.float32, False, "cuda:0", False),
    (torch.bfloat16, False, "cuda:0", True),
    (torch.float32, True, "cuda:1", True),
)


def compiled(name: str, form: str) -> tuple[Compiled, ...]:
    """The networks of an example in a form, small where they can be; none if it has none."""
    source, folder = read(EXAMPLES / name)
    for settings in (small(EXAMPLES / name), {}):
        try:
            items = compile_source(source, settings, folder, target=FORMS[form])
            assert all(item.source for item in items)
        except CompileError:
            continue
        return items
    return ()


def made(source: str, name: str) -> nn.Module:
    """A network of generated code, before it is moved."""
    with torch.device("meta"):
        net: nn.Module = getattr(load_source(without_numbers(source), name), name)()
    return net


def goes_on(net: nn.Module, x: Tensor) -> None:
    """Some positions, and then one more."""
    past = sys.modules[type(net).__module__].Past()  # type: ignore[attr-defined]
    half = x.shape[1] // 2
    with torch.no_grad():
        for new in (x[:, :half], x[:, half : half + 1]):
            assert past.run(net, new).device == x.device


def runs(item: Compiled, kind: tuple[torch.dtype, bool, str, bool]) -> None:
    """Forwards and backwards in training, and forwards in use."""
    dtype, cast, device, last = kind
    for training in (False,) if item.target.inference else (True, False):
        net = made(item.source, item.name).train(training)
        with gpu(), torch.autocast("cuda", torch.bfloat16, enabled=cast):
            moved(net, device, dtype, last)
            given = [empty_examples(x, 2).to(device) for x in item.formula.inputs]
            given = [x.to(dtype) if x.is_floating_point() else x for x in given]
            given = [laid_out(x) for x in given] if last else given
            with torch.set_grad_enabled(training):
                y = net(*given)
            assert y.device == given[0].device
            if training:
                with torch.autocast("cuda", enabled=False):
                    backward([y])
            elif item.target.generation:
                goes_on(net, given[0])
        for name, learned in net.named_parameters() if training else ():
            assert learned.grad is not None, name
            assert learned.grad.device == learned.device, name
            assert learned.grad.dtype == learned.dtype, name


#: They run each time: operators and forms that have most to make on a device.
CHOSEN = [
    *(("modern/llama.rf", "generation"), ("modern/gemma2.rf", "lean")),
    *(("modern/mamba.rf", "plain"), ("zoo/revnet.rf", "reversible")),
    *(("language/params.rf", "checkpoint"), ("zoo/convnext_tiny.rf", "timm")),
]


@pytest.mark.parametrize("case", thinned(CHOSEN, 2, "-".join))
def test_some(case: tuple[str, str]) -> None:
    """Of an example the network with the fewest blocks, in a form."""
    if not (items := compiled(*case)):
        pytest.skip("it has no such form")
    least = min(items, key=lambda x: sum(stage.blocks for stage in x.formula.stages))
    for kind in KINDS[1:]:
        runs(least, kind)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_all(case: tuple[str, str]) -> None:
    """All networks of an example, in a form, with numbers of each kind."""
    for item in compiled(*case):
        for kind in KINDS:
            runs(item, kind)


ATTENDS = (
    "input 6 x 8\nstages 8 x 2\nA = attend(2, causal=true, window=3, rotary=100)\n"
    "X_i = X_<i-1> + A_i(X_<i-1>, X_<i-1>, X_<i-1>)"
)
#: Code that a CPU runs as well, and what torch says of it on a GPU.
FAULTS = {
    "q.new_ones(": ("torch.ones(", "same device"),
    ", device=x.device": ("", "same device"),
    "else rotary": ("else torch.full((1,), rotary)", "FakeTensors"),
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults_are_found(text: str) -> None:
    """In tables and masks that are made within a pass, and in what is no buffer."""
    item = recform.compile(ATTENDS)
    instead, said = FAULTS[text]
    source = item.source.replace(text, instead)
    assert source != item.source
    net = made(source, item.name)
    with gpu(), pytest.raises(Exception, match=re.escape(said)):
        x = torch.empty(2, 6, 8, device="cuda")
        moved(net)(x)


def test_a_gradient_that_lies_elsewhere_is_found() -> None:
    class Astray(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: object, gradient: Tensor) -> Tensor:
            return gradient.cpu()

    with gpu():
        x = torch.empty(3, device="cuda", requires_grad=True)
        with pytest.raises(RuntimeError, match="a gradient on cpu for cuda:0"):
            backward([Astray.apply(x * 3)])
