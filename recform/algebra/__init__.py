"""What a formula is made of: SymPy expressions, how they are written, and the Formula.

Operators are not linear and don't commute, so they are no SymPy symbols: the classes of
:mod:`recform.algebra.expr` keep the author's order and are never rewritten by SymPy.
Coefficients and indices are ordinary SymPy expressions.
"""
