"""What folding a network for inference gains, beside torchvision's own in evaluation.

The formula's network gets torchvision's weights, with statistics that are not those of a
new network, and `recform.optimize` folds them. Both take turns in one process, so that a
machine whose speed drifts does not matter; the figure is the median of the ratios of
neighbouring turns. Results have to agree.

    python benchmarks/inference.py [--turns 15] [--batch 4] [--threads 2] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

import recform

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "zoo"
NETWORKS = ("resnet50", "mobilenet_v2")
#: The largest ratio that is allowed, and how far results may be apart.
BOUND, APART = 0.85, 1e-5


def stirred(module: nn.Module) -> nn.Module:
    """The module with statistics and scales as after some training."""
    draws = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1, generator=draws)
            part.running_var.uniform_(0.5, 2, generator=draws)
            part.bias.data.normal_(0, 0.1, generator=draws)
    return module.eval()


def seconds(module: nn.Module, x: Tensor) -> float:
    """How long a pass takes."""
    start = time.perf_counter()
    module(x)
    return time.perf_counter() - start


def compared(name: str, batch: int, turns: int) -> dict[str, Any]:
    """The ratio of one network."""
    theirs = stirred(getattr(torchvision.models, name)())
    ours = recform.load(EXAMPLES / f"{name}.rf")
    ours.load_state_dict(theirs.state_dict())
    folded = recform.optimize(ours)
    x = torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    wanted, made = theirs(x), folded(x)
    apart = float((wanted - made).abs().max() / wanted.abs().max())
    ratios, times = [], []
    for _ in range(turns):
        before = seconds(theirs, x)
        own = seconds(folded, x)
        # The machine may have become slower or faster meanwhile.
        ratios.append(own / ((before + seconds(theirs, x)) / 2))
        times.append(own)
    return {
        "network": name,
        "ratio": round(statistics.median(ratios), 3),
        "milliseconds": round(1000 * statistics.median(times), 1),
        "apart": apart,
    }


def main() -> None:
    """Prints the ratios, and marks those that are too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with torch.no_grad():
        found = [compared(name, given.batch, given.turns) for name in NETWORKS]
    for row in found:
        fine = row["ratio"] <= BOUND and row["apart"] <= APART
        print(
            "{network:14} {ratio:.2f} of torchvision's time ({milliseconds} ms), results "
            "{apart:.0e} apart".format(**row)
            + ("" if fine else f"  NOT WITHIN {BOUND} AND {APART}")
        )
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
