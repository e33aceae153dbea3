"""Formulas as text: in the language itself, and as LaTeX.

Brackets come from precedence alone, so that what is printed reads back as the same
formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import sympy
from sympy.core.sorting import default_sort_key
from sympy.printing.latex import greek_letters_set, translate
from sympy.printing.str import StrPrinter

from recform.algebra.expr import (
    Across,
    Apply,
    Combine,
    Concat,
    Context,
    Elementwise,
    Filled,
    History,
    Input,
    K,
    L,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
)
from recform.algebra.indices import time_of, untimed
from recform.algebra.lists import Dealt, Listed, Members, Mirror, Over, list_of
from recform.algebra.stable import in_words
from recform.algebra.written.decimals import Decimals, in_decimals
from recform.blocks.symbolic import Symbolic
from recform.operators.activation import RECIPROCAL

_SUM, _PRODUCT, _ATOM = 1, 2, 3
#: What SymPy calls otherwise than the language does.
_NAMED = {
    "Abs": "abs",
    "Max": "max",
    "Min": "min",
    "ceiling": "ceil",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
}
#: All numbers are fractions.
EXACT = Decimals()


def plain(tensor: Tensor, decimals: Decimals = EXACT) -> str:
    """A tensor in the language of the files."""
    return _Plain(decimals).show(tensor)


def latex(tensor: Tensor, decimals: Decimals = EXACT) -> str:
    """A tensor as LaTeX, as the paper prints it."""
    return _Latex(decimals).show(tensor)


def indexed(name: str, index: Symbolic, *member: Symbolic) -> str:
    """A name with its index in the language of the files: ``X_<i-1>``, ``X_<i,2>``."""
    return _Plain().index(name, index, *member)


def plain_scalar(expr: Symbolic, decimals: Decimals = EXACT) -> str:
    """A coefficient in the language of the files."""
    return _Plain(decimals).scalar(expr)[0]


def latex_scalar(expr: Symbolic) -> str:
    """A coefficient as LaTeX."""
    return _Latex().scalar(expr)[0]


def latex_name(name: str) -> str:
    """A name as LaTeX: letters as they are, Greek ones as such, words upright.

    A mark behind it, as of the derivatives ``A^2`` and ``relu'``, stays behind it.
    """
    if found := re.fullmatch(r"([^^']+)(?:\^(\d+)|('))", name):
        mark = found[3] or f"^{{{found[2]}}}"
        return latex_name(found[1]) + mark
    if len(name) < 2:
        return name
    if name.lower() in greek_letters_set:
        return str(translate(name))
    return rf"\mathrm{{{name}}}"


def latex_text(text: str) -> str:
    """A call in the language of the files as LaTeX: ``sum(X_<0..i-1>)``."""
    text = re.sub(r"_(\w)\b", r"_{\1}", re.sub(r"_<([^>]*)>", r"_{\1}", text))
    text = re.sub(r"\b([A-Za-z]{2,})(?=_\{|\b)", lambda m: latex_name(m[1]), text)
    text = re.sub(r"\\mathrm\{(\w+)\}\(", r"\\operatorname{\1}(", text)
    text = text.replace("(", r"\left(").replace(")", r"\right)")
    return text.replace("*", r" \cdot ")


def added(terms: Iterable[str]) -> str:
    """Terms as one text, with their signs between them; 0 for none."""
    text = ""
    for term in terms:
        joint = f" - {term[1:]}" if term.startswith("-") else f" + {term}"
        text = text + joint if text else term
    return text or "0"


class _Words(StrPrinter):
    """Numbers with the functions of the language, by the names that they have there."""

    def _print_Function(self, expr: Symbolic) -> str:
        name = expr.func.__name__
        return f"{_NAMED.get(name, name)}({self.stringify(expr.args, ', ')})"

    _print_Abs = _print_Function

    def _print_LatticeOp(self, expr: Symbolic) -> str:
        args = sorted(expr.args, key=default_sort_key)
        return f"{_NAMED[expr.func.__name__]}({self.stringify(args, ', ')})"

    def _print_Exp1(self, expr: Symbolic) -> str:
        return "e"


@lru_cache(maxsize=4096, typed=True)
def _number(value: Symbolic) -> str:
    return str(_Words().doprint(value)).replace("**", "^")


class _Plain:
    times = "*"
    by_elements = "*"

    def show(self, tensor: Tensor, level: int = _SUM) -> str:
        text, own = self.write(tensor)
        return self.bracket(text) if own < level else text

    def bracket(self, text: str) -> str:
        return f"({text})"

    def index(self, name: str, index: Symbolic, member: Symbolic = None) -> str:
        text = self.indices(name, index, member)
        name = untimed(name)
        if not text:
            return name
        return (
            f"{name}_{text}" if len(text) == 1 or text.isdigit() else f"{name}_<{text}>"
        )

    def learned(self, item: Learned) -> str:
        """A learned scalar; one for each member of a sum has its variable behind."""
        return self.index(item.name, *item.args[1:])

    def indices(self, name: str, index: Symbolic, member: Symbolic = None) -> str:
        """The indices of a name: block, time, member of a sum."""
        block = "" if index is sympy.nan else self.number(index)
        time = time_of(name)
        parts = [block, "" if time is None else str(time)]
        parts.append("" if member is None else self.number(member))
        text = ",".join(part for part in parts if part)
        return text.replace(" ", "").replace("_k", "k")

    def number(self, value: Symbolic) -> str:
        return _number(value)

    def call(self, name: str, *arguments: str) -> str:
        return f"{name}({', '.join(arguments)})"

    def scalar(self, value: Symbolic) -> tuple[str, int]:
        learned = sorted(value.atoms(Learned), key=str)
        names = {item: sympy.Symbol(self.learned(item)) for item in learned}
        names[K] = sympy.Symbol("k")
        level = _SUM if value.is_Add else _PRODUCT if not value.is_Atom else _ATOM
        named = in_decimals(in_words(value.xreplace(names)), self._decimals)
        return self.expression(named), level

    def expression(self, value: Symbolic) -> str:
        """A number with symbols in it."""
        return self.number(value)

    def __init__(self, decimals: Decimals = EXACT) -> None:
        self._decimals = decimals
        self._written: dict[Tensor, tuple[str, int]] = {}

    def write(self, tensor: Tensor) -> tuple[str, int]:
        if tensor not in self._written:
            self._written[tensor] = self._write(tensor)
        return self._written[tensor]

    def _write(self, tensor: Tensor) -> tuple[str, int]:
        match tensor:
            case Input():
                return "input", _ATOM
            case Context():
                return self.index(tensor.name, sympy.nan), _ATOM
            case State():
                return self.index(tensor.name, tensor.index), _ATOM
            case Mirror():
                whole = L if tensor.index.free_symbols else tensor.length
                where = {K: whole + tensor.shift - tensor.index}
                return self.write(tensor.body.xreplace(where))
            case Apply():
                operator = self.index(tensor.operator, tensor.index)
                if len(tensor.arguments) != 1:
                    return self.applied(operator, tensor), _ATOM
                inner = self.factor(tensor.arguments[0])
                return f"{operator}{self.times}{inner}", _PRODUCT
            case Scaled():
                return self.scale(tensor), _PRODUCT
            case Filled():
                return self.scalar(tensor.coefficient)
            case TensorSum():
                return self.sum(tensor), _SUM
            case Pointwise():
                factors = [self.show(child, _PRODUCT) for child in tensor.children]
                return self.by_elements.join(factors), _PRODUCT
            case Combine():
                return self.call(tensor.kind, *map(self.show, tensor.children)), _ATOM
            case Concat():
                return self.call("concat", *map(self.show, tensor.children)), _ATOM
            case Elementwise() if tensor.function is RECIPROCAL:
                return f"1/{self.show(tensor.argument, _ATOM)}", _PRODUCT
            case Elementwise():
                return self.call(tensor.name, self.show(tensor.argument)), _ATOM
            case History():
                return self.history(tensor), _ATOM
            case Listed():
                return f"[{', '.join(map(self.show, tensor.children))}]", _ATOM
            case Members():
                return self.member(tensor.listed), _PRODUCT
            case Dealt():
                return self.dealt(tensor.tensor)
            case Over():
                return self.over(tensor), _ATOM
            case Across():
                return self.across(tensor), _ATOM
            case Part():
                inner = self.call("split", self.show(tensor.tensor), str(tensor.parts))
                return f"{inner}[{tensor.which}]", _ATOM
        raise TypeError(type(tensor).__name__)

    def factor(self, tensor: Tensor) -> str:
        """The argument of an operator: products of tensors need brackets there."""
        level = _ATOM if isinstance(tensor, Pointwise | Scaled) else _PRODUCT
        return self.show(tensor, level)

    def applied(self, operator: str, tensor: Apply) -> str:
        """An operator of several tensors."""
        return operator + self.bracket(", ".join(map(self.show, tensor.arguments)))

    def scale(self, tensor: Scaled) -> str:
        inner = self.show(tensor.tensor, _PRODUCT)
        if tensor.coefficient == -1:
            return f"-{inner}"
        text, level = self.scalar(tensor.coefficient)
        if level < _PRODUCT:
            text = self.bracket(text)
        return f"{text}{self.times}{inner}"

    def sum(self, tensor: Tensor) -> str:
        return added(self.show(child, _PRODUCT) for child in tensor.children)

    def history(self, tensor: History) -> str:
        end = tensor.last - 1 if tensor.kind == "finished" else tensor.last
        last = self.number(end).replace(" ", "")
        body = tensor.body
        if isinstance(body, State) and body.index == K:
            time = time_of(body.name)
            ends = f"{tensor.first}..{last}" + ("" if time is None else f",{time}")
            return self.call(tensor.kind, f"{untimed(body.name)}_<{ends}>")
        return self.call(tensor.kind, "k", str(tensor.first), last, self.show(body))

    def over(self, tensor: Over) -> str:
        inner = self.show(tensor.tensor)
        if tensor.kind == "softmax":
            return self.call("softmax", "k", inner)
        listed = list_of(tensor.tensor)
        if not isinstance(listed, History):
            return self.call("sum", inner)
        last = self.number(listed.last).replace(" ", "")
        by = ["by=stage"] if listed.kind == "stages" else []
        return self.call("sum", "k", str(listed.first), last, inner, *by)

    def member(self, listed: Tensor) -> str:
        """Any member of a list; of one that is put together here, the list."""
        if isinstance(listed, History):
            return self.show(listed.body, _PRODUCT)
        return self.show(listed)

    def dealt(self, tensor: Tensor) -> tuple[str, int]:
        """The features of a tensor, one a member."""
        match tensor:
            case State():
                return self.index(tensor.name, tensor.index, K), _ATOM
            case Apply():
                operator = self.index(tensor.operator, tensor.index, K)
                return self.applied(operator, tensor), _ATOM
        return f"{self.show(tensor, _ATOM)}[k]", _ATOM

    def across(self, tensor: Across) -> str:
        inner = tensor.tensor
        if tensor.kind == "norm":
            return self.call("norm", self.show(inner))
        match inner:
            case Pointwise():
                *others, last = map(self.show, inner.children)
                return self.call("dot", self.times.join(others), last)
            case Scaled():
                factor, _ = self.scalar(inner.coefficient)
                return self.call("dot", factor, self.show(inner.tensor))
        return self.call("dot", "1", self.show(inner))


class _Latex(_Plain):
    times = r" \cdot "
    by_elements = r" \odot "

    def bracket(self, text: str) -> str:
        return rf"\left({text}\right)"

    def index(self, name: str, index: Symbolic, member: Symbolic = None) -> str:
        text = self.indices(name, index, member)
        name = latex_name(untimed(name))
        return f"{name}_{{{text}}}" if text else name

    def expression(self, value: Symbolic) -> str:
        return str(sympy.latex(value))

    def history(self, tensor: History) -> str:
        return latex_text(plain(tensor, self._decimals))

    def call(self, name: str, *arguments: str) -> str:
        # An underscore would begin an index there.
        shown = name.replace("_", r"\_")
        return rf"\operatorname{{{shown}}}\left({', '.join(arguments)}\right)"
