"""Makes cifar5k.npz, as docs/results.md has it: 500 examples of each class of CIFAR-10."""

from __future__ import annotations

import sys

import numpy as np
from torchvision.datasets import CIFAR10

if __name__ == "__main__":
    arrays = {}
    for half in ("train", "test"):
        data = CIFAR10(sys.argv[1], train=half == "train", download=True)
        labels = np.array(data.targets)
        places = [np.flatnonzero(labels == number)[:500] for number in range(10)]
        chosen = np.concatenate(places)
        arrays[f"x_{half}"], arrays[f"y_{half}"] = data.data[chosen], labels[chosen]
    np.savez("cifar5k.npz", **arrays)
