"""`make demo`: from a formula to a network that learns, on real images.

Compiles examples/paper/resnet18_s.rf, shows what the formula means, runs the generated
module on photographs, and trains it a little on handwritten digits.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
FORMULA = ROOT / "examples" / "paper" / "resnet18_s.rf"
STEPS, BATCH = 40, 32
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


def digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's 1,797 digits as 3 x 32 x 32, and their labels."""
    data = load_digits()
    images = torch.tensor(data.images).float()[:, None] / 8 - 1
    images = F.interpolate(images, (32, 32), mode="bilinear")
    return images.expand(-1, 3, -1, -1), torch.tensor(data.target)


def train(network: nn.Module, images: Tensor, labels: Tensor) -> list[float]:
    """A few steps of momentum SGD; the losses."""
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    losses = []
    order = torch.randperm(len(images))
    for step in track(range(STEPS), "training", console=console):
        optimiser.param_groups[0]["lr"] = 0.02 * (1 - step / STEPS)
        batch = order[torch.arange(step * BATCH, (step + 1) * BATCH) % len(order)]
        loss = F.cross_entropy(network(images[batch]), labels[batch])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def main() -> None:
    """The whole demonstration, about a minute on two cores."""
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

    images, labels = digits()
    held_out = slice(1600, None)
    start = time.perf_counter()
    losses = train(network, images[:1600], labels[:1600])
    for first in range(0, STEPS, 10):
        mean = sum(losses[first : first + 10]) / 10
        bar = "#" * round(20 * mean)
        console.print(f"steps {first + 1:>2}-{first + 10:<2}  loss {mean:5.3f}  {bar}")
    network.eval()
    with torch.inference_mode():
        guesses = network(images[held_out]).argmax(1)
    right = (guesses == labels[held_out]).float().mean().item()
    seconds = time.perf_counter() - start
    console.print(f"{right:.0%} of {len(guesses)} unseen digits right, {seconds:.0f} s")
    console.print(
        "\nNext: change the formula in examples/paper/resnet18_s.rf and run this again, "
        "or\n  .venv/bin/recform compile examples/paper/one_line.rf"
    )


if __name__ == "__main__":
    main()
