"""Options, profiles and fixtures that all tests share."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent
GOLDENS = REPOSITORY / "tests" / "goldens"

# Under xdist the cores are shared out by process; torch reads this when it is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# HYPOTHESIS_PROFILE chooses among them; in CI the same examples are tried on each run.
_no_hurry = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=50, **_no_hurry)
settings.register_profile("ci", max_examples=300, derandomize=True, **_no_hurry)
settings.register_profile("thorough", max_examples=5000, **_no_hurry)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens",
        action="store_true",
        help="write the files in tests/goldens instead of comparing with them",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.golden)


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
