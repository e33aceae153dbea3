"""What `recform summary --memory` says of all examples, beside what torch does.

    python benchmarks/memory_model.py [--plan PLAN] [--real] [--profiler] [FILES]
    python benchmarks/memory_model.py --gpu [--plan PLAN] [--dtype bf16] [FILES --batch N]

Each network of the examples is made and trained for a step, with two examples in float32 as
on a CPU; storages are watched as the tests watch them (tests/costs/measured.py). That
needs no numbers, and takes torch's tensors without any where it can; with --real they have
some. With --profiler peaks of training are those of torch's profiler, which sees the scratch
memory of kernels as well. With --plan they are in another form than the plain one; it can be
a budget, too. With --gpu networks are on one, peaks are what its allocator counts, and if no
file is named there are fewer of them, with more examples.
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
from recform.costs.planning import budget_of  # noqa: E402
from recform.diagnostics import CompileError  # noqa: E402
from recform.memory import Memory  # noqa: E402
from recform.report.memory import in_bytes  # noqa: E402
from recform.target import Target  # noqa: E402
from tests.costs.measured import Loss, Measured, examples, measure, on_gpu  # noqa: E402

BATCH = 2
#: Networks on a GPU, and how many examples.
ON_GPU = {
    "zoo/resnet50.rf": (None, 32),
    "paper/resnet_imagenet_s.rf": ("ResNet50s", 32),
    "paper/resnet18_s.rf": (None, 128),
    "zoo/revnet.rf": ("RevNet110", 128),
    "zoo/convnext_tiny.rf": (None, 32),
    "zoo/densenet121.rf": (None, 32),
    "zoo/mobilenet_v2.rf": (None, 64),
    "zoo/vit_b_16.rf": (None, 32),
    "zoo/gpt2.rf": ("GPT2Small", 2),
    "modern/llama.rf": (None, 8),
}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def multiply_adds(item: Compiled) -> int:
    """What FlopCounterMode counts of a forward pass; on the meta device it sees all."""
    net = item.module().eval().to("meta")
    shapes = item.formula.inputs
    given = [examples(shape, BATCH, torch.float32).to("meta") for shape in shapes]
    with FlopCounterMode(display=False) as counter:
        net(*given)
    return counter.get_total_flops() // 2


def measured(item: Compiled, batch: int, real: bool) -> Measured:
    """What torch holds on a CPU."""
    if not real:
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):
                return measure(item.module(), item.formula.inputs, batch)
        except DataDependentOutputException:
            pass  # the constructor asks for a number
    return measure(item.module(), item.formula.inputs, batch)


def profiled(item: Compiled, batch: int) -> int:
    """The peak of a step of training by the profiler, with parameters and input."""
    net = item.module().train()
    given = [examples(shape, batch, torch.float32) for shape in item.formula.inputs]
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


def row(plain: Compiled, options: argparse.Namespace) -> list[str]:
    """What is said of a network, and what is.

    Raises:
        CompileError: if the network has no such form.
    """
    sizes = {"batch": options.batch, "dtype": options.dtype}
    if options.plan in list(Memory):
        target = Target(memory=Memory(options.plan))
    else:
        target = Target(budget=budget_of(options.plan, **sizes))
    item = replace(plain, target=target)
    said = item.memory(None, **sizes)
    if options.gpu:
        net = item.module().to(DTYPES[options.dtype])
        real = on_gpu(net, item.formula.inputs, options.batch)
    else:
        # Frames look at real tensors only.
        real = measured(
            item, options.batch, options.real or options.plan != Memory.plain
        )
    training = profiled(item, options.batch) if options.profiler else real.training
    flops = multiply_adds(plain)  # Blocks that run backwards need numbers.
    counted = said.total.multiply_adds * BATCH / options.batch
    return [
        in_bytes(real.kept),
        f"{said.total.kept / max(real.kept, 1):.3f}",
        in_bytes(training),
        f"{(said.training - said.total.optimizer) / training:.3f}",
        in_bytes(real.inference),
        f"{said.inference / real.inference:.3f}",
        "equal" if flops == counted else f"{counted / flops:.3f}",
    ]


def main() -> None:
    """Prints a row for each network."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("files", nargs="*", type=Path)
    asked.add_argument("--network", help="one of several")
    asked.add_argument("--real", action="store_true")
    asked.add_argument("--profiler", action="store_true")
    asked.add_argument("--plan", default="plain", help="a form, or a budget")
    asked.add_argument("--gpu", action="store_true")
    asked.add_argument("--dtype", default="fp32", choices=DTYPES)
    asked.add_argument("--batch", type=int, default=BATCH)
    options = asked.parse_args()
    torch.set_num_threads(1)
    given = dict.fromkeys(options.files, (options.network, options.batch))
    if options.gpu and not given:
        given = {
            ROOT / "examples" / name: asked_of for name, asked_of in ON_GPU.items()
        }
    elif not given:
        given = dict.fromkeys(
            sorted((ROOT / "examples").rglob("*.rf")), (None, options.batch)
        )
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
    for path, (network, options.batch) in given.items():
        source, folder = read(path)
        for plain in compile_source(source, folder=folder, network=network):
            try:
                cells = row(plain, options)
            except CompileError:
                continue  # it cannot be run backwards
            name = f"{path.parent.name}/{path.stem}: {plain.name}"
            print(f"| {' | '.join([name, *cells])} |", flush=True)


if __name__ == "__main__":
    main()
