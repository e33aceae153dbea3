"""From the statements of a file to a Formula: names get sorts, defaults are filled in.

What comes in are the nodes of :mod:`recform.syntax`, what goes out is
:class:`recform.algebra.formula.Formula`, of one network after another.
"""
