"""Symbolic execution of generated Python: syntax trees in, what they compute out.

Names stand for what comes in, and code is run on them down to the modules of torch. Of
formulas nothing is known here: this room imports of recform only what blocks and
diagnostics say, so that what it makes of code is no matter of what the code should be.

`file` runs classes and functions, `statements` their lines, `reader` expressions and
`calls` calls, by what is known of torch (`library`). What they make is a form (`forms`),
or something that can be called (`parts`); `rows` has blocks that are alike as one thing,
and passes over what a loop through them repeats. `match` says whether two forms are equal,
up to which of several equal modules is which. What the code writes over nobody may read
again (`overwritten`).
"""
