"""What all runs of the tests share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_pictures(request: pytest.FixtureRequest) -> None:
    """Curves take as long as a tiny run; the test that asks for `pictures` has them."""
    if "pictures" not in request.fixturenames:
        patch = request.getfixturevalue("monkeypatch")
        patch.setattr("recform.training.session.curves", lambda *_: b"<svg/>")


@pytest.fixture
def pictures() -> None:
    """Runs draw their curves."""
