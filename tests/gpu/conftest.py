"""The device of these tests."""

from __future__ import annotations

import os

import pytest
import torch


@pytest.fixture(scope="session")
def gpu() -> torch.device:
    """The GPU; RECFORM_GPU=cpu tries the tests themselves without one."""
    name = os.environ.get("RECFORM_GPU", "cuda")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    return torch.device(name)
