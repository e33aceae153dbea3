"""What networks keep for their backward passes, and what keeping less costs.

The forms of a network (`--memory lean`, `--memory reversible`) run beside the plain one with
the same weights, and beside those that are written by hand. Kept is what is allocated behind
the forward pass, without its result; the peak is that of a whole step. Both come from the
profiler on a CPU, which sees each allocation whoever makes it, and from the allocator on a
GPU (bfloat16, channels last). The time is the processor's on a CPU. What torch has compiled is
measured of few networks, for that takes a minute each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from peers import Coupled, Printed
from table import EXAMPLES, Asked, Figure, ratios, turns
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import recform
from recform.blocks.examples import random_examples

MIB = 2**20
#: What torch has compiled, and how much slower forms may be on a GPU.
COMPILED = "compiled"
SLOWER = {"lean": 1.1, f"lean, {COMPILED}": 1.05}


@dataclass(frozen=True)
class Case:
    """A network that is measured.

    Attributes:
        formula: its file, or its text.
        network: of the file.
        count: of the examples in a batch on a CPU.
        on_gpu: of those on a GPU.
        compiled: whether it is measured compiled by torch as well, on a GPU.
        peer: makes one by hand, and what that is called.
        dropout: whether its dropout is on.
        bounds: of what is kept, of the peak and of the time, for each form.
        turns: of a CPU; two of those whose step takes many seconds.
        is_quick: whether it is measured where all is to be quick.
        budget: whether checkpoints are measured, and budgets of three quarters and of half
            of what is between the plain peak and theirs.
    """

    formula: Path | str
    network: str | None = None
    count: int = 2
    on_gpu: int = 128
    compiled: bool = False
    peer: tuple[str, Callable[[], nn.Module]] | None = None
    dropout: bool = True
    bounds: Mapping[str, tuple[float, float, float]] = field(
        default_factory=lambda: {"lean": (0.6, 1.0, 1.25)}
    )
    turns: int = 3
    is_quick: bool = False
    budget: bool = False


def theirs(name: str) -> tuple[str, Callable[[], nn.Module]]:
    """torchvision's network."""
    return "torchvision's", getattr(torchvision.models, name)


ROW = (
    "input 3 x 32 x 32\nstages 64 x {}\nhead avgpool > linear(10)\n"
    "W = conv(3, c) > bn > relu > conv(3, c) > bn\nX_i = W_i*X_<i-1> + X_<i-2>\n"
)
COUPLED = (
    "input 3 x 32 x 32\nstages 32 x 16\nstem conv(3, 2*c) > bn > relu\n"
    "head avgpool > linear(10)\nF = conv(3, c) > bn > relu\nG = F\n"
    "A_0, B_0 = split(input, 2)\nA_i = A_<i-1> + F_i*B_<i-1>\n"
    "B_i = B_<i-1> + G_i*A_i\noutput concat(A_L, B_L)\n"
)
BACK = {"lean": (0.6, 1.0, 1.25), "reversible": (0.15, 1.0, 1.4)}
#: Small ones first: behind large ones they are slower, for what the allocator gave back
#: comes anew.
CASES = {
    "RevNet-110": Case(
        EXAMPLES / "zoo/revnet.rf", "RevNet110", count=32, on_gpu=512, bounds=BACK
    ),
    "A.5, 32 x 32": Case(
        EXAMPLES / "paper/a5_printed.rf",
        count=8,
        on_gpu=512,
        peer=("as printed", Printed),
        is_quick=True,
    ),
    "coupled, 16 blocks": Case(
        COUPLED,
        count=32,
        on_gpu=512,
        peer=("by plain autograd", lambda: Coupled(32, 16)),
        bounds=BACK,
        is_quick=True,
    ),
    "A.4.1, 16 blocks": Case(
        ROW.format(16), count=8, on_gpu=512, bounds=BACK, is_quick=True
    ),
    "A.4.1, 64 blocks": Case(ROW.format(64), count=4, on_gpu=512, bounds=BACK),
    "ResNet-50": Case(EXAMPLES / "zoo/resnet50.rf", peer=theirs("resnet50")),
    "ResNet-50s": Case(
        EXAMPLES / "paper/resnet_imagenet_s.rf",
        "ResNet50s",
        bounds={"lean": (0.5, 1.0, 1.25)},
        budget=True,
        compiled=True,
        turns=2,
    ),
    "DenseNet-121": Case(EXAMPLES / "zoo/densenet121.rf", turns=2),
    "MobileNetV2": Case(EXAMPLES / "zoo/mobilenet_v2.rf"),
    "ConvNeXt-T": Case(EXAMPLES / "zoo/convnext_tiny.rf", turns=2),
    "GPT-2 small": Case(EXAMPLES / "zoo/gpt2.rf", count=1, on_gpu=16, turns=2),
    "GPT-2 small, no dropout": Case(
        EXAMPLES / "zoo/gpt2.rf",
        count=1,
        on_gpu=16,
        turns=2,
        compiled=True,
        dropout=False,
        bounds={"lean": (0.63, 1.0, 1.25)},
    ),
}


# ------------------------------------------------------------------------- memory


class OnCpu:
    """Counts what a profiler sees."""

    def measure(self, run: Callable[[], Tensor]) -> tuple[float, float]:
        """The bytes that are left, but for the result, and the most that there were."""
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
            made = run()
        events = found.profiler.kineto_results.events()  # type: ignore[union-attr]
        memory = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
        now = most = 0
        for _, change in sorted(memory, key=lambda event: event[0]):
            now += change
            most = max(most, now)
        return now - made.untyped_storage().nbytes(), most

    def clock(self) -> float:
        return time.process_time()


class OnGpu:
    """Asks the allocator of a GPU."""

    def measure(self, run: Callable[[], Tensor]) -> tuple[float, float]:
        """The bytes that are left, but for the result, and the most that there were."""
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        made = run()
        now = torch.cuda.memory_allocated() - before - made.untyped_storage().nbytes()
        return now, torch.cuda.max_memory_allocated() - before

    def clock(self) -> float:
        torch.cuda.synchronize()
        return time.perf_counter()


# ----------------------------------------------------------------------- networks


def asked_of(case: Case, count: int, dtype: str) -> dict[str, dict[str, Any]]:
    """The forms of a network, and what asks for them."""
    names = ["plain", *case.bounds, *["checkpoint"] * case.budget]
    found: dict[str, dict[str, Any]] = {name: {"memory": name} for name in names}
    if case.budget:
        item = recform.compile(case.formula, case.network)
        most, least = (
            item.memory(form, batch=count, dtype=dtype).training
            for form in ("plain", "checkpoint")
        )
        for share in (75, 50):
            budget = least + (most - least) * share // 100
            asked = {"memory_budget": str(budget), "batch": count, "dtype": dtype}
            found[f"budget {share}%"] = asked
    return found


def forms(case: Case, count: int, *, on_gpu: bool) -> dict[str, nn.Module]:
    """The networks that are compared; the forms have the same weights."""
    torch.manual_seed(0)
    made: dict[str, nn.Module] = {}
    for form, asked in asked_of(case, count, "bf16" if on_gpu else "fp32").items():
        made[form] = recform.load(case.formula, case.network, **asked)
        made[form].load_state_dict(made["plain"].state_dict())
    if case.peer is not None:
        made[case.peer[0]] = case.peer[1]()
    for net in made.values() if not case.dropout else ():
        for module in net.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
            elif isinstance(getattr(module, "dropout", None), float):
                module.dropout = 0.0
    if on_gpu and case.compiled:
        for form in ("plain", "lean"):
            made[f"{form}, {COMPILED}"] = torch.compile(made[form])
    return made


def measured(name: str, case: Case, asked: Asked) -> Iterator[Figure]:
    """What the forms of a network keep and take, of what the plain one does."""
    on_gpu = asked.device != "cpu"
    on = OnGpu() if on_gpu else OnCpu()
    given = recform.compile(case.formula, case.network).formula.input
    x = random_examples(given, case.on_gpu if on_gpu else case.count).to(asked.device)
    nets = {}
    for form, net in forms(case, len(x), on_gpu=on_gpu).items():
        nets[form] = net.to(asked.device)
        if on_gpu and x.dim() == 4:
            x = x.to(memory_format=torch.channels_last)
            nets[form] = net.to(memory_format=torch.channels_last)

    def forward(net: nn.Module) -> Tensor:
        with torch.autocast(asked.device, torch.bfloat16, enabled=on_gpu):
            made: Tensor = net(x)
        return made

    def step(net: nn.Module) -> Tensor:
        made = forward(net)
        made.float().sum().backward()
        return made.detach()

    sizes: dict[str, tuple[float, float]] = {}
    for form, net in nets.items():
        step(net)  # makes the gradients, which are none of it
        kept, _ = on.measure(lambda net=net: forward(net))  # type: ignore[misc]
        _, peak = on.measure(lambda net=net: step(net))  # type: ignore[misc]
        sizes[form] = kept, peak
    actions = {form: partial(step, net) for form, net in nets.items()}
    count = asked.turns(6) if on_gpu else case.turns
    times = turns(actions, count, on.clock, warm=0)
    kept_by_one = [sizes["plain"][0] / len(x) / MIB]
    yield Figure(f"{name}: kept by an example", kept_by_one, "MiB")
    if on_gpu:
        yield Figure(f"{name}: time of a step", times["plain"], "s")
    for form in nets:
        if form != "plain":
            other = f"plain, {COMPILED}" if form == f"lean, {COMPILED}" else "plain"
            beside = "" if other == "plain" else f" / {other}"
            kept, peak, slower = case.bounds.get(form, (None, None, None))
            if on_gpu:
                slower = SLOWER.get(form)
            pairs = zip(sizes[form], sizes[other], strict=True)
            own = [size / least for size, least in pairs]
            yield Figure(f"{name}, {form}{beside}: kept", own[:1], bound=kept)
            yield Figure(f"{name}, {form}{beside}: peak of a step", own[1:], bound=peak)
            time_ = ratios(times[form], times[other])
            yield Figure(f"{name}, {form}{beside}: time", time_, bound=slower)


def figures(asked: Asked) -> Iterator[Figure]:
    """All networks; the small ones, if it is to be quick."""
    torch.set_num_threads(1)
    on_gpu = asked.device != "cpu"
    # What torch compiles takes a minute each.
    for name, case in sorted(CASES.items(), key=lambda one: on_gpu and one[1].compiled):
        if asked.quick and not case.is_quick:
            continue
        if time.perf_counter() > asked.until:
            print(f"  no time is left for {name}", flush=True)
            continue
        try:
            yield from measured(name, case, asked)
        except RuntimeError as error:
            if not on_gpu:
                raise
            # One network that does not fit leaves those behind it their turn.
            print(f"  {name}: {error}", flush=True)
