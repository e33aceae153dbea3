"""The command line: a file a command.

Exit status: 0 good, 1 the input has errors (diagnostics on standard error), 2 wrong
usage.
"""

from __future__ import annotations


def main() -> None:
    """Entry point of the ``recform`` script."""
    import gc

    # Importing SymPy makes very many objects that live to the end. Collecting garbage
    # among them takes a tenth of the whole run, and again as much when Python ends.
    gc.disable()
    try:
        from recform.cli.streams import standard

        with standard():
            from recform.cli.app import app

            app()
    finally:
        gc.freeze()
