"""Formulas as typeset text: runs with a style, which each format writes in its own way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from recform.diagram import metrics

#: How much smaller an index is, and how far below the line it stands (of the size).
INDEX_SIZE = 0.72
INDEX_DROP = 0.22


@dataclass(frozen=True)
class Run:
    """Text in one style.

    Attributes:
        text: Unicode.
        italic: a variable; otherwise upright.
        index: below the line, and smaller.
    """

    text: str
    italic: bool = False
    index: bool = False


Text: TypeAlias = tuple[Run, ...]

_TOKEN = re.compile(
    # Of LaTeX's commands only those that say how large a bracket is are left out.
    r"(?P<size>\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z]))"
    r"|\\?(?P<name>[A-Za-z]\w*?)(?:_(?:<(?P<angle>[^<>]*)>|\{(?P<brace>[^{}]*)\}"
    r"|(?P<short>\d+|[A-Za-z])))(?![A-Za-z0-9])"
    r"|(?P<times>\s*(?:\*|\\(?:cdot|times|circ|odot)(?![A-Za-z]))\s*)"
    r"|\\?(?P<word>[A-Za-z][A-Za-z0-9]*)"
    r"|(?P<minus>-)|(?P<dots>\.\.)|\^(?P<power>[23])(?!\w)"
    r"|(?P<space>\s+)|(?P<other>.)",
    re.DOTALL,
)
#: Powers that every font has.
_POWERS = {"2": "²", "3": "³"}
_GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "eta": "η",
    "theta": "θ",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "nu": "ν",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "phi": "φ",
    "omega": "ω",
}


def words(text: str) -> Text:
    """Plain upright text."""
    return (Run(text),) if text else ()


def formula(text: str) -> Text:
    """Text of the language, typeset: ``W_<i-1>*X_<i-2>`` with indices below the line."""
    runs: list[Run] = []
    for found in _TOKEN.finditer(text):
        if found["size"]:
            continue
        if found["name"]:
            runs.append(_variable(found["name"]))
            index = found["angle"] or found["brace"] or found["short"] or ""
            runs.extend(_index(index))
        elif found["word"]:
            runs.append(_variable(found["word"]))
        elif found["times"]:
            # Who leaves room around a product shows so what belongs to each side.
            wide = found["times"] == " * " or r"\odot" in found["times"]
            runs.append(Run(" · " if wide else "·"))
        elif found["minus"]:
            runs.append(Run("−"))
        elif found["dots"]:
            runs.append(Run("…"))
        elif found["power"]:
            runs.append(Run(_POWERS[found["power"]]))
        else:
            runs.append(Run(" " if found["space"] else found["other"]))
    return joined(runs)


def _variable(name: str) -> Run:
    name = _GREEK.get(name, name)
    return Run(name, italic=len(name) == 1)


def _index(text: str) -> list[Run]:
    pieces = re.findall(r"[A-Za-z]+|\.\.|-|[^A-Za-z.\s-]+|\.", text)
    shown = {"-": "−", "..": "…"}
    return [Run(shown.get(p, p), p.isalpha() and len(p) == 1, True) for p in pieces]


def joined(runs: list[Run]) -> Text:
    """Neighbours of one style become one run."""
    result: list[Run] = []
    for run in runs:
        last = result[-1] if result else None
        if last and (last.italic, last.index) == (run.italic, run.index):
            result[-1] = Run(last.text + run.text, run.italic, run.index)
        else:
            result.append(run)
    return tuple(result)


def wrapped(text: Text, limit: int) -> tuple[Text, ...]:
    """Lines of about ``limit`` letters, cut behind spaces and in front of ``>``."""
    lines: list[list[Run]] = [[]]
    used = 0
    for run in text:
        for part in re.findall(r"\S*\s*", run.text):
            if not part:
                continue
            if used and used + len(part.rstrip()) > limit and _may_break(lines[-1]):
                lines.append([])
                used = 0
            lines[-1].append(Run(part, run.italic, run.index))
            used += len(part)
    return tuple(_trimmed(line) for line in lines if line)


def _may_break(line: list[Run]) -> bool:
    return bool(line) and line[-1].text.endswith(" ")


def _trimmed(line: list[Run]) -> Text:
    runs = list(joined(line))
    if runs:
        runs[-1] = Run(runs[-1].text.rstrip(), runs[-1].italic, runs[-1].index)
    return tuple(run for run in runs if run.text)


def plain(text: Text) -> str:
    """As Unicode in one line, indices in brackets where they are not a letter."""
    result = ""
    for number, run in enumerate(text):
        if run.index and (number == 0 or not text[number - 1].index):
            stop = number
            while stop < len(text) and text[stop].index:
                stop += 1
            inner = "".join(r.text for r in text[number:stop])
            result += f"_{inner}" if len(inner) == 1 else f"_({inner})"
        elif not run.index:
            result += run.text
    return result


_LOW = dict(
    zip(
        "0123456789+−=()aehijklmnoprstuvx",
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ",
        strict=True,
    )
)


def unicode(text: Text) -> str:
    """As Unicode with letters that stand low, where there are such letters."""
    low = "".join(run.text for run in text if run.index)
    if any(char not in _LOW for char in low):
        return plain(text)
    return "".join(
        "".join(_LOW[char] for char in run.text) if run.index else run.text
        for run in text
    )


def html(text: Text) -> str:
    """As a label of Graphviz."""
    result = ""
    for run in text:
        part = escape(run.text)
        part = f"<I>{part}</I>" if run.italic else part
        result += f"<SUB>{part}</SUB>" if run.index else part
    return result.replace("</SUB><SUB>", "")


_TEX_WORDS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
}
_TEX_MATHS = {
    "−": "-",
    "·": r"{\cdot}",
    "×": r"\times ",
    "→": r"\to ",
    "≠": r"\ne ",
    "…": r"\ldots ",
    "²": "^2",
    "³": "^3",
    "<": "<",
    ">": ">",
    **{letter: rf"\{name} " for name, letter in _GREEK.items()},
}


def tex(text: Text) -> str:
    """As LaTeX text: variables, signs and indices in mathematics, words outside of it."""
    result = ""
    for is_maths, part in _tex_pieces(text):
        if is_maths and result.endswith("$"):
            result = f"{result[:-1]}{part}$"
        else:
            result += f"${part}$" if is_maths else part
    # An index alone needs something to hang on.
    return result.replace("$_{", "${}_{")


def _tex_pieces(text: Text) -> list[tuple[bool, str]]:
    pieces: list[tuple[bool, str]] = []
    index = ""
    for number, run in enumerate(text):
        maths = "".join(_TEX_MATHS.get(char, char) for char in run.text)
        if run.index:
            index += maths if run.italic else _upright(run)
            if number + 1 == len(text) or not text[number + 1].index:
                pieces.append((True, f"_{{{index.strip()}}}"))
                index = ""
        elif run.italic:
            pieces.append((True, maths.strip()))
        else:
            for char in run.text:
                known = _TEX_MATHS.get(char)
                shown = known or _TEX_WORDS.get(char, char)
                pieces.append((known is not None, shown))
    return pieces


def _upright(run: Run) -> str:
    """A part of an index: ``first-1``, the word in it upright."""
    return "".join(
        rf"\mathrm{{{part}}}" if part.isalpha() else _TEX_MATHS.get(part, part)
        for part in re.findall(r"[A-Za-z]+|.", run.text)
    )


def width(text: Text, size: float, family: str) -> float:
    """How wide text is set, in points, with the metrics of Times or Helvetica."""
    return sum(run_width(run, size, family) for run in text)


def shortened(text: Text, size: float, family: str, room: float) -> Text:
    """A list with commas that ends in an ellipsis where there is no room for all of it."""
    if width(text, size, family) <= room:
        return text
    pieces = [
        Run(part, run.italic, run.index)
        for run in text
        for part in re.findall(r"[^,]*,?", run.text)
        if part
    ]
    more = Run(" …")
    for stop in range(len(pieces) - 1, 0, -1):
        short = joined([*pieces[:stop], more])
        if pieces[stop - 1].text.endswith(",") and width(short, size, family) <= room:
            return short
    return words("…")


def run_width(run: Run, size: float, family: str) -> float:
    """How wide one run is set, in points."""
    size = size * INDEX_SIZE if run.index else size
    return metrics.width(run.text, face(run, family)) * 0.001 * size


def face(run: Run, family: str) -> str:
    """The PostScript name of the font of a run; ``family`` is ``serif`` or ``sans``."""
    if family == "serif":
        return "Times-Italic" if run.italic else "Times-Roman"
    return "Helvetica-Oblique" if run.italic else "Helvetica"
