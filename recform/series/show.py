"""Words as operators with indices: in the language of the files, and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sympy

from recform.algebra.expr import I, L, Tensor
from recform.algebra.totals import totals
from recform.algebra.typeset import (
    added,
    latex,
    latex_name,
    latex_scalar,
    latex_text,
    plain,
    plain_scalar,
)
from recform.blocks.symbolic import Symbolic
from recform.series.places import At
from recform.series.series import SHARED_MARK, Move, Word


class Plain:
    """The language of the files."""

    #: Between factors that do not commute, and between numbers and products.
    times = "*"
    beside = "*"

    def name(self, name: str, place: At) -> str:
        """A name with an index; a gate such as ``diag(t_i)`` with its indices moved.

        A module that all blocks share has no index, and a weight such as ``[1/i]`` is the
        number of the block.
        """
        if name.startswith(SHARED_MARK):
            return name.removeprefix(SHARED_MARK).replace(".", "_")
        if is_weight(name):
            return self.weight(name, place)
        if "(" in name or "_<" in name:
            return self.gate(name, place)
        # What belongs to one time of a second index is ``U.2``.
        name, _, time = name.partition(".")
        return self.indexed(name, ",".join(filter(None, (place.text(), time))))

    def indexed(self, name: str, index: str) -> str:
        """A name with the text of an index, which may be empty."""
        short = len(index) <= 1 or index.isdigit()
        mark = "_" if index else ""
        return f"{name}{mark}{index}" if short else f"{name}_<{index}>"

    def gate(self, name: str, place: At) -> str:
        """What a gate multiplies with, at another block than i."""

        def moved(found: re.Match[str]) -> str:
            time = found[2] or ""
            return self.name(time.replace(",", "."), place.plus(int(found[1] or 0)))

        return re.sub(r"_(?:<i([+-]\d+)?(,\d+)?>|i(?![A-Za-z0-9]))", moved, name)

    def weight(self, name: str, place: At) -> str:
        """A weight that differs from block to block."""
        value = number_of(self, name, place)
        text = self.scalar(value)
        return self.bracket(text) if value.is_Add else text

    def bracket(self, text: str) -> str:
        return f"({text})"

    def call(self, name: str, argument: str) -> str:
        return f"{name}({argument})"

    def formula(self, text: str) -> str:
        """A text in the language of the files."""
        return text

    def tensor(self, tensor: Tensor | None) -> str:
        """A tensor; None stands for zero."""
        return "0" if tensor is None else plain(tensor)

    def scalar(self, weight: Symbolic) -> str:
        return plain_scalar(weight)

    def derivative(self, of: str, by: str) -> str:
        """``dX_L/dX_<L-i>``."""
        return f"d{of}/d{by}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}^{exponent if exponent.isalnum() else self.bracket(exponent)}"

    def sum(self, name: str, low: str, high: str, body: str) -> str:
        return f"sum({name}, {low}, {high}, {body})"

    def product(self, name: str, low: str, high: str, body: str, terms: int) -> str:
        """A product of factors that have so many terms."""
        return f"prod({name}, {low}, {high}, {body})"


class Latex(Plain):
    """LaTeX, as the paper prints formulas."""

    times = r" \cdot "
    beside = " "

    def name(self, name: str, place: At) -> str:
        if is_weight(name):
            return self.weight(name, place)
        if name.startswith(SHARED_MARK):
            shared, _, time = name.removeprefix(SHARED_MARK).partition(".")
            return self.indexed(shared, time)
        if "(" in name:
            moved = self.gate(name, place).replace("*", self.times)
            return moved.replace("diag", r"\operatorname{diag}")
        if "_<" in name:  # The operator of another block: W_<i-1> at block i.
            letters, _, index = name.partition("_")
            return latex_name(letters) + self.gate(f"_{index}", place)
        return super().name(name, place)

    def indexed(self, name: str, index: str) -> str:
        letters = latex_name(name)
        return f"{letters}_{{{index}}}" if index else letters

    def bracket(self, text: str) -> str:
        return rf"\left({text}\right)"

    def call(self, name: str, argument: str) -> str:
        return rf"\operatorname{{{name}}}{self.bracket(argument)}"

    def formula(self, text: str) -> str:
        return latex_text(text)

    def tensor(self, tensor: Tensor | None) -> str:
        return "0" if tensor is None else latex(tensor)

    def scalar(self, weight: Symbolic) -> str:
        return latex_scalar(weight)

    def derivative(self, of: str, by: str) -> str:
        return rf"\frac{{\partial {of}}}{{\partial {by}}}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}^{{{exponent}}}"

    def sum(self, name: str, low: str, high: str, body: str) -> str:
        return rf"\sum_{{{name}={low}}}^{{{high}}} {body}"

    def product(self, name: str, low: str, high: str, body: str, terms: int) -> str:
        body = self.bracket(body) if terms > 1 else body
        return rf"\prod_{{{name}={low}}}^{{{high}}} {body}"


PLAIN, LATEX = Plain(), Latex()


def is_weight(name: str) -> bool:
    """Whether a name is that of a weight that differs from block to block, ``[1/i]``."""
    return name.startswith("[")


def number_of(style: Plain, name: str, place: At) -> Symbolic:
    """A weight of a block as a SymPy expression in ``i``, ``L`` and variables of sums.

    Learned scalars of blocks in it are symbols that look as they are to be shown.
    """
    names: dict[str, Symbolic] = {"i": I, "L": L, "e": sympy.E, "pi": sympy.pi}

    def scalar(found: re.Match[str]) -> str:
        at = place.plus(int(found[2] or found[3] or 0))
        key = f"scalar{len(names)}"
        names[key] = sympy.Symbol(style.name(found[1], at))
        return key

    name = re.sub(r"(\w+)_(?:<i([+-]\d+)?>|i(?![A-Za-z0-9])())", scalar, name)
    for word in re.findall(r"\b[^\W\d]\w*\b(?!\()", name):
        names.setdefault(word, sympy.Symbol(word))
    base = sympy.S.Zero
    for sign, letter in re.findall(r"(^|-)([A-Za-z])", place.base):
        symbol = names.get(letter, sympy.Symbol(letter))
        base += -symbol if sign else symbol
    value = sympy.sympify(name.strip("[]"), locals=names)
    value = sympy.cancel(value.xreplace({I: base + place.number}))
    above, below = sympy.fraction(value)
    if below.is_polynomial(L) and sympy.LC(below, L).could_extract_minus_sign():
        # 1/(L - j), and not -1/(-L + j).
        value = sympy.expand(-above) / sympy.expand(-below)
    return value


def factors(style: Plain, word: Word, source: At) -> list[str]:
    """The operators of a word that starts behind block ``source``, newest block first."""
    return [
        style.name(name, source.plus(distance))
        for distance in range(len(word), 0, -1)
        for name in word[distance - 1].letters
    ]


def _without_weights(word: Word) -> Word:
    return tuple(
        Move(move.operators, tuple(name for name in move.gains if not is_weight(name)))
        for move in word
    )


def term(style: Plain, weight: Symbolic, parts: list[str]) -> str:
    """A weight times factors; a weight of 1 or -1 is only a sign."""
    negative = is_negative(weight)
    size = -weight if negative else weight
    shown = list(parts)
    if size != 1 or not parts:
        text = style.scalar(size)
        shown.insert(0, style.bracket(text) if size.is_Add and parts else text)
    return ("-" if negative else "") + style.times.join(shown)


def is_negative(weight: Symbolic) -> bool:
    """Whether a weight is written with a minus in front."""
    return bool(not weight.is_Add and weight.could_extract_minus_sign())


def polynomial(style: Plain, words: Mapping[Word, Symbolic], source: At) -> str:
    """A sum of words, all behind the same block; words that read alike are one term."""
    terms = []
    for word, weight in words.items():
        parts = tuple(factors(style, _without_weights(word), source))
        for distance, move in enumerate(word, 1):
            for name in filter(is_weight, move.gains):
                weight *= number_of(style, name, source.plus(distance))
        terms.append((parts, weight))
    total = totals(terms).items()
    return added(term(style, weight, list(parts)) for parts, weight in total if weight)


def coefficient(style: Plain, words: Mapping[Word, Symbolic], source: At) -> str:
    """The same as a factor: in brackets if it is a sum, nothing if it is 1."""
    text = polynomial(style, words, source)
    if len(words) > 1:
        return style.bracket(text)
    return "" if text == "1" else text


def by_length(words: Mapping[Word, Symbolic]) -> dict[int, dict[Word, Symbolic]]:
    """Words sorted by their length."""
    result: dict[int, dict[Word, Symbolic]] = {}
    for word in sorted(words, key=lambda w: (len(w), [m.operators for m in w[::-1]])):
        result.setdefault(len(word), {})[word] = words[word]
    return result


def grouped(
    style: Plain, sources: Mapping[str, Mapping[Word, Symbolic]], here: At
) -> list[str]:
    """What several unknowns give to the next block, an operator applied to their sum.

    ``W_i*(X_<i-1> + Y_<i-1>)`` is one call of ``W_i`` where ``W_i*X_<i-1> + W_i*Y_<i-1>``
    would be two.
    """
    before = here.plus(-1)
    by_move: dict[Word, dict[str, Symbolic]] = {}
    for name, words in sources.items():
        for word, weight in words.items():
            by_move.setdefault(word, {})[name] = weight
    result = []
    for word in sorted(by_move):
        weights = by_move[word]
        parts = factors(style, word, before)
        first = next(iter(weights.values()))
        if len(weights) == 1 or not parts:
            result += [
                term(style, weight, [*parts, style.name(name, before)])
                for name, weight in weights.items()
            ]
            continue
        inner = added(
            term(style, sympy.cancel(weight / first), [style.name(name, before)])
            for name, weight in weights.items()
        )
        result.append(term(style, first, [*parts, style.bracket(inner)]))
    return result


def applied(
    style: Plain, words: Mapping[Word, Symbolic], unknown: str, here: At
) -> list[str]:
    """What ``unknown`` of older blocks gives to block ``here``, as terms.

    What the block before gives is bracketed, as the paper does; older blocks get a term
    for each word.
    """
    result = []
    for length, group in by_length(words).items():
        source = here.plus(-length)
        tensor = style.name(unknown, source)
        if length == 1 and len(group) > 1:
            result.append(coefficient(style, group, source) + style.times + tensor)
        else:
            result += [
                term(style, weight, [*factors(style, word, source), tensor])
                for word, weight in group.items()
            ]
    return result
