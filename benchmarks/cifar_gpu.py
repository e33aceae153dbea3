"""The networks of examples/paper/study.rf on CIFAR-10, several at once on one GPU.

    python benchmarks/cifar_gpu.py prepare build/gpu --width 64
    python benchmarks/cifar_gpu.py run build/gpu cifar10.npz build/gpu/results.jsonl \
        --epochs 36 --seeds 0,617,1234 --at-once 4 --minutes 9
    python benchmarks/cifar_gpu.py table build/gpu/results.jsonl > results.csv
    recform compare --results results.csv

`prepare` needs recform, and `run` only torch and the folder: the loop is the bare one of
recform.training, with the same draws. Networks that no longer fit into the minutes are left
out, whole seeds at a time, so that what there is can be compared.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
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


def train(path: Path, data: Path, epochs: int, seed: int) -> dict[str, Any]:
    """Trains one network; what came out."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    from recform.training.draws import mixed, order
    from recform.training.examples import Images, Pass, Scale
    from recform.training.measure import measured
    from recform.training.optimizer import optimizer
    from recform.training.recipe import lr_at, recipe_of

    changes = [f"epochs={epochs}", "validation=0", "select=last"]
    changes += ["warmup=0.5"] if epochs < 3 else []
    recipe = recipe_of("paper-cifar", changes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    with np.load(data) as held:
        found = {
            part: (
                torch.from_numpy(held[f"x_{part}"]).permute(0, 3, 1, 2).contiguous(),
                torch.from_numpy(held[f"y_{part}"].astype("int64")),
            )
            for part in ("train", "test")
        }
    scale = Scale.of(found["train"][0])
    sets = {part: Images(*found[part], scale, flips=True).to(device) for part in found}
    torch.manual_seed(mixed("start", seed))
    model = load(path)().to(device, memory_format=torch.channels_last)
    optimiser = optimizer(model, recipe)
    count, batch = len(sets["train"]), recipe.batch
    steps = count // batch
    began = time.perf_counter()
    for epoch in range(epochs):
        model.train()
        picks = order(count, seed, epoch)[: steps * batch].split(batch)
        batches = sets["train"].batches(picks, Pass(seed, epoch, recipe))
        for number, (images, labels) in enumerate(batches):
            for group in optimiser.param_groups:
                group["lr"] = lr_at(recipe, epoch * steps + number, steps)
            optimiser.zero_grad(set_to_none=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
                scores = model(images.contiguous(memory_format=torch.channels_last))
            F.cross_entropy(scores.float(), labels).backward()
            optimiser.step()
    with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
        loss, right, seen = measured(model, sets["test"], 1000).tolist()
    return {
        "network": path.stem,
        "seed": seed,
        "epochs": epochs,
        "accuracy": right / seen,
        "loss": loss / seen,
        "seconds": time.perf_counter() - began,
        "peak_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
    }


def run(given: argparse.Namespace) -> None:
    """Trains all networks seed by seed, as far as the minutes go."""
    end = time.monotonic() + 60 * given.minutes
    paths = sorted(given.folder.glob("*.py"))
    given.results.parent.mkdir(parents=True, exist_ok=True)
    longest = 0.0
    with (
        given.results.open("a") as out,
        ProcessPoolExecutor(given.at_once, get_context("spawn")) as pool,
    ):
        for seed in map(int, given.seeds.split(",")):
            start = time.monotonic()
            if start + longest > end:
                print(f"no time is left for seed {seed}", file=sys.stderr)
                break
            work = [
                pool.submit(train, path, given.data, given.epochs, seed)
                for path in paths
            ]
            for future in as_completed(work):
                print(json.dumps(future.result()), file=out, flush=True)
            longest = max(longest, time.monotonic() - start)


def table(results: Path) -> None:
    """The accuracies as a table that `recform compare --results` reads."""
    rows = [json.loads(line) for line in results.read_text().splitlines()]
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
