"""Training: a formula, or any module, on data, by a recipe, in a folder of its own.

`session.py` reads like the whole: data (`data.py`, of the kinds in `examples.py` and
`folder.py`), what is trained (`subject.py`), how (`recipe.py`), the loop (`engine.py`) with
what it draws at random (`draws.py`) and where it goes on (`checkpoint.py`), and the folder
that keeps all of it (`runs.py`).
"""

from __future__ import annotations

import os

from recform.diagnostics import CompileError, Diagnostics
from recform.modules import need_torch


def need_training(what: str) -> None:
    """Makes sure that all is there that training needs.

    Args:
        what: needs it, in the user's words.

    Raises:
        CompileError: if it is not (RF808, RF906).
    """
    # Read when torch is loaded. Threads that wait for each other spin, by default for
    # long: where another process takes a core, a step took 28 times as long on two cores;
    # with this twice as long, and 1.1 times on a machine of its own.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    need_torch(what)
    try:
        import accelerate  # noqa: F401
        import filelock  # noqa: F401
        import matplotlib  # noqa: F401
        import sklearn  # noqa: F401
        import tensorboard  # noqa: F401
        import torchvision  # noqa: F401
    except (ImportError, OSError, RuntimeError) as error:
        name = getattr(error, "name", None) or str(error)
        report = Diagnostics()
        report.error(
            "RF808",
            f"{what} needs {name}, which cannot be imported",
            hint="pip install 'recform[train]'",
        )
        raise CompileError(report) from None
