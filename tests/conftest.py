"""Options, profiles and fixtures that all tests share."""

from __future__ import annotations

import difflib
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from tests import FIXED, Tried

REPOSITORY = Path(__file__).resolve().parent.parent
GOLDENS = REPOSITORY / "tests" / "goldens"

# Under xdist the cores are shared out by process; torch reads this when it is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# `make test` tries the same examples on each run and on each machine; `make test-long`
# draws fresh ones. A failure of a fresh one is kept as an explicit example. Of as many
# as tests ask for it tries four in five, to be done in eight minutes.
_no_hurry = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile(
    "fixed", max_examples=FIXED * 4 // 5, derandomize=True, **_no_hurry
)

# What the tests import makes very many objects that stay.
gc.disable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens",
        action="store_true",
        help="write the files in tests/goldens instead of comparing with them",
    )
    parser.addoption(
        "--scale",
        type=float,
        default=1.0,
        help="how much longer than half an hour the long searches are",
    )


def pytest_configure(config: pytest.Config) -> None:
    examples = max(1, round(300 * config.getoption("--scale")))
    settings.register_profile(
        "fresh", max_examples=examples, print_blob=True, **_no_hurry
    )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.drawn)
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.golden)
    # A marker expression, or a test that is named, says what is wanted.
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    left: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        left[item.get_closest_marker("long") is None].append(item)
    config.hook.pytest_deselected(items=left[False])
    items[:] = left[True]


def pytest_collection_finish() -> None:
    """What is there before the first test stays: nobody need look whether it is garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the searches tried: the figures of docs/reliability.md."""
    counts: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            # Each of the three reports of a test has them.
            if getattr(report, "when", None) != "call":
                continue
            for name, value in report.user_properties:
                if name == "counts":
                    test = report.nodeid.split("::")[-1]
                    counts.setdefault(test, Counter()).update(value)
    for test in sorted(counts):
        terminalreporter.write_line(f"{test}: {shown(counts[test])}")


def shown(counts: Counter[str]) -> str:
    """``12 agreed, 3 refused RF309``."""
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """Tensors are the same on each run, and do not hang on the tests before."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
        _undrawn()


@cache
def _undrawn() -> Any:
    """What has no numbers draws none: in torch that takes half the time of a module."""
    from torch.library import Library

    meta = Library("aten", "IMPL", "Meta")
    meta.impl("normal_", lambda self, mean=0, std=1, *, generator=None: self)
    return meta


@pytest.fixture
def tried(record_property: Callable[..., None]) -> Tried:
    """Takes what a search has tried; no more than a dict goes from process to process."""
    return lambda counts: record_property("counts", dict(counts))


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> float:
    """How much longer than half an hour the long searches are."""
    return float(request.config.getoption("--scale"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


class Golden:
    """Compares texts with files in tests/goldens, or writes the files."""

    def __init__(self, update: bool) -> None:
        self._update = update

    def check(self, name: str, text: str) -> None:
        """Fails with a diff unless tests/goldens/NAME holds exactly this text."""
        __tracebackhide__ = True
        path = GOLDENS / name
        if self._update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            return
        if not path.is_file():
            pytest.fail(f"there is no tests/goldens/{name}: make goldens, then review")
        expected = path.read_bytes().decode()
        if text == expected:
            return
        diff = difflib.unified_diff(
            expected.splitlines(keepends=True),
            text.splitlines(keepends=True),
            f"tests/goldens/{name}",
            "now",
        )
        pytest.fail(f"{name} differs from its golden:\n{''.join(diff)}", pytrace=False)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Stands for tests/goldens: `golden.check("resnet18.py", source)`."""
    return Golden(request.config.getoption("--update-goldens"))
