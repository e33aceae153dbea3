"""From the statements of a file to a Formula: names get sorts, defaults are filled in.

What comes in are the nodes of :mod:`recform.syntax`, what goes out is
:class:`recform.algebra.formula.Formula`, of one network after another. The order in which
things need each other stands in `lower.py`: first comes what names say
(:mod:`recform.outline`). Flows and definitions by equations are read in `flows`; for which
blocks an equation is, in `equations`, whose sides :mod:`recform.reading` understands; what
can be wrong with what was read is looked for in `checks`.
"""
