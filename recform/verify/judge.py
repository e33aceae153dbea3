"""Two observations of the same network compared, and what differs first said in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from recform.verify import passes
from recform.verify.observe import PASSES, STEPS, Observation
from recform.verify.passes import Difference
from recform.verify.trials import CLOSE, NOT_FINITE

if TYPE_CHECKING:
    import torch

Seen = TypeVar("Seen")


def worst_of(found: Observation, expected: Observation) -> tuple[bool | None, str]:
    """Whether two modules are the same network, and in what they differ most.

    None if nothing differs, and something has no finite number to tell by. The first pass
    in which they differ is named: what comes later follows from it.

    Args:
        found: the module of a file.
        expected: the one that was emitted afresh.
    """
    largest, unknown = 0.0, ""
    for name, phase in {"start": "", **PASSES, **STEPS}.items():
        here = passes.worst_of(_differences(found, expected, name))
        where = f"{phase}: " if phase else ""
        if here.error > CLOSE:
            return False, f"{where}{here.what}{_size(here.error)}"
        if math.isnan(here.error):
            unknown = unknown or f"{where}{here.what}, {NOT_FINITE}"
        else:
            largest = max(largest, here.error)
    if unknown:
        return None, unknown
    steps = "".join(
        f", {said}" for name, said in STEPS.items() if _of(found.tensors, name)
    )
    return True, f"{_compared(expected)}{steps}, relative error {largest:.1e}"


def _differences(
    found: Observation, expected: Observation, name: str
) -> Iterator[Difference]:
    theirs, ours = _of(found.tensors, name), _of(expected.tensors, name)
    if name == "start":
        yield from _starts(theirs, ours)
    elif name in STEPS:
        whole = expected.tensors["eval/output"]
        for cut, output in theirs.items():
            yield _value(f"the output {cut}", output, whole, 1e-3)
    else:
        yield _value("the output", theirs.get("output"), ours["output"], 1e-3)
        # What has no gradient has none in both.
        keys = [*_of(ours, "gradient"), *_of(theirs, "gradient")]
        table = dict.fromkeys(keys)
        yield from passes.gradients(
            {**table, **_of(theirs, "gradient")}, {**table, **_of(ours, "gradient")}
        )
        theirs, ours = _of(theirs, "buffer"), _of(ours, "buffer")
        for key, value in ours.items():
            yield _value(key, theirs.get(key), value, 1.0)
    said, wanted = _of(found.facts, name), _of(expected.facts, name)
    for key in [*said, *(key for key in wanted if key not in said)]:
        if said.get(key) != wanted.get(key):
            yield Difference(f"{key} is {said.get(key, 'no parameter')}", math.inf)


def _starts(
    theirs: dict[str, torch.Tensor], ours: dict[str, torch.Tensor]
) -> Iterator[Difference]:
    """What a new module has, with the same seed: the same to the last digit."""
    import torch

    for key, value in ours.items():
        other = theirs[key]
        if other.dtype != value.dtype:
            yield Difference(f"{key} starts as {other.dtype}", math.inf)
        elif not torch.equal(other, value):
            says = _distribution(other), _distribution(value)
            how = f": {says[0]} instead of {says[1]}" if says[0] != says[1] else ""
            yield Difference(f"{key} starts with other numbers{how}", math.inf)


def _distribution(value: torch.Tensor) -> str:
    value = value.double()
    if value.numel() == 1:
        return f"{float(value):.4g}"
    return f"mean {float(value.mean()):.2g}, deviation {float(value.std()):.2g}"


def _value(
    what: str, theirs: torch.Tensor | None, ours: torch.Tensor, scale: float
) -> Difference:
    if theirs is None:
        return Difference(f"{what} is missing", math.inf)
    if theirs.shape != ours.shape:
        shape = " x ".join(map(str, theirs.shape))
        return Difference(f"{what} has the shape {shape}", math.inf)
    theirs, ours = theirs.double(), ours.double()
    known = ours.isfinite()
    if not bool((theirs.isfinite() == known).all()):
        return Difference(f"{what} has numbers that are not finite", math.inf)
    if not bool(known.any()):
        return Difference(what, math.nan if known.numel() else 0.0)
    # Where both have none, there is nothing to compare.
    theirs, ours = theirs[known], ours[known]
    size = max(scale, float(ours.abs().max()))
    return Difference(what, float((theirs - ours).abs().max()) / size)


def _of(table: Mapping[str, Seen], group: str) -> dict[str, Seen]:
    start = f"{group}/"
    return {
        key.removeprefix(start): value
        for key, value in table.items()
        if key.startswith(start)
    }


def _size(error: float) -> str:
    return f" differs, relative error {error:.1e}" if math.isfinite(error) else ""


def _compared(seen: Observation) -> str:
    gradients = _of(_of(seen.tensors, "training"), "gradient")
    buffers = _of(_of(seen.tensors, "training"), "buffer")
    starts = _of(seen.tensors, "start")
    inputs = sum(key not in starts for key in gradients)
    parameters = len(gradients) - inputs
    what = passes.compared(parameters, len(buffers), 0, inputs=inputs)
    return f"{len(starts)} start values, {what}, and eval after it"
