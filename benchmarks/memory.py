"""What networks keep for their backward passes, and what keeping less costs.

Of each network the plain and the lean form (`recform compile --memory lean`) run in one
process, with the same weights, beside torchvision's where it has one, and beside the form
that runs backwards (`--memory reversible`) where there is an inverse. So do, of one
network, checkpoints, and budgets of three quarters and of half of what is between the
plain peak and theirs; beside each form stands what `recform summary --memory` says that
is kept. Kept is what is allocated behind the forward pass, without its result; the peak
is that of a whole step. Both come from the profiler on a CPU, which sees each allocation
whoever makes it, and from the allocator on a GPU. The time is the processor's on a CPU,
the best of the turns that the forms take.

    python benchmarks/memory.py [--device cuda] [--only NAME] [--turns 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import recform
from recform.blocks.examples import random_examples

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MIB = 2**20


@dataclass(frozen=True)
class Case:
    """A network that is measured.

    Attributes:
        formula: its file, or its text.
        network: of the file.
        count: of the examples in a batch on a CPU.
        peer: makes torchvision's network.
        dropout: whether its dropout is on.
        back: whether its blocks can be run backwards.
        budget: whether budgets are measured, and checkpoints.
    """

    formula: Path | str
    network: str | None = None
    count: int = 2
    peer: str = ""
    dropout: bool = True
    back: bool = False
    budget: bool = False


ROW = (
    "input 3 x 32 x 32\nstages 64 x {}\nhead avgpool > linear(10)\n"
    "W = conv(3, c) > bn > relu > conv(3, c) > bn\nX_i = W_i*X_<i-1> + X_<i-2>\n"
)
CASES = {
    "ResNet-50": Case(EXAMPLES / "zoo/resnet50.rf", peer="resnet50"),
    "ResNet-50s": Case(
        EXAMPLES / "paper/resnet_imagenet_s.rf", "ResNet50s", budget=True
    ),
    "DenseNet-121": Case(EXAMPLES / "zoo/densenet121.rf", peer="densenet121"),
    "MobileNetV2": Case(EXAMPLES / "zoo/mobilenet_v2.rf", peer="mobilenet_v2"),
    "ConvNeXt-T": Case(EXAMPLES / "zoo/convnext_tiny.rf", peer="convnext_tiny"),
    "GPT-2 small": Case(EXAMPLES / "zoo/gpt2.rf", count=1),
    "GPT-2 small, no dropout": Case(EXAMPLES / "zoo/gpt2.rf", count=1, dropout=False),
    "RevNet-110": Case(EXAMPLES / "zoo/revnet.rf", "RevNet110", count=16, back=True),
    "A.4.1, 16 blocks": Case(ROW.format(16), count=8, back=True),
    "A.4.1, 64 blocks": Case(ROW.format(64), count=8, back=True),
}


@dataclass(frozen=True)
class Row:
    """What was measured of a network: MiB kept for one example, MiB of the peak, seconds.

    Attributes:
        said: MiB for one example that are said to be kept; 0 where nothing is said.
    """

    network: str
    form: str
    said: float
    kept: float
    peak: float
    seconds: float


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


def asked_of(case: Case, count: int) -> dict[str, dict[str, Any]]:
    """The forms of a network, and what asks for them."""
    names = ["plain", "lean"]
    names += ["checkpoint"] * case.budget + ["reversible"] * case.back
    found: dict[str, dict[str, Any]] = {name: {"memory": name} for name in names}
    if not case.budget:
        return found
    item = recform.compile(case.formula, case.network)
    most, least = (
        item.memory(f, batch=count).training for f in ("plain", "checkpoint")
    )
    for share in (75, 50):
        budget = least + (most - least) * share // 100
        found[f"budget {share}%"] = {"memory_budget": str(budget), "batch": count}
    return found


def said_of(case: Case, form: str, count: int) -> float:
    """MiB for one example that are said to be kept."""
    asked = asked_of(case, count).get(form)
    if asked is None:
        return 0.0
    item = recform.compile(case.formula, case.network)
    plan, budget = asked.get("memory"), asked.get("memory_budget")
    found = item.memory(plan, budget=budget, batch=count)
    return found.total.kept / count / MIB


def forms(case: Case, count: int, *, compiled: bool) -> dict[str, nn.Module]:
    """The networks that are compared; plain and lean have the same weights."""
    torch.manual_seed(0)
    made: dict[str, nn.Module] = {}
    if case.peer:
        import torchvision

        made["torchvision"] = getattr(torchvision.models, case.peer)()
    for form, asked in asked_of(case, count).items():
        made[form] = recform.load(case.formula, case.network, **asked)
        made[form].load_state_dict(made["plain"].state_dict())
    for net in made.values() if not case.dropout else ():
        for module in net.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
            elif isinstance(getattr(module, "dropout", None), float):
                module.dropout = 0.0
    if compiled:
        made |= {f"{form}, compiled": torch.compile(net) for form, net in made.items()}
    return made


def rows(name: str, case: Case, device: str, count: int, turns: int) -> Iterator[Row]:
    """Measures the forms of a network, in turns."""
    on = OnGpu() if device == "cuda" else OnCpu()
    given = recform.compile(case.formula, case.network).formula.input
    x = random_examples(given, count or case.count).to(device)
    nets = {}
    for form, net in forms(case, len(x), compiled=device == "cuda").items():
        nets[form] = net.to(device)
        if device == "cuda" and x.dim() == 4:
            nets[form] = net.to(device, memory_format=torch.channels_last)
    frame = contextlib.nullcontext()
    if device == "cuda":
        frame = torch.autocast("cuda", torch.bfloat16)  # type: ignore[assignment]
    best: dict[str, float] = {}
    sizes: dict[str, tuple[float, float]] = {}

    def step(net: nn.Module) -> Tensor:
        with frame:
            made: Tensor = net(x)
        made.float().sum().backward()
        return made.detach()

    def forward(net: nn.Module) -> Tensor:
        with frame:
            made: Tensor = net(x)
        return made

    for form, net in nets.items():
        step(net)  # makes the gradients, which are none of it
        kept, _ = on.measure(lambda net=net: forward(net))  # type: ignore[misc]
        _, peak = on.measure(lambda net=net: step(net))  # type: ignore[misc]
        sizes[form] = kept / len(x) / MIB, peak / MIB
    for _ in range(turns):
        for form, net in nets.items():
            start = on.clock()
            step(net)
            best[form] = min(best.get(form, 1e9), on.clock() - start)
    for form in nets:
        yield Row(name, form, said_of(case, form, len(x)), *sizes[form], best[form])


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", choices=tuple(CASES), action="append")
    parser.add_argument("--count", type=int, default=0, help="examples in a batch")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    print(
        "| network | form | said | MiB kept an example | ratio | peak | ratio | time | ratio |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    found = []
    for name in asked.only or CASES:
        made = list(rows(name, CASES[name], asked.device, asked.count, asked.turns))
        plain = next(row for row in made if row.form == "plain")
        for row in made:
            print(
                f"| {name} | {row.form} | {row.said:.2f} "
                f"| {row.kept:.2f} | {row.kept / plain.kept:.3f} "
                f"| {row.peak:.1f} | {row.peak / plain.peak:.3f} "
                f"| {row.seconds:.3f} s | {row.seconds / plain.seconds:.3f} |",
                flush=True,
            )
        found += made
    if asked.json:
        asked.json.write_text(json.dumps(list(map(asdict, found)), indent=2) + "\n")


if __name__ == "__main__":
    main()
