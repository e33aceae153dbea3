"""What `recform summary --memory` says of all examples, beside what torch does.

    python benchmarks/memory_model.py [--plan PLAN] [--real] [--profiler] [FILES]
    python benchmarks/memory_model.py --gpu [--plan PLAN] [--dtype bf16] [FILES --batch N]
    python benchmarks/memory_model.py --faked [--plan PLAN] [--dtype bf16] [FILES]
    python benchmarks/memory_model.py --every [--part 1/4] [--dtype bf16] [FILES]

Each network of the examples is made and trained for a step, with two examples in float32 as
on a CPU; storages are watched as the tests watch them (tests/costs/measured.py). That
needs no numbers, and takes torch's tensors without any where it can; with --real they have
some. With --profiler peaks of training are those of torch's profiler, which sees the scratch
memory of kernels as well. With --plan they are in another form than the plain one; it can be
a budget, too. With --gpu networks are on one, peaks are what its allocator counts, and if no
file is named there are fewer of them, with more examples. With --faked they are on one that
is not there (tests/faked.py), and storages are watched as on a CPU. With --every each
network is tried in all forms that it can have, and with timm's interface; what is off by
more than half a hundredth in what is kept, or by one in a peak, gets a row, and the table of
docs/costs.md stands at the end. With --part 1/4 it is every fourth file, from the first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from table import EXAMPLES, ROOT
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(ROOT))

from recform.compiled import Compiled
from recform.compiler import compile_source, read
from recform.costs.planning import budget_of
from recform.diagnostics import CompileError
from recform.memory import Memory
from recform.modules import load_source
from recform.report.memory import in_bytes
from recform.syntax.uses import Folder
from recform.target import Target
from tests.costs.measured import (
    Loss,
    Measured,
    examples,
    measure,
    on_faked_gpu,
    on_gpu,
)
from tests.faked import moved, without_numbers

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


def measured(
    item: Compiled, batch: int, real: bool, dtype: torch.dtype = torch.float32
) -> Measured:
    """What torch holds on a CPU."""
    if not real:
        source = without_numbers(item.source)
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):
                net = getattr(load_source(source, item.name), item.name)()
                if dtype is not torch.float32:
                    net = moved(net, "cpu", dtype)
                return measure(net, item.formula.inputs, batch)
        except DataDependentOutputException:
            pass  # the constructor asks for a number
    return measure(item.module().to(dtype), item.formula.inputs, batch)


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


def device_of(options: argparse.Namespace) -> str | None:
    """Whose memory is told, as `recform summary` is asked for it."""
    return "h100" if options.gpu or options.faked else None


def formed(plain: Compiled, folder: Folder, options: argparse.Namespace) -> Compiled:
    """A network in the form that is asked for.

    Raises:
        CompileError: if a budget is too small.
    """
    if options.plan in list(Memory):
        return replace(plain, target=Target(memory=Memory(options.plan)))
    sizes, device = (options.batch, options.dtype), device_of(options)
    budget = budget_of(options.plan, *sizes, for_device=device)
    target = Target(budget=budget)
    source, name = plain.formula.source, plain.name
    return compile_source(source, {}, folder, network=name, target=target)[0]


def row(plain: Compiled, folder: Folder, options: argparse.Namespace) -> list[str]:
    """What is said of a network, and what is.

    Raises:
        CompileError: if the network has no such form.
    """
    sizes = {"batch": options.batch, "dtype": options.dtype}
    item = formed(plain, folder, options)
    said = item.memory(None, **sizes, for_device=device_of(options))
    if options.gpu:
        net = item.module().to(DTYPES[options.dtype])
        real = on_gpu(net, item.formula.inputs, options.batch)
    elif options.faked:
        with torch.device("meta"):
            net = getattr(
                load_source(without_numbers(item.source), item.name), item.name
            )()
        dtype = DTYPES[options.dtype]
        real = on_faked_gpu(net, item.formula.inputs, options.batch, dtype)
    else:
        dtype = DTYPES[options.dtype]
        real = measured(item, options.batch, options.real, dtype)
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


#: What --every tries: plans, and timm's interface.
WAYS = [*((str(form), False) for form in Memory), ("plain", True)]
#: Columns of the table: of which figure so many are off by no more than this.
BOUNDS = ((0, 0.001), (0, 0.01), (1, 0.01), (1, 0.02), (2, 0.01), (2, 0.02))


def every(
    networks: Iterable[tuple[str, Compiled, Folder]], options: argparse.Namespace
) -> None:
    """Tries networks in all forms; prints what is off, and how many are how exact."""
    dtype, found = DTYPES[options.dtype], {way: list[list[float]]() for way in WAYS}
    for title, plain, folder in networks:
        for plan, timm in WAYS:
            try:
                target = Target(memory=Memory(plan), timm=timm)
                item = replace(plain, target=target)
                if timm:  # of which not every network has the interface
                    source, name = plain.formula.source, plain.name
                    (item,) = compile_source(
                        source, {}, folder, network=name, target=target
                    )
                said = item.memory(None, batch=options.batch, dtype=options.dtype)
                real = measured(item, options.batch, options.real, dtype)
            except CompileError:
                continue  # it has no such form
            ratios = [
                said.total.kept / max(real.kept, 1),
                (said.training - said.total.optimizer) / real.training,
                said.inference / real.inference,
            ]
            found[plan, timm].append(ratios)
            off = [abs(ratio - 1) for ratio in ratios]
            if off[0] > 0.005 or max(off) > 0.01:
                cells = " | ".join(f"{ratio:.3f}" for ratio in ratios)
                way = f"{plan}{', timm' * timm}"
                print(f"| {title} | {way} | {cells} |", flush=True)
    for (plan, timm), rows in found.items():
        counts = [sum(abs(r[n] - 1) <= most for r in rows) for n, most in BOUNDS]
        cells = " | ".join(map(str, (len(rows), *counts)))
        print(f"| {plan}{', timm' * timm} | {cells} |")


def main() -> None:
    """Prints a row for each network."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("files", nargs="*", type=Path)
    asked.add_argument("--network", help="one of several")
    asked.add_argument("--real", action="store_true")
    asked.add_argument("--profiler", action="store_true")
    asked.add_argument("--plan", default="plain", help="a form, or a budget")
    asked.add_argument("--gpu", action="store_true")
    asked.add_argument("--faked", action="store_true", help="a GPU that is not there")
    asked.add_argument("--dtype", default="fp32", choices=DTYPES)
    asked.add_argument("--batch", type=int, default=BATCH)
    asked.add_argument("--every", action="store_true", help="each form, what is off")
    asked.add_argument("--part", default="1/1", help="which of so many parts")
    options = asked.parse_args()
    torch.set_num_threads(1)
    given = dict.fromkeys(options.files, (options.network, options.batch))
    if options.gpu and not given:
        given = {EXAMPLES / name: asked_of for name, asked_of in ON_GPU.items()}
    elif not given:
        files = sorted(EXAMPLES.rglob("*.rf"))
        given = dict.fromkeys(files, (None, options.batch))
    if options.every:
        place, count = map(int, options.part.split("/"))
        networks = (
            (f"{path.parent.name}/{path.stem}: {plain.name}", plain, folder)
            for path in [*given][place - 1 :: count]
            for source, folder in [read(path)]
            for plain in compile_source(source, folder=folder)
        )
        every(networks, options)
        return
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
                cells = row(plain, folder, options)
            except CompileError:
                continue  # it cannot be run backwards
            name = f"{path.parent.name}/{path.stem}: {plain.name}"
            print(f"| {' | '.join([name, *cells])} |", flush=True)


if __name__ == "__main__":
    main()
