"""What `recform summary --memory` says of all examples, beside what torch does.

    python benchmarks/memory_model.py [--plan PLAN] [--real] [--profiler] [FILES]

Each network of the examples is made and trained for a step, with two examples in float32 as
on a CPU; storages are watched as the tests watch them (tests/costs/measured.py). That
needs no numbers, and takes torch's tensors without any where it can; with --real they have
some. With --profiler peaks of training are those of torch's profiler, which sees the scratch
memory of kernels as well. With --plan they are in another form than the plain one. The last
line counts the networks of which all figures are right.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from table import EXAMPLES, ROOT
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(ROOT))

from recform.compiled import Compiled
from recform.compiler import compile_source, read
from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.modules import load_source
from recform.report.memory import in_bytes
from recform.target import Target
from tests.costs.measured import Loss, Measured, examples, measure

BATCH = 2
#: A figure is right that is so far off at most: what is kept, and a peak.
KEPT, PEAK = 0.01, 0.1
#: What code looks at in tensors, and what it sees of such as have no numbers: they are of a
#: class of their own, lie nowhere, and nothing is drawn.
NUMBERS = {
    "if types or lies:": "if lies:",
    "if not types and name in": "if name in",
    "type(t) is Tensor": "isinstance(t, Tensor)",
    ".untyped_storage().data_ptr()": ".untyped_storage()._cdata",
    "if not all(map(torch.equal, before, self.random())):": "if False:",
}


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
        source = item.source
        for seen, instead in NUMBERS.items():
            source = source.replace(seen, instead)
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):
                net = getattr(load_source(source, item.name), item.name)()
                return measure(net, item.formula.inputs, BATCH)
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
    files = options.files or sorted(EXAMPLES.rglob("*.rf"))
    count = right = 0
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
            real = measured(item, options.real)
            training = profiled(item) if options.profiler else real.training
            momentum = said.total.optimizer
            flops = multiply_adds(plain)  # Blocks that run backwards need numbers.
            kept = said.total.kept / max(real.kept, 1)
            peaks = (
                (said.training - momentum) / training,
                said.inference / real.inference,
            )
            count += 1
            right += abs(kept - 1) <= KEPT and all(abs(p - 1) <= PEAK for p in peaks)
            cells = [
                f"{path.parent.name}/{path.stem}: {item.name}",
                in_bytes(real.kept),
                f"{kept:.3f}",
                in_bytes(training),
                f"{peaks[0]:.3f}",
                in_bytes(real.inference),
                f"{peaks[1]:.3f}",
                "equal"
                if flops == said.total.multiply_adds
                else f"{said.total.multiply_adds / flops:.3f}",
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
    print(
        f"\n{right} of {count} networks are right: to {KEPT:.0%} in what is kept, and to"
    )
    print(f"both peaks to {PEAK:.0%}.")


if __name__ == "__main__":
    main()
