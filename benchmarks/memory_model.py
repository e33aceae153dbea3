"""What `recform summary --memory` says of all examples, beside what torch does.

    python benchmarks/memory_model.py [--plan PLAN] [--real] [--profiler] [FILES]

Each network of the examples is made and trained for a step, with two examples in float32 as
on a CPU; storages are watched as the tests watch them (tests/costs/measured.py). That
needs no numbers, and takes torch's tensors without any where it can; with --real they have
some. With --profiler peaks of training are those of torch's profiler, which sees the scratch
memory of kernels as well. With --plan they are in another form than the plain one.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from recform.compiled import Compiled  # noqa: E402
from recform.compiler import compile_source, read  # noqa: E402
from recform.diagnostics import CompileError  # noqa: E402
from recform.memory import Memory  # noqa: E402
from recform.report.memory import in_bytes  # noqa: E402
from recform.target import Target  # noqa: E402
from tests.costs.measured import Loss, Measured, examples, measure  # noqa: E402

BATCH = 2


def multiply_adds(item: Compiled) -> int:
    """What FlopCounterMode counts of a forward pass; on the meta device it sees all."""
    net = item.module().eval().to("meta")
    shapes = item.formula.inputs
    given = [examples(shape, BATCH, torch.float32).to("meta") for shape in shapes]
    with FlopCounterMode(display=False) as counter:
        net(*given)
    return counter.get_total_flops() // 2


def measured(item: Compiled, real: bool) -> Measured:
    """What torch holds."""
    if not real:
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):
                return measure(item.module(), item.formula.inputs, BATCH)
        except DataDependentOutputException:
            pass  # the constructor asks for a number
    return measure(item.module(), item.formula.inputs, BATCH)


def profiled(item: Compiled) -> int:
    """The peak of a step of training by the profiler, with parameters and input."""
    net = item.module().train()
    given = [examples(shape, BATCH, torch.float32) for shape in item.formula.inputs]
    there = sum(p.numel() * p.element_size() for p in net.parameters())
    there += sum(x.numel() * x.element_size() for x in given)
    with torch.profiler.profile(profile_memory=True) as profiler:
        Loss.apply(net(*given)).backward()
    now = most = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == "[memory]":
            now += event.nbytes()
            most = max(most, now)
    return there + most


def main() -> None:
    """Prints a row for each network."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("files", nargs="*", type=Path)
    asked.add_argument("--real", action="store_true")
    asked.add_argument("--profiler", action="store_true")
    asked.add_argument("--plan", type=Memory, choices=list(Memory), default="plain")
    options = asked.parse_args()
    torch.set_num_threads(1)
    files = options.files or sorted((ROOT / "examples").rglob("*.rf"))
    heads = (
        "network",
        "kept",
        "said/is",
        "training",
        "said/is",
        "inference",
        "said/is",
    )
    print(f"| {' | '.join((*heads, 'multiply-adds'))} |")
    print("|---|---|---|---|---|---|---|---|")
    for path in files:
        source, folder = read(path)
        for plain in compile_source(source, folder=folder):
            item = replace(plain, target=Target(memory=options.plan))
            try:
                said = item.memory(batch=BATCH)
            except CompileError:
                continue  # it cannot be run backwards
            # Frames look at real tensors only.
            real = measured(item, options.real or options.plan is not Memory.plain)
            training = profiled(item) if options.profiler else real.training
            momentum = said.total.optimizer
            cells = [
                f"{path.parent.name}/{path.stem}: {item.name}",
                in_bytes(real.kept),
                f"{said.total.kept / max(real.kept, 1):.3f}",
                in_bytes(training),
                f"{(said.training - momentum) / training:.3f}",
                in_bytes(real.inference),
                f"{said.inference / real.inference:.3f}",
                "equal"
                if multiply_adds(item) == said.total.multiply_adds
                else f"{said.total.multiply_adds / multiply_adds(item):.3f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
