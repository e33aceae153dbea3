"""What is compared: scores of models, and what else is known of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

#: No score is larger: squares of such are numbers, too.
LARGEST = 1e100


@dataclass(frozen=True)
class Score:
    """What one run reached.

    Attributes:
        model: whose.
        data: the data set; empty where there is one without a name.
        seed: of the run; None where runs have none.
        value: how good it was, :data:`LARGEST` at most.
    """

    model: str
    data: str
    seed: int | None
    value: float


@dataclass(frozen=True)
class Results:
    """The scores of several models.

    Attributes:
        models: their names, in the author's order.
        scores: of each model, data set and seed one at most.
        measure: what was measured.
        unit: ``%``, or empty.
        higher_is_better: false for errors and losses.
        missing: places without a score, in words.

    Raises:
        ValueError: if a score is no number or too large, of no model, or there twice, or
            if a name cannot be printed on one line.
    """

    models: tuple[str, ...]
    scores: tuple[Score, ...]
    measure: str = "accuracy"
    unit: str = ""
    higher_is_better: bool = True
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.models)) < len(self.models):
            raise ValueError("a model is named twice")
        names = [*self.models, *(item.data for item in self.scores), self.measure]
        for name in dict.fromkeys(names):
            if not name.isprintable():
                raise ValueError(f"{name!r} cannot be printed on one line")
        known = set()
        for item in self.scores:
            key = (item.model, item.data, item.seed)
            if item.model not in self.models or key in known:
                raise ValueError(f"a score twice, or of an unknown model: {key}")
            if not abs(item.value) <= LARGEST:
                raise ValueError(f"the score of {key} is {item.value}")
            known.add(key)

    @cached_property
    def data(self) -> tuple[str, ...]:
        """The data sets, in the author's order."""
        return tuple(dict.fromkeys(item.data for item in self.scores))

    @cached_property
    def _table(self) -> dict[tuple[str, str], dict[int | None, float]]:
        table: dict[tuple[str, str], dict[int | None, float]] = {}
        for item in self.scores:
            table.setdefault((item.model, item.data), {})[item.seed] = item.value
        return table

    def of(self, model: str, data: str) -> dict[int | None, float]:
        """The scores of a model on a data set, by seed."""
        return self._table.get((model, data), {})

    @property
    def digits(self) -> int:
        """How many decimals tell scores apart."""
        largest = max((abs(item.value) for item in self.scores), default=0.0)
        if largest > 1:
            return 2
        # Of small losses, too, four digits count.
        small = 3 - math.floor(math.log10(largest)) if largest else 0
        return min(max(4, small), 12)


@dataclass(frozen=True)
class Curve:
    """How a value went over a run.

    Attributes:
        name: what it is, such as ``validation accuracy``.
        seed: of the run.
        epochs, values: as many of both.
    """

    name: str
    seed: int | None
    epochs: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model besides its scores; None is not known.

    Attributes:
        name: as in the results.
        formula: its text.
        parameters: how many.
        multiply_adds: of the forward pass of one example.
        seconds_per_step: measured.
        diagram: of one step, as SVG.
        difference: what `recform diff` says of it and the baseline.
        curves: of its runs.
    """

    name: str
    formula: str | None = None
    parameters: int | None = None
    multiply_adds: int | None = None
    seconds_per_step: float | None = None
    diagram: str | None = None
    difference: str | None = None
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True)
class Study:
    """All that a report is made of.

    Attributes:
        results: the scores.
        models: what else is known, of some of the models.
        command: what makes it again.
        versions: names and versions of what took part.
        at_once: how many runs were made at a time.
    """

    results: Results
    models: tuple[ModelFacts, ...] = ()
    command: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    at_once: int = 1
