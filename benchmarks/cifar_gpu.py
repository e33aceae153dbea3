"""The networks of examples/paper/study.rf on CIFAR-10, several at once on one GPU.

    python benchmarks/cifar_gpu.py prepare build/gpu --width 64
    python benchmarks/cifar_gpu.py run build/gpu cifar10.npz build/gpu/results.jsonl \
        --epochs 36 --seeds 0,617,1234 --at-once 4 --minutes 9
    python benchmarks/cifar_gpu.py table build/gpu/results.jsonl > results.csv
    recform compare --results results.csv

`prepare` needs recform, and `run` only torch and the folder: the loop is the bare one of
recform.training, with the same draws. Each epoch adds a line to the results, and the last
one has the accuracy: nobody looks at the test set before. Seeds that no longer fit into the
minutes are left out as a whole, so that what there is can be compared; a network that is not
done when they are over ends with its epoch, and is in no table.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def prepare(folder: Path, width: int) -> None:
    """Writes the generated modules of all networks of the study."""
    from recform.compiler import compile_source, read

    source, where = read(ROOT / "examples" / "paper" / "study.rf")
    folder.mkdir(parents=True, exist_ok=True)
    for item in compile_source(source, {"width": width}, where):
        (folder / f"{item.name}.py").write_text(item.source)


def load(path: Path) -> Any:
    """The class of a generated module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, path.stem)


@dataclass(frozen=True)
class Study:
    """How each network is trained.

    Attributes:
        data: the images.
        epochs: as many as there is time for.
        compiled: whether by torch.compile.
        results: get a line behind each epoch.
        end: when no other epoch is begun, by `time.time`.
    """

    data: Path
    epochs: int
    compiled: bool
    results: Path
    end: float


def train(path: Path, seed: int, study: Study) -> None:
    """Trains the network of a module; all draws are the seed's."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    from recform.training.draws import mixed, order
    from recform.training.examples import Images, Pass, Scale
    from recform.training.measure import measured
    from recform.training.optimizer import optimizer
    from recform.training.recipe import lr_at, recipe_of

    epochs = study.epochs
    changes = [f"epochs={epochs}", "validation=0", "select=last"]
    changes += ["warmup=0.5"] if epochs < 3 else []
    recipe = recipe_of("paper-cifar", changes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    with np.load(study.data) as held:
        found = {
            part: (
                torch.from_numpy(held[f"x_{part}"]).permute(0, 3, 1, 2).contiguous(),
                torch.from_numpy(held[f"y_{part}"].astype("int64")),
            )
            for part in ("train", "test")
        }
    scale = Scale.of(found["train"][0])
    sets = {part: Images(*found[part], scale, flips=True).to(device) for part in found}
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(mixed("start", seed))
    model = load(path)().to(device, memory_format=torch.channels_last)
    optimiser = optimizer(model, recipe)
    step = torch.compile(model) if study.compiled else model
    count, batch = len(sets["train"]), recipe.batch
    steps = count // batch
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    for epoch in range(epochs):
        if time.time() > study.end:
            print(f"{path.stem}, seed {seed}: {epoch} epochs", file=sys.stderr)
            return
        model.train()
        picks = order(count, seed, epoch)[: steps * batch].split(batch)
        losses = torch.zeros((), device=device)
        batches = sets["train"].batches(picks, Pass(seed, epoch, recipe))
        for number, (images, labels) in enumerate(batches):
            for group in optimiser.param_groups:
                group["lr"] = lr_at(recipe, epoch * steps + number, steps)
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
                scores = step(images.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(scores.float(), labels)
            loss.backward()
            optimiser.step()
            losses += loss.detach()
        row = {
            "network": path.stem,
            "seed": seed,
            "epoch": epoch + 1,
            "epochs": epochs,
            "training_loss": losses.item() / steps,
            "seconds": time.perf_counter() - began,
            "peak_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
            "device": torch.cuda.get_device_name() if on_gpu else "cpu",
        }
        if epoch + 1 == epochs:
            with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
                total, right, seen = measured(model, sets["test"], 1000).tolist()
            row |= {"accuracy": right / seen, "loss": total / seen}
        # A short line that is added at once stays whole beside those of others.
        with study.results.open("a") as out:
            out.write(json.dumps(row) + "\n")


def run(given: argparse.Namespace) -> None:
    """Trains all networks seed by seed, as far as the minutes go."""
    end = time.time() + 60 * given.minutes
    study = Study(given.data, given.epochs, given.compile, given.results, end)
    paths = sorted(given.folder.glob("*.py"))
    given.results.parent.mkdir(parents=True, exist_ok=True)
    longest = 0.0
    with ProcessPoolExecutor(given.at_once, get_context("spawn")) as pool:
        for seed in map(int, given.seeds.split(",")):
            start = time.time()
            if start + longest > end:
                print(f"no time is left for seed {seed}", file=sys.stderr)
                break
            for future in as_completed(
                [pool.submit(train, path, seed, study) for path in paths]
            ):
                if error := future.exception():  # the others go on
                    print(f"{type(error).__name__}: {error}", file=sys.stderr)
            longest = max(longest, time.time() - start)


def table(results: Path) -> None:
    """The accuracies as a table that `recform compare --results` reads."""
    lines = map(json.loads, results.read_text().splitlines())
    rows = [row for row in lines if row["epoch"] == row["epochs"]]
    seeds = sorted({row["seed"] for row in rows})
    known = {(row["network"], row["seed"]): row["accuracy"] for row in rows}
    write = csv.writer(sys.stdout)
    write.writerow(["model", *(f"seed {seed}" for seed in seeds)])
    for name in dict.fromkeys(row["network"] for row in rows):
        values = [known.get((name, seed)) for seed in seeds]
        write.writerow([name, *("" if v is None else f"{100 * v:.2f}" for v in values)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("prepare")
    one.add_argument("folder", type=Path)
    one.add_argument("--width", type=int, default=64)
    two = commands.add_parser("run")
    two.add_argument("folder", type=Path)
    two.add_argument("data", type=Path)
    two.add_argument("results", type=Path)
    two.add_argument("--epochs", type=int, default=36)
    two.add_argument("--seeds", default="0,617,1234")
    two.add_argument("--at-once", type=int, default=4)
    two.add_argument("--compile", action="store_true", help="by torch.compile")
    two.add_argument("--minutes", type=float, default=9)
    three = commands.add_parser("table")
    three.add_argument("results", type=Path)
    given = parser.parse_args()
    if given.command == "prepare":
        prepare(given.folder, given.width)
    elif given.command == "run":
        run(given)
    else:
        table(given.results)


if __name__ == "__main__":
    main()
