"""Training: a formula, or any module, on data, by a recipe, in a folder of its own.

`session.py` reads like the whole: data (`data.py`, of the kinds in `examples.py` and
`folder.py`), what is trained (`subject.py`), how (`recipe.py`), the loop (`engine.py`) with
what it draws at random (`draws.py`) and where it goes on (`checkpoint.py`), and the folder
that keeps all of it (`runs.py`).
"""

from __future__ import annotations

import os

from recform.modules import need, need_torch

#: What training imports, by the names of the modules.
_PACKAGES = [
    "accelerate",
    "filelock",
    "matplotlib",
    "sklearn",
    "tensorboard",
    "torchvision",
]


def need_training(what: str) -> None:
    """Makes sure that all is there that training needs.

    Args:
        what: needs it, in the user's words.

    Raises:
        CompileError: if it is not (RF808, RF906).
    """
    # Read when torch is loaded. Threads that wait for each other spin, by default for
    # long: docs/benchmarks.md has what that costs where another process takes a core.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    need_torch(what)
    for package in _PACKAGES:
        need(package, what, "RF808", "pip install 'recform[train]'")
