"""The derivation step by step, as section 5.1 of Liao et al. goes (Eqs. 12 to 20)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

import sympy

from recform.algebra.typeset import added
from recform.blocks.symbolic import Symbolic
from recform.derivation.forward import Derivation
from recform.series.automaton import words_by_length
from recform.series.places import BACK, BLOCK, LAST, At
from recform.series.regex import latex, of_words, regex_of
from recform.series.regex import shown as as_text
from recform.series.series import Series, Word
from recform.series.show import (
    LATEX,
    PLAIN,
    Plain,
    by_length,
    coefficient,
    factors,
    polynomial,
    term,
)

_LAST, _FIRST = At(LAST), At(BACK)
#: For how many i the general formula is written out.
_SHOWN = 3
#: Most terms of a line.
_MOST = 12


@dataclass(frozen=True)
class Step:
    """One step of a derivation.

    Attributes:
        title: what is done.
        lines: the formulas, in the language of the files.
        latex: the same as LaTeX.
        note: why it may be done; empty if that is plain.
    """

    title: str
    lines: tuple[str, ...]
    latex: tuple[str, ...]
    note: str = ""


def steps(found: Derivation) -> tuple[Step, ...]:
    """The steps of a derivation, in order."""
    result = [_given(found), _paths(found)]
    if len(found.recursion.unknowns) == 1:
        result += [_in_f(found), _in_derivatives(found), _direct(found)]
    else:
        result.append(_residuals(found))
    result += [_equations(found), _proof(found)]
    return tuple(result)


def expansions(found: Derivation, style: Plain) -> tuple[str, ...]:
    """The general formula written out for the first few i."""
    unknown, series = found.wanted.unknown, found.reduced.series
    return expanded(style, series, lambda by: _derivative(style, unknown, by))


def expanded(
    style: Plain, series: Series, derivative: Callable[[At], str], most: int = _MOST
) -> tuple[str, ...]:
    """Paths over 1, 2, 3, ... blocks, as Eqs. 9 to 12 are written.

    Args:
        style: how they are written.
        series: the paths; of very many, those over fewer blocks are written.
        derivative: the left side, by the unknown of a block.
        most: a line of more terms is the end.
    """
    lines = []
    lengths = islice(words_by_length(series, most), 1, _SHOWN + 1)
    for length, words in enumerate(lengths, 1):
        source = _LAST.plus(-length)
        right = polynomial(style, sorted_words(words), source)
        lines.append(f"{derivative(source)} = {right}")
    return tuple(lines)


def _derivative(style: Plain, unknown: str, by: At) -> str:
    return style.derivative(style.name(unknown, _LAST), style.name(unknown, by))


def sorted_words(words: Mapping[Word, Symbolic]) -> dict[Word, Symbolic]:
    """Words by the number of blocks that they pass, newer blocks first."""

    def key(word: Word) -> tuple[int, list[int], Word]:
        passed = [n for n, move in enumerate(reversed(word)) if not move.is_skip]
        return (len(passed), passed, word)

    return {word: words[word] for word in sorted(words, key=key)}


def _given(found: Derivation) -> Step:
    lines = [found.wanted.text]
    if found.wanted.reading:
        lines.append(f"read as {found.wanted.reading}")
    return Step(
        "The general formula",
        (*lines, *expansions(found, PLAIN)),
        expansions(found, LATEX),
    )


def _paths(found: Derivation) -> Step:
    regex = regex_of(found.reduced.series)
    plain = [f"F = {as_text(found.reduced.series)}"]
    shown = [] if regex is None else [f"F = {latex(regex)}"]
    if found.direct is not None and len(found.direct) <= _MOST:
        inverse = {(): sympy.S.One} | {word: -w for word, w in found.direct.items()}
        plain += [
            f"1/F = {_letters(inverse)}",
            f"A = 1 - 1/F = {_letters(found.direct)}",
        ]
        one, direct = (latex(of_words(w)) for w in (inverse, found.direct))
        shown += [f"F^{{-1}} = {one}", f"A = 1 - F^{{-1}} = {direct}"]
    elif found.reach is not None:
        note = f"A = 1 - 1/F has words of up to {found.reach} moves"
        plain.append(note)
        shown.append(rf"\text{{{note}}}")
    else:
        note = "A = 1 - 1/F has infinitely many words"
        plain.append(note)
        shown.append(rf"\text{{{note}}}")
    return Step(
        "The paths as a series, the oldest block first",
        tuple(plain),
        tuple(shown),
        "What a block gives to later ones directly is A, with F = 1 + A*F.",
    )


def _letters(words: Mapping[Word, Symbolic]) -> str:
    """A sum of words of moves, as it stands in an equation of series."""
    shown = []
    for word in sorted(words, key=lambda w: (len(w), w)):
        letters = " ".join(move.text() for move in word)
        shown.append(term(PLAIN, words[word], [letters] if letters else []))
    return added(shown)


def _by_f(style: Plain, found: Derivation, symbol: Symbolic) -> str:
    """``f_<L-i> = f_<L-i+1>*(1 + W_<L-i+1>) - ...`` with any way to write f."""
    assert found.direct is not None
    terms = []
    for length, group in by_length(found.direct).items():
        front = symbol(_FIRST.plus(length))
        if length == 1 and len(group) > 1:
            terms.append(front + style.times + coefficient(style, group, _FIRST))
        else:
            terms += [
                term(style, weight, [front, *factors(style, word, _FIRST)])
                for word, weight in group.items()
            ]
    return f"{symbol(_FIRST)} = {added(terms)}"


def _in_f(found: Derivation) -> Step:
    def line(style: Plain) -> str:
        return _by_f(style, found, lambda place: style.name("f", place))

    return Step(
        f"With f_<L-i> for d{found.wanted.unknown}_L/d{found.wanted.unknown}_<L-i> "
        "(Eqs. 13, 14)",
        (line(PLAIN),),
        (line(LATEX),),
        "Operators don't commute: those of older blocks stand on the right.",
    )


def _in_derivatives(found: Derivation) -> Step:
    unknown = found.wanted.unknown

    def line(style: Plain) -> str:
        return _by_f(style, found, lambda place: _derivative(style, unknown, place))

    return Step("In derivatives again (Eq. 15)", (line(PLAIN),), (line(LATEX),))


def _direct(found: Derivation) -> Step:
    """The chain rule: what stands behind a derivative is what X gives directly."""
    assert found.direct is not None
    unknown = found.wanted.unknown

    def lines(style: Plain) -> tuple[str, ...]:
        assert found.direct is not None
        result = []
        for length, group in by_length(found.direct).items():
            target = style.name(unknown, _FIRST.plus(length))
            tensor = style.name(unknown, _FIRST)
            front = coefficient(style, group, _FIRST)
            if front.startswith("-"):
                part = term(style, sympy.Integer(-1), [front[1:], tensor])
            else:
                part = style.times.join([*([front] if front else []), tensor])
            if style is PLAIN:
                result.append(f"{target} has the part {part}")
            else:
                result.append(rf"{target} = {part} + \cdots")
        return tuple(result)

    return Step(
        "By the chain rule, what block L-i gives directly (Eqs. 16, 17)",
        lines(PLAIN),
        lines(LATEX),
    )


def _equations(found: Derivation) -> Step:
    recursion = found.recursion
    plain = recursion.equations(PLAIN)
    shown = list(recursion.equations(LATEX))
    title = "The recursion"
    if len(recursion.unknowns) == 1:
        title += " (Eqs. 18 to 20)"
        name = recursion.unknowns[0]
        shown = [
            recursion.equation(LATEX, name, place)
            for place in (_LAST, _LAST.plus(-1), _FIRST)
        ]
        plain = tuple(
            recursion.equation(PLAIN, name, place)
            for place in (_LAST, _LAST.plus(-1), At(BLOCK))
        )
    return Step(title, plain, tuple(shown))


def _residuals(found: Derivation) -> Step:
    names = ", ".join(found.recursion.unknowns[1:])
    words = "; ".join(
        " ".join(move.text() for move in word) or "nothing"
        for word in found.reduced.words
    )
    noun = "unknown" if found.rank == 2 else "unknowns"
    line = (
        f"what can follow differs behind {found.rank} beginnings: {words}",
        f"so {found.rank - 1} new {noun}: {names}",
    )
    return Step(
        "No equation in one unknown, so a system",
        line,
        tuple(rf"\text{{{item}}}" for item in line),
        f"The Hankel matrix of F has rank {found.rank}.",
    )


def _proof(found: Derivation) -> Step:
    rank, unknowns = found.rank, len(found.recursion.unknowns)
    plain = [
        "F*(1 - A) = 1 holds for words of every length, so for every depth"
        if unknowns == 1
        else "the automaton of the system and that of F weigh every word alike, "
        "so this holds for every depth",
        f"at least {rank} {'tensor is' if rank == 1 else 'tensors are'} handed on "
        f"from block to block: the Hankel matrix of F has rank {rank}",
    ]
    if unknowns > 1:
        plain.append(
            f"so {unknowns - 1} new {'unknown is' if unknowns == 2 else 'unknowns are'} "
            "the fewest for equations that reach one block back"
        )
    return Step("Proof", tuple(plain), tuple(rf"\text{{{line}}}" for line in plain))
