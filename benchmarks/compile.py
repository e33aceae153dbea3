"""How fast recform compiles, and how fast what it emits runs.

Four questions, each answered side by side in one run, with medians and ratios:

- `recform compile` of a 101-layer network as a whole process;
- depth 10,000 against depth 10: time of the process, and length of the source;
- `recform render` of a thousand blocks that all differ;
- the emitted ResNet-18 against torchvision's, forward and backward on the CPU.

    python benchmarks/compile.py [--runs 11] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOTTLENECK = """
W = conv(1, c/4) > bn > relu > conv(3, c/4, stride=s) > bn > relu > conv(1, c) > bn
stem conv(3, 64) > bn > relu
stages 256 x 3, 512 x 4 / 2, 1024 x 23 / 2, 2048 x 3 / 2
X_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>
W_0*X_<-1> = X_0
"""
DENSE = "stages 4 x 1000\nX_i = W_i*concat(X_<0..i-1>)\noutput concat(X_<0..L>)\n"
DEEP = "stages 16 x {depth}\nX_i = relu((1 + W_i)*X_<i-1>) - W_<i-1>*X_<i-2>\n"


def interleaved(
    actions: Mapping[str, Callable[[], object]], runs: int, warm: int = 1
) -> dict[str, list[float]]:
    """Times of each action; they run in turn, so that drift hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for run in range(warm + runs):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if run >= warm:
                times[name].append(time.perf_counter() - start)
    return times


def ratio(a: list[float], b: list[float]) -> float:
    """The median of the ratios of neighbouring runs."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def compiling(path: Path, out: Path) -> Callable[[], object]:
    """Runs `recform compile` as a process of its own."""
    command = [sys.executable, "-m", "recform", "compile", str(path), "-o", str(out)]
    return lambda: subprocess.run(command, check=True, cwd=out.parent)


def processes(runs: int) -> dict[str, float]:
    """Whole processes: a 101-layer network, and depth 10,000 against 10."""
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "resnet101_s": BOTTLENECK,
            "depth 10": DEEP.format(depth=10),
            "depth 10000": DEEP.format(depth=10_000),
        }
        actions = {}
        for name, text in files.items():
            path = Path(folder) / f"{name.replace(' ', '_')}.rf"
            path.write_text(text)
            actions[name] = compiling(path, path.with_suffix(".py"))
        times = interleaved(actions, runs)
        sizes = {
            depth: (Path(folder) / f"depth_{depth}.py").stat().st_size
            for depth in (10, 10_000)
        }
    return {
        "compile 101 layers, process [s]": statistics.median(times["resnet101_s"]),
        "depth 10 [s]": statistics.median(times["depth 10"]),
        "depth 10000 [s]": statistics.median(times["depth 10000"]),
        "time, depth 10000 / depth 10": ratio(times["depth 10000"], times["depth 10"]),
        "source, depth 10000 / depth 10": sizes[10_000] / sizes[10],
    }


def rendering(runs: int) -> dict[str, float]:
    """`recform render` of a thousand blocks that all differ, as a whole process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dense.rf"
        path.write_text(DENSE)
        command = [sys.executable, "-m", "recform", "render", str(path), "--view"]
        command += ["network", "-o", str(path.with_suffix(".svg"))]
        times = interleaved(
            {"render": lambda: subprocess.run(command, check=True, cwd=folder)}, runs
        )
    return {"render 1000 blocks, process [s]": statistics.median(times["render"])}


def training_step(model: object, images: object) -> Callable[[], object]:
    """Forward and backward."""

    def step() -> None:
        model.zero_grad(set_to_none=True)  # type: ignore[attr-defined]
        model(images).sum().backward()  # type: ignore[operator]

    return step


def against_torchvision(runs: int) -> dict[str, float]:
    """The emitted ResNet-18 (examples/zoo/resnet18.rf) against torchvision's."""
    import torch
    import torchvision

    import recform

    torch.manual_seed(0)
    theirs = torchvision.models.resnet18()
    ours = recform.load(ROOT / "examples" / "zoo" / "resnet18.rf")
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(8, 3, 128, 128)
    actions = {
        "ours": training_step(ours, images),
        "theirs": training_step(theirs, images),
    }
    times = interleaved(actions, runs, warm=3)
    return {
        "ResNet-18 emitted, forward+backward [s]": statistics.median(times["ours"]),
        "ResNet-18 torchvision, forward+backward [s]": statistics.median(
            times["theirs"]
        ),
        "emitted / torchvision": ratio(times["ours"], times["theirs"]),
    }


def main() -> None:
    """Runs all and prints a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = processes(options.runs) | rendering(options.runs)
    figures |= against_torchvision(3 * options.runs)
    for name, value in figures.items():
        print(f"{name:<46} {value:8.3f}")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
