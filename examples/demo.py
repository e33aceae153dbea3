"""`make demo`: from a formula to a network that learns, on real images.

Compiles examples/paper/resnet18_s.rf, shows what the formula means, runs the generated
module on photographs, trains it a little on handwritten digits, and compares two formulas.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
FORMULA = ROOT / "examples" / "paper" / "resnet18_s.rf"
console = Console(highlight=False)


def run(*arguments: str) -> None:
    """Runs recform as a user does, and shows the command."""
    console.print(f"\n[bold]$ recform {' '.join(arguments)}[/]")
    command = [sys.executable, "-m", "recform", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)


def generated(path: Path) -> type[nn.Module]:
    """The network's class, from the generated file: it needs torch and nothing of ours."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network: type[nn.Module] = module.ResNet18s
    return network


def photographs() -> Tensor:
    """scikit-learn's two photographs, 2 x 3 x 32 x 32, normalised."""
    images = [torch.tensor(image) for image in load_sample_images().images]
    batch = torch.stack(images).permute(0, 3, 1, 2).float() / 255
    return F.interpolate(batch, (32, 32), mode="area") * 2 - 1


def main() -> None:
    """The whole demonstration, under two minutes on two cores."""
    torch.manual_seed(0)
    formula = FORMULA.relative_to(ROOT)
    out = ROOT / "build" / "resnet18_s.py"
    out.parent.mkdir(exist_ok=True)
    console.print(f"[bold]{formula}[/]\n")
    console.print(FORMULA.read_text(), markup=False, style="cyan")
    run("summary", str(formula))
    run("compile", str(formula), "-o", str(out.relative_to(ROOT)))
    console.print(f"written: {out.relative_to(ROOT)}")

    network = generated(out)()
    photos = photographs()
    with torch.inference_mode():
        scores = network.eval()(photos)
    console.print(f"\ntwo photographs: {tuple(photos.shape)} -> {tuple(scores.shape)}")

    runs = str(ROOT / "build" / "runs")
    few = ("--override", "epochs=6", "--runs", runs)
    run("train", str(formula), *few)

    study = "examples/paper/study.rf"
    report = ROOT / "build" / "report.html"
    networks = (f"{study}:ResNet", f"{study}:ResNetS")
    options = ("--seeds", "0,617,1234", "--jobs", "2", "-o", str(report))
    run("compare", *networks, *options, *few)
    console.print(f"\nthe report: {report}")
    console.print(
        "\nNext: change the formula in examples/paper/resnet18_s.rf and run this again, "
        "or\n  .venv/bin/recform compile examples/paper/one_line.rf"
    )


if __name__ == "__main__":
    main()
