"""How numbers read in tables and sentences: always rounded the same way."""

from __future__ import annotations


def score(value: float, digits: int) -> str:
    """A score, or a distance of two: 0 has no sign."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


def gain(value: float, digits: int) -> str:
    """A difference, with its sign."""
    text = score(value, digits)
    return text if text.startswith("-") or not text.strip("0.") else f"+{text}"


#: Stands where an interval would: of values that are all the same none can be told.
NO_SPREAD = "no spread"


def between(interval: tuple[float, float] | None, digits: int) -> str:
    """An interval of scores."""
    if interval is None:
        return NO_SPREAD
    return " to ".join(score(end, digits) for end in interval)


def gains_between(interval: tuple[float, float] | None, digits: int) -> str:
    """An interval of differences."""
    if interval is None:
        return NO_SPREAD
    return " to ".join(gain(end, digits) for end in interval)


def chance(p: float | None) -> str:
    """A p as it stands in a table."""
    if p is None:
        return ""
    if p < 1e-300:
        return "<1e-300"
    return f"{p:.1e}" if p < 0.0001 else f"{p:.3g}"


def said(p: float) -> str:
    """A p in a sentence."""
    text = chance(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def listed(names: list[str]) -> str:
    """``A, B and C``; of very many, the first ones."""
    if len(names) > 10:
        names = [*names[:8], f"{len(names) - 8} others"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def percent(level: float) -> str:
    """0.05 as ``95%``: what an interval of that level is called."""
    return f"{100 * (1 - level):.10g}%"


def plain(value: float) -> float:
    """A number for JSON: digits that depend on the machine are rounded away."""
    return float(f"{value:.6g}")
