"""docs/benchmarks.md has the committed figures, and `make bench` marks what is worse."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

import recform

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for held in ("bench", "table"):
        monkeypatch.delitem(sys.modules, held, raising=False)
    return importlib.import_module(name)


def test_the_page_has_the_committed_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = module("bench", monkeypatch)
    figures = bench.committed()
    assert sorted(figures) == sorted(bench.PARTS)
    text = bench.PAGE.read_text()
    assert all(f"<!-- figures: {part} -->" in text for part in bench.PARTS)
    assert bench.page(text, figures) == text, "bench.py --write"


def test_what_is_worse_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """By more than three spreads and 3%, and by nothing else: 1.2, spread 0.05."""
    table = module("table", monkeypatch)
    before = table.Figure("time", (1.1, 1.15, 1.2, 1.25, 1.3)).entry()
    assert before == {"median": 1.2, "spread": 0.05, "bound": None, "unit": ""}

    def said(*values: float, unit: str = "", bound: float | None = None) -> Any:
        entry = table.Figure("time", values, unit, bound).entry()
        return table.remarks(entry, before)

    assert said(1.34) == []
    assert said(1.36) == ["WORSE THAN 1.2"]
    assert said(1.36, bound=1.3) == ["OVER 1.3", "WORSE THAN 1.2"]
    assert said(9.0, unit="s") == []
    exact = {**before, "spread": 0.0}
    assert table.remarks(table.Figure("", (1.23,)).entry(), exact) == []
    assert table.remarks(table.Figure("", (1.24,)).entry(), exact) == ["WORSE THAN 1.2"]


def test_turns_change_who_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    table, seen, now = module("table", monkeypatch), [], iter(range(100))
    actions = {name: (lambda n=name: seen.append(n)) for name in "ab"}
    times = table.turns(actions, 3, lambda: next(now))
    assert "".join(seen) == "ab" + "ba" + "ab" + "ba"
    assert times == {"a": [1, 1, 1], "b": [1, 1, 1]}


@pytest.mark.parametrize("form", ["lean", "reversible"])
def test_tensors_without_numbers(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come to what real ones do; code that looks at tensors otherwise is told."""
    model = module("memory_model", monkeypatch)
    item = recform.compile(
        "input 3 x 6 x 6\nstages 4 x 3\nhead avgpool > linear(3)\n"
        "W = conv(3, c) > bn > relu > conv(1, c)\nX_i = X_<i-2> + W_i*X_<i-1>",
        memory=form,
    )
    found, wanted = (model.measured(item, 2, real) for real in (False, True))
    assert found == wanted
    changed = item.source.replace("data_ptr()", "there()").replace(
        "types or lies", "lies"
    )
    with pytest.raises(ValueError, match=f"class {form.title()} has no"):
        model.without_numbers(changed)
