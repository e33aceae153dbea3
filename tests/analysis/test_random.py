"""Random recurrences: whatever the language takes is analysed, and what is claimed holds."""

from __future__ import annotations

import io
import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from rich.console import Console

from recform.analysis.model import analyse
from recform.compiler import compile_source, from_text
from recform.diagnostics import CompileError, Diagnostics
from recform.report.analysis_json import as_dict
from recform.report.analysis_latex import latex
from recform.report.analysis_text import render
from recform.verify.checks import verify
from recform.verify.modules import build
from tests.oracle.files import recurrences

torch.set_num_threads(1)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(recurrences(histories=0))
def test_claims_hold(text: str) -> None:
    # Maxima have no linearisation; test_analyze.py has their diagnostic.
    text = text.replace("max(", "mean(").replace("min(", "mean(")
    try:
        formula = compile_source(from_text(text))[0].formula
    except CompileError:  # Shapes that do not meet: tests/oracle has these.
        return
    found = analyse(formula, Diagnostics())
    stream = io.StringIO()
    render(found, Console(file=stream, width=120))
    assert stream.getvalue()
    json.dumps(as_dict(found), allow_nan=False)
    assert latex(found)
    checks = verify(formula, build)
    assert not [check for check in checks if check.holds is False]
    assert sum(check.holds is True for check in checks) >= 2
