"""An analysis as plain data, for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from recform.analysis.jacobian.closed import Formulas, Jacobian, Pieces
from recform.analysis.model import Analysis, FlowAnalysis
from recform.analysis.paths.distribution import Distribution, Paths
from recform.analysis.reads import Reads
from recform.analysis.stability.characteristic import Stability
from recform.analysis.stability.rounding import Errors
from recform.variance.variance import Moments, Share


def as_dict(analysis: Analysis) -> dict[str, object]:
    """The analysis as plain data, for JSON. Numbers of paths are whole numbers.

    Where blocks have equations of their own, what the general equations would make of a
    network of their own is left out: all that is said holds for the blocks that are named.
    """
    inverse_ = analysis.inverse
    behind = analysis.own[-1] if analysis.own else None
    return {
        "name": analysis.name,
        "equations": list(analysis.equations),
        "boundaries": list(analysis.boundaries),
        "gain": analysis.asked.gain,
        "activations": analysis.asked.activations,
        "assumptions": list(analysis.assumptions),
        "reads": [_reads(item) for item in analysis.reads],
        "no_linearisation": analysis.unlinear or None,
        "jacobians": [_jacobian(item) for item in analysis.jacobians],
        "by_input": [_formula(item) for item in analysis.start],
        "stability": _stability(None if analysis.own else analysis.stability)
        | {
            "by_blocks": [
                {"blocks": list(regime.blocks)} | _stability(regime.stability)
                for regime in analysis.regimes
            ]
        },
        "invariants": [
            {
                "invariant": item.text(),
                "nonlinear": item.nonlinear,
                "activations": item.activations,
                "behind_block": behind,
                "equal_form": None if behind else item.equal_form() or None,
            }
            for item in analysis.invariants
        ],
        "inverse": {
            "exists": inverse_.exists,
            "equations": [step.text() for step in inverse_.steps]
            if inverse_.exists
            else [],
            "divisors": [step.divisor for step in inverse_.steps if step.divisor],
            "obstacle": inverse_.obstacle or None,
            "error_growth": inverse_.lost.factor,
            "error_bound": inverse_.bound.factor,
            "error_growth_over": _over(inverse_.lost, analysis.alike),
            "error_bound_over": _over(inverse_.bound, analysis.alike),
            "adapters_in_blocks": list(analysis.borders),
            "blocks_with_own_equation": list(analysis.own),
        },
        "flows": [_flow_dict(item, analysis.asked.gain) for item in analysis.flows],
        "all_stages": None
        if analysis.whole is None
        else {"by_length": list(analysis.whole.counts)} | _lengths(analysis.whole),
    }


def _reads(item: Reads) -> dict[str, object]:
    return {
        "blocks": list(item.blocks) or "output",
        "reads": [
            {"where": read.where, "weights": list(read.weights)} for read in item.reads
        ],
    }


def _exact(found: Sequence[Sequence[int]]) -> dict[str, list[int]] | None:
    """The blocks that are read by each, by number; None for a deep network."""
    if not found:
        return None
    blocks = {str(n + 1): list(numbers) for n, numbers in enumerate(found[:-1])}
    return blocks | {"output": list(found[-1])}


def _stability(found: Stability | None) -> dict[str, object]:
    """The roots of equal blocks; without values where no statement is for all blocks."""
    if found is None:
        found = Stability("", "", (), None, 0)
    return {
        "characteristic_polynomial": found.polynomial,
        "roots": [
            {
                "real": root.value.real,
                "imaginary": root.value.imag,
                "multiplicity": root.multiplicity,
            }
            for root in found.roots
        ],
        "growth": found.growth,
        "roots_unknown": found.unknown or None,
        "power": found.power,
        "varying": None if found.varying is None else asdict(found.varying),
    }


def _over(found: Errors, depth: int) -> dict[str, object] | None:
    """Growth over any of so many blocks in a row, at most; None for one past any float."""
    if found.blocks:
        return {"blocks": found.blocks, "factor": found.over}
    if found.factor is None:
        return None
    power = found.largest(depth)
    return {"blocks": depth, "factor": 10**power if power < 308 else None}


def _formula(item: Formulas) -> dict[str, str]:
    return {"text": item.text(), "latex": item.latex}


def _jacobian(item: Jacobian) -> dict[str, object]:
    closed = _formula(item.closed) if item.closed else None
    if item.own is not None:
        return {
            "unknown": item.unknown,
            "recurrence": None,
            "written_out": [],
            "closed_form": None,
            "own_equations": _pieces(item.own, closed),
        }
    return {
        "unknown": item.unknown,
        "recurrence": _formula(item.recurrence),
        "written_out": [_formula(row) for row in item.written],
        "closed_form": closed,
        "own_equations": None,
    }


def _pieces(own: Pieces, closed: dict[str, str] | None) -> dict[str, object]:
    """What holds where blocks have equations of their own, with the blocks."""
    return {
        "recurrences": [
            {
                "blocks": list(case.blocks),
                "and_later": case.onwards,
                "recurrence": _formula(case.recurrence),
            }
            for case in own.cases
        ],
        "closed_form": None if own.behind is None else closed,
        "closed_form_from_block": own.behind,
        "written_out": {
            str(length): [_formula(row) for row in rows]
            for length, rows in own.written.items()
        },
    }


def _flow_dict(item: FlowAnalysis, gain: float) -> dict[str, object]:
    return {
        "name": item.flow.name,
        "blocks": item.flow.length,
        "reads": _exact(item.reads),
        "paths": [_paths(found, gain) for found in item.paths],
        "paths_unknown": item.uncounted or None,
        "variance": [
            _moments(found)
            for found in (item.random, item.moments)
            if found is not None
        ],
        "variance_with_norms": None
        if item.growth is None
        else {
            "operators": list(item.growth.normed),
            "blocks": item.growth.blocks,
            "variance": _finite(item.growth.variance),
            "terms": _shares(item.growth.shares),
            "last_block": item.growth.last,
        },
        "variance_unknown": item.unfollowed or None,
        "deleted": [
            {"block": found.blocks[0], "left": list(found.left.counts)}
            for found in item.ablations
        ],
        "swapped": None
        if item.swapped is None
        else {
            "blocks": list(item.swapped.blocks),
            "through_both": item.swapped.both,
            "through_one": item.swapped.one,
            "through_none": item.swapped.left.total,
        },
    }


def _paths(found: Paths, gain: float) -> dict[str, object]:
    start = found.start
    return {
        "origin": found.origin,
        "by_length": list(found.net.counts),
        "by_length_before_cancelling": list(found.raw.counts),
        **_lengths(found.net),
        "share_with_gain": list(found.net.weighted(gain)),
        "through": [list(row) for row in found.through],
        "mean_width": list(found.widths),
        "weights_at_start": None
        if start is None
        else list(map(_finite, start.weights)),
        "effective_depth": None if start is None else start.mean,
        "weights_unknown": found.unweighed or None,
    }


def _lengths(found: Distribution) -> dict[str, object]:
    return {"total": found.total, "mean": found.mean, "spread": found.spread}


def _moments(found: Moments) -> Mapping[str, object]:
    return {
        "gain": found.gain,
        "blocks": found.blocks,
        "variance": _finite(found.variance),
        "terms": _shares(found.shares),
        "terms_of_other_blocks": {
            str(other.block): _shares(other.shares) for other in found.elsewhere
        },
        "gates": dict(found.gates),
        "gradient_grows_alike": found.symmetric,
        "proportional_to_input": found.proportional,
        "gain_for_variance_1": found.steady,
        "any_gain_for_variance_1": found.level,
        "gain_for_variance_2": found.double,
        "scale_for_variance_1": found.scale,
    }


def _shares(shares: Sequence[Share]) -> dict[str, float | None]:
    return {share.term: _finite(share.variance) for share in shares}


def _finite(variance: float) -> float | None:
    """JSON has no number for what is larger than all floats."""
    return variance if math.isfinite(variance) else None
