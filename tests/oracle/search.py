"""Searches over random files: as many as one asks for, with counts of what came out."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recform.diagnostics import CompileError, Severity
from tests import FIXED
from tests.oracle.adapters import NoAdapter
from tests.oracle.compare import Overflow, agree

#: What may be wrong with a file that was drawn: nothing is left of an unknown at the start,
#: only some blocks are read, or one module gets two widths (concats of two lengths).
REFUSED = {"RF305", "RF309", "RF406"}
#: And where shapes change they may not meet, or one would have to be made finer.
REFUSED_STAGES = REFUSED | {"RF401", "RF407"}

#: Where what is being tried stands.
LAST = Path(__file__).resolve().parents[2] / ".hypothesis" / "last"


def few(examples: int) -> int:
    """So many in `make test`; in a search as many times more as any other test has."""
    return max(1, examples * settings.default.max_examples // FIXED)


def tries(examples: int) -> settings:
    """What a test that compiles is drawn with: so many in `make test`, however long each."""
    return settings(
        max_examples=few(examples),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def outcome(text: str) -> str:
    """Compiles, runs and compares a file: what came of it, in a word or two.

    Fails if the network differs from the equations, or is refused for no good reason.
    """
    several = "," in text.split("stages", 1)[1].split("\n", 1)[0] or "split" in text
    try:
        agree(text, (True,))
    except Overflow:
        return "overflowed"
    except NoAdapter:
        # Which terms travel as one sum is the compiler's choice, and the oracle cannot
        # always follow it; tests/oracle/test_shapes.py has adapters for its subject.
        return "adapters not followed"
    except CompileError as error:
        return refusal(error, REFUSED_STAGES if several else REFUSED)
    return "agreed"


def refusal(error: CompileError, reasons: Collection[str]) -> str:
    """What a refused file is called; fails if it is refused for no good reason.

    Warnings may stand beside what is wrong.

    Args:
        error: what was said.
        reasons: codes that it may have.
    """
    wrong = [x for x in error.diagnostics if x.severity is Severity.ERROR]
    codes = sorted({item.code for item in wrong})
    assert set(codes) <= {*reasons}, codes
    return f"refused {' '.join(codes)}"


def search(
    strategy: st.SearchStrategy[str], try_one: Callable[[str], str], examples: int
) -> Counter[str]:
    """Draws examples and tries them; fails with the simplest one that fails.

    The one that is being tried stands in a file, which tells what a run that was killed
    did last; one that has failed is in Hypothesis' database, and is tried first next time.

    Returns:
        How often each word came out.
    """
    counts: Counter[str] = Counter()
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    trying = LAST / re.sub(r"\W+", "_", f"{test}.{os.getpid()}")
    LAST.mkdir(parents=True, exist_ok=True)

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(text: str) -> None:
        trying.write_text(str(text), encoding="utf-8")
        counts[try_one(text)] += 1

    run()
    trying.unlink(missing_ok=True)
    return counts
