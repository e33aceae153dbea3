"""From the statements of a file to a Formula: names get sorts, defaults are filled in.

What comes in are the nodes of :mod:`recform.syntax`, what goes out is
:class:`recform.algebra.formula.Formula`, of one network after another. The order in which
things need each other stands in `lower.py`. Expressions are read in `reading`, flows and
definitions in `flows`; for which blocks an equation is, in `equations`; what can be wrong
with names and numbers that are read is looked for in `checks`.
"""
