"""Equations and their functions in a program of its own, exact where fractions are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction

import sympy

from recform.algebra.expr import (
    Apply,
    Combine,
    Concat,
    Context,
    Elementwise,
    Filled,
    History,
    Input,
    L,
    Learned,
    Part,
    Pointwise,
    Scaled,
    State,
    Tensor,
    TensorSum,
    subtensors,
    with_learned,
)
from recform.algebra.formula import Formula
from recform.algebra.typeset import plain
from recform.blocks import Function, Operator
from recform.blocks.exact import filled
from recform.blocks.symbolic import Symbolic
from recform.recurrence.unroll import Unroller
from recform.verify.evaluate import Untold

#: Words that Python does not have.
_HELPERS = {
    "sigmoid": """\
def sigmoid(a):
    return 1 / (1 + math.exp(-a)) if a > 0 else 1 - 1 / (1 + math.exp(a))
""",
    "hardsigmoid": """\
def hardsigmoid(a):
    return min(max(a / 6 + Q(1, 2), 0), 1)
""",
    "softplus": """\
def softplus(a):
    return max(a, 0) + math.log1p(math.exp(-abs(a)))
""",
    "normal": """\
def normal(a):
    return math.erfc(-a / math.sqrt(2)) / 2
""",
}
#: What Python calls functions of SymPy, where it has another word.
_PYTHONS = {"Abs": "abs", "Max": "max", "Min": "min", "ceiling": "math.ceil"}
_BUILTINS = ("max", "min", "abs")


def functions_in(formulas: Iterable[Formula]) -> Mapping[Operator, str]:
    """The elementwise functions that equations apply, and what a program calls them.

    Of two functions with one name the second one gets a number, as no operator has one.
    """
    found: dict[Operator, None] = {}
    for formula in formulas:
        for tensor in (formula.output, *formula.rights):
            parts = subtensors(tensor)
            found |= {p.function: None for p in parts if isinstance(p, Elementwise)}
    names: dict[Operator, str] = {}
    for function in sorted(found, key=lambda function: function.name):
        before = sum(other.name == function.name for other in names)
        names[function] = f"{function.name}_{before + 1}" if before else function.name
    return names


def untold(formulas: Iterable[Formula]) -> tuple[str, ...]:
    """Of each whose operator does not say what it computes: a sentence."""
    unknown = (str(Untold(f)) for f in functions_in(formulas) if f.function is None)
    return tuple(dict.fromkeys(unknown))


def program(formulas: Iterable[Formula]) -> str:
    """Definitions in Python: the words that are needed, and a table of the functions.

    Raises:
        Untold: if nothing is said of a function.
    """
    lines: list[str] = []
    needed: set[str] = set()
    for function, name in functions_in(formulas).items():
        known = function.function
        if known is None:
            raise Untold(function)
        needed |= {word.name for word in known.words}
        lines.append(f'    "{name}": lambda a: {_text(known)},\n')
    helpers = [text for word, text in _HELPERS.items() if word in needed]
    table = f"FUNCTIONS = {{\n{''.join(lines)}}}\n" if lines else "FUNCTIONS = {}\n"
    return "\n\n".join([*helpers, table])


def _text(known: Function) -> str:
    text = known.fold("a", _number, _word)
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _number(number: Fraction) -> str:
    if number.denominator == 1:
        return str(number) if number >= 0 else f"({number})"
    return f"Q({number.numerator}, {number.denominator})"


def _word(word: str, parts: Sequence[str]) -> str:
    if word == "**" and not parts[1].isdigit():
        return f"math.pow({', '.join(parts)})"
    if not word.isalpha():
        return f"({parts[0]} {word} {parts[1]})"
    known = word in _BUILTINS or word in _HELPERS
    return f"{'' if known else 'math.'}{word}({', '.join(parts)})"


# --------------------------------------------------------------------------- equations


def body(
    formula: Formula,
    depth: int,
    name: str,
    called: Mapping[Operator, str],
    vectors: Collection[str],
) -> str:
    """A function with a line for each unknown of each block."""
    unroller = Unroller(formula, depth)
    output = unroller.output(formula.output)
    lines: list[str] = []
    names: dict[Tensor, str] = {}

    def known(tensor: Tensor) -> str:
        """The variable of an unknown or a history, its line written first."""
        if tensor not in names:
            text = write(unroller.definitions[tensor])
            # A history's name says nothing as a variable.
            shown = plain(tensor) if isinstance(tensor, State) else f"h_{len(names)}"
            name = "".join(c if c.isalnum() else "_" for c in shown).strip("_")
            while name in names.values():
                name += "_"
            names[tensor] = name
            lines.append(f"    {names[tensor]} = {text}")
        return names[tensor]

    def write(tensor: Tensor) -> str:
        match tensor:
            case Input():
                return "x"
            case Context():
                return f'given("{tensor.name}")'
            case State() | History():
                return known(tensor)
            case Apply():
                index = "" if tensor.index is sympy.nan else f"_{tensor.index}"
                given = ", ".join(map(write, tensor.arguments))
                return f'op("{tensor.operator}{index}", {given})'
            case Elementwise():
                return f'each("{called[tensor.function]}", {write(tensor.argument)})'
            case Scaled():
                given = write(tensor.tensor)
                return f"scale{_each(tensor)}({_weight(tensor)}, {given})"
            case TensorSum():
                return _sum(tensor)
            case Pointwise():
                return f"times({', '.join(map(write, tensor.children))})"
            case Combine() if tensor.kind == "mean":
                return f"mean({', '.join(map(write, tensor.children))})"
            case Combine():
                parts = ", ".join(map(write, tensor.children))
                return f'combine("{tensor.kind}", {parts})'
            case Concat():
                parts = ", ".join(f"*{write(child)}" for child in tensor.children)
                return f"[{parts}]"
            case Part():
                return f"split({write(tensor.tensor)}, {tensor.parts}, {tensor.which})"
        raise TypeError(type(tensor).__name__)

    def _sum(tensor: TensorSum) -> str:
        numbers = [c for c in tensor.children if isinstance(c, Filled)]
        others = [write(c) for c in tensor.children if not isinstance(c, Filled)]
        text = others[0] if len(others) == 1 else f"add({', '.join(others)})"
        for number in numbers:
            text = f"shift{_each(number)}({_weight(number)}, {text})"
        return text

    def _each(tensor: Scaled | Filled) -> str:
        learned = tensor.coefficient.atoms(Learned)
        return "_each" if any(item.name in vectors for item in learned) else ""

    def _scalar(item: Learned) -> Symbolic:
        index = "" if item.index is sympy.nan else f"_{item.index}"
        of_feature = item.name in vectors
        text = f'f"{item.name}{index} {{n}}"' if of_feature else f'"{item.name}{index}"'
        return sympy.Symbol(f"scalar({text})", real=True)

    def _weight(tensor: Scaled | Filled) -> str:
        value = with_learned(filled(tensor.here, {L: sympy.Integer(depth)}), _scalar)
        if value.is_Rational:
            return f"Q({value.p}, {value.q})" if value.q != 1 else str(value)
        return f"lambda n: {_code(value)}" if _each(tensor) else _code(value)

    # From the oldest block on, so that no line nests deeper than its equation.
    for block in range(depth + 1):
        for equation in formula.equations:
            state = State(equation.unknown, block)
            if state in unroller.definitions:
                known(state)
    result = "scale(0, x)" if output is None else write(output)
    return f"def {name}_network(x):\n" + "\n".join([*lines, f"    return {result}", ""])


def _code(value: Symbolic) -> str:
    """A number as Python: exact where it is rational, a float otherwise."""
    if value.is_Rational:
        return f"Q({value.p}, {value.q})"
    if value.is_Symbol:
        return str(value.name)
    if value.is_Add:
        return " + ".join(map(_code, value.args)).join("()")
    if value.is_Mul:
        return " * ".join(map(_code, value.args)).join("()")
    if value.is_Pow and value.exp.is_Integer:
        return f"({_code(value.base)} ** {int(value.exp)})"
    if not value.free_symbols:
        return repr(float(value))
    if value.is_Pow:
        return f"math.pow(float({_code(value.base)}), float({_code(value.exp)}))"
    arguments = ", ".join(f"float({_code(a)})" for a in value.args)
    name = _PYTHONS.get(value.func.__name__, f"math.{value.func.__name__}")
    return f"{name}({arguments})"
