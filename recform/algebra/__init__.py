"""From syntax to algebra: names get sorts, formulas become SymPy expressions.

Operators are not linear and don't commute, so they are no SymPy symbols: the classes of
:mod:`recform.algebra.expr` keep the author's order and are never rewritten by SymPy.
Coefficients and indices are ordinary SymPy expressions.
"""
