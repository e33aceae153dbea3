"""A comparison as plain data: what ``--json`` and ``-o report.json`` have."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from recform.comparison.compare import Comparison
from recform.comparison.datasets import OverData
from recform.comparison.model import ModelFacts, Study
from recform.comparison.numbers import plain
from recform.comparison.report.notes import notes, of_steps
from recform.comparison.seeds import OnData
from recform.comparison.verdict import of_baseline, of_ranks, of_seeds, verdict
from recform.files import Json


def as_dict(study: Study, found: Comparison) -> Json:
    """All that is known, of JSON's types; what was computed has six digits."""
    results = found.results
    return {
        "verdict": list(verdict(found)),
        "models": list(results.models),
        "measure": results.measure,
        "unit": results.unit,
        "higher_is_better": results.higher_is_better,
        "alpha": found.asked.alpha,
        "baseline": found.asked.baseline,
        "scores": [_fields(item) for item in results.scores],
        "missing": list(results.missing),
        "data_sets": [_on(found, each) for each in found.each],
        "over_data_sets": None if found.over is None else _over(found, found.over),
        "facts": [_facts(item) for item in study.models],
        "notes": [*notes(found), *of_steps(study)],
        "command": study.command,
        "versions": dict(study.versions),
    }


def _on(found: Comparison, each: OnData) -> Json:
    return {
        "data": each.data,
        "models": [_rounded(_fields(item)) for item in each.models],
        "pairs": [
            _rounded(_fields(item))
            | {"ties": item.ties, "second_is": of_seeds(item, found.asked.alpha).value}
            for item in each.pairs
        ],
    }


def _over(found: Comparison, over: OverData) -> Json:
    return {
        "data": list(over.data),
        "ranks": [
            {
                "model": model,
                "mean": plain(over.means[number]),
                "ranks": [row[number] for row in over.ranks],
            }
            for number, model in enumerate(over.models)
        ],
        "differ": over.differ,
        "friedman": None if over.friedman is None else _rounded(_fields(over.friedman)),
        "critical_difference": None if over.distance is None else plain(over.distance),
        "pairs": [
            _rounded(_fields(item)) | {"second_is": of_ranks(item, over).value}
            for item in over.pairs
        ],
        "baseline": over.baseline,
        "against": [
            _rounded(_fields(item))
            | {"model_is": of_baseline(item, over, found.asked.alpha).value}
            for item in over.against
        ],
        "signed": None if over.signed is None else _rounded(_fields(over.signed)),
    }


def _facts(item: ModelFacts) -> Json:
    return _fields(item) | {"curves": [_fields(curve) for curve in item.curves]}


def _fields(item: Any) -> Json:
    return {field.name: getattr(item, field.name) for field in fields(item)}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return plain(value) if math.isfinite(value) else None
    return value
