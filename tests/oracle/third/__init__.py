"""A third reader of `.rf` files, which shares nothing with the compiler.

The proof in recform holds a plan and printed source against the equations; what all of
these are made of (the parser, the algebra, how numbers are worked out and printed) is not
proved by it. So here files are read by a tokenizer and a parser of our own
(`grammar.py`, from docs/language.md), numbers are fractions or have 50 digits of mpmath
(`numbers.py`), and equations run on torch by recursion on the index (`network.py` and the
files that its `Flow` is made of), with weights that are taken from a generated module by
their places (`places.py`) and operators written out here (`operators.py`, `layouts.py`).
Which shape a block has and where adapters stand follows docs/language.md (`shapes.py`,
`meeting.py`); which module is the adapter is told by what it got.
"""
