"""The Makefile: what it promises is there, once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_target_has_one_rule() -> None:
    """Of a phony target without a rule make says nothing, and does nothing."""
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (names,) = re.findall(r"^\.PHONY:(.*)$", text, flags=re.M)
    rules = Counter(re.findall(r"^([a-z][a-z-]*):", text, flags=re.M))
    assert set(rules.values()) == {1}
    assert set(names.split()) == set(rules)
    called = re.findall(r"make ((?:[a-z-]+ ?)+)", (ROOT / ".ci" / "run").read_text())
    assert called
    assert {name for line in called for name in line.split()} <= set(rules)
