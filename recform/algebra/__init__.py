"""What a formula is made of: SymPy expressions, how they are written, and the Formula.

Operators are not linear and don't commute, so they are no SymPy symbols: the classes of
:mod:`recform.algebra.expr`, with :mod:`lists` of such, keep the author's order and are
never rewritten by SymPy. Coefficients and indices are ordinary SymPy expressions, which
:mod:`scalars` reads from the syntax; their type is
:data:`recform.blocks.symbolic.Symbolic`.

:mod:`operators` are applied, tensors are written (:mod:`typeset`) and moved to other
indices (:mod:`reindex`). A network is a Formula (:mod:`formula`, with :mod:`labels`,
:mod:`symbols`, :mod:`ranged`, equations for ranges of blocks, and :mod:`said`, what its
author wrote); :mod:`tracing` follows shapes through its pipelines, and
:mod:`definitions` are operators made of equations.
"""
