"""How many runs would settle what is open: the power of a paired t test.

It is assumed that differences are spread normally, and for :func:`runs_needed` that their
true mean and spread are what was seen. From few runs that is a rough guess.
"""

from __future__ import annotations

import math

from scipy import optimize, stats

#: In how many of all studies a difference that is there is to be found.
POWER = 0.8
#: More runs than this are not named.
MOST = 10_000


def power(n: int, effect: float, level: float) -> float:
    """How often a paired t test with n runs finds a mean of so many deviations."""
    freedom, shift = n - 1, abs(effect) * math.sqrt(n)
    bound = float(stats.t.isf(level / 2, freedom))
    # Far out, scipy has no number for the tail, which is 1.
    found = float(stats.nct.sf(bound, freedom, shift)) if shift < 30 + bound else 1.0
    other = float(stats.nct.cdf(-bound, freedom, shift)) if shift < 30 else 0.0
    return (found if math.isfinite(found) else 1.0) + (
        other if math.isfinite(other) else 0.0
    )


def least(level: float) -> int:
    """With how many runs an exact test can fall to the level at all."""
    return max(2, math.ceil(1 - math.log2(level) - 1e-9))


def runs_needed(mean: float, sd: float, level: float) -> int | None:
    """With how many runs a difference would be found in :data:`POWER` of all studies.

    Returns:
        The number; None if it is beyond :data:`MOST`, or nothing differs.
    """
    if mean == 0:
        return None
    low = least(level)
    if sd == 0:
        return low
    effect = mean / sd
    if power(low, effect, level) >= POWER:
        return low
    high = low
    while power(high, effect, level) < POWER:
        low, high = high, 2 * high
        if low > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if power(middle, effect, level) < POWER:
            low = middle
        else:
            high = middle
    return high if high <= MOST else None


def detectable(n: int, sd: float, level: float) -> float | None:
    """The mean difference that n runs would find in :data:`POWER` of all studies.

    Returns:
        The difference; None if the exact test cannot fall to the level with n runs.
    """
    if n < least(level):
        return None
    if sd == 0:
        return 0.0
    high = 1.0
    while power(n, high, level) < POWER:
        high *= 2
    found = optimize.brentq(lambda e: power(n, e, level) - POWER, 0, high, xtol=1e-6)
    return float(found) * sd
