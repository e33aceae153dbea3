"""What may be concluded, in plain words, and what may not."""

from __future__ import annotations

from enum import StrEnum

from recform.comparison.compare import Comparison
from recform.comparison.datasets import Against, OverData, RankPair
from recform.comparison.numbers import gain, gains_between, listed, percent, said
from recform.comparison.power import least
from recform.comparison.seeds import OnData, Pair
from recform.diagnostics import counted


class Outcome(StrEnum):
    """What is known of two models, seen from the second."""

    better = "better"
    worse = "worse"
    same = "same"
    open = "open"


def of_seeds(pair: Pair, alpha: float) -> Outcome:
    """What the seeds say of two models."""
    if pair.p_holm is None:
        return Outcome.same if pair.n > 1 else Outcome.open
    if pair.p_holm > alpha:
        return Outcome.open
    return Outcome.better if pair.difference > 0 else Outcome.worse


def of_ranks(pair: RankPair, over: OverData) -> Outcome:
    """What Nemenyi's test says of two models."""
    far = over.distance is not None and abs(pair.difference) > over.distance
    if not over.differ or not far:
        return Outcome.open
    return Outcome.better if pair.difference > 0 else Outcome.worse


def of_baseline(found: Against, over: OverData, alpha: float) -> Outcome:
    """What Holm's procedure says of a model and the baseline."""
    if not over.differ or found.p_holm > alpha:
        return Outcome.open
    return Outcome.better if found.difference > 0 else Outcome.worse


def verdict(found: Comparison) -> tuple[str, ...]:
    """The conclusions, the most general first."""
    lines = []
    if found.over is not None:
        lines += _over(found, found.over)
    for each in found.each:
        lines += _on(found, each)
    if not any(pair.n > 1 for each in found.each for pair in each.pairs):
        if found.over is None:
            one = all(model.n == 1 for each in found.each for model in each.models)
            what = (
                "Each model has one score"
                if one
                else "No two models have scores with the same two seeds"
            )
            lines.append(
                f"{what}: whether the differences are more than chance "
                "cannot be said. Run each with several seeds, or on several data sets."
            )
        else:
            lines.append(
                "No two models have scores with the same two seeds, so nothing is known "
                "of chance within a data set: a single score may be a lucky one."
            )
    if found.results.missing:
        lines.append(
            "Scores are missing, and all of this is of those that are there. Where a run "
            "failed, that favours its model."
        )
    return tuple(lines)


# ------------------------------------------------------------------------ over seeds


def _on(found: Comparison, each: OnData) -> list[str]:
    """Of one data set: what is shown, and why the rest is open."""
    alpha = found.asked.alpha
    pairs = [pair for pair in each.pairs if pair.n > 1]
    if not pairs:
        return []
    where = f"On {each.data}: " if each.data else ""
    lines = [where + line for line in _shown(found, pairs)]
    same = [pair for pair in pairs if of_seeds(pair, alpha) == Outcome.same]
    if len(same) > 3:
        lines.append(
            f"{where}{len(same)} of {len(pairs)} pairs have the same score with each seed; "
            "nothing tells the two apart."
        )
    else:
        lines += [
            f"{where}{pair.first} and {pair.second} have the same score with each of "
            f"{counted(pair.n, 'seed')}; nothing tells them apart."
            for pair in same
        ]
    unsettled = [pair for pair in pairs if of_seeds(pair, alpha) == Outcome.open]
    if not unsettled:
        return lines
    # Holm's correction of what is open no longer counts what is settled.
    left = found.tests - found.settled
    few = [pair for pair in unsettled if pair.floor * left > alpha]
    if few:
        lines.append(where + _too_few(few, unsettled, len(pairs), alpha, left))
    if len(unsettled) <= 6:
        lines += [where + open_pair(found, pair) for pair in unsettled]
    elif len(few) < len(unsettled):
        lines.append(
            f"{where}{len(unsettled)} of {counted(len(pairs), 'pair')} are open; the table "
            "of pairs has what each would take."
        )
    return lines


def _shown(found: Comparison, pairs: list[Pair]) -> list[str]:
    """Who is better than whom, a line a winner; the whole story of a single loser."""
    alpha = found.asked.alpha
    wins: dict[str, list[tuple[str, Pair]]] = {}
    for pair in pairs:
        outcome = of_seeds(pair, alpha)
        if outcome == Outcome.better:
            wins.setdefault(pair.second, []).append((pair.first, pair))
        elif outcome == Outcome.worse:
            wins.setdefault(pair.first, []).append((pair.second, pair))
    lines = []
    for winner, beaten in wins.items():
        losers = listed([name for name, _ in beaten])
        if len(beaten) > 1:
            most = max(pair.p_holm or 0 for _, pair in beaten)
            lines.append(
                f"{winner} is better than {losers} (each {said(most)} or less)."
            )
            continue
        ((_, pair),) = beaten
        sign = 1 if winner == pair.second else -1
        lines.append(
            f"{winner} is better than {losers}: by {_gain(found, abs(pair.difference))} "
            f"({_interval(found, pair, sign)}), with "
            f"{pair.wins if sign > 0 else pair.losses} of {counted(pair.n, 'seed')}, "
            f"{said(pair.p_holm or 0)}."
        )
    return lines


def _too_few(
    few: list[Pair], unsettled: list[Pair], pairs: int, alpha: float, tests: int
) -> str:
    n = max(pair.n for pair in few)
    smallest = max(pair.floor for pair in few if pair.n == n)
    corrected = (
        f", and {tests} tests times as much after Holm's correction"
        if tests > 1
        else ""
    )
    one = f"{unsettled[0].second} - {unsettled[0].first} is open"
    several = f"{len(unsettled)} of {pairs} pairs are open"
    return (
        f"{one if len(unsettled) == 1 else several}, and {counted(n, 'seed')} cannot settle "
        f"it at {alpha:g}, however large the difference: the smallest p that an exact test "
        f"can give with so few is {smallest:.3g}{corrected}. It takes "
        f"{least(alpha / tests)} seeds."
    )


def open_pair(found: Comparison, pair: Pair) -> str:
    """Why two models are not told apart, and what it would take."""
    digits = found.results.digits
    text = (
        f"{pair.second} - {pair.first} is open: {gain(pair.difference, digits)}"
        f"{_points(found)} ({_interval(found, pair, 1)})"
    )
    text += f", {said(pair.p_holm)}" if pair.p_holm is not None else ""
    if pair.difference and not pair.sd:
        fewest = max(pair.needed or 0, pair.n + 1)
        text += f". {counted(fewest, 'seed')} in all are the fewest that may show it"
    elif pair.needed is not None:
        text += (
            f". If the true difference and spread are what was seen, "
            f"{counted(max(pair.needed, pair.n + 1), 'seed')} in all would show it in four "
            "of five studies"
        )
    elif pair.difference:
        text += ". More than 10,000 seeds would be needed to show so small a difference"
    # One as large as that was seen may have been missed: in the fifth study.
    if pair.visible and pair.visible > abs(pair.difference):
        text += (
            f"; a difference of {gain(pair.visible, digits)} would have shown with "
            f"{pair.n}"
        )
    return text + "."


def _interval(found: Comparison, pair: Pair, sign: int) -> str:
    ends = pair.interval
    if ends is None:
        return "the same with each seed, so there is no interval"
    if sign < 0:
        ends = (-ends[1], -ends[0])
    level = percent(found.asked.alpha)
    return f"{level} interval {gains_between(ends, found.results.digits)}"


def _gain(found: Comparison, value: float) -> str:
    return f"{gain(value, found.results.digits)}{_points(found)}"


def _points(found: Comparison) -> str:
    return " points" if found.results.unit == "%" else ""


# --------------------------------------------------------------------- over data sets


def _over(found: Comparison, over: OverData) -> list[str]:
    if over.signed is not None:
        return _two(found, over)
    number = counted(len(over.data), "data set")
    if over.friedman is None:
        return [
            f"On each of {number} all models have one score; nothing tells them apart."
        ]
    alpha = found.asked.alpha
    lines = [
        f"Over {number} the {len(over.models)} models "
        f"{'do not all do equally well' if over.differ else 'are not told apart'} (Friedman, "
        f"{said(over.friedman.best_p)})."
    ]
    lines += _nemenyi(over)
    if not over.differ:
        return lines
    told = {item.model: of_baseline(item, over, alpha) for item in over.against}
    for outcome in (Outcome.better, Outcome.worse):
        names = [model for model, known in told.items() if known == outcome]
        if names:
            lines.append(
                f"Against the baseline {over.baseline} alone (Holm): {listed(names)} "
                f"{'is' if len(names) == 1 else 'are'} {outcome.value}."
            )
    if {*told.values()} == {Outcome.open}:
        lines.append(
            f"Against the baseline {over.baseline} alone (Holm) no model is better or worse."
        )
    return lines


def _nemenyi(over: OverData) -> list[str]:
    """Which two differ by their mean ranks."""
    assert over.distance is not None
    size = f"CD = {over.distance:.2f}"
    if not over.reachable:
        return [
            f"With {counted(len(over.data), 'data set')} no two of {len(over.models)} models "
            f"can be told apart: mean ranks differ by {len(over.models) - 1} at most, and "
            f"would have to by more than {size} (Nemenyi)."
        ]
    if not over.differ:
        return ["So no two are compared by their ranks."]
    wins: dict[str, list[str]] = {}
    for pair in over.pairs:
        outcome = of_ranks(pair, over)
        if outcome == Outcome.better:
            wins.setdefault(pair.second, []).append(pair.first)
        elif outcome == Outcome.worse:
            wins.setdefault(pair.first, []).append(pair.second)
    widest = max(over.pairs, key=lambda pair: abs(pair.difference))
    if not wins:
        return [
            f"No two mean ranks differ by more than {size} (Nemenyi): which model is "
            f"better is not shown for any pair. The widest apart are {widest.first} and "
            f"{widest.second}, by {abs(widest.difference):.2f}."
        ]
    return [
        f"{winner} is better than {listed(losers)} (Nemenyi, {size})."
        for winner, losers in wins.items()
    ]


def _two(found: Comparison, over: OverData) -> list[str]:
    """Two models over data sets."""
    signed, (first, second) = over.signed, over.models
    assert signed is not None
    number = counted(len(over.data), "data set")
    if signed.p is None:
        return [f"{first} and {second} have one score on each of {number}."]
    wins, losses, test = signed.wins, signed.losses, f"Wilcoxon, {said(signed.p)}"
    if signed.p <= found.asked.alpha:
        if signed.balance < 0:
            first, second, wins, losses = second, first, losses, wins
        return [
            f"Over {number} {second} is better than {first}: on {wins}, and worse on "
            f"{losses} ({test})."
        ]
    lines = [
        f"Over {number} {first} and {second} are not told apart: {second} is better on "
        f"{wins}, and worse on {losses} ({test})."
    ]
    if signed.floor > found.asked.alpha:
        lines.append(
            f"Nothing can be concluded from so few data sets: the smallest p that they can "
            f"give is {signed.floor:.3g}."
        )
    return lines
