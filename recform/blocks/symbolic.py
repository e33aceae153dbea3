"""The type of what SymPy computes with."""

from typing import Any, TypeAlias

#: A value of SymPy's, or a plain number where SymPy takes one: a coefficient, an index, a
#: size, a weight, a matrix. SymPy ships no types, so that mypy can't check what is done
#: with it; the name tells a reader what is meant. Tensors have a class of their own.
Symbolic: TypeAlias = Any
